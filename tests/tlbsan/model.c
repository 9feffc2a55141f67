// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model. A buffer is a TLB (one per core) or an ERAT (one per CPU); it never
 * forgets by itself, since hardware may remember for as long as it likes.
 *
 * An entry holds both halves of a translation: guest real -> host real, and for
 * accesses with translation on also effective -> guest real. It is stale when
 * the tables no longer give what it holds. That alone is no mistake: between the
 * change of a PTE and the end of the flush that follows, every machine is in that
 * state. It is a hazard when a guest uses a stale entry although the
 * flush should have ended. There are two ways to know that:
 *
 *  - since the entry was first found stale, every CPU has been seen outside the
 *    host's kernel (user, guest or idle), where none is that is between a PTE
 *    change and its flush under a spinlock; and, for operations that sleep in between,
 *    either some time has passed (grace), or their caller says that they are over
 *    (model_returned()). It cannot speak for others, such as page migration;
 *  - a guest's own invalidation: what a vCPU has filled and then invalidated, it
 *    may not use any more, on whatever core (process scope).
 *
 * Two leaves of different size for one address in one TLB are a hazard at once, used or not: hardware may
 * hit both (break before make, ISA 3.0B Book III 5.10.1.2).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define BUCKETS		4096
#define KNOWN		256	/* accesses a CPU remembers as right */
#define HISTORY		32	/* invalidations kept for the reports */
#define REPORTS_MAX	1000

enum reason { FRESH, OTHER_PAGE, MORE_RIGHTS, ESCAPED_STORE, WALK_CACHE, OWN_FLUSH, TWO_SIZES };

static const char *const reason_name[] = {
	[OTHER_PAGE] = "another page", [MORE_RIGHTS] = "more rights",
	[ESCAPED_STORE] = "a store that leaves no trace (C)",
	[WALK_CACHE] = "a table that is no longer used", [OWN_FLUSH] = "what the guest has flushed",
	[TWO_SIZES] = "two page sizes at once",
};

/* Kept beside an entry from the moment it is found stale. */
struct stale {
	enum reason reason;
	unsigned int lost;	/* rights that the tables no longer give */
	bool returned;		/* the flush has ended for sure */
	bool reported;
	uint64_t since, history;
	uint64_t outside[];	/* of every CPU then */
};

enum kind { REAL, VIRTUAL, TABLE };

struct key {
	enum kind kind;
	uint32_t lpid, pid;
	uint64_t address;	/* granule; of a TABLE: the prefix, with its shift in the low bits */
};

enum { BY_KEY, BY_GPA, ALL, CHAINS };

struct entry {
	struct {
		struct entry *next, **at;
	} chain[CHAINS];
	struct key key;
	uint64_t gpa, page;	/* granules; of a TABLE: page is the table */
	unsigned int process_shift, partition_shift;
	unsigned int process_rights, partition_rights;
	const uint64_t *leaf;	/* partition PTE, to see quickly that it is unchanged */
	uint64_t leaf_word, ptcr;
	uint64_t filled_by;	/* vCPU */
	bool flushed;		/* by that vCPU, which may not use the process half any more */
	struct stale *stale;	/* of the partition half */
};

struct buffer {
	struct entry *by_key[BUCKETS], *by_gpa[BUCKETS], *all;
};

struct known {
	struct access access;
	uint64_t generation;
	struct trail trail;
};

struct event {
	uint64_t when;
	unsigned int cpu;
	struct invalidation what;
};

/* What the host on a CPU still has to execute before its invalidations have ended (ISA 3.0B Book III 5.9.3.3). */
enum owed { NOTHING_OWED, PTESYNC, TLBSYNC };

