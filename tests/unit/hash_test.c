// SPDX-License-Identifier: GPL-2.0-only
/* Hash guests: how far an invalidation reaches, and what the ledger of one executes. */
#include "unit.h"

#define SELF	0u

static int setup_hash(void **state)
{
	setup(state);
	ledger->hash = true;
	return 0;
}

/* Like setup_hash(); every thread has settled. */
static int setup_settled(void **state)
{
	setup_hash(state);
	visit_all();
	return 0;
}

#define HASH_TEST(fn, test_name)	{ test_name, fn, setup_settled, teardown, NULL }

static enum kht_reach reach_of(struct kht_hcall h)
{
	h.self = SELF;
	return kht_global_invalidates(ledger, threads, &h);
}

static bool reach_only(unsigned int n, enum kht_reach reach)
{
	return kht_reach_only(ledger, threads, SELF, page(n), reach);
}

static struct kht_cover cover(void)
{
	return kht_cover(ledger, threads, 0, true);
}

static void assert_nothing_executed(void)
{
	assert_int_equal(done.hash_flushes + done.hash_replays + done.hash_syncs, 0);
	assert_int_equal(done.hash_broadcasts + done.kicks, 0);
}

/* Thread @cpu executes the pages from @from to @to - 1, in this order, and nothing else. */
static void assert_replays(unsigned int cpu, unsigned int from, unsigned int to)
{
	unsigned int i;

	forget();
	assert_int_equal(enter(cpu).need, KHT_REPLAY);
	assert_int_equal(done.hash_replays, 1);
	assert_int_equal(done.hash_flushes + done.hash_syncs, 0);
	assert_int_equal(done.nr_pages, to - from);
	for (i = 0; i < done.nr_pages; i++)
		assert_int_equal(done.pages[i], page(from + i));
}

/* Whoever else is in guest decides; every case by its bits. */
static enum kht_reach expected(const struct kht_hcall *h, bool others)
{
	if (!h->allowed)
		return KHT_REACH_BROADCAST;
	if (h->vcores == 1 || !others)
		return KHT_REACH_DEFER;
	return h->local && h->tracked && !h->paging ? KHT_REACH_LOCAL : KHT_REACH_BROADCAST;
}

static void truth_table(void **state)
{
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 1 << 7; bits++) {
		struct kht_hcall h = {
			.allowed = bits & 1, .vcores = bits & 2 ? 1 : 2, .local = bits & 4,
			.tracked = bits & 8, .paging = bits & 16,
		};
		bool others = bits & 32, self = bits & 64;

		if (others)
			enter(5);
		if (self)
			enter(SELF);
		assert_int_equal(reach_of(h), expected(&h, others));
		leave(5);
		leave(SELF);
	}
	assert_nothing_executed();
}

static void table_by_hand(void **state)
{
	(void)state;
	enter(SELF);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2 }), KHT_REACH_BROADCAST);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true }),
			 KHT_REACH_DEFER);
	enter(5);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true }),
			 KHT_REACH_BROADCAST);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true, .local = true }),
			 KHT_REACH_BROADCAST);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true, .local = true,
						      .tracked = true }), KHT_REACH_LOCAL);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true, .local = true,
						      .tracked = true, .paging = true }),
			 KHT_REACH_BROADCAST);
}

/* Somebody in guest has settled everything: he uses the translation that is about to go. */
static void settled_is_not_absent(void **state)
{
	(void)state;
	enter(5);
	assert_int_equal(ledger->seen[5], ledger->gen);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true }),
			 KHT_REACH_BROADCAST);
}

static void other_guests_do_not_count(void **state)
{
	(void)state;
	threads[5].guest = kht_key(LPID + 1, 1);
	assert_int_equal(reach_of((struct kht_hcall){ .vcores = 2, .allowed = true }),
			 KHT_REACH_DEFER);
}

static void nowhere_else_is_a_debt(void **state)
{
	unsigned int cpu;

	(void)state;
	enter(SELF);
	assert_true(reach_only(3, KHT_REACH_DEFER));
	assert_nothing_executed();
	for (cpu = 0; cpu < CPUS; cpu += THREADS) {
		assert_replays(cpu, 3, 4);
		assert_int_equal(enter(cpu + 1).need, KHT_SYNC);
		assert_int_equal(done.hash_syncs, 1);
	}
	assert_int_equal(cover().how, KHT_HOW_NONE);
}

static void arrive_with_old_generation(void)
{
	assert_int_equal(enter(2).need, KHT_NOTHING);
}

