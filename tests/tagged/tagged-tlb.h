/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QEMU's own files call of tagged-tlb.c.inc. */
#ifndef PPC_TAGGED_TLB_H
#define PPC_TAGGED_TLB_H

/* Properties of machine class @oc: x-tagged-tlb and what belongs to it. */
void ppc_tagged_tlb_properties(ObjectClass *oc);

/* A tlbie or tlbiel with R=1; @flags are the helper's. */
void ppc_tagged_tlb_flush(CPUPPCState *env, target_ulong rb, target_ulong rs,
			  uint32_t flags);

void ppc_tagged_tlb_slbia(CPUPPCState *env, uint32_t ih);

#endif
