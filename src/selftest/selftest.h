/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The self-test: does each form of flush that debts rest on remove what it
 * must, on this machine? It asks the executors of src/power themselves.
 */
#ifndef KHT_SELFTEST_H
#define KHT_SELFTEST_H

#include "core/verdict.h"
#include "selftest/space.h"

#define KHT_REVISIONS	4	/* of the processor, in one machine */

struct kht_selftest {
	const char *why_not;	/* it could not run; or NULL */
	enum kht_verdict verdicts[KHT_NR_FORMS];
	u32 revisions[KHT_REVISIONS];	/* PVR of those that were tested, */
	bool siblings[KHT_REVISIONS];	/* on a core with two threads or more */
	u32 nr_revisions;
	u32 nr_cpus;			/* that took part */
	u64 us;				/* from begin to end */
};

/* Nothing was tested, for that reason. */
void kht_selftest_none(struct kht_selftest *result, const char *why);

/* May sleep. */
void kht_selftest_run(struct kht_selftest *result, kht_quadrant_fn access);

/*
 * On a CPU that has come online, bound to it: do the verdicts of @result hold
 * here?
 */
bool kht_selftest_covers_here(const struct kht_selftest *result);

#endif
