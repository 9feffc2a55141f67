// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hash guest, as far as translations go. The guest enters, uses and removes HPTEs by
 * hcalls; the host invalidates those that it finds through its reverse map.
 *
 * An honest guest sets H_LOCAL for a page that only this vCPU has used since the last
 * removal of it that reached everybody, and must then never see an old translation. A
 * hostile one sets it as it likes: only the host is judged then, and it must never
 * depend on what a guest says.
 */
#include "guest.h"
#include "core/protocol.h"

static bool valid(const struct guest *g, unsigned int page)
{
	return pte_of(kht_load(&g->tables[page])).valid;
}

static u64 stamp_of(const struct guest *g, unsigned int page)
{
	return pte_of(kht_load(&g->tables[page])).stamp;
}

/* The HPTE is locked. */
static void make_invalid(struct guest *g, unsigned int page)
{
	set_pte(&g->tables[page], pte_word(new_stamp(), false));
}

static void make_valid(struct guest *g, unsigned int page, u64 stamp)
{
	set_pte(&g->tables[page], pte_word(stamp, true));
	sim_ptesync();
}

static u32 everybody(const struct guest *g)
{
	return (1u << g->vcores) - 1;
}

void hpt_create(struct guest *g)
{
	unsigned int page;

	g->hash = true;
	g->honest = chance(2);
	g->vcores = chance(4) ? VCPUS : 1;
	for (page = 0; page < PAGES; page++) {
		g->hpte[page].replacer = -1;
		g->used_by[page] = everybody(g);
		hpte_removed(g->lpid, page, new_stamp());
	}
}

/* The host */

/*
 * One HPTE, unless the guest has removed it: then the reverse map does not name it any
 * more. Returns the change after which older translations of the page are dead when the
 * operation is over, by whomever it was; 0 if there is none of the host's own (@own).
 */
static u64 invalidate(struct guest *g, unsigned int page, bool stays, bool own)
{
	bool was_valid;
	u64 stamp;

	lock(&g->hpte[page].lock);
	was_valid = valid(g, page);
	if (was_valid) {
		make_invalid(g, page);
		if (!on_invalidate_hpte(g, page))
			hash_drop_everywhere(g->lpid, page, page);
		c_bit_read(g->lpid, page, stamp_of(g, page));
	}
	stamp = stamp_of(g, page);
	if (was_valid && stays)
		make_valid(g, page, stamp);
	unlock(&g->hpte[page].lock);
	return was_valid || !own ? stamp : 0;
}

/* All at once, where that is less. */
static bool sweep_flush(struct guest *g, struct kht_domain *d)
{
	u64 upto;

	if (!trylock(&g->kvm.arch.mmu_setup_lock))
		return false;
	upto = kht_load(&d->ledger->gen);
	hash_drop_everywhere(g->lpid, 0, PAGES - 1);
	kht_done_everywhere(d->ledger, upto);
	unlock(&g->kvm.arch.mmu_setup_lock);
	events.hash_swept++;
	return true;
}

/* With nobody else in guest the flush is a debt (sweep.c's defer_sweep()). */
static bool sweep_defer(struct kht_domain *d, u32 held)
{
	unsigned int page, self = this_cpu()->nr;
	bool done;

	if (!kht_param_defer || kht_others_behind(d->ledger, kht_threads, ~0ull, self))
		return false;
	for (page = 0; page < PAGES; page++)
		if (held >> page & 1)
			kht_absorb_page(d->ledger, kht_page(gpa(page), PAGE_SHIFT));
	done = kht_reach_absorbed(d->ledger, kht_threads, self);
	events.hash_swept_debts += done;
	return done;
}

static u32 sweep_hold(struct guest *g, unsigned int first, unsigned int end)
{
	unsigned int page;
	u32 held = 0;

	for (page = first; page < end; page++) {
		if (!trylock(&g->hpte[page].lock))
			continue;
		if (valid(g, page)) {
			make_invalid(g, page);
			held |= 1u << page;
		} else {
			unlock(&g->hpte[page].lock);
		}
	}
	return held;
}

