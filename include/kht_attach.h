/* SPDX-License-Identifier: GPL-2.0-only */
/* How we get into a stock kernel, and out again. All may sleep. */
#ifndef KHT_ATTACH_H
#define KHT_ATTACH_H

#include <linux/types.h>

struct seq_file;

/* src/attach/attach.c: the whole. Serialised by the caller. */
int kht_attach(void);
void kht_detach(void);
void kht_attach_status(struct seq_file *m);

/* src/attach/symbols.c */
unsigned long kht_symbol(const char *name);

/* src/attach/entry.c: a tracepoint of kvm-hv */
int kht_attach_entry(void);
void kht_detach_entry(void);

/* src/attach/hooks.c: early-return hooks */
int kht_attach_hooks(const char **failed);
void kht_detach_hooks(void);

/* src/attach/ops.c: members of kvmppc_hv_ops */
int kht_attach_ops(void);
void kht_detach_ops(void);
void kht_wait_for_ops(void);

#endif
