// SPDX-License-Identifier: GPL-2.0-only
/*
 * faults: a fault is in flight, held up at a page that is missing, and meanwhile the host harvests or ages
 * other pages. When its page comes the fault ends, and is not made to start again: told by
 * the exits it takes. Three kinds of fault: of a guest that may have guests and has none; of an L1; of its L2.
 */
#include <string.h>

#include "nested.h"

#define BITMAP_WORDS	64

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static struct vcpu *const second = &l1.vm.vcpus[1];
static struct round r;
static unsigned char *missing_page;
static u64 value;

static void create(void)
{
	u64 pages = opt.pages + MISSING_SIZE / page_size;
	u64 data = (u64)data_alloc(pages + MISSING_SIZE / page_size);

	if (opt.pages * page_size % MISSING_SIZE || pages > BITMAP_WORDS * 64)
		die("--pages must be whole pieces of 64K, and fewer.");
	data = (data + MISSING_SIZE - 1) / MISSING_SIZE * MISSING_SIZE;
	missing_page = (unsigned char *)data + opt.pages * page_size;
	l1_create(&l1, 2, (void *)data, pages);
	vm_log(vm, true);
	for (u64 i = 0; i < NR_L2; i++) {
		l2_map_all(&l1.l2[i]);
		l2_map(&l1.l2[i], opt.pages, opt.pages, PTE_ALL);
	}
}

static void nothing(void)
{
}

static void harvest(void)
{
	static u64 bitmap[BITMAP_WORDS];

	vm_harvest(vm, bitmap);
	if (!(bitmap[0] & 1))
		wrong("a page that was stored to is missing in the dirty log.");
}

static void age(void)
{
	damon_make_old(vm, opt.pages);
}

/* The pages that are harvested or aged have R and C, in the L2's shadow too if there is an L2. */
static void use_pages(bool by_l2)
{
	if (by_l2)
		l2_fill(vcpu, &l1.l2[0], 0, opt.pages, value + 1, 0, 0);
	else
		guest_fill(vcpu, 0, opt.pages, value + 1, 0, 0);
	memset(vm->data, 0, opt.pages * page_size);
	value++;
}

static void load_missing(bool by_l2)
{
	u64 args[6] = { mbox_gpa(second), DATA_GPA + opt.pages * page_size };

	second->mbox[MBOX_STOP / 8] = 1;
	if (!by_l2) {
		vcpu_start(second, other_core(), g_watch, args);
		return;
	}
	args[1] = l2_real(&l1.l2[0], opt.pages);
	l2_start(second, other_core(), &l1.l2[0], l2_program(g_watch), args);
}

/* Exits from the moment the fault is held up. */
static u64 exits_of_fault(bool has_l2, bool by_l2, void (*meanwhile)(void))
{
	struct counts before, after;

	use_pages(has_l2);
	*(u64 *)missing_page = ++value;
	missing_begin(missing_page);
	load_missing(by_l2);
	missing_wanted();
	counts_read(vm, &before);
	meanwhile();
	missing_end();
	vcpu_join(second);
	counts_read(vm, &after);
	if (watch_seen(second) != value)
		wrong("the page that was missing holds %#llx for the guest and %#llx for the VMM.", watch_seen(second), value);
	return after.v[C_EXITS] - before.v[C_EXITS];
}

/* Interrupts of the host are exits too, now and then: the least of all rounds. */
static u64 least(bool has_l2, bool by_l2, void (*meanwhile)(void))
{
	u64 exits, min = ~0ULL;

	for (u64 i = 0; i < opt.rounds; i++) {
		exits = exits_of_fault(has_l2, by_l2, meanwhile);
		min = exits < min ? exits : min;
	}
	return min;
}

/* How many exits more a fault takes beside a harvest, and beside ageing. */
static void compare(bool has_l2, bool by_l2, const char *harvests, const char *ages)
{
	u64 undisturbed = least(has_l2, by_l2, nothing);
	u64 harvested = least(has_l2, by_l2, harvest), aged;

	report_extra(harvests, harvested > undisturbed ? harvested - undisturbed : 0);
	if (!damon_there())
		return;
	aged = least(has_l2, by_l2, age);
	report_extra(ages, aged > undisturbed ? aged - undisturbed : 0);
}

void nested_faults(void)
{
	if (ncpus < 2)
		die("faults needs a second CPU.");
	create();
	if (damon_there())
		damon_set_up(vm, opt.pages);
	l1_round_begin(&l1, &r);
	compare(false, false, "no_l2_harvest", "no_l2_age");
	l2_wait_adopted(vcpu, &l1.l2[0]);
	compare(true, false, "l1_harvest", "l1_age");
	compare(true, true, "l2_harvest", "l2_age");
	l1_round_end(&l1, &r);
	l1_report(&l1);
}