struct model {
	struct model_config config;
	struct model_counts counts;
	unsigned int nr_buffers;
	struct buffer *buffers;		/* TLBs by core, then ERATs by CPU */
	struct known *known;		/* KNOWN for each CPU; a CPU touches its own only */
	enum owed *owed;		/* by CPU, which alone touches it */
	uint64_t generation;		/* raised whenever an entry goes or turns stale */
	struct event history[HISTORY];
	uint64_t nr_events;
	uint64_t scanned;		/* when all entries were last compared with the tables */
	uint64_t sizes;			/* page sizes of the partition scope seen so far, a bit each */
	char name[8];
};

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		fputs("tlbsan: no memory for the model.\n", stderr);
		abort();
	}
	return p;
}

struct model *model_new(const struct model_config *config)
{
	struct model *m = allocate(1, sizeof(*m));

	m->config = *config;
	m->nr_buffers = config->cpus / config->threads + config->cpus;
	m->buffers = allocate(m->nr_buffers, sizeof(*m->buffers));
	m->known = allocate((size_t)config->cpus * KNOWN, sizeof(*m->known));
	m->owed = allocate(config->cpus, sizeof(*m->owed));
	m->generation = 1;
	return m;
}

static struct buffer *tlb_of(struct model *m, unsigned int cpu)
{
	return &m->buffers[cpu / m->config.threads];
}

static struct buffer *erat_of(struct model *m, unsigned int cpu)
{
	return &m->buffers[m->config.cpus / m->config.threads + cpu];
}

static bool is_erat(const struct model *m, const struct buffer *b)
{
	return (size_t)(b - m->buffers) >= m->config.cpus / m->config.threads;
}

/* --- entries -------------------------------------------------------------- */

static size_t bucket(uint64_t x, uint32_t lpid)
{
	return ((x >> GRANULE_SHIFT ^ (uint64_t)lpid << 7) * 0x9e3779b97f4a7c15ull) >> 52;
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->kind == b->kind && a->lpid == b->lpid && a->pid == b->pid && a->address == b->address;
}

static struct entry *this_or_next(struct entry *e, const struct key *key)
{
	while (e && !same_key(&e->key, key))
		e = e->chain[BY_KEY].next;
	return e;
}

static struct entry *lookup(const struct buffer *b, const struct key *key)
{
	return this_or_next(b->by_key[bucket(key->address, key->lpid)], key);
}

static void chain_in(struct entry **head, struct entry *e, int chain)
{
	e->chain[chain].next = *head;
	e->chain[chain].at = head;
	if (*head)
		(*head)->chain[chain].at = &e->chain[chain].next;
	*head = e;
}

static void chain_out(struct entry *e, int chain)
{
	struct entry *next = e->chain[chain].next;

	*e->chain[chain].at = next;
	if (next)
		next->chain[chain].at = e->chain[chain].at;
}

static struct entry *insert(struct buffer *b, const struct key *key, uint64_t gpa)
{
	struct entry *e = allocate(1, sizeof(*e));

	e->key = *key;
	e->gpa = gpa;
	chain_in(&b->by_key[bucket(key->address, key->lpid)], e, BY_KEY);
	chain_in(&b->by_gpa[bucket(gpa, key->lpid)], e, BY_GPA);
	chain_in(&b->all, e, ALL);
	return e;
}

/* --- reports --------------------------------------------------------------- */

static void note_event(struct model *m, unsigned int cpu, const struct invalidation *i)
{
	m->history[m->nr_events++ % HISTORY] = (struct event){ m->config.now(), cpu, *i };
}

static void print_event(FILE *out, const struct event *e)
{
	const struct invalidation *i = &e->what;

	fprintf(out, "\"%s cpu %u at %" PRIu64 " ric %u prs %u r %u is %u", i->everywhere ? "tlbie" : "tlbiel",
		e->cpu, e->when, i->ric, i->prs, i->r, i->is);
	if (i->is == 0)
		fprintf(out, " address %#" PRIx64 " shift %u\"", i->address, i->shift);
	else if (!i->everywhere)
		fprintf(out, " set %u\"", i->set);
	else
		fprintf(out, "\"");
}

