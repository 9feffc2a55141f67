// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store on its own: a table of instructions, and what each must remove and
 * must not (Power ISA 3.0B Book III 5.9.3.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tagged-store.h"

#define LPID	7
#define PID	3
#define REAL	0x40000ull	/* a page of the guest's, 64 in its class */
#define EA	0x123450000ull	/* and where the guest has it, class 80 */
#define HOST	0x800000ull
#define HUGE_EA	0x40000000ull	/* 2M of it over pages of 4K: parts */

static struct tagged_core core, other;

static void put(struct tagged_core *c, struct tagged_array *a, enum tagged_kind kind, uint32_t pid, uint64_t address,
		unsigned int shift)
{
	struct tagged_entry e = {
		.key = { kind, LPID, pid, address, shift }, .real = REAL, .value = { HOST },
		.process_shift = shift, .partition_shift = shift,
	};

	tagged_put(c, a, &e);
}

static void fill(struct tagged_core *c)
{
	struct tagged_array *arrays[] = { &c->tlb, &c->erat[0], &c->erat[1] };

	for (unsigned int i = 0; i < 3; i++) {
		put(c, arrays[i], TAGGED_REAL, 0, REAL, 12);
		put(c, arrays[i], TAGGED_COMBINED, PID, EA, 12);
	}
	put(c, &c->walks, TAGGED_PARTITION_TABLE, 0, REAL >> 21 << 21, 21);
	put(c, &c->walks, TAGGED_PROCESS_TABLE, PID, EA >> 21 << 21, 21);
	put(c, &c->walks, TAGGED_PARTITION_ENTRY, 0, 0, 0);
	put(c, &c->walks, TAGGED_PROCESS_ENTRY, PID, 0, 0);
}

static int setup(void **state)
{
	(void)state;
	tagged_core_init(&core, 128, 1);
	tagged_core_init(&other, 128, 2);
	fill(&core);
	fill(&other);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tagged_core_free(&core);
	tagged_core_free(&other);
	return 0;
}

/* What is held, a letter each: R, C; the executing thread's ERAT r, c, a sibling's s, d; tables P, Q; entries T, U. */
static const char *held(struct tagged_core *c)
{
	static char text[16];
	char *to = text;

#define ONE(array, kind, pid, address, letter) \
	do { if (tagged_find(array, kind, LPID, pid, address)) *to++ = letter; } while (0)
	ONE(&c->tlb, TAGGED_REAL, 0, REAL + 0x123, 'R');
	ONE(&c->tlb, TAGGED_COMBINED, PID, EA + 0xfff, 'C');
	ONE(&c->erat[0], TAGGED_REAL, 0, REAL, 'r');
	ONE(&c->erat[0], TAGGED_COMBINED, PID, EA, 'c');
	ONE(&c->erat[1], TAGGED_REAL, 0, REAL, 's');
	ONE(&c->erat[1], TAGGED_COMBINED, PID, EA, 'd');
	ONE(&c->walks, TAGGED_PARTITION_TABLE, 0, REAL, 'P');
	ONE(&c->walks, TAGGED_PROCESS_TABLE, PID, EA, 'Q');
	ONE(&c->walks, TAGGED_PARTITION_ENTRY, 0, 0, 'T');
	ONE(&c->walks, TAGGED_PROCESS_ENTRY, PID, 0, 'U');
	*to = 0;
	return text;
}

#define ALL "RCrcsdPQTU"

enum { TLBIEL, TLBIE };
enum { HOSTS, GUESTS };
enum { AP_4K = 0, AP_2M = 1, AP_64K = 5, AP_NONE = 7 };

#define PAGE(address, ap)	((address) | (uint64_t)(ap) << 5)
#define IS(is, set)		((uint64_t)(is) << 10 | (uint64_t)(set) << 12)
#define RS(lpid, pid)		((uint64_t)(pid) << 32 | (lpid))
#define SET(address)		((address) >> 12 & 127)

static const struct {
	const char *name;
	int insn, by;
	unsigned int ric, prs;
	uint64_t rb, rs;
	const char *here, *there;	/* what the executing core keeps, and another one */
} effects[] = {
	{ "tlbie page", TLBIE, HOSTS, 0, 0, PAGE(REAL, AP_4K), RS(LPID, 0), "PQTU", "PQTU" },
	{ "tlbie page of another LPID", TLBIE, HOSTS, 0, 0, PAGE(REAL, AP_4K), RS(LPID + 1, 0), ALL, ALL },
	{ "tlbie page of the host", TLBIE, HOSTS, 0, 0, PAGE(REAL, AP_4K), RS(0, 0), ALL, ALL },
	{ "tlbie the next page", TLBIE, HOSTS, 0, 0, PAGE(REAL + 4096, AP_4K), RS(LPID, 0), ALL, ALL },
	{ "tlbie a page of 64K", TLBIE, HOSTS, 0, 0, PAGE(REAL, AP_64K), RS(LPID, 0), ALL, ALL },
	{ "tlbie a page of 2M", TLBIE, HOSTS, 0, 0, PAGE(REAL, AP_2M), RS(LPID, 0), ALL, ALL },
	{ "tlbie walk cache", TLBIE, HOSTS, 1, 0, IS(2, 0), RS(LPID, 0), "RCrcsdQTU", "RCrcsdQTU" },
	{ "tlbie LPID", TLBIE, HOSTS, 2, 0, IS(2, 0), RS(LPID, 0), "QU", "QU" },
	{ "tlbie LPID, TLB alone", TLBIE, HOSTS, 0, 0, IS(2, 0), RS(LPID, 0), "PQTU", "PQTU" },
	{ "tlbie another LPID", TLBIE, HOSTS, 2, 0, IS(2, 0), RS(LPID + 1, 0), ALL, ALL },
	{ "tlbie LPID, process scope", TLBIE, HOSTS, 2, 1, IS(2, 0), RS(LPID, 0), "RrsPT", "RrsPT" },
	{ "tlbie everything", TLBIE, HOSTS, 2, 0, IS(3, 0), RS(0, 0), "QU", "QU" },
	{ "tlbie process page", TLBIE, GUESTS, 0, 1, PAGE(EA, AP_4K), RS(0, PID), "RrsPQTU", "RrsPQTU" },
	{ "tlbie process page by the host", TLBIE, HOSTS, 0, 1, PAGE(EA, AP_4K), RS(LPID, PID), "RrsPQTU", "RrsPQTU" },
	{ "tlbie process page of another PID", TLBIE, GUESTS, 0, 1, PAGE(EA, AP_4K), RS(0, PID + 1), ALL, ALL },
	{ "tlbie process page by its real address", TLBIE, GUESTS, 0, 1, PAGE(REAL, AP_4K), RS(0, PID), ALL, ALL },
	{ "tlbie PID", TLBIE, GUESTS, 2, 1, IS(1, 0), RS(0, PID), "RrsPT", "RrsPT" },
	{ "tlbie PID, walk cache", TLBIE, GUESTS, 1, 1, IS(1, 0), RS(0, PID), "RCrcsdPTU", "RCrcsdPTU" },
	{ "tlbie another PID", TLBIE, GUESTS, 2, 1, IS(1, 0), RS(0, PID + 1), ALL, ALL },
	{ "tlbiel page", TLBIEL, HOSTS, 0, 0, PAGE(REAL, AP_4K), RS(0, 0), "sdPQTU", ALL },
	{ "tlbiel its class", TLBIEL, HOSTS, 0, 0, IS(2, SET(REAL)), RS(0, 0), "CrcsdPQTU", ALL },
	{ "tlbiel its class of all LPIDs", TLBIEL, HOSTS, 0, 0, IS(3, SET(REAL)), RS(0, 0), "CrcsdPQTU", ALL },
	{ "tlbiel class of what was combined", TLBIEL, HOSTS, 0, 1, IS(2, SET(EA)), RS(0, 0), "RrcsdPQTU", ALL },
	{ "tlbiel another class", TLBIEL, HOSTS, 0, 0, IS(2, SET(REAL) + 1), RS(0, 0), ALL, ALL },
	{ "tlbiel another class, process scope", TLBIEL, HOSTS, 0, 1, IS(2, SET(EA) + 1), RS(0, 0), ALL, ALL },
	{ "tlbiel class 0 and all beside", TLBIEL, HOSTS, 2, 0, IS(2, 0), RS(0, 0), "RCrcsdQU", ALL },
	{ "tlbiel class 1 and nothing beside", TLBIEL, HOSTS, 2, 0, IS(2, 1), RS(0, 0), ALL, ALL },
	{ "tlbiel process page", TLBIEL, GUESTS, 0, 1, PAGE(EA, AP_4K), RS(0, PID), "RrsdPQTU", ALL },
	{ "tlbiel PID's class", TLBIEL, GUESTS, 0, 1, IS(1, SET(EA)), RS(0, PID), "RrcsdPQTU", ALL },
	{ "tlbiel another PID's class", TLBIEL, GUESTS, 0, 1, IS(1, SET(EA)), RS(0, PID + 1), ALL, ALL },
};

/* The executing thread is 0 of the first core. */
static bool execute(int insn, int by, unsigned int ric, unsigned int prs, uint64_t rb, uint64_t rs, uint32_t lpidr)
{
	struct tagged_flush f = { .everywhere = insn == TLBIE, .by_guest = by == GUESTS, .ric = ric, .prs = prs };

	if (!tagged_decode(&f, rb, rs, lpidr))
		return false;
	tagged_flush(&core, 0, &f);
	if (f.everywhere)
		tagged_flush(&other, -1, &f);
	return true;
}

static void flushes_remove_what_they_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
		setup(NULL);
		assert_true(execute(effects[i].insn, effects[i].by, effects[i].ric, effects[i].prs, effects[i].rb,
				    effects[i].rs, LPID));
		if (strcmp(held(&core), effects[i].here))
			fail_msg("%s: here are %s, not %s", effects[i].name, held(&core), effects[i].here);
		if (strcmp(held(&other), effects[i].there))
			fail_msg("%s: there are %s, not %s", effects[i].name, held(&other), effects[i].there);
		teardown(NULL);
	}
}

