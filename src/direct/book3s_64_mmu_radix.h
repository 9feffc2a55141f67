/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host invalidates of radix guests, and its quadrant accesses. */
#ifndef KHT_DIRECT_BOOK3S_64_MMU_RADIX_H
#define KHT_DIRECT_BOOK3S_64_MMU_RADIX_H

#include <linux/kvm_host.h>
#include <linux/uaccess.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <asm/book3s/64/tlbflush-radix.h>
#include "direct.h"
#include "partition.h"

static inline void kht_direct_flush_page(u64 lpid, unsigned long gpa, unsigned long size)
{
	if (!kht_direct_try(flush_page, lpid, gpa, size))
		radix__flush_tlb_lpid_page(lpid, gpa, size);
}

static inline void kht_direct_flush_pwc(u64 lpid)
{
	if (!kht_direct_try(flush_full, lpid))
		radix__flush_pwc_lpid(lpid);
}

static inline void kht_direct_update_rc(struct kvm *kvm, unsigned long *rmapp, unsigned long clr,
					unsigned long set, unsigned long hpa, unsigned long nbytes)
{
	if (!kht_direct_try(update_rc, kvm, rmapp, clr, set, hpa, nbytes))
		kvmhv_update_nest_rmap_rc_list(kvm, rmapp, clr, set, hpa, nbytes);
}

static inline void kht_direct_insert_rmap(struct kvm *kvm, unsigned long *rmapp,
					  struct rmap_nested **n_rmap)
{
	kht_direct_tell(insert_rmap, kvm, rmapp, (*n_rmap)->rmap);
	kvmhv_insert_nest_rmap(kvm, rmapp, n_rmap);
}

/*
 * Invariant 6. The only two such copies of that file are those of
 * __kvmhv_copy_tofrom_guest_radix(), with the guest's LPID in LPIDR, and
 * preemption and page faults off.
 */
#define kht_direct_quadrant(copy) ({						\
	bool began_ = kht_direct_try(quadrant_begin, mfspr(SPRN_LPID));		\
	unsigned long left_ = (copy);						\
										\
	if (began_)								\
		kht_direct_tell(quadrant_end);					\
	left_;									\
})

#define radix__flush_tlb_lpid_page(...)		kht_direct_flush_page(__VA_ARGS__)
#define radix__flush_pwc_lpid(...)		kht_direct_flush_pwc(__VA_ARGS__)
#define kvmhv_update_nest_rmap_rc_list(...)	kht_direct_update_rc(__VA_ARGS__)
#define kvmhv_insert_nest_rmap(...)		kht_direct_insert_rmap(__VA_ARGS__)
#define __copy_from_user_inatomic(...)	kht_direct_quadrant((__copy_from_user_inatomic)(__VA_ARGS__))
#define __copy_to_user_inatomic(...)	kht_direct_quadrant((__copy_to_user_inatomic)(__VA_ARGS__))

#endif
