/* SPDX-License-Identifier: GPL-2.0-only */
/* Host invalidations of radix guests and of shadow tables. */
#ifndef KHT_GUEST_RADIX_H
#define KHT_GUEST_RADIX_H

#include <linux/types.h>

/* Preemption off. True: done, skip the kernel's broadcast. */
bool kht_on_flush_page(u32 lpid, u64 gpa, u64 size);
bool kht_on_flush_full(u32 lpid);
void kht_on_free_tables(u32 lpid);		/* any context, preemption off */

#endif
