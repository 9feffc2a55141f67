// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs seeds: each is a machine, its tasks and every decision of chance, so a
 * seed repeats exactly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

#define KERNEL_TASKS	3u

static void start(u64 seed)
{
	unsigned int i, v;

	this_task = NULL;
	machine_start(seed);
	domains_reset();
	for (i = 0; i < GUESTS; i++) {
		guest_create(&guests[i], 1 + i);
		guests[i].dying = false;
	}
	for (i = 0; i < GUESTS; i++)
		for (v = 0; v < VCPUS; v++)
			task_new(vcpu_task, &guests[i].vcpu[v]);
	for (i = 0; i < KERNEL_TASKS; i++)
		task_new(kernel_task, NULL);
	task_new(admin_task, NULL);
	task_new(worker_task, NULL);
	task_new(operator_task, NULL);
}

/* True when there was no hazard. */
static bool run(u64 seed, u64 max_steps)
{
	start(seed);
	machine_run(max_steps);
	return !hazard_seen();
}

static int run_one(u64 seed, u64 max_steps)
{
	if (run(seed, max_steps)) {
		printf("seed %llu: no hazard in %llu steps\n", (unsigned long long)seed,
		       (unsigned long long)max_steps);
		return 0;
	}
	printf("seed %llu: hazard at step %llu: %s\n", (unsigned long long)seed,
	       (unsigned long long)steps, hazard_seen());
	return 1;
}

