// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adoption: a guest that has entered and has no domain, because it is older
 * than the hooks or a nested guest, gets one that is live once every CPU has
 * passed the entry hook with it in place (invariant 8).
 */
#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <linux/smp.h>
#include <linux/workqueue.h>
#include "guest/adopt.h"
#include "guest/domain.h"
#include "power/flush.h"

/*
 * A guest that has entered on this CPU and has no domain, until a round takes
 * it on. Filled by the entry hook, read and set free by adopt().
 */
struct adoption {
	bool asked;
	struct kvm *kvm;	/* a guest, held; NULL: a nested guest */
	u32 lpid;
	u32 l1;			/* of a nested guest: the LPID of its L1, and what that one calls it */
	int number;
};

static DEFINE_PER_CPU(struct adoption, adoptions);

static void adopt(struct work_struct *unused);
static DECLARE_DELAYED_WORK(adopt_work, adopt);
static unsigned long next_round;	/* in jiffies: not before */

#define ROUND_EVERY	(HZ / 10 + 1)	/* jiffies; of the whole host */

/*
 * What this thread has done in guests, without a mark, is complete too
 * (kht_put_other()).
 */
static void leave_guests(void *unused)
{
	kht_complete_updates();
}

/*
 * True: it has a domain now, which is not live yet. The slot is free again when
 * all of it has been read.
 * litmus: adopt-slot, adopt-ask
 */
static bool take_on(struct adoption *a)
{
	struct kvm *kvm;
	bool made;

	/* Pairs with kht_adopt()'s release. */
	if (!smp_load_acquire(&a->asked))
		return false;
	kvm = a->kvm;
	made = kvm ? kht_domain_make(kvm) : kht_domain_make_nested(a->l1, a->lpid, a->number);
	/* Pairs with kht_adopt()'s acquire. */
	smp_store_release(&a->asked, false);
	if (kvm)
		kvm_put_kvm(kvm);
	return made;
}

static bool take_on_all(void)
{
	bool newcomers = false;
	int cpu;

	for_each_possible_cpu(cpu)
		newcomers |= take_on(per_cpu_ptr(&adoptions, cpu));
	return newcomers;
}

static bool runs_newcomer(int cpu, void *unused)
{
	const struct kht_domain *d = kht_domain(kht_key_lpid(kht_load(&kht_threads[cpu].guest)));

	return d && !READ_ONCE(d->live);
}

static bool some_wait;	/* for operations of the host to end; the work's own */

/* A domain that is not live has been made by this round, or an earlier one. */
static void go_live(struct kht_domain *d)
{
	struct kht_domain *shadow;

	if (!READ_ONCE(d->live) && !kht_domain_go_live(d)) {
		some_wait = true;
		return;
	}
	rcu_read_lock();
	list_for_each_entry_rcu(shadow, &d->shadows, sibling)
		WRITE_ONCE(shadow->live, true);
	rcu_read_unlock();
}

/*
 * A round, for all guests that wait for one. A thread that entered such a guest
 * before it had a domain is in no ledger (invariant 8). Three things together
 * make that end:
 *
 * - Every thread in a guest has a mark: since kht_adopt_begin() for those that
 *   were in one before there was an entry hook, and since the hook for all
 *   others.
 * - Entry hooks and quadrant accesses run with preemption off. After the grace
 *   period those that began without the domain have set their mark, or are
 *   over.
 * - The interrupt throws a thread with such a mark out of guest mode, or makes
 *   its entry abort, and its way back passes the hook with the domain in place.
 *
 * So no CPU is interrupted but those that run the newcomers: an L1 that makes
 * and drops nested guests as fast as it can disturbs nobody but itself. The
 * grace period is an ordinary one, for it may be long: until it is over the
 * guests have stock behaviour. So has a guest whose memslots or dirty log are
 * at work just now, until a later round (kht_domain_go_live()).
 * litmus: adopt-guest, adopt-entry, adopt-quadrant
 */
static void adopt(struct work_struct *unused)
{
	bool newcomers = take_on_all(), waited = some_wait;

	WRITE_ONCE(next_round, jiffies + ROUND_EVERY);
	some_wait = false;
	if (newcomers) {
		synchronize_rcu();
		on_each_cpu_cond(runs_newcomer, leave_guests, NULL, 1);
	}
	if (newcomers || waited)
		kht_each_domain(go_live);
	if (some_wait && kht_domains_are_open())
		schedule_delayed_work(&adopt_work, ROUND_EVERY);
}

static unsigned long until_next_round(void)
{
	unsigned long now = jiffies, next = READ_ONCE(next_round);

	return time_after(next, now) ? next - now : 0;
}

/*
 * The guest of @vcpu, or the nested guest it is about to run. A busy slot is no
 * loss: the guest will enter again.
 * litmus: adopt-slot, adopt-ask
 */
void kht_adopt(struct kvm_vcpu *vcpu)
{
	struct adoption *a = this_cpu_ptr(&adoptions);
	struct kvm_nested_guest *nested = vcpu->arch.nested;

	/* Pairs with take_on()'s release. */
	if (!kht_domains_are_open() || smp_load_acquire(&a->asked))
		return;
	if (!nested && !kvm_get_kvm_safe(vcpu->kvm))
		return;
	a->kvm = nested ? NULL : vcpu->kvm;
	a->lpid = nested ? nested->shadow_lpid : vcpu->kvm->arch.lpid;
	a->l1 = vcpu->kvm->arch.lpid;
	a->number = nested ? nested->l1_lpid : 0;
	/* Pairs with take_on()'s acquire. */
	smp_store_release(&a->asked, true);
	schedule_delayed_work(&adopt_work, until_next_round());
}

/*
 * The entry hook is in place. A thread in a guest since before has no mark: the
 * interrupt ends that, once for all guests there are, and from here on each
 * thread in a guest has one.
 * litmus: adopt-guest
 */
void kht_adopt_begin(void)
{
	WRITE_ONCE(next_round, jiffies);
	on_each_cpu(leave_guests, NULL, 1);
	kht_domains_open();
}

/* Who has asked gives its guest back; then a round that has asked for itself. */
void kht_adopt_end(void)
{
	flush_delayed_work(&adopt_work);
	cancel_delayed_work_sync(&adopt_work);
}
