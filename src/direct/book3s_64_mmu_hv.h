/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host invalidates of hash guests. */
#ifndef KHT_DIRECT_BOOK3S_64_MMU_HV_H
#define KHT_DIRECT_BOOK3S_64_MMU_HV_H

#include <linux/kvm_host.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include "direct.h"

static inline void kht_direct_invalidate_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index)
{
	if (!kht_direct_try(invalidate_hpte, kvm, hpte, index))
		kvmppc_invalidate_hpte(kvm, hpte, index);
}

static inline void kht_direct_clear_ref_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index)
{
	if (!kht_direct_try(clear_ref_hpte, kvm, hpte, index))
		kvmppc_clear_ref_hpte(kvm, hpte, index);
}

#define kvmppc_invalidate_hpte(...)	kht_direct_invalidate_hpte(__VA_ARGS__)
#define kvmppc_clear_ref_hpte(...)	kht_direct_clear_ref_hpte(__VA_ARGS__)

#endif
