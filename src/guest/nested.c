// SPDX-License-Identifier: GPL-2.0-only
/*
 * R and C of a nested guest's pages. Three entries describe one page of an L2:
 *
 *	L2 -> L1	in L1's memory, the L1's to change
 *	L1 -> L0	the host's, in the guest's partition-scoped table
 *	L2 -> L0	the shadow, the only one the hardware uses for the L2
 *
 * Invariant 10: the shadow has R or C only if both others have it. Otherwise
 * the L2 changes a page and neither the host's dirty log nor the L1's would
 * know.
 *
 * Clearing (harvest, ageing): the kernel clears the host's entry and calls us
 * in the same mmu_lock section; we clear every shadow that maps the frame. A
 * harvest then flushes the shadow's LPID. The stock kernel flushes the LPID
 * that the L1 knows the nested guest by: on hardware the L2 keeps its old C,
 * and what it stores escapes.
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
 * no later harvest looks at the shadow while the host's entry stays clean. So
 * in the section that inserts the shadow the host's entry gets back what the
 * shadow has (kht_on_insert_rmap()): a caller that takes R or C away afterwards
 * finds the shadow on the list. The page may count as changed or used once more
 * than it is.
 *
 * The kernel would have another means: mmu_invalidate_seq, which the fault
 * compares before it inserts. But it belongs to the whole guest. A harvest that
 * raises it makes every fault in flight start again, page by page, and a guest
 * in the middle of a migration gets no page. It is raised once only, for faults
 * older than these hooks.
 *
 * Where the shadow is there already, and the fault adds to it (another vCPU was
 * faster, or the page becomes writable), the kernel calls no function that can
 * be hooked. So such a fault adds neither R nor C (kht_on_create_pte()), and
 * the L2's next access sets them, in both entries at once. It cannot become
 * "there" after that look: the fault holds the nested guest's tlb_lock.
 *
 * An entry of the list without a shadow owes a flush all the same: the kernel
 * frees a whole shadow tree first and flushes it afterwards.
 *
 * The L1's own clearing needs nothing from us: it must follow with
 * H_TLB_INVALIDATE, which takes the tlb_lock that a fault holds from reading
 * the L1's entry until the shadow is in place, and removes that shadow.
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
#include "core/env.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/nested.h"
#include "guest/radix.h"
#include "module/params.h"
#include "power/flush.h"

/*
 * What the kernel passes: bits to change in shadows of the frames [hpa, hpa +
 * size).
 */
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

/*
 * An entry of another frame is stale in the list: that page has been mapped
 * anew.
 */
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

/*
 * A fault that was under way when the hooks came has not been seen by
 * kht_on_create_pte().
 */
static void stop_older_faults(struct kvm *kvm)
{
	struct kht_domain *l1 = kht_domain_of(kvm);

	if (!kvm->arch.nested_enable)
		return;
	if (l1 && l1->stopped_older_faults && !kht_mutant(KHT_MUT_FAULTS_AGAIN))
		return;
	kvm->mmu_invalidate_seq++;
	if (l1)
		l1->stopped_older_faults = true;
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
	stop_older_faults(kvm);
	for_each_nest_rmap_safe(cursor, node, &rmap)
		change_shadow(&c, rmap);
	return true;
}

static pte_t *find_shadow(struct kvm *kvm, u64 rmap)
{
	u32 number = (rmap & RMAP_NESTED_LPID_MASK) >> RMAP_NESTED_LPID_SHIFT;
	struct kvm_nested_guest *gp = idr_find(&kvm->arch.kvm_nested_guest_idr, number);

	return gp ? __find_linux_pte(gp->shadow_pgtable, rmap & RMAP_NESTED_GPA_MASK, NULL, NULL) : NULL;
}

/* The host's entry of the page whose list @rmapp is. */
static pte_t *find_host(struct kvm *kvm, const unsigned long *rmapp)
{
	struct kvm_memory_slot *slot;
	int bucket;

	kvm_for_each_memslot(slot, bucket, kvm_memslots(kvm)) {
		unsigned long page = rmapp - slot->arch.rmap;

		if (rmapp >= slot->arch.rmap && page < slot->npages)
			return __find_linux_pte(kvm->arch.pgtable,
						(slot->base_gfn + page) << PAGE_SHIFT, NULL, NULL);
	}
	return NULL;
}

/*
 * @rmap is about to go on the list @rmapp: its shadow has just been inserted,
 * in this mmu_lock section.
 */
void kht_on_insert_rmap(struct kvm *kvm, const unsigned long *rmapp, u64 rmap)
{
	pte_t *shadow, *host;

	if (!READ_ONCE(kht_param_rc_sync) || kht_mutant(KHT_MUT_RC_PUT_BACK))
		return;
	lockdep_assert_held(&kvm->mmu_lock);
	shadow = find_shadow(kvm, rmap);
	host = find_host(kvm, rmapp);
	if (shadow && host && pte_present(*host))
		__radix_pte_update(host, 0, pte_val(*shadow) & (_PAGE_ACCESSED | _PAGE_DIRTY));
}

/* A fault is about to insert *@pte for @gpa, or add it to what is there. */
void kht_on_create_pte(struct kvm *kvm, pgd_t *shadow, unsigned long gpa, pte_t *pte)
{
	pte_t *there;
	bool present;

	if (!READ_ONCE(kht_param_rc_sync) || kht_mutant(KHT_MUT_RC_ADDED))
		return;
	spin_lock(&kvm->mmu_lock);
	there = __find_linux_pte(shadow, gpa, NULL, NULL);
	present = there && pte_present(*there);
	spin_unlock(&kvm->mmu_lock);
	if (present)
		*pte = __pte(pte_val(*pte) & ~(_PAGE_ACCESSED | _PAGE_DIRTY));
}
