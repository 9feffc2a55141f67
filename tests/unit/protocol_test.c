// SPDX-License-Identifier: GPL-2.0-only
/* The steps of the protocol, and what happens in the middle of them. */
#include <stdlib.h>
#include "unit.h"

#define MANY	1000u	/* a ceiling nothing here reaches */

static void assert_no_broadcast(void)
{
	assert_int_equal(done.nr_broadcast_pages, 0);
	assert_int_equal(done.broadcast_lpids, 0);
}

static struct kht_cover cover(u32 ceiling)
{
	return kht_cover(ledger, threads, ceiling, true);
}

static void defer_idle(void **state)
{
	struct kht_debt d;

	(void)state;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(3)), KHT_DEFERRED);
	assert_no_broadcast();
	d = enter(4);
	assert_int_equal(d.need, KHT_REPLAY);
	assert_int_equal(done.nr_pages, 1);
	assert_int_equal(done.pages[0], page(3));
	assert_int_equal(enter(5).need, KHT_SYNC);
	assert_int_equal(done.syncs, 1);
	assert_int_equal(enter(4).need, KHT_NOTHING);
	assert_int_equal(cover(MANY).how, KHT_HOW_NONE);
}

static void defer_full_idle(void **state)
{
	(void)state;
	visit_all();
	assert_int_equal(kht_defer_full(ledger, threads), KHT_DEFERRED);
	assert_int_equal(enter(0).need, KHT_FLUSH);
	assert_int_equal(done.flushes, 1);
}

static void defer_occupied(void **state)
{
	u64 gen;

	(void)state;
	visit_all();
	enter(2);
	gen = ledger->gen;
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_REFUSED);
	assert_int_equal(kht_defer_full(ledger, threads), KHT_REFUSED);
	assert_int_equal(ledger->gen, gen);	/* broadcast anyway: nothing to record */
	leave(2);
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
}

static void defer_quadrant(void **state)
{
	(void)state;
	visit_all();
	kht_mark(ledger, &threads[2].quadrant, kht_key(LPID, 0), 2);
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_REFUSED);
	kht_leave(&threads[2].quadrant);
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	assert_true(kht_mark(ledger, &threads[2].quadrant, kht_key(LPID, 0), 2));
	assert_int_equal(kht_settle(ledger, &threads[2], 2, core_of(2)).need, KHT_REPLAY);
}

static void arrive_with_old_generation(void)
{
	assert_int_equal(enter(2).need, KHT_NOTHING);
}

static void arrive_and_settle(void)
{
	assert_int_equal(enter(2).need, KHT_REPLAY);
}

/* A thread comes in between the first look and the raise: it has read the old generation. */
static void defer_meets_arrival(void **state)
{
	(void)state;
	visit_all();
	before_lock = arrive_with_old_generation;
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_RECORDED);
}

/* One comes in after the raise: it settles, so it is no reason to broadcast. */
static void defer_meets_settled_arrival(void **state)
{
	(void)state;
	visit_all();
	after_unlock = arrive_and_settle;
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
}

static void record_meanwhile(void)
{
	unsigned int cpus[KHT_CORE_MAX];

	assert_int_equal(kht_defer_page(ledger, threads, page(8)), KHT_REFUSED);
	kht_record(ledger, NULL);
	kht_left_core(ledger, threads, core_of(2), cpus);
}

static void advance_to_old_generation(void **state)
{
	struct kht_debt d;
	u64 gen;

	(void)state;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	gen = ledger->gen;
	during_flush = record_meanwhile;
	d = enter(2);
	assert_int_equal(d.upto, gen);
	assert_int_equal(ledger->seen[2], gen);
	assert_true(ledger->gen > gen);
	d = enter(2);
	assert_int_equal(d.need, KHT_FLUSH);
	assert_int_equal(d.process, KHT_FLUSH);
}

static void leave_core_meanwhile(void)
{
	unsigned int cpus[KHT_CORE_MAX];

	assert_int_equal(kht_left_core(ledger, threads, core_of(2), cpus), 1);
	assert_int_equal(cpus[0], 2);
}

