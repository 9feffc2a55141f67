// SPDX-License-Identifier: GPL-2.0-only
/* The tunables: what modinfo shows, and the refusal of values out of range. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include "attach/attach.h"
#include "core/ledger.h"
#include "module/main.h"
#include "module/params.h"

bool kht_param_enabled = true;
bool kht_param_defer = true;
bool kht_param_lazy_move = true;
bool kht_param_hpt_defer;
bool kht_param_hpt_local;
bool kht_param_rc_sync = true;
bool kht_param_rc_audit;
unsigned int kht_param_batch_ceiling = 64;
unsigned int kht_param_log_entries = 64;
unsigned int kht_param_selftest = KHT_SELFTEST_ON;
bool kht_untested_cpu;

/*
 * As many characters of @val are for the log's line: echo ends it with a
 * newline.
 */
static int shown(const char *val)
{
	return strcspn(val, "\n");
}

static int set_pages(const char *val, const struct kernel_param *kp)
{
	unsigned int n;

	if (kstrtouint(val, 0, &n) || n > KHT_LOG_MAX) {
		pr_err("%s: '%.*s' is not a number of pages from 0 to %u\n", kp->name,
		       shown(val), val, KHT_LOG_MAX);
		return -EINVAL;
	}
	*(unsigned int *)kp->arg = n;
	return 0;
}

static int set_switch(const char *val, const struct kernel_param *kp)
{
	int rc = param_set_bool(val, kp);

	if (rc)
		pr_err("%s: '%.*s' is neither 0 nor 1\n", kp->name, shown(val), val);
	return rc;
}

static int set_enabled(const char *val, const struct kernel_param *kp)
{
	int rc = set_switch(val, kp);

	return rc ? rc : kht_apply_enabled();
}

static int set_hpt(const char *val, const struct kernel_param *kp)
{
	int rc = set_switch(val, kp);

	if (!rc)
		kht_apply_hpt();
	return rc;
}

static const char * const selftest_values[] = {
	[KHT_SELFTEST_OFF] = "0",
	[KHT_SELFTEST_ON] = "1",
	[KHT_SELFTEST_REQUIRE] = "require",
};

static int set_selftest(const char *val, const struct kernel_param *kp)
{
	int n = __sysfs_match_string(selftest_values, ARRAY_SIZE(selftest_values), val);

	if (n < 0) {
		pr_err("%s: '%.*s' is none of 0, 1 and require\n", kp->name, shown(val), val);
		return -EINVAL;
	}
	WRITE_ONCE(kht_param_selftest, n);
	return 0;
}

static int get_selftest(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%s\n", selftest_values[kht_param_selftest]);
}

static const struct kernel_param_ops selftest_ops = {
	.set = set_selftest,
	.get = get_selftest,
};

static const struct kernel_param_ops pages_ops = {
	.set = set_pages,
	.get = param_get_uint,
};

static const struct kernel_param_ops switch_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_switch,
	.get = param_get_bool,
};

static const struct kernel_param_ops enabled_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_enabled,
	.get = param_get_bool,
};

static const struct kernel_param_ops hpt_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_hpt,
	.get = param_get_bool,
};

module_param_cb(enabled, &enabled_ops, &kht_param_enabled, 0600);
__MODULE_PARM_TYPE(enabled, "bool");
MODULE_PARM_DESC(enabled, "attach to kvm-hv; 0 settles every debt and restores stock behaviour at run time (default 1)");

module_param_cb(defer, &switch_ops, &kht_param_defer, 0600);
__MODULE_PARM_TYPE(defer, "bool");
MODULE_PARM_DESC(defer, "record invalidations of a guest that nobody runs and settle them at its next entry, instead of broadcasting (default 1)");

module_param_cb(lazy_move, &switch_ops, &kht_param_lazy_move, 0600);
__MODULE_PARM_TYPE(lazy_move, "bool");
MODULE_PARM_DESC(lazy_move, "move vCPUs without waiting for an interrupt (default 1)");

module_param_cb(hpt_defer, &hpt_ops, &kht_param_hpt_defer, 0600);
__MODULE_PARM_TYPE(hpt_defer, "bool");
MODULE_PARM_DESC(hpt_defer, "do with hash guests too what defer and batch_ceiling say; 0: as the kernel does; not tried on silicon yet (default 0)");

module_param_cb(hpt_local, &hpt_ops, &kht_param_hpt_local, 0600);
__MODULE_PARM_TYPE(hpt_local, "bool");
MODULE_PARM_DESC(hpt_local, "flush what a hash guest removes itself (H_REMOVE, H_BULK_REMOVE, H_PROTECT) on its core only, where nobody else can use it or the guest says so (H_LOCAL); not tried on silicon yet (default 0)");

module_param_cb(rc_sync, &switch_ops, &kht_param_rc_sync, 0600);
__MODULE_PARM_TYPE(rc_sync, "bool");
MODULE_PARM_DESC(rc_sync, "keep the referenced and changed bits of nested guests' shadow tables in step, and flush the LPID they belong to; 0: as the kernel does (default 1)");

module_param_cb(rc_audit, &switch_ops, &kht_param_rc_audit, 0600);
__MODULE_PARM_TYPE(rc_audit, "bool");
MODULE_PARM_DESC(rc_audit, "after each harvest of a guest's dirty log, compare all shadow tables of its nested guests with the two tables they are made of; findings go to the log and to tlb_rc_findings (default 0)");

module_param_cb(batch_ceiling, &pages_ops, &kht_param_batch_ceiling, 0600);
__MODULE_PARM_TYPE(batch_ceiling, "uint");
MODULE_PARM_DESC(batch_ceiling, "pages a batch broadcasts one by one before it flushes the whole LPID; at most log_entries take effect, 0 to 512 (default 64)");

module_param_cb(log_entries, &pages_ops, &kht_param_log_entries, 0400);
__MODULE_PARM_TYPE(log_entries, "uint");
MODULE_PARM_DESC(log_entries, "invalidated pages remembered per guest; a core further behind flushes the whole LPID, 0 to 512 (default 64)");

module_param_cb(selftest, &selftest_ops, &kht_param_selftest, 0600);
__MODULE_PARM_TYPE(selftest, "0, 1 or require");
MODULE_PARM_DESC(selftest, "before anything rests on this machine's flushes, see whether they work; what fails goes off; require: whatever is not proved goes off; from the next attachment on (default 1)");
