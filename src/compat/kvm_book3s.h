/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Beside <asm/kvm_book3s.h>: the API for nested guests that a partition's
 * kvm-hv uses.
 */
#ifndef KHT_COMPAT_KVM_BOOK3S_H
#define KHT_COMPAT_KVM_BOOK3S_H

#include <linux/version.h>

/* The API v2 came with Linux commit 19d31c5f1157 (6.7). */
static inline bool kht_nested_v2(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return false;
#else
	return kvmhv_is_nestedv2();
#endif
}

#endif
