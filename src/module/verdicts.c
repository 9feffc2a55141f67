// SPDX-License-Identifier: GPL-2.0-only
/* What the self-test has found: a line of the log, and lines of `status`. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include "module/params.h"
#include "module/verdicts.h"

static struct kht_selftest found = { .why_not = "nothing is attached yet" };
static char why_not[KHT_WHY];

/* Appends the names of @which, by bit. */
static void add_names(char *text, size_t size, u32 which)
{
	size_t used = strlen(text);
	unsigned int i;

	for (i = 0; i < KHT_NR_FORMS; i++)
		if (which >> i & 1)
			used += scnprintf(text + used, size - used, " %s", kht_form_name(i));
}

static bool required(void)
{
	return READ_ONCE(kht_param_selftest) == KHT_SELFTEST_REQUIRE;
}

/* One line, whatever there is to say. */
static void report(void)
{
	char failed[KHT_WHY] = "";
	unsigned int i;
	u32 which = 0;

	if (found.why_not) {
		pr_info("self-test: not run, %s\n", found.why_not);
		return;
	}
	for (i = 0; i < KHT_NR_FORMS; i++)
		if (found.verdicts[i] == KHT_FAILED)
			which |= 1U << i;
	add_names(failed, sizeof(failed), which);
	if (which)
		pr_warn("self-test: this machine keeps what has been flushed:%s; status has what is off\n", failed);
	else
		pr_info("self-test: %s, in %llu us\n", kht_verdict_name(kht_worst(found.verdicts)), found.us);
}

void kht_verdicts_find(kht_quadrant_fn access, const char *cannot)
{
	if (READ_ONCE(kht_param_selftest) == KHT_SELFTEST_OFF)
		cannot = "the parameter is 0";
	if (!cannot[0]) {
		kht_selftest_run(&found, access);
	} else {
		strscpy(why_not, cannot, KHT_WHY);
		kht_selftest_none(&found, why_not);
	}
	report();
}

bool kht_verdicts_allow(enum kht_rests what, char why[KHT_WHY])
{
	u32 forbidding = kht_forbids(found.verdicts, what, required());

	if (!forbidding)
		return true;
	strscpy(why, required() ? "selftest=require, and not proved:" : "the self-test failed:", KHT_WHY);
	add_names(why, KHT_WHY, forbidding);
	return false;
}

bool kht_verdicts_hold_here(void)
{
	return kht_selftest_covers_here(&found);
}

void kht_verdicts_show(struct seq_file *m)
{
	unsigned int i;

	if (found.why_not) {
		seq_printf(m, "selftest: not run (%s)\n", found.why_not);
		return;
	}
	seq_printf(m, "selftest: %s\n", kht_verdict_name(kht_worst(found.verdicts)));
	for (i = 0; i < KHT_NR_FORMS; i++)
		seq_printf(m, "selftest_%s: %s\n", kht_form_name(i), kht_verdict_name(found.verdicts[i]));
	seq_printf(m, "selftest_us: %llu\nselftest_cpus: %u\nselftest_pvr:", found.us, found.nr_cpus);
	for (i = 0; i < found.nr_revisions; i++)
		seq_printf(m, " %#x", found.revisions[i]);
	seq_puts(m, "\n");
}
