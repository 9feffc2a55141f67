/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the TLBs of the machine may hold, and when that is wrong. README.md says
 * what is modelled and why; model.c how.
 *
 * One lock protects a model: the caller holds it around every function but
 * model_known().
 */
#ifndef TLBSAN_MODEL_H
#define TLBSAN_MODEL_H

#include <stdio.h>

#include "radix.h"

/* A tlbie or tlbiel, its operands taken apart (ISA 3.0B Book III 5.9.3.3). */
struct invalidation {
	bool everywhere;	/* tlbie */
	bool by_guest;		/* MSR.HV=0 */
	unsigned int ric, prs, r, is;
	unsigned int set;	/* tlbiel, IS != 0 */
	unsigned int shift;	/* IS=0: page size, log2 */
	uint64_t address;	/* IS=0 */
	uint32_t lpid, pid;
	uint64_t vcpu;		/* by_guest: who does it; 0: unknown */
};

struct access {
	struct context context;
	uint64_t address;
	unsigned int type;	/* LOAD, STORE or FETCH */
	uint64_t vcpu;		/* 0: unknown */
};

struct model;

struct model_config {
	unsigned int cpus;
	unsigned int threads;	/* CPUs that share a TLB */
	unsigned int sets;	/* congruence classes, as the tlbiel loops count them */
	uint64_t grace_ns;
	struct ram ram;
	uint64_t (*now)(void);	/* ns */
	/*
	 * How often @cpu has been seen outside the host's kernel; ~0 if it is
	 * outside at this moment.
	 */
	uint64_t (*outside)(unsigned int cpu);
	FILE *out;
};

struct model_counts {
	uint64_t accesses;	/* that were looked at in full */
	uint64_t fills;
	uint64_t dropped;
	uint64_t suspicions;
	uint64_t hazards;
	uint64_t unmodelled;	/* accesses of hash guests */
};

struct model *model_new(const struct model_config *config);
void model_free(struct model *m);

/* An access that @cpu has made. */
void model_access(struct model *m, unsigned int cpu, const struct access *a);
/*
 * QEMU raised a hypervisor storage interrupt for @a, since the tables do not
 * allow it. Hardware that still holds a translation would not have noticed.
 */
void model_fault(struct model *m, unsigned int cpu, const struct access *a);
void model_invalidate(struct model *m, unsigned int cpu, const struct invalidation *i);
/* On @cpu, by the host: what makes its invalidations end. */
void model_tlbsync(struct model *m, unsigned int cpu);
void model_ptesync(struct model *m, unsigned int cpu);
/* slbia with an IH that takes the guests' ERAT entries of @cpu. */
void model_drop_erat(struct model *m, unsigned int cpu);
/* Every invalidation that the host began for @lpid (0: any) has returned to its caller. */
void model_returned(struct model *m, uint32_t lpid);
/* What the machine does now; the reports quote it. At most 7 printable characters. */
void model_name(struct model *m, const char *name);
struct model_counts model_counts(const struct model *m);

/*
 * A short way for an access like the last one: true when nothing has changed
 * since it was found right. Needs no lock.
 */
bool model_known(struct model *m, unsigned int cpu, const struct access *a);

#endif
