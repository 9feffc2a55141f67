// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"

struct done done;
unsigned int threads_per_core = THREADS;
struct kht_thread *threads;
struct kht_ledger *ledger;
void (*during_flush)(void);
void (*during_broadcast)(void);
void (*during_kick)(void);
void (*before_lock)(void);
void (*after_unlock)(void);

bool locked;

static u32 threads_made;
static struct kht_ledger *made[8];
static unsigned int nr_made;

static void once(void (**what)(void))
{
	void (*call)(void) = *what;

	*what = NULL;
	if (call)
		call();
}

void kht_lock(struct kht_ledger *l)
{
	(void)l;
	once(&before_lock);
	assert_false(locked);
	locked = true;
}

void kht_unlock(struct kht_ledger *l)
{
	(void)l;
	assert_true(locked);
	locked = false;
	once(&after_unlock);
}

/* What every executor may rely on; @hash: it is one for hash guests. */
static void assert_called_right(u32 lpid, bool hash)
{
	assert_false(locked);
	assert_int_equal(lpid, LPID);
	assert_int_equal(ledger->hash, hash);
}

void kht_local_flush(u32 lpid)
{
	assert_called_right(lpid, false);
	done.flushes++;
	once(&during_flush);
}

void kht_local_flush_process(u32 lpid)
{
	assert_called_right(lpid, false);
	done.process_flushes++;
	once(&during_flush);
}

static void note_pages(const u64 *pages, u32 n)
{
	memcpy(done.pages + done.nr_pages, pages, n * sizeof(*pages));
	done.nr_pages += n;
}

void kht_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	assert_called_right(lpid, false);
	done.replays++;
	note_pages(pages, n);
	once(&during_flush);
}

void kht_local_sync(u32 lpid)
{
	assert_called_right(lpid, false);
	done.syncs++;
	once(&during_flush);
}

void kht_broadcast_page(u32 lpid, u64 p)
{
	assert_called_right(lpid, false);
	done.broadcast_pages[done.nr_broadcast_pages++] = p;
	once(&during_broadcast);
}

void kht_broadcast_lpid(u32 lpid)
{
	assert_called_right(lpid, false);
	done.broadcast_lpids++;
	once(&during_broadcast);
}

void kht_local_flush_all(void)
{
	assert_false(locked);
	done.all_flushes++;
}

void kht_hash_local_flush_all(void)
{
	assert_false(locked);
	done.hash_all_flushes++;
}

void kht_hash_local_flush(u32 lpid)
{
	assert_called_right(lpid, true);
	done.hash_flushes++;
	once(&during_flush);
}

void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n)
{
	assert_called_right(lpid, true);
	done.hash_replays++;
	note_pages(rbs, n);
	once(&during_flush);
}

void kht_hash_local_sync(u32 lpid)
{
	assert_called_right(lpid, true);
	done.hash_syncs++;
	once(&during_flush);
}

void kht_hash_broadcast(u32 lpid)
{
	assert_called_right(lpid, true);
	done.hash_broadcasts++;
	once(&during_broadcast);
}

/* Notes who has to leave; whether he does, and comes back, is up to during_kick. */
void kht_hash_kick(const struct kht_ledger *l, u64 upto)
{
	unsigned int cpu;

	assert_called_right(l->lpid, true);
	for (cpu = 0; cpu < threads_made; cpu++)
		if (kht_thread_behind(l, &threads[cpu], cpu, upto))
			done.kicked |= 1ull << cpu;
	done.kicks++;
	once(&during_kick);
}

void forget(void)
{
	memset(&done, 0, sizeof(done));
}

static void *zeroed(size_t bytes)
{
	size_t whole = (bytes + KHT_CACHELINE - 1) / KHT_CACHELINE * KHT_CACHELINE;
	void *mem = aligned_alloc(KHT_CACHELINE, whole);

	assert_non_null(mem);
	/* What is promised is zero; what is behind it is not. */
	memset(mem, 0xff, whole);
	return memset(mem, 0, bytes);
}

struct kht_ledger *new_ledger(u32 lpid, u32 nr_threads, u32 log_size)
{
	assert_true(nr_made < COUNT(made));
	made[nr_made] = kht_ledger_init(zeroed(kht_ledger_bytes(nr_threads, log_size)), lpid,
					nr_threads, log_size);
	return made[nr_made++];
}

/* The replay buffers have not an entry more than promised, so ASan sees an overrun. */
static void new_threads(u32 nr_threads, u32 log_size)
{
	u32 i;

	threads = zeroed(nr_threads * sizeof(*threads));
	threads_made = nr_threads;
	for (i = 0; i < nr_threads; i++)
		threads[i].replay = malloc(log_size * sizeof(u64));
}

int teardown(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < threads_made; i++)
		free(threads[i].replay);
	free(threads);
	while (nr_made)
		free(made[--nr_made]);
	threads = NULL;
	threads_made = 0;
	return 0;
}

/* Another size of the machine than setup() gives. */
void machine(u32 nr_threads, u32 log_size)
{
	teardown(NULL);
	new_threads(nr_threads, log_size);
	ledger = new_ledger(LPID, nr_threads, log_size);
	forget();
}

int setup(void **state)
{
	(void)state;
	during_flush = during_broadcast = during_kick = before_lock = after_unlock = NULL;
	locked = false;
	threads_per_core = THREADS;
	machine(CPUS, LOG);
	return 0;
}

struct kht_core core_of(unsigned int cpu)
{
	unsigned int first = cpu / threads_per_core * threads_per_core;

	return (struct kht_core){ first, first + threads_per_core - 1, 1, false };
}

u64 key_of(unsigned int cpu)
{
	return kht_key(ledger->lpid, cpu + 1);
}

struct kht_debt enter(unsigned int cpu)
{
	if (kht_mark(ledger, &threads[cpu].guest, key_of(cpu), cpu))
		return kht_settle(ledger, &threads[cpu], cpu, core_of(cpu));
	return (struct kht_debt){ .need = KHT_NOTHING };
}

void leave(unsigned int cpu)
{
	kht_leave(&threads[cpu].guest);
}

void visit(unsigned int cpu)
{
	enter(cpu);
	leave(cpu);
}

/* Every thread has settled: what follows starts without debts. */
void visit_all(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < ledger->nr_threads; cpu++)
		visit(cpu);
	forget();
}

u64 page(unsigned int n)
{
	return kht_page((u64)n << 16, 16);
}

/* Pages from to to - 1 join the batch. */
void absorb(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		kht_absorb_page(ledger, page(from));
}

/* splitmix64: small, and the same on every machine. */
u32 random32(u64 *seed)
{
	u64 z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) >> 32;
}

int unit_run(const struct CMUnitTest *tests, size_t n)
{
	int failed = 0;
	size_t i;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (i = 0; i < n; i++) {
		int bad = _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);

		fflush(NULL);
		if (bad)
			printf("KHT-FAIL %s: see cmocka's message above\n", tests[i].name);
		else
			printf("KHT-PASS %s\n", tests[i].name);
		fflush(stdout);
		failed += !!bad;
	}
	return failed != 0;
}
