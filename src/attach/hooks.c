// SPDX-License-Identifier: GPL-2.0-only
/*
 * Early-return hooks: all the work is done in the ftrace handler, which then
 * makes the traced function return at once, by setting the instruction pointer
 * to the caller's address. Without CONFIG_LIVEPATCH nothing would restore the
 * TOC pointer for a redirect to a function of ours.
 *
 * Handlers run with preemption off and must not sleep. IPMODIFY makes ftrace
 * refuse a function that somebody else (a livepatch) already redirects.
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
	struct ftrace_ops ops;
	bool on;
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

static void notrace callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	struct hook *h = container_of(ops, struct hook, ops);
	struct pt_regs *regs = ftrace_get_regs(fregs);
	int bit = ftrace_test_recursion_trylock(ip, parent_ip);

	if (bit < 0)
		return;
	if (regs && h->handler(regs))
		ftrace_regs_set_instruction_pointer(fregs, regs->link);
	ftrace_test_recursion_unlock(bit);
}

#define QUADRANT	"__kvmhv_copy_tofrom_guest_radix"

/* The guard comes first: nothing may be deferred before it is in place. */
static struct hook hooks[] = {
	{ QUADRANT, on_quadrant },
	{ "radix__flush_tlb_lpid_page", on_flush_page },
	{ "radix__flush_pwc_lpid", on_flush_full },
	{ "radix__flush_all_lpid", on_flush_full },
};

/* ftrace_free_filter() leaves stale pointers behind: the ops start afresh each time. */
static int attach(struct hook *h)
{
	int rc;

	h->ops = (struct ftrace_ops){
		.func = callback,
		.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
	};
	rc = ftrace_set_filter(&h->ops, (unsigned char *)h->name, strlen(h->name), 1);
	if (rc)
		return rc;
	rc = register_ftrace_function(&h->ops);
	if (rc)
		ftrace_free_filter(&h->ops);
	h->on = !rc;
	return rc;
}

static void detach(struct hook *h)
{
	if (!h->on)
		return;
	unregister_ftrace_function(&h->ops);
	ftrace_free_filter(&h->ops);
	h->on = false;
}

/* All or none. On failure *failed names the function that could not be hooked. */
int kht_attach_hooks(const char **failed)
{
	unsigned int i;
	int rc;

	*failed = QUADRANT;
	stock_quadrant = (quadrant_fn)kht_symbol(QUADRANT);
	if (!stock_quadrant)
		return -ENOENT;
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		*failed = hooks[i].name;
		rc = attach(&hooks[i]);
		if (rc) {
			kht_detach_hooks();
			return rc;
		}
	}
	return 0;
}

/* Also waits until no handler runs any more (unregister_ftrace_function()). */
void kht_detach_hooks(void)
{
	int i;

	for (i = ARRAY_SIZE(hooks) - 1; i >= 0; i--)
		detach(&hooks[i]);
}
