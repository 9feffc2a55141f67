// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest entry, and the other place that uses a guest's translations:
 * quadrant accesses of the host.
 */
#include <linux/cpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include "core/protocol.h"
#include "guest/adopt.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/vcpu.h"
#include "module/features.h"
#include "power/flush.h"
#include "kht_direct.h"
#include "kht_trace.h"

struct kht_seat __percpu *kht_seats;

static void count_settle(struct kht_domain *d, const struct kht_debt *debt)
{
	kht_count(d->stats, KHT_STAT_SETTLES, 1);
	switch (debt->need) {
	case KHT_FLUSH:
		kht_count(d->stats, KHT_STAT_LOCAL_FLUSHES, 1);
		if (debt->overflow)
			kht_count(d->stats, KHT_STAT_LOG_OVERFLOWS, 1);
		break;
	case KHT_REPLAY:
		kht_count(d->stats, KHT_STAT_REPLAYS, 1);
		kht_count(d->stats, KHT_STAT_REPLAYED_PAGES, debt->pages);
		break;
	case KHT_SYNC:
		kht_count(d->stats, KHT_STAT_SYNCS, 1);
		break;
	case KHT_NOTHING:
		break;
	}
	/* A flush of the whole LPID has done it. */
	if (debt->process == KHT_FLUSH && debt->need != KHT_FLUSH)
		kht_count(d->stats, KHT_STAT_PROCESS_FLUSHES, 1);
}

/*
 * The thread, this one, is marked, and owes something or has an L1's call to
 * end.
 */
static noinline void settle(struct kht_domain *d, struct kht_thread *t)
{
	unsigned int cpu = smp_processor_id();
	struct kht_debt debt;

	if (t->call)
		kht_call_end(t);
	if (!kht_owes(d->ledger, cpu))
		return;
	if (d->ledger->hash && !READ_ONCE(kht_hash_owing)) {
		kht_excuse(d->ledger, cpu);
		return;
	}
	debt = kht_settle(d->ledger, t, cpu, kht_core_of(cpu));
	count_settle(d, &debt);
	trace_kht_settle(d->lpid, cpu, &debt);
}

/* No domain (yet): the mark is all there is to do. litmus: switch-free */
static noinline void enter_unknown(struct kvm_vcpu *vcpu, struct kht_thread *t, u64 key)
{
	kht_store_release(&t->guest, key);
	if (t->call)
		kht_call_end(t);
	if (!vcpu->arch.nested || kht_is_on(KHT_NESTED))
		kht_adopt(vcpu);
}

/*
 * The vCPU runs a nested guest: LPIDR will hold the shadow's LPID. What it runs
 * is kept for the case that the vCPU moves (kht_on_vcpu_move()).
 */
static noinline void enter_nested(struct kvm_vcpu *vcpu, struct kht_thread *t)
{
	unsigned int cpu = smp_processor_id();
	struct kvm_nested_guest *nested = vcpu->arch.nested;
	struct kht_domain *l1 = kht_domain_of(vcpu->kvm);
	struct kht_domain *d = kht_domain(nested->shadow_lpid);
	struct kht_vcpu *v = l1 ? l1->vcpu[vcpu->vcpu_idx] : NULL;
	u64 key = kht_key(nested->shadow_lpid, vcpu->vcpu_id);

	if (v) {
		v->l2_lpid = nested->shadow_lpid;
		v->l2_number = nested->l1_lpid;
		v->l2_vcpu = vcpu->arch.nested_vcpu_id;
	}
	if (unlikely(!d))
		return enter_unknown(vcpu, t, key);
	kht_runs(&d->runners, vcpu->arch.nested_vcpu_id, vcpu->vcpu_idx);
	if (kht_mark(d->ledger, &t->guest, key, cpu) | (unsigned long)t->call)
		settle(d, t);
	/*
	 * The kernel has written this, but a vCPU that ran the same nested vCPU
	 * before may have moved since (hide_nested_move()). The fence between
	 * is kht_mark()'s.
	 */
	if (unlikely(READ_ONCE(nested->prev_cpu[vcpu->arch.nested_vcpu_id]) != (short)cpu))
		WRITE_ONCE(nested->prev_cpu[vcpu->arch.nested_vcpu_id], cpu);
}

/*
 * Preemption is off and interrupts are soft-disabled until the guest has run.
 * With nothing owed this writes the thread's mark and nothing else, and calls
 * nothing: the compiler then needs no stack frame.
 *
 * The mark stays until vcpu_put: a vCPU whose exit the kernel handles counts as
 * in guest, which costs a broadcast now and then and spares every exit a probe.
 */
void notrace kht_on_guest_enter(void *unused, struct kvm_vcpu *vcpu)
{
	unsigned int cpu = smp_processor_id();
	struct kht_thread *t = &kht_threads[cpu];
	u64 key = kht_key(vcpu->kvm->arch.lpid, vcpu->vcpu_id);
	struct kht_domain *d = kht_domain_of(vcpu->kvm);

	if (unlikely(vcpu->arch.nested))
		return enter_nested(vcpu, t);
	if (unlikely(!d))
		return enter_unknown(vcpu, t, key);
	if (unlikely(kht_mark(d->ledger, &t->guest, key, cpu) | (unsigned long)t->call))
		settle(d, t);
}

