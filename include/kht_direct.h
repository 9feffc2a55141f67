/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the two modules of the replacement flavour: a kvm-hv.ko built from
 * the distro's own source (src/direct), which calls this table instead of being
 * traced, and kvm-hv-tlb.ko, which fills it while it is attached
 * (src/attach/direct.c). A member that is NULL stands for stock behaviour, so
 * kvm-hv.ko works alone, and kvm-hv-tlb.ko may come and go under running
 * guests.
 *
 * A caller reads a member once, without a lock and with preemption off.
 * Clearing one waits for a grace period; for the end of calls, kht_detach_ops()
 * does.
 */
#ifndef KHT_DIRECT_H
#define KHT_DIRECT_H

#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include "core/ledger.h"

/*
 * On each CPU: the vCPU that has entered here last, if its next entry takes no
 * more than what kht_mark() does and its exit no more than kht_leave(). The
 * other members describe that vCPU. Written on that CPU with preemption off;
 * others may empty it (KHT_NOBODY).
 */
struct kht_seat {
	const struct kvm_vcpu *vcpu;	/* KHT_NOBODY: each entry is kht_direct's */
	struct kht_ledger *ledger;
	u64 *mark;			/* the guest of this CPU's kht_thread */
	u64 key;
};

/*
 * No vCPU. Not NULL: where the kernel enters all vCPUs of a core at once
 * (POWER8 and older, where nobody is ever attached) it has none in hand
 * (kvmppc_run_core()).
 */
#define KHT_NOBODY	((const struct kvm_vcpu *)1)

/* Pages of @slot that were changed go to @map, as the dirty log wants them. */
typedef long (*kht_harvest_fn)(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map);

struct kht_direct {
	/* Of this build of kvm-hv.ko; another one's table is left alone. */
	const char *version;
	size_t size;			/* KHT_DIRECT_SIZE: both have the structures it knows */

	struct kht_seat __percpu *seat;

	/*
	 * Interrupts are soft-disabled: the whole of an entry, for a vCPU that
	 * is not seat->vcpu or owes something.
	 */
	void (*enter)(struct kvm_vcpu *vcpu);
	/*
	 * The vCPU was on another CPU before; it leaves this one and may have
	 * something to do.
	 */
	void (*vcpu_load)(struct kvm_vcpu *vcpu, int cpu);
	void (*vcpu_put)(struct kvm_vcpu *vcpu);

	/* True: done, the kernel's function is not called. */
	bool (*flush_page)(u64 lpid, u64 gpa, u64 size);
	bool (*flush_full)(u64 lpid);
	bool (*invalidate_hpte)(struct kvm *kvm, __be64 *hpte, unsigned long index);
	bool (*clear_ref_hpte)(struct kvm *kvm, __be64 *hpte, unsigned long index);
	bool (*update_rc)(struct kvm *kvm, unsigned long *rmapp, unsigned long clr,
			  unsigned long set, unsigned long hpa, unsigned long nbytes);

	/* The kernel's function is called in any case, afterwards. */
	void (*set_partition)(u32 lpid);
	void (*free_tables)(u32 lpid);
	void (*insert_rmap)(struct kvm *kvm, const unsigned long *rmapp, u64 rmap);
	void (*create_pte)(struct kvm *kvm, pgd_t *shadow, unsigned long gpa, pte_t *pte);
	void (*lpid_free)(u32 lpid);
	void (*walk)(struct kvm_vcpu *vcpu);
	void (*range)(u32 lpid, unsigned long sizes, unsigned long *start, unsigned long *end);

	/* Preemption stays off from begin to end. True: to be ended. */
	bool (*quadrant_begin)(u64 lpid);
	void (*quadrant_end)(void);

	/*
	 * An L1 invalidates for its nested guests; the call ends at its next
	 * entry, or when it is put.
	 */
	void (*call_begin)(struct kvm_vcpu *vcpu);

	/* In the place of @stock, which they call; they sleep. */
	long (*harvest_radix)(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map,
			      kht_harvest_fn stock);
	long (*harvest_hash)(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map,
			     kht_harvest_fn stock);

	/*
	 * On the vCPU's thread. True: done, *@ret is the hcall's return code.
	 */
	bool (*h_remove)(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
			 unsigned long avpn, long *ret);
	bool (*h_bulk_remove)(struct kvm_vcpu *vcpu, long *ret);
	bool (*h_protect)(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
			  unsigned long avpn, long *ret);
};

#define KHT_DIRECT_SIZE	(sizeof(struct kht_direct) + sizeof(struct kht_seat) + sizeof(struct kht_ledger))

#endif
