// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executors: what the decisions of src/core do to this machine.
 *
 * Local flushes are tlbiel of the LPID in LPIDR, partition scope (PRS=0) or
 * process scope (PRS=1). Broadcasts go through the kernel's own functions,
 * which carry the POWER9 errata (CPU_FTR_P9_TLBIE_STQ_BUG,
 * CPU_FTR_P9_TLBIE_ERAT_BUG): there is no tlbie in this module.
 *
 * A host that is a partition executes none of them: hcalls.c does it by
 * hypercall.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <asm/cpu_has_feature.h>
#include <asm/cputhreads.h>
#include <asm/firmware.h>
#include <asm/hw_irq.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <asm/mmu.h>
#include <asm/reg.h>
#include <asm/tlbflush.h>
#include "core/env.h"
#include "module/faults.h"
#include "power/flush.h"
#include "power/hcalls.h"
#include "instructions.h"

#define POWER9_RADIX_SETS	128	/* arch/powerpc/include/asm/book3s/64/mmu-hash.h */
#define POWER10_RADIX_SETS	1
#define RIC_TLB		0	/* ISA 3.0B Book III 5.9.3.3: TLB only */
#define RIC_ALL		2	/* TLB, page walk cache, caching of partition or process table */
#define IS_LPID		PPC_BIT(52)	/* IS=2: every entry of LPIDR */
#define IS_ALL		(PPC_BIT(52) | PPC_BIT(53))	/* IS=3: of every LPID */
#define SET_STEP	PPC_BIT(51)

unsigned int kht_tlb_sets(void)
{
	return cpu_has_feature(CPU_FTR_ARCH_31) ? POWER10_RADIX_SETS : POWER9_RADIX_SETS;
}

bool kht_in_partition;

const char *kht_power_choose(void)
{
	if (!IS_ENABLED(CONFIG_PPC_PSERIES) && !cpu_has_feature(CPU_FTR_HVMODE))
		return "this host is itself a guest (no hypervisor mode), and its kernel has no CONFIG_PPC_PSERIES";
	if (!cpu_has_feature(CPU_FTR_ARCH_300))
		return "POWER8 and older are not supported";
	if (!radix_enabled())
		return "the host does not use radix translation";
	if (cpu_has_feature(CPU_FTR_P9_RADIX_PREFETCH_BUG))
		return "this POWER9 revision prefetches translations of the wrong LPID (CPU_FTR_P9_RADIX_PREFETCH_BUG)";
	kht_in_partition = !cpu_has_feature(CPU_FTR_HVMODE);
	return NULL;
}

/*
 * An ultravisor keeps the partition table. Writing an entry again, which is how
 * the kernel flushes a hash guest's LPID (kht_hash_broadcast_lpid()), then
 * registers it with the ultravisor and prints a line
 * (mmu_partition_table_set_entry()).
 */
const char *kht_power_unfit_for_hash(void)
{
	if (kht_by_hcall())
		return "a partition runs radix guests only";
	if (firmware_has_feature(FW_FEATURE_ULTRAVISOR) || kht_fault_name("ultravisor"))
		return "an ultravisor keeps the partition table";
	return NULL;
}

static bool alone;

void kht_siblings_serve(bool serve)
{
	WRITE_ONCE(alone, !serve);
}

/*
 * In a partition each flush reaches every CPU (hcalls.c): who has settled has
 * done so for all.
 */
struct kht_core kht_core_of(unsigned int cpu)
{
	if (kht_by_hcall())
		return (struct kht_core){ .first = 0, .last = nr_cpu_ids - 1, .step = 1 };
	return (struct kht_core){
		.first = cpu_first_tlb_thread_sibling(cpu),
		.last = cpu_last_tlb_thread_sibling(cpu),
		.step = cpu_tlb_thread_sibling_step(),
		.alone = READ_ONCE(alone),
	};
}

/*
 * In hypervisor state the operand R counts, whatever the host's own translation
 * is (ISA 3.0B Book III 5.9.3.3). The kernel flushes hash guests in real mode,
 * with the guest's LPCR in force (flush_guest_tlb()); doing it with that of a
 * radix host has been tried on QEMU only.
 */
#define R_HASH	0
#define R_RADIX	1

/*
 * Borrows LPIDR. Interrupts are hard-disabled: an interrupt between the two
 * writes would run host code with a guest's LPID. The first ptesync completes
 * the PTE changes that the coming invalidations are about.
 */
struct borrow {
	unsigned long flags, msr, lpid;
};

