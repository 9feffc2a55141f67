// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stock kernel and the guest, as far as translations go: vCPU threads, the
 * guest's own invalidations, the page tables of the host, and what the
 * administrator does.
 */
#include <string.h>
#include "guest.h"

struct guest guests[GUESTS];

static bool mutant(unsigned int m)
{
	return kht_mutant_now == m;
}

/* Guests come and go */

/*
 * Whatever was cached for the LPID is dead. The process scope is stock's to
 * flush, always. The caller lets the guest live when all is done.
 */
void guest_create(struct guest *g, u32 lpid)
{
	unsigned int i;

	memset(g, 0, sizeof(*g));
	g->dying = true;
	g->lpid = lpid;
	g->need_tlb_flush = ~0ull;
	for (i = 0; i < PAGES; i++)
		tlb_dead(lpid, i, new_stamp());
	g->root = new_stamp();
	table_dead(lpid, g->root);
	for (i = 0; i < PROCS; i++) {
		g->proc[i] = (struct proc){ .nr = i, .owner = i % VCPUS, .table = new_stamp() };
		proc_dead(lpid, i, g->proc[i].table);
	}
	for (i = 0; i < VCPUS; i++) {
		g->vcpu[i] = (struct vcpu){ .guest = g, .id = i, .fault = -1, .order_on = -1, .replacing = -1 };
		g->vcpu[i].kvm_vcpu = (struct kvm_vcpu){ .kvm = &g->kvm, .vcpu_id = i, .vcpu_idx = i, .arch.prev_cpu = -1 };
		g->kvm.vcpus[i] = &g->vcpu[i].kvm_vcpu;
	}
	g->kvm.arch.lpid = lpid;
	g->kvm.arch.mmu_ready = true;
	g->kvm.arch.radix = !(shape.hash && g == &guests[GUESTS - 1]);
	if (shape.hash && g == &guests[GUESTS - 1])
		hpt_create(g);
}

bool lpid_is_hash(u32 lpid)
{
	return guests[GUESTS - 1].lpid == lpid && guests[GUESTS - 1].hash;
}

/* Host invalidations */

static void flush(struct guest *g, int page)
{
	bool done;

	preempt_disable();
	done = on_flush(g, page);
	preempt_enable();
	if (done)
		return;
	if (page < 0)
		kht_broadcast_lpid(g->lpid);
	else
		kht_broadcast_page(g->lpid, kht_page(gpa(page), PAGE_SHIFT));
}

/* Changes a valid PTE and returns the change; 0 when there was nothing to change. */
static u64 change(struct guest *g, unsigned int page, bool stays)
{
	struct pte pte = pte_of(kht_load(&g->tables[page]));
	u64 stamp;

	if (!pte.valid)
		return 0;
	stamp = new_stamp();
	set_pte(&g->tables[page], pte_word(stamp, stays));
	return stamp;
}

/* The operation returns to its caller: older translations of these pages are dead. */
static void returned(struct guest *g, const u64 *stamps)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		if (stamps[i])
			tlb_dead(g->lpid, i, stamps[i]);
}

/* A page replaced or removed outside a batch: change and flush under mmu_lock. */
static void unmap_one(struct guest *g)
{
	unsigned int page = chance(PAGES);
	u64 stamps[PAGES] = { 0 };

	lock(&g->kvm.mmu_lock);
	stamps[page] = change(g, page, false);
	if (stamps[page])
		flush(g, page);
	unlock(&g->kvm.mmu_lock);
	returned(g, stamps);
}

/* A table page goes: walk-cache flush. */
static void unmap_table(struct guest *g)
{
	u64 stamps[PAGES] = { 0 }, root;
	unsigned int page;

	lock(&g->kvm.mmu_lock);
	for (page = 0; page < PAGES; page++)
		stamps[page] = change(g, page, false);
	root = g->root = new_stamp();
	flush(g, -1);
	table_dead(g->lpid, root);
	unlock(&g->kvm.mmu_lock);
	returned(g, stamps);
}

/*
 * unmap_gfn_range: a batch under mmu_lock. Its caller frees the pages, also
 * those whose PTE another batch has cleared.
 */
