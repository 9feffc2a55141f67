// SPDX-License-Identifier: GPL-2.0-only
/*
 * src/core's ledger.c, protocol.c and reach.c as they are, for CBMC: operations on one domain, on two cores of two
 * threads. SCENARIO says which: FIRST are operations, most of which happen or not; threads and pages are named,
 * being alike. THEN is one in the middle of which, where the source takes or gives up the lock or executes a flush,
 * TIMES others may happen: interfere(). LAST are some after it.
 *
 * The ghost: what TLBs and ERATs hold, and whether that may still be used. Entries are as in ../ledger.pml, which
 * also says why they fill at once. At first every entry is DEAD, another guest's (invariant 5). The
 * assertions are invariants 1 and 2 (use()), and 8 (detach()); CBMC's own checks are those of indices,
 * pointers and wrapped unsigned numbers.
 */
#include <assert.h>
#include <string.h>
#include "core/env.h"
#include "core/reach.h"
#include "core/move.h"
#include "core/protocol.h"

#define maybe(op)	do { if (nondet_bool()) op; } while (0);

/* The threads of a core lie STEP apart: 2 as in a big core with two TLBs. SIBLING is of thread 0's core, ELSEWHERE of another. */
#ifndef STEP
#define STEP	1u
#endif
#define SIBLING	STEP
#define ELSEWHERE	(3u - STEP)

#if SCENARIO == 1	/* the log, its overflow, and siblings */
#define FIRST	enter(0); maybe(leave(0)) maybe(invalidate(0)) maybe(absorb(1)) maybe(cover()) \
		maybe(enter(SIBLING)) maybe(enter(0))
#elif SCENARIO == 2	/* flushes of everything; pages when the ledger has been used already */
#define FIRST	enter(0); maybe(enter(ELSEWHERE)) maybe(leave(0)) maybe(invalidate_all()) maybe(absorb(0)) \
		maybe(cover()) maybe(enter(0))
#elif SCENARIO == 3	/* moves, and CPUs that come online */
#define FIRST	enter(0); maybe(enter(SIBLING)) maybe(leave(0)) maybe(move(0, ELSEWHERE)) maybe(enter(0)) \
		maybe(leave(0)) if (prepare(0)) { online(0); online(SIBLING); } maybe(enter(0))
#elif SCENARIO == 4	/* detach */
#define FIRST	enter(0); maybe(enter(ELSEWHERE)) maybe(leave(0)) maybe(invalidate(0)) maybe(absorb(1)) \
		maybe(move(0, ELSEWHERE)) detach();
#elif SCENARIO == 5	/* who enters is interrupted */
#define FIRST	maybe(enter(0)) maybe(leave(0))
#define THEN	enter(SIBLING);
#define LAST	maybe(cover())
#elif SCENARIO == 6	/* who invalidates */
#define FIRST	enter(0); maybe(leave(0))
#define THEN	invalidate(0);
#define LAST	maybe(enter(0))
#elif SCENARIO == 7	/* the end of a batch */
#define FIRST	enter(0); maybe(leave(0)) absorb(1);
#define THEN	cover();
#define LAST	maybe(enter(0))
#elif SCENARIO == 8	/* what happens before a CPU that comes is up */
#define FIRST	enter(0); maybe(enter(SIBLING)) maybe(leave(0)) maybe(leave(SIBLING)) \
		if (!prepare(0)) return 0; \
		maybe(invalidate(0)) maybe(absorb(1)) maybe(cover()) online(0); maybe(online(SIBLING)) maybe(enter(SIBLING)) enter(0);
#elif SCENARIO == 9	/* detach meanwhile */
#define FIRST	enter(0); leave(0); if (!prepare(0)) return 0; \
		maybe(absorb(1)) maybe(move(0, ELSEWHERE)) pay(); online(0); online(SIBLING); clean();
