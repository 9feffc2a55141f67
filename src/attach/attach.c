// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting in and out, as a whole. The order is the argument:
 *
 * in	1. hooks on the invalidations	they do nothing without a domain
 *	2. CPU hotplug			a CPU that arrives begins with an empty TLB
 *	   the self-test		what has failed stays off in 6
 *	3. kvmppc_hv_ops		vcpu_put takes marks away
 *	4. entry tracepoint		marks are set from here on
 *	5. domains may be made
 *	6. lazy_move, defer		from here on decisions are ours
 *	7. when a guest may have guests	of its own: hooks for those, and for
 *	   what their L1 asks for; nested
 *	8. while hpt_defer or hpt_local	is set: hash guests may owe; while hpt_local
 *	   is set: hooks on their hcalls
 *
 * A kvm-hv.ko of the replacement flavour brings the means of 1, 3 (in part), 4,
 * 7 and 8 itself (direct.c); the steps are the same.
 *
 * out	8. 7. 6. decisions are stock's again; wait until nobody decides any more
 *	   every debt is paid while the entry hook still settles	(8)
 *	5. domains go
 *	4. ... 1. in reverse, the hooks of 7 and 8 with those of 1
 *
 * Each step that fails undoes those before it, except the hooks of steps 1, 7
 * and 8:
 *
 *	hooks that fail		lost (its name in status), and left to stock
 *	1, all but hash		defer, and all that needs it; moves are still ours
 *	1, of hash guests	hpt_defer, hpt_local
 *	7, nested		nested, and all that needs it
 *	7, calls		nested_calls: what an L1 asks for goes one by one
 *	8, hcalls		hpt_local: what a hash guest removes is broadcast
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include "attach/attach.h"
#include "module/faults.h"
#include "guest/adopt.h"
#include "guest/audit.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/pay.h"
#include "module/features.h"
#include "module/main.h"
#include "module/params.h"
#include "module/verdicts.h"
#include "power/flush.h"
#include "compat/kvm_book3s.h"

static bool attached;
static struct module *kvm_hv;		/* NULL: it is built in */
static int hotplug_state;
static char why_passive[KHT_WHY] = "not attached yet";
static DEFINE_MUTEX(later_mutex);	/* steps 7 and 8; KHT_DEFER against them */
static DEFINE_MUTEX(hash_mutex);	/* step 8; nobody inside a wrapper wants it */
static bool nested_tried;		/* since we are attached */
static const char *why_shim;		/* although kvm-hv is a replacement; or NULL */
static struct kht_audit_calls audit_calls;

/*
 * Invariant 9, of a CPU whose revision, or sibling, the self-test has not seen:
 * nothing that is invalidated from here on waits for a flush by it, and none of
 * its flushes serves another thread. What is a debt already, it has nothing
 * stale of: its TLB is empty, and is filled from tables that have changed
 * before. Soon everything is attached anew, with a self-test (kht_attach()).
 */
static void doubt(void)
{
	WRITE_ONCE(kht_untested_cpu, true);
	kht_siblings_serve(false);
	kht_attach_again();
}

static int cpu_arrives(unsigned int cpu)
{
	kht_cpu_arrives();
	if (!kht_verdicts_hold_here())
		doubt();
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
	const struct kvmppc_ops *ops = READ_ONCE(kvmppc_hv_ops);
	const char *unfit = kht_power_choose();

	if (unfit)
		return stay_passive(-ENODEV, unfit);
	if (!ops || !try_module_get(ops->owner))
		return stay_passive(-ENOENT, KHT_WHY_NO_KVM_HV);
	kvm_hv = ops->owner;
	return 0;
}

/* Marks of an earlier attachment that no vcpu_put of ours has taken away. */
static void forget_marks(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kht_leave(&kht_threads[cpu].guest);
}

static char *why_not(enum kht_feature_id id)
{
	return kht_features[id].why;
}

/* All of @hooks or none. */
static bool attach_feature(enum kht_feature_id id, enum kht_hooks hooks)
{
	return kht_feature_attached(id, kht_attach_hooks(hooks, why_not(id)));
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
	char *why = why_not(KHT_HPT_DEFER);
	const char *unfit = kht_power_unfit_for_hash();
	set_partition_fn fn = NULL;

	if (unfit)
		strscpy(why, unfit, KHT_WHY);
	else
		fn = find_function("kvmppc_setup_partition_table", why);
	kht_hash_use(fn);
	return fn;
}

/*
 * In a partition; what a flush falls back on is there from the first entry on,
 * which may settle.
 */
static bool find_flusher(void)
{
	flush_lpid_fn fn = find_function("kvmhv_flush_lpid", why_passive);

	kht_hcalls_use(fn);
	return fn;
}

