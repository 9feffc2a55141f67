// SPDX-License-Identifier: GPL-2.0-only
/*
 * BPF programs at functions: each adds one to its counter and returns. The counters are the one value of an array,
 * which is mapped here too.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beside.h"

#define SIZE	(MOST * sizeof(struct counts))

static volatile struct counts *counters;
static int map;

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* The file descriptor of @module's type information. */
int bpf_btf_object(const char *module)
{
	union bpf_attr next = { .start_id = 0 };

	for (; !bpf(BPF_BTF_GET_NEXT_ID, &next); next.start_id = next.next_id) {
		char name[64] = "";
		struct bpf_btf_info info = { .name = (u64)name, .name_len = sizeof(name) };
		union bpf_attr by_id = { .btf_id = next.next_id }, of = { .info = { .info_len = sizeof(info) } };
		int fd = bpf(BPF_BTF_GET_FD_BY_ID, &by_id);

		of.info.bpf_fd = fd;
		of.info.info = (u64)&info;
		if (fd < 0 || bpf(BPF_OBJ_GET_INFO_BY_FD, &of))
			die("type information %u", next.next_id);
		if (info.kernel_btf && !strcmp(name, module))
			return fd;
		close(fd);
	}
	die("the type information of %s", module);
}

static void make_counters(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = SIZE, .max_entries = 1,
		.map_flags = BPF_F_MMAPABLE,
	};

	if (counters)
		return;
	map = bpf(BPF_MAP_CREATE, &attr);
	if (map < 0)
		die("a BPF map");
	counters = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, map, 0);
	if (counters == MAP_FAILED)
		die("mapping a BPF map");
}

static int load(struct btf_id at, enum bpf_attach_type type, size_t counter)
{
	static char log[4096];
	const struct bpf_insn program[] = {
		/* r1 = the counter's address */
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map },
		{ .imm = counter },
		/* r2 = 1; lock *r1 += r2 */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1 },
		{ .code = BPF_STX | BPF_DW | BPF_ATOMIC, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2, .imm = BPF_ADD },
		/* return 0 */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING, .insn_cnt = sizeof(program) / sizeof(program[0]),
		.insns = (u64)program, .license = (u64)"GPL", .log_level = 1, .log_size = sizeof(log),
		.log_buf = (u64)log, .expected_attach_type = type, .attach_btf_id = at.id,
		.attach_btf_obj_fd = at.object,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		die("the kernel refuses the program: %s", log);
	return fd;
}

static void attach(const char *function, enum bpf_attach_type type, size_t counter)
{
	union bpf_attr attr = { .link_create = { .attach_type = type } };

	make_counters();
	attr.link_create.prog_fd = load(btf_find(function), type, counter);
	if (bpf(BPF_LINK_CREATE, &attr) < 0)
		die("attaching to %s", function);
}

void fentry_watch(const char *function, int place)
{
	attach(function, BPF_TRACE_FENTRY, place * sizeof(struct counts) + offsetof(struct counts, entered));
}

void fexit_watch(const char *function, int place)
{
	fentry_watch(function, place);
	attach(function, BPF_TRACE_FEXIT, place * sizeof(struct counts) + offsetof(struct counts, returned));
}

struct counts bpf_counts(int place)
{
	return (struct counts) { counters[place].entered, counters[place].returned };
}