#elif SCENARIO == 10	/* a debt in both scopes */
#define FIRST	enter(0); leave(0); move(0, ELSEWHERE); maybe(move(ELSEWHERE, 0)) invalidate_all(); enter(0); maybe(enter(SIBLING))
#elif SCENARIO == 12	/* who detaches is interrupted, where the process scope is paid */
#define FIRST	enter(0); leave(0); maybe(absorb(1)) move(0, ELSEWHERE); detaching = true; cover(); kht_pay_all(&ledger);
#define THEN	pay_processes();
#define LAST	clean();
#elif SCENARIO == 13	/* a quadrant access beside invalidations */
#define FIRST	maybe(enter(ELSEWHERE)) maybe(leave(ELSEWHERE)) quadrant_begin(0); maybe(invalidate(0)) maybe(absorb(1)) maybe(cover()) \
		maybe(quadrant_end(0)) maybe(invalidate(1))
#elif SCENARIO == 14	/* everything, in a batch */
#define FIRST	enter(0); maybe(enter(ELSEWHERE)) maybe(leave(0)) maybe(absorb(1)) absorb_all(); maybe(absorb(0)) maybe(cover()) maybe(enter(0))
#elif SCENARIO == 15	/* many HPTEs, and one look for all of them */
#define FIRST	enter(0); maybe(enter(ELSEWHERE)) maybe(leave(0)) maybe(absorb(1)) sweep(); maybe(enter(0))
#elif SCENARIO == 16	/* who sweeps is interrupted */
#define FIRST	enter(0); maybe(leave(0))
#define THEN	sweep();
#define LAST	maybe(enter(0))
#elif SCENARIO == 17	/* who invalidates is interrupted twice */
#define FIRST	enter(0); leave(0);
#define THEN	invalidate(0);
#define LAST	maybe(cover()) maybe(enter(0))
#ifndef TIMES
#define TIMES	2
#endif
#elif SCENARIO == 18	/* vCPUs that move about */
#define FIRST	enter(0); maybe(leave(0)) maybe(enter(ELSEWHERE)) maybe(leave(ELSEWHERE)) enter(0); invalidate(0); maybe(absorb(1)) maybe(cover())
#elif SCENARIO == 11	/* a thread of another core settles first */
#define FIRST	enter(0); leave(0); maybe(invalidate(0)) maybe(absorb(1)) maybe(cover()) \
		maybe(move(0, ELSEWHERE)) maybe(move(ELSEWHERE, 0)) enter(ELSEWHERE); enter(0);
#endif

/* How often something may happen in the middle of THEN. */
#ifndef TIMES
#define TIMES	1
#endif

#ifndef LOG
#define LOG	1
#endif
/* The generation the domain has reached; the source begins with 1. */
#ifndef START
#define START	1
#endif
#ifndef HASH
#define HASH	0
#endif
/*
 * vCPUs whose places are known, any of which may be the one that enters. 0: all of them may be anywhere, which makes the solver's
 * work much less.
 */
#ifndef VCPUS
#define VCPUS	0
#endif

#define CPUS	4u
#define CORES	2u
#define PAGES	2u
#define LPID	7u
#define OTHER	8u

enum entry { NONE, CURRENT, OLD, DEAD };

u32 nondet_u32(void);
bool nondet_bool(void);

static struct {
	struct kht_ledger ledger;
	u64 arrays[3 * CPUS + LOG + 1];
} memory[1];
static struct kht_ledger ledger;
static struct kht_thread threads[CPUS];
static u64 seen[CPUS], left[CPUS], left_seen[CPUS], replay[CPUS][LOG + 1];
static u64 log_of[LOG + 1];
static struct {
	struct kht_places p;
	u32 at[VCPUS + 1];
} vcpus;
static bool busy[VCPUS + 1];		/* is marked somewhere */
static int prev_cpu[VCPUS + 1];
static u32 on[CPUS];			/* the vCPU that is, there */

static enum entry tlb[CORES][PAGES], erat[CPUS][PAGES];	/* partition scope, or a hash guest's */
static enum entry process[CORES];			/* of a vCPU's address space */
static bool running[CPUS];		/* the mark is set, and the thread is in guest mode */
static bool gone[PAGES];		/* absorbed, and nobody has covered it */
static bool off[CPUS];
static bool locked, detaching;
static unsigned int interferences;	/* that may still happen */
static unsigned int this_cpu;

