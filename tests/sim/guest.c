// SPDX-License-Identifier: GPL-2.0-only
/* The module around src/core: src/guest and the order of src/attach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"
#include "core/protocol.h"

struct lock hotplug_lock;	/* cpus_write_lock() of a CPU that comes or goes; the module's state waits for it */
bool hotplug_state;		/* the module's is registered */
bool hooks, domains_open, deferring, moving, param_defer, param_lazy_move, param_hpt_local, param_hpt_defer;
bool hash_deferring;
static bool hash_owing;
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
	memset(&hotplug_lock, 0, sizeof(hotplug_lock));
	memset(threads, 0, sizeof(threads));
	for (i = 0; i < MAX_CPUS; i++)
		threads[i].replay = replay_buffers[i];
	hooks = hotplug_state = domains_open = deferring = moving = hash_owing = hash_deferring = false;
	param_defer = param_lazy_move = param_hpt_local = param_hpt_defer = true;
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
	d->ledger->hash = g->hash && !mutant(SIM_MUT_LATE_KIND);
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

/* Who runs @g without a domain has a mark. */
static void interrupt_runners(const struct guest *g)
{
	unsigned int cpu;
	u32 mask = 0;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (kht_key_lpid(kht_load(&threads[cpu].guest)) == g->lpid)
			mask |= 1u << cpu;
	smp_call(mask, do_nothing, NULL);
}

void adopt(struct guest *g)
{
	struct domain *d;

	mutex_lock(&domain_mutex);
	d = publish(g, false);
	mutex_unlock(&domain_mutex);
	if (!d)
		return;
	if (!mutant(SIM_MUT_ADOPT_NO_GRACE))
		synchronize_rcu();
	if (!mutant(SIM_MUT_ADOPT_NO_IPI))
		interrupt_runners(g);
	mutex_lock(&domain_mutex);
	d->live = true;
	mutex_unlock(&domain_mutex);
	events.adoptions++;
}

static void set_hotplug_state(bool on)
{
	mutex_lock(&hotplug_lock);
	hotplug_state = on;
	mutex_unlock(&hotplug_lock);
}

void attach(void)
{
	hooks = true;
	set_hotplug_state(true);
	yield();
	if (!mutant(SIM_MUT_ATTACH_NO_IPI))
		on_each_cpu(do_nothing, NULL);
	domains_open = true;
	yield();
	moving = true;
	yield();
	deferring = true;
	apply_hpt();
}

static void pay_process(void *domain)
{
	struct domain *d = domain;

	events.paid_process += kht_pay_process(d->ledger, this_cpu()->nr);
}

static void pay(struct guest *g)
{
	struct domain *d = domain_of(g);

	if (!d || (d->ledger->hash && !hash_owing))
		return;
	events.paid += kht_pay_all(d->ledger);
	if (!mutant(SIM_MUT_DETACH_NO_PROCESS))
		on_each_cpu(pay_process, d);
}

/* Also of a guest that owes nothing: the CPU may come back when nobody flushes on its way any more. */
static void pay_offline(struct guest *g)
{
	unsigned int i;

	if (!domain_of(g) || mutant(SIM_MUT_NO_STOCK_BITS))
		return;
	for (i = 0; i < nr_cpus; i++) {
		yield();
		if (!cpus[i].offline)
			continue;
		events.paid_offline++;
		g->all_sets |= g->hash && !mutant(SIM_MUT_HALF_THE_SETS);
		g->need_tlb_flush |= 1ull << i;
	}
}

/* cpus_read_lock(): no CPU is on its way up or down. */
static void hold_cpus(void)
{
	if (!mutant(SIM_MUT_CPUS_NOT_HELD))
		mutex_lock(&hotplug_lock);
}

static void let_cpus_go(void)
{
	if (!mutant(SIM_MUT_CPUS_NOT_HELD))
		mutex_unlock(&hotplug_lock);
}

static void wait_for_ops(void)
{
	synchronize_rcu();
	synchronize_inside();
}

static void start_hash_debts(void)
{
	hash_owing = true;
	if (!mutant(SIM_MUT_HASH_NO_GRACE))
		synchronize_rcu();
	hash_deferring = true;
}

static void stop_hash_debts(void)
{
	unsigned int i;

	hash_deferring = false;
	wait_for_ops();
	hold_cpus();
	mutex_lock(&domain_mutex);
	for (i = 0; i < GUESTS; i++) {
		struct domain *d = domain_of(&guests[i]);

		if (!d || !d->ledger->hash)
			continue;
		kht_start_over(d->ledger);
		if (!mutant(SIM_MUT_HASH_NOT_PAID))
			pay(&guests[i]);
		pay_offline(&guests[i]);
		d->trusts_local = d->tracks_moves = 0;
	}
	mutex_unlock(&domain_mutex);
	let_cpus_go();
	hash_owing = false;
}

