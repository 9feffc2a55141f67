// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real threads against the protocol, under ThreadSanitizer: entering threads
 * with a modelled TLB per core, invalidators one by one and in batches.
 *
 * A page-table entry is a version. Once an invalidation has returned, returned[]
 * holds the version it left behind; a thread that then uses an older one through
 * its TLB has hit a stale translation.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kht_env.h"
#include "kht_protocol.h"

#define CPUS	4u
#define CORES	2u
#define PAGES	8u
#define LOG	6u
#define LPID	7u
#define ENTRIES	6000u	/* per entering thread */

u64 kht_tsan_fence;

static struct kht_ledger *ledger;
static struct kht_thread threads[CPUS];
static pthread_mutex_t ledger_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;	/* KVM's mmu_lock */
static u64 table[PAGES], returned[PAGES];
static unsigned long hazards, accesses, broadcasts, debts, flushes;
static int guests_running = CPUS;

/* One TLB; the lock stands for a table walk being atomic against a flush. */
static struct {
	pthread_mutex_t lock;
	u64 entry[PAGES];
} tlb[CORES];

static __thread unsigned int this_core;

static void count(unsigned long *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static u32 random32(u64 *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

void kht_lock(struct kht_ledger *l)
{
	(void)l;
	pthread_mutex_lock(&ledger_lock);
}

void kht_unlock(struct kht_ledger *l)
{
	(void)l;
	pthread_mutex_unlock(&ledger_lock);
}

static void drop(unsigned int core, unsigned int first, unsigned int last)
{
	pthread_mutex_lock(&tlb[core].lock);
	for (; first <= last; first++)
		kht_store(&tlb[core].entry[first], 0);
	pthread_mutex_unlock(&tlb[core].lock);
}

void kht_local_flush(u32 lpid)
{
	(void)lpid;
	count(&flushes);
	drop(this_core, 0, PAGES - 1);
}

void kht_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	(void)lpid;
	count(&flushes);
	while (n--)
		drop(this_core, kht_page_gpa(pages[n]) >> 16, kht_page_gpa(pages[n]) >> 16);
}

void kht_local_flush_process(u32 lpid)
{
	(void)lpid;
}

void kht_local_sync(u32 lpid)
{
	(void)lpid;
}

void kht_broadcast_page(u32 lpid, u64 page)
{
	unsigned int core;

	(void)lpid;
	count(&broadcasts);
	for (core = 0; core < CORES; core++)
		drop(core, kht_page_gpa(page) >> 16, kht_page_gpa(page) >> 16);
}

void kht_broadcast_lpid(u32 lpid)
{
	unsigned int core;

	(void)lpid;
	count(&broadcasts);
	for (core = 0; core < CORES; core++)
		drop(core, 0, PAGES - 1);
}

/* The version an access through this core's TLB uses. */
static u64 translate(unsigned int core, unsigned int page)
{
	u64 version = kht_load(&tlb[core].entry[page]);

	if (version)
		return version;
	pthread_mutex_lock(&tlb[core].lock);
	version = kht_load(&table[page]);
	kht_store(&tlb[core].entry[page], version);
	pthread_mutex_unlock(&tlb[core].lock);
	return version;
}

static void touch(unsigned int core, unsigned int page)
{
	u64 at_least = kht_load_acquire(&returned[page]);

	count(&accesses);
	if (translate(core, page) < at_least)
		count(&hazards);
}

static void *run_guest(void *arg)
{
	unsigned int cpu = (uintptr_t)arg, core = cpu / 2, i, n;
	struct kht_core siblings = { cpu & ~1u, cpu | 1u, 1 };
	u64 key = kht_key(LPID, cpu), seed = cpu;

	this_core = core;
	for (i = 0; i < ENTRIES; i++) {
		u64 *mark = random32(&seed) % 8 ? &threads[cpu].guest : &threads[cpu].quadrant;

		if (kht_arrive(ledger, mark, key, cpu))
			kht_settle(ledger, &threads[cpu], cpu, siblings);
		for (n = random32(&seed) % 8; n; n--)
			touch(core, random32(&seed) % PAGES);
		kht_leave(mark);
		/* Out of the guest for longer than in it, or nothing ever becomes a debt. */
		usleep(random32(&seed) % 4 ? 0 : 200);
	}
	__atomic_fetch_sub(&guests_running, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Changes one entry; the caller invalidates it. */
static u64 change(unsigned int page)
{
	u64 version = kht_load(&table[page]) + 1;

	kht_store(&table[page], version);
	return version;
}

static void has_returned(unsigned int page, u64 version)
{
	u64 old = kht_load(&returned[page]);

	while (old < version && !__atomic_compare_exchange_n(&returned[page], &old, version, false,
							     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static u64 gpa_page(unsigned int page)
{
	return kht_page((u64)page << 16, 16);
}

static void invalidate_one(u64 *seed)
{
	unsigned int page = random32(seed) % PAGES;
	u64 version;

	pthread_mutex_lock(&table_lock);
	version = change(page);
	if (kht_defer_page(ledger, threads, gpa_page(page)))
		count(&debts);
	else
		kht_broadcast_page(LPID, gpa_page(page));
	pthread_mutex_unlock(&table_lock);
	has_returned(page, version);
}

static void invalidate_batch(u64 *seed)
{
	unsigned int first = random32(seed) % PAGES, i;
	u64 version[PAGES] = { 0 };
	struct kht_cover c;

	for (i = first; i < PAGES; i++) {
		pthread_mutex_lock(&table_lock);
		version[i] = change(i);
		kht_absorb_page(ledger, gpa_page(i));
		pthread_mutex_unlock(&table_lock);
	}
	c = kht_cover(ledger, threads, random32(seed) % 6, random32(seed) % 8);
	if (c.how == KHT_HOW_DEBT)
		count(&debts);
	for (i = first; i < PAGES; i++)
		has_returned(i, version[i]);
}

static void *run_host(void *arg)
{
	u64 seed = 1000 + (uintptr_t)arg;

	while (kht_load(&guests_running)) {
		if (random32(&seed) % 2)
			invalidate_one(&seed);
		else
			invalidate_batch(&seed);
		usleep(random32(&seed) % 50);
	}
	return NULL;
}

static void set_up(void)
{
	size_t bytes = kht_ledger_bytes(CPUS, LOG);
	size_t whole = (bytes + KHT_CACHELINE - 1) / KHT_CACHELINE * KHT_CACHELINE;
	void *mem = aligned_alloc(KHT_CACHELINE, whole);
	unsigned int i;

	if (!mem)
		abort();
	ledger = kht_ledger_init(memset(mem, 0, whole), LPID, CPUS, LOG);
	for (i = 0; i < CPUS; i++)
		threads[i].replay = calloc(LOG, sizeof(u64));
	for (i = 0; i < CORES; i++)
		pthread_mutex_init(&tlb[i].lock, NULL);
	for (i = 0; i < PAGES; i++)
		table[i] = 1;
}

/* The same program built with a negative control has to find hazards. */
#define CONTROL	(KHT_MUTANT != KHT_MUT_NONE)

/* A run in which one side never met the other would prove nothing. */
static int verdict(void)
{
	const char *name = CONTROL ? "inv1-threads-catch-a-missing-entry-flush" :
				     "inv1-inv2-threads-and-invalidators";
	const char *why = NULL;

	printf("%lu accesses, %lu broadcasts, %lu debts, %lu flushes on entry, %lu hazards\n",
	       accesses, broadcasts, debts, flushes, hazards);
	if (!broadcasts || !debts || (!flushes && !CONTROL))
		why = "one of the paths never ran";
	else if (!hazards != !CONTROL)
		why = CONTROL ? "stale translations were not noticed" : "stale translations were used";
	printf(why ? "KHT-FAIL %s: %s\n" : "KHT-PASS %s\n", name, why);
	return why != NULL;
}

int main(void)
{
	pthread_t t[CPUS + 2];
	uintptr_t i;

	set_up();
	for (i = 0; i < CPUS + 2; i++)
		if (pthread_create(&t[i], NULL, i < CPUS ? run_guest : run_host, (void *)i))
			abort();
	for (i = 0; i < CPUS + 2; i++)
		pthread_join(t[i], NULL);
	return verdict();
}
