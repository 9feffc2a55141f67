// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the place of hooks.c on a kernel without ftrace or kprobes: features that
 * rest on hooks are off, by name, and a replacement kvm-hv, which needs none,
 * has them all the same.
 */
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include "attach/attach.h"

int kht_attach_hooks(enum kht_hooks which, char why[KHT_WHY])
{
	if (kht_is_direct())
		return kht_direct_hooks(which, why);
	snprintf(why, KHT_WHY, "%s", IS_ENABLED(CONFIG_KPROBES) ?
		 "this kernel was built without CONFIG_FUNCTION_TRACER" :
		 "this kernel was built without CONFIG_KPROBES");
	return -EOPNOTSUPP;
}

void kht_detach_hooks(enum kht_hooks which)
{
	if (kht_is_direct())
		kht_direct_unhook(which);
}
