// SPDX-License-Identifier: GPL-2.0-only
/*
 * The auditor of invariant 10. For each page a shadow maps it finds the L1's
 * entry and the host's (src/guest/nested.c has the three), and reports, one
 * finding each:
 *
 *	L1 none		the L1 has no entry for that page (any more)
 *	L1 <bits>	the shadow has these, and the L1's entry has not: R and C, or
 *	host <bits>	rights r, w, x; the same against the host's entry
 *	either frame	what those two make together is no frame, another one, or less
 *			than the shadow maps
 *
 * "host" is always a bug: host and shadow change under one mmu_lock. The others
 * need be none while the L1 runs: it may have changed its entry and not yet
 * said so (H_TLB_INVALIDATE). Its entry may then name another page than the
 * shadow's, so the host's bits are judged only where the frame is the same.
 *
 * Kept out meanwhile: gp->tlb_lock is held while one entry is audited. Faults
 * of the nested guest and what its L1 invalidates take it, so only the host
 * changes this shadow, under mmu_lock. Reading the L1's table sleeps, so
 * mmu_lock is given up for it, and if the shadow's entry is another one
 * afterwards it is audited again. It cannot have changed and changed back: only
 * a fault gives it its bits again.
 *
 * Cost of an entry: two walks of the shadow, one of the host's table, one of
 * the L1's, which is up to four reads of L1 memory (get_user_pages); tlb_lock
 * once, mmu_lock twice, for one walk and for two. Where a shadow is empty,
 * mmu_lock and tlb_lock are held for SLOTS walks, each of which passes over all
 * the tree that is missing there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include "guest/audit.h"
#include "guest/domain.h"

#define SLOTS	512	/* of a table, looked at before mmu_lock is given up */
#define LINES	32	/* findings printed; the rest is counted */

#define BITS	(_PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_READ | _PAGE_WRITE | _PAGE_EXEC)

/* One run. */
struct audit {
	const struct kht_audit_calls *calls;
	struct seq_file *m;	/* where findings go; NULL: the kernel's log */
	u64 entries, nested, findings;
};

/* Where it is: the next page at or above @gpa of one nested guest. */
struct walk {
	struct audit *audit;
	struct kvm *kvm;
	struct kvm_nested_guest *gp;
	u64 gpa;
};

/*
 * An entry of any of the tables, in host order, and how much of the tree is
 * below it.
 */
struct entry {
	u64 value;
	unsigned int shift;
};

static const struct kht_audit_calls *resolved;

static_assert(__same_type(resolved->access_vm, &access_remote_vm));
static_assert(__same_type(resolved->put_nested, &kvmhv_put_nested));

void kht_audit_use(const struct kht_audit_calls *calls)
{
	WRITE_ONCE(resolved, calls);
}

static bool is_leaf(struct entry e)
{
	return (e.value & _PAGE_PRESENT) && (e.value & _PAGE_PTE);
}

static u64 span(struct entry e)
{
	return 1ULL << e.shift;
}

/* What the leaf @e makes of @addr. */
static u64 translate(struct entry e, u64 addr)
{
	return (e.value & PTE_RPN_MASK & ~(span(e) - 1)) | (addr & (span(e) - 1));
}

/*
 * The leaf for @addr, or the entry of the highest level that has nothing there.
 */
static struct entry look_up(pgd_t *table, u64 addr)
{
	p4d_t *p4d = p4d_offset(table + pgd_index(addr), addr);
	struct entry e = { p4d_val(*p4d), PGDIR_SHIFT };
	pud_t *pud;
	pmd_t *pmd;

	if (!(e.value & _PAGE_PRESENT))
		return e;
	pud = pud_offset(p4d, addr);
	e = (struct entry){ pud_val(*pud), PUD_SHIFT };
	if (!(e.value & _PAGE_PRESENT) || is_leaf(e))
		return e;
	pmd = pmd_offset(pud, addr);
	e = (struct entry){ pmd_val(*pmd), PMD_SHIFT };
	if (!(e.value & _PAGE_PRESENT) || is_leaf(e))
		return e;
	return (struct entry){ pte_val(*pte_offset_kernel(pmd, addr)), PAGE_SHIFT };
}

