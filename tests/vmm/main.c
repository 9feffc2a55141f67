// SPDX-License-Identifier: GPL-2.0-only
/* vmm WORKLOAD [options]: run one workload in a guest of its own and print one KHT-JSON line. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

struct options opt;

static const struct workload {
	const char *name;
	void (*run)(void);
	const char *variants;	/* the first is the default */
	u64 pages, rounds;
} workloads[] = {
	{ "dirty-log",		dirty_log,	"idle running",			1024,	8 },
	{ "log-toggle",		log_toggle,	"idle running faulting",	1024,	4 },
	{ "unmap",		unmap,		"idle running",			1024,	4 },
	{ "unmap-single",	unmap_single,	"idle running stopped",		1024,	4 },
	{ "unmap-part",		unmap_part,	"idle running",			1024,	4 },
	{ "collapse",		collapse,	"idle running",			1024,	4 },
	{ "ping-pong",		ping_pong,	"idle",				6400,	1 },
	{ "migrate",		migrate,	"kernel user sibling",		8,	1000 },
	{ "remap",		remap,		"core sibling host l2",			16,	200 },
	{ "replace",		replace,	"copy mmap slot",		4,	400 },
	{ "churn",		churn,		"vcpus",			256,	1 },
	{ "hash",		hash,		"idle",				8,	20 },
	{ "hpt-remove",		hpt_remove,	"one others local bulk protect",	10000,	1 },
	{ "hpt-reset",		hpt_reset,	"reset resize reuse",			64,	8 },
	{ "hpt-local",		hpt_local,	"hostile honest moving",			1,	50 },
	{ "hpt-diff",		hpt_diff,	"turns",			1,	100000 },
	{ "nested",		nested,		"bits dirty-log running refault age invalidate faults move handover shared destroy flood",	256,	8 },
	{ "range",		ranges,	"guest nested l2",			4,	1 },
	{ "blocked",		blocked,	"harvest call create",			64,	1 },
	{ "registers",		registers,	"run control",			1,	40 },
	{ "fuzz",		fuzz,		"all",				1,	1 },
	{ "files",		files,		"many few",			16,	1 },
	{ "pressure",		pressure,	"vcpus",			512,	1 },
	{ "cpu-online",		cpu_online,	"idle detach",			16,	4 },
	{ "exit-cost",		exit_cost,	"idle",				1,	12 },
};

#define NR_WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static void fail(int status, const char *fmt, va_list args)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;

	/* Other threads stay here while the first one ends the process. */
	pthread_mutex_lock(&once);
	fprintf(stderr, "vmm %s: ", opt.workload ? opt.workload : "");
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	if (status == EXIT_WRONG)
		printf("KHT-JSON {\"name\":\"%s\",\"variant\":\"%s\",\"tag\":\"%s\",\"seed\":%llu,\"ok\":false}\n",
		       opt.workload, opt.variant, opt.tag, opt.seed);
	exit(status);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail(EXIT_CANNOT, fmt, args);
	__builtin_unreachable();
}

void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail(EXIT_WRONG, fmt, args);
	__builtin_unreachable();
}

u64 random_below(u64 limit)
{
	static u64 state;

	if (!state)
		state = opt.seed * 0x9e3779b97f4a7c15ULL + 1;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL >> 33) % limit;
}

volatile sig_atomic_t asked_to_end;

static void on_sigterm(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

void end_on_sigterm(void)
{
	signal(SIGTERM, on_sigterm);
}

u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static u64 number(const char *option, const char *text, u64 min, u64 max)
{
	char *end;
	u64 n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end || end == text || n < min || n > max)
		die("%s takes a number from %llu to %llu, not '%s'.", option, min, max, text);
	return n;
}

static bool is_hash(const char *mmu)
{
	if (strcmp(mmu, "hash") && strcmp(mmu, "radix"))
		die("--mmu is hash or radix, not '%s'.", mmu);
	return !strcmp(mmu, "hash");
}

static enum backing backing_of(const char *name)
{
	static const char *const names[] = { [SMALL] = "small", [THP] = "thp", [HUGE_2M] = "2M", [HUGE_1G] = "1G" };

	for (enum backing b = SMALL; b <= HUGE_1G; b++)
		if (!strcmp(name, names[b]))
			return b;
	die("--backing is small, thp, 2M or 1G, not '%s'.", name);
}

static void set_option(const char *name, const char *value)
{
	if (!strcmp(name, "--variant"))
		opt.variant = value;
	else if (!strcmp(name, "--tag"))
		opt.tag = value;
	else if (!strcmp(name, "--mmu"))
		opt.hash = is_hash(value);
	else if (!strcmp(name, "--backing"))
		opt.backing = backing_of(value);
	else if (!strcmp(name, "--pages"))
		opt.pages = number(name, value, 1, 65536 * 8);
	else if (!strcmp(name, "--rounds"))
		opt.rounds = number(name, value, 1, 1000000);
	else if (!strcmp(name, "--vcpus"))
		opt.vcpus = number(name, value, 1, MAX_VCPUS);
	else if (!strcmp(name, "--seconds"))
		opt.seconds = number(name, value, 1, 86400);
	else if (!strcmp(name, "--seed"))
		opt.seed = number(name, value, 0, ~0ULL);
	else
		die("there is no option %s; there are --variant, --mmu, --backing, --pages, --rounds, --vcpus, --seconds, --seed and --tag.", name);
}

static bool in_list(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *at = list;

	while ((at = strstr(at, word))) {
		if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
		at += n;
	}
	return false;
}

static const struct workload *find_workload(const char *name)
{
	for (size_t i = 0; i < NR_WORKLOADS; i++)
		if (!strcmp(workloads[i].name, name))
			return &workloads[i];
	return NULL;
}

static void usage(void)
{
	fputs("usage: vmm WORKLOAD [--variant V] [--mmu radix|hash] [--backing small|thp|2M|1G] [--pages N] [--rounds N] [--vcpus N] [--seconds N] [--seed N] [--tag stock|module]\n", stderr);
	for (size_t i = 0; i < NR_WORKLOADS; i++)
		fprintf(stderr, "  %-14s variants: %s\n", workloads[i].name, workloads[i].variants);
	exit(EXIT_CANNOT);
}

int main(int argc, char **argv)
{
	const struct workload *w = argc > 1 ? find_workload(argv[1]) : NULL;
	char variant[16];

	if (!w)
		usage();
	sscanf(w->variants, "%15s", variant);
	opt = (struct options) {
		.workload = w->name, .variant = variant, .pages = w->pages, .rounds = w->rounds,
		.vcpus = 2, .seconds = 60, .seed = 1,
		.tag = access("/sys/module/kvm_hv_tlb", F_OK) ? "stock" : "module",
	};
	for (int i = 2; i < argc; i += 2) {
		if (i + 1 == argc)
			die("%s needs a value.", argv[i]);
		set_option(argv[i], argv[i + 1]);
	}
	if (!in_list(w->variants, opt.variant))
		die("there is no variant '%s'; there are: %s.", opt.variant, w->variants);
	if (has_runner() && opt.pages <= RUNNER_PAGES)
		die("--pages must be more than the %d pages of the running vCPU.", RUNNER_PAGES);

	setvbuf(stdout, NULL, _IOLBF, 0);
	vm_setup();
	counts_setup();
	mark_name(w->name);
	w->run();
	return EXIT_OK;
}
