/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What src/core asks of its surroundings. In the module src/power/flush.c has
 * the flushes, src/guest/env.c the lock and the interrupts. Unit tests, the
 * model checker and the simulator bring their own.
 */
#ifndef KHT_ENV_H
#define KHT_ENV_H

#include "core/ledger.h"

/*
 * The ledger's lock. A thread that enters the guest owing something waits for
 * it with interrupts off. So its holder has interrupts off too, although no
 * handler takes it: a handler and the softirqs behind it would prolong the
 * hold, and with it the wait, by milliseconds. No flush is executed under it.
 * The longest hold copies the log: seven instructions an entry, 3,900 in all
 * with 512 entries and eight threads a core (6.12; tests/unit/lock_test.c keeps
 * it bounded).
 */
void kht_lock(struct kht_ledger *l);
void kht_unlock(struct kht_ledger *l);

/*
 * This thread's core drops translations of @lpid (partition scope where not
 * said otherwise), this thread its ERAT, and both are complete on return
 * (ptesync). Preemption is off; interrupts may be soft-disabled.
 */
void kht_local_flush(u32 lpid);				/* everything, in both scopes */
void kht_local_pages(u32 lpid, const u64 *pages, u32 n);	/* kht_page()s */
void kht_local_flush_process(u32 lpid);			/* everything, process scope */
void kht_local_sync(u32 lpid);				/* ERAT only */

/*
 * Of every LPID, in both scopes; the other of every hash guest. The context is
 * the same.
 */
void kht_local_flush_all(void);
void kht_hash_local_flush_all(void);

/*
 * One LPID's on every thread of the machine, complete on return. Any context.
 */
void kht_broadcast_page(u32 lpid, u64 page);
void kht_broadcast_lpid(u32 lpid);

/*
 * Of a hash guest, whose translations have one scope: locally, in the context
 * of the functions above. A logged page is the RB of its tlbie.
 */
void kht_hash_local_flush(u32 lpid);
void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n);
void kht_hash_local_sync(u32 lpid);

/* Everything of a hash guest on every thread of the machine. May sleep. */
void kht_hash_broadcast(u32 lpid);

/*
 * Interrupts the threads in guest that have not settled up to @upto, and
 * returns when each of them has left the guest: on its way back it settles.
 * Interrupts are on; the caller may hold locks that nobody waits for with
 * interrupts off.
 */
void kht_hash_kick(const struct kht_ledger *l, u64 upto);

#endif