static void notifier(struct guest *g)
{
	unsigned int page, first = chance(PAGES), n = 1 + chance(2);
	u64 stamps[PAGES] = { 0 };
	struct kht_domain *d;
	bool own = false;

	lock(&g->kvm.mmu_lock);
	d = batch_begin(g);
	for (page = first; page < PAGES && page < first + n; page++) {
		stamps[page] = change(g, page, false);
		if (stamps[page]) {
			own = true;
			flush(g, page);
		}
		stamps[page] = pte_of(kht_load(&g->tables[page])).stamp;
	}
	if (d)
		batch_end(d, own);
	unlock(&g->kvm.mmu_lock);
	returned(g, stamps);
}

/* The harvest is over: what has been stored through older translations is in the copy that is made now. */
static void copy(const struct guest *g, unsigned int page, u64 stamp)
{
	u64 value = kht_load(&g->data[page]);

	events.copies++;
	if (g->stored_by[page] < stamp && value != g->data[page])
		hazard("a store to page %u of LPID %u through an old translation is not in the copy", page, g->lpid);
}

/*
 * get_dirty_log (pages stay) or flush_memslot. It may sleep, and the copy to
 * user space may fault and call a notifier on its own task.
 */
static void batch(struct guest *g, bool stays)
{
	u64 stamps[PAGES] = { 0 };
	struct kht_domain *d;
	unsigned int page;

	g->slot_operations++;
	d = batch_begin(g);
	for (page = 0; page < PAGES; page++) {
		lock(&g->kvm.mmu_lock);
		stamps[page] = change(g, page, stays);
		if (stamps[page])
			flush(g, page);
		unlock(&g->kvm.mmu_lock);
		preempt_point();
		if (!chance(24))
			notifier(g);
	}
	if (!stays && !chance(4))
		flush(g, -1);
	if (d)
		batch_end(d, true);
	returned(g, stamps);
	for (page = 0; page < PAGES; page++)
		if (stays && stamps[page])
			copy(g, page, stamps[page]);
	g->slot_operations--;
}

static void radix_host_operation(struct guest *g)
{
	switch (chance(8)) {
	case 0:
	case 1:
		unmap_one(g);
		break;
	case 2:
		unmap_table(g);
		break;
	case 3:
	case 4:
		notifier(g);
		break;
	case 5:
		batch(g, false);
		break;
	default:
		batch(g, true);
	}
}

static void inside(void (*operation)(struct guest *), struct guest *g)
{
	struct task *t = this_task;

	t->inside++;
	operation(g);
	if (!--t->inside)
		t->outside++;
}

/* Where there is a hash guest, most of the time is its. */
static bool skipped(const struct guest *g)
{
	return shape.hash && chance(g->hash ? shape.quiet : 4);
}

void kernel_task(void *unused)
{
	(void)unused;
	for (;;) {
		struct guest *g = &guests[chance(GUESTS)];

		if (!g->dying && !skipped(g)) {
			g->users++;
			inside(g->hash ? hash_host_operation : radix_host_operation, g);
			g->users--;
		}
		preempt_point();
		if (chance(2))
			give_up_cpu(chance(300));
	}
}

/* The guest's own invalidations, and the moves they are about */

/* eieio; tlbsync; ptesync on this CPU. */
void complete_order(void *unused)
{
	unsigned int g, v;

	(void)unused;
	if (mutant(SIM_MUT_NO_ORDER))
		return;
	yield();
	for (g = 0; g < GUESTS; g++)
		for (v = 0; v < VCPUS; v++)
			if (guests[g].vcpu[v].order_on == (int)this_cpu()->nr)
				guests[g].vcpu[v].order_on = -1;
}

static void finish_change(struct vcpu *v)
{
	if (v->order_on >= 0 && v->order_on != (int)this_cpu()->nr)
		hazard("vCPU %u of LPID %u goes on on CPU %u, its tlbie unfinished on CPU %d",
		       v->id, v->guest->lpid, this_cpu()->nr, v->order_on);
	v->order_on = -1;
	proc_dead(v->guest->lpid, v->changing->nr, v->changing->table);
	v->changing = NULL;
}

/* tlbiel when only this vCPU has used the process, else tlbie. */
static void begin_change(struct vcpu *v, struct proc *p)
{
	p->table = new_stamp();
	v->changing = p;
	v->order_on = this_cpu()->nr;
	if (p->used_by & ~(1u << v->id))
		proc_drop_everywhere(v->guest->lpid, p->nr);
	else
		proc_drop_local(this_cpu(), v->guest->lpid, p->nr);
	p->used_by = 1u << v->id;
}

