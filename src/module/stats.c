// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters in debugfs. kvm_stat lists the files in the kvm directory and looks
 * for the same names in each guest's directory, so the totals lie in the one
 * and a guest's own in the other. Readable by root only.
 */
#include <linux/debugfs.h>
#include "module/stats.h"

DEFINE_PER_CPU(struct kht_totals, kht_totals);

static const char * const names[KHT_NR_STATS] = {
	[KHT_STAT_BROADCASTS] = "tlb_broadcasts",
	[KHT_STAT_BROADCASTS_SAVED] = "tlb_broadcasts_saved",
	[KHT_STAT_LOCAL_FLUSHES] = "tlb_local_flushes",
	[KHT_STAT_PROCESS_FLUSHES] = "tlb_process_flushes",
	[KHT_STAT_REPLAYS] = "tlb_replays",
	[KHT_STAT_REPLAYED_PAGES] = "tlb_replayed_pages",
	[KHT_STAT_LOG_OVERFLOWS] = "tlb_log_overflows",
	[KHT_STAT_SYNCS] = "tlb_syncs",
	[KHT_STAT_SETTLES] = "tlb_settles",
	[KHT_STAT_MOVES] = "tlb_moves",
	[KHT_STAT_MOVES_SYNCED] = "tlb_moves_synced",
	[KHT_STAT_IPIS_SENT] = "tlb_ipis_sent",
	[KHT_STAT_IPIS_SAVED] = "tlb_ipis_saved",
	[KHT_STAT_BATCHES] = "tlb_batches",
	[KHT_STAT_QUADRANT] = "tlb_quadrant",
	[KHT_STAT_RC_CLEARED] = "tlb_rc_cleared",
	[KHT_STAT_RC_AUDITED] = "tlb_rc_audited",
	[KHT_STAT_RC_FINDINGS] = "tlb_rc_findings",
	[KHT_STAT_HPT_LOCAL] = "tlb_hpt_local",
	[KHT_STAT_ENDLESS_RANGES] = "tlb_endless_ranges",
	[KHT_STAT_STOCK] = "tlb_stock",
};

/* @first: in the first share */
static int get(void *first, u64 *sum)
{
	const void *count = first;
	int i;

	*sum = 0;
	for (i = 0; i < KHT_SHARES; i++) {
		*sum += atomic64_read(count);
		count += sizeof_field(struct kht_stats, share[0]);
	}
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(counter_fops, get, NULL, "%llu\n");

static int get_total(void *which, u64 *sum)
{
	int cpu;

	*sum = 0;
	for_each_possible_cpu(cpu)
		*sum += READ_ONCE(per_cpu(kht_totals, cpu).count[(unsigned long)which]);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(total_fops, get_total, NULL, "%llu\n");

static struct dentry *add(unsigned long which, struct dentry *dir, struct kht_stats *stats)
{
	if (!stats)
		return debugfs_create_file(names[which], 0400, dir, (void *)which, &total_fops);
	return debugfs_create_file(names[which], 0400, dir, &stats->share[0].count[which], &counter_fops);
}

void kht_files_add(struct kht_files *files, struct dentry *dir, struct kht_stats *stats)
{
	int i;

	if (IS_ERR_OR_NULL(dir))
		return;
	for (i = 0; i < KHT_NR_STATS; i++)
		files->file[i] = add(i, dir, stats);
}

void kht_files_remove(struct kht_files *files)
{
	int i;

	for (i = 0; i < KHT_NR_STATS; i++)
		debugfs_remove(files->file[i]);
}
