// SPDX-License-Identifier: GPL-2.0-only
/* The table of features, and what the admin reads of it. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include "module/features.h"
#include "module/params.h"

struct kht_feature kht_features[KHT_NR_FEATURES] = {
	[KHT_DEFER] = { .name = "defer", .param = &kht_param_defer },
	[KHT_PAGE_LOG] = { .name = "page_log" },
	[KHT_SIBLINGS] = { .name = "siblings" },
	[KHT_LAZY_MOVE] = { .name = "lazy_move", .param = &kht_param_lazy_move },
	[KHT_NESTED] = { .name = "nested", .needs = &kht_features[KHT_DEFER] },
	[KHT_NESTED_CALLS] = { .name = "nested_calls", .needs = &kht_features[KHT_NESTED] },
	/* Nothing of its own is attached. */
	[KHT_RC_SYNC] = { .name = "rc_sync", .param = &kht_param_rc_sync,
			  .needs = &kht_features[KHT_NESTED], .on = true },
	[KHT_HPT_DEFER] = { .name = "hpt_defer", .param = &kht_param_hpt_defer,
			    .needs = &kht_features[KHT_DEFER] },
	[KHT_HPT_LOCAL] = { .name = "hpt_local", .param = &kht_param_hpt_local,
			    .needs = &kht_features[KHT_HPT_DEFER] },
	[KHT_RC_AUDIT] = { .name = "rc_audit", .param = &kht_param_rc_audit },
};

bool kht_feature_attached(enum kht_feature_id id, int rc)
{
	struct kht_feature *f = &kht_features[id];

	if (!rc) {
		f->why[0] = 0;
		return true;
	}
	pr_warn("%s: off, %s\n", f->name, f->why);
	return false;
}

void kht_feature_waits(enum kht_feature_id id, const char *why)
{
	strscpy(kht_features[id].why, why, KHT_WHY);
}

/* What could not be attached comes before what the admin has switched off. */
static void show(struct seq_file *m, const struct kht_feature *f)
{
	if (f->needs && !READ_ONCE(f->needs->on))
		seq_printf(m, "%s: off (%s is off)\n", f->name, f->needs->name);
	else if (f->why[0])
		seq_printf(m, "%s: off (%s)\n", f->name, f->why);
	else if (f->param && !READ_ONCE(*f->param))
		seq_printf(m, "%s: off (the parameter is 0)\n", f->name);
	else
		seq_printf(m, "%s: %s\n", f->name, READ_ONCE(f->on) ? "on" : "off (changing just now)");
}

void kht_features_show(struct seq_file *m, const char *passive)
{
	const struct kht_feature *f;

	for (f = kht_features; f < kht_features + KHT_NR_FEATURES; f++)
		if (passive)
			seq_printf(m, "%s: off (%s)\n", f->name, passive);
		else
			show(m, f);
}
