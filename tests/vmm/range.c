// SPDX-License-Identifier: GPL-2.0-only
/*
 * range: H_RPT_INVALIDATE for ranges of every kind, also those that end in the last page before
 * 2^64, where a stock kernel's loop wraps and never ends. Another CPU watches, and gives up on a
 * call that is not answered: the workload says so and ends; its process cannot.
 *   guest   a guest's own translations
 *   nested  an L1 for its L2
 *   l2      an L2 its own; nobody has to allow it
 */
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nested.h"

#define H_RPT_INVALIDATE	0x448
#define H_P5		(-58LL)
#define OF_ALL_CPUS	1
#define NESTED		1
#define TLB		2
#define WALK_CACHE	4
#define PROCESS_TABLE	8
#define SIZE_4K		1
#define SIZE_64K	2
#define SIZE_2M		4
#define SIZE_1G		8
#define SIZE_ALL	15

/* No hcall returns it. */
#define UNANSWERED	0x5a5a5a5a5a5a5a5aLL
#define PATIENCE_NS	(15 * 1000000000ULL)
/* A range has at most 34 pages of each size before the kernel flushes all; see counts.c for other numbers. */
#define TOO_MANY	100000

/* One element of g_hcall_list */
struct call {
	long long in[9], out[9];
};

static const struct range {
	long long type, sizes, start, end;
	bool endless;
} cases[] = {
	{ TLB, SIZE_4K, 0x10000000, 0x10008000, false },
	{ TLB, SIZE_ALL, 0x10000000, 0x10200000, false },
	{ TLB, SIZE_4K, 0x10000123, 0x10004321, false },
	{ TLB, SIZE_4K, 0x1000, 1LL << 60, false },
	{ TLB, SIZE_ALL, 0x5000, 0x5000, false },
	{ TLB, SIZE_4K, 0, -1, false },
	{ TLB | WALK_CACHE, SIZE_ALL, 0, -1, false },
	{ TLB | WALK_CACHE | PROCESS_TABLE, SIZE_ALL, -4096, -1, false },
	{ TLB, SIZE_4K, 0x8000, 0x4000, false },
	{ TLB, SIZE_4K, -0x8000, -1, true },
	{ TLB, SIZE_4K, -4096, -1, true },
	{ TLB, SIZE_4K, -4097, -2, true },
	{ TLB, SIZE_4K, -1, -1, true },
	{ TLB, SIZE_4K, -8192, -4096, true },
	{ TLB, SIZE_4K, -4096, -4096, true },
	{ TLB, SIZE_64K, -0x80000, -0x8000, true },
	{ TLB, SIZE_4K | SIZE_64K, -0x10000, -0xffff, true },
	{ TLB, SIZE_2M, -0x400000, -0x1000, true },
	{ TLB, SIZE_1G, -(1LL << 32), -2, true },
	{ TLB | WALK_CACHE, SIZE_ALL, -0x3000, -1, true },
};

#define NR_CASES (sizeof(cases) / sizeof(cases[0]))

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static u64 most_tlbie, endless;

static void create(void)
{
	struct kvm_enable_cap hcall = { .cap = KVM_CAP_PPC_ENABLE_HCALL, .args = { H_RPT_INVALIDATE, 1 } };

	if (!variant("guest")) {
		l1_create(&l1, 1, data_alloc(opt.pages), opt.pages);
		l2_map_all(&l1.l2[0]);
		l2_wait_adopted(vcpu, &l1.l2[0]);
		return;
	}
	vm_create(vm, 1, data_alloc(opt.pages), opt.pages);
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &hcall))
		die("the kernel cannot enable H_RPT_INVALIDATE.");
}

/* At the beginning of the data, which is one page in every address space. */
static volatile struct call *prepare(const struct range *r)
{
	volatile struct call *call = (volatile struct call *)page_word(vm, 0);
	long long id = variant("nested") ? (long long)l1.l2[0].number : 1;
	long long type = r->type | (variant("nested") ? NESTED : 0);

	*call = (struct call) {
		.in = { H_RPT_INVALIDATE, id, OF_ALL_CPUS, type, r->sizes, r->start, r->end },
		.out = { UNANSWERED },
	};
	return call;
}

static void start(void)
{
	u64 args[6] = { DATA_GPA, 1, sizeof(struct call) };

	if (!variant("l2")) {
		vcpu_start(vcpu, other_core(), g_hcall_list, args);
		return;
	}
	args[0] = l2_real(&l1.l2[0], 0);
	l2_start(vcpu, other_core(), &l1.l2[0], l2_program(g_hcall_list), args);
}

/* Nothing can end the thread that made the call. */
static void give_up(const struct range *r, u64 tlbie)
{
	report_extra("unanswered", 1);
	report_extra("range", r - cases);
	report_extra("tlbie_until_then", tlbie);
	report(vm);
	_exit(EXIT_OK);
}

static void wait_for_answer(volatile struct call *call, const struct range *r)
{
	u64 limit = now_ns() + PATIENCE_NS, before = counts_process_broadcasts(), tlbie = 0;

	start();
	while (call->out[0] == UNANSWERED) {
		tlbie = counts_process_broadcasts() - before;
		if (tlbie > TOO_MANY || now_ns() > limit)
			give_up(r, tlbie);
		usleep(1000);
	}
	vcpu_join(vcpu);
	tlbie = counts_process_broadcasts() - before;
	if (tlbie > most_tlbie)
		most_tlbie = tlbie;
}

static void expect_answer(const struct range *r, long long answer)
{
	/* The kernel lets an L2 name its end before its start, and flushes all. */
	long long expected = (u64)r->end < (u64)r->start && !variant("l2") ? H_P5 : 0;

	if (answer != expected)
		wrong("H_RPT_INVALIDATE of %#llx to %#llx (type %llx, page sizes %llx) is answered %lld and not %lld.",
		      r->start, r->end, r->type, r->sizes, answer, expected);
}

/* What a wrapping range of an L1 names is gone, like everything else of its L2. */
static void expect_flushed(const struct range *r)
{
	u64 address = l2_real(&l1.l2[0], 1);

	if (r->endless && variant("nested") && radix_entry(vm, l1.l2[0].number, address))
		wrong("L1 has invalidated all addresses from %#llx on and the shadow of its L2 is still there.", r->start);
}

static void ask(const struct range *r)
{
	volatile struct call *call;

	if (variant("nested"))
		l2_load(vcpu, &l1.l2[0], 1);
	call = prepare(r);
	wait_for_answer(call, r);
	expect_answer(r, call->out[0]);
	expect_flushed(r);
	endless += r->endless;
}

void ranges(void)
{
	if (ncpus < 2)
		die("a second CPU has to watch.");
	create();
	for (u64 i = 0; i < NR_CASES; i++)
		ask(&cases[i]);
	report_extra("unanswered", 0);
	report_extra("ranges", NR_CASES);
	report_extra("endless_ranges", endless);
	report_extra("most_tlbie", most_tlbie);
	report(vm);
}
