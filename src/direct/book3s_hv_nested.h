/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shadows of nested guests: their flushes, their end, and the partition table.
 */
#ifndef KHT_DIRECT_BOOK3S_HV_NESTED_H
#define KHT_DIRECT_BOOK3S_HV_NESTED_H

#include <linux/kvm_host.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <asm/mmu.h>
#include <asm/book3s/64/tlbflush-radix.h>
#include "direct.h"
#include "partition.h"

static inline void kht_direct_flush_all(u64 lpid)
{
	if (!kht_direct_try(flush_full, lpid))
		radix__flush_all_lpid(lpid);
}

static inline void kht_direct_set_partition(unsigned int lpid, unsigned long dw0,
					    unsigned long dw1, bool flush)
{
	kht_direct_tell(set_partition, lpid);
	mmu_partition_table_set_entry(lpid, dw0, dw1, flush);
}

static inline void kht_direct_free_pgtable(struct kvm *kvm, pgd_t *pgd, unsigned int lpid)
{
	kht_direct_tell(free_tables, lpid);
	kvmppc_free_pgtable_radix(kvm, pgd, lpid);
}

static inline void kht_direct_free_lpid(long lpid)
{
	kht_direct_tell(lpid_free, lpid);
	kvmppc_free_lpid(lpid);
}

/*
 * The nested guest's LPID is not the one in the vCPU's seat. Should the vCPU be
 * moved before it enters, it has no seat where it comes to either (vcpu_load).
 */
static inline int kht_direct_run_nested(struct kvm_vcpu *vcpu, u64 time_limit, unsigned long lpcr)
{
	this_cpu_write(kht_direct_seat.vcpu, KHT_NOBODY);
	return kvmhv_run_single_vcpu(vcpu, time_limit, lpcr);
}

static inline int kht_direct_walk(struct kvm_vcpu *vcpu, gva_t eaddr, struct kvmppc_pte *gpte,
				  u64 root, u64 *pte_ret)
{
	kht_direct_tell(walk, vcpu);
	return kvmppc_mmu_walk_radix_tree(vcpu, eaddr, gpte, root, pte_ret);
}

static inline int kht_direct_create_pte(struct kvm *kvm, pgd_t *shadow, pte_t pte,
					unsigned long gpa, unsigned int level,
					unsigned long mmu_seq, u64 lpid, unsigned long *rmapp,
					struct rmap_nested **n_rmap)
{
	kht_direct_tell(create_pte, kvm, shadow, gpa, &pte);
	return kvmppc_create_pte(kvm, shadow, pte, gpa, level, mmu_seq, lpid, rmapp, n_rmap);
}

#define kvmppc_create_pte(...)			kht_direct_create_pte(__VA_ARGS__)
#define kvmppc_mmu_walk_radix_tree(...)		kht_direct_walk(__VA_ARGS__)
#define kvmhv_run_single_vcpu(...)		kht_direct_run_nested(__VA_ARGS__)
#define radix__flush_all_lpid(...)		kht_direct_flush_all(__VA_ARGS__)
#define mmu_partition_table_set_entry(...)	kht_direct_set_partition(__VA_ARGS__)
#define kvmppc_free_pgtable_radix(...)		kht_direct_free_pgtable(__VA_ARGS__)
#define kvmppc_free_lpid(...)			kht_direct_free_lpid(__VA_ARGS__)

#endif
