// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hashed page table of a guest, as the VMM sees it. KVM itself maps only the
 * slot at address 0 for real mode (VRMA), so the VMM writes these entries, and
 * those of the data, through KVM_PPC_GET_HTAB_FD: one for each page of the host,
 * in the format of ISA 2.07, which KVM converts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hpt.h"

#define VRMA_VSID	0x1ffffffULL

#define LARGE		0x004ULL
#define LARGE_64K	0x1000ULL	/* the LP field of a 64K page; of a 4K page it is part of the address */
#define SIZE_64K	0x10000ULL

/* KVM's own for real mode have slot 7 of their group; so has the system area here, and the data never meets it. */
#define SYSTEM_PLACE	7
#define DATA_PLACE	6

u64 hpt_order;

struct record {
	struct kvm_get_htab_header header;
	u64 v, r;	/* big endian */
};

static u64 vrma_v(u64 address)
{
	return HPTE_1T | VRMA_VSID << 24 | (address >> 16 & ~0x7fULL) | HPTE_BOLTED | HPTE_VALID |
	       (page_size == SIZE_64K ? LARGE : 0);
}

static u64 vrma_r(u64 gpa)
{
	return gpa | HPTE_COHERENT | HPTE_R | HPTE_C | (page_size == SIZE_64K ? LARGE_64K : 0);
}

static u64 vrma_group(u64 address)
{
	u64 groups = 1ULL << (hpt_order - 7);

	return (address / page_size ^ VRMA_VSID ^ VRMA_VSID << 25) & (groups - 1);
}

static int htab_fd(const struct vm *vm)
{
	struct kvm_get_htab_fd request = { .flags = KVM_GET_HTAB_WRITE };
	int fd = ioctl(vm->fd, KVM_PPC_GET_HTAB_FD, &request);

	if (fd < 0)
		die("KVM_PPC_GET_HTAB_FD failed: %s.", strerror(errno));
	return fd;
}

static void write_entry(int fd, u64 index, u64 v, u64 r)
{
	struct record record = {
		.header = { .index = index, .n_valid = 1 },
		.v = __builtin_bswap64(v), .r = __builtin_bswap64(r),
	};

	if (write(fd, &record, sizeof(record)) != sizeof(record))
		die("the entry %#llx of the HPT cannot be written: %s.", index, strerror(errno));
}

void hpt_write(struct vm *vm, u64 index, u64 v, u64 r)
{
	int fd = htab_fd(vm);

	write_entry(fd, index, v, r);
	close(fd);
}

static void map_page(int fd, u64 address, u64 gpa, u64 place)
{
	write_entry(fd, vrma_group(address) * HPTES_PER_GROUP + place, vrma_v(address), vrma_r(gpa));
}

void hpt_map(struct vm *vm, u64 swap)
{
	int fd = htab_fd(vm);

	for (u64 at = 0; at < SYSTEM_SIZE; at += page_size)
		map_page(fd, at, at, SYSTEM_PLACE);
	for (u64 i = 0; i < vm->pages; i++)
		map_page(fd, DATA_GPA + i * page_size, DATA_GPA + (i ^ swap) * page_size, DATA_PLACE);
	close(fd);
}

void hpt_allocate(struct vm *vm, u64 order)
{
	__u32 wanted = order;

	if (ioctl(vm->fd, KVM_PPC_ALLOCATE_HTAB, &wanted))
		die("KVM_PPC_ALLOCATE_HTAB failed: %s.", strerror(errno));
	hpt_order = order;
}

void hpt_resize(struct vm *vm, u64 order)
{
	struct kvm_ppc_resize_hpt resize = { .shift = order };
	int wait_ms;

	for (;;) {
		wait_ms = ioctl(vm->fd, KVM_PPC_RESIZE_HPT_PREPARE, &resize);
		if (wait_ms <= 0)
			break;
		usleep(wait_ms * 1000);
	}
	if (wait_ms || ioctl(vm->fd, KVM_PPC_RESIZE_HPT_COMMIT, &resize))
		die("the HPT cannot be resized to order %llu: %s.", order, strerror(errno));
	hpt_order = order;
}

u64 hpte_index(u64 page, u64 place)
{
	return page * HPTES_PER_GROUP + place;
}

u64 hpte_v(u64 page)
{
	/* The VSID and the page's number, less the 11 bits that its group tells. */
	return (HPT_VSID << 12) | (page >> 4 & ~0x7fULL) | HPTE_VALID;
}

static struct hcall *list_of(struct vm *vm)
{
	return (struct hcall *)(vm->data + HCALL_TARGETS * page_size);
}

u64 hcalls_pages(u64 count)
{
	return HCALL_TARGETS + (count * sizeof(struct hcall) + page_size - 1) / page_size;
}

struct hcall *hcall_at(struct vm *vm, u64 i)
{
	return &list_of(vm)[i];
}

void hcalls_run(struct vcpu *vcpu, u64 first, u64 count)
{
	u64 list = DATA_GPA + HCALL_TARGETS * page_size;
	u64 args[6] = { list + first * sizeof(struct hcall), count, sizeof(struct hcall) };

	vcpu_call(vcpu, g_hcall_list, args);
}
