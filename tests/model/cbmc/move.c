// SPDX-License-Identifier: GPL-2.0-only
/*
 * src/core/move.c for CBMC: every sequence of STEPS times that one vCPU is loaded on some CPU, runs or not, and is put.
 * What a guest began on a CPU (tlbie; tlbsync; ptesync) is complete when it goes on on another.
 */
#include <assert.h>
#include "core/move.h"

#ifndef STEPS
#define STEPS	8
#endif
#define CPUS	4

unsigned int nondet_uint(void);
bool nondet_bool(void);

int main(void)
{
	struct kht_vcpu v;
	int begun_on = -1, prev = -1;
	int i;

	kht_vcpu_init(&v);
	v.credit = 0;
	v.spent = false;
	for (i = 0; i < STEPS; i++) {
		unsigned int cpu = nondet_uint();
		struct kht_move m;

		__CPROVER_assume(cpu < CPUS);
		m = kht_vcpu_load(&v, prev, cpu, prev >= 0 && prev / 2 == (int)cpu / 2);
		if (m.ipi >= 0 && m.ipi == begun_on)
			begun_on = -1;
		assert(m.debt == (prev >= 0 && prev / 2 != (int)cpu / 2));
		if (m.moved)
			prev = cpu;
		if (nondet_bool()) {
			assert(begun_on < 0 || begun_on == (int)cpu);
			begun_on = prev = cpu;
			kht_vcpu_ran(&v, cpu);
		}
		if (kht_vcpu_put(&v, nondet_bool()) && begun_on == (int)cpu)
			begun_on = -1;
		assert(v.credit <= KHT_SYNC_CREDIT);
	}
	return 0;
}