void apply_hpt(void)
{
	bool want = deferring && (param_hpt_defer || param_hpt_local);

	if (want && !hash_owing)
		start_hash_debts();
	if (!want && hash_owing)
		stop_hash_debts();
}

void detach(void)
{
	unsigned int i;

	if (mutant(SIM_MUT_UNPLUGGED_FIRST))
		set_hotplug_state(false);
	moving = false;
	yield();
	deferring = false;
	apply_hpt();
	wait_for_ops();
	hold_cpus();
	mutex_lock(&domain_mutex);
	for (i = 0; i < GUESTS; i++) {
		pay(&guests[i]);
		pay_offline(&guests[i]);
	}
	domains_open = false;
	mutex_unlock(&domain_mutex);
	let_cpus_go();
	mutex_lock(&domain_mutex);
	for (i = 0; i < LPIDS; i++) {
		yield();
		table[i] = NULL;
	}
	mutex_unlock(&domain_mutex);
	synchronize_rcu();
	hooks = false;
	synchronize_rcu();
	set_hotplug_state(false);
	events.detaches++;
}

/* Only a mistake has a callback in the PREPARE section. */
void cpu_prepares(unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < LPIDS && mutant(SIM_MUT_ARRIVES_EARLY); i++) {
		struct domain *d = table[i];	/* which may leave the table meanwhile */

		if (!d)
			continue;
		kht_record(d->ledger, NULL);
		kht_lock(d->ledger);
		kht_leave_core(d->ledger, core_of(cpu));
		kht_unlock(d->ledger);
	}
}

/* The module's callback in the ONLINE section: on the CPU itself, before it is active. */
void cpu_arrives(void *unused)
{
	bool hash_guests = false;
	unsigned int i;

	(void)unused;
	if (mutant(SIM_MUT_ARRIVES_EARLY))
		return;
	for (i = 0; i < LPIDS && !mutant(SIM_MUT_ARRIVES_RADIX_ONLY); i++)
		hash_guests |= table[i] && table[i]->ledger->hash;
	kht_thread_arrives(hash_guests);
}

/* Entry, exit, quadrant accesses */

/* A thread may be slow between what it has learned and what it does then. */
static void excuse(struct domain *d, unsigned int cpu)
{
	unsigned int n = chance(4) ? 0 : chance(300);

	while (n--)
		yield();
	events.hash_excused++;
	kht_excuse(d->ledger, cpu);
}

static void settle(struct domain *d, const struct guest *g, unsigned int cpu)
{
	d->ledger->hash = g->hash;
	if (g->hash && !hash_owing) {
		excuse(d, cpu);
		return;
	}
	kht_settle(d->ledger, &threads[cpu], cpu, core_of(cpu));
}

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
		settle(d, v->guest, cpu);
}

bool quadrant_begin(struct guest *g)
{
	unsigned int cpu = this_cpu()->nr;
	struct domain *d = domain_of(g);

	if (!d || mutant(KHT_MUT_NO_QUADRANT_GUARD))
		return false;
	events.quadrants++;
	if (kht_arrive(d->ledger, &threads[cpu].quadrant, kht_key(g->lpid, 0), cpu))
		settle(d, g, cpu);
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
	if (!deferring || g->hash || slot_of(d, this_task))
		return d;
	slot = slot_of(d, NULL);
	if (slot)
		*slot = this_task;
	return d;
}

static void batch_cover(struct domain *d)
{
	struct kht_cover c = kht_cover(d->ledger, threads, shape.ceiling, param_defer && deferring);

	events.covered_kick += c.how == KHT_HOW_KICK;
	events.covered_debts += c.how == KHT_HOW_DEBT;
	events.covered_pages += c.how == KHT_HOW_PAGES;
	events.covered_lpid += c.how == KHT_HOW_LPID;
}

/* @own: this operation has absorbed something itself. */
void batch_end(struct domain *d, bool own)
{
	struct task **slot = slot_of(d, this_task);

	if (slot)
		*slot = NULL;
	if (mutant(KHT_MUT_OTHERS_IGNORE_BATCH) && !own)
		return;
	batch_cover(d);
}

/* Hash guests */

void kht_hash_kick(const struct kht_ledger *l, u64 upto)
{
	u32 mask = 0;
	unsigned int i;

	preempt_disable();
	/* Nobody may enter with the old generation and be missed here (invariant 4). */
	if (holds_back(this_cpu(), &l->gen))
		hazard("CPU %u looks whom to interrupt in LPID %u before its generation is visible",
		       this_cpu()->nr, l->lpid);
	for (i = 0; i < nr_cpus; i++)
		if (!cpus[i].offline && kht_thread_behind(l, &threads[i], i, upto))
			mask |= 1u << i;
	events.hash_kicked += __builtin_popcount(mask);
	smp_call(mask, do_nothing, NULL);
	preempt_enable();
}

