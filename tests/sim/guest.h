/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What surrounds src/core in the module: the stock kernel as far as it matters,
 * and src/guest with src/attach, in the simulator's own words. Where the module
 * has the negative control and not src/core, it is applied here.
 */
#ifndef GUEST_H
#define GUEST_H

#include "kht_move.h"
#include "machine.h"

#define GUESTS		2u
#define VCPUS		2u	/* per guest */

/* Mistakes this model showed or could have shown in src/guest; beyond enum kht_mutant. */
enum {
	SIM_MUT_FIRST = 17,
	SIM_MUT_DETACH_IGNORES_BATCH = SIM_MUT_FIRST,	/* a notifier covers nothing while we detach */
	SIM_MUT_ADOPT_NO_GRACE,		/* adoption does not wait for quadrant accesses */
	SIM_MUT_ADOPT_NO_IPI,		/* adoption does not wait for guests */
	SIM_MUT_NO_ORDER,		/* nobody completes what the guest had begun */
	SIM_MUT_DETACH_NO_PROCESS,	/* detach pays the partition scope only */
	SIM_MUT_NO_LOOK_FENCE,		/* no fence before the look who is in guest */
	SIM_MUT_STOCK_BITS,		/* moves through stock's need_tlb_flush bits, as stock does */
	SIM_MUT_END,
};

/* A domain of the module: src/guest's struct kht_domain. */
struct domain {
	struct kht_ledger *ledger;
	struct lock lock;
	bool live;
	struct task *batcher[2];
	struct kht_vcpu *vcpu[VCPUS];
	struct domain *next;	/* of all ever made in this run */
};

struct vcpu {
	struct guest *guest;
	unsigned int id;
	int prev_cpu;
	bool loaded;
	int fault;		/* page to map, or -1 */
	struct proc *changing;	/* between its own invalidation and the end of the order sequence */
	int order_on;		/* CPU with that sequence unfinished, or -1 */
};

/* An address space of the guest's, invalidated by the guest. */
struct proc {
	unsigned int nr, owner;	/* owner: the vCPU it runs on */
	u64 table;
	u32 used_by;		/* vCPUs, since the last global invalidation */
};

struct guest {
	u32 lpid;
	u64 tables[PAGES];
	struct lock mmu_lock;
	u64 need_tlb_flush;	/* stock's bits, by CPU */
	struct vcpu vcpu[VCPUS];
	struct proc proc[PROCS];
	bool dying;
	bool adopt;		/* has entered without a domain */
	int users;		/* tasks that must be gone before it dies */
};

extern struct guest guests[GUESTS];
extern bool hooks, domains_open, deferring, moving, param_defer, param_lazy_move;

/* guest.c: the module */
struct domain *domain_of(const struct guest *g);
void domains_reset(void);
void on_vcpu_create(struct guest *g);
void on_vm_destroy(struct guest *g);
void adopt(struct guest *g);
void do_nothing(void *unused);
void attach(void);
void detach(void);
void cpu_arrives(unsigned int cpu);
void on_guest_enter(struct vcpu *v);
bool quadrant_begin(struct guest *g);
void quadrant_end(void);
bool on_flush(struct guest *g, int page);
void on_vcpu_load(struct vcpu *v);
void on_vcpu_put(struct vcpu *v, bool scheduled_out);
struct domain *batch_begin(struct guest *g);
void batch_end(struct domain *d, bool own);

/* stock.c: the kernel and the guest */
void guest_create(struct guest *g, u32 lpid);
void complete_order(void *unused);
void vcpu_task(void *vcpu);
void kernel_task(void *unused);
void admin_task(void *unused);
void worker_task(void *unused);
void operator_task(void *unused);

#endif
