// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1 is two small programs (g_hcall, g_nested): it makes the hcalls of a
 * hypervisor, and hands each trap of an L2 to the VMM, which maps all of L1's
 * memory and is the rest of that hypervisor. An L2 runs the same programs as any
 * guest: its real addresses from 0 are L1's, so it shares their code and the
 * mailbox of its vCPU. Its data has an address of its own, so that an invalidation
 * that names the wrong one is not right by chance.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nested.h"

#define LARGE_PAGE	65536
#define TABLES_SLOT	2
#define TABLES_GPA	0x80000000ULL
#define L2_DATA		0x20000000ULL
#define L2_DATA_SIZE	0x08000000ULL
#define FIRST_NUMBER	77
#define PATIENCE_NS	(60ULL * 1000000000)

#define H_RPT_INVALIDATE	0x448
#define H_SET_PARTITION_TABLE	0xf800
#define H_TLB_INVALIDATE	0xf808
/* H_RPT_INVALIDATE: of all CPUs; a nested guest's TLB; pages of 4K or 64K */
#define RPT_ALL_CPUS	1
#define RPT_NESTED_TLB	(1 | 2)
#define RPT_4K		1
#define RPT_64K		2
/* H_TLB_INVALIDATE takes the operands of a tlbie: RIC and R of its word, RB. */
#define TLBIE_R		(1 << 16)
#define TLBIE_RIC	18
#define RB_AP		5
#define RB_AP_64K	5
#define RB_LPID		(2 << 10)
#define RB_ALL		(3 << 10)

#define VALID		(1ULL << 63)
#define LEAF		(1ULL << 62)
#define REAL_MASK	0x01fffffffffff000ULL
#define TREE_52_BITS	(2ULL << 61 | 5 << 5)
#define ROOT_BITS	13
#define TABLE_BITS	9
#define TABLE_SIZE	(1 << TABLE_BITS)
#define LEAF_REACH	(1ULL << 21)
#define NR_LEAVES	30

#define L2_MSR		(1ULL << 63 | 1ULL << 12 | 1)	/* SF, ME, LE */
#define HISI_REASONS	0xffff0000ULL	/* with the MSR, of an HISI */
#define LPCR_ILE	(1ULL << 25)
#define PPR_MEDIUM	(4ULL << 50)

#define TRAP_HCALL	0xc00
#define TRAP_HDSI	0xe00
#define TRAP_HISI	0xe20

/* What H_ENTER_NESTED reads and writes; version 2, in L1's byte order. */
struct l2_state {
	u64 version;
	unsigned int lpid, token;
	u64 lpcr, pcr, amor, dpdes, hfscr, tb_offset, dawr0, dawrx0, ciabr, hdec_expiry;
	u64 purr, spurr, ic, vtb, hdar, hdsisr, heir, asdr;
	u64 srr0, srr1, sprg[4], pidr, cfar, ppr, dawr1, dawrx1;
};

struct l2_regs {
	u64 gpr[32], nip, msr, rest[14];
};

static_assert(sizeof(struct l2_state) == 248 && sizeof(struct l2_regs) == 384, "the kernel's sizes");

struct tree {
	u64 root[1 << ROOT_BITS];
	u64 upper[TABLE_SIZE], middle[TABLE_SIZE], leaf[NR_LEAVES][TABLE_SIZE];
};

/* One hcall of g_hcall */
struct hcall_block {
	u64 nr, args[6], result;
};

struct l1_memory {
	struct tree tree[NR_L2];
	/* 256 entries of two words, and by itself in a page of any kernel */
	u64 partition_table[TABLE_SIZE] __attribute__((aligned(LARGE_PAGE)));
	struct {
		struct l2_state state;
		struct l2_regs regs;
		struct hcall_block hcall;
	} vcpu[MAX_VCPUS] __attribute__((aligned(LARGE_PAGE)));
};

static_assert(sizeof(struct tree) % sizeof(((struct tree *)0)->root) == 0, "a tree is aligned as its root");

static u64 gpa(const struct l1 *l1, const volatile void *p)
{
	return TABLES_GPA + ((u64)p - (u64)l1->memory);
}

static u64 directory(const struct l1 *l1, const u64 *table, u64 bits)
{
	return htobe64(VALID | gpa(l1, table) | bits);
}

static u64 leaf_bits(void)
{
	return 21 - __builtin_ctzll(page_size);
}

