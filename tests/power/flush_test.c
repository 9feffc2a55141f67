// SPDX-License-Identifier: GPL-2.0-only
/*
 * src/power, line by line: which instructions and hypercalls each executor is made of, in which order,
 * with which operands. What is expected is written here once more, from Power ISA 3.0B Book III
 * 5.9.3.3 (tlbiel), 5.9.3.2 (slbia) and 5.9.2 (ptesync), and from PAPR (H_TLB_INVALIDATE,
 * H_RPT_INVALIDATE), not taken from the source.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "machine.h"
#include "instructions.h"
#include "core/env.h"
#include "power/flush.h"

#define LPID	7u
#define HOST	3u	/* in LPIDR when an executor begins: never to be flushed, always to come back */

enum what {
	SAVE, RESTORE, HARD_DISABLE, HARD_ENABLE, PTESYNC, TLBSYNC, TO_LPIDR, ISYNC, TLBIEL, GUEST_ERAT, ERAT,
	PREEMPT_OFF, PREEMPT_ON, KERNEL_PAGE, KERNEL_LPID, KERNEL_HPTE, KERNEL_PARTITION,
	HCALL, WARNING,
};

static const char * const names[] = {
	"local_irq_save", "local_irq_restore", "hard disable", "hard enable", "ptesync", "eieio; tlbsync; ptesync",
	"mtlpidr", "isync", "tlbiel", "slbia 6", "slbia 7", "preempt_disable", "preempt_enable",
	"radix__flush_tlb_lpid_page", "radix__flush_all_lpid", "kvmppc_invalidate_hpte", "set_partition",
	"hcall", "warning",
};

struct event {
	enum what what;
	unsigned long a, b, c, d;
	unsigned long args[6];	/* of a hypercall; a is its opcode */
};

/* Executed; and expected. */
static struct event events[4096], expected[4096];
static unsigned int nr_events, nr_expected;

unsigned int cpu_features, fw_features, tlb_threads, tlb_stride;
bool radix;
static unsigned long msr, lpidr;

static void note(enum what what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	assert_true(nr_events < sizeof(events) / sizeof(events[0]));
	events[nr_events++] = (struct event){ what, a, b, c, d, { 0 } };
}

static void expect(enum what what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	expected[nr_expected++] = (struct event){ what, a, b, c, d, { 0 } };
}

int cpu_first_tlb_thread_sibling(int cpu) { return tlb_stride > 1 ? cpu % tlb_stride : cpu / tlb_threads * tlb_threads; }
int cpu_last_tlb_thread_sibling(int cpu)
{
	return cpu_first_tlb_thread_sibling(cpu) + (tlb_threads - 1) * tlb_stride;
}
int cpu_tlb_thread_sibling_step(void) { return tlb_stride; }
unsigned long mfmsr(void) { return msr; }
unsigned long mfspr(int rn) { assert_int_equal(rn, SPRN_LPID); return lpidr; }
void mtspr(int rn, unsigned long val)
{
	assert_int_equal(rn, SPRN_LPID);
	lpidr = val;
	note(TO_LPIDR, val, 0, 0, 0);
}
void isync(void) { note(ISYNC, 0, 0, 0, 0); }
void __hard_irq_disable(void) { note(HARD_DISABLE, 0, 0, 0, 0); }
void __hard_irq_enable(void) { note(HARD_ENABLE, 0, 0, 0, 0); }
unsigned long machine_irq_save(void) { note(SAVE, 0, 0, 0, 0); return 0x55; }
void local_irq_restore(unsigned long flags) { note(RESTORE, flags, 0, 0, 0); }
void preempt_disable(void) { note(PREEMPT_OFF, 0, 0, 0, 0); }
void preempt_enable(void) { note(PREEMPT_ON, 0, 0, 0, 0); }
void kht_tlbiel(unsigned long rb, int ric, int prs, int r) { note(TLBIEL, rb, ric, prs, r); }
void kht_ptesync(void) { note(PTESYNC, 0, 0, 0, 0); }
void kht_tlbsync(void) { note(TLBSYNC, 0, 0, 0, 0); }
void kht_forget_guest_erat(void) { note(GUEST_ERAT, 0, 0, 0, 0); }
void kht_forget_erat(void) { note(ERAT, 0, 0, 0, 0); }

