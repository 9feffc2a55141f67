// SPDX-License-Identifier: GPL-2.0-only
/*
 * The executor of a host that is itself a partition (pseries). It may neither
 * execute tlbie nor touch LPIDR: the hypervisor flushes for it, with one of two
 * hypercalls. Both reach every CPU of the machine, and are complete on return.
 * So a whole partition is one core to the ledger (kht_core_of()), and a flush
 * at entry is the same as a broadcast.
 *
 * The hypervisor runs a nested guest with translations of its own making. They
 * combine this host's table with the partition's, in shadow tables
 * (book3s_hv_nested.c for the API v1) or in whatever a hypervisor with the API
 * v2 has, and so may be as old as the last flush that named them. That is a TLB
 * that happens to be large. It fills while one of the guest's vCPUs is in
 * H_ENTER_NESTED or H_GUEST_RUN_VCPU, or when H_COPY_TOFROM_GUEST asks for it,
 * and is used there alone. Each of these is between a mark and its end.
 * doc/design.md, "A host that is a partition".
 *
 * A hypervisor may refuse. Then the kernel's own function flushes the LPID, as
 * it would without the module; it complains, or panics, where it is refused as
 * well.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/processor.h>
#include <asm/firmware.h>
#include <asm/hvcall.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include "compat/kvm_book3s.h"
#include "core/ledger.h"
#include "power/flush.h"
#include "power/hcalls.h"
#include "instructions.h"

#define RIC_TLB		0
#define RIC_ALL		2
#define IS_LPID		0x800UL		/* IS=2 of tlbie's RB */

static flush_lpid_fn kernel_flush;
static atomic_t refusals;

void kht_hcalls_use(flush_lpid_fn fn)
{
	WRITE_ONCE(kernel_flush, fn);
}

static bool has_ranges(void)
{
	return firmware_has_feature(FW_FEATURE_RPT_INVALIDATE);
}

bool kht_takes_runs(void)
{
	return has_ranges();
}

void kht_hcalls_status(struct kht_hcalls_status *status)
{
	status->api = kht_nested_v2() ? 2 : 1;
	status->call = has_ranges() ? "H_RPT_INVALIDATE" : "H_TLB_INVALIDATE";
	status->refusals = atomic_read(&refusals);
}

/* The hypervisor says H_BUSY when it wants to be asked again. */
#define ask(...) ({								\
	long rc_;								\
										\
	while ((rc_ = plpar_hcall_norets(__VA_ARGS__)) == H_BUSY)		\
		cpu_relax();							\
	rc_;									\
})

/*
 * Is the kernel's LPID-wide form for @lpid to be used, since the hypervisor has
 * answered @rc?
 */
static bool refused(u32 lpid, long rc)
{
	if (likely(rc == H_SUCCESS) || kht_mutant(KHT_MUT_REFUSAL_IGNORED))
		return false;
	atomic_inc(&refusals);
	pr_warn_ratelimited("the hypervisor refuses a flush of LPID %u (rc %ld); the kernel flushes it\n",
			    lpid, rc);
	kht_broadcast_begin();
	kernel_flush(lpid);
	kht_broadcast_end();
	return true;
}

static unsigned long size_of(unsigned int shift)
{
	switch (shift) {
	case 16:
		return H_RPTI_PAGE_64K;
	case 21:
		return H_RPTI_PAGE_2M;
	case 30:
		return H_RPTI_PAGE_1G;
	default:
		return H_RPTI_PAGE_4K;
	}
}

static u64 end_of(u64 run)
{
	u64 end = kht_page_gpa(run) + kht_run_bytes(run);

	return kht_mutant(KHT_MUT_SHORT_RANGE) ? end - (1ULL << kht_page_shift(run)) : end;
}

static long ask_for_run(u32 lpid, u64 run)
{
	u64 gpa = kht_page_gpa(run);
	unsigned int shift = kht_page_shift(run);

	if (has_ranges())
		return ask(H_RPT_INVALIDATE, lpid, H_RPTI_TARGET_CMMU, H_RPTI_TYPE_NESTED | H_RPTI_TYPE_TLB,
			   size_of(shift), gpa, end_of(run));
	return ask(H_TLB_INVALIDATE, H_TLBIE_P1_ENC(RIC_TLB, 0, 1), lpid, gpa | kht_actual_page(shift) << 5);
}

/*
 * With what is cached of the partition table's entry, as kvmhv_flush_lpid()
 * does it.
 */
static long ask_for_lpid(u32 lpid)
{
	if (has_ranges())
		return ask(H_RPT_INVALIDATE, lpid, H_RPTI_TARGET_CMMU, H_RPTI_TYPE_NESTED | H_RPTI_TYPE_NESTED_ALL,
			   H_RPTI_PAGE_ALL, 0, -1UL);
	return ask(H_TLB_INVALIDATE, H_TLBIE_P1_ENC(RIC_ALL, 0, 1), lpid, IS_LPID);
}

/*
 * The PTE changes reach memory before the hypervisor reads the table again.
 * litmus: entry-refill
 */
void kht_hcall_flush(u32 lpid)
{
	kht_ptesync();
	refused(lpid, ask_for_lpid(lpid));
}

/*
 * The same for pages, or runs of pages where the hypervisor takes ranges.
 * litmus: entry-refill
 */
void kht_hcall_pages(u32 lpid, const u64 *runs, u32 n)
{
	u32 i;

	kht_ptesync();
	for (i = 0; i < n; i++)
		if (refused(lpid, ask_for_run(lpid, runs[i])))
			return;
}
