/* SPDX-License-Identifier: GPL-2.0-only */
/* An HPTE is the PTE of the page with its index here. */
#ifndef KHT_HPTE_H
#define KHT_HPTE_H

#include "kernel.h"

#define KHT_HPTE_R_BYTE	7	/* no bit of R's is in a stamp that a run reaches */

static inline u64 kht_hpte_rb(const __be64 *hpte, unsigned long index)
{
	(void)hpte;
	return (u64)index << PAGE_SHIFT | PAGE_SHIFT;
}

#endif
