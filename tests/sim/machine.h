/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated machine: tasks as coroutines on CPUs, memory that reorders,
 * interrupts, locks, and TLBs tagged with LPIDs.
 *
 * Stores wait in a buffer of their CPU and reach the others later, at a fence or by chance, each
 * address for itself; a release only after all stores before it. Memory itself always holds the newest
 * value, and a buffered store remembers the old one for the other CPUs to read. So plain accesses of
 * the lock's holder, which src/core makes, are right.
 *
 * A load may be early: it reads what was there at any time since the last thing that orders this CPU's loads (an
 * acquire, a load fence, a full fence, a lock, an interrupt), but nothing older than the CPU has read there
 * or written. Loads are never late, so a store that passes an earlier load is not
 * simulated, but for the accesses of a guest (lingers()). Dependencies of addresses are kept, since
 * pointers are plain memory; those of control are not.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <ucontext.h>
#include "core/env.h"

#define MAX_CPUS	6u
#define MAX_TASKS	12u
#define LPIDS		4u	/* 1 to 3 are guests' */
#define PAGES		5u
#define PROCS		2u	/* address spaces of a guest */
#define BUFFERED	6u	/* stores a CPU keeps back at most */
#define KNOWN		64u	/* by hash of the address */
#define SHOWN		256u	/* stores that became visible last */
#define PAGE_SHIFT	16u

struct cpu;

struct task {
	ucontext_t context;
	char *stack;
	void (*run)(void *arg);
	void *arg;
	struct cpu *cpu;	/* NULL: waits for one */
	u64 wake;		/* not before this step */
	int nopreempt;
	bool in_guest;		/* no reader of RCU then */
	int pending;		/* calls on other CPUs it waits for */
	int inside;		/* calls of wrapped kvmppc_hv_ops members it is in */
	u64 quiet, outside;	/* times nopreempt, inside became 0 */
	void (*sched_out)(struct task *t);
	void (*sched_in)(struct task *t);
};

struct call {
	void (*fn)(void *arg);
	void *arg;
	struct task *caller;
};

struct cpu {
	unsigned int nr, tlb;	/* tlb: the TLB it uses */
	struct task *task;	/* NULL: idle */
	struct task idle;
	bool offline;		/* it runs nothing, and takes no interrupt */
	bool leaving;		/* about to go offline, or not active yet: it takes no task */
	int irq_off;
	u32 context;		/* LPID whose translations it may use now, or 0 */
	const u64 *tables;	/* of that LPID: a PTE per page */
	bool borrowed;		/* that is the host's, with this LPID in LPIDR to flush it: nobody uses it but speculation */
	struct { u32 context; const u64 *tables; } before;	/* a quadrant access, say: it is interrupted */
	struct { u32 lpid; unsigned int page; u64 found; } walk;	/* under way; found 0: none */
	u32 sets_c_of;		/* LPID of the hash guest whose C bits this CPU has yet to set, */
	u64 sets_c[PAGES];	/* by a store through that translation; 0: not of this page */
	const u32 *users;	/* of an honest hash guest: who may use a page; else NULL */
	u32 user;		/* the bit in users[] of who runs here */
	u64 sent, drained;	/* stores buffered, stores visible to all */
	struct { void *p; u64 old; bool release, done; } buffer[BUFFERED];
	u64 loads_since;	/* no load is earlier than this step */
	u64 known[KNOWN];	/* nor one of these addresses than this one, which it has read or written then */
	u64 used[PAGES];	/* the translation of its last access to a page, since it loaded the context */
	u32 lingers;		/* LPID whose guest's last accesses may not be over; 0: none */
	struct call calls[MAX_TASKS];
	unsigned int nr_calls;
};

struct lock {
	bool held;
	struct cpu *last;	/* who released it, when, and how many stores that CPU had made */
	u64 at, sent;
};

/* How a seed's machine looks. */
struct shape {
	unsigned int cores, threads, log_size, ceiling;
	unsigned int calm;	/* how seldom the administrator acts */
	bool restless;		/* CPUs come and go, and the module, all the time */
	bool share;		/* the threads of a core share its TLB */
	bool alone;		/* if not, the module has found so itself (src/selftest) */
	bool interleaved;	/* its threads lie apart, as those of a big core with two TLBs */
	bool direct;		/* the replacement flavour */
	bool hash;		/* the last guest is a hash guest, */
	unsigned int quiet;	/* and the host lets it alone mostly */
};

extern struct shape shape;
extern unsigned int nr_cpus;
extern struct cpu cpus[MAX_CPUS];
extern struct task *this_task;
extern u64 steps;

