// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains: one per guest and one per nested guest, found by LPID. A guest's is
 * made with its first vCPU, or adopted at its next guest entry if the guest is
 * older than our hooks; it goes with the guest, or when the hooks go. A nested
 * guest's is adopted at its first entry, since the kernel makes nested guests
 * where we have no hook, and goes when its shadow LPID is free again.
 */
#include <linux/cpu.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "kht_direct.h"
#include "core/env.h"
#include "module/faults.h"
#include "guest/guest.h"
#include "power/flush.h"
#include "core/protocol.h"

struct kht_thread *kht_threads;
struct kht_seat __percpu *kht_seats;
struct kht_vcpu *const kht_no_vcpus[KVM_MAX_VCPUS];
bool kht_deferring;
bool kht_moving;
bool kht_nesting;
bool kht_hashing;
bool kht_hash_owing, kht_hash_deferring;

struct kht_domain __rcu *kht_domain_table[KHT_NR_LPIDS];
static LIST_HEAD(domains);
static LIST_HEAD(dismissed);		/* unpublished, but a batch may still be at work on them */
static DEFINE_MUTEX(domain_mutex);	/* domains, open; who adds to the table or removes a guest */
static DEFINE_RAW_SPINLOCK(shadow_lock);	/* lists of shadows; their entries in the table */
static DECLARE_WAIT_QUEUE_HEAD(domain_gone);
static bool open;			/* domains may be made */
static unsigned int log_size;
static u64 *replay_buffers;

void kht_lock(struct kht_ledger *l)
	__acquires(l->lock)
{
	struct kht_ledger_lock *lock = l->lock;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock->lock, flags);
	lock->flags = flags;
}

void kht_unlock(struct kht_ledger *l)
	__releases(l->lock)
{
	struct kht_ledger_lock *lock = l->lock;

	raw_spin_unlock_irqrestore(&lock->lock, lock->flags);
}

static void free_domain(struct kht_domain *d)
{
	int i;

	if (d->vcpus)
		for (i = 0; i < KVM_MAX_VCPUS; i++)
			kfree(d->vcpus[i]);
	kvfree(d->vcpus);
	kvfree(d->ledger);
	kfree(d);
}

static void free_domain_rcu(struct rcu_head *head)
{
	free_domain(container_of(head, struct kht_domain, rcu));
}

static struct kht_domain *alloc_domain(struct kvm *kvm, u32 lpid)
{
	struct kht_domain *d = kht_alloc(kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT));
	void *mem;

	if (!d)
		return NULL;
	mem = kht_alloc(kvzalloc(roundup_pow_of_two(kht_ledger_bytes(nr_cpu_ids, log_size)),
				 GFP_KERNEL_ACCOUNT));
	if (!mem) {
		free_domain(d);
		return NULL;
	}
	d->kvm = kvm;
	d->lpid = lpid;
	d->stats = &d->counts;
	INIT_LIST_HEAD(&d->shadows);
	raw_spin_lock_init(&d->lock.lock);
	d->ledger = kht_ledger_init(mem, lpid, nr_cpu_ids, log_size);
	d->ledger->lock = &d->lock;
	return d;
}

/*
 * Under mmu_setup_lock: should it become another kind of guest later, kht_on_set_partition()
 * finds it. That lock may be held for as long as the guest's VMM likes
 * (kvm_htab_write() copies from its memory), and nobody else's guest is to wait for that.
 * litmus: domain-publish
 */
static bool publish_kind(struct kht_domain *d)
{
	struct mutex *setup = &d->kvm->arch.mmu_setup_lock;

	if (!mutex_trylock(setup))
		return false;
	kht_note_kind(d);
	rcu_assign_pointer(kht_domain_table[d->lpid], d);
	mutex_unlock(setup);
	return true;
}

/*
 * Out of memory, too late, or the guest's MMU is just being set up: NULL, and the guest keeps
 * stock behaviour, in the last case until its next entry.
 */
static struct kht_domain *publish(struct kvm *kvm, bool live)
{
	struct kht_domain *d;

