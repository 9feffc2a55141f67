// SPDX-License-Identifier: GPL-2.0-only
/*
 * R and C of a page that an L2 uses are in three entries: L2 -> L1 in L1's own
 * tree, L1 -> L0 in the host's, and L2 -> L0 in the shadow that the L2 runs with.
 * The shadow may have what the other two have, and no more: a bit it has alone is
 * one that nobody is told of.
 *   bits  loads, stores, fetches, harvests; a page with two addresses in an L2, and
 *         with one in another L2
 *   age   the host takes R away (DAMON does) and notices the next use
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nested.h"

#define RC	(PTE_R | PTE_C)
#define RWX	(PTE_READ | PTE_WRITE | PTE_EXEC)
/* Where the page has code: behind the words under test. */
#define CODE	64
#define CODE_SIZE 16

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static struct round r;
static struct copy copy;

/* What L1 was asked for, since the last look */
static struct { u64 loads, stores, fetches, protected; } asked;

/* One way to a page of L1: @page of @l2. */
struct view {
	struct l2 *l2;
	u64 page;
};

struct entries {
	u64 l1, host, shadow;
};

static u64 l1_page_of(const struct view *view)
{
	return view->page % opt.pages;
}

static struct entries entries(const struct view *view)
{
	u64 address = l2_real(view->l2, view->page);

	return (struct entries) {
		l2_pte(view->l2, address),
		radix_entry(vm, 0, DATA_GPA + l1_page_of(view) * page_size),
		radix_entry(vm, view->l2->number, address),
	};
}

static void expect_honest_shadow(const struct view *view, const char *when)
{
	struct entries e = entries(view);

	if (e.shadow & RC & ~(e.l1 & e.host))
		wrong("%s: the shadow entry %#llx of L2 %llu has an R or C that L1's %#llx or the host's %#llx has not.",
		      when, e.shadow, view->l2->number, e.l1, e.host);
}

/* @set in all three; @clear in the host's and the shadow. */
static void expect_bits(const struct view *view, u64 set, u64 clear, const char *when)
{
	struct entries e = entries(view);

	expect_honest_shadow(view, when);
	expect_audited(when);
	if (set & ~(e.l1 & e.host & e.shadow))
		wrong("%s: %#llx should be in L1's entry %#llx, the host's %#llx and the shadow %#llx.",
		      when, set, e.l1, e.host, e.shadow);
	if (clear & (e.host | e.shadow))
		wrong("%s: %#llx should be neither in the host's entry %#llx nor in the shadow %#llx.",
		      when, clear, e.host, e.shadow);
}

static void expect_asked(u64 loads, u64 stores, u64 fetches, u64 protected, const char *when)
{
	if (asked.loads != loads || asked.stores != stores || asked.fetches != fetches || asked.protected != protected)
		wrong("%s: L1 had faults of %llu loads, %llu stores, %llu fetches and %llu protected stores.",
		      when, asked.loads, asked.stores, asked.fetches, asked.protected);
	memset(&asked, 0, sizeof(asked));
}

/* What a hypervisor does: the bit that is missing, or a page of its own for the L2 to store to. */
static void on_fault(const struct l2_fault *fault)
{
	u64 bits = l2_pte(fault->l2, fault->address) & PTE_ALL;

	if (fault->dsisr & DSISR_PROTECTED && fault->dsisr & DSISR_STORE) {
		asked.protected++;
		bits |= PTE_WRITE | RC;
	} else if (!(fault->dsisr & DSISR_SET_RC)) {
		wrong("a fault of L2 %llu at %#llx is forwarded to L1 with DSISR %#llx.", fault->l2->number,
		      fault->address, fault->dsisr);
	} else if (fault->dsisr & DSISR_STORE) {
		asked.stores++;
		bits |= RC;
	} else {
		asked.loads += !fault->fetch;
		asked.fetches += fault->fetch;
		bits |= PTE_R;
	}
	l2_set_bits(fault->l2, fault->address, bits);
}

static u64 value;	/* of the page now */

static void load(const struct view *view)
{
	u64 found = l2_load(vcpu, view->l2, view->page);

	if (found != value)
		wrong("L2 %llu loads %llu from its page %llu and should load %llu.", view->l2->number, found,
		      view->page, value);
}

static void store(const struct view *view)
{
	l2_fill(vcpu, view->l2, view->page, 1, value + 1, value, 0);
	value++;
}

static void fetch(const struct view *view)
{
	const u64 none[6] = { 0 };

	l2_call(vcpu, view->l2, l2_real(view->l2, view->page) + CODE, none);
}

static void put_code(u64 page)
{
	void *code = (void *)page_word(vm, page) + CODE;

	memcpy(code, g_done, CODE_SIZE);
	__builtin___clear_cache(code, code + CODE_SIZE);
}

static void harvest(void)
{
	copy_harvest(vm, &copy, &r);
	l1_mark_returned(&l1);
}

static void expect_dirty(u64 page, bool dirty, const char *when)
{
	if (copy_dirty(&copy, page) != dirty)
		wrong("%s: page %llu is %s in the dirty log.", when, page, dirty ? "missing" : "wrongly");
}

/* As L1's own ageing, dirty log or write protection: new bits, and the hcall that says so. */
static void l1_changes(const struct view *view, u64 bits)
{
	l2_set_bits(view->l2, l2_real(view->l2, view->page), bits);
	l1_flush_page(vcpu, view->l2, view->page);
	if (radix_entry(vm, view->l2->number, l2_real(view->l2, view->page)))
		wrong("L1 has invalidated page %llu of L2 %llu and its shadow entry is still there.", view->page,
		      view->l2->number);
}