static u32 below(u32 n)
{
	u32 i = nondet_u32();

	__CPROVER_assume(i < n);
	return i;
}

static u64 page_of(unsigned int p)
{
	return kht_page((u64)p << 16, 16);
}

static unsigned int core_of(unsigned int cpu)
{
	return STEP == 1 ? cpu / 2 : cpu % 2;
}

static unsigned int sibling_of(unsigned int cpu)
{
	return cpu ^ STEP;
}

static struct kht_core threads_of(unsigned int cpu)
{
	return (struct kht_core){ .first = cpu & ~STEP, .last = cpu | STEP, .step = STEP };
}

static bool marked(unsigned int cpu)
{
	return kht_key_lpid(threads[cpu].guest) == LPID || kht_key_lpid(threads[cpu].quadrant) == LPID;
}

static void fill(void)
{
	unsigned int cpu, p;

	for (cpu = 0; cpu < CPUS; cpu++) {
		if (!marked(cpu))
			continue;
		for (p = 0; p < PAGES; p++) {
			if (tlb[core_of(cpu)][p] == NONE)
				tlb[core_of(cpu)][p] = CURRENT;
			if (erat[cpu][p] == NONE)
				erat[cpu][p] = tlb[core_of(cpu)][p];
		}
		if (process[core_of(cpu)] == NONE)
			process[core_of(cpu)] = CURRENT;
	}
}

/* Invariants 1 and 2: whoever is in guest may use any of these. */
static void use(void)
{
	unsigned int cpu, p;

	for (cpu = 0; cpu < CPUS; cpu++) {
		if (!running[cpu])
			continue;
		for (p = 0; p < PAGES; p++)
			assert(tlb[core_of(cpu)][p] != DEAD && erat[cpu][p] != DEAD);
		assert(process[core_of(cpu)] != DEAD);
	}
}

static void turn(unsigned int p, enum entry from, enum entry to)
{
	unsigned int i;

	for (i = 0; i < CORES; i++)
		if (tlb[i][p] == from)
			tlb[i][p] = to;
	for (i = 0; i < CPUS; i++)
		if (erat[i][p] == from)
			erat[i][p] = to;
}

static void drop_everywhere(unsigned int p)
{
	turn(p, CURRENT, NONE);
	turn(p, OLD, NONE);
	turn(p, DEAD, NONE);
}

static void interfere(void);
static void happen(void);

void kht_lock(struct kht_ledger *l)
{
	interfere();
	assert(l == &ledger && !locked);
	locked = true;
}

void kht_unlock(struct kht_ledger *l)
{
	assert(l == &ledger && locked);
	locked = false;
	interfere();
}

static void drop_erat(void)
{
	unsigned int p;

	for (p = 0; p < PAGES; p++)
		erat[this_cpu][p] = NONE;
	fill();
}

static void flush(bool partition, bool process_scope)
{
	unsigned int p;

	assert(!locked);
	for (p = 0; partition && p < PAGES; p++)
		tlb[core_of(this_cpu)][p] = NONE;
	if (process_scope)
		process[core_of(this_cpu)] = NONE;
	drop_erat();
	interfere();
}

static void flush_pages(const u64 *pages, u32 n)
{
	unsigned int p;
	u32 i;

	assert(!locked && n <= LOG);
	for (i = 0; i < n; i++)
		for (p = 0; p < PAGES; p++)
			if (pages[i] == page_of(p))
				tlb[core_of(this_cpu)][p] = NONE;
	drop_erat();
	interfere();
}

void kht_local_flush(u32 lpid)
{
	assert(lpid == LPID && !HASH);
	flush(true, !kht_mutant(KHT_MUT_NO_COMBINED));
}

void kht_local_flush_process(u32 lpid)
{
	assert(lpid == LPID && !HASH);
	flush(false, true);
}

void kht_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	assert(lpid == LPID && !HASH);
	flush_pages(pages, n);
}

void kht_local_sync(u32 lpid)
{
	assert(lpid == LPID && !HASH);
	flush(false, false);
}

void kht_local_flush_all(void)
{
	flush(!HASH, !HASH);
}

