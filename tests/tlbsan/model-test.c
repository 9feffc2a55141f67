// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk and the model on their own, against tables built here. What an
 * instruction must and must not take is from Power ISA 3.0B Book III 5.9.3.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "invalidation.h"

#define RAM_SIZE	(64ull << 20)
#define PTCR_VALUE	(0x10000ull | 4)	/* 64K of partition table: 4,096 LPIDs */
#define LPID		7
#define PID		3
#define CPUS		4			/* two cores of two threads */
#define VALID_LEAF	(3ull << 62)
#define ALL_RIGHTS	0x187ull		/* R, C, read, write, execute */
#define NO_C		0x107ull
#define READ_ONLY	0x184ull
#define GPA		0x40000ull
#define EA		0x123450000ull
#define A		0x800000ull		/* host pages */
#define B		0x900000ull

static uint8_t *memory;
static struct ram ram;
static uint64_t next_table, time_now, outside_of[CPUS];
static char *reports;
static size_t reports_size;
static FILE *out;

static void put(uint64_t at, uint64_t word)
{
	word = __builtin_bswap64(word);
	memcpy(memory + at, &word, 8);
}

static uint64_t get(uint64_t at)
{
	uint64_t word;

	memcpy(&word, memory + at, 8);
	return __builtin_bswap64(word);
}

static uint64_t new_table(unsigned int bits)
{
	uint64_t at = next_table;

	next_table += 8ull << bits;
	memset(memory + at, 0, 8ull << bits);
	return at;
}

/* 52 bits: 13, 9, 9 and what is left of the page. Returns where the leaf is. */
static uint64_t map(uint64_t root, uint64_t address, unsigned int shift, uint64_t leaf)
{
	static const unsigned int size[] = { 13, 9, 9, 9 };
	unsigned int bits = 52, level;
	uint64_t table = root, at;

	for (level = 0; ; level++) {
		unsigned int n = bits - size[level] < shift ? bits - shift : size[level];

		bits -= n;
		at = table + (address >> bits & ((1ull << n) - 1)) * 8;
		if (bits == shift)
			break;
		if (!get(at)) {
			unsigned int below = bits - size[level + 1] < shift ? bits - shift : size[level + 1];

			put(at, 1ull << 63 | new_table(below) | below);
		}
		table = get(at) & 0x0fffffffffffff00ull;
	}
	put(at, leaf);
	return at;
}

static uint64_t partition_root, process_root;

/* Returns where the PTE is. */
static uint64_t map_gpa(uint64_t gpa, unsigned int shift, uint64_t page, uint64_t bits)
{
	return map(partition_root, gpa, shift, page ? VALID_LEAF | page | bits : 0);
}

static uint64_t map_ea(uint64_t ea, uint64_t gpa, uint64_t bits)
{
	return map(process_root, ea, 12, gpa ? VALID_LEAF | gpa | bits : 0);
}

#define TREE_52_BITS	(2ull << 61 | 5ull << 5)

static struct model *m;
static uint64_t pte;		/* of GPA */

static uint64_t now(void) { return time_now; }
static uint64_t outside(unsigned int cpu) { return outside_of[cpu]; }

