// SPDX-License-Identifier: GPL-2.0-only
/*
 * A round of a form: the TLB is filled through the translation, the tables lead
 * nowhere (ptesync), the addresses are looked at once more, the flush under
 * test is executed, the tables lead to the new page, and the addresses are
 * looked at again. What is seen before the flush tells whether this machine
 * keeps translations at all; what is seen after it, whether the flush works
 * (src/core/verdict.c).
 *
 * One CPU of each revision does it, with a sibling and a CPU of another core,
 * by their workqueues: preemptible but for single accesses and flushes.
 */
#include <linux/cpu.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/mmu.h>
#include <asm/reg.h>
#include "core/env.h"
#include "module/faults.h"
#include "power/flush.h"
#include "selftest/selftest.h"

#define ROUNDS		2
#define NO_CPU		nr_cpu_ids

struct trial {
	struct kht_space space;
	const struct form *form;
	struct kht_looks *looks;
	unsigned int cpu, sibling, other;	/* NO_CPU: there is none */
	u64 pages[64];
};

enum change {
	HOST_ENTRIES,
	BOTH_ENTRIES,		/* the host's in the first half, the guest's in the second */
	GUEST_ENTRIES,
	A_TABLE,
	R_AND_C,
};

struct form {
	enum change change;
	u32 n;			/* addresses */
	unsigned int shift;	/* of the host's pages */
	int psize;		/* the kernel's name of that size */
	void (*flush)(struct trial *t);
};

static void flush_pages(struct trial *t)
{
	kht_local_pages(t->space.lpid, t->pages, t->form->n);
}

static void flush_lpid(struct trial *t)
{
	kht_local_flush(t->space.lpid);
}

static void flush_process(struct trial *t)
{
	kht_local_flush_process(t->space.lpid);
}

static void flush_all(struct trial *t)
{
	kht_local_flush_all();
}

static void sync_only(struct trial *t)
{
	kht_local_sync(t->space.lpid);
}

/*
 * As many addresses as the log has pages. Where a flush goes by congruence
 * class, each scope has an address in each of the 128.
 */
static const struct form forms[KHT_NR_FORMS] = {
	[KHT_FORM_PAGE_4K] = { HOST_ENTRIES, 64, 12, MMU_PAGE_4K, flush_pages },
	[KHT_FORM_PAGE_64K] = { HOST_ENTRIES, 32, 16, MMU_PAGE_64K, flush_pages },
	[KHT_FORM_PAGE_2M] = { HOST_ENTRIES, 16, 21, MMU_PAGE_2M, flush_pages },
	[KHT_FORM_PAGE_1G] = { HOST_ENTRIES, 4, 30, MMU_PAGE_1G, flush_pages },
	[KHT_FORM_LPID] = { BOTH_ENTRIES, KHT_SPACE_HALF, 12, MMU_PAGE_4K, flush_lpid },
	[KHT_FORM_WALK_CACHE] = { A_TABLE, 64, 12, MMU_PAGE_4K, flush_lpid },
	[KHT_FORM_CHANGED_BIT] = { R_AND_C, 32, 12, MMU_PAGE_4K, flush_lpid },
	[KHT_FORM_ALL] = { BOTH_ENTRIES, KHT_SPACE_HALF, 12, MMU_PAGE_4K, flush_all },
	[KHT_FORM_PROCESS] = { GUEST_ENTRIES, 128, 12, MMU_PAGE_4K, flush_process },
	[KHT_FORM_SIBLING] = { BOTH_ENTRIES, 64, 12, MMU_PAGE_4K, sync_only },
	[KHT_FORM_OTHER_CORE] = { BOTH_ENTRIES, 64, 12, MMU_PAGE_4K, flush_lpid },
};

static enum kht_found look(const struct trial *t, u32 i)
{
	if (t->form->change == R_AND_C)
		return kht_space_store(&t->space, i);
	return kht_space_load(&t->space, i);
}

/*
 * Of a table every other address: the rest is then found through the walk cache
 * alone.
 */
static int fill(void *trial)
{
	struct trial *t = trial;
	u32 i, step = t->form->change == A_TABLE ? 2 : 1;
	enum kht_found expected = t->form->change == R_AND_C ? KHT_FOUND_NEW : KHT_FOUND_OLD;

	for (i = 0; i < t->form->n; i += step)
		t->looks->odd += look(t, i) != expected;
	return 0;
}