void kht_hash_local_flush_all(void)
{
	flush(HASH, HASH);
}

void kht_hash_local_flush(u32 lpid)
{
	assert(lpid == LPID && HASH);
	flush(true, true);
}

void kht_hash_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	assert(lpid == LPID && HASH);
	flush_pages(pages, n);
}

void kht_hash_local_sync(u32 lpid)
{
	assert(lpid == LPID && HASH);
	flush(false, false);
}

void kht_broadcast_page(u32 lpid, u64 page)
{
	unsigned int p;

	assert(lpid == LPID && !locked);
	for (p = 0; p < PAGES; p++)
		if (page == page_of(p))
			drop_everywhere(p);
	fill();
	interfere();
}

static void broadcast_all(void)
{
	unsigned int p;

	assert(!locked);
	for (p = 0; p < PAGES; p++)
		drop_everywhere(p);
	fill();
	interfere();
}

void kht_broadcast_lpid(u32 lpid)
{
	assert(lpid == LPID && !HASH);
	broadcast_all();
}

void kht_hash_broadcast(u32 lpid)
{
	assert(lpid == LPID && HASH);
	broadcast_all();
}

void kht_hash_kick(const struct kht_ledger *l, u64 upto)
{
	unsigned int cpu;

	assert(HASH && !locked);
	for (cpu = 0; cpu < CPUS; cpu++)
		if (kht_thread_behind(l, &threads[cpu], cpu, upto))
			running[cpu] = false;
	interfere();
}

static void change(unsigned int p)
{
	turn(p, CURRENT, OLD);
}

/* An invalidation has returned: the page may be another guest's. */
static void returned(unsigned int p)
{
	turn(p, OLD, DEAD);
	gone[p] = false;
	use();
}

static void free_place(unsigned int cpu)
{
	if (VCPUS && marked(cpu))
		busy[on[cpu]] = false;
}

/*
 * A vCPU that runs nowhere is loaded on @cpu, if there is one. On its prev_cpu nobody hears of it; otherwise the move is dealt with, or left
 * to stock. False: it does not enter.
 */
static bool loaded(unsigned int cpu)
{
	u32 i;

	if (!VCPUS)
		return true;
	free_place(cpu);
	i = below(VCPUS + 1);
	if (i == VCPUS || busy[i])
		return false;
	if (prev_cpu[i] != (int)cpu) {
		if (nondet_bool())
			prev_cpu[i] = cpu;
		kht_loaded(&vcpus.p, i, cpu, prev_cpu[i]);
	}
	if (nondet_bool())
		return false;
	prev_cpu[i] = cpu;
	busy[i] = true;
	on[cpu] = i;
	return true;
}

/* kht_on_guest_enter(); a vCPU that was interrupted comes back the same way. */
static void enter(unsigned int cpu)
{
	unsigned int was = this_cpu;

	if (running[cpu] || cpu == this_cpu || off[cpu] || !loaded(cpu))
		return;
	this_cpu = cpu;
	threads[cpu].guest = kht_key(LPID, 0);
	fill();
	if (kht_mark(&ledger, &threads[cpu].guest, kht_key(LPID, cpu), cpu))
		kht_settle(&ledger, &threads[cpu], cpu, threads_of(cpu));
	running[cpu] = true;
	use();
	this_cpu = was;
}

/* Interrupted and not back yet, or gone for good, or in another guest. */
static void leave(unsigned int cpu)
{
	if (!running[cpu])
		return;
	running[cpu] = false;
	if (nondet_bool()) {
		free_place(cpu);
		kht_leave(&threads[cpu].guest);
	} else if (VCPUS)
		;
	else if (nondet_bool())
		kht_store_release(&threads[cpu].guest, kht_key(OTHER, 0));
}

static bool defer_page(unsigned int p)
{
	if (HASH)
		return kht_reach_only(&ledger, threads, KHT_NO_THREAD, page_of(p), KHT_REACH_DEFER);
	return kht_defer_page(&ledger, threads, page_of(p)) == KHT_DEFERRED;
}