static void arrive_and_settle(void)
{
	assert_int_equal(enter(2).need, KHT_REPLAY);
}

/* Between the decision and the record: who has read the old generation is seen. */
static void arrival_before_the_record(void **state)
{
	(void)state;
	enter(SELF);
	before_lock = arrive_with_old_generation;
	assert_false(reach_only(0, KHT_REACH_DEFER));
	/* The caller broadcasts; what is recorded costs a flush. */
	leave(2);
	assert_replays(2, 0, 1);
}

/* Between the record and the look: who comes then has the new generation. */
static void arrival_after_the_record(void **state)
{
	(void)state;
	after_unlock = arrive_and_settle;
	assert_true(reach_only(0, KHT_REACH_DEFER));
}

static bool reach_absorbed(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		kht_absorb_page(ledger, page(i));
	return kht_reach_absorbed(ledger, threads, SELF);
}

static void absorbed_is_one_debt(void **state)
{
	(void)state;
	enter(SELF);
	assert_true(reach_absorbed(3));
	assert_nothing_executed();
	assert_replays(2, 0, 3);
	assert_int_equal(cover().how, KHT_HOW_NONE);
}

static void absorbed_beside_somebody_stays_open(void **state)
{
	(void)state;
	enter(5);
	assert_false(reach_absorbed(3));
	assert_int_equal(cover().how, KHT_HOW_KICK);
}

static void absorbed_and_somebody_comes(void **state)
{
	(void)state;
	enter(SELF);
	kht_absorb_page(ledger, page(0));
	before_lock = arrive_with_old_generation;
	assert_false(kht_reach_absorbed(ledger, threads, SELF));
}

/* What must be broadcast after all is not covered by that: the page of an H_LOCAL before it. */
static void refused_leaves_older_ones_open(void **state)
{
	(void)state;
	enter(5);
	assert_true(reach_only(0, KHT_REACH_LOCAL));
	assert_false(reach_only(1, KHT_REACH_DEFER));
	assert_int_equal(cover().how, KHT_HOW_KICK);
	assert_int_equal(done.kicked, 1 << 5);
}

static void local_is_remembered(void **state)
{
	struct kht_cover c;

	(void)state;
	enter(SELF);
	enter(5);
	assert_true(reach_only(7, KHT_REACH_LOCAL));
	assert_true(reach_only(8, KHT_REACH_LOCAL));
	assert_nothing_executed();
	assert_replays(SELF, 7, 9);
	forget();
	c = cover();
	assert_int_equal(c.how, KHT_HOW_KICK);
	assert_int_equal(c.upto - c.from, 2);
	assert_int_equal(c.broadcasts, 0);
	assert_int_equal(done.kicks, 1);
	assert_int_equal(done.kicked, 1 << 5);
}

/* The thread of the hcall is in guest again, and has not settled: the next cover's business too. */
static void cover_kicks_self_too(void **state)
{
	(void)state;
	enter(SELF);
	assert_true(reach_only(7, KHT_REACH_LOCAL));
	assert_int_equal(cover().how, KHT_HOW_KICK);
	assert_int_equal(done.kicked, 1 << SELF);
}

static void kick_happens_once(void **state)
{
	(void)state;
	enter(5);
	reach_only(7, KHT_REACH_LOCAL);
	assert_int_equal(cover().how, KHT_HOW_KICK);
	assert_int_equal(cover().how, KHT_HOW_NONE);
	assert_int_equal(done.kicks, 1);
	leave(5);
	reach_only(8, KHT_REACH_LOCAL);
	assert_int_equal(cover().how, KHT_HOW_DEBT);
	assert_int_equal(done.kicks, 1);
	assert_replays(5, 7, 9);
}

static void who_has_entered_again_is_not_kicked(void **state)
{
	(void)state;
	enter(5);
	reach_only(7, KHT_REACH_LOCAL);
	leave(5);
	assert_replays(5, 7, 8);
	assert_int_equal(cover().how, KHT_HOW_DEBT);
	assert_int_equal(done.kicks, 0);
}

static void only_those_behind_are_kicked(void **state)
{
	(void)state;
	enter(2);
	enter(5);
	reach_only(7, KHT_REACH_LOCAL);
	leave(2);
	enter(2);
	threads[6].guest = kht_key(LPID + 1, 1);
	assert_int_equal(cover().how, KHT_HOW_KICK);
	assert_int_equal(done.kicked, 1 << 5);
}

