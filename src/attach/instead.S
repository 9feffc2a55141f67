/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C cannot do: run in a traced function's place, and be gone from the stack while the kernel's
 * function runs.
 */
#include <asm/ppc_asm.h>

	/* The TOC pointer may be anybody's here, so addresses are relative to the code. */
	.macro	address_of reg, symbol
	bcl	20,31,1f
1:	mflr	\reg
	addis	\reg,\reg,(\symbol - 1b)@ha
	addi	\reg,\reg,(\symbol - 1b)@l
	.endm

/*
 * long kht_instead_of_harvest(kvm, slot, map), where ftrace goes on when kht_on_harvest() says so. It
 * calls kht_harvest() (ops.c) with the same arguments, in the context of the function that was
 * traced. How ftrace comes here, and the two words at the beginning: early_return.S.
 */
_GLOBAL(kht_instead_of_harvest)
#if defined(CONFIG_PPC_FTRACE_OUT_OF_LINE) && !defined(CONFIG_LIVEPATCH_64)
	mtlr	r0
	b	1f
1:
#endif
	mflr	r0
	std	r0,16(r1)
	stdu	r1,-32(r1)
	std	r2,24(r1)	/* the traced function's: a caller in kvm-hv expects it back */
	address_of r12,kht_shim_harvest
	mtctr	r12
	bctrl
	ld	r2,24(r1)
	addi	r1,r1,32
	ld	r0,16(r1)
	mtlr	r0
	blr

/*
 * int kht_vcpu_create(vcpu), a member of kvmppc_hv_ops. The kernel's own may wait for as long as a VMM
 * likes, for a lock whose holder reads the VMM's memory. With a frame of ours below it
 * the module could not be taken out. So kht_before_vcpu_create() (ops.c) comes first, and the
 * kernel's function, whose address it returns, goes back to our caller, which restores its TOC pointer itself.
 */
_GLOBAL(kht_vcpu_create)
	mflr	r0
	std	r0,16(r1)
	stdu	r1,-48(r1)
	std	r3,32(r1)
	address_of r12,kht_before_vcpu_create
	mtctr	r12
	bctrl
	mr	r12,r3
	mtctr	r12
	ld	r3,32(r1)
	addi	r1,r1,48
	ld	r0,16(r1)
	mtlr	r0
	bctr
