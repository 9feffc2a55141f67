// SPDX-License-Identifier: GPL-2.0-only
/* What src/guest does with the inline functions of src/core; compiled as that is, so that they count. */
#include "steps.h"

void step_enter(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu, u64 key, struct kht_core core)
{
	if (!kht_mark(l, &t->guest, key, cpu))
		return;
#ifndef KHT_ANYWHERE
	if (!kht_must_settle(l, cpu))
		return;
#endif
	kht_settle(l, t, cpu, core);
}

#ifdef KHT_ANYWHERE
void step_load(struct kht_places *p, u32 i, int cpu)
{
	kht_loaded(p, i, cpu, cpu);
}
#endif
