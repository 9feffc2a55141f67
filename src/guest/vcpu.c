// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU moves, noticed when the vCPU's thread is scheduled in. src/core/move.h
 * has the reasoning. The stock kernel looks for moves at every guest entry, by
 * prev_cpu; having done the work we set prev_cpu, and it finds none.
 */
#include <linux/cpumask.h>
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include "kht_direct.h"
#include "module/faults.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/vcpu.h"
#include "module/features.h"
#include "module/params.h"
#include "power/flush.h"
#include "core/protocol.h"
#include "kht_trace.h"

static DEFINE_PER_CPU(cpumask_t, kick_mask);

void kht_leave_guest(void *unused)
{
	/* Being interrupted is the point: the way back in settles. */
}

static void complete_order(void *gtse)
{
	kht_complete_guest_flushes(gtse);
}

static bool gtse(const struct kvm *kvm)
{
	return kvm->arch.lpcr & LPCR_GTSE;
}

/*
 * The state of a vCPU, made when it first comes to a CPU. A vCPU that has run
 * before our hooks may have an unfinished sequence where it ran last.
 * litmus: vcpu-publish
 */
static struct kht_vcpu *vcpu_state(struct kht_domain *d, struct kvm_vcpu *vcpu)
{
	struct kht_vcpu *v = d->vcpus[vcpu->vcpu_idx];

	if (likely(v))
		return v;
	v = kht_alloc(kzalloc(sizeof(*v), GFP_ATOMIC | __GFP_NOWARN));
	if (!v)
		return NULL;
	kht_vcpu_init(v);
	v->ran_on = vcpu->arch.prev_cpu;
	/* Initialised before it is found; its readers depend on the address. */
	smp_store_release(&d->vcpus[vcpu->vcpu_idx], v);
	return v;
}

/*
 * A vCPU that was loaded here before its guest had a domain: no move has said
 * where it is. It goes on here, or moves.
 */
static void note_place(struct kht_domain *d, const struct kvm_vcpu *vcpu)
{
	if (kht_place_unknown(d, vcpu))
		kht_loaded(d->places, vcpu->vcpu_idx, smp_processor_id(), vcpu->arch.prev_cpu);
}

/* The same, and it is about to have a seat. NULL: it has no state. */
struct kht_vcpu *kht_older_vcpu(struct kht_domain *d, struct kvm_vcpu *vcpu)
{
	note_place(d, vcpu);
	return d->vcpu != kht_no_vcpus && READ_ONCE(d->live) ? vcpu_state(d, vcpu) : NULL;
}

/*
 * The core that was left owes a process-scope flush, and its threads that run
 * the guest have to leave it. They are interrupted together and waited for
 * once: the moved vCPU must not go on before. Returns how many.
 * litmus: kick-free
 */
static u32 leave_core(struct kht_domain *d, unsigned int prev)
{
	struct cpumask *kick = this_cpu_ptr(&kick_mask);
	unsigned int cpus[KHT_CORE_MAX];
	u32 n = kht_left_core(d->ledger, kht_threads, kht_core_of(prev), cpus);
	u32 i;

	if (!n)
		return 0;
	cpumask_clear(kick);
	for (i = 0; i < n; i++)
		cpumask_set_cpu(cpus[i], kick);
	smp_call_function_many(kick, kht_leave_guest, NULL, 1);
	return n;
}

static void count_move(struct kht_domain *d, const struct kht_move *m, u32 kicked)
{
	bool synced = m->ipi < 0;

	kht_count(d->stats, KHT_STAT_MOVES, 1);
	kht_count(d->stats, KHT_STAT_IPIS_SENT, kicked + !synced);
	if (synced) {
		kht_count(d->stats, KHT_STAT_MOVES_SYNCED, 1);
		kht_count(d->stats, KHT_STAT_IPIS_SAVED, 1);
	}
}

/*
 * prev_cpu of the nested vCPU belongs to the last vCPU that has run it, which
 * may be another one by now. One that is entering just now has either seen what
 * is written here and put it right (enter_nested()), or is seen here, and this
 * is taken back.
 * litmus: nested-move
 */
