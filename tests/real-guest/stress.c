// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress MIB RATE: the memory stressor of a real guest. One thread for each
 * CPU of the guest writes and verifies until a line comes on standard input;
 * then all of the memory is verified and the exit status tells.
 *
 * What it is looking for is a store that got lost, because the host migrated,
 * swapped or replaced a page while a vCPU still wrote through an old
 * translation. Only the last store to a page shows that: a page that is
 * written again later is copied again. Hence bursts: a thread writes to one
 * page, again and again without ever sleeping (a vCPU that leaves the guest
 * forgets old translations), and then leaves it alone for long. Whichever
 * thread comes there next verifies it.
 *
 * Of the pages one in eight is never written after the start ("still"), and
 * one in eight ("twin") holds between two bursts what all twins do, so that a
 * host may merge them. Chunks that come from the guest's free memory and go
 * back to it meet what a balloon has taken and given back.
 *
 * RATE, in bursts a second and thread, is what lets a migration converge. One
 * burst in LONG_EVERY lasts LONG times as long as the others: until the page
 * has been copied, if it is harvested when the burst begins.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096		/* of a guest with larger ones, a part */
#define WORDS		(PAGE / 8)
#define LONG		32
#define LONG_EVERY	16
#define CHUNK_PAGES	256
#define CHUNK_EVERY	16		/* bursts */
#define KINDS		8		/* of so many pages one is still and one a twin */
#define TWIN		((uint64_t)1 << 21)	/* their name; pages have smaller ones */
#define MAX_THREADS	64
#define MAX_REPORTS	8

struct thread {
	pthread_t id;
	int cpu;
	uint64_t seed;
	atomic_ulong bursts, chunks, jumps;
};

static uint64_t *pages;			/* npages of WORDS */
static atomic_uint *generation;		/* what each page must hold */
static atomic_flag *busy;
static unsigned long npages, rate;
static struct thread threads[MAX_THREADS];
static atomic_ulong bad;
static atomic_bool stop;

