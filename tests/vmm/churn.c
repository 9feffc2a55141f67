// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn: a seeded mix of everything the host can do to a guest whose vCPUs all
 * run, store and check. Each vCPU owns a share of the pages (see g_pass); a copy
 * of the memory is kept from the dirty log as a live migration would.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vmm.h"

/*
 * Guest passes between its own tlbiel and between exits to the VMM (masks). Rare:
 * under QEMU both drop all translations, also one that should have been flushed.
 */
#define TLBIEL_MASK	1023
#define EXIT_MASK	511
#define LONGEST_RANGE	32	/* of small pages; else parts of two units */

static struct vm vm;
static struct pool pool;
static struct copy copy;
static struct round whole;
static bool logging;
static bool *host_changed;	/* by the host since the last harvest: not in the dirty log */
static u64 *stored_after;	/* the owner has stored to the page again after this pass */
static u64 zeroed;
static u64 most_whole;	/* leaves of a unit */

static struct vcpu *owner(u64 page)
{
	return &vm.vcpus[page / pages_share()];
}

static void note_zeroed(u64 page)
{
	host_changed[page] = true;
	/* The pass under way may be past the page: the one after it has stored. */
	stored_after[page] = pass_now(owner(page)) + 2;
	zeroed++;
}

static bool must_hold(u64 page, u64 pass)
{
	return pass >= stored_after[page];
}

static void harvest(void)
{
	if (!logging)
		return;
	op_begin(&whole);
	vm_harvest(&vm, copy.bitmap);
	op_end(&whole);
	for (u64 i = 0; i < vm.pages; i++) {
		if (host_changed[i])
			copy.bitmap[i / 64] |= 1ULL << i % 64;
		host_changed[i] = false;
	}
	copy_harvested(&vm, &copy);
}

static void toggle(void)
{
	logging = !logging;
	op_begin(&whole);
	vm_log(&vm, logging);
	op_end(&whole);
	if (logging)
		copy_all(&vm, &copy);
}

static void advise(u64 first, u64 count, int advice)
{
	op_begin(&whole);
	if (madvise(vm.data + first * page_size, count * page_size, advice))
		die("madvise(%d) refused %llu pages.", advice, count);
	op_end(&whole);
}

/* The least that the host can unmap: it splits transparent huge pages, but not those of hugetlbfs. */
static u64 least(void)
{
	return opt.backing == THP ? 1 : unit_pages();
}

static u64 some_range(u64 *first)
{
	u64 count = random_range(&vm, opt.backing == SMALL ? LONGEST_RANGE : 2 * unit_pages(), first);
	u64 end = (*first + count + least() - 1) / least() * least();

	*first -= *first % least();
	return end - *first;
}

/* Shared memory: the translations go, the contents stay. */
static void unmap_range(void)
{
	u64 first, count = some_range(&first);

	advise(first, count, MADV_DONTNEED);
}

static void unmap_pages(void)
{
	u64 first, count = random_range(&vm, LONGEST_RANGE, &first), end = first + count;

	for (first -= first % least(); first < end; first += least())
		advise(first, least(), MADV_DONTNEED);
}

/*
 * The kernel may empty a part of a transparent huge page twice: where it lies, and once more when it has split
 * the huge page (truncate_inode_partial_folio()). A fault at the rest maps the whole huge page in between.
 */
static void zero_range(void)
{
	u64 first, count = some_range(&first);

	advise(first, count, MADV_REMOVE);
	for (u64 i = 0; i < count; i++)
		note_zeroed(first + i);
	if (least() < unit_pages())
		zeroed += count;
}

static void swap_unit(void)
{
	u64 page = random_below(vm.pages), first = page - page % unit_pages();

	pool_expect_untouched(&pool, page);
	pool_swap(&pool, page, &whole);
	for (u64 i = 0; i < unit_pages(); i++)
		note_zeroed(first + i);
}

/* Transparent huge pages that have been split become whole again, where nothing is in the way. */
static void collapse_unit(void)
{
	u64 page = random_below(vm.pages), first = page - page % unit_pages();

	op_begin(&whole);
	madvise(vm.data + first * page_size, unit_pages() * page_size, MADV_COLLAPSE);
	op_end(&whole);
}

static void move_vcpu(void)
{
	struct vcpu *vcpu = &vm.vcpus[random_below(vm.nvcpus)];
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(random_below(ncpus), &set);
	/* That CPU may be offline just now: then the vCPU stays where it is. */
	sched_setaffinity(vcpu->tid, sizeof(set), &set);
}

static void check_pages(struct vcpu *vcpu, u64 pass)
{
	u64 first = vcpu->id * pages_share();

	for (u64 i = first; i < first + pages_share(); i++) {
		pool_expect_untouched(&pool, i);
		if (must_hold(i, pass))
			expect_pass(&vm, i, 1, pass);
	}
}

