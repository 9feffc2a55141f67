// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hcalls by which a hash guest removes or changes HPTEs: H_REMOVE, H_BULK_REMOVE, H_PROTECT
 * (PAPR 14.5.4). The kernel's functions always broadcast. These take their place when
 * kht_global_invalidates() finds a shorter reach before anything is changed; otherwise the
 * kernel's run, and nothing here has happened.
 *
 * What a guest and KVM can see is the same either way: return codes, registers,
 * HPTEs, the reverse map, the dirty bitmap (tests/vmm/hash-diff.c compares them). So the
 * rules are the kernel's: an HPTE is changed under its lock bit; the lock of a reverse
 * map chain nests inside; R and C are read again after the flush, for until then
 * hardware may set them.
 *
 * Preemption is off, as in every hook: an HPTE lock is held for a short time.
 */
#include "kht_guest.h"
#include "kht_hpte.h"
#include "kht_params.h"
#include "kht_power.h"

#define RPTE_GUEST	(~HPTE_GR_RESERVED)	/* what the guest may see of guest_rpte */

/* Bits of the second doubleword that H_PROTECT sets. */
#define PROTECTION	(HPTE_R_PP0 | HPTE_R_PP | HPTE_R_N | HPTE_R_KEY_HI | HPTE_R_KEY_LO)

/* An hcall of one vCPU, and one HPTE that it has locked. */
struct call {
	struct kvm *kvm;
	struct kht_domain *d;
	enum kht_reach reach;
};

struct entry {
	__be64 *hpte;
	unsigned long index;
	struct kht_hpte old;	/* as found, with the lock bit: ANDCOND sees it, as in the kernel */
	struct revmap_entry *rev;
};

/* False: the kernel's function does as well. */
static bool begin(struct call *c, struct kvm_vcpu *vcpu, bool local)
{
	struct kht_hcall h = { .self = smp_processor_id(), .local = local };

	c->kvm = vcpu->kvm;
	c->d = kht_domain_of(c->kvm);
	if (!c->d || kvm_is_radix(c->kvm))
		return false;
	h.vcores = c->kvm->arch.online_vcores;
	h.paging = READ_ONCE(c->kvm->mmu_invalidate_in_progress);
	h.allowed = READ_ONCE(kht_param_hpt_local) && READ_ONCE(kht_deferring) &&
		    READ_ONCE(c->d->live);
	h.tracked = h.allowed && local && h.vcores > 1 && kht_trusts_local(c->d);
	c->reach = kht_global_invalidates(c->d->ledger, kht_threads, &h);
	return c->reach != KHT_EVERYWHERE;
}

static bool in_table(const struct call *c, unsigned long index)
{
	return index < kvmppc_hpt_npte(&c->kvm->arch.hpt);
}

static void lock_entry(const struct call *c, struct entry *e, unsigned long index)
{
	e->index = index;
	e->hpte = kht_hpte_at(c->kvm, index);
	kht_hpte_lock(e->hpte);
	e->old = kht_hpte_read(e->hpte);
	e->rev = &c->kvm->arch.hpt.rev[index];
}

/* As it was found; nothing of it has been changed. */
static void unlock_unchanged(struct entry *e)
{
	__unlock_hpte(e->hpte, be64_to_cpu(e->hpte[0]));
}

static bool present(const struct entry *e)
{
	return e->old.v & (HPTE_V_VALID | HPTE_V_ABSENT);
}

static bool avpn_is(const struct entry *e, unsigned long avpn)
{
	return (e->old.v & ~0x7fUL) == avpn;
}

static bool emulated_mmio(const struct entry *e)
{
	unsigned long key = HPTE_R_KEY_HI | HPTE_R_KEY_LO;

	return (e->old.v & HPTE_V_ABSENT) && (e->old.r & key) == key;
}

/* The caches of emulated MMIO look at this number. */
static void note_mmio(const struct call *c, const struct entry *e)
{
	if (emulated_mmio(e))
		atomic64_inc(&c->kvm->arch.mmio_update);
}

/*
 * Takes the translation away from whoever has to lose it now. On return R and C of the
 * HPTE are final. @mark: bits of the first doubleword while it is invalid.
 */