static void note_nested_move(const struct kht_domain *d, const struct kvm_vcpu *vcpu,
			     const struct kht_vcpu *v, short *at, short prev, short cpu)
{
	if (!kht_ran_last(&d->runners, v->l2_vcpu, vcpu->vcpu_idx) || cmpxchg(at, prev, cpu) != prev)
		return;
	if (!kht_ran_last(&d->runners, v->l2_vcpu, vcpu->vcpu_idx))
		cmpxchg(at, cpu, prev);
}

/*
 * So that the stock kernel finds no move at the next entry of the nested guest.
 * It may have gone since the vCPU ran it, so it is looked up; should the lock
 * not be free, stock finds the move and does its work again, which is legal.
 * This runs in the scheduler's sched_in, where waiting for a lock that long
 * would not do.
 */
static void hide_nested_move(const struct kht_domain *d, const struct kvm_vcpu *vcpu,
			     const struct kht_vcpu *v, int prev, int cpu)
{
	struct kvm *kvm = vcpu->kvm;
	struct kvm_nested_guest *gp;

	if (!spin_trylock(&kvm->mmu_lock))
		return;
	gp = idr_find(&kvm->arch.kvm_nested_guest_idr, v->l2_number);
	if (gp && gp->shadow_lpid == v->l2_lpid)
		note_nested_move(d, vcpu, v, &gp->prev_cpu[v->l2_vcpu], prev, cpu);
	spin_unlock(&kvm->mmu_lock);
}

/*
 * With the vCPU moves the nested guest that it runs, or ran last and will go on
 * with: the core that was left owes for its LPID too. Its sequence for order is
 * the vCPU's own. NULL: there is none, or it is stock's.
 */
static struct kht_domain *nested_of(struct kht_domain *l1, const struct kht_vcpu *v)
{
	struct kht_domain *d = v->l2_lpid ? kht_domain(v->l2_lpid) : NULL;

	return d && d->l1 == l1 && READ_ONCE(d->live) ? d : NULL;
}

/*
 * A vCPU of a hash guest. The kernel has no use for prev_cpu then, and
 * completes nothing on the CPU that is left, nor do we; the core owes, for what
 * the guest may go on to remove with H_LOCAL; it owes also when the vCPU goes
 * to a sibling, whose flush leaves the ERAT of the thread that is left. Where
 * the vCPU has been before track_moves() nobody knows: every core owes.
 */
static void move_hash(struct kht_domain *d, struct kvm_vcpu *vcpu, int cpu)
{
	int prev = READ_ONCE(vcpu->arch.prev_cpu);
	u32 kicked = 0;

	WRITE_ONCE(vcpu->arch.prev_cpu, cpu);
	if (!READ_ONCE(d->tracks_moves) || prev == cpu)
		return;
	if (irqs_disabled()) {
		/*
		 * Nobody can be interrupted: from here on no H_LOCAL is
		 * believed.
		 */
		WRITE_ONCE(d->lost_a_move, true);
		return;
	}
	if (prev < 0) {
		kht_absorb_full(d->ledger);
		kht_batch_cover(d);
	} else {
		kicked = leave_core(d, prev);
	}
	kht_count(d->stats, KHT_STAT_MOVES, 1);
	kht_count(d->stats, KHT_STAT_IPIS_SENT, kicked);
	trace_kht_move(d->lpid, vcpu->vcpu_id, prev, cpu, true, kicked, -1);
}

/*
 * The CPUs we wait for need to be interrupted, so we must be able to take
 * interrupts ourselves: sched_in and the ioctls come with them enabled. Should
 * a kernel ever call us otherwise, the move is stock's (invariant 9), as are
 * those of guests without a domain.
 * litmus: kick-free
 */
