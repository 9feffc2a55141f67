/* SPDX-License-Identifier: GPL-2.0-only */
/* Batches: of one operation of the host, of one call of an L1. */
#ifndef KHT_GUEST_BATCH_H
#define KHT_GUEST_BATCH_H

#include "guest/domain.h"

/* Same task from begin to end, may hold mmu_lock */
struct kht_domain *kht_batch_begin(struct kvm *kvm, bool shadows);
void kht_batch_end(struct kht_domain *d);
void kht_batch_cover(struct kht_domain *d);	/* of this domain alone, now; any context */
bool kht_batching(struct kht_domain *d);

/* Under slots_lock: a harvest of the dirty log, by this task. */
bool kht_harvesting(struct kvm *kvm);
void kht_harvest_begin(struct kvm *kvm);
void kht_harvest_end(struct kvm *kvm);

/* Around a batch; mmu_lock is not held */
bool kht_hold_faults(struct kvm *kvm);
void kht_release_faults(struct kvm *kvm, bool held);

/* Calls of an L1; preemption off */
void kht_call_begin(struct kvm_vcpu *vcpu);	/* the vCPU is loaded here */
void kht_call_end(struct kht_thread *t);	/* of this CPU, with a call */
void kht_on_walk(struct kvm_vcpu *vcpu);	/* of the L1's table, for an L2 or the L1 itself */

#endif
