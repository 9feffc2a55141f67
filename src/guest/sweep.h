/* SPDX-License-Identifier: GPL-2.0-only */
/* HPTEs of a hash guest, many at once. */
#ifndef KHT_GUEST_SWEEP_H
#define KHT_GUEST_SWEEP_H

#include <linux/kvm_host.h>

/* Before the kernel's function of that purpose; nothing for radix guests. */
void kht_sweep_unmap(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long gfn,
		     unsigned long end);			/* mmu_lock is held */
void kht_sweep_flush_slot(struct kvm *kvm, struct kvm_memory_slot *slot);	/* may sleep */
void kht_sweep_harvest(struct kvm *kvm, struct kvm_memory_slot *slot);	/* may sleep */

#endif
