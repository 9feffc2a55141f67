// SPDX-License-Identifier: GPL-2.0-or-later
/* Walks partition and process tables in the memory of the emulated host. */
#include "radix.h"

#define HR		(1ull << 63)		/* partition table: this LPID uses radix */
#define ROOT		0x0fffffffffffff00ull	/* RPDB; NLB of a directory entry */
#define SIZE		0x1full			/* RPDS, NLS, PATS, PRTS */
#define TABLE		0x0ffffffffffff000ull	/* base of the partition or process table */
#define VALID		(1ull << 63)
#define LEAF		(1ull << 62)
#define RPN		0x01fffffffffff000ull
#define PTE_R		0x100ull
#define PTE_C		0x080ull
#define EAA_READ	0x4ull
#define EAA_WRITE	0x2ull
#define EAA_EXECUTE	0x1ull
#define LEVELS_MAX	4
#define QUADRANT(ea)	((ea) >> 62)
#define ADDRESS_BITS	52

/* Reads a word and remembers it. */
static bool read_word(const struct ram *ram, uint64_t real, struct trail *trail, uint64_t *word)
{
	const uint64_t *at;

	if (real % 8 || real > ram->size - 8 || trail->n == TRAIL_MAX)
		return false;
	at = (const uint64_t *)(ram->base + real);
	trail->at[trail->n] = at;
	trail->word[trail->n] = __atomic_load_n(at, __ATOMIC_RELAXED);
	*word = __builtin_bswap64(trail->word[trail->n++]);
	return true;
}

static unsigned int rights_of(uint64_t pte)
{
	return (pte & EAA_READ ? LOAD : 0) | (pte & EAA_WRITE ? LOAD | STORE : 0) |
	       (pte & EAA_EXECUTE ? FETCH : 0) | (pte & PTE_C ? CHANGED : 0);
}

static unsigned int tree_bits(uint64_t dw0)
{
	return ((dw0 >> 58 & 0x18) | (dw0 >> 5 & 7)) + 31;
}

static void note_step(struct walk *w, uint64_t address, unsigned int bits, uint64_t table)
{
	if (w->nr_steps == STEPS_MAX)
		return;
	w->step[w->nr_steps++] = (struct step){
		.prefix = address >> bits << bits, .shift = bits, .table = table,
	};
}

static void take_leaf(struct stage *s, const struct trail *t, uint64_t pte, uint64_t address,
		      unsigned int shift)
{
	s->valid = true;
	s->referenced = pte & PTE_R;
	s->shift = shift;
	s->page = granule((pte & RPN) >> shift << shift | (address & ((1ull << shift) - 1)));
	s->rights = rights_of(pte);
	s->leaf = t->at[t->n - 1];
	s->leaf_word = t->word[t->n - 1];
}

/* Where the tables of a tree are: as real addresses, or guest real ones to be translated. */
typedef bool (*locate_fn)(const struct ram *ram, const struct context *c, uint64_t table,
			  struct walk *w, uint64_t *real);

static bool locate_real(const struct ram *ram, const struct context *c, uint64_t table,
			struct walk *w, uint64_t *real)
{
	(void)ram;
	(void)c;
	(void)w;
	*real = table;
	return true;
}

static void walk_tree(const struct ram *ram, const struct context *c, uint64_t root,
		      uint64_t address, locate_fn locate, struct walk *w, struct stage *s)
{
	unsigned int bits = tree_bits(root), size = root & SIZE, level;
	uint64_t table = root & ROOT, pte, real;

	for (level = 0; level < LEVELS_MAX; level++) {
		if (size < 5 || size > 16 || size > bits || bits - size < GRANULE_SHIFT)
			return;
		bits -= size;
		if (!locate(ram, c, table + (address >> bits & ((1ull << size) - 1)) * 8, w, &real) ||
		    !read_word(ram, real, &w->trail, &pte) || !(pte & VALID))
			return;
		if (pte & LEAF)
			return take_leaf(s, &w->trail, pte, address, bits);
		table = pte & ROOT;
		size = pte & SIZE;
		if (s == &w->partition)
			note_step(w, address, bits, table);
	}
}

static bool partition_entry(const struct ram *ram, const struct context *c, unsigned int dword,
			    struct walk *w, uint64_t *word)
{
	uint64_t entries = 1ull << ((c->ptcr & SIZE) + 8);	/* 2^(12 + PATS) bytes */

	if (c->lpid >= entries)
		return false;
	return read_word(ram, (c->ptcr & TABLE) + c->lpid * 16ull + dword * 8, &w->trail, word);
}

static void walk_partition(const struct ram *ram, const struct context *c, uint64_t gpa, struct walk *w)
{
	uint64_t dw0;

	w->partition = (struct stage){ 0 };
	w->nr_steps = 0;
	if (!partition_entry(ram, c, 0, w, &dw0) || !dw0)
		return;
	w->hash = !(dw0 & HR);
	if (!w->hash)
		walk_tree(ram, c, dw0 & ~HR, gpa, locate_real, w, &w->partition);
}

/* A word of the guest's own tables. */
static bool locate_guest(const struct ram *ram, const struct context *c, uint64_t table,
			 struct walk *w, uint64_t *real)
{
	walk_partition(ram, c, table, w);
	*real = w->partition.page | (table & ((1ull << GRANULE_SHIFT) - 1));
	return w->partition.valid;
}

static void walk_process(const struct ram *ram, const struct context *c, uint64_t ea, struct walk *w)
{
	uint64_t dw1, root, real, pid = QUADRANT(ea) == 3 ? 0 : c->pid;

	if (!partition_entry(ram, c, 1, w, &dw1) || pid >= 1ull << ((dw1 & SIZE) + 8) ||
	    !locate_guest(ram, c, (dw1 & TABLE) + pid * 16, w, &real) ||
	    !read_word(ram, real, &w->trail, &root))
		return;
	walk_tree(ram, c, root, ea & ((1ull << ADDRESS_BITS) - 1), locate_guest, w, &w->process);
}

static void walk_begin(struct walk *w)
{
	w->hash = false;
	w->process = (struct stage){ 0 };
	w->partition = (struct stage){ 0 };
	w->trail.n = 0;
	w->nr_steps = 0;
}

void radix_walk_partition(const struct ram *ram, uint64_t ptcr, uint32_t lpid, uint64_t gpa,
			  struct walk *w)
{
	struct context c = { .ptcr = ptcr, .lpid = lpid };

	walk_begin(w);
	walk_partition(ram, &c, gpa, w);
}

void radix_walk(const struct ram *ram, const struct context *c, uint64_t address, struct walk *w)
{
	/* Real mode ignores the quadrant bits (ISA 3.0B Book III 5.7.3). */
	uint64_t gpa = address & ((1ull << 60) - 1);

	walk_begin(w);
	if (!c->virtual) {
		w->process = (struct stage){
			.valid = true, .referenced = true, .page = granule(gpa), .shift = 63,
			.rights = LOAD | STORE | FETCH | CHANGED,
		};
	} else {
		walk_process(ram, c, address, w);
		if (!w->process.valid)
			return;
		gpa = w->process.page;
	}
	walk_partition(ram, c, gpa, w);
}
