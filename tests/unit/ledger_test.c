// SPDX-License-Identifier: GPL-2.0-only
/* The ledger's arithmetic: who owes what after which history. */
#include <string.h>
#include "unit.h"

/* What @cpu would owe now; nothing is executed. */
static struct kht_debt owed(unsigned int cpu)
{
	return kht_owed(ledger, &threads[cpu], cpu, core_of(cpu));
}

/* @cpu has executed all up to @upto, and what it owed of the process scope. */
static void settled(unsigned int cpu, u64 upto)
{
	struct kht_debt d = { .upto = upto, .left = ledger->left[cpu] };

	kht_settled(ledger, cpu, &d);
}

static void record(unsigned int n)
{
	kht_stage_page(ledger, page(n));
	kht_commit(ledger);
}

static void record_many(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		record(from);
}

/* A thread that owes exactly the pages from to to - 1, in this order. */
static void assert_replay(unsigned int cpu, unsigned int from, unsigned int to)
{
	struct kht_debt d = owed(cpu);
	unsigned int i;

	assert_int_equal(d.need, KHT_REPLAY);
	assert_int_equal(d.pages, to - from);
	for (i = 0; i < d.pages; i++)
		assert_int_equal(threads[cpu].replay[i], page(from + i));
}

static void start_owes_full(void **state)
{
	unsigned int cpu;

	(void)state;
	for (cpu = 0; cpu < CPUS; cpu++) {
		struct kht_debt d = owed(cpu);

		assert_int_equal(d.need, KHT_FLUSH);
		assert_false(d.overflow);
	}
	assert_true(kht_mark(ledger, &threads[0].guest, key_of(0), 0));
}

/* No credit of page broadcasts and no replay makes up for the first full flush. */
static void start_owes_full_after_records(void **state)
{
	(void)state;
	record_many(0, 3);
	assert_int_equal(owed(0).need, KHT_FLUSH);
	kht_credit(ledger, 1, ledger->gen);
	assert_int_equal(owed(0).need, KHT_FLUSH);
}

static void reused_lpid(void **state)
{
	(void)state;
	record_many(0, 5);
	visit_all();
	enter(3);
	ledger = new_ledger(LPID, CPUS, LOG);
	assert_int_equal(owed(3).need, KHT_FLUSH);
	assert_int_equal(owed(0).need, KHT_FLUSH);
}

static void up_to_date(void **state)
{
	(void)state;
	visit_all();
	assert_false(kht_mark(ledger, &threads[1].guest, key_of(1), 1));
	assert_int_equal(owed(1).need, KHT_NOTHING);
}

static void replay_exact(void **state)
{
	(void)state;
	visit_all();
	record_many(0, 3);
	assert_replay(2, 0, 3);
	settled(2, ledger->gen);
	record_many(3, 5);
	assert_replay(2, 3, 5);
	assert_replay(4, 0, 5);
}

static void replay_wraps(void **state)
{
	unsigned int i;

	(void)state;
	visit_all();
	for (i = 0; i < 10 * LOG; i += 7) {
		record_many(i, i + 7);
		assert_replay(0, i, i + 7);
		settled(0, ledger->gen);
	}
}

static void log_bounds(u32 log_size)
{
	unsigned int i;

	machine(CPUS, log_size);
	visit_all();
	for (i = 0; i < log_size; i++) {
		record(i);
		assert_replay(0, 0, i + 1);
	}
	record(i);
	assert_int_equal(owed(0).need, KHT_FLUSH);
	assert_true(owed(0).overflow);
	settled(0, ledger->gen);
	assert_int_equal(owed(0).need, KHT_NOTHING);
}

static void log_sizes(void **state)
{
	(void)state;
	log_bounds(0);
	log_bounds(1);
	log_bounds(2);
	log_bounds(64);
	log_bounds(KHT_LOG_MAX);
}

