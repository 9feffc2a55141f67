// SPDX-License-Identifier: GPL-2.0-only
/*
 * nested: guests (L2) of a guest (L1).
 *   bits, age                    see nested-bits.c
 *   dirty-log, running, refault  see nested-log.c
 *   invalidate                   see nested-invalidate.c
 *   faults                       see nested-faults.c
 *   move     the vCPU moves to other CPUs, with the L2 in guest and between its entries
 *   handover two vCPUs of the L1 run one vCPU of the L2 in turn, and move
 *   shared   two vCPUs run the same L2 while the host exchanges pages
 *   destroy  VMs with L2s come and go, and so do the L2s of an L1
 *   flood    an L1 makes and drops L2s as fast as it can: what CPUs notice that have nothing to do with it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nested.h"

#define ADOPTED_NS	(60 * 1000000000ULL)

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static struct vcpu *const second = &l1.vm.vcpus[1];
static struct round r;

/*
 * Broadcasts by the LPID they name: the L1's; the number L1 has for an L2; any
 * other, which with one VM on the host is what an L2 runs with. In all of them:
 * LPID 0 too (see counts.c).
 */
enum { BY_L1, BY_SHADOW, BY_NUMBER, BY_ALL, BY_NR };

static u64 before[BY_NR], last[BY_NR], most[BY_NR];

/* What the module has covered at once, and how many broadcasts each took at most, all LPIDs. */
static u64 batches_before, most_per_batch_x1000;

static void read_broadcasts(const struct l1 *of, u64 *v)
{
	v[BY_ALL] = counts_broadcasts(ANY_LPID);
	v[BY_L1] = counts_broadcasts(of->vm.lpid);
	v[BY_NUMBER] = 0;
	for (u64 i = 0; i < NR_L2; i++)
		v[BY_NUMBER] += counts_broadcasts(of->l2[i].number);
	v[BY_SHADOW] = v[BY_ALL] - v[BY_L1] - v[BY_NUMBER] - counts_broadcasts(0);
}

void l1_round_begin(struct l1 *of, struct round *round)
{
	read_broadcasts(of, before);
	batches_before = counts_batches(&of->vm);
	round_begin(&of->vm, round);
}

void l1_op_end(struct l1 *of, struct round *round)
{
	op_end(round);
	l1_mark_returned(of);
}

void l1_round_end(struct l1 *of, struct round *round)
{
	u64 after[BY_NR], batches;

	round_end(&of->vm, round);
	read_broadcasts(of, after);
	batches = counts_batches(&of->vm) - batches_before;
	if (batches && (after[BY_ALL] - before[BY_ALL]) * 1000 / batches > most_per_batch_x1000)
		most_per_batch_x1000 = (after[BY_ALL] - before[BY_ALL]) * 1000 / batches;
	for (int i = 0; i < BY_NR; i++) {
		last[i] = after[i] - before[i];
		if (last[i] > most[i])
			most[i] = last[i];
	}
	expect_audited("at the end of a round");
}

/*
 * The module, where it is, makes the L2 a domain at its first entry, and defers what is
 * invalidated in it once every CPU has been interrupted: some time later on a busy machine.
 */
void l2_wait_adopted(struct vcpu *by, struct l2 *l2)
{
	u64 limit = now_ns() + ADOPTED_NS, seen;

	l2_load(by, l2, 0);
	if (!counts_module(&l2->l1->vm))
		return;
	do {
		l2_load(by, l2, 0);
		if (now_ns() > limit)
			die("the module has not taken the L2 on within a minute.");
		seen = counts_broadcasts(ANY_LPID);
		l1_flush_page(by, l2, 0);
	} while (counts_broadcasts(ANY_LPID) != seen);
}

u64 l1_last_broadcasts(void)
{
	return last[BY_ALL];
}

void l1_report(struct l1 *of)
{
	report_extra("l1_broadcasts", most[BY_L1]);
	report_extra("shadow_broadcasts", most[BY_SHADOW]);
	report_extra("wrong_broadcasts", most[BY_NUMBER]);
	report_extra("all_broadcasts", most[BY_ALL]);
	report_extra("broadcasts_per_batch_x1000", most_per_batch_x1000);
	report(&of->vm);
}

/* move */

