/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest: real mode, little endian, position independent. The blob is
 * copied to guest address 0; the VMM sets r3.. and the PC and runs a program
 * until HC_DONE. Only g_remap and g_look translate their data (never their
 * instructions), through the tables of remap.c.
 *
 * A page under test has two words. +8 is stored first: a page that the host
 * took away is then faulted in for writing at once, so that one fault (not a
 * read of the zero page and a copy of it) brings it back. +0 is read and
 * compared before it is stored.
 */
#include "guest.h"

	.section .rodata
	.balign	8
	.machine "power9"
	.globl	guest_start, guest_end, g_fill, g_pass, g_watch, g_hcalls, g_remap, g_look, g_hcall, g_hcall_list, g_touch, g_nested, g_done

guest_start:
	.irp	vec, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, \
		0x500, 0x600, 0x700, 0x800, 0x900, 0x980, 0xa00, 0xc00, \
		0xd00, 0xe00, 0xe40, 0xf00, 0xf20, 0xf40, 0xf60
	.org	guest_start + \vec
	li	%r4,\vec
	b	panic
	.endr

	.org	guest_start + 0x2000
panic:	cmpdi	%r31,0
	bne	absent
1:	mfspr	%r5,26
	mfspr	%r6,27
	li	%r3,0
	ori	%r3,%r3,HC_PANIC
	sc	1
	b	.

/* Only g_touch expects to have no translation: it goes on at r31, with nothing loaded. */
absent:	cmpdi	%r4,0x300
	bne	1b
	li	%r21,0
	mtspr	26,%r31
	rfid

wrong:	mr	%r4,%r20
	mr	%r5,%r21
	mr	%r6,%r22
	li	%r3,0
	ori	%r3,%r3,HC_WRONG
	sc	1
	b	.

g_done:
done:	li	%r3,0
	ori	%r3,%r3,HC_DONE
	sc	1
	b	.

/*
 * g_fill(base, stride, count, value, old, step): page i must hold old + i * step,
 * then gets value + i.
 */
g_fill:	mtctr	%r5
	mr	%r20,%r3
	mr	%r22,%r7
1:	std	%r6,8(%r20)
	ld	%r21,0(%r20)
	cmpd	%r21,%r22
	bne	wrong
	std	%r6,0(%r20)
	addi	%r6,%r6,1
	add	%r22,%r22,%r8
	add	%r20,%r20,%r4
	bdnz	1b
	b	done

/*
 * g_pass(mbox, base, stride, count, tlbiel_mask, exit_mask): until the host says
 * stop, pass k stores k to every page and expects k - 1 there, or 0 where the
 * host took the page away. Passes with (k & mask) == 0 also run the guest's own
 * process-scope tlbiel, or exit to the VMM.
 */
g_pass:	mr	%r14,%r3
	mr	%r15,%r4
	mr	%r16,%r5
	mr	%r17,%r6
	mr	%r18,%r7
	mr	%r19,%r8
	ld	%r22,MBOX_PASS(%r14)
	ld	%r24,MBOX_ZEROS(%r14)
1:	addi	%r23,%r22,1
	mr	%r20,%r15
	mtctr	%r17
2:	std	%r23,8(%r20)
	ld	%r21,0(%r20)
	cmpd	%r21,%r22
	beq	3f
	cmpdi	%r21,0
	bne	wrong
	addi	%r24,%r24,1
3:	std	%r23,0(%r20)
	add	%r20,%r20,%r16
	bdnz	2b
	mr	%r22,%r23
	lwsync
	std	%r24,MBOX_ZEROS(%r14)
	std	%r22,MBOX_PASS(%r14)

	and.	%r0,%r22,%r18
	bne	4f
	ptesync
	li	%r9,0x400		/* IS=1: this PID (0), set 0 */
	li	%r10,0
	tlbiel	%r9,%r10,2,1,1		/* RIC=2 PRS=1 R=1 */
	ptesync

4:	and.	%r0,%r22,%r19
	bne	5f
	li	%r3,0
	ori	%r3,%r3,HC_NOP
	sc	1

5:	ld	%r0,MBOX_STOP(%r14)
	cmpdi	%r0,0
	beq	1b
	b	done

/* g_watch(mbox, address): load, never store; each load is a pass. */
g_watch:
	ld	%r22,MBOX_PASS(%r3)
1:	ld	%r21,0(%r4)
	addi	%r22,%r22,1
	std	%r21,MBOX_SEEN(%r3)
	lwsync
	std	%r22,MBOX_PASS(%r3)
	ld	%r0,MBOX_STOP(%r3)
	cmpdi	%r0,0
	beq	1b
	b	done

/* g_hcalls(nr, arg, n): the same hcall n times. */
g_hcalls:
	mr	%r14,%r3
	mr	%r15,%r4
	mr	%r16,%r5
1:	mr	%r3,%r14
	mr	%r4,%r15
	sc	1
	addi	%r16,%r16,-1
	cmpdi	%r16,0
	bne	1b
	b	done

/*
 * g_hcall(block): the hcall and its arguments are the first words of the block, the
 * next one gets the result.
 */
g_hcall:
	mr	%r14,%r3
	ld	%r3,0(%r14)
	ld	%r4,8(%r14)
	ld	%r5,16(%r14)
	ld	%r6,24(%r14)
	ld	%r7,32(%r14)
	ld	%r8,40(%r14)
	ld	%r9,48(%r14)
	sc	1
	std	%r3,56(%r14)
	b	done

/*
 * g_nested(state, regs), the hypervisor in a guest: runs an L2 until a trap, which
 * the VMM gets and decides about; 0 from it: go on.
 */
g_nested:
	mr	%r14,%r3
	mr	%r15,%r4