static void overflow_sticky(void **state)
{
	u64 from;

	(void)state;
	visit_all();
	record_many(0, LOG + 1);
	from = ledger->gen;
	record_many(0, 4);
	assert_int_equal(owed(0).need, KHT_FLUSH);
	/* The newest pages were broadcast: the older ones are still owed. */
	kht_credit(ledger, from, ledger->gen);
	assert_int_equal(owed(0).need, KHT_FLUSH);
	settled(0, ledger->gen);
	record(9);
	assert_replay(0, 9, 10);
}

static void staged_not_owed(void **state)
{
	(void)state;
	visit_all();
	kht_stage_page(ledger, page(1));
	assert_false(kht_mark(ledger, &threads[0].guest, key_of(0), 0));
	assert_int_equal(owed(0).need, KHT_NOTHING);
	kht_commit(ledger);
	assert_replay(0, 1, 2);
}

/* Staged pages lie in the ring already, over the oldest published ones. */
static void staged_overwrite(void **state)
{
	(void)state;
	visit_all();
	record_many(0, LOG);
	assert_replay(0, 0, LOG);
	kht_stage_page(ledger, page(LOG));
	assert_int_equal(owed(0).need, KHT_FLUSH);
	assert_true(owed(0).overflow);
	visit(2);
	record(LOG + 1);
	assert_replay(2, LOG, LOG + 2);
	assert_int_equal(owed(0).need, KHT_FLUSH);
}

static void commit_publishes_all(void **state)
{
	u64 before;

	(void)state;
	visit_all();
	before = ledger->gen;
	assert_int_equal(kht_commit(ledger), before);
	kht_stage_page(ledger, page(0));
	kht_stage_page(ledger, page(1));
	assert_int_equal(kht_load(&ledger->gen), before);
	assert_int_equal(kht_commit(ledger), before + 2);
	assert_int_equal(kht_commit(ledger), before + 2);
	assert_replay(0, 0, 2);
}

static void full_among_pages(void **state)
{
	struct kht_debt d;

	(void)state;
	visit_all();
	kht_stage_page(ledger, page(0));
	kht_stage_full(ledger);
	kht_stage_page(ledger, page(2));
	assert_int_equal(owed(0).need, KHT_NOTHING);
	kht_commit(ledger);
	d = owed(0);
	assert_int_equal(d.need, KHT_FLUSH);
	assert_false(d.overflow);
	settled(0, ledger->gen);
	record_many(3, 5);
	assert_replay(0, 3, 5);
	assert_int_equal(owed(2).need, KHT_FLUSH);
}