/*
 * The L1 may drop its nested guest, and the host turn the L1 into a hash guest.
 * Our reference keeps the shadow, but nobody keeps it in step any more.
 */
static bool in_use(const struct walk *w)
{
	lockdep_assert_held(&w->kvm->mmu_lock);
	return kvm_is_radix(w->kvm) &&
	       idr_find(&w->kvm->arch.kvm_nested_guest_idr, w->gp->l1_lpid) == w->gp;
}

/*
 * Moves to the next page the shadow maps. False: not found yet, or it was the
 * last.
 */
static bool find_shadow(struct walk *w, struct entry *shadow)
{
	bool found = false;
	int slots;

	spin_lock(&w->kvm->mmu_lock);
	if (!in_use(w))
		w->gpa = RADIX_PGTABLE_RANGE;
	for (slots = 0; slots < SLOTS && w->gpa < RADIX_PGTABLE_RANGE; slots++) {
		*shadow = look_up(w->gp->shadow_pgtable, w->gpa);
		found = is_leaf(*shadow);
		if (found)
			break;
		w->gpa = (w->gpa | (span(*shadow) - 1)) + 1;
	}
	spin_unlock(&w->kvm->mmu_lock);
	return found;
}

/*
 * The host's entry for @real of the L1. False: the shadow's has changed. In the
 * section that compares the two.
 */
static bool find_host(const struct walk *w, struct entry shadow, u64 real, struct entry *host)
{
	struct entry now;
	bool same;

	spin_lock(&w->kvm->mmu_lock);
	now = look_up(w->gp->shadow_pgtable, w->gpa);
	same = in_use(w) && now.value == shadow.value && now.shift == shadow.shift;
	if (same)
		*host = look_up(w->kvm->arch.pgtable, real);
	spin_unlock(&w->kvm->mmu_lock);
	return same;
}

/*
 * Where the VMM has @real of the L1, or 0. Its process need not be the current
 * one.
 */
static unsigned long address_in_vmm(struct kvm *kvm, u64 real)
{
	struct kvm_memory_slot *slot;
	unsigned long address = 0;
	int idx = srcu_read_lock(&kvm->srcu);

	slot = __gfn_to_memslot(kvm_memslots(kvm), real >> PAGE_SHIFT);
	if (slot && !(slot->flags & KVM_MEMSLOT_INVALID))
		address = __gfn_to_hva_memslot(slot, real >> PAGE_SHIFT) + offset_in_page(real);
	srcu_read_unlock(&kvm->srcu, idx);
	return address;
}

static bool read_l1(const struct walk *w, u64 real, u64 *value)
{
	unsigned long address = address_in_vmm(w->kvm, real);
	__be64 be;

	if (!address || w->audit->calls->access_vm(w->kvm->mm, address, &be, sizeof(be), 0) != sizeof(be))
		return false;
	*value = be64_to_cpu(be);
	return true;
}

/*
 * The leaf of the L1's table, or what is no leaf. False: its memory cannot be
 * read.
 */
static bool find_l1(const struct walk *w, struct entry *l1)
{
	u64 table = w->gp->l1_gr_to_hr;
	int level;

	*l1 = (struct entry){ 0, ilog2(RADIX_PGTABLE_RANGE) };
	for (level = 0; level < 4; level++) {
		unsigned int bits = table & RPDS_MASK;
		u64 index;

		l1->value = 0;
		if (!bits || l1->shift < bits + PAGE_SHIFT)
			return true;
		index = (w->gpa & (span(*l1) - 1)) >> (l1->shift - bits);
		l1->shift -= bits;
		if (!read_l1(w, (table & RPDB_MASK) + index * sizeof(u64), &l1->value))
			return false;
		if (!(l1->value & _PAGE_PRESENT) || is_leaf(*l1))
			return true;
		table = l1->value;
	}
	return true;
}

static void finding(const struct walk *w, const char *other, const char *what)
{
	struct audit *a = w->audit;
	char text[96];

	snprintf(text, sizeof(text), "lpid %u shadow %d number %d gpa %#llx %s %s",
		 (u32)w->kvm->arch.lpid, w->gp->shadow_lpid, w->gp->l1_lpid, w->gpa, other, what);
	if (!a->m)
		pr_warn_ratelimited("%s\n", text);
	else if (a->findings < LINES)
		seq_printf(a->m, "%s\n", text);
	a->findings++;
}