/* The kernel's broadcasts; d: whether the hook on them would let them pass. */
void radix__flush_tlb_lpid_page(unsigned int lpid, unsigned long addr, unsigned long page_size)
{
	note(KERNEL_PAGE, lpid, addr, page_size, kht_broadcasting());
}
void radix__flush_all_lpid(unsigned int lpid) { note(KERNEL_LPID, lpid, 0, 0, kht_broadcasting()); }
void kvmppc_invalidate_hpte(struct kvm *kvm, __be64 *hptep, unsigned long index)
{
	note(KERNEL_HPTE, (unsigned long)kvm, hptep[0] << 32 | hptep[1], index, kht_broadcasting());
}
static void set_partition(struct kvm *kvm) { note(KERNEL_PARTITION, (unsigned long)kvm, 0, 0, kht_broadcasting()); }

/* What the hypervisor answers, the first one first; then H_SUCCESS. */
static long answers[4];
static unsigned int nr_answers;
static bool v2;

long machine_hcall(unsigned long opcode, const unsigned long *args)
{
	note(HCALL, opcode, 0, 0, 0);
	memcpy(events[nr_events - 1].args, args, sizeof(events[0].args));
	return nr_answers < 4 ? answers[nr_answers++] : H_SUCCESS;
}
void machine_warns(void) { note(WARNING, 0, 0, 0, 0); }
bool kvmhv_is_nestedv2(void) { return v2; }
static void kernel_flush(u64 lpid) { note(KERNEL_LPID, lpid, 0, 0, kht_broadcasting()); }

static int setup(void **state)
{
	(void)state;
	nr_events = nr_expected = 0;
	cpu_features = CPU_FTR_HVMODE | CPU_FTR_ARCH_300;
	fw_features = 0;
	radix = true;
	tlb_threads = 4;
	tlb_stride = 1;
	msr = MSR_EE;
	lpidr = HOST;
	kht_hash_use(set_partition);
	kht_hcalls_use(kernel_flush);
	memset(answers, 0, sizeof(answers));
	nr_answers = 0;
	v2 = false;
	assert_null(kht_power_choose());
	return 0;
}

static void show(const char *what, const struct event *e)
{
	print_error("%s: %s %#lx %lu %lu %lu\n", what, names[e->what], e->a, e->b, e->c, e->d);
}

/* What was executed is what is expected, and nothing else; then both begin anew. */
static void executed(void)
{
	unsigned int i;

	for (i = 0; i < nr_events && i < nr_expected; i++) {
		if (!memcmp(&events[i], &expected[i], sizeof(events[i])))
			continue;
		print_error("instruction %u:\n", i);
		show("expected", &expected[i]);
		show("executed", &events[i]);
		fail();
	}
	assert_int_equal(nr_events, nr_expected);
	assert_int_equal(lpidr, HOST);
	nr_events = nr_expected = 0;
}

/* Interrupts are off in hardware before LPIDR changes, and PTE changes complete before the first invalidation. */
static void expect_begin(unsigned int lpid)
{
	expect(SAVE, 0, 0, 0, 0);
	expect(HARD_DISABLE, 0, 0, 0, 0);
	expect(PTESYNC, 0, 0, 0, 0);
	expect(TO_LPIDR, lpid, 0, 0, 0);
	expect(ISYNC, 0, 0, 0, 0);
}

/* Invalidations complete, then the ERAT goes, then the host's LPID comes back before interrupts do. */
static void expect_end(enum what erat)
{
	expect(PTESYNC, 0, 0, 0, 0);
	expect(erat, 0, 0, 0, 0);
	expect(TO_LPIDR, HOST, 0, 0, 0);
	expect(ISYNC, 0, 0, 0, 0);
	if (msr & MSR_EE)
		expect(HARD_ENABLE, 0, 0, 0, 0);
	expect(RESTORE, 0x55, 0, 0, 0);
}

