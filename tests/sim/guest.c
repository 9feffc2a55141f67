// SPDX-License-Identifier: GPL-2.0-only
/*
 * Around src/guest: the domains (domain.c's part of it), the order of src/attach, what src/guest asks of src/power and
 * src/module, and the hooks. Decisions are those of src/guest and src/core themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"
#include "core/protocol.h"

struct lock hotplug_lock;	/* cpus_write_lock() of a CPU that comes or goes; the module's state waits for it */
bool hotplug_state;		/* the module's is registered */
bool hooks, domains_open;

/* src/guest/domain.c's, src/module's */
struct kht_thread *kht_threads;
struct kht_vcpu *const kht_no_vcpus[KVM_MAX_VCPUS];
bool kht_hash_owing, kht_hash_deferring;
struct kht_feature kht_features[KHT_NR_FEATURES];
struct kht_domain *kht_domain_table[KHT_DOMAIN_PLACES];
bool kht_param_defer, kht_param_lazy_move, kht_param_hpt_defer, kht_param_hpt_local, kht_untested_cpu;
unsigned int kht_param_batch_ceiling;
DEFINE_PER_CPU(struct kht_totals, kht_totals);

#define MADE	4096u

static struct kht_thread threads[MAX_CPUS];
static DEFINE_PER_CPU(struct kht_seat, seats);
static struct kht_domain *made[MADE];	/* freed when the run is over */
static unsigned int nr_made;
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

struct kht_domain *domain_of(struct guest *g)
{
	return hooks ? kht_domain_of(&g->kvm) : NULL;
}

struct guest *guest_of(const struct kvm *kvm)
{
	return container_of(kvm, struct guest, kvm);
}

static void free_made(void)
{
	unsigned int i, v;

	for (i = 0; i < nr_made; i++) {
		for (v = 0; v < VCPUS; v++)
			free(made[i]->vcpus[v]);
		free(made[i]->vcpus);
		free(made[i]->places);
		free(made[i]->stats);
		free(made[i]->ledger);
		free(made[i]);
	}
	nr_made = 0;
}

void domains_reset(void)
{
	unsigned int i;

	free_made();
	memset(kht_domain_table, 0, sizeof(kht_domain_table));
	memset(&domain_mutex, 0, sizeof(domain_mutex));
	memset(&hotplug_lock, 0, sizeof(hotplug_lock));
	memset(threads, 0, sizeof(threads));
	memset(seats, 0, sizeof(seats));
	kht_threads = threads;
	kht_seats = shape.direct ? seats : NULL;
	for (i = 0; i < MAX_CPUS; i++) {
		threads[i].replay = replay_buffers[i];
		per_cpu_ptr(seats, i)->vcpu = KHT_NOBODY;
	}
	hooks = hotplug_state = domains_open = false;
	memset(kht_features, 0, sizeof(kht_features));
	kht_hash_owing = kht_hash_deferring = false;
	kht_param_defer = kht_param_lazy_move = kht_param_hpt_local = kht_param_hpt_defer = true;
	kht_param_batch_ceiling = shape.ceiling;
}

void *zeroed(size_t bytes)
{
	size_t whole = (bytes + KHT_CACHELINE - 1) / KHT_CACHELINE * KHT_CACHELINE;
	void *mem = aligned_alloc(KHT_CACHELINE, whole);

	if (!mem)
		abort();
	return memset(mem, 0, whole);
}

/* @older: vCPUs that may be loaded already. */
static struct kht_domain *alloc_domain(struct guest *g, unsigned int older)
{
	struct kht_domain *d = zeroed(sizeof(*d));
	unsigned int v;

	if (nr_made == MADE)
		abort();
	d->ledger = kht_ledger_init(zeroed(kht_ledger_bytes(nr_cpus, shape.log_size)), g->lpid,
				    nr_cpus, shape.log_size);
	d->ledger->lock = &d->lock;
	d->kvm = &g->kvm;
	d->lpid = g->lpid;
	d->stats = zeroed(sizeof(*d->stats));
	d->vcpus = zeroed(VCPUS * sizeof(*d->vcpus));
	d->vcpu = d->vcpus;
	d->places = zeroed(sizeof(*d->places) + VCPUS * sizeof(d->places->at[0]));
	d->places->n = VCPUS;
	for (v = 0; v < older && !mutant(SIM_MUT_OLDER_NOWHERE); v++)
		d->places->at[v] = KHT_ANYWHERE;
	d->ledger->places = d->places;
	INIT_LIST_HEAD(&d->shadows);
	made[nr_made++] = d;
	return d;
}