	lockdep_assert_held(&domain_mutex);
	if (!open || kvm->arch.lpid >= KHT_NR_LPIDS || kht_domain_of(kvm))
		return NULL;
	d = alloc_domain(kvm, kvm->arch.lpid);
	if (!d)
		return NULL;
	d->vcpus = kht_alloc(kvcalloc(KVM_MAX_VCPUS, sizeof(*d->vcpus), GFP_KERNEL_ACCOUNT));
	if (!d->vcpus) {
		free_domain(d);
		return NULL;
	}
	d->live = live;
	if (!publish_kind(d)) {
		free_domain(d);
		return NULL;
	}
	kht_files_add(&d->files, kvm->debugfs_dentry, d->stats);
	list_add(&d->node, &domains);
	return d;
}

/*
 * The kernel takes a nested guest out of the tree under mmu_lock before it frees
 * its LPID, which we see (kht_on_lpid_free()). So what is still in the tree, and
 * published under the same lock, will be found there.
 * litmus: domain-publish, adopt-nested
 */
static bool publish_existing(struct kht_domain *d, int number)
{
	struct kvm *kvm = d->kvm;
	struct kvm_nested_guest *gp;
	bool fits;

	spin_lock(&kvm->mmu_lock);
	gp = idr_find(&kvm->arch.kvm_nested_guest_idr, number);
	fits = gp && gp->shadow_lpid == d->lpid && !kht_domain(d->lpid);
	if (fits) {
		raw_spin_lock(&shadow_lock);
		list_add_rcu(&d->sibling, &d->l1->shadows);
		rcu_assign_pointer(kht_domain_table[d->lpid], d);
		raw_spin_unlock(&shadow_lock);
	}
	spin_unlock(&kvm->mmu_lock);
	return fits;
}

/* @number: what the L1 calls its nested guest. NULL as in publish(). */
static struct kht_domain *publish_shadow(struct kht_domain *l1, u32 lpid, int number)
{
	struct kht_domain *d;

	lockdep_assert_held(&domain_mutex);
	if (!open || lpid >= KHT_NR_LPIDS)
		return NULL;
	d = alloc_domain(l1->kvm, lpid);
	if (!d)
		return NULL;
	d->l1 = l1;
	d->stats = l1->stats;
	if (publish_existing(d, number))
		return d;
	free_domain(d);
	return NULL;
}

/* litmus: domain-free */
static void unpublish_shadow(struct kht_domain *d)
{
	lockdep_assert_held(&shadow_lock);
	RCU_INIT_POINTER(kht_domain_table[d->lpid], NULL);
	list_del_rcu(&d->sibling);
	call_rcu(&d->rcu, free_domain_rcu);
}

/*
 * The kernel gives a shadow LPID back. It has flushed the whole LPID before, and we
 * may have made a debt of that. The next owner has no domain before its first entry,
 * so the debt is paid here (invariant 5). Nobody runs the nested guest any more, and
 * nobody else frees its LPID. A guest's own LPID is no business of ours here:
 * kht_on_vm_destroy().
 */
void kht_on_lpid_free(u32 lpid)
{
	struct kht_domain *d = kht_domain(lpid);

	if (!d || !d->l1)
		return;
	if (!kht_mutant(KHT_MUT_FREED_IN_DEBT) && kht_pay_all(d->ledger))
		kht_count(d->stats, KHT_STAT_BROADCASTS, 1);
	raw_spin_lock(&shadow_lock);
	if (kht_domain(lpid) == d)
		unpublish_shadow(d);
	raw_spin_unlock(&shadow_lock);
}

/* With its shadows, whose counters and batches are the guest's. */
static void unpublish(struct kht_domain *d)
{
	struct kht_domain *shadow, *next;

	lockdep_assert_held(&domain_mutex);
	raw_spin_lock(&shadow_lock);
	list_for_each_entry_safe(shadow, next, &d->shadows, sibling)
		unpublish_shadow(shadow);
	raw_spin_unlock(&shadow_lock);
	RCU_INIT_POINTER(kht_domain_table[d->lpid], NULL);
	list_del(&d->node);
}

