/* SPDX-License-Identifier: GPL-2.0-only */
/* hpt.c: the hashed page table of a guest. */
#ifndef KHT_HPT_H
#define KHT_HPT_H

#include "vmm.h"

#define HPTES_PER_GROUP	8

/* First doubleword */
#define HPTE_1T		0x4000000000000000ULL
#define HPTE_BOLTED	0x010ULL
#define HPTE_VALID	0x001ULL
/* Second doubleword */
#define HPTE_R		0x100ULL
#define HPTE_C		0x080ULL
#define HPTE_COHERENT	0x010ULL
#define HPTE_RW		0x002ULL	/* PP: everybody may store */
#define HPTE_RO		0x003ULL	/* PP: nobody may */

/* PAPR */
#define H_REMOVE	0x04
#define H_ENTER		0x08
#define H_PROTECT	0x18
#define H_BULK_REMOVE	0x124
#define H_SUCCESS	0
#define H_NOT_FOUND	(-7LL)
#define H_EXACT		(1ULL << 39)
#define H_LOCAL		(1ULL << 28)

/*
 * The 256M segment of the workloads' own entries, 4K pages on every host. The low
 * bits of the VSID are 0, so a page's number is its group.
 */
#define HPT_VSID	0x4000000ULL

#define HPT_ORDER	24	/* 16 MiB */

extern u64 hpt_order;

/* What KVM_PPC_CONFIGURE_V3_MMU has made a hash guest: entries for real mode, data page i ^ @swap at the place of i. */
void hpt_map(struct vm *vm, u64 swap);
void hpt_allocate(struct vm *vm, u64 order);
void hpt_resize(struct vm *vm, u64 order);
void hpt_write(struct vm *vm, u64 index, u64 v, u64 r);

/* Entry @place of its group for page @page of the segment. */
u64 hpte_index(u64 page, u64 place);
u64 hpte_v(u64 page);

/* The data of a guest that runs lists of hcalls: pages for the entries to map, then the list. */
#define HCALL_TARGETS	64

struct hcall {
	u64 nr;
	u64 args[8];		/* r4 to r11 */
	u64 result;		/* r3 */
	u64 out[8];		/* r4 to r11 */
};

u64 hcalls_pages(u64 count);
struct hcall *hcall_at(struct vm *vm, u64 i);
void hcalls_run(struct vcpu *vcpu, u64 first, u64 count);

#endif
