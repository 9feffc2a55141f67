/* SPDX-License-Identifier: GPL-2.0-only */
/* Included by the assembler files of this folder; on its own it is nothing. */

	/*
	 * The TOC pointer may be anybody's here, so addresses are relative to
	 * the code.
	 */
	.macro	address_of reg, symbol
	bcl	20,31,1f
1:	mflr	\reg
	addis	\reg,\reg,(\symbol - 1b)@ha
	addi	\reg,\reg,(\symbol - 1b)@l
	.endm
