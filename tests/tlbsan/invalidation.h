/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tlbie or tlbiel says, from its word and registers (ISA 3.0B Book III 5.9.3.3). */
#ifndef TLBSAN_INVALIDATION_H
#define TLBSAN_INVALIDATION_H

#include "model.h"
#include "ppc-decode.h"

/* AP of a radix page (figure "AP encodings"); 0 for a size there is not. */
static inline unsigned int page_shift(uint32_t ap)
{
	static const unsigned int shift[8] = { [0] = 12, [5] = 16, [1] = 21, [2] = 30 };

	return shift[ap];
}

/*
 * A tlbie of the hypervisor names the LPID in RS, everything else means LPIDR.
 * False for a page size there is not.
 */
static inline bool decode_invalidation(uint32_t word, uint64_t rb, uint64_t rs, uint32_t lpidr, bool guest,
				       struct invalidation *i)
{
	bool everywhere = ppc_decode(word) == PPC_TLBIE;

	*i = (struct invalidation){
		.everywhere = everywhere, .by_guest = guest,
		.ric = ppc_ric(word), .prs = ppc_prs(word), .r = ppc_r(word),
		.is = ppc_is(rb), .set = ppc_set(rb), .shift = page_shift(ppc_ap(rb)), .address = ppc_epn(rb),
		.pid = ppc_pid_of(rs), .lpid = everywhere && !guest ? ppc_lpid_of(rs) : lpidr,
	};
	return i->is || i->shift;
}

#endif
