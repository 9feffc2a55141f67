// SPDX-License-Identifier: GPL-2.0-only
/*
 * src/core driven by bytes: a libFuzzer target. The first bytes choose the machine, each further one what happens next,
 * and what other threads do in the middle of a step: at each lock, unlock and flush. The machine has TLBs that cores
 * share and an ERAT for each thread; a translation that outlives its invalidation and is used aborts.
 *
 * `make -C tests/fuzz check` replays the stored corpus, `make fuzz` looks for more (clang).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/env.h"
#include "core/move.h"
#include "core/protocol.h"
#include "core/reach.h"

#define CPUS	8u
#define PAGES	4u
#define LPID	5u
#define LOG_MAX	6u
#define DEEP	3	/* steps in the middle of a step */

static const uint8_t *input, *input_end;
static struct kht_ledger *ledger;
static struct kht_thread threads[CPUS];
static u64 replay[CPUS][LOG_MAX];
static unsigned int nr_cpus, per_core, depth;
static bool hash, interleaved, locked, tables_locked;

/* A translation is the number of the change that made it; 0: none. */
static u64 changes, table[PAGES], dead[PAGES], process, process_dead[CPUS];
static u64 tlb[CPUS][PAGES], erat[CPUS][PAGES], process_tlb[CPUS];	/* TLBs by first thread */
static unsigned int on = CPUS;		/* the thread that executes a step; CPUS: the host's own */
static bool in_guest[CPUS], in_quadrant[CPUS], busy[CPUS], interrupted[CPUS];

static unsigned int next_byte(void)
{
	return input < input_end ? *input++ : 0;
}

static unsigned int below(unsigned int n)
{
	return next_byte() % n;
}

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "ledger: %s\n", what);
	abort();
}

static struct kht_core core_of(unsigned int cpu)
{
	unsigned int step = interleaved ? nr_cpus / per_core : 1;
	unsigned int first = interleaved ? cpu % step : cpu - cpu % per_core;

	return (struct kht_core){ first, first + (per_core - 1) * step, step };
}

static unsigned int tlb_of(unsigned int cpu)
{
	return core_of(cpu).first;
}

static bool uses(unsigned int cpu)
{
	return in_guest[cpu] || in_quadrant[cpu];
}

static void check_page(unsigned int cpu, unsigned int page)
{
	u64 t = tlb[tlb_of(cpu)][page], e = erat[cpu][page];

	require(!uses(cpu) || ((!t || t >= dead[page]) && (!e || e >= dead[page])), "a dead translation is in reach");
}

static void fill(unsigned int cpu, unsigned int page)
{
	u64 *t = &tlb[tlb_of(cpu)][page];

	if (!*t)
		*t = table[page];
	if (!erat[cpu][page])
		erat[cpu][page] = *t;
}

static void access_page(unsigned int cpu, unsigned int page)
{
	u64 *p = &process_tlb[tlb_of(cpu)];

	if (!uses(cpu))
		return;
	fill(cpu, page);
	check_page(cpu, page);
	if (!in_guest[cpu])
		return;
	if (!*p)
		*p = process;
	require(*p >= process_dead[tlb_of(cpu)], "the process scope of a core that was left is in use");
}

static void returned(unsigned int page, u64 change)
{
	unsigned int cpu;

	if (dead[page] < change)
		dead[page] = change;
	for (cpu = 0; cpu < nr_cpus; cpu++)
		check_page(cpu, page);
}

static void step(void);

/* What others do meanwhile */
static void others(void)
{
	unsigned int n = depth < DEEP ? below(4) : 0;

	depth++;
	while (n--)
		step();
	depth--;
}

/* src/core/env.h */

void kht_lock(struct kht_ledger *l)
{
	(void)l;
	if (!locked)
		others();
	require(!locked, "the ledger's lock is taken twice");
	locked = true;
}

void kht_unlock(struct kht_ledger *l)
{
	(void)l;
	require(locked, "the ledger's lock is not held");
	locked = false;
	others();
}

static void drop(unsigned int first, unsigned int last)
{
	unsigned int page;

	for (page = first; page <= last && page < PAGES; page++)
		tlb[tlb_of(on)][page] = 0;
}

/* The thread may speculate with the LPID while it flushes; its ERAT goes last. */
static void finish(void)
{
	unsigned int here = on;

	others();
	memset(erat[here], 0, sizeof(erat[0]));
}

static void local_flush(u32 lpid, bool of_hash)
{
	require(lpid == LPID && of_hash == hash && !locked, "a flush that is not this guest's");
	fill(on, below(PAGES));
	drop(0, PAGES - 1);
	process_tlb[tlb_of(on)] = 0;
	finish();
}

static void local_pages(const u64 *pages, u32 n, bool of_hash)
{
	require(of_hash == hash && !locked, "a replay that is not this guest's");
	while (n--) {
		unsigned int first = kht_page_gpa(pages[n]) >> 16;

		drop(first, first + (kht_run_bytes(pages[n]) >> 16) - 1);
	}
	finish();
}

void kht_local_flush(u32 lpid)
{
	local_flush(lpid, false);
}