/* RB of a set invalidation: IS in bits 52:53, the set in bits 40:51. */
static unsigned long rb_of_set(unsigned long is, unsigned int set)
{
	return is << 10 | (unsigned long)set << 12;
}

static void expect_radix_sets(unsigned long is, unsigned int sets, int prs)
{
	unsigned int set;

	expect(TLBIEL, rb_of_set(is, 0), 2, prs, 1);
	for (set = 1; set < sets; set++)
		expect(TLBIEL, rb_of_set(is, set), 0, prs, 1);
}

static void expect_hash_sets(unsigned long is)
{
	unsigned int set;

	expect(TLBIEL, rb_of_set(is, 0), 2, 0, 0);
	expect(TLBIEL, rb_of_set(is, 0), 2, 1, 0);
	for (set = 0; set < 256; set++)
		expect(TLBIEL, rb_of_set(is, set), 0, 0, 0);
}

static void whole_radix(void **state)
{
	(void)state;
	expect_begin(LPID);
	expect_radix_sets(2, 128, 0);
	expect_radix_sets(2, 128, 1);
	expect_end(GUEST_ERAT);
	kht_local_flush(LPID);
	executed();
}

static void whole_radix_power10(void **state)
{
	(void)state;
	cpu_features |= CPU_FTR_ARCH_31;
	expect_begin(LPID);
	expect_radix_sets(2, 1, 0);
	expect_radix_sets(2, 1, 1);
	expect_end(GUEST_ERAT);
	kht_local_flush(LPID);
	executed();
}

static void process_scope(void **state)
{
	(void)state;
	expect_begin(LPID);
	expect_radix_sets(2, 128, 1);
	expect_end(GUEST_ERAT);
	kht_local_flush_process(LPID);
	executed();
}

static void whole_hash(void **state)
{
	(void)state;
	expect_begin(LPID);
	expect_hash_sets(2);
	expect_end(ERAT);
	kht_hash_local_flush(LPID);
	executed();
}

static void every_lpid(void **state)
{
	(void)state;
	expect_begin(HOST);
	expect_radix_sets(3, 128, 0);
	expect_radix_sets(3, 128, 1);
	expect_end(ERAT);
	kht_local_flush_all();
	executed();
	expect_begin(HOST);
	expect_hash_sets(3);
	expect_end(ERAT);
	kht_hash_local_flush_all();
	executed();
}

/* AP in bits 56:58: 0b000 4K, 0b101 64K, 0b001 2M, 0b010 1G. */
static void radix_pages(void **state)
{
	static const struct { unsigned int shift; unsigned long gpa, rb; } sizes[] = {
		{ 12, 0x123456789000, 0x123456789000 | 0UL << 5 },
		{ 16, 0x1234567a0000, 0x1234567a0000 | 5UL << 5 },
		{ 21, 0x123456600000, 0x123456600000 | 1UL << 5 },
		{ 30, 0x123440000000, 0x123440000000 | 2UL << 5 },
	};
	u64 pages[4];
	u32 i;

	(void)state;
	expect_begin(LPID);
	for (i = 0; i < 4; i++) {
		pages[i] = kht_page(sizes[i].gpa + 0x10, sizes[i].shift);
		expect(TLBIEL, sizes[i].rb, 0, 0, 1);
	}
	expect_end(GUEST_ERAT);
	kht_local_pages(LPID, pages, 4);
	executed();
}

static void hash_pages(void **state)
{
	static const u64 rbs[] = { 0x7000000000001001, 0x6fff0000000020f5, 0x10, 0x7000000000001001 };
	u32 i;

	(void)state;
	expect_begin(LPID);
	for (i = 0; i < 4; i++)
		expect(TLBIEL, rbs[i], 0, 0, 0);
	expect_end(ERAT);
	kht_hash_local_pages(LPID, rbs, 4);
	executed();
}

static void sync_only(void **state)
{
	(void)state;
	expect_begin(LPID);
	expect_end(GUEST_ERAT);
	kht_local_sync(LPID);
	executed();
	expect_begin(LPID);
	expect_end(ERAT);
	kht_hash_local_sync(LPID);
	executed();
}

