/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What surrounds src/guest and src/core: the stock kernel as far as it matters, and in the simulator's own words
 * what is not compiled here: src/attach, src/guest/domain.c, adopt.c, pay.c, hcall.c and sweep.c. Negative controls that these
 * have are applied here.
 */
#ifndef GUEST_H
#define GUEST_H

#include "core/reach.h"
#include "guest/adopt.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/hpt.h"
#include "guest/radix.h"
#include "guest/vcpu.h"
#include "kht_direct.h"
#include "module/features.h"
#include "power/flush.h"
#include "module/params.h"
#include "machine.h"

#define GUESTS		2u
#define VCPUS		2u	/* per guest */

/* Mistakes this model showed or could have shown in src/guest; beyond enum kht_mutant. */
enum {
	SIM_MUT_FIRST = 17,
	SIM_MUT_DETACH_IGNORES_BATCH = SIM_MUT_FIRST,	/* a notifier covers nothing while we detach */
	SIM_MUT_ADOPT_NO_GRACE,		/* adoption does not wait for entries and quadrant accesses under way */
	/* --mutant only, as SIM_MUT_ADOPT_LEAVES_UPDATES: a look finds vCPUs that are older than their domain anywhere. */
	SIM_MUT_ADOPT_NO_IPI,		/* adoption does not interrupt who runs the guest */
	SIM_MUT_NO_ORDER,		/* nobody completes what the guest had begun */
	SIM_MUT_DETACH_NO_PROCESS,	/* detach pays the partition scope only */
	SIM_MUT_NO_LOOK_FENCE,		/* no fence before the look who is in guest */
	SIM_MUT_STOCK_BITS,		/* moves through stock's need_tlb_flush bits, as stock does */

	/* Shown by few seeds: --mutant only. */
	SIM_MUT_LATE_KIND = 60,		/* a ledger learns at the first entry that its guest is a hash guest */

	/* Of CPUs that come and go. */
	SIM_MUT_HALF_THE_SETS,		/* one that is off while we detach: stock's flush of a hash guest as it is */
	SIM_MUT_NO_STOCK_BITS,		/* nor that */
	SIM_MUT_ARRIVES_RADIX_ONLY,	/* one that comes keeps what it has of hash guests */
	SIM_MUT_ARRIVES_EARLY,		/* it flushes nothing: a debt is recorded while it is still off */
	SIM_MUT_UNPLUGGED_FIRST,	/* detaching begins with the state of CPU hotplug */

	SIM_MUT_ATTACH_NO_IPI,		/* who is in a guest when the hooks come has no mark */
	SIM_MUT_HASH_NO_GRACE,		/* --mutant only: hash guests owe before every entry knows (litmus hash-owing) */
	SIM_MUT_HASH_NOT_PAID,		/* hash guests owe no more, and their debts are not paid */
	SIM_MUT_CPUS_NOT_HELD,		/* detaching looks who is off while a CPU is on its way up */

	/* Of what orders memory. */
	SIM_MUT_NO_PTE_FENCE,		/* kht_pte_fence() is a full fence */
	SIM_MUT_NO_LOAD_FENCE,		/* kht_load_fence() does nothing */
	SIM_MUT_NO_RELEASE,		/* kht_store_release() is a store */
	SIM_MUT_NO_ACQUIRE,		/* --mutant only: kht_load_acquire() is a load (litmus settle-sibling) */

	/* Of what hardware caches. */
	SIM_MUT_ERAT_FIRST,		/* a local flush drops the ERAT before the TLB */
	SIM_MUT_WALK_CACHE_LAST,	/* a local flush drops the page walk cache after the TLB */
	SIM_MUT_TABLE_AS_PAGES,		/* a table that goes is flushed as the pages that were in it */
	SIM_MUT_ADOPT_LEAVES_UPDATES,	/* the interrupts of adoption complete none */
	SIM_MUT_UPDATES_LEFT,		/* vcpu_put of a hash guest does not complete updates of R and C */

	SIM_MUT_LIVE_AT_ONCE,		/* --mutant only: a domain goes live beside an operation (litmus adopt-operation) */
	SIM_MUT_OLDER_NOWHERE,		/* a vCPU older than its guest's domain is taken for not loaded */
	SIM_MUT_END,
};

