// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks: all the work is done in the ftrace handler. Where nothing is left for
 * the traced function to do, the handler lets ftrace go on at
 * kht_early_return() in its place, with the result in r3. What is no work for a
 * handler has a stub of its own (instead.S). Not at the caller's address: a
 * function_graph tracer or a return probe, whose handler may have run before
 * this one, has then written down a return that never comes, and the next one
 * meets the wrong entry (the host panics).
 *
 * Handlers run with preemption off (FTRACE_OPS_FL_RECURSION) and must not
 * sleep. IPMODIFY makes ftrace refuse a function that somebody else (a live
 * patch) already redirects, and later a live patch of a function that is hooked
 * here. PERMANENT makes it refuse to be switched off (kernel.ftrace_enabled)
 * while the module relies on it.
 *
 * Never SAVE_REGS: then ftrace restores r13 too, the CPU's PACA, and on a
 * kernel with preemption a task that has moved to another CPU meanwhile goes on
 * with the wrong one (the quadrant access and the hcalls are preemptible).
 * Without, a handler has r3 to r10, nip and link.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "compat/ftrace.h"
#include "attach/attach.h"
#include "module/faults.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/hcall.h"
#include "guest/hpt.h"
#include "guest/nested.h"
#include "guest/radix.h"
#include "guest/range.h"
#include "power/flush.h"

typedef unsigned long (*quadrant_fn)(int lpid, int pid, unsigned long eaddr, void *to,
				     void *from, unsigned long n);

/* Returns true when the traced function must not run any more. */
typedef bool (*hook_fn)(struct pt_regs *regs);

typedef void (*stub_fn)(void);

struct hook {
	const char *name;
	hook_fn handler;
	stub_fn instead;	/* runs in the function's place; NULL: kht_early_return() */
	bool of_hash;		/* for hash guests: a set may leave it out */
	unsigned long entry;	/* global entry point of the function */
	char symbol[48];	/* its name in this kernel */
};

static quadrant_fn stock_quadrant;
static kht_harvest_fn stock_harvest_radix, stock_harvest_hash;

static bool on_flush_page(struct pt_regs *regs)
{
	return kht_on_flush_page(regs->gpr[3], regs->gpr[4], regs->gpr[5]);
}

static bool on_flush_full(struct pt_regs *regs)
{
	return kht_on_flush_full(regs->gpr[3]);
}

/*
 * kvmppc_radix_tlbie_page(kvm, addr, shift, lpid), where shift 0 is a page of
 * this kernel's size.
 */
static bool on_tlbie_page(struct pt_regs *regs)
{
	return kht_on_flush_page(regs->gpr[6], regs->gpr[4], 1UL << ((u32)regs->gpr[5] ?: PAGE_SHIFT));
}

/*
 * kvmppc_radix_flush_pwc(kvm, lpid), which the compiler clones without its
 * first argument, for it has no use. The hypervisor is asked in any case: it
 * costs no more than the table that goes, and nothing rests on which argument
 * is the LPID but this flush of it.
 */
static bool on_flush_pwc(struct pt_regs *regs)
{
	kht_on_flush_full(is_kernel_addr(regs->gpr[3]) ? regs->gpr[4] : regs->gpr[3]);
	return false;
}

/*
 * The guard needs both ends of the function, so the handler calls it. It does
 * not sleep either (it disables preemption and page faults itself). ftrace lets
 * one level of recursion through, for an interrupt that comes before the
 * context is known (TRACE_CTX_TRANSITION): so the handler meets its own call,
 * and leaves that to the original.
 */
static bool on_quadrant(struct pt_regs *regs)
{
	if (kht_in_quadrant() || !kht_quadrant_begin(regs->gpr[3]))
		return false;
	regs->gpr[3] = stock_quadrant(regs->gpr[3], regs->gpr[4], regs->gpr[5],
				      (void *)regs->gpr[6], (void *)regs->gpr[7],
				      regs->gpr[8]);
	kht_quadrant_end();
	return true;
}

/*
 * It may take long and sleep, so it is not for a handler. Its own call of the
 * kernel's function comes by here too, and goes on.
 */
static bool on_harvest(struct pt_regs *regs)
{
	return !kht_harvesting((struct kvm *)regs->gpr[3]);
}

long kht_shim_harvest(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map)
{
	return kht_harvest(kvm, slot, map,
			   kvm_is_radix(kvm) ? stock_harvest_radix : stock_harvest_hash);
}

static bool on_call(struct pt_regs *regs)
{
	kht_call_begin((struct kvm_vcpu *)regs->gpr[3]);
	return false;
}

