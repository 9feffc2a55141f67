/* SPDX-License-Identifier: GPL-2.0-only */
/* The executor of a host that is a partition: src/power/hcalls.c. */
#ifndef KHT_HCALLS_H
#define KHT_HCALLS_H

#include <linux/types.h>

/* AP of a page size, in flush.c. */
unsigned long kht_actual_page(unsigned int shift);

/*
 * Around a call of the kernel's own broadcast, in flush.c: kht_broadcasting().
 */
void kht_broadcast_begin(void);
void kht_broadcast_end(void);

void kht_hcall_flush(u32 lpid);
void kht_hcall_pages(u32 lpid, const u64 *runs, u32 n);

#endif
