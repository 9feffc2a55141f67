/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways to be wrong: what a negative control leaves out. */
#ifndef KHT_MUTANTS_H
#define KHT_MUTANTS_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#endif

/*
 * Negative controls: a build with KHT_MUTANT set leaves out, or does wrongly,
 * the one step of that name, and a named test has to turn red. In a normal
 * build KHT_MUTANT is the constant 0 and the compiler removes every trace.
 */
enum kht_mutant {
	KHT_MUT_NONE,
	KHT_MUT_NO_ENTRY_FLUSH,		/* 1: settle on entry flushes nothing */
	KHT_MUT_GEN_AFTER_FLUSH,	/* 2: record the generation read after the flush */
	KHT_MUT_NO_ENTRY_FENCE,		/* 3: no fence between mark and generation */
	KHT_MUT_LOOK_BEFORE_RAISE,	/* 4: look who is in guest, then raise */
	KHT_MUT_NO_KICK,		/* 5: no IPI to a running sibling on a move */
	KHT_MUT_NO_BATCH_END,		/* 6: a batch ends without a flush */
	KHT_MUT_NO_QUADRANT_GUARD,	/* 7: quadrant accesses do not settle or count */
	KHT_MUT_NO_DETACH_SETTLE,	/* 8: detach with debts open */
	KHT_MUT_IGNORE_OVERFLOW,	/* 9: replay a log that has wrapped */
	KHT_MUT_CREDIT_ALL,		/* 10: a page broadcast credits older debts too */
	KHT_MUT_NO_SIBLING_SYNC,	/* 11: a sibling's flush spares our own ptesync/ERAT */
	KHT_MUT_NEW_GUEST_CLEAN,	/* 12: a new guest (reused LPID) owes nothing */
	KHT_MUT_OTHERS_IGNORE_BATCH,	/* 13: notifiers do not flush a batch in progress (simulator, models; in src: 39) */
	KHT_MUT_NO_MOVE_DEBT,		/* 14: a moved vCPU leaves no process-scope debt */
	KHT_MUT_HOTPLUG_CLEAN,		/* 15: a CPU that comes online owes nothing */
	KHT_MUT_NO_BROADCAST,		/* 16: somebody in guest, and yet no broadcast */
	/*
	 * Of src/power; 17 to 23 are the simulator's own (tests/sim/guest.h).
	 */
	KHT_MUT_WRONG_SCOPE = 24,	/* 24: PRS=1 for what the host has unmapped */
	KHT_MUT_WRONG_PAGE_SIZE,	/* 25: replay with the AP of another page size */
	KHT_MUT_ONE_SET,		/* 26: a flush of the LPID does one congruence class */
	KHT_MUT_KEEP_ERAT,		/* 27: a local flush leaves the thread's ERAT */
	KHT_MUT_WRONG_LPID,		/* 28: a local flush leaves LPIDR as the host has it */
	/* Of nested guests, in src/guest. */
	KHT_MUT_L1_NUMBER,		/* 29: clearing rc flushes the LPID number the L1 chose */
	KHT_MUT_RC_NOT_IN_SHADOW,	/* 30: rc is cleared in the guest's table only */
	KHT_MUT_RC_PUT_BACK,		/* 31: a fault under way may set the rc just cleared */
	KHT_MUT_NESTED_MOVE_IN_L1,	/* 32: a nested move is recorded in the L1's ledger */
	KHT_MUT_FREED_IN_DEBT,		/* 33: a shadow's LPID is free again with debts open */
	/* Of hash guests, in src/core. */
	KHT_MUT_LIST_IGNORED,		/* 34: the host takes a page, H_LOCAL removals of it stay */
	KHT_MUT_LOCAL_ALWAYS,		/* 35: every hcall's flush is taken for H_LOCAL */
	KHT_MUT_ONE_VCORE_BLIND,	/* 36: a guest of one vCPU leaves no debt elsewhere */
	KHT_MUT_LOCAL_UNTRACKED,	/* 37: H_LOCAL is honoured, moves of vCPUs leave nothing */
	/* Of batches and calls, in src/guest. */
	KHT_MUT_CALL_LEFT_OPEN,		/* 38: an L1's call returns before what it has absorbed is flushed */
	KHT_MUT_FAULT_BEFORE_FLUSH,	/* 39: others do not cover what an open batch has taken away */
	/* Of src/power again. */
	KHT_MUT_NO_COMBINED,		/* 40: a flush of the LPID leaves PRS=1, and what was combined */
	/* Of src/guest again. */
	KHT_MUT_WALK_CACHE_ONLY = 41,	/* 41: single pages under a new huge one are left to the kernel */
	/* Of src/power again. */
	KHT_MUT_SYNC_KEEPS_ERAT,	/* 42: a thread that a sibling has served leaves its own ERAT */
	KHT_MUT_PROCESS_BY_PARTITION,	/* 43: PRS=0 for what a vCPU has left behind */
	KHT_MUT_WALK_CACHE_KEPT,	/* 44: a flush of the LPID leaves the walk cache */
	/* Of the look who is in guest. */
	KHT_MUT_VCPU_OVERLOOKED,	/* 45: the last vCPU of a guest is not looked at */
	KHT_MUT_STALE_PLACE,		/* 46: a vCPU that moves may come back unnoticed where nobody looks */
	/* Of an entry without the lock. */
	KHT_MUT_TORN_CREDIT,		/* 47: credit_from is read before credit_to */
	/* Of what guests may ask for. */
	KHT_MUT_ENDLESS_RANGE = 50,	/* 50: a range that wraps is left to the kernel's loop */
	KHT_MUT_RC_ADDED,		/* 51: a fault may add R and C to a shadow entry that is there */
	KHT_MUT_ANY_RUNNER,		/* 52: a vCPU's move is taken for that of a nested vCPU another one runs */
	KHT_MUT_FAULTS_AGAIN,		/* 53: each page harvested or aged makes every fault in flight start again */
	KHT_MUT_FREED_UNRECORDED,	/* 54: a shadow's tables are freed, and their flush is recorded when it comes */
	/* Of src/power, in a partition. */
	KHT_MUT_REFUSAL_IGNORED,	/* 55: a flush that the hypervisor refuses is taken for executed */
	KHT_MUT_SHORT_RANGE,		/* 56: a range ends one page early */
	/* Of batches again. */
	KHT_MUT_CREDIT_UNFLUSHED,	/* 57: what a batch has absorbed is credited, and not flushed */
	/* Of the self-test, in src/core. */
	KHT_MUT_ALONE_IGNORED,		/* 58: a sibling's flush is taken to serve where it does not */
	KHT_MUT_VERDICT_IGNORED,	/* 59: a form that has failed is used all the same */
};

/*
 * DEBUG_MUTANT=any: one build for all of them; the module's parameter says
 * which (src/module/faults.c).
 */
#ifdef KHT_ANY_MUTANT
extern unsigned int kht_mutant_now;
#define KHT_MUTANT	kht_mutant_now
#endif
#ifndef KHT_MUTANT
#define KHT_MUTANT	KHT_MUT_NONE
#endif

static inline bool kht_mutant(enum kht_mutant m)
{
	return m == KHT_MUTANT;
}

#endif