static void a_tlbiel_means_lpidr(void **state)
{
	(void)state;
	assert_true(execute(TLBIEL, HOSTS, 0, 0, PAGE(REAL, AP_4K), RS(LPID, 0), LPID + 1));
	assert_string_equal(held(&core), ALL);
}

static void a_guest_names_no_other_guest(void **state)
{
	(void)state;
	assert_true(execute(TLBIE, GUESTS, 2, 1, IS(3, 0), RS(LPID, 0), LPID + 1));
	assert_string_equal(held(&core), ALL);
	assert_true(execute(TLBIE, GUESTS, 2, 1, IS(3, 0), RS(LPID + 1, 0), LPID));
	assert_string_equal(held(&core), "RrsPT");
}

static void forms_there_are_not_do_nothing(void **state)
{
	(void)state;
	assert_false(execute(TLBIE, HOSTS, 0, 0, PAGE(REAL, AP_NONE), RS(LPID, 0), LPID));
	assert_false(execute(TLBIE, HOSTS, 2, 0, PAGE(REAL, AP_4K), RS(LPID, 0), LPID));
	assert_false(execute(TLBIE, HOSTS, 0, 0, IS(1, 0), RS(LPID, 0), LPID));
	assert_false(execute(TLBIE, HOSTS, 3, 0, IS(2, 0), RS(LPID, 0), LPID));
	assert_string_equal(held(&core), ALL);
}