/* A flush of the whole LPID is one of the process scope too; the log's pages are not. */
static void one_flush_for_both_scopes(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	visit_all();
	kht_left_core(ledger, threads, core_of(2), cpus);
	assert_int_equal(kht_defer_full(ledger, threads), KHT_DEFERRED);
	enter(2);
	assert_int_equal(done.flushes, 1);
	assert_int_equal(done.process_flushes, 0);
	assert_int_equal(enter(2).need, KHT_NOTHING);
	leave(2);
	enter(3);
	assert_int_equal(done.syncs, 1);
	leave(3);
	kht_left_core(ledger, threads, core_of(2), cpus);
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	enter(2);
	assert_int_equal(done.replays, 1);
	assert_int_equal(done.process_flushes, 1);
}

/* A move during the flush is not settled by it: the thread is interrupted and flushes again. */
static void advance_to_old_move(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	visit_all();
	assert_int_equal(kht_left_core(ledger, threads, core_of(2), cpus), 0);
	during_flush = leave_core_meanwhile;
	assert_int_equal(enter(2).process, KHT_FLUSH);
	leave(2);
	assert_int_equal(enter(2).process, KHT_FLUSH);
	assert_int_equal(done.process_flushes, 2);
	assert_int_equal(enter(2).process, KHT_NOTHING);
}

static void cover_nothing(void **state)
{
	(void)state;
	visit_all();
	enter(0);
	assert_int_equal(cover(MANY).how, KHT_HOW_NONE);
	assert_no_broadcast();
}

static void cover_idle(void **state)
{
	struct kht_cover c;

	(void)state;
	visit_all();
	absorb(0, 10);
	c = cover(0);
	assert_int_equal(c.how, KHT_HOW_DEBT);
	assert_int_equal(c.upto - c.from, 10);
	assert_int_equal(c.broadcasts, 0);
	assert_no_broadcast();
	assert_int_equal(enter(0).pages, 10);
}

/* Somebody is in guest, but with the new tables. */
static void cover_nobody_behind(void **state)
{
	(void)state;
	visit_all();
	absorb(0, 3);
	after_unlock = arrive_and_settle;
	assert_int_equal(cover(MANY).how, KHT_HOW_DEBT);
	assert_no_broadcast();
}

static void cover_with_ceiling(u32 ceiling, u32 pages, enum kht_how how)
{
	struct kht_cover c;
	u32 i;

	setup(NULL);
	visit_all();
	enter(0);
	absorb(0, pages);
	c = cover(ceiling);
	assert_int_equal(c.how, how);
	if (how == KHT_HOW_LPID) {
		assert_int_equal(c.broadcasts, 1);
		assert_int_equal(done.broadcast_lpids, 1);
		assert_int_equal(done.nr_broadcast_pages, 0);
		return;
	}
	assert_int_equal(c.broadcasts, pages);
	assert_int_equal(done.broadcast_lpids, 0);
	assert_int_equal(done.nr_broadcast_pages, pages);
	for (i = 0; i < pages; i++)
		assert_int_equal(done.broadcast_pages[i], page(i));
}

static void cover_ceilings(void **state)
{
	(void)state;
	cover_with_ceiling(0, 1, KHT_HOW_LPID);
	cover_with_ceiling(1, 1, KHT_HOW_PAGES);
	cover_with_ceiling(5, 4, KHT_HOW_PAGES);
	cover_with_ceiling(5, 5, KHT_HOW_PAGES);
	cover_with_ceiling(5, 6, KHT_HOW_LPID);
	cover_with_ceiling(LOG, LOG, KHT_HOW_PAGES);
	cover_with_ceiling(MANY, LOG + 1, KHT_HOW_LPID);
}

static void cover_full(void **state)
{
	(void)state;
	visit_all();
	enter(0);
	absorb(0, 2);
	kht_absorb_full(ledger);
	assert_int_equal(cover(MANY).how, KHT_HOW_LPID);
	assert_int_equal(done.broadcast_lpids, 1);
}

static void cover_without_defer(void **state)
{
	struct kht_cover c;

	(void)state;
	visit_all();
	absorb(0, 2);
	c = kht_cover(ledger, threads, MANY, false);
	assert_int_equal(c.how, KHT_HOW_PAGES);
	assert_int_equal(done.nr_broadcast_pages, 2);
	assert_int_equal(enter(4).need, KHT_NOTHING);
}

