/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recognises the few instructions kht-count counts. Forms and field positions
 * are those of Power ISA 3.0B, Book III chapters 5.9.3 (tlbie, tlbiel,
 * tlbsync) and 11.2 (msgsnd), Book II 4.6.3 (sync), Book I 3.3.11 (twi).
 * Bit 0 is the most significant one, as in the ISA.
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
	PPC_MARKER,	/* twi 0,RA,PPC_MARKER_SI: a no-op at every privilege */
};

#define PPC_MARKER_SI	0x4b48

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

/* Invalidation selector: bits 52:53 of the 64-bit register RB. */
static inline uint32_t ppc_is(uint64_t rb)    { return (rb >> 10) & 3; }

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
	case 31:
		return ppc_decode_31(word);
	default:
		return PPC_OTHER;
	}
}

#endif