/* POWER10: one tlbiel takes every class, of the scope that it names. */
static void one_class_is_all(void **state)
{
	(void)state;
	core.classes = 1;
	assert_true(execute(TLBIEL, HOSTS, 2, 0, IS(2, 0), RS(0, 0), LPID));
	assert_string_equal(held(&core), "CrcsdQU");
	assert_true(execute(TLBIEL, HOSTS, 2, 1, IS(2, 0), RS(0, 0), LPID));
	assert_string_equal(held(&core), "rcsd");
}

/* A huge page of the guest over the host's small ones lies in one class, wherever its parts do. */
static void parts_lie_in_the_class_of_their_leaf(void **state)
{
	struct tagged_entry e = {
		.key = { TAGGED_COMBINED, LPID, PID, 0, 12 }, .process_shift = 21, .partition_shift = 12,
	};
	unsigned int page, set = HUGE_EA >> 21 & 127;

	(void)state;
	for (page = 0; page < 512; page++) {
		e.key.address = HUGE_EA + page * 4096;
		e.real = 0x600000 + page * 4096;
		tagged_put(&core, &core.tlb, &e);
	}
	assert_int_equal(core.counts.no_room, 0);
	assert_true(execute(TLBIEL, HOSTS, 0, 1, IS(2, set + 1), RS(0, 0), LPID));
	assert_int_equal(core.tlb.held[TAGGED_COMBINED], 513);
	assert_true(execute(TLBIE, HOSTS, 0, 0, PAGE(0x605000, AP_4K), RS(LPID, 0), LPID));
	assert_int_equal(core.tlb.held[TAGGED_COMBINED], 512);
	assert_true(execute(TLBIEL, GUESTS, 0, 1, PAGE(HUGE_EA, AP_4K), RS(0, PID), LPID));
	assert_int_equal(core.tlb.held[TAGGED_COMBINED], 512);
	assert_true(execute(TLBIEL, HOSTS, 0, 1, IS(2, set), RS(0, 0), LPID));
	assert_string_equal(held(&core), ALL);
	assert_int_equal(core.tlb.held[TAGGED_COMBINED], 1);
}