static int setup(void **state)
{
	struct model_config config = {
		.cpus = CPUS, .threads = 2, .sets = 128, .grace_ns = 1000, .now = now, .outside = outside,
	};

	(void)state;
	memory = calloc(1, RAM_SIZE);
	ram = (struct ram){ memory, RAM_SIZE };
	next_table = 0x100000;
	time_now = 0;
	memset(outside_of, 0, sizeof(outside_of));
	partition_root = new_table(13);
	put(0x10000 + LPID * 16, 1ull << 63 | TREE_52_BITS | partition_root | 13);
	/* The guest's tables are mapped one to one. */
	process_root = 0x200000;
	next_table = 0x220000;
	put(0x10000 + LPID * 16 + 8, 0x210000);
	put(0x210000 + PID * 16, TREE_52_BITS | process_root | 13);
	map_ea(EA, GPA, ALL_RIGHTS);
	next_table = 0x280000;
	for (uint64_t at = 0x200000; at < 0x280000; at += 0x1000)
		map_gpa(at, 12, at, ALL_RIGHTS);
	pte = map_gpa(GPA, 12, A, ALL_RIGHTS);
	out = open_memstream(&reports, &reports_size);
	config.ram = ram;
	config.out = out;
	m = model_new(&config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	model_free(m);
	fclose(out);
	free(reports);
	free(memory);
	return 0;
}

static struct access real(unsigned int type)
{
	return (struct access){ { PTCR_VALUE, LPID, PID, false }, GPA, type, 0 };
}

static struct access virtual(unsigned int type)
{
	return (struct access){ { PTCR_VALUE, LPID, PID, true }, EA, type, 1 };
}

static void use(unsigned int cpu, struct access a)
{
	model_access(m, cpu, &a);
}

static uint64_t hazards(void)
{
	return model_counts(m).hazards;
}

static void all_outside(void)
{
	for (int cpu = 0; cpu < CPUS; cpu++)
		outside_of[cpu]++;
}

/* The host's operation is over and nobody else is in one. */
static void returned(void)
{
	model_returned(m, LPID);
	all_outside();
}

static void expect_hazards(uint64_t n, const char *why)
{
	assert_int_equal(hazards(), n);
	fflush(out);
	if (n)
		assert_non_null(strstr(reports, why));
}

/* The host puts another page there, or takes rights away; nothing is flushed. */
static void exchange(uint64_t page, uint64_t bits)
{
	map_gpa(GPA, 12, page, bits);
}

static void complete(unsigned int cpu)
{
	model_tlbsync(m, cpu);
	model_ptesync(m, cpu);
}

/* By the host, all of it. */
static void flushed_by(unsigned int cpu, const struct invalidation *i)
{
	model_invalidate(m, cpu, i);
	complete(cpu);
}

static const struct invalidation tlbie_page = {
	.everywhere = true, .r = 1, .lpid = LPID, .shift = 12, .address = GPA,
};

/* --- the walk ---------------------------------------------------------------- */

static void walk_real_mode(void **state)
{
	struct access a = real(LOAD);
	struct walk w;

	(void)state;
	radix_walk(&ram, &a.context, GPA + 0x123, &w);
	assert_int_equal(walk_rights(&w), LOAD | STORE | FETCH | CHANGED);
	assert_int_equal(w.partition.page, A);
	assert_int_equal(w.partition.shift, 12);
	assert_int_equal(w.nr_steps, 3);
	assert_true(trail_holds(&w.trail));
	put(pte, 0);
	assert_false(trail_holds(&w.trail));
	radix_walk(&ram, &a.context, GPA, &w);
	assert_int_equal(walk_rights(&w), 0);
}

static void walk_large_pages(void **state)
{
	static const unsigned int shift[] = { 16, 21, 30 };
	struct walk w;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t gpa = 0x100000000ull << i;

		map_gpa(gpa, shift[i], 1ull << 31, ALL_RIGHTS);
		radix_walk_partition(&ram, PTCR_VALUE, LPID, gpa + 0x7abc, &w);
		assert_true(w.partition.valid);
		assert_int_equal(w.partition.shift, shift[i]);
		assert_int_equal(w.partition.page, (1ull << 31) + 0x7000);
	}
}

static void walk_both_stages(void **state)
{
	struct access a = virtual(LOAD);
	struct walk w;

	(void)state;
	radix_walk(&ram, &a.context, EA + 8, &w);
	assert_int_equal(walk_rights(&w), LOAD | STORE | FETCH | CHANGED);
	assert_int_equal(w.process.page, GPA);
	assert_int_equal(w.partition.page, A);
	a.context.pid = PID + 1;
	radix_walk(&ram, &a.context, EA, &w);
	assert_int_equal(walk_rights(&w), 0);
	/* The walk to the guest's own tables must leave nothing behind. */
	a.context.pid = PID;
	put(pte, 0);
	radix_walk(&ram, &a.context, EA, &w);
	assert_int_equal(walk_rights(&w), 0);
}

