// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host invalidations of a radix guest: absorb, defer, or leave to the kernel.
 */
#include <linux/log2.h>
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/radix.h"
#include "module/features.h"
#include "module/params.h"
#include "power/flush.h"
#include "core/protocol.h"
#include "kht_trace.h"

/*
 * A domain whose invalidations we may handle. mmu_ready is clear while the
 * guest changes its MMU mode, and a hash guest has no business here: both are
 * left to the kernel (invariant 9).
 */
static bool ours(const struct kht_domain *d)
{
	return kht_is_on(KHT_DEFER) && READ_ONCE(d->live) &&
	       kvm_is_radix(d->kvm) && READ_ONCE(d->kvm->arch.mmu_ready);
}

static bool deferred(struct kht_domain *d, bool done, u64 page)
{
	if (done)
		kht_count(d->stats, KHT_STAT_BROADCASTS_SAVED, 1);
	else
		kht_count(d->stats, KHT_STAT_BROADCASTS, 1);
	trace_kht_invalidate(d->lpid, page, done);
	return done;
}

static struct kht_domain *domain_for(u64 lpid)
{
	struct kht_domain *d = kht_domain(lpid);

	if (!d || kht_broadcasting())
		return NULL;
	return d;
}

static bool left_to_stock(struct kht_domain *d)
{
	if (ours(d) && kht_param_defer)
		return false;
	kht_count(d->stats, KHT_STAT_STOCK, 1);
	return true;
}

/*
 * Invariant 7 for a single invalidation. What a batch of another task has taken
 * away under mmu_lock is not flushed yet, though mmu_lock is free; the caller
 * of this one holds it, and goes on as if it were. A fault that puts a 2M page
 * where the batch has taken 4K pages away is the sharpest case: it asks for the
 * walk cache only, and two translations of one address meet in a TLB. So the
 * invalidation joins what is open, and all of it is covered now.
 */
static bool joins(struct kht_domain *d)
{
	return ours(d) && kht_uncovered(d->ledger) && !kht_mutant(KHT_MUT_FAULT_BEFORE_FLUSH);
}

bool kht_on_flush_page(u64 lpid, u64 gpa, u64 size)
{
	struct kht_domain *d = domain_for(lpid);
	u64 page = kht_page(gpa, ilog2(size));

	if (!d)
		return false;
	if (kht_batching(d)) {
		kht_absorb_page(d->ledger, page);
		return true;
	}
	if (joins(d)) {
		kht_absorb_page(d->ledger, page);
		kht_batch_cover(d);
		return true;
	}
	if (left_to_stock(d))
		return false;
	switch (kht_defer_page(d->ledger, kht_threads, page)) {
	case KHT_DEFERRED:
		return deferred(d, true, page);
	case KHT_RECORDED:
		/* Left so, the next look would flush it again. */
		kht_batch_cover(d);
		return true;
	default:
		return deferred(d, false, page);
	}
}

/*
 * Nobody has to wait for a batch's end, nothing is open, and nobody is in
 * guest.
 */
static bool full_is_debt(struct kht_domain *d)
{
	return !kht_batching(d) && !joins(d) && kht_param_defer &&
	       kht_defer_full(d->ledger, kht_threads) == KHT_DEFERRED;
}

/*
 * The page walk cache, or everything, of an LPID: always everything. In a batch
 * it is done at once, with what the batch has absorbed: the kernel frees
 * page-table pages around it, and that should not wait for the end.
 *
 * Either is a flush of the whole LPID here. A fault that puts a large page
 * where a table was asks for the walk cache, and then, page by page, for what
 * the table still held; but the kernel names those pages by their host real
 * address (kvmppc_unmap_free_pte(), Linux 6.1 to 7.3), and what the guest has
 * of them would stay, beside the large page, and after it. The entry that led
 * to the table is gone by now, so that nothing of it comes back after this
 * flush.
 */
bool kht_on_flush_full(u64 lpid)
{
	struct kht_domain *d = domain_for(lpid);

	if (!d)
		return false;
	if (!kht_batching(d) && !ours(d)) {
		kht_count(d->stats, KHT_STAT_STOCK, 1);
		return false;
	}
	if (full_is_debt(d))
		return deferred(d, true, 0);
	if (kht_mutant(KHT_MUT_WALK_CACHE_ONLY) && !kht_batching(d))
		return false;
	kht_absorb_full(d->ledger);
	kht_batch_cover(d);
	return true;
}

/*
 * The kernel is about to free the whole tree of a nested guest, under mmu_lock,
 * and flushes after it has given up the lock. In between the entries are gone
 * and the translations are not: a harvest or an unmap finds nothing to clear or
 * flush, and its caller goes on, with a page that the L2 still stores to. So
 * the flush that is to come is recorded before, and the end of any operation on
 * the family meanwhile executes it (invariant 7).
 */
void kht_on_free_tables(u32 lpid)
{
	struct kht_domain *d = kht_domain(lpid);

	if (d && d->l1 && ours(d) && !kht_mutant(KHT_MUT_FREED_UNRECORDED))
		kht_absorb_full(d->ledger);
}
