/* SPDX-License-Identifier: GPL-2.0-only */
/* Host invalidations of hash guests, and how far their own reach. */
#ifndef KHT_GUEST_HPT_H
#define KHT_GUEST_HPT_H

#include "core/reach.h"
#include "guest/domain.h"

/*
 * Preemption off, the HPTE locked by the caller. True: done, skip the
 * kernel's function, whose arguments these are.
 */
bool kht_on_invalidate_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index);
bool kht_on_clear_ref_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index);
void kht_on_set_partition(u32 lpid);

bool kht_defers_hash(const struct kht_domain *d);

/*
 * Invalidates what @rb names, as far as @reach; the caller has it locked.
 * False: it must be broadcast.
 */
bool kht_hash_reach(struct kht_domain *d, enum kht_reach reach, u64 rb);

/*
 * May this guest's H_LOCAL be honoured? May interrupt its vCPUs; no lock is
 * held.
 */
bool kht_trusts_local(struct kht_domain *d);

#endif
