// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters in debugfs. kvm_stat lists the files in the kvm directory and looks
 * for the same names in each guest's directory, so the totals lie in the one
 * and a guest's own in the other. Readable by root only.
 */
#include <linux/debugfs.h>
#include "module/stats.h"

struct kht_stats kht_totals;

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

static int get(void *data, u64 *val)
{
	*val = atomic64_read(data);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(counter_fops, get, NULL, "%llu\n");

void kht_files_add(struct kht_files *files, struct dentry *dir, struct kht_stats *stats)
{
	int i;

	if (IS_ERR_OR_NULL(dir))
		return;
	for (i = 0; i < KHT_NR_STATS; i++)
		files->file[i] = debugfs_create_file(names[i], 0400, dir, &stats->count[i],
						     &counter_fops);
}

void kht_files_remove(struct kht_files *files)
{
	int i;

	for (i = 0; i < KHT_NR_STATS; i++)
		debugfs_remove(files->file[i]);
}
