// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executors: what the decisions of src/core do to this machine.
 *
 * Local flushes are tlbiel of the LPID in LPIDR, partition scope (PRS=0) or
 * process scope (PRS=1).
 * Broadcasts go through the kernel's own functions, which carry the POWER9
 * errata (CPU_FTR_P9_TLBIE_STQ_BUG, CPU_FTR_P9_TLBIE_ERAT_BUG): there is no
 * tlbie in this module.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <asm/cpu_has_feature.h>
#include <asm/cputhreads.h>
#include <asm/hw_irq.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <asm/mmu.h>
#include <asm/ppc-opcode.h>
#include <asm/reg.h>
#include <asm/tlbflush.h>
#include "kht_env.h"
#include "kht_power.h"

#define POWER9_RADIX_SETS	128	/* arch/powerpc/include/asm/book3s/64/mmu-hash.h */
#define POWER10_RADIX_SETS	1
/*
 * Of a hash guest: every congruence class, as the kernel's own hash__tlbiel_all() does on
 * both. A guest's tlb_sets is that of radix on a radix host, half of it.
 */
#define HASH_SETS		256

#define RIC_TLB		0	/* ISA 3.0B Book III 5.9.3.3: TLB only */
#define RIC_ALL		2	/* TLB, page walk cache, partition-table caching */
#define IS_LPID		PPC_BIT(52)	/* IS=2: every entry of LPIDR */
#define SET_STEP	PPC_BIT(51)

unsigned int kht_tlb_sets(void)
{
	return cpu_has_feature(CPU_FTR_ARCH_31) ? POWER10_RADIX_SETS : POWER9_RADIX_SETS;
}

const char *kht_power_unfit(void)
{
	if (!cpu_has_feature(CPU_FTR_HVMODE))
		return "this host is itself a guest (no hypervisor mode)";
	if (!cpu_has_feature(CPU_FTR_ARCH_300))
		return "POWER8 and older are not supported";
	if (!radix_enabled())
		return "the host does not use radix translation";
	if (cpu_has_feature(CPU_FTR_P9_RADIX_PREFETCH_BUG))
		return "this POWER9 revision prefetches translations of the wrong LPID (CPU_FTR_P9_RADIX_PREFETCH_BUG)";
	return NULL;
}

struct kht_core kht_core_of(unsigned int cpu)
{
	return (struct kht_core){
		.first = cpu_first_tlb_thread_sibling(cpu),
		.last = cpu_last_tlb_thread_sibling(cpu),
		.step = cpu_tlb_thread_sibling_step(),
	};
}

/*
 * LPIDR names the LPID; @r: 1 radix, 0 hash. In hypervisor state the operand R counts,
 * whatever the host's own translation is (ISA 3.0B Book III 5.9.3.3). The kernel flushes hash
 * guests in real mode, with the guest's LPCR in force (flush_guest_tlb()); doing it with
 * that of a radix host has been tried on QEMU only.
 */
static __always_inline void local_invalidate(unsigned long rb, int ric, int prs, int r)
{
	asm volatile(".machine push; .machine power9; tlbiel %0,%1,%2,%3,%4; .machine pop"
		     : : "r" (rb), "r" (0), "i" (ric), "i" (prs), "i" (r) : "memory");
}

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
	asm volatile("ptesync" : : : "memory");
	mtspr(SPRN_LPID, kht_mutant(KHT_MUT_WRONG_LPID) ? b->lpid : lpid);
	isync();
}

/*
 * The ERAT is per thread and a tlbiel by congruence class leaves it alone
 * (Linux commit fa73b8fa2b52), so it goes last, as in flush_guest_tlb().
 * litmus: settle-ptesync
 */
static __always_inline void return_lpidr(struct borrow *b, int r)
{
	asm volatile("ptesync" : : : "memory");
	if (kht_mutant(KHT_MUT_KEEP_ERAT))
		;
	else if (r)
		asm volatile(PPC_RADIX_INVALIDATE_ERAT_GUEST : : : "memory");
	else
		asm volatile(PPC_ISA_3_0_INVALIDATE_ERAT : : : "memory");
	mtspr(SPRN_LPID, b->lpid);
	isync();
	if (b->msr & MSR_EE)
		__hard_irq_enable();
	local_irq_restore(b->flags);
}

