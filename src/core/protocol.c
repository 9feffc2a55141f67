// SPDX-License-Identifier: GPL-2.0-only
/*
 * The steps of the protocol. src/core/ledger.c argues why they are safe; here
 * is the order in which its pieces must be used.
 */
#include "core/env.h"
#include "core/protocol.h"

/*
 * A hash guest has one scope: a flush for the one reason does for the other
 * too.
 */
static void execute_hash(struct kht_ledger *l, struct kht_thread *t, const struct kht_debt *d)
{
	if (d->need == KHT_FLUSH || d->process == KHT_FLUSH)
		kht_hash_local_flush(l->lpid);
	else if (d->need == KHT_REPLAY)
		kht_hash_local_pages(l->lpid, t->replay, d->pages);
	else
		kht_hash_local_sync(l->lpid);
}

/*
 * The last step of each executor is this thread's ptesync and ERAT. A flush of
 * the whole LPID settles both scopes.
 */
static void execute(struct kht_ledger *l, struct kht_thread *t, const struct kht_debt *d)
{
	if (l->hash)
		return execute_hash(l, t, d);
	if (d->need == KHT_FLUSH)
		return kht_local_flush(l->lpid);
	if (d->need == KHT_REPLAY)
		kht_local_pages(l->lpid, t->replay, d->pages);
	if (d->process == KHT_FLUSH)
		kht_local_flush_process(l->lpid);
	if ((d->need == KHT_SYNC || d->process == KHT_SYNC) && !kht_mutant(KHT_MUT_NO_SIBLING_SYNC))
		kht_local_sync(l->lpid);
}

/*
 * Settles what @cpu owes; it has marked itself with kht_mark(). On return it
 * may use the domain's translations. The generation in the returned debt was
 * read before the flush began (invariant 3); an invalidation recorded
 * meanwhile has seen our mark and broadcasts (invariant 2).
 */
struct kht_debt kht_settle(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu,
			   struct kht_core core)
{
	struct kht_debt d;

	if (!kht_served(l, cpu, &d)) {
		kht_lock(l);
		d = kht_owed(l, t, cpu, core);
		kht_unlock(l);
		execute(l, t, &d);
	}
	kht_settled(l, cpu, &d);
	return d;
}

/*
 * One invalidation, of @page or (NULL) of everything, is published; returns its
 * generation.
 */
u64 kht_record(struct kht_ledger *l, const u64 *page)
{
	u64 upto;

	kht_lock(l);
	if (page)
		kht_stage_page(l, *page);
	else
		kht_stage_full(l);
	upto = kht_commit(l);
	kht_unlock(l);
	return upto;
}

/*
 * One invalidation whose caller waits for it.
 *
 * The first look saves recording what is broadcast anyway; it needs no order,
 * since its "somebody" ends in a broadcast and its "nobody" is not believed.
 * The second look, after the raise, is the one invariant 4 is about. If it
 * finds somebody who has just arrived, the recorded generation stays, for the
 * caller to cover, or to broadcast: then the threads flush once more than they
 * had to. The caller may not guess which of the two it was (kht_uncovered()):
 * somebody else may have recorded something else meanwhile.
 */
static enum kht_deferral defer(struct kht_ledger *l, const struct kht_thread *threads,
			       const u64 *page)
{
	u64 upto;

	if (kht_occupied(l, threads) && !kht_mutant(KHT_MUT_NO_BROADCAST))
		return KHT_REFUSED;
	upto = kht_record(l, page);
	if (!kht_mutant(KHT_MUT_LOOK_BEFORE_RAISE) && !kht_mutant(KHT_MUT_NO_BROADCAST) &&
	    kht_behind(l, threads, upto))
		return KHT_RECORDED;
	kht_lock(l);
	kht_covered(l, upto);
	kht_unlock(l);
	return KHT_DEFERRED;
}

enum kht_deferral kht_defer_page(struct kht_ledger *l, const struct kht_thread *threads, u64 page)
{
	return defer(l, threads, &page);
}

/* The same for the walk cache or the whole LPID. */
enum kht_deferral kht_defer_full(struct kht_ledger *l, const struct kht_thread *threads)
{
	return defer(l, threads, NULL);
}

/*
 * One invalidation of a batch: nobody waits for it before kht_cover().
 * litmus: batch-absorb
 */
