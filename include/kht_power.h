/* SPDX-License-Identifier: GPL-2.0-only */
/* What src/power offers beside the executors of kht_env.h. */
#ifndef KHT_POWER_H
#define KHT_POWER_H

#include <linux/types.h>
#include "kht_ledger.h"

/* NULL, or why this machine must keep stock behaviour (a sentence). */
const char *kht_power_unfit(void);

/* Congruence classes a whole-LPID tlbiel walks: 128 on POWER9, 1 on POWER10. */
unsigned int kht_tlb_sets(void);

struct kht_core kht_core_of(unsigned int cpu);

/* Completes what the guest began with tlbie or tlbiel on this CPU. */
void kht_complete_guest_flushes(bool gtse);

/*
 * True while this CPU executes one of our own broadcasts: the hook on the
 * kernel's function has to let it pass. Preemption is off then.
 */
bool kht_broadcasting(void);

#endif