/* The entry of an L2 real address below 1G; its tables are made when they are missing. */
static volatile u64 *entry(struct l2 *l2, u64 address)
{
	volatile u64 *middle = &l2->tree->middle[address / LEAF_REACH];
	u64 table;

	if (address >> 30)
		die("L2 has no real address %#llx.", address);
	if (!*middle) {
		if (l2->nleaves == NR_LEAVES)
			die("L1 has no table for L2's address %#llx; use fewer pages.", address);
		*middle = directory(l2->l1, l2->tree->leaf[l2->nleaves++], leaf_bits());
	}
	table = (be64toh(*middle) & REAL_MASK) - gpa(l2->l1, l2->tree->leaf);
	return &l2->tree->leaf[0][table / sizeof(u64) + address % LEAF_REACH / page_size];
}

static void set_entry(struct l2 *l2, u64 address, u64 l1_real, u64 bits)
{
	*entry(l2, address) = htobe64(VALID | LEAF | l1_real | bits);
}

u64 l2_pte(struct l2 *l2, u64 address)
{
	return be64toh(*entry(l2, address));
}

void l2_set_bits(struct l2 *l2, u64 address, u64 bits)
{
	set_entry(l2, address, l2_pte(l2, address) & REAL_MASK, bits);
}

u64 l2_real(const struct l2 *l2, u64 page)
{
	return l2->data + page * page_size;
}

void l2_map(struct l2 *l2, u64 page, u64 l1_page, u64 bits)
{
	set_entry(l2, l2_real(l2, page), DATA_GPA + l1_page * page_size, bits);
}

void *l1_partition_table(const struct l1 *l1)
{
	return l1->memory->partition_table;
}

void l2_map_2m(struct l2 *l2, u64 page, u64 l1_page)
{
	l2->tree->middle[l2_real(l2, page) / LEAF_REACH] =
		htobe64(VALID | LEAF | (DATA_GPA + l1_page * page_size) | PTE_ALL);
}

void l2_set_entry(struct l2 *l2, bool on)
{
	u64 dw0 = VALID | TREE_52_BITS | gpa(l2->l1, l2->tree->root) | ROOT_BITS;

	l2->l1->memory->partition_table[2 * l2->number] = on ? htobe64(dw0) : 0;
}

void l2_own_tables(struct l2 *l2, u64 process_table)
{
	l2->l1->memory->partition_table[2 * l2->number + 1] = htobe64(PATB_GR | process_table);
}

static void l2_init(struct l1 *l1, u64 i)
{
	struct l2 *l2 = &l1->l2[i];

	l2->l1 = l1;
	l2->number = FIRST_NUMBER + i;
	l2->data = L2_DATA + i * L2_DATA_SIZE;
	l2->tree = &l1->memory->tree[i];
	l2->tree->root[0] = directory(l1, l2->tree->upper, TABLE_BITS);
	l2->tree->upper[0] = directory(l1, l2->tree->middle, TABLE_BITS);
	for (u64 at = 0; at < SYSTEM_SIZE; at += page_size)
		set_entry(l2, at, at, PTE_ALL);
	l2_set_entry(l2, true);
}

static void must(int result, const char *what)
{
	if (result < 0)
		die("%s failed: %s.", what, strerror(errno));
}

static u64 memory_size(void)
{
	return (sizeof(struct l1_memory) + page_size - 1) / page_size * page_size;
}

/* mmap() aligns to pages of this kernel only. */
static void *aligned_data(u64 size)
{
	char *all = small_alloc((size + LARGE_PAGE) / page_size);
	char *p = (char *)(((u64)all + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);

	if (p > all)
		munmap(all, p - all);
	if (p < all + LARGE_PAGE)
		munmap(p + size, all + LARGE_PAGE - p);
	return p;
}

static void add_memory(struct l1 *l1)
{
	struct kvm_userspace_memory_region region = {
		.slot = TABLES_SLOT, .guest_phys_addr = TABLES_GPA, .memory_size = memory_size(),
	};

	l1->memory = aligned_data(memory_size());
	region.userspace_addr = (u64)l1->memory;
	must(ioctl(l1->vm.fd, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION for L1's tables");
}

/* Any hcall, as L1 makes it. */
static void hcall(struct vcpu *vcpu, u64 nr, const u64 args[6])
{
	struct l1 *l1 = (struct l1 *)vcpu->vm;
	struct hcall_block *block = &l1->memory->vcpu[vcpu->id].hcall;
	u64 program_args[6] = { gpa(l1, block) };

	block->nr = nr;
	memcpy(block->args, args, sizeof(block->args));
	vcpu_call(vcpu, g_hcall, program_args);
	if (block->result)
		wrong("the kernel answers L1's hcall %#llx with %lld.", nr, (long long)block->result);
	l1_mark_returned(l1);
}

static void enable(struct l1 *l1, u64 cap, u64 arg0, u64 arg1, const char *what)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg0, arg1 } };

	must(ioctl(l1->vm.fd, KVM_ENABLE_CAP, &enable), what);
}

