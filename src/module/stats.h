/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of one guest. They are written only when there is something to do,
 * never on an entry that owes nothing.
 */
#ifndef KHT_STATS_H
#define KHT_STATS_H

#include <linux/atomic.h>
#include <linux/dcache.h>

enum kht_stat {
	KHT_STAT_BROADCASTS,		/* machine-wide flushes executed for this guest */
	KHT_STAT_BROADCASTS_SAVED,	/* invalidations without a broadcast of their own */
	KHT_STAT_LOCAL_FLUSHES,		/* whole-LPID flushes of one core, partition scope */
	KHT_STAT_PROCESS_FLUSHES,	/* the same for the process scope, after a move */
	KHT_STAT_REPLAYS,		/* times a core invalidated the logged pages only */
	KHT_STAT_REPLAYED_PAGES,	/* pages invalidated that way */
	KHT_STAT_LOG_OVERFLOWS,		/* local flushes because the log was too short */
	KHT_STAT_SYNCS,			/* entries that only ran ptesync: a sibling flushed */
	KHT_STAT_SETTLES,		/* entries that owed something */
	KHT_STAT_MOVES,			/* vCPU moves between CPUs */
	KHT_STAT_MOVES_SYNCED,		/* moves whose order sequence ran in vcpu_put */
	KHT_STAT_IPIS_SENT,		/* CPUs interrupted for a move, and waited for */
	KHT_STAT_IPIS_SAVED,		/* waited interrupts stock would have sent */
	KHT_STAT_BATCHES,		/* batches that ended with something to flush */
	KHT_STAT_QUADRANT,		/* quadrant accesses guarded */
	KHT_STAT_RC_CLEARED,		/* shadow entries of nested guests whose R or C was cleared */
	KHT_STAT_RC_AUDITED,		/* shadow entries the auditor compared */
	KHT_STAT_RC_FINDINGS,		/* what it found (src/guest/audit.c) */
	KHT_STAT_HPT_LOCAL,		/* a hash guest's own flushes kept local by its H_LOCAL */
	KHT_STAT_ENDLESS_RANGES,	/* ranges for which the kernel's loop would not have ended */
	KHT_STAT_STOCK,			/* invalidations left to stock behaviour */
	KHT_NR_STATS
};

struct kht_stats {
	atomic64_t count[KHT_NR_STATS];
};

struct kht_files {
	struct dentry *file[KHT_NR_STATS];
};

extern struct kht_stats kht_totals;	/* all guests, since the module was loaded */

/* @s may be NULL: of a guest without a domain. */
static inline void kht_count(struct kht_stats *s, enum kht_stat which, u64 n)
{
	if (s)
		atomic64_add(n, &s->count[which]);
	atomic64_add(n, &kht_totals.count[which]);
}

/* src/module/stats.c: files tlb_<name> below @dir; may sleep */
void kht_files_add(struct kht_files *files, struct dentry *dir, struct kht_stats *stats);
void kht_files_remove(struct kht_files *files);

#endif
