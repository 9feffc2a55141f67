// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes ftrace find an instruction that it did not write. It calls that a bug, warns, and is switched off until the
 * next boot, with all that is attached at that moment (ftrace_kill()).
 *   at=own       at once, at a function of this module
 *   at=FUNCTION  when ftrace next changes what it does at FUNCTION; until then FUNCTION is not traced
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/inst.h>
#include <asm/ppc-opcode.h>

static char *at = "own";
module_param(at, charp, 0400);
MODULE_PARM_DESC(at, "own, or the function whose traced instruction is to vanish");

#define BEHIND_GLOBAL_ENTRY	4	/* as in src/attach/symbols.c */

static unsigned long (*lookup)(const char *name);
static unsigned long (*location)(unsigned long ip);
static int (*patch)(u32 *addr, ppc_inst_t instr);

static int find_functions(void)
{
	struct kprobe probe = {
		.symbol_name = "kallsyms_lookup_name",
		.offset = BEHIND_GLOBAL_ENTRY,
	};
	int rc = register_kprobe(&probe);

	if (rc)
		return rc;
	lookup = (void *)probe.addr - BEHIND_GLOBAL_ENTRY;
	unregister_kprobe(&probe);
	location = (void *)lookup("ftrace_location");
	patch = (void *)lookup("patch_instruction");
	return location && patch ? 0 : -ENOENT;
}

static int vanish(unsigned long function)
{
	unsigned long site = function ? location(function) : 0;

	return site ? patch((u32 *)site, ppc_inst(PPC_RAW_NOP())) : -ENXIO;
}

static noinline int own(int n)
{
	barrier();
	return n + 1;
}

static void notrace nothing(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			    struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = { .func = nothing };

static int at_own(void)
{
	int rc = ftrace_set_filter_ip(&ops, location((unsigned long)own), 0, 1);

	if (!rc)
		rc = register_ftrace_function(&ops);
	if (!rc)
		rc = vanish((unsigned long)own);
	if (!rc && own(1) == 2)
		unregister_ftrace_function(&ops);
	return rc;
}

static int __init bug_init(void)
{
	int rc = find_functions();

	if (rc)
		return rc;
	return strcmp(at, "own") ? vanish(lookup(at)) : at_own();
}

/* No exit: what ftrace has lost sight of must not go. */
module_init(bug_init);

MODULE_DESCRIPTION("Makes ftrace switch itself off");
MODULE_LICENSE("GPL");