static void print_events(struct model *m, uint32_t lpid, uint64_t from)
{
	const char *comma = "";
	uint64_t n = m->nr_events > HISTORY ? m->nr_events - HISTORY : 0;

	for (n = n > from ? n : from; n < m->nr_events; n++) {
		const struct event *e = &m->history[n % HISTORY];

		if (e->what.lpid != lpid)
			continue;
		fputs(comma, m->config.out);
		print_event(m->config.out, e);
		comma = ",";
	}
}

static const char *type_name(unsigned int type)
{
	return type == STORE ? "store" : type == FETCH ? "fetch" : "load";
}

static void print_where(struct model *m, const struct buffer *b, const struct entry *e, unsigned int cpu,
			const struct access *a, enum reason reason)
{
	struct walk w;

	fprintf(m->config.out,
		"TLBSAN-HAZARD {\"during\":\"%s\",\"why\":\"%s\",\"where\":\"%s\",\"cpu\":%u,\"core\":%u,\"lpid\":%u,\"pid\":%u,"
		"\"access\":\"%s\",\"address\":\"%#" PRIx64 "\",\"gpa\":\"%#" PRIx64 "\",\"holds\":\"%#" PRIx64 "\"",
		m->name, reason_name[reason], is_erat(m, b) ? "erat" : "tlb", cpu, cpu / m->config.threads, e->key.lpid, e->key.pid,
		type_name(a->type), a->address, e->gpa, e->page);
	radix_walk_partition(&m->config.ram, e->ptcr, e->key.lpid, e->gpa, &w);
	if (w.partition.valid)
		fprintf(m->config.out, ",\"tables\":\"%#" PRIx64 "\"", w.partition.page);
	else
		fprintf(m->config.out, ",\"tables\":\"none\"");
}

static void report(struct model *m, const struct buffer *b, const struct entry *e, unsigned int cpu,
		   const struct access *a, enum reason reason, const struct stale *s)
{
	if (++m->counts.hazards > REPORTS_MAX)
		return;
	print_where(m, b, e, cpu, a, reason);
	if (s) {
		fprintf(m->config.out, ",\"stale_since_ns\":%" PRIu64 ",\"invalidations\":[", s->since);
		print_events(m, e->key.lpid, s->history);
		fputc(']', m->config.out);
	}
	fprintf(m->config.out, ",\"ns\":%" PRIu64 "}\n", m->config.now());
	fflush(m->config.out);
}

/* --- staleness --------------------------------------------------------------- */

static bool flush_has_ended(const struct model *m, const struct stale *s)
{
	unsigned int cpu;

	if (!s->returned && m->config.now() - s->since < m->config.grace_ns)
		return false;
	for (cpu = 0; cpu < m->config.cpus; cpu++) {
		uint64_t outside = m->config.outside(cpu);

		if (outside != ~0ull && outside == s->outside[cpu])
			return false;
	}
	return true;
}

static struct stale *new_stale(struct model *m)
{
	struct stale *s = allocate(1, sizeof(*s) + m->config.cpus * sizeof(s->outside[0]));
	unsigned int cpu;

	s->since = m->config.now();
	s->history = m->nr_events;
	for (cpu = 0; cpu < m->config.cpus; cpu++)
		s->outside[cpu] = m->config.outside(cpu);
	m->counts.suspicions++;
	return s;
}

static void turn_stale(struct model *m, struct entry *e, enum reason reason, unsigned int lost)
{
	if (!e->stale)
		e->stale = new_stale(m);
	else if (!(lost & ~e->stale->lost))
		return;
	e->stale->reason = reason;
	e->stale->lost |= lost;
	__atomic_fetch_add(&m->generation, 1, __ATOMIC_RELEASE);
}

static void use_stale(struct model *m, const struct buffer *b, struct entry *e, unsigned int cpu,
		      const struct access *a)
{
	if (e->stale->reported || !flush_has_ended(m, e->stale))
		return;
	e->stale->reported = true;
	report(m, b, e, cpu, a, e->stale->reason, e->stale);
}

static void drop(struct model *m, struct entry *e)
{
	int chain;

	for (chain = 0; chain < CHAINS; chain++)
		chain_out(e, chain);
	free(e->stale);
	free(e);
	m->counts.dropped++;
	__atomic_fetch_add(&m->generation, 1, __ATOMIC_RELEASE);
}

static bool leaf_unchanged(const struct entry *e)
{
	return __atomic_load_n(e->leaf, __ATOMIC_RELAXED) == e->leaf_word;
}

/* Compares the partition half of @e with the tables as they are; true if it is stale. */
static bool compare_partition(struct model *m, struct entry *e, const struct stage *now)
{
	unsigned int lost = e->partition_rights;
	enum reason reason = OTHER_PAGE;

	if (now->valid && now->page == e->page) {
		lost &= ~now->rights;
		reason = lost == CHANGED ? ESCAPED_STORE : MORE_RIGHTS;
	}
	if (lost)
		turn_stale(m, e, reason, lost);
	return lost;
}

static bool compare_table(struct model *m, struct entry *e, const struct walk *now)
{
	unsigned int i;

	for (i = 0; i < now->nr_steps; i++)
		if ((now->step[i].prefix | now->step[i].shift) == e->key.address && now->step[i].table == e->page)
			return false;
	turn_stale(m, e, WALK_CACHE, LOAD | STORE | FETCH);
	return true;
}

static bool is_stale(struct model *m, struct entry *e)
{
	struct walk w;

	if (e->leaf && leaf_unchanged(e))
		return e->stale;
	radix_walk_partition(&m->config.ram, e->ptcr, e->key.lpid, e->gpa, &w);
	if (e->key.kind == TABLE)
		return compare_table(m, e, &w) || e->stale;
	return compare_partition(m, e, &w.partition) || e->stale;
}

static void scan(struct model *m, uint32_t lpid, bool returned)
{
	struct entry *e;
	unsigned int b;

	for (b = 0; b < m->nr_buffers; b++)
		for (e = m->buffers[b].all; e; e = e->chain[ALL].next)
			if ((!lpid || e->key.lpid == lpid) && is_stale(m, e))
				e->stale->returned |= returned;
}

void model_returned(struct model *m, uint32_t lpid)
{
	scan(m, lpid, true);
}

/* The grace of what nobody uses for now begins here. */
static void scan_sometimes(struct model *m)
{
	uint64_t now = m->config.now();

	if (now - m->scanned < m->config.grace_ns / 2)
		return;
	m->scanned = now;
	scan(m, 0, false);
}

/* --- accesses ------------------------------------------------------------------ */

static unsigned int needs_of(unsigned int type)
{
	return type == STORE ? STORE | CHANGED : type;
}

static struct key key_of(const struct access *a, const struct walk *w)
{
	const struct context *c = &a->context;

	if (!c->virtual)
		return (struct key){ REAL, c->lpid, 0, w->process.page };
	return (struct key){ VIRTUAL, c->lpid, a->address >> 62 == 3 ? 0 : c->pid, granule(a->address) };
}

static void fill(struct model *m, struct buffer *b, const struct access *a, const struct key *key,
		 const struct walk *w)
{
	struct entry *e = insert(b, key, granule(w->process.page));

	e->page = w->partition.page;
	e->process_shift = w->process.shift;
	e->partition_shift = w->partition.shift;
	e->process_rights = w->process.rights;
	e->partition_rights = w->partition.rights;
	e->leaf = w->partition.leaf;
	e->leaf_word = w->partition.leaf_word;
	e->ptcr = a->context.ptcr;
	e->filled_by = a->vcpu;
	m->counts.fills++;
}

static bool serves(const struct entry *e, unsigned int needs)
{
	return !(needs & ~(e->process_rights & e->partition_rights));
}

/* Do the leaves of @e and of @w cover an address in common, and differ in size? */
static bool of_two_sizes(const struct entry *e, const struct walk *w)
{
	unsigned int shift = w->partition.shift;

	if (e->key.kind == TABLE || e->partition_shift == shift)
		return false;
	shift = e->partition_shift > shift ? e->partition_shift : shift;
	return e->gpa >> shift == w->process.page >> shift;
}

