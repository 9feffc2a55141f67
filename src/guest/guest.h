/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of a stock kernel, as src/attach reports them, and the domains they
 * belong to. Each function says in which context it may be called.
 */
#ifndef KHT_GUEST_H
#define KHT_GUEST_H

#include <linux/kvm_host.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s_64.h>
#include "core/reach.h"
#include "core/ledger.h"
#include "core/move.h"
#include "power/flush.h"
#include "module/stats.h"

#define KHT_BATCHERS	4	/* tasks that may have a batch open on one guest */

struct kht_batcher {
	struct task_struct *task;	/* NULL: the slot is free */
	bool shadows;			/* absorbs what is invalidated in shadows too */
};

/* kht_lock()'s */
struct kht_ledger_lock {
	raw_spinlock_t lock;
	unsigned long flags;		/* interrupts of who holds it */
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
	bool tracks_moves;		/* hash: moves leave debts */
	bool trusts_local;		/* hash: they have since everything was flushed */
	bool lost_a_move;		/* hash: one has left none */
	struct kht_stats counts;
	struct list_head node;		/* all guests, under the domain mutex */
	struct kht_files files;
};

extern struct kht_thread *kht_threads;		/* by CPU number */
extern struct kht_seat __percpu *kht_seats;	/* of the replacement flavour; NULL for the shim */
extern struct kht_vcpu *const kht_no_vcpus[KVM_MAX_VCPUS];	/* all NULL */

/*
 * True while invalidations may become debts or be batched. Written by attach
 * and detach only; cleared first, set last (invariant 8).
 */
extern bool kht_deferring;

/* True while vCPU moves are ours: the order of writes as above. */
extern bool kht_moving;

/* True while nested guests may have domains: their hooks are in place. */
extern bool kht_nesting;

/* True while what the host invalidates of hash guests comes to us. */
extern bool kht_hashing;

/*
 * Hash guests settle by tlbiel with R=0, which silicon has not been asked about: so only on demand (hpt_defer,
 * hpt_local). owing: an entry settles what is recorded; otherwise the kernel has executed all of it itself.
 * deferring: more may be recorded. The one is set first and cleared last (src/attach/attach.c).
 */
extern bool kht_hash_owing, kht_hash_deferring;

/* src/guest/domain.c */
int kht_domains_init(unsigned int log_entries);
void kht_domains_exit(void);
void kht_domains_open(void);
void kht_domains_close(void);
void kht_domains_free(void);
void kht_domains_pay(void);
void kht_cpu_arrives(void);			/* on that CPU, may sleep */
void kht_domains_pay_hash(void);	/* those of hash guests; nothing of them is deferred any more */
void kht_forget_vcpus(const struct kht_ledger *l);	/* whose guest nobody runs */
void kht_visit_guests(void (*fn)(struct kvm *kvm, void *arg), void *arg);	/* may sleep */

void kht_on_vcpu_create(struct kvm_vcpu *vcpu);	/* may sleep */
void kht_on_vm_destroy(struct kvm *kvm);	/* may sleep */
void kht_on_lpid_free(u32 lpid);		/* any context, preemption off */
void kht_adopt(struct kvm_vcpu *vcpu);		/* any context, preemption off */

#define KHT_NR_LPIDS	(1UL << 12)	/* POWER9 and later: LPIDR has 12 bits */

extern struct kht_domain __rcu *kht_domain_table[KHT_NR_LPIDS];

/*
 * The domain of an LPID or NULL. A domain is freed a grace period after it left
 * the table: hooks run with preemption off. A batch sleeps, but keeps its guest
 * alive; when we detach from a living guest, its batches are waited for.
 */
static inline struct kht_domain *kht_domain(u32 lpid)
{
	if (unlikely(lpid >= KHT_NR_LPIDS))
		return NULL;
	return rcu_dereference_raw(kht_domain_table[lpid]);
}

static inline struct kht_domain *kht_domain_of(struct kvm *kvm)
{
	return kht_domain(kvm->arch.lpid);
}

/*
 * src/guest/entry.c; preemption off. The first has the form of a tracepoint's
 * probe, one call less on the hottest path.
 */
void kht_on_guest_enter(void *unused, struct kvm_vcpu *vcpu);
void kht_direct_enter(struct kvm_vcpu *vcpu);
void kht_direct_call(struct kvm_vcpu *vcpu);	/* the vCPU is loaded here */
bool kht_in_quadrant(void);
bool kht_quadrant_begin(u32 lpid);
void kht_quadrant_end(void);

/* src/guest/radix.c; preemption off. True: done, skip the kernel's broadcast. */
bool kht_on_flush_page(u32 lpid, u64 gpa, u64 size);
bool kht_on_flush_full(u32 lpid);
void kht_on_free_tables(u32 lpid);		/* any context, preemption off */

/*
 * src/guest/nested.c; the caller holds kvm->mmu_lock. True: done, skip the
 * kernel's kvmhv_update_nest_rmap_rc_list(), whose arguments these are.
 */
bool kht_on_update_rc(struct kvm *kvm, unsigned long *rmapp, unsigned long clr,
		      unsigned long set, unsigned long hpa, unsigned long nbytes);

/*
 * src/guest/nested.c, faults of nested guests. The first in the mmu_lock section that inserts a shadow entry, the
 * second before it, without the lock and with preemption off.
 */
void kht_on_insert_rmap(struct kvm *kvm, const unsigned long *rmapp, u64 rmap);
void kht_on_create_pte(struct kvm *kvm, pgd_t *shadow, unsigned long gpa, pte_t *pte);