/* Under mmu_setup_lock, as publish_in_mmu_mode(). */
static struct kht_domain *publish(struct guest *g, unsigned int older)
{
	struct kht_domain *d;

	if (!domains_open || kht_domain(g->lpid) || !(mutex_trylock)(&g->kvm.arch.mmu_setup_lock))
		return NULL;
	d = alloc_domain(g, older);
	if (!mutant(SIM_MUT_LATE_KIND))
		kht_note_mmu_mode(d);
	kht_domain_table[g->lpid] = d;
	mutex_unlock(&g->kvm.arch.mmu_setup_lock);
	return d;
}

/* kht_domain_go_live() */
static bool go_live(struct guest *g, struct kht_domain *d)
{
	if (g->slot_operations && !mutant(SIM_MUT_LIVE_AT_ONCE))
		return false;
	if (!mutant(SIM_MUT_LIVE_AT_ONCE))
		lock(&g->kvm.mmu_lock);
	WRITE_ONCE(d->live, true);
	if (!mutant(SIM_MUT_LIVE_AT_ONCE))
		unlock(&g->kvm.mmu_lock);
	return true;
}

/* Nobody works on a guest that has no vCPU here. */
void on_vcpu_create(struct guest *g)
{
	struct kht_domain *d;

	if (!hooks)
		return;
	mutex_lock(&domain_mutex);
	d = publish(g, 1);
	if (d)
		go_live(g, d);
	mutex_unlock(&domain_mutex);
}

void on_vm_destroy(struct guest *g)
{
	mutex_lock(&domain_mutex);
	kht_domain_table[g->lpid] = NULL;
	mutex_unlock(&domain_mutex);
}

void do_nothing(void *unused)
{
	(void)unused;
}

/* domain.c */
void kht_note_mmu_mode(struct kht_domain *d)
{
	bool hash = !kvm_is_radix(d->kvm);

	WRITE_ONCE(d->vcpu, hash ? kht_no_vcpus : d->vcpus);
	WRITE_ONCE(d->ledger->hash, hash);
}

/* adopt.c */
void kht_adopt(struct kvm_vcpu *vcpu)
{
	guest_of(vcpu->kvm)->adopt = true;
}

/* adopt.c: what was done in guests without a mark is complete too. */
static void leave_guests(void *unused)
{
	(void)unused;
	if (!mutant(SIM_MUT_ADOPT_LEAVES_UPDATES))
		kht_complete_updates();
}

/* Who runs @g without a domain has a mark. */
static void interrupt_runners(const struct guest *g)
{
	unsigned int cpu;
	u32 mask = 0;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (kht_key_lpid(kht_load(&threads[cpu].guest)) == g->lpid)
			mask |= 1u << cpu;
	smp_call(mask, leave_guests, NULL);
}

void adopt(struct guest *g)
{
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	d = publish(g, VCPUS);
	mutex_unlock(&domain_mutex);
	if (!d)
		return;
	if (!mutant(SIM_MUT_ADOPT_NO_GRACE))
		synchronize_rcu();
	if (!mutant(SIM_MUT_ADOPT_NO_IPI))
		interrupt_runners(g);
	while (!go_live(g, d))
		give_up_cpu(20);
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
		on_all_cpus(leave_guests, NULL);
	domains_open = true;
	yield();
	kht_turn(KHT_LAZY_MOVE, true);
	kht_turn(KHT_DEFER, true);
	apply_hpt();
}

static void pay_process(void *domain)
{
	struct kht_domain *d = domain;

	events.paid_process += kht_pay_process(d->ledger, this_cpu()->nr);
}

static void pay(struct guest *g)
{
	struct kht_domain *d = domain_of(g);

	if (!d || (d->ledger->hash && !kht_hash_owing))
		return;
	events.paid += kht_pay_all(d->ledger);
	if (!mutant(SIM_MUT_DETACH_NO_PROCESS))
		on_all_cpus(pay_process, d);
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
void hold_cpus(void)
{
	if (!mutant(SIM_MUT_CPUS_NOT_HELD))
		mutex_lock(&hotplug_lock);
}

void let_cpus_go(void)
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
	WRITE_ONCE(kht_hash_owing, true);
	if (!mutant(SIM_MUT_HASH_NO_GRACE))
		synchronize_rcu();
	WRITE_ONCE(kht_hash_deferring, true);
}

static void stop_hash_debts(void)
{
	unsigned int i;

	WRITE_ONCE(kht_hash_deferring, false);
	wait_for_ops();
	hold_cpus();
	mutex_lock(&domain_mutex);
	for (i = 0; i < GUESTS; i++) {
		struct kht_domain *d = domain_of(&guests[i]);

		if (!d || !d->ledger->hash)
			continue;
		kht_start_over(d->ledger);
		if (!mutant(SIM_MUT_HASH_NOT_PAID))
			pay(&guests[i]);
		pay_offline(&guests[i]);
		WRITE_ONCE(d->trusts_local, false);
		WRITE_ONCE(d->tracks_moves, false);
	}
	mutex_unlock(&domain_mutex);
	let_cpus_go();
	WRITE_ONCE(kht_hash_owing, false);
}

void apply_hpt(void)
{
	bool want = kht_features[KHT_DEFER].on && (kht_param_hpt_defer || kht_param_hpt_local);

	if (want && !kht_hash_owing)
		start_hash_debts();
	if (!want && kht_hash_owing)
		stop_hash_debts();
}

void detach(void)
{
	unsigned int i;

	if (mutant(SIM_MUT_UNPLUGGED_FIRST))
		set_hotplug_state(false);
	kht_turn(KHT_LAZY_MOVE, false);
	kht_turn(KHT_DEFER, false);
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
		kht_domain_table[i] = NULL;
	}
	mutex_unlock(&domain_mutex);
	kht_forget_entries();
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
		struct kht_domain *d = kht_domain_table[i];	/* which may leave the table meanwhile */

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
		hash_guests |= kht_domain_table[i] && kht_domain_table[i]->ledger->hash;
	kht_thread_arrives(hash_guests);
}

/* Entry, exit, quadrant accesses */

/* src/direct/book3s_hv.h's kht_direct_enter(): with its vCPU in the seat an entry is this. */
static void enter_direct(struct vcpu *v)
{
	struct kht_seat *seat = this_cpu_ptr(kht_seats);

	if (READ_ONCE(seat->vcpu) == &v->kvm_vcpu) {
		events.seated++;
		kht_store(seat->mark, seat->key);
		if (!mutant(KHT_MUT_NO_ENTRY_FENCE))
			kht_full_fence();
		if (!kht_owes(seat->ledger, smp_processor_id()))
			return;
	}
	kht_direct_enter(&v->kvm_vcpu);
}

void on_guest_enter(struct vcpu *v)
{
	struct kht_domain *d = domain_of(v->guest);

	if (!hooks)
		return;
	if (d && mutant(SIM_MUT_LATE_KIND))
		kht_note_mmu_mode(d);
	if (kht_seats)
		enter_direct(v);
	else
		kht_on_guest_enter(NULL, &v->kvm_vcpu);
}

/* kht_direct_exit() */
void on_guest_exit(struct vcpu *v)
{
	struct kht_seat *seat;

	if (!hooks || !kht_seats)
		return;
	seat = this_cpu_ptr(kht_seats);
	if (READ_ONCE(seat->vcpu) == &v->kvm_vcpu)
		kht_leave(seat->mark);
}

bool quadrant_begin(struct guest *g)
{
	bool began = hooks && kht_quadrant_begin(g->lpid);

	events.quadrants += began;
	return began;
}

void quadrant_end(void)
{
	kht_quadrant_end();
}

/* Invalidations */

static bool as_pages(struct guest *g)
{
	bool done = true;
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		done &= kht_on_flush_page(g->lpid, gpa(page), 1ul << PAGE_SHIFT);
	return done;
}

/* One page, or with -1 all of them. True: done, skip the kernel's broadcast. */
bool on_flush(struct guest *g, int page)
{
	if (!hooks)
		return false;
	if (page < 0 && mutant(SIM_MUT_TABLE_AS_PAGES))
		return as_pages(g);
	if (page < 0)
		return kht_on_flush_full(g->lpid);
	return kht_on_flush_page(g->lpid, gpa(page), 1ul << PAGE_SHIFT);
}