void kht_absorb_page(struct kht_ledger *l, u64 page)
{
	kht_lock(l);
	kht_stage_page(l, page);
	kht_unlock(l);
}

/* The same for the walk cache or the whole LPID. */
void kht_absorb_full(struct kht_ledger *l)
{
	kht_lock(l);
	kht_stage_full(l);
	kht_unlock(l);
}

/*
 * False when one of (from, upto] is no page or has left the log; then the
 * whole LPID must be flushed, the pages already done notwithstanding.
 */
static bool broadcast_pages(struct kht_ledger *l, struct kht_cover *c)
{
	u64 gen, page;
	bool ok;

	for (gen = c->from + 1; gen <= c->upto; gen++) {
		kht_lock(l);
		ok = kht_log_page(l, gen, &page);
		kht_unlock(l);
		if (!ok)
			return false;
		kht_broadcast_page(l->lpid, page);
		c->broadcasts++;
	}
	return true;
}

static void broadcast(struct kht_ledger *l, struct kht_cover *c, u32 ceiling)
{
	u64 credit = c->from;

	c->how = KHT_HOW_PAGES;
	if (kht_mutant(KHT_MUT_CREDIT_UNFLUSHED))
		;
	else if (c->upto - c->from > ceiling || !broadcast_pages(l, c)) {
		c->how = KHT_HOW_LPID;
		kht_broadcast_lpid(l->lpid);
		c->broadcasts++;
		credit = 0;
	}
	kht_lock(l);
	kht_credit(l, credit, c->upto);
	kht_unlock(l);
}

/*
 * What a hash guest has invalidated with H_LOCAL (src/core/reach.c), and the
 * host needs to be gone. Threads in guest are interrupted, once for all of it,
 * instead of a broadcast: the kernel has none for the whole LPID of a hash
 * guest that does not sleep.
 *
 * The fence is that of kht_behind(), which has not looked when everything is to
 * be broadcast: the generation is visible before the marks are read. Its
 * partner is the fence in kht_mark().
 * litmus: entry-invalidate
 */
static void kick(const struct kht_ledger *l, struct kht_cover *c)
{
	c->how = KHT_HOW_KICK;
	kht_full_fence();
	if (!kht_mutant(KHT_MUT_LIST_IGNORED))
		kht_hash_kick(l, c->upto);
}

/*
 * The end of a batch, and of every other operation whose caller may free
 * memory: brings everything recorded on the domain so far, by whomever, to the
 * threads that still run with older translations (invariants 2 and 7). At most
 * @ceiling pages are broadcast one by one, more as one flush of the LPID.
 * Without @defer everything is broadcast, be anybody in guest or not.
 *
 * Two callers may cover the same generations at the same time. Neither trusts
 * the other's unfinished work: covered advances after the broadcast only.
 * litmus: batch-covered
 */
struct kht_cover kht_cover(struct kht_ledger *l, const struct kht_thread *threads,
			   u32 ceiling, bool defer)
{
	struct kht_cover c = { 0 };

	kht_lock(l);
	c.from = l->covered;
	c.upto = kht_commit(l);
	c.joined = l->joined;
	l->joined = 0;
	kht_unlock(l);
	if (c.from >= c.upto)
		return c;
	if ((defer && !kht_behind(l, threads, c.upto)) || kht_mutant(KHT_MUT_NO_BATCH_END))
		c.how = KHT_HOW_DEBT;
	else if (kht_load(&l->hash))
		kick(l, &c);
	else
		broadcast(l, &c, ceiling);
	kht_lock(l);
	kht_covered(l, c.upto);
	kht_unlock(l);
	return c;
}

/*
 * A quadrant access does not count: the host makes it for a vCPU that is out of
 * its guest, through what that vCPU has mapped, which no other one invalidates
 * with tlbiel alone. Nor would an interrupt end it.
 */
static bool uncaught(const struct kht_ledger *l, const struct kht_thread *t, unsigned int cpu,
		     u64 left)
{
	return kht_key_lpid(kht_load(&t->guest)) == l->lpid &&
	       kht_load(&l->left_seen[cpu]) < left;
}

/*
 * A vCPU has left @core. Lists the threads of that core that may be running the
 * guest and have not settled since, in @cpus (room for KHT_CORE_MAX), and
 * returns how many: they have to leave the guest, and so to settle, before the
 * moved vCPU goes on.
 *
 * Invariants 1 and 4, for the process scope: the fence orders the debt before
 * the look. Its partner is the fence in kht_mark(): a thread that we do not see
 * has not read left[] yet. Without it both sides could miss each other.
 * litmus: move-debt
 */