/*
 * The same for the kvm-hv.ko of the replacement flavour, which itself does the
 * entries of a vCPU that has its seat here: it has entered on this CPU before,
 * and nothing but the mark is to be taken away at its exit, to which vcpu_put
 * has nothing to add. So not: a hash guest's (kht_put_other()), a nested
 * guest's, and one that pays for its moves (kht_vcpu_may_sync()).
 *
 * The vCPU in the seat of a CPU has run last of all on it (kht_vcpu_ran()): a
 * vCPU that comes from another CPU, or is new, perhaps where another one was in
 * memory, loses it in vcpu_load.
 */
void kht_direct_enter(struct kvm_vcpu *vcpu)
{
	unsigned int cpu = smp_processor_id();
	struct kht_seat *seat = this_cpu_ptr(kht_seats);
	struct kht_domain *d = kht_domain_of(vcpu->kvm);
	struct kht_vcpu *v = d ? d->vcpu[vcpu->vcpu_idx] : NULL;

	seat->vcpu = KHT_NOBODY;
	kht_on_guest_enter(NULL, vcpu);
	/*
	 * A vCPU older than our hooks that never moves has not come by
	 * kht_on_vcpu_move().
	 */
	if (!v && d && (d->vcpu != kht_no_vcpus || kht_place_unknown(d, vcpu)))
		v = kht_older_vcpu(d, vcpu);
	if (vcpu->arch.nested || !v || kht_vcpu_may_sync(v, false))
		return;
	kht_vcpu_ran(v, cpu);
	seat->ledger = d->ledger;
	seat->mark = &kht_threads[cpu].guest;
	seat->key = kht_key(d->lpid, vcpu->vcpu_id);
	seat->vcpu = vcpu;
}

/*
 * Its kht_call_begin(). The exit has taken the mark away, and the next entry
 * would not come by here: so the mark is set again, and the vCPU loses its
 * seat.
 */
void kht_direct_call(struct kvm_vcpu *vcpu)
{
	u64 key = kht_key(vcpu->kvm->arch.lpid, vcpu->vcpu_id);

	this_cpu_write(kht_seats->vcpu, KHT_NOBODY);
	kht_store(&kht_threads[smp_processor_id()].guest, key);
	kht_call_begin(vcpu);
}

/*
 * Invariant 6: __kvmhv_copy_tofrom_guest_radix() loads and stores through the
 * guest's translations from the host. While it runs this thread counts as in
 * guest. Returns true when kht_quadrant_end() has to follow, false without a
 * domain.
 *
 * Interrupts stay on in between; none of their handlers does a quadrant access,
 * and a guest entry cannot come in between.
 */
bool kht_quadrant_begin(u64 lpid)
{
	unsigned int cpu = smp_processor_id();
	struct kht_thread *t = &kht_threads[cpu];
	struct kht_domain *d = kht_domain(lpid);

	if (!d || kht_mutant(KHT_MUT_NO_QUADRANT_GUARD))
		return false;
	kht_count(d->stats, KHT_STAT_QUADRANT, 1);
	if (kht_mark(d->ledger, &t->quadrant, kht_key(lpid, 0), cpu))
		settle(d, t);
	return true;
}

/* Between the two, on this CPU, with preemption off. */
bool kht_in_quadrant(void)
{
	return kht_threads[smp_processor_id()].quadrant;
}

void kht_quadrant_end(void)
{
	kht_leave(&kht_threads[smp_processor_id()].quadrant);
}

/*
 * From here on the next entry of each of its vCPUs goes the long way
 * (kht_direct_enter()).
 */
void kht_forget_vcpus(const struct kht_ledger *l)
{
	unsigned int cpu;

	if (!kht_seats)
		return;
	for_each_possible_cpu(cpu)
		if (READ_ONCE(per_cpu_ptr(kht_seats, cpu)->ledger) == l)
			WRITE_ONCE(per_cpu_ptr(kht_seats, cpu)->vcpu, KHT_NOBODY);
}

/*
 * By interrupt, which an entry that has found a domain holds off until it is
 * over.
 */
static void empty_seat(void *unused)
{
	this_cpu_write(kht_seats->vcpu, KHT_NOBODY);
}

/*
 * Nobody has a seat on return, nor gets one: no domain is found any more. The
 * seat of a CPU that is offline would still be there when it comes back.
 * litmus: kick-free
 */
static void empty_seats(void)
{
	unsigned int cpu;

	if (!kht_seats)
		return;
	cpus_read_lock();
	on_each_cpu(empty_seat, NULL, 1);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			WRITE_ONCE(per_cpu_ptr(kht_seats, cpu)->vcpu, KHT_NOBODY);
	cpus_read_unlock();
}

/* By interrupt, on the CPU whose thread it is: kht_call_end(). */
static void forget_call(void *unused)
{
	WRITE_ONCE(kht_threads[smp_processor_id()].call, NULL);
}

/*
 * The grace period: a hook that has fetched a domain before is done with it.
 * litmus: domain-free, detach-decide, kick-free
 */
void kht_forget_entries(void)
{
	empty_seats();
	on_each_cpu(forget_call, NULL, 1);
	synchronize_rcu();
}