/* With those of hash guests, or else without. */
static bool attach_invalidations(void)
{
	int rc = -ENOENT;

	if (kht_by_hcall()) {
		kht_feature_waits(KHT_HPT_DEFER, kht_power_unfit_for_hash());
		return attach_feature(KHT_DEFER, KHT_HOOKS_PARTITION);
	}
	if (find_partition_setter())
		rc = kht_attach_hooks(KHT_HOOKS_INVALIDATIONS, why_not(KHT_HPT_DEFER));
	if (kht_feature_attached(KHT_HPT_DEFER, rc))
		return kht_feature_attached(KHT_DEFER, 0);
	return attach_feature(KHT_DEFER, KHT_HOOKS_RADIX_ONLY);
}

static bool attach_hooks(void)
{
	kht_feature_waits(KHT_NESTED, kht_by_hcall() && kht_nested_v2() ?
			  "the hypervisor's API v2 has no guests of guests" :
			  "no guest can have guests of its own yet");
	kht_feature_waits(KHT_NESTED_CALLS, "");
	return attach_invalidations();
}

static void detach_hooks(void)
{
	kht_detach_hooks(KHT_HOOKS_CALLS);
	kht_detach_hooks(KHT_HOOKS_NESTED);
	kht_detach_hooks(KHT_HOOKS_PARTITION);
	kht_detach_hooks(KHT_HOOKS_RADIX_ONLY);
	kht_detach_hooks(KHT_HOOKS_INVALIDATIONS);
	/* A task on its way to kht_harvest() is inside by now, or has been. */
	kht_wait_for_ops();
}

/* litmus: adopt-nested */
static void attach_nested(void)
{
	if (!attach_feature(KHT_NESTED, KHT_HOOKS_NESTED))
		return;
	kht_turn(KHT_NESTED_CALLS, attach_feature(KHT_NESTED_CALLS, KHT_HOOKS_CALLS));
	/*
	 * After the hooks; partner: mmu_lock, under which publish_existing()
	 * shows a domain made since.
	 */
	smp_store_release(&kht_features[KHT_NESTED].on, true);
}

void kht_need_nested(void)
{
	if (READ_ONCE(nested_tried))
		return;
	mutex_lock(&later_mutex);
	if (kht_is_on(KHT_DEFER) && !nested_tried) {
		attach_nested();
		WRITE_ONCE(nested_tried, true);
	}
	mutex_unlock(&later_mutex);
}

/*
 * Their cost is paid by all hash guests, at every such hcall: so they follow
 * the parameter.
 */
static void follow_hpt_local(void)
{
	bool want = READ_ONCE(kht_param_hpt_local) && kht_is_on(KHT_HPT_DEFER);

	if (!want)
		kht_feature_waits(KHT_HPT_LOCAL, "");
	if (want == kht_is_on(KHT_HPT_LOCAL))
		return;
	if (want) {
		kht_turn(KHT_HPT_LOCAL, attach_feature(KHT_HPT_LOCAL, KHT_HOOKS_HCALLS));
		return;
	}
	kht_turn(KHT_HPT_LOCAL, false);
	kht_detach_hooks(KHT_HOOKS_HCALLS);
}

/*
 * Invariants 1 and 9: an entry that has not seen kht_hash_owing yet takes what
 * is recorded for executed (kht_excuse()). So it is over before anything
 * becomes a debt. The fences of invariant 4 would not do: the entry is marked
 * by then, and no longer behind. Partner of the grace period: preemption off,
 * at entry and in quadrant accesses.
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
	want = kht_is_on(KHT_HPT_DEFER) && (kht_param_hpt_defer || kht_param_hpt_local);
	if (want)
		start_hash_debts();
	mutex_lock(&later_mutex);
	follow_hpt_local();
	mutex_unlock(&later_mutex);
	if (!want)
		stop_hash_debts();
	mutex_unlock(&hash_mutex);
}

/*
 * From here on kht_need_nested() does nothing, no hcall is hooked, and no hash
 * guest owes.
 */
static void stop_deciding(void)
{
	mutex_lock(&later_mutex);
	kht_turn(KHT_NESTED, false);
	kht_turn(KHT_NESTED_CALLS, false);
	kht_turn(KHT_HPT_DEFER, false);
	kht_turn(KHT_LAZY_MOVE, false);
	kht_turn(KHT_DEFER, false);
	mutex_unlock(&later_mutex);
	kht_apply_hpt();
}

