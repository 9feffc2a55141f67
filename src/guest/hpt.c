// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hash guests: what the host invalidates of them, and what it takes to believe
 * an H_LOCAL. src/core/reach.c has the reasoning.
 *
 * The kernel's functions invalidate a locked HPTE and then read its R and C,
 * which hardware may set until the flush is complete. So nothing is absorbed
 * here, as the pages of a radix guest are: an HPTE is done when the function
 * returns. With nobody in guest that needs no flush now, since updates by the
 * threads that were are complete (kht_on_vcpu_put()). Beside a running guest
 * many of them are done together in src/guest/sweep.c, and what is left costs a
 * broadcast each, as in stock.
 */
#include <linux/smp.h>
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/hpt.h"
#include "guest/hpte.h"
#include "module/params.h"
#include "power/flush.h"
#include "core/protocol.h"
#include "kht_trace.h"

bool kht_hash_reach(struct kht_domain *d, enum kht_reach reach, u64 rb)
{
	bool done = reach != KHT_REACH_BROADCAST &&
		    kht_reach_only(d->ledger, kht_threads, smp_processor_id(), rb, reach);

	if (!done)
		reach = KHT_REACH_BROADCAST;
	kht_count(d->stats, done ? KHT_STAT_BROADCASTS_SAVED : KHT_STAT_BROADCASTS, 1);
	if (reach == KHT_REACH_LOCAL)
		kht_count(d->stats, KHT_STAT_HPT_LOCAL, 1);
	trace_kht_hash(d->lpid, rb, reach);
	return done;
}

/*
 * May what the host invalidates of this hash guest, or many of it at once, be
 * ours?
 */
bool kht_defers_hash(const struct kht_domain *d)
{
	return READ_ONCE(kht_hash_deferring) && READ_ONCE(kht_param_hpt_defer) && READ_ONCE(d->live);
}

/*
 * The domain of a guest whose HPTE the host is about to invalidate, and may
 * defer; or NULL.
 */
static struct kht_domain *domain_for(struct kvm *kvm)
{
	struct kht_domain *d = kht_domain_of(kvm);

	if (!d || kht_broadcasting())
		return NULL;
	if (kht_defers_hash(d) && READ_ONCE(d->ledger->hash) && kht_param_defer)
		return d;
	kht_count(d->stats, KHT_STAT_STOCK, 1);
	return NULL;
}

static bool defer_rb(struct kht_domain *d, u64 rb)
{
	struct kht_hcall host = { .self = smp_processor_id(), .allowed = true };

	return kht_hash_reach(d, kht_global_invalidates(d->ledger, kht_threads, &host), rb);
}

bool kht_on_invalidate_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index)
{
	struct kht_domain *d = domain_for(kvm);

	if (!d)
		return false;
	hpte[0] &= ~cpu_to_be64(HPTE_V_VALID);
	return defer_rb(d, kht_hpte_rb(hpte, index));
}

/* R lies in a byte of its own, so that hardware may set C meanwhile. */
bool kht_on_clear_ref_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index)
{
	struct kht_domain *d = domain_for(kvm);
	u8 *byte = (u8 *)hpte + KHT_HPTE_R_BYTE;

	if (!d)
		return false;
	WRITE_ONCE(*byte, *byte & ~(HPTE_R_R >> 8));
	return defer_rb(d, kht_hpte_rb(hpte, index));
}

/*
 * The kernel comes here before a guest first runs, whenever its hash table is
 * another one, and whenever a guest has become a hash guest or is none any
 * more: what is in the log means nothing then. Nobody is in guest; only for
 * another process table of a guest that keeps its MMU mode
 * (KVM_PPC_CONFIGURE_V3_MMU) a vCPU may be, and flushes once for nothing.
 *
 * The mode first: a notifier that finds the new generation meanwhile and
 * broadcasts it (kht_cover()) does so in the new mode, and the credit is true
 * (invariant 5).
 * litmus: kind-cover
 */
void kht_on_set_partition(u32 lpid)
{
	struct kht_domain *d = kht_domain(lpid);

	if (!d || d->l1 || kht_broadcasting())
		return;
	if (kvm_is_radix(d->kvm) && !d->ledger->hash)
		return;
	kht_note_mmu_mode(d);
	kht_forget_vcpus(d->ledger);
	kht_start_over(d->ledger);
}

/*
 * H_LOCAL means something only if every core that a vCPU has left since owes,
 * so from here on moves leave debts. Where the vCPUs have been before nobody
 * knows: all cores owe everything, a vCPU in guest leaves it, and each vCPU's
 * next move counts as one from everywhere (kht_on_vcpu_move()).
 *
 * A thread that enters the guest sees either the raised generation, and with it
 * tracks_moves, or is seen and interrupted (the fences of invariant 4). So it
 * knows when it moves next. Its prev_cpu is -1 by then, or a CPU that it has
 * come to since.
 * litmus: hash-trust, hash-track
 */
static void track_moves(struct kht_domain *d)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	WRITE_ONCE(d->tracks_moves, true);
	kvm_for_each_vcpu(i, vcpu, d->kvm)
		WRITE_ONCE(vcpu->arch.prev_cpu, -1);
	kht_absorb_full(d->ledger);
	kht_batch_cover(d);
	/* After all that; partner: the load in kht_trusts_local(). */
	smp_store_release(&d->trusts_local, true);
}

/* litmus: hash-trust */
bool kht_trusts_local(struct kht_domain *d)
{
	if (READ_ONCE(d->lost_a_move) || irqs_disabled())
		return false;
	/* Partner: track_moves(). */
	if (smp_load_acquire(&d->trusts_local))
		return true;
	track_moves(d);
	return true;
}
