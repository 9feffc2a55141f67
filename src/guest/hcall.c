// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hcalls by which a hash guest removes or changes HPTEs: H_REMOVE,
 * H_BULK_REMOVE, H_PROTECT (PAPR 14.5.4). The kernel's functions always
 * broadcast. These take their place when kht_global_invalidates() finds a
 * shorter reach before anything is changed; otherwise the kernel's run, and
 * nothing here has happened.
 *
 * What a guest and KVM can see is the same either way: return codes, registers,
 * HPTEs, the reverse map, the dirty bitmap (tests/vmm/hash-diff.c compares
 * them). So the rules are the kernel's: an HPTE is changed under its lock bit;
 * the lock of a reverse map chain nests inside; R and C are read again after
 * the flush, for until then hardware may set them.
 *
 * Preemption is off, as in every hook, but the kernel's functions hold those
 * locks with preemption on: the holder of a lock may need this CPU to go on. So
 * nothing is waited for. All locks are tried before anything is changed; if one
 * is taken, the kernel's function runs.
 */
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/hcall.h"
#include "guest/hpt.h"
#include "guest/hpte.h"
#include "module/params.h"
#include "power/flush.h"

#define RPTE_GUEST	(~HPTE_GR_RESERVED)	/* what the guest may see of guest_rpte */

/* Bits of the second doubleword that H_PROTECT sets. */
#define PROTECTION	(HPTE_R_PP0 | HPTE_R_PP | HPTE_R_N | HPTE_R_KEY_HI | HPTE_R_KEY_LO)

/* An hcall of one vCPU, and where its return code goes. */
struct call {
	struct kvm_vcpu *vcpu;
	unsigned long flags, index, avpn;
	long *ret;
	struct kvm *kvm;
	struct kht_domain *d;
	struct kvm_hpt_info hpt;	/* should the kernel change to another one meanwhile */
	enum kht_reach reach;
};

/*
 * One HPTE that it has locked, and the chain of those that map the same page.
 */
struct entry {
	__be64 *hpte;
	unsigned long index;
	struct kht_hpte old;	/* as found, with the lock bit: ANDCOND sees it, as in the kernel */
	struct revmap_entry *rev;
	struct kvm_memory_slot *slot;
	unsigned long gfn;
	unsigned long *chain;	/* NULL: not locked, or the page is in no slot */
};

/*
 * With emulated SMT (KVM_CAP_PPC_SMT) "this one" may be a core of the guest,
 * whose vCPUs need not share one of ours: no H_LOCAL then.
 */
static bool may_be_local(const struct kvm *kvm, bool local)
{
	return local && kvm->arch.emul_smt_mode <= 1;
}

/* False: the kernel's function does as well. */
static bool begin_hcall(struct call *c, bool local)
{
	struct kvm *kvm = c->vcpu->kvm;
	struct kht_domain *d = kht_domain_of(kvm);
	struct kht_hcall h = { .self = smp_processor_id(), .local = may_be_local(kvm, local) };

	if (!d || kvm_is_radix(kvm) || !READ_ONCE(d->ledger->hash))
		return false;
	h.vcores = kvm->arch.online_vcores;
	h.paging = READ_ONCE(kvm->mmu_invalidate_in_progress);
	h.allowed = READ_ONCE(kht_param_hpt_local) && READ_ONCE(kht_hash_deferring) &&
		    READ_ONCE(d->live);
	h.tracked = h.allowed && h.local && h.vcores > 1 && kht_trusts_local(d);
	c->kvm = kvm;
	c->d = d;
	c->reach = kht_global_invalidates(d->ledger, kht_threads, &h);
	return c->reach != KHT_REACH_BROADCAST;
}

/* In kvm->srcu, which keeps slots and tables. @hcall: true when it is done. */
static bool run_hcall(struct call *c, bool local, bool (*hcall)(const struct call *c))
{
	bool done;
	int idx;

	if (!begin_hcall(c, local))
		return false;
	idx = srcu_read_lock(&c->kvm->srcu);
	c->hpt = c->kvm->arch.hpt;
	done = hcall(c);
	srcu_read_unlock(&c->kvm->srcu, idx);
	return done;
}

static bool in_table(const struct call *c, unsigned long index)
{
	return index < 1UL << (c->hpt.order - 4);
}

static bool lock_entry(const struct call *c, struct entry *e, unsigned long index)
{
	*e = (struct entry){ .index = index };
	e->hpte = (__be64 *)(c->hpt.virt + (index << 4));
	if (!kht_hpte_try_lock(e->hpte))
		return false;
	e->old = kht_hpte_read(e->hpte);
	e->rev = &c->hpt.rev[index];
	return true;
}

/*
 * What removing a valid entry takes. R and C of its view do not say which page
 * it maps.
 */
