// SPDX-License-Identifier: GPL-2.0-or-later
/* See tagged-store.h. Whoever calls holds the core's lock. */
#include <stdlib.h>
#include <string.h>

#include "tagged-store.h"

#define GRANULE		12
#define RIC_TLB		0
#define RIC_WALKS	1
#define RIC_ALL		2
#define IS_PAGE		0
#define IS_PID		1
#define IS_LPID		2
#define IS_ALL		3

#define NO_CLASS	255

#define SLBIA_USER	3
#define SLBIA_GUEST	6
#define SLBIA_ALL	7

static void array_init(struct tagged_array *a, unsigned int lines,
		       unsigned int ways)
{
	memset(a, 0, sizeof(*a));
	a->entry = calloc(lines * ways, sizeof(*a->entry));
	a->real = calloc(lines * ways, sizeof(*a->real));
	a->class = calloc(lines * ways, sizeof(*a->class));
	a->lines = lines;
	a->ways = ways;
	if (!a->entry || !a->real || !a->class)
		abort();
	memset(a->class, NO_CLASS, lines * ways);
}

void tagged_core_init(struct tagged_core *c, unsigned int classes,
		      uint64_t seed)
{
	unsigned int t;

	memset(c, 0, sizeof(*c));
	array_init(&c->tlb, TAGGED_CLASSES, 32);
	array_init(&c->walks, 64, 16);
	for (t = 0; t < TAGGED_THREADS; t++)
		array_init(&c->erat[t], 16, 16);
	c->classes = classes;
	c->random = seed * 2 + 1;
}

static void array_free(struct tagged_array *a)
{
	free(a->entry);
	free(a->real);
	free(a->class);
}

void tagged_core_free(struct tagged_core *c)
{
	unsigned int t;

	array_free(&c->tlb);
	array_free(&c->walks);
	for (t = 0; t < TAGGED_THREADS; t++)
		array_free(&c->erat[t]);
}

/* A linear congruential generator; the high bits are the better ones. */
static unsigned int choose(struct tagged_core *c, unsigned int n)
{
	c->random = c->random * 6364136223846793005ull + 1442695040888963407ull;
	return (c->random >> 33) % n;
}

/* --- looking up ---------------------------------------------------------- */

static struct tagged_entry *line_of(struct tagged_array *a,
				    const struct tagged_key *key)
{
	uint64_t x = key->address >> key->shift;

	if (key->kind > TAGGED_COMBINED) {
		x += (uint64_t)key->lpid << 40 ^ (uint64_t)key->pid << 20;
		x = x * 0x9e3779b97f4a7c15ull >> 32;
	}
	return &a->entry[x % a->lines * a->ways];
}

static const struct tagged_entry *end_of(const struct tagged_array *a)
{
	return a->entry + a->lines * a->ways;
}

static bool same_key(const struct tagged_key *a, const struct tagged_key *b)
{
	return a->kind == b->kind && a->lpid == b->lpid && a->pid == b->pid &&
	       a->address == b->address && a->shift == b->shift;
}

struct tagged_entry *tagged_find_size(struct tagged_array *a,
				      const struct tagged_key *key)
{
	struct tagged_entry *e = line_of(a, key);
	unsigned int way;

	for (way = 0; way < a->ways; way++)
		if (same_key(&e[way].key, key))
			return &e[way];
	return NULL;
}

struct tagged_entry *tagged_find(struct tagged_array *a, enum tagged_kind kind,
				 uint32_t lpid, uint32_t pid, uint64_t address)
{
	struct tagged_key key = { kind, lpid, pid, 0, 0 };
	struct tagged_entry *e;
	uint32_t left;

	if (!a->held[kind])
		return NULL;
	for (left = a->shifts; left; left &= left - 1) {
		key.shift = __builtin_ctz(left);
		key.address = address >> key.shift << key.shift;
		e = tagged_find_size(a, &key);
		if (e)
			return e;
	}
	return NULL;
}

/* --- coming and going ---------------------------------------------------- */

static void drop(struct tagged_array *a, struct tagged_entry *e)
{
	a->held[e->key.kind]--;
	a->class[e - a->entry] = NO_CLASS;
	e->key.kind = TAGGED_NOTHING;
}

static uint64_t real_of(const struct tagged_entry *e)
{
	return e->key.kind == TAGGED_COMBINED ? e->real : e->key.address;
}

static void note(struct tagged_array *a, const struct tagged_entry *e)
{
	a->held[e->key.kind]++;
	a->shifts |= 1u << e->key.shift;
	a->real[e - a->entry] = real_of(e) >> GRANULE;
	if (e->key.kind == TAGGED_COMBINED)
		a->class[e - a->entry] = (e->key.address >> e->process_shift) %
					 TAGGED_CLASSES;
}

