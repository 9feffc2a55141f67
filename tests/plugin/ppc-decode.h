/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recognises the few instructions the bench's plugins look at. Forms and field
 * positions are those of Power ISA 3.0B, Book III chapters 3.3.2 (stop), 4.4.4
 * (mtspr), 5.9.3 (slbia, tlbie, tlbiel, tlbsync) and 11.2 (msgsnd), Book II
 * 4.6.3 (sync), Book I 3.3.11 (twi). Bit 0 is the most significant one, as in
 * the ISA.
 */
#ifndef PPC_DECODE_H
#define PPC_DECODE_H

#include <stdint.h>

enum ppc_op {
	PPC_OTHER,
	PPC_TLBIE,
	PPC_TLBIEL,
	PPC_TLBSYNC,
	PPC_PTESYNC,
	PPC_MSGSND,
	PPC_SLBIA,	/* of a radix context: drops the thread's ERAT, as IH says */
	PPC_MTSPR,
	PPC_STOP,
	PPC_MARKER,	/* twi 0,RA,PPC_MARKER_SI: a no-op at every privilege */
};

#define PPC_MARKER_SI	0x4b48
#define PPC_SPR_LPIDR	319

/* Interrupt vectors (Book III 6.5): where they end and how close they can be. */
#define PPC_VECTORS_END	0x2000
#define PPC_VECTOR_STEP	0x20
#define PPC_VECTORS_AIL	0xc000000000004000ull	/* where LPCR has them relocated to */

static inline uint32_t ppc_bits(uint32_t word, int first, int last)
{
	return (word >> (31 - last)) & ((1u << (last - first + 1)) - 1);
}

static inline uint32_t ppc_rs(uint32_t word)  { return ppc_bits(word, 6, 10); }
static inline uint32_t ppc_ra(uint32_t word)  { return ppc_bits(word, 11, 15); }
static inline uint32_t ppc_rb(uint32_t word)  { return ppc_bits(word, 16, 20); }
static inline uint32_t ppc_ric(uint32_t word) { return ppc_bits(word, 12, 13); }
static inline uint32_t ppc_prs(uint32_t word) { return ppc_bits(word, 14, 14); }
static inline uint32_t ppc_r(uint32_t word)   { return ppc_bits(word, 15, 15); }

static inline uint32_t ppc_ih(uint32_t word)  { return ppc_bits(word, 8, 10); }

/* The instruction holds the SPR's number with its two halves swapped. */
static inline uint32_t ppc_spr(uint32_t word)
{
	return ppc_bits(word, 16, 20) << 5 | ppc_bits(word, 11, 15);
}

/*
 * The 64-bit operands of a tlbie or tlbiel. RB: invalidation selector, and
 * then, for IS=0 and R=1, the page's address and size, for IS>0 of a tlbiel the
 * set. RS: the process and the partition; a tlbiel takes its partition from
 * LPIDR instead.
 */
static inline uint32_t ppc_is(uint64_t rb)	{ return (rb >> 10) & 3; }	/* 52:53 */
static inline uint32_t ppc_ap(uint64_t rb)	{ return (rb >> 5) & 7; }	/* 56:58 */
static inline uint32_t ppc_set(uint64_t rb)	{ return (rb >> 12) & 0xfff; }	/* 40:51 */
static inline uint64_t ppc_epn(uint64_t rb)	{ return rb & ~0xfffull; }	/* 0:51 */
static inline uint32_t ppc_pid_of(uint64_t rs)	{ return rs >> 32; }		/* 0:31 */
static inline uint32_t ppc_lpid_of(uint64_t rs)	{ return (uint32_t)rs; }	/* 32:63 */

static inline enum ppc_op ppc_decode_31(uint32_t word)
{
	switch (ppc_bits(word, 21, 30)) {
	case 306:
		return PPC_TLBIE;
	case 274:
		return PPC_TLBIEL;
	case 566:
		return PPC_TLBSYNC;
	case 206:
		return PPC_MSGSND;
	case 498:
		return PPC_SLBIA;
	case 467:
		return PPC_MTSPR;
	case 598:	/* sync: L in bits 8:10 since ISA 3.1, bit 8 zero before */
		return ppc_bits(word, 8, 10) == 2 ? PPC_PTESYNC : PPC_OTHER;
	default:
		return PPC_OTHER;
	}
}

static inline enum ppc_op ppc_decode(uint32_t word)
{
	switch (ppc_bits(word, 0, 5)) {
	case 3:		/* twi TO,RA,SI */
		if (ppc_bits(word, 6, 10) || ppc_bits(word, 16, 31) != PPC_MARKER_SI)
			return PPC_OTHER;
		return PPC_MARKER;
	case 19:
		return ppc_bits(word, 21, 30) == 370 ? PPC_STOP : PPC_OTHER;
	case 31:
		return ppc_decode_31(word);
	default:
		return PPC_OTHER;
	}
}

/* The interrupt whose handler begins at @address, relocated or not; 0: none. */
static inline uint32_t ppc_vector(uint64_t address)
{
	if (address >= PPC_VECTORS_AIL)
		address -= PPC_VECTORS_AIL;
	return address < PPC_VECTORS_END && !(address % PPC_VECTOR_STEP) ? address : 0;
}

#endif
