// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real threads against the protocol, under ThreadSanitizer: entering threads
 * with a modelled TLB per core, invalidators one by one and in batches; first as a radix
 * guest, then as a hash guest.
 *
 * A page-table entry is a version. Once an invalidation has returned, returned[]
 * holds the version it left behind; a thread that then uses an older one through
 * its TLB has hit a stale translation.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/env.h"
#include "core/reach.h"
#include "core/protocol.h"

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
static u64 kicked[CPUS], obeyed[CPUS];	/* interrupts sent to a thread, and taken by it */
static unsigned long hazards, accesses, broadcasts, debts, flushes, kicks;
static int guests_running;

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

void kht_local_flush_all(void)
{
	drop(this_core, 0, PAGES - 1);
}

void kht_hash_local_flush_all(void)
{
	kht_local_flush_all();
}

void kht_hash_local_flush(u32 lpid)
{
	kht_local_flush(lpid);
}

/* In this test an RB looks like a page. */
void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n)
{
	kht_local_pages(lpid, rbs, n);
}

void kht_hash_local_sync(u32 lpid)
{
	kht_local_sync(lpid);
}

void kht_hash_broadcast(u32 lpid)
{
	kht_broadcast_lpid(lpid);
}

static void kick(unsigned int cpu)
{
	u64 nr = __atomic_add_fetch(&kicked[cpu], 1, __ATOMIC_RELAXED);

	count(&kicks);
	while (kht_load_acquire(&obeyed[cpu]) < nr && kht_load_acquire(&threads[cpu].guest))
		sched_yield();
}