static void attach_auditor(void)
{
	char *why = why_not(KHT_RC_AUDIT);
	bool found;

	audit_calls.access_vm = find_function("access_remote_vm", why);
	audit_calls.put_nested = find_function("kvmhv_put_nested", why);
	found = audit_calls.access_vm && audit_calls.put_nested;
	kht_turn(KHT_RC_AUDIT, kht_feature_attached(KHT_RC_AUDIT, found ? 0 : -ENOENT));
	if (found)
		kht_audit_use(&audit_calls);
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

/* @what rests on the forms that it needs; what is not fit for it says so. */
static bool allowed(enum kht_feature_id id, enum kht_rests what)
{
	kht_feature_waits(id, "");
	return kht_verdicts_allow(what, why_not(id));
}

/*
 * With CPU hotplug in place: one that comes after it has begun is not
 * overlooked. Its cpus_read_lock() keeps the others away meanwhile. Before
 * domains are made, which look at it.
 */
static void self_test(void)
{
	kht_quadrant_fn access = NULL;
	char cannot[KHT_WHY] = "";

	WRITE_ONCE(kht_untested_cpu, false);
	if (kht_by_hcall())
		strscpy(cannot, "a partition's hypervisor flushes", KHT_WHY);
	else
		access = find_function("__kvmhv_copy_tofrom_guest_radix", cannot);
	kht_verdicts_find(access, cannot);
	kht_turn(KHT_PAGE_LOG, allowed(KHT_PAGE_LOG, KHT_RESTS_REPLAY));
	kht_turn(KHT_SIBLINGS, allowed(KHT_SIBLINGS, KHT_RESTS_SIBLINGS));
	kht_siblings_serve(kht_is_on(KHT_SIBLINGS));
}

static const char *flavour(void)
{
	return kht_is_direct() ? "replacement" : "shim";
}

/* kvm-hv is held. */
static int attach_to_kvm_hv(void)
{
	bool hooked;
	int rc;

	if (!kht_direct_find(&why_shim) && why_shim)
		pr_warn("shim: %s; reload kvm-hv\n", why_shim);
	if (kht_by_hcall() && !find_flusher()) {
		pr_warn("passive: %s\n", why_passive);
		return -ENOENT;
	}
	forget_marks();
	hooked = attach_hooks();
	rc = attach_hotplug();
	if (rc) {
		stay_passive(rc, "no CPU hotplug state is free");
		goto unhook;
	}
	self_test();
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
	kht_adopt_begin();
	kht_turn(KHT_LAZY_MOVE, allowed(KHT_LAZY_MOVE, KHT_RESTS_MOVES) && !kht_by_hcall());
	if (kht_by_hcall())
		kht_feature_waits(KHT_LAZY_MOVE, "a partition's hypervisor sees to them");
	WRITE_ONCE(nested_tried, false);
	hooked = hooked && allowed(KHT_DEFER, KHT_RESTS_DEFER);
	kht_turn(KHT_DEFER, hooked);
	kht_turn(KHT_HPT_DEFER, hooked && !why_not(KHT_HPT_DEFER)[0]);
	kht_apply_hpt();
	attach_auditor();
	attached = true;
	pr_info("attached to %s, flavour %s\n", module_name(kvm_hv), flavour());
	return 0;
unwrap:
	kht_detach_ops();
unplug:
	cpuhp_remove_state_nocalls(hotplug_state);
unhook:
	detach_hooks();
	return rc;
}

/*
 * Returns 0 with at least vCPU moves ours, in a partition the entry, or an
 * error and nothing attached. kvm-hv may go again afterwards, as without us:
 * each guest holds it, and when it goes the caller detaches before its text
 * does (kht_is_attached_to()).
 */
int kht_attach(void)
{
	int rc;

	if (attached)
		return 0;
	rc = hold_kvm_hv();
	if (rc)
		return rc;
	rc = attach_to_kvm_hv();
	module_put(kvm_hv);
	return rc;
}

bool kht_is_attached(void)
{
	return attached;
}

bool kht_is_attached_to(const struct module *mod)
{
	return attached && kvm_hv == mod;
}

bool kht_is_kvm_hv(const struct module *mod)
{
	const struct kvmppc_ops *ops = READ_ONCE(kvmppc_hv_ops);

	return ops && ops->owner == mod;
}

void kht_detach(const char *why)
{
	snprintf(why_passive, sizeof(why_passive), "%s", why);
	if (!attached)
		return;
	kht_audit_use(NULL);
	kht_turn(KHT_RC_AUDIT, false);
	stop_deciding();
	kht_wait_for_ops();
	kht_domains_pay();
	kht_domains_close();
	kht_forget_entries();
	kht_adopt_end();
	kht_wait_for_ops();
	kht_domains_free();
	kht_detach_entry();
	kht_detach_ops();
	cpuhp_remove_state_nocalls(hotplug_state);
	detach_hooks();
	attached = false;
	pr_info("detached, every debt is settled\n");
}

static void show_executor(struct seq_file *m)
{
	struct kht_hcalls_status hcalls;

	if (!kht_by_hcall()) {
		seq_printf(m, "executor: tlbiel\ntlb_sets: %u\n", kht_tlb_sets());
		return;
	}
	kht_hcalls_status(&hcalls);
	seq_printf(m, "executor: hcall, API v%u, %s\nrefused hcalls: %u\n", hcalls.api, hcalls.call,
		   hcalls.refusals);
}

void kht_attach_status(struct seq_file *m)
{
	seq_printf(m, "flavour: %s\n", attached ? flavour() : "none");
	if (attached && why_shim)
		seq_printf(m, "replacement: off (%s)\n", why_shim);
	if (attached)
		seq_puts(m, "attached: on\n");
	else
		seq_printf(m, "attached: off (%s)\n", why_passive);
	kht_features_show(m, attached ? NULL : why_passive);
	show_executor(m);
	kht_verdicts_show(m);
}