static void change_entry(struct trial *t, u32 i, bool new)
{
	switch (t->form->change) {
	case BOTH_ENTRIES:
		if (i >= t->form->n / 2)
			return kht_space_guest(&t->space, i, new);
		fallthrough;
	case HOST_ENTRIES:
		if (!new || kht_space_has_new(t->form->shift))
			kht_space_host(&t->space, t->form->shift, i, new);
		return;
	case GUEST_ENTRIES:
		return kht_space_guest(&t->space, i, new);
	case R_AND_C:
		if (!new)
			kht_space_clear_rc(&t->space, i);
		return;
	case A_TABLE:
		return;
	}
}

/* To nowhere, or (@new) from there to the new page. */
static void change(struct trial *t, bool new)
{
	u32 i;

	for (i = 0; i < t->form->n; i++)
		change_entry(t, i, new);
	if (t->form->change == A_TABLE)
		kht_space_table(&t->space, new);
	kht_complete_updates();
}

static int look_before(void *trial)
{
	struct trial *t = trial;
	enum kht_found found;
	u32 i;

	for (i = 0; i < t->form->n; i++) {
		found = look(t, i);
		t->looks->tried++;
		t->looks->stale += found == KHT_FOUND_OLD;
		t->looks->odd += found == KHT_FOUND_ELSE;
	}
	return 0;
}

/* What there is to be found in the end. */
static enum kht_found last(const struct trial *t)
{
	return kht_space_has_new(t->form->shift) ? KHT_FOUND_NEW : KHT_FOUND_NOTHING;
}

static int flush_and_look(void *trial)
{
	struct trial *t = trial;
	u32 i;

	preempt_disable();
	t->form->flush(t);
	preempt_enable();
	change(t, true);
	for (i = 0; i < t->form->n; i++)
		t->looks->left += look(t, i) != last(t);
	return 0;
}

static int flush_for_others(void *trial)
{
	preempt_disable();
	flush_lpid(trial);
	preempt_enable();
	return 0;
}

static int whole(void *trial)
{
	fill(trial);
	change(trial, false);
	look_before(trial);
	return flush_and_look(trial);
}

/* What could not be executed says nothing. */
static void on(unsigned int cpu, int (*fn)(void *), struct trial *t)
{
	t->looks->odd += smp_call_on_cpu(cpu, fn, t, false) != 0;
}

/* By a CPU whose flush is to count here, or is not to. */
static void with(struct trial *t, unsigned int helper, bool serves)
{
	on(t->cpu, fill, t);
	change(t, false);
	if (!serves)
		on(helper, flush_for_others, t);
	on(t->cpu, look_before, t);
	if (serves)
		on(helper, flush_for_others, t);
	on(t->cpu, flush_and_look, t);
}

static bool here(const struct trial *t, enum kht_form form)
{
	switch (form) {
	case KHT_FORM_SIBLING:
		return t->sibling != NO_CPU;
	case KHT_FORM_OTHER_CORE:
		return t->other != NO_CPU;
	default:
		return mmu_psize_defs[forms[form].psize].shift == forms[form].shift;
	}
}

static void play(struct trial *t, enum kht_form form)
{
	kht_space_reset(&t->space, t->form->shift, t->form->n);
	if (form == KHT_FORM_SIBLING)
		with(t, t->sibling, true);
	else if (form == KHT_FORM_OTHER_CORE)
		with(t, t->other, false);
	else
		on(t->cpu, whole, t);
}

/*
 * Where a flush of the LPID leaves something on the CPU that executes it, what
 * it does for others is no question.
 */
static bool pointless(const struct kht_looks *looks, enum kht_form form)
{
	return (form == KHT_FORM_SIBLING || form == KHT_FORM_OTHER_CORE) && looks[KHT_FORM_LPID].left;
}