/* A run is one flush, and the pages in it are counted by the cover that flushes it alone. */
static void cover_counts_its_runs(void **state)
{
	struct kht_cover c;

	(void)state;
	visit_all();
	enter(2);
	ledger->runs = true;
	absorb(0, 3);
	c = cover(MANY);
	assert_int_equal(c.how, KHT_HOW_PAGES);
	assert_int_equal(done.nr_broadcast_pages, 1);
	assert_int_equal(c.joined, 2);
	absorb(5, 6);
	assert_int_equal(cover(MANY).joined, 0);
	assert_int_equal(done.nr_broadcast_pages, 2);
}

/* Broadcast pages are owed no more; what was owed before them is. */
static void cover_credits(void **state)
{
	(void)state;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	enter(0);
	absorb(1, 4);
	assert_int_equal(cover(MANY).how, KHT_HOW_PAGES);
	assert_int_equal(done.nr_broadcast_pages, 3);
	forget();
	assert_int_equal(enter(0).need, KHT_NOTHING);
	assert_int_equal(enter(1).need, KHT_SYNC);
	assert_int_equal(enter(6).need, KHT_REPLAY);
	assert_int_equal(done.nr_pages, 4);
}

static void cover_lpid_credits_all(void **state)
{
	unsigned int cpu;

	(void)state;
	assert_int_equal(kht_defer_full(ledger, threads), KHT_DEFERRED);
	enter(0);
	absorb(1, 4);
	assert_int_equal(cover(0).how, KHT_HOW_LPID);
	forget();
	for (cpu = 1; cpu < CPUS; cpu++)
		assert_int_equal(enter(cpu).need, KHT_NOTHING);
	assert_int_equal(done.flushes + done.replays + done.syncs, 0);
}

static void overwrite_log(void)
{
	absorb(100, 100 + LOG);
}

/* The log is overwritten while its pages are broadcast one by one. */
static void cover_log_lost_midway(void **state)
{
	struct kht_cover c;

	(void)state;
	visit_all();
	enter(0);
	absorb(0, 3);
	during_broadcast = overwrite_log;
	c = cover(MANY);
	assert_int_equal(c.how, KHT_HOW_LPID);
	assert_int_equal(done.nr_broadcast_pages, 1);
	assert_int_equal(done.broadcast_lpids, 1);
	assert_int_equal(c.broadcasts, 2);
	/* What was absorbed meanwhile is still to be covered. */
	c = cover(MANY);
	assert_int_equal(c.upto - c.from, LOG);
	assert_int_equal(done.nr_broadcast_pages, 1 + LOG);
}

/* A notifier finds its pages absorbed by another task's batch, and flushes them. */
static void notifier_covers_batch(void **state)
{
	struct kht_cover c;

	(void)state;
	visit_all();
	enter(0);
	absorb(0, 3);
	c = cover(MANY);			/* the notifier */
	assert_int_equal(c.how, KHT_HOW_PAGES);
	assert_int_equal(done.nr_broadcast_pages, 3);
	absorb(3, 5);				/* the batch goes on */
	forget();
	c = cover(MANY);			/* and ends: only the rest */
	assert_int_equal(done.nr_broadcast_pages, 2);
	assert_int_equal(done.broadcast_pages[0], page(3));
}

static unsigned int inner_pages;

static void notifier_in_broadcast(void)
{
	unsigned int before = done.nr_broadcast_pages;

	assert_int_equal(cover(MANY).how, KHT_HOW_PAGES);
	inner_pages = done.nr_broadcast_pages - before;
}

/* The batch has broadcast one of three pages: the notifier does not rely on the rest. */
static void notifier_trusts_no_unfinished_work(void **state)
{
	(void)state;
	visit_all();
	enter(0);
	absorb(0, 3);
	during_broadcast = notifier_in_broadcast;
	assert_int_equal(cover(MANY).how, KHT_HOW_PAGES);
	assert_int_equal(inner_pages, 3);
	assert_int_equal(done.nr_broadcast_pages, 6);
	assert_int_equal(enter(4).need, KHT_NOTHING);
}

