// SPDX-License-Identifier: GPL-2.0-only
/*
 * pressure: vCPUs store and check while the host takes their memory away in every way it
 * has when memory is short: reclaim to swap, KSM, migration to another node, copy on write
 * for a forked process. Nothing is ever lost then, so the guest must find no page
 * empty.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm.h"

#define TLBIEL_MASK	1023
#define EXIT_MASK	255
#define LONGEST_RANGE	64
#define PAUSE_US	100000
#define MAX_NODE	64

static struct vm vm;
static struct round whole;

/* Returns whether the kernel can do it. */
static bool advise(int advice)
{
	u64 first, count = random_range(&vm, LONGEST_RANGE, &first);
	bool did;

	op_begin(&whole);
	did = !madvise(vm.data + first * page_size, count * page_size, advice);
	op_end(&whole);
	return did;
}

static bool page_out(void)
{
	return advise(MADV_PAGEOUT);
}

static bool cold(void)
{
	return advise(MADV_COLD);
}

static bool merge(void)
{
	return advise(MADV_MERGEABLE);
}

static bool unmerge(void)
{
	return advise(MADV_UNMERGEABLE);
}

/* To another node and back: refused where there is one only. */
static bool migrate_nodes(void)
{
	unsigned long from = 1UL << random_below(2), to = 3UL & ~from;
	long left;

	op_begin(&whole);
	left = syscall(SYS_migrate_pages, 0, MAX_NODE, &from, &to);
	op_end(&whole);
	return left >= 0;
}

/* What the guest stores from here on is its own copy. */
static bool copy_on_write(void)
{
	pid_t child;

	op_begin(&whole);
	child = fork();
	if (!child) {
		usleep(random_below(20000));
		_exit(0);
	}
	op_end(&whole);
	return child > 0 && waitpid(child, NULL, 0) == child;
}

static bool move(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(random_below(ncpus), &set);
	return !sched_setaffinity(vm.vcpus[random_below(vm.nvcpus)].tid, sizeof(set), &set);
}

static bool check(void)
{
	for (u64 i = 0; i < vm.nvcpus; i++) {
		u64 pass = pass_now(&vm.vcpus[i]) + 2;

		pass_wait(&vm.vcpus[i], pass);
		expect_pass(&vm, i * pages_share(), pages_share(), pass);
	}
	return true;
}

static struct operation {
	const char *name;
	bool (*run)(void);
	u64 done;
} operations[] = {
	{ "page_outs",	page_out,	0 },
	{ "colds",	cold,		0 },
	{ "merges",	merge,		0 },
	{ "unmerges",	unmerge,	0 },
	{ "migrations",	migrate_nodes,	0 },
	{ "forks",	copy_on_write,	0 },
	{ "moves",	move,		0 },
	{ "checks",	check,		0 },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* Time for KSM: until the next pass this vCPU's pages are alike. */
static void pause_vcpu(struct vcpu *vcpu)
{
	(void)vcpu;
	usleep(PAUSE_US);
}

void pressure(void)
{
	u64 end = now_ns() + opt.seconds * 1000000000ULL, zeros = 0, ops = 0;

	opt.pages -= opt.pages % opt.vcpus;
	vm_create(&vm, opt.vcpus, data_alloc(opt.pages), opt.pages);
	pin(-1);
	end_on_sigterm();
	round_begin(&vm, &whole);
	for (u64 i = 0; i < vm.nvcpus; i++) {
		vm.vcpus[i].on_nop = pause_vcpu;
		pass_start(&vm.vcpus[i], -1, i * pages_share(), pages_share(), TLBIEL_MASK, EXIT_MASK);
	}
	for (; now_ns() < end && !asked_to_end; ops++) {
		struct operation *operation = &operations[random_below(NR_OPERATIONS)];

		operation->done += operation->run();
	}
	for (u64 i = 0; i < vm.nvcpus; i++)
		pass_stop(&vm.vcpus[i]);
	for (u64 i = 0; i < vm.nvcpus; i++) {
		expect_pass(&vm, i * pages_share(), pages_share(), pass_now(&vm.vcpus[i]));
		zeros += vm.vcpus[i].mbox[MBOX_ZEROS / 8];
	}
	/* Each page is empty once, at first. */
	if (zeros > opt.pages)
		wrong("the guest found %llu pages empty, and nobody emptied any.", zeros - opt.pages);
	round_end(&vm, &whole);
	report_extra("ops", ops);
	for (u64 i = 0; i < NR_OPERATIONS; i++)
		report_extra(operations[i].name, operations[i].done);
	report(&vm);
}
