/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside <asm/kvm_ppc.h>: struct kvmppc_ops. */
#ifndef KHT_COMPAT_KVM_OPS_H
#define KHT_COMPAT_KVM_OPS_H

#include <linux/version.h>

/* The change_pte notifier went with Linux commit f7842747d13d (6.10). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define KHT_HAVE_SET_SPTE_GFN
#endif

#endif
