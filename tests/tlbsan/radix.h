/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The radix tables of an emulated host, as they are in its memory now.
 * Power ISA 3.0B Book III 5.7.6 (partition and process tables), 5.7.10 (radix
 * trees). Everything in them is big endian.
 */
#ifndef TLBSAN_RADIX_H
#define TLBSAN_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Host real memory: @base is where its address 0 is in this process. */
struct ram {
	const uint8_t *base;
	uint64_t size;		/* bytes */
};

/* What an access needs and a translation gives. */
enum { LOAD = 1, STORE = 2, FETCH = 4, CHANGED = 8 };	/* CHANGED: C is set, a store leaves no trace */

/* The words a walk has read: as long as they keep their values it stays true. */
#define TRAIL_MAX 40

struct trail {
	unsigned int n;
	const uint64_t *at[TRAIL_MAX];
	uint64_t word[TRAIL_MAX];
};

/* A step of the partition tree that is no leaf: what a page walk cache keeps. */
#define STEPS_MAX 4

struct step {
	uint64_t prefix;	/* guest real address, low bits zero */
	unsigned int shift;	/* of the part that @table translates */
	uint64_t table;		/* host real */
};

struct stage {
	bool valid;
	bool referenced;	/* R: without it hardware makes no new translation, and may keep an old one */
	uint64_t page;		/* 4K granule it leads to */
	unsigned int shift;	/* page size of the leaf, log2 */
	unsigned int rights;
	const uint64_t *leaf;	/* the PTE, and its value when it was read */
	uint64_t leaf_word;
};

/* Everything one address translates to. */
struct walk {
	bool hash;		/* this LPID has no radix tables: not modelled */
	struct stage process;	/* effective -> guest real; all rights in real mode */
	struct stage partition;	/* guest real -> host real */
	struct trail trail;
	struct step step[STEPS_MAX];
	unsigned int nr_steps;	/* of the partition tree, on the way to the page */
};

struct context {
	uint64_t ptcr;
	uint32_t lpid, pid;
	bool virtual;		/* MSR.IR or MSR.DR, whichever applies to the access */
};

#define GRANULE_SHIFT 12	/* the smallest page */

static inline uint64_t granule(uint64_t address)
{
	return address >> GRANULE_SHIFT << GRANULE_SHIFT;
}

/* What both stages allow. */
static inline unsigned int walk_rights(const struct walk *w)
{
	if (!w->process.referenced || !w->partition.referenced)
		return 0;
	return w->process.rights & w->partition.rights;
}

void radix_walk(const struct ram *ram, const struct context *c, uint64_t address, struct walk *w);
/* The partition stage alone, for a guest real address. */
void radix_walk_partition(const struct ram *ram, uint64_t ptcr, uint32_t lpid, uint64_t gpa,
			  struct walk *w);

static inline uint64_t big_endian_word(const uint64_t *at)
{
	return __builtin_bswap64(__atomic_load_n(at, __ATOMIC_RELAXED));
}

static inline bool trail_holds(const struct trail *t)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (__atomic_load_n(t->at[i], __ATOMIC_RELAXED) != t->word[i])
			return false;
	return true;
}

#endif
