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
#include <linux/sched.h>
#include "kht_env.h"
#include "kht_guest.h"
#include "kht_params.h"
#include "kht_protocol.h"
#include "kht_trace.h"

static struct task_struct **slot_of(struct kht_domain *d, struct task_struct *task)
{
	int i;

	for (i = 0; i < KHT_BATCHERS; i++)
		if (READ_ONCE(d->batcher[i]) == task)
			return &d->batcher[i];
	return NULL;
}

/* Only the task itself fills and clears its slot, so no order is needed. */
bool kht_batching(const struct kht_domain *d)
{
	return slot_of((struct kht_domain *)d, current);
}

static bool claim(struct kht_domain *d)
{
	int i;

	for (i = 0; i < KHT_BATCHERS; i++)
		if (!cmpxchg(&d->batcher[i], NULL, current))
			return true;
	return false;
}

/*
 * Opens a batch of the current task and returns its domain, or NULL when the
 * guest keeps stock behaviour. Without a free slot, or inside a batch of this
 * task, the pages go as they would anyway, and the end still covers. So it does
 * while we detach: a batch begun earlier, by another task, may still be open,
 * and its pages are this caller's concern too (invariants 7 and 8).
 */
struct kht_domain *kht_batch_begin(struct kvm *kvm)
{
	struct kht_domain *d = kht_domain_of(kvm);

	if (!d || !READ_ONCE(d->live) || !kvm_is_radix(kvm))
		return NULL;
	if (READ_ONCE(kht_deferring) && !kht_batching(d))
		claim(d);
	return d;
}

static void count_cover(struct kht_domain *d, const struct kht_cover *c)
{
	u64 n = c->upto - c->from;

	kht_count(&d->stats, KHT_STAT_BATCHES, 1);
	kht_count(&d->stats, KHT_STAT_BROADCASTS, c->broadcasts);
	kht_count(&d->stats, KHT_STAT_BROADCASTS_SAVED, n > c->broadcasts ? n - c->broadcasts : 0);
	trace_kht_cover(d->lpid, c->how, n, c->broadcasts);
}

/*
 * An inner end closes the outer batch too: what the task still invalidates in
 * the outer call goes one by one, which is legal and rare. A batch that ends
 * while we detach leaves no debt (invariant 8).
 */
void kht_batch_end(struct kht_domain *d)
{
	struct task_struct **slot = slot_of(d, current);
	struct kht_cover c;

	if (slot)
		WRITE_ONCE(*slot, NULL);
	c = kht_cover(d->ledger, kht_threads, READ_ONCE(kht_param_batch_ceiling),
		      READ_ONCE(kht_param_defer) && READ_ONCE(kht_deferring));
	if (c.how != KHT_HOW_NONE)
		count_cover(d, &c);
}
