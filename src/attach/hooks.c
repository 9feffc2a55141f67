// SPDX-License-Identifier: GPL-2.0-only
/*
 * Early-return hooks: all the work is done in the ftrace handler, which then
 * makes the traced function return at once, by setting the instruction pointer
 * to the caller's address. Without CONFIG_LIVEPATCH nothing would restore the
 * TOC pointer for a redirect to a function of ours.
 *
 * Handlers run with preemption off (FTRACE_OPS_FL_RECURSION) and must not
 * sleep. IPMODIFY makes ftrace refuse a function that somebody else (a
 * livepatch) already redirects. PERMANENT makes it refuse to be switched off
 * (kernel.ftrace_enabled) while we rely on it.
 *
 * Never SAVE_REGS: then ftrace restores r13 too, the CPU's PACA, and on a kernel with
 * preemption a task that has moved to another CPU meanwhile goes on with the wrong one (the
 * quadrant access and the hcalls are preemptible). Without, a handler has r3 to r10, nip and link.
 */
#include <linux/ftrace.h>
#include <linux/string.h>
#include "compat/ftrace.h"
#include "kht_attach.h"
#include "kht_guest.h"
#include "kht_power.h"

typedef unsigned long (*quadrant_fn)(int lpid, int pid, unsigned long eaddr, void *to,
				     void *from, unsigned long n);

/* Returns true when the traced function must not run any more. */
typedef bool (*hook_fn)(struct pt_regs *regs);

struct hook {
	const char *name;
	hook_fn handler;
	unsigned long entry;	/* global entry point of the function */
};

static quadrant_fn stock_quadrant;

static bool on_flush_page(struct pt_regs *regs)
{
	return kht_on_flush_page(regs->gpr[3], regs->gpr[4], regs->gpr[5]);
}

static bool on_flush_full(struct pt_regs *regs)
{
	return kht_on_flush_full(regs->gpr[3]);
}

/*
 * The guard needs both ends of the function, so the handler calls it: ftrace
 * sees the recursion and lets it through to the original, which does not sleep
 * either (it disables preemption and page faults itself).
 */
static bool on_quadrant(struct pt_regs *regs)
{
	if (!kht_quadrant_begin(regs->gpr[3]))
		return false;
	regs->gpr[3] = stock_quadrant(regs->gpr[3], regs->gpr[4], regs->gpr[5],
				      (void *)regs->gpr[6], (void *)regs->gpr[7],
				      regs->gpr[8]);
	kht_quadrant_end();
	return true;
}

static bool on_update_rc(struct pt_regs *regs)
{
	return kht_on_update_rc((struct kvm *)regs->gpr[3], (unsigned long *)regs->gpr[4],
				regs->gpr[5], regs->gpr[6], regs->gpr[7], regs->gpr[8]);
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

#define QUADRANT	"__kvmhv_copy_tofrom_guest_radix"

/* The most frequent ones first; those of hash guests last, for a kernel where they cannot be had. */
#define HASH_HOOKS	3

static struct hook invalidations[] = {
	{ "radix__flush_tlb_lpid_page", on_flush_page },
	{ "radix__flush_pwc_lpid", on_flush_full },
	{ "radix__flush_all_lpid", on_flush_full },
	{ QUADRANT, on_quadrant },
	{ "kvmppc_invalidate_hpte", on_invalidate_hpte },
	{ "kvmppc_clear_ref_hpte", on_clear_ref_hpte },
	{ "mmu_partition_table_set_entry", on_set_partition },
};

static struct hook nested_guests[] = {
	{ "kvmhv_update_nest_rmap_rc_list", on_update_rc },
	{ "kvmppc_free_pgtable_radix", on_free_tables },
	{ "kvmppc_free_lpid", on_lpid_free },
};

static struct hook hcalls[] = {
	{ "kvmppc_h_remove", on_h_remove },
	{ "kvmppc_h_bulk_remove", on_h_bulk_remove },
	{ "kvmppc_h_protect", on_h_protect },
};

/*
 * One ops for all functions of a set: at each of them ftrace asks every ops of a
 * module in turn whether it is meant.
 */
static struct hook_set {
	struct ftrace_ops ops;
	struct hook *hooks;
	unsigned int n;
	bool registered;
} sets[] = {
	[KHT_HOOKS_INVALIDATIONS] = { .hooks = invalidations, .n = ARRAY_SIZE(invalidations) },
	[KHT_HOOKS_NESTED] = { .hooks = nested_guests, .n = ARRAY_SIZE(nested_guests) },
	[KHT_HOOKS_RADIX_ONLY] = {
		.hooks = invalidations, .n = ARRAY_SIZE(invalidations) - HASH_HOOKS,
	},
	[KHT_HOOKS_HCALLS] = { .hooks = hcalls, .n = ARRAY_SIZE(hcalls) },
};

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

/* FTRACE_OPS_FL_RECURSION also keeps what a handler calls from coming here again. */
static void notrace callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct pt_regs *regs = &arch_ftrace_regs(fregs)->regs;
	const struct hook *h = hook_at(container_of(ops, struct hook_set, ops), ip);

	if (h && h->handler(regs))
		ftrace_regs_set_instruction_pointer(fregs, regs->link);
}

static int choose_functions(struct hook_set *set, const char **failed)
{
	unsigned int i;
	int rc;

	for (i = 0; i < set->n; i++) {
		struct hook *h = &set->hooks[i];

		*failed = h->name;
		h->entry = kht_symbol(h->name);
		if (!h->entry)
			return -ENOENT;
		rc = ftrace_set_filter(&set->ops, (unsigned char *)h->name, strlen(h->name), !i);
		if (rc)
			return rc;
	}
	stock_quadrant = (quadrant_fn)kht_symbol(QUADRANT);
	*failed = "the functions, one of which a livepatch may hold";
	return 0;
}

/*
 * All of a set or none. On failure *failed names the function that could not be hooked.
 * ftrace_free_filter() leaves stale pointers behind: ops starts afresh each time.
 */
int kht_attach_hooks(enum kht_hooks which, const char **failed)
{
	struct hook_set *set = &sets[which];
	int rc;

	if (kht_is_direct())
		return kht_direct_hooks(which, failed);
	/* There ftrace takes a changed nip for a livepatch, which returns, and its stack grows with each of ours. */
	*failed = "functions of a kernel built for livepatching";
	if (IS_ENABLED(CONFIG_LIVEPATCH))
		return -EOPNOTSUPP;
	set->ops = (struct ftrace_ops){
		.func = callback,
		.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION |
			 FTRACE_OPS_FL_PERMANENT,
	};
	rc = choose_functions(set, failed);
	if (!rc)
		rc = register_ftrace_function(&set->ops);
	if (rc)
		ftrace_free_filter(&set->ops);
	set->registered = !rc;
	return rc;
}

/* Also waits until no handler runs any more (unregister_ftrace_function()). */
void kht_detach_hooks(enum kht_hooks which)
{
	struct hook_set *set = &sets[which];

	if (kht_is_direct())
		return kht_direct_unhook(which);
	if (!set->registered)
		return;
	unregister_ftrace_function(&set->ops);
	ftrace_free_filter(&set->ops);
	set->registered = false;
}
