/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest (L1) that runs guests of its own (L2); the VMM builds all that L1 has to have. */
#ifndef KHT_NESTED_H
#define KHT_NESTED_H

#include "vmm.h"

#define NR_L2		2
/* What the kernel looks at in an entry of L1's trees (ISA 3.0B Book III 5.7) */
#define PTE_R		0x100
#define PTE_C		0x80
#define PTE_READ	4
#define PTE_WRITE	2
#define PTE_EXEC	1
#define PTE_ALL		(PTE_R | PTE_C | PTE_READ | PTE_WRITE | PTE_EXEC)

#define DSISR_NO_PTE	0x40000000
#define DSISR_PROTECTED	0x08000000
#define DSISR_STORE	0x02000000
#define DSISR_SET_RC	0x00040000

struct l1;

struct l2 {
	struct l1 *l1;
	u64 number;		/* as L1 calls it; never the LPID it runs with */
	u64 shadow;		/* the LPID it runs with, from its first entry */
	u64 data;		/* L2 real address of its page 0 */
	struct tree *tree;
	u64 nleaves;
};

struct l2_fault {
	struct l2 *l2;
	u64 address;		/* L2 real */
	u64 dsisr;
	bool fetch;
};

struct l1 {
	struct vm vm;
	struct l1_memory *memory;
	struct l2 l2[NR_L2];
	struct l2 *running[MAX_VCPUS];
	u64 l2_vcpu[MAX_VCPUS];	/* which vCPU of the L2 each of L1's runs */
	/* A fault of an L2 that L1 has to resolve. Without it, each one is wrong. */
	void (*on_fault)(const struct l2_fault *fault);
};

void l1_create(struct l1 *l1, u64 nvcpus, void *data, u64 pages);
/* Returns whether the VM outlived its file descriptors. */
bool l1_destroy(struct l1 *l1);

/* Every host operation that concerns the L2s is over (a marker for the sanitizer). */
void l1_mark_returned(const struct l1 *l1);

/* L1's own hcalls, made by @vcpu. The kernel must accept them. */
void l1_flush_page(struct vcpu *vcpu, const struct l2 *l2, u64 page);
void l1_flush(struct vcpu *vcpu, const struct l2 *l2, u64 ric);
/* Of all L2s */
void l1_flush_all(struct vcpu *vcpu, u64 ric);
void l1_flush_range(struct vcpu *vcpu, const struct l2 *l2, u64 first, u64 count);

/* What the kernel reads of L1's memory: the partition table in a 64K page of its own. */
void *l1_partition_table(const struct l1 *l1);

/* L1's partition table entry for @l2; without it, the next flush with RIC=2 ends the L2. */
void l2_set_entry(struct l2 *l2, bool on);

/*
 * Page tables of the L2's own, before it first runs: the L2 real address of a
 * process table of one 4K page.
 */
void l2_own_tables(struct l2 *l2, u64 process_table);

u64 l2_real(const struct l2 *l2, u64 page);
/* L2's data page @page is L1's data page @l1_page from now on; @bits of PTE_ALL. */
void l2_map(struct l2 *l2, u64 page, u64 l1_page, u64 bits);
/* The same for 2M, by one leaf. */
void l2_map_2m(struct l2 *l2, u64 page, u64 l1_page);
/* L1's tree */
u64 l2_pte(struct l2 *l2, u64 address);
void l2_set_bits(struct l2 *l2, u64 address, u64 bits);

/* A program in an L2; its mailbox is that of the vCPU. */
void l2_call(struct vcpu *vcpu, struct l2 *l2, u64 pc, const u64 args[6]);
void l2_start(struct vcpu *vcpu, int cpu, struct l2 *l2, u64 pc, const u64 args[6]);
u64 l2_program(const char *program);
void l2_fill(struct vcpu *vcpu, struct l2 *l2, u64 first, u64 count, u64 value, u64 old, u64 step);
void l2_pass_start(struct vcpu *vcpu, int cpu, struct l2 *l2, u64 first, u64 count, u64 exit_mask);
/* One load; what it found. */
u64 l2_load(struct vcpu *vcpu, struct l2 *l2, u64 page);

/* Enters @l2, and until the module, where it is, defers for it. */
void l2_wait_adopted(struct vcpu *vcpu, struct l2 *l2);

/* A round of report() whose broadcasts are told apart by the LPID they name. */
void l1_round_begin(struct l1 *l1, struct round *r);
void l1_op_end(struct l1 *l1, struct round *r);
void l1_round_end(struct l1 *l1, struct round *r);
u64 l1_last_broadcasts(void);
void l1_report(struct l1 *l1);

/* L2's pages are L1's, one by one, or by large leaves of L1's where the host has whole units for them. */
void l2_map_all(struct l2 *l2);
/* Each L2 stores to all pages, and the second one finds what the first one stored; returns the value of page 0. */
u64 l1_both_store(struct l1 *l1, u64 value);
/* Until a running g_pass has been over all its pages once more. */
void some_passes(struct vcpu *vcpu);

/* The variants */
void nested_bits(void);
void nested_age(void);
void nested_dirty_log(void);
void nested_running(void);
void nested_refault(void);
void nested_invalidate(void);
void nested_faults(void);

/* radix.c: the host's entry for L1 (@number 0) or for one of its L2s; 0: none. */
u64 radix_entry(const struct vm *vm, u64 number, u64 address);
/* As leaves_whole() for the shadow. */
void leaves_of_shadow(const struct vm *vm, const struct l2 *l2);
bool radix_has(const struct vm *vm, u64 number);
/* The module's auditor, where it is, finds nothing. L1 has no change of its tables under way. */
void expect_audited(const char *when);

#endif
