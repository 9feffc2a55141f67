// SPDX-License-Identifier: GPL-2.0-only
/*
 * files: every file the module has in debugfs and sysfs, opened by several threads at
 * once, read at odd places, written to with anything of any length, and kept open while the guest
 * dies (and while the module goes, which the scenario does). What is read is an error or what
 * such a file holds.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

#define READERS		3
#define KEPT		64	/* files each keeps open, at most */
#define HUGE		(1 << 20)
#define TEXT		8192

static const char * const directories[] = {
	"/sys/kernel/debug/kvm_hv_tlb", "/sys/module/kvm_hv_tlb/parameters", "/sys/kernel/debug/kvm",
};

#define NR_DIRECTORIES (sizeof(directories) / sizeof(directories[0]))

static bool enough;
static u64 opened, reads, read_errors, writes, writes_taken, guests;
static pthread_mutex_t chance = PTHREAD_MUTEX_INITIALIZER;
static char junk[HUGE];

struct file {
	int fd;
	char name[64];
};

static u64 any(u64 limit)
{
	u64 n;

	pthread_mutex_lock(&chance);
	n = random_below(limit);
	pthread_mutex_unlock(&chance);
	return n;
}

static void add_one(u64 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static bool is_ours(const char *directory, const char *name)
{
	return strcmp(directory, directories[2]) || !strncmp(name, "tlb_", 4);
}

/* A random file of that directory; of a guest's, when there is one. */
static bool open_file(struct file *file, const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *e;
	char path[512], chosen[300] = "";
	u64 seen = 0;

	if (!dir)
		return false;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && !is_ours(directory, e->d_name)))
			continue;
		if (!any(++seen))
			snprintf(chosen, sizeof(chosen), "%s", e->d_name);
	}
	closedir(dir);
	if (!chosen[0])
		return false;
	snprintf(path, sizeof(path), "%s/%s", directory, chosen);
	snprintf(file->name, sizeof(file->name), "%.63s", chosen);
	/* The switches of src/module/faults.h are not meant to be played with. */
	if (!strcmp(chosen, "missing") || !strcmp(chosen, "fail_alloc"))
		return false;
	file->fd = open(path, (any(2) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (file->fd < 0)
		file->fd = open(path, O_RDONLY | O_CLOEXEC);
	return file->fd >= 0;
}

static bool open_any(struct file *file)
{
	char path[64] = "";
	const char *directory = directories[any(NR_DIRECTORIES)];

	/* KVM's directory has one for each guest; this process has one. */
	if (directory == directories[2] && any(2)) {
		DIR *dir = opendir(directory);
		struct dirent *e;

		while (dir && (e = readdir(dir)))
			if (e->d_type == DT_DIR && isdigit(e->d_name[0]))
				snprintf(path, sizeof(path), "%s/%.30s", directories[2], e->d_name);
		if (dir)
			closedir(dir);
		if (path[0])
			directory = path;
	}
	return open_file(file, directory);
}

/* A counter, from its beginning, is digits and a line's end. */
static void judge(const struct file *file, const char *text, ssize_t n)
{
	if (strncmp(file->name, "tlb_", 4))
		return;
	for (ssize_t i = 0; i < n - 1; i++)
		if (!isdigit(text[i]))
			wrong("%s holds '%.*s'.", file->name, (int)n, text);
	if (n && text[n - 1] != '\n')
		wrong("%s has no line's end: '%.*s'.", file->name, (int)n, text);
}

static void read_somewhere(const struct file *file)
{
	static const u64 sizes[] = { 1, 2, 3, 7, 100, 4095, TEXT };
	char text[TEXT];
	bool begin = any(2);
	off_t at = begin ? 0 : any(5000);
	ssize_t n;

	if (!begin && !any(4))
		at = ((off_t)any(1ULL << 31) << 31);
	n = pread(file->fd, text, begin ? TEXT : sizes[any(7)], at);
	/* A counter has no places: its first read is the beginning, others find the end. */
	if (n < 0 && errno == ESPIPE) {
		begin = true;
		n = read(file->fd, text, TEXT);
	}
	add_one(&reads);
	if (n < 0)
		add_one(&read_errors);
	else if (begin)
		judge(file, text, n);
}

/* Never what a switch takes for 0, so that the module stays as it is. */
static void write_something(const struct file *file)
{
	static const u64 sizes[] = { 1, 3, 64, 4095, 4096, 4097, 65536, HUGE };
	u64 size = sizes[any(8)], at = any(2) ? 0 : any(HUGE - size + 1);

	add_one(&writes);
	if (pwrite(file->fd, junk + at, size, any(4) ? 0 : any(10000)) > 0)
		add_one(&writes_taken);
}

/* The module stays as long as one of its files is open. */
static u64 kept(void)
{
	return variant("few") ? 1 : KEPT;
}

static void *reader(void *unused)
{
	struct file files[KEPT];

	(void)unused;
	for (int i = 0; i < KEPT; i++)
		files[i].fd = -1;
	pin(-1);
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		struct file *file = &files[any(kept())];

		if (file->fd < 0) {
			if (open_any(file))
				add_one(&opened);
			continue;
		}
		switch (any(8)) {
		case 0:
			close(file->fd);
			file->fd = -1;
			break;
		case 1:
			write_something(file);
			break;
		default:
			read_somewhere(file);
		}
	}
	for (int i = 0; i < KEPT; i++)
		if (files[i].fd >= 0)
			close(files[i].fd);
	return NULL;
}

static void fill_junk(void)
{
	for (int i = 0; i < HUGE; i++)
		junk[i] = 0x80 | random_below(128);
	/* Some of it is near to what parameters take. */
	for (int i = 0; i + 16 < HUGE; i += 4096)
		snprintf(junk + i, 16, "%llu\n%c", random_below(1 << 20) + 513, 0x81);
}

void files(void)
{
	u64 end = now_ns() + opt.seconds * 1000000000ULL;
	pthread_t threads[READERS];
	void *data = data_alloc(opt.pages);
	struct round r;
	struct vm vm;

	fill_junk();
	pin(-1);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&threads[i], NULL, reader, NULL))
			die("no thread to read files with.");
	do {
		vm_create(&vm, 1, data, opt.pages);
		guest_fill(&vm.vcpus[0], 0, opt.pages, 1, 0, 0);
		usleep(any(100000));
		guest_fill(&vm.vcpus[0], 0, opt.pages, 7, 1, 1);
		expect_fill(&vm, 0, opt.pages, 7, "beside readers of files");
		guests++;
		vm_destroy(&vm);
		memset(data, 0, opt.pages * page_size);
	} while (now_ns() < end);
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	vm_create(&vm, 1, data, opt.pages);
	round_begin(&vm, &r);
	guest_fill(&vm.vcpus[0], 0, opt.pages, 1, 0, 0);
	round_end(&vm, &r);
	report_extra("guests", guests);
	report_extra("opened", opened);
	report_extra("reads", reads);
	report_extra("read_errors", read_errors);
	report_extra("writes", writes);
	report_extra("writes_taken", writes_taken);
	report(&vm);
}