/* With no vCPU online nobody can be in this guest unseen: live at once. */
void kht_on_vcpu_create(struct kvm_vcpu *vcpu)
{
	mutex_lock(&domain_mutex);
	if (!atomic_read(&vcpu->kvm->online_vcpus))
		publish(vcpu->kvm, true);
	mutex_unlock(&domain_mutex);
}

/*
 * Before the stock kernel tears the guest down: from here on its invalidations
 * are stock broadcasts again. Debts die with the guest; a new guest with the
 * same LPID starts owing a full flush everywhere (invariant 5). KVM has removed
 * the guest's debugfs directory with our files already.
 * litmus: domain-free
 */
void kht_on_vm_destroy(struct kvm *kvm)
{
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	d = kht_domain_of(kvm);
	if (d && d->kvm == kvm) {
		unpublish(d);
		call_rcu(&d->rcu, free_domain_rcu);
	}
	mutex_unlock(&domain_mutex);
	wake_up_all(&domain_gone);
}

/*
 * A guest that has entered on this CPU and has no domain, until a round takes it on. Filled by the entry
 * hook, read and set free by adopt().
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

/* What this thread has done in guests, without a mark, is complete too (kht_put_other()). */
static void leave_guests(void *unused)
{
	kht_complete_updates();
}

/* The LPID may be another L1's by now: that one has no such nested guest. */
static struct kht_domain *publish_nested(const struct adoption *a)
{
	struct kht_domain *l1 = kht_domain(a->l1);

	lockdep_assert_held(&domain_mutex);
	return l1 && !l1->l1 ? publish_shadow(l1, a->lpid, a->number) : NULL;
}

/*
 * True: it has a domain now, which is not live yet. The slot is free again when all of it has been read.
 * litmus: adopt-slot, adopt-ask
 */
static bool take(struct adoption *a)
{
	struct kvm *kvm;
	bool published;

	/* Pairs with kht_adopt()'s release. */
	if (!smp_load_acquire(&a->asked))
		return false;
	mutex_lock(&domain_mutex);
	published = a->kvm ? publish(a->kvm, false) : publish_nested(a);
	mutex_unlock(&domain_mutex);
	kvm = a->kvm;
	/* Pairs with kht_adopt()'s acquire. */
	smp_store_release(&a->asked, false);
	if (kvm)
		kvm_put_kvm(kvm);
	return published;
}

static bool runs_newcomer(int cpu, void *unused)
{
	const struct kht_domain *d = kht_domain(kht_key_lpid(kht_load(&kht_threads[cpu].guest)));

	return d && !READ_ONCE(d->live);
}

/* Every domain that is not live has been published by the round that calls. */
static void go_live(void)
{
	struct kht_domain *d, *shadow;

	mutex_lock(&domain_mutex);
	list_for_each_entry(d, &domains, node) {
		WRITE_ONCE(d->live, true);
		rcu_read_lock();
		list_for_each_entry_rcu(shadow, &d->shadows, sibling)
			WRITE_ONCE(shadow->live, true);
		rcu_read_unlock();
	}
	mutex_unlock(&domain_mutex);
}

/*
 * A round, for all guests that wait for one. Who entered such a guest before it had a domain is in no
 * ledger (invariant 8). Three things together make that end:
 *
 * - Every thread in a guest has a mark: since kht_domains_open() for those that were in one before there was
 *   an entry hook, and since the hook for all others.
 * - Entry hooks and quadrant accesses run with preemption off. After the grace period those that
 *   began without the domain have set their mark, or are over.
 * - The interrupt throws a thread with such a mark out of guest mode, or makes its entry abort, and its way
 *   back passes the hook with the domain in place.
 *
 * So no CPU is interrupted but those that run the newcomers: an L1 that makes and drops nested guests as fast as
 * it can disturbs nobody but itself. The grace period is an ordinary one, for it
 * may be long: until it is over the guests have stock behaviour.
 * litmus: adopt-guest, adopt-entry, adopt-quadrant
 */