/* Where interrupts were off in hardware they stay off. */
static void hard_disabled(void **state)
{
	(void)state;
	msr = 0;
	expect_begin(LPID);
	expect_end(GUEST_ERAT);
	kht_local_sync(LPID);
	executed();
}

static void completion(void **state)
{
	(void)state;
	expect(TLBSYNC, 0, 0, 0, 0);
	kht_complete_guest_flushes(true);
	executed();
	expect(PTESYNC, 0, 0, 0, 0);
	kht_complete_guest_flushes(false);
	executed();
	expect(PTESYNC, 0, 0, 0, 0);
	kht_complete_updates();
	executed();
}

static void broadcasts(void **state)
{
	(void)state;
	expect(PREEMPT_OFF, 0, 0, 0, 0);
	expect(KERNEL_PAGE, LPID, 0x40000000, 1UL << 21, 1);
	expect(PREEMPT_ON, 0, 0, 0, 0);
	kht_broadcast_page(LPID, kht_page(0x40000000, 21));
	executed();
	expect(PREEMPT_OFF, 0, 0, 0, 0);
	expect(KERNEL_LPID, LPID, 0, 0, 1);
	expect(PREEMPT_ON, 0, 0, 0, 0);
	kht_broadcast_lpid(LPID);
	executed();
	assert_false(kht_broadcasting());
}

/* The whole LPID of a hash guest is flushed where the kernel writes the partition table; the page after it brings the
 * fix-ups of the errata.
 */
static void hash_broadcasts(void **state)
{
	struct kvm *kvm = (struct kvm *)0x1000;
	__be64 hpte[2] = { 0x77, 0x88 };

	(void)state;
	expect(PREEMPT_OFF, 0, 0, 0, 0);
	expect(KERNEL_HPTE, 0x1000, 0x7700000088, 42, 1);
	expect(PREEMPT_ON, 0, 0, 0, 0);
	kht_hash_broadcast_page(kvm, hpte, 42);
	executed();
	expect(PREEMPT_OFF, 0, 0, 0, 0);
	expect(KERNEL_PARTITION, 0x1000, 0, 0, 1);
	expect(KERNEL_HPTE, 0x1000, 0, 0, 1);
	expect(PREEMPT_ON, 0, 0, 0, 0);
	kht_hash_broadcast_lpid(kvm);
	executed();
	assert_false(kht_broadcasting());
}

static void topology(void **state)
{
	struct kht_core core;

	(void)state;
	core = kht_core_of(6);
	assert_int_equal(core.first, 4);
	assert_int_equal(core.last, 7);
	assert_int_equal(core.step, 1);
	/* POWER9 big cores: two small cores, of every other thread, each with a TLB of its own. */
	tlb_stride = 2;
	core = kht_core_of(5);
	assert_int_equal(core.first, 1);
	assert_int_equal(core.last, 7);
	assert_int_equal(core.step, 2);
	assert_false(core.alone);
	kht_siblings_serve(false);
	assert_true(kht_core_of(5).alone);
	kht_siblings_serve(true);
	assert_false(kht_core_of(5).alone);
}

static void refusals(void **state)
{
	(void)state;
	assert_null(kht_power_choose());
	assert_null(kht_power_unfit_for_hash());
	fw_features = FW_FEATURE_ULTRAVISOR;
	assert_null(kht_power_choose());
	assert_string_equal(kht_power_unfit_for_hash(), "an ultravisor keeps the partition table");
	fw_features = 0;
	cpu_features = CPU_FTR_ARCH_300;
	assert_null(kht_power_choose());
	assert_true(kht_by_hcall());
	assert_string_equal(kht_power_unfit_for_hash(), "a partition runs radix guests only");
	cpu_features = CPU_FTR_HVMODE;
	assert_string_equal(kht_power_choose(), "POWER8 and older are not supported");
	cpu_features = CPU_FTR_HVMODE | CPU_FTR_ARCH_300;
	radix = false;
	assert_string_equal(kht_power_choose(), "the host does not use radix translation");
	radix = true;
	cpu_features |= CPU_FTR_P9_RADIX_PREFETCH_BUG;
	assert_non_null(strstr(kht_power_choose(), "prefetches translations of the wrong LPID"));
}

