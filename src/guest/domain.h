/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains: the translations of one guest, or of one of its nested guests, found
 * by LPID. Each function says in which context it may be called.
 */
#ifndef KHT_GUEST_DOMAIN_H
#define KHT_GUEST_DOMAIN_H

#include <linux/kvm_host.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s_64.h>
#include "core/ledger.h"
#include "core/move.h"
#include "module/stats.h"

#define KHT_BATCHERS	4	/* tasks that may have a batch open on one guest */

struct kht_batcher {
	struct task_struct *task;	/* NULL: the slot is free */
	bool shadows;			/* absorbs what is invalidated in shadows too */
};

/* kht_lock()'s */
struct kht_ledger_lock {
	raw_spinlock_t lock;
	unsigned long flags;		/* interrupts of its holder */
};

/*
 * The translations of one LPID: of a guest (L1), or of one of its nested guests
 * (L2), whose LPID is that of its shadow tables. A guest and its shadows are a
 * family: they have one kvm, one mmu_lock, and share batches and counters.
 */
struct kht_domain {
	struct kht_ledger *ledger;
	struct kht_ledger_lock lock;
	struct kvm *kvm;
	u32 lpid;
	bool live;			/* every CPU has passed our entry hook since creation */
	struct kht_stats *stats;	/* the guest's */
	struct kht_domain *l1;		/* of a shadow: its guest's domain; else NULL */
	struct list_head sibling;	/* of a shadow: in its guest's list, RCU */
	struct kht_runners runners;	/* of a shadow */
	struct rcu_head rcu;

	/* Of a guest only. */
	struct list_head shadows;	/* RCU; changed under the shadow lock */
	struct kht_batcher batcher[KHT_BATCHERS];
	struct task_struct *harvester;	/* is in kht_harvest(); changed under slots_lock */
	bool stopped_older_faults;	/* under mmu_lock */
	struct kht_vcpu *const *vcpu;	/* vcpus, or kht_no_vcpus while it is a hash guest */
	struct kht_vcpu **vcpus;	/* by vcpu_idx, made at the first vcpu_load */
	struct kht_places *places;	/* its shadows' ledgers have them too */
	bool tracks_moves;		/* hash: moves leave debts */
	bool trusts_local;		/* hash: they have since everything was flushed */
	bool lost_a_move;		/* hash: one has left none */
	struct list_head node;		/* all guests, under the domain mutex */
	struct kht_files files;
};

extern struct kht_thread *kht_threads;		/* by CPU number */
extern struct kht_vcpu *const kht_no_vcpus[KVM_MAX_VCPUS];	/* all NULL */

/*
 * Hash guests settle by tlbiel with R=0, which silicon has not been asked
 * about: so only on demand (hpt_defer, hpt_local). owing: an entry settles what
 * is recorded; otherwise the kernel has executed all of it itself. deferring:
 * more may be recorded. The one is set first and cleared last
 * (src/attach/attach.c).
 */
extern bool kht_hash_owing, kht_hash_deferring;

/*
 * LPIDR has 12 bits (POWER9 and later): each LPID has a place of its own. In a
 * partition the API v2 lets the hypervisor choose the numbers. Of two guests in
 * one place the second one keeps stock behaviour.
 */
#define KHT_DOMAIN_PLACES	(1UL << 12)

extern struct kht_domain __rcu *kht_domain_table[KHT_DOMAIN_PLACES];

static inline struct kht_domain __rcu **kht_place(u64 lpid)
{
	return &kht_domain_table[lpid % KHT_DOMAIN_PLACES];
}

/*
 * The domain of an LPID or NULL. A domain is freed a grace period after it left
 * the table: hooks run with preemption off. A batch sleeps, but keeps its guest
 * alive; when we detach from a living guest, its batches are waited for.
 */
static inline struct kht_domain *kht_domain(u64 lpid)
{
	struct kht_domain *d = rcu_dereference_raw(*kht_place(lpid));

	return d && d->lpid == lpid ? d : NULL;
}

static inline struct kht_domain *kht_domain_of(struct kvm *kvm)
{
	return kht_domain(kvm->arch.lpid);
}

int kht_domains_init(unsigned int log_entries);
void kht_domains_exit(void);

/* All may sleep. */
void kht_domains_open(void);			/* domains may be made from here on */
bool kht_domains_are_open(void);		/* any context */
void kht_domains_close(void);			/* none is found any more on return */
void kht_domains_free(void);

/*
 * May sleep. The domain a guest older than the hooks gets, or a nested guest:
 * not live yet.
 */
bool kht_domain_make(struct kvm *kvm);
bool kht_domain_make_nested(u32 l1_lpid, u32 lpid, int number);
bool kht_domain_go_live(struct kht_domain *d);	/* of a guest; false: try again */

/*
 * @fn for each guest's domain, under the domain mutex; the second lets no other
 * be made afterwards.
 */
void kht_each_domain(void (*fn)(struct kht_domain *d));
void kht_last_domains(void (*fn)(struct kht_domain *d));

/* Each guest is held meanwhile, and no lock is. May sleep. */
void kht_visit_guests(void (*fn)(struct kvm *kvm, void *arg), void *arg);

/*
 * Hash or radix, into what depends on it. When that changes nobody is in guest.
 */
void kht_note_mmu_mode(struct kht_domain *d);

void kht_on_vcpu_create(struct kvm_vcpu *vcpu);	/* may sleep */
void kht_on_vm_destroy(struct kvm *kvm);	/* may sleep */
void kht_on_lpid_free(u32 lpid);		/* any context, preemption off */

#endif