static void credit_lpid(void **state)
{
	unsigned int cpu;

	(void)state;
	visit(0);
	record_many(0, 3 * LOG);
	kht_credit(ledger, 0, ledger->gen);
	for (cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(owed(cpu).need, KHT_NOTHING);
	record(1);
	assert_replay(0, 1, 2);
	assert_replay(5, 1, 2);
}

/* Generations after the credited ones stay owed. */
static void credit_page_interval(void **state)
{
	u64 from;

	(void)state;
	visit_all();
	record(0);
	visit(2);
	from = ledger->gen;
	record_many(1, 4);
	kht_credit(ledger, from, ledger->gen);
	assert_int_equal(owed(2).need, KHT_NOTHING);
	assert_replay(4, 0, 4);
	record(4);
	assert_replay(2, 4, 5);
	assert_replay(4, 0, 5);
}

static void credit_not_older(void **state)
{
	u64 from;

	(void)state;
	visit_all();
	record(0);
	from = ledger->gen;
	record(1);
	kht_credit(ledger, from, ledger->gen);
	assert_replay(0, 0, 2);
}

/* A thread in the midst of the credited interval has nothing left either. */
static void credit_midway(void **state)
{
	u64 from;

	(void)state;
	visit_all();
	from = ledger->gen;
	record_many(0, 2);
	visit(6);
	record_many(2, 4);
	kht_credit(ledger, from, ledger->gen);
	assert_int_equal(owed(6).need, KHT_NOTHING);
	assert_int_equal(owed(0).need, KHT_NOTHING);
}

static void credit_joins(void **state)
{
	u64 g;

	(void)state;
	visit_all();
	g = ledger->gen;
	record_many(0, 9);
	kht_credit(ledger, g + 3, g + 6);
	kht_credit(ledger, g + 6, g + 8);	/* touches */
	assert_int_equal(ledger->credit_from, g + 3);
	assert_int_equal(ledger->credit_to, g + 8);
	kht_credit(ledger, g, g + 9);		/* contains */
	assert_int_equal(ledger->credit_from, g);
	assert_int_equal(owed(0).need, KHT_NOTHING);
}

static void credit_disjoint(void **state)
{
	u64 g;

	(void)state;
	visit_all();
	g = ledger->gen;
	record_many(0, 2);
	visit(2);
	record_many(2, 9);
	kht_credit(ledger, g, g + 3);
	kht_credit(ledger, g + 5, g + 9);
	assert_replay(0, 0, 9);		/* the older credit is forgotten */
	assert_replay(2, 2, 9);
	kht_credit(ledger, g, g + 1);	/* and an old one changes nothing */
	assert_int_equal(ledger->credit_from, g + 5);
}

/*
 * Random credits against the plain truth: which generations has a machine-wide
 * flush executed? A thread may owe too much, never too little.
 */
static void credit_random(void **state)
{
	u64 seed = 11;
	int round, i;

	(void)state;
	for (round = 0; round < 500; round++) {
		bool executed[40] = { false };
		u64 g, seen, first;

		machine(CPUS, LOG);
		visit_all();
		g = ledger->gen;
		record_many(0, 32);
		for (i = 0; i < 4; i++) {
			u64 from = random32(&seed) % 32, to = from + 1 + random32(&seed) % (32 - from);

			kht_credit(ledger, g + from, g + to);
			while (from < to)
				executed[++from] = true;
		}
		seen = random32(&seed) % 33;
		settled(0, g + seen);
		settled(1, g);
		owed(0);
		for (first = seen + 1; first <= 32 && executed[first]; first++)
			;
		if (first > 32)
			continue;
		/* Generation @first was executed nowhere on this core: it must be listed. */
		assert_int_equal(owed(0).need, KHT_REPLAY);
		for (i = 0; threads[0].replay[i] != page(first - 1); i++)
			assert_true(i + 1 < (int)owed(0).pages);
	}
}

static void sibling_sync(void **state)
{
	struct kht_debt d;

	(void)state;
	visit_all();
	record(0);
	visit(2);
	d = owed(3);
	assert_int_equal(d.need, KHT_SYNC);
	assert_int_equal(d.upto, ledger->gen);
	assert_replay(1, 0, 1);		/* another core */
	assert_replay(4, 0, 1);
	settled(3, d.upto);
	assert_int_equal(owed(3).need, KHT_NOTHING);
}

static void sibling_spares_first_flush(void **state)
{
	(void)state;
	visit(0);
	assert_int_equal(owed(1).need, KHT_SYNC);
	assert_int_equal(owed(2).need, KHT_FLUSH);
}

/* A sibling that has settled part of it shortens the replay. */
static void sibling_shortens(void **state)
{
	(void)state;
	visit_all();
	record_many(0, 2);
	visit(0);
	record_many(2, 5);
	assert_replay(1, 2, 5);
}

static void sibling_interleaved(void **state)
{
	struct kht_core odd = { 1, 7, 2, false }, even = { 0, 6, 2, false };

	(void)state;
	visit_all();
	record(0);
	/* Between the first and the last thread of the other core. */
	settled(5, ledger->gen);
	assert_int_equal(kht_owed(ledger, &threads[1], 1, odd).need, KHT_SYNC);
	assert_int_equal(kht_owed(ledger, &threads[0], 0, even).need, KHT_REPLAY);
}

/* Of a core whose threads' flushes do not serve each other. */
static void alone(void **state)
{
	struct kht_core core = { 2, 3, 1, .alone = true };

	(void)state;
	visit_all();
	record(0);
	settled(2, ledger->gen);
	assert_int_equal(kht_owed(ledger, &threads[2], 2, core).need, KHT_NOTHING);
	assert_int_equal(kht_owed(ledger, &threads[3], 3, core).need, KHT_REPLAY);
	kht_record(ledger, NULL);
	settled(3, ledger->gen);
	assert_int_equal(kht_owed(ledger, &threads[2], 2, core).need, KHT_FLUSH);
	assert_int_equal(kht_owed(ledger, &threads[3], 3, core).need, KHT_NOTHING);
}

/* Whoever leaves one of its threads leaves all of them, for each to flush. */
static void process_alone(void **state)
{
	struct kht_core core = { 2, 3, 1, .alone = true };

	(void)state;
	visit_all();
	kht_leave_core(ledger, core);
	settled(3, ledger->gen);
	assert_int_equal(kht_owed(ledger, &threads[2], 2, core).process, KHT_FLUSH);
	assert_int_equal(kht_owed(ledger, &threads[3], 3, core).process, KHT_NOTHING);
}

static void same_core(void **state)
{
	struct kht_core odd = { 1, 7, 2, false }, even = { 0, 6, 2, false }, alone = { 0, 6, 2, .alone = true };

	(void)state;
	assert_true(kht_same_core(odd, odd));
	assert_false(kht_same_core(odd, even));
	assert_false(kht_same_core(alone, alone));
}

/* What another core has settled, of a later move, is no flush of this one. */
static void process_interleaved(void **state)
{
	struct kht_core odd = { 1, 7, 2, false }, even = { 0, 6, 2, false };

	(void)state;
	visit_all();
	kht_leave_core(ledger, even);
	kht_leave_core(ledger, odd);
	settled(5, ledger->gen);
	assert_int_equal(kht_owed(ledger, &threads[1], 1, odd).process, KHT_SYNC);
	assert_int_equal(kht_owed(ledger, &threads[0], 0, even).process, KHT_FLUSH);
}

/* A move away from a core is that core's debt alone. */
static void process_debt(void **state)
{
	(void)state;
	visit_all();
	kht_leave_core(ledger, core_of(2));
	assert_true(kht_mark(ledger, &threads[2].guest, key_of(2), 2));
	assert_false(kht_mark(ledger, &threads[4].guest, key_of(4), 4));
	assert_int_equal(owed(2).process, KHT_FLUSH);
	assert_int_equal(owed(3).process, KHT_FLUSH);
	assert_int_equal(owed(2).need, KHT_NOTHING);
	assert_int_equal(owed(0).process, KHT_NOTHING);
	settled(3, ledger->gen);
	assert_int_equal(owed(3).process, KHT_NOTHING);
	assert_int_equal(owed(2).process, KHT_SYNC);
	kht_leave_core(ledger, core_of(2));
	assert_int_equal(owed(2).process, KHT_FLUSH);
	assert_int_equal(owed(3).process, KHT_FLUSH);
}

/* The two scopes are separate debts: paying one does not pay the other. */
static void scopes_are_separate(void **state)
{
	struct kht_debt d;

	(void)state;
	visit_all();
	kht_leave_core(ledger, core_of(0));
	record(0);
	d = owed(0);
	assert_int_equal(d.need, KHT_REPLAY);
	assert_int_equal(d.process, KHT_FLUSH);
	kht_credit(ledger, 0, ledger->gen);
	d = owed(0);
	assert_int_equal(d.need, KHT_NOTHING);
	assert_int_equal(d.process, KHT_FLUSH);
}

/*
 * Seven threads: the last core has one where its topology says two. Nothing
 * past the end of the arrays may pass for a sibling that has settled.
 */
static void last_core_not_full(void **state)
{
	unsigned int i;

	(void)state;
	machine(7, LOG);
	visit_all();
	for (i = 0; i < 100; i++) {
		kht_leave_core(ledger, core_of(0));
		kht_leave_core(ledger, core_of(6));
	}
	record(0);
	assert_int_equal(owed(6).need, KHT_REPLAY);
	assert_int_equal(owed(6).process, KHT_FLUSH);
}

/* Among pages: the flush of the whole LPID has the number at which it was staged. */
static void stage_full_among_pages(void **state)
{
	u64 gen;

	(void)state;
	record_many(0, 20);
	gen = ledger->gen;
	kht_stage_page(ledger, page(0));
	kht_stage_page(ledger, page(1));
	kht_stage_full(ledger);
	kht_stage_page(ledger, page(2));
	assert_int_equal(kht_commit(ledger), gen + 4);
	assert_int_equal(ledger->full, gen + 3);
}

/* One that is contained in what was credited before changes nothing. */
static void credit_contained(void **state)
{
	(void)state;
	record_many(0, 20);
	kht_credit(ledger, 1, 15);
	kht_credit(ledger, 3, 8);
	assert_int_equal(ledger->credit_from, 1);
	assert_int_equal(ledger->credit_to, 15);
}

/* Of two that overlap the union has been executed. */
static void credit_overlapping(void **state)
{
	(void)state;
	record_many(0, 20);
	kht_credit(ledger, 1, 10);
	kht_credit(ledger, 5, 18);
	assert_int_equal(ledger->credit_from, 1);
	assert_int_equal(ledger->credit_to, 18);
}

static void behind_marks(void **state)
{
	u64 upto;

	(void)state;
	visit_all();
	record(0);
	upto = ledger->gen;
	assert_false(kht_occupied(ledger, threads));
	kht_mark(ledger, &threads[5].guest, key_of(5), 5);
	assert_true(kht_occupied(ledger, threads));
	assert_true(kht_behind(ledger, threads, upto));
	assert_false(kht_behind(ledger, threads, upto - 1));
	settled(5, upto);
	assert_false(kht_behind(ledger, threads, upto));
	assert_true(kht_occupied(ledger, threads));
	leave(5);
	assert_false(kht_occupied(ledger, threads));
}

static void behind_quadrant(void **state)
{
	(void)state;
	visit_all();
	record(0);
	kht_mark(ledger, &threads[6].quadrant, kht_key(LPID, 0), 6);
	assert_true(kht_behind(ledger, threads, ledger->gen));
	kht_leave(&threads[6].quadrant);
	assert_false(kht_behind(ledger, threads, ledger->gen));
}

static void behind_others(void **state)
{
	(void)state;
	visit_all();
	record(0);
	threads[1].guest = kht_key(LPID + 1, 1);
	threads[2].quadrant = kht_key(LPID - 1, 0);
	assert_false(kht_occupied(ledger, threads));
}

/* Where the vCPUs are, to begin with, is not known. */
static void behind_anywhere(void **state)
{
	unsigned int cpu, nr = 130;

	(void)state;
	machine(nr, 1);
	for (cpu = 0; cpu < nr; cpu++) {
		assert_false(kht_occupied(ledger, threads));
		kht_mark(ledger, &threads[cpu].guest, key_of(cpu), cpu);
		assert_true(kht_occupied(ledger, threads));
		leave(cpu);
	}
}

#define VCPUS	3u

static struct {
	struct kht_places p;
	u32 at[VCPUS];
} vcpus;

/* A guest whose vCPUs have been created, and none has been loaded. */
static struct kht_places *new_vcpus(void)
{
	memset(&vcpus, 0, sizeof(vcpus));
	vcpus.p.n = VCPUS;
	ledger->places = &vcpus.p;
	return &vcpus.p;
}

/* vCPU @i comes to @cpu, enters there, and is looked for; then it leaves. */
static void assert_found(struct kht_places *p, u32 i, int cpu, int before)
{
	kht_loaded(p, i, cpu, before);
	assert_false(kht_occupied(ledger, threads));
	kht_mark(ledger, &threads[cpu].guest, key_of(cpu), cpu);
	assert_true(kht_occupied(ledger, threads));
	assert_false(kht_others_behind(ledger, threads, ~0ULL, cpu));
	leave(cpu);
}

/* Each of them, on the first CPU and on the last one. */
static void behind_follows(void **state)
{
	struct kht_places *p = new_vcpus();
	u32 i;

	(void)state;
	for (i = 0; i < VCPUS; i++) {
		assert_found(p, i, 0, -1);
		assert_found(p, i, CPUS - 1, -1);
		assert_found(p, i, 2 + i, 2 + i);
	}
}

/* What others have left on a CPU where no vCPU of the guest is, is not even looked at. */
static void behind_only_there(void **state)
{
	struct kht_places *p = new_vcpus();
	unsigned int cpu;

	(void)state;
	kht_loaded(p, 0, 3, -1);
	kht_loaded(p, 2, 5, 4);
	for (cpu = 0; cpu < CPUS; cpu++) {
		threads[cpu].guest = key_of(cpu);
		assert_int_equal(kht_occupied(ledger, threads), cpu >= 3 && cpu <= 5);
		threads[cpu].guest = 0;
	}
}

/* A move that is left to stock: the vCPU may come back unnoticed, until it has entered. */
static void behind_before(void **state)
{
	struct kht_places *p = new_vcpus();

	(void)state;
	kht_loaded(p, 1, 6, 0);
	kht_mark(ledger, &threads[0].guest, key_of(0), 0);
	assert_true(kht_occupied(ledger, threads));
	leave(0);
	assert_found(p, 1, 6, 0);
}

/* One of them may be anywhere: so every CPU is looked at, the rest of the vCPUs or not. */
static void behind_older(void **state)
{
	struct kht_places *p = new_vcpus();
	u32 i;

	(void)state;
	for (i = 0; i < VCPUS; i++) {
		vcpus.p.at[i] = KHT_ANYWHERE;
		kht_mark(ledger, &threads[7].guest, key_of(7), 7);
		assert_true(kht_occupied(ledger, threads));
		leave(7);
		assert_false(kht_occupied(ledger, threads));
		assert_found(p, i, 1, -1);
	}
}

static void look_of(unsigned int *cpus, unsigned int *n)
{
	struct kht_look look = kht_look(ledger);
	unsigned int cpu;

	for (*n = 0; (cpu = kht_look_next(ledger, &look)) != KHT_NO_THREAD; ++*n)
		cpus[*n] = cpu;
}

/* At most one place for each vCPU, or with more of them than CPUs each CPU. */
static void look_is_bounded(void **state)
{
	struct kht_places *p = new_vcpus();
	unsigned int cpus[64], n, cpu;

	(void)state;
	look_of(cpus, &n);
	assert_int_equal(n, 0);
	for (cpu = 0; cpu < CPUS; cpu++) {
		kht_loaded(p, 1, cpu, cpu ? (int)cpu : -1);
		look_of(cpus, &n);
		assert_int_equal(n, 1);
		assert_int_equal(cpus[0], cpu);
	}
	machine(2, LOG);
	p = new_vcpus();
	look_of(cpus, &n);
	assert_int_equal(n, 2);
}

static void log_page(void **state)
{
	u64 p, g;

	(void)state;
	g = ledger->gen;
	assert_false(kht_log_page(ledger, g, &p));	/* the initial full flush */
	record_many(0, LOG);
	assert_true(kht_log_page(ledger, g + 1, &p));
	assert_int_equal(p, page(0));
	assert_true(kht_log_page(ledger, g + LOG, &p));
	assert_int_equal(p, page(LOG - 1));
	kht_stage_page(ledger, page(LOG));
	assert_false(kht_log_page(ledger, g + 1, &p));
	assert_true(kht_log_page(ledger, g + 2, &p));
	kht_stage_full(ledger);
	kht_commit(ledger);
	assert_false(kht_log_page(ledger, g + LOG, &p));
	machine(CPUS, 0);
	record(0);
	assert_false(kht_log_page(ledger, ledger->gen, &p));
}

static void page_encoding(void **state)
{
	static const unsigned int shifts[] = { 12, 16, 21, 30 };
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT(shifts); i++) {
		u64 gpa = 0x000fedcba9876543ULL, p = kht_page(gpa, shifts[i]);

		assert_int_equal(kht_page_shift(p), shifts[i]);
		assert_int_equal(kht_page_gpa(p), gpa >> shifts[i] << shifts[i]);
	}
}