/* A single invalidation of another task publishes the batch's pages with its own. */
static void defer_inside_batch(void **state)
{
	(void)state;
	visit_all();
	absorb(0, 2);
	assert_int_equal(kht_defer_page(ledger, threads, page(2)), KHT_DEFERRED);
	assert_int_equal(enter(0).pages, 3);
	assert_int_equal(cover(MANY).how, KHT_HOW_NONE);
	absorb(3, 4);
	assert_int_equal(cover(MANY).how, KHT_HOW_PAGES);
	assert_int_equal(done.nr_broadcast_pages, 1);
}

/* One that must be broadcast by its caller leaves the batch's pages to the batch. */
static void broadcast_inside_batch(void **state)
{
	(void)state;
	visit_all();
	enter(0);
	absorb(0, 2);
	assert_int_equal(kht_defer_page(ledger, threads, page(2)), KHT_REFUSED);
	assert_int_equal(cover(MANY).how, KHT_HOW_PAGES);
	assert_int_equal(done.nr_broadcast_pages, 2);
}

static void pay_all(void **state)
{
	unsigned int cpu;

	(void)state;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	enter(3);
	assert_true(kht_pay_all(ledger));
	assert_int_equal(done.broadcast_lpids, 1);
	for (cpu = 0; cpu < CPUS; cpu++)
		if (cpu / THREADS != 1)
			assert_int_equal(enter(cpu).need, KHT_NOTHING);
}

static void pay_nothing(void **state)
{
	(void)state;
	visit_all();
	assert_false(kht_pay_all(ledger));
	assert_no_broadcast();
}

static void pay_staged(void **state)
{
	(void)state;
	visit_all();
	absorb(0, 2);
	assert_true(kht_pay_all(ledger));
	assert_int_equal(done.broadcast_lpids, 1);
}

/* Whichever thread it is that owes. */
static void pay_for_one(void **state)
{
	unsigned int cpu, other;

	(void)state;
	for (cpu = 0; cpu < CPUS; cpu++) {
		visit_all();
		assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
		for (other = 0; other < CPUS; other++)
			if (other != cpu)
				visit(other);
		assert_true(kht_pay_all(ledger));
		assert_int_equal(enter(cpu).need, KHT_NOTHING);
		leave(cpu);
	}
}

static bool took_lock;

static void note_lock(void)
{
	took_lock = true;
}

/* Enters on @cpu; true if that took the lock. */
static bool enters_locked(unsigned int cpu, struct kht_debt *d)
{
	took_lock = false;
	before_lock = note_lock;
	*d = enter(cpu);
	before_lock = NULL;
	return took_lock;
}

/* Broadcast, by page or whole: who has been served waits for nobody, and owes nothing. */
static void served_without_lock(void **state)
{
	u32 ceiling;

	(void)state;
	for (ceiling = 0; ceiling < 2; ceiling++) {
		struct kht_debt d;

		visit_all();
		enter(2);
		absorb(0, 1);
		kht_cover(ledger, threads, ceiling, true);
		forget();
		assert_false(enters_locked(2, &d));
		assert_int_equal(d.need, KHT_NOTHING);
		assert_int_equal(d.process, KHT_NOTHING);
		assert_int_equal(ledger->seen[2], ledger->gen);
		assert_false(enters_locked(3, &d));
		assert_int_equal(done.flushes + done.replays + done.syncs, 0);
	}
}

static void one_enters(void)
{
	enter(2);
}

/* What is recorded and not covered yet is no part of the credit. */
static void served_before_the_record(void **state)
{
	(void)state;
	visit_all();
	enter(3);
	absorb(0, 1);
	kht_cover(ledger, threads, 1, true);
	visit(2);
	leave(3);
	forget();
	after_unlock = one_enters;
	assert_int_equal(kht_defer_page(ledger, threads, page(1)), KHT_DEFERRED);
	assert_int_equal(done.replays, 1);
	assert_int_equal(done.nr_pages, 1);
	assert_int_equal(done.pages[0], page(1));
}

