/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints count what has happened. */
#ifndef KHT_TRACE_H
#define KHT_TRACE_H

#include "core/protocol.h"
#include "core/reach.h"
#include "kernel.h"

static inline void trace_kht_invalidate(u32 lpid, u64 page, bool deferred)
{
	(void)lpid, (void)page;
	events.debts += deferred;
	events.refused += !deferred;
}

static inline void trace_kht_hash(u32 lpid, u64 rb, int reach)
{
	(void)lpid, (void)rb;
	events.hash_debts += reach != KHT_REACH_BROADCAST;
	events.hash_refused += reach == KHT_REACH_BROADCAST;
}

static inline void trace_kht_cover(u32 lpid, int how, u64 invalidations, u32 broadcasts)
{
	(void)lpid, (void)invalidations, (void)broadcasts;
	events.covered_kick += how == KHT_HOW_KICK;
	events.covered_debts += how == KHT_HOW_DEBT;
	events.covered_pages += how == KHT_HOW_PAGES;
	events.covered_lpid += how == KHT_HOW_LPID;
}

static inline void trace_kht_settle(u32 lpid, u32 cpu, const struct kht_debt *debt)
{
	(void)lpid, (void)cpu, (void)debt;
	events.settles++;
}

static inline void trace_kht_move(u32 lpid, u32 vcpu, int from, int to, bool debt, u32 kicked, int ipi)
{
	(void)vcpu, (void)to, (void)debt;
	events.moves += !lpid_is_hash(lpid);
	events.hash_moves += lpid_is_hash(lpid) && from >= 0;
	events.hash_moves_unknown += lpid_is_hash(lpid) && from < 0;
	events.kicks += kicked;
	events.order_ipis += ipi >= 0;
}

#endif
