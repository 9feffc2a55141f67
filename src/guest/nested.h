/* SPDX-License-Identifier: GPL-2.0-only */
/* Nested guests: R and C bits of their shadow tables. */
#ifndef KHT_GUEST_NESTED_H
#define KHT_GUEST_NESTED_H

#include <linux/kvm_host.h>

/*
 * The caller holds kvm->mmu_lock. True: done, skip the
 * kernel's kvmhv_update_nest_rmap_rc_list(), whose arguments these are.
 */
bool kht_on_update_rc(struct kvm *kvm, unsigned long *rmapp, unsigned long clr,
		      unsigned long set, unsigned long hpa, unsigned long nbytes);

/*
 * Faults of nested guests. The first in the mmu_lock section that inserts a
 * shadow entry, the second before it, without the lock and with preemption off.
 */
void kht_on_insert_rmap(struct kvm *kvm, const unsigned long *rmapp, u64 rmap);
void kht_on_create_pte(struct kvm *kvm, pgd_t *shadow, unsigned long gpa, pte_t *pte);

#endif