/* A host without hypervisor mode, on which src/power executes no instruction that it may not. */
static void partition(unsigned int fw)
{
	cpu_features = CPU_FTR_ARCH_300;
	fw_features = fw;
	assert_null(kht_power_choose());
}

static void expect_hcall(unsigned long opcode, const unsigned long *args)
{
	expect(HCALL, opcode, 0, 0, 0);
	memcpy(expected[nr_expected - 1].args, args, sizeof(expected[0].args));
}

/* (tlbie's RIC, PRS and R; RS; RB): IS in bits 52:53, AP in bits 56:58 */
static void expect_tlb(unsigned long code, unsigned long rb)
{
	expect_hcall(0xF808, (unsigned long [6]){ code, LPID, rb });
}

/* Target 1: every processor of the partition. Type 1: nested guests. */
static void expect_rpt(unsigned long type, unsigned long sizes, unsigned long start, unsigned long end)
{
	expect_hcall(0x448, (unsigned long [6]){ LPID, 1, 1 | type, sizes, start, end });
}

static void hcall_pages(void **state)
{
	static const u64 gpas[] = { 0x123456789000, 0x1234567a0000, 0x123456600000, 0x123440000000 };
	u64 pages[4] = { kht_page(gpas[0], 12), kht_page(gpas[1], 16), kht_page(gpas[2], 21), kht_page(gpas[3], 30) };

	(void)state;
	partition(0);
	expect(PTESYNC, 0, 0, 0, 0);
	expect_tlb(1 << 16, gpas[0] | 0 << 5);
	expect_tlb(1 << 16, gpas[1] | 5 << 5);
	expect_tlb(1 << 16, gpas[2] | 1 << 5);
	expect_tlb(1 << 16, gpas[3] | 2 << 5);
	kht_local_pages(LPID, pages, 4);
	executed();
	expect(PTESYNC, 0, 0, 0, 0);
	expect_tlb(1 << 16, gpas[1] | 5 << 5);
	kht_broadcast_page(LPID, pages[1]);
	executed();
}

static void hcall_ranges(void **state)
{
	u64 runs[4] = { kht_page(0x5000, 12) + (2ULL << 52), kht_page(0x30000, 16) + (1ULL << 52),
			kht_page(0x600000, 21), kht_page(0x40000000, 30) + (4095ULL << 52) };

	(void)state;
	partition(FW_FEATURE_RPT_INVALIDATE);
	assert_true(kht_takes_runs());
	expect(PTESYNC, 0, 0, 0, 0);
	expect_rpt(2, 1, 0x5000, 0x8000);
	expect_rpt(2, 2, 0x30000, 0x50000);
	expect_rpt(2, 4, 0x600000, 0x800000);
	expect_rpt(2, 8, 0x40000000, 0x40040000000);
	kht_local_pages(LPID, runs, 4);
	executed();
	expect(PTESYNC, 0, 0, 0, 0);
	expect_rpt(2, 1, 0x5000, 0x8000);
	kht_broadcast_page(LPID, runs[0]);
	executed();
}

/* TLB, page walk cache and the partition table's entry: RIC=2, IS=2; types 2, 4 and 8. */
static void hcall_lpid(void **state)
{
	(void)state;
	partition(0);
	assert_false(kht_takes_runs());
	expect(PTESYNC, 0, 0, 0, 0);
	expect_tlb(2 << 18 | 1 << 16, 2 << 10);
	kht_local_flush(LPID);
	executed();
	partition(FW_FEATURE_RPT_INVALIDATE);
	expect(PTESYNC, 0, 0, 0, 0);
	expect_rpt(14, -1UL, 0, -1UL);
	kht_broadcast_lpid(LPID);
	executed();
}

static void hcall_nothing_else(void **state)
{
	struct kht_core core;

	(void)state;
	partition(0);
	kht_local_sync(LPID);
	kht_local_flush_all();
	kht_complete_guest_flushes(true);
	kht_complete_guest_flushes(false);
	executed();
	core = kht_core_of(5);
	assert_int_equal(core.first, 0);
	assert_int_equal(core.last, 15);
	assert_int_equal(core.step, 1);
	/* The hypervisor's flush serves whom it may. */
	kht_siblings_serve(false);
	assert_false(kht_core_of(5).alone);
	kht_siblings_serve(true);
}

