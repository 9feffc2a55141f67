// SPDX-License-Identifier: GPL-2.0-only
/* The self-test's verdicts: from looks to what is switched off. */
#include <string.h>
#include "unit.h"
#include "core/verdict.h"

#define BIT(f)	(1u << KHT_FORM_##f)
#define PAGES	(BIT(PAGE_4K) | BIT(PAGE_64K) | BIT(PAGE_2M) | BIT(PAGE_1G))

static enum kht_verdict verdicts[KHT_NR_FORMS];

static void all(enum kht_verdict v)
{
	unsigned int i;

	for (i = 0; i < KHT_NR_FORMS; i++)
		verdicts[i] = v;
}

static enum kht_verdict judge(u32 tried, u32 stale, u32 left, u32 odd)
{
	struct kht_looks looks = { tried, stale, left, odd };

	return kht_judge(&looks);
}

static void looks(void **state)
{
	(void)state;
	assert_int_equal(judge(0, 0, 0, 0), KHT_ABSENT);
	assert_int_equal(judge(8, 0, 0, 0), KHT_PASSED);
	assert_int_equal(judge(8, 1, 0, 0), KHT_PROVED);
	assert_int_equal(judge(8, 8, 0, 0), KHT_PROVED);
	assert_int_equal(judge(8, 8, 1, 0), KHT_FAILED);
	assert_int_equal(judge(8, 0, 8, 0), KHT_FAILED);
	assert_int_equal(judge(8, 0, 0, 1), KHT_UNTESTED);
	assert_int_equal(judge(8, 7, 0, 1), KHT_UNTESTED);
	/* A test that could not begin. */
	assert_int_equal(judge(0, 0, 0, 1), KHT_UNTESTED);
	assert_int_equal(judge(8, 7, 1, 1), KHT_FAILED);
}

/* Two revisions: the worse one counts, and what only one of them has. */
static void revisions(void **state)
{
	struct kht_looks first[KHT_NR_FORMS] = {
		[KHT_FORM_LPID] = { 8, 8, 0, 0 }, [KHT_FORM_ALL] = { 8, 8, 0, 0 }, [KHT_FORM_PROCESS] = { 8, 8, 1, 0 },
	};
	struct kht_looks second[KHT_NR_FORMS] = {
		[KHT_FORM_LPID] = { 8, 8, 0, 0 }, [KHT_FORM_ALL] = { 8, 0, 0, 0 }, [KHT_FORM_SIBLING] = { 8, 8, 0, 0 },
	};

	(void)state;
	all(KHT_ABSENT);
	kht_judge_all(verdicts, first);
	assert_int_equal(kht_worst(verdicts), KHT_FAILED);
	kht_judge_all(verdicts, second);
	assert_int_equal(verdicts[KHT_FORM_LPID], KHT_PROVED);
	assert_int_equal(verdicts[KHT_FORM_ALL], KHT_PASSED);
	assert_int_equal(verdicts[KHT_FORM_PROCESS], KHT_FAILED);
	assert_int_equal(verdicts[KHT_FORM_SIBLING], KHT_PROVED);
	assert_int_equal(verdicts[KHT_FORM_WALK_CACHE], KHT_ABSENT);
}

static void worst(void **state)
{
	(void)state;
	all(KHT_ABSENT);
	assert_int_equal(kht_worst(verdicts), KHT_ABSENT);
	verdicts[KHT_NR_FORMS - 1] = KHT_PROVED;
	assert_int_equal(kht_worst(verdicts), KHT_PROVED);
	verdicts[0] = KHT_PASSED;
	assert_int_equal(kht_worst(verdicts), KHT_PASSED);
	verdicts[3] = KHT_UNTESTED;
	assert_int_equal(kht_worst(verdicts), KHT_UNTESTED);
}

static void expect_forbidden(u32 defer, u32 moves, u32 replay, u32 siblings, bool require)
{
	assert_int_equal(kht_forbids(verdicts, KHT_RESTS_DEFER, require), defer);
	assert_int_equal(kht_forbids(verdicts, KHT_RESTS_MOVES, require), moves);
	assert_int_equal(kht_forbids(verdicts, KHT_RESTS_REPLAY, require), replay);
	assert_int_equal(kht_forbids(verdicts, KHT_RESTS_SIBLINGS, require), siblings);
}

/* Each form by itself, and nothing that does not rest on it. */
static void by_name(void **state)
{
	static const struct {
		u32 defer, moves, replay, siblings;
	} expected[KHT_NR_FORMS] = {
		[KHT_FORM_PAGE_4K] = { .replay = BIT(PAGE_4K) }, [KHT_FORM_PAGE_64K] = { .replay = BIT(PAGE_64K) },
		[KHT_FORM_PAGE_2M] = { .replay = BIT(PAGE_2M) }, [KHT_FORM_PAGE_1G] = { .replay = BIT(PAGE_1G) },
		[KHT_FORM_LPID] = { .defer = BIT(LPID), .moves = BIT(LPID) },
		[KHT_FORM_WALK_CACHE] = { .defer = BIT(WALK_CACHE) }, [KHT_FORM_CHANGED_BIT] = { .defer = BIT(CHANGED_BIT) },
		[KHT_FORM_ALL] = { .defer = BIT(ALL), .moves = BIT(ALL) },
		[KHT_FORM_PROCESS] = { .moves = BIT(PROCESS) }, [KHT_FORM_SIBLING] = { .siblings = BIT(SIBLING) },
		[KHT_FORM_OTHER_CORE] = { .defer = BIT(OTHER_CORE) },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < KHT_NR_FORMS; i++) {
		all(KHT_PROVED);
		verdicts[i] = KHT_FAILED;
		expect_forbidden(expected[i].defer, expected[i].moves, expected[i].replay, expected[i].siblings, false);
	}
}

/* Nothing but a failure has a consequence, unless proof is required. */
static void required(void **state)
{
	static const enum kht_verdict doubtful[] = { KHT_UNTESTED, KHT_PASSED };
	u32 defer = BIT(LPID) | BIT(WALK_CACHE) | BIT(CHANGED_BIT) | BIT(ALL) | BIT(OTHER_CORE);
	u32 moves = BIT(LPID) | BIT(ALL) | BIT(PROCESS);
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT(doubtful); i++) {
		all(doubtful[i]);
		expect_forbidden(0, 0, 0, 0, false);
		expect_forbidden(defer, moves, PAGES, BIT(SIBLING), true);
	}
	all(KHT_PROVED);
	verdicts[KHT_FORM_PAGE_1G] = KHT_ABSENT;
	expect_forbidden(0, 0, 0, 0, true);
}

/* No form without a name, and no two with one. */
static void names(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i < KHT_NR_FORMS; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(kht_form_name(i), kht_form_name(j));
	assert_string_equal(kht_verdict_name(KHT_FAILED), "failed");
	assert_string_equal(kht_verdict_name(KHT_ABSENT), "absent");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(looks, "verdict-of-what-was-seen"),
		TEST(revisions, "verdict-the-worse-revision-counts"),
		TEST(worst, "verdict-the-worst-of-all-forms"),
		TEST(by_name, "verdict-a-failed-form-forbids-what-rests-on-it-alone"),
		TEST(required, "verdict-with-require-only-what-is-proved-counts"),
		TEST(names, "verdict-each-form-has-a-name"),
	};

	return unit_run(tests, COUNT(tests));
}
