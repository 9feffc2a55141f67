/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest program of hpt-diff: position independent, in real mode but for the data
 * of a touch. The VMM copies it to DIFF_PROGRAM and the two vectors to where they
 * belong.
 */
#include "hash-diff.h"

	.section .rodata
	.balign	8
	.machine "power9"
	.globl	hash_program, hash_program_end, hash_diff_run
	.globl	hash_vector_300, hash_vector_380, hash_vectors_end

/* A touch that faults: r28 DSISR, r29 the vector; on with the next instruction. */
	.macro	skip vector, dsisr
	li	%r29,\vector
	\dsisr
	mfspr	%r30,26
	addi	%r30,%r30,4
	mtspr	26,%r30
	rfid
	.endm

hash_vector_300:
	skip	0x300, "mfspr %r28,18"
hash_vector_380:
	skip	0x380, "li %r28,0"
hash_vectors_end:

	.balign	8
hash_program:
/*
 * hash_diff_run(turn, steps, me, segments): whoever owns the step that @turn names
 * does it and passes the turn on; the others wait in guest. @turn counts on from one
 * batch to the next, so that no step is taken for a later one at its place.
 */
hash_diff_run:
	mr	%r14,%r3
	mr	%r15,%r4
	mr	%r16,%r5
	li	%r0,NR_SEGMENTS
	mtctr	%r0
1:	ld	%r8,0(%r6)
	ld	%r9,8(%r6)
	slbmte	%r8,%r9
	addi	%r6,%r6,16
	bdnz	1b
	isync
	mfmsr	%r26
	ori	%r27,%r26,0x10		/* DR */

next:	ld	%r17,0(%r14)
	lwsync
	clrldi	%r18,%r17,56		/* % NR_STEPS */
	mulli	%r18,%r18,STEP_SIZE
	add	%r18,%r18,%r15
	ld	%r19,STEP_OWNER(%r18)
	cmpdi	%r19,OWNER_ALL_DONE
	beq	finish
	cmpd	%r19,%r16
	bne	next
	lwsync
	ld	%r0,0(%r14)
	cmpd	%r0,%r17
	bne	next

	ld	%r19,STEP_KIND(%r18)
	cmpdi	%r19,STEP_HCALL
	bne	touch
	ld	%r3,STEP_IN(%r18)
	ld	%r4,STEP_IN+8(%r18)
	ld	%r5,STEP_IN+16(%r18)
	ld	%r6,STEP_IN+24(%r18)
	ld	%r7,STEP_IN+32(%r18)
	ld	%r8,STEP_IN+40(%r18)
	ld	%r9,STEP_IN+48(%r18)
	ld	%r10,STEP_IN+56(%r18)
	ld	%r11,STEP_IN+64(%r18)
	sc	1
	std	%r3,STEP_OUT(%r18)
	std	%r4,STEP_OUT+8(%r18)
	std	%r5,STEP_OUT+16(%r18)
	std	%r6,STEP_OUT+24(%r18)
	std	%r7,STEP_OUT+32(%r18)
	std	%r8,STEP_OUT+40(%r18)
	std	%r9,STEP_OUT+48(%r18)
	std	%r10,STEP_OUT+56(%r18)
	std	%r11,STEP_OUT+64(%r18)

pass:	addi	%r17,%r17,1
	lwsync
	std	%r17,0(%r14)
	b	next

touch:	ld	%r20,STEP_IN(%r18)
	ld	%r21,STEP_IN+8(%r18)
	li	%r28,0
	li	%r29,0
	cmpdi	%r19,STEP_STORE
	mtmsrd	%r27
	isync
	beq	2f
	ld	%r21,0(%r20)
	b	3f
2:	std	%r21,0(%r20)
3:	mtmsrd	%r26
	isync
	std	%r29,STEP_OUT(%r18)
	std	%r21,STEP_OUT+8(%r18)
	std	%r28,STEP_OUT+16(%r18)
	b	pass

finish:	li	%r3,0
	ori	%r3,%r3,HC_DONE
	sc	1
	b	.
hash_program_end:
