// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of addresses that a guest has invalidated for it (H_RPT_INVALIDATE).
 * The kernel goes from start to end in steps of each page size asked for. An
 * end in the last page before 2^64 is one that a step passes only by wrapping,
 * and the loop begins again, for ever.
 */
#include "core/range.h"

#define SIZES	4u

/* The page sizes of H_RPT_INVALIDATE, by their bit (PAPR). */
static const u32 page_shift[SIZES] = { 12, 16, 21, 30 };	/* 4K, 64K, 2M, 1G */

/* Of those the kernel knows, the largest; or 0. */
static u64 largest_page(u64 sizes)
{
	u32 i = SIZES;

	while (i--)
		if (sizes & 1ULL << i)
			return 1ULL << page_shift[i];
	return 0;
}

/*
 * May a loop over [@start, @end) wrap? One that tests after the step wraps for
 * the last page itself (do_h_rpt_invalidate_pat()), so that counts too. From 0
 * to ~0 is everything, without a loop.
 */
bool kht_range_wraps(u64 start, u64 end, u64 sizes)
{
	u64 page = largest_page(sizes);

	if (kht_mutant(KHT_MUT_ENDLESS_RANGE) || (start == 0 && end == ~0ULL))
		return false;
	return page && end >= -page;
}