static void use_process(struct vcpu *v)
{
	struct proc *p = &v->guest->proc[chance(PROCS)];

	if (v->changing) {
		finish_change(v);
		return;
	}
	if (p->owner != v->id)
		return;
	switch (chance(6)) {
	case 0:
		begin_change(v, p);
		break;
	case 1:
		p->owner = chance(VCPUS);
		break;
	default:
		p->used_by |= 1u << v->id;
		proc_touch(this_cpu(), p->nr, p->table);
	}
}

/* Stock's way with the process scope (kvmppc_prepare_radix_vcpu, check_need_tlb_flush) */

static u64 core_bits(unsigned int cpu)
{
	struct kht_core core = core_of(cpu);
	unsigned int i;
	u64 bits = 0;

	for (i = core.first; i <= core.last; i += core.step)
		bits |= 1ull << i;
	return bits;
}

/*
 * Interrupts the CPUs of the core that run the guest. Stock sets its bits one
 * by one and clears each after the flush: a debt set meanwhile gets lost. That
 * race is stock's own; it is shown with SIM_MUT_STOCK_BITS, and left out
 * otherwise.
 */
static void stock_leave_core(struct guest *g, unsigned int prev)
{
	u64 bits = core_bits(prev);
	u32 mask = 0;
	unsigned int i;

	for (i = 0; i < nr_cpus; i++) {
		if (mutant(SIM_MUT_STOCK_BITS))
			yield();
		g->need_tlb_flush |= bits & 1ull << i;
	}
	sim_fence();
	for (i = 0; i < nr_cpus; i++)
		if (bits >> i & 1 && cpus[i].context == g->lpid)
			mask |= 1u << i;
	if (mask)
		smp_call(mask, do_nothing, NULL);
}

static void stock_prepare(struct vcpu *v)
{
	unsigned int cpu = this_cpu()->nr;
	int prev = v->kvm_vcpu.arch.prev_cpu;

	if (prev == (int)cpu)
		return;
	if (prev >= 0) {
		if (core_of(prev).first != core_of(cpu).first)
			stock_leave_core(v->guest, prev);
		smp_call(1u << prev, complete_order, NULL);
	}
	v->kvm_vcpu.arch.prev_cpu = cpu;
}

static void check_need_tlb_flush(struct guest *g)
{
	struct cpu *c = this_cpu();
	u64 bits = core_bits(c->nr), mine = 1ull << c->nr;

	if (!(g->need_tlb_flush & mine))
		return;
	if ((g->need_tlb_flush & bits) != bits)
		;
	else if (g->hash)
		hash_flush_local(c, g->lpid, g->all_sets);
	else
		proc_flush_local(c, g->lpid);
	if (mutant(SIM_MUT_STOCK_BITS))
		yield();
	g->need_tlb_flush &= ~mine;
}

/* vCPU threads */

static void sched_out(struct task *t)
{
	struct vcpu *v = t->arg;

	preempt_disable();
	irq_off();
	if (v->loaded)
		on_vcpu_put(v);
	irq_on();
	preempt_enable();
}

static void vcpu_load(struct vcpu *v)
{
	preempt_disable();
	on_vcpu_load(v);
	preempt_enable();
}

static void sched_in(struct task *t)
{
	struct vcpu *v = t->arg;

	if (v->loaded)
		vcpu_load(v);
}

static void store_to(struct guest *g, unsigned int page)
{
	store_now(&g->data[page], g->data[page] + 1);
	g->stored_by[page] = translation(this_cpu(), page);
}

/* The guest executes until an interrupt or something for the host to do. */
static void execute(struct vcpu *v)
{
	struct cpu *c = this_cpu();
	unsigned int n = 1 + chance(chance(4) ? 8 : 200);
	bool busy = chance(2);

	while (n-- && !c->nr_calls) {
		yield();
		if (v->guest->hash) {
			if (hash_use(v, busy))
				return;
		} else if (chance(2)) {
			unsigned int page = chance(PAGES);

			if (!tlb_touch(c, page)) {
				v->fault = page;
				return;
			}
			if (chance(2))
				store_to(v->guest, page);
		} else {
			use_process(v);
		}
	}
}

