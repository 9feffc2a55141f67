// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ledger of one domain: recorded invalidations, and the threads that have
 * caught up.
 *
 * An invalidation gets a generation. A thread enters the guest only when its
 * own generation, seen[cpu], has reached the domain's, gen. The protocol, with
 * the numbers of doc/design.md's invariants:
 *
 *	invalidating				entering
 *	------------				--------
 *	change the PTE				mark "in guest"
 *	ptesync				(4)	full fence		(4)
 *	raise gen				read gen = g
 *	full fence			(4)	if seen < g: flush, ptesync,
 *	anybody in guest with seen < gen?	             seen = g	(3)
 *	  no:  return, it is a debt	(1)	run the guest
 *	  yes: broadcast, return	(2)
 *
 * Store-buffering: with both fences, at least one side sees the other. If the
 * invalidator sees the mark, the translations are gone from the whole machine
 * before it returns. If the entering thread sees the raised generation, the
 * flush it then runs comes after the PTE change, so the TLB can be refilled
 * only from the new tables.
 *
 * seen[] advances after the flush and only to the value read before it (3): an
 * invalidation recorded while the flush runs keeps the thread in debt. Extra
 * flushes are legal, missed ones never, so every doubtful case below (unknown
 * thread, log overwritten, credit that does not fit) ends in a full flush.
 *
 * All that is the partition scope. The process scope owes for another reason: a
 * vCPU has left the core, and the guest's own tlbiel no longer reaches it. That
 * debt is one core's, not the machine's, so its generations lie in left[], one
 * word per thread of the core, and it is always a flush of the whole LPID. The
 * stock kernel keeps it as one bit per thread (need_tlb_flush), which loses a
 * debt that is set while another is being settled, or while only some bits of
 * the core are set yet; a generation read before the flush loses neither (3).
 */
#include "core/ledger.h"

/* struct kht_places of one vCPU */
static const u32 unknown[] = { 1, KHT_ANYWHERE };

/* Bytes kht_ledger_init() needs for @nr_threads threads and @log_size pages. */
size_t kht_ledger_bytes(u32 nr_threads, u32 log_size)
{
	return sizeof(struct kht_ledger) + 3 * nr_threads * sizeof(u64) +
	       log_size * sizeof(u64);
}

/*
 * Sets up a ledger in @zeroed, KHT_CACHELINE-aligned zeroed memory. Every
 * thread starts as unknown (0 < gen) and owes a full flush: the LPID may have
 * belonged to another guest (invariant 5). Until the caller knows where the
 * guest's vCPUs are, every CPU is looked at.
 */
struct kht_ledger *kht_ledger_init(void *zeroed, u32 lpid, u32 nr_threads, u32 log_size)
{
	struct kht_ledger *l = zeroed;
	u32 i;

	l->gen = 1;
	l->full = 1;
	l->covered = 1;
	l->credit_from = 1;
	l->credit_to = 1;
	l->lpid = lpid;
	l->nr_threads = nr_threads;
	l->log_size = log_size;
	l->seen = (u64 *)(l + 1);
	l->left = l->seen + nr_threads;
	l->left_seen = l->left + nr_threads;
	l->log = l->left_seen + nr_threads;
	l->places = (const struct kht_places *)unknown;
	if (kht_mutant(KHT_MUT_NEW_GUEST_CLEAN))
		for (i = 0; i < nr_threads; i++)
			l->seen[i] = 1;
	return l;
}

/*
 * seen[cpu], raised by what machine-wide flushes have done for every thread.
 * litmus: settle-sibling, settle-ptesync
 */
static u64 credited(const struct kht_ledger *l, unsigned int cpu)
{
	u64 seen = kht_load_acquire(&l->seen[cpu]);

	if (seen >= l->credit_from && seen < l->credit_to)
		return l->credit_to;
	return seen;
}

/*
 * The TLB is shared: what one thread of the core has flushed is gone for all.
 * The acquire in credited() pairs with the release in kht_settled(): a sibling
 * that shows a generation has finished its flush.
 */
