/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the unit tests share: a small machine without hardware, whose executors
 * only write down what they were asked to do, and the runner.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/env.h"
#include "core/reach.h"
#include "core/protocol.h"

#define LPID		7u
#define CPUS		8u
#define THREADS		2u	/* per core */
#define LOG		64u

/* What was executed since the last forget(). */
struct done {
	unsigned int flushes, process_flushes, syncs, replays, broadcast_lpids;
	unsigned int all_flushes, hash_all_flushes;
	unsigned int hash_flushes, hash_syncs, hash_replays, hash_broadcasts, kicks;
	unsigned int nr_pages, nr_broadcast_pages;
	u64 kicked;		/* threads, by bit */
	u64 pages[4 * KHT_LOG_MAX], broadcast_pages[4 * KHT_LOG_MAX];
};

extern struct done done;
extern bool locked;		/* the ledger's lock is held */
extern struct kht_thread *threads;
extern struct kht_ledger *ledger;

/*
 * Called once by the next executor or by the next unlock, in the middle of a
 * step of the protocol: what another CPU does at that moment.
 */
extern void (*during_flush)(void);
extern void (*during_broadcast)(void);
extern void (*during_kick)(void);
extern void (*before_lock)(void);
extern void (*after_unlock)(void);

void machine(u32 nr_threads, u32 log_size);
int setup(void **state);
int teardown(void **state);
void forget(void);
struct kht_ledger *new_ledger(u32 lpid, u32 nr_threads, u32 log_size);

struct kht_core core_of(unsigned int cpu);
u64 key_of(unsigned int cpu);
struct kht_debt enter(unsigned int cpu);
void leave(unsigned int cpu);
void visit(unsigned int cpu);
void visit_all(void);

u64 page(unsigned int n);		/* of a radix guest; of a hash guest, an RB like any other */
void absorb(unsigned int from, unsigned int to);
u32 random32(u64 *seed);

/* Runs each test, prints a KHT-PASS or KHT-FAIL line for it; the exit status. */
int unit_run(const struct CMUnitTest *tests, size_t n);

#define TEST(fn, test_name)	{ test_name, fn, setup, teardown, NULL }
#define COUNT(array)		(sizeof(array) / sizeof((array)[0]))

#endif
