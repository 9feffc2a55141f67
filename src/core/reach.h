/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hash guests: how far an invalidation of the guest's own reaches.
 * src/core/reach.c has the reasoning.
 */
#ifndef KHT_REACH_H
#define KHT_REACH_H

#include "core/ledger.h"

enum kht_reach {
	KHT_REACH_BROADCAST,	/* as the kernel does it */
	KHT_REACH_DEFER,	/* nobody else is in guest: every core owes, this one too */
	KHT_REACH_LOCAL,	/* H_LOCAL: this core at its next entry, the others some time */
};

/*
 * What an hcall that changes HPTEs says of itself, and what is known about its
 * guest.
 */
struct kht_hcall {
	unsigned int self;	/* the thread that executes it; preemption is off */
	u32 vcores;		/* virtual cores of the guest that are online */
	bool local;		/* the guest has set H_LOCAL */
	bool tracked;		/* moves of this guest's vCPUs leave debts (kht_trusts_local()) */
	bool paging;		/* the host takes pages from the guest at this moment: a hint */
	bool allowed;		/* hpt_local, and it may owe */
};

enum kht_reach kht_global_invalidates(const struct kht_ledger *l, const struct kht_thread *threads,
				      const struct kht_hcall *h);
bool kht_reach_only(struct kht_ledger *l, const struct kht_thread *threads, unsigned int self,
		    u64 rb, enum kht_reach reach);
bool kht_reach_absorbed(struct kht_ledger *l, const struct kht_thread *threads, unsigned int self);
void kht_start_over(struct kht_ledger *l);

#endif