/* (An ERAT may hold parts of a page.) */
static bool check_size(struct model *m, struct buffer *b, struct entry *e, unsigned int cpu,
		       const struct access *a, const struct walk *w)
{
	if (is_erat(m, b) || e->key.lpid != a->context.lpid || !of_two_sizes(e, w))
		return false;
	report(m, b, e, cpu, a, TWO_SIZES, e->stale);
	drop(m, e);
	return true;
}

/* @w is about to be filled into a TLB. On a machine with one page size there is nothing to look for. */
static void check_sizes(struct model *m, struct buffer *b, unsigned int cpu, const struct access *a,
			const struct walk *w)
{
	struct entry *e, *next;

	m->sizes |= 1ull << w->partition.shift;
	if (is_erat(m, b) || !(m->sizes & (m->sizes - 1)))
		return;
	for (e = b->all; e; e = next) {
		next = e->chain[ALL].next;
		check_size(m, b, e, cpu, a, w);
	}
}

enum held { NOTHING, RIGHT, WRONG };

/*
 * The vCPU has invalidated, on another core, what it left on this one (doc/design.md,
 * "radix vCPU movement").
 */
static void check_own_flush(struct model *m, const struct buffer *b, struct entry *e, unsigned int cpu,
			    const struct access *a, const struct stage *process)
{
	if (e->filled_by != a->vcpu ||
	    (process->valid && process->page == e->gpa && !(needs_of(a->type) & ~process->rights)))
		return;
	e->flushed = false;
	report(m, b, e, cpu, a, OWN_FLUSH, NULL);
}

static enum held check_entry(struct model *m, struct buffer *b, struct entry *e, unsigned int cpu,
			     const struct access *a, const struct walk *w)
{
	struct walk old;

	if (e->flushed)
		check_own_flush(m, b, e, cpu, a, &w->process);
	if (e->gpa == w->process.page) {
		compare_partition(m, e, &w->partition);
	} else {
		/* The guest has changed its own tables. Is the page it had still its page? */
		radix_walk_partition(&m->config.ram, e->ptcr, e->key.lpid, e->gpa, &old);
		compare_partition(m, e, &old.partition);
	}
	if (!e->stale || !(e->stale->lost & needs_of(a->type)))
		return e->flushed || e->stale ? WRONG : RIGHT;
	use_stale(m, b, e, cpu, a);
	return WRONG;
}

/* An access in flight may have been right when it was made, and find no translation now. */
static bool allows(const struct walk *w, const struct access *a)
{
	return !(needs_of(a->type) & ~walk_rights(w));
}

/*
 * With too few rights, or (ERAT) with what the guest has changed, hardware walks again. What it finds, if anything, comes
 * in the place of the old entry or beside it: beside one that is stale, whose next use would be wrong (copy on write).
 */
static enum held check_one(struct model *m, struct buffer *b, struct entry *e, unsigned int cpu,
			   const struct access *a, const struct walk *w)
{
	enum held held;

	if (w->partition.valid && check_size(m, b, e, cpu, a, w))
		return NOTHING;
	held = check_entry(m, b, e, cpu, a, w);
	if (serves(e, needs_of(a->type)) && !(is_erat(m, b) && e->gpa != w->process.page))
		return held;
	if (allows(w, a) && !(e->stale && e->gpa == w->process.page))
		drop(m, e);
	return NOTHING;
}

/* Of all that a buffer holds for the address, the worst. */
static enum held check_held(struct model *m, struct buffer *b, unsigned int cpu, const struct access *a,
			    const struct key *key, const struct walk *w)
{
	enum held held = NOTHING, one;
	struct entry *e, *next;

	for (e = lookup(b, key); e; e = next) {
		next = this_or_next(e->chain[BY_KEY].next, key);
		one = check_one(m, b, e, cpu, a, w);
		held = one > held ? one : held;
	}
	return held;
}