static void cover_without_defer_kicks(void **state)
{
	(void)state;
	reach_only(7, KHT_REACH_LOCAL);
	assert_int_equal(kht_cover(ledger, threads, 0, false).how, KHT_HOW_KICK);
	assert_int_equal(done.kicks, 1);
	assert_int_equal(done.kicked, 0);
}

static void second_operation(void)
{
	assert_int_equal(cover().how, KHT_HOW_KICK);
}

/* A kick that has begun is no kick that has ended (invariant 7). */
static void unfinished_kick_is_not_trusted(void **state)
{
	(void)state;
	enter(5);
	reach_only(7, KHT_REACH_LOCAL);
	during_kick = second_operation;
	assert_int_equal(cover().how, KHT_HOW_KICK);
	assert_int_equal(done.kicks, 2);
}

static void remove_meanwhile(void)
{
	assert_true(reach_only(8, KHT_REACH_LOCAL));
}

/* What is removed while the kick runs has not been kicked for. */
static void removed_during_the_kick(void **state)
{
	struct kht_cover c;

	(void)state;
	enter(5);
	reach_only(7, KHT_REACH_LOCAL);
	during_kick = remove_meanwhile;
	assert_int_equal(cover().how, KHT_HOW_KICK);
	c = cover();
	assert_int_equal(c.how, KHT_HOW_KICK);
	assert_int_equal(c.upto - c.from, 1);
}

static void log_of(unsigned int n)
{
	unsigned int i;

	enter(5);
	for (i = 0; i < n; i++)
		assert_true(reach_only(i, KHT_REACH_LOCAL));
	assert_int_equal(cover().how, KHT_HOW_KICK);
	leave(5);
}

static void log_just_fits(void **state)
{
	(void)state;
	log_of(LOG);
	assert_replays(5, 0, LOG);
}

static void log_overrun(void **state)
{
	struct kht_debt d;

	(void)state;
	log_of(LOG + 1);
	forget();
	d = enter(5);
	assert_int_equal(d.need, KHT_FLUSH);
	assert_true(d.overflow);
	assert_int_equal(done.hash_flushes, 1);
	assert_int_equal(done.hash_replays + done.nr_pages, 0);
	/* That settles it all. */
	assert_int_equal(enter(5).need, KHT_NOTHING);
	/* And a thread that was not that far behind replays. */
	visit(2);
	reach_only(LOG + 1, KHT_REACH_LOCAL);
	assert_replays(2, LOG + 1, LOG + 2);
}

static void leave_core(unsigned int cpu, u32 running)
{
	unsigned int cpus[KHT_CORE_MAX];

	assert_int_equal(kht_left_core(ledger, threads, core_of(cpu), cpus), running);
}

static void move_owes_one_flush(void **state)
{
	struct kht_debt d;

	(void)state;
	leave_core(2, 0);
	d = enter(2);
	assert_int_equal(d.need, KHT_NOTHING);
	assert_int_equal(d.process, KHT_FLUSH);
	assert_int_equal(done.hash_flushes, 1);
	assert_int_equal(done.hash_replays + done.hash_syncs, 0);
	assert_int_equal(enter(4).process, KHT_NOTHING);
}

static void move_and_pages_owe_one_flush(void **state)
{
	(void)state;
	reach_only(1, KHT_REACH_DEFER);
	leave_core(2, 0);
	assert_int_equal(enter(2).need, KHT_REPLAY);
	assert_int_equal(done.hash_flushes, 1);
	assert_int_equal(done.hash_replays + done.hash_syncs, 0);
	assert_int_equal(enter(2).process, KHT_NOTHING);
}

static void move_and_everything_owe_one_flush(void **state)
{
	struct kht_debt d;

	(void)state;
	kht_start_over(ledger);
	leave_core(2, 0);
	d = enter(2);
	assert_int_equal(d.need, KHT_FLUSH);
	assert_int_equal(d.process, KHT_FLUSH);
	assert_int_equal(done.hash_flushes, 1);
	assert_int_equal(done.hash_replays + done.hash_syncs, 0);
	assert_int_equal(enter(2).need, KHT_NOTHING);
}

static void sibling_syncs(void **state)
{
	struct kht_debt d;

	(void)state;
	kht_start_over(ledger);
	leave_core(2, 0);
	enter(2);
	forget();
	d = enter(3);
	assert_int_equal(d.need, KHT_SYNC);
	assert_int_equal(d.process, KHT_SYNC);
	assert_int_equal(done.hash_syncs, 1);
	assert_int_equal(done.hash_flushes + done.hash_replays, 0);
}

