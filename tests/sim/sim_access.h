/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulator's memory, in place of the accesses and fences of src/core/base.h:
 * each is a point where another CPU may go on, and stores wait in a buffer.
 */
#ifndef SIM_ACCESS_H
#define SIM_ACCESS_H

u64 sim_load(const void *p, size_t size);
u64 sim_load_acquire(const void *p, size_t size);
void sim_store(void *p, u64 value, size_t size);
void sim_store_release(void *p, u64 value, size_t size);
u64 sim_cmpxchg(void *p, u64 old, u64 new, size_t size);
void sim_fence(void);
void sim_full_fence(void);
void sim_load_fence(void);
void sim_pte_fence(void);

#define kht_load(p)		((__typeof__(+*(p)))sim_load((p), sizeof(*(p))))
#define kht_load_acquire(p)	((__typeof__(+*(p)))sim_load_acquire((p), sizeof(*(p))))
#define kht_store(p, v)		sim_store((p), (v), sizeof(*(p)))
#define kht_store_release(p, v)	sim_store_release((p), (v), sizeof(*(p)))

static inline void kht_full_fence(void)
{
	sim_full_fence();
}

static inline void kht_load_fence(void)
{
	sim_load_fence();
}

static inline void kht_pte_fence(void)
{
	sim_pte_fence();
}

extern unsigned int kht_mutant_now;	/* what -DKHT_MUTANT= names */

#endif