/* Whatever address in it is named. */
static void large_pages_go_as_a_whole(void **state)
{
	struct tagged_entry e = {
		.key = { TAGGED_COMBINED, LPID, PID, 0, 12 }, .process_shift = 21, .partition_shift = 12,
	};

	(void)state;
	for (unsigned int page = 0; page < 512; page++) {
		e.key.address = HUGE_EA + page * 4096;
		e.real = 0x600000 + page * 4096;
		tagged_put(&core, &core.tlb, &e);
	}
	assert_true(execute(TLBIEL, GUESTS, 0, 1, PAGE(HUGE_EA + 0x5000, AP_2M), RS(0, PID), LPID));
	assert_int_equal(core.tlb.held[TAGGED_COMBINED], 1);
	put(&core, &core.tlb, TAGGED_REAL, 0, 0x7890000, 16);
	assert_non_null(tagged_find(&core.tlb, TAGGED_REAL, LPID, 0, 0x789ffff));
	assert_true(execute(TLBIE, HOSTS, 0, 0, PAGE(0x7893000, AP_64K), RS(LPID, 0), LPID));
	assert_null(tagged_find(&core.tlb, TAGGED_REAL, LPID, 0, 0x7890000));
	assert_string_equal(held(&core), ALL);
}

static void slbia_is_of_one_thread(void **state)
{
	(void)state;
	tagged_slbia(&core, 0, 1, LPID);
	assert_string_equal(held(&core), ALL);
	tagged_slbia(&core, 0, 3, LPID + 1);
	assert_string_equal(held(&core), ALL);
	tagged_slbia(&core, 0, 6, 0);
	assert_string_equal(held(&core), "RCsdPQTU");
	tagged_slbia(&core, 1, 7, 0);
	assert_string_equal(held(&core), "RCPQTU");
}

static void it_is_bounded_and_forgets_the_older(void **state)
{
	uint64_t page;

	(void)state;
	for (page = 0; page < 10000; page++)
		put(&core, &core.tlb, TAGGED_REAL, 0, 0x10000000 + page * 4096, 12);
	assert_int_equal(core.tlb.held[TAGGED_REAL] + core.tlb.held[TAGGED_COMBINED], core.tlb.lines * core.tlb.ways);
	assert_true(core.counts.no_room);
	assert_non_null(tagged_find(&core.tlb, TAGGED_REAL, LPID, 0, 0x10000000 + 9999 * 4096));
}

/* What is evicted depends on the seed alone. */
static void eviction_is_seeded(void **state)
{
	unsigned int n;

	(void)state;
	tagged_core_free(&other);
	tagged_core_init(&other, 128, 1);
	fill(&other);
	for (n = 0; n < 3000; n++) {
		tagged_evict_one(&core);
		tagged_evict_one(&other);
	}
	assert_true(core.counts.evicted > 3);
	assert_int_equal(core.counts.evicted, other.counts.evicted);
	assert_int_equal(core.random, other.random);
}

static void a_flush_ends_what_a_walk_may_keep(void **state)
{
	uint64_t before = core.generation;

	(void)state;
	assert_true(execute(TLBIE, HOSTS, 0, 0, PAGE(REAL + 4096, AP_4K), RS(LPID, 0), LPID));
	assert_int_not_equal(core.generation, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flushes_remove_what_they_name),
		cmocka_unit_test_setup_teardown(a_tlbiel_means_lpidr, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guest_names_no_other_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(forms_there_are_not_do_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(one_class_is_all, setup, teardown),
		cmocka_unit_test_setup_teardown(parts_lie_in_the_class_of_their_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(large_pages_go_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(slbia_is_of_one_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_bounded_and_forgets_the_older, setup, teardown),
		cmocka_unit_test_setup_teardown(eviction_is_seeded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flush_ends_what_a_walk_may_keep, setup, teardown),
	};

	int failed = 0;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int bad = _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);

		fflush(NULL);
		if (bad)
			printf("KHT-FAIL tagged-%s: see cmocka's message above\n", tests[i].name);
		else
			printf("KHT-PASS tagged-%s\n", tests[i].name);
		failed |= bad;
	}
	return failed;
}