static void run_guest(struct vcpu *v)
{
	struct guest *g = v->guest;
	struct cpu *c;

	preempt_disable();
	if (!g->hash)
		stock_prepare(v);
	c = this_cpu();
	irq_off();
	on_guest_enter(v);
	if (c->nr_calls) {
		events.aborted_entries++;
	} else {
		sim_fence();	/* the hwsync of switch_mmu_to_guest_radix() */
		c->users = g->hash && g->honest ? g->used_by : NULL;
		c->user = 1u << v->id;
		tlb_load_context(c, g->lpid, g->tables);
		check_need_tlb_flush(g);
		tlb_check(c, "on entry");
		events.entries++;
		this_task->in_guest = true;
		execute(v);
		this_task->in_guest = false;
		tlb_unload_context(c);
		on_guest_exit(v);
		if (g->hash)
			erat_clear(c, g->lpid);	/* slb_clear_invalidate_partition() */
	}
	irq_on();
	preempt_enable();
}

static void handle_fault(struct vcpu *v)
{
	struct guest *g = v->guest;

	if (g->hash) {
		hash_fault(g, v->fault);
		v->fault = -1;
		return;
	}
	lock(&g->kvm.mmu_lock);
	if (!pte_of(kht_load(&g->tables[v->fault])).valid)
		set_pte(&g->tables[v->fault], pte_word(new_stamp(), true));
	sim_ptesync();
	unlock(&g->kvm.mmu_lock);
	v->fault = -1;
}

/* __kvmhv_copy_tofrom_guest_radix(): guest translations used by the host. */
static void quadrant_access(struct guest *g)
{
	struct cpu *c = this_cpu();
	unsigned int n = 1 + chance(chance(8) ? 12 : 200);
	bool guarded;

	preempt_disable();
	guarded = quadrant_begin(g);
	sim_fence();
	tlb_load_context(c, g->lpid, g->tables);
	tlb_check(c, "on entry");
	while (n--) {
		yield();
		tlb_touch(c, chance(PAGES));
	}
	tlb_unload_context(c);
	if (guarded)
		quadrant_end();
	preempt_enable();
}

static void kvm_run(struct vcpu *v)
{
	unsigned int n = 1 + chance(v->guest->hash ? 40 : 6);

	v->guest->running++;
	vcpu_load(v);
	v->loaded = true;
	while (n--) {
		if (v->guest->hash && !chance(30 * shape.quiet))
			inside(hash_notifier, v->guest);	/* its thread's own memory changes */
		else if (!v->guest->hash && !chance(6))
			quadrant_access(v->guest);
		run_guest(v);
		if (v->fault >= 0)
			handle_fault(v);
		if (v->hcall)
			hash_hcall(v);
		preempt_point();
	}
	sim_fence();	/* stock relies on the order of its exit: resize_hpt, kvmppc_alloc_reset_hpt() */
	v->guest->running--;
	preempt_point();
	preempt_disable();
	on_vcpu_put(v);
	v->loaded = false;
	preempt_enable();
}

/* A vCPU that is not online has a thread, and nothing more. */
static bool may_run(const struct vcpu *v)
{
	return !v->guest->hash || v->id < v->guest->vcores;
}

void vcpu_task(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		this_task->sched_out = sched_out;
		this_task->sched_in = sched_in;
		if (v->guest && !v->guest->dying && !v->guest->stop && may_run(v)) {
			struct guest *g = v->guest;

			g->users++;
			kvm_run(v);
			sim_fence();	/* of the reference to the guest */
			g->users--;
		}
		preempt_point();
		if (!chance(3))
			give_up_cpu(chance(200));
		if (v->guest && !v->guest->hash && shape.hash)
			give_up_cpu(chance(4000));
	}
}

/* Administration */

/*
 * A guest dies and another comes, maybe with an LPID used before. The stock
 * kernel flushes the partition scope when it sets the partition table entry;
 * where a ledger is in charge we do not rely on it (invariant 5).
 */
static void renew(struct guest *g)
{
	bool used[LPIDS] = { true };
	unsigned int i;
	u32 lpid;

	g->dying = true;
	while (g->users)
		give_up_cpu(20);
	on_vm_destroy(g);
	for (i = 0; i < GUESTS; i++)
		used[guests[i].lpid] = &guests[i] != g;
	do
		lpid = 1 + chance(LPIDS - 1);
	while (used[lpid]);
	guest_create(g, lpid);
	on_vcpu_create(g);
	if (g->hash && !(domain_of(g) && kht_hash_deferring))
		hash_drop_everywhere(lpid, 0, PAGES - 1);
	else if (!g->hash && !domain_of(g))
		kht_broadcast_lpid(lpid);
	g->dying = false;
	events.new_guests++;
}