/* Functions of the kernel that are not exported to us; src/attach finds them. */
struct kht_audit_calls {
	int (*access_vm)(struct mm_struct *mm, unsigned long addr, void *buf, int len,
			 unsigned int gup_flags);
	void (*put_nested)(struct kvm_nested_guest *gp);
};

struct seq_file;

#define KHT_AUDIT_REPORT	4096	/* bytes; no report is longer */

/* src/guest/audit.c; may sleep, no lock held. Without its calls (NULL) the auditor is off. */
void kht_audit_use(const struct kht_audit_calls *calls);
void kht_audit_guest(struct kvm *kvm);		/* findings go to the kernel's log */
int kht_audit_show(struct seq_file *m);		/* all guests */

/* src/guest/batch.c; same task from begin to end, may hold mmu_lock */
struct kht_domain *kht_batch_begin(struct kvm *kvm, bool shadows);
void kht_batch_end(struct kht_domain *d);
void kht_batch_cover(struct kht_domain *d);	/* of this domain alone, now; any context */
bool kht_batching(struct kht_domain *d);

/* src/guest/batch.c, under slots_lock: a harvest of the dirty log, by this task. */
bool kht_harvesting(struct kvm *kvm);
void kht_harvest_begin(struct kvm *kvm);
void kht_harvest_end(struct kvm *kvm);

/* src/guest/batch.c, around a batch; mmu_lock is not held */
bool kht_hold_faults(struct kvm *kvm);
void kht_release_faults(struct kvm *kvm, bool held);

/* src/guest/batch.c, calls of an L1; preemption off */
void kht_call_begin(struct kvm_vcpu *vcpu);	/* the vCPU is loaded here */
void kht_call_end(struct kht_thread *t);	/* of this CPU, with a call */
void kht_on_walk(struct kvm_vcpu *vcpu);	/* of the L1's table, for an L2 or the L1 itself */

/*
 * src/guest/hpt.c; preemption off, the HPTE locked by the caller. True: done, skip the
 * kernel's function, whose arguments these are.
 */
bool kht_on_invalidate_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index);
bool kht_on_clear_ref_hpte(struct kvm *kvm, __be64 *hpte, unsigned long index);
void kht_on_set_partition(u32 lpid);

bool kht_defers_hash(const struct kht_domain *d);

/* Hash or radix, into what depends on it. When that changes nobody is in guest. */
void kht_note_kind(struct kht_domain *d);

/* Invalidates what @rb names, as far as @reach, by who has it locked. False: it must be broadcast. */
bool kht_hash_reach(struct kht_domain *d, enum kht_reach reach, u64 rb);

/* May this guest's H_LOCAL be honoured? May interrupt its vCPUs; no lock is held. */
bool kht_trusts_local(struct kht_domain *d);

/*
 * src/guest/hcall.c; preemption off, on the thread of @vcpu. True: done, skip the kernel's
 * function; *@ret is the hcall's return code.
 */
bool kht_on_h_remove(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		     unsigned long avpn, long *ret);
bool kht_on_h_bulk_remove(struct kvm_vcpu *vcpu, long *ret);
bool kht_on_h_protect(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		      unsigned long avpn, long *ret);

/* src/guest/sweep.c, before the kernel's function of that purpose; nothing for radix guests. */
void kht_sweep_unmap(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long gfn,
		     unsigned long end);			/* mmu_lock is held */
void kht_sweep_flush_slot(struct kvm *kvm, struct kvm_memory_slot *slot);	/* may sleep */
void kht_sweep_harvest(struct kvm *kvm, struct kvm_memory_slot *slot);	/* may sleep */

/* src/guest/range.c; preemption off. The kernel's function runs afterwards, on [*start, *end). */
void kht_on_range(u32 lpid, unsigned long sizes, unsigned long *start, unsigned long *end);

/* src/guest/vcpu.c; preemption off */
void kht_leave_guest(void *unused);			/* for smp_call_function_many() */
void kht_on_vcpu_move(struct kvm_vcpu *vcpu, int cpu);
void kht_put_order(struct kvm_vcpu *vcpu, struct kht_vcpu *v, bool scheduled_out);
void kht_put_other(struct kht_thread *t);
struct kht_vcpu *kht_vcpu_state(struct kht_domain *d, struct kvm_vcpu *vcpu);
void kht_direct_load(struct kvm_vcpu *vcpu, int cpu);
void kht_direct_put(struct kvm_vcpu *vcpu);

/*
 * Runs on the CPU that is being left, and takes the mark away: only the vCPU
 * that is loaded can have set it, and it is not in the guest now. No mark means
 * that it has not entered since it was loaded, so nothing of its is unfinished; or that its
 * exit took the mark away (kht_direct_exit()), and kht_direct_put() has seen to the rest.
 *
 * KVM's preempt notifier calls us with interrupts off, when the thread is
 * scheduled out; the end of an ioctl with interrupts on. That tells the two
 * apart in every kernel.
 */
void kht_on_vcpu_put(struct kvm_vcpu *vcpu);

/*
 * The same inline, for it runs at every exit to user space, where there is nothing to do but
 * that. False: there is more, and nothing has been done.
 */
static __always_inline bool kht_put_at_once(struct kvm_vcpu *vcpu)
{
	int cpu = smp_processor_id();
	struct kht_thread *t = &kht_threads[cpu];
	struct kht_domain *d;
	struct kht_vcpu *v;

	if (!kht_load(&t->guest))
		return true;
	d = kht_domain_of(vcpu->kvm);
	v = d ? d->vcpu[vcpu->vcpu_idx] : NULL;
	if (unlikely(!v || t->call || kht_vcpu_may_sync(v, irqs_disabled())))
		return false;
	kht_leave(&t->guest);
	kht_vcpu_ran(v, cpu);
	return true;
}

#endif
