/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps of the protocol, whole: what src/guest calls for each event. Each
 * takes and drops the ledger's lock itself; none sleeps.
 */
#ifndef KHT_PROTOCOL_H
#define KHT_PROTOCOL_H

#include "core/ledger.h"

/* How the invalidations recorded so far were brought to the threads. */
enum kht_how {
	KHT_HOW_NONE,		/* nothing was pending */
	KHT_HOW_DEBT,		/* nobody in guest was behind: settled on entry */
	KHT_HOW_PAGES,		/* broadcast page by page */
	KHT_HOW_LPID,		/* one broadcast of the whole LPID */
	KHT_HOW_KICK,		/* the threads behind have been interrupted (hash guests) */
};

/* What has become of one invalidation whose caller waits for it. */
enum kht_deferral {
	KHT_REFUSED,		/* somebody is in guest: not recorded */
	KHT_RECORDED,		/* somebody has entered since: not covered */
	KHT_DEFERRED,		/* a debt */
};

struct kht_cover {
	enum kht_how how;
	u64 from, upto;		/* the generations (from, upto] are now covered */
	u64 joined;		/* pages beside them that have no generation of their own */
	u32 broadcasts;		/* calls of kht_broadcast_*() made */
};

struct kht_debt kht_settle(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu,
			   struct kht_core core);

void kht_excuse(struct kht_ledger *l, unsigned int cpu);

u64 kht_record(struct kht_ledger *l, const u64 *page);
enum kht_deferral kht_defer_page(struct kht_ledger *l, const struct kht_thread *threads, u64 page);
enum kht_deferral kht_defer_full(struct kht_ledger *l, const struct kht_thread *threads);

void kht_absorb_page(struct kht_ledger *l, u64 page);
void kht_absorb_full(struct kht_ledger *l);
struct kht_cover kht_cover(struct kht_ledger *l, const struct kht_thread *threads,
			   u32 ceiling, bool defer);

#define KHT_CORE_MAX	8	/* threads that share a TLB, at most (SMT8 core) */

u32 kht_left_core(struct kht_ledger *l, const struct kht_thread *threads,
		  struct kht_core core, unsigned int *cpus);
void kht_thread_arrives(bool hash_guests);

void kht_done_everywhere(struct kht_ledger *l, u64 upto);
bool kht_pay_all(struct kht_ledger *l);
bool kht_pay_process(struct kht_ledger *l, unsigned int cpu);

#endif