u32 kht_left_core(struct kht_ledger *l, const struct kht_thread *threads,
		  struct kht_core core, unsigned int *cpus)
{
	unsigned int i;
	u64 left;
	u32 n = 0;

	if (l->hash && kht_mutant(KHT_MUT_LOCAL_UNTRACKED))
		return 0;
	kht_lock(l);
	left = kht_leave_core(l, core);
	kht_unlock(l);
	kht_full_fence();
	if (kht_mutant(KHT_MUT_NO_KICK))
		return 0;
	for (i = core.first; i <= kht_last_of(l, core) && n < KHT_CORE_MAX; i += core.step)
		if (uncaught(l, &threads[i], i, left))
			cpus[n++] = i;
	return n;
}

/*
 * Invariant 5: a thread comes online, and nobody vouches for what its TLB and
 * ERAT hold. So they are emptied, of all guests at once, by the thread itself,
 * before it can use a guest's translations. Its ledger entries stay as they
 * are: they say that invalidations have been executed here, which is true of an
 * empty TLB. So is what a broadcast has been credited with while the thread was
 * off.
 *
 * A debt recorded earlier, while the thread was on its way up, would not do. A
 * broadcast after that is credited to the thread, which it may not have
 * reached; the thread then finds nothing owed. And a detachment meanwhile finds
 * no thread to interrupt.
 *
 * The siblings, which may be in guest, fill the TLB again from the tables in
 * force.
 */
void kht_thread_arrives(bool hash_guests)
{
	if (kht_mutant(KHT_MUT_HOTPLUG_CLEAN))
		return;
	kht_local_flush_all();
	if (hash_guests)
		kht_hash_local_flush_all();
}

/*
 * Invariant 8 for the process scope, on the thread that owes: true if it did.
 * The caller runs on @cpu with interrupts off, so @cpu is not in guest.
 */
bool kht_pay_process(struct kht_ledger *l, unsigned int cpu)
{
	struct kht_debt d = { .upto = kht_load(&l->seen[cpu]), .left = kht_load(&l->left[cpu]) };

	if (kht_load(&l->left_seen[cpu]) >= d.left || kht_mutant(KHT_MUT_NO_DETACH_SETTLE))
		return false;
	if (kht_load(&l->hash))
		kht_hash_local_flush(l->lpid);
	else
		kht_local_flush_process(l->lpid);
	kht_settled(l, cpu, &d);
	return true;
}

/*
 * Instead of kht_settle(), where nothing that is recorded is a debt: each of
 * these invalidations has been executed on the whole machine. The caller has
 * preemption off since it learned that (start_hash_debts()).
 */
void kht_excuse(struct kht_ledger *l, unsigned int cpu)
{
	struct kht_debt d = { .upto = kht_load(&l->gen), .left = kht_load(&l->left[cpu]) };

	kht_settled(l, cpu, &d);
}

/*
 * A flush of the whole LPID on every thread of the machine began after @upto
 * was recorded.
 */
void kht_done_everywhere(struct kht_ledger *l, u64 upto)
{
	kht_lock(l);
	kht_credit(l, 0, upto);
	kht_covered(l, upto);
	kht_unlock(l);
}

/*
 * Invariant 8: before the hooks go, one broadcast executes every
 * partition-scope debt of the domain. Returns false when there was none. New
 * invalidations are no longer deferred when this is called. Threads that never
 * visited count: an adopted guest may have run there before it had a ledger.
 * May sleep for a hash guest.
 */
bool kht_pay_all(struct kht_ledger *l)
{
	bool owed = false;
	u64 upto;
	u32 cpu;

	kht_lock(l);
	upto = kht_commit(l);
	kht_unlock(l);
	/*
	 * Not under the lock, which entering threads wait for: there may be
	 * many CPUs.
	 */
	for (cpu = 0; cpu < l->nr_threads && !owed; cpu++)
		owed = kht_load(&l->seen[cpu]) < upto;
	if (!owed || kht_mutant(KHT_MUT_NO_DETACH_SETTLE))
		return false;
	if (kht_load(&l->hash))
		kht_hash_broadcast(l->lpid);
	else
		kht_broadcast_lpid(l->lpid);
	kht_done_everywhere(l, upto);
	return true;
}