static void sibling_has_paid_the_move_only(void **state)
{
	(void)state;
	leave_core(2, 0);
	visit(2);
	reach_only(1, KHT_REACH_DEFER);
	assert_replays(3, 1, 2);	/* its last step is the sync */
}

static void move_kicks_who_runs(void **state)
{
	(void)state;
	enter(2);
	enter(4);
	leave_core(3, 1);
}

static void start_over(void **state)
{
	unsigned int cpu;

	(void)state;
	reach_only(1, KHT_REACH_DEFER);
	kht_start_over(ledger);
	for (cpu = 0; cpu < CPUS; cpu += THREADS) {
		struct kht_debt d = enter(cpu);

		assert_int_equal(d.need, KHT_FLUSH);
		assert_false(d.overflow);
	}
	assert_int_equal(done.hash_flushes, CPUS / THREADS);
	assert_int_equal(done.hash_replays, 0);
}

/* A mark that stands although nobody is in guest costs an interrupt. */
static void start_over_with_a_mark(void **state)
{
	(void)state;
	enter(5);
	kht_start_over(ledger);
	assert_int_equal(cover().how, KHT_HOW_KICK);
	assert_int_equal(done.kicked, 1 << 5);
	assert_int_equal(enter(5).need, KHT_FLUSH);
}

static void new_ledger_owes_all(void **state)
{
	(void)state;
	ledger = new_ledger(LPID, CPUS, LOG);
	ledger->hash = true;
	assert_true(reach_only(0, KHT_REACH_DEFER));
	assert_int_equal(enter(0).need, KHT_FLUSH);
	assert_int_equal(done.hash_flushes, 1);
}