enum hcall { NO_HCALL, H_REMOVE, H_ENTER };

struct vcpu {
	struct kvm_vcpu kvm_vcpu;
	struct guest *guest;
	unsigned int id;
	bool loaded;
	int fault;		/* page to map, or -1 */
	struct proc *changing;	/* between its own invalidation and the end of the order sequence */
	int order_on;		/* CPU with that sequence unfinished, or -1 */

	/* Of a hash guest: the page whose HPTE it is replacing, or -1, and the next hcall. */
	int replacing;
	enum hcall hcall;
	bool local;		/* that H_REMOVE has H_LOCAL */
};

/* tables[] has the rest of an HPTE. */
struct hpte {
	struct lock lock;	/* HPTE_V_HVLOCK */
	bool present;		/* the guest has entered it; not valid: absent */
	int replacer;		/* the guest's own lock: a vCPU, or -1 */
};

/* An address space of the guest's, invalidated by the guest. */
struct proc {
	unsigned int nr, owner;	/* owner: the vCPU it runs on */
	u64 table;
	u32 used_by;		/* vCPUs, since the last global invalidation */
};

struct guest {
	struct kvm kvm;
	u32 lpid;
	u64 tables[PAGES];
	u64 root;		/* the change that made the upper table pages what they are */
	u64 data[PAGES], stored_by[PAGES];	/* what is in a page, and the translation by which it came there */
	u64 need_tlb_flush;	/* stock's bits, by CPU */
	bool all_sets;		/* tlb_sets: of a hash guest, whether stock's flush takes all of them */
	struct vcpu vcpu[VCPUS];
	struct proc proc[PROCS];
	bool hash;
	bool honest;		/* says H_LOCAL only when it is true, and is judged */
	u32 vcores;
	struct hpte hpte[PAGES];
	u32 used_by[PAGES];	/* vCPUs, since the last removal that reached everybody */
	bool stop;		/* no vCPU may run */
	int slot_operations;	/* under way: slots_lock is held */
	int running;		/* vCPUs in KVM_RUN */
	bool dying;
	bool adopt;		/* has entered without a domain */
	int users;		/* tasks that must be gone before it dies */
};

extern struct guest guests[GUESTS];
extern struct lock hotplug_lock;
extern bool hotplug_state;
extern bool hooks, domains_open;

/* guest.c: the module */
struct kht_domain *domain_of(struct guest *g);
void domains_reset(void);
void on_vcpu_create(struct guest *g);
void on_vm_destroy(struct guest *g);
void adopt(struct guest *g);
void do_nothing(void *unused);
struct guest *guest_of(const struct kvm *kvm);
void attach(void);
void detach(void);
void cpu_prepares(unsigned int cpu);
void cpu_arrives(void *unused);
void apply_hpt(void);
void on_guest_enter(struct vcpu *v);
void on_guest_exit(struct vcpu *v);
bool quadrant_begin(struct guest *g);
void quadrant_end(void);
bool on_flush(struct guest *g, int page);
void on_vcpu_load(struct vcpu *v);
void on_vcpu_put(struct vcpu *v);
struct kht_domain *batch_begin(struct guest *g);
void batch_end(struct kht_domain *d, bool own);

/* What the module makes of an invalidation of a hash guest; preemption off. */
struct kht_domain *on_hcall(struct vcpu *v, enum kht_reach *reach);
bool hash_reach(struct kht_domain *d, unsigned int page, enum kht_reach reach);
bool on_invalidate_hpte(struct guest *g, unsigned int page);
bool on_set_partition(struct guest *g);
struct kht_domain *sweeps(struct guest *g);

/* hash.c: what the kernel does for a hash guest, and the guest itself */
void hpt_create(struct guest *g);
void hash_host_operation(struct guest *g);
void hash_notifier(struct guest *g);
bool hash_use(struct vcpu *v, bool busy);
void hash_fault(struct guest *g, unsigned int page);
void hash_hcall(struct vcpu *v);
void hash_reset(struct guest *g);

/* stock.c: the kernel and the guest */
void guest_create(struct guest *g, u32 lpid);
void complete_order(void *unused);
void vcpu_task(void *vcpu);
void kernel_task(void *unused);
void admin_task(void *unused);
void worker_task(void *unused);
void operator_task(void *unused);

#endif