static u64 core_seen(const struct kht_ledger *l, struct kht_core core)
{
	u64 best = 0;
	unsigned int i;

	for (i = core.first; i <= kht_last_of(l, core); i += core.step) {
		u64 seen = credited(l, i);

		if (seen > best)
			best = seen;
	}
	return best;
}

/*
 * True when the log still holds every page of (from, upto]. Staged entries
 * count: they are in the ring already, over the oldest ones.
 */
static bool logged(const struct kht_ledger *l, u64 from)
{
	if (kht_mutant(KHT_MUT_IGNORE_OVERFLOW))
		return l->log_size > 0;
	return l->gen + l->staged - from <= l->log_size;
}

/*
 * Of a log that holds them. Under the lock for longer than anything else is: a
 * division for all, not for each entry.
 */
static u32 copy_log(const struct kht_ledger *l, u64 *pages, u64 from)
{
	u32 size = l->log_size, n, at, count;
	const u64 *log = l->log;

	count = l->gen - from < size ? l->gen - from : size;
	at = (from + 1) % size;
	for (n = 0; n < count; n++) {
		pages[n] = log[at];
		at = at + 1 < size ? at + 1 : 0;
	}
	return n;
}

/*
 * Has a broadcast executed all that @cpu, which is marked, owes? Without the
 * lock, for which every thread of a guest would come after each of the guest's
 * broadcasts. True: *@d is what kht_settled() has to be told.
 *
 * The two numbers of the credit are not read at once. The newer credit_to with
 * the older credit_from would promise what lies between two credits and nobody
 * has executed; so each side goes the other's way. The newer credit_from with
 * the older credit_to is part of a credit that has been executed before either
 * was written (kht_credit()).
 * litmus: credit-pair, credit-served
 */
bool kht_served(const struct kht_ledger *l, unsigned int cpu, struct kht_debt *d)
{
	bool torn = kht_mutant(KHT_MUT_TORN_CREDIT);
	u64 from = torn ? kht_load(&l->credit_from) : 0, to;

	*d = (struct kht_debt){ .upto = kht_load(&l->gen),
				.left = kht_load(&l->left[cpu]) };
	if (kht_load(&l->left_seen[cpu]) < d->left)
		return false;
	to = kht_load_acquire(&l->credit_to);
	if (!torn)
		from = kht_load_acquire(&l->credit_from);
	return kht_load(&l->seen[cpu]) >= from && to >= d->upto;
}

static void owed_partition(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu,
			   struct kht_core core, struct kht_debt *d)
{
	u64 from;

	if (credited(l, cpu) >= d->upto)
		return;
	from = core_seen(l, core);
	if (from >= d->upto) {
		d->need = KHT_SYNC;
		return;
	}
	if (from < l->full || !logged(l, from)) {
		d->overflow = from >= l->full;
		d->need = KHT_FLUSH;
		return;
	}
	d->pages = copy_log(l, t->replay, from);
	d->need = KHT_REPLAY;
}

/*
 * left[] holds the same number for every thread of a core.
 * litmus: settle-sibling, settle-ptesync
 */
static enum kht_need owed_process(const struct kht_ledger *l, unsigned int cpu,
				  struct kht_core core, u64 left)
{
	unsigned int i;

	if (kht_load(&l->left_seen[cpu]) >= left)
		return KHT_NOTHING;
	for (i = core.first; i <= kht_last_of(l, core); i += core.step)
		if (kht_load_acquire(&l->left_seen[i]) >= left)
			return KHT_SYNC;
	return KHT_FLUSH;
}

/*
 * What @cpu, already marked by kht_mark(), has to execute before it may use
 * the domain's translations. A sibling's flush spares ours, but never the
 * ptesync and the ERAT, which are per thread (ISA 3.0B does not promise that
 * threads share translations; Linux commit 77bbbc0cf848).
 */
struct kht_debt kht_owed(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu,
			 struct kht_core core)
{
	struct kht_debt d = { .upto = l->gen, .left = l->left[cpu] };

