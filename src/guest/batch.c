// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches: what one kvmppc_hv_ops call invalidates is absorbed page by page
 * and flushed once, at its end.
 *
 * A batch belongs to a task. Other tasks may invalidate the same guest at the
 * same time, and a batch may even meet a notifier of its own task (a fault
 * while the dirty bitmap is copied to user space). Both end with kht_cover(),
 * which takes everything absorbed so far, not only its own: a notifier that
 * finds a PTE already cleared by a batch in progress has nothing to flush
 * itself, yet its caller is about to free the page (invariant 7).
 */
#include <linux/rculist.h>
#include <linux/sched.h>
#include "kht_env.h"
#include "kht_guest.h"
#include "kht_params.h"
#include "kht_protocol.h"
#include "kht_trace.h"

static struct kht_batcher *slot_of(struct kht_domain *d, struct task_struct *task)
{
	int i;

	for (i = 0; i < KHT_BATCHERS; i++)
		if (READ_ONCE(d->batcher[i].task) == task)
			return &d->batcher[i];
	return NULL;
}

/* Only the task itself fills its slot and clears it (kht_batch_end()). */
bool kht_batching(struct kht_domain *d)
{
	struct kht_batcher *slot = slot_of(d->l1 ? d->l1 : d, current);

	return slot && (!d->l1 || (slot->shadows && READ_ONCE(d->live)));
}

/* litmus: batch-slot */
static void claim(struct kht_domain *d, bool shadows)
{
	int i;

	for (i = 0; i < KHT_BATCHERS; i++) {
		if (cmpxchg(&d->batcher[i].task, NULL, current))
			continue;
		d->batcher[i].shadows = shadows;
		return;
	}
}

/*
 * Opens a batch of the current task and returns its domain, or NULL when the
 * guest keeps stock behaviour. Without a free slot, or inside a batch of this
 * task, the pages go as they would anyway, and the end still covers. So it does
 * while we detach: a batch begun earlier, by another task, may still be open,
 * and its pages are this caller's concern too (invariants 7 and 8).
 *
 * Nothing of a hash guest is absorbed (src/guest/hash.c), but the end covers what it has
 * removed with H_LOCAL.
 *
 * @shadows: absorb what is invalidated in the guest's shadows too. Not for a caller
 * that unmaps pages and gives up mmu_lock before the batch ends: the L1's
 * H_TLB_INVALIDATE would find no entry any more, and return to an L1 that then
 * relies on it, while the flush is still to come.
 */
struct kht_domain *kht_batch_begin(struct kvm *kvm, bool shadows)
{
	struct kht_domain *d = kht_domain_of(kvm);

	if (!d || !READ_ONCE(d->live))
		return NULL;
	if (READ_ONCE(kht_deferring) && kvm_is_radix(kvm) && !kht_batching(d))
		claim(d, shadows);
	return d;
}

static void count_cover(struct kht_domain *d, const struct kht_cover *c)
{
	u64 n = c->upto - c->from;

	kht_count(d->stats, KHT_STAT_BATCHES, 1);
	kht_count(d->stats, KHT_STAT_BROADCASTS, c->broadcasts);
	/* What a hash guest kept local has been counted (kht_hash_reach()). */
	if (!d->ledger->hash)
		kht_count(d->stats, KHT_STAT_BROADCASTS_SAVED, n > c->broadcasts ? n - c->broadcasts : 0);
	trace_kht_cover(d->lpid, c->how, n, c->broadcasts);
}

/* Invariant 7: everything absorbed so far, by whomever. */
void kht_batch_cover(struct kht_domain *d)
{
	struct kht_cover c = kht_cover(d->ledger, kht_threads, READ_ONCE(kht_param_batch_ceiling),
				       READ_ONCE(kht_param_defer) && READ_ONCE(kht_deferring));

	if (c.how != KHT_HOW_NONE)
		count_cover(d, &c);
}

/*
 * An inner end closes the outer batch too: what the task still invalidates in
 * the outer call goes one by one, which is legal and rare. A batch that ends
 * while we detach leaves no debt (invariant 8).
 *
 * A shadow that has left the list has paid before, what the batch absorbed included
 * (kht_on_lpid_free()).
 * litmus: batch-slot
 */
void kht_batch_end(struct kht_domain *d)
{
	struct kht_batcher *slot = slot_of(d, current);
	struct kht_domain *shadow;

	if (slot) {
		/* Whoever claims the slot next overwrites what kht_batching() has read of it. */
		smp_store_release(&slot->task, NULL);
	}
	kht_batch_cover(d);
	rcu_read_lock();
	list_for_each_entry_rcu(shadow, &d->shadows, sibling)
		if (READ_ONCE(shadow->live))
			kht_batch_cover(shadow);
	rcu_read_unlock();
}
