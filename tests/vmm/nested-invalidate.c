// SPDX-License-Identifier: GPL-2.0-only
/*
 * invalidate: L1 maps other pages behind L2 addresses and says so, by every hcall
 * there is for it; an L2 that is not running, then one that is. Each L2 page has
 * two pages of L1 in turn.
 */
#include <stdlib.h>

#include "nested.h"

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static struct vcpu *const second = &l1.vm.vcpus[1];
static struct round r;
static bool *turned;

static u64 l1_page(u64 page)
{
	return turned[page] ? opt.pages + page : page;
}

static u64 other_page(u64 page)
{
	return turned[page] ? page : opt.pages + page;
}

static void turn(u64 first, u64 count, u64 value)
{
	for (u64 i = first; i < first + count; i++) {
		page_word(vm, other_page(i))[0] = value;
		l2_map(&l1.l2[0], i, other_page(i), PTE_ALL);
		turned[i] = !turned[i];
	}
}

static void one_page(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++)
		l1_flush_page(vcpu, &l1.l2[0], i);
}

static void range(u64 first, u64 count)
{
	l1_flush_range(vcpu, &l1.l2[0], first, count);
}

static void translations(u64 first, u64 count)
{
	(void)first;
	(void)count;
	l1_flush(vcpu, &l1.l2[0], 0);
}

static void everything(u64 first, u64 count)
{
	(void)first;
	(void)count;
	l1_flush(vcpu, &l1.l2[0], 2);
}

static void all_guests(u64 first, u64 count)
{
	(void)first;
	(void)count;
	l1_flush_all(vcpu, 2);
}

/* Its figures: with nobody in guest, and beside an L2 that runs. */
static const struct way {
	const char *idle, *running;
	u64 count;
	void (*flush)(u64 first, u64 count);
} ways[] = {
	{ "one_page_broadcasts",	"one_page_running",	1,	one_page },
	{ "pages_broadcasts",		"pages_running",	8,	one_page },
	{ "range_broadcasts",		"range_running",	8,	range },
	{ "long_range_broadcasts",	"long_range_running",	40,	range },
	{ "translations_broadcasts",	"translations_running",	40,	translations },
	{ "everything_broadcasts",	"everything_running",	40,	everything },
	{ "all_guests_broadcasts",	"all_guests_running",	40,	all_guests },
};

#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

/* L1 maps other pages, says so, and has its own use for those it mapped before. */
static void replace_pages(const struct way *way, u64 first, u64 value)
{
	turn(first, way->count, value);
	op_begin(&r);
	way->flush(first, way->count);
	l1_op_end(&l1, &r);
	for (u64 i = first; i < first + way->count; i++)
		scribble((void *)page_word(vm, other_page(i)), 1);
}

static void expect_old_untouched(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++)
		expect_scribble((void *)page_word(vm, other_page(i)), 1);
}

static void invalidate_idle(const struct way *way, u64 first)
{
	static u64 value = 1000;

	value += opt.pages;
	replace_pages(way, first, value);
	l2_fill(vcpu, &l1.l2[0], first, way->count, value + 1, value, 0);
	expect_old_untouched(first, way->count);
	for (u64 i = 0; i < way->count; i++)
		expect_word(vm, l1_page(first + i), value + 1 + i, "after L1 mapped another page");
}

static void invalidate_running(const struct way *way, u64 first)
{
	u64 pass;

	/* 0: g_pass finds a new page */
	replace_pages(way, first, 0);
	pass = pass_now(second) + 2;
	pass_wait(second, pass);
	expect_old_untouched(first, way->count);
	for (u64 i = 0; i < opt.pages; i++)
		expect_pass(vm, l1_page(i), 1, pass);
}

static void all_ways(void (*invalidate)(const struct way *way, u64 first), u64 *figures)
{
	for (u64 i = 0; i < NR_WAYS; i++) {
		l1_round_begin(&l1, &r);
		invalidate(&ways[i], random_below(opt.pages - ways[i].count + 1));
		l1_round_end(&l1, &r);
		if (l1_last_broadcasts() > figures[i])
			figures[i] = l1_last_broadcasts();
	}
}

/*
 * The L2 runs in the lower half of its pages, the L1 has its way with the upper one: nothing
 * makes the flush come earlier than the end of the call, unless the L1's thread is scheduled out in it. So
 * there are many calls. Returns the least broadcasts of one that found the L2 in guest.
 */
static u64 invalidate_apart(void)
{
	static const struct way way = { .count = 8, .flush = range };
	u64 half = opt.pages / 2, least = NEVER;

	l2_fill(vcpu, &l1.l2[0], half, half, 1, 0, 0);
	l2_pass_start(second, other_core(), &l1.l2[0], 0, half, NEVER);
	some_passes(second);
	for (u64 i = 0; i < 8 * opt.rounds; i++) {
		u64 first = half + random_below(half - way.count + 1);

		l1_round_begin(&l1, &r);
		replace_pages(&way, first, 0);
		some_passes(second);
		expect_old_untouched(first, way.count);
		l1_round_end(&l1, &r);
		if (l1_last_broadcasts() && l1_last_broadcasts() < least)
			least = l1_last_broadcasts();
		l2_fill(vcpu, &l1.l2[0], first, way.count, 1, 0, 0);
	}
	pass_stop(second);
	return least;
}

void nested_invalidate(void)
{
	u64 idle[NR_WAYS] = { 0 }, running[NR_WAYS] = { 0 };

	if (opt.pages < ways[NR_WAYS - 1].count)
		die("--pages must be %llu or more for this.", ways[NR_WAYS - 1].count);
	turned = calloc(opt.pages, sizeof(*turned));
	if (!turned)
		die("no memory for the list of pages.");
	l1_create(&l1, 2, data_alloc(2 * opt.pages), 2 * opt.pages);
	l2_map_all(&l1.l2[0]);
	l2_wait_adopted(vcpu, &l1.l2[0]);
	l2_fill(vcpu, &l1.l2[0], 0, opt.pages, 1, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++)
		all_ways(invalidate_idle, idle);

	turn(0, opt.pages, 0);
	everything(0, 0);
	report_extra("range_apart", invalidate_apart());
	turn(0, opt.pages, 0);
	everything(0, 0);
	l2_pass_start(second, other_core(), &l1.l2[0], 0, opt.pages, NEVER);
	some_passes(second);
	for (u64 i = 0; i < opt.rounds; i++)
		all_ways(invalidate_running, running);
	pass_stop(second);
	for (u64 i = 0; i < NR_WAYS; i++) {
		report_extra(ways[i].idle, idle[i]);
		report_extra(ways[i].running, running[i]);
	}
	l1_report(&l1);
}