void kht_hash_local_flush(u32 lpid)
{
	local_flush(lpid, true);
}

void kht_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	(void)lpid;
	local_pages(pages, n, false);
}

void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n)
{
	(void)lpid;
	local_pages(rbs, n, true);
}

void kht_local_flush_process(u32 lpid)
{
	(void)lpid;
	process_tlb[tlb_of(on)] = 0;
	finish();
}

void kht_local_sync(u32 lpid)
{
	(void)lpid;
	finish();
}

void kht_hash_local_sync(u32 lpid)
{
	(void)lpid;
	finish();
}

void kht_local_flush_all(void)
{
	drop(0, PAGES - 1);
	process_tlb[tlb_of(on)] = 0;
	memset(erat[on], 0, sizeof(erat[0]));
}

void kht_hash_local_flush_all(void)
{
}

static void broadcast(unsigned int first, unsigned int last)
{
	unsigned int cpu, page;

	require(!locked, "a broadcast under the ledger's lock");
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		for (page = first; page <= last && page < PAGES; page++)
			tlb[tlb_of(cpu)][page] = erat[cpu][page] = 0;
		if (cpu == nr_cpus / 2)
			others();
	}
	/* A tlbie is over when all have dropped it: nobody has got it back from a table that has changed. */
	for (cpu = 0; cpu < nr_cpus; cpu++)
		for (page = first; page <= last && page < PAGES; page++)
			require(!tlb[tlb_of(cpu)][page] || tlb[tlb_of(cpu)][page] <= changes, "a change from the future");
}

void kht_broadcast_page(u32 lpid, u64 page)
{
	(void)lpid;
	broadcast(kht_page_gpa(page) >> 16, (kht_page_gpa(page) + kht_run_bytes(page) - 1) >> 16);
}

void kht_broadcast_lpid(u32 lpid)
{
	(void)lpid;
	broadcast(0, PAGES - 1);
}

void kht_hash_broadcast(u32 lpid)
{
	(void)lpid;
	broadcast(0, PAGES - 1);
}

static void leave(unsigned int cpu)
{
	in_guest[cpu] = false;
	kht_leave(&threads[cpu].guest);
}

/* In the guest it leaves; on its way in it gives up, since it finds the interrupt. */
static void interrupt(unsigned int cpu)
{
	interrupted[cpu] = true;
	if (in_guest[cpu])
		leave(cpu);
}

void kht_hash_kick(const struct kht_ledger *l, u64 upto)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (kht_thread_behind(l, &threads[cpu], cpu, upto))
			interrupt(cpu);
}

/* Steps */

/* as_thread CPU FN: FN on that thread, if it does nothing else */
static void as_thread(unsigned int cpu, void (*fn)(unsigned int cpu))
{
	unsigned int before = on;

	if (busy[cpu])
		return;
	busy[cpu] = true;
	on = cpu;
	fn(cpu);
	on = before;
	busy[cpu] = false;
}

static void arrive(unsigned int cpu, u64 *mark)
{
	if (!kht_mark(ledger, mark, kht_key(LPID, cpu), cpu))
		return;
	others();
	kht_settle(ledger, &threads[cpu], cpu, core_of(cpu));
}

static void enter(unsigned int cpu)
{
	if (uses(cpu))
		return;
	interrupted[cpu] = false;
	arrive(cpu, &threads[cpu].guest);
	if (interrupted[cpu])
		return kht_leave(&threads[cpu].guest);
	in_guest[cpu] = true;
	access_page(cpu, below(PAGES));
}

static void quadrant(unsigned int cpu)
{
	if (uses(cpu) || hash)
		return;
	arrive(cpu, &threads[cpu].quadrant);
	in_quadrant[cpu] = true;
	access_page(cpu, below(PAGES));
	others();
	in_quadrant[cpu] = false;
	kht_leave(&threads[cpu].quadrant);
}

static void thread_leaves(unsigned int cpu)
{
	if (in_guest[cpu])
		leave(cpu);
}

static void pays_process(unsigned int cpu)
{
	/* By interrupt: it is in no guest. */
	if (!uses(cpu))
		kht_pay_process(ledger, cpu);
}

static void arrives_online(unsigned int cpu)
{
	if (uses(cpu) || per_core > 1)
		return;
	erat[cpu][below(PAGES)] = tlb[tlb_of(cpu)][below(PAGES)] = 1;
	kht_thread_arrives(hash);
}

static u64 name_of(unsigned int page)
{
	return kht_page((u64)page << 16, 16);
}

static void invalidate(unsigned int page)
{
	u64 change = table[page] = ++changes;

	switch (hash ? KHT_REFUSED : kht_defer_page(ledger, threads, name_of(page))) {
	case KHT_REFUSED:
		kht_broadcast_page(LPID, name_of(page));
		break;
	case KHT_RECORDED:
		kht_cover(ledger, threads, below(3), next_byte() & 1);
		break;
	case KHT_DEFERRED:
		break;
	}
	returned(page, change);
}

