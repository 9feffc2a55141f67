/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs that come to a CPU and leave it. */
#ifndef KHT_GUEST_VCPU_H
#define KHT_GUEST_VCPU_H

#include "guest/domain.h"

/* Preemption is off. */
void kht_leave_guest(void *unused);			/* for smp_call_function_many() */
void kht_on_vcpu_move(struct kvm_vcpu *vcpu, int cpu);
void kht_put_order(struct kvm_vcpu *vcpu, struct kht_vcpu *v, bool scheduled_out);
void kht_put_other(struct kht_thread *t);
static inline bool kht_place_unknown(const struct kht_domain *d, const struct kvm_vcpu *vcpu)
{
	return kht_load(&d->places->at[vcpu->vcpu_idx]) == KHT_ANYWHERE;
}

struct kht_vcpu *kht_older_vcpu(struct kht_domain *d, struct kvm_vcpu *vcpu);
void kht_direct_load(struct kvm_vcpu *vcpu, int cpu);
void kht_direct_put(struct kvm_vcpu *vcpu);

/*
 * Runs on the CPU that is being left, and takes the mark away: only the vCPU
 * that is loaded can have set it, and it is not in the guest now. No mark means
 * that it has not entered since it was loaded, so nothing of its is unfinished;
 * or that its exit took the mark away (kht_direct_exit()), and kht_direct_put()
 * has seen to the rest.
 *
 * KVM's preempt notifier calls us with interrupts off, when the thread is
 * scheduled out; the end of an ioctl with interrupts on. That tells the two
 * apart in every kernel.
 */
void kht_on_vcpu_put(struct kvm_vcpu *vcpu);

/*
 * The same inline, for it runs at every exit to user space, where there is
 * nothing to do but that. False: there is more, and nothing has been done.
 */
static __always_inline bool kht_put_at_once(struct kvm_vcpu *vcpu)
{
	int cpu = smp_processor_id();
	struct kht_thread *t = &kht_threads[cpu];
	struct kht_domain *d;
	struct kht_vcpu *v;

	if (!kht_load(&t->guest))
		return true;
	d = kht_domain_of(vcpu->kvm);
	v = d ? d->vcpu[vcpu->vcpu_idx] : NULL;
	if (unlikely(!v || t->call || kht_vcpu_may_sync(v, irqs_disabled())))
		return false;
	kht_leave(&t->guest);
	kht_vcpu_ran(v, cpu);
	return true;
}

#endif