/* A walk may begin at any table the core still remembers. */
static void check_steps(struct model *m, unsigned int cpu, const struct access *a, const struct walk *w)
{
	struct buffer *b = tlb_of(m, cpu);
	unsigned int i;

	for (i = 0; i < w->nr_steps; i++) {
		const struct step *s = &w->step[i];
		struct key key = { TABLE, a->context.lpid, 0, s->prefix | s->shift };
		struct entry *e = lookup(b, &key);

		if (!e) {
			e = insert(b, &key, s->prefix);
			e->page = s->table;
			e->ptcr = a->context.ptcr;
			m->counts.fills++;
		} else if (compare_table(m, e, w) || e->stale) {
			use_stale(m, b, e, cpu, a);
		}
	}
}

static struct known *known_slot(struct model *m, unsigned int cpu, const struct access *a)
{
	size_t i = (a->address >> GRANULE_SHIFT ^ (uint64_t)a->type << 4) % KNOWN;

	return &m->known[(size_t)cpu * KNOWN + i];
}

static bool same_access(const struct access *a, const struct access *b)
{
	return granule(a->address) == granule(b->address) && a->type == b->type &&
	       a->context.lpid == b->context.lpid && a->context.pid == b->context.pid &&
	       a->context.virtual == b->context.virtual && a->context.ptcr == b->context.ptcr;
}

bool model_known(struct model *m, unsigned int cpu, const struct access *a)
{
	const struct known *k = known_slot(m, cpu, a);

	return m->owed[cpu] == NOTHING_OWED && k->generation == __atomic_load_n(&m->generation, __ATOMIC_ACQUIRE) &&
	       same_access(&k->access, a) && trail_holds(&k->trail);
}

static void remember(struct model *m, unsigned int cpu, const struct access *a, const struct walk *w)
{
	struct known *k = known_slot(m, cpu, a);

	k->access = *a;
	k->generation = m->generation;
	k->trail.n = w->trail.n;
	memcpy(k->trail.at, w->trail.at, w->trail.n * sizeof(w->trail.at[0]));
	memcpy(k->trail.word, w->trail.word, w->trail.n * sizeof(w->trail.word[0]));
}

/* The CPU has begun an invalidation and goes on in a guest as if it had ended. */
static void check_completed(struct model *m, unsigned int cpu, const struct access *a)
{
	if (m->owed[cpu] == NOTHING_OWED)
		return;
	m->owed[cpu] = NOTHING_OWED;
	if (++m->counts.hazards > REPORTS_MAX)
		return;
	fprintf(m->config.out,
		"TLBSAN-HAZARD {\"during\":\"%s\",\"why\":\"a flush that has not been completed\",\"where\":\"cpu\",\"cpu\":%u,"
		"\"lpid\":%u,\"ns\":%" PRIu64 "}\n", m->name, cpu, a->context.lpid, m->config.now());
	fflush(m->config.out);
}

void model_access(struct model *m, unsigned int cpu, const struct access *a)
{
	struct buffer *buffers[] = { tlb_of(m, cpu), erat_of(m, cpu) };
	unsigned int i;
	struct walk w;
	struct key key;
	bool right = true;
	enum held held;

	m->counts.accesses++;
	check_completed(m, cpu, a);
	scan_sometimes(m);
	radix_walk(&m->config.ram, &a->context, a->address, &w);
	if (w.hash) {
		m->counts.unmodelled++;
		return;
	}
	key = key_of(a, &w);
	for (i = 0; i < 2; i++) {
		held = check_held(m, buffers[i], cpu, a, &key, &w);
		if (held == NOTHING && allows(&w, a)) {
			check_sizes(m, buffers[i], cpu, a, &w);
			fill(m, buffers[i], a, &key, &w);
		}
		right &= held != WRONG;
	}
	check_steps(m, cpu, a, &w);
	/* What is wrong now may be a hazard at the next look. */
	if (right && allows(&w, a))
		remember(m, cpu, a, &w);
}

