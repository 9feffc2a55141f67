/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host that is a partition asks its hypervisor for: flushes, and
 * quadrant accesses.
 */
#ifndef KHT_DIRECT_PARTITION_H
#define KHT_DIRECT_PARTITION_H

#include <asm/hvcall.h>
#include <asm/plpar_wrappers.h>
#include "direct.h"

#define KHT_RB_PAGE	(~0xfffUL)

/* The size that AP of tlbie's RB names. */
static inline unsigned long kht_direct_size(unsigned long rb)
{
	static const unsigned char shifts[8] = { 12, 21, 30, 12, 12, 16, 12, 12 };

	return 1UL << shifts[rb >> 5 & 7];
}

/*
 * @code has tlbie's RIC: 0 is a page, the others are the page walk cache and
 * the LPID.
 */
static inline long kht_direct_tlb_invalidate(unsigned long code, u64 lpid, unsigned long rb)
{
	bool done = code >> 18 & 3 ? kht_direct_try(flush_full, lpid) :
				     kht_direct_try(flush_page, lpid, rb & KHT_RB_PAGE, kht_direct_size(rb));

	return done ? H_SUCCESS : plpar_hcall_norets(H_TLB_INVALIDATE, code, lpid, rb);
}

static inline long kht_direct_rpt_invalidate(u64 lpid, u64 target, u64 type, u64 sizes, u64 start, u64 end)
{
	bool done = end == -1UL ? kht_direct_try(flush_full, lpid) :
				  kht_direct_try(flush_page, lpid, start, end - start);

	return done ? H_SUCCESS : pseries_rpt_invalidate(lpid, target, type, sizes, start, end);
}

/* Invariant 6: the hypervisor uses the guest's translations for us. */
static inline long kht_direct_copy(u64 lpid, u64 pid, u64 eaddr, u64 to, u64 from, u64 n)
{
	bool began;
	long rc;

	preempt_disable();
	began = kht_direct_try(quadrant_begin, lpid);
	rc = plpar_hcall_norets(H_COPY_TOFROM_GUEST, lpid, pid, eaddr, to, from, n);
	if (began)
		kht_direct_tell(quadrant_end);
	preempt_enable();
	return rc;
}

/*
 * By the name of the hypercall, which is a macro that must not expand before.
 */
#define kht_direct_H_TLB_INVALIDATE(...)	kht_direct_tlb_invalidate(__VA_ARGS__)
#define kht_direct_H_COPY_TOFROM_GUEST(...)	kht_direct_copy(__VA_ARGS__)
#define kht_direct_H_SET_PARTITION_TABLE(...)	(plpar_hcall_norets)(H_SET_PARTITION_TABLE, __VA_ARGS__)

#define plpar_hcall_norets(opcode, ...)		kht_direct_##opcode(__VA_ARGS__)
#define pseries_rpt_invalidate(...)		kht_direct_rpt_invalidate(__VA_ARGS__)

#endif