static void invalidate(const struct call *c, const struct entry *e, u64 rb, unsigned long mark)
{
	unsigned long v = be64_to_cpu(e->hpte[0]);

	e->hpte[0] = cpu_to_be64((v & ~HPTE_V_VALID) | mark);
	if (!kht_hash_reach(c->d, c->reach, rb))
		kht_hash_broadcast_page(c->kvm, e->hpte, e->index);
}

/* Out of the chain of HPTEs that map the same page of the guest; the chain is locked. */
static void unchain(const struct call *c, const struct entry *e, unsigned long *rmap)
{
	struct revmap_entry *rev = c->kvm->arch.hpt.rev;
	unsigned long next = e->rev->forw, prev = e->rev->back;

	rev[next].back = prev;
	rev[prev].forw = next;
	if ((*rmap & KVMPPC_RMAP_INDEX) != e->index)
		return;
	if (next == e->index)
		*rmap &= ~(KVMPPC_RMAP_PRESENT | KVMPPC_RMAP_INDEX);
	else
		*rmap = (*rmap & ~KVMPPC_RMAP_INDEX) | next;
}

/*
 * An HPTE that was valid, and has been invalidated, leaves the reverse map; its R and C go to
 * the guest's view of it and to the host's of the page.
 */
static void remove_from_map(const struct call *c, const struct entry *e)
{
	unsigned long now_r = be64_to_cpu(e->hpte[1]);
	unsigned long rc = now_r & (HPTE_R_R | HPTE_R_C);
	unsigned long size = kvmppc_actual_pgsz(e->old.v, hpte_new_to_old_r(now_r));
	struct kvm_memory_slot *slot;
	unsigned long *rmap;
	unsigned long gfn;

	e->rev->guest_rpte |= rc;
	gfn = hpte_rpn(e->rev->guest_rpte, kvmppc_actual_pgsz(e->old.v, e->rev->guest_rpte));
	slot = __gfn_to_memslot(kvm_memslots_raw(c->kvm), gfn);
	if (!slot)
		return;
	rmap = &slot->arch.rmap[gfn - slot->base_gfn];
	lock_rmap(rmap);
	unchain(c, e, rmap);
	*rmap |= rc << KVMPPC_RMAP_RC_SHIFT;
	if (rc & HPTE_R_C)
		kvmppc_update_dirty_map(slot, gfn, size);
	unlock_rmap(rmap);
}

/* A present entry goes. */
static void remove(const struct call *c, const struct entry *e)
{
	if (e->old.v & HPTE_V_VALID) {
		invalidate(c, e, kht_hpte_rb(e->hpte, e->index), 0);
		remove_from_map(c, e);
	}
	note_hpte_modification(c->kvm, e->rev);
}

/* True: done, *ret is the hcall's. The same for the two below. */
bool kht_on_h_remove(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		     unsigned long avpn, long *ret)
{
	struct entry e;
	struct call c;

	if (!begin(&c, vcpu, flags & H_LOCAL))
		return false;
	*ret = H_PARAMETER;
	if (!in_table(&c, index))
		return true;
	lock_entry(&c, &e, index);
	if (!present(&e) || ((flags & H_AVPN) && !avpn_is(&e, avpn)) ||
	    ((flags & H_ANDCOND) && (e.old.v & avpn))) {
		unlock_unchanged(&e);
		*ret = H_NOT_FOUND;
		return true;
	}
	remove(&c, &e);
	vcpu->arch.regs.gpr[4] = (e.old.v & ~(HPTE_V_ABSENT | HPTE_V_HVLOCK)) | HPTE_V_VALID;
	vcpu->arch.regs.gpr[5] = e.rev->guest_rpte & RPTE_GUEST;
	unlock_hpte(e.hpte, 0);
	note_mmio(&c, &e);
	*ret = H_SUCCESS;
	return true;
}

/*
 * One of the up to four requests of H_BULK_REMOVE, a translation specifier of two
 * doublewords: type and flags in the high byte of the first, the index below; the answer comes back there.
 */
#define BULK_INDEX	((1UL << 56) - 1)
#define BULK_END	3
#define BULK_REQUEST	1

enum { BULK_ABSOLUTE, BULK_ANDCOND, BULK_AVPN, BULK_RESERVED };
enum { BULK_REMOVED = 0x80, BULK_NOT_FOUND = 0x90, BULK_PARAMETER = 0xa0 };