static void invalidate_all(void)
{
	u64 change;
	unsigned int page;

	change = ++changes;
	for (page = 0; page < PAGES; page++)
		table[page] = change;
	if (hash || kht_defer_full(ledger, threads) != KHT_DEFERRED)
		broadcast(0, PAGES - 1);
	for (page = 0; page < PAGES; page++)
		returned(page, change);
}

/* Pages that follow one another, and their end: batches of others may be open. */
static void batch(void)
{
	unsigned int first = below(PAGES), n = 1 + below(PAGES), page;
	u64 change[PAGES] = { 0 };

	for (page = first; page < PAGES && page < first + n; page++) {
		change[page] = table[page] = ++changes;
		if (next_byte() % 8)
			kht_absorb_page(ledger, name_of(page));
		else
			kht_absorb_full(ledger);
	}
	tables_locked = false;
	others();
	kht_cover(ledger, threads, below(6), next_byte() & 1);
	for (page = 0; page < PAGES; page++)
		if (change[page])
			returned(page, change[page]);
}

static void reach(void)
{
	unsigned int page = below(PAGES);
	u64 change = table[page] = ++changes;

	if (kht_reach_only(ledger, threads, KHT_NO_THREAD, name_of(page), KHT_REACH_DEFER))
		returned(page, change);
	else
		kht_cover(ledger, threads, 0, false);
}

static void move(void)
{
	unsigned int cpu = below(nr_cpus), i, cpus[KHT_CORE_MAX];
	struct kht_core core = core_of(cpu);
	u64 now = ++process;
	u32 n = kht_left_core(ledger, threads, core, cpus);

	for (i = 0; i < n; i++)
		interrupt(cpus[i]);
	process_dead[core.first] = now;
}

static void under_lock_of_tables(void (*fn)(void))
{
	if (tables_locked)
		return;
	tables_locked = true;
	fn();
	tables_locked = false;
}

static void any_page(void)
{
	invalidate(below(PAGES));
}

/* Nobody settles any more: what was dead before is gone from every CPU, be it in a guest or not (invariant 8). */
static void pay(void)
{
	u64 before[PAGES];
	unsigned int cpu, page;

	memcpy(before, dead, sizeof(before));
	kht_pay_all(ledger);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		for (page = 0; page < PAGES; page++) {
			u64 t = tlb[tlb_of(cpu)][page], e = erat[cpu][page];

			require((!t || t >= before[page]) && (!e || e >= before[page]), "a debt has not been paid");
		}
	}
}

static void step(void)
{
	unsigned int what = next_byte(), cpu = what / 16 % nr_cpus;

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
		as_thread(cpu, enter);
		break;
	case 3:
	case 4:
		as_thread(cpu, thread_leaves);
		break;
	case 5:
	case 6:
		access_page(cpu, below(PAGES));
		break;
	case 7:
		as_thread(cpu, quadrant);
		break;
	case 8:
		as_thread(cpu, pays_process);
		break;
	case 9:
		as_thread(cpu, arrives_online);
		break;
	case 10:
	case 11:
		under_lock_of_tables(any_page);
		break;
	case 12:
		under_lock_of_tables(invalidate_all);
		break;
	case 13:
		under_lock_of_tables(batch);
		break;
	case 14:
		move();
		break;
	default:
		if (hash && cpu % 2)
			under_lock_of_tables(reach);
		else if (!busy[cpu])
			pay();
	}
}

static void machine(void)
{
	unsigned int shape = next_byte(), i;
	void *memory;

	per_core = 1u << shape % 3;
	nr_cpus = per_core * (1 + shape / 3 % 2);
	interleaved = shape & 64;
	hash = shape & 128;
	memset(threads, 0, sizeof(threads));
	for (i = 0; i < CPUS; i++)
		threads[i].replay = replay[i];
	i = below(LOG_MAX + 1);
	memory = aligned_alloc(KHT_CACHELINE, (kht_ledger_bytes(nr_cpus, i) + KHT_CACHELINE - 1) / KHT_CACHELINE * KHT_CACHELINE);
	require(memory, "out of memory");
	memset(memory, 0, kht_ledger_bytes(nr_cpus, i));
	ledger = kht_ledger_init(memory, LPID, nr_cpus, i);
	ledger->hash = hash;
	ledger->runs = !hash && shape & 32;
	memset(tlb, 0, sizeof(tlb));
	memset(erat, 0, sizeof(erat));
	memset(process_tlb, 0, sizeof(process_tlb));
	memset(process_dead, 0, sizeof(process_dead));
	memset(dead, 0, sizeof(dead));
	memset(in_guest, 0, sizeof(in_guest));
	memset(busy, 0, sizeof(busy));
	changes = process = 2;
	for (i = 0; i < PAGES; i++)
		table[i] = dead[i] = 2;
	/* Of the guest that had the LPID before (invariant 5) */
	for (i = 0; i < CPUS * PAGES; i++)
		tlb[i / PAGES][i % PAGES] = erat[i / PAGES][i % PAGES] = 1;
	on = CPUS;
	depth = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	input_end = data + size;
	locked = tables_locked = false;
	machine();
	while (input < input_end)
		step();
	free(ledger);
	return 0;
}
