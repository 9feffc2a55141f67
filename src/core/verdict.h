/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The self-test's verdicts: what its looks at one machine say of each form of
 * flush, and what of the module's work may rest on that form. The looks
 * themselves are src/selftest.
 */
#ifndef KHT_VERDICT_H
#define KHT_VERDICT_H

#include "core/base.h"

enum kht_form {
	KHT_FORM_PAGE_4K,	/* tlbiel of one page, by its size in the host's table */
	KHT_FORM_PAGE_64K,
	KHT_FORM_PAGE_2M,
	KHT_FORM_PAGE_1G,
	KHT_FORM_LPID,		/* tlbiel of the LPID, both scopes */
	KHT_FORM_WALK_CACHE,	/* the same, after a table was replaced */
	KHT_FORM_CHANGED_BIT,	/* the same, after R and C were cleared */
	KHT_FORM_ALL,		/* tlbiel of every LPID */
	KHT_FORM_PROCESS,	/* tlbiel of the LPID, process scope */
	KHT_FORM_SIBLING,	/* the LPID by another thread of the core, ptesync and ERAT here */
	KHT_FORM_OTHER_CORE,	/* the LPID on another core, which is not to count here */
	KHT_NR_FORMS
};

/* What was seen at the addresses of one form. */
struct kht_looks {
	u32 tried;		/* addresses */
	u32 stale;		/* the old page, after the change and before the flush */
	u32 left;		/* no new page after the flush */
	u32 odd;		/* neither of the two before the flush: these looks say nothing */
};

/* Worst first. */
enum kht_verdict {
	KHT_FAILED,		/* something stale outlived the flush */
	KHT_UNTESTED,		/* the test did not get so far */
	KHT_PASSED,		/* never seen stale: this machine forgets by itself */
	KHT_PROVED,		/* stale before the flush, and never after it */
	KHT_ABSENT,		/* this machine has no such thing */
};

/* What rests on forms. */
enum kht_rests {
	KHT_RESTS_DEFER,	/* debts are settled by flushes of the LPID */
	KHT_RESTS_MOVES,	/* moves of vCPUs leave debts of the process scope */
	KHT_RESTS_REPLAY,	/* logged pages are flushed one by one */
	KHT_RESTS_SIBLINGS,	/* a thread's flush serves its core */
	KHT_NR_RESTS
};

const char *kht_form_name(enum kht_form form);
const char *kht_verdict_name(enum kht_verdict verdict);

enum kht_verdict kht_judge(const struct kht_looks *looks);
void kht_judge_all(enum kht_verdict *verdicts, const struct kht_looks *looks);
enum kht_verdict kht_worst(const enum kht_verdict *verdicts);

/*
 * The forms, by bit, that forbid @what. @require: all but what is proved, or is
 * not there.
 */
u32 kht_forbids(const enum kht_verdict *verdicts, enum kht_rests what, bool require);

#endif
