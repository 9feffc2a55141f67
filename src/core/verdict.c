// SPDX-License-Identifier: GPL-2.0-only
/* Verdicts of the self-test. */
#include "core/verdict.h"

#define RESTS(what)	(1U << KHT_RESTS_##what)

/*
 * A flush of the LPID settles both scopes (execute() in protocol.c). So where
 * it fails, moves are stock's too: a thread that meets a guest for the first
 * time has nothing else for what a vCPU has left behind. Pages and siblings
 * have a flush of the LPID to fall back on.
 *
 * What another core's flush does here has no feature: should it serve this
 * core, a flush is executed that was not needed. The form's own flush is that
 * of the LPID.
 */
static const struct {
	const char *name;
	u32 carries;
} forms[KHT_NR_FORMS] = {
	[KHT_FORM_PAGE_4K] = { "page_4k", RESTS(REPLAY) },
	[KHT_FORM_PAGE_64K] = { "page_64k", RESTS(REPLAY) },
	[KHT_FORM_PAGE_2M] = { "page_2m", RESTS(REPLAY) },
	[KHT_FORM_PAGE_1G] = { "page_1g", RESTS(REPLAY) },
	[KHT_FORM_LPID] = { "lpid", RESTS(DEFER) | RESTS(MOVES) },
	[KHT_FORM_WALK_CACHE] = { "walk_cache", RESTS(DEFER) },
	[KHT_FORM_CHANGED_BIT] = { "changed_bit", RESTS(DEFER) },
	[KHT_FORM_ALL] = { "all", RESTS(DEFER) | RESTS(MOVES) },
	[KHT_FORM_PROCESS] = { "process", RESTS(MOVES) },
	[KHT_FORM_SIBLING] = { "sibling", RESTS(SIBLINGS) },
	[KHT_FORM_OTHER_CORE] = { "other_core", RESTS(DEFER) },
};

static const char * const verdicts_by_name[] = {
	[KHT_FAILED] = "failed",
	[KHT_UNTESTED] = "untested",
	[KHT_PASSED] = "passed",
	[KHT_PROVED] = "proved",
	[KHT_ABSENT] = "absent",
};

const char *kht_form_name(enum kht_form form)
{
	return forms[form].name;
}

const char *kht_verdict_name(enum kht_verdict verdict)
{
	return verdicts_by_name[verdict];
}

/*
 * What is left is a failure whatever else was seen. Otherwise a look that found
 * neither page means that the test's own tables were not in force, and then a
 * new page says nothing either.
 */
enum kht_verdict kht_judge(const struct kht_looks *looks)
{
	if (looks->left)
		return KHT_FAILED;
	if (looks->odd)
		return KHT_UNTESTED;
	if (!looks->tried)
		return KHT_ABSENT;
	return looks->stale ? KHT_PROVED : KHT_PASSED;
}

/*
 * Of one more revision of the processor: a machine is as good as its worst one.
 */
void kht_judge_all(enum kht_verdict *verdicts, const struct kht_looks *looks)
{
	enum kht_verdict v;
	unsigned int i;

	for (i = 0; i < KHT_NR_FORMS; i++) {
		v = kht_judge(&looks[i]);
		if (v < verdicts[i])
			verdicts[i] = v;
	}
}

enum kht_verdict kht_worst(const enum kht_verdict *verdicts)
{
	enum kht_verdict worst = KHT_ABSENT;
	unsigned int i;

	for (i = 0; i < KHT_NR_FORMS; i++)
		if (verdicts[i] < worst)
			worst = verdicts[i];
	return worst;
}

static bool fit(enum kht_verdict verdict, bool require)
{
	return require ? verdict >= KHT_PROVED : verdict != KHT_FAILED;
}

u32 kht_forbids(const enum kht_verdict *verdicts, enum kht_rests what, bool require)
{
	u32 forbidding = 0;
	unsigned int i;

	if (kht_mutant(KHT_MUT_VERDICT_IGNORED))
		return 0;
	for (i = 0; i < KHT_NR_FORMS; i++)
		if (forms[i].carries >> what & 1 && !fit(verdicts[i], require))
			forbidding |= 1U << i;
	return forbidding;
}