void model_fault(struct model *m, unsigned int cpu, const struct access *a)
{
	struct buffer *buffers[] = { tlb_of(m, cpu), erat_of(m, cpu) };
	unsigned int i;
	struct walk w;
	struct key key;

	radix_walk(&m->config.ram, &a->context, a->address, &w);
	if (w.hash || !w.process.valid)
		return;
	key = key_of(a, &w);
	for (i = 0; i < 2; i++)
		check_held(m, buffers[i], cpu, a, &key, &w);
}

/* --- invalidations --------------------------------------------------------------- */

static bool in_page(uint64_t address, const struct invalidation *i)
{
	return address >> i->shift == i->address >> i->shift;
}

static bool in_set(const struct model *m, uint64_t address, unsigned int shift, const struct invalidation *i)
{
	if (i->everywhere || m->config.sets == 1)
		return true;
	return (address >> (shift < 63 ? shift : GRANULE_SHIFT)) % m->config.sets == i->set;
}

/*
 * Partition scope: a page is named by its guest real address, and what was
 * combined from it goes too. The page size must be that of the leaf.
 *
 * A tlbiel of a congruence class is not believed to take what was combined: the kernel
 * follows its loop over the classes with PRS=0 by one with PRS=1 (tlbiel_all_isa300()).
 */
static bool hits_partition(const struct model *m, const struct entry *e, const struct invalidation *i)
{
	if (e->key.kind == TABLE)
		return i->ric && i->is >= 2 && (i->everywhere || !i->set);
	if (i->ric == 1 || i->is == 1)
		return false;
	if (i->is == 0)
		return in_page(e->gpa, i) && e->partition_shift == i->shift;
	if (!i->everywhere && e->key.kind == VIRTUAL)
		return false;
	return in_set(m, e->gpa, e->partition_shift, i);
}

/* Process scope: a page is named by PID and effective address. */
static bool hits_process(const struct model *m, const struct entry *e, const struct invalidation *i)
{
	if (e->key.kind != VIRTUAL || i->ric == 1)
		return false;
	if (i->is <= 1 && e->key.pid != i->pid)
		return false;
	if (i->is == 0)
		return in_page(e->key.address, i) && e->process_shift == i->shift;
	return in_set(m, e->key.address, e->process_shift, i);
}

static bool hits(const struct model *m, const struct entry *e, const struct invalidation *i)
{
	if (!i->r || (e->key.lpid != i->lpid && !(i->is == 3 && !i->by_guest)))
		return false;
	return i->prs ? hits_process(m, e, i) : hits_partition(m, e, i);
}

typedef void (*hit_fn)(struct model *m, struct buffer *b, struct entry *e, const struct invalidation *i);

/* Only the chains that can hold a hit, where the page is small. */
static void for_page(struct model *m, struct buffer *b, const struct invalidation *i, hit_fn hit)
{
	uint64_t address = i->address >> i->shift << i->shift, end = address + (1ull << i->shift);
	struct entry *e, *next;

	for (; address < end; address += 1ull << GRANULE_SHIFT) {
		size_t n = bucket(address, i->lpid);

		for (e = i->prs ? b->by_key[n] : b->by_gpa[n]; e; e = next) {
			next = e->chain[i->prs ? BY_KEY : BY_GPA].next;
			if ((i->prs ? e->key.address : e->gpa) == address && hits(m, e, i))
				hit(m, b, e, i);
		}
	}
}

static void for_all(struct model *m, struct buffer *b, const struct invalidation *i, hit_fn hit)
{
	struct entry *e, *next;

	for (e = b->all; e; e = next) {
		next = e->chain[ALL].next;
		if (hits(m, e, i))
			hit(m, b, e, i);
	}
}

static void for_hits(struct model *m, struct buffer *b, const struct invalidation *i, hit_fn hit)
{
	if (i->is == 0 && i->shift <= 16)
		for_page(m, b, i, hit);
	else
		for_all(m, b, i, hit);
}