/* Where one flush takes a run of pages: who follows the newest staged page has its generation, and nobody else. */
static void runs(void **state)
{
	struct kht_debt d;
	u64 gen;

	(void)state;
	visit_all();
	ledger->runs = true;
	gen = ledger->gen;
	kht_stage_page(ledger, kht_page(0x10000, 12));
	kht_stage_page(ledger, kht_page(0x11000, 12));
	kht_stage_page(ledger, kht_page(0x12000, 12));
	kht_stage_page(ledger, kht_page(0x14000, 12));	/* a page is missing before it */
	kht_stage_page(ledger, kht_page(0x10000, 16));	/* another size */
	kht_stage_page(ledger, kht_page(0x20000, 16));
	assert_int_equal(kht_commit(ledger), gen + 3);
	assert_int_equal(ledger->joined, 3);
	/* What is published is not changed any more. */
	kht_stage_page(ledger, kht_page(0x30000, 16));
	assert_int_equal(kht_commit(ledger), gen + 4);
	d = owed(2);
	assert_int_equal(d.need, KHT_REPLAY);
	assert_int_equal(d.pages, 4);
	assert_int_equal(kht_page_gpa(threads[2].replay[0]), 0x10000);
	assert_int_equal(kht_page_shift(threads[2].replay[0]), 12);
	assert_int_equal(kht_run_bytes(threads[2].replay[0]), 0x3000);
	assert_int_equal(kht_run_bytes(threads[2].replay[1]), 0x1000);
	assert_int_equal(kht_page_gpa(threads[2].replay[2]), 0x10000);
	assert_int_equal(kht_run_bytes(threads[2].replay[2]), 0x20000);
	assert_int_equal(kht_run_bytes(threads[2].replay[3]), 0x10000);
}