/*
 * CPUs that come and go. Linux puts one that goes to sleep as it does an idle one, and runs no tlbiel where it
 * comes back (pnv_smp_cpu_offline_self(), start_secondary_resume()). cleanup_cpu_mmu_context() says that guests'
 * translations are not necessarily flushed when it goes. So stock relies on the hardware: what a sleeping thread
 * keeps, a tlbie reaches. What it has lost in a deep state may be anything when it wakes up, as far as the module is
 * concerned; stock does not expect that, so it happens to guests with a ledger only.
 */

/* What was begun on it is complete. */
static void finish_orders(unsigned int cpu)
{
	unsigned int g, v;

	for (g = 0; g < GUESTS; g++)
		for (v = 0; v < VCPUS; v++)
			if (guests[g].vcpu[v].order_on == (int)cpu)
				guests[g].vcpu[v].order_on = -1;
}

static void go_down(unsigned int first, unsigned int last)
{
	unsigned int i;
	bool busy;

	for (i = first; i <= last; i++)
		cpus[i].leaving = true;
	do {
		give_up_cpu(10);
		for (busy = false, i = first; i <= last; i++)
			busy |= cpus[i].task || cpus[i].nr_calls || cpus[i].irq_off;
	} while (busy);
	for (i = first; i <= last; i++) {
		cpus[i].offline = true;
		finish_stores(&cpus[i]);
		finish_orders(i);
	}
}

static bool uses_no_tlb_of(const struct cpu *c)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++)
		if (&cpus[i] != c && cpus[i].tlb == c->tlb && !cpus[i].offline)
			return false;
	return true;
}

static void wake_up(struct cpu *c)
{
	unsigned int i;

	for (i = 0; i < GUESTS; i++)
		if (domain_of(&guests[i]))
			tlb_garbage(c, guests[i].lpid, uses_no_tlb_of(c));
}

/* One step after the other, with time between them. */
static void come_up(unsigned int cpu)
{
	struct cpu *c = &cpus[cpu];

	if (hotplug_state)
		cpu_prepares(cpu);
	give_up_cpu(chance(300));
	wake_up(c);
	give_up_cpu(chance(300));
	c->offline = false;
	give_up_cpu(chance(100));
	if (hotplug_state)
		smp_call(1u << cpu, cpu_arrives, NULL);
	c->leaving = false;
}

/* A core, or a thread of it. */
static void hotplug(void)
{
	struct kht_core core = core_of(chance(nr_cpus));
	unsigned int i;

	if (this_cpu()->nr >= core.first && this_cpu()->nr <= core.last)
		return;
	if (chance(2))
		core.first = core.last;
	mutex_lock(&hotplug_lock);
	go_down(core.first, core.last);
	mutex_unlock(&hotplug_lock);
	give_up_cpu(chance(400));
	for (i = core.first; i <= core.last; i++) {
		mutex_lock(&hotplug_lock);
		come_up(i);
		mutex_unlock(&hotplug_lock);
		yield();
	}
	events.hotplugs++;
}

void admin_task(void *unused)
{
	(void)unused;
	attach();
	for (;;) {
		give_up_cpu(shape.restless ? chance(1500) : chance(2000) * shape.calm);
		kht_param_defer = chance(4);
		kht_param_lazy_move = chance(4);
		kht_param_hpt_local = chance(3);
		kht_param_hpt_defer = chance(3);
		apply_hpt();
		if (!hooks)
			attach();
		else if (shape.restless || !chance(4))
			detach();
	}
}

/* Adoption; the work holds the guest. It waits for operations first, since that wait would make up for steps left out. */
void worker_task(void *unused)
{
	(void)unused;
	for (;;) {
		struct guest *g = &guests[chance(GUESTS)];

		if (g->adopt && !g->dying && !g->slot_operations) {
			g->users++;
			g->adopt = false;
			adopt(g);
			g->users--;
		}
		give_up_cpu(chance(400));
	}
}

void operator_task(void *unused)
{
	(void)unused;
	for (;;) {
		give_up_cpu(shape.restless ? chance(300) : chance(5000) * shape.calm);
		if (shape.restless && chance(8))
			hotplug();
		else if (shape.hash && !chance(3))
			hash_reset(&guests[GUESTS - 1]);
		else if (chance(2))
			renew(&guests[chance(GUESTS)]);
		else
			hotplug();
	}
}