/* What it owes beside that it settles: an older page, a newer one, a move. */
static void served_in_part(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];
	struct kht_debt d;

	(void)state;
	threads_per_core = 1;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	enter(2);
	absorb(1, 2);
	kht_cover(ledger, threads, 1, true);
	assert_true(enters_locked(3, &d));
	assert_int_equal(d.pages, 2);
	leave(2);
	leave(3);
	assert_int_equal(kht_defer_page(ledger, threads, page(2)), KHT_DEFERRED);
	assert_true(enters_locked(2, &d));
	assert_int_equal(d.pages, 1);
	visit_all();
	enter(2);
	absorb(3, 4);
	kht_cover(ledger, threads, 1, true);
	kht_left_core(ledger, threads, core_of(2), cpus);
	assert_true(enters_locked(2, &d));
	assert_int_equal(d.need, KHT_NOTHING);
	assert_int_equal(d.process, KHT_FLUSH);
}

/* A thread that never visited has been flushed like any other. */
static void done_everywhere(void **state)
{
	(void)state;
	kht_done_everywhere(ledger, kht_record(ledger, NULL));
	assert_int_equal(enter(5).need, KHT_NOTHING);
}

/*
 * The guest is older than its ledger: it ran on CPU 6 before. CPU 6 has never
 * visited, and holds whatever it held.
 */
static void pay_unvisited(void **state)
{
	(void)state;
	visit(0);
	visit(1);
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	visit(0);
	visit(1);
	assert_true(kht_pay_all(ledger));
	assert_int_equal(done.broadcast_lpids, 1);
}

/* It empties its TLB; nobody else flushes for that, and a debt of before is still its own. */
static void thread_arrives(void **state)
{
	(void)state;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	kht_thread_arrives(false);
	assert_int_equal(done.all_flushes, 1);
	assert_int_equal(done.hash_all_flushes, 0);
	assert_no_broadcast();
	assert_int_equal(enter(2).need, KHT_REPLAY);
	assert_int_equal(enter(4).need, KHT_REPLAY);
	assert_int_equal(done.flushes + done.process_flushes, 0);
}

static void thread_arrives_beside_hash_guests(void **state)
{
	(void)state;
	kht_thread_arrives(true);
	assert_int_equal(done.all_flushes, 1);
	assert_int_equal(done.hash_all_flushes, 1);
}

/* What its broadcast was credited with while it was off is true of an empty TLB. */
static void thread_arrives_with_a_credit(void **state)
{
	(void)state;
	visit_all();
	enter(0);
	absorb(0, 2);
	assert_int_equal(cover(MANY).how, KHT_HOW_PAGES);
	kht_thread_arrives(false);
	assert_int_equal(enter(2).need, KHT_NOTHING);
	assert_int_equal(done.all_flushes, 1);
}

static void pay_process(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	visit_all();
	assert_int_equal(kht_left_core(ledger, threads, core_of(2), cpus), 0);
	assert_false(kht_pay_process(ledger, 0));
	assert_true(kht_pay_process(ledger, 2));
	assert_true(kht_pay_process(ledger, 3));
	assert_int_equal(done.process_flushes, 2);
	assert_false(kht_pay_process(ledger, 2));
	assert_int_equal(enter(2).process, KHT_NOTHING);
}

/* The partition scope is not paid by it. */
static void pay_process_only(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	visit_all();
	assert_int_equal(kht_defer_page(ledger, threads, page(0)), KHT_DEFERRED);
	kht_left_core(ledger, threads, core_of(2), cpus);
	assert_true(kht_pay_process(ledger, 2));
	assert_int_equal(enter(2).need, KHT_REPLAY);
}

static void left_core_lists_running(void **state)
{
	unsigned int cpus[KHT_CORE_MAX] = { 0 };

	(void)state;
	visit_all();
	enter(2);
	enter(4);
	assert_int_equal(kht_left_core(ledger, threads, core_of(3), cpus), 1);
	assert_int_equal(cpus[0], 2);
	enter(3);
	assert_int_equal(kht_left_core(ledger, threads, core_of(3), cpus), 2);
	assert_int_equal(cpus[1], 3);
	assert_int_equal(kht_left_core(ledger, threads, core_of(0), cpus), 0);
}