static struct tagged_entry *place_for(struct tagged_core *c,
				      struct tagged_array *a,
				      const struct tagged_key *key)
{
	struct tagged_entry *line = line_of(a, key), *e;
	unsigned int way;

	e = tagged_find_size(a, key);
	if (e)
		return e;
	for (way = 0; way < a->ways; way++)
		if (line[way].key.kind == TAGGED_NOTHING)
			return &line[way];
	c->counts.no_room++;
	return &line[choose(c, a->ways)];
}

void tagged_put(struct tagged_core *c, struct tagged_array *a,
		const struct tagged_entry *e)
{
	struct tagged_entry *to = place_for(c, a, &e->key);

	if (to->key.kind != TAGGED_NOTHING)
		drop(a, to);
	*to = *e;
	note(a, to);
}

static void evict_from(struct tagged_core *c, struct tagged_array *a)
{
	struct tagged_entry *e = &a->entry[choose(c, a->lines * a->ways)];

	if (e->key.kind == TAGGED_NOTHING)
		return;
	drop(a, e);
	c->counts.evicted++;
}

void tagged_evict_one(struct tagged_core *c)
{
	unsigned int t;

	evict_from(c, &c->tlb);
	evict_from(c, &c->walks);
	for (t = 0; t < TAGGED_THREADS; t++)
		evict_from(c, &c->erat[t]);
}

/* --- what a flush names -------------------------------------------------- */

static uint64_t bits(uint64_t word, unsigned int first, unsigned int n)
{
	return word >> first & ((1ull << n) - 1);
}

/* AP of a radix page (figure "AP encodings"). */
static unsigned int size_of(unsigned int ap)
{
	switch (ap) {
	case 0:
		return 12;
	case 5:
		return 16;
	case 1:
		return 21;
	case 2:
		return 30;
	default:
		return 0;
	}
}

bool tagged_decode(struct tagged_flush *f, uint64_t rb, uint64_t rs,
		   uint32_t lpidr)
{
	f->is = bits(rb, 10, 2);
	f->set = bits(rb, 12, 12);
	f->pid = rs >> 32;
	/* Only a hypervisor's tlbie has an LPID of its own. */
	f->lpid = f->everywhere && !f->by_guest ? (uint32_t)rs : lpidr;
	f->shift = size_of(bits(rb, 5, 3));
	f->address = bits(rb, GRANULE, 62 - GRANULE) << GRANULE;
	if (f->ric > RIC_ALL || (f->is == IS_PID && !f->prs))
		return false;
	return f->is != IS_PAGE || (f->ric == RIC_TLB && f->shift);
}

/* Whose: a guest cannot name another's, whatever it says. */
static bool names_lpid(const struct tagged_flush *f, uint32_t lpid)
{
	return lpid == f->lpid || (f->is == IS_ALL && !f->by_guest);
}

static bool names_page(const struct tagged_flush *f, uint64_t address,
		       unsigned int shift)
{
	return shift == f->shift && address >> shift == f->address >> shift;
}

/*
 * A page of the partition scope is named by its guest real address and the size
 * of its leaf; all goes that was combined from it. A tlbiel by class takes
 * classes of guest real addresses, and leaves what lies in a class of effective
 * ones: Linux has a loop of PRS=1 for that (tlbiel_all_isa300()).
 */
static bool flush_of_partition_scope(const struct tagged_flush *f,
				     const struct tagged_entry *e)
{
	if (f->is == IS_PAGE)
		return names_page(f, real_of(e), e->partition_shift);
	return e->key.kind == TAGGED_REAL || f->everywhere;
}

/* A page of the process scope is named by PID and effective address. */
static bool flush_of_process_scope(const struct tagged_flush *f,
				   const struct tagged_entry *e)
{
	if (e->key.kind != TAGGED_COMBINED)
		return false;
	if (f->is <= IS_PID && e->key.pid != f->pid)
		return false;
	if (f->is == IS_PAGE)
		return names_page(f, e->key.address, e->process_shift);
	return true;
}

