/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest entry and exit, vcpu_load and vcpu_put, and the hcalls that invalidate.
 */
#ifndef KHT_DIRECT_BOOK3S_HV_H
#define KHT_DIRECT_BOOK3S_HV_H

#include <linux/kvm_host.h>
#include <asm/kvm_ppc.h>
#include <asm/kvm_book3s.h>
#include <asm/mmu_context.h>
#include "direct.h"

/*
 * kvm-hv-replacement.conf alone loads it: who opens /dev/kvm is led to the
 * kernel's own name.
 */
#undef MODULE_ALIAS
#define MODULE_ALIAS(alias)

/*
 * Invariant 4, the entering side. With nothing owed this writes the thread's
 * mark and nothing else. A vCPU about which anything is new goes the long way,
 * and so does one that runs a nested guest (kht_direct_run_nested()), and
 * everything while nobody is attached.
 *
 * Before the kernel tells RCU that this CPU is in a guest: afterwards a grace
 * period may end while we use what it protects. From here on to
 * kht_direct_exit() preemption is off and interrupts are soft-disabled; one
 * that is pending throws the vCPU out again.
 * litmus: entry-invalidate
 */
static __always_inline void kht_direct_enter(struct kvm_vcpu *vcpu)
{
	struct kht_seat *seat = this_cpu_ptr(&kht_direct_seat);

	if (unlikely(seat->vcpu != vcpu))
		goto whole;
	kht_store(seat->mark, seat->key);
	/*
	 * The mark before the generation; partners: the fences in
	 * kht_others_behind() and kht_left_core(). No release as in kht_mark():
	 * here the exit took the old mark away.
	 */
	if (!kht_mutant(KHT_MUT_NO_ENTRY_FENCE))
		kht_full_fence();
	if (likely(!kht_owes(seat->ledger, smp_processor_id())))
		return;
whole:
	kht_direct_tell(enter, vcpu);
}

/*
 * Invariant 2: what the vCPU did through its translations comes before the mark
 * is gone (the release in kht_leave(); partner: the load of the mark in
 * kht_others_behind()).
 *
 * The kernel has told RCU that this CPU is out of the guest. What the seat
 * names is there as long as it names the vCPU. Any other mark stays, since
 * something is to be done before it may go, and is vcpu_put's.
 * litmus: leave-free
 */
static __always_inline void kht_direct_exit(struct kvm_vcpu *vcpu)
{
	struct kht_seat *seat = this_cpu_ptr(&kht_direct_seat);

	if (likely(seat->vcpu == vcpu))
		kht_leave(seat->mark);
}

/*
 * Both are called with the vCPU in a variable of that name. In
 * kvmppc_run_core() (POWER8 and older) that is NULL, which has no seat, and
 * nobody is attached.
 */
#define guest_timing_enter_irqoff() do {					\
	kht_direct_enter(vcpu);							\
	(guest_timing_enter_irqoff)();						\
} while (0)

#define guest_timing_exit_irqoff() do {						\
	kht_direct_exit(vcpu);							\
	(guest_timing_exit_irqoff)();						\
} while (0)

/* sparse wants the definition here. */
#ifdef __CHECKER__
#define kht_inlined
#else
#define kht_inlined	__always_inline
#endif

/*
 * Members of kvmppc_hv_ops. The kernel's definition gets another name, since
 * only there a parenthesis follows; what its table names is ours. The rare case
 * is a function of its own, so that the ordinary one needs no stack frame.
 */
static kht_inlined void kht_stock_vcpu_load(struct kvm_vcpu *vcpu, int cpu);
static kht_inlined void kht_stock_vcpu_put(struct kvm_vcpu *vcpu);

static noinline void kht_load_moved(struct kvm_vcpu *vcpu, int cpu)
{
	kht_stock_vcpu_load(vcpu, cpu);
	kht_direct_tell(vcpu_load, vcpu, cpu);
}

static void kvmppc_core_vcpu_load_hv(struct kvm_vcpu *vcpu, int cpu)
{
	if (unlikely(vcpu->arch.prev_cpu != cpu))
		return kht_load_moved(vcpu, cpu);
	kht_stock_vcpu_load(vcpu, cpu);
}

