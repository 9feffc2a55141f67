// SPDX-License-Identifier: GPL-2.0-only
/* Ranges that guests name, against the kernel's two loops over them. */
#include "unit.h"
#include "core/range.h"

/* tlb_single_page_flush_ceiling, tlb_range_flush_page_ceiling: beyond it the kernel flushes everything. */
#define CEILING		33

static const u32 shifts[] = { 12, 16, 21, 30 };

/* Does a step wrap on the way from @start to @end? @first: the test comes after the step. */
static bool wraps(u64 start, u64 end, u64 step, bool first)
{
	u64 at = start;

	while (first || at < end) {
		first = false;
		if (at + step < at)
			return at + step < end;
		at += step;
	}
	return false;
}

static bool kernel_wraps(u64 start, u64 end, u64 sizes, bool first)
{
	u32 i;

	if (end < start || (start == 0 && end == ~0ULL))
		return false;
	for (i = 0; i < COUNT(shifts); i++) {
		if (!(sizes & 1ULL << i))
			continue;
		if ((end - start) >> shifts[i] > CEILING)
			return false;
		if (wraps(start, end, 1ULL << shifts[i], first))
			return true;
	}
	return false;
}

/* An address near one of the edges there are. */
static u64 address(u64 *seed)
{
	static const u64 edges[] = {
		0, 0x1000, 0x10000000, 1ULL << 52, 0xc000000000000000ULL, -(1ULL << 36), -(1ULL << 30),
		-(1ULL << 21), -(1ULL << 16), -(1ULL << 12), ~0ULL,
	};
	u64 near = random32(seed) >> random32(seed) % 32;

	return edges[random32(seed) % COUNT(edges)] + (random32(seed) & 1 ? near : -near);
}

static void none_is_endless(void **state)
{
	u64 seed = 1, start, end, sizes, endless = 0;
	u32 i;

	(void)state;
	for (i = 0; i < 1000000; i++) {
		start = address(&seed);
		end = random32(&seed) & 1 ? address(&seed) : start + (random32(&seed) >> random32(&seed) % 32);
		sizes = random32(&seed) % 16;
		if (!kernel_wraps(start, end, sizes, false) && !kernel_wraps(start, end, sizes, true))
			continue;
		endless++;
		assert_true(kht_range_wraps(start, end, sizes));
	}
	assert_true(endless > 1000);
}

static void the_rest_is_the_kernels(void **state)
{
	(void)state;
	assert_false(kht_range_wraps(0, ~0ULL, 15));
	assert_false(kht_range_wraps(0, 0x8000, 15));
	assert_false(kht_range_wraps(0xc000000000000000ULL, 0xc008000000000000ULL, 15));
	assert_false(kht_range_wraps(-0x8000ULL, -0x1001ULL, 1));
	assert_false(kht_range_wraps(-(1ULL << 31), -(1ULL << 30) - 1, 15));
	/* No page size that the kernel knows: no loop. */
	assert_false(kht_range_wraps(-0x8000ULL, ~0ULL, 0));
	assert_false(kht_range_wraps(-0x8000ULL, ~0ULL, 16));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(none_is_endless, "no-range-is-endless"),
		TEST(the_rest_is_the_kernels, "ordinary-ranges-are-the-kernels"),
	};

	return unit_run(tests, COUNT(tests));
}