/* Before the kernel's own function; mmu_lock is held. The stamps are of what it did. */
static void sweep(struct guest *g, unsigned int first, unsigned int end, bool stays, u64 *stamps)
{
	struct kht_domain *d = chance(2) ? sweeps(g) : NULL;
	unsigned int page;
	bool done;
	u32 held;

	if (!d)
		return;
	held = sweep_hold(g, first, end);
	done = held && (sweep_defer(d, held) || (chance(2) && sweep_flush(g, d)));
	for (page = first; page < end; page++) {
		if (!(held >> page & 1))
			continue;
		if (!done)
			hash_drop_everywhere(g->lpid, page, page);
		stamps[page] = stamp_of(g, page);
		c_bit_read(g->lpid, page, stamps[page]);
		if (stays)
			make_valid(g, page, stamps[page]);
		unlock(&g->hpte[page].lock);
	}
}

static void over(struct guest *g, const u64 *stamps)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		if (stamps[page])
			tlb_dead(g->lpid, page, stamps[page]);
}

/* unmap_gfn_range: its caller frees the pages, and ends the invalidation some time later. */
void hash_notifier(struct guest *g)
{
	unsigned int first = chance(PAGES), end = first + 1 + chance(2), page;
	u64 stamps[PAGES] = { 0 };
	struct kht_domain *d;

	if (end > PAGES)
		end = PAGES;
	lock(&g->kvm.mmu_lock);
	g->kvm.mmu_invalidate_in_progress++;
	d = batch_begin(g);
	sweep(g, first, end, false, stamps);
	for (page = first; page < end; page++)
		stamps[page] = invalidate(g, page, false, false);
	if (d)
		batch_end(d, true);
	unlock(&g->kvm.mmu_lock);
	over(g, stamps);
	preempt_point();
	lock(&g->kvm.mmu_lock);
	g->kvm.mmu_invalidate_in_progress--;
	unlock(&g->kvm.mmu_lock);
}

/* get_dirty_log (pages stay) or flush_memslot. */
static void slot_operation(struct guest *g, bool stays)
{
	u64 stamps[PAGES] = { 0 };
	struct kht_domain *d;
	unsigned int page;

	g->slot_operations++;
	d = batch_begin(g);
	lock(&g->kvm.mmu_lock);
	sweep(g, 0, PAGES, stays, stamps);
	unlock(&g->kvm.mmu_lock);
	for (page = 0; page < PAGES; page++) {
		lock(&g->kvm.mmu_lock);
		stamps[page] = invalidate(g, page, stays, false);
		unlock(&g->kvm.mmu_lock);
		preempt_point();
	}
	if (d)
		batch_end(d, true);
	over(g, stamps);
	g->slot_operations--;
}

/* Clears R of a page that stays. No batch: what the guest has removed is none of its business. */
static void age(struct guest *g)
{
	unsigned int page = chance(PAGES);
	u64 stamps[PAGES] = { 0 };

	lock(&g->kvm.mmu_lock);
	stamps[page] = invalidate(g, page, true, true);
	unlock(&g->kvm.mmu_lock);
	over(g, stamps);
}

void hash_host_operation(struct guest *g)
{
	switch (chance(6)) {
	case 0:
		age(g);
		break;
	case 1:
		slot_operation(g, false);
		break;
	case 2:
		slot_operation(g, true);
		break;
	default:
		hash_notifier(g);
	}
}

void hash_fault(struct guest *g, unsigned int page)
{
	lock(&g->hpte[page].lock);
	if (g->hpte[page].present && !valid(g, page))
		make_valid(g, page, new_stamp());
	unlock(&g->hpte[page].lock);
}

