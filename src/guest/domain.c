// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains: one per guest, found by LPID. A domain is made with the guest's
 * first vCPU, or adopted at its next guest entry if the guest is older than our
 * hooks; it goes with the guest, or when the hooks go.
 */
#include <linux/cpu.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "kht_env.h"
#include "kht_guest.h"
#include "kht_power.h"
#include "kht_protocol.h"

struct kht_thread *kht_threads;
bool kht_deferring;
bool kht_moving;

struct kht_domain __rcu *kht_domain_table[KHT_NR_LPIDS];
static LIST_HEAD(domains);
static DEFINE_MUTEX(domain_mutex);	/* domains, open; writers of the table */
static DECLARE_WAIT_QUEUE_HEAD(domain_gone);
static bool open;			/* domains may be made */
static unsigned int log_size;
static u64 *replay_buffers;

void kht_lock(struct kht_ledger *l)
	__acquires(l->lock)
{
	raw_spin_lock((raw_spinlock_t *)l->lock);
}

void kht_unlock(struct kht_ledger *l)
	__releases(l->lock)
{
	raw_spin_unlock((raw_spinlock_t *)l->lock);
}

static void free_domain(struct kht_domain *d)
{
	int i;

	if (d->vcpu)
		for (i = 0; i < KVM_MAX_VCPUS; i++)
			kfree(d->vcpu[i]);
	kvfree(d->vcpu);
	kvfree(d->ledger);
	kfree(d);
}

static void free_domain_rcu(struct rcu_head *head)
{
	free_domain(container_of(head, struct kht_domain, rcu));
}

static struct kht_domain *alloc_domain(struct kvm *kvm)
{
	struct kht_domain *d = kzalloc(sizeof(*d), GFP_KERNEL);
	void *mem;

	if (!d)
		return NULL;
	d->kvm = kvm;
	d->lpid = kvm->arch.lpid;
	raw_spin_lock_init(&d->lock);
	d->vcpu = kvcalloc(KVM_MAX_VCPUS, sizeof(*d->vcpu), GFP_KERNEL);
	mem = kvzalloc(roundup_pow_of_two(kht_ledger_bytes(nr_cpu_ids, log_size)), GFP_KERNEL);
	if (!d->vcpu || !mem) {
		kvfree(mem);
		free_domain(d);
		return NULL;
	}
	d->ledger = kht_ledger_init(mem, d->lpid, nr_cpu_ids, log_size);
	d->ledger->lock = &d->lock;
	return d;
}

/* Out of memory, or too late: NULL, and the guest keeps stock behaviour. */
static struct kht_domain *publish(struct kvm *kvm, bool live)
{
	struct kht_domain *d;

	lockdep_assert_held(&domain_mutex);
	if (!open || kvm->arch.lpid >= KHT_NR_LPIDS || kht_domain_of(kvm))
		return NULL;
	d = alloc_domain(kvm);
	if (!d)
		return NULL;
	d->live = live;
	kht_files_add(&d->files, kvm->debugfs_dentry, &d->stats);
	list_add(&d->node, &domains);
	rcu_assign_pointer(kht_domain_table[d->lpid], d);
	return d;
}

