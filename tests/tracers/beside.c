// SPDX-License-Identifier: GPL-2.0-only
/*
 * beside perf|fentry|fexit FUNCTION...: watch kernel functions until SIGTERM. "ready" says that all are watched; at
 * each SIGUSR1 a line for each function follows, its name, how often it was entered and how often it returned, and
 * "counted".
 *   perf    the events kht_beside/FUNCTION and kht_beside/FUNCTION_ret (scenario tracers makes them) by perf_event_open(2)
 *   fentry  a BPF program at the entry
 *   fexit   BPF programs at both ends
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beside.h"

static const struct way {
	const char *name;
	void (*watch)(const char *function, int place);
	struct counts (*counts)(int place);
} ways[] = {
	{ "perf", perf_watch, perf_counts },
	{ "fentry", fentry_watch, bpf_counts },
	{ "fexit", fexit_watch, bpf_counts },
};

void die(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	va_start(args, fmt);
	fputs("beside: ", stderr);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

static const struct way *find_way(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

static void report(const struct way *way, char **functions, int n)
{
	for (int i = 0; i < n; i++) {
		struct counts c = way->counts(i);

		printf("%s %llu %llu 0\n", functions[i], (unsigned long long)c.entered, (unsigned long long)c.returned);
	}
	puts("counted");
}

int main(int argc, char **argv)
{
	const struct way *way = argc > 2 ? find_way(argv[1]) : NULL;
	char **functions = argv + 2;
	int n = argc - 2, signal;
	sigset_t awaited;

	if (!way || n > MOST) {
		fprintf(stderr, "usage: beside perf|fentry|fexit FUNCTION... (up to %d)\n", MOST);
		return 2;
	}
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGUSR1);
	sigaddset(&awaited, SIGTERM);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);

	for (int i = 0; i < n; i++)
		way->watch(functions[i], i);
	puts("ready");
	while (!sigwait(&awaited, &signal) && signal == SIGUSR1)
		report(way, functions, n);
	return 0;
}