/* Prints how often each path ran, and returns the name of one that never did. */
static const char *print_events(void)
{
	const char *never = NULL;

#define X(name)								\
	printf("%12llu %s\n", (unsigned long long)events.name, #name);	\
	if (!events.name)						\
		never = #name;
	EVENTS(X)
#undef X
	return never;
}

static int fail(const char *test, u64 seed, u64 at, const char *why)
{
	printf("KHT-FAIL %s: seed %llu, step %llu: %s\n", test, (unsigned long long)seed,
	       (unsigned long long)at, why);
	return 1;
}

static int check(u64 seeds, u64 max_steps)
{
	static const char *safe = "inv1-to-inv8-simulator-meets-no-hazard";
	static const char *whole = "simulator-runs-every-path";
	const char *never;
	u64 seed;

	for (seed = 1; seed <= seeds; seed++)
		if (!run(seed, max_steps))
			return fail(safe, seed, steps, hazard_seen());
	printf("%llu seeds of %llu steps:\n", (unsigned long long)seeds,
	       (unsigned long long)max_steps);
	never = print_events();
	printf("KHT-PASS %s\n", safe);
	if (never)
		return fail(whole, seeds, max_steps, never);
	printf("KHT-PASS %s\n", whole);
	return 0;
}

/* By number: enum kht_mutant and those of guest.h, of which some are not the simulator's. */
static const char *const mutant_names[SIM_MUT_END] = {
	[KHT_MUT_NO_ENTRY_FLUSH] = "no-entry-flush",
	[KHT_MUT_GEN_AFTER_FLUSH] = "generation-read-after-flush",
	[KHT_MUT_NO_ENTRY_FENCE] = "no-entry-fence",
	[KHT_MUT_LOOK_BEFORE_RAISE] = "look-before-raise",
	[KHT_MUT_NO_KICK] = "no-kick",
	[KHT_MUT_NO_BATCH_END] = "no-batch-end",
	[KHT_MUT_NO_QUADRANT_GUARD] = "no-quadrant-guard",
	[KHT_MUT_NO_DETACH_SETTLE] = "no-detach-settle",
	[KHT_MUT_IGNORE_OVERFLOW] = "ignore-overflow",
	[KHT_MUT_CREDIT_ALL] = "credit-all",
	[KHT_MUT_NO_SIBLING_SYNC] = "no-sibling-sync",
	[KHT_MUT_NEW_GUEST_CLEAN] = "new-guest-clean",
	[KHT_MUT_OTHERS_IGNORE_BATCH] = "others-ignore-batch",
	[KHT_MUT_NO_MOVE_DEBT] = "no-move-debt",
	[KHT_MUT_HOTPLUG_CLEAN] = "hotplug-clean",
	[KHT_MUT_NO_BROADCAST] = "no-broadcast",
	[SIM_MUT_DETACH_IGNORES_BATCH] = "detach-ignores-batch",
	[SIM_MUT_ADOPT_NO_GRACE] = "adopt-without-grace-period",
	[SIM_MUT_ATTACH_NO_IPI] = "attach-without-interrupt",
	[SIM_MUT_HASH_NOT_PAID] = "hash-debts-not-paid",
	[SIM_MUT_CPUS_NOT_HELD] = "cpus-not-held",
	[SIM_MUT_NO_ORDER] = "no-order-sequence",
	[SIM_MUT_DETACH_NO_PROCESS] = "detach-without-process-scope",
	[SIM_MUT_NO_LOOK_FENCE] = "no-fence-before-look",
	[SIM_MUT_STOCK_BITS] = "stock-need-tlb-flush-bits",
	[KHT_MUT_NO_COMBINED] = "no-combined",
	[SIM_MUT_HALF_THE_SETS] = "half-the-sets",
	[SIM_MUT_NO_STOCK_BITS] = "no-stock-bits",
	[SIM_MUT_ARRIVES_RADIX_ONLY] = "arrives-radix-only",
	[SIM_MUT_ARRIVES_EARLY] = "arrives-early",
	[SIM_MUT_UNPLUGGED_FIRST] = "unplugged-first",
	[KHT_MUT_LIST_IGNORED] = "list-ignored",
	[KHT_MUT_LOCAL_ALWAYS] = "local-always",
	[KHT_MUT_ONE_VCORE_BLIND] = "one-vcore-blind",
	[KHT_MUT_LOCAL_UNTRACKED] = "local-untracked",
	[SIM_MUT_NO_PTE_FENCE] = "no-pte-fence",
	[SIM_MUT_NO_LOAD_FENCE] = "no-load-fence",
	[SIM_MUT_NO_RELEASE] = "no-release",
	[SIM_MUT_ERAT_FIRST] = "erat-first",
	[SIM_MUT_WALK_CACHE_LAST] = "walk-cache-last",
	[SIM_MUT_TABLE_AS_PAGES] = "table-as-pages",
	[SIM_MUT_UPDATES_LEFT] = "updates-left",
	[KHT_MUT_VCPU_OVERLOOKED] = "vcpu-overlooked",
	[KHT_MUT_TORN_CREDIT] = "torn-credit",
	[SIM_MUT_OLDER_NOWHERE] = "older-vcpu-nowhere",
	[KHT_MUT_ALONE_IGNORED] = "alone-ignored",
};

static int kill_mutant(unsigned int m, u64 seeds, u64 max_steps)
{
	u64 seed, total = 0;
	char name[80];

	kht_mutant_now = m;
	snprintf(name, sizeof(name), "mutant-%u-%s-is-caught", m, mutant_names[m]);
	for (seed = 1; seed <= seeds && run(seed, max_steps); seed++)
		total += steps;
	if (seed > seeds) {
		printf("KHT-FAIL %s: no hazard in %llu seeds\n", name, (unsigned long long)seeds);
		return 1;
	}
	printf("%2u %-30s seed %5llu, %9llu steps in all: %s\n", m, mutant_names[m],
	       (unsigned long long)seed, (unsigned long long)(total + steps), hazard_seen());
	printf("KHT-PASS %s\n", name);
	return 0;
}

static int kill_mutants(u64 seeds, u64 max_steps)
{
	unsigned int m;
	int rc = 0;

	for (m = 1; m < SIM_MUT_END; m++)
		if (mutant_names[m])
			rc |= kill_mutant(m, seeds, max_steps);
	return rc;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim --seed N [--steps N] [--mutant K]   one run\n"
		"       sim --seeds N [--steps N]               seeds 1 to N, all must be free of hazards\n"
		"       sim --mutants N [--steps N]             each mutant must be caught by seed N\n");
	return 2;
}

int main(int argc, char **argv)
{
	u64 seed = 0, seeds = 0, mutants = 0, max_steps = 100000;
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		u64 n = strtoull(argv[i + 1], NULL, 0);

		if (!strcmp(argv[i], "--seed"))
			seed = n;
		else if (!strcmp(argv[i], "--seeds"))
			seeds = n;
		else if (!strcmp(argv[i], "--mutants"))
			mutants = n;
		else if (!strcmp(argv[i], "--steps"))
			max_steps = n;
		else if (!strcmp(argv[i], "--mutant") && n < SIM_MUT_END)
			kht_mutant_now = n;
		else
			return usage();
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (i < argc || !max_steps)
		return usage();
	if (seed)
		return run_one(seed, max_steps);
	if (seeds)
		return check(seeds, max_steps);
	if (mutants)
		return kill_mutants(mutants, max_steps);
	return usage();
}