void kht_hash_kick(const struct kht_ledger *l, u64 upto)
{
	unsigned int cpu;

	for (cpu = 0; cpu < CPUS; cpu++)
		if (kht_thread_behind(l, &threads[cpu], cpu, upto))
			kick(cpu);
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

/* Until it has had enough, or an interrupt comes. */
static void execute(unsigned int cpu, u64 *seed)
{
	unsigned int n = random32(seed) % 8;
	u64 nr = kht_load(&kicked[cpu]);

	while (n-- && nr == kht_load(&obeyed[cpu])) {
		touch(cpu / 2, random32(seed) % PAGES);
		nr = kht_load(&kicked[cpu]);
	}
	kht_store_release(&obeyed[cpu], nr);
}

/* A hash guest has no quadrant accesses. */
static u64 *mark_of(unsigned int cpu, u64 *seed)
{
	if (ledger->hash || random32(seed) % 8)
		return &threads[cpu].guest;
	return &threads[cpu].quadrant;
}

static void *run_guest(void *arg)
{
	unsigned int cpu = (uintptr_t)arg, i;
	struct kht_core siblings = { cpu & ~1u, cpu | 1u, 1 };
	u64 key = kht_key(LPID, cpu), seed = cpu;

	this_core = cpu / 2;
	for (i = 0; i < ENTRIES; i++) {
		u64 *mark = mark_of(cpu, &seed);

		if (kht_mark(ledger, mark, key, cpu))
			kht_settle(ledger, &threads[cpu], cpu, siblings);
		execute(cpu, &seed);
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
	if (kht_defer_page(ledger, threads, gpa_page(page)) == KHT_DEFERRED)
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

/* The host takes a page of a hash guest. */
static void invalidate_hpte(u64 *seed)
{
	struct kht_hcall host = { .self = KHT_NO_THREAD, .allowed = true };
	unsigned int page = random32(seed) % PAGES;
	enum kht_reach reach;
	u64 version;

	pthread_mutex_lock(&table_lock);
	version = change(page);
	reach = kht_global_invalidates(ledger, threads, &host);
	if (reach == KHT_REACH_DEFER &&
	    kht_reach_only(ledger, threads, KHT_NO_THREAD, gpa_page(page), reach))
		count(&debts);
	else
		kht_broadcast_page(LPID, gpa_page(page));
	pthread_mutex_unlock(&table_lock);
	has_returned(page, version);
}

/* The guest has removed pages with H_LOCAL, and the host then needs them to be gone. */
static void remove_locally(u64 *seed)
{
	unsigned int first = random32(seed) % PAGES, i;
	u64 version[PAGES] = { 0 };

	for (i = first; i < PAGES; i++) {
		pthread_mutex_lock(&table_lock);
		version[i] = change(i);
		kht_reach_only(ledger, threads, KHT_NO_THREAD, gpa_page(i), KHT_REACH_LOCAL);
		pthread_mutex_unlock(&table_lock);
	}
	kht_cover(ledger, threads, 0, true);
	for (i = first; i < PAGES; i++)
		has_returned(i, version[i]);
}

static void *run_host(void *arg)
{
	u64 seed = 1000 + (uintptr_t)arg;

	while (kht_load(&guests_running)) {
		bool one = random32(&seed) % 2;

		if (one && ledger->hash)
			invalidate_hpte(&seed);
		else if (one)
			invalidate_one(&seed);
		else if (ledger->hash)
			remove_locally(&seed);
		else
			invalidate_batch(&seed);
		usleep(random32(&seed) % 50);
	}
	return NULL;
}

static void *zeroed(size_t bytes)
{
	size_t whole = (bytes + KHT_CACHELINE - 1) / KHT_CACHELINE * KHT_CACHELINE;
	void *mem = aligned_alloc(KHT_CACHELINE, whole);

	if (!mem)
		abort();
	return memset(mem, 0, whole);
}

static void set_up(void)
{
	unsigned int i;

	for (i = 0; i < CPUS; i++)
		threads[i].replay = zeroed(LOG * sizeof(u64));
	for (i = 0; i < CORES; i++)
		pthread_mutex_init(&tlb[i].lock, NULL);
}

/* Everything but the replay buffers and the locks. */
static void start_over(bool hash)
{
	unsigned int i;

	free(ledger);
	ledger = kht_ledger_init(zeroed(kht_ledger_bytes(CPUS, LOG)), LPID, CPUS, LOG);
	ledger->hash = hash;
	for (i = 0; i < CORES; i++)
		drop(i, 0, PAGES - 1);
	for (i = 0; i < PAGES; i++) {
		table[i] = 1;
		returned[i] = 0;
	}
	hazards = accesses = broadcasts = debts = flushes = kicks = 0;
	guests_running = CPUS;
}

/* The same program built with a negative control has to find hazards. */
#define CONTROL	(KHT_MUTANT != KHT_MUT_NONE)

static const char *test_name(void)
{
	if (CONTROL)
		return ledger->hash ? "inv1-threads-of-a-hash-guest-catch-a-missing-entry-flush" :
				      "inv1-threads-catch-a-missing-entry-flush";
	return ledger->hash ? "inv1-inv2-threads-of-a-hash-guest-and-its-invalidators" :
			      "inv1-inv2-threads-and-invalidators";
}

/* A run in which one side never met the other would prove nothing. */
static int verdict(void)
{
	const char *why = NULL;

	printf("%lu accesses, %lu broadcasts, %lu debts, %lu flushes on entry, %lu kicks, %lu hazards\n",
	       accesses, broadcasts, debts, flushes, kicks, hazards);
	if (!broadcasts || !debts || (!flushes && !CONTROL) || (!kicks && ledger->hash))
		why = "one of the paths never ran";
	else if (!hazards != !CONTROL)
		why = CONTROL ? "stale translations were not noticed" : "stale translations were used";
	printf(why ? "KHT-FAIL %s: %s\n" : "KHT-PASS %s\n", test_name(), why);
	return why != NULL;
}

static int run(bool hash)
{
	pthread_t t[CPUS + 2];
	uintptr_t i;

	start_over(hash);
	for (i = 0; i < CPUS + 2; i++)
		if (pthread_create(&t[i], NULL, i < CPUS ? run_guest : run_host, (void *)i))
			abort();
	for (i = 0; i < CPUS + 2; i++)
		pthread_join(t[i], NULL);
	return verdict();
}

int main(void)
{
	set_up();
	return run(false) | run(true);
}