static bool lock_chain(const struct call *c, struct entry *e)
{
	unsigned long rpte = e->rev->guest_rpte;
	unsigned long *chain;

	if (!(e->old.v & HPTE_V_VALID))
		return true;
	e->gfn = hpte_rpn(rpte, kvmppc_actual_pgsz(e->old.v, rpte));
	e->slot = __gfn_to_memslot(kvm_memslots_raw(c->kvm), e->gfn);
	if (!e->slot)
		return true;
	chain = &e->slot->arch.rmap[e->gfn - e->slot->base_gfn];
	if (test_and_set_bit_lock(KVMPPC_RMAP_LOCK_BIT, chain))
		return false;
	e->chain = chain;
	return true;
}

/* As it was found; nothing of it has been changed. */
static void unlock_unchanged(struct entry *e)
{
	if (e->chain)
		unlock_rmap(e->chain);
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
 * Takes the translation away from all that have to lose it now. On return R and
 * C of the HPTE are final. @mark: bits of the first doubleword while it is
 * invalid.
 */
static void invalidate(const struct call *c, const struct entry *e, u64 rb, unsigned long mark)
{
	unsigned long v = be64_to_cpu(e->hpte[0]);

	e->hpte[0] = cpu_to_be64((v & ~HPTE_V_VALID) | mark);
	if (!kht_hash_reach(c->d, c->reach, rb))
		kht_hash_broadcast_page(c->kvm, e->hpte, e->index);
}

/*
 * An HPTE that was valid, and has been invalidated, leaves the reverse map; its
 * R and C go to the guest's view of it and to the host's of the page.
 */
static void remove_from_map(const struct call *c, const struct entry *e)
{
	unsigned long now_r = be64_to_cpu(e->hpte[1]);
	unsigned long rc = now_r & (HPTE_R_R | HPTE_R_C);

	e->rev->guest_rpte |= rc;
	if (!e->chain)
		return;
	kht_hpte_unchain(c->hpt.rev, e->index, e->chain);
	*e->chain |= rc << KVMPPC_RMAP_RC_SHIFT;
	if (rc & HPTE_R_C)
		kvmppc_update_dirty_map(e->slot, e->gfn,
					kvmppc_actual_pgsz(e->old.v, hpte_new_to_old_r(now_r)));
	unlock_rmap(e->chain);
}

static bool named(const struct entry *e, unsigned long flags, unsigned long avpn)
{
	if (!present(e) || ((flags & H_AVPN) && !avpn_is(e, avpn)))
		return false;
	return !(flags & H_ANDCOND) || !(e->old.v & avpn);
}

enum found { FOUND, NOT_FOUND, BUSY };

/* Locks the entry that an hcall of one entry names, if there is one: FOUND. */
static enum found take_hpte(const struct call *c, struct entry *e, unsigned long flags)
{
	if (!in_table(c, c->index)) {
		*c->ret = H_PARAMETER;
		return NOT_FOUND;
	}
	if (!lock_entry(c, e, c->index))
		return BUSY;
	if (named(e, flags, c->avpn))
		return FOUND;
	unlock_unchanged(e);
	*c->ret = H_NOT_FOUND;
	return NOT_FOUND;
}

/* A present entry goes. */
static void remove_hpte(const struct call *c, const struct entry *e)
{
	if (e->old.v & HPTE_V_VALID) {
		invalidate(c, e, kht_hpte_rb(e->hpte, e->index), 0);
		remove_from_map(c, e);
	}
	note_hpte_modification(c->kvm, e->rev);
}

static bool h_remove(const struct call *c)
{
	unsigned long *gpr = c->vcpu->arch.regs.gpr;
	enum found found;
	struct entry e;

	found = take_hpte(c, &e, c->flags);
	if (found != FOUND)
		return found == NOT_FOUND;
	if (!lock_chain(c, &e)) {
		unlock_unchanged(&e);
		return false;
	}
	remove_hpte(c, &e);
	gpr[4] = (e.old.v & ~(HPTE_V_ABSENT | HPTE_V_HVLOCK)) | HPTE_V_VALID;
	gpr[5] = e.rev->guest_rpte & RPTE_GUEST;
	unlock_hpte(e.hpte, 0);
	note_mmio(c, &e);
	*c->ret = H_SUCCESS;
	return true;
}

bool kht_on_h_remove(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		     unsigned long avpn, long *ret)
{
	struct call c = {
		.vcpu = vcpu, .flags = flags, .index = index, .avpn = avpn, .ret = ret,
	};

	return run_hcall(&c, flags & H_LOCAL, h_remove);
}

/*
 * One of the up to four requests of H_BULK_REMOVE, a translation specifier of
 * two doublewords: type and flags in the high byte of the first, the index
 * below; the answer comes back there.
 */
#define BULK_REQUESTS	4
#define BULK_INDEX	((1UL << 56) - 1)
#define BULK_END	3
#define BULK_REQUEST	1

enum { BULK_ABSOLUTE, BULK_ANDCOND, BULK_AVPN, BULK_RESERVED };
enum { BULK_REMOVED = 0x80, BULK_NOT_FOUND = 0x90, BULK_PARAMETER = 0xa0 };

struct request {
	unsigned int type, how;
	unsigned long index;
	bool locked, matches;
	struct entry e;
};

static bool bulk_matches(const struct entry *e, unsigned int how, unsigned long avpn)
{
	if (!present(e))
		return false;
	if (how == BULK_ANDCOND)
		return !(e->old.v & avpn);
	return how != BULK_AVPN || avpn_is(e, avpn);
}

static unsigned long bulk_answer(unsigned int code, const struct request *r)
{
	return ((unsigned long)(code | r->how) << 56) + r->index;
}

static bool bulk_valid(const struct call *c, const struct request *r)
{
	return r->type == BULK_REQUEST && r->how != BULK_RESERVED && in_table(c, r->index);
}

/*
 * False when somebody has a lock that this request takes, which may be one
 * before it.
 */
static bool bulk_lock(const struct call *c, struct request *r, unsigned long avpn)
{
	r->locked = lock_entry(c, &r->e, r->index);
	if (!r->locked)
		return false;
	r->matches = bulk_matches(&r->e, r->how, avpn);
	return !r->matches || lock_chain(c, &r->e);
}

/*
 * How many requests there are up to the first that is none; @n: those it has
 * locked.
 */
static bool bulk_lock_all(const struct call *c, struct request *requests,
			  const unsigned long *args, unsigned int *n)
{
	for (*n = 0; *n < BULK_REQUESTS; ++*n) {
		struct request *r = &requests[*n];

		r->type = args[2 * *n] >> 62;
		r->how = args[2 * *n] >> 56 & 3;
		r->index = args[2 * *n] & BULK_INDEX;
		if (!bulk_valid(c, r))
			return true;
		if (!bulk_lock(c, r, args[2 * *n + 1]))
			return false;
	}
	return true;
}

static void bulk_unlock_all(struct request *requests, unsigned int n)
{
	unsigned int i;

	for (i = 0; i <= n && i < BULK_REQUESTS; i++)
		if (requests[i].locked)
			unlock_unchanged(&requests[i].e);
}

static unsigned long bulk_remove(const struct call *c, struct request *r)
{
	unsigned long rc;

	if (!r->matches) {
		unlock_unchanged(&r->e);
		return bulk_answer(BULK_NOT_FOUND, r);
	}
	remove_hpte(c, &r->e);
	rc = r->e.rev->guest_rpte & (HPTE_R_R | HPTE_R_C);
	unlock_hpte(r->e.hpte, 0);
	note_mmio(c, &r->e);
	/* R and C in the middle of the answer's high byte. */
	return bulk_answer(BULK_REMOVED, r) | rc << (56 - 5);
}

static bool h_bulk_remove(const struct call *c)
{
	unsigned long *args = &c->vcpu->arch.regs.gpr[4];
	struct request requests[BULK_REQUESTS] = { 0 };
	unsigned int n, i;

	if (!bulk_lock_all(c, requests, args, &n)) {
		bulk_unlock_all(requests, n);
		return false;
	}
	for (i = 0; i < n; i++)
		args[2 * i] = bulk_remove(c, &requests[i]);
	*c->ret = H_SUCCESS;
	if (n < BULK_REQUESTS && requests[n].type != BULK_END) {
		args[2 * n] = bulk_answer(BULK_PARAMETER, &requests[n]);
		*c->ret = H_PARAMETER;
	}
	return true;
}

bool kht_on_h_bulk_remove(struct kvm_vcpu *vcpu, long *ret)
{
	struct call c = { .vcpu = vcpu, .ret = ret };

	return run_hcall(&c, false, h_bulk_remove);
}

static unsigned long protection(unsigned long flags)
{
	return (flags << 55 & HPTE_R_PP0) | (flags << 48 & HPTE_R_KEY_HI) |
	       (flags & (HPTE_R_PP | HPTE_R_N | HPTE_R_KEY_LO));
}

/*
 * The second doubleword of a valid HPTE, in the hardware's format. It must not
 * become writable here: the host's page may not be, and a fault sorts that out.
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

static bool h_protect(const struct call *c)
{
	unsigned long bits = protection(c->flags), v;
	enum found found;
	struct entry e;

	found = take_hpte(c, &e, c->flags & H_AVPN);
	if (found != FOUND)
		return found == NOT_FOUND;
	e.rev->guest_rpte = (e.rev->guest_rpte & ~PROTECTION) | bits;
	note_hpte_modification(c->kvm, e.rev);
	v = be64_to_cpu(e.hpte[0]);
	if (e.old.v & HPTE_V_VALID)
		protect_valid(c, &e, bits);
	unlock_hpte(e.hpte, v);
	kht_complete_updates();
	note_mmio(c, &e);
	*c->ret = H_SUCCESS;
	return true;
}

bool kht_on_h_protect(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		      unsigned long avpn, long *ret)
{
	struct call c = {
		.vcpu = vcpu, .flags = flags, .index = index, .avpn = avpn, .ret = ret,
	};

	return run_hcall(&c, flags & H_LOCAL, h_protect);
}
