// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches: what one kvmppc_hv_ops call invalidates is absorbed page by page and
 * flushed once, at its end.
 *
 * A batch belongs to a task. Other tasks may invalidate the same guest at the
 * same time, and a batch may even meet a notifier of its own task (a fault
 * while the dirty bitmap is copied to user space). Both end with kht_cover(),
 * which takes everything absorbed so far, not only its own: a notifier that
 * finds a PTE already cleared by a batch in progress has nothing to flush
 * itself, yet its caller is about to free the page (invariant 7).
 *
 * The kernel flushes before it gives up mmu_lock; a batch may end later. These
 * rely on the kernel's order:
 *
 *	mmu notifiers			cover themselves, before they give up mmu_lock
 *	other single invalidations	join what is open (joins() in invalidate.c): a
 *					fault that frees a table, an L1's call
 *	faults that find no entry	commit_memory_region: wait (kht_hold_faults());
 *	and make one			flush_memslot: find the slot invalid;
 *					get_dirty_log: find the entry, which stays;
 *					of an L2, beside a call of its L1: kht_on_walk()
 *	faults that find an entry	add bits to it, which asks for no flush
 *	quadrant accesses		count as in guest until they are over, and may use what is
 *					staged until the batch ends, as a vCPU may
 */
#include <linux/rculist.h>
#include <linux/sched.h>
#include "core/env.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "module/features.h"
#include "module/params.h"
#include "core/protocol.h"
#include "kht_trace.h"

static struct kht_batcher *slot_of(struct kht_domain *d, struct task_struct *task)
{
	int i;

	for (i = 0; i < KHT_BATCHERS; i++)
		if (READ_ONCE(d->batcher[i].task) == task)
			return &d->batcher[i];
	return NULL;
}

/*
 * Is the vCPU that is loaded on this CPU in a call of the guest @l1
 * (kht_call_begin())? Without KHT_DEFER no more: a detachment waits for those
 * that saw it, and pays what they have absorbed.
 * litmus: detach-decide
 */
static bool calling(const struct kht_domain *l1)
{
	return READ_ONCE(kht_threads[raw_smp_processor_id()].call) == l1 && kht_is_on(KHT_DEFER);
}

/*
 * Only the task itself fills its slot and clears it (kht_batch_end()), and a
 * vCPU's call ends before its thread leaves the CPU. A task that may leave this
 * one meanwhile (kht_batch_begin()) takes another's call for its own at worst,
 * and its pages go one by one.
 */
bool kht_batching(struct kht_domain *d)
{
	struct kht_domain *l1 = d->l1 ? d->l1 : d;
	struct kht_batcher *slot;

	if (d->l1 && !READ_ONCE(d->live))
		return false;
	if (calling(l1))
		return true;
	slot = slot_of(l1, current);
	return slot && (!d->l1 || slot->shadows);
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
 * Nothing of a hash guest is absorbed (src/guest/hpt.c), but the end covers
 * what it has removed with H_LOCAL.
 *
 * @shadows: absorb what is invalidated in the guest's shadows too. Not for a
 * caller that unmaps pages and gives up mmu_lock before the batch ends: the
 * L1's H_TLB_INVALIDATE would find no entry any more, and return to an L1 that
 * then relies on it, while the flush is still to come.
 */
struct kht_domain *kht_batch_begin(struct kvm *kvm, bool shadows)
{
	struct kht_domain *d = kht_domain_of(kvm);

	if (!d || !READ_ONCE(d->live))
		return NULL;
	if (kht_is_on(KHT_DEFER) && kvm_is_radix(kvm) && !kht_batching(d))
		claim(d, shadows);
	return d;
}

static void count_cover(struct kht_domain *d, const struct kht_cover *c)
{
	u64 n = c->upto - c->from + c->joined;

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
				       kht_may_defer() && kht_is_on(KHT_DEFER));

	if (c.how != KHT_HOW_NONE)
		count_cover(d, &c);
}

/*
 * An inner end closes the outer batch too: what the task still invalidates in
 * the outer call goes one by one, which is legal and rare. A batch that ends
 * while we detach leaves no debt (invariant 8).
 *
 * A shadow that has left the list has paid before, what the batch absorbed
 * included (kht_on_lpid_free()).
 * litmus: batch-slot
 */
void kht_batch_end(struct kht_domain *d)
{
	struct kht_batcher *slot = slot_of(d, current);
	struct kht_domain *shadow;

	if (slot) {
		/*
		 * The next to claim the slot overwrites what kht_batching() has
		 * read of it.
		 */
		smp_store_release(&slot->task, NULL);
	}
	kht_batch_cover(d);
	rcu_read_lock();
	list_for_each_entry_rcu(shadow, &d->shadows, sibling)
		if (READ_ONCE(shadow->live))
			kht_batch_cover(shadow);
	rcu_read_unlock();
}

