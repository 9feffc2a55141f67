// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches of a hash guest that is running. The kernel harvests or unmaps one
 * HPTE after another: lock it, make it invalid, broadcast, read R and C, unlock
 * it. Its flush cannot be put off to the end, since R and C are final only
 * after it. So a sweep goes before: it makes many HPTEs invalid and keeps them
 * locked, flushes once, and finishes each as the kernel would. Then the
 * kernel's own function runs, and finds little left to do; what the sweep
 * leaves out (an HPTE that somebody else has locked, no memory, a table that is
 * being replaced) it does as ever.
 *
 * Locks: mmu_setup_lock keeps the MMU mode, the table and the table's size as
 * they are (kvmppc_alloc_reset_hpt(), resize_hpt_pivot()); the kernel's own
 * harvest does without. Its holder may be waiting for mmu_lock, or for the
 * guest's VMM, so it is not waited for: no sweep then. mmu_lock is held as in a
 * notifier. A chain of the reverse map is locked to walk it; HPTEs found there
 * are tried, never waited for, since their holders may want the chain. The
 * other way round is free: finishing takes chains with HPTEs locked, and nobody
 * who holds a chain waits for an HPTE.
 */
#include <linux/slab.h>
#include "core/env.h"
#include "module/faults.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/hpt.h"
#include "guest/sweep.h"
#include "guest/hpte.h"
#include "module/params.h"
#include "power/flush.h"
#include "core/protocol.h"
#include "kht_trace.h"

#define SWEEP		256	/* HPTEs held at a time: one page of memory */
#define STRIDE		4096	/* guest pages looked at with mmu_lock held */

struct held {
	unsigned long index;
	unsigned long gfn;
};

struct sweep {
	struct kvm *kvm;
	struct kht_domain *d;
	struct kvm_memory_slot *slot;
	bool unmap;		/* or harvest C */
	unsigned int n;
	struct held *held;
};

static unsigned long *chain_of(const struct sweep *s, unsigned long gfn)
{
	return &s->slot->arch.rmap[gfn - s->slot->base_gfn];
}

static struct revmap_entry *rev_of(const struct sweep *s, unsigned long index)
{
	return &s->kvm->arch.hpt.rev[index];
}

static bool maps(const struct sweep *s, unsigned long index, unsigned long v, unsigned long gfn)
{
	unsigned long rpte = rev_of(s, index)->guest_rpte;

	return hpte_rpn(rpte, kvmppc_actual_pgsz(v, rpte)) == gfn;
}

/*
 * Is this HPTE one to flush? It may be locked by others, and the answer
 * outdated.
 */
static bool wanted(const struct sweep *s, unsigned long index, unsigned long gfn)
{
	const __be64 *hpte = kht_hpte_at(s->kvm, index);
	unsigned long v = be64_to_cpu(READ_ONCE(hpte[0]));

	if (!(v & HPTE_V_VALID) || !maps(s, index, v, gfn))
		return false;
	return s->unmap || (be64_to_cpu(READ_ONCE(hpte[1])) & HPTE_R_C);
}

static void hold_hpte(struct sweep *s, unsigned long index, unsigned long gfn)
{
	__be64 *hpte = kht_hpte_at(s->kvm, index);

	if (!wanted(s, index, gfn) || !kht_hpte_try_lock(hpte))
		return;
	if (!wanted(s, index, gfn)) {
		__unlock_hpte(hpte, be64_to_cpu(hpte[0]));
		return;
	}
	hpte[0] |= cpu_to_be64(HPTE_V_ABSENT);
	hpte[0] &= ~cpu_to_be64(HPTE_V_VALID);
	s->held[s->n++] = (struct held){ index, gfn };
}

/*
 * All of a page's HPTEs. Few pages have more than one; those that do not fit
 * are the kernel's.
 */
static void hold_chain(struct sweep *s, unsigned long gfn)
{
	unsigned long *chain = chain_of(s, gfn);
	unsigned long head, i;

	if (!(READ_ONCE(*chain) & KVMPPC_RMAP_PRESENT))
		return;
	lock_rmap(chain);
	if (*chain & KVMPPC_RMAP_PRESENT) {
		head = i = *chain & KVMPPC_RMAP_INDEX;
		do {
			hold_hpte(s, i, gfn);
			i = rev_of(s, i)->forw;
		} while (i != head && s->n < SWEEP);
	}
	unlock_rmap(chain);
}