static bool on_walk(struct pt_regs *regs)
{
	kht_on_walk((struct kvm_vcpu *)regs->gpr[3]);
	return false;
}

static bool on_update_rc(struct pt_regs *regs)
{
	return kht_on_update_rc((struct kvm *)regs->gpr[3], (unsigned long *)regs->gpr[4],
				regs->gpr[5], regs->gpr[6], regs->gpr[7], regs->gpr[8]);
}

static bool on_insert_rmap(struct pt_regs *regs)
{
	const struct rmap_nested *const *entry = (void *)regs->gpr[5];

	kht_on_insert_rmap((struct kvm *)regs->gpr[3], (unsigned long *)regs->gpr[4], (*entry)->rmap);
	return false;
}

/* Without a list of the reverse map (r10) it is the guest's own table. */
static bool on_create_pte(struct pt_regs *regs)
{
	if (regs->gpr[10])
		kht_on_create_pte((struct kvm *)regs->gpr[3], (pgd_t *)regs->gpr[4], regs->gpr[6],
				  (pte_t *)&regs->gpr[5]);
	return false;
}

static bool on_lpid_free(struct pt_regs *regs)
{
	kht_on_lpid_free(regs->gpr[3]);
	return false;
}

static bool on_free_tables(struct pt_regs *regs)
{
	kht_on_free_tables(regs->gpr[5]);
	return false;
}

static bool on_invalidate_hpte(struct pt_regs *regs)
{
	return kht_on_invalidate_hpte((struct kvm *)regs->gpr[3], (__be64 *)regs->gpr[4],
				      regs->gpr[5]);
}

static bool on_clear_ref_hpte(struct pt_regs *regs)
{
	return kht_on_clear_ref_hpte((struct kvm *)regs->gpr[3], (__be64 *)regs->gpr[4],
				     regs->gpr[5]);
}

static bool on_set_partition(struct pt_regs *regs)
{
	kht_on_set_partition(regs->gpr[3]);
	return false;
}

static bool on_h_remove(struct pt_regs *regs)
{
	return kht_on_h_remove((struct kvm_vcpu *)regs->gpr[3], regs->gpr[4], regs->gpr[5],
			       regs->gpr[6], (long *)&regs->gpr[3]);
}

static bool on_h_bulk_remove(struct pt_regs *regs)
{
	return kht_on_h_bulk_remove((struct kvm_vcpu *)regs->gpr[3], (long *)&regs->gpr[3]);
}

static bool on_h_protect(struct pt_regs *regs)
{
	return kht_on_h_protect((struct kvm_vcpu *)regs->gpr[3], regs->gpr[4], regs->gpr[5],
				regs->gpr[6], (long *)&regs->gpr[3]);
}

/* The arguments of a range follow those that say whose it is. */
static bool on_range(struct pt_regs *regs)
{
	kht_on_range(regs->gpr[4], regs->gpr[6], &regs->gpr[7], &regs->gpr[8]);
	return false;
}

static bool on_range_call(struct pt_regs *regs)
{
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)regs->gpr[3];

	kht_on_range(vcpu->kvm->arch.lpid, regs->gpr[6], &regs->gpr[7], &regs->gpr[8]);
	return on_call(regs);
}

#define QUADRANT	"__kvmhv_copy_tofrom_guest_radix"
#define HARVEST_RADIX	"kvmppc_hv_get_dirty_log_radix"
#define HARVEST_HASH	"kvmppc_hv_get_dirty_log_hpt"

/* The most frequent ones first. */
static struct hook invalidations[] = {
	{ "radix__flush_tlb_lpid_page", on_flush_page },
	{ "radix__flush_pwc_lpid", on_flush_full },
	{ "radix__flush_all_lpid", on_flush_full },
	{ QUADRANT, on_quadrant },
	{ "do_h_rpt_invalidate_prt", on_range },
	{ HARVEST_RADIX, on_harvest, kht_instead_of_harvest },
	{ "kvmppc_invalidate_hpte", on_invalidate_hpte, .of_hash = true },
	{ "kvmppc_clear_ref_hpte", on_clear_ref_hpte, .of_hash = true },
	{ "mmu_partition_table_set_entry", on_set_partition, .of_hash = true },
	{ HARVEST_HASH, on_harvest, kht_instead_of_harvest, .of_hash = true },
};

static struct hook partition[] = {
	{ "kvmppc_radix_tlbie_page", on_tlbie_page },
	{ "kvmppc_radix_flush_pwc", on_flush_pwc },
	{ "kvmhv_flush_lpid", on_flush_full },
	{ QUADRANT, on_quadrant },
	{ "do_h_rpt_invalidate_prt", on_range },
	{ HARVEST_RADIX, on_harvest, kht_instead_of_harvest },
};

