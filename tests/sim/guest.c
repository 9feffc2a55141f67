// SPDX-License-Identifier: GPL-2.0-only
/* The module around src/core: src/guest and the order of src/attach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"
#include "kht_protocol.h"

bool hooks, domains_open, deferring, moving, param_defer, param_lazy_move;
struct kht_thread threads[MAX_CPUS];

static struct domain *table[LPIDS];
static struct domain *made;		/* freed when the run is over: no grace period is modelled */
static struct lock domain_mutex;
static u64 replay_buffers[MAX_CPUS][KHT_LOG_MAX];

static bool mutant(unsigned int m)
{
	return kht_mutant_now == m;
}

/* The fence of the entry path runs with interrupts off, those before a look do not. */
void sim_full_fence(void)
{
	if (mutant(SIM_MUT_NO_LOOK_FENCE) && this_cpu() && !this_cpu()->irq_off)
		return;
	sim_fence();
}

struct domain *domain_of(const struct guest *g)
{
	return hooks ? table[g->lpid] : NULL;
}

void domains_reset(void)
{
	unsigned int i;

	while (made) {
		struct domain *d = made;

		made = d->next;
		for (i = 0; i < VCPUS; i++)
			free(d->vcpu[i]);
		free(d->ledger);
		free(d);
	}
	memset(table, 0, sizeof(table));
	memset(&domain_mutex, 0, sizeof(domain_mutex));
	memset(threads, 0, sizeof(threads));
	for (i = 0; i < MAX_CPUS; i++)
		threads[i].replay = replay_buffers[i];
	hooks = domains_open = deferring = moving = false;
	param_defer = param_lazy_move = true;
}

static void *zeroed(size_t bytes)
{
	size_t whole = (bytes + KHT_CACHELINE - 1) / KHT_CACHELINE * KHT_CACHELINE;
	void *mem = aligned_alloc(KHT_CACHELINE, whole);

	if (!mem)
		abort();
	return memset(mem, 0, whole);
}

static struct domain *publish(struct guest *g, bool live)
{
	struct domain *d;

	if (!domains_open || table[g->lpid])
		return NULL;
	d = zeroed(sizeof(*d));
	d->ledger = kht_ledger_init(zeroed(kht_ledger_bytes(nr_cpus, shape.log_size)), g->lpid,
				    nr_cpus, shape.log_size);
	d->ledger->lock = &d->lock;
	d->live = live;
	d->next = made;
	made = d;
	table[g->lpid] = d;
	return d;
}

void on_vcpu_create(struct guest *g)
{
	if (!hooks)
		return;
	mutex_lock(&domain_mutex);
	publish(g, true);
	mutex_unlock(&domain_mutex);
}

void on_vm_destroy(struct guest *g)
{
	mutex_lock(&domain_mutex);
	table[g->lpid] = NULL;
	mutex_unlock(&domain_mutex);
}

void do_nothing(void *unused)
{
	(void)unused;
}

void adopt(struct guest *g)
{
	struct domain *d;

	mutex_lock(&domain_mutex);
	d = publish(g, false);
	if (d) {
		if (!mutant(SIM_MUT_ADOPT_NO_IPI))
			on_each_cpu(do_nothing, NULL);
		if (!mutant(SIM_MUT_ADOPT_NO_GRACE))
			synchronize_rcu();
		d->live = true;
		events.adoptions++;
	}
	mutex_unlock(&domain_mutex);
}

void attach(void)
{
	hooks = true;
	yield();
	domains_open = true;
	yield();
	moving = true;
	yield();
	deferring = true;
}

static void pay_process(void *domain)
{
	struct domain *d = domain;

	events.paid_process += kht_pay_process(d->ledger, this_cpu()->nr);
}

static void pay(struct guest *g)
{
	struct domain *d = domain_of(g);
	unsigned int i;

	if (!d)
		return;
	events.paid += kht_pay_all(d->ledger);
	if (!mutant(SIM_MUT_DETACH_NO_PROCESS))
		on_each_cpu(pay_process, d);
	for (i = 0; i < nr_cpus; i++)
		if (cpus[i].offline)
			g->need_tlb_flush |= 1ull << i;
}

static void wait_for_ops(void)
{
	synchronize_rcu();
	synchronize_inside();
}

void detach(void)
{
	unsigned int i;

	moving = false;
	yield();
	deferring = false;
	wait_for_ops();
	mutex_lock(&domain_mutex);
	for (i = 0; i < GUESTS; i++)
		pay(&guests[i]);
	domains_open = false;
	for (i = 0; i < LPIDS; i++) {
		yield();
		table[i] = NULL;
	}
	mutex_unlock(&domain_mutex);
	synchronize_rcu();
	hooks = false;
	synchronize_rcu();
	events.detaches++;
}

/*
 * Before @cpu comes online. Its core may have come back with anything in its
 * TLB, which the stock kernel does not expect: for guests with a ledger only.
 */
void cpu_arrives(unsigned int cpu)
{
	struct kht_core core = core_of(cpu);
	unsigned int i;

	mutex_lock(&domain_mutex);
	for (i = 0; i < GUESTS; i++) {
		struct domain *d = domain_of(&guests[i]);

		if (!d)
			continue;
		if (cpu == core.first)
			tlb_garbage(cpus[cpu].tlb, d->ledger->lpid);
		kht_thread_arrives(d->ledger, core);
	}
	mutex_unlock(&domain_mutex);
}

/* Entry, exit, quadrant accesses */

