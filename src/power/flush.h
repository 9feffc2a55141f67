/* SPDX-License-Identifier: GPL-2.0-only */
/* What src/power offers beside the executors of src/core/env.h. */
#ifndef KHT_FLUSH_H
#define KHT_FLUSH_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct kvm;
#include "core/ledger.h"

/*
 * Chooses the executor for this machine: NULL, or why it must keep stock
 * behaviour (a sentence).
 */
const char *kht_power_choose(void);

/* The same for hash guests alone. */
const char *kht_power_unfit_for_hash(void);

/*
 * Is this host a partition of a hypervisor, which flushes for it
 * (src/power/hcalls.c)?
 */
extern bool kht_in_partition;

static inline bool kht_by_hcall(void)
{
	return IS_ENABLED(CONFIG_PPC_PSERIES) && kht_in_partition;
}

struct kht_hcalls_status {
	unsigned int api;		/* for nested guests: 1 or 2 */
	const char *call;		/* that flushes */
	unsigned int refusals;		/* by the hypervisor, since the module was loaded */
};

/* kvmhv_flush_lpid(), which kvm-hv does not export; before any flush. */
typedef void (*flush_lpid_fn)(u64 lpid);

/*
 * Of a partition only. The first: does one flush take pages that follow one
 * another?
 */
bool kht_takes_runs(void);
void kht_hcalls_use(flush_lpid_fn fn);
void kht_hcalls_status(struct kht_hcalls_status *status);

/* Congruence classes a whole-LPID tlbiel walks: 128 on POWER9, 1 on POWER10. */
unsigned int kht_tlb_sets(void);

/*
 * The same of a hash guest, as the kernel's own hash__tlbiel_all() does it on
 * both. A guest's tlb_sets is that of radix on a radix host.
 */
#define KHT_HASH_SETS	256

struct kht_core kht_core_of(unsigned int cpu);

/*
 * Does a flush by one thread of a core serve the others? They do unless the
 * self-test has found otherwise. Before there are domains.
 */
void kht_siblings_serve(bool serve);

/* Completes what the guest began with tlbie or tlbiel on this CPU. */
void kht_complete_guest_flushes(bool gtse);

/*
 * Completes what this thread has done to page tables, its updates of R and C
 * bits included (ptesync: ISA 3.0B Book III 5.9.2).
 */
void kht_complete_updates(void);

/*
 * A hash guest's translations, on every thread of the machine. The first: what
 * @hpte, locked by the caller or a copy, and @index name; it becomes invalid.
 * The second: all of the guest; the caller holds mmu_setup_lock, so that the
 * entry of the partition table which is written again is the one in force.
 */
void kht_hash_broadcast_page(struct kvm *kvm, __be64 *hpte, unsigned long index);
void kht_hash_broadcast_lpid(struct kvm *kvm);

/*
 * kvmppc_setup_partition_table(), which kvm-hv does not export. Before any
 * broadcast of an LPID.
 */
typedef void (*set_partition_fn)(struct kvm *kvm);
void kht_hash_use(set_partition_fn fn);

/*
 * True while this CPU executes one of our own broadcasts: the hook on the
 * kernel's function has to let it pass. Preemption is off then.
 */
bool kht_broadcasting(void);

#endif
