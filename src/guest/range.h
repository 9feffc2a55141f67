/* SPDX-License-Identifier: GPL-2.0-only */
/* Ranges that guests name. */
#ifndef KHT_GUEST_RANGE_H
#define KHT_GUEST_RANGE_H

#include <linux/types.h>

/* Preemption off. The kernel's function runs afterwards, on [*start, *end). */
void kht_on_range(u32 lpid, unsigned long sizes, unsigned long *start, unsigned long *end);

#endif