static struct hook nested_guests[] = {
	{ "kvmppc_create_pte", on_create_pte },
	{ "kvmhv_insert_nest_rmap", on_insert_rmap },
	{ "kvmhv_update_nest_rmap_rc_list", on_update_rc },
	{ "kvmppc_free_pgtable_radix", on_free_tables },
	{ "kvmppc_free_lpid", on_lpid_free },
};

static struct hook nested_calls[] = {
	{ "kvmhv_do_nested_tlbie", on_call },
	{ "do_h_rpt_invalidate_pat", on_range_call },
	{ "kvmppc_mmu_walk_radix_tree", on_walk },
};

static struct hook hcalls[] = {
	{ "kvmppc_h_remove", on_h_remove },
	{ "kvmppc_h_bulk_remove", on_h_bulk_remove },
	{ "kvmppc_h_protect", on_h_protect },
};

/*
 * One ops for all functions of a set: at each of them ftrace asks every ops of
 * a module in turn whether it is meant. It is allocated, since it may have to
 * outlive the module (abandon()).
 */
static struct hook_set {
	struct hook *hooks;
	unsigned int n;
	bool no_hash;			/* without the rows that are for hash guests */
	struct ftrace_ops *ops;		/* NULL: not registered */
} sets[] = {
	[KHT_HOOKS_INVALIDATIONS] = { invalidations, ARRAY_SIZE(invalidations) },
	[KHT_HOOKS_RADIX_ONLY] = { invalidations, ARRAY_SIZE(invalidations), .no_hash = true },
	[KHT_HOOKS_PARTITION] = { partition, ARRAY_SIZE(partition) },
	[KHT_HOOKS_NESTED] = { nested_guests, ARRAY_SIZE(nested_guests) },
	[KHT_HOOKS_CALLS] = { nested_calls, ARRAY_SIZE(nested_calls) },
	[KHT_HOOKS_HCALLS] = { hcalls, ARRAY_SIZE(hcalls) },
};

static bool is_in(const struct hook_set *set, const struct hook *h)
{
	return !(set->no_hash && h->of_hash);
}

/*
 * The traced instruction follows the global entry closely: the two that set the
 * TOC pointer, and what the compiler puts before the call to ftrace.
 */
#define PROLOGUE	32	/* bytes */

static const struct hook *hook_at(const struct hook_set *set, unsigned long ip)
{
	unsigned int i;

	for (i = 0; i < set->n; i++)
		if (ip - set->hooks[i].entry < PROLOGUE)
			return &set->hooks[i];
	return NULL;
}

static void notrace callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct pt_regs *regs = &arch_ftrace_regs(fregs)->regs;
	const struct hook *h = hook_at(ops->private, ip);

	if (h && h->handler(regs))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)(h->instead ?: kht_early_return));
}

#define REDIRECT	(FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

static struct ftrace_ops *new_ops(struct hook_set *set, ftrace_func_t func, unsigned long flags)
{
	struct ftrace_ops *ops = kzalloc(sizeof(*ops), GFP_KERNEL);

	if (!ops)
		return NULL;
	ops->func = func;
	ops->flags = flags | FTRACE_OPS_FL_RECURSION;
	ops->private = set;
	return ops;
}

/*
 * A static function has one of these names, after which compiler passes have
 * taken arguments of its away.
 */
static void find_function(struct hook *h)
{
	static const char * const clones[] = { "", ".constprop.0", ".isra.0" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clones); i++) {
		snprintf(h->symbol, sizeof(h->symbol), "%s%s", h->name, clones[i]);
		h->entry = kht_symbol(h->symbol);
		if (h->entry)
			return;
	}
}

static int add_function(struct ftrace_ops *ops, struct hook *h)
{
	return ftrace_set_filter(ops, (unsigned char *)h->symbol, strlen(h->symbol), 0);
}

static void free_ops(struct ftrace_ops *ops)
{
	ftrace_free_filter(ops);
	kfree(ops);
}

/*
 * ftrace has switched itself off after a fault of its own (ftrace_bug(),
 * -ENODEV), and @ops stays on its list, at every hooked function. STUB makes it
 * pass over @ops, whose memory is given up. A handler runs with preemption off;
 * a task that is preempted in kht_early_return() gives up the CPU or returns
 * before synchronize_rcu_tasks() does.
 * litmus: detach-ops
 */
static void abandon(struct ftrace_ops *ops, int rc)
{
	pr_err("ftrace cannot remove hooks (error %d); they do nothing any more\n", rc);
	WRITE_ONCE(ops->flags, ops->flags | FTRACE_OPS_FL_STUB);
	synchronize_rcu();
	synchronize_rcu_tasks();
}

static void unregister(struct ftrace_ops *ops)
{
	int rc = kht_fault_name("unregister_ftrace_function") ? -ENODEV :
		 unregister_ftrace_function(ops);

	if (rc)
		abandon(ops, rc);
	else
		free_ops(ops);
}

static void notrace nothing(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			    struct ftrace_regs *fregs)
{
}

/*
 * Can @h alone be hooked, with these @flags? 0 or the error. Changes nothing.
 */
static int try_function(struct hook *h, unsigned long flags)
{
	struct ftrace_ops *ops = new_ops(NULL, nothing, flags);
	int rc;

	if (!ops)
		return -ENOMEM;
	rc = add_function(ops, h);
	if (!rc)
		rc = register_ftrace_function(ops);
	if (rc)
		free_ops(ops);
	else
		unregister(ops);
	return rc;
}

/*
 * ftrace has one error for a function that is redirected and for being switched
 * off.
 */
static void say_who_is_busy(struct hook_set *set, char why[KHT_WHY])
{
	unsigned int i;

	if (try_function(&set->hooks[0], FTRACE_OPS_FL_PERMANENT) == -EBUSY) {
		snprintf(why, KHT_WHY, "ftrace is switched off: kernel.ftrace_enabled is 0");
		return;
	}
	for (i = 0; i < set->n; i++)
		if (is_in(set, &set->hooks[i]) && try_function(&set->hooks[i], REDIRECT) == -EBUSY)
			break;
	snprintf(why, KHT_WHY, "%s() is redirected by somebody else, for example a livepatch",
		 i < set->n ? set->hooks[i].name : "one of the functions");
}

static void say_ftrace_is_dead(char why[KHT_WHY])
{
	snprintf(why, KHT_WHY, "ftrace has switched itself off after a fault, see the kernel's log");
}

static void say_why(struct hook_set *set, int rc, char why[KHT_WHY])
{
	if (rc == -EBUSY)
		say_who_is_busy(set, why);
	else if (rc == -ENODEV)
		say_ftrace_is_dead(why);
	else
		snprintf(why, KHT_WHY, "ftrace refuses its functions (error %d)", rc);
}

static int choose_functions(struct hook_set *set, struct ftrace_ops *ops, char why[KHT_WHY])
{
	unsigned int i;
	int rc;

	for (i = 0; i < set->n; i++) {
		struct hook *h = &set->hooks[i];

		if (!is_in(set, h))
			continue;
		find_function(h);
		if (!h->entry) {
			snprintf(why, KHT_WHY, "this kernel has no %s()", h->name);
			return -ENOENT;
		}
		rc = add_function(ops, h);
		if (rc == -ENODEV) {
			say_ftrace_is_dead(why);
			return rc;
		}
		if (rc) {
			snprintf(why, KHT_WHY, "%s() cannot be traced (error %d)", h->name, rc);
			return rc;
		}
	}
	stock_quadrant = (quadrant_fn)kht_symbol(QUADRANT);
	stock_harvest_radix = (kht_harvest_fn)kht_symbol(HARVEST_RADIX);
	stock_harvest_hash = (kht_harvest_fn)kht_symbol(HARVEST_HASH);
	return 0;
}

static int register_hooks(struct hook_set *set, struct ftrace_ops *ops, char why[KHT_WHY])
{
	int rc = choose_functions(set, ops, why);

	if (rc)
		return rc;
	rc = register_ftrace_function(ops);
	if (rc)
		say_why(set, rc, why);
	return rc;
}

/*
 * All of a set or none. On failure @why is a sentence for the admin.
 * ftrace_free_filter() leaves stale pointers behind: ops is a new one each
 * time.
 */
int kht_attach_hooks(enum kht_hooks which, char why[KHT_WHY])
{
	struct hook_set *set = &sets[which];
	struct ftrace_ops *ops;
	int rc;

	if (kht_is_direct())
		return kht_direct_hooks(which, why);
	ops = new_ops(set, callback, REDIRECT);
	if (!ops) {
		snprintf(why, KHT_WHY, "there is no memory for its hooks");
		return -ENOMEM;
	}
	rc = register_hooks(set, ops, why);
	if (rc)
		free_ops(ops);
	else
		set->ops = ops;
	return rc;
}

/*
 * Also waits until no handler runs any more, nor a task in kht_early_return().
 */
void kht_detach_hooks(enum kht_hooks which)
{
	struct hook_set *set = &sets[which];

	if (kht_is_direct())
		return kht_direct_unhook(which);
	if (!set->ops)
		return;
	unregister(set->ops);
	set->ops = NULL;
}
