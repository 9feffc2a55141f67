/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BESIDE_H
#define BESIDE_H

#include <stdint.h>

#define MOST 32

typedef uint64_t u64;
typedef uint32_t u32;

struct counts {
	u64 entered, returned;
};

void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Once for each function, with its place among them. */
void perf_watch(const char *function, int place);
void fentry_watch(const char *function, int place);
void fexit_watch(const char *function, int place);

struct counts perf_counts(int place);
struct counts bpf_counts(int place);

/* The id of a kernel function in the type information of the kernel or of one of its modules. */
struct btf_id {
	u32 id;
	u32 object;	/* file descriptor of the module's; 0: the kernel's */
};

struct btf_id btf_find(const char *function);
int bpf_btf_object(const char *module);

#endif
