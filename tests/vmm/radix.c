// SPDX-License-Identifier: GPL-2.0-only
/*
 * What debugfs says of a VM's tables: its file `radix` has all entries of the host's table for it, then of
 * each nested guest's shadow; the module's rc_audit compares them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "nested.h"

/* Finds the section of @number, then the line of @address in it. */
static bool find_in_radix(FILE *f, u64 number, u64 address, u64 *found)
{
	u64 section = 0, at, value;
	bool seen = !number;
	char line[128];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Nested LPID %llu:", &section) == 1)
			seen |= section == number;
		else if (section == number && sscanf(line, " %llx: %llx", &at, &value) == 2 && at == address)
			*found = value;
	}
	return seen;
}

static FILE *open_radix(const struct vm *vm)
{
	int fd = openat(vm->debugfs, "radix", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f)
		die("the VM's debugfs file radix cannot be read: %s.", strerror(errno));
	return f;
}

static bool read_radix(const struct vm *vm, u64 number, u64 address, u64 *found)
{
	FILE *f = open_radix(vm);
	bool seen;

	seen = find_in_radix(f, number, address, found);
	fclose(f);
	return seen;
}

u64 radix_entry(const struct vm *vm, u64 number, u64 address)
{
	u64 found = 0;

	read_radix(vm, number, address, &found);
	return found;
}

bool radix_has(const struct vm *vm, u64 number)
{
	u64 found;

	return read_radix(vm, number, 0, &found);
}

/* Those of @shift in the section of @number, from @first on, as many as the data may have. */
static u64 count_leaves(const struct vm *vm, u64 number, u64 first, unsigned int shift)
{
	u64 section = 0, at, value, n = 0, end = first + whole_units(vm->pages) * page_size;
	FILE *f = open_radix(vm);
	unsigned int size;
	char line[128];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Nested LPID %llu:", &section) == 1 || section != number)
			continue;
		if (sscanf(line, " %llx: %llx %u", &at, &value, &size) == 3)
			n += at >= first && at < end && size == shift;
	}
	fclose(f);
	return n;
}

#define UNSEEN (~0ULL)

static u64 fewest_whole = UNSEEN, fewest_split = UNSEEN, fewest_shadow = UNSEEN;

static void note(u64 *fewest, u64 n)
{
	if (n < *fewest)
		*fewest = n;
}

u64 whole_leaves(const struct vm *vm)
{
	return count_leaves(vm, 0, DATA_GPA, unit_shift());
}

void leaves_whole(const struct vm *vm)
{
	if (opt.backing != SMALL)
		note(&fewest_whole, whole_leaves(vm));
}

void leaves_split(const struct vm *vm)
{
	if (opt.backing != SMALL)
		note(&fewest_split, count_leaves(vm, 0, DATA_GPA, __builtin_ctzll(page_size)));
}

void leaves_of_shadow(const struct vm *vm, const struct l2 *l2)
{
	if (opt.backing != SMALL)
		note(&fewest_shadow, count_leaves(vm, l2->number, l2_real(l2, 0), unit_shift()));
}

static void report_seen(const char *name, u64 fewest)
{
	if (fewest != UNSEEN)
		report_extra(name, fewest);
}

void report_leaves(void)
{
	report_seen("whole_leaves", fewest_whole);
	report_seen("split_leaves", fewest_split);
	report_seen("shadow_leaves", fewest_shadow);
}

#define AUDIT	"/sys/kernel/debug/kvm_hv_tlb/rc_audit"

void expect_audited(const char *when)
{
	char line[128], first[128] = "";
	u64 findings = 1;
	FILE *f = fopen(AUDIT, "re");
	bool off;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (!first[0])
			memcpy(first, line, sizeof(first));
		sscanf(line, "audited %*u entries of %*u nested guests: %llu findings", &findings);
	}
	off = ferror(f) && errno == EOPNOTSUPP;
	fclose(f);
	if (findings && !off)
		wrong("the auditor has %llu findings %s: %s", findings, when, first[0] ? first : "no last line");
}
