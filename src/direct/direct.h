/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For what is compiled into the replacement kvm-hv.ko. Each header beside this
 * one is forced upon the kernel's source of the same name: it includes the
 * headers that declare a function, and then makes a macro of it, so that only
 * calls change.
 */
#ifndef KHT_DIRECT_DIRECT_H
#define KHT_DIRECT_DIRECT_H

#include "kht_direct.h"

extern struct kht_direct kht_direct;
DECLARE_PER_CPU(struct kht_seat, kht_direct_seat);

/*
 * kht_direct_try(member, arguments): true when the member is there and has done
 * it. With preemption off, for what it calls, and so that a detachment, which
 * clears the member, can wait for it.
 */
#define kht_direct_try(member, ...) ({						\
	typeof(kht_direct.member) fn_;						\
	bool done_;								\
										\
	preempt_disable();							\
	fn_ = READ_ONCE(kht_direct.member);					\
	done_ = fn_ && fn_(__VA_ARGS__);					\
	preempt_enable();							\
	done_;									\
})

/* The same for a member that returns nothing. */
#define kht_direct_tell(member, ...) do {					\
	typeof(kht_direct.member) fn_;						\
										\
	preempt_disable();							\
	fn_ = READ_ONCE(kht_direct.member);					\
	if (fn_)								\
		fn_(__VA_ARGS__);						\
	preempt_enable();							\
} while (0)

#endif
