/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The features of the module. Each has one name: in `status`, in the log, of
 * its parameter where it has one, and in the code.
 */
#ifndef KHT_FEATURES_H
#define KHT_FEATURES_H

#include <linux/compiler.h>
#include <linux/types.h>

struct seq_file;

enum kht_feature_id {
	KHT_DEFER,		/* invalidations may become debts or be batched */
	KHT_PAGE_LOG,		/* logged pages are flushed one by one */
	KHT_SIBLINGS,		/* a thread's flush serves its core */
	KHT_LAZY_MOVE,		/* vCPU moves are the module's */
	KHT_NESTED,		/* nested guests may have domains: their hooks are in place */
	KHT_NESTED_CALLS,	/* what an L1 asks to be invalidated is batched */
	KHT_RC_SYNC,		/* R and C of shadow tables */
	KHT_HPT_DEFER,		/* what the host invalidates of hash guests comes here */
	KHT_HPT_LOCAL,		/* hcalls of hash guests come here */
	KHT_RC_AUDIT,		/* the auditor of shadow tables */
	KHT_NR_FEATURES
};

#define KHT_WHY	128	/* bytes: a sentence for the admin, why something is off */

struct kht_feature {
	const char *name;
	const bool *param;	/* NULL: it has none; else what the admin wants */
	const struct kht_feature *needs;	/* NULL, or what it rests on */
	bool on;		/* decisions are the module's: written by attach and detach only */
	char why[KHT_WHY];	/* it could not be attached; empty: it could */
};

extern struct kht_feature kht_features[KHT_NR_FEATURES];

/*
 * Any context. Cleared first and set last (invariant 8: src/attach/attach.c).
 */
static inline bool kht_is_on(enum kht_feature_id id)
{
	return READ_ONCE(kht_features[id].on);
}

static inline void kht_turn(enum kht_feature_id id, bool on)
{
	WRITE_ONCE(kht_features[id].on, on);
}

/*
 * Has it been attached? @rc is 0, or an error whose reason is in its @why. The
 * second says so of what has not been tried. May sleep.
 */
bool kht_feature_attached(enum kht_feature_id id, int rc);
void kht_feature_waits(enum kht_feature_id id, const char *why);

/* A line for each. @passive: why all are off, or NULL. */
void kht_features_show(struct seq_file *m, const char *passive);

#endif
