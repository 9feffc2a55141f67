// SPDX-License-Identifier: GPL-2.0-only
/* vCPU moves; src/core/move.h has the reasoning. */
#include "core/move.h"

/*
 * The vCPU's thread gives up its CPU. Returns true when that CPU has to run
 * the order sequence now; false when it has nothing unfinished or the price is
 * not worth paying.
 */
bool kht_vcpu_put(struct kht_vcpu *v, bool scheduled_out)
{
	if (v->ran_on < 0 || !kht_vcpu_may_sync(v, scheduled_out))
		return false;
	if (!scheduled_out) {
		v->credit--;
		v->spent = true;
	}
	v->ran_on = -1;
	return true;
}

/*
 * The vCPU's thread takes @cpu; the vCPU last ran on @prev_cpu (-1: never). May
 * be left out when the two are equal.
 * Threads of one core share the TLB, so a move between them leaves no debt.
 */
struct kht_move kht_vcpu_load(struct kht_vcpu *v, int prev_cpu, int cpu, bool same_core)
{
	struct kht_move m = { .ipi = -1 };

	if (prev_cpu < 0 || prev_cpu == cpu)
		return m;
	m.moved = true;
	m.debt = !same_core && !kht_mutant(KHT_MUT_NO_MOVE_DEBT);
	if (v->ran_on >= 0 && v->ran_on != cpu) {
		m.ipi = v->ran_on;
		v->ran_on = -1;
	}
	if (m.ipi >= 0 || v->spent)
		v->credit = KHT_SYNC_CREDIT;
	v->spent = false;
	return m;
}
