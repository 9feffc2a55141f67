/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instructions that src/power executes and the compiler has no word for.
 * tests/power brings a header of this name that writes them down.
 */
#ifndef KHT_INSTRUCTIONS_H
#define KHT_INSTRUCTIONS_H

#include <asm/ppc-opcode.h>

/*
 * tlbiel RB,RS,RIC,PRS,R with RS=0 (ISA 3.0B Book III 5.9.3.3). LPIDR names the
 * LPID; @r: 1 radix, 0 hash.
 */
static __always_inline void kht_tlbiel(unsigned long rb, int ric, int prs, int r)
{
	asm volatile(".machine push; .machine power9; tlbiel %0,%1,%2,%3,%4; .machine pop"
		     : : "r" (rb), "r" (0), "i" (ric), "i" (prs), "i" (r) : "memory");
}

/* Book III 5.9.2 */
static __always_inline void kht_ptesync(void)
{
	asm volatile("ptesync" : : : "memory");
}

/* Completes tlbie and tlbiel of this thread, whoever began them (5.9.3.4). */
static __always_inline void kht_tlbsync(void)
{
	asm volatile("eieio; tlbsync; ptesync" : : : "memory");
}

/*
 * This thread's ERAT: what is of a guest with radix translation (slbia, IH=6).
 */
static __always_inline void kht_forget_guest_erat(void)
{
	asm volatile(PPC_RADIX_INVALIDATE_ERAT_GUEST : : : "memory");
}

/* All of it (slbia, IH=7). */
static __always_inline void kht_forget_erat(void)
{
	asm volatile(PPC_ISA_3_0_INVALIDATE_ERAT : : : "memory");
}

#endif