static void first_use(const struct view *views)
{
	load(&views[0]);
	expect_asked(1, 0, 0, 0, "first load");
	expect_bits(&views[0], PTE_R, 0, "first load");
	store(&views[0]);
	expect_asked(0, 1, 0, 0, "first store");
	expect_bits(&views[0], RC, 0, "first store");

	load(&views[1]);
	expect_asked(1, 0, 0, 0, "load by the second address");
	expect_bits(&views[1], PTE_R, 0, "load by the second address");
	store(&views[1]);
	expect_asked(0, 1, 0, 0, "store by the second address");
	store(&views[2]);
	expect_asked(0, 1, 0, 0, "store of the second L2");
	for (int i = 0; i < 3; i++)
		expect_bits(&views[i], RC, 0, "store by all");
}

static void harvests(const struct view *views)
{
	u64 page = l1_page_of(views);

	harvest();
	expect_dirty(page, true, "harvest after stores by all");
	for (int i = 0; i < 3; i++)
		expect_bits(&views[i], PTE_R, PTE_C, "harvest after stores by all");

	load(&views[1]);
	harvest();
	expect_dirty(page, false, "harvest after a load");
	for (int i = 0; i < 3; i++) {
		store(&views[i]);
		expect_asked(0, 0, 0, 0, "store after a harvest");
		expect_bits(&views[i], RC, 0, "store after a harvest");
		harvest();
		expect_dirty(page, true, "harvest after one store");
		for (int n = 0; n < 3; n++)
			expect_bits(&views[n], PTE_R, PTE_C, "harvest after one store");
	}
}

/* The page is L1's as well. */
static void store_of_l1(const struct view *views)
{
	guest_fill(vcpu, l1_page_of(views), 1, value + 1, value, 0);
	value++;
	for (int i = 0; i < 3; i++)
		expect_honest_shadow(&views[i], "store of L1");
	load(&views[0]);
	harvest();
	expect_dirty(l1_page_of(views), true, "harvest after a store of L1");
	for (int i = 0; i < 3; i++)
		expect_bits(&views[i], PTE_R, PTE_C, "harvest after a store of L1");
}

static void changes_of_l1(const struct view *views)
{
	l1_changes(&views[0], RWX);
	store(&views[0]);
	expect_asked(0, 1, 0, 0, "store after L1 cleared R and C");
	expect_bits(&views[0], RC, 0, "store after L1 cleared R and C");

	l1_changes(&views[0], RWX);
	load(&views[0]);
	expect_asked(1, 0, 0, 0, "load after L1 cleared R and C");
	expect_bits(&views[0], PTE_R, 0, "load after L1 cleared R and C");

	l1_changes(&views[0], PTE_R | PTE_READ | PTE_EXEC);
	load(&views[0]);
	expect_asked(0, 0, 0, 0, "load from a protected page");
	store(&views[0]);
	expect_asked(0, 0, 0, 1, "store to a protected page");
	expect_bits(&views[0], RC, 0, "store to a protected page");

	l1_changes(&views[0], RWX);
	fetch(&views[0]);
	expect_asked(0, 0, 1, 0, "fetch");
	expect_bits(&views[0], PTE_R, 0, "fetch");
	for (int i = 0; i < 3; i++)
		expect_honest_shadow(&views[i], "at the end");
}

static void bits_of_page(u64 page)
{
	const struct view views[3] = { { &l1.l2[0], page }, { &l1.l2[0], opt.pages + page }, { &l1.l2[1], page } };

	for (int i = 0; i < 3; i++)
		l2_map(views[i].l2, views[i].page, page, RWX);
	value = 0;
	put_code(page);
	l1_round_begin(&l1, &r);
	first_use(views);
	harvests(views);
	store_of_l1(views);
	changes_of_l1(views);
	l1_round_end(&l1, &r);
	expect_word(vm, page, value, "at the end");
}

static void create(void)
{
	l1_create(&l1, 1, data_alloc(opt.pages), opt.pages);
	copy_init(vm, &copy);
	vm_log(vm, true);
}

void nested_bits(void)
{
	create();
	l1.on_fault = on_fault;
	for (u64 i = 0; i < opt.pages; i++)
		bits_of_page(i);
	l1_report(&l1);
}

/* age */

static void make_old(void)
{
	op_begin(&r);
	damon_make_old(vm, opt.pages);
	l1_op_end(&l1, &r);
}

static void for_each_view(void (*check)(const struct view *view))
{
	for (u64 n = 0; n < NR_L2; n++)
		for (u64 i = 0; i < opt.pages; i++)
			check(&(struct view) { &l1.l2[n], i });
}

static void expect_old(const struct view *view)
{
	expect_bits(view, 0, PTE_R, "after ageing");
}

static void expect_young(const struct view *view)
{
	expect_bits(view, RC, 0, "after the L2's use of an old page");
}

void nested_age(void)
{
	create();
	for (u64 n = 0; n < NR_L2; n++)
		l2_map_all(&l1.l2[n]);
	damon_set_up(vm, opt.pages);
	value = 1;
	l2_fill(vcpu, &l1.l2[0], 0, opt.pages, value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++) {
		value = l1_both_store(&l1, value);
		for_each_view(expect_young);
		l1_round_begin(&l1, &r);
		make_old();
		for_each_view(expect_old);
		l1_round_end(&l1, &r);
		/* What was stored before it grew old. */
		harvest();
		for (u64 page = 0; page < opt.pages; page++)
			expect_dirty(page, true, "harvest after ageing");
		expect_fill(vm, 0, opt.pages, value, "after ageing");
	}
	l1_report(&l1);
}
