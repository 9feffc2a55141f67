/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STEPS_H
#define STEPS_H

#include "core/env.h"
#include "core/protocol.h"

void step_enter(struct kht_ledger *l, struct kht_thread *t, unsigned int cpu, u64 key, struct kht_core core);
#ifdef KHT_ANYWHERE	/* not in trees of before there were places, which serve for a comparison */
void step_load(struct kht_places *p, u32 i, int cpu);
#endif

#endif