/* From begin to end the host uses the guest's translations; an interrupt does not end that. */
static void quadrant_begin(unsigned int cpu)
{
	unsigned int was = this_cpu;

	if (running[cpu] || cpu == this_cpu || off[cpu])
		return;
	this_cpu = cpu;
	threads[cpu].quadrant = kht_key(LPID, 0);
	fill();
	if (kht_mark(&ledger, &threads[cpu].quadrant, kht_key(LPID, 0), cpu))
		kht_settle(&ledger, &threads[cpu], cpu, threads_of(cpu));
	running[cpu] = true;
	use();
	this_cpu = was;
}

static void quadrant_end(unsigned int cpu)
{
	running[cpu] = false;
	kht_leave(&threads[cpu].quadrant);
}

static void invalidate(unsigned int p)
{
	if (gone[p])
		return;
	change(p);
	if (detaching || !defer_page(p)) {
		drop_everywhere(p);
		fill();
	}
	returned(p);
}

static void invalidate_all(void)
{
	unsigned int p;

	for (p = 0; p < PAGES; p++)
		change(p);
	if (kht_defer_full(&ledger, threads) != KHT_DEFERRED) {
		for (p = 0; p < PAGES; p++)
			drop_everywhere(p);
		fill();
	}
	for (p = 0; p < PAGES; p++)
		returned(p);
}

/* Of a hash guest: H_LOCAL. The host hears of it when it next takes pages away. */
static void absorb(unsigned int p)
{
	if (gone[p])
		return;
	gone[p] = true;
	change(p);
	if (HASH)
		kht_reach_only(&ledger, threads, KHT_NO_THREAD, page_of(p), KHT_REACH_LOCAL);
	else
		kht_absorb_page(&ledger, page_of(p));
}

static void absorb_all(void)
{
	unsigned int p;

	for (p = 0; p < PAGES; p++) {
		gone[p] = true;
		change(p);
	}
	kht_absorb_full(&ledger);
}

/* src/guest/sweep.c: all HPTEs that the host has found valid, none of which is covered before it returns. */
static void sweep(void)
{
	unsigned int p;

	for (p = 0; p < PAGES; p++) {
		if (gone[p])
			continue;
		change(p);
		kht_absorb_page(&ledger, page_of(p));
	}
	if (!kht_reach_absorbed(&ledger, threads, KHT_NO_THREAD)) {
		for (p = 0; p < PAGES; p++)
			drop_everywhere(p);
		fill();
	}
	for (p = 0; p < PAGES; p++)
		if (!gone[p])
			returned(p);
}

/* The end of the batch, or a notifier: the pages that were gone before are free after it. */
static void cover(void)
{
	bool mine[PAGES];
	unsigned int p;

	for (p = 0; p < PAGES; p++)
		mine[p] = gone[p];
	if (!kht_mutant(KHT_MUT_OTHERS_IGNORE_BATCH))
		kht_cover(&ledger, threads, below(3), !detaching && nondet_bool());
	for (p = 0; p < PAGES; p++)
		if (mine[p] && gone[p])
			returned(p);
}

/* kht_on_vcpu_move(): what the vCPU has used on the core it leaves, it may invalidate elsewhere. */
static void move(unsigned int prev, unsigned int cpu)
{
	unsigned int cpus[KHT_CORE_MAX];
	struct kht_vcpu v = { .ran_on = -1 };
	struct kht_move m;
	u32 i, n;

	if (core_of(prev) == core_of(cpu))
		return;
	m = kht_vcpu_load(&v, prev, cpu, false);
	if (m.debt) {
		n = kht_left_core(&ledger, threads, threads_of(prev), cpus);
		for (i = 0; i < n; i++)
			running[cpus[i]] = false;
	}
	if (process[core_of(prev)] == CURRENT)
		process[core_of(prev)] = DEAD;
	use();
}

/* The core of @cpu, which nobody uses, is off, and is about to come back: CPUHP_BP_PREPARE_DYN. */
static bool prepare(unsigned int cpu)
{
	if (threads[cpu].guest || threads[sibling_of(cpu)].guest || core_of(this_cpu) == core_of(cpu))
		return false;
	off[cpu] = off[sibling_of(cpu)] = true;
	return true;
}

