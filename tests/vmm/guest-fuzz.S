/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the workload fuzz: real mode, little endian. The vectors leave out an
 * instruction that cannot be executed and go on behind it, with the vector in r29.
 */
#include "fuzz.h"

	.section .rodata
	.balign	8
	.machine "power9"
	.globl	fuzz_vectors, fuzz_vectors_end, fuzz_program, fuzz_program_end

	.macro	leave vectors:vararg
	.irp	vec, \vectors
	.org	fuzz_vectors + \vec
	li	%r29,\vec
	b	leave_out
	.endr
	.endm

	/* Not the fault of the instruction at SRR0, or that is the next one. */
	.macro	go vectors:vararg
	.irp	vec, \vectors
	.org	fuzz_vectors + \vec
	b	go_on
	.endr
	.endm

fuzz_vectors:
	go	0x100
	leave	0x200, 0x300, 0x380, 0x400, 0x480
	go	0x500
	leave	0x600, 0x700, 0x800
	go	0x900, 0x980, 0xa00
	leave	0xc00
	go	0xd00
	leave	0xe40
	go	0xe60, 0xe80, 0xea0, 0xf00
	leave	0xf20, 0xf40, 0xf60, 0xf80

	.org	fuzz_vectors + FUZZ_COMMON
leave_out:
	mfspr	%r30,26
	addi	%r30,%r30,4
	mtspr	26,%r30
	rfid

/* What was tried may have asked for interrupts: it gets one of them. */
go_on:	lis	%r28,0x7fff
	mtspr	22,%r28
	mfspr	%r30,27
	rldicl	%r30,%r30,48,1		/* EE */
	rotldi	%r30,%r30,16
	mtspr	27,%r30
	rfid
fuzz_vectors_end:

/* fuzz(list, count) */
	.balign	8
fuzz_program:
	mr	%r14,%r3
	mr	%r15,%r4
	bcl	20,31,1f
1:	mflr	%r16
	addi	%r16,%r16,word-1b
2:	li	%r29,0
	ld	%r12,TRY_WORD(%r14)
	cmpdi	%r12,0
	bne	3f
	lis	%r12,0x4400		/* sc 1 */
	ori	%r12,%r12,0x0022
3:	stw	%r12,0(%r16)
	dcbst	0,%r16
	sync
	icbi	0,%r16
	isync
	.irp	reg, 3, 4, 5, 6, 7, 8, 9, 10, 11
	ld	%r\reg,TRY_REGS+8*(\reg-3)(%r14)
	.endr
word:	nop
	std	%r29,TRY_VECTOR(%r14)
	std	%r3,TRY_RESULT(%r14)
	addi	%r14,%r14,TRY_SIZE
	addi	%r15,%r15,-1
	cmpdi	%r15,0
	bne	2b
	li	%r3,0
	ori	%r3,%r3,HC_DONE
	li	%r4,FUZZ_DONE
	sc	1
	b	.
fuzz_program_end:
