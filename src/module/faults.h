/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures on demand, for tests/host/scenarios/hostile.sh: stock kernels are
 * built without fault injection. Only a build with DEBUG_MUTANT=faults has
 * them; in any other this header adds no instruction.
 */
#ifndef KHT_FAULTS_H
#define KHT_FAULTS_H

#include <linux/types.h>

#ifdef KHT_FAULTS
bool kht_fault_alloc(void);		/* is this allocation to fail? */
bool kht_fault_name(const char *name);	/* is that function, member or tracepoint missing? */
#else
static inline bool kht_fault_alloc(void)
{
	return false;
}

static inline bool kht_fault_name(const char *name)
{
	return false;
}
#endif

/* @call: the kernel's function that allocates */
#define kht_alloc(call)	(kht_fault_alloc() ? NULL : (call))

#endif
