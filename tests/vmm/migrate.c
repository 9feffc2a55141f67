// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate: move a vCPU between cores and between threads of a core while it
 * stores, checks, and flushes its own translations.
 *   kernel   another thread moves it while it is inside KVM_RUN
 *   user     its own thread moves between two KVM_RUN
 *   sibling  as kernel, with a second vCPU in guest on the core that is left
 * Figures are of all moves together.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

static u64 moves_core, moves_thread, moves_seen;
static int at_cpu;

static int next_cpu(int cpu)
{
	if (variant("sibling") && cpu)
		return 0;
	cpu = (cpu + 1) % ncpus;
	while (variant("sibling") && same_core(cpu, SIBLING_CPU))
		cpu = (cpu + 1) % ncpus;
	return cpu;
}

static int cpu_of(int tid)
{
	char path[64], line[512], *at;
	int cpu = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		die("%s cannot be read.", path);
	fclose(f);
	/* The CPU is field 39 and the name, field 2, ends with the last ')'. */
	at = strrchr(line, ')');
	for (int i = 2; at && i < 39; i++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%d", &cpu) != 1)
		die("%s has no CPU field.", path);
	return cpu;
}

void need_sibling_cpu(void)
{
	if (!same_core(0, SIBLING_CPU) || ncpus < 3)
		die("the variant sibling needs two threads in the first core and another core.");
}

void count_move(int from, int to, int seen)
{
	if (same_core(from, to))
		moves_thread++;
	else
		moves_core++;
	if (seen == to)
		moves_seen++;
}

void report_moves(void)
{
	report_extra("moves_core", moves_core);
	report_extra("moves_thread", moves_thread);
	report_extra("moves_seen", moves_seen);
}

void move_other(struct vcpu *vcpu, struct round *r)
{
	int to = next_cpu(at_cpu);
	cpu_set_t set;
	u64 pass;

	CPU_ZERO(&set);
	CPU_SET(to, &set);
	op_begin(r);
	if (sched_setaffinity(vcpu->tid, sizeof(set), &set))
		die("the vCPU cannot be moved to CPU %d: %s.", to, strerror(errno));
	op_end(r);
	pass = pass_now(vcpu) + 2;
	pass_wait(vcpu, pass);
	expect_pass(vcpu->vm, 0, opt.pages, pass);
	count_move(at_cpu, to, cpu_of(vcpu->tid));
	at_cpu = to;
}

void move_self(struct vcpu *vcpu)
{
	int to = next_cpu(at_cpu);

	expect_pass(vcpu->vm, 0, opt.pages, pass_now(vcpu));
	pin(to);
	count_move(at_cpu, to, sched_getcpu());
	at_cpu = to;
	if (moves_core + moves_thread == opt.rounds)
		vcpu->mbox[MBOX_STOP / 8] = 1;
}

static void user_moves(struct vcpu *vcpu, struct round *r)
{
	vcpu->on_nop = move_self;
	op_begin(r);
	pass_start(vcpu, at_cpu, 0, opt.pages, 0, 0);
	vcpu_join(vcpu);
	op_end(r);
}

static void kernel_moves(struct vcpu *vcpu, struct round *r)
{
	pass_start(vcpu, at_cpu, 0, opt.pages, 0, NEVER);
	pass_wait(vcpu, 2);
	for (u64 i = 0; i < opt.rounds; i++)
		move_other(vcpu, r);
	pass_stop(vcpu);
}

void migrate(void)
{
	struct vm vm;
	struct round r;
	struct counts now;
	u64 waited;

	if (ncpus < 2)
		die("a vCPU can only move with two CPUs or more.");
	if (variant("sibling"))
		need_sibling_cpu();
	vm_create(&vm, 2, data_alloc(opt.pages + 1), opt.pages + 1);
	if (variant("sibling"))
		pass_start(&vm.vcpus[1], SIBLING_CPU, opt.pages, 1, NEVER, NEVER);
	/* Whoever moves the vCPU must not be in its way. */
	pin(-1);
	round_begin(&vm, &r);
	if (variant("user"))
		user_moves(&vm.vcpus[0], &r);
	else
		kernel_moves(&vm.vcpus[0], &r);
	counts_read(&vm, &now);
	waited = now.v[C_WAITED_IPIS] - r.before.v[C_WAITED_IPIS];
	round_end(&vm, &r);
	if (variant("sibling"))
		pass_stop(&vm.vcpus[1]);
	expect_pass(&vm, 0, opt.pages, pass_now(&vm.vcpus[0]));
	report_moves();
	report_extra("ipis_per_move_x1000", waited * 1000 / opt.rounds);
	report(&vm);
}
