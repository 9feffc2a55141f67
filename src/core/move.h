/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPU moves: what the CPU that is left must execute, and when.
 *
 * Two different things follow a vCPU that moves from one CPU to another:
 *
 * 1. Order. The guest may have been stopped between its tlbie and its tlbsync;
 *    ptesync. The CPU it leaves has to complete that sequence before the guest
 *    goes on elsewhere (Linux commit 11ea68cf2d18). Stock waits for an IPI on
 *    every move.
 * 2. Debt. The guest may invalidate with tlbiel on its new core what it used on
 *    the old one (Linux commit a29ebeaf5575). The old core owes a process-scope
 *    flush, and its threads that run the guest must leave it to see that.
 *
 * For 1 the vCPU's thread runs the sequence itself when it is scheduled out
 * (vcpu_put), still on the old CPU. The price is one ptesync, with GTSE also
 * eieio; tlbsync, which upstream measured at about 520 cycles on POWER9. That
 * is small beside a context switch, so scheduled out always pays. vcpu_put also
 * runs on every return to user space, where the thread usually comes back on
 * the same CPU and the sequence would be wasted: there we do not pay, and a
 * move that then happens in user space costs an IPI, as in stock. But a vCPU
 * that has just cost such an IPI is likely to do it again, so it pays at its
 * next KHT_SYNC_CREDIT returns to user space, renewed by every move that
 * profits. An IPI with its wait is worth about that many sequences, so the
 * total is at most twice that of the best fixed choice (ski rental).
 */
#ifndef KHT_MOVE_H
#define KHT_MOVE_H

#include "core/base.h"

#define KHT_SYNC_CREDIT	16	/* returns to user space */

/* One vCPU; written only by the thread that has it loaded. */
struct kht_vcpu {
	int ran_on;		/* CPU with an unfinished sequence, or -1 */
	unsigned char credit;	/* returns to user space that still sync */
	bool spent;		/* the sync since it last ran was paid by credit */
	u32 l2_lpid;		/* shadow LPID of the nested guest it ran last, 0: none */
	u32 l2_number;		/* what the L1 calls that nested guest */
	u32 l2_vcpu;		/* which of its vCPUs: index of nested->prev_cpu[] */
} kht_aligned;

struct kht_move {
	int ipi;		/* CPU that must run the sequence by IPI, or -1 */
	bool moved;		/* the vCPU last ran on another CPU */
	bool debt;		/* the old core owes a process-scope flush */
};

static inline void kht_vcpu_init(struct kht_vcpu *v)
{
	v->ran_on = -1;
}

/* The vCPU has entered the guest on @cpu. Writes nothing when that is known. */
static inline void kht_vcpu_ran(struct kht_vcpu *v, int cpu)
{
	if (v->ran_on == cpu)
		return;
	v->ran_on = cpu;
	v->spent = false;
}

/*
 * Is it worth asking kht_vcpu_put()? Decides the ordinary return to user space.
 */
static inline bool kht_vcpu_may_sync(const struct kht_vcpu *v, bool scheduled_out)
{
	return scheduled_out || v->credit;
}

#define KHT_RUNNERS	32

/*
 * Which vCPU of an L1 has run a vCPU of its nested guest last. The L1 numbers
 * those as it likes, and any of its own may run any of them. Two whose numbers
 * share a place: of one of them it is then not known.
 */
struct kht_runners {
	u32 last[KHT_RUNNERS];	/* the runner's vcpu_idx + 1, or 0 */
};

static inline void kht_runs(struct kht_runners *r, u32 l2_vcpu, u32 runner)
{
	kht_store(&r->last[l2_vcpu % KHT_RUNNERS], runner + 1);
}

/* @l2_vcpu is what @runner has run last of all of this nested guest. */
static inline bool kht_ran_last(const struct kht_runners *r, u32 l2_vcpu, u32 runner)
{
	return kht_mutant(KHT_MUT_ANY_RUNNER) ||
	       kht_load(&r->last[l2_vcpu % KHT_RUNNERS]) == runner + 1;
}

bool kht_vcpu_put(struct kht_vcpu *v, bool scheduled_out);
struct kht_move kht_vcpu_load(struct kht_vcpu *v, int prev_cpu, int cpu, bool same_core);

#endif