/* Rights are those of both stages; without R nothing is translated. */
static void walk_rights_of_both(void **state)
{
	struct access a = virtual(LOAD);
	struct walk w;

	(void)state;
	map_ea(EA, GPA, NO_C);
	exchange(A, READ_ONLY);
	radix_walk(&ram, &a.context, EA, &w);
	assert_int_equal(walk_rights(&w), LOAD);
	exchange(A, 0x087);
	radix_walk(&ram, &a.context, EA, &w);
	assert_int_equal(walk_rights(&w), 0);
}

static void walk_nonsense(void **state)
{
	struct walk w;

	(void)state;
	radix_walk_partition(&ram, PTCR_VALUE, LPID + 1, GPA, &w);
	assert_false(w.partition.valid);
	radix_walk_partition(&ram, PTCR_VALUE, 4096, GPA, &w);
	assert_false(w.partition.valid);
	put(0x10000 + LPID * 16, 1ull << 63 | TREE_52_BITS | (RAM_SIZE << 4) | 13);
	radix_walk_partition(&ram, PTCR_VALUE, LPID, GPA, &w);
	assert_false(w.partition.valid);
	put(0x10000 + LPID * 16, 0x1000);
	radix_walk_partition(&ram, PTCR_VALUE, LPID, GPA, &w);
	assert_true(w.hash);
}

/* --- what an invalidation takes ------------------------------------------------ */

#define INSN(xo, ric, prs, r) (31u << 26 | 4u << 21 | (ric) << 18 | (prs) << 17 | (r) << 16 | 3u << 11 | (xo) << 1)
#define TLBIE(ric, prs, r)	INSN(306u, ric, prs, r)
#define TLBIEL(ric, prs, r)	INSN(274u, ric, prs, r)

/* RB: a page with its AP, or IS with a set; RS: LPID and PID */
#define PAGE(address, ap)	((address) | (ap) << 5)
#define IS(is, set)		((is) << 10 | (set) << 12)
#define RS(lpid, pid)		((uint64_t)(pid) << 32 | (lpid))
#define SET(address)		((address) >> 12 & 127)

enum { HOST, GUEST };
enum { AP_4K = 0, AP_64K = 5, AP_2M = 1, AP_NONE = 7 };

