/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest entry, and quadrant accesses of the host. */
#ifndef KHT_GUEST_ENTRY_H
#define KHT_GUEST_ENTRY_H

#include <linux/kvm_host.h>
#include "core/ledger.h"
#include "kht_direct.h"

extern struct kht_seat __percpu *kht_seats;	/* of the replacement flavour; NULL for the shim */

/*
 * Preemption off. The first has the form of a tracepoint's
 * probe, one call less on the hottest path.
 */
void kht_on_guest_enter(void *unused, struct kvm_vcpu *vcpu);
void kht_direct_enter(struct kvm_vcpu *vcpu);
void kht_direct_call(struct kvm_vcpu *vcpu);	/* the vCPU is loaded here */
bool kht_in_quadrant(void);
bool kht_quadrant_begin(u64 lpid);
void kht_quadrant_end(void);

/*
 * From here on the next entry of each of its vCPUs goes the long way; any
 * context.
 */
void kht_forget_vcpus(const struct kht_ledger *l);

/*
 * Nobody has a seat or a call open on return, nor gets one; no domain is found.
 * May sleep.
 */
void kht_forget_entries(void);

#endif