static void nested_move(void)
{
	/* As many as bring it back to the CPU it begins at. */
	u64 inside = opt.rounds / 2 / ncpus * ncpus, waited;
	struct counts now;

	l1_create(&l1, 1, data_alloc(opt.pages), opt.pages);
	l2_map_all(&l1.l2[0]);
	l2_load(vcpu, &l1.l2[0], 0);
	/* Whoever moves the vCPU must not be in its way. */
	pin(-1);
	l1_round_begin(&l1, &r);
	l2_pass_start(vcpu, 0, &l1.l2[0], 0, opt.pages, NEVER);
	pass_wait(vcpu, 2);
	for (u64 i = 0; i < inside; i++)
		move_other(vcpu, &r);
	pass_stop(vcpu);

	vcpu->l2_on_nop = move_self;
	l2_pass_start(vcpu, 0, &l1.l2[0], 0, opt.pages, 0);
	vcpu_join(vcpu);
	counts_read(vm, &now);
	waited = now.v[C_WAITED_IPIS] - r.before.v[C_WAITED_IPIS];
	l1_round_end(&l1, &r);
	expect_pass(vm, 0, opt.pages, pass_now(vcpu));
	report_moves();
	report_extra("ipis_per_move_x1000", waited * 1000 / opt.rounds);
	l1_report(&l1);
}

/* handover */

static void run_there(struct vcpu *by, int cpu)
{
	pin(cpu);
	l2_load(by, &l1.l2[0], 0);
}

/*
 * What the first vCPU left on its CPU is complete when it is scheduled out. Then the second one runs the same vCPU of
 * the L2 there; and where the first one comes to, the kernel has to complete it on the CPU that both have been on.
 */
static void nested_handover(void)
{
	u64 forgotten = 0, before;
	int here = 0, there = other_core();

	l1_create(&l1, 2, data_alloc(opt.pages), opt.pages);
	l2_map_all(&l1.l2[0]);
	l1.l2_vcpu[1] = l1.l2_vcpu[0];
	l2_wait_adopted(vcpu, &l1.l2[0]);
	l1_round_begin(&l1, &r);
	for (u64 i = 0; i < opt.rounds; i++) {
		run_there(vcpu, here);
		run_there(second, here);
		before = counts_order_ipis();
		run_there(vcpu, there);
		forgotten += counts_order_ipis() == before;
		here = there;
		there = there ? 0 : other_core();
	}
	l1_round_end(&l1, &r);
	report_extra("forgotten_orders", forgotten);
	l1_report(&l1);
}

/* shared */

static void exchange_page(struct pool *pool, u64 half)
{
	u64 page = random_below(opt.pages), passes[2];

	l1_round_begin(&l1, &r);
	pool_swap(pool, page, &r);
	l1_mark_returned(&l1);
	for (u64 i = 0; i < 2; i++) {
		passes[i] = pass_now(&vm->vcpus[i]) + 8;
		pass_wait(&vm->vcpus[i], passes[i]);
	}
	l1_round_end(&l1, &r);
	pool_expect_untouched(pool, page);
	expect_pass(vm, 0, half, passes[0]);
	expect_pass(vm, half, opt.pages - half, passes[1]);
}

static void nested_shared(void)
{
	u64 half = opt.pages / 2;
	struct pool pool;

	if (ncpus < 3 || opt.pages < 2)
		die("shared needs three CPUs and two pages.");
	pool_create(&pool, opt.pages);
	l1_create(&l1, 2, pool.guest, opt.pages);
	l2_map_all(&l1.l2[0]);
	l2_load(vcpu, &l1.l2[0], 0);
	l2_pass_start(vcpu, other_core(), &l1.l2[0], 0, half, NEVER);
	l2_pass_start(second, SIBLING_CPU, &l1.l2[0], half, opt.pages - half, NEVER);
	some_passes(vcpu);
	some_passes(second);
	leaves_whole(vm);
	leaves_of_shadow(vm, &l1.l2[0]);
	for (u64 i = 0; i < opt.rounds; i++)
		exchange_page(&pool, half);
	pass_stop(vcpu);
	pass_stop(second);
	l1_report(&l1);
}

/* destroy */

#define MAX_LPID 4096

static u64 reused;

static void see_lpid(u64 lpid)
{
	static bool seen[MAX_LPID];

	if (!lpid || lpid >= MAX_LPID)
		die("the LPID of a guest is not known: mmu_partition_table_set_entry() was not seen.");
	reused += seen[lpid];
	seen[lpid] = true;
}

/* L1 has no such L2 any more; and has again. */
static void drop_l2(struct l2 *l2)
{
	l2_set_entry(l2, false);
	op_begin(&r);
	l1_flush(vcpu, l2, 2);
	l1_op_end(&l1, &r);
	if (radix_has(vm, l2->number))
		wrong("L1 has dropped its guest %llu and the host still has it.", l2->number);
	l2->shadow = 0;
	l2_set_entry(l2, true);
}

