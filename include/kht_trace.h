/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints kvm_hv_tlb:*, one for each kind of decision. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_hv_tlb

#if !defined(KHT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KHT_TRACE_H

#include <linux/tracepoint.h>
#include "core/reach.h"
#include "core/ledger.h"
#include "core/protocol.h"

TRACE_DEFINE_ENUM(KHT_NOTHING);
TRACE_DEFINE_ENUM(KHT_SYNC);
TRACE_DEFINE_ENUM(KHT_REPLAY);
TRACE_DEFINE_ENUM(KHT_FLUSH);
TRACE_DEFINE_ENUM(KHT_HOW_DEBT);
TRACE_DEFINE_ENUM(KHT_HOW_PAGES);
TRACE_DEFINE_ENUM(KHT_HOW_LPID);
TRACE_DEFINE_ENUM(KHT_HOW_KICK);
TRACE_DEFINE_ENUM(KHT_REACH_BROADCAST);
TRACE_DEFINE_ENUM(KHT_REACH_DEFER);
TRACE_DEFINE_ENUM(KHT_REACH_LOCAL);

#define kht_show_need(need)						\
	__print_symbolic(need, { KHT_NOTHING, "nothing" },		\
			 { KHT_SYNC, "sync" }, { KHT_REPLAY, "replay" }, { KHT_FLUSH, "flush" })

/* One host invalidation outside a batch; page 0: walk cache or whole LPID. */
TRACE_EVENT(kht_invalidate,
	TP_PROTO(u32 lpid, u64 page, bool deferred),
	TP_ARGS(lpid, page, deferred),
	TP_STRUCT__entry(
		__field(u64, page)
		__field(u32, lpid)
		__field(bool, deferred)
	),
	TP_fast_assign(
		__entry->page = page;
		__entry->lpid = lpid;
		__entry->deferred = deferred;
	),
	TP_printk("lpid=%u gpa=%#llx shift=%u %s", __entry->lpid, kht_page_gpa(__entry->page),
		  kht_page_shift(__entry->page), __entry->deferred ? "deferred" : "broadcast")
);

/*
 * An invalidation of a hash guest's HPTE, by host or guest; rb names it as
 * tlbie does.
 */
TRACE_EVENT(kht_hash,
	TP_PROTO(u32 lpid, u64 rb, int reach),
	TP_ARGS(lpid, rb, reach),
	TP_STRUCT__entry(
		__field(u64, rb)
		__field(u32, lpid)
		__field(int, reach)
	),
	TP_fast_assign(
		__entry->rb = rb;
		__entry->lpid = lpid;
		__entry->reach = reach;
	),
	TP_printk("lpid=%u rb=%#llx %s", __entry->lpid, __entry->rb,
		  __print_symbolic(__entry->reach, { KHT_REACH_BROADCAST, "broadcast" },
				   { KHT_REACH_DEFER, "deferred" }, { KHT_REACH_LOCAL, "local" }))
);

/* The end of a batch, or of a notifier that covered one. */
TRACE_EVENT(kht_cover,
	TP_PROTO(u32 lpid, int how, u64 invalidations, u32 broadcasts),
	TP_ARGS(lpid, how, invalidations, broadcasts),
	TP_STRUCT__entry(
		__field(u64, invalidations)
		__field(u32, lpid)
		__field(u32, broadcasts)
		__field(int, how)
	),
	TP_fast_assign(
		__entry->invalidations = invalidations;
		__entry->lpid = lpid;
		__entry->broadcasts = broadcasts;
		__entry->how = how;
	),
	TP_printk("lpid=%u invalidations=%llu %s broadcasts=%u", __entry->lpid,
		  __entry->invalidations,
		  __print_symbolic(__entry->how, { KHT_HOW_DEBT, "debt" },
				   { KHT_HOW_PAGES, "pages" }, { KHT_HOW_LPID, "lpid" },
				   { KHT_HOW_KICK, "kick" }),
		  __entry->broadcasts)
);

/* A thread caught up before it used the domain's translations. */
TRACE_EVENT(kht_settle,
	TP_PROTO(u32 lpid, u32 cpu, const struct kht_debt *debt),
	TP_ARGS(lpid, cpu, debt),
	TP_STRUCT__entry(
		__field(u64, upto)
		__field(u64, left)
		__field(u32, lpid)
		__field(u32, cpu)
		__field(u32, pages)
		__field(u8, need)
		__field(u8, process)
	),
	TP_fast_assign(
		__entry->upto = debt->upto;
		__entry->left = debt->left;
		__entry->lpid = lpid;
		__entry->cpu = cpu;
		__entry->pages = debt->pages;
		__entry->need = debt->need;
		__entry->process = debt->process;
	),
	TP_printk("lpid=%u cpu=%u partition %s pages=%u upto=%llu process %s upto=%llu",
		  __entry->lpid, __entry->cpu, kht_show_need(__entry->need), __entry->pages,
		  __entry->upto, kht_show_need(__entry->process), __entry->left)
);

/* A vCPU move; ipi: the CPU that ran the order sequence by interrupt, or -1. */
TRACE_EVENT(kht_move,
	TP_PROTO(u32 lpid, u32 vcpu, int from, int to, bool debt, u32 kicked, int ipi),
	TP_ARGS(lpid, vcpu, from, to, debt, kicked, ipi),
	TP_STRUCT__entry(
		__field(u32, lpid)
		__field(u32, vcpu)
		__field(int, from)
		__field(int, to)
		__field(u32, kicked)
		__field(int, ipi)
		__field(bool, debt)
	),
	TP_fast_assign(
		__entry->lpid = lpid;
		__entry->vcpu = vcpu;
		__entry->from = from;
		__entry->to = to;
		__entry->debt = debt;
		__entry->kicked = kicked;
		__entry->ipi = ipi;
	),
	TP_printk("lpid=%u vcpu=%u cpu %d -> %d%s kicked=%u ipi=%d", __entry->lpid,
		  __entry->vcpu, __entry->from, __entry->to, __entry->debt ? " debt" : "",
		  __entry->kicked, __entry->ipi)
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE kht_trace
#include <trace/define_trace.h>