void l1_create(struct l1 *l1, u64 nvcpus, void *data, u64 pages)
{
	u64 args[6] = { 0 };

	static_assert(offsetof(struct l1, vm) == 0, "a vCPU's VM is its L1");
	memset(l1, 0, sizeof(*l1));
	/* What this thread has destroyed is not the newest. */
	counts_newest_lpid();
	vm_create(&l1->vm, nvcpus, data, pages);
	enable(l1, KVM_CAP_PPC_NESTED_HV, 1, 0, "KVM_CAP_PPC_NESTED_HV");
	enable(l1, KVM_CAP_PPC_ENABLE_HCALL, H_RPT_INVALIDATE, 1, "enabling H_RPT_INVALIDATE");
	add_memory(l1);
	for (u64 i = 0; i < NR_L2; i++)
		l2_init(l1, i);
	for (u64 i = 0; i < nvcpus; i++)
		l1->l2_vcpu[i] = i;
	args[0] = gpa(l1, l1->memory->partition_table);
	hcall(&l1->vm.vcpus[0], H_SET_PARTITION_TABLE, args);
}

void l1_mark_returned(const struct l1 *l1)
{
	mark_returned(l1->vm.lpid);
	for (u64 i = 0; i < NR_L2; i++)
		if (l1->l2[i].shadow)
			mark_returned(l1->l2[i].shadow);
}

/* Whoever else holds the VM for a moment must be done: the next one may get its debugfs directory's name. */
bool l1_destroy(struct l1 *l1)
{
	u64 deadline = now_ns() + PATIENCE_NS;
	bool late = false;
	char path[64];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d", getpid(), l1->vm.fd);
	vm_destroy(&l1->vm);
	l1_mark_returned(l1);
	munmap(l1->memory, memory_size());
	for (; !access(path, F_OK); late = true) {
		if (now_ns() > deadline)
			wrong("the VM is closed and still there.");
		usleep(1000);
	}
	return late;
}

static void tlbie(struct vcpu *vcpu, u64 number, u64 ric, u64 rb)
{
	u64 args[6] = { TLBIE_R | ric << TLBIE_RIC, number, rb };

	hcall(vcpu, H_TLB_INVALIDATE, args);
}

void l1_flush_page(struct vcpu *vcpu, const struct l2 *l2, u64 page)
{
	tlbie(vcpu, l2->number, 0, l2_real(l2, page) | (page_size > 4096 ? RB_AP_64K << RB_AP : 0));
}

void l1_flush(struct vcpu *vcpu, const struct l2 *l2, u64 ric)
{
	tlbie(vcpu, l2->number, ric, RB_LPID);
}

void l1_flush_all(struct vcpu *vcpu, u64 ric)
{
	tlbie(vcpu, 0, ric, RB_ALL);
}

void l1_flush_range(struct vcpu *vcpu, const struct l2 *l2, u64 first, u64 count)
{
	u64 args[6] = {
		l2->number, RPT_ALL_CPUS, RPT_NESTED_TLB, page_size > 4096 ? RPT_64K : RPT_4K,
		l2_real(l2, first), l2_real(l2, first + count),
	};

	hcall(vcpu, H_RPT_INVALIDATE, args);
}

/* The L2 made an hcall. Returns whether it goes on. */
static bool l2_hcall(struct vcpu *vcpu, struct l2_regs *regs)
{
	u64 *gpr = regs->gpr;

	switch (gpr[3]) {
	case HC_DONE:
		return false;
	case HC_NOP:
		gpr[3] = 0;
		if (vcpu->l2_on_nop)
			vcpu->l2_on_nop(vcpu);
		return true;
	case HC_WRONG:
		wrong("an L2 on vCPU %llu read %#llx at its address %#llx where %#llx was stored.",
		      vcpu->id, gpr[5], gpr[4], gpr[6]);
	default:
		wrong("an L2 on vCPU %llu made the hcall %#llx (%#llx, %#llx, %#llx).",
		      vcpu->id, gpr[3], gpr[4], gpr[5], gpr[6]);
	}
}

static void l2_faults(struct l1 *l1, struct l2_fault fault)
{
	if (!l1->on_fault)
		wrong("a fault of L2 %llu at %#llx (DSISR %#llx) comes to L1, whose entry %#llx allows all.",
		      fault.l2->number, fault.address, fault.dsisr, l2_pte(fault.l2, fault.address));
	l1->on_fault(&fault);
}