/* litmus: entry-refill */
static void borrow_lpidr(struct borrow *b, u32 lpid)
{
	local_irq_save(b->flags);
	b->msr = mfmsr();
	__hard_irq_disable();
	b->lpid = mfspr(SPRN_LPID);
	kht_ptesync();
	mtspr(SPRN_LPID, kht_mutant(KHT_MUT_WRONG_LPID) ? b->lpid : lpid);
	isync();
}

/*
 * The ERAT is per thread and a tlbiel by congruence class leaves it alone
 * (Linux commit fa73b8fa2b52), so it goes last, as in flush_guest_tlb().
 * litmus: settle-ptesync
 */
static __always_inline void return_lpidr(struct borrow *b, bool whole_erat)
{
	kht_ptesync();
	if (kht_mutant(KHT_MUT_KEEP_ERAT))
		;
	else if (whole_erat)
		kht_forget_erat();
	else
		kht_forget_guest_erat();
	mtspr(SPRN_LPID, b->lpid);
	isync();
	if (b->msr & MSR_EE)
		__hard_irq_enable();
	local_irq_restore(b->flags);
}

static unsigned int sets(unsigned int n)
{
	return kht_mutant(KHT_MUT_ONE_SET) ? 1 : n;
}

/*
 * Every congruence class; RIC=2 takes one of them, and what there is beside the
 * TLB.
 */
static __always_inline void radix_sets(unsigned long is, int prs)
{
	unsigned int set;

	if (kht_mutant(KHT_MUT_WALK_CACHE_KEPT))
		kht_tlbiel(is, RIC_TLB, prs, R_RADIX);
	else
		kht_tlbiel(is, RIC_ALL, prs, R_RADIX);
	for (set = 1; set < sets(kht_tlb_sets()); set++)
		kht_tlbiel(is + set * SET_STEP, RIC_TLB, prs, R_RADIX);
}

/*
 * All of a radix guest, as the kernel does it (tlbiel_all_isa300() in
 * radix_tlb.c): the partition scope first, then the process scope. By
 * congruence class, PRS=0 names classes of guest real addresses. Nothing says
 * that it takes what a core has combined from both scopes, which lies in the
 * class of an effective address. Where a page is named (kht_local_pages()), and
 * in every broadcast of the kernel, PRS=0 has to be enough. Stock's own flush
 * at entry, flush_guest_tlb(), is PRS=1 alone, since what it settles is of the
 * process scope.
 *
 * On POWER9 that is 256 instructions, on POWER10 two.
 */
static void radix_both_scopes(unsigned long is)
{
	if (!kht_mutant(KHT_MUT_WRONG_SCOPE))
		radix_sets(is, 0);
	if (!kht_mutant(KHT_MUT_NO_COMBINED))
		radix_sets(is, 1);
}

/*
 * All of a hash guest, as the kernel does it (tlbiel_all_isa300() in
 * hash_utils.c): RIC=2 is for the cached entries of the partition table and,
 * with PRS=1, of the process table, which hash guests do not use. Every class
 * of the TLB, the first too, is RIC=0: 258 instructions in all. Stock's own
 * flush at entry is RIC=0 alone.
 */
static void hash_sets(unsigned long is)
{
	unsigned int set;

	kht_tlbiel(is, RIC_ALL, 0, R_HASH);
	kht_tlbiel(is, RIC_ALL, 1, R_HASH);
	for (set = 0; set < sets(KHT_HASH_SETS); set++)
		kht_tlbiel(is + set * SET_STEP, RIC_TLB, 0, R_HASH);
}

void kht_local_flush(u32 lpid)
{
	struct borrow b;

	if (kht_by_hcall())
		return kht_hcall_flush(lpid);
	borrow_lpidr(&b, lpid);
	radix_both_scopes(IS_LPID);
	return_lpidr(&b, false);
}

void kht_local_flush_process(u32 lpid)
{
	struct borrow b;

	borrow_lpidr(&b, lpid);
	if (kht_mutant(KHT_MUT_PROCESS_BY_PARTITION))
		radix_sets(IS_LPID, 0);
	else
		radix_sets(IS_LPID, 1);
	return_lpidr(&b, false);
}

void kht_hash_local_flush(u32 lpid)
{
	struct borrow b;

	borrow_lpidr(&b, lpid);
	hash_sets(IS_LPID);
	return_lpidr(&b, true);
}

/*
 * As the kernel does on a thread that first starts (tlbiel_all()). LPIDR means
 * nothing to IS=3. The physical CPUs of a partition do not come and go with its
 * own: the hypervisor sees to them.
 */