static void die(const char *what)
{
	printf("STRESS-BAD %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Unlike for every page, generation and word, and nothing a host could merge (but twins) or compress. */
static uint64_t word_of(uint64_t page, uint64_t gen, unsigned int i)
{
	uint64_t x = (page << 40) + (gen << 10) + i + 1;

	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

static void fill(uint64_t *at, uint64_t page, uint64_t gen)
{
	for (unsigned int i = 0; i < WORDS; i++)
		at[i] = word_of(page, gen, i);
}

static bool verify(const volatile uint64_t *at, uint64_t page, uint64_t gen, const char *what)
{
	for (unsigned int i = 0; i < WORDS; i++) {
		uint64_t found = at[i];

		if (found == word_of(page, gen, i))
			continue;
		if (atomic_fetch_add(&bad, 1) < MAX_REPORTS)
			printf("STRESS-BAD %s: page %llu generation %llu word %u holds 0x%016llx instead of 0x%016llx\n",
			       what, (unsigned long long)page, (unsigned long long)gen, i,
			       (unsigned long long)found, (unsigned long long)word_of(page, gen, i));
		return false;
	}
	return true;
}

static bool is_still(unsigned long page)
{
	return page % KINDS == 0;
}

static bool is_twin(unsigned long page)
{
	return page % KINDS == KINDS / 2;
}

static bool verify_page(unsigned long page)
{
	const uint64_t *at = pages + page * WORDS;

	if (is_twin(page))
		return verify(at, TWIN, 0, "twin");
	return verify(at, page, generation[page], is_still(page) ? "still" : "written");
}

/*
 * For LENGTH ns. A page found wrong is put right, so that each loss is reported
 * once; a still one is only read.
 *
 * Time may go back here: KVM writes the upper 40 bits of the timebase at each
 * entry of a guest that has been migrated, and an emulated host that has no
 * processor for 2^24 ticks between reading and writing loses them. The vDSO
 * then reads up to 2^64 >> 24 ns (18 minutes) ahead. Hence a difference, which
 * ends the burst early, and no point in time, which might never come.
 */
static void burst(struct thread *t, uint64_t length)
{
	uint64_t start = now_ns(), lasted;
	unsigned long page = random_next(&t->seed) % npages;
	uint64_t *at = pages + page * WORDS;
	uint64_t gen;

	if (atomic_flag_test_and_set_explicit(&busy[page], memory_order_acquire))
		return;
	gen = generation[page];
	verify_page(page);
	if (!is_still(page)) {
		do {
			fill(at, page, ++gen);
			generation[page] = gen;
			lasted = now_ns() - start;
		} while (lasted < length);
		if (lasted > INT64_MAX)
			t->jumps++;
	}
	if (is_twin(page)) {
		verify(at, page, gen, "twin");
		fill(at, TWIN, 0);
	}
	atomic_flag_clear_explicit(&busy[page], memory_order_release);
	t->bursts++;
}

static void chunk(struct thread *t)
{
	uint64_t name = (uint64_t)1 << 20 | t->cpu, gen = t->chunks;
	uint64_t *at = mmap(NULL, (size_t)CHUNK_PAGES * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap of a chunk");
	for (unsigned int i = 0; i < CHUNK_PAGES; i++)
		fill(at + i * WORDS, name, gen + i);
	for (unsigned int i = 0; i < CHUNK_PAGES; i++)
		verify(at + i * WORDS, name, gen + i, "chunk");
	munmap(at, (size_t)CHUNK_PAGES * PAGE);
	t->chunks++;
}

static void *work(void *arg)
{
	struct thread *t = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(t->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("binding a thread");
	for (unsigned long turn = 1; !stop; turn++) {
		uint64_t length = 1000000000ull / rate;

		if (turn % LONG_EVERY == 0)
			length *= LONG;
		burst(t, length);
		if (turn % CHUNK_EVERY == 0)
			chunk(t);
	}
	return NULL;
}

static void *memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static bool line_came(void)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };

	return poll(&in, 1, 1000) > 0;
}

static void progress(int nthreads, const char *what)
{
	unsigned long bursts = 0, chunks = 0, jumps = 0;

	printf("%s", what);
	for (int i = 0; i < nthreads; i++) {
		printf(" cpu%d=%lu", threads[i].cpu, threads[i].bursts);
		bursts += threads[i].bursts;
		chunks += threads[i].chunks;
		jumps += threads[i].jumps;
	}
	printf(" bursts=%lu chunks=%lu jumps=%lu bad=%lu\n", bursts, chunks, jumps, bad);
}

int main(int argc, char **argv)
{
	int nthreads = sysconf(_SC_NPROCESSORS_ONLN);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3)
		die("usage: stress MIB RATE");
	npages = strtoul(argv[1], NULL, 0) * 1024 * 1024 / PAGE;
	rate = strtoul(argv[2], NULL, 0);
	if (!npages || !rate || nthreads > MAX_THREADS)
		die("stress with these numbers");
	pages = memory(npages * PAGE);
	generation = memory(npages * sizeof(*generation));
	busy = memory(npages * sizeof(*busy));
	for (unsigned long page = 0; page < npages; page++)
		fill(pages + page * WORDS, is_twin(page) ? TWIN : page, 0);
	printf("STRESS-BEGIN pages=%lu threads=%d\n", npages, nthreads);

	for (int i = 0; i < nthreads; i++) {
		threads[i].cpu = i;
		threads[i].seed = 88172645463325252ull + i;
		if (pthread_create(&threads[i].id, NULL, work, &threads[i]))
			die("starting a thread");
	}
	while (!line_came())
		progress(nthreads, "STRESS");
	stop = true;
	for (int i = 0; i < nthreads; i++)
		pthread_join(threads[i].id, NULL);
	for (unsigned long page = 0; page < npages; page++)
		verify_page(page);
	progress(nthreads, "STRESS-END");
	return bad != 0;
}
