/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of one guest, and of all. They are written only when there is
 * something to do, never on an entry that owes nothing; and never on a line
 * that all CPUs of the host write, or all vCPUs of a guest. They are summed
 * when they are read.
 */
#ifndef KHT_STATS_H
#define KHT_STATS_H

#include <linux/atomic.h>
#include <linux/dcache.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include "core/base.h"

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

/*
 * A guest's: a CPU's share is that of its number. Less than one for each CPU of
 * the host, of which there may be thousands, as of guests.
 */
#define KHT_SHARES	16

struct kht_stats {
	struct {
		atomic64_t count[KHT_NR_STATS];
	} kht_aligned share[KHT_SHARES];
};

/* One CPU's, of all guests, since the module was loaded */
struct kht_totals {
	u64 count[KHT_NR_STATS];
};

DECLARE_PER_CPU(struct kht_totals, kht_totals);

struct kht_files {
	struct dentry *file[KHT_NR_STATS];
};

/* @s may be NULL: of a guest without a domain. */
static inline void kht_count(struct kht_stats *s, enum kht_stat which, u64 n)
{
	if (s)
		atomic64_add(n, &s->share[raw_smp_processor_id() % KHT_SHARES].count[which]);
	this_cpu_add(kht_totals.count[which], n);
}

/*
 * src/module/stats.c: files tlb_<name> below @dir, of all guests without
 * @stats; may sleep
 */
void kht_files_add(struct kht_files *files, struct dentry *dir, struct kht_stats *stats);
void kht_files_remove(struct kht_files *files);

#endif
