/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HPTEs as KVM-HV keeps them: big endian; since POWER9 in the format of ISA
 * 3.0, while guests and all of KVM's arithmetic use the older one.
 */
#ifndef KHT_GUEST_HPTE_H
#define KHT_GUEST_HPTE_H

#include <linux/kvm_host.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_book3s_64.h>

#define KHT_HPTE_R_BYTE	14	/* R is in the last but one of the HPTE's 16 bytes */

static inline __be64 *kht_hpte_at(const struct kvm *kvm, unsigned long index)
{
	return (__be64 *)(kvm->arch.hpt.virt + (index << 4));
}

/* Both doublewords of an HPTE, in the older format. */
struct kht_hpte {
	unsigned long v, r;
};

static inline struct kht_hpte kht_hpte_read(const __be64 *hpte)
{
	unsigned long v = be64_to_cpu(hpte[0]), r = be64_to_cpu(hpte[1]);

	return (struct kht_hpte){ hpte_new_to_old_v(v, r), hpte_new_to_old_r(r) };
}

/* The operand RB of a tlbie or tlbiel of what the HPTE maps. */
static inline u64 kht_hpte_rb(const __be64 *hpte, unsigned long index)
{
	struct kht_hpte e = kht_hpte_read(hpte);

	return compute_tlbie_rb(e.v, e.r, index);
}

/*
 * False: somebody has it locked. The kernel's try_lock_hpte() is one ldarx and
 * stdcx., and an interrupt between them makes it fail on an HPTE that nobody
 * has.
 */
static inline bool kht_hpte_try_lock(__be64 *hpte)
{
	do {
		if (try_lock_hpte(hpte, HPTE_V_HVLOCK))
			return true;
	} while (!(be64_to_cpu(READ_ONCE(hpte[0])) & HPTE_V_HVLOCK));
	return false;
}

/*
 * Out of the chain of HPTEs that map the same page of the guest: HPTE and chain
 * are locked. @rev: the table's reverse map.
 */
static inline void kht_hpte_unchain(struct revmap_entry *rev, unsigned long index,
				    unsigned long *chain)
{
	unsigned long next = rev[index].forw, prev = rev[index].back;

	rev[next].back = prev;
	rev[prev].forw = next;
	if ((*chain & KVMPPC_RMAP_INDEX) != index)
		return;
	if (next == index)
		*chain &= ~(KVMPPC_RMAP_PRESENT | KVMPPC_RMAP_INDEX);
	else
		*chain = (*chain & ~KVMPPC_RMAP_INDEX) | next;
}

#endif
