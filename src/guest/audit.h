/* SPDX-License-Identifier: GPL-2.0-only */
/* The auditor of shadow tables. */
#ifndef KHT_GUEST_AUDIT_H
#define KHT_GUEST_AUDIT_H

#include <linux/kvm_host.h>

/*
 * Functions of the kernel that are not exported to us; src/attach finds them.
 */
struct kht_audit_calls {
	int (*access_vm)(struct mm_struct *mm, unsigned long addr, void *buf, int len,
			 unsigned int gup_flags);
	void (*put_nested)(struct kvm_nested_guest *gp);
};

struct seq_file;

#define KHT_AUDIT_REPORT	4096	/* bytes; no report is longer */

/* May sleep, no lock held. Without its calls (NULL) the auditor is off. */
void kht_audit_use(const struct kht_audit_calls *calls);
void kht_audit_guest(struct kvm *kvm);		/* findings go to the kernel's log */
int kht_audit_show(struct seq_file *m);		/* all guests */

#endif