static void hcall_busy(void **state)
{
	struct kht_hcalls_status status;

	(void)state;
	partition(0);
	v2 = true;
	answers[0] = answers[1] = 1;
	expect(PTESYNC, 0, 0, 0, 0);
	expect_tlb(2 << 18 | 1 << 16, 2 << 10);
	expect_tlb(2 << 18 | 1 << 16, 2 << 10);
	expect_tlb(2 << 18 | 1 << 16, 2 << 10);
	kht_local_flush(LPID);
	executed();
	kht_hcalls_status(&status);
	assert_int_equal(status.api, 2);
	assert_string_equal(status.call, "H_TLB_INVALIDATE");
	assert_int_equal(status.refusals, 0);
}

/* The second page is refused: the kernel flushes the LPID, and nothing is left to ask for. */
static void hcall_refused(void **state)
{
	u64 pages[3] = { kht_page(0x1000, 12), kht_page(0x3000, 12), kht_page(0x5000, 12) };
	struct kht_hcalls_status before, after;

	(void)state;
	partition(FW_FEATURE_RPT_INVALIDATE);
	kht_hcalls_status(&before);
	answers[1] = -57;
	expect(PTESYNC, 0, 0, 0, 0);
	expect_rpt(2, 1, 0x1000, 0x2000);
	expect_rpt(2, 1, 0x3000, 0x4000);
	expect(WARNING, 0, 0, 0, 0);
	expect(PREEMPT_OFF, 0, 0, 0, 0);
	expect(KERNEL_LPID, LPID, 0, 0, 1);
	expect(PREEMPT_ON, 0, 0, 0, 0);
	kht_local_pages(LPID, pages, 3);
	executed();
	kht_hcalls_status(&after);
	assert_int_equal(after.refusals, before.refusals + 1);
	assert_string_equal(after.call, "H_RPT_INVALIDATE");
}

#define TEST(fn, test_name)	{ test_name, fn, setup, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_radix, "power9-whole-lpid-is-128-sets-of-both-scopes"),
		TEST(whole_radix_power10, "power10-whole-lpid-is-one-set-of-both-scopes"),
		TEST(process_scope, "power-process-scope-is-prs-1-alone"),
		TEST(whole_hash, "power-whole-hash-lpid-is-256-sets"),
		TEST(every_lpid, "power-every-lpid-is-is-3"),
		TEST(radix_pages, "power-a-page-has-its-size"),
		TEST(hash_pages, "power-each-rb-is-replayed"),
		TEST(sync_only, "power-a-sync-is-ptesync-and-erat"),
		TEST(hard_disabled, "power-interrupts-stay-off-where-they-were"),
		TEST(completion, "power-completions-are-tlbsync-and-ptesync"),
		TEST(broadcasts, "power-a-broadcast-is-the-kernel-s-and-passes-the-hook"),
		TEST(hash_broadcasts, "power-a-hash-lpid-goes-by-the-partition-table"),
		TEST(topology, "power-cores-are-the-threads-that-share-a-tlb"),
		TEST(hcall_pages, "power-hcall-a-page-has-its-size"),
		TEST(hcall_ranges, "power-hcall-a-run-is-one-range"),
		TEST(hcall_lpid, "power-hcall-whole-lpid"),
		TEST(hcall_nothing_else, "power-hcall-a-partition-executes-nothing-of-a-hypervisor"),
		TEST(hcall_busy, "power-hcall-asks-again-while-busy"),
		TEST(hcall_refused, "power-hcall-refused-is-the-kernel-s"),
		TEST(refusals, "power-each-unfit-machine-has-its-sentence"),
	};
	int failed = 0;
	size_t i;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int bad = _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);

		fflush(NULL);
		printf("KHT-%s %s%s\n", bad ? "FAIL" : "PASS", tests[i].name, bad ? ": see cmocka's message above" : "");
		fflush(stdout);
		failed += !!bad;
	}
	return failed != 0;
}