static const struct {
	const char *name;
	uint32_t word;
	uint64_t rb, rs;
	int by;
	unsigned int real_kept, virtual_kept;	/* by core: bit 0 the one that executes it, bit 1 the other */
} effects[] = {
	/* tlbie, partition scope: by guest real address, what is combined from it goes too */
	{ "tlbie page", TLBIE(0, 0, 1), PAGE(GPA, AP_4K), RS(LPID, 0), HOST, 0, 0 },
	{ "tlbie page of another LPID", TLBIE(0, 0, 1), PAGE(GPA, AP_4K), RS(LPID + 1, 0), HOST, 3, 3 },
	{ "tlbie page of the host", TLBIE(0, 0, 1), PAGE(GPA, AP_4K), RS(0, 0), HOST, 3, 3 },
	{ "tlbie the next page", TLBIE(0, 0, 1), PAGE(GPA + 4096, AP_4K), RS(LPID, 0), HOST, 3, 3 },
	{ "tlbie a page of another size", TLBIE(0, 0, 1), PAGE(GPA, AP_64K), RS(LPID, 0), HOST, 3, 3 },
	{ "tlbie a large page", TLBIE(0, 0, 1), PAGE(GPA, AP_2M), RS(LPID, 0), HOST, 3, 3 },
	{ "tlbie a size there is not", TLBIE(0, 0, 1), PAGE(GPA, AP_NONE), RS(LPID, 0), HOST, 3, 3 },
	{ "tlbie hash", TLBIE(0, 0, 0), PAGE(GPA, AP_4K), RS(LPID, 0), HOST, 3, 3 },
	{ "tlbie walk cache", TLBIE(1, 0, 1), IS(2, 0), RS(LPID, 0), HOST, 3, 3 },
	{ "tlbie LPID", TLBIE(2, 0, 1), IS(2, 0), RS(LPID, 0), HOST, 0, 0 },
	{ "tlbie LPID, RIC 0", TLBIE(0, 0, 1), IS(2, 0), RS(LPID, 0), HOST, 0, 0 },
	{ "tlbie another LPID", TLBIE(2, 0, 1), IS(2, 0), RS(LPID + 1, 0), HOST, 3, 3 },
	{ "tlbie everything", TLBIE(2, 0, 1), IS(3, 0), RS(0, 0), HOST, 0, 0 },
	/* tlbie, process scope: by PID and effective address, never what is partition scope alone */
	{ "tlbie process page", TLBIE(0, 1, 1), PAGE(EA, AP_4K), RS(0, PID), GUEST, 3, 0 },
	{ "tlbie process page by the host", TLBIE(0, 1, 1), PAGE(EA, AP_4K), RS(LPID, PID), HOST, 3, 0 },
	{ "tlbie process page of another PID", TLBIE(0, 1, 1), PAGE(EA, AP_4K), RS(0, PID + 1), GUEST, 3, 3 },
	{ "tlbie process page by its guest real address", TLBIE(0, 1, 1), PAGE(GPA, AP_4K), RS(0, PID), GUEST, 3, 3 },
	{ "tlbie PID", TLBIE(2, 1, 1), IS(1, 0), RS(0, PID), GUEST, 3, 0 },
	{ "tlbie another PID", TLBIE(2, 1, 1), IS(1, 0), RS(0, PID + 1), GUEST, 3, 3 },
	{ "tlbie all PIDs", TLBIE(2, 1, 1), IS(2, 0), RS(0, 0), GUEST, 3, 0 },
	/* tlbiel: LPIDR, this core only, and of IS != 0 one set only */
	{ "tlbiel page", TLBIEL(0, 0, 1), PAGE(GPA, AP_4K), RS(0, 0), HOST, 2, 2 },
	{ "tlbiel its set", TLBIEL(0, 0, 1), IS(2, SET(GPA)), RS(0, 0), HOST, 2, 3 },
	{ "tlbiel its set of all LPIDs", TLBIEL(0, 0, 1), IS(3, SET(GPA)), RS(0, 0), HOST, 2, 3 },
	{ "tlbiel set of what was combined", TLBIEL(0, 1, 1), IS(2, SET(EA)), RS(0, 0), HOST, 3, 2 },
	{ "tlbiel set of what was combined, of all LPIDs", TLBIEL(0, 1, 1), IS(3, SET(EA)), RS(0, 0), HOST, 3, 2 },
	{ "tlbiel another set", TLBIEL(0, 0, 1), IS(2, SET(GPA) + 1), RS(0, 0), HOST, 3, 3 },
	{ "tlbiel process page", TLBIEL(0, 1, 1), PAGE(EA, AP_4K), RS(0, PID), GUEST, 3, 2 },
	{ "tlbiel process set", TLBIEL(0, 1, 1), IS(1, SET(EA)), RS(0, PID), GUEST, 3, 2 },
	{ "tlbiel PRS=1 does not take the partition scope", TLBIEL(2, 1, 1), IS(2, 0), RS(0, 0), HOST, 3, 3 },
};

/* CPU 0, whose LPIDR is @lpidr, executes it. */
static void execute(uint32_t word, uint64_t rb, uint64_t rs, uint32_t lpidr, int by)
{
	struct invalidation i;

	if (!decode_invalidation(word, rb, rs, lpidr, by == GUEST, &i))
		return;
	i.vcpu = by == GUEST;
	flushed_by(0, &i);
}

/* Held is what a store would still use after the host has taken the page away. */
static unsigned int kept(struct access a)
{
	unsigned int core, mask = 0;
	uint64_t before;

	for (core = 0; core < 2; core++) {
		before = hazards();
		/* The ERAT of the other thread of the core holds nothing. */
		use(2 * core + 1, a);
		mask |= (hazards() != before) << core;
	}
	return mask;
}

