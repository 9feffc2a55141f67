// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever calls one function goes on a little later, as a task does that is preempted there. Not a probe: on a
 * preemptible kernel one at a function's entry is a danger of its own (doc/stock-faults.md).
 */
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/string.h>

static char function[64];
module_param_string(function, function, sizeof(function), 0400);
MODULE_PARM_DESC(function, "the function whose callers are delayed");

static unsigned int ms = 30;
module_param(ms, uint, 0400);
MODULE_PARM_DESC(ms, "for how many milliseconds");

static void notrace delay(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *regs)
{
	mdelay(ms);
}

static struct ftrace_ops ops = {
	.func = delay,
};

static int __init delay_init(void)
{
	int rc = ftrace_set_filter(&ops, (unsigned char *)function, strlen(function), 1);

	if (!rc)
		rc = register_ftrace_function(&ops);
	if (rc)
		ftrace_free_filter(&ops);
	return rc;
}

static void __exit delay_exit(void)
{
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
}

module_init(delay_init);
module_exit(delay_exit);

MODULE_DESCRIPTION("Delays the callers of a function");
MODULE_AUTHOR("kvm-hv-tlb authors");
MODULE_LICENSE("GPL");
