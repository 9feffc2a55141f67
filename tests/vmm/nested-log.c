// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log of pages that L2s store to.
 *   dirty-log  two L2s store to the same pages of L1, nobody is in guest when the host harvests
 *   running    an L2 stores while the host harvests
 *   refault    as running, while the L2 has all its faults again: L1 invalidates everything before
 */

#include "nested.h"

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static struct vcpu *const second = &l1.vm.vcpus[1];
static struct round r;
static struct copy copy;

static void harvest(void)
{
	op_begin(&r);
	vm_harvest(vm, copy.bitmap);
	l1_op_end(&l1, &r);
	copy_harvested(vm, &copy);
}

static void expect_all_dirty(void)
{
	for (u64 i = 0; i < opt.pages; i++)
		if (!copy_dirty(&copy, i))
			wrong("an L2 stored to page %llu and the dirty log does not say so.", i);
}

static u64 harvest_round(u64 value)
{
	value = l1_both_store(&l1, value);
	l1_round_begin(&l1, &r);
	harvest();
	expect_all_dirty();
	value = l1_both_store(&l1, value);
	l1_round_end(&l1, &r);

	harvest();
	expect_audited("after a harvest");
	copy_compare(vm, &copy);
	expect_all_dirty();
	expect_fill(vm, 0, opt.pages, value, "after a harvest");
	return value;
}

static void create_logged(u64 nvcpus)
{
	l1_create(&l1, nvcpus, data_alloc(opt.pages), opt.pages);
	copy_init(vm, &copy);
	vm_log(vm, true);
	for (u64 i = 0; i < NR_L2; i++) {
		l2_map_all(&l1.l2[i]);
		l2_wait_adopted(vcpu, &l1.l2[i]);
	}
}

void nested_dirty_log(void)
{
	u64 value = 1;

	create_logged(1);
	l2_fill(vcpu, &l1.l2[0], 0, opt.pages, value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++)
		value = harvest_round(value);
	l1_report(&l1);
}

/* The L2 has entries for all pages that the log must not go without. */
static void switch_log_on(void)
{
	vm_log(vm, false);
	l1_mark_returned(&l1);
	some_passes(second);
	leaves_whole(vm);
	leaves_of_shadow(vm, &l1.l2[0]);
	vm_log(vm, true);
	l1_mark_returned(&l1);
	copy_all(vm, &copy);
}

/* Stopped right after a harvest: left alone, it would store again and hide a store that escaped. */
static void harvest_beside(u64 harvests)
{
	l2_pass_start(second, other_core(), &l1.l2[0], 0, opt.pages, NEVER);
	some_passes(second);
	switch_log_on();
	l1_round_begin(&l1, &r);
	for (u64 i = 0; i < harvests; i++) {
		harvest();
		if (i % 4 == 3)
			some_passes(second);
	}
	pass_stop(second);
	l1_round_end(&l1, &r);
	harvest();
	expect_audited("after harvests beside an L2");
	copy_compare(vm, &copy);
}

void nested_running(void)
{
	create_logged(2);
	for (u64 i = 0; i < opt.rounds; i++)
		harvest_beside(i + 1);
	expect_pass(vm, 0, opt.pages, pass_now(second));
	l1_report(&l1);
}

/*
 * A fault of an L2 copies the host's entry and makes a shadow of it a little later.
 * When a harvest clears C in between, the shadow has a C that nobody else has, and
 * the stores through it are in no later harvest. Counted, not wrong at once: every
 * stock kernel loses some.
 */
static u64 lost, lost_through_c;

static void count_lost(void)
{
	for (u64 i = 0; i < opt.pages; i++) {
		if (copy.words[i] == *page_word(vm, i))
			continue;
		lost++;
		if (radix_entry(vm, l1.l2[0].number, l2_real(&l1.l2[0], i)) & PTE_C &&
		    !(radix_entry(vm, 0, DATA_GPA + i * page_size) & PTE_C))
			lost_through_c++;
	}
}

static void refault_round(void)
{
	l2_pass_start(second, other_core(), &l1.l2[0], 0, opt.pages, NEVER);
	some_passes(second);
	l1_flush(vcpu, &l1.l2[0], 0);
	for (u64 wait = random_below(20000); wait; wait--)
		asm volatile("" : : : "memory");
	harvest();
	some_passes(second);
	pass_stop(second);
	harvest();
	/* Stock is known to be wrong here: there is no auditor then. */
	expect_audited("after faults beside a harvest");
	count_lost();
	copy_all(vm, &copy);
	l1_flush(vcpu, &l1.l2[0], 0);
}

void nested_refault(void)
{
	create_logged(2);
	/* One round of figures: to read them takes longer than a round of this. */
	l1_round_begin(&l1, &r);
	for (u64 i = 0; i < opt.rounds; i++)
		refault_round();
	l1_round_end(&l1, &r);
	expect_pass(vm, 0, opt.pages, pass_now(second));
	report_extra("lost_stores", lost);
	report_extra("lost_through_c", lost_through_c);
	l1_report(&l1);
}