void on_guest_enter(struct vcpu *v)
{
	unsigned int cpu = this_cpu()->nr;
	u64 key = kht_key(v->guest->lpid, v->id);
	struct domain *d = domain_of(v->guest);

	if (!hooks)
		return;
	if (!d) {
		kht_store(&threads[cpu].guest, key);
		v->guest->adopt = true;
		return;
	}
	if (kht_arrive(d->ledger, &threads[cpu].guest, key, cpu))
		kht_settle(d->ledger, &threads[cpu], cpu, core_of(cpu));
}

bool quadrant_begin(struct guest *g)
{
	unsigned int cpu = this_cpu()->nr;
	struct domain *d = domain_of(g);

	if (!d || mutant(KHT_MUT_NO_QUADRANT_GUARD))
		return false;
	events.quadrants++;
	if (kht_arrive(d->ledger, &threads[cpu].quadrant, kht_key(g->lpid, 0), cpu))
		kht_settle(d->ledger, &threads[cpu], cpu, core_of(cpu));
	return true;
}

void quadrant_end(void)
{
	kht_leave(&threads[this_cpu()->nr].quadrant);
}

/* Invalidations */

static struct task **slot_of(struct domain *d, const struct task *t)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (d->batcher[i] == t)
			return &d->batcher[i];
	return NULL;
}

/* One page, or with -1 all of them. True: done, skip the kernel's broadcast. */
bool on_flush(struct guest *g, int page)
{
	struct domain *d = domain_of(g);
	bool done;

	if (!d)
		return false;
	if (slot_of(d, this_task)) {
		if (page < 0)
			kht_absorb_full(d->ledger);
		else
			kht_absorb_page(d->ledger, kht_page(gpa(page), PAGE_SHIFT));
		return true;
	}
	if (!deferring || !d->live || !param_defer)
		return false;
	if (page < 0)
		done = kht_defer_full(d->ledger, threads);
	else
		done = kht_defer_page(d->ledger, threads, kht_page(gpa(page), PAGE_SHIFT));
	events.debts += done;
	events.refused += !done;
	return done;
}

/*
 * A batch opens only while decisions are ours, but every operation covers what
 * others have absorbed, also while we detach.
 */
struct domain *batch_begin(struct guest *g)
{
	struct domain *d = domain_of(g);
	struct task **slot;

	if (!d || !d->live || (!deferring && mutant(SIM_MUT_DETACH_IGNORES_BATCH)))
		return NULL;
	if (!deferring || slot_of(d, this_task))
		return d;
	slot = slot_of(d, NULL);
	if (slot)
		*slot = this_task;
	return d;
}

/* @own: this operation has absorbed something itself. */
void batch_end(struct domain *d, bool own)
{
	struct task **slot = slot_of(d, this_task);
	struct kht_cover c;

	if (slot)
		*slot = NULL;
	if (mutant(KHT_MUT_OTHERS_IGNORE_BATCH) && !own)
		return;
	c = kht_cover(d->ledger, threads, shape.ceiling,
		      param_defer && deferring);
	events.covered_debts += c.how == KHT_HOW_DEBT;
	events.covered_pages += c.how == KHT_HOW_PAGES;
	events.covered_lpid += c.how == KHT_HOW_LPID;
}

/* Moves */

static struct kht_vcpu *vcpu_state(struct domain *d, const struct vcpu *v)
{
	if (!d->vcpu[v->id]) {
		d->vcpu[v->id] = zeroed(sizeof(struct kht_vcpu));
		kht_vcpu_init(d->vcpu[v->id]);
		d->vcpu[v->id]->ran_on = v->prev_cpu;
	}
	return d->vcpu[v->id];
}

static void leave_core(struct domain *d, unsigned int prev)
{
	unsigned int list[KHT_CORE_MAX];
	u32 n = kht_left_core(d->ledger, threads, core_of(prev), list), mask = 0;

	events.kicks += n;
	while (n--)
		mask |= 1u << list[n];
	if (mask)
		smp_call(mask, do_nothing, NULL);
}

void on_vcpu_load(struct vcpu *v)
{
	unsigned int cpu = this_cpu()->nr;
	struct domain *d = domain_of(v->guest);
	struct kht_vcpu *s;
	struct kht_move m;

	if (!d || !d->live || mutant(SIM_MUT_STOCK_BITS))
		return;
	s = vcpu_state(d, v);
	if (!moving || !param_lazy_move)
		return;
	m = kht_vcpu_load(s, v->prev_cpu, cpu, v->prev_cpu >= 0 &&
			  core_of(v->prev_cpu).first == core_of(cpu).first);
	if (!m.moved)
		return;
	events.moves++;
	if (m.debt)
		leave_core(d, v->prev_cpu);
	if (m.ipi >= 0 && !mutant(SIM_MUT_NO_ORDER)) {
		events.order_ipis++;
		smp_call(1u << m.ipi, complete_order, NULL);
	}
	v->prev_cpu = cpu;
}

void on_vcpu_put(struct vcpu *v, bool scheduled_out)
{
	struct kht_thread *t = &threads[this_cpu()->nr];
	struct domain *d;

	if (!hooks || !kht_load(&t->guest))
		return;
	kht_leave(&t->guest);
	d = domain_of(v->guest);
	if (!d || !d->vcpu[v->id])
		return;
	kht_vcpu_ran(d->vcpu[v->id], this_cpu()->nr);
	if (param_lazy_move && kht_vcpu_put(d->vcpu[v->id], scheduled_out)) {
		events.order_puts++;
		complete_order(NULL);
	}
}
