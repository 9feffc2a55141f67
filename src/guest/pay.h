/* SPDX-License-Identifier: GPL-2.0-only */
/* What is owed, paid: when the hooks go, and when a CPU arrives. May sleep. */
#ifndef KHT_GUEST_PAY_H
#define KHT_GUEST_PAY_H

void kht_domains_pay(void);
void kht_domains_pay_hash(void);		/* of hash guests; nothing of them is deferred any more */
void kht_cpu_arrives(void);			/* on that CPU */

#endif
