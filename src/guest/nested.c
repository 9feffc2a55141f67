// SPDX-License-Identifier: GPL-2.0-only
/*
 * R and C of a nested guest's pages. Three entries describe one page of an L2:
 *
 *	L2 -> L1	in L1's memory, the L1's to change
 *	L1 -> L0	the host's, in the guest's partition-scoped table
 *	L2 -> L0	the shadow, the only one the hardware uses for the L2
 *
 * Invariant 10: the shadow has R or C only if both others have it. Otherwise the
 * L2 changes a page and neither the host's dirty log nor the L1's would know.
 *
 * Clearing (harvest, ageing): the kernel clears the host's entry and calls us in
 * the same mmu_lock section; we clear every shadow that maps the frame. A harvest
 * then flushes the shadow's LPID. The stock kernel flushes the LPID that the L1
 * knows the nested guest by: on hardware the L2 keeps its old C, and what it
 * stores escapes.
 *
 * Setting is the fault path's. When only the bit was missing, host and shadow
 * get it in one mmu_lock section. When the shadow itself is missing, the fault
 * copies the host's entry, gives up mmu_lock, may sleep in an allocation, and
 * inserts the copy later:
 *
 *	fault of the L2				harvest
 *	mmu_lock: copy host entry, C=1
 *						mmu_lock: host C=0; flush
 *						no shadow to clear yet
 *	mmu_lock: insert shadow with C=1
 *
 * and the L2's stores escape again, in every stock kernel so far, and go on to:
 * no later harvest looks at the shadow while the host's entry stays clean. The
 * kernel has the means against it: mmu_invalidate_seq, which the fault reads before
 * the copy (smp_rmb()) and compares before the insertion, under mmu_lock
 * (mmu_invalidate_retry() in kvmppc_create_pte()). A harvest does not raise it; we do, in the very
 * section that clears C (earlier or later misses a fault), and also when the list
 * is empty: the fault to stop is the one not on it.
 *
 * An entry of the list without a shadow owes a flush all the same: the kernel frees
 * a whole shadow tree first and flushes it afterwards.
 *
 * The L1's own clearing needs nothing from us: it must follow with
 * H_TLB_INVALIDATE, which takes the tlb_lock that a fault holds from reading the
 * L1's entry until the shadow is in place, and removes that shadow.
 *
 * Ageing flushes nothing. R is a hint: while the L2 uses a translation with R
 * cached its page looks idle, as pages of the host's own processes and of L1 do
 * (kvm_age_radix() flushes nothing either).
 *
 * tests/model/nested-rc.pml has the interleavings.
 */
#include <linux/idr.h>
#include <linux/pgtable.h>
#include <asm/pte-walk.h>
#include "kht_env.h"
#include "kht_guest.h"
#include "kht_params.h"
#include "kht_power.h"

/* What the kernel passes: bits to change in shadows of the frames [hpa, hpa + size). */
struct change {
	struct kvm *kvm;
	unsigned long clr, set;
	unsigned long hpa, mask;
};

static void flush_page(u32 lpid, unsigned long gpa, unsigned int shift)
{
	if (!kht_on_flush_page(lpid, gpa, 1UL << shift))
		kht_broadcast_page(lpid, kht_page(gpa, shift));
}

/* An entry of another frame is stale in the list: that page has been mapped anew. */
static bool maps_other_frame(const pte_t *pte, const struct change *c)
{
	return pte && pte_present(*pte) && (pte_val(*pte) & c->mask) != c->hpa;
}

static void clear_shadow(const struct change *c, pte_t *pte)
{
	struct kht_domain *l1 = kht_domain_of(c->kvm);

	if (!pte || !pte_present(*pte))
		return;
	__radix_pte_update(pte, c->clr, c->set);
	if (l1)
		kht_count(l1->stats, KHT_STAT_RC_CLEARED, 1);
}

static void change_shadow(const struct change *c, u64 rmap)
{
	u32 number = (rmap & RMAP_NESTED_LPID_MASK) >> RMAP_NESTED_LPID_SHIFT;
	struct kvm_nested_guest *gp = idr_find(&c->kvm->arch.kvm_nested_guest_idr, number);
	unsigned long gpa = rmap & RMAP_NESTED_GPA_MASK;
	unsigned int shift = 0;
	pte_t *pte;

	if (!gp || kht_mutant(KHT_MUT_RC_NOT_IN_SHADOW))
		return;
	pte = __find_linux_pte(gp->shadow_pgtable, gpa, NULL, &shift);
	if (maps_other_frame(pte, c))
		return;
	clear_shadow(c, pte);
	if (c->clr & _PAGE_DIRTY)
		flush_page(kht_mutant(KHT_MUT_L1_NUMBER) ? number : gp->shadow_lpid,
			   gpa, shift ? shift : PAGE_SHIFT);
}

bool kht_on_update_rc(struct kvm *kvm, unsigned long *rmapp, unsigned long clr,
		      unsigned long set, unsigned long hpa, unsigned long nbytes)
{
	unsigned long mask = PTE_RPN_MASK & ~(nbytes - 1);
	struct change c = { kvm, clr, set, hpa & mask, mask };
	struct llist_node *node = ((struct llist_head *)rmapp)->first;
	struct rmap_nested *cursor;
	unsigned long rmap;

	if (!READ_ONCE(kht_param_rc_sync) || ((clr | set) & ~(_PAGE_DIRTY | _PAGE_ACCESSED)))
		return false;
	lockdep_assert_held(&kvm->mmu_lock);
	if (kvm->arch.nested_enable && !kht_mutant(KHT_MUT_RC_PUT_BACK))
		kvm->mmu_invalidate_seq++;
	for_each_nest_rmap_safe(cursor, node, &rmap)
		change_shadow(&c, rmap);
	return true;
}
