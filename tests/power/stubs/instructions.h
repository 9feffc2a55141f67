/* SPDX-License-Identifier: GPL-2.0-only */
/* In the place of src/power/instructions.h. */
#include "machine.h"

void kht_tlbiel(unsigned long rb, int ric, int prs, int r);
void kht_ptesync(void);
void kht_tlbsync(void);
void kht_forget_guest_erat(void);
void kht_forget_erat(void);