static void invalidations_take_what_they_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
		unsigned int real_kept, virtual_kept;

		if (i)
			setup(NULL);
		for (unsigned int core = 0; core < 2; core++) {
			use(2 * core, real(STORE));
			use(2 * core, virtual(STORE));
		}
		execute(effects[i].word, effects[i].rb, effects[i].rs, LPID, effects[i].by);
		exchange(B, ALL_RIGHTS);
		returned();
		real_kept = kept(real(STORE));
		virtual_kept = kept(virtual(STORE));
		if (real_kept != effects[i].real_kept || virtual_kept != effects[i].virtual_kept)
			fail_msg("%s: keeps %u, %u instead of %u, %u", effects[i].name, real_kept, virtual_kept,
				 effects[i].real_kept, effects[i].virtual_kept);
		if (i + 1 < sizeof(effects) / sizeof(effects[0]))
			teardown(NULL);
	}
}

static void a_tlbiel_means_lpidr(void **state)
{
	(void)state;
	use(0, real(STORE));
	execute(TLBIEL(2, 0, 1), IS(2, SET(GPA)), RS(LPID, 0), LPID + 1, HOST);
	exchange(B, ALL_RIGHTS);
	returned();
	use(0, real(STORE));
	expect_hazards(2, "another page");
}

/* --- hazards and what is none --------------------------------------------------- */

static void another_page_is_a_hazard(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	returned();
	use(0, real(LOAD));
	expect_hazards(2, "another page");	/* TLB and ERAT */
	use(0, real(LOAD));
	assert_int_equal(hazards(), 2);		/* each once */
}

static void an_unmapped_page_is_a_hazard(void **state)
{
	struct access a = real(LOAD);

	(void)state;
	use(0, a);
	exchange(0, 0);
	returned();
	/* Hardware would not have faulted, as QEMU does. */
	model_fault(m, 0, &a);
	expect_hazards(2, "\"tables\":\"none\"");
}

static void a_flush_in_time_is_no_hazard(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	use(0, real(LOAD));		/* before the flush: every machine does that */
	flushed_by(2, &tlbie_page);
	returned();
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
	assert_true(model_counts(m).suspicions);
}

static void an_unused_entry_is_no_hazard(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	returned();
	flushed_by(2, &tlbie_page);
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
}

/* Nobody says when the flush must have ended. */
static void grace_needs_time_and_every_cpu_outside(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	use(0, real(LOAD));
	time_now += 2000;
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);		/* any CPU may be in the flush */
	outside_of[0] = outside_of[1] = outside_of[2] = 5;
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);		/* CPU 3 may */
	outside_of[3] = ~0ull;
	use(0, real(LOAD));
	expect_hazards(2, "another page");
}

/* The guest leaves in time; the core is flushed when it comes back, long after. */
static void a_use_before_the_flush_has_ended_is_no_hazard(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	use(0, real(LOAD));
	returned();
	time_now += 2000;
	all_outside();
	flushed_by(0, &tlbie_page);
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
}

/* The one who says that it has returned does not speak for page migration on CPU 3. */
static void another_flush_may_be_under_way(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	model_returned(m, LPID);
	outside_of[0]++;
	outside_of[1]++;
	outside_of[2]++;
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
	outside_of[3]++;
	use(0, real(LOAD));
	expect_hazards(2, "another page");
}

/* Linux clears R, to see what is used, and flushes nothing (kvm_age_radix()). */
static void a_cleared_reference_is_no_hazard(void **state)
{
	(void)state;
	use(0, real(LOAD));
	exchange(A, 0x087);
	returned();
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
	exchange(B, 0x087);
	returned();
	use(0, real(LOAD));
	expect_hazards(2, "another page");
}

/* Nobody announces anything, and the entry is used once only, long after. */
static void a_single_late_use_is_a_hazard(void **state)
{
	struct access other = real(LOAD);

	(void)state;
	other.address = 0x210000;
	use(0, real(LOAD));
	exchange(B, ALL_RIGHTS);
	time_now += 2000;
	use(2, other);
	time_now += 2000;
	all_outside();
	use(0, real(LOAD));
	expect_hazards(2, "another page");
}

static void only_a_store_escapes_the_dirty_log(void **state)
{
	(void)state;
	use(0, real(STORE));
	exchange(A, NO_C);
	returned();
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
	use(0, real(STORE));
	expect_hazards(2, "a store that leaves no trace");
}

