// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever returns from one function goes on a little later, as a task does that is preempted there.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/string.h>

static char function[64];
module_param_string(function, function, sizeof(function), 0400);
MODULE_PARM_DESC(function, "the function to delay the return from");

static unsigned int ms = 30;
module_param(ms, uint, 0400);
MODULE_PARM_DESC(ms, "for how many milliseconds");

static int returns(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	mdelay(ms);
	return 0;
}

static struct kretprobe probe = {
	.handler = returns,
	.kp.symbol_name = function,
};

static int __init delay_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit delay_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(delay_init);
module_exit(delay_exit);

MODULE_DESCRIPTION("Delays the return from a function");
MODULE_AUTHOR("kvm-hv-tlb authors");
MODULE_LICENSE("GPL");