static void adopt(struct work_struct *unused)
{
	bool newcomers = false;
	int cpu;

	for_each_possible_cpu(cpu)
		newcomers |= take(per_cpu_ptr(&adoptions, cpu));
	WRITE_ONCE(next_round, jiffies + ROUND_EVERY);
	if (!newcomers)
		return;
	synchronize_rcu();
	on_each_cpu_cond(runs_newcomer, leave_guests, NULL, 1);
	go_live();
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

	/* Pairs with take()'s release. */
	if (!READ_ONCE(open) || smp_load_acquire(&a->asked))
		return;
	if (!nested && !kvm_get_kvm_safe(vcpu->kvm))
		return;
	a->kvm = nested ? NULL : vcpu->kvm;
	a->lpid = nested ? nested->shadow_lpid : vcpu->kvm->arch.lpid;
	a->l1 = vcpu->kvm->arch.lpid;
	a->number = nested ? nested->l1_lpid : 0;
	/* Pairs with take()'s acquire. */
	smp_store_release(&a->asked, true);
	schedule_delayed_work(&adopt_work, until_next_round());
}

/* From here on the next entry of each of its vCPUs goes the long way (kht_direct_enter()). */
void kht_forget_vcpus(const struct kht_ledger *l)
{
	unsigned int cpu;

	if (!kht_seats)
		return;
	for_each_possible_cpu(cpu)
		if (READ_ONCE(per_cpu_ptr(kht_seats, cpu)->ledger) == l)
			WRITE_ONCE(per_cpu_ptr(kht_seats, cpu)->vcpu, KHT_NOBODY);
}

/* By interrupt, which an entry that has found a domain holds off until it is over. */
static void forget_vcpu(void *unused)
{
	this_cpu_write(kht_seats->vcpu, KHT_NOBODY);
}

/*
 * Nobody has a seat on return, nor gets one: no domain is found any more. The seat of a CPU
 * that is offline would still be there when it comes back.
 * litmus: domain-free, kick-free
 */
static void forget_all_vcpus(void)
{
	unsigned int cpu;

	if (!kht_seats)
		return;
	cpus_read_lock();
	on_each_cpu(forget_vcpu, NULL, 1);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			WRITE_ONCE(per_cpu_ptr(kht_seats, cpu)->vcpu, KHT_NOBODY);
	cpus_read_unlock();
}

/* By interrupt, on the CPU whose thread it is: kht_call_end(). */
static void forget_call(void *unused)
{
	WRITE_ONCE(kht_threads[smp_processor_id()].call, NULL);
}

/*
 * The entry hook is in place. Who is in a guest since before has no mark: the interrupt ends that, once
 * for all guests there are, and from here on whoever is in a guest has one.
 * litmus: adopt-guest
 */
void kht_domains_open(void)
{
	on_each_cpu(leave_guests, NULL, 1);
	mutex_lock(&domain_mutex);
	WRITE_ONCE(open, true);
	mutex_unlock(&domain_mutex);
}

/*
 * Lets go of one domain. Its files must not outlive us, but belong to a
 * directory that KVM removes when the guest dies: with a reference to the guest
 * we can remove them; without one the guest is dying, and its destroy_vm will
 * come by. It is waited for without a lock (partner: unpublish() and the wake-up after it in
 * kht_on_vm_destroy()) and without a look at d, which may be freed meanwhile; nobody is
 * published in its place, since nothing is open.
 */
static void dismiss(struct kht_domain *d)
{
	struct kvm *kvm = d->kvm;
	u32 lpid = d->lpid;

	if (!kvm_get_kvm_safe(kvm)) {
		mutex_unlock(&domain_mutex);
		wait_event(domain_gone, rcu_access_pointer(kht_domain_table[lpid]) != d);
		mutex_lock(&domain_mutex);
		return;
	}
	unpublish(d);
	mutex_unlock(&domain_mutex);
	kht_files_remove(&d->files);
	kvm_put_kvm(kvm);
	mutex_lock(&domain_mutex);
	list_add(&d->node, &dismissed);
}

