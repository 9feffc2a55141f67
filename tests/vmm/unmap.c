// SPDX-License-Identifier: GPL-2.0-only
/*
 * unmap, unmap-single, ping-pong: the host takes pages away, the guest gets new ones. What it takes at once is a
 * unit: a page, or (--backing) a huge one.
 *   stopped  between the two the process stops itself, until it gets SIGCONT
 * unmap-part: it takes half of each huge page, which is one translation for the guest until then.
 * collapse: what is left becomes a huge page again, under the guest.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm.h"

#define COLLAPSE_NS	(10 * 1000000000ULL)

static void discard(struct vm *vm, u64 first, u64 count)
{
	if (madvise(vm->data + first * page_size, count * page_size, MADV_DONTNEED))
		die("madvise refused to discard pages.");
}

static void discard_range(struct vm *vm)
{
	discard(vm, 0, whole_units(vm->pages));
}

static void discard_singly(struct vm *vm)
{
	for (u64 i = 0; i < vm->pages; i += unit_pages())
		discard(vm, i, unit_pages());
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
		leaves_whole(&vm);
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
			discard(&vm, 0, unit_pages());
			op_end(&r);
			guest_fill(&vm.vcpus[0], 0, 1, ++value, 0, 0);
			expect_word(&vm, 0, value, "after its page was discarded");
		}
		round_end(&vm, &r);
	}
	report(&vm);
}

/* Of each unit the second and third quarter go: the runner's pages, at the end, stay. */
static void discard_parts(struct vm *vm)
{
	for (u64 i = 0; i < vm->pages; i += unit_pages())
		discard(vm, i + unit_pages() / 4, unit_pages() / 2);
}

/* It may find a page busy. */
static void collapse_all(struct vm *vm)
{
	u64 limit = now_ns() + COLLAPSE_NS;

	while (madvise(vm->data, vm->pages * page_size, MADV_COLLAPSE))
		if ((errno != EAGAIN && errno != EBUSY) || now_ns() > limit)
			die("the pages do not collapse into huge ones: %s.", strerror(errno));
}

/* Pages that stayed hold what they held, the others 0. */
static void fill_parts(struct vcpu *vcpu, u64 pages, u64 value, u64 old)
{
	u64 quarter = unit_pages() / 4;

	for (u64 i = 0; i < pages; i += quarter) {
		u64 count = i + quarter < pages ? quarter : pages - i;
		bool gone = (i / quarter) % 4 == 1 || (i / quarter) % 4 == 2;

		guest_fill(vcpu, i, count, value + i, gone ? 0 : old + i, !gone);
	}
}

/* Measured is the one or the other. */
static void part_rounds(bool collapse)
{
	struct vm vm;
	struct round part, whole;
	u64 value = 1, pages = filler_pages();

	if (opt.backing != THP || opt.pages % unit_pages())
		die("only whole transparent huge pages have parts: --backing thp, and whole ones in --pages.");
	vm_create(&vm, has_runner() ? 2 : 1, data_alloc(opt.pages), opt.pages);
	guest_fill(&vm.vcpus[0], 0, pages, value, 0, 0);
	runner_start(&vm);
	for (u64 i = 0; i < opt.rounds; i++) {
		leaves_whole(&vm);
		runner_in_guest(&vm);
		round_begin(&vm, &part);
		op_begin(&part);
		discard_parts(&vm);
		op_end(&part);
		runner_again(&vm);
		fill_parts(&vm.vcpus[0], pages, value + pages, value);
		value += pages;
		if (!collapse)
			round_end(&vm, &part);
		expect_fill(&vm, 0, pages, value, "after parts of its pages were discarded");

		leaves_split(&vm);
		runner_in_guest(&vm);
		round_begin(&vm, &whole);
		op_begin(&whole);
		collapse_all(&vm);
		op_end(&whole);
		runner_again(&vm);
		guest_fill(&vm.vcpus[0], 0, pages, value + pages, value, 1);
		value += pages;
		if (collapse)
			round_end(&vm, &whole);
		expect_fill(&vm, 0, pages, value, "after its pages collapsed into huge ones");
	}
	runner_stop(&vm);
	report(&vm);
}

void unmap_part(void)
{
	part_rounds(false);
}

void collapse(void)
{
	part_rounds(true);
}