void kht_local_flush_all(void)
{
	struct borrow b;

	if (kht_by_hcall())
		return;
	borrow_lpidr(&b, mfspr(SPRN_LPID));
	radix_both_scopes(IS_ALL);
	return_lpidr(&b, true);
}

void kht_hash_local_flush_all(void)
{
	struct borrow b;

	borrow_lpidr(&b, mfspr(SPRN_LPID));
	hash_sets(IS_ALL);
	return_lpidr(&b, true);
}

/* AP field of a radix page size (ISA 3.0B Book III figure "AP encodings"). */
unsigned long kht_actual_page(unsigned int shift)
{
	if (kht_mutant(KHT_MUT_WRONG_PAGE_SIZE))
		shift = shift == 21 ? 30 : 21;
	switch (shift) {
	case 16:
		return 5;
	case 21:
		return 1;
	case 30:
		return 2;
	default:
		return 0;	/* 4K */
	}
}

void kht_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	struct borrow b;
	u32 i;

	if (kht_by_hcall())
		return kht_hcall_pages(lpid, pages, n);
	borrow_lpidr(&b, lpid);
	for (i = 0; i < n; i++)
		kht_tlbiel(kht_page_gpa(pages[i]) |
			   kht_actual_page(kht_page_shift(pages[i])) << PPC_BITLSHIFT(58),
			   RIC_TLB, 0, R_RADIX);
	return_lpidr(&b, false);
}

void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n)
{
	struct borrow b;
	u32 i;

	borrow_lpidr(&b, lpid);
	for (i = 0; i < n; i++)
		kht_tlbiel(rbs[i], RIC_TLB, 0, R_HASH);
	return_lpidr(&b, true);
}

/* A hypercall has flushed every ERAT. */
void kht_local_sync(u32 lpid)
{
	struct borrow b;

	if (kht_by_hcall() || kht_mutant(KHT_MUT_SYNC_KEEPS_ERAT))
		return;
	borrow_lpidr(&b, lpid);
	return_lpidr(&b, false);
}

void kht_hash_local_sync(u32 lpid)
{
	struct borrow b;

	borrow_lpidr(&b, lpid);
	return_lpidr(&b, true);
}

/*
 * Of a partition's guests the hypervisor does it, when it moves their vCPUs.
 * litmus: put-order
 */
void kht_complete_guest_flushes(bool gtse)
{
	if (kht_by_hcall())
		return;
	if (gtse)
		kht_tlbsync();
	else
		kht_ptesync();
}

/* litmus: leave-update */
void kht_complete_updates(void)
{
	kht_ptesync();
}

static DEFINE_PER_CPU(unsigned int, broadcasting);

bool kht_broadcasting(void)
{
	return __this_cpu_read(broadcasting);
}

void kht_broadcast_begin(void)
{
	preempt_disable();
	__this_cpu_inc(broadcasting);
}

void kht_broadcast_end(void)
{
	__this_cpu_dec(broadcasting);
	preempt_enable();
}

void kht_broadcast_page(u32 lpid, u64 page)
{
	if (kht_by_hcall())
		return kht_hcall_pages(lpid, &page, 1);
	kht_broadcast_begin();
	radix__flush_tlb_lpid_page(lpid, kht_page_gpa(page), 1UL << kht_page_shift(page));
	kht_broadcast_end();
}

void kht_broadcast_lpid(u32 lpid)
{
	if (kht_by_hcall())
		return kht_hcall_flush(lpid);
	kht_broadcast_begin();
	radix__flush_all_lpid(lpid);
	kht_broadcast_end();
}

void kht_hash_broadcast_page(struct kvm *kvm, __be64 *hpte, unsigned long index)
{
	kht_broadcast_begin();
	kvmppc_invalidate_hpte(kvm, hpte, index);
	kht_broadcast_end();
}

static set_partition_fn set_partition;

void kht_hash_use(set_partition_fn fn)
{
	WRITE_ONCE(set_partition, fn);
}

/*
 * The kernel flushes the whole LPID of a hash guest in one place only, where it
 * writes the partition table (flush_partition()), and is in doubt there whether
 * the errata of tlbie need a fix-up. One page's tlbie after it, here of a page
 * that does not matter, brings all of them. Where kvm-hv has no such function,
 * nothing of a hash guest was deferred.
 */
void kht_hash_broadcast_lpid(struct kvm *kvm)
{
	__be64 nothing[2] = { 0 };

	kht_broadcast_begin();
	if (set_partition)
		set_partition(kvm);
	kvmppc_invalidate_hpte(kvm, nothing, 0);
	kht_broadcast_end();
}
