// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members of kvmppc_hv_ops. They are replaced in place: is_kvmppc_hv_enabled()
 * compares the pointer to the structure, every guest carries it.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <asm/kvm_ppc.h>
#include "compat/kvm_ops.h"
#include "attach/attach.h"
#include "module/faults.h"
#include "guest/audit.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/nested.h"
#include "guest/sweep.h"
#include "guest/vcpu.h"
#include "module/params.h"

static struct kvmppc_ops stock;		/* what the members were */
static struct kvmppc_ops *wrapped;	/* kvm-hv forgets kvmppc_hv_ops when it goes */

/* A wrapper that may sleep is inside; the others run with preemption off. */
DEFINE_SRCU(kht_inside);

static void notrace our_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	if (likely(vcpu->arch.prev_cpu == cpu))
		return stock.vcpu_load(vcpu, cpu);
	stock.vcpu_load(vcpu, cpu);
	kht_on_vcpu_move(vcpu, cpu);
}

/* On its own, so that the ordinary put keeps nothing over a call. */
static noinline void put_with_more(struct kvm_vcpu *vcpu)
{
	kht_on_vcpu_put(vcpu);
	stock.vcpu_put(vcpu);
}

static void notrace our_vcpu_put(struct kvm_vcpu *vcpu)
{
	if (unlikely(!kht_put_at_once(vcpu)))
		return put_with_more(vcpu);
	stock.vcpu_put(vcpu);
}

/* For kht_vcpu_create(), which goes on at the function that is returned. */
kht_vcpu_create_fn kht_before_vcpu_create(struct kvm_vcpu *vcpu)
{
	int idx = srcu_read_lock(&kht_inside);

	kht_on_vcpu_create(vcpu);
	srcu_read_unlock(&kht_inside, idx);
	return stock.vcpu_create;
}

static void our_destroy_vm(struct kvm *kvm)
{
	int idx = srcu_read_lock(&kht_inside);

	kht_on_vm_destroy(kvm);
	stock.destroy_vm(kvm);
	srcu_read_unlock(&kht_inside, idx);
}

/*
 * Runs @call as one batch of @kvm, with or without its shadows
 * (kht_batch_begin()).
 */
#define BATCH(kvm, shadows, call) do {						\
	int idx_ = srcu_read_lock(&kht_inside);				\
	struct kht_domain *d_ = kht_batch_begin(kvm, shadows);			\
									\
	call;								\
	if (d_)								\
		kht_batch_end(d_);					\
	srcu_read_unlock(&kht_inside, idx_);				\
} while (0)

/* Without @kvm the question is whether this host can. */
static int our_enable_nested(struct kvm *kvm)
{
	int idx = srcu_read_lock(&kht_inside);
	int rc = stock.enable_nested(kvm);

	if (!rc && kvm)
		kht_need_nested();
	srcu_read_unlock(&kht_inside, idx);
	return rc;
}

/*
 * It waits for the VMM: so as a user of the module, for which rmmod does not
 * wait, and not inside.
 */
static void audit(struct kvm *kvm)
{
	if (!READ_ONCE(kht_param_rc_audit) || !try_module_get(THIS_MODULE))
		return;
	kht_audit_guest(kvm);
	module_put(THIS_MODULE);
}

/*
 * In the place of @stock, which collects the dirty pages of @slot, with
 * slots_lock held. Not of its caller, the member get_dirty_log: that one then
 * copies them to the VMM's memory, and may wait there for ever.
 */
long kht_harvest(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map,
		 kht_harvest_fn stock)
{
	int idx = srcu_read_lock(&kht_inside);
	long rc;

	/* A guest that is older than we are. */
	if (kvm->arch.nested_enable)
		kht_need_nested();
	kht_harvest_begin(kvm);
	BATCH(kvm, true, {
		kht_sweep_harvest(kvm, slot);
		rc = stock(kvm, slot, map);
	});
	kht_harvest_end(kvm);
	srcu_read_unlock(&kht_inside, idx);
	audit(kvm);
	return rc;
}

static void our_flush_memslot(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	BATCH(kvm, false, {
		kht_sweep_flush_slot(kvm, slot);
		stock.flush_memslot(kvm, slot);
	});
}

static void our_commit_memory_region(struct kvm *kvm, struct kvm_memory_slot *old,
				     const struct kvm_memory_slot *new,
				     enum kvm_mr_change change)
{
	bool held = kht_hold_faults(kvm);

	BATCH(kvm, false, stock.commit_memory_region(kvm, old, new, change));
	kht_release_faults(kvm, held);
}

static bool our_unmap_gfn_range(struct kvm *kvm, struct kvm_gfn_range *range)
{
	bool rc;

	BATCH(kvm, true, {
		kht_sweep_unmap(kvm, range->slot, range->start, range->end);
		rc = stock.unmap_gfn_range(kvm, range);
	});
	return rc;
}

#ifdef KHT_HAVE_SET_SPTE_GFN
/* A notifier like the one above: its caller frees the page it replaced. */
static bool our_set_spte_gfn(struct kvm *kvm, struct kvm_gfn_range *range)
{
	bool rc;

	BATCH(kvm, true, rc = stock.set_spte_gfn(kvm, range));
	return rc;
}
#endif

#define MEMBER(name, ...)	KHT_MEMBER(struct kvmppc_ops, name, our_##name, __VA_ARGS__)

static const struct kht_member members[] = {
	MEMBER(vcpu_put, .when = KHT_OF_SHIM),
	MEMBER(vcpu_load, .when = KHT_OF_SHIM),
	MEMBER(destroy_vm),
	KHT_MEMBER(struct kvmppc_ops, vcpu_create, kht_vcpu_create),
	MEMBER(enable_nested),
	MEMBER(flush_memslot),
	MEMBER(commit_memory_region),
	MEMBER(unmap_gfn_range),
#ifdef KHT_HAVE_SET_SPTE_GFN
	MEMBER(set_spte_gfn),
#endif
};

/*
 * Others read a member once per call, without a lock: each change is one store.
 */
int kht_attach_ops(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(members); i++)
		if (!*kht_member_of(kvmppc_hv_ops, &members[i]) || kht_fault_name("kvmppc_hv_ops"))
			return -ENOENT;
	wrapped = kvmppc_hv_ops;
	stock = *wrapped;
	for (i = 0; i < ARRAY_SIZE(members); i++)
		if (members[i].when != KHT_OF_SHIM || !kht_is_direct())
			WRITE_ONCE(*kht_member_of(wrapped, &members[i]), members[i].ours);
	return 0;
}

/*
 * Waits for every call that began through a wrapper.
 * litmus: detach-decide, detach-batch
 */
void kht_wait_for_ops(void)
{
	synchronize_rcu();
	synchronize_srcu(&kht_inside);
}

/*
 * Nobody is on the last instructions of a wrapper, past its unlock or
 * module_put(). A task that is preempted there gives up the CPU first, or
 * returns.
 * litmus: detach-ops
 */
void kht_wait_for_text(void)
{
	synchronize_rcu_tasks();
}

/* litmus: detach-ops */
void kht_detach_ops(void)
{
	int i;

	for (i = ARRAY_SIZE(members) - 1; i >= 0; i--)
		WRITE_ONCE(*kht_member_of(wrapped, &members[i]), *kht_member_of(&stock, &members[i]));
	kht_wait_for_ops();
	/* A task may have fetched our member but not yet entered it. */
	synchronize_rcu_tasks();
	kht_wait_for_ops();
}
