/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few words src/core needs from its surroundings: types, ordered accesses,
 * and the fences of the protocol.
 *
 * src/core includes no kernel header. The same files are linked into the
 * module, the unit tests and the simulator; this header is the only place that
 * knows which of them is being built.
 */
#ifndef KHT_BASE_H
#define KHT_BASE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint64_t u64;
typedef uint32_t u32;
#endif

#define KHT_CACHELINE	128	/* bytes; POWER9 and POWER10 */
#define kht_aligned	__attribute__((aligned(KHT_CACHELINE)))

/* The simulator brings its own accesses and fences: its memory reorders. */
#ifdef KHT_ACCESS_HEADER
#include KHT_ACCESS_HEADER
#else

#define kht_load(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define kht_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define kht_store(p, v)		__atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define kht_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

/*
 * Orders every earlier access before every later one (hwsync). ThreadSanitizer
 * does not know fences, so its builds use a sequentially consistent
 * read-modify-write, which it does know.
 */
static inline void kht_full_fence(void)
{
#ifdef __SANITIZE_THREAD__
	extern u64 kht_tsan_fence;

	__atomic_fetch_add(&kht_tsan_fence, 0, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Orders every earlier load before every later access (lwsync). */
static inline void kht_load_fence(void)
{
#ifdef __SANITIZE_THREAD__
	kht_full_fence();
#else
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/*
 * Makes page-table updates visible to the table walks of every thread (ptesync,
 * Power ISA 3.0B Book III 5.9.2). It has the cumulativity of hwsync (Book II
 * 4.6.3): updates made by another CPU before it released the ledger's lock to
 * us are covered by our ptesync.
 */
static inline void kht_pte_fence(void)
{
#ifdef __KERNEL__
	__asm__ volatile("ptesync" : : : "memory");
#else
	kht_full_fence();
#endif
}

#endif /* KHT_ACCESS_HEADER */

#include "core/mutants.h"

#endif
