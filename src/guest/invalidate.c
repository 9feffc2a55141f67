// SPDX-License-Identifier: GPL-2.0-only
/* Host invalidations of a radix guest: absorb, defer, or leave to the kernel. */
#include <linux/log2.h>
#include "kht_guest.h"
#include "kht_params.h"
#include "kht_power.h"
#include "kht_protocol.h"
#include "kht_trace.h"

/*
 * A domain whose invalidations we may handle. mmu_ready is clear while the
 * guest changes its MMU mode, and a hash guest has no business here: both are
 * left to the kernel (invariant 9).
 */
static bool ours(const struct kht_domain *d)
{
	return READ_ONCE(kht_deferring) && READ_ONCE(d->live) &&
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

static struct kht_domain *domain_for(u32 lpid)
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

bool kht_on_flush_page(u32 lpid, u64 gpa, u64 size)
{
	struct kht_domain *d = domain_for(lpid);
	u64 page = kht_page(gpa, ilog2(size));

	if (!d)
		return false;
	if (kht_batching(d)) {
		kht_absorb_page(d->ledger, page);
		return true;
	}
	if (left_to_stock(d))
		return false;
	return deferred(d, kht_defer_page(d->ledger, kht_threads, page), page);
}

/*
 * The page walk cache, or everything, of an LPID: always everything. In a batch it is done
 * at once, with what the batch has absorbed: the kernel frees page-table pages around it, and
 * that should not wait for the end.
 *
 * Everything, because the kernel asks for the walk cache alone where more is stale. A fault that
 * puts a huge page in the place of a table takes that table's entries out one by one
 * (kvmppc_unmap_free_pte()), and flushes for each of them the page's address in the host instead of
 * the one in the guest. A running vCPU keeps the single pages, and so it does when the huge page goes:
 * a tlbie of 2M takes no translation of 4K. The walk cache is flushed first, when the table can be
 * reached no more, so a flush of the LPID in its stead leaves none of them.
 */
bool kht_on_flush_full(u32 lpid)
{
	struct kht_domain *d = domain_for(lpid);

	if (!d)
		return false;
	if (kht_batching(d)) {
		kht_absorb_full(d->ledger);
		kht_batch_cover(d);
		return true;
	}
	if (left_to_stock(d))
		return false;
	if (deferred(d, kht_defer_full(d->ledger, kht_threads), 0))
		return true;
	if (kht_mutant(KHT_MUT_WALK_CACHE_ONLY))
		return false;
	kht_broadcast_lpid(lpid);
	return true;
}

/*
 * The kernel is about to free the whole tree of a nested guest, under mmu_lock, and
 * flushes after it has given up the lock. In between the entries are gone and
 * the translations are not: a harvest or an unmap finds nothing to clear or flush,
 * and its caller goes on, with a page that the L2 still stores to. So the flush
 * that is to come is recorded before, and who ends an operation on the family
 * meanwhile executes it (invariant 7).
 */
void kht_on_free_tables(u32 lpid)
{
	struct kht_domain *d = kht_domain(lpid);

	if (d && d->l1 && ours(d))
		kht_absorb_full(d->ledger);
}