/* A flush of everything between two pages parts them; so does a log of no entries; and a run has an end. */
static void runs_end(void **state)
{
	unsigned int i;
	u64 gen;

	(void)state;
	ledger->runs = true;
	gen = ledger->gen;
	kht_stage_page(ledger, kht_page(0x10000, 12));
	kht_stage_full(ledger);
	kht_stage_page(ledger, kht_page(0x11000, 12));
	assert_int_equal(kht_commit(ledger), gen + 3);
	assert_int_equal(ledger->joined, 0);
	for (i = 0; i < KHT_RUN_MAX + 1; i++)
		kht_stage_page(ledger, kht_page((u64)i << 12, 12));
	assert_int_equal(kht_commit(ledger), gen + 5);
	assert_int_equal(ledger->joined, KHT_RUN_MAX - 1);
	assert_int_equal(kht_run_bytes(ledger->log[(gen + 4) % LOG]), (u64)KHT_RUN_MAX << 12);
	ledger = new_ledger(LPID, CPUS, 0);
	ledger->runs = true;
	gen = ledger->gen;
	kht_stage_page(ledger, kht_page(0x10000, 12));
	kht_stage_page(ledger, kht_page(0x11000, 12));
	assert_int_equal(kht_commit(ledger), gen + 2);
}

