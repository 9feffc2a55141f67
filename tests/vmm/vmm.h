/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KHT_VMM_H
#define KHT_VMM_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "guest.h"

typedef unsigned long long u64;

#define MAX_VCPUS	4
/* What g_pass needs to never run its own tlbiel, or never exit. */
#define NEVER		(~0ULL >> 1)

enum { EXIT_OK, EXIT_WRONG, EXIT_CANNOT };

/* Pages of the host; transparent huge pages; hugetlbfs. */
enum backing { SMALL, THP, HUGE_2M, HUGE_1G };

struct options {
	const char *workload;
	const char *variant;
	const char *tag;
	bool hash;		/* --mmu hash: the guest has a hashed page table */
	enum backing backing;	/* --backing: what the host has behind the guest's data */
	u64 pages;
	u64 rounds;
	u64 vcpus;
	u64 seconds;
	u64 seed;
};

extern struct options opt;

static inline bool variant(const char *name)
{
	return !__builtin_strcmp(opt.variant, name);
}

/* The workload could not run: exit 2. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The guest or the host saw wrong data: exit 1. */
void wrong(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* xorshift64*: the same seed gives the same operations. */
u64 random_below(u64 limit);

/* SIGTERM ends a churn early, with all the checks of its end. */
extern volatile sig_atomic_t asked_to_end;
void end_on_sigterm(void);

u64 now_ns(void);

/* vm.c: a real-mode guest with its programs at 0 and the data at DATA_GPA */

#define SYSTEM_SIZE	0x20000
#define DATA_GPA	0x40000000ULL	/* a page of 1G can be there */
#define DATA_SLOT	1

struct vm;

struct vcpu {
	struct vm *vm;
	int fd;
	u64 id;
	struct kvm_run *run;
	pthread_t thread;
	volatile int tid;
	int cpu;		/* where vcpu_start() pins the thread; -1: anywhere */
	volatile u64 *mbox;
	/* Called in the vCPU's thread: at HC_NOP, and for an access outside all slots. */
	void (*on_nop)(struct vcpu *vcpu);
	void (*on_mmio)(struct vcpu *vcpu, u64 gpa, void *bytes, u64 count, bool store);
	void (*l2_on_nop)(struct vcpu *vcpu);	/* HC_NOP of a nested guest (nested-l1.c) */
};

struct vm {
	int fd;
	int debugfs;		/* the VM's debugfs directory */
	u64 lpid;
	void *system;
	unsigned char *data;
	u64 pages;		/* that the guest uses; the slot has whole units */
	u64 nvcpus;
	struct vcpu vcpus[MAX_VCPUS];
};

extern u64 page_size;
extern int ncpus;

void vm_setup(void);
/* @data: @pages pages of the host, page aligned; kept by the caller */
void vm_create(struct vm *vm, u64 nvcpus, void *data, u64 pages);
void vm_destroy(struct vm *vm);
void vm_log(struct vm *vm, bool on);
#define PATB_GR		(1ULL << 63)	/* a process table of radix trees */
/* Radix tables of the guest's own: a process table of one 4K page. No vCPU has run yet. */
void vm_own_tables(struct vm *vm, u64 process_table);
/* A hashed page table instead, before the first vCPU runs; KVM maps the pages at 0 in it. */
void vm_hash(struct vm *vm);
/* Without its data slot the guest's accesses become MMIO; the slot comes back at @data. */
void vm_remove_data(struct vm *vm);
void vm_set_data(struct vm *vm, void *data);
/* The pages the guest stored to since the last call, one bit each. */
void vm_harvest(struct vm *vm, u64 *bitmap);
void pin(int cpu);
/* The first CPU of another core (or another CPU at all) than CPU 0. */
int other_core(void);
bool same_core(int a, int b);

/* backing.c: memory of the host */

void *small_alloc(u64 pages);
void *data_alloc(u64 pages);
/* What the host maps and frees at once: so many pages, log2 of their bytes, and pages in whole units. */
u64 unit_pages(void);
unsigned int unit_shift(void);
u64 whole_units(u64 pages);
/* A memfd, and a mapping of it; @flags are added to MAP_SHARED or, without it, MAP_PRIVATE. */
int file_create(u64 pages);
void *file_map(int fd, void *at, u64 first, u64 count, int flags);

extern const char guest_start[], guest_end[];
extern const char g_fill[], g_pass[], g_watch[], g_hcalls[], g_remap[], g_look[], g_hcall[], g_hcall_list[], g_touch[], g_nested[], g_done[];

void vcpu_prepare(struct vcpu *vcpu, const char *program, const u64 args[6]);
void vcpu_finish(struct vcpu *vcpu);
void vcpu_call(struct vcpu *vcpu, const char *program, const u64 args[6]);
/* The same in a thread of its own, pinned to @cpu. */
void vcpu_start(struct vcpu *vcpu, int cpu, const char *program, const u64 args[6]);
void vcpu_join(struct vcpu *vcpu);

u64 mbox_gpa(const struct vcpu *vcpu);

/* The endless program g_pass over pages [first, first + count). */
void pass_start(struct vcpu *vcpu, int cpu, u64 first, u64 count, u64 tlbiel_mask, u64 exit_mask);
/* The endless program g_watch over page @page; watch_seen() is what it loaded last. */
void watch_start(struct vcpu *vcpu, int cpu, u64 page);
u64 watch_seen(struct vcpu *vcpu);
/* All endless programs: ask it to finish and wait. */
void pass_stop(struct vcpu *vcpu);
u64 pass_now(struct vcpu *vcpu);
void pass_wait(struct vcpu *vcpu, u64 pass);

/* Every page gets @value + its index; holds @old + index * @step before. */
void guest_fill(struct vcpu *vcpu, u64 first, u64 count, u64 value, u64 old, u64 step);

/* counts.c: what the kernel and the module counted */

enum count {
	C_BROADCASTS, C_LOCAL_FLUSHES, C_TLBIEL, C_WAITED_IPIS, C_EXITS, C_NR
};

struct counts {
	u64 v[C_NR];
};

bool in_partition(void);
void counts_setup(void);
u64 counts_newest_lpid(void);
void counts_read(const struct vm *vm, struct counts *c);
/* Partition-scoped broadcasts that name @lpid, since the kernel booted. */
#define ANY_LPID (~0ULL)
u64 counts_broadcasts(u64 lpid);
/* Congruence classes of a radix TLB. */
u64 tlb_sets(void);
/* Process-scoped ones, the host's own processes included. */
u64 counts_process_broadcasts(void);
/* CPUs the kernel has interrupted to complete what a vCPU had begun there. */
u64 counts_order_ipis(void);
/* Whether the module counts for this guest. */
bool counts_module(const struct vm *vm);
u64 counts_batches(const struct vm *vm);

/* A round: the host operation (timed and marked for the plugin) until the guest has been back. */
struct round {
	const struct vm *vm;
	struct counts before;
	u64 began;
	u64 hcalls;	/* in a partition */
};

void round_begin(const struct vm *vm, struct round *r);
/* Around whatever invalidates memory of a guest that has run. */
void op_begin(struct round *r);
void op_end(struct round *r);
void round_end(const struct vm *vm, struct round *r);

/* Marker for the QEMU plugin (tests/plugin): no effect at any privilege. */
static inline void mark(u64 id)
{
	asm volatile("twi 0,%0,0x4b48" : : "r"(id) : "memory");
}

/* The sanitizer's markers (tests/tlbsan/README.md): what runs; all that was invalidated for @lpid has returned. */
static inline void mark_name(const char *name)
{
	u64 letters = 0;

	for (int i = 0; i < 7 && name[i]; i++)
		letters |= (u64)name[i] << 8 * i;
	mark(0x21 | letters << 8);
}

static inline void mark_returned(u64 lpid)
{
	mark(0x22 | lpid << 8);
}

void report_extra(const char *name, u64 value);
void report(const struct vm *vm);

/* pages.c: what the host knows of the guest's pages */

volatile u64 *page_word(const struct vm *vm, u64 page);
void expect_word(const struct vm *vm, u64 page, u64 expected, const char *when);
void expect_fill(const struct vm *vm, u64 first, u64 count, u64 value, const char *when);

/* Each page of a g_pass vCPU holds @pass or a later one. */
void expect_pass(const struct vm *vm, u64 first, u64 count, u64 pass);
/* The pages of each vCPU, where they share them all evenly. */
u64 pages_share(void);
/* At most @longest of the VM's pages; returns how many, @first is where they begin. */
u64 random_range(const struct vm *vm, u64 longest, u64 *first);

/* Pages at the end of the data that a running vCPU keeps storing to. */
#define RUNNER_PAGES	16
bool has_runner(void);
u64 filler_pages(void);
void runner_start(struct vm *vm);
void runner_stop(struct vm *vm);
/* Until the runner has been over its pages again, twice. */
void runner_again(struct vm *vm);
/* The runner is in the guest at this moment. */
void runner_in_guest(struct vm *vm);

/* A live migration: what the destination would have. */
struct copy {
	u64 *words;
	u64 *bitmap;
};

void copy_init(const struct vm *vm, struct copy *c);
void copy_all(const struct vm *vm, struct copy *c);
/* Harvest and copy what is dirty. */
void copy_harvest(struct vm *vm, struct copy *c, struct round *r);
void copy_harvested(const struct vm *vm, struct copy *c);
bool copy_dirty(const struct copy *c, u64 page);
void copy_compare(const struct vm *vm, const struct copy *c);

/*
 * radix.c: how many of the data's leaves in KVM's table are of a unit, now; the fewest of a unit, or of a page, at the
 * moments when the guest was expected to have all its pages by that kind. Nothing to see where units are pages.
 */
u64 whole_leaves(const struct vm *vm);
void leaves_whole(const struct vm *vm);
void leaves_split(const struct vm *vm);
void report_leaves(void);	/* in report() */

/* Mark pages taken from the guest, which must not touch them any more. */
void scribble(void *pages, u64 count);
void expect_scribble(const void *pages, u64 count);

/* Guest memory of which the host can exchange single units and still see the old one. */
struct pool {
	int fd;			/* memfd with two places for each unit */
	unsigned char *host;	/* all of it */
	unsigned char *guest;	/* the data of the guest */
	u64 pages;
	bool *second;		/* the guest has the second place of this unit */
	bool *swapped;
};

void pool_create(struct pool *pool, u64 pages);
/* Give the guest a unit of zeros instead of @page's and scribble on the old one at once. */
void pool_swap(struct pool *pool, u64 page, struct round *r);
/* Nobody has written to the old one since. */
void pool_expect_untouched(const struct pool *pool, u64 page);

/* missing.c: memory that the kernel has to wait for; one such piece at a time, a page of any kernel */

#define MISSING_SIZE	65536
void *missing_alloc(void);
void missing_begin(void *memory);
/* Until the kernel waits for it, for a thread of this process. */
void missing_wanted(void);
void missing_end(void);

/* damon.c: the host takes R away; a page of the VM's data for each region */
bool damon_there(void);
void damon_set_up(const struct vm *vm, u64 pages);
/* Until all of them are old. */
void damon_make_old(const struct vm *vm, u64 pages);

/* migrate.c: moves of a vCPU, counted */

#define SIBLING_CPU 1	/* where a second vCPU stays in guest */
void need_sibling_cpu(void);
/* @seen: where it really is */
void count_move(int from, int to, int seen);
void report_moves(void);
/* To the next CPU: from another thread, until the vCPU has run there; in its own thread. */
void move_other(struct vcpu *vcpu, struct round *r);
void move_self(struct vcpu *vcpu);

/* The workloads */

void dirty_log(void);
void log_toggle(void);
void unmap(void);
void unmap_single(void);
void unmap_part(void);
void collapse(void);
void ping_pong(void);
void migrate(void);
void remap(void);
void replace(void);
void churn(void);
void exit_cost(void);
void cpu_online(void);
void registers(void);
void fuzz(void);
void files(void);
void pressure(void);
void hash(void);
void hpt_remove(void);
void hpt_reset(void);
void hpt_local(void);
void hpt_diff(void);
void nested(void);
void ranges(void);
void blocked(void);

#endif
