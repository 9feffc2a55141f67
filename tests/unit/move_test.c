// SPDX-License-Identifier: GPL-2.0-only
/* vCPU moves: who pays for what, and when. */
#include "unit.h"
#include "core/move.h"

/* A vCPU on the road: what it did and what that cost, in units of one sequence. */
struct trip {
	struct kht_vcpu v;
	int cpu;
	u64 cost, returns, user_moves;
};

#define IPI_COST	KHT_SYNC_CREDIT	/* src/core/move.h: an IPI is worth that many sequences */

static void start(struct trip *t)
{
	*t = (struct trip){ .cpu = 0 };
	kht_vcpu_init(&t->v);
}

/* The guest runs, then its thread gives up the CPU and takes @next. */
static struct kht_move go(struct trip *t, bool scheduled_out, int next)
{
	struct kht_move m;
	bool paid;

	kht_vcpu_ran(&t->v, t->cpu);
	paid = kht_vcpu_put(&t->v, scheduled_out);
	m = kht_vcpu_load(&t->v, t->cpu, next, false);
	if (!scheduled_out) {
		t->returns++;
		t->user_moves += next != t->cpu;
		t->cost += paid;
	}
	t->cost += IPI_COST * (m.ipi >= 0);
	t->cpu = next;
	return m;
}

static void first_load(void **state)
{
	struct kht_vcpu v = { 0 };
	struct kht_move m;

	(void)state;
	kht_vcpu_init(&v);
	m = kht_vcpu_load(&v, -1, 3, false);
	assert_false(m.moved);
	assert_false(m.debt);
	assert_int_equal(m.ipi, -1);
}

static void same_cpu(void **state)
{
	struct trip t;
	struct kht_move m;

	(void)state;
	start(&t);
	m = go(&t, false, 0);
	assert_false(m.moved);
	assert_false(m.debt);
	assert_int_equal(m.ipi, -1);
}

static void other_core(void **state)
{
	struct kht_vcpu v = { 0 };

	(void)state;
	kht_vcpu_init(&v);
	assert_true(kht_vcpu_load(&v, 0, 2, false).debt);
	assert_false(kht_vcpu_load(&v, 2, 3, true).debt);
	assert_true(kht_vcpu_load(&v, 2, 3, true).moved);
}

static void scheduled_out(void **state)
{
	struct kht_vcpu v = { 0 };
	struct kht_move m;

	(void)state;
	kht_vcpu_init(&v);
	kht_vcpu_ran(&v, 4);
	assert_true(kht_vcpu_put(&v, true));
	assert_false(kht_vcpu_put(&v, true));
	m = kht_vcpu_load(&v, 4, 6, false);
	assert_true(m.moved);
	assert_int_equal(m.ipi, -1);
}

static void moved_in_user_space(void **state)
{
	struct trip t;

	(void)state;
	start(&t);
	assert_int_equal(go(&t, false, 2).ipi, 0);
	assert_int_equal(t.cost, IPI_COST);
	/* The IPI gave credit, so the next such moves are paid in advance. */
	assert_int_equal(go(&t, false, 4).ipi, -1);
	assert_int_equal(t.cost, IPI_COST + 1);
}

/* However a vCPU gets to another CPU, its sequence was completed on the old one. */
static void order(void **state)
{
	u64 seed = 5;
	struct trip t;
	int i;

	(void)state;
	start(&t);
	for (i = 0; i < 100000; i++) {
		int from = t.cpu, next = random32(&seed) % 4;
		bool out = random32(&seed) % 2, paid;
		struct kht_move m;

		kht_vcpu_ran(&t.v, from);
		paid = kht_vcpu_put(&t.v, out);
		m = kht_vcpu_load(&t.v, from, next, false);
		assert_int_equal(m.moved, next != from);
		assert_true(!m.moved || paid || m.ipi == from);
		assert_true(m.ipi < 0 || (m.moved && !paid));
		t.cpu = next;
	}
}

static void check_bound(const struct trip *t)
{
	u64 never = IPI_COST * t->user_moves, always = t->returns;
	u64 best = never < always ? never : always;

	/* The first IPI is the price of learning. */
	if (t->cost > 2 * best + IPI_COST)
		fail_msg("cost %llu, never %llu, always %llu", (unsigned long long)t->cost,
			 (unsigned long long)never, (unsigned long long)always);
}

static void random_trips(void **state)
{
	u64 seed = 1;
	int i, n;

	(void)state;
	for (i = 0; i < 2000; i++) {
		u32 moves = 1 + random32(&seed) % 64, outs = 1 + random32(&seed) % 64;
		struct trip t;

		start(&t);
		for (n = 0; n < 500; n++) {
			bool out = random32(&seed) % outs == 0;
			bool move = random32(&seed) % moves == 0;

			go(&t, out, (t.cpu + 2 * move) % 8);
		}
		check_bound(&t);
	}
}

/* The worst cases: a move just after the credit has run out, or just before. */
static void periodic_trips(void **state)
{
	int stay, outs, n, i;

	(void)state;
	for (stay = 0; stay < 3 * KHT_SYNC_CREDIT; stay++)
		for (outs = 0; outs < 3; outs++) {
			struct trip t;

			start(&t);
			for (n = 0; n < 100; n++) {
				for (i = 0; i < stay; i++)
					go(&t, false, t.cpu);
				go(&t, outs > 0, (t.cpu + 2) % 8);
				if (outs > 1)
					go(&t, true, t.cpu);
			}
			check_bound(&t);
		}
}