/* kvmppc_alloc_reset_hpt(): nobody runs the guest, and none of its HPTEs is left. */
void hash_reset(struct guest *g)
{
	unsigned int page;
	bool ours;

	g->users++;
	g->stop = true;
	while (g->running)
		give_up_cpu(20);
	mutex_lock(&g->kvm.arch.mmu_setup_lock);
	for (page = 0; page < PAGES; page++) {
		lock(&g->hpte[page].lock);
		g->hpte[page].present = false;
		make_invalid(g, page);
		unlock(&g->hpte[page].lock);
	}
	preempt_disable();
	ours = on_set_partition(g);
	preempt_enable();
	if (!ours)
		hash_drop_everywhere(g->lpid, 0, PAGES - 1);
	for (page = 0; page < PAGES; page++) {
		hpte_removed(g->lpid, page, stamp_of(g, page));
		tlb_dead(g->lpid, page, stamp_of(g, page));
	}
	mutex_unlock(&g->kvm.arch.mmu_setup_lock);
	g->stop = false;
	g->users--;
	events.hash_resets++;
}

/* Hcalls, with preemption off */

static void h_remove(struct vcpu *v)
{
	struct guest *g = v->guest;
	unsigned int page = v->replacing;
	enum kht_reach reach = KHT_REACH_BROADCAST;
	struct kht_domain *d = on_hcall(v, &reach);

	lock(&g->hpte[page].lock);
	if (valid(g, page)) {
		make_invalid(g, page);
		if (!d || !hash_reach(d, page, reach)) {
			hash_drop_everywhere(g->lpid, page, page);
			events.hcalls_late += !!d;
			reach = KHT_REACH_BROADCAST;
		}
		events.hcalls_here += reach == KHT_REACH_LOCAL;
		events.hcalls_nowhere_else += reach == KHT_REACH_DEFER;
		events.hcalls_everywhere += reach == KHT_REACH_BROADCAST;
	}
	g->hpte[page].present = false;
	hpte_removed(g->lpid, page, stamp_of(g, page));
	unlock(&g->hpte[page].lock);
}

/* The host has the page at hand, or not: then the HPTE is absent. */
static void h_enter(struct vcpu *v)
{
	struct guest *g = v->guest;
	unsigned int page = v->replacing;

	lock(&g->hpte[page].lock);
	if (!g->hpte[page].present && chance(4))
		make_valid(g, page, new_stamp());
	g->hpte[page].present = true;
	unlock(&g->hpte[page].lock);
	v->replacing = -1;
	g->hpte[page].replacer = -1;
}

void hash_hcall(struct vcpu *v)
{
	preempt_disable();
	if (v->hcall == H_REMOVE)
		h_remove(v);
	else
		h_enter(v);
	v->hcall = NO_HCALL;
	preempt_enable();
}

/* The guest */

/* After the removal: the page changes hands, or not, and is entered again. */
static void finish_replacing(struct vcpu *v)
{
	struct guest *g = v->guest;
	u32 me = 1u << v->id;

	v->hcall = H_ENTER;

	if (!v->local && chance(4))
		g->used_by[v->replacing] = me;
	if (!chance(4))
		g->used_by[v->replacing] = everybody(g);
}

static void begin_removal(struct vcpu *v, unsigned int page)
{
	struct guest *g = v->guest;

	if (g->hpte[page].replacer >= 0 || v->replacing >= 0)
		return;
	g->hpte[page].replacer = v->id;
	v->replacing = page;
	v->hcall = H_REMOVE;
	v->local = g->honest ? g->used_by[page] == 1u << v->id : chance(4);
}

static bool access(struct vcpu *v, unsigned int page)
{
	if (hpte_touch(this_cpu(), page)) {
		if (!chance(4))
			c_bit_to_set(this_cpu(), page);
		return false;
	}
	if (!v->guest->hpte[page].present)
		return false;
	v->fault = page;
	return true;
}

/* One step of the guest; true: it exits. @busy: it may remove something. */
bool hash_use(struct vcpu *v, bool busy)
{
	struct guest *g = v->guest;
	unsigned int page = chance(PAGES);

	if (v->replacing >= 0 && !chance(v->guest->honest ? 2 : 8)) {
		finish_replacing(v);
		return true;
	}
	if (g->honest && !(g->used_by[page] & 1u << v->id))
		return false;
	if (!busy || chance(8))
		return access(v, page);
	begin_removal(v, page);
	return v->hcall;
}
