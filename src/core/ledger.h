/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger: which partition-scope invalidations of a domain (LPID) have been
 * recorded, and how far each hardware thread has caught up. Specified by
 * invariants 1 to 5 of doc/design.md; see src/core/ledger.c for the argument.
 *
 * Locking: functions marked [lock] need kht_lock(); none of the others takes
 * it. src/core/protocol.h has the whole steps an outsider calls.
 */
#ifndef KHT_LEDGER_H
#define KHT_LEDGER_H

#include "core/base.h"

#define KHT_LOG_MAX	512	/* entries; bound of the parameter log_entries */

/* One hardware thread. A cache line of its own: only its CPU writes it. */
struct kht_thread {
	u64 guest;		/* key of the vCPU that has entered since it was loaded, or 0 */
	u64 quadrant;		/* key of the LPID a quadrant access uses, or 0 */
	void *call;		/* src/guest: the domain to be covered at the next entry, or NULL */
	u64 *replay;		/* scratch for kht_owed(): log_entries pages */
} kht_aligned;

/*
 * The threads that share one TLB with a thread
 * (cpu_first_tlb_thread_sibling()).
 */
struct kht_core {
	unsigned int first, last, step;
};

/*
 * Where the vCPUs of a guest are loaded. Whoever uses the guest's translations,
 * or those of one of its nested guests, is the thread of one of them: also a
 * quadrant access is made for a vCPU, where that is loaded.
 */
struct kht_places {
	u32 n;			/* vCPUs there may be; grows only */
	u32 at[];		/* of each, by its index: kht_loaded() */
};

#define KHT_NOWHERE	0U	/* it has never been loaded */
#define KHT_ANYWHERE	(~0U)	/* it may be loaded on any CPU, and nobody says so */

struct kht_ledger {
	/*
	 * Read on every guest entry, written when an invalidation is recorded.
	 */
	u64 gen;		/* newest recorded invalidation; starts at 1 */
	u32 lpid;
	u32 nr_threads;
	u64 *seen;		/* per thread: settled up to; 0 = unknown, owes a full flush */
	u64 *left;		/* per thread: newest move away from its core (process scope) */
	u64 *left_seen;		/* per thread: process scope settled up to */
	const struct kht_places *places;	/* of the guest; at first KHT_ANYWHERE */
	u64 *log;		/* ring: the page of generation g is log[g % log_size] */
	u32 log_size;		/* entries, 0 to KHT_LOG_MAX */
	bool hash;		/* of a hash guest: one scope, logged are RBs; see kht_note_mmu_mode() */
	bool runs;		/* one flush takes pages that follow one another */

	/* Written while recording: kept off the line that entries read. */
	u64 staged kht_aligned;	/* recorded but not yet published generations */
	u64 staged_full;	/* newest staged generation that is no single page, or 0 */
	u64 joined;		/* pages without a generation of their own since the last cover */
	u64 full;		/* newest generation that only a full flush settles */
	u64 covered;		/* up to here no thread in guest is behind */
	u64 moves;		/* newest value in left[] */
	u64 credit_from;	/* machine-wide flushes executed the generations */
	u64 credit_to;		/* (credit_from, credit_to] on every thread */
	void *lock;		/* kht_lock()'s; core never looks inside */
};

enum kht_need {
	KHT_NOTHING,
	KHT_SYNC,		/* a sibling flushed: ptesync and own ERAT only */
	KHT_REPLAY,		/* invalidate the listed pages */
	KHT_FLUSH,		/* invalidate the whole LPID */
};

struct kht_debt {
	enum kht_need need;	/* partition scope */
	enum kht_need process;	/* process scope: nothing, KHT_SYNC or KHT_FLUSH */
	u32 pages;		/* KHT_REPLAY: number of entries in thread->replay */
	bool overflow;		/* KHT_FLUSH: only because the log was too short */
	u64 upto;		/* the generation the flush will have settled */
	u64 left;		/* the same for the process scope */
};

/*
 * A logged page: guest real address with the page shift in its low bits. A run
 * of pages has in the top bits, which no radix address uses, how many of the
 * same size follow the first.
 */
#define KHT_GPA_BITS	52
#define KHT_RUN_MAX	(1U << (64 - KHT_GPA_BITS))	/* pages */

static inline u64 kht_page(u64 gpa, unsigned int shift)
{
	return (gpa << (64 - KHT_GPA_BITS) >> (64 - KHT_GPA_BITS) >> shift << shift) | shift;
}

static inline unsigned int kht_page_shift(u64 page)
{
	return page & 0xfff;
}

static inline u64 kht_page_gpa(u64 page)
{
	return page & ((1ULL << KHT_GPA_BITS) - 0x1000);
}

/* Bytes from the first page's beginning to the last one's end. */
static inline u64 kht_run_bytes(u64 page)
{
	return ((page >> KHT_GPA_BITS) + 1) << kht_page_shift(page);
}

/* The vCPU that runs on a thread: never 0, since LPID 0 is the host. */
static inline u64 kht_key(u32 lpid, u32 vcpu_id)
{
	return (u64)lpid << 32 | vcpu_id;
}

static inline u32 kht_key_lpid(u64 key)
{
	return key >> 32;
}

size_t kht_ledger_bytes(u32 nr_threads, u32 log_size);
struct kht_ledger *kht_ledger_init(void *zeroed, u32 lpid, u32 nr_threads, u32 log_size);

/*
 * Invariant 4. vCPU @i is loaded on @cpu. From there it may come to @cpu and to
 * @before (-1: none) without another call of this, and nowhere else.
 *
 * Who looks for threads in guest looks at these places only. Either he sees
 * this one, and then the mark that is set there; or the fence in kht_mark(),
 * which comes after both, makes the vCPU see his generation.
 *
 * Release, for invariant 2: what the vCPU did where it was comes before it is
 * no longer looked for there, as in kht_leave(). The partner is the load fence
 * in kht_others_behind().
 * litmus: place-entry, place-free
 */