static void flush_here(void *lpid)
{
	events.hash_paid_here++;
	kht_hash_local_flush((uintptr_t)lpid);
}

void kht_hash_broadcast(u32 lpid)
{
	unsigned int i = 0;

	while (guests[i].lpid != lpid)
		i++;
	if (!mutex_trylock(&guests[i].mmu_setup_lock)) {
		on_each_cpu(flush_here, (void *)(uintptr_t)lpid);
		return;
	}
	hash_drop_everywhere(lpid, 0, PAGES - 1);
	mutex_unlock(&guests[i].mmu_setup_lock);
}

static void track_moves(struct domain *d, struct guest *g)
{
	unsigned int i;

	events.hash_tracked++;
	kht_store(&d->tracks_moves, true);
	for (i = 0; i < VCPUS; i++)
		kht_store(&g->vcpu[i].prev_cpu, -1);
	kht_absorb_full(d->ledger);
	batch_cover(d);
	kht_store_release(&d->trusts_local, true);
}

static bool trusts_local(struct domain *d, struct guest *g)
{
	if (!kht_load_acquire(&d->trusts_local))
		track_moves(d, g);
	return true;
}

/* The domain of a guest whose H_REMOVE is ours, and its reach; NULL: the kernel's function does. */
struct domain *on_hcall(struct vcpu *v, enum kht_reach *reach)
{
	struct guest *g = v->guest;
	struct domain *d = domain_of(g);
	struct kht_hcall h = {
		.self = this_cpu()->nr, .vcores = g->vcores, .local = v->local, .paging = g->paging,
	};

	if (!d)
		return NULL;
	h.allowed = param_hpt_local && hash_deferring && d->live;
	h.tracked = h.allowed && h.local && h.vcores > 1 && trusts_local(d, g);
	*reach = kht_global_invalidates(d->ledger, threads, &h);
	return *reach == KHT_EVERYWHERE ? NULL : d;
}

bool hash_reach(struct domain *d, unsigned int page, enum kht_reach reach)
{
	return reach != KHT_EVERYWHERE &&
	       kht_reach_only(d->ledger, threads, this_cpu()->nr, kht_page(gpa(page), PAGE_SHIFT),
			      reach);
}

/* The HPTE is not valid any more, and locked. True: done, skip the kernel's broadcast. */
bool on_invalidate_hpte(struct guest *g, unsigned int page)
{
	struct kht_hcall host = { .self = this_cpu()->nr, .allowed = true };
	struct domain *d = domain_of(g);
	bool done;

	if (!d || !hash_deferring || !param_hpt_defer || !d->live || !param_defer)
		return false;
	done = hash_reach(d, page, kht_global_invalidates(d->ledger, threads, &host));
	events.hash_debts += done;
	events.hash_refused += !done;
	return done;
}

/*
 * The kernel broadcasts then; where the ledger is in charge we do not rely on it
 * (invariant 5). True: it is.
 */
bool on_set_partition(struct guest *g)
{
	struct domain *d = domain_of(g);

	if (!d)
		return false;
	kht_start_over(d->ledger);
	return hash_deferring;
}

struct domain *sweeps(struct guest *g)
{
	struct domain *d = domain_of(g);

	if (!d || !d->live || !hash_deferring || !param_hpt_defer || !kht_occupied(d->ledger, threads))
		return NULL;
	return d;
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

static void move_hash(struct domain *d, struct vcpu *v, int cpu)
{
	int prev = kht_load(&v->prev_cpu);

	kht_store(&v->prev_cpu, cpu);
	if (!kht_load(&d->tracks_moves) || prev == cpu)
		return;
	if (prev < 0) {
		events.hash_moves_unknown++;
		kht_absorb_full(d->ledger);
		batch_cover(d);
	} else if (core_of(prev).first != core_of(cpu).first) {
		events.hash_moves++;
		leave_core(d, prev);
	}
}

void on_vcpu_load(struct vcpu *v)
{
	unsigned int cpu = this_cpu()->nr;
	struct domain *d = domain_of(v->guest);
	struct kht_vcpu *s;
	struct kht_move m;

	if (!d || !d->live)
		return;
	if (v->guest->hash) {
		if (kht_load(&v->prev_cpu) != (int)cpu)
			move_hash(d, v, cpu);
		return;
	}
	if (mutant(SIM_MUT_STOCK_BITS))
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
