/* SPDX-License-Identifier: GPL-2.0-only */
/* Adoption of guests that are older than the hooks, and of nested guests. */
#ifndef KHT_GUEST_ADOPT_H
#define KHT_GUEST_ADOPT_H

#include <linux/kvm_host.h>

void kht_adopt(struct kvm_vcpu *vcpu);		/* any context, preemption off */
void kht_adopt_begin(void);			/* the entry hook is in place; may sleep */
void kht_adopt_end(void);			/* no domain is made any more; may sleep */

#endif