/* machine.c */
u32 chance(u32 n);			/* 0 to n - 1 */
void yield(void);
u64 read_by(const struct cpu *c, const void *p, size_t size);
void store_now(u64 *p, u64 value);
void finish_stores(struct cpu *c);
void accesses_over(struct cpu *c);
struct cpu *this_cpu(void);
void hazard(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *hazard_seen(void);
void preempt_disable(void);
void preempt_enable(void);
void irq_off(void);
void irq_on(void);
void give_up_cpu(u32 sleep);
void preempt_point(void);
void lock(struct lock *l);
void unlock(struct lock *l);
bool trylock(struct lock *l);
void mutex_lock(struct lock *l);
bool mutex_trylock(struct lock *l);
void mutex_unlock(struct lock *l);
void smp_call(u32 mask, void (*fn)(void *), void *arg);
void on_all_cpus(void (*fn)(void *), void *arg);
void synchronize_rcu(void);
void synchronize_inside(void);
struct task *task_new(void (*run)(void *), void *arg);
void machine_start(u64 seed);
void machine_run(u64 max_steps);

/* guest.c: cpus_read_lock() */
void hold_cpus(void);
void let_cpus_go(void);

/* tlb.c */
struct pte { u64 stamp; bool valid; };
void set_pte(u64 *entry, u64 word);
void sim_ptesync(void);
u64 translation(const struct cpu *c, unsigned int page);
struct pte pte_of(u64 word);
u64 pte_word(u64 stamp, bool valid);
u64 new_stamp(void);
u64 gpa(unsigned int page);
struct kht_core siblings_of(unsigned int cpu);
struct kht_core core_of(unsigned int cpu);
void tlb_reset(void);
void tlb_noise(struct cpu *c);
bool tlb_touch(struct cpu *c, unsigned int page);
bool hpte_touch(struct cpu *c, unsigned int page);
void hpte_removed(u32 lpid, unsigned int page, u64 stamp);
void hash_drop_everywhere(u32 lpid, unsigned int first, unsigned int last);
void erat_clear(struct cpu *c, u32 lpid);
void tlb_check(struct cpu *c, const char *when);
void tlb_dead(u32 lpid, unsigned int page, u64 stamp);
void table_dead(u32 lpid, u64 stamp);
void c_bit_to_set(struct cpu *c, unsigned int page);
void c_bit_read(u32 lpid, unsigned int page, u64 stamp);
void tlb_load_context(struct cpu *c, u32 lpid, const u64 *tables);
void tlb_unload_context(struct cpu *c);
void tlb_garbage(struct cpu *c, u32 lpid, bool alone);
void hash_flush_local(struct cpu *c, u32 lpid, bool all_sets);
void proc_touch(struct cpu *c, unsigned int proc, u64 table);
void proc_dead(u32 lpid, unsigned int proc, u64 stamp);
void proc_drop_local(struct cpu *c, u32 lpid, unsigned int proc);
void proc_drop_everywhere(u32 lpid, unsigned int proc);
void proc_flush_local(struct cpu *c, u32 lpid);
bool lpid_is_hash(u32 lpid);	/* stock.c */
struct kht_core core_of(unsigned int cpu);

/* What happened in all runs; a path that never ran proves nothing. */
#define EVENTS(X)								\
	X(flushes) X(replays) X(syncs) X(process_flushes) X(page_broadcasts)	\
	X(lpid_broadcasts) X(debts) X(refused) X(covered_debts) X(covered_pages) \
	X(covered_lpid) X(quadrants) X(moves) X(kicks) X(order_ipis) X(order_puts) \
	X(aborted_entries) X(adoptions) X(detaches) X(paid) X(paid_process)	\
	X(hotplugs) X(garbage) X(arrivals) X(paid_offline) X(new_guests) X(entries) X(touches) X(hash_flushes)		\
	X(hash_replays) X(hash_syncs) X(hash_broadcasts) X(hash_pages)		\
	X(hash_debts) X(hash_refused) X(settles) X(hash_swept_debts) X(seated) X(hcalls_here) X(hcalls_nowhere_else)	\
	X(hcalls_everywhere) X(hcalls_late) X(covered_kick)	\
	X(hash_moves) X(hash_moves_unknown) X(hash_swept)	\
	X(hash_resets) X(hash_touches) X(hash_paid_here) X(copies)

struct events {
#define X(name) u64 name;
	EVENTS(X)
#undef X
};

extern struct events events;

#endif
