/* SPDX-License-Identifier: GPL-2.0-only */
/* hpt-diff: what its guest program (guest-hash.S), VMM (hash-diff.c) and generator (hash-steps.c) agree on. */
#ifndef KHT_HASH_DIFF_H
#define KHT_HASH_DIFF_H

#include "guest.h"

/* Guest real addresses, all in the system area: the program, then what it shares with the VMM. */
#define DIFF_PROGRAM	0x8000
#define DIFF_SLB	0x11000
#define DIFF_TURNS	0x11800
#define DIFF_STEPS	0x12000

#define NR_SEGMENTS	4
#define NR_STEPS	256	/* a power of two; all of the area */

/* Who does a step: a vCPU, by number, or one of these. */
#define OWNER_HOST	0x100
#define OWNER_ALL_DONE	0x101

#define STEP_HCALL	0
#define STEP_LOAD	1	/* in: EA; out: vector or 0, the word loaded, DSISR */
#define STEP_STORE	2	/* in: EA, the word */

/* struct step */
#define STEP_OWNER	0
#define STEP_KIND	8
#define STEP_IN		16
#define STEP_OUT	88
#define STEP_SIZE	160

#ifndef __ASSEMBLER__
#include "hpt.h"

#define NR_REGISTERS	9	/* r3 to r11 */

struct step {
	u64 owner, kind;
	u64 in[NR_REGISTERS], out[NR_REGISTERS];
};

struct segment {
	u64 rs, rb;		/* of slbmte */
};

extern const char hash_program[], hash_program_end[], hash_diff_run[];
extern const char hash_vector_300[], hash_vector_380[], hash_vectors_end[];

#define H_READ		0x0c
#define H_CLEAR_MOD	0x10
#define H_CLEAR_REF	0x14
#define H_PARAMETER	(-4LL)
#define H_PTEG_FULL	(-6LL)
#define H_AVPN		(1ULL << 31)
#define H_ANDCOND	(1ULL << 30)
#define H_READ_4	(1ULL << 37)

/* The smallest table there is, so that reading all of it is cheap. */
#define DIFF_ORDER	18
#define DIFF_GROUPS	(1ULL << (DIFF_ORDER - 7))
#define NR_HPTES	(DIFF_GROUPS * HPTES_PER_GROUP)

/* Guest memory in units of 4K; the first ones are never mapped and keep the host's tables of this range alive. */
#define UNIT		0x1000ULL
#define NR_UNITS	256
#define UNITS_KEPT	16
#define DATA_BYTES	(NR_UNITS * UNIT)

/* The word of a page that a touch loads or stores. */
#define TOUCH_OFFSET	0x18
/* Where no slot is. */
#define MMIO_GPA	0x20000000ULL

static inline u64 mmio_word(u64 gpa)
{
	return gpa * 0x9e3779b97f4a7c15ULL | 1;
}

enum host_op { HOST_DROP, HOST_REPLACE, HOST_STORE, HOST_HARVEST, HOST_NOTHING };

/* What must come out of a step; the rest is only compared between runs. */
struct expectation {
	bool result_known, word_known;
	long long result;	/* r3, or whether the touch faults */
	u64 word;
	u64 bulk[4];		/* the top byte of each answer without R and C; 0: not looked at */
};

enum tally {
	T_ENTER_SUCCESS, T_ENTER_FULL, T_ENTER_PARAMETER,
	T_REMOVE_SUCCESS, T_REMOVE_NOT_FOUND, T_REMOVE_PARAMETER,
	T_BULK_REMOVED, T_BULK_NOT_FOUND, T_BULK_PARAMETER,
	T_PROTECT_SUCCESS, T_PROTECT_NOT_FOUND, T_PROTECT_PARAMETER,
	T_READ_SUCCESS, T_READ_4, T_READ_PARAMETER,
	T_CLEAR_REF_SUCCESS, T_CLEAR_REF_NOT_FOUND, T_CLEAR_REF_PARAMETER,
	T_CLEAR_MOD_SUCCESS, T_CLEAR_MOD_NOT_FOUND, T_CLEAR_MOD_PARAMETER,
	T_AVPN_MISMATCH, T_ANDCOND_HIT, T_ANDCOND_MISS, T_LOCAL,
	T_REFERENCED, T_CHANGED,
	T_TOUCHED, T_TOUCH_FAULTS, T_MMIO, T_HOST_OPS, T_LARGE,
	T_NR
};

extern u64 tally[T_NR];

/* hash-steps.c */

void steps_init(u64 seed, u64 nvcpus, bool paging, u64 wanted);
void steps_segments(struct segment *segments);
/* One batch; returns the hcalls in it. The last step is the host's. */
u64 steps_make(struct step *steps, struct expectation *expect);
/* @count steps of vCPU @owner that race with those of others. */
void steps_race(struct step *steps, u64 count, u64 owner);
/* H_REMOVE by vCPU 0 of what is at each place in use, from the @first: at most @count steps. Returns how many. */
u64 steps_sweep(struct step *steps, u64 count, u64 first);
/* What a load through @ea finds in a race, or the host has dropped it. */
u64 race_word(u64 ea);
void steps_fill(unsigned char *data);

#endif
#endif
