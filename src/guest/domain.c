// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains: one per guest and one per nested guest, found by LPID. A guest's is
 * made with its first vCPU, or adopted (adopt.c) if the guest is older than the
 * hooks; it goes with the guest, or when the hooks go. A nested guest's is
 * adopted at its first entry, since the kernel makes nested guests where there
 * is no hook, and goes when its shadow LPID is free again.
 */
#include <linux/idr.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include "core/protocol.h"
#include "guest/domain.h"
#include "module/faults.h"
#include "power/flush.h"

struct kht_thread *kht_threads;
struct kht_vcpu *const kht_no_vcpus[KVM_MAX_VCPUS];
bool kht_hash_owing, kht_hash_deferring;

struct kht_domain __rcu *kht_domain_table[KHT_DOMAIN_PLACES];
static LIST_HEAD(domains);
static LIST_HEAD(dismissed);		/* unpublished, but a batch may still be at work on them */
static DEFINE_MUTEX(domain_mutex);	/* domains, doors_open; to add to the table or remove a guest */
static DEFINE_RAW_SPINLOCK(shadow_lock);	/* lists of shadows; their entries in the table */
static DECLARE_WAIT_QUEUE_HEAD(domain_gone);
static bool doors_open;			/* domains may be made */
static unsigned int log_size;
static u64 *replay_buffers;

static void free_domain(struct kht_domain *d)
{
	int i;

	if (d->vcpus)
		for (i = 0; i < KVM_MAX_VCPUS; i++)
			kfree(d->vcpus[i]);
	kvfree(d->vcpus);
	kvfree(d->places);
	if (!d->l1)
		kvfree(d->stats);
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
	INIT_LIST_HEAD(&d->shadows);
	raw_spin_lock_init(&d->lock.lock);
	d->ledger = kht_ledger_init(mem, lpid, nr_cpu_ids, log_size);
	d->ledger->lock = &d->lock;
	d->ledger->runs = kht_by_hcall() && kht_takes_runs();
	return d;
}

/*
 * Nobody is in the guest, so an entry reads the mode as plain memory.
 * litmus: kind-entry
 */
void kht_note_mmu_mode(struct kht_domain *d)
{
	bool hash = !kvm_is_radix(d->kvm);

	WRITE_ONCE(d->vcpu, hash ? kht_no_vcpus : d->vcpus);
	WRITE_ONCE(d->ledger->hash, hash);
}

/*
 * Under mmu_setup_lock: should it become another kind of guest later,
 * kht_on_set_partition() finds it. That lock may be held for as long as the
 * guest's VMM likes (kvm_htab_write() copies from its memory), and nobody
 * else's guest is to wait for that.
 * litmus: domain-publish
 */
static bool publish_in_mmu_mode(struct kht_domain *d)
{
	struct mutex *setup = &d->kvm->arch.mmu_setup_lock;

	if (!mutex_trylock(setup))
		return false;
	kht_note_mmu_mode(d);
	rcu_assign_pointer(*kht_place(d->lpid), d);
	mutex_unlock(setup);
	return true;
}

/*
 * A vCPU that exists may be loaded anywhere, and if it never moves nobody says
 * where. One that is created later comes to kht_on_vcpu_move() when it is first
 * loaded, since it has no prev_cpu before it has entered.
 */
static bool alloc_guest(struct kht_domain *d)
{
	u32 i;

	d->vcpus = kht_alloc(kvcalloc(KVM_MAX_VCPUS, sizeof(*d->vcpus), GFP_KERNEL_ACCOUNT));
	d->places = kht_alloc(kvzalloc(struct_size(d->places, at, KVM_MAX_VCPUS), GFP_KERNEL_ACCOUNT));
	/* A power of two gets its natural alignment from the allocator. */
	d->stats = kht_alloc(kvzalloc(roundup_pow_of_two(sizeof(*d->stats)), GFP_KERNEL_ACCOUNT));
	if (!d->vcpus || !d->places || !d->stats)
		return false;
	d->places->n = READ_ONCE(d->kvm->created_vcpus);
	for (i = 0; i < d->places->n; i++)
		d->places->at[i] = KHT_ANYWHERE;
	d->ledger->places = d->places;
	return true;
}

static bool taken(u64 lpid)
{
	return rcu_access_pointer(*kht_place(lpid));
}

/*
 * Out of memory, too late, no place, or the guest's MMU is just being set up:
 * NULL, and the guest keeps stock behaviour, in the last case until its next
 * entry.
 */
