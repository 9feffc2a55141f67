// SPDX-License-Identifier: GPL-2.0-only
/*
 * H_RPT_INVALIDATE: of a guest, for itself; of an L1, for its nested guests; of
 * a nested guest, for itself, which the VMM does not even have to allow. In
 * every kernel so far the loops of do_h_rpt_invalidate_prt() and
 * do_h_rpt_invalidate_pat() never end for a range that wraps: the CPU is lost
 * to the host, and with it grace periods, CPU hotplug and the shutdown.
 *
 * PAPR allows such a range. So it becomes the range of everything, which the
 * kernel invalidates with one flush, and the guest has its answer.
 */
#include "guest/domain.h"
#include "guest/range.h"
#include "core/range.h"

void kht_on_range(u32 lpid, unsigned long sizes, unsigned long *start, unsigned long *end)
{
	struct kht_domain *d;

	if (likely(!kht_range_wraps(*start, *end, sizes)))
		return;
	d = kht_domain(lpid);
	kht_count(d ? d->stats : NULL, KHT_STAT_ENDLESS_RANGES, 1);
	*start = 0;
	*end = ~0UL;
}