static void pay_all(void **state)
{
	unsigned int cpu;

	(void)state;
	enter(5);
	reach_only(0, KHT_REACH_LOCAL);
	assert_true(kht_pay_all(ledger));
	assert_int_equal(done.hash_broadcasts, 1);
	forget();
	for (cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(enter(cpu).need, KHT_NOTHING);
	assert_int_equal(cover().how, KHT_HOW_NONE);
	assert_int_equal(done.hash_flushes + done.hash_replays + done.kicks, 0);
	assert_false(kht_pay_all(ledger));
}

/* Recorded while the broadcast runs: it may have come too late for that. */
static void recorded_during_pay(void **state)
{
	(void)state;
	reach_only(7, KHT_REACH_LOCAL);
	during_broadcast = remove_meanwhile;
	assert_true(kht_pay_all(ledger));
	assert_replays(2, 8, 9);
}

static void pay_process(void **state)
{
	(void)state;
	leave_core(2, 0);
	reach_only(1, KHT_REACH_LOCAL);
	assert_false(kht_pay_process(ledger, 0));
	assert_true(kht_pay_process(ledger, 2));
	assert_true(kht_pay_process(ledger, 3));
	assert_false(kht_pay_process(ledger, 2));
	assert_int_equal(done.hash_flushes, 2);
	assert_replays(2, 1, 2);
	assert_int_equal(enter(2).process, KHT_NOTHING);
}

static void done_everywhere(void **state)
{
	unsigned int cpu;
	u64 upto;

	(void)state;
	enter(5);
	reach_only(0, KHT_REACH_LOCAL);
	reach_only(1, KHT_REACH_LOCAL);
	upto = ledger->gen;
	reach_only(2, KHT_REACH_LOCAL);
	kht_done_everywhere(ledger, upto);
	leave(5);
	for (cpu = 1; cpu < CPUS; cpu += THREADS)
		assert_replays(cpu, 2, 3);
}

static void done_everywhere_covers(void **state)
{
	struct kht_cover c;
	u64 upto;

	(void)state;
	enter(5);
	reach_only(0, KHT_REACH_LOCAL);
	upto = ledger->gen;
	kht_done_everywhere(ledger, upto);
	assert_int_equal(cover().how, KHT_HOW_NONE);
	reach_only(1, KHT_REACH_LOCAL);
	c = cover();
	assert_int_equal(c.from, upto);
	assert_int_equal(c.how, KHT_HOW_KICK);
}

/* A flush of everything executes moves' debts too, but nothing says so: they stay, which is legal. */
static void done_everywhere_leaves_moves(void **state)
{
	(void)state;
	leave_core(2, 0);
	kht_done_everywhere(ledger, ledger->gen);
	assert_int_equal(enter(2).process, KHT_FLUSH);
}

/* Where the kernel has executed what is recorded, a thread owes none of it, and all that is recorded later. */
static void excused(void **state)
{
	(void)state;
	forget();
	kht_start_over(ledger);
	leave_core(2, 0);
	kht_excuse(ledger, 2);
	assert_false(kht_owes(ledger, 2));
	assert_nothing_executed();
	assert_true(reach_only(1, KHT_REACH_DEFER));
	assert_replays(2, 1, 2);
	assert_int_equal(enter(4).need, KHT_FLUSH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HASH_TEST(truth_table, "hash-global-or-local-every-case"),
		HASH_TEST(table_by_hand, "hash-global-or-local-by-hand"),
		HASH_TEST(settled_is_not_absent, "hash-who-is-in-guest-and-settled-counts"),
		HASH_TEST(other_guests_do_not_count, "hash-threads-of-other-guests-do-not-count"),
		HASH_TEST(nowhere_else_is_a_debt, "inv1-hash-nowhere-else-is-a-debt-of-every-thread-and-self"),
		HASH_TEST(arrival_before_the_record, "inv4-hash-arrival-before-the-record-is-broadcast"),
		HASH_TEST(arrival_after_the_record, "inv4-hash-arrival-after-the-record-settles"),
		HASH_TEST(absorbed_is_one_debt, "inv2-hash-absorbed-is-one-debt"),
		HASH_TEST(absorbed_beside_somebody_stays_open, "inv7-hash-absorbed-beside-somebody-stays-open"),
		HASH_TEST(absorbed_and_somebody_comes, "inv4-hash-absorbed-and-somebody-comes"),
		HASH_TEST(refused_leaves_older_ones_open, "inv7-hash-refused-leaves-older-removals-open"),
		HASH_TEST(local_is_remembered, "inv7-hash-local-removals-wait-for-the-host"),
		HASH_TEST(cover_kicks_self_too, "inv7-hash-the-thread-of-the-hcall-is-kicked-too"),
		HASH_TEST(kick_happens_once, "inv7-hash-one-kick-for-what-was-removed"),
		HASH_TEST(who_has_entered_again_is_not_kicked, "hash-who-has-entered-again-is-not-kicked"),
		HASH_TEST(only_those_behind_are_kicked, "hash-only-threads-behind-are-kicked"),
		HASH_TEST(cover_without_defer_kicks, "inv2-hash-cover-without-defer-kicks"),
		HASH_TEST(unfinished_kick_is_not_trusted, "inv7-hash-unfinished-kick-is-not-trusted"),
		HASH_TEST(removed_during_the_kick, "inv7-hash-removed-during-the-kick-is-still-open"),
		HASH_TEST(log_just_fits, "hash-replay-in-order-up-to-the-log's-size"),
		HASH_TEST(log_overrun, "hash-log-overrun-flushes-the-lpid"),
		HASH_TEST(move_owes_one_flush, "hash-move-owes-one-flush"),
		HASH_TEST(move_and_pages_owe_one_flush, "hash-move-and-pages-owe-one-flush"),
		HASH_TEST(move_and_everything_owe_one_flush, "hash-move-and-full-flush-owe-one-flush"),
		HASH_TEST(sibling_syncs, "hash-sibling-flushed-sync-once"),
		HASH_TEST(sibling_has_paid_the_move_only, "hash-sibling-paid-the-move-pages-are-replayed"),
		HASH_TEST(move_kicks_who_runs, "hash-move-kicks-who-runs-on-the-core"),
		HASH_TEST(start_over, "inv5-hash-a-new-table-owes-everything"),
		HASH_TEST(start_over_with_a_mark, "inv5-hash-a-new-table-and-a-mark-cost-a-kick"),
		HASH_TEST(new_ledger_owes_all, "inv5-hash-a-new-guest-owes-everything"),
		HASH_TEST(pay_all, "inv8-hash-pay-all-settles-and-covers"),
		HASH_TEST(recorded_during_pay, "inv8-hash-recorded-during-the-broadcast-stays-owed"),
		HASH_TEST(pay_process, "inv8-hash-pay-process-leaves-the-pages"),
		HASH_TEST(done_everywhere, "hash-done-everywhere-credits-up-to-its-begin"),
		HASH_TEST(done_everywhere_covers, "inv7-hash-done-everywhere-covers-up-to-its-begin"),
		HASH_TEST(done_everywhere_leaves_moves, "hash-done-everywhere-leaves-moves"),
		HASH_TEST(excused, "inv9-hash-excused-from-what-is-recorded-and-no-more"),
	};

	return unit_run(tests, COUNT(tests));
}
