// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting in and out, as a whole. The order is the argument:
 *
 * in	1. hooks on the invalidations	they do nothing without a domain
 *	2. CPU hotplug			a CPU that arrives begins with an empty TLB
 *	3. kvmppc_hv_ops		vcpu_put takes marks away
 *	4. entry tracepoint		marks are set from here on
 *	5. domains may be made
 *	6. kht_moving, kht_deferring	from here on decisions are ours
 *	7. when a guest may have guests	of its own: hooks for those, and for
 *	   what their L1 asks for; kht_nesting
 *	8. while hpt_defer or hpt_local	is set: hash guests may owe; while hpt_local
 *	   is set: hooks on their hcalls
 *
 * A kvm-hv.ko of the replacement flavour brings the means of 1, 3 (in part), 4, 7 and 8 itself
 * (direct.c); the steps are the same.
 *
 * out	8. 7. 6. decisions are stock's again; wait until nobody decides any more
 *	   every debt is paid while the entry hook still settles	(8)
 *	5. domains go
 *	4. ... 1. in reverse, the hooks of 7 and 8 with those of 1
 *
 * Each step that fails undoes those before it, except steps 1, 7 and 8. Without the
 * hooks of 1 invalidations stay stock's and moves are still ours, without those on hash
 * guests only theirs do; without those of 7 nested guests stay stock's; without its hooks
 * of calls what an L1 invalidates goes one by one; without those of 8 what a hash guest
 * removes itself is broadcast. A feature is on or off as a whole, and status says which and why.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <asm/kvm_ppc.h>
#include "attach/attach.h"
#include "module/faults.h"
#include "guest/guest.h"
#include "module/params.h"
#include "power/flush.h"

static bool attached;
static int hotplug_state;
static char why_passive[KHT_WHY] = "not attached yet";
static char why_no_defer[KHT_WHY];
static char why_no_nested[KHT_WHY];
static char why_no_calls[KHT_WHY];
static char why_no_hash[KHT_WHY];
static char why_no_hcalls[KHT_WHY];
static DEFINE_MUTEX(later_mutex);	/* steps 7 and 8; kht_deferring against them */
static DEFINE_MUTEX(hash_mutex);	/* step 8; nobody inside a wrapper wants it */
static bool nested_tried;		/* since we are attached */
static bool hcalls_hooked;
static char why_no_audit[KHT_WHY];
static const char *why_shim;		/* although kvm-hv is a replacement; or NULL */
static struct kht_audit_calls audit_calls;

static int cpu_arrives(unsigned int cpu)
{
	kht_cpu_arrives();
	return 0;
}

static int stay_passive(int rc, const char *why)
{
	snprintf(why_passive, sizeof(why_passive), "%s", why);
	pr_warn("passive: %s\n", why);
	return rc;
}

static int hold_kvm_hv(void)
{
	const char *unfit = kht_power_unfit();

	if (unfit)
		return stay_passive(-ENODEV, unfit);
	if (!kvmppc_hv_ops || !try_module_get(kvmppc_hv_ops->owner))
		return stay_passive(-ENOENT, "kvm-hv is not loaded; load it, then write 1 to the parameter enabled");
	return 0;
}

/* Marks of an earlier attachment that no vcpu_put of ours has taken away. */
static void forget_marks(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kht_leave(&kht_threads[cpu].guest);
}

/* Is @name on? @why is empty then, or has been written where @rc comes from. */
static bool feature(const char *name, char why[KHT_WHY], int rc)
{
	if (!rc) {
		why[0] = 0;
		return true;
	}
	pr_warn("%s: off, %s\n", name, why);
	return false;
}

/* A function that no kernel exports, or NULL and @why. */
static void *find_function(const char *name, char why[KHT_WHY])
{
	void *fn = (void *)kht_symbol(name);

	if (!fn)
		snprintf(why, KHT_WHY, IS_ENABLED(CONFIG_KPROBES) ? "this kernel has no %s()" :
			 "a kernel without CONFIG_KPROBES does not tell where %s() is", name);
	return fn;
}

static bool find_partition_setter(void)
{
	const char *unfit = kht_power_unfit_for_hash();
	set_partition_fn fn = NULL;

	if (unfit)
		snprintf(why_no_hash, sizeof(why_no_hash), "%s", unfit);
	else
		fn = find_function("kvmppc_setup_partition_table", why_no_hash);
	kht_hash_use(fn);
	return fn;
}