static inline void kht_loaded(struct kht_places *p, u32 i, int cpu, int before)
{
	u32 at = cpu + 1;

	if (before >= 0 && before != cpu && !kht_mutant(KHT_MUT_STALE_PLACE))
		at |= (before + 1U) << 16;
	/* Every look reads this line: written only when the place changes. */
	if (kht_load(&p->at[i]) != at)
		kht_store_release(&p->at[i], at);
}

/*
 * Is @cpu behind in either scope? It is marked, and the fence is passed. A
 * number, not 0 if so, for the hottest path to combine with others.
 */
static inline u64 kht_owes(const struct kht_ledger *l, unsigned int cpu)
{
	return (kht_load(&l->gen) ^ kht_load(&l->seen[cpu])) |
	       (kht_load(&l->left[cpu]) ^ kht_load(&l->left_seen[cpu]));
}

/*
 * Invariant 4, the entering side. Returns kht_owes() of @cpu.
 *
 * The mark is published before the generation is read. The partners are the
 * fences in kht_behind() and kht_left_core(): either the other side sees our
 * mark and broadcasts or interrupts us, or we see its generation and settle.
 * Without the fence the mark may still sit in the store queue while the old
 * generation is read, and both sides miss each other.
 *
 * Release, for invariant 2: a vCPU that goes from its guest to a nested guest,
 * or back, replaces one mark by another. What it did through the first LPID's
 * translations comes before that mark is gone, as in kht_leave(). The partner
 * is the load in kht_behind(), which takes the missing mark for "nobody", and
 * whose caller then frees the page.
 * litmus: entry-invalidate, switch-free, move-debt
 */
static inline u64 kht_mark(struct kht_ledger *l, u64 *mark, u64 key, unsigned int cpu)
{
	kht_store_release(mark, key);
	if (!kht_mutant(KHT_MUT_NO_ENTRY_FENCE))
		kht_full_fence();
	return kht_owes(l, cpu);
}

/*
 * The leaving side. Release: whatever the guest, or a quadrant access, did
 * through its translations comes before the mark goes.
 * litmus: leave-free, leave-copy
 */
static inline void kht_leave(u64 *mark)
{
	kht_store_release(mark, 0);
}

/*
 * The kernel may have been told to use fewer CPUs than the core has (nr_cpus=).
 */
static inline unsigned int kht_last_of(const struct kht_ledger *l, struct kht_core core)
{
	return core.last < l->nr_threads ? core.last : l->nr_threads - 1;
}

bool kht_served(const struct kht_ledger *l, unsigned int cpu, struct kht_debt *d);
struct kht_debt kht_owed(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu,
			 struct kht_core core);			/* [lock] */
void kht_settled(struct kht_ledger *l, unsigned int cpu, const struct kht_debt *d);
u64 kht_leave_core(struct kht_ledger *l, struct kht_core core);	/* [lock] */

void kht_stage_page(struct kht_ledger *l, u64 page);		/* [lock] */
void kht_stage_full(struct kht_ledger *l);			/* [lock] */
u64 kht_commit(struct kht_ledger *l);				/* [lock] */
bool kht_log_page(const struct kht_ledger *l, u64 gen, u64 *page);	/* [lock] */

static inline bool kht_uses(const struct kht_thread *t, u32 lpid)
{
	return kht_key_lpid(kht_load(&t->guest)) == lpid ||
	       kht_key_lpid(kht_load(&t->quadrant)) == lpid;
}

/*
 * Does @cpu, whose thread is @t, use the domain's translations without having
 * settled up to @upto?
 */
static inline bool kht_thread_behind(const struct kht_ledger *l, const struct kht_thread *t,
				     unsigned int cpu, u64 upto)
{
	return kht_uses(t, l->lpid) && kht_load(&l->seen[cpu]) < upto;
}

#define KHT_NO_THREAD	(~0U)

/* A look at the CPUs of a guest's vCPUs: kht_look() is the beginning. */
struct kht_look {
	bool everywhere;	/* at every CPU */
	u32 next;		/* vCPU, or CPU */
	u32 place;		/* what is left of the last vCPU's */
};

struct kht_look kht_look(const struct kht_ledger *l);
unsigned int kht_look_next(const struct kht_ledger *l, struct kht_look *look);

bool kht_others_behind(const struct kht_ledger *l, const struct kht_thread *threads,
		       u64 upto, unsigned int self);

static inline bool kht_behind(const struct kht_ledger *l, const struct kht_thread *threads,
			      u64 upto)
{
	return kht_others_behind(l, threads, upto, KHT_NO_THREAD);
}

static inline bool kht_occupied(const struct kht_ledger *l, const struct kht_thread *threads)
{
	return kht_behind(l, threads, ~0ULL);
}

/*
 * Is something recorded, or staged by a batch, that may still be in use
 * (invariant 7)? For a caller that holds the lock of the page tables, under
 * which it was staged, and no other. Another task may publish it just now: what
 * is not staged any more is seen in gen. Without that order both looks could
 * miss it, and the caller would go on as if it were flushed.
 * litmus: commit-uncovered
 */
static inline bool kht_uncovered(const struct kht_ledger *l)
{
	return kht_load_acquire(&l->staged) || kht_load(&l->covered) < kht_load(&l->gen);
}

void kht_covered(struct kht_ledger *l, u64 upto);		/* [lock] */
void kht_credit(struct kht_ledger *l, u64 from, u64 upto);	/* [lock] */

#endif