/* A move when scheduled out costs no credit and brings none, whatever came before. */
static void no_credit_for_scheduled_moves(void **state)
{
	struct trip t;
	u64 cost;
	int n, i;

	(void)state;
	start(&t);
	go(&t, false, 2);
	for (n = 0; n < 10; n++) {
		for (i = 0; i < KHT_SYNC_CREDIT; i++)
			go(&t, false, t.cpu);
		cost = t.cost;
		go(&t, true, (t.cpu + 2) % 8);
		assert_int_equal(t.cost, cost);
	}
	check_bound(&t);
}

static void ran_on(void **state)
{
	struct kht_vcpu v = { 0 };

	(void)state;
	kht_vcpu_init(&v);
	assert_int_equal(v.ran_on, -1);
	kht_vcpu_ran(&v, 3);
	kht_vcpu_ran(&v, 3);
	assert_int_equal(v.ran_on, 3);
}

#define RUNNERS		3u	/* vCPUs of an L1 */
#define NESTED		4u	/* of its nested guest, by number; two of them share a place */

/* What the kernel and src/guest/vcpu.c make of where they are. */
struct family {
	struct kht_runners runners;
	struct kht_vcpu v[RUNNERS];
	int on[RUNNERS];		/* where each of the L1's vCPUs is, or has been */
	bool out[RUNNERS];		/* it has been scheduled out there */
	int prev_cpu[NESTED];		/* the kernel's */
	/* The truth: where each has run last, and whether that CPU has completed the sequence since. */
	int ran_on[NESTED], complete[NESTED];
};

static u32 number_of(u32 nested)
{
	return nested == 3 ? 2 + KHT_RUNNERS : nested;
}

static void complete_on(struct family *f, int cpu)
{
	u32 n;

	for (n = 0; n < NESTED; n++)
		if (f->ran_on[n] == cpu)
			f->complete[n] = true;
}

/* vcpu_put: the order is completed on the CPU that is left. */
static void runner_leaves(struct family *f, u32 runner)
{
	if (!f->out[runner])
		complete_on(f, f->on[runner]);
	f->out[runner] = true;
}

/* kht_on_vcpu_move(), which hides the move; another vCPU may have been where this one has left. */
static void runner_comes(struct family *f, u32 runner, int cpu)
{
	int prev = f->on[runner];
	u32 n;

	if (!f->out[runner])
		return;
	f->out[runner] = false;
	for (n = 0; n < NESTED; n++)
		if (f->v[runner].l2_lpid && number_of(n) == f->v[runner].l2_vcpu && f->prev_cpu[n] == prev &&
		    kht_ran_last(&f->runners, number_of(n), runner)) /* hide_nested_move() */
			f->prev_cpu[n] = cpu;
	f->on[runner] = cpu;
}

/* kvmppc_prepare_radix_vcpu(), then enter_nested(). */
static void runner_enters(struct family *f, u32 runner, u32 n)
{
	int cpu = f->on[runner];

	if (f->out[runner])
		return;
	if (f->prev_cpu[n] >= 0 && f->prev_cpu[n] != cpu)
		complete_on(f, f->prev_cpu[n]);
	f->prev_cpu[n] = cpu;
	if (f->ran_on[n] >= 0 && f->ran_on[n] != cpu)
		assert_true(f->complete[n]);
	kht_runs(&f->runners, number_of(n), runner);
	f->v[runner].l2_lpid = 1;
	f->v[runner].l2_vcpu = number_of(n);
	f->ran_on[n] = cpu;
	f->complete[n] = false;
}

static void nested_order(void **state)
{
	struct family f = { 0 };
	u64 seed = 3;
	u32 i, hidden = 0;

	(void)state;
	for (i = 0; i < NESTED; i++)
		f.prev_cpu[i] = f.ran_on[i] = -1;
	for (i = 0; i < 200000; i++) {
		u32 runner = random32(&seed) % RUNNERS, n = random32(&seed) % NESTED;
		int before = f.prev_cpu[n];

		switch (random32(&seed) % 4) {
		case 0:
			runner_leaves(&f, runner);
			break;
		case 1:
			runner_comes(&f, runner, random32(&seed) % 4);
			break;
		default:
			runner_enters(&f, runner, n);
		}
		hidden += f.prev_cpu[n] != before && f.ran_on[n] != f.prev_cpu[n];
	}
	/* And it does hide moves. */
	assert_true(hidden > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_load, "move-first-load-is-no-move"),
		TEST(same_cpu, "move-same-cpu-costs-nothing"),
		TEST(other_core, "move-only-between-cores-leaves-a-debt"),
		TEST(scheduled_out, "move-scheduled-out-completes-the-order-once"),
		TEST(moved_in_user_space, "move-in-user-space-costs-an-ipi-then-credit"),
		TEST(order, "move-order-is-completed-on-the-cpu-left"),
		TEST(random_trips, "move-cost-at-most-twice-best-fixed-choice-random"),
		TEST(periodic_trips, "move-cost-at-most-twice-best-fixed-choice-periodic"),
		TEST(no_credit_for_scheduled_moves, "move-scheduled-out-brings-no-credit"),
		TEST(ran_on, "move-vcpu-ran"),
		TEST(nested_order, "move-of-a-nested-vcpu-completes-the-order-where-it-ran"),
	};

	return unit_run(tests, COUNT(tests));
}
