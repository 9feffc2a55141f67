// SPDX-License-Identifier: GPL-2.0-only
/* DAMON, where the kernel has it (from 6.12 on): it clears R of pages, and so makes KVM age them. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nested.h"

#define DAMON "/sys/kernel/mm/damon/admin/kdamonds/"
#define PATIENCE_NS (20 * 1000000000ULL)

static void damon(const char *file, u64 number)
{
	char path[160], text[24];
	FILE *f;

	snprintf(path, sizeof(path), DAMON "%s", file);
	snprintf(text, sizeof(text), "%llu", number);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		die("%s does not take %s; the kernel needs CONFIG_DAMON_SYSFS and CONFIG_DAMON_VADDR.", path, text);
}

static void damon_word(const char *file, const char *word)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), DAMON "%s", file);
	f = fopen(path, "we");
	if (!f || fputs(word, f) < 0 || fclose(f))
		die("%s does not take '%s'.", path, word);
}

bool damon_there(void)
{
	return !access(DAMON, F_OK);
}

/* A region for each page: DAMON clears R of one page in each region each time it samples. */
void damon_set_up(const struct vm *vm, u64 pages)
{
	char file[96];

	damon("nr_kdamonds", 1);
	damon("0/contexts/nr_contexts", 1);
	damon_word("0/contexts/0/operations", "fvaddr");
	damon("0/contexts/0/monitoring_attrs/intervals/sample_us", 5000);
	damon("0/contexts/0/monitoring_attrs/intervals/aggr_us", 50000);
	damon("0/contexts/0/monitoring_attrs/nr_regions/max", 2 * pages);
	damon("0/contexts/0/monitoring_attrs/nr_regions/min", pages);
	damon("0/contexts/0/targets/nr_targets", 1);
	damon("0/contexts/0/targets/0/pid_target", getpid());
	damon("0/contexts/0/targets/0/regions/nr_regions", pages);
	for (u64 i = 0; i < pages; i++) {
		u64 start = (u64)page_word(vm, i);

		snprintf(file, sizeof(file), "0/contexts/0/targets/0/regions/%llu/end", i);
		damon(file, start + page_size);
		snprintf(file, sizeof(file), "0/contexts/0/targets/0/regions/%llu/start", i);
		damon(file, start);
	}
}

/* DAMON leaves pages alone that are still in this CPU's list of new ones: MADV_COLD empties it. */
static void put_on_lru(void)
{
	static char *any;

	if (!any)
		any = data_alloc(1);
	*(volatile char *)any = 1;
	if (madvise(any, page_size, MADV_COLD))
		die("madvise refused MADV_COLD.");
}

static bool all_old(const struct vm *vm, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		if (radix_entry(vm, 0, DATA_GPA + i * page_size) & PTE_R)
			return false;
	return true;
}

void damon_make_old(const struct vm *vm, u64 pages)
{
	u64 deadline = now_ns() + PATIENCE_NS;

	put_on_lru();
	damon_word("0/state", "on");
	while (!all_old(vm, pages)) {
		if (now_ns() > deadline)
			die("DAMON does not age the guest's pages.");
		usleep(5000);
	}
	damon_word("0/state", "off");
}