static void live_and_die(void *data)
{
	u64 value = 1;

	memset(data, 0, opt.pages * page_size);
	l1_create(&l1, 1, data, opt.pages);
	see_lpid(vm->lpid);
	for (u64 i = 0; i < NR_L2; i++)
		l2_map_all(&l1.l2[i]);
	l2_wait_adopted(vcpu, &l1.l2[0]);
	l2_fill(vcpu, &l1.l2[0], 0, opt.pages, value, 0, 0);
	l1_round_begin(&l1, &r);
	value = l1_both_store(&l1, value);
	drop_l2(&l1.l2[0]);
	value = l1_both_store(&l1, value);
	l1_round_end(&l1, &r);
	for (u64 i = 0; i < NR_L2; i++)
		see_lpid(l1.l2[i].shadow);
	expect_fill(vm, 0, opt.pages, value, "before the VM ends");
}

static void nested_destroy(void)
{
	void *data = data_alloc(opt.pages);
	u64 late = 0;

	for (u64 i = 0; i < opt.rounds; i++) {
		if (i)
			late += l1_destroy(&l1);
		live_and_die(data);
	}
	report_extra("lpids_reused", reused);
	report_extra("late_ends", late);
	l1_report(&l1);
}

/* flood */

/* Interrupts of this CPU by others since the host booted: the lines of an IPI, and of doorbells within a core. */
static u64 interrupts_of(int cpu)
{
	char *line = NULL, *at;
	size_t size = 0;
	u64 sum = 0, n = 0;
	FILE *f = fopen("/proc/interrupts", "re");

	if (!f)
		die("/proc/interrupts cannot be read.");
	while (getline(&line, &size, f) > 0) {
		if (!strstr(line, "IPI") && !strstr(line, "Doorbell"))
			continue;
		at = strchr(line, ':') + 1;
		for (int i = 0; i <= cpu; i++)
			n = strtoull(at, &at, 10);
		sum += n;
	}
	free(line);
	fclose(f);
	return sum;
}

/* Of the whole core that this process keeps away from. */
static u64 interrupts_elsewhere(void)
{
	u64 sum = 0;

	for (int cpu = 0; cpu < ncpus; cpu++)
		if (same_core(cpu, other_core()))
			sum += interrupts_of(cpu);
	return sum;
}

/* The same hcalls; without @drop the L2 stays. */
static void use(struct l2 *l2, bool drop)
{
	l2_load(vcpu, l2, 0);
	l2_set_entry(l2, !drop);
	l1_flush(vcpu, l2, 2);
	l2_set_entry(l2, true);
}

/* Interrupts a second, times 1,000. */
static u64 rate(bool drop)
{
	u64 interrupts = interrupts_elsewhere(), began = now_ns();

	for (u64 i = 0; i < opt.rounds; i++)
		use(&l1.l2[i % NR_L2], drop);
	interrupts = interrupts_elsewhere() - interrupts;
	return interrupts * 1000000000000 / (now_ns() - began);
}

/* On a busy machine all takes longer, and there are more of the other interrupts in that time. */
static void nested_flood(void)
{
	u64 calm, began, flood, ns, excess;

	l1_create(&l1, 1, data_alloc(opt.pages), opt.pages);
	for (u64 i = 0; i < NR_L2; i++) {
		l2_map_all(&l1.l2[i]);
		l2_wait_adopted(vcpu, &l1.l2[i]);
	}
	l1_round_begin(&l1, &r);
	calm = rate(false);
	began = now_ns();
	flood = rate(true);
	ns = now_ns() - began;
	l1_round_end(&l1, &r);
	excess = flood > calm ? flood - calm : 0;
	report_extra("made_per_s", opt.rounds * 1000000000 / ns);
	report_extra("interrupts_per_s_x1000", flood);
	report_extra("calm_interrupts_per_s_x1000", calm);
	report_extra("interrupts_per_made_x1000", excess * ns / 1000000000 / opt.rounds);
	l1_report(&l1);
}

void nested(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} variants[] = {
		{ "bits", nested_bits },
		{ "age", nested_age },
		{ "dirty-log", nested_dirty_log },
		{ "running", nested_running },
		{ "refault", nested_refault },
		{ "invalidate", nested_invalidate },
		{ "faults", nested_faults },
		{ "move", nested_move },
		{ "handover", nested_handover },
		{ "shared", nested_shared },
		{ "destroy", nested_destroy },
		{ "flood", nested_flood },
	};

	mark_name(opt.variant);
	for (u64 i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variant(variants[i].name))
			variants[i].run();
}