static void left_core_this_guest_only(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	visit_all();
	threads[0].guest = kht_key(LPID + 1, 1);
	threads[1].quadrant = kht_key(LPID, 0);
	assert_int_equal(kht_left_core(ledger, threads, core_of(0), cpus), 0);
}

/* An SMT8 core whose even threads share one TLB, its odd threads another. */
static void left_core_every_other(void **state)
{
	struct kht_core odd = { 1, 7, 2, false };
	unsigned int cpus[KHT_CORE_MAX], i;

	(void)state;
	for (i = 0; i < CPUS; i++)
		enter(i);
	assert_int_equal(kht_left_core(ledger, threads, odd, cpus), 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(cpus[i], 2 * i + 1);
	for (i = 0; i < CPUS; i += 2)
		assert_false(kht_mark(ledger, &threads[i].guest, key_of(i), i));
}

/* Two cores of eight threads, none of which owes anything. */
static void smt8(void)
{
	threads_per_core = KHT_CORE_MAX;
	machine(2 * KHT_CORE_MAX, LOG);
	visit_all();
}

/* One flush for each core, and each of its threads syncs for itself. */
static void smt8_flushes_once_per_core(void **state)
{
	unsigned int cpu, first;

	(void)state;
	smt8();
	assert_int_equal(kht_defer_page(ledger, threads, page(1)), KHT_DEFERRED);
	for (cpu = 0; cpu < 2 * KHT_CORE_MAX; cpu++) {
		first = cpu / KHT_CORE_MAX * KHT_CORE_MAX;
		/* The last of the core is the one that flushes. */
		assert_int_equal(enter(2 * first + KHT_CORE_MAX - 1 - cpu).need, cpu == first ? KHT_REPLAY : KHT_SYNC);
	}
	assert_int_equal(done.replays, 2);
	assert_int_equal(done.syncs, 2 * (KHT_CORE_MAX - 1));
}

/* All eight are listed, and each of them settles; the other core owes nothing. */
static void smt8_moves(void **state)
{
	unsigned int cpus[KHT_CORE_MAX], cpu;

	(void)state;
	smt8();
	for (cpu = 0; cpu < 2 * KHT_CORE_MAX; cpu++)
		enter(cpu);
	assert_int_equal(kht_left_core(ledger, threads, core_of(KHT_CORE_MAX), cpus), KHT_CORE_MAX);
	for (cpu = 0; cpu < KHT_CORE_MAX; cpu++) {
		assert_int_equal(cpus[cpu], KHT_CORE_MAX + cpu);
		assert_int_equal(enter(cpu).process, KHT_NOTHING);
	}
	for (cpu = 2 * KHT_CORE_MAX - 1; cpu >= KHT_CORE_MAX; cpu--)
		assert_int_equal(enter(cpu).process, cpu == 2 * KHT_CORE_MAX - 1 ? KHT_FLUSH : KHT_SYNC);
}

/* The list has room for eight, whatever the topology says. */
static void left_core_too_large(void **state)
{
	struct kht_core large = { 0, KHT_CORE_MAX + 1, 1, false };
	unsigned int *cpus = malloc(KHT_CORE_MAX * sizeof(*cpus)), cpu;

	(void)state;
	assert_non_null(cpus);
	machine(2 * KHT_CORE_MAX, LOG);
	visit_all();
	for (cpu = 0; cpu <= large.last; cpu++)
		enter(cpu);
	assert_int_equal(kht_left_core(ledger, threads, large, cpus), KHT_CORE_MAX);
	free(cpus);
}

static void arrive_without_process_debt(void)
{
	assert_int_equal(enter(2).process, KHT_NOTHING);
}

static void arrive_with_process_debt(void)
{
	assert_int_equal(enter(3).process, KHT_FLUSH);
}

/* Whoever enters before the debt is set is listed; whoever enters after has settled. */
static void left_core_meets_arrivals(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	visit_all();
	before_lock = arrive_without_process_debt;
	assert_int_equal(kht_left_core(ledger, threads, core_of(2), cpus), 1);
	assert_int_equal(cpus[0], 2);
	leave(2);
	after_unlock = arrive_with_process_debt;
	assert_int_equal(kht_left_core(ledger, threads, core_of(2), cpus), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defer_idle, "inv1-defer-idle-is-settled-on-entry"),
		TEST(defer_full_idle, "inv1-defer-full-is-settled-on-entry"),
		TEST(defer_occupied, "inv2-defer-occupied-is-broadcast"),
		TEST(defer_quadrant, "inv6-quadrant-access-counts-as-in-guest-and-settles"),
		TEST(defer_meets_arrival, "inv4-arrival-before-the-raise-is-seen"),
		TEST(defer_meets_settled_arrival, "inv4-arrival-after-the-raise-settles"),
		TEST(advance_to_old_generation, "inv3-advance-only-to-generation-read-before-flush"),
		TEST(advance_to_old_move, "inv3-advance-only-to-move-read-before-flush"),
		TEST(cover_nothing, "cover-nothing-pending"),
		TEST(cover_idle, "cover-idle-is-a-debt"),
		TEST(cover_nobody_behind, "cover-in-guest-but-not-behind-is-a-debt"),
		TEST(cover_ceilings, "inv2-cover-ceiling-0-below-at-above"),
		TEST(cover_full, "inv2-cover-with-a-full-flush-inside"),
		TEST(cover_without_defer, "inv2-cover-without-defer-broadcasts"),
		TEST(cover_credits, "cover-pages-credit-nothing-older"),
		TEST(cover_lpid_credits_all, "cover-lpid-credits-everybody"),
		TEST(cover_log_lost_midway, "inv2-cover-log-overwritten-midway"),
		TEST(notifier_covers_batch, "inv7-notifier-covers-a-batch-in-progress"),
		TEST(notifier_trusts_no_unfinished_work, "inv7-notifier-trusts-no-unfinished-broadcast"),
		TEST(defer_inside_batch, "inv7-defer-inside-a-batch-covers-it"),
		TEST(broadcast_inside_batch, "inv7-broadcast-inside-a-batch-leaves-it-open"),
		TEST(pay_all, "inv8-pay-all-settles-every-debt"),
		TEST(pay_nothing, "inv8-pay-all-without-debts-is-free"),
		TEST(pay_staged, "inv8-pay-all-includes-a-batch-in-progress"),
		TEST(pay_for_one, "inv8-pay-all-pays-for-a-single-thread"),
		TEST(served_without_lock, "a-thread-that-a-broadcast-has-served-takes-no-lock"),
		TEST(served_before_the_record, "a-thread-that-enters-after-the-record-is-not-served"),
		TEST(served_in_part, "a-thread-served-in-part-settles-the-rest"),
		TEST(done_everywhere, "a-flush-everywhere-credits-threads-that-never-visited"),
		TEST(pay_unvisited, "inv8-pay-all-counts-threads-that-never-visited"),
		TEST(one_flush_for_both_scopes, "inv1-one-flush-of-the-lpid-does-for-both-scopes"),
		TEST(thread_arrives, "inv5-a-thread-that-comes-online-empties-its-tlb"),
		TEST(thread_arrives_beside_hash_guests, "inv5-a-thread-that-comes-online-drops-hash-guests-too"),
		TEST(thread_arrives_with_a_credit, "inv5-a-thread-that-comes-online-may-have-been-credited"),
		TEST(pay_process, "inv8-pay-process-settles-the-thread"),
		TEST(pay_process_only, "inv8-pay-process-leaves-the-partition-scope"),
		TEST(left_core_lists_running, "move-kick-threads-in-guest"),
		TEST(left_core_this_guest_only, "move-kick-this-guest-only"),
		TEST(left_core_every_other, "move-kick-interleaved-threads"),
		TEST(cover_counts_its_runs, "inv7-a-cover-counts-the-pages-of-its-own-runs"),
		TEST(smt8_flushes_once_per_core, "inv1-eight-threads-share-a-flush-and-sync-for-themselves"),
		TEST(smt8_moves, "move-kicks-all-eight-threads-of-a-core"),
		TEST(left_core_too_large, "move-kicks-no-more-than-the-list-has-room-for"),
		TEST(left_core_meets_arrivals, "inv4-move-meets-arrivals"),
	};

	return unit_run(tests, COUNT(tests));
}