/*
 * Nobody is in guest: what is held becomes a debt. Invariant 8: KHT_DEFER may
 * be false by now, but a sweep is inside its operation, which detaching waits
 * for before it pays.
 */
static bool defer_sweep(const struct sweep *s)
{
	struct kht_ledger *l = s->d->ledger;
	unsigned int self = smp_processor_id(), i;

	if (!READ_ONCE(kht_param_defer) || kht_others_behind(l, kht_threads, ~0ULL, self))
		return false;
	for (i = 0; i < s->n; i++) {
		unsigned long index = s->held[i].index;

		kht_absorb_page(l, kht_hpte_rb(kht_hpte_at(s->kvm, index), index));
	}
	return kht_reach_absorbed(l, kht_threads, self);
}

/*
 * The whole LPID at once. What was recorded before the flush began is done
 * everywhere then (invariant 3).
 */
static void flush_lpid(const struct sweep *s)
{
	u64 upto = kht_load(&s->d->ledger->gen);

	if (!kht_mutant(KHT_MUT_NO_BATCH_END))
		kht_hash_broadcast_lpid(s->kvm);
	kht_done_everywhere(s->d->ledger, upto);
}

static void flush_pages(const struct sweep *s)
{
	unsigned int i;

	if (kht_mutant(KHT_MUT_NO_BATCH_END))
		return;
	for (i = 0; i < s->n; i++)
		kht_hash_broadcast_page(s->kvm, kht_hpte_at(s->kvm, s->held[i].index),
					s->held[i].index);
}

static enum kht_how flush_held(const struct sweep *s)
{
	if (defer_sweep(s))
		return KHT_HOW_DEBT;
	if (s->n > READ_ONCE(kht_param_batch_ceiling)) {
		flush_lpid(s);
		return KHT_HOW_LPID;
	}
	flush_pages(s);
	return KHT_HOW_PAGES;
}

static unsigned int broadcasts_of(const struct sweep *s, enum kht_how how)
{
	if (how == KHT_HOW_DEBT)
		return 0;
	return how == KHT_HOW_LPID ? 1 : s->n;
}

static void count_sweep(const struct sweep *s, enum kht_how how)
{
	unsigned int broadcasts = broadcasts_of(s, how);

	kht_count(s->d->stats, KHT_STAT_BATCHES, 1);
	kht_count(s->d->stats, KHT_STAT_BROADCASTS, broadcasts);
	kht_count(s->d->stats, KHT_STAT_BROADCASTS_SAVED, s->n - broadcasts);
	trace_kht_cover(s->d->lpid, how, s->n, broadcasts);
}

static void note_rc(const struct sweep *s, struct revmap_entry *rev, unsigned long rc)
{
	if (!(rc & ~rev->guest_rpte))
		return;
	rev->guest_rpte |= rc;
	note_hpte_modification(s->kvm, rev);
}

/* C goes from the HPTE to the dirty bitmap; the translation is valid again. */
static void finish_harvest(const struct sweep *s, const struct held *h)
{
	__be64 *hpte = kht_hpte_at(s->kvm, h->index);
	struct revmap_entry *rev = rev_of(s, h->index);
	unsigned long v = be64_to_cpu(hpte[0]), r = be64_to_cpu(hpte[1]);

	if (r & HPTE_R_C) {
		hpte[1] = cpu_to_be64(r & ~HPTE_R_C);
		note_rc(s, rev, HPTE_R_C);
		kvmppc_update_dirty_map(s->slot, h->gfn, kvmppc_actual_pgsz(v, r));
	}
	unlock_hpte(hpte, (v & ~HPTE_V_ABSENT) | HPTE_V_VALID);
}