/*
 * No domain is found any more on return; kht_domains_free() ends them. The hooks
 * are still in place, kht_deferring is false and kht_domains_pay() is done.
 * litmus: detach-decide, domain-free, kick-free
 */
void kht_domains_close(void)
{
	mutex_lock(&domain_mutex);
	while (!list_empty(&domains))
		dismiss(list_first_entry(&domains, struct kht_domain, node));
	mutex_unlock(&domain_mutex);
	forget_all_vcpus();
	on_each_cpu(forget_call, NULL, 1);
	synchronize_rcu();
	flush_delayed_work(&adopt_work);
}

/* After kht_domains_close(), when no batch that began before it is open any more. */
void kht_domains_free(void)
{
	struct kht_domain *d, *next;

	mutex_lock(&domain_mutex);
	list_for_each_entry_safe(d, next, &dismissed, node)
		free_domain(d);
	INIT_LIST_HEAD(&dismissed);
	mutex_unlock(&domain_mutex);
}

/* The guest with the lowest LPID from *@lpid on, held; or NULL. */
static struct kvm *hold_guest(u32 *lpid)
{
	struct kvm *kvm = NULL;
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	rcu_read_lock();
	for (; *lpid < KHT_NR_LPIDS; ++*lpid) {
		d = kht_domain(*lpid);
		if (!d || d->l1 || !kvm_get_kvm_safe(d->kvm))
			continue;
		kvm = d->kvm;
		break;
	}
	rcu_read_unlock();
	mutex_unlock(&domain_mutex);
	return kvm;
}

/*
 * @fn may take its time, and may wait for the guest's VMM: each guest is held, no
 * lock of ours is.
 */
void kht_visit_guests(void (*fn)(struct kvm *kvm, void *arg), void *arg)
{
	struct kvm *kvm;
	u32 lpid;

	for (lpid = 0; (kvm = hold_guest(&lpid)); lpid++) {
		fn(kvm, arg);
		kvm_put_kvm(kvm);
	}
}

/* On every CPU, by interrupt: so none of them is in guest. */
static void pay_process(void *domain)
{
	struct kht_domain *d = domain;

	if (kht_pay_process(d->ledger, smp_processor_id()))
		kht_count(d->stats, KHT_STAT_PROCESS_FLUSHES, 1);
}

/*
 * Also those that this kernel was told not to use (nr_cpus=): stock flushes only where it finds
 * the bits of a whole core.
 */
static void stock_owes(cpumask_t *need_tlb_flush)
{
	unsigned int cpu;

	for_each_clear_bit(cpu, cpumask_bits(cpu_online_mask), BITS_PER_TYPE(cpumask_t))
		set_bit(cpu, cpumask_bits(need_tlb_flush));
}

/*
 * The interrupts find no CPU that is offline. Stock's own bits make it flush when it comes back
 * after us: the process scope of a radix guest, and of a hash guest as many congruence classes
 * as tlb_sets says. On a radix host that is the number for radix guests: 128 of 256, on
 * POWER10 one. So it gets the number for hash guests. Should the guest become a radix guest
 * later, stock's flush of it has some instructions too many.
 *
 * The caller holds cpus_read_lock() around both, so that no CPU is on its way up or down. One that
 * was in between would be online, and so get no bit. Without a domain any more, its callback would
 * leave what it has of hash guests (kht_cpu_arrives()). One that comes later sees the bits.
 *
 * The partition scope was broadcast (kht_pay_all()): a tlbie reaches what a sleeping thread keeps.
 * Stock relies on that too for an offline CPU: cleanup_cpu_mmu_context() says that guests'
 * translations are not necessarily flushed when it goes, and start_secondary_resume() runs no
 * tlbiel when it comes back.
 * litmus: offline-bits
 */