static void unpublish(struct kht_domain *d)
{
	lockdep_assert_held(&domain_mutex);
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

struct adoption {
	struct work_struct work;
	struct kvm *kvm;	/* held; NULL when the slot is free */
};

static DEFINE_PER_CPU(struct adoption, adoptions);

static void nothing(void *unused)
{
}

/*
 * A guest that entered before it had a domain is in no ledger. The interrupt
 * throws every CPU out of guest mode, or makes an entry under way abort, so
 * afterwards every thread in this guest has passed our hook with the domain in
 * place (invariant 8). A quadrant access is not ended by the interrupt, but it
 * runs with preemption off: the grace period waits for one that began without
 * the domain.
 */
static void adopt(struct work_struct *work)
{
	struct adoption *a = container_of(work, struct adoption, work);
	struct kvm *kvm = a->kvm;
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	d = publish(kvm, false);
	if (d) {
		on_each_cpu(nothing, NULL, 1);
		synchronize_rcu();
		WRITE_ONCE(d->live, true);
	}
	mutex_unlock(&domain_mutex);
	/* The slot is free again when the work is done with it: kht_adopt()'s acquire. */
	smp_store_release(&a->kvm, NULL);
	kvm_put_kvm(kvm);
}

/* A busy slot is no loss: the guest will enter again. */
void kht_adopt(struct kvm *kvm)
{
	struct adoption *a = this_cpu_ptr(&adoptions);

	/* Pairs with adopt()'s release. */
	if (!READ_ONCE(open) || smp_load_acquire(&a->kvm) || !kvm_get_kvm_safe(kvm))
		return;
	a->kvm = kvm;
	schedule_work(&a->work);
}

void kht_domains_open(void)
{
	mutex_lock(&domain_mutex);
	WRITE_ONCE(open, true);
	mutex_unlock(&domain_mutex);
}

static bool gone(struct kht_domain *d)
{
	struct kht_domain *i;
	bool found = false;

	mutex_lock(&domain_mutex);
	list_for_each_entry(i, &domains, node)
		found |= i == d;
	mutex_unlock(&domain_mutex);
	return !found;
}

/*
 * Lets go of one domain. Its files must not outlive us, but belong to a
 * directory that KVM removes when the guest dies: with a reference to the guest
 * we can remove them; without one the guest is dying, and its destroy_vm will
 * come by.
 */
static void dismiss(struct kht_domain *d)
{
	struct kvm *kvm = d->kvm;

	if (!kvm_get_kvm_safe(kvm)) {
		mutex_unlock(&domain_mutex);
		wait_event(domain_gone, gone(d));
		mutex_lock(&domain_mutex);
		return;
	}
	unpublish(d);
	mutex_unlock(&domain_mutex);
	kht_files_remove(&d->files);
	call_rcu(&d->rcu, free_domain_rcu);
	kvm_put_kvm(kvm);
	mutex_lock(&domain_mutex);
}

/*
 * No domain is left on return. The hooks are still in place, kht_deferring is
 * false and kht_domains_pay() is done.
 */
void kht_domains_close(void)
{
	int cpu;

	mutex_lock(&domain_mutex);
	WRITE_ONCE(open, false);
	while (!list_empty(&domains))
		dismiss(list_first_entry(&domains, struct kht_domain, node));
	mutex_unlock(&domain_mutex);
	synchronize_rcu();
	for_each_possible_cpu(cpu)
		flush_work(&per_cpu(adoptions, cpu).work);
}

/* On every CPU, by interrupt: so none of them is in guest. */
static void pay_process(void *domain)
{
	struct kht_domain *d = domain;

	if (kht_pay_process(d->ledger, smp_processor_id()))
		kht_count(&d->stats, KHT_STAT_PROCESS_FLUSHES, 1);
}

/*
 * The interrupt finds no CPU that is offline. Should one come back after us,
 * stock's own bits make it flush.
 */
static void pay_offline(struct kht_domain *d)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			cpumask_set_cpu(cpu, &d->kvm->arch.need_tlb_flush);
}

/* Invariant 8: nothing is owed, in either scope, when the hooks go. */
void kht_domains_pay(void)
{
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	list_for_each_entry(d, &domains, node) {
		if (kht_pay_all(d->ledger))
			kht_count(&d->stats, KHT_STAT_BROADCASTS, 1);
		on_each_cpu(pay_process, d, 1);
		pay_offline(d);
	}
	mutex_unlock(&domain_mutex);
}

/* A CPU is about to come online with a TLB nobody vouches for (invariant 5). */
void kht_cpu_arrives(unsigned int cpu)
{
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	list_for_each_entry(d, &domains, node)
		kht_thread_arrives(d->ledger, kht_core_of(cpu));
	mutex_unlock(&domain_mutex);
}

int kht_domains_init(unsigned int log_entries)
{
	int cpu;

	log_size = log_entries;
	/* A power of two gets its natural alignment from the allocator. */
	kht_threads = kvcalloc(roundup_pow_of_two(nr_cpu_ids), sizeof(*kht_threads), GFP_KERNEL);
	replay_buffers = kvcalloc((size_t)nr_cpu_ids * log_size + 1, sizeof(u64), GFP_KERNEL);
	if (!kht_threads || !replay_buffers) {
		kvfree(kht_threads);
		kvfree(replay_buffers);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu) {
		kht_threads[cpu].replay = replay_buffers + (size_t)cpu * log_size;
		INIT_WORK(&per_cpu(adoptions, cpu).work, adopt);
	}
	return 0;
}

void kht_domains_exit(void)
{
	rcu_barrier();
	kvfree(kht_threads);
	kvfree(replay_buffers);
}
