/* SPDX-License-Identifier: GPL-2.0-only */
/* Hcalls by which a hash guest changes its HPTEs. */
#ifndef KHT_GUEST_HCALL_H
#define KHT_GUEST_HCALL_H

#include <linux/kvm_host.h>

/*
 * Preemption off, on the thread of @vcpu. True: done, skip the kernel's
 * function; *@ret is the hcall's return code.
 */
bool kht_on_h_remove(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		     unsigned long avpn, long *ret);
bool kht_on_h_bulk_remove(struct kvm_vcpu *vcpu, long *ret);
bool kht_on_h_protect(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index,
		      unsigned long avpn, long *ret);

#endif
