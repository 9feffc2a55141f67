// SPDX-License-Identifier: GPL-2.0-only
/* Finds a function in the kernel's type information (BTF), which a BPF program names it by. */
#include <errno.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beside.h"

struct btf {
	const char *data;
	const struct btf_header *header;
	u32 types, strings;	/* how many types, bytes of names, with those of the kernel */
	const struct btf *kernel;	/* NULL: it is the kernel's */
};

static struct btf kernel;

static char *contents(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t size = 0, room = 1 << 20;
	char *data = malloc(room);

	while (f && data) {
		size_t n = fread(data + size, 1, room - size, f);

		if (!n)
			break;
		size += n;
		if (size == room)
			data = realloc(data, room *= 2);
	}
	if (!f || !data || !size)
		die("%s", path);
	fclose(f);
	return data;
}

/* What follows a type, by its kind. */
static size_t extra(const struct btf_type *type)
{
	u32 n = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
		return sizeof(u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	}
	return 0;
}

/* A module's names begin where those of the kernel end. */
static const char *name_of(const struct btf *btf, u32 offset)
{
	u32 first = btf->kernel ? btf->kernel->strings : 0;

	if (offset < first)
		return name_of(btf->kernel, offset);
	return btf->data + btf->header->hdr_len + btf->header->str_off + (offset - first);
}

/* The id of @function, or 0 and all types counted. */
static u32 search(struct btf *btf, const char *function)
{
	const char *at = btf->data + btf->header->hdr_len + btf->header->type_off;
	const char *end = at + btf->header->type_len;
	u32 id = btf->kernel ? btf->kernel->types : 0;

	while (at < end) {
		const struct btf_type *type = (const struct btf_type *)at;

		id++;
		if (function && BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    !strcmp(name_of(btf, type->name_off), function))
			return id;
		at += sizeof(*type) + extra(type);
	}
	btf->types = id;
	return 0;
}

static struct btf open_btf(const char *path, const struct btf *base)
{
	struct btf btf = { .data = contents(path), .kernel = base };

	btf.header = (const struct btf_header *)btf.data;
	btf.strings = btf.header->str_len + (base ? base->strings : 0);
	return btf;
}

/* The modules that hooked functions are in. */
static const char * const modules[] = { "kvm", "kvm_hv" };

#define NR_MODULES (sizeof(modules) / sizeof(modules[0]))

static struct btf_id search_modules(const char *function)
{
	static struct btf opened[NR_MODULES];

	for (size_t i = 0; i < NR_MODULES; i++) {
		char path[64];
		u32 id;

		snprintf(path, sizeof(path), "/sys/kernel/btf/%s", modules[i]);
		if (!opened[i].data)
			opened[i] = open_btf(path, &kernel);
		id = search(&opened[i], function);
		if (id)
			return (struct btf_id) { id, bpf_btf_object(modules[i]) };
	}
	errno = ENOENT;
	die("the type information has no function %s", function);
}

struct btf_id btf_find(const char *function)
{
	u32 id;

	if (!kernel.data) {
		kernel = open_btf("/sys/kernel/btf/vmlinux", NULL);
		search(&kernel, NULL);
	}
	id = search(&kernel, function);
	return id ? (struct btf_id) { id, 0 } : search_modules(function);
}