/* As kht_on_h_remove() does, but the HPTE stays, absent. */
static void finish_unmap(const struct sweep *s, const struct held *h)
{
	__be64 *hpte = kht_hpte_at(s->kvm, h->index);
	struct revmap_entry *rev = rev_of(s, h->index);
	unsigned long *chain = chain_of(s, h->gfn);
	unsigned long r = be64_to_cpu(hpte[1]);
	unsigned long rc = r & (HPTE_R_R | HPTE_R_C);

	lock_rmap(chain);
	kht_hpte_unchain(s->kvm->arch.hpt.rev, h->index, chain);
	rev->forw = rev->back = h->index;
	*chain |= rc << KVMPPC_RMAP_RC_SHIFT;
	unlock_rmap(chain);
	hpte[1] = cpu_to_be64(r & ~(HPTE_R_KEY_HI | HPTE_R_KEY_LO));
	if (rc & HPTE_R_C)
		kvmppc_update_dirty_map(s->slot, h->gfn,
					kvmppc_actual_pgsz(be64_to_cpu(hpte[0]), rev->guest_rpte));
	note_rc(s, rev, rc);
	unlock_hpte(hpte, be64_to_cpu(hpte[0]));
}

/*
 * Invariant 2: the HPTEs are invalid, and every way of flushing begins with the
 * ptesync that shows it to the table walks; when the broadcast is complete, or
 * nobody was in guest, nobody uses or updates them.
 */
static void flush_sweep(struct sweep *s)
{
	enum kht_how how;
	unsigned int i;

	if (!s->n)
		return;
	how = flush_held(s);
	for (i = 0; i < s->n; i++) {
		if (s->unmap)
			finish_unmap(s, &s->held[i]);
		else
			finish_harvest(s, &s->held[i]);
	}
	count_sweep(s, how);
	s->n = 0;
}

static void sweep_locked(struct sweep *s, unsigned long gfn, unsigned long end)
{
	lockdep_assert_held(&s->kvm->mmu_lock);
	lockdep_assert_held(&s->kvm->arch.mmu_setup_lock);
	if (kvm_is_radix(s->kvm) || !s->kvm->arch.mmu_ready)
		return;
	for (; gfn < end; gfn++) {
		hold_chain(s, gfn);
		if (s->n == SWEEP)
			flush_sweep(s);
	}
	flush_sweep(s);
}

static void sweep_unlocked(struct sweep *s, unsigned long gfn, unsigned long end)
{
	struct mutex *setup = &s->kvm->arch.mmu_setup_lock;
	unsigned long stop;

	for (; gfn < end && mutex_trylock(setup); gfn = stop) {
		stop = min(gfn + STRIDE, end);
		spin_lock(&s->kvm->mmu_lock);
		sweep_locked(s, gfn, stop);
		spin_unlock(&s->kvm->mmu_lock);
		mutex_unlock(setup);
		cond_resched();
	}
}

/*
 * Worth it only beside a running guest: otherwise each invalidation becomes a
 * debt. A vCPU that is out of the guest just now may be back before the
 * kernel's own function ends.
 */
static bool prepare_sweep(struct sweep *s, struct kvm *kvm, struct kvm_memory_slot *slot, bool unmap,
		    gfp_t gfp)
{
	struct kht_domain *d = kht_domain_of(kvm);

	if (!d || !kht_defers_hash(d) || kvm_is_radix(kvm) || !atomic_read(&kvm->arch.vcpus_running))
		return false;
	*s = (struct sweep){ .kvm = kvm, .d = d, .slot = slot, .unmap = unmap };
	s->held = kht_alloc(kmalloc_array(SWEEP, sizeof(*s->held), gfp));
	return s->held;
}

void kht_sweep_unmap(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long gfn,
		     unsigned long end)
{
	struct sweep s;

	if (end - gfn < 2 || !prepare_sweep(&s, kvm, slot, true, GFP_ATOMIC | __GFP_NOWARN))
		return;
	if (mutex_trylock(&kvm->arch.mmu_setup_lock)) {
		sweep_locked(&s, gfn, end);
		mutex_unlock(&kvm->arch.mmu_setup_lock);
	}
	kfree(s.held);
}

static void sweep_slot(struct kvm *kvm, struct kvm_memory_slot *slot, bool unmap)
{
	struct sweep s;

	if (!prepare_sweep(&s, kvm, slot, unmap, GFP_KERNEL))
		return;
	sweep_unlocked(&s, slot->base_gfn, slot->base_gfn + slot->npages);
	kfree(s.held);
}

void kht_sweep_flush_slot(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	sweep_slot(kvm, slot, true);
}

void kht_sweep_harvest(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	sweep_slot(kvm, slot, false);
}