static __always_inline void flush_sets(u32 lpid, int prs, int r, unsigned int sets)
{
	unsigned long rb = IS_LPID;
	unsigned int set;
	struct borrow b;

	borrow_lpidr(&b, lpid);
	local_invalidate(rb, RIC_ALL, prs, r);
	for (set = 1; set < sets && !kht_mutant(KHT_MUT_ONE_SET); set++) {
		rb += SET_STEP;
		local_invalidate(rb, RIC_TLB, prs, r);
	}
	return_lpidr(&b, r);
}

void kht_local_flush(u32 lpid)
{
	if (kht_mutant(KHT_MUT_WRONG_SCOPE))
		flush_sets(lpid, 1, 1, kht_tlb_sets());
	else
		flush_sets(lpid, 0, 1, kht_tlb_sets());
}

void kht_local_flush_process(u32 lpid)
{
	flush_sets(lpid, 1, 1, kht_tlb_sets());
}

void kht_hash_local_flush(u32 lpid)
{
	flush_sets(lpid, 0, 0, HASH_SETS);
}

/* AP field of a radix page size (ISA 3.0B Book III figure "AP encodings"). */
static unsigned long actual_page(unsigned int shift)
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

	borrow_lpidr(&b, lpid);
	for (i = 0; i < n; i++)
		local_invalidate(kht_page_gpa(pages[i]) |
				 actual_page(kht_page_shift(pages[i])) << PPC_BITLSHIFT(58),
				 RIC_TLB, 0, 1);
	return_lpidr(&b, 1);
}

void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n)
{
	struct borrow b;
	u32 i;

	borrow_lpidr(&b, lpid);
	for (i = 0; i < n; i++)
		local_invalidate(rbs[i], RIC_TLB, 0, 0);
	return_lpidr(&b, 0);
}

void kht_local_sync(u32 lpid)
{
	struct borrow b;

	borrow_lpidr(&b, lpid);
	return_lpidr(&b, 1);
}

void kht_hash_local_sync(u32 lpid)
{
	struct borrow b;

	borrow_lpidr(&b, lpid);
	return_lpidr(&b, 0);
}

/* litmus: put-order */
void kht_complete_guest_flushes(bool gtse)
{
	if (gtse)
		asm volatile("eieio; tlbsync; ptesync" : : : "memory");
	else
		asm volatile("ptesync" : : : "memory");
}

/* litmus: leave-update */
void kht_complete_updates(void)
{
	asm volatile("ptesync" : : : "memory");
}

static DEFINE_PER_CPU(unsigned int, broadcasting);

bool kht_broadcasting(void)
{
	return __this_cpu_read(broadcasting);
}

void kht_broadcast_page(u32 lpid, u64 page)
{
	preempt_disable();
	__this_cpu_inc(broadcasting);
	radix__flush_tlb_lpid_page(lpid, kht_page_gpa(page), 1UL << kht_page_shift(page));
	__this_cpu_dec(broadcasting);
	preempt_enable();
}

void kht_broadcast_lpid(u32 lpid)
{
	preempt_disable();
	__this_cpu_inc(broadcasting);
	radix__flush_all_lpid(lpid);
	__this_cpu_dec(broadcasting);
	preempt_enable();
}

void kht_hash_broadcast_page(struct kvm *kvm, __be64 *hpte, unsigned long index)
{
	preempt_disable();
	__this_cpu_inc(broadcasting);
	kvmppc_invalidate_hpte(kvm, hpte, index);
	__this_cpu_dec(broadcasting);
	preempt_enable();
}

static set_partition_fn set_partition;

void kht_hash_use(set_partition_fn fn)
{
	WRITE_ONCE(set_partition, fn);
}

/*
 * The kernel flushes the whole LPID of a hash guest in one place only, where it writes
 * the partition table (flush_partition()), and is in doubt there whether the errata of
 * tlbie need a fix-up. One page's tlbie after it, here of a page that does not matter, brings
 * all of them. Where kvm-hv has no such function, nothing of a hash guest was deferred.
 */
void kht_hash_broadcast_lpid(struct kvm *kvm)
{
	__be64 nothing[2] = { 0 };

	preempt_disable();
	__this_cpu_inc(broadcasting);
	if (set_partition)
		set_partition(kvm);
	kvmppc_invalidate_hpte(kvm, nothing, 0);
	__this_cpu_dec(broadcasting);
	preempt_enable();
}
