// SPDX-License-Identifier: GPL-2.0-only
/*
 * replace: the host exchanges pages under a vCPU that stays in guest; a vCPU that
 * keeps its translation (no broadcast, no kick) gives itself away.
 *   slot  the memory slot goes and comes back elsewhere, the vCPU stores; its
 *         access in between is MMIO, which KVM emulates with a quadrant access
 *   mmap  another page is mapped over one, the vCPU stores
 *   copy  the host's store to a page that is shared copies it, the vCPU loads
 *
 * QEMU drops a CPU's translations at any tlbie but one of an address, and when a
 * guest exits. So copy is sharp: the host flushes one address of its own. mmap is
 * blunt on POWER9, where the host's range flush ends with a PID-wide errata fix-up.
 * So is slot: KVM waits for its vCPUs to leave the guest (SRCU) before it flushes.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

/* Passes that follow each exchange; few, so that the vCPU does not leave the guest in between. */
#define PASSES 32

static struct vm vm;
static struct round r;
static struct vcpu *const vcpu = &vm.vcpus[0];

static void run_rounds(void (*exchange)(void))
{
	for (u64 i = 0; i < opt.rounds; i++) {
		round_begin(&vm, &r);
		pass_wait(vcpu, pass_now(vcpu) + 2);
		exchange();
		round_end(&vm, &r);
	}
	pass_stop(vcpu);
	report(&vm);
}

static u64 a_few_passes(void)
{
	u64 pass = pass_now(vcpu) + PASSES;

	pass_wait(vcpu, pass);
	return pass;
}

static struct pool pool;

static void exchange_mapping(void)
{
	u64 page = random_below(opt.pages), pass;

	pool_swap(&pool, page, &r);
	pass = a_few_passes();
	pool_expect_untouched(&pool, page);
	expect_pass(&vm, 0, opt.pages, pass);
}

static void replace_mapping(void)
{
	pool_create(&pool, opt.pages);
	vm_create(&vm, 1, pool.guest, opt.pages);
	pass_start(vcpu, other_core(), 0, opt.pages, NEVER, NEVER);
	run_rounds(exchange_mapping);
}

static pthread_mutex_t slot_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile u64 accesses;	/* that found no slot */
static void *spare;

/* The vCPU accessed the data while there was no slot: do it in the slot that comes. */
static void access_data(struct vcpu *by, u64 gpa, void *bytes, u64 count, bool store)
{
	accesses++;
	pthread_mutex_lock(&slot_lock);
	if (gpa < DATA_GPA || gpa + count > DATA_GPA + by->vm->pages * page_size)
		die("the guest accessed %#llx, where it has no memory.", gpa);
	if (store)
		memcpy(by->vm->data + (gpa - DATA_GPA), bytes, count);
	else
		memcpy(bytes, by->vm->data + (gpa - DATA_GPA), count);
	pthread_mutex_unlock(&slot_lock);
}

static void wait_for_access(u64 before)
{
	u64 deadline = now_ns() + 60 * 1000000000ULL;

	while (accesses == before)
		if (now_ns() > deadline)
			wrong("the vCPU still runs with the memory slot that was removed.");
}

static void exchange_slot(void)
{
	void *old = vm.data;
	u64 pass, before = accesses;

	memset(spare, 0, opt.pages * page_size);
	pthread_mutex_lock(&slot_lock);
	op_begin(&r);
	vm_remove_data(&vm);
	op_end(&r);
	scribble(old, opt.pages);
	wait_for_access(before);
	vm_set_data(&vm, spare);
	pthread_mutex_unlock(&slot_lock);
	spare = old;
	pass = a_few_passes();
	expect_scribble(old, opt.pages);
	expect_pass(&vm, 0, opt.pages, pass);
}

static void replace_slot(void)
{
	spare = data_alloc(opt.pages);
	vm_create(&vm, 1, data_alloc(opt.pages), opt.pages);
	vcpu->on_mmio = access_data;
	pass_start(vcpu, other_core(), 0, opt.pages, NEVER, NEVER);
	run_rounds(exchange_slot);
}

static void expect_seen(u64 expected, const char *when)
{
	u64 seen;

	pass_wait(vcpu, pass_now(vcpu) + 2);
	seen = watch_seen(vcpu);
	if (seen != expected)
		wrong("the running vCPU loads %llu %s and should load %llu.", seen, when, expected);
}

#define OF_THE_FILE 1

static void exchange_copy(void)
{
	static u64 value = OF_THE_FILE;

	/* The page of the file again, shared until the next store. */
	op_begin(&r);
	if (madvise(vm.data, unit_pages() * page_size, MADV_DONTNEED))
		die("madvise refused to discard the copy.");
	op_end(&r);
	expect_seen(OF_THE_FILE, "after the copy was discarded");
	value++;
	op_begin(&r);
	*page_word(&vm, 0) = value;
	op_end(&r);
	expect_seen(value, "after the host stored to the page");
}

static void replace_copy(void)
{
	int fd = file_create(1);

	opt.pages = 1;
	*(volatile u64 *)file_map(fd, NULL, 0, 1, 0) = OF_THE_FILE;
	vm_create(&vm, 1, file_map(fd, NULL, 0, 1, MAP_PRIVATE), 1);
	watch_start(vcpu, other_core(), 0);
	run_rounds(exchange_copy);
}

void replace(void)
{
	if (variant("slot"))
		replace_slot();
	else if (variant("mmap"))
		replace_mapping();
	else
		replace_copy();
}