static void try_form(struct trial *t, struct kht_looks *looks, enum kht_form form)
{
	u32 i;

	t->form = &forms[form];
	t->looks = &looks[form];
	if (!here(t, form))
		return;
	if (pointless(looks, form)) {
		t->looks->odd++;
		return;
	}
	for (i = 0; i < t->form->n && i < ARRAY_SIZE(t->pages); i++)
		t->pages[i] = kht_page(kht_space_page(&t->space, t->form->shift, i), t->form->shift);
	for (i = 0; i < ROUNDS; i++)
		play(t, form);
}

/* No CPU comes or goes meanwhile. */
static unsigned int sibling_of(unsigned int cpu)
{
	struct kht_core core = kht_core_of(cpu);
	unsigned int i;

	for (i = core.first; i <= core.last && i < nr_cpu_ids; i += core.step)
		if (i != cpu && cpu_online(i))
			return i;
	return NO_CPU;
}

static unsigned int cpu_of_another_core(unsigned int cpu)
{
	unsigned int i;

	for_each_online_cpu(i)
		if (kht_core_of(i).first != kht_core_of(cpu).first)
			return i;
	return NO_CPU;
}

static int read_revision(void *revision)
{
	*(u32 *)revision = mfspr(SPRN_PVR);
	return 0;
}

/* Its place in the result, or the number of those there are. */
static u32 find(const struct kht_selftest *result, u32 revision)
{
	u32 i;

	for (i = 0; i < result->nr_revisions; i++)
		if (result->revisions[i] == revision)
			return i;
	return i;
}

static void try_on(struct trial *t, struct kht_selftest *result, unsigned int cpu)
{
	struct kht_looks looks[KHT_NR_FORMS] = {};
	enum kht_form form;

	t->cpu = cpu;
	t->sibling = sibling_of(cpu);
	t->other = cpu_of_another_core(cpu);
	for (form = 0; form < KHT_NR_FORMS; form++)
		try_form(t, looks, form);
	kht_judge_all(result->verdicts, looks);
	result->nr_cpus += 1 + (t->sibling != NO_CPU) + (t->other != NO_CPU);
}

void kht_selftest_none(struct kht_selftest *result, const char *why)
{
	unsigned int i;

	result->why_not = why;
	for (i = 0; i < KHT_NR_FORMS; i++)
		result->verdicts[i] = KHT_UNTESTED;
}

/*
 * A revision is tested on its first core, and again on its first one that has
 * two threads online.
 */
static void try_revisions(struct trial *t, struct kht_selftest *result)
{
	unsigned int cpu;
	u32 revision, i;
	bool sibling;

	for_each_online_cpu(cpu) {
		sibling = sibling_of(cpu) != NO_CPU;
		if (smp_call_on_cpu(cpu, read_revision, &revision, false))
			continue;
		i = find(result, revision);
		if (i < result->nr_revisions && (result->siblings[i] || !sibling))
			continue;
		if (i == KHT_REVISIONS)
			return kht_selftest_none(result, "the machine has more than four revisions of the processor");
		result->revisions[i] = revision;
		result->siblings[i] = sibling;
		result->nr_revisions = max(result->nr_revisions, i + 1);
		try_on(t, result, cpu);
	}
}

static void run(struct trial *t, struct kht_selftest *result)
{
	ktime_t began = ktime_get();
	unsigned int i;

	for (i = 0; i < KHT_NR_FORMS; i++)
		result->verdicts[i] = KHT_ABSENT;
	cpus_read_lock();
	try_revisions(t, result);
	cpus_read_unlock();
	kht_space_free(&t->space);
	result->us = ktime_us_delta(ktime_get(), began);
}

void kht_selftest_run(struct kht_selftest *result, kht_quadrant_fn access)
{
	struct trial *t = kht_alloc(kzalloc(sizeof(*t), GFP_KERNEL));
	const char *why = t ? NULL : "there is no memory";

	*result = (struct kht_selftest){ 0 };
	if (t)
		why = kht_space_make(&t->space, access);
	if (why)
		kht_selftest_none(result, why);
	else
		run(t, result);
	kfree(t);
}

bool kht_selftest_covers_here(const struct kht_selftest *result)
{
	u32 i = find(result, mfspr(SPRN_PVR));

	if (result->why_not)
		return true;
	if (kht_fault_name("revision"))
		return false;
	return i < result->nr_revisions &&
	       (result->siblings[i] || sibling_of(smp_processor_id()) == NO_CPU);
}