1:	li	%r3,0
	ori	%r3,%r3,H_ENTER_NESTED
	mr	%r4,%r14
	mr	%r5,%r15
	sc	1
	cmpdi	%r3,0
	beq	1b
	mr	%r4,%r3
	li	%r3,0
	ori	%r3,%r3,HC_NOP
	sc	1
	cmpdi	%r3,0
	beq	1b
	b	done

	/*
	 * SPRG1, where Linux has its per-CPU area, names the vCPU for the sanitizer
	 * (tests/tlbsan): it must not meet again what it filled and invalidated. The
	 * vCPUs of these programs have one name: they take turns, and none must meet
	 * what another has invalidated.
	 */
	.macro	translate_data
	li	%r0,1
	mtspr	273,%r0
	mfmsr	%r0
	ori	%r0,%r0,0x10		/* DR */
	mtmsrd	%r0
	isync
	.endm

	/* The page at @ea, of this PID (0), from this core's TLB. */
	.macro	invalidate ea
	ptesync
	li	%r10,0
	tlbiel	\ea,%r10,0,1,1		/* RIC=0 PRS=1 R=1; IS=0 and 4K are zeros in @ea */
	ptesync
	.endm

/*
 * g_remap(mbox, pages, ptes, count), effective addresses: until the host says
 * stop, pass k maps each page's other half and stores k to it. Word 0 of a half
 * holds the leaf PTE that maps it, so a load says which half it came from.
 *
 * A pass loads all pages before it changes any: on a core the vCPU comes back
 * to, no tlbiel has run yet that would hide what was left there. Each pass exits
 * to the VMM: after two on one core a stale translation would be right again.
 */
g_remap:
	mr	%r14,%r3
	mr	%r15,%r4
	mr	%r16,%r5
	mr	%r17,%r6
	translate_data
	ld	%r23,MBOX_PASS(%r14)
1:	mr	%r20,%r15
	mr	%r18,%r16
	mtctr	%r17
2:	ldbrx	%r22,0,%r18
	ld	%r21,0(%r20)
	cmpd	%r21,%r22
	bne	wrong
	addi	%r20,%r20,GUEST_PAGE
	addi	%r18,%r18,8
	bdnz	2b

	addi	%r23,%r23,1
	mr	%r20,%r15
	mr	%r18,%r16
	mtctr	%r17
3:	ldbrx	%r22,0,%r18
	xori	%r22,%r22,GUEST_PAGE
	stdbrx	%r22,0,%r18
	invalidate %r20
	ld	%r21,0(%r20)
	cmpd	%r21,%r22
	bne	wrong
	std	%r23,8(%r20)
	addi	%r20,%r20,GUEST_PAGE
	addi	%r18,%r18,8
	bdnz	3b
	lwsync
	std	%r23,MBOX_PASS(%r14)

	li	%r3,0
	ori	%r3,%r3,HC_NOP
	sc	1
	ld	%r0,MBOX_STOP(%r14)
	cmpdi	%r0,0
	beq	1b
	b	done

/*
 * g_look(mbox, pages, ptes, count): each time the host asks, loads what g_remap of
 * another vCPU has mapped, and invalidates it before that one maps anything else:
 * between them the two do what a guest must that uses tlbiel alone.
 */
g_look:
	mr	%r14,%r3
	translate_data
	ld	%r23,MBOX_PASS(%r14)
1:	ld	%r0,MBOX_STOP(%r14)
	cmpdi	%r0,0
	bne	done
	ld	%r0,MBOX_ASK(%r14)
	cmpd	%r0,%r23
	beq	1b
	isync
	mr	%r20,%r4
	mr	%r18,%r5
	mtctr	%r6
2:	ldbrx	%r22,0,%r18
	ld	%r21,0(%r20)
	cmpd	%r21,%r22
	bne	wrong
	invalidate %r20
	addi	%r20,%r20,GUEST_PAGE
	addi	%r18,%r18,8
	bdnz	2b
	addi	%r23,%r23,1
	lwsync
	std	%r23,MBOX_PASS(%r14)
	b	1b

/*
 * g_hcall_list(list, count, stride): hcalls one after the other, each with its number
 * and arguments in r3 to r11 before and what it returned there behind them.
 */
g_hcall_list:
	mr	%r14,%r3
	mr	%r15,%r4
	mr	%r16,%r5
1:	.irp	reg, 3, 4, 5, 6, 7, 8, 9, 10, 11
	ld	%r\reg,8*(\reg-3)(%r14)
	.endr
	sc	1
	.irp	reg, 3, 4, 5, 6, 7, 8, 9, 10, 11
	std	%r\reg,8*(\reg+6)(%r14)
	.endr
	add	%r14,%r14,%r16
	addi	%r15,%r15,-1
	cmpdi	%r15,0
	bne	1b
	b	done

/*
 * g_touch(mbox, address, vsid, esid), effective addresses of one segment of a hash
 * guest: load, never store; each load is a pass, also one that found no HPTE.
 */
g_touch:
	slbmte	%r5,%r6
	mr	%r14,%r3
	mr	%r20,%r4
	ld	%r22,MBOX_PASS(%r14)
	bcl	20,31,1f
1:	mflr	%r31
	addi	%r31,%r31,3f-1b
	mfmsr	%r0
	ori	%r0,%r0,0x10		/* DR */
	mtmsrd	%r0
	isync
2:	ld	%r21,0(%r20)
3:	addi	%r22,%r22,1
	std	%r21,MBOX_SEEN(%r14)
	lwsync
	std	%r22,MBOX_PASS(%r14)
	ld	%r0,MBOX_STOP(%r14)
	cmpdi	%r0,0
	beq	2b
	li	%r31,0
	b	done
guest_end:
