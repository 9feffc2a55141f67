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
#define FW_FEATURE_RPT_INVALIDATE	2u

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

/* A kernel that may be a partition's (PAPR, and asm/hvcall.h). */
#define IS_ENABLED(config)	config
#define CONFIG_PPC_PSERIES	1
#define LINUX_VERSION_CODE	KERNEL_VERSION(6, 12, 0)
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define H_SUCCESS		0
#define H_BUSY			1
#define H_RPT_INVALIDATE	0x448
#define H_TLB_INVALIDATE	0xF808
#define H_RPTI_TYPE_NESTED	0x0001
#define H_RPTI_TYPE_TLB		0x0002
#define H_RPTI_TYPE_NESTED_ALL	0x000E
#define H_RPTI_TARGET_CMMU	0x01
#define H_RPTI_PAGE_4K		0x01
#define H_RPTI_PAGE_64K		0x02
#define H_RPTI_PAGE_2M		0x04
#define H_RPTI_PAGE_1G		0x08
#define H_RPTI_PAGE_ALL		(-1UL)
#define H_TLBIE_P1_ENC(ric, prs, r)	((ric) << 18 | (prs) << 17 | (r) << 16)
#define nr_cpu_ids		16u
#define KBUILD_MODNAME		""
#define likely(x)		(x)

typedef struct { int n; } atomic_t;
static inline void atomic_inc(atomic_t *a) { a->n++; }
static inline int atomic_read(const atomic_t *a) { return a->n; }
static inline void cpu_relax(void) {}
#define pr_warn_ratelimited(...)	machine_warns()
void machine_warns(void);
bool kvmhv_is_nestedv2(void);
long machine_hcall(unsigned long opcode, const unsigned long *args);
#define plpar_hcall_norets(opcode, ...)	machine_hcall(opcode, (unsigned long [7]){ __VA_ARGS__ })

void preempt_disable(void);
void preempt_enable(void);
#define DEFINE_PER_CPU(type, name)	type name
#define __this_cpu_read(v)		(v)
#define __this_cpu_inc(v)		((v)++)
#define __this_cpu_dec(v)		((v)--)
#define WRITE_ONCE(x, v)		((x) = (v))
#define READ_ONCE(x)		(x)

struct kvm;
void radix__flush_tlb_lpid_page(unsigned int lpid, unsigned long addr, unsigned long page_size);
void radix__flush_all_lpid(unsigned int lpid);
void kvmppc_invalidate_hpte(struct kvm *kvm, __be64 *hptep, unsigned long index);

#endif