static void check(void)
{
	u64 pass[MAX_VCPUS];

	for (u64 i = 0; i < vm.nvcpus; i++)
		pass[i] = pass_now(&vm.vcpus[i]) + 2;
	for (u64 i = 0; i < vm.nvcpus; i++) {
		pass_wait(&vm.vcpus[i], pass[i]);
		check_pages(&vm.vcpus[i], pass[i]);
	}
	if (opt.backing != SMALL && whole_leaves(&vm) > most_whole)
		most_whole = whole_leaves(&vm);
}

static void start(void)
{
	for (u64 i = 0; i < vm.nvcpus; i++)
		pass_start(&vm.vcpus[i], -1, i * pages_share(), pages_share(), TLBIEL_MASK, EXIT_MASK);
}

static void stop(void)
{
	u64 zeros = 0;

	for (u64 i = 0; i < vm.nvcpus; i++)
		vm.vcpus[i].mbox[MBOX_STOP / 8] = 1;
	for (u64 i = 0; i < vm.nvcpus; i++) {
		vcpu_join(&vm.vcpus[i]);
		check_pages(&vm.vcpus[i], pass_now(&vm.vcpus[i]));
		zeros += vm.vcpus[i].mbox[MBOX_ZEROS / 8];
	}
	if (zeros > zeroed)
		wrong("the guest lost data: it found %llu pages empty and the host emptied %llu.",
		      zeros, zeroed);
	if (!logging)
		return;
	harvest();
	copy_compare(&vm, &copy);
}

/* What is stored between a harvest and the stop right after it must be in the log. */
static void pause_all(void)
{
	harvest();
	stop();
	start();
}

/* Another guest comes and goes: LPIDs are reused. */
static void other_guest(void)
{
	struct vm other;
	void *data = small_alloc(4);

	vm_create(&other, 1, data, 4);
	guest_fill(&other.vcpus[0], 0, 4, 1, 0, 0);
	guest_fill(&other.vcpus[0], 0, 4, 5, 1, 1);
	expect_fill(&other, 0, 4, 5, "in a short-lived guest");
	vm_destroy(&other);
	munmap(data, 4 * page_size);
}

static struct operation {
	const char *name;
	void (*run)(void);
	u64 weight, done;
} operations[] = {
	{ "harvests",		harvest,	4, 0 },
	{ "toggles",		toggle,		1, 0 },
	{ "unmap_ranges",	unmap_range,	3, 0 },
	{ "unmap_pages",	unmap_pages,	3, 0 },
	{ "zero_ranges",	zero_range,	2, 0 },
	{ "swaps",		swap_unit,	4, 0 },
	{ "moves",		move_vcpu,	6, 0 },
	{ "checks",		check,		4, 0 },
	{ "pauses",		pause_all,	1, 0 },
	{ "other_guests",	other_guest,	1, 0 },
	/* Last: only transparent huge pages need it. */
	{ "collapses",		collapse_unit,	2, 0 },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static struct operation *choose(void)
{
	u64 sum = 0, n;
	size_t i;

	for (i = 0; i < NR_OPERATIONS; i++)
		sum += operations[i].weight;
	n = random_below(sum);
	for (i = 0; n >= operations[i].weight; i++)
		n -= operations[i].weight;
	return &operations[i];
}

void churn(void)
{
	u64 end = now_ns() + opt.seconds * 1000000000ULL, ops = 0;
	char title[32];

	snprintf(title, sizeof(title), "%llu vcpus", opt.vcpus);
	opt.variant = title;
	opt.pages -= opt.pages % (opt.vcpus * unit_pages());
	if (opt.backing != THP)
		operations[NR_OPERATIONS - 1].weight = 0;
	pool_create(&pool, opt.pages);
	host_changed = calloc(opt.pages, sizeof(*host_changed));
	stored_after = calloc(opt.pages, sizeof(*stored_after));
	if (!host_changed || !stored_after || !opt.pages)
		die("churn needs memory and at least one page for each vCPU.");
	vm_create(&vm, opt.vcpus, pool.guest, opt.pages);
	copy_init(&vm, &copy);
	pin(-1);

	end_on_sigterm();
	round_begin(&vm, &whole);
	start();
	check();
	for (; now_ns() < end && !asked_to_end; ops++) {
		struct operation *operation = choose();

		operation->run();
		operation->done++;
	}
	stop();
	round_end(&vm, &whole);

	report_extra("ops", ops);
	report_extra("most_whole_leaves", most_whole);
	for (size_t i = 0; i < NR_OPERATIONS; i++)
		report_extra(operations[i].name, operations[i].done);
	report(&vm);
}
