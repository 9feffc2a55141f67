// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the steps of src/core cost as machine and guest grow. src/core is compiled with -fsanitize=thread, and the functions
 * that this makes it call at every load and store are here: they know which CPU is at work, and keep the state of each cache
 * line. No time is measured.
 *
 *	scale		a table of every step for machines of 4 to 1,920 threads and guests of 1 to 1,024 vCPUs
 *	scale --check	whether the growth is within its bounds
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "steps.h"

#define LPID		7u
#define OTHER		8u	/* what the rest of the machine runs */
#define LOG		64u	/* log_entries */
#define CEILING		64u	/* batch_ceiling */
#define SMT		4u	/* threads a core */
#define MAX_THREADS	1920u
#define MAX_VCPUS	1024u
#define LINES		(1u << 14)

/* A cache line: who has written it last, and what each CPU has of it. */
struct line {
	uintptr_t nr;		/* 0: free */
	u32 version;		/* how often it has been written */
	int writer;		/* -1: nobody, or it is clean everywhere */
	bool shared;		/* read by another one since */
	u32 has[MAX_THREADS];	/* the version that a CPU has, + 1; 0: nothing */
	u32 touched_in;		/* the step that has touched it last */
};

/* What a step does. */
struct cost {
	u32 accesses, lines;
	u32 remote;		/* of the lines: fetched, since another CPU has written them; or taken from others that have them */
	u32 locks, broadcasts, fences;
};

u64 kht_tsan_fence;

static struct line lines[LINES];
static struct cost cost;
static u32 step;
static int cpu_at_work;
static const char *stack;		/* where it begins */
static unsigned int nr_threads, nr_vcpus;

static struct kht_ledger *ledger;
static struct kht_thread threads[MAX_THREADS];
static u64 replay[MAX_THREADS][LOG];
static struct { u64 word; } kht_aligned lock_line;
static int on[MAX_VCPUS];		/* where the vCPU is loaded */

#ifdef KHT_ANYWHERE	/* not in the trees from before there were places */
static struct {
	struct kht_places p;
	u32 at[MAX_VCPUS];
} kht_aligned vcpus;
#endif

/* Lines */

static struct line *line_of(const void *p)
{
	uintptr_t nr = (uintptr_t)p / KHT_CACHELINE;
	u32 i;

	for (i = nr * 2654435761u % LINES; lines[i].nr && lines[i].nr != nr; i = (i + 1) % LINES)
		;
	if (!lines[i].nr)
		lines[i] = (struct line){ .nr = nr, .writer = -1 };
	return &lines[i];
}

static void touch(const void *p, bool write)
{
	const char *here = __builtin_frame_address(0);
	struct line *l;
	bool remote;

	/* Local variables are the CPU's own. */
	if (cpu_at_work < 0 || ((const char *)p > here && (const char *)p < stack))
		return;
	if (p == &kht_tsan_fence) {
		cost.fences++;
		return;
	}
	l = line_of(p);
	remote = l->writer >= 0 && l->writer != cpu_at_work && l->has[cpu_at_work] != l->version + 1;
	remote |= write && l->writer >= 0 && (l->writer != cpu_at_work || l->shared);
	cost.accesses++;
	cost.lines += l->touched_in != step;
	cost.remote += remote;
	l->touched_in = step;
	if (write) {
		l->version++;
		l->writer = cpu_at_work;
		l->shared = false;
	} else {
		l->shared |= l->writer != cpu_at_work;
	}
	l->has[cpu_at_work] = l->version + 1;
}

#define ACCESS(n)							\
	void __tsan_read##n(void *p); void __tsan_write##n(void *p);	\
	void __tsan_unaligned_read##n(void *p); void __tsan_unaligned_write##n(void *p); \
	void __tsan_read##n(void *p) { touch(p, false); }		\
	void __tsan_write##n(void *p) { touch(p, true); }		\
	void __tsan_unaligned_read##n(void *p) { touch(p, false); }	\
	void __tsan_unaligned_write##n(void *p) { touch(p, true); }
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8) ACCESS(16)

/* Of structures: of one line, or of local variables. */
void __tsan_read_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n);
void __tsan_read_range(void *p, size_t n) { (void)n; touch(p, false); }
void __tsan_write_range(void *p, size_t n) { (void)n; touch(p, true); }