/*
 * @cpu wakes up, with whatever it has, and runs kht_cpu_arrives() before a vCPU may come. A sibling that is up
 * already vouches for the TLB, not for the ERAT.
 */
static void online(unsigned int cpu)
{
	unsigned int was = this_cpu, p;

	for (p = 0; p < PAGES; p++) {
		if (off[sibling_of(cpu)])
			tlb[core_of(cpu)][p] = DEAD;
		erat[cpu][p] = DEAD;
	}
	if (off[sibling_of(cpu)])
		process[core_of(cpu)] = DEAD;
	off[cpu] = false;
	this_cpu = cpu;
	kht_thread_arrives(HASH);
	this_cpu = was;
}

/* The first half of kht_cover(), which looks for nobody yet; that is done by cover() afterwards. */
static void publish(void)
{
	kht_lock(&ledger);
	kht_commit(&ledger);
	kht_unlock(&ledger);
}

/*
 * At most TIMES, and not in the middle of each other. While it detaches nobody decides any more: no page is absorbed
 * (kht_wait_for_ops()), and what is invalidated is broadcast.
 */
static void interfere(void)
{
	static bool within;

	if (within || !interferences || !nondet_bool())
		return;
	interferences--;
	within = true;
	happen();
	within = false;
}

static void happen(void)
{
	switch (below(8)) {
	case 7:
		return enter(3);
	case 6:
		if (detaching)
			return;
		absorb(1);
		return publish();
	case 5:
		if (!detaching && prepare(2))
			online(2);
		return;
	case 0:
		return enter(0);
	case 1:
		return enter(2);
	case 2:
		return leave(0);
	case 3:
		return invalidate(0);
	default:
		return cover();
	}
}

/* Invariant 8: kht_domains_pay(); the interrupt finds no CPU that is off. */
static void pay_processes(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < CPUS; cpu++) {
		if (off[cpu])
			continue;
		this_cpu = cpu;
		running[cpu] = false;
		kht_pay_process(&ledger, cpu);
	}
	this_cpu = CPUS;
}

static void pay(void)
{
	cover();
	kht_pay_all(&ledger);
	pay_processes();
}

/* Stock's entry settles nothing. */
static void clean(void)
{
	unsigned int cpu, p;

	for (cpu = 0; cpu < CPUS; cpu++) {
		for (p = 0; p < PAGES; p++)
			assert(erat[cpu][p] != DEAD && tlb[core_of(cpu)][p] != DEAD);
		assert(process[core_of(cpu)] != DEAD);
	}
}

static void detach(void)
{
	pay();
	clean();
}

static void start(void)
{
	unsigned int i, p;

	/* Arrays of their own, so that CBMC knows where each ends. */
	ledger = *kht_ledger_init(memory, LPID, CPUS, LOG);
	ledger.seen = seen;
	ledger.left = left;
	ledger.left_seen = left_seen;
	ledger.log = log_of;
	vcpus.p.n = VCPUS;
	for (i = 0; i < VCPUS; i++)
		prev_cpu[i] = -1;
	if (VCPUS)
		ledger.places = &vcpus.p;
	ledger.hash = HASH;
	ledger.gen = ledger.full = ledger.covered = ledger.credit_from = ledger.credit_to = START;
	for (i = 0; i < CPUS; i++) {
		threads[i].replay = replay[i];
		seen[i] = kht_mutant(KHT_MUT_NEW_GUEST_CLEAN) ? START : 0;
		for (p = 0; p < PAGES; p++)
			erat[i][p] = DEAD;
	}
	for (i = 0; i < CORES; i++) {
		for (p = 0; p < PAGES; p++)
			tlb[i][p] = DEAD;
		/* A new guest has no process-scope debt: its LPID was flushed in both scopes when it was freed. */
		process[i] = NONE;
	}
}

int main(void)
{
	start();
	this_cpu = CPUS;
	FIRST
#ifdef THEN
	interferences = TIMES;
	THEN
	interferences = 0;
	LAST
#endif
	return 0;
}
