// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpu-online: a core other than the first goes offline and comes online.
 *   idle    its last CPU does, which is the operation; a guest that runs on the first CPU has nothing to do with it
 *   detach  all of it does, and the module is switched off meanwhile; the guest has run there before, and comes back.
 *           For a hash guest (--mmu hash): what it flushes then is left to stock
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

#define MAX_CPUS	64

static bool moves[MAX_CPUS];	/* the CPUs that go and come */
static struct vm vm;
static struct round r;
static u64 value = 1;

static bool written(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		die("%s cannot be opened: %s.", path, strerror(errno));
	ok = write(fd, text, strlen(text)) > 0;
	close(fd);
	return ok;
}

/* The kernel gives up a CPU that stands still for 5 s, as an emulated one may. */
static void switch_cpu(int cpu, const char *to)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	if (written(path, to))
		return;
	sleep(1);
	if (!written(path, to))
		die("CPU %d cannot be switched to %s: %s.", cpu, to, strerror(errno));
}

static void switch_core(const char *to)
{
	for (int cpu = 0; cpu < ncpus; cpu++)
		if (moves[cpu])
			switch_cpu(cpu, to);
}

static void enable_module(const char *to)
{
	if (!written("/sys/module/kvm_hv_tlb/parameters/enabled", to))
		die("the module cannot be switched to %s: %s.", to, strerror(errno));
}

static void fill(void)
{
	guest_fill(&vm.vcpus[0], 0, opt.pages, value + opt.pages, value, 1);
	value += opt.pages;
	expect_fill(&vm, 0, opt.pages, value, "after a CPU came online");
}

static void idle_round(void)
{
	switch_core("0");
	round_begin(&vm, &r);
	op_begin(&r);
	switch_core("1");
	op_end(&r);
	fill();
	round_end(&vm, &r);
}

static void detach_round(void)
{
	pin(ncpus - 1);
	fill();
	pin(0);
	switch_core("0");
	enable_module("0");
	switch_core("1");
	pin(ncpus - 1);
	round_begin(&vm, &r);
	fill();
	round_end(&vm, &r);
	pin(0);
	enable_module("1");
}

void cpu_online(void)
{
	if (ncpus > MAX_CPUS || same_core(0, ncpus - 1))
		die("the last CPU has to be another core's.");
	for (int cpu = 0; cpu < ncpus; cpu++)
		moves[cpu] = variant("idle") ? cpu == ncpus - 1 : same_core(cpu, ncpus - 1);
	vm_create(&vm, 1, data_alloc(opt.pages), opt.pages);
	guest_fill(&vm.vcpus[0], 0, opt.pages, value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++)
		if (variant("idle"))
			idle_round();
		else
			detach_round();
	report_extra("tlb_sets", tlb_sets());
	report(&vm);
}