struct kht_domain *batch_begin(struct guest *g)
{
	if (!hooks || (mutant(SIM_MUT_DETACH_IGNORES_BATCH) && !kht_features[KHT_DEFER].on))
		return NULL;
	return kht_batch_begin(&g->kvm, true);
}

/* @own: this operation has absorbed something itself. */
void batch_end(struct kht_domain *d, bool own)
{
	if (!mutant(KHT_MUT_OTHERS_IGNORE_BATCH) || own)
		kht_batch_end(d);
}

/* src/power */

/* The kernel may call siblings what shares no TLB. */
struct kht_core kht_core_of(unsigned int cpu)
{
	struct kht_core core = siblings_of(cpu);

	if (shape.share || !shape.alone)
		return core_of(cpu);
	core.alone = true;
	return core;
}

/* The kernel's functions that the executors call have no hooks here. */
bool kht_broadcasting(void)
{
	return false;
}

void kht_complete_guest_flushes(bool gtse)
{
	(void)gtse;
	events.order_puts++;
	complete_order(NULL);
}

void kht_complete_updates(void)
{
	if (mutant(SIM_MUT_UPDATES_LEFT))
		return;
	sim_ptesync();
}

void kht_hash_broadcast_lpid(struct kvm *kvm)
{
	hash_drop_everywhere(kvm->arch.lpid, 0, PAGES - 1);
}

/* Hash guests */

/* The domain of a guest whose H_REMOVE is the module's, and its reach; NULL: the kernel's function does. */
struct kht_domain *on_hcall(struct vcpu *v, enum kht_reach *reach)
{
	struct guest *g = v->guest;
	struct kht_domain *d = domain_of(g);
	struct kht_hcall h = {
		.self = smp_processor_id(), .vcores = g->vcores, .local = v->local,
		.paging = g->kvm.mmu_invalidate_in_progress,
	};

	if (!d)
		return NULL;
	h.allowed = READ_ONCE(kht_param_hpt_local) && READ_ONCE(kht_hash_deferring) && READ_ONCE(d->live);
	h.tracked = h.allowed && h.local && h.vcores > 1 && kht_trusts_local(d);
	*reach = kht_global_invalidates(d->ledger, kht_threads, &h);
	return *reach == KHT_REACH_BROADCAST ? NULL : d;
}

bool hash_reach(struct kht_domain *d, unsigned int page, enum kht_reach reach)
{
	return kht_hash_reach(d, reach, kht_page(gpa(page), PAGE_SHIFT));
}

/* The HPTE is not valid any more, and locked. True: done, skip the kernel's broadcast. */
bool on_invalidate_hpte(struct guest *g, unsigned int page)
{
	return hooks && kht_on_invalidate_hpte(&g->kvm, &g->tables[page], page);
}

/*
 * The kernel broadcasts then; where the ledger is in charge we do not rely on it
 * (invariant 5). True: it is.
 */
bool on_set_partition(struct guest *g)
{
	struct kht_domain *d = domain_of(g);

	if (!d)
		return false;
	kht_on_set_partition(g->lpid);
	return kht_hash_deferring;
}

struct kht_domain *sweeps(struct guest *g)
{
	struct kht_domain *d = domain_of(g);

	return d && kht_defers_hash(d) ? d : NULL;
}

/* Moves */

void on_vcpu_load(struct vcpu *v)
{
	int cpu = smp_processor_id();

	if (!hooks || v->kvm_vcpu.arch.prev_cpu == cpu || (mutant(SIM_MUT_STOCK_BITS) && !v->guest->hash))
		return;
	if (kht_seats)
		kht_direct_load(&v->kvm_vcpu, cpu);
	else
		kht_on_vcpu_move(&v->kvm_vcpu, cpu);
}

/* With interrupts off when the vCPU's task is scheduled out. */
void on_vcpu_put(struct vcpu *v)
{
	if (!hooks)
		return;
	if (!kht_seats) {
		if (!kht_put_at_once(&v->kvm_vcpu))
			kht_on_vcpu_put(&v->kvm_vcpu);
		return;
	}
	if (irqs_disabled() || this_cpu_read(kht_seats->vcpu) != &v->kvm_vcpu)
		kht_direct_put(&v->kvm_vcpu);
}
