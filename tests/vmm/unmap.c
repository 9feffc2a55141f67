// SPDX-License-Identifier: GPL-2.0-only
/*
 * unmap, unmap-single, ping-pong: the host takes pages away, the guest gets new ones.
 *   stopped  between the two the process stops itself, until it gets SIGCONT
 */
#include <signal.h>
#include <sys/mman.h>

#include "vmm.h"

static void discard(struct vm *vm, u64 first, u64 count)
{
	if (madvise(vm->data + first * page_size, count * page_size, MADV_DONTNEED))
		die("madvise refused to discard pages.");
}

static void discard_range(struct vm *vm)
{
	discard(vm, 0, vm->pages);
}

static void discard_singly(struct vm *vm)
{
	for (u64 i = 0; i < vm->pages; i++)
		discard(vm, i, 1);
}

static void unmap_rounds(void (*op)(struct vm *vm))
{
	struct vm vm;
	struct round r;
	u64 value = 1, pages = filler_pages();

	vm_create(&vm, has_runner() ? 2 : 1, data_alloc(opt.pages), opt.pages);
	guest_fill(&vm.vcpus[0], 0, pages, value, 0, 0);
	runner_start(&vm);
	for (u64 i = 0; i < opt.rounds; i++) {
		runner_in_guest(&vm);
		round_begin(&vm, &r);
		op_begin(&r);
		op(&vm);
		op_end(&r);
		if (variant("stopped"))
			raise(SIGSTOP);
		runner_again(&vm);
		/* New pages: the guest must find 0 in each. */
		value += pages;
		guest_fill(&vm.vcpus[0], 0, pages, value, 0, 0);
		round_end(&vm, &r);
		expect_fill(&vm, 0, pages, value, "after its pages were discarded");
	}
	runner_stop(&vm);
	report(&vm);
}

void unmap(void)
{
	unmap_rounds(discard_range);
}

void unmap_single(void)
{
	unmap_rounds(discard_singly);
}

/* One round is --pages times: discard one page, go back into the guest and touch it. */
void ping_pong(void)
{
	struct vm vm;
	struct round r;
	u64 value = 0;

	vm_create(&vm, 1, data_alloc(1), 1);
	guest_fill(&vm.vcpus[0], 0, 1, ++value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++) {
		round_begin(&vm, &r);
		for (u64 n = 0; n < opt.pages; n++) {
			op_begin(&r);
			discard(&vm, 0, 1);
			op_end(&r);
			guest_fill(&vm.vcpus[0], 0, 1, ++value, 0, 0);
			expect_word(&vm, 0, value, "after its page was discarded");
		}
		round_end(&vm, &r);
	}
	report(&vm);
}
