// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on demand: the parameters of builds with DEBUG_MUTANT=faults and
 * DEBUG_MUTANT=any.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include "core/base.h"
#include "module/faults.h"

#ifdef KHT_ANY_MUTANT

unsigned int kht_mutant_now;
module_param_named(mutant, kht_mutant_now, uint, 0400);
MODULE_PARM_DESC(mutant, "enum kht_mutant: the step that is left out (default 0: none)");

#endif

#ifdef KHT_FAULTS

static atomic_t allocations;		/* since fail_alloc was written */
static atomic_t failures;		/* of them */
static int fail_alloc;
static char missing[64];

static int set_fail_alloc(const char *val, const struct kernel_param *kp)
{
	int rc = param_set_int(val, kp);

	atomic_set(&allocations, 0);
	atomic_set(&failures, 0);
	return rc;
}

static int get_atomic(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%d\n", atomic_read(kp->arg));
}

static const struct kernel_param_ops fail_alloc_ops = {
	.set = set_fail_alloc,
	.get = param_get_int,
};

static const struct kernel_param_ops atomic_ops = {
	.get = get_atomic,
};

module_param_cb(fail_alloc, &fail_alloc_ops, &fail_alloc, 0600);
MODULE_PARM_DESC(fail_alloc, "the allocation that fails, counted from this write on; -1: all; 0: none");

module_param_cb(allocations, &atomic_ops, &allocations, 0400);
MODULE_PARM_DESC(allocations, "how many there have been since fail_alloc was written");

module_param_cb(failed_allocations, &atomic_ops, &failures, 0400);
MODULE_PARM_DESC(failed_allocations, "how many of them have failed");

module_param_string(missing, missing, sizeof(missing), 0600);
MODULE_PARM_DESC(missing, "the function, member or tracepoint that cannot be had");

bool kht_fault_alloc(void)
{
	int nth = atomic_inc_return(&allocations);

	if (fail_alloc != -1 && nth != fail_alloc)
		return false;
	atomic_inc(&failures);
	return true;
}

bool kht_fault_name(const char *name)
{
	return !strcmp(name, strim(missing));
}

#endif /* KHT_FAULTS */
