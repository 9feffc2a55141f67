// SPDX-License-Identifier: GPL-2.0-only
/* Counts and samples events of tracefs on every CPU, as perf record -a -g does. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beside.h"

#define EVENTS		"/sys/kernel/tracing/events/kht_beside/"
#define MOST_CPUS	16
#define RING_PAGES	(1 + 8)

struct event {
	int fds[MOST_CPUS];	/* 0: no such CPU */
};

static struct { struct event entry, end; } watched[MOST];

static u64 id_of(const char *name)
{
	char path[256];
	unsigned long long id;
	FILE *f;

	snprintf(path, sizeof(path), EVENTS "%s/id", name);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%llu", &id) != 1)
		die("%s", path);
	fclose(f);
	return id;
}

/* Without a reader the ring fills; what is sampled after that is lost, and counted all the same. */
static int open_on(int cpu, u64 id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = id, .sample_period = 1,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		die("perf_event_open on CPU %d", cpu);
	if (mmap(NULL, RING_PAGES * sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
		die("the ring of CPU %d", cpu);
	return fd;
}

static void open_event(struct event *event, const char *name)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	u64 id = id_of(name);

	for (int cpu = 0; cpu < cpus && cpu < MOST_CPUS; cpu++)
		event->fds[cpu] = open_on(cpu, id);
}

void perf_watch(const char *function, int place)
{
	char end[128];

	snprintf(end, sizeof(end), "%s_ret", function);
	open_event(&watched[place].entry, function);
	open_event(&watched[place].end, end);
}

static u64 total(const struct event *event)
{
	u64 sum = 0, count;

	for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
		if (!event->fds[cpu])
			continue;
		if (read(event->fds[cpu], &count, sizeof(count)) != sizeof(count))
			die("reading a count");
		sum += count;
	}
	return sum;
}

struct counts perf_counts(int place)
{
	return (struct counts) { total(&watched[place].entry), total(&watched[place].end) };
}
