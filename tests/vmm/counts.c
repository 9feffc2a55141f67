// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's own tracepoints and the module's per-guest counters say.
 *
 * The kernel counts in tracefs histograms, which cost nothing to leave on and
 * which several vmm processes share. Broadcasts of a guest are partition-scoped
 * tlbie (prs=0) with its LPID, and with LPID 0: on POWER9 one of the two errata
 * fix-ups of each flush names LPID 0. No other user of LPID 0 is partition
 * scoped, but the fix-ups of other guests are: figures are exact with one
 * guest at a time.
 *
 * A host that is a partition executes no tlbie. What counts as a broadcast there are the hypercalls
 * that flush, also those with which the module settles at an entry; they name no guest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "vmm.h"

#define TRACEFS		"/sys/kernel/tracing/"
#define TLBIE		TRACEFS "events/powerpc/tlbie/"
#define HCALLS		TRACEFS "events/powerpc/hcall_entry/"
#define LPID		TRACEFS "events/kht/lpid/"
#define CALL_ONE	TRACEFS "events/kht/call_one/"
#define CALL_MANY	TRACEFS "events/kht/call_many/"
/*
 * Past the two instructions that set the TOC pointer and the two that call ftrace: a trap. A probe at the
 * entry goes through ftrace and restores r13, the CPU's PACA: on a preemptible kernel (7.2) a task that
 * has been moved meanwhile goes on with another CPU's; so does an optimized trap, which tests/host/init forbids
 * there. The arguments are still where they were.
 */
#define BEHIND_ENTRY	"+16"
#define MAX_LPID	4096
#define ARCH_3_1	0x00040000	/* PPC_FEATURE2_ARCH_3_1 */
#define MAX_EXTRAS	64

#define H_TLB_INVALIDATE	0xf808
#define H_RPT_INVALIDATE	0x448

static const char * const count_names[C_NR] = {
	"broadcasts", "local_flushes", "tlbiel", "waited_ipis", "exits"
};

/* The module's counters; reported as they are beside the figures made of them. */
static const char * const module_counters[] = {
	"tlb_broadcasts", "tlb_broadcasts_saved", "tlb_local_flushes", "tlb_replays",
	"tlb_replayed_pages", "tlb_log_overflows", "tlb_syncs", "tlb_settles", "tlb_moves",
	"tlb_moves_synced", "tlb_ipis_sent", "tlb_ipis_saved", "tlb_stock", "tlb_batches",
	"tlb_quadrant", "tlb_process_flushes", "tlb_hpt_local", "tlb_endless_ranges",
};

static u64 most[C_NR], last[C_NR];	/* of all rounds; in the latest one */
static u64 *samples, nsamples;
static u64 op_ns, op_hcalls, most_op_hcalls;	/* of the host's operations in a round */
static struct { const char *name; u64 value; } extras[MAX_EXTRAS];
static int nextras;

static int write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* Idempotent: another vmm may have made it. */
static bool probe(const char *definition, const char *directory)
{
	return !access(directory, F_OK) ||
	       !write_file(TRACEFS "kprobe_events", O_APPEND, definition) ||
	       !access(directory, F_OK);
}

static void hist(const char *directory, const char *keys)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%strigger", directory);
	err = write_file(path, 0, keys);
	if (err && err != EEXIST)
		die("the histogram '%s' cannot be set in %s: %s; the kernel needs CONFIG_HIST_TRIGGERS and tracefs in /sys/kernel/tracing.",
		    keys, path, strerror(err));
}

static bool cpuinfo_says(const char *what)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	bool says = false;

	while (f && !says && fgets(line, sizeof(line), f))
		says = strstr(line, what);
	if (f)
		fclose(f);
	return says;
}

/* As tests/host/lib/workloads.sh asks. */
bool in_partition(void)
{
	static int known = -1;

	if (known < 0)
		known = cpuinfo_says("pSeries");
	return known;
}

void counts_setup(void)
{
	bool many = probe("p:kht/call_many smp_call_function_many_cond" BEHIND_ENTRY " func=%gpr4 wait=%gpr6", CALL_MANY) ||
		    probe("p:kht/call_many smp_call_function_many" BEHIND_ENTRY " func=%gpr4 wait=%gpr6", CALL_MANY);

	if (!many || !probe("p:kht/call_one smp_call_function_single" BEHIND_ENTRY " func=%gpr4 wait=%gpr6", CALL_ONE) ||
	    !probe("p:kht/lpid mmu_partition_table_set_entry" BEHIND_ENTRY " lpid=%gpr3", LPID))
		die("kprobe events cannot be made: %s; the kernel needs CONFIG_KPROBE_EVENTS.", strerror(errno));
	if (in_partition())
		hist(HCALLS, "hist:keys=opcode");
	hist(TLBIE, "hist:keys=lpid,local,prs");
	hist(LPID, "hist:keys=common_pid,lpid");
	hist(CALL_ONE, "hist:keys=func.sym,wait");
	hist(CALL_MANY, "hist:keys=func.sym,wait");
}

static u64 field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	if (!at)
		die("a histogram line has no '%s': %s", name, line);
	return strtoull(at + strlen(name), NULL, 10);
}

typedef bool (*match_fn)(const char *line, const struct vm *vm);

static void for_each_line(const char *directory, void (*each)(const char *line, void *arg), void *arg)
{
	char path[128], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%shist", directory);
	f = fopen(path, "re");
	if (!f)
		die("%s cannot be read: %s.", path, strerror(errno));
	while (getline(&line, &size, f) > 0)
		if (line[0] == '{')
			each(line, arg);
	free(line);
	fclose(f);
}

struct sum {
	match_fn match;
	const struct vm *vm;
	u64 total;
};

static void add(const char *line, void *arg)
{
	struct sum *sum = arg;

	if (sum->match(line, sum->vm))
		sum->total += field(line, "hitcount:");
}

static u64 hist_sum(const char *directory, match_fn match, const struct vm *vm)
{
	struct sum sum = { match, vm, 0 };

	for_each_line(directory, add, &sum);
	return sum.total;
}

static bool is_broadcast(const char *line, const struct vm *vm)
{
	u64 lpid = field(line, "lpid:");

	if (field(line, "local:"))
		return false;
	return lpid == vm->lpid || (!lpid && !field(line, "prs:"));
}

static bool is_flush(const char *line, const struct vm *vm)
{
	u64 opcode = field(line, "opcode:");

	(void)vm;
	return opcode == H_TLB_INVALIDATE || opcode == H_RPT_INVALIDATE;
}

static u64 broadcasts(const struct vm *vm)
{
	return in_partition() ? hist_sum(HCALLS, is_flush, vm) : hist_sum(TLBIE, is_broadcast, vm);
}

static bool is_of_partition(const char *line, const struct vm *vm)
{
	return !field(line, "local:") && !field(line, "prs:") &&
	       (vm->lpid == ANY_LPID || field(line, "lpid:") == vm->lpid);
}

u64 counts_broadcasts(u64 lpid)
{
	const struct vm named = { .lpid = lpid };

	return hist_sum(TLBIE, is_of_partition, &named);
}

/* Whoever's: the kernel names no LPID for a guest's. */
static bool is_of_process(const char *line, const struct vm *vm)
{
	(void)vm;
	return !field(line, "local:") && field(line, "prs:");
}

u64 counts_process_broadcasts(void)
{
	return hist_sum(TLBIE, is_of_process, NULL);
}

static bool is_local(const char *line, const struct vm *vm)
{
	return field(line, "local:") && field(line, "lpid:") == vm->lpid;
}

static bool is_waited_kvm_ipi(const char *line, const struct vm *vm)
{
	(void)vm;
	return (field(line, "wait:") & 1) && (strstr(line, "[kvm_hv]") || strstr(line, "[kvm_hv_tlb]"));
}

static bool is_order(const char *line, const struct vm *vm)
{
	(void)vm;
	return strstr(line, "do_migrate_away_vcpu");
}

u64 counts_order_ipis(void)
{
	return hist_sum(CALL_ONE, is_order, NULL);
}

struct newest {
	u64 hits[MAX_LPID];
	u64 lpid;
};

static void see_lpid(const char *line, void *arg)
{
	struct newest *newest = arg;
	u64 lpid = field(line, "lpid:"), hits = field(line, "hitcount:");

	if (field(line, "common_pid:") != (u64)gettid() || lpid >= MAX_LPID)
		return;
	if (hits > newest->hits[lpid])
		newest->lpid = lpid;
	newest->hits[lpid] = hits;
}

/* The LPID whose partition table entry this thread set since the last call; in a partition, where none is asked for, 0. */
u64 counts_newest_lpid(void)
{
	static struct newest newest;

	newest.lpid = 0;
	for_each_line(LPID, see_lpid, &newest);
	return newest.lpid;
}

static bool read_number(int dir, const char *name, u64 *value)
{
	char text[32];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	*value = strtoull(text, NULL, 10);
	return true;
}

bool counts_module(const struct vm *vm)
{
	u64 any;

	return read_number(vm->debugfs, "tlb_broadcasts_saved", &any);
}

static u64 number_or_0(int dir, const char *name)
{
	u64 value = 0;

	read_number(dir, name, &value);
	return value;
}

/* Covers by the module that had something to cover, of the VM and its L2s; 0 without the module. */
u64 counts_batches(const struct vm *vm)
{
	return number_or_0(vm->debugfs, "tlb_batches");
}

u64 tlb_sets(void)
{
	return getauxval(AT_HWCAP2) & ARCH_3_1 ? 1 : 128;
}

static u64 number(const struct vm *vm, const char *name)
{
	u64 value;

	if (!read_number(vm->debugfs, name, &value))
		die("the guest's debugfs directory has no counter %s.", name);
	return value;
}

/*
 * Without those of the host's timer: near its tick stock gives up entries by the
 * thousand (a guest time slice that is over before it begins), each a dec_exit.
 */
static u64 exits(const struct vm *vm)
{
	return number(vm, "sum_exits") - number(vm, "dec_exits");
}

/* As src/power/flush.c does it: of a radix guest both scopes, or one; of a hash guest all classes and two caches. */
static u64 instructions(u64 flushes, u64 process_flushes)
{
	if (opt.hash)
		return (flushes + process_flushes) * (256 + 2);
	return (2 * flushes + process_flushes) * tlb_sets();
}

void counts_read(const struct vm *vm, struct counts *c)
{
	u64 flushes;

	c->v[C_BROADCASTS] = broadcasts(vm);
	c->v[C_WAITED_IPIS] = hist_sum(CALL_ONE, is_waited_kvm_ipi, vm) + hist_sum(CALL_MANY, is_waited_kvm_ipi, vm);
	c->v[C_EXITS] = exits(vm);
	if (!read_number(vm->debugfs, "tlb_local_flushes", &flushes)) {
		c->v[C_LOCAL_FLUSHES] = 0;
		c->v[C_TLBIEL] = hist_sum(TLBIE, is_local, vm);
		return;
	}
	c->v[C_LOCAL_FLUSHES] = flushes + number_or_0(vm->debugfs, "tlb_replays");
	c->v[C_TLBIEL] = instructions(flushes, number_or_0(vm->debugfs, "tlb_process_flushes")) +
			 number_or_0(vm->debugfs, "tlb_replayed_pages");
}

void round_begin(const struct vm *vm, struct round *r)
{
	op_ns = op_hcalls = 0;
	r->vm = vm;
	counts_read(vm, &r->before);
	mark(0x12);
}

void op_begin(struct round *r)
{
	mark(0x10);
	if (in_partition())
		r->hcalls = broadcasts(r->vm);
	r->began = now_ns();
}

void op_end(struct round *r)
{
	op_ns += now_ns() - r->began;
	if (in_partition())
		op_hcalls += broadcasts(r->vm) - r->hcalls;
	mark(0x11);
	/* For the sanitizer: all that the host has invalidated for this LPID has returned. */
	mark_returned(r->vm->lpid);
}

void round_end(const struct vm *vm, struct round *r)
{
	struct counts after;

	mark(0x13);
	counts_read(vm, &after);
	for (int i = 0; i < C_NR; i++) {
		/* Signed: a vCPU that runs may count between two readings of one figure. */
		int64_t n = after.v[i] - r->before.v[i];

		if (n > (int64_t)most[i])
			most[i] = n;
		last[i] = n;
	}
	if (op_hcalls > most_op_hcalls)
		most_op_hcalls = op_hcalls;
	samples = realloc(samples, (nsamples + 1) * sizeof(*samples));
	if (!samples)
		die("no memory for the times.");
	samples[nsamples++] = op_ns;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static void print_figure(const char *name, u64 value)
{
	printf(",\"%s\":%llu", name, value);
}

static void print_times(void)
{
	qsort(samples, nsamples, sizeof(*samples), compare);
	print_figure("ns", nsamples ? samples[nsamples / 2] : 0);
	print_figure("least_ns", nsamples ? samples[0] : 0);
}

void report_extra(const char *name, u64 value)
{
	if (nextras == MAX_EXTRAS)
		die("too many extra figures.");
	extras[nextras].name = name;
	extras[nextras++].value = value;
}

void report(const struct vm *vm)
{
	u64 value;

	printf("KHT-JSON {\"name\":\"%s\",\"variant\":\"%s\",\"tag\":\"%s\"", opt.workload, opt.variant, opt.tag);
	print_figure("pages", opt.pages);
	print_figure("rounds", opt.rounds);
	print_figure("seed", opt.seed);
	for (int i = 0; i < C_NR; i++)
		print_figure(count_names[i], most[i]);
	print_times();
	print_figure("last_broadcasts", last[C_BROADCASTS]);
	if (in_partition())
		print_figure("op_hcalls", most_op_hcalls);
	report_leaves();
	for (int i = 0; i < nextras; i++)
		print_figure(extras[i].name, extras[i].value);
	for (size_t i = 0; i < sizeof(module_counters) / sizeof(module_counters[0]); i++)
		if (read_number(vm->debugfs, module_counters[i], &value))
			print_figure(module_counters[i], value);
	printf(",\"ok\":true}\n");
}