/* Class 0 stands for all that is beside the TLB. */
static bool flush_of_walks(const struct tagged_flush *f,
			   const struct tagged_entry *e)
{
	if (f->ric == RIC_TLB || (!f->everywhere && f->set))
		return false;
	switch (e->key.kind) {
	case TAGGED_PARTITION_TABLE:
		return !f->prs;
	case TAGGED_PARTITION_ENTRY:
		return !f->prs && f->ric == RIC_ALL;
	case TAGGED_PROCESS_TABLE:
		return f->prs && (f->is != IS_PID || e->key.pid == f->pid);
	case TAGGED_PROCESS_ENTRY:
		return f->prs && f->ric == RIC_ALL &&
		       (f->is != IS_PID || e->key.pid == f->pid);
	default:
		return false;
	}
}

/* Of a class: flush_pages() has looked there alone. */
static bool removes(const struct tagged_flush *f, const struct tagged_entry *e)
{
	if (!names_lpid(f, e->key.lpid))
		return false;
	if (e->key.kind > TAGGED_COMBINED)
		return flush_of_walks(f, e);
	return f->prs ? flush_of_process_scope(f, e) :
			flush_of_partition_scope(f, e);
}

static void flush_entry(struct tagged_core *c, struct tagged_array *a,
			const struct tagged_flush *f, struct tagged_entry *e)
{
	if (e->key.kind == TAGGED_NOTHING || !removes(f, e))
		return;
	drop(a, e);
	c->counts.removed++;
}

static void flush_line(struct tagged_core *c, struct tagged_array *a,
		       const struct tagged_flush *f, uint64_t line)
{
	struct tagged_entry *e = &a->entry[line % a->lines * a->ways];
	unsigned int way;

	for (way = 0; way < a->ways; way++)
		flush_entry(c, a, f, &e[way]);
}

static void flush_array(struct tagged_core *c, struct tagged_array *a,
			const struct tagged_flush *f)
{
	unsigned int line;

	for (line = 0; line < a->lines; line++)
		flush_line(c, a, f, line);
}

static void flush_real_page(struct tagged_core *c, struct tagged_array *a,
			    const struct tagged_flush *f)
{
	unsigned int i, n = a->lines * a->ways, shift = f->shift - GRANULE;
	uint64_t page = f->address >> f->shift;

	for (i = 0; i < n; i++)
		if (a->real[i] >> shift == page)
			flush_entry(c, a, f, &a->entry[i]);
}

static void flush_combined_class(struct tagged_core *c, struct tagged_array *a,
				 const struct tagged_flush *f)
{
	uint8_t *from = a->class, *end = from + a->lines * a->ways, *found;

	while ((found = memchr(from, f->set, end - from))) {
		flush_entry(c, a, f, &a->entry[found - a->class]);
		from = found + 1;
	}
}

/* Looks only where there can be something. */
static void flush_pages(struct tagged_core *c, struct tagged_array *a,
			const struct tagged_flush *f)
{
	bool by_class = f->is != IS_PAGE && !f->everywhere && c->classes > 1;

	if (!a->held[TAGGED_COMBINED] && (f->prs || !a->held[TAGGED_REAL]))
		return;
	if (f->is == IS_PAGE && !f->prs)
		flush_real_page(c, a, f);
	else if (f->is == IS_PAGE && f->shift == GRANULE)
		flush_line(c, a, f, f->address >> GRANULE);
	else if (by_class && f->set >= TAGGED_CLASSES)
		return;
	else if (by_class && f->prs)
		flush_combined_class(c, a, f);
	else if (by_class)
		flush_line(c, a, f, f->set);
	else
		flush_array(c, a, f);
}

/*
 * A tlbie reaches every ERAT. A tlbiel reaches the executing thread's, if it
 * names a page; by class it leaves the ERAT alone (Linux commit fa73b8fa2b52).
 */
void tagged_flush(struct tagged_core *c, int thread,
		  const struct tagged_flush *f)
{
	int t;

	c->generation++;
	c->counts.flushes++;
	if (f->ric != RIC_TLB)
		flush_array(c, &c->walks, f);
	if (f->ric == RIC_WALKS)
		return;
	flush_pages(c, &c->tlb, f);
	for (t = 0; t < TAGGED_THREADS; t++)
		if (f->everywhere || (t == thread && f->is == IS_PAGE))
			flush_pages(c, &c->erat[t], f);
}

void tagged_slbia(struct tagged_core *c, unsigned int thread, unsigned int ih,
		  uint32_t lpidr)
{
	struct tagged_array *a = &c->erat[thread];
	struct tagged_entry *e;

	if (ih != SLBIA_USER && ih != SLBIA_GUEST && ih != SLBIA_ALL)
		return;
	for (e = a->entry; e < end_of(a); e++) {
		if (e->key.kind == TAGGED_NOTHING)
			continue;
		if (ih == SLBIA_USER && e->key.lpid != lpidr)
			continue;
		drop(a, e);
	}
}
