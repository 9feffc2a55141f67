// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpu-online: the last CPU goes offline and comes online, which is the operation, while a guest that runs on the
 * first one has nothing to do with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

static bool switched(const char *to)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", ncpus - 1);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s cannot be opened: %s; the kernel needs CONFIG_HOTPLUG_CPU.", path, strerror(errno));
	err = write(fd, to, 1) < 0;
	close(fd);
	return !err;
}

/* The kernel gives up a CPU that stands still for 5 s, as an emulated one may. */
static void switch_cpu(const char *to)
{
	if (switched(to))
		return;
	sleep(1);
	if (!switched(to))
		die("CPU %d cannot be switched to %s: %s.", ncpus - 1, to, strerror(errno));
}

void cpu_online(void)
{
	u64 value = 1;
	struct round r;
	struct vm vm;

	if (same_core(0, ncpus - 1))
		die("the last CPU has to be another core's.");
	vm_create(&vm, 1, data_alloc(opt.pages), opt.pages);
	guest_fill(&vm.vcpus[0], 0, opt.pages, value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++) {
		switch_cpu("0");
		round_begin(&vm, &r);
		op_begin(&r);
		switch_cpu("1");
		op_end(&r);
		guest_fill(&vm.vcpus[0], 0, opt.pages, value + opt.pages, value, 1);
		round_end(&vm, &r);
		value += opt.pages;
		expect_fill(&vm, 0, opt.pages, value, "after a CPU came online");
	}
	report_extra("tlb_sets", tlb_sets());
	report(&vm);
}