static void handle_move(struct kht_domain *d, struct kvm_vcpu *vcpu, int cpu)
{
	struct kvm *kvm = vcpu->kvm;
	int prev = vcpu->arch.prev_cpu;
	struct kht_domain *nested;
	struct kht_vcpu *v;
	struct kht_move m;
	u32 kicked = 0;

	if (!READ_ONCE(d->live))
		return;
	if (!kvm_is_radix(kvm))
		return move_hash(d, vcpu, cpu);
	v = vcpu_state(d, vcpu);
	if (!v || !kht_is_on(KHT_LAZY_MOVE) || !READ_ONCE(kht_param_lazy_move) || irqs_disabled())
		return;
	m = kht_vcpu_load(v, prev, cpu, prev >= 0 && kht_same_core(kht_core_of(prev), kht_core_of(cpu)));
	if (!m.moved)
		return;
	nested = nested_of(d, v);
	if (m.debt)
		kicked = leave_core(d, prev);
	if (m.debt && nested)
		kicked += leave_core(kht_mutant(KHT_MUT_NESTED_MOVE_IN_L1) ? d : nested, prev);
	if (m.ipi >= 0)
		smp_call_function_single(m.ipi, complete_order, (void *)gtse(kvm), 1);
	/*
	 * Only now: another vCPU may go on with the nested one at once, and
	 * finds that all is done.
	 */
	if (nested)
		hide_nested_move(nested, vcpu, v, prev, cpu);
	vcpu->arch.prev_cpu = cpu;
	count_move(d, &m, kicked);
	trace_kht_move(d->lpid, vcpu->vcpu_id, prev, cpu, m.debt, kicked, m.ipi);
}

/*
 * Called whenever a vCPU is loaded on a CPU that is not its prev_cpu. So it may
 * be loaded unnoticed on that one: where the move has been dealt with, this
 * CPU; else the one before, until the vCPU enters, which makes stock write it.
 */
void kht_on_vcpu_move(struct kvm_vcpu *vcpu, int cpu)
{
	struct kht_domain *d = kht_domain_of(vcpu->kvm);

	if (!d)
		return;
	handle_move(d, vcpu, cpu);
	kht_loaded(d->places, vcpu->vcpu_idx, cpu, vcpu->arch.prev_cpu);
}

/*
 * The vCPU has run since it was loaded, and now gives up this CPU: finish its
 * sequence here, if that pays.
 */
void kht_put_order(struct kvm_vcpu *vcpu, struct kht_vcpu *v, bool scheduled_out)
{
	if (READ_ONCE(kht_param_lazy_move) && kht_vcpu_put(v, scheduled_out))
		kht_complete_guest_flushes(gtse(vcpu->kvm));
}

/*
 * The same for a vCPU without a state: of a guest without a domain, or of a
 * hash guest, whose R and C bits are read by a thread that then sees nobody in
 * guest (invariant 2). This thread's updates of them come before its mark goes;
 * the partner is the load fence in kht_others_behind().
 */
void kht_put_other(struct kht_thread *t)
{
	kht_complete_updates();
	kht_leave(&t->guest);
}

void kht_on_vcpu_put(struct kvm_vcpu *vcpu)
{
	int cpu = smp_processor_id();
	struct kht_thread *t = &kht_threads[cpu];
	struct kht_domain *d = kht_domain_of(vcpu->kvm);
	struct kht_vcpu *v = d ? d->vcpu[vcpu->vcpu_idx] : NULL;
	bool scheduled_out = irqs_disabled();

	if (!kht_load(&t->guest))
		return;
	if (t->call)
		kht_call_end(t);
	if (!v && d)
		note_place(d, vcpu);
	if (!v)
		return kht_put_other(t);
	kht_leave(&t->guest);
	kht_vcpu_ran(v, cpu);
	if (kht_vcpu_may_sync(v, scheduled_out))
		kht_put_order(vcpu, v, scheduled_out);
}

/*
 * The replacement flavour's vcpu_load of a vCPU that has last run elsewhere, or
 * never.
 */
void kht_direct_load(struct kvm_vcpu *vcpu, int cpu)
{
	this_cpu_write(kht_seats->vcpu, KHT_NOBODY);
	kht_on_vcpu_move(vcpu, cpu);
}

/* Its vcpu_put of a vCPU that is scheduled out, or has no seat. */
void kht_direct_put(struct kvm_vcpu *vcpu)
{
	struct kht_domain *d = kht_domain_of(vcpu->kvm);
	struct kht_vcpu *v = d ? d->vcpu[vcpu->vcpu_idx] : NULL;

	if (this_cpu_read(kht_seats->vcpu) != vcpu)
		return kht_on_vcpu_put(vcpu);
	this_cpu_write(kht_seats->vcpu, KHT_NOBODY);
	if (v)
		kht_put_order(vcpu, v, irqs_disabled());
}