static noinline void kht_put_unseated(struct kvm_vcpu *vcpu)
{
	kht_direct_tell(vcpu_put, vcpu);
	kht_stock_vcpu_put(vcpu);
}

/*
 * On an ordinary return to user space the exit has taken the mark away, and
 * nothing is left to do.
 */
static void kvmppc_core_vcpu_put_hv(struct kvm_vcpu *vcpu)
{
	if (unlikely(irqs_disabled() || __this_cpu_read(kht_direct_seat.vcpu) != vcpu))
		return kht_put_unseated(vcpu);
	kht_stock_vcpu_put(vcpu);
}

#define kvmppc_core_vcpu_load_hv(vcpu, cpu)	kht_stock_vcpu_load(vcpu, cpu)
#define kvmppc_core_vcpu_put_hv(vcpu)		kht_stock_vcpu_put(vcpu)

static inline long kht_direct_h_remove(struct kvm_vcpu *vcpu, unsigned long flags,
				       unsigned long index, unsigned long avpn)
{
	long ret;

	if (kht_direct_try(h_remove, vcpu, flags, index, avpn, &ret))
		return ret;
	return kvmppc_h_remove(vcpu, flags, index, avpn);
}

static inline long kht_direct_h_bulk_remove(struct kvm_vcpu *vcpu)
{
	long ret;

	if (kht_direct_try(h_bulk_remove, vcpu, &ret))
		return ret;
	return kvmppc_h_bulk_remove(vcpu);
}

static inline long kht_direct_h_protect(struct kvm_vcpu *vcpu, unsigned long flags,
					unsigned long index, unsigned long avpn)
{
	long ret;

	if (kht_direct_try(h_protect, vcpu, flags, index, avpn, &ret))
		return ret;
	return kvmppc_h_protect(vcpu, flags, index, avpn);
}

static inline long kht_direct_nested_tlbie(struct kvm_vcpu *vcpu)
{
	kht_direct_tell(call_begin, vcpu);
	return kvmhv_do_nested_tlbie(vcpu);
}

/*
 * One that wraps becomes that of everything: the kernel's loop would not end.
 */
static inline void kht_direct_range(unsigned long pid, unsigned long lpid, unsigned long type,
				    unsigned long sizes, unsigned long start, unsigned long end)
{
	kht_direct_tell(range, lpid, sizes, &start, &end);
	do_h_rpt_invalidate_prt(pid, lpid, type, sizes, start, end);
}

static inline long kht_direct_nested_range(struct kvm_vcpu *vcpu, unsigned long number,
					   unsigned long type, unsigned long sizes,
					   unsigned long start, unsigned long end)
{
	kht_direct_tell(range, vcpu->kvm->arch.lpid, sizes, &start, &end);
	kht_direct_tell(call_begin, vcpu);
	return do_h_rpt_invalidate_pat(vcpu, number, type, sizes, start, end);
}

/* A member that sleeps: how it can be cleared, kht_direct_unhook() says. */
#define kht_direct_harvest(kind, stock, kvm, slot, map) ({			\
	typeof(kht_direct.harvest_##kind) fn_ =				\
		READ_ONCE(kht_direct.harvest_##kind);				\
										\
	fn_ ? fn_(kvm, slot, map, stock) : (stock)(kvm, slot, map);		\
})

#define kvmppc_h_remove(...)		kht_direct_h_remove(__VA_ARGS__)
#define kvmppc_h_bulk_remove(...)	kht_direct_h_bulk_remove(__VA_ARGS__)
#define kvmppc_h_protect(...)		kht_direct_h_protect(__VA_ARGS__)
#define kvmhv_do_nested_tlbie(vcpu)	kht_direct_nested_tlbie(vcpu)
#define do_h_rpt_invalidate_prt(...)	kht_direct_range(__VA_ARGS__)
#define do_h_rpt_invalidate_pat(...)	kht_direct_nested_range(__VA_ARGS__)
#define kvmppc_hv_get_dirty_log_radix(...)					\
	kht_direct_harvest(radix, kvmppc_hv_get_dirty_log_radix, __VA_ARGS__)
#define kvmppc_hv_get_dirty_log_hpt(...)					\
	kht_direct_harvest(hash, kvmppc_hv_get_dirty_log_hpt, __VA_ARGS__)

#endif
