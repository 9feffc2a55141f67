// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hash guests: local or global. An hcall that removes or changes an HPTE has to
 * flush what the threads of the machine may have cached of it. The decision is
 * as old as KVM-HV (global_invalidates(), Linux commit 1b400ba0cd24): with one
 * virtual core, or when the guest says that only this one has used the page
 * (H_LOCAL), the core at hand will do. Kernels since POWER9 always broadcast,
 * since their hcalls run with the host's LPID and could not flush locally. The
 * ledger can: the flush is a debt, of this core too, and is settled where the
 * guest's LPID is known, at entry.
 *
 * DEFER is an invalidation like the host's (src/core/ledger.c):
 * recorded, and then nobody else is seen in guest. The thread at hand is not in
 * guest either.
 *
 * LOCAL trusts the guest that other threads, which are in guest and go on, have
 * not used the page: they are behind, and stay behind until they next enter.
 * What this trust is worth (2012: "never trust H_LOCAL in an SMP guest"):
 *
 *  - The page is the guest's until the host takes it away. Then the reverse map
 *    does not name the HPTE any more, so nothing flushes it. But it is recorded
 *    and not covered, as the pages of a batch are (invariant 7): every
 *    operation of the host that may free a page ends with kht_cover(), which
 *    sees threads behind and makes them settle. A wrong H_LOCAL hurts the guest
 *    that said so, never the host.
 *  - "This one" is the virtual core, and it may have used the page on another
 *    core, before it moved. So a core that a vCPU leaves owes everything, and
 *    its threads in guest leave it (kht_left_core()): tracked says that this
 *    has been so since a flush of everything.
 *
 * The list of what is remembered is the ledger's log: bounded by log_entries
 * for each guest, and when it is overrun a thread that was behind flushes the
 * whole LPID.
 */
#include "core/env.h"
#include "core/reach.h"
#include "core/protocol.h"

/*
 * How far an invalidation must reach, by what is known before anything is
 * changed. It may turn out to reach further (kht_reach_only()). With one
 * virtual core there is nobody else, and no need to look.
 */
enum kht_reach kht_global_invalidates(const struct kht_ledger *l, const struct kht_thread *threads,
				      const struct kht_hcall *h)
{
	if (!h->allowed)
		return KHT_REACH_BROADCAST;
	if (kht_mutant(KHT_MUT_LOCAL_ALWAYS))
		return KHT_REACH_LOCAL;
	if (h->vcores == 1 || !kht_others_behind(l, threads, ~0ULL, h->self))
		return KHT_REACH_DEFER;
	if (h->local && h->tracked && !h->paging)
		return KHT_REACH_LOCAL;
	return KHT_REACH_BROADCAST;
}

/*
 * Is all up to @upto, which has been published, a mere debt? Invariant 4: a
 * thread that comes after this look has read the new generation;
 * kht_others_behind() has the fence, kht_mark() its partner.
 */
static bool nowhere_else(struct kht_ledger *l, const struct kht_thread *threads, unsigned int self,
			 u64 upto)
{
	if (kht_others_behind(l, threads, upto, self))
		return false;
	kht_lock(l);
	kht_covered(l, upto);
	kht_unlock(l);
	return true;
}

/*
 * Records the invalidation of the translation that @rb names, whose HPTE is not
 * valid any more. False: somebody else has entered meanwhile, and it must be
 * broadcast after all; that it is recorded too costs a flush and is legal.
 *
 * On true, R and C of the HPTE are final, as far as the guest has not lied:
 * this thread's ptesync (kht_commit()) completes the updates of its own
 * accesses, that of kht_on_vcpu_put() those of threads that have left (ISA 3.0B
 * Book III 5.9.2).
 */
bool kht_reach_only(struct kht_ledger *l, const struct kht_thread *threads, unsigned int self,
		    u64 rb, enum kht_reach reach)
{
	u64 upto = kht_record(l, &rb);

	if (kht_mutant(KHT_MUT_ONE_VCORE_BLIND))
		kht_done_everywhere(l, upto);
	if (reach == KHT_REACH_LOCAL)
		return true;
	return nowhere_else(l, threads, self, upto);
}

/*
 * The same for many HPTEs, none of which is valid any more (invariant 2): the
 * caller has absorbed them (kht_absorb_page()), and one look is for all of
 * them. On false they stay recorded and uncovered, and the caller broadcasts
 * (invariant 7).
 */
bool kht_reach_absorbed(struct kht_ledger *l, const struct kht_thread *threads, unsigned int self)
{
	u64 upto;

	kht_lock(l);
	upto = kht_commit(l);
	kht_unlock(l);
	return nowhere_else(l, threads, self, upto);
}

/*
 * Invariant 5: the hash table is another one, or emptied. Every thread owes a
 * flush of everything before its next entry. A thread marked as in guest
 * meanwhile costs an interrupt at the end of the host's next operation.
 */
void kht_start_over(struct kht_ledger *l)
{
	kht_record(l, NULL);
}
