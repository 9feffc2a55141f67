/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest programs (guest.S) and the VMM agree on. */
#ifndef KHT_GUEST_H
#define KHT_GUEST_H

/* Numbers no kernel handles: each one returns to the VMM. */
#define HC_DONE		0xf100	/* program finished */
#define HC_NOP		0xf104	/* continue me */
#define HC_WRONG	0xf108	/* r4 address, r5 found, r6 expected */
#define HC_PANIC	0xf10c	/* r4 vector, r5 SRR0, r6 SRR1 */

#define H_PROD		0xe4	/* PAPR; the kernel handles it */
#define H_ENTER_NESTED	0xf804	/* r4 state and r5 registers of the L2; returns its trap */

/* A page of g_remap's own page tables: the real addresses of its two halves differ in this bit. */
#define GUEST_PAGE	0x1000

/* Fields of a vCPU's mailbox, all 64 bit. */
#define MBOX_STOP	0	/* the host asks for the end */
#define MBOX_PASS	8	/* passes completed */
#define MBOX_ZEROS	16	/* words found zero: the host took the page away */
#define MBOX_SEEN	24	/* g_watch: the word it loaded */
#define MBOX_ASK	32	/* g_look: the pass the host asks for */

#endif