/* The fault set C again, but the translation that was used before it had gone unflushed. */
static void an_escaped_store_is_seen_after_the_fault_too(void **state)
{
	struct access a = real(STORE);

	(void)state;
	use(0, a);
	exchange(A, NO_C);
	returned();
	exchange(A, ALL_RIGHTS);
	use(0, a);
	expect_hazards(2, "a store that leaves no trace");
}

static void lost_write_permission_is_a_hazard(void **state)
{
	(void)state;
	use(0, real(STORE));
	exchange(A, READ_ONLY);
	returned();
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
	use(0, real(STORE));
	expect_hazards(2, "more rights");
}

static void more_rights_in_the_tables_are_fine(void **state)
{
	(void)state;
	exchange(A, READ_ONLY);
	use(0, real(LOAD));
	exchange(A, ALL_RIGHTS);
	returned();
	use(0, real(STORE));
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
}

/* The host has a page copied when the guest stores to it, and forgets to flush the one it shared before. */
static void copy_on_write(void)
{
	struct access store = real(STORE);

	exchange(A, READ_ONLY);
	use(0, real(LOAD));
	model_fault(m, 0, &store);
	exchange(B, ALL_RIGHTS);
	use(0, store);
	expect_hazards(0, NULL);
}

static void a_page_that_was_copied_stays_beside_its_copy(void **state)
{
	(void)state;
	copy_on_write();
	returned();
	use(0, real(LOAD));
	expect_hazards(2, "another page");
}

static void a_flush_takes_both_pages(void **state)
{
	(void)state;
	copy_on_write();
	flushed_by(0, &tlbie_page);
	returned();
	use(0, real(LOAD));
	use(0, real(STORE));
	expect_hazards(0, NULL);
}

static const struct invalidation tlbiel_page = {
	.r = 1, .lpid = LPID, .shift = 12, .address = GPA,
};

static void a_flush_without_ptesync_is_a_hazard(void **state)
{
	(void)state;
	use(0, real(LOAD));
	model_invalidate(m, 0, &tlbiel_page);
	use(1, real(LOAD));
	expect_hazards(0, NULL);
	use(0, real(LOAD));
	expect_hazards(1, "not been completed");
	/* Once is enough. */
	use(0, real(LOAD));
	expect_hazards(1, "not been completed");
}

/* A ptesync before tlbsync completes no tlbie. */
static void a_broadcast_needs_tlbsync_first(void **state)
{
	(void)state;
	use(0, real(LOAD));
	model_invalidate(m, 0, &tlbie_page);
	model_ptesync(m, 0);
	use(0, real(LOAD));
	expect_hazards(1, "not been completed");
	model_invalidate(m, 0, &tlbie_page);
	complete(0);
	use(0, real(LOAD));
	expect_hazards(1, "not been completed");
}

static void a_known_access_notices_too(void **state)
{
	struct access a = real(LOAD);
	struct invalidation other = tlbiel_page;

	(void)state;
	use(0, a);
	use(0, a);
	assert_true(model_known(m, 0, &a));
	other.lpid = LPID + 1;
	model_invalidate(m, 0, &other);
	assert_false(model_known(m, 0, &a));
	model_ptesync(m, 0);
	assert_true(model_known(m, 0, &a));
}

static void a_guests_own_flush_is_its_own(void **state)
{
	struct invalidation own = tlbiel_page;

	(void)state;
	own.by_guest = true;
	model_invalidate(m, 0, &own);
	use(0, real(LOAD));
	expect_hazards(0, NULL);
}

static void a_sibling_shares_the_tlb_and_not_the_erat(void **state)
{
	static const struct invalidation set = { .r = 1, .is = 2, .set = GPA >> 12 & 127, .lpid = LPID };

	(void)state;
	use(0, real(LOAD));
	use(1, real(LOAD));
	exchange(B, ALL_RIGHTS);
	flushed_by(0, &set);
	model_drop_erat(m, 0);
	returned();
	use(0, real(LOAD));
	assert_int_equal(hazards(), 0);
	use(1, real(LOAD));
	expect_hazards(1, "\"where\":\"erat\",\"cpu\":1");
	model_drop_erat(m, 1);
	use(1, real(LOAD));
	assert_int_equal(hazards(), 1);
}