/* With those of hash guests, or else without. */
static int attach_invalidations(void)
{
	int rc = -ENOENT;

	if (find_partition_setter())
		rc = kht_attach_hooks(KHT_HOOKS_INVALIDATIONS, why_no_hash);
	if (feature("hash guests", why_no_hash, rc))
		return 0;
	return kht_attach_hooks(KHT_HOOKS_RADIX_ONLY, why_no_defer);
}

static bool attach_hooks(void)
{
	bool on = feature("invalidations", why_no_defer, attach_invalidations());

	snprintf(why_no_nested, KHT_WHY, "%s",
		 on ? "no guest can have guests of its own yet" : "invalidations are off");
	snprintf(why_no_calls, KHT_WHY, "%s", why_no_nested);
	return on;
}

static void detach_hooks(void)
{
	kht_detach_hooks(KHT_HOOKS_CALLS);
	kht_detach_hooks(KHT_HOOKS_NESTED);
	kht_detach_hooks(KHT_HOOKS_RADIX_ONLY);
	kht_detach_hooks(KHT_HOOKS_INVALIDATIONS);
	/* Who was on the way to kht_harvest() is inside by now, or has been. */
	kht_wait_for_ops();
}

/* litmus: adopt-nested */
static void attach_nested(void)
{
	int rc = kht_attach_hooks(KHT_HOOKS_NESTED, why_no_nested);

	if (!feature("nested", why_no_nested, rc))
		return;
	feature("nested calls", why_no_calls, kht_attach_hooks(KHT_HOOKS_CALLS, why_no_calls));
	/* After the hooks; partner: mmu_lock, under which publish_existing() shows a domain made since. */
	smp_store_release(&kht_nesting, true);
}

void kht_need_nested(void)
{
	if (READ_ONCE(nested_tried))
		return;
	mutex_lock(&later_mutex);
	if (READ_ONCE(kht_deferring) && !nested_tried) {
		attach_nested();
		WRITE_ONCE(nested_tried, true);
	}
	mutex_unlock(&later_mutex);
}

/* Their cost is paid by all hash guests, at every such hcall: so they follow the parameter. */
static void follow_hpt_local(void)
{
	bool want = READ_ONCE(kht_param_hpt_local) && READ_ONCE(kht_hashing);

	if (want == hcalls_hooked)
		return;
	if (!want) {
		kht_detach_hooks(KHT_HOOKS_HCALLS);
		hcalls_hooked = false;
		return;
	}
	hcalls_hooked = feature("hash hcalls", why_no_hcalls,
				kht_attach_hooks(KHT_HOOKS_HCALLS, why_no_hcalls));
}

/*
 * Invariants 1 and 9: an entry that has not seen kht_hash_owing yet takes what is recorded for executed
 * (kht_excuse()). So it is over before anything becomes a debt. The fences of invariant 4 would not do: the entry
 * is marked by then, and no longer behind. Partner of the grace period: preemption off, at entry and in quadrant
 * accesses.
 * litmus: hash-owing
 */
static void start_hash_debts(void)
{
	if (kht_hash_owing)
		return;
	WRITE_ONCE(kht_hash_owing, true);
	synchronize_rcu();
	WRITE_ONCE(kht_hash_deferring, true);
}

/* As kht_detach() does for all guests. */
static void stop_hash_debts(void)
{
	if (!kht_hash_owing)
		return;
	WRITE_ONCE(kht_hash_deferring, false);
	kht_wait_for_ops();
	kht_domains_pay_hash();
	WRITE_ONCE(kht_hash_owing, false);
}

void kht_apply_hpt(void)
{
	bool want;

	mutex_lock(&hash_mutex);
	want = READ_ONCE(kht_hashing) && (kht_param_hpt_defer || kht_param_hpt_local);
	if (want)
		start_hash_debts();
	mutex_lock(&later_mutex);
	follow_hpt_local();
	mutex_unlock(&later_mutex);
	if (!want)
		stop_hash_debts();
	mutex_unlock(&hash_mutex);
}

/* From here on kht_need_nested() does nothing, no hcall is hooked, and no hash guest owes. */
static void stop_deciding(void)
{
	mutex_lock(&later_mutex);
	WRITE_ONCE(kht_nesting, false);
	WRITE_ONCE(kht_hashing, false);
	WRITE_ONCE(kht_moving, false);
	WRITE_ONCE(kht_deferring, false);
	mutex_unlock(&later_mutex);
	kht_apply_hpt();
}

static void attach_auditor(void)
{
	why_no_audit[0] = 0;
	audit_calls.access_vm = find_function("access_remote_vm", why_no_audit);
	audit_calls.put_nested = find_function("kvmhv_put_nested", why_no_audit);
	if (!why_no_audit[0])
		kht_audit_use(&audit_calls);
	else
		pr_warn("auditor: off, %s\n", why_no_audit);
}

