/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a core and its threads keep of guests' translations, and what removes
 * it. Portable C: QEMU compiles it (tagged-tlb.c.inc), and store-test.c on its
 * own.
 *
 * Nothing is removed but what an instruction names, and what has no room. LPIDR
 * and PIDR play no part: each entry has a tag.
 */
#ifndef TAGGED_STORE_H
#define TAGGED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#define TAGGED_THREADS	8	/* of a core, at most */
#define TAGGED_CLASSES	128	/* congruence classes, at most */

enum tagged_kind {
	TAGGED_NOTHING,
	TAGGED_REAL,		/* LPID, guest real page: partition scope */
	TAGGED_COMBINED,	/* LPID, PID, effective page: both scopes */
	TAGGED_PARTITION_TABLE,	/* a table of the partition scope */
	TAGGED_PROCESS_TABLE,	/* a table of the process scope */
	TAGGED_PARTITION_ENTRY,	/* of the partition table */
	TAGGED_PROCESS_ENTRY,	/* of a process table */
	TAGGED_KINDS
};

struct tagged_key {
	enum tagged_kind kind;
	uint32_t lpid, pid;
	uint64_t address;	/* the first that the entry covers */
	unsigned int shift;	/* how much the entry covers */
};

struct tagged_entry {
	struct tagged_key key;
	uint64_t real;		/* guest real address, of a COMBINED */
	uint64_t value[2];	/* host real address; a table; a table's entry */
	uint64_t process_pte, partition_pte;
	unsigned int process_shift, partition_shift;	/* the leaves' sizes */
};

/*
 * A set-associative array: TLB, walk cache or ERAT. A page lies in the line of
 * its address. Beside each entry stands, by itself, what most flushes look for.
 */
struct tagged_array {
	struct tagged_entry *entry;
	uint64_t *real;		/* number of its guest real page of 4K */
	uint8_t *class;		/* of its leaf in the process scope, if COMBINED */
	unsigned int lines, ways;
	unsigned int held[TAGGED_KINDS];
	uint32_t shifts;	/* sizes ever put in, a bit each */
};

struct tagged_counts {
	uint64_t lookups, erat_hits, tlb_hits, stale_hits, walks, walk_hits;
	uint64_t faults, fills, late_fills, no_room, evicted;
	uint64_t flushes, removed;
};

struct tagged_core {
	struct tagged_array tlb, walks, erat[TAGGED_THREADS];
	unsigned int classes;	/* what a tlbiel by class divides the TLB into */
	uint64_t generation;	/* raised by each flush */
	uint64_t random;
	struct tagged_counts counts;
};

/* A tlbie or tlbiel with R=1 (ISA 3.0B Book III 5.9.3.3). */
struct tagged_flush {
	bool everywhere;	/* tlbie */
	bool by_guest;		/* MSR.HV=0 */
	unsigned int ric, prs, is, set;
	uint32_t lpid, pid;
	uint64_t address;
	unsigned int shift;	/* page size that AP names; 0: there is none */
};

void tagged_core_init(struct tagged_core *c, unsigned int classes,
		      uint64_t seed);
void tagged_core_free(struct tagged_core *c);

/*
 * The flush that RB, RS and the instruction's fields say. False if there is no
 * such form.
 */
bool tagged_decode(struct tagged_flush *f, uint64_t rb, uint64_t rs,
		   uint32_t lpidr);

/* The smallest entry that covers @address, or NULL. */
struct tagged_entry *tagged_find(struct tagged_array *a, enum tagged_kind kind,
				 uint32_t lpid, uint32_t pid, uint64_t address);
struct tagged_entry *tagged_find_size(struct tagged_array *a,
				      const struct tagged_key *key);

void tagged_put(struct tagged_core *c, struct tagged_array *a,
		const struct tagged_entry *e);
void tagged_evict_one(struct tagged_core *c);

/* @thread: of this core, that executes it; -1: another core does. */
void tagged_flush(struct tagged_core *c, int thread,
		  const struct tagged_flush *f);
/* slbia, IH=@ih */
void tagged_slbia(struct tagged_core *c, unsigned int thread, unsigned int ih,
		  uint32_t lpidr);

#endif