	if (kht_mutant(KHT_MUT_NO_ENTRY_FLUSH))
		return d;
	owed_partition(l, t, cpu, core, &d);
	d.process = owed_process(l, cpu, core, d.left);
	return d;
}

/*
 * The flushes that kht_owed() asked for have finished (their ptesync is done).
 * Release: the flush comes before the number that vouches for it, and so does
 * what the thread did before through the old translations (partner:
 * kht_others_behind(), which passes over it then).
 * litmus: settle-sibling, settled-free, settled-copy
 */
void kht_settled(struct kht_ledger *l, unsigned int cpu, const struct kht_debt *d)
{
	bool late = kht_mutant(KHT_MUT_GEN_AFTER_FLUSH);

	kht_store_release(&l->seen[cpu], late ? kht_load(&l->gen) : d->upto);
	kht_store_release(&l->left_seen[cpu], late ? kht_load(&l->left[cpu]) : d->left);
}

/*
 * A vCPU has left @core: each of its threads owes a process-scope flush of the
 * returned generation.
 */
u64 kht_leave_core(struct kht_ledger *l, struct kht_core core)
{
	unsigned int i;

	l->moves++;
	for (i = core.first; i <= kht_last_of(l, core); i += core.step)
		kht_store(&l->left[i], l->moves);
	return l->moves;
}

/*
 * Does @page follow the newest staged one? Then both have one generation, and
 * the log one entry of both. Nobody has read that entry: what is staged is not
 * published yet, and whoever publishes it holds the lock.
 */
static bool joins_run(struct kht_ledger *l, u64 page)
{
	u64 newest = l->gen + l->staged, *run;

	if (!l->runs || !l->staged || !l->log_size || l->staged_full == newest)
		return false;
	run = &l->log[newest % l->log_size];
	if (kht_page_shift(*run) != kht_page_shift(page) ||
	    kht_page_gpa(*run) + kht_run_bytes(*run) != kht_page_gpa(page) ||
	    *run >> KHT_GPA_BITS == KHT_RUN_MAX - 1)
		return false;
	*run += 1ULL << KHT_GPA_BITS;
	return true;
}

/*
 * Staging collects invalidations whose effect nobody waits for yet (a batch):
 * they get their generations, but gen is raised by kht_commit() only, with one
 * ptesync for all of them.
 */
void kht_stage_page(struct kht_ledger *l, u64 page)
{
	if (joins_run(l, page)) {
		l->joined++;
		return;
	}
	l->staged++;
	if (l->log_size)
		l->log[(l->gen + l->staged) % l->log_size] = page;
}

/* The same for an invalidation that is not one page: walk cache, whole LPID. */
void kht_stage_full(struct kht_ledger *l)
{
	l->staged++;
	l->staged_full = l->gen + l->staged;
}

/*
 * Publishes everything staged, by whomever, and returns the newest generation.
 * The PTE changes reach the table walks before the generation that announces
 * them; the caller's next step is kht_behind(), whose fence is the partner of
 * the one in kht_mark().
 * litmus: entry-refill, commit-other
 */
u64 kht_commit(struct kht_ledger *l)
{
	if (!l->staged)
		return l->gen;
	kht_pte_fence();
	if (l->staged_full)
		l->full = l->staged_full;
	kht_store_release(&l->gen, l->gen + l->staged);
	/* After gen: partner in kht_uncovered(). */
	kht_store_release(&l->staged, 0);
	l->staged_full = 0;
	return l->gen;
}

/*
 * The page of generation @gen; false if it is no page or no longer in the log.
 */
bool kht_log_page(const struct kht_ledger *l, u64 gen, u64 *page)
{
	if (gen <= l->full || !logged(l, gen - 1))
		return false;
	*page = l->log[gen % l->log_size];
	return true;
}

/*
 * Not more CPUs than the machine has are looked at, however many the vCPUs.
 */
struct kht_look kht_look(const struct kht_ledger *l)
{
	return (struct kht_look){ .everywhere = kht_load(&l->places->n) > l->nr_threads };
}