static void drop_hit(struct model *m, struct buffer *b, struct entry *e, const struct invalidation *i)
{
	(void)b;
	(void)i;
	drop(m, e);
}

/*
 * What a vCPU has invalidated is still held elsewhere. That is no mistake unless
 * it uses it; where the tables give the same as before, it may. Other vCPUs
 * flush for themselves, and a guest that uses tlbiel where another vCPU has used the
 * same translation has to expect what that one left in a TLB they share.
 */
static void mark_hit(struct model *m, struct buffer *b, struct entry *e, const struct invalidation *i)
{
	struct context c = { e->ptcr, e->key.lpid, e->key.pid, true };
	struct walk w;

	(void)b;
	if (e->filled_by != i->vcpu)
		return;
	radix_walk(&m->config.ram, &c, e->key.address, &w);
	if (w.process.valid && w.process.page == e->gpa && !(e->process_rights & ~w.process.rights))
		return;
	e->flushed = true;
	__atomic_fetch_add(&m->generation, 1, __ATOMIC_RELEASE);
}

/* The other cores keep what a guest's tlbiel names. Its loops over the sets begin with set 0. */
static void mark_elsewhere(struct model *m, unsigned int cpu, const struct invalidation *i)
{
	struct invalidation all = *i;
	unsigned int core;

	if (i->is && i->set)
		return;
	all.everywhere = true;		/* every set */
	for (core = 0; core < m->config.cpus / m->config.threads; core++)
		if (core != cpu / m->config.threads)
			for_hits(m, &m->buffers[core], &all, mark_hit);
}

void model_tlbsync(struct model *m, unsigned int cpu)
{
	if (m->owed[cpu] == TLBSYNC)
		m->owed[cpu] = PTESYNC;
}

void model_ptesync(struct model *m, unsigned int cpu)
{
	if (m->owed[cpu] == PTESYNC)
		m->owed[cpu] = NOTHING_OWED;
}

/* Of any LPID, and hash too. What a guest leaves open is for the host to complete. */
static void owe(struct model *m, unsigned int cpu, const struct invalidation *i)
{
	enum owed owed = i->everywhere ? TLBSYNC : PTESYNC;

	if (!i->by_guest && m->owed[cpu] < owed)
		m->owed[cpu] = owed;
}

void model_invalidate(struct model *m, unsigned int cpu, const struct invalidation *i)
{
	unsigned int b;

	owe(m, cpu, i);
	if (!i->r || (!i->lpid && i->is != 3))
		return;		/* of a hash guest, or of the host itself */
	note_event(m, cpu, i);
	if (i->everywhere) {
		for (b = 0; b < m->nr_buffers; b++)
			for_hits(m, &m->buffers[b], i, drop_hit);
		return;
	}
	for_hits(m, tlb_of(m, cpu), i, drop_hit);
	/* By congruence class it leaves the ERAT alone (Linux commit fa73b8fa2b52). */
	if (i->is == 0)
		for_hits(m, erat_of(m, cpu), i, drop_hit);
	if (i->by_guest && i->prs && i->vcpu)
		mark_elsewhere(m, cpu, i);
}

void model_drop_erat(struct model *m, unsigned int cpu)
{
	struct buffer *b = erat_of(m, cpu);

	while (b->all)
		drop(m, b->all);
}

void model_name(struct model *m, const char *name)
{
	snprintf(m->name, sizeof(m->name), "%s", name);
}

struct model_counts model_counts(const struct model *m)
{
	return m->counts;
}

void model_free(struct model *m)
{
	struct entry *e, *next;
	unsigned int b;

	for (b = 0; b < m->nr_buffers; b++)
		for (e = m->buffers[b].all; e; e = next) {
			next = e->chain[ALL].next;
			free(e->stale);
			free(e);
		}
	free(m->buffers);
	free(m->known);
	free(m->owed);
	free(m);
}