static void excess(const struct walk *w, const char *other, u64 bits)
{
	char text[8];

	if (!(bits & BITS))
		return;
	snprintf(text, sizeof(text), "%s%s%s%s%s",
		 bits & _PAGE_ACCESSED ? "R" : "", bits & _PAGE_DIRTY ? "C" : "",
		 bits & _PAGE_READ ? "r" : "", bits & _PAGE_WRITE ? "w" : "",
		 bits & _PAGE_EXEC ? "x" : "");
	finding(w, other, text);
}

static void compare(const struct walk *w, struct entry shadow, struct entry l1, struct entry host)
{
	w->audit->entries++;
	if (!is_leaf(l1)) {
		finding(w, "L1", "none");
		return;
	}
	excess(w, "L1", shadow.value & ~l1.value);
	if (!is_leaf(host) || shadow.shift > min(l1.shift, host.shift) ||
	    translate(shadow, w->gpa) != translate(host, translate(l1, w->gpa)))
		finding(w, "either", "frame");
	else
		excess(w, "host", shadow.value & ~host.value);
}

/*
 * Audits one page and moves on. What cannot be read is passed over and not
 * counted.
 */
static void audit_page(struct walk *w)
{
	struct entry shadow, l1, host = { 0 };
	bool readable;

	lockdep_assert_held(&w->gp->tlb_lock);
	if (!find_shadow(w, &shadow))
		return;
	readable = find_l1(w, &l1);
	if (!find_host(w, shadow, translate(l1, w->gpa), &host))
		return;
	if (readable)
		compare(w, shadow, l1, host);
	w->gpa = (w->gpa | (span(shadow) - 1)) + 1;
}

static void audit_nested(struct walk *w)
{
	w->audit->nested++;
	for (w->gpa = 0; w->gpa < RADIX_PGTABLE_RANGE && !fatal_signal_pending(current);) {
		if (mutex_lock_killable(&w->gp->tlb_lock))
			return;
		audit_page(w);
		mutex_unlock(&w->gp->tlb_lock);
		cond_resched();
	}
}

/* The nested guest with the lowest number from *@number on, held; or NULL. */
static struct kvm_nested_guest *hold_nested(struct kvm *kvm, int *number)
{
	struct kvm_nested_guest *gp;

	spin_lock(&kvm->mmu_lock);
	gp = idr_get_next(&kvm->arch.kvm_nested_guest_idr, number);
	if (gp)
		gp->refcnt++;
	spin_unlock(&kvm->mmu_lock);
	return gp;
}

static void count_audit(struct kvm *kvm, u64 entries, u64 findings)
{
	struct kht_domain *d;

	rcu_read_lock();
	d = kht_domain_of(kvm);
	if (d) {
		kht_count(d->stats, KHT_STAT_RC_AUDITED, entries);
		kht_count(d->stats, KHT_STAT_RC_FINDINGS, findings);
	}
	rcu_read_unlock();
}

/* A VMM that has exited has left no memory to compare. */
static void audit_guest(struct kvm *kvm, void *audit)
{
	struct walk w = { .audit = audit, .kvm = kvm };
	u64 entries = w.audit->entries, findings = w.audit->findings;
	int number;

	if (!mmget_not_zero(kvm->mm))
		return;
	for (number = 0; (w.gp = hold_nested(kvm, &number)); number++) {
		audit_nested(&w);
		w.audit->calls->put_nested(w.gp);
	}
	mmput(kvm->mm);
	count_audit(kvm, w.audit->entries - entries, w.audit->findings - findings);
}

void kht_audit_guest(struct kvm *kvm)
{
	struct audit a = { .calls = READ_ONCE(resolved) };

	if (a.calls)
		audit_guest(kvm, &a);
}

int kht_audit_show(struct seq_file *m)
{
	struct audit a = { .calls = READ_ONCE(resolved), .m = m };

	if (!a.calls)
		return -EOPNOTSUPP;
	kht_visit_guests(audit_guest, &a);
	if (fatal_signal_pending(current))
		return -EINTR;
	seq_printf(m, "audited %llu entries of %llu nested guests: %llu findings\n",
		   a.entries, a.nested, a.findings);
	return 0;
}
