/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What src/core asks of the machine. The module implements these in src/power;
 * unit tests and the simulator bring their own.
 */
#ifndef KHT_ENV_H
#define KHT_ENV_H

#include "kht_ledger.h"

/*
 * The ledger's lock: short, preemption off while held. No interrupt handler takes
 * it, so interrupts may be on or off.
 */
void kht_lock(struct kht_ledger *l);
void kht_unlock(struct kht_ledger *l);

/*
 * This thread's core drops translations of @lpid (partition scope where not said
 * otherwise), this thread its ERAT, and both are complete on return (ptesync). Preemption is off;
 * interrupts may be soft-disabled.
 */
void kht_local_flush(u32 lpid);				/* everything */
void kht_local_pages(u32 lpid, const u64 *pages, u32 n);	/* kht_page()s */
void kht_local_flush_process(u32 lpid);			/* everything, process scope */
void kht_local_sync(u32 lpid);				/* ERAT only */

/* The same on every thread of the machine, complete on return. Any context. */
void kht_broadcast_page(u32 lpid, u64 page);
void kht_broadcast_lpid(u32 lpid);

#endif