static void pay_offline(struct kvm *kvm)
{
	struct kvm_nested_guest *gp;
	int number;

	if (!kvm_is_radix(kvm))
		WRITE_ONCE(kvm->arch.tlb_sets, KHT_HASH_SETS);
	stock_owes(&kvm->arch.need_tlb_flush);
	spin_lock(&kvm->mmu_lock);
	idr_for_each_entry(&kvm->arch.kvm_nested_guest_idr, gp, number)
		stock_owes(&gp->need_tlb_flush);
	spin_unlock(&kvm->mmu_lock);
}

/* litmus: kick-free */
static void pay(struct kht_domain *d)
{
	if (d->ledger->hash && !READ_ONCE(kht_hash_owing))
		return;
	if (kht_pay_all(d->ledger))
		kht_count(d->stats, KHT_STAT_BROADCASTS, 1);
	on_each_cpu(pay_process, d, 1);
}

/*
 * Invariant 8: nothing is owed, in either scope, when the hooks go. Nor does a guest come that owes: a domain
 * made after this would rest on a ledger that nobody pays (5).
 */
void kht_domains_pay(void)
{
	struct kht_domain *d, *shadow;

	cpus_read_lock();
	mutex_lock(&domain_mutex);
	list_for_each_entry(d, &domains, node) {
		pay(d);
		rcu_read_lock();
		list_for_each_entry_rcu(shadow, &d->shadows, sibling)
			pay(shadow);
		rcu_read_unlock();
		pay_offline(d->kvm);
	}
	WRITE_ONCE(open, false);
	mutex_unlock(&domain_mutex);
	cpus_read_unlock();
}

/*
 * All of it, whoever owes what: with H_LOCAL a core may owe a removal for which it is not behind. From here on H_LOCAL
 * is believed only when all moves have been seen since once more.
 */
void kht_domains_pay_hash(void)
{
	struct kht_domain *d;

	cpus_read_lock();
	mutex_lock(&domain_mutex);
	list_for_each_entry(d, &domains, node) {
		if (!d->ledger->hash)
			continue;
		kht_start_over(d->ledger);
		pay(d);
		pay_offline(d->kvm);
		WRITE_ONCE(d->trusts_local, false);
		WRITE_ONCE(d->tracks_moves, false);
	}
	mutex_unlock(&domain_mutex);
	cpus_read_unlock();
}

/* One that comes later, or becomes one, begins with a flush of everything on each CPU. */
static bool hash_guests(void)
{
	struct kht_domain *d;
	bool found = false;
	u32 lpid;

	rcu_read_lock();
	for (lpid = 0; lpid < KHT_NR_LPIDS && !found; lpid++) {
		d = kht_domain(lpid);
		found = d && READ_ONCE(d->ledger->hash);
	}
	rcu_read_unlock();
	return found;
}

/*
 * Invariant 5, by the hotplug thread of a CPU that has come online. It takes no task of a VMM yet:
 * the scheduler waits with those for CPUHP_AP_ACTIVE (is_cpu_allowed()). So nobody enters a guest
 * here before this is over.
 */
void kht_cpu_arrives(void)
{
	kht_thread_arrives(hash_guests());
}

int kht_domains_init(unsigned int log_entries)
{
	int cpu;

	log_size = log_entries;
	/* A power of two gets its natural alignment from the allocator. */
	kht_threads = kht_alloc(kvcalloc(roundup_pow_of_two(nr_cpu_ids), sizeof(*kht_threads),
					 GFP_KERNEL));
	replay_buffers = kht_alloc(kvcalloc((size_t)nr_cpu_ids * log_size + 1, sizeof(u64),
					    GFP_KERNEL));
	if (!kht_threads || !replay_buffers) {
		kvfree(kht_threads);
		kvfree(replay_buffers);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu)
		kht_threads[cpu].replay = replay_buffers + (size_t)cpu * log_size;
	next_round = jiffies;
	return 0;
}

void kht_domains_exit(void)
{
	rcu_barrier();
	kvfree(kht_threads);
	kvfree(replay_buffers);
}