/* A table goes and another takes its place; RIC=0 leaves the walk cache. */
static void a_freed_table_is_a_hazard(void **state)
{
	struct invalidation flush = { .everywhere = true, .r = 1, .is = 2, .lpid = LPID };
	uint64_t directory = partition_root, i;

	(void)state;
	use(0, real(LOAD));
	for (i = 0; i < 2; i++)
		directory = get(directory) & 0x0fffffffffffff00ull;
	put(directory, 0);
	next_table = 0x300000;
	exchange(A, ALL_RIGHTS);
	flushed_by(2, &flush);
	returned();
	use(0, real(LOAD));
	expect_hazards(1, "a table that is no longer used");
	flush.ric = 1;
	flushed_by(2, &flush);
	use(0, real(LOAD));
	assert_int_equal(hazards(), 1);
}

/* What the host owes core 0 when a vCPU has left it. */
static void flush_core_0(void)
{
	struct invalidation i = { .prs = 1, .r = 1, .is = 2, .ric = 2, .lpid = LPID };

	for (i.set = 0; i.set < 128; i.set++)
		flushed_by(0, &i);
	model_drop_erat(m, 0);
}

/* @user uses a page on core 0; vCPU 1 invalidates it on core 1; then it is on core 0. */
static void move(uint64_t user, bool flush, uint64_t n)
{
	static const struct invalidation page = {
		.by_guest = true, .prs = 1, .r = 1, .shift = 12, .address = EA, .lpid = LPID, .pid = PID, .vcpu = 1,
	};
	struct access a = virtual(LOAD);

	a.vcpu = user;
	use(0, a);
	map_gpa(GPA + 4096, 12, B, ALL_RIGHTS);
	map_ea(EA, GPA + 4096, ALL_RIGHTS);
	flushed_by(2, &page);
	a.vcpu = 1;
	use(2, a);
	assert_int_equal(hazards(), 0);
	if (flush)
		flush_core_0();
	use(1, a);
	expect_hazards(n, "what the guest has flushed");
}

static void a_moved_vcpu_needs_the_core_flushed(void **state)
{
	(void)state;
	move(1, false, 1);
}

static void what_another_vcpu_has_filled_does_not_count(void **state)
{
	(void)state;
	move(2, false, 0);
}

static void a_flushed_core_serves_a_moved_vcpu(void **state)
{
	(void)state;
	move(1, true, 0);
}

#define BIG	0x40000000ull	/* where nothing is mapped yet */

static struct access big(uint64_t offset)
{
	return (struct access){ { PTCR_VALUE, LPID, PID, false }, BIG + offset, LOAD, 0 };
}

/* The host takes a 4K page away and puts a 2M page there; @i, if any, comes in between. */
static void grow(const struct invalidation *i)
{
	put(map_gpa(BIG + 0x3000, 12, A, ALL_RIGHTS), VALID_LEAF | A | ALL_RIGHTS);
	use(0, big(0x3000));
	map_gpa(BIG + 0x3000, 12, 0, 0);
	if (i)
		flushed_by(0, i);
	map_gpa(BIG, 21, 0xa00000, ALL_RIGHTS);
}

static void two_sizes_at_once_are_a_hazard(void **state)
{
	(void)state;
	grow(NULL);
	/* Another core has nothing of it, and another 2M is no matter. */
	use(2, big(0x8000));
	map_gpa(BIG + (1 << 21), 12, B, ALL_RIGHTS);
	use(0, big(1 << 21));
	expect_hazards(0, NULL);
	use(0, big(0x8000));
	expect_hazards(1, "two page sizes at once");
}

static void a_flush_between_two_sizes_is_enough(void **state)
{
	struct invalidation i = tlbie_page;

	(void)state;
	i.address = BIG + 0x3000;
	grow(&i);
	use(0, big(0x8000));
	expect_hazards(0, NULL);
}

static void a_smaller_page_beside_a_larger_is_one_too(void **state)
{
	(void)state;
	put(map_gpa(BIG, 21, 0xa00000, ALL_RIGHTS), VALID_LEAF | 0xa00000 | ALL_RIGHTS);
	use(0, big(0x8000));
	map_gpa(BIG, 21, 0, 0);
	map_gpa(BIG + 0x3000, 12, A, ALL_RIGHTS);
	use(1, big(0x3000));
	expect_hazards(1, "two page sizes at once");
}