static struct kht_domain *publish(struct kvm *kvm)
{
	struct kht_domain *d;

	lockdep_assert_held(&domain_mutex);
	if (!doors_open || (u64)kvm->arch.lpid > U32_MAX || taken(kvm->arch.lpid))
		return NULL;
	d = alloc_domain(kvm, kvm->arch.lpid);
	if (!d)
		return NULL;
	if (!alloc_guest(d) || !publish_in_mmu_mode(d)) {
		free_domain(d);
		return NULL;
	}
	kht_files_add(&d->files, kvm->debugfs_dentry, d->stats);
	list_add(&d->node, &domains);
	return d;
}

/*
 * The kernel takes a nested guest out of the tree under mmu_lock before it
 * frees its LPID, which we see (kht_on_lpid_free()). So what is still in the
 * tree, and published under the same lock, will be found there.
 * litmus: domain-publish, adopt-nested
 */
static bool publish_existing(struct kht_domain *d, int number)
{
	struct kvm *kvm = d->kvm;
	struct kvm_nested_guest *gp;
	bool fits;

	spin_lock(&kvm->mmu_lock);
	gp = idr_find(&kvm->arch.kvm_nested_guest_idr, number);
	fits = gp && gp->shadow_lpid == d->lpid && !taken(d->lpid);
	if (fits) {
		raw_spin_lock(&shadow_lock);
		list_add_rcu(&d->sibling, &d->l1->shadows);
		rcu_assign_pointer(*kht_place(d->lpid), d);
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
	if (!doors_open)
		return NULL;
	d = alloc_domain(l1->kvm, lpid);
	if (!d)
		return NULL;
	d->l1 = l1;
	d->stats = l1->stats;
	d->ledger->places = l1->places;
	if (publish_existing(d, number))
		return d;
	free_domain(d);
	return NULL;
}

/* litmus: domain-free */
static void unpublish_shadow(struct kht_domain *d)
{
	lockdep_assert_held(&shadow_lock);
	RCU_INIT_POINTER(*kht_place(d->lpid), NULL);
	list_del_rcu(&d->sibling);
	call_rcu(&d->rcu, free_domain_rcu);
}

/*
 * The kernel gives a shadow LPID back. It has flushed the whole LPID before,
 * and we may have made a debt of that. The next owner has no domain before its
 * first entry, so the debt is paid here (invariant 5). Nobody runs the nested
 * guest any more, and nobody else frees its LPID. A guest's own LPID is no
 * business of ours here: kht_on_vm_destroy().
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
	RCU_INIT_POINTER(*kht_place(d->lpid), NULL);
	list_del(&d->node);
}

/*
 * Invariants 2 and 7: from here on others may absorb and defer. An operation of
 * the host that has begun before has no batch. It would find an entry gone,
 * cover nothing, and its caller would free a page that a vCPU still stores to.
 * So none is under way: those of memslots and the dirty log hold slots_lock,
 * mmu notifiers hold mmu_lock.
 * litmus: adopt-operation
 */
static void set_live(struct kht_domain *d)
{
	lockdep_assert_held(&d->kvm->slots_lock);
	spin_lock(&d->kvm->mmu_lock);
	WRITE_ONCE(d->live, true);
	spin_unlock(&d->kvm->mmu_lock);
}

/* False: an operation is under way, for as long as the guest's VMM likes. */
bool kht_domain_go_live(struct kht_domain *d)
{
	struct mutex *operations = &d->kvm->slots_lock;

	if (!mutex_trylock(operations))
		return false;
	set_live(d);
	mutex_unlock(operations);
	return true;
}

static void publish_live(struct kvm *kvm)
{
	struct kht_domain *d = publish(kvm);

	if (d)
		set_live(d);
}

/*
 * Invariant 4: a look counts the vCPU from here on, before it can be loaded and
 * pass the fence of its first entry. Its index is less than the number of those
 * that have come by here.
 */
static void expect_vcpu(struct kht_domain *d)
{
	u32 n = READ_ONCE(d->kvm->created_vcpus);

	lockdep_assert_held(&domain_mutex);
	if (d->places->n < n)
		WRITE_ONCE(d->places->n, n);
}

/*
 * With no other vCPU on its way nobody can be in this guest unseen: live at
 * once. A guest whose memslots change meanwhile is adopted at its first entry.
 */
void kht_on_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	d = kht_domain_of(kvm);
	if (d && d->kvm == kvm) {
		expect_vcpu(d);
	} else if (READ_ONCE(kvm->created_vcpus) == 1 && mutex_trylock(&kvm->slots_lock)) {
		publish_live(kvm);
		mutex_unlock(&kvm->slots_lock);
	}
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

bool kht_domain_make(struct kvm *kvm)
{
	bool made;

	mutex_lock(&domain_mutex);
	made = publish(kvm);
	mutex_unlock(&domain_mutex);
	return made;
}

/* The LPID may be another L1's by now: that one has no such nested guest. */
bool kht_domain_make_nested(u32 l1_lpid, u32 lpid, int number)
{
	struct kht_domain *l1;
	bool made;

	mutex_lock(&domain_mutex);
	l1 = kht_domain(l1_lpid);
	made = l1 && !l1->l1 && publish_shadow(l1, lpid, number);
	mutex_unlock(&domain_mutex);
	return made;
}

static void open_doors(bool open)
{
	lockdep_assert_held(&domain_mutex);
	WRITE_ONCE(doors_open, open);
}

void kht_domains_open(void)
{
	mutex_lock(&domain_mutex);
	open_doors(true);
	mutex_unlock(&domain_mutex);
}

bool kht_domains_are_open(void)
{
	return READ_ONCE(doors_open);
}

static void each_domain(void (*fn)(struct kht_domain *d))
{
	struct kht_domain *d;

	lockdep_assert_held(&domain_mutex);
	list_for_each_entry(d, &domains, node)
		fn(d);
}

void kht_each_domain(void (*fn)(struct kht_domain *d))
{
	mutex_lock(&domain_mutex);
	each_domain(fn);
	mutex_unlock(&domain_mutex);
}

void kht_last_domains(void (*fn)(struct kht_domain *d))
{
	mutex_lock(&domain_mutex);
	each_domain(fn);
	open_doors(false);
	mutex_unlock(&domain_mutex);
}

/*
 * Lets go of one domain. Its files must not outlive us, but belong to a
 * directory that KVM removes when the guest dies: with a reference to the guest
 * we can remove them; without one the guest is dying, and its destroy_vm will
 * come by. It is waited for without a lock (partner: unpublish() and the
 * wake-up after it in kht_on_vm_destroy()) and without a look at d, which may
 * be freed meanwhile; nobody is published in its place, since nothing is open.
 */
static void dismiss(struct kht_domain *d)
{
	struct kvm *kvm = d->kvm;
	u32 lpid = d->lpid;

	if (!kvm_get_kvm_safe(kvm)) {
		mutex_unlock(&domain_mutex);
		wait_event(domain_gone, rcu_access_pointer(*kht_place(lpid)) != d);
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
 * No domain is found any more on return; kht_domains_free() ends them. The
 * hooks are still in place, KHT_DEFER is false and kht_domains_pay() is done.
 * litmus: detach-decide, domain-free
 */
void kht_domains_close(void)
{
	mutex_lock(&domain_mutex);
	while (!list_empty(&domains))
		dismiss(list_first_entry(&domains, struct kht_domain, node));
	mutex_unlock(&domain_mutex);
}

/*
 * After kht_domains_close(), when no batch that began before it is open any
 * more.
 */
void kht_domains_free(void)
{
	struct kht_domain *d, *next;

	mutex_lock(&domain_mutex);
	list_for_each_entry_safe(d, next, &dismissed, node)
		free_domain(d);
	INIT_LIST_HEAD(&dismissed);
	mutex_unlock(&domain_mutex);
}

/* The guest in the first place from *@place on, held; or NULL. */
static struct kvm *hold_guest(u32 *place)
{
	struct kvm *kvm = NULL;
	struct kht_domain *d;

	mutex_lock(&domain_mutex);
	rcu_read_lock();
	for (; *place < KHT_DOMAIN_PLACES; ++*place) {
		d = rcu_dereference(kht_domain_table[*place]);
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
 * @fn may take its time, and may wait for the guest's VMM: each guest is held,
 * no lock of ours is.
 */
void kht_visit_guests(void (*fn)(struct kvm *kvm, void *arg), void *arg)
{
	struct kvm *kvm;
	u32 place;

	for (place = 0; (kvm = hold_guest(&place)); place++) {
		fn(kvm, arg);
		kvm_put_kvm(kvm);
	}
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
	return 0;
}

void kht_domains_exit(void)
{
	rcu_barrier();
	kvfree(kht_threads);
	kvfree(replay_buffers);
}