static bool bulk_matches(const struct entry *e, unsigned int how, unsigned long avpn)
{
	if (!present(e))
		return false;
	if (how == BULK_ANDCOND)
		return !(e->old.v & avpn);
	return how != BULK_AVPN || avpn_is(e, avpn);
}

static unsigned long bulk_answer(unsigned int code, unsigned int how, unsigned long index)
{
	return ((unsigned long)(code | how) << 56) + index;
}

static unsigned long bulk_remove(const struct call *c, unsigned long index, unsigned int how,
				 unsigned long avpn)
{
	unsigned long rc;
	struct entry e;

	lock_entry(c, &e, index);
	if (!bulk_matches(&e, how, avpn)) {
		unlock_unchanged(&e);
		return bulk_answer(BULK_NOT_FOUND, how, index);
	}
	remove(c, &e);
	rc = e.rev->guest_rpte & (HPTE_R_R | HPTE_R_C);
	unlock_hpte(e.hpte, 0);
	note_mmio(c, &e);
	/* R and C in the middle of the answer's high byte. */
	return bulk_answer(BULK_REMOVED, how, index) | rc << (56 - 5);
}

bool kht_on_h_bulk_remove(struct kvm_vcpu *vcpu, long *ret)
{
	unsigned long *args = &vcpu->arch.regs.gpr[4];
	unsigned int i, type, how;
	unsigned long index;
	struct call c;

	if (!begin(&c, vcpu, false))
		return false;
	*ret = H_SUCCESS;
	for (i = 0; i < 8; i += 2) {
		index = args[i] & BULK_INDEX;
		type = args[i] >> 62;
		how = args[i] >> 56 & 3;
		if (type == BULK_END)
			break;
		if (type != BULK_REQUEST || how == BULK_RESERVED || !in_table(&c, index)) {
			args[i] = bulk_answer(BULK_PARAMETER, how, index);
			*ret = H_PARAMETER;
			break;
		}
		args[i] = bulk_remove(&c, index, how, args[i + 1]);
	}
	return true;
}

static unsigned long protection(unsigned long flags)
{
	return (flags << 55 & HPTE_R_PP0) | (flags << 48 & HPTE_R_KEY_HI) |
	       (flags & (HPTE_R_PP | HPTE_R_N | HPTE_R_KEY_LO));
}

/*
 * The second doubleword of a valid HPTE, in the hardware's format. It must not become
 * writable here: the host's page may not be, and a fault sorts that out.
 */
static void protect_valid(const struct call *c, const struct entry *e, unsigned long bits)
{
	unsigned long old = be64_to_cpu(e->hpte[1]);
	unsigned long r = (old & ~PROTECTION) | bits;

	if (hpte_is_writable(r) && !hpte_is_writable(old))
		r = hpte_make_readonly(r);
	if (r == old)
		return;
	invalidate(c, e, compute_tlbie_rb(e->old.v, r, e->index), HPTE_V_ABSENT);
	r |= be64_to_cpu(e->hpte[1]) & (HPTE_R_R | HPTE_R_C);
	e->hpte[1] = cpu_to_be64(r);
}

bool kht_on_h_protect(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		      unsigned long avpn, long *ret)
{
	unsigned long bits = protection(flags), v;
	struct entry e;
	struct call c;

	if (!begin(&c, vcpu, flags & H_LOCAL))
		return false;
	*ret = H_PARAMETER;
	if (!in_table(&c, index))
		return true;
	lock_entry(&c, &e, index);
	if (!present(&e) || ((flags & H_AVPN) && !avpn_is(&e, avpn))) {
		unlock_unchanged(&e);
		*ret = H_NOT_FOUND;
		return true;
	}
	e.rev->guest_rpte = (e.rev->guest_rpte & ~PROTECTION) | bits;
	note_hpte_modification(c.kvm, e.rev);
	v = be64_to_cpu(e.hpte[0]);
	if (e.old.v & HPTE_V_VALID)
		protect_valid(&c, &e, bits);
	unlock_hpte(e.hpte, v);
	kht_complete_updates();
	note_mmio(&c, &e);
	*ret = H_SUCCESS;
	return true;
}
