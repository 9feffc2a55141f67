// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the ledger's lock is held. A thread that enters the guest may wait for it with
 * interrupts off, so a hold is bounded by the log and by the threads of a core, never by those of
 * the machine. src/core is compiled with -fsanitize-coverage=trace-pc here: each basic block calls.
 */
#include <stdio.h>
#include "unit.h"

#define MACHINE	2048u		/* NR_CPUS of the distros */
#define BOUND	(2 * KHT_LOG_MAX + 32 * KHT_CORE_MAX)

static unsigned int blocks, longest;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	blocks = locked ? blocks + 1 : 0;
	if (blocks > longest)
		longest = blocks;
}

static struct kht_core big_core(unsigned int cpu)
{
	return (struct kht_core){ cpu / KHT_CORE_MAX * KHT_CORE_MAX, cpu / KHT_CORE_MAX * KHT_CORE_MAX + KHT_CORE_MAX - 1, 1 };
}

static struct kht_debt enter_big(unsigned int cpu)
{
	if (kht_mark(ledger, &threads[cpu].guest, key_of(cpu), cpu))
		return kht_settle(ledger, &threads[cpu], cpu, big_core(cpu));
	return (struct kht_debt){ .need = KHT_NOTHING };
}

static void start(void)
{
	machine(MACHINE, KHT_LOG_MAX);
	longest = 0;
}

static void expect_bounded(const char *what)
{
	printf("# %s: at most %u basic blocks under the lock\n", what, longest);
	assert_in_range(longest, 1, BOUND);
}

/* All of the log, by the last thread of a core to come. */
static void a_replay(void **state)
{
	unsigned int cpu;

	(void)state;
	start();
	for (cpu = 0; cpu < KHT_CORE_MAX; cpu++) {
		enter_big(cpu);
		leave(cpu);
	}
	longest = 0;
	absorb(0, KHT_LOG_MAX);
	kht_cover(ledger, threads, 0, true);
	assert_int_equal(enter_big(KHT_CORE_MAX - 1).pages, KHT_LOG_MAX);
	expect_bounded("a replay");
	assert_true(longest > KHT_LOG_MAX);
}

static void a_batch(void **state)
{
	(void)state;
	start();
	enter_big(MACHINE - 1);
	absorb(0, KHT_LOG_MAX);
	kht_cover(ledger, threads, KHT_LOG_MAX, true);
	assert_int_equal(done.nr_broadcast_pages, KHT_LOG_MAX);
	leave(MACHINE - 1);
	assert_int_equal(kht_defer_page(ledger, threads, page(1)), KHT_DEFERRED);
	expect_bounded("a batch");
}

static void a_move(void **state)
{
	unsigned int cpus[KHT_CORE_MAX];

	(void)state;
	start();
	kht_left_core(ledger, threads, big_core(MACHINE - 1), cpus);
	expect_bounded("a move");
}

/* Every thread of the machine has settled, and has to be looked at. */
static void detaching(void **state)
{
	unsigned int cpu;

	(void)state;
	start();
	for (cpu = 0; cpu < MACHINE; cpu++) {
		enter_big(cpu);
		leave(cpu);
	}
	longest = 0;
	assert_false(kht_pay_all(ledger));
	expect_bounded("detaching");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_replay, "lock-hold-is-bounded-by-the-log"),
		TEST(a_batch, "lock-hold-of-a-batch-is-bounded"),
		TEST(a_move, "lock-hold-of-a-move-is-bounded-by-the-core"),
		TEST(detaching, "lock-hold-of-detaching-is-bounded"),
	};

	return unit_run(tests, COUNT(tests));
}