static void key_encoding(void **state)
{
	(void)state;
	assert_int_not_equal(kht_key(1, 0), 0);
	assert_int_equal(kht_key_lpid(kht_key(4095, 0xffffffff)), 4095);
	assert_int_not_equal(kht_key(5, 1), kht_key(5, 2));
	assert_int_equal(kht_key_lpid(0), 0);
}

static void covered_only_rises(void **state)
{
	(void)state;
	kht_covered(ledger, 9);
	kht_covered(ledger, 4);
	assert_int_equal(ledger->covered, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start_owes_full, "inv5-a-new-ledger-owes-a-full-flush-everywhere"),
		TEST(start_owes_full_after_records, "inv5-pages-never-replace-the-first-full-flush"),
		TEST(reused_lpid, "inv5-a-reused-lpid-owes-a-full-flush"),
		TEST(up_to_date, "ledger-up-to-date-owes-nothing"),
		TEST(replay_exact, "inv1-replay-lists-what-was-recorded-since"),
		TEST(replay_wraps, "ledger-ring-wraps"),
		TEST(log_sizes, "ledger-log-sizes-0-1-2-64-512"),
		TEST(overflow_sticky, "ledger-overflow-is-sticky-until-a-full-flush"),
		TEST(staged_not_owed, "ledger-staged-is-not-owed-before-commit"),
		TEST(staged_overwrite, "ledger-staged-pages-use-up-the-log"),
		TEST(commit_publishes_all, "ledger-commit-publishes-all-staged"),
		TEST(full_among_pages, "ledger-full-among-pages-owes-full"),
		TEST(credit_lpid, "ledger-credit-of-the-lpid"),
		TEST(credit_page_interval, "ledger-credit-of-a-page-interval"),
		TEST(credit_not_older, "ledger-page-credit-leaves-older-debts"),
		TEST(credit_midway, "ledger-credit-reaches-threads-midway"),
		TEST(credit_joins, "ledger-credits-join"),
		TEST(credit_disjoint, "ledger-newer-disjoint-credit-replaces"),
		TEST(credit_random, "ledger-credit-never-forgives-what-was-not-executed"),
		TEST(sibling_sync, "ledger-sibling-flush-leaves-a-sync"),
		TEST(sibling_spares_first_flush, "inv5-first-flush-counts-for-the-core-only"),
		TEST(sibling_shortens, "ledger-sibling-shortens-the-replay"),
		TEST(sibling_interleaved, "ledger-interleaved-siblings"),
		TEST(process_interleaved, "ledger-interleaved-siblings-process-scope"),
		TEST(alone, "ledger-a-thread-whose-siblings-do-not-serve-it-flushes-itself"),
		TEST(process_alone, "ledger-and-so-after-a-move"),
		TEST(same_core, "ledger-threads-that-do-not-serve-each-other-are-no-core"),
		TEST(process_debt, "ledger-a-move-is-a-process-debt-of-one-core"),
		TEST(scopes_are_separate, "ledger-the-two-scopes-are-separate-debts"),
		TEST(last_core_not_full, "ledger-threads-beyond-the-last-are-no-siblings"),
		TEST(stage_full_among_pages, "ledger-a-full-flush-has-its-own-number"),
		TEST(credit_overlapping, "credits-that-overlap-join"),
		TEST(credit_contained, "credit-contained-in-another-changes-nothing"),
		TEST(behind_marks, "inv4-behind-sees-guest-marks"),
		TEST(behind_quadrant, "inv6-behind-sees-quadrant-marks"),
		TEST(behind_others, "ledger-other-domains-do-not-count"),
		TEST(behind_anywhere, "inv4-a-look-is-at-every-thread-of-a-guest-whose-vcpus-are-not-known"),
		TEST(behind_follows, "inv4-a-look-follows-the-vcpus"),
		TEST(behind_only_there, "inv4-a-look-is-at-no-other-thread"),
		TEST(behind_before, "inv4-a-vcpu-that-may-come-back-unnoticed-is-looked-for-there"),
		TEST(behind_older, "inv4-a-vcpu-that-may-be-anywhere-is-looked-for-everywhere"),
		TEST(look_is_bounded, "a-look-is-at-no-more-threads-than-there-are-vcpus-or-cpus"),
		TEST(log_page, "ledger-log-page"),
		TEST(page_encoding, "ledger-page-encoding"),
		TEST(runs, "ledger-pages-that-follow-one-another-are-a-run"),
		TEST(runs_end, "ledger-a-run-ends"),
		TEST(key_encoding, "ledger-key-encoding"),
		TEST(covered_only_rises, "ledger-covered-only-rises"),
	};

	return unit_run(tests, COUNT(tests));
}
