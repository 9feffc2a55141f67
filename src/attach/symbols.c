// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that no kernel exports. kallsyms_lookup_name() itself is found
 * through a kprobe, which resolves names for us.
 */
#include <linux/kprobes.h>
#include "attach/attach.h"
#include "module/faults.h"

/*
 * With offset 0 a ppc64 ELFv2 kernel would place the probe on the local entry,
 * past the two instructions that set the TOC pointer. Offset 4 stays where it
 * is asked to; four bytes before lies the global entry, which a function
 * pointer needs.
 */
#define BEHIND_GLOBAL_ENTRY	4

typedef unsigned long (*lookup_fn)(const char *name);

static lookup_fn find_lookup(void)
{
	struct kprobe probe = {
		.symbol_name = "kallsyms_lookup_name",
		.offset = BEHIND_GLOBAL_ENTRY,
	};
	unsigned long addr;

	if (register_kprobe(&probe))
		return NULL;
	addr = (unsigned long)probe.addr - BEHIND_GLOBAL_ENTRY;
	unregister_kprobe(&probe);
	return (lookup_fn)addr;
}

/* The global entry of function @name, 0 if this kernel has none. */
unsigned long kht_symbol(const char *name)
{
	static lookup_fn lookup;

	if (!lookup)
		lookup = find_lookup();
	return lookup && !kht_fault_name(name) ? lookup(name) : 0;
}
