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

static bool read_radix(const struct vm *vm, u64 number, u64 address, u64 *found)
{
	int fd = openat(vm->debugfs, "radix", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool seen;

	if (!f)
		die("the VM's debugfs file radix cannot be read: %s.", strerror(errno));
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