/* The larger page would do for the access, but hardware may walk again at any time. */
static void the_page_in_use_in_another_size_is_one_too(void **state)
{
	(void)state;
	put(map_gpa(BIG, 21, 0xa00000, ALL_RIGHTS), VALID_LEAF | 0xa00000 | ALL_RIGHTS);
	use(0, big(0x8000));
	map_gpa(BIG, 21, 0, 0);
	use(0, big(0x8000));
	expect_hazards(0, NULL);
	map_gpa(BIG + 0x8000, 12, 0xa08000, ALL_RIGHTS);
	use(0, big(0x8000));
	expect_hazards(1, "two page sizes at once");
}

static void hash_guests_are_not_modelled(void **state)
{
	(void)state;
	put(0x10000 + LPID * 16, 0x1000);
	use(0, real(LOAD));
	assert_int_equal(model_counts(m).unmodelled, 1);
	assert_int_equal(model_counts(m).fills, 0);
}

static void known_until_something_changes(void **state)
{
	struct access a = real(LOAD);

	(void)state;
	assert_false(model_known(m, 0, &a));
	use(0, a);
	assert_true(model_known(m, 0, &a));
	assert_false(model_known(m, 1, &a));
	exchange(B, ALL_RIGHTS);
	assert_false(model_known(m, 0, &a));
	use(0, a);
	assert_false(model_known(m, 0, &a));	/* it is wrong, and may become a hazard */
	flushed_by(0, &tlbie_page);
	use(0, a);
	assert_true(model_known(m, 0, &a));
	flushed_by(2, &tlbie_page);
	assert_false(model_known(m, 0, &a));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(walk_real_mode),
		TEST(walk_large_pages),
		TEST(walk_both_stages),
		TEST(walk_rights_of_both),
		TEST(walk_nonsense),
		TEST(invalidations_take_what_they_name),
		TEST(a_tlbiel_means_lpidr),
		TEST(another_page_is_a_hazard),
		TEST(an_unmapped_page_is_a_hazard),
		TEST(a_flush_in_time_is_no_hazard),
		TEST(an_unused_entry_is_no_hazard),
		TEST(grace_needs_time_and_every_cpu_outside),
		TEST(a_use_before_the_flush_has_ended_is_no_hazard),
		TEST(another_flush_may_be_under_way),
		TEST(a_cleared_reference_is_no_hazard),
		TEST(a_single_late_use_is_a_hazard),
		TEST(only_a_store_escapes_the_dirty_log),
		TEST(an_escaped_store_is_seen_after_the_fault_too),
		TEST(lost_write_permission_is_a_hazard),
		TEST(more_rights_in_the_tables_are_fine),
		TEST(a_page_that_was_copied_stays_beside_its_copy),
		TEST(a_flush_takes_both_pages),
		TEST(a_flush_without_ptesync_is_a_hazard),
		TEST(a_broadcast_needs_tlbsync_first),
		TEST(a_known_access_notices_too),
		TEST(a_guests_own_flush_is_its_own),
		TEST(a_sibling_shares_the_tlb_and_not_the_erat),
		TEST(a_freed_table_is_a_hazard),
		TEST(a_moved_vcpu_needs_the_core_flushed),
		TEST(what_another_vcpu_has_filled_does_not_count),
		TEST(a_flushed_core_serves_a_moved_vcpu),
		TEST(two_sizes_at_once_are_a_hazard),
		TEST(a_flush_between_two_sizes_is_enough),
		TEST(a_smaller_page_beside_a_larger_is_one_too),
		TEST(the_page_in_use_in_another_size_is_one_too),
		TEST(hash_guests_are_not_modelled),
		TEST(known_until_something_changes),
	};

	int failed = 0;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int bad = _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);

		fflush(NULL);
		if (bad)
			printf("KHT-FAIL %s: see cmocka's message above\n", tests[i].name);
		else
			printf("KHT-PASS %s\n", tests[i].name);
		failed |= bad;
	}
	return failed != 0;
}