static int attach_hotplug(void)
{
	int rc = kht_fault_name("cpuhp") ? -ENOSPC :
		 cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "kvm_hv_tlb:online",
					   cpu_arrives, NULL);

	if (rc < 0)
		return rc;
	hotplug_state = rc;
	return 0;
}

static const char *flavour(void)
{
	return kht_is_direct() ? "replacement" : "shim";
}

/* Returns 0 with at least vCPU moves ours, or an error and nothing attached. */
int kht_attach(void)
{
	bool hooked;
	int rc;

	if (attached)
		return 0;
	rc = hold_kvm_hv();
	if (rc)
		return rc;
	if (!kht_direct_find(&why_shim) && why_shim)
		pr_warn("shim: %s; reload kvm-hv\n", why_shim);
	forget_marks();
	hooked = attach_hooks();
	rc = attach_hotplug();
	if (rc) {
		stay_passive(rc, "no CPU hotplug state is free");
		goto unhook;
	}
	rc = kht_attach_ops();
	if (rc) {
		stay_passive(rc, "kvmppc_hv_ops lacks a member this module wraps");
		goto unplug;
	}
	rc = kht_attach_entry();
	if (rc) {
		stay_passive(rc, IS_ENABLED(CONFIG_TRACEPOINTS) ?
			     "the tracepoint kvm_hv:kvm_guest_enter cannot be used" :
			     "a kernel without CONFIG_TRACEPOINTS needs a replacement kvm-hv");
		goto unwrap;
	}
	kht_domains_open();
	WRITE_ONCE(kht_moving, true);
	WRITE_ONCE(nested_tried, false);
	WRITE_ONCE(kht_deferring, hooked);
	WRITE_ONCE(kht_hashing, hooked && !why_no_hash[0]);
	kht_apply_hpt();
	attach_auditor();
	attached = true;
	pr_info("attached to %s, flavour %s\n", module_name(kvmppc_hv_ops->owner), flavour());
	return 0;
unwrap:
	kht_detach_ops();
unplug:
	cpuhp_remove_state_nocalls(hotplug_state);
unhook:
	detach_hooks();
	module_put(kvmppc_hv_ops->owner);
	return rc;
}

void kht_detach(void)
{
	snprintf(why_passive, sizeof(why_passive), "disabled by the parameter enabled");
	if (!attached)
		return;
	kht_audit_use(NULL);
	stop_deciding();
	kht_wait_for_ops();
	kht_domains_pay();
	kht_domains_close();
	kht_wait_for_ops();
	kht_domains_free();
	kht_detach_entry();
	kht_detach_ops();
	cpuhp_remove_state_nocalls(hotplug_state);
	detach_hooks();
	module_put(kvmppc_hv_ops->owner);
	attached = false;
	pr_info("detached, every debt is settled\n");
}

static void show(struct seq_file *m, const char *feature, bool on, const char *why)
{
	if (on)
		seq_printf(m, "%s: on\n", feature);
	else
		seq_printf(m, "%s: off (%s)\n", feature, why);
}

/* Why what the parameter @name is for is off; @why, when it is set. */
static const char *why_hash_is_off(const char *name, bool set, const char *why)
{
	if (!attached)
		return why_passive;
	if (!kht_hashing)
		return why_no_hash;
	return set ? why : name;
}

void kht_attach_status(struct seq_file *m)
{
	seq_printf(m, "flavour: %s\n", attached ? flavour() : "none");
	if (attached && why_shim)
		seq_printf(m, "replacement: off (%s)\n", why_shim);
	show(m, "attached", attached, why_passive);
	show(m, "invalidations", attached && kht_deferring, attached ? why_no_defer : why_passive);
	show(m, "moves", attached && kht_moving, why_passive);
	show(m, "nested", attached && kht_nesting, attached ? why_no_nested : why_passive);
	show(m, "nested calls", attached && kht_nesting && !why_no_calls[0],
	     attached ? why_no_calls : why_passive);
	show(m, "hash guests", attached && kht_hashing && kht_param_hpt_defer,
	     why_hash_is_off("hpt_defer is 0", kht_param_hpt_defer, ""));
	show(m, "hash hcalls", attached && hcalls_hooked,
	     why_hash_is_off("hpt_local is 0", kht_param_hpt_local, why_no_hcalls));
	show(m, "auditor", attached && !why_no_audit[0], attached ? why_no_audit : why_passive);
	seq_printf(m, "tlb_sets: %u\n", kht_tlb_sets());
}