/* In the vCPU's thread: H_ENTER_NESTED has returned something else than 0. */
static void on_trap(struct vcpu *vcpu)
{
	struct l1 *l1 = (struct l1 *)vcpu->vm;
	struct l2_state *state = &l1->memory->vcpu[vcpu->id].state;
	struct l2_regs *regs = &l1->memory->vcpu[vcpu->id].regs;
	struct l2 *l2 = l1->running[vcpu->id];
	u64 trap = vcpu->run->papr_hcall.args[0];

	switch (trap) {
	case TRAP_HCALL:
		vcpu->run->papr_hcall.ret = !l2_hcall(vcpu, regs);
		break;
	case TRAP_HDSI:
		l2_faults(l1, (struct l2_fault) {
			l2, (state->asdr & REAL_MASK) | state->hdar % 4096, state->hdsisr, false });
		break;
	case TRAP_HISI:
		l2_faults(l1, (struct l2_fault) { l2, state->asdr & REAL_MASK, regs->msr & HISI_REASONS, true });
		regs->msr &= ~HISI_REASONS;
		break;
	default:
		wrong("H_ENTER_NESTED of L2 %llu returns %#llx (L2 at %#llx).", l2->number, trap, regs->nip);
	}
}

/* Returns the arguments of g_nested. */
static void l2_prepare(struct vcpu *vcpu, struct l2 *l2, u64 pc, const u64 args[6], u64 l1_args[6])
{
	struct l1 *l1 = l2->l1;
	struct l2_state *state = &l1->memory->vcpu[vcpu->id].state;
	struct l2_regs *regs = &l1->memory->vcpu[vcpu->id].regs;

	*state = (struct l2_state) {
		.version = 2, .lpid = l2->number, .token = l1->l2_vcpu[vcpu->id],
		.lpcr = LPCR_ILE, .hdec_expiry = NEVER, .ppr = PPR_MEDIUM,
	};
	*regs = (struct l2_regs) { .nip = pc, .msr = L2_MSR };
	memcpy(&regs->gpr[3], args, 6 * sizeof(u64));
	l1->running[vcpu->id] = l2;
	vcpu->on_nop = on_trap;
	l1_args[0] = gpa(l1, state);
	l1_args[1] = gpa(l1, regs);
}

void l2_call(struct vcpu *vcpu, struct l2 *l2, u64 pc, const u64 args[6])
{
	u64 l1_args[6] = { 0 };

	l2_prepare(vcpu, l2, pc, args, l1_args);
	if (!l2->shadow)
		counts_newest_lpid();
	vcpu_call(vcpu, g_nested, l1_args);
	if (!l2->shadow)
		l2->shadow = counts_newest_lpid();
}

void l2_start(struct vcpu *vcpu, int cpu, struct l2 *l2, u64 pc, const u64 args[6])
{
	u64 l1_args[6] = { 0 };

	if (!l2->shadow)
		die("L2 %llu has to be entered by this thread first, which learns its LPID.", l2->number);
	l2_prepare(vcpu, l2, pc, args, l1_args);
	vcpu_start(vcpu, cpu, g_nested, l1_args);
}

u64 l2_program(const char *program)
{
	return program - guest_start;
}

void l2_fill(struct vcpu *vcpu, struct l2 *l2, u64 first, u64 count, u64 value, u64 old, u64 step)
{
	u64 args[6] = { l2_real(l2, first), page_size, count, value, old, step };

	l2_call(vcpu, l2, l2_program(g_fill), args);
}

void l2_pass_start(struct vcpu *vcpu, int cpu, struct l2 *l2, u64 first, u64 count, u64 exit_mask)
{
	u64 args[6] = { mbox_gpa(vcpu), l2_real(l2, first), page_size, count, NEVER, exit_mask };

	vcpu->mbox[MBOX_STOP / 8] = 0;
	l2_start(vcpu, cpu, l2, l2_program(g_pass), args);
}

u64 l2_load(struct vcpu *vcpu, struct l2 *l2, u64 page)
{
	u64 args[6] = { mbox_gpa(vcpu), l2_real(l2, page) };

	vcpu->mbox[MBOX_STOP / 8] = 1;
	l2_call(vcpu, l2, l2_program(g_watch), args);
	return watch_seen(vcpu);
}

void l2_map_all(struct l2 *l2)
{
	u64 i = 0;

	for (; opt.backing != SMALL && i + unit_pages() <= opt.pages; i += unit_pages())
		l2_map_2m(l2, i, i);
	for (; i < opt.pages; i++)
		l2_map(l2, i, i, PTE_ALL);
}

u64 l1_both_store(struct l1 *l1, u64 value)
{
	for (u64 i = 0; i < NR_L2; i++) {
		l2_fill(&l1->vm.vcpus[0], &l1->l2[i], 0, opt.pages, value + opt.pages, value, 1);
		value += opt.pages;
	}
	return value;
}

void some_passes(struct vcpu *vcpu)
{
	pass_wait(vcpu, pass_now(vcpu) + 2);
}