#define ATOMIC(bits)									\
	u##bits __tsan_atomic##bits##_load(const volatile void *p, int order)		\
	{ (void)order; touch((void *)p, false); return *(const volatile u##bits *)p; }	\
	void __tsan_atomic##bits##_store(volatile void *p, u##bits v, int order)	\
	{ (void)order; touch((void *)p, true); *(volatile u##bits *)p = v; }		\
	u##bits __tsan_atomic##bits##_fetch_add(volatile void *p, u##bits v, int order)	\
	{ (void)order; touch((void *)p, true); return (*(volatile u##bits *)p += v) - v; } \
	u##bits __tsan_atomic##bits##_fetch_or(volatile void *p, u##bits v, int order)	\
	{ u##bits old = *(volatile u##bits *)p; (void)order; touch((void *)p, true); *(volatile u##bits *)p |= v; return old; }
typedef uint8_t u8;
ATOMIC(8) ATOMIC(32) ATOMIC(64)

void __tsan_init(void);
void __tsan_func_entry(void *p);
void __tsan_func_exit(void);
void __tsan_init(void) { }
void __tsan_func_entry(void *p) { (void)p; }
void __tsan_func_exit(void) { }

/* What src/core asks for */

void kht_lock(struct kht_ledger *l)
{
	(void)l;
	cost.locks++;
	touch(&lock_line, true);
}

void kht_unlock(struct kht_ledger *l)
{
	(void)l;
	touch(&lock_line, true);
}

void kht_local_flush(u32 lpid) { (void)lpid; }
void kht_local_pages(u32 lpid, const u64 *pages, u32 n) { (void)lpid; (void)pages; (void)n; }
void kht_local_flush_process(u32 lpid) { (void)lpid; }
void kht_local_sync(u32 lpid) { (void)lpid; }
void kht_local_flush_all(void) { }
void kht_hash_local_flush_all(void) { }
void kht_broadcast_page(u32 lpid, u64 page) { (void)lpid; (void)page; cost.broadcasts++; }
void kht_broadcast_lpid(u32 lpid) { (void)lpid; cost.broadcasts++; }
void kht_hash_local_flush(u32 lpid) { (void)lpid; }
void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n) { (void)lpid; (void)rbs; (void)n; }
void kht_hash_local_sync(u32 lpid) { (void)lpid; }
void kht_hash_broadcast(u32 lpid) { (void)lpid; }
void kht_hash_kick(const struct kht_ledger *l, u64 upto) { (void)l; (void)upto; }

/* The machine and the guest */

static u64 page(unsigned int n)
{
	return kht_page((u64)n << 16, 16);
}

static struct kht_core core_of(unsigned int cpu)
{
	unsigned int first = cpu / SMT * SMT;

	return (struct kht_core){ .first = first, .last = first + SMT - 1, .step = 1 };
}

/* Another guest's vCPU comes to @cpu, or ours leaves it for one: the line is that CPU's. */
static void others(unsigned int cpu)
{
	cpu_at_work = cpu;
	touch(&threads[cpu], true);
	threads[cpu].guest = kht_key(OTHER, 0);
	cpu_at_work = -1;
}

static void load(unsigned int v, int cpu)
{
	int before = on[v];

	cpu_at_work = cpu;
#ifdef KHT_ANYWHERE
	step_load(&vcpus.p, v, cpu);
#endif
	if (before >= 0 && core_of(before).first != core_of(cpu).first) {
		unsigned int cpus[KHT_CORE_MAX];

		kht_left_core(ledger, threads, core_of(before), cpus);
	}
	on[v] = cpu;
	cpu_at_work = -1;
}

static void enter(unsigned int v)
{
	unsigned int cpu = cpu_at_work = on[v];

	step_enter(ledger, &threads[cpu], cpu, kht_key(LPID, v), core_of(cpu));
	cpu_at_work = -1;
}

static void run_once(unsigned int v, int cpu)
{
	load(v, cpu);
	enter(v);
	others(cpu);
}

static void start(unsigned int machine, unsigned int guest, bool wander)
{
	static void *mem;
	unsigned int i;

	free(mem);
	memset(lines, 0, sizeof(lines));
	memset(threads, 0, sizeof(threads));
	nr_threads = machine;
	nr_vcpus = guest;
	cpu_at_work = -1;
	mem = aligned_alloc(KHT_CACHELINE, (kht_ledger_bytes(machine, LOG) / KHT_CACHELINE + 1) * KHT_CACHELINE);
	memset(mem, 0, kht_ledger_bytes(machine, LOG));
	ledger = kht_ledger_init(mem, LPID, machine, LOG);
#ifdef KHT_ANYWHERE
	memset(&vcpus, 0, sizeof(vcpus));
	vcpus.p.n = guest;
	ledger->places = &vcpus.p;
#endif
	for (i = 0; i < MAX_THREADS; i++)
		threads[i].replay = replay[i];
	for (i = 0; i < MAX_VCPUS; i++)
		on[i] = -1;
	for (i = 0; wander && i < machine; i++)
		run_once(i % guest, i);
	for (i = 0; i < guest; i++)
		run_once(i, (i * SMT + i * SMT / machine) % machine);
	for (i = 0; i < machine; i++)
		others(i);
}

/* Steps. @cpu: where it happens, a CPU that the guest is not on if there is one. */

static void begin(int cpu)
{
	memset(&cost, 0, sizeof(cost));
	step++;
	cpu_at_work = cpu;
}

static struct cost end(void)
{
	cpu_at_work = -1;
	return cost;
}

static void everybody_enters(void)
{
	unsigned int v;

	for (v = 0; v < nr_vcpus && v < nr_threads; v++)
		enter(v);
}

static void everybody_leaves(void)
{
	unsigned int v;

	for (v = 0; v < nr_vcpus; v++)
		others(on[v]);
}

static void notify(unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++)
		kht_absorb_page(ledger, page(i));
	kht_cover(ledger, threads, CEILING, true);
}

static struct cost notifier(unsigned int pages)
{
	begin(nr_threads - 1);
	notify(pages);
	return end();
}

static struct cost notifier_idle(void)
{
	return notifier(1);
}

static struct cost notifier_running(void)
{
	everybody_enters();
	return notifier(1);
}

static struct cost batch_idle(void)
{
	return notifier(LOG);
}

static struct cost entry(unsigned int v)
{
	begin(on[v]);
	enter(v);
	return end();
}

static struct cost entry_owing_nothing(void)
{
	everybody_enters();
	return entry(0);
}

/* Of the last one to come: the others have been served before. */
static struct cost entry_served(void)
{
	unsigned int v;

	everybody_enters();
	cpu_at_work = nr_threads - 1;
	notify(1);
	for (v = 1; v < nr_vcpus && v < nr_threads; v++)
		enter(v);
	return entry(0);
}

static struct cost entry_owing(void)
{
	everybody_leaves();
	cpu_at_work = nr_threads - 1;
	notify(1);
	return entry(0);
}

static struct cost move(void)
{
	int to = (on[0] + nr_threads / 2) % nr_threads;

	begin(to);
	load(0, to);
	return end();
}

static const struct {
	const char *name;
	struct cost (*run)(void);
	unsigned int locks;	/* at most */
	unsigned int lines;	/* at most, beside one for each vCPU */
	bool looks;		/* at the vCPUs */
} all[] = {
	{ "notifier, idle", notifier_idle, 3, 12, true },
	{ "notifier, running", notifier_running, 5, 12, true },
	{ "64 pages, idle", batch_idle, 66, 16, true },
	{ "entry, owing nothing", entry_owing_nothing, 0, 5, false },
	{ "entry, served", entry_served, 0, 6, false },
	{ "entry, owing a page", entry_owing, 1, 11, false },
	{ "move", move, 1, 9, false },
};

#define STEPS	(sizeof(all) / sizeof(all[0]))

static const unsigned int machines[] = { 4, 16, 64, 176, 640, 1920 }, guests[] = { 1, 2, 8, 64, 1024 };

#define MACHINES	(sizeof(machines) / sizeof(machines[0]))
#define GUESTS		(sizeof(guests) / sizeof(guests[0]))

static struct cost run(unsigned int s, unsigned int machine, unsigned int guest, bool wander)
{
	start(machine, guest, wander);
	return all[s].run();
}

static void print(void)
{
	unsigned int s, m, g, w;

	printf("# step\tthreads\tvcpus\twanders\taccesses\tlines\tremote\tlocks\tbroadcasts\tfences\n");
	for (s = 0; s < STEPS; s++)
		for (g = 0; g < GUESTS; g++)
			for (w = 0; w < 2; w++)
				for (m = 0; m < MACHINES; m++) {
					struct cost c = run(s, machines[m], guests[g], w);

					printf("%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u\n", all[s].name, machines[m], guests[g], w,
					       c.accesses, c.lines, c.remote, c.locks, c.broadcasts, c.fences);
				}
}

/* 32 places are in a line. */
static unsigned int bound(unsigned int s, unsigned int machine, unsigned int guest)
{
	unsigned int seen = guest < machine ? guest : machine;

	return all[s].lines + (all[s].looks ? seen + (guest + 31) / 32 : 0);
}

static bool within(unsigned int s)
{
	unsigned int m, g, w;

	for (m = 0; m < MACHINES; m++)
		for (g = 0; g < GUESTS; g++)
			for (w = 0; w < 2; w++) {
				struct cost c = run(s, machines[m], guests[g], w);

				if (c.locks <= all[s].locks && c.lines <= bound(s, machines[m], guests[g]))
					continue;
				printf("KHT-FAIL scale-%s: %u threads, %u vCPUs%s: %u lines (%u), %u locks (%u)\n", all[s].name,
				       machines[m], guests[g], w ? " that wander" : "", c.lines,
				       bound(s, machines[m], guests[g]), c.locks, all[s].locks);
				return false;
			}
	printf("KHT-PASS scale-%s\n", all[s].name);
	return true;
}

static int check(void)
{
	bool ok = true;
	unsigned int s;

	for (s = 0; s < STEPS; s++)
		ok &= within(s);
	return !ok;
}

int main(int argc, char **argv)
{
	stack = __builtin_frame_address(0);
	if (argc > 1 && !strcmp(argv[1], "--check"))
		return check();
	print();
	return 0;
}
