/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C cannot do: run in a traced function's place.
 */
#include <asm/ppc_asm.h>
#include "address_of.S"

/*
 * long kht_instead_of_harvest(kvm, slot, map), where ftrace goes on when
 * on_harvest() (hooks.c) says so. It calls kht_harvest() (ops.c) with the same
 * arguments, in the context of the function that was traced. How ftrace comes
 * here, and the two words at the beginning: early_return.S.
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