/*
 * Is a harvest of @kvm, by this task, to go on as the kernel's? It is when this
 * task is in one already, and when the guest keeps stock behaviour. There is
 * one harvest of a guest at a time.
 */
bool kht_harvesting(struct kvm *kvm)
{
	struct kht_domain *d = kht_domain_of(kvm);

	return !d || READ_ONCE(d->harvester) == current;
}

static void set_harvester(struct kvm *kvm, struct task_struct *task)
{
	struct kht_domain *d = kht_domain_of(kvm);

	lockdep_assert_held(&kvm->slots_lock);
	if (d)
		WRITE_ONCE(d->harvester, task);
}

void kht_harvest_begin(struct kvm *kvm)
{
	set_harvester(kvm, current);
}

void kht_harvest_end(struct kvm *kvm)
{
	set_harvester(kvm, NULL);
}

/*
 * Between the two no fault makes a translation: the kernel tells it to try
 * again, as beside an mmu notifier (mmu_invalidate_retry()). For a batch that
 * takes translations away, gives up mmu_lock, and is covered only then. A fault
 * in between would put a new one, maybe of another size, beside an old one that
 * is still in a TLB (ISA 3.0B Book III 5.10.1.2: flush in between). Returns
 * what the end has to know.
 * litmus: fault-hold
 */
bool kht_hold_faults(struct kvm *kvm)
{
	if (!kvm_is_radix(kvm) || kht_mutant(KHT_MUT_FAULT_BEFORE_FLUSH))
		return false;
	spin_lock(&kvm->mmu_lock);
	kvm->mmu_invalidate_in_progress++;
	spin_unlock(&kvm->mmu_lock);
	return true;
}

void kht_release_faults(struct kvm *kvm, bool held)
{
	if (!held)
		return;
	spin_lock(&kvm->mmu_lock);
	kvm->mmu_invalidate_in_progress--;
	spin_unlock(&kvm->mmu_lock);
}

/*
 * An L1 asks for a page or a range of its nested guests' translations to be
 * invalidated (H_TLB_INVALIDATE, H_RPT_INVALIDATE). Only the beginning of the
 * call can be hooked: it sleeps, and a return probe goes through ftrace with
 * all registers (hooks.c). So it is a batch of the thread that the vCPU is
 * loaded on, and ends before the L1 can see the call return: at the vCPU's next
 * entry, or when it is put. One that sleeps is put; what it invalidates
 * afterwards goes one by one. Without its mark, a vCPU that has been put since
 * it left the guest, put would not look.
 *
 * Invariant 7 is as with other batches: every other operation on the guest
 * covers what is absorbed.
 */
void kht_call_begin(struct kvm_vcpu *vcpu)
{
	struct kht_thread *t = &kht_threads[smp_processor_id()];
	struct kht_domain *d = kht_domain_of(vcpu->kvm);

	if (d && READ_ONCE(d->live) && kht_is_on(KHT_DEFER) && kvm_is_radix(vcpu->kvm) &&
	    kht_load(&t->guest))
		WRITE_ONCE(t->call, d);
}

/*
 * Invariants 2 and 7: the L1 runs on, or may, and relies on what it has asked
 * for. A detachment may have taken the call away just now, by interrupt
 * (kht_forget_entries()), and has paid.
 */
void kht_call_end(struct kht_thread *t)
{
	struct kht_domain *d = READ_ONCE(t->call);

	WRITE_ONCE(t->call, NULL);
	if (d && !kht_mutant(KHT_MUT_CALL_LEFT_OPEN))
		kht_batch_end(d);
}

/*
 * A fault of an L2 is about to read the L1's table and, with what it finds, to
 * make a shadow entry. What a call has taken out of the shadow before is
 * flushed first: two translations of one address, maybe of different size, must
 * not meet in a TLB (ISA 3.0B Book III 5.10.1.2). The fault and the call both
 * hold the nested guest's tlb_lock, so the call has either absorbed all it
 * takes out, or comes later and takes out the entry that the fault makes.
 * litmus: fault-walk
 */
void kht_on_walk(struct kvm_vcpu *vcpu)
{
	struct kvm_nested_guest *nested = vcpu->arch.nested;
	struct kht_domain *d = nested ? kht_domain(nested->shadow_lpid) : NULL;

	if (d && kht_uncovered(d->ledger) && !kht_mutant(KHT_MUT_FAULT_BEFORE_FLUSH))
		kht_batch_cover(d);
}
