// SPDX-License-Identifier: GPL-2.0-only
/*
 * What src/core asks of the kernel (src/core/env.h): the ledger's lock, and
 * ways to reach the CPUs that run a hash guest. src/power has the flushes.
 */
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include "core/env.h"
#include "guest/domain.h"
#include "guest/vcpu.h"
#include "power/flush.h"

void kht_lock(struct kht_ledger *l)
	__acquires(l->lock)
{
	struct kht_ledger_lock *lock = l->lock;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock->lock, flags);
	lock->flags = flags;
}

void kht_unlock(struct kht_ledger *l)
	__releases(l->lock)
{
	struct kht_ledger_lock *lock = l->lock;

	raw_spin_unlock_irqrestore(&lock->lock, lock->flags);
}

static DEFINE_PER_CPU(cpumask_t, kick_mask);

/* litmus: kick-free */
void kht_hash_kick(const struct kht_ledger *l, u64 upto)
{
	struct kht_look look = kht_look(l);
	struct cpumask *kick;
	unsigned int cpu;

	lockdep_assert_irqs_enabled();
	preempt_disable();
	kick = this_cpu_ptr(&kick_mask);
	cpumask_clear(kick);
	while ((cpu = kht_look_next(l, &look)) != KHT_NO_THREAD)
		if (kht_thread_behind(l, &kht_threads[cpu], cpu, upto))
			cpumask_set_cpu(cpu, kick);
	smp_call_function_many(kick, kht_leave_guest, NULL, 1);
	preempt_enable();
}

static void flush_here(void *lpid)
{
	kht_hash_local_flush((unsigned long)lpid);
}

/*
 * The lock may be held for as long as the guest's VMM likes, which must not
 * keep us from detaching: then each CPU does it by interrupt, and one that is
 * offline by stock's own bits (pay_offline()).
 *
 * litmus: kick-free
 */
void kht_hash_broadcast(u32 lpid)
{
	struct kvm *kvm = kht_domain(lpid)->kvm;

	if (!mutex_trylock(&kvm->arch.mmu_setup_lock)) {
		on_each_cpu(flush_here, (void *)(unsigned long)lpid, 1);
		return;
	}
	kht_hash_broadcast_lpid(kvm);
	mutex_unlock(&kvm->arch.mmu_setup_lock);
}