/*
 * The next vCPU's place: where it is loaded, and where else it may be next. A
 * vCPU that is not known to be anywhere leads to a look at every CPU.
 */
static bool next_place(const struct kht_places *p, struct kht_look *look)
{
	u32 n = kht_load(&p->n) - kht_mutant(KHT_MUT_VCPU_OVERLOOKED);

	while (look->next < n) {
		look->place = kht_load(&p->at[look->next++]);
		if (look->place == KHT_ANYWHERE) {
			*look = (struct kht_look){ .everywhere = true };
			return true;
		}
		if (look->place != KHT_NOWHERE)
			return true;
	}
	return false;
}

/* The next CPU to look at, or KHT_NO_THREAD. */
unsigned int kht_look_next(const struct kht_ledger *l, struct kht_look *look)
{
	unsigned int cpu;

	if (!look->everywhere && !look->place && !next_place(l->places, look))
		return KHT_NO_THREAD;
	if (look->everywhere)
		return look->next < l->nr_threads ? look->next++ : KHT_NO_THREAD;
	cpu = (look->place & 0xffff) - 1;
	look->place >>= 16;
	return cpu;
}

/*
 * Invariant 4, the invalidating side: is a thread using the domain's
 * translations that has not settled up to @upto? A thread that has settled that
 * far did so after the PTE changed, so it runs with the new tables.
 *
 * Such a thread is that of a vCPU, so the look is at the places of the guest's
 * vCPUs, however many CPUs the machine has, and wherever they have been.
 *
 * The fence orders the raise of gen before the look; its partner is the fence
 * in kht_mark(). A vCPU that is found in its old place, or in none, moves or
 * comes while we look: its own fence came after ours, and it reads our
 * generation.
 *
 * The second one is for a caller that, told "nobody", goes on to read what they
 * have done: a page to copy, R and C of an HPTE. Its partners are the releases
 * by which a mark goes, a thread is done settling or a vCPU has left for
 * another place (kht_leave(), kht_mark(), kht_settled(), kht_loaded()).
 *
 * @self, if any, is the thread that asks, with preemption off and out of guest
 * mode: its mark means no more than that a vCPU is loaded there, which settles
 * before it runs on.
 * litmus: entry-invalidate, place-entry, place-free, leave-free, leave-copy
 * litmus: switch-free, settled-free, settled-copy
 */
bool kht_others_behind(const struct kht_ledger *l, const struct kht_thread *threads,
		       u64 upto, unsigned int self)
{
	struct kht_look look;
	unsigned int cpu;

	kht_full_fence();
	look = kht_look(l);
	while ((cpu = kht_look_next(l, &look)) != KHT_NO_THREAD)
		if (cpu != self && kht_thread_behind(l, &threads[cpu], cpu, upto))
			return true;
	kht_load_fence();
	return false;
}

/* Everything up to @upto is a mere debt or has been broadcast (invariant 7). */
void kht_covered(struct kht_ledger *l, u64 upto)
{
	if (l->covered < upto)
		l->covered = upto;
}

/*
 * A machine-wide flush has executed the invalidations (from, upto] everywhere:
 * 0 for a flush of the whole LPID. A thread that had settled all before @from
 * owes nothing of them any more; one further behind keeps its whole debt.
 * Overlapping credits join, since their union has been executed. A credit that
 * does not touch the last one replaces it, if it is newer: forgetting a credit
 * costs a flush and is legal.
 *
 * kht_served() reads without the lock. Release: what was broadcast is gone
 * before each number says so, and credit_from is written before credit_to.
 * litmus: credit-pair, credit-served
 */
void kht_credit(struct kht_ledger *l, u64 from, u64 upto)
{
	if (upto <= l->credit_to)
		return;
	if (kht_mutant(KHT_MUT_CREDIT_ALL))
		from = 0;
	if (from > l->credit_to || from < l->credit_from)
		kht_store_release(&l->credit_from, from);
	kht_store_release(&l->credit_to, upto);
}
