// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds one function as a livepatch does: nobody else may redirect it while this module is
 * loaded (FTRACE_OPS_FL_IPMODIFY). It changes nothing itself.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/string.h>

static char function[64];
module_param_string(function, function, sizeof(function), 0400);
MODULE_PARM_DESC(function, "the function to hold");

static void notrace nothing(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			    struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = {
	.func = nothing,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static int __init hold_init(void)
{
	int rc = ftrace_set_filter(&ops, (unsigned char *)function, strlen(function), 1);

	if (!rc)
		rc = register_ftrace_function(&ops);
	if (rc)
		ftrace_free_filter(&ops);
	return rc;
}

static void __exit hold_exit(void)
{
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
}

module_init(hold_init);
module_exit(hold_exit);

MODULE_DESCRIPTION("Holds one function as a livepatch does");
MODULE_AUTHOR("kvm-hv-tlb authors");
MODULE_LICENSE("GPL");
