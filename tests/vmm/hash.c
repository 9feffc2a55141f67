// SPDX-License-Identifier: GPL-2.0-only
/*
 * hash: a guest with a hashed page table. It runs in real mode, so in the pages
 * at its address 0 (KVM maps them in the HPT itself: VRMA). A round stores to
 * some of them, and the host takes those away.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "vmm.h"

/* Of the system area, where the mailboxes of other workloads are. */
#define FIRST_GPA	0x10000ULL
#define SIZE		0x10000ULL
#define STRIDE		0x1000ULL

static struct vm vm;

static u64 *word(u64 page)
{
	return vm.system + FIRST_GPA + page * STRIDE;
}

static void fill(u64 value, u64 old, u64 step)
{
	u64 args[6] = { FIRST_GPA, STRIDE, opt.pages, value, old, step };

	vcpu_call(&vm.vcpus[0], g_fill, args);
	for (u64 i = 0; i < opt.pages; i++)
		if (*word(i) != value + i)
			wrong("page %llu of the hash guest holds %#llx, %#llx was stored.", i, *word(i), value + i);
}

void hash(void)
{
	struct round r;
	u64 value = 1;

	if (opt.pages > SIZE / STRIDE)
		die("a hash guest has %llu pages, not %llu.", SIZE / STRIDE, opt.pages);
	vm_create(&vm, 1, data_alloc(1), 1);
	vm_hash(&vm);
	fill(value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++) {
		round_begin(&vm, &r);
		op_begin(&r);
		if (madvise(vm.system + FIRST_GPA, SIZE, MADV_DONTNEED))
			die("madvise refused the pages of the hash guest.");
		op_end(&r);
		fill(value + 1, 0, 0);
		fill(value + 2, value + 1, 1);
		value += 2;
		round_end(&vm, &r);
	}
	report(&vm);
	vm_destroy(&vm);
}
