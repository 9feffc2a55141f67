/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel and the CPU as src/power sees them, in user space: each instruction
 * and each broadcast is written down (machine.c).
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef u64 __be64;

#undef __always_inline
#define __always_inline	inline __attribute__((always_inline))

/* The words of arch/powerpc that src/power uses. */
#define PPC_BITLSHIFT(be)	(63 - (be))
#define PPC_BIT(bit)		(1UL << PPC_BITLSHIFT(bit))
#define MSR_EE			(1UL << 15)
#define SPRN_LPID		0x13F
#define CPU_FTR_HVMODE			1u
#define CPU_FTR_ARCH_300		2u
#define CPU_FTR_ARCH_31			4u
#define CPU_FTR_P9_RADIX_PREFETCH_BUG	8u
#define FW_FEATURE_ULTRAVISOR		1u

extern unsigned int cpu_features, fw_features;
extern bool radix;

static inline bool cpu_has_feature(unsigned int f) { return cpu_features & f; }
static inline bool firmware_has_feature(unsigned int f) { return fw_features & f; }
static inline bool radix_enabled(void) { return radix; }

/* Threads that share a TLB: @threads of them, @stride apart. */
extern unsigned int tlb_threads, tlb_stride;
int cpu_first_tlb_thread_sibling(int cpu);
int cpu_last_tlb_thread_sibling(int cpu);
int cpu_tlb_thread_sibling_step(void);

unsigned long mfmsr(void);
unsigned long mfspr(int rn);
void mtspr(int rn, unsigned long val);
void isync(void);
void __hard_irq_disable(void);
void __hard_irq_enable(void);
unsigned long machine_irq_save(void);
void local_irq_restore(unsigned long flags);
#define local_irq_save(flags)	((flags) = machine_irq_save())

void preempt_disable(void);
void preempt_enable(void);
#define DEFINE_PER_CPU(type, name)	type name
#define __this_cpu_read(v)		(v)
#define __this_cpu_inc(v)		((v)++)
#define __this_cpu_dec(v)		((v)--)
#define WRITE_ONCE(x, v)		((x) = (v))

struct kvm;
void radix__flush_tlb_lpid_page(unsigned int lpid, unsigned long addr, unsigned long page_size);
void radix__flush_all_lpid(unsigned int lpid);
void kvmppc_invalidate_hpte(struct kvm *kvm, __be64 *hptep, unsigned long index);

#endif
