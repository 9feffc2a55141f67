/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as src/guest sees it, in the simulated machine: its accesses, locks, interrupts and sections are those of
 * machine.c, and of its structures there is what src/guest looks at. The Makefile makes every kernel header that is
 * included there one that includes this file.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include "machine.h"

typedef uint16_t u16;
typedef uint8_t u8;
typedef u64 __be64;
typedef struct { u64 word; } pgd_t, pte_t;

#define unlikely(x)	(x)
#define likely(x)	(x)
#define noinline
#define notrace
#undef __always_inline
#define __always_inline	inline
#define __percpu
#define __rcu
#define __acquires(x)
#define lockdep_assert_held(x)
#define lockdep_assert_irqs_enabled()
#define cpu_to_be64(x)	(x)
/* The simulated machine is no partition of a hypervisor. */
#define IS_ENABLED(option)	0

/* Accesses, of whatever type */

#define READ_ONCE(x)		((__typeof__(x))(uintptr_t)sim_load(&(x), sizeof(x)))
#define WRITE_ONCE(x, v)	sim_store((void *)&(x), (u64)(uintptr_t)(v), sizeof(x))
#define smp_load_acquire(p)	((__typeof__(*(p)))(uintptr_t)sim_load_acquire((p), sizeof(*(p))))
#define smp_store_release(p, v)	sim_store_release((p), (u64)(uintptr_t)(v), sizeof(*(p)))
#define cmpxchg(p, old, new) ({								\
	(__typeof__(*(p)))(uintptr_t)sim_cmpxchg((p), (u64)(uintptr_t)(old),			\
						 (u64)(uintptr_t)(new), sizeof(*(p)));		\
})
/* Pointers that depend on what has been read are plain memory. */
#define rcu_dereference_raw(p)	(p)

typedef struct { u64 n; } atomic64_t;

static inline void atomic64_add(u64 n, atomic64_t *v)
{
	v->n += n;
}

/* Sections and locks */

typedef struct lock spinlock_t, raw_spinlock_t;

static inline unsigned long lock_irqsave(raw_spinlock_t *l)
{
	irq_off();
	lock(l);
	return 0;
}

static inline void unlock_irqrestore(raw_spinlock_t *l)
{
	unlock(l);
	irq_on();
}

/* src/guest's only one: kht_hash_broadcast() without it makes every CPU flush. */
static inline bool try_setup_lock(struct lock *l)
{
	bool got = mutex_trylock(l);

	events.hash_paid_here += !got;
	return got;
}

#define mutex_trylock(l)	try_setup_lock(l)
#define spin_lock(l)		lock(l)
#define spin_unlock(l)		unlock(l)
#define spin_trylock(l)		trylock(l)
#define raw_spin_lock_irqsave(l, flags)		((flags) = lock_irqsave(l))
#define raw_spin_unlock_irqrestore(l, flags)	((void)(flags), unlock_irqrestore(l))
#define __releases(x)
#define rcu_read_lock()		preempt_disable()
#define rcu_read_unlock()	preempt_enable()
#define task_struct		task
#define current			this_task
#define irqs_disabled()		(this_cpu()->irq_off != 0)

/* CPUs */

#define smp_processor_id()	(this_cpu()->nr)
#define raw_smp_processor_id()	smp_processor_id()

/* What is each CPU's lies this many bytes apart. */
#define STRIDE			256u
#define DEFINE_PER_CPU(type, name) \
	_Alignas(STRIDE) type name[(STRIDE * MAX_CPUS + sizeof(type) - 1) / sizeof(type)]
#define DECLARE_PER_CPU(type, name)	extern type name[]
#define per_cpu_ptr(p, cpu)	((__typeof__((p) + 0))((char *)(p) + (cpu) * STRIDE))
#define this_cpu_ptr(p)		((void *)per_cpu_ptr((p), smp_processor_id()))
#define this_cpu_read(x)	(*(__typeof__(&(x)))this_cpu_ptr(&(x)))
#define this_cpu_add(x, n)	((void)(n))	/* counters, which nobody reads here */
#define this_cpu_write(x, v)	((void)(this_cpu_read(x) = (v)))

typedef struct cpumask { u32 bits; } cpumask_t;

static inline void cpumask_clear(cpumask_t *mask)
{
	mask->bits = 0;
}

static inline void cpumask_set_cpu(unsigned int cpu, cpumask_t *mask)
{
	mask->bits |= 1u << cpu;
}

#define for_each_online_cpu(cpu) \
	for ((cpu) = 0; (cpu) < nr_cpus; (cpu)++) \
		if (!cpus[cpu].offline)

#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < nr_cpus; (cpu)++)
#define cpu_online(cpu)			(!cpus[cpu].offline)
#define cpus_read_lock()		hold_cpus()
#define cpus_read_unlock()		let_cpus_go()

/* All of them with wait. */
#define smp_call_function_many(mask, fn, arg, wait)	smp_call((mask)->bits, (fn), (arg))
#define smp_call_function_single(cpu, fn, arg, wait)	smp_call(1u << (cpu), (fn), (arg))
#define on_each_cpu(fn, arg, wait)			on_all_cpus((fn), (arg))

/* Lists, memory */

struct list_head { struct list_head *next, *prev; };
struct rcu_head { int none; };
struct dentry;

#define container_of(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l->prev = l;
}

static inline void list_add_rcu(struct list_head *new, struct list_head *l)
{
	new->next = l->next;
	new->prev = l;
	l->next->prev = new;
	l->next = new;
}

#define list_for_each_entry_rcu(at, l, member)						\
	for (at = container_of((l)->next, __typeof__(*at), member); &at->member != (l);		\
	     at = container_of(at->member.next, __typeof__(*at), member))

void *zeroed(size_t bytes);
#define kzalloc(bytes, flags)	zeroed(bytes)

static inline unsigned int ilog2(u64 n)
{
	return 63 - __builtin_clzll(n);
}

/* KVM */

#define KVM_MAX_VCPUS	2u
#define LPCR_GTSE	1u
#define HPTE_V_VALID	1u	/* pte_word() */
#define HPTE_R_R	0x100u
#define PAGES_NESTED	1u

struct idr { void *at[2]; };

static inline void *idr_find(const struct idr *idr, unsigned long n)
{
	return n < 2 ? idr->at[n] : NULL;
}

struct kvm_nested_guest {
	int l1_lpid;
	u32 shadow_lpid;
	short prev_cpu[KVM_MAX_VCPUS];
};

struct kvm_vcpu {
	struct kvm *kvm;
	u32 vcpu_id, vcpu_idx;
	struct {
		int prev_cpu;
		struct kvm_nested_guest *nested;
		int nested_vcpu_id;
	} arch;
};

struct kvm {
	spinlock_t mmu_lock;
	unsigned long mmu_invalidate_in_progress;
	struct kvm_vcpu *vcpus[KVM_MAX_VCPUS];
	struct {
		u32 lpid;
		u64 lpcr;
		bool radix, mmu_ready;
		struct lock mmu_setup_lock;
		struct idr kvm_nested_guest_idr;
	} arch;
};

struct kvm_memory_slot;
struct mm_struct;

static inline bool kvm_is_radix(const struct kvm *kvm)
{
	return kvm->arch.radix;
}

#define kvm_for_each_vcpu(i, vcpu, kvm) \
	for ((i) = 0; (i) < KVM_MAX_VCPUS && ((vcpu) = (kvm)->vcpus[i]); (i)++)

#endif
