/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C cannot do: be gone from the stack while the kernel's function runs.
 */
#include <asm/ppc_asm.h>
#include "address_of.S"

/*
 * int kht_vcpu_create(vcpu), a member of kvmppc_hv_ops. The kernel's own may
 * wait for as long as a VMM likes, for a lock whose holder reads the VMM's
 * memory. With a frame of ours below it the module could not be taken out. So
 * kht_before_vcpu_create() (ops.c) comes first, and the kernel's function,
 * whose address it returns, goes back to our caller, which restores its TOC
 * pointer itself.
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
