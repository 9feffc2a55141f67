// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unit test of ppc-decode.h: instruction words written out from the forms of
 * Power ISA 3.0B (and what an assembler makes of the same text).
 */
#include <stddef.h>
#include <stdio.h>

#include "ppc-decode.h"

struct example {
	const char *text;
	uint32_t word;
	enum ppc_op op;
	uint32_t rs, rb, ric, prs, r;	/* tlbie, tlbiel */
	uint32_t ra;			/* marker */
	uint32_t ih;			/* slbia */
	uint32_t spr;			/* mtspr, which has rs too */
};

static const struct example examples[] = {
	/* tlbie RB,RS,RIC,PRS,R */
	{ "tlbie 5,4,0,0,1",	0x7c812a64, PPC_TLBIE, 4, 5, 0, 0, 1 },
	{ "tlbie 9,10,2,0,1",	0x7d494a64, PPC_TLBIE, 10, 9, 2, 0, 1 },
	{ "tlbie 31,0,1,1,1",	0x7c07fa64, PPC_TLBIE, 0, 31, 1, 1, 1 },
	{ "tlbie 3,4,0,0,0",	0x7c801a64, PPC_TLBIE, 4, 3, 0, 0, 0 },
	{ "tlbie 0,31,3,0,1",	0x7fed0264, PPC_TLBIE, 31, 0, 3, 0, 1 },
	/* tlbiel RB,RS,RIC,PRS,R */
	{ "tlbiel 9,10,2,0,1",	0x7d494a24, PPC_TLBIEL, 10, 9, 2, 0, 1 },
	{ "tlbiel 9,10,2,1,1",	0x7d4b4a24, PPC_TLBIEL, 10, 9, 2, 1, 1 },
	{ "tlbiel 3,0,0,0,0",	0x7c001a24, PPC_TLBIEL, 0, 3, 0, 0, 0 },
	{ "tlbsync",		0x7c00046c, PPC_TLBSYNC },
	{ "ptesync (sync 2)",	0x7c4004ac, PPC_PTESYNC },
	{ "hwsync (sync 0)",	0x7c0004ac, PPC_OTHER },
	{ "lwsync (sync 1)",	0x7c2004ac, PPC_OTHER },
	{ "phwsync (sync 4)",	0x7c8004ac, PPC_OTHER },
	{ "stncisync (sync 1,1)", 0x7c2104ac, PPC_OTHER },
	{ "msgsnd 7",		0x7c00399c, PPC_MSGSND },
	{ "msgclr 7",		0x7c0039dc, PPC_OTHER },
	{ "msgsndp 7",		0x7c00391c, PPC_OTHER },
	{ "msgsync",		0x7c0006ec, PPC_OTHER },
	{ "eieio",		0x7c0006ac, PPC_OTHER },
	{ "slbia 7",		0x7ce003e4, PPC_SLBIA, .ih = 7 },
	{ "slbia 3",		0x7c6003e4, PPC_SLBIA, .ih = 3 },
	{ "slbia 1",		0x7c2003e4, PPC_SLBIA, .ih = 1 },
	{ "slbia",		0x7c0003e4, PPC_SLBIA, .ih = 0 },
	{ "slbie 5",		0x7c002b64, PPC_OTHER },
	/* The SPR's halves: low five bits first. */
	{ "mtspr 319,3",	0x7c7f4ba6, PPC_MTSPR, .rs = 3, .spr = PPC_SPR_LPIDR },
	{ "mtspr 318,31",	0x7ffe4ba6, PPC_MTSPR, .rs = 31, .spr = 318 },
	{ "mtspr 48,4",		0x7c900ba6, PPC_MTSPR, .rs = 4, .spr = 48 },
	{ "mtspr 31,5",		0x7cbf03a6, PPC_MTSPR, .rs = 5, .spr = 31 },
	{ "mtspr 992,5",	0x7ca0fba6, PPC_MTSPR, .rs = 5, .spr = 992 },
	{ "mtspr 1023,17",	0x7e3ffba6, PPC_MTSPR, .rs = 17, .spr = 1023 },
	{ "mtlr 0",		0x7c0803a6, PPC_MTSPR, .rs = 0, .spr = 8 },
	{ "mfspr 3,319",	0x7c7f4aa6, PPC_OTHER },
	{ "mtmsrd 3",		0x7c600164, PPC_OTHER },
	{ "stop",		0x4c0002e4, PPC_STOP },
	{ "hrfid",		0x4c000224, PPC_OTHER },
	{ "rfid",		0x4c000024, PPC_OTHER },
	{ "isync",		0x4c00012c, PPC_OTHER },
	{ "blr",		0x4e800020, PPC_OTHER },
	{ "stwx 3,4,5",		0x7c64292e, PPC_OTHER },
	{ "twi 0,3,0x4b48",	0x0c034b48, PPC_MARKER, .ra = 3 },
	{ "twi 0,31,0x4b48",	0x0c1f4b48, PPC_MARKER, .ra = 31 },
	{ "twi 4,3,0x4b48",	0x0c834b48, PPC_OTHER },
	{ "twi 0,3,0x4b49",	0x0c034b49, PPC_OTHER },
	{ "tdi 0,3,0x4b48",	0x08034b48, PPC_OTHER },
	{ "addi 3,3,0x4b48",	0x38634b48, PPC_OTHER },
	{ "prefix of pla",	0x06100000, PPC_OTHER },
	{ "all zeros",		0x00000000, PPC_OTHER },
	{ "all ones",		0xffffffff, PPC_OTHER },
};

/* What the registers RB and RS of a tlbie or tlbiel say. */
static const struct operand {
	uint64_t rb, rs;
	uint32_t is, ap, set;
	uint64_t epn;
	uint32_t pid, lpid;
} operands[] = {
	{ 0xfffffffffffff000, 0, 0, 0, 0xfff, 0xfffffffffffff000, 0, 0 },	/* an address alone */
	{ 0x12345678900a0, 5, 0, 5, 0x890, 0x1234567890000, 0, 5 },	/* 64K page of LPID 5 */
	{ 0x400, 9ull << 32 | 7, 1, 0, 0, 0, 9, 7 },			/* a process of LPID 7 */
	{ 0x800, 0xffffffff, 2, 0, 0, 0, 0, 0xffffffff },
	{ 0xc00, 0xffffffffull << 32, 3, 0, 0, 0, 0xffffffff, 0 },
	{ 0x7f800, 0, 2, 0, 127, 0x7f000, 0, 0 },			/* set 127 of the TLB */
	{ 0x31f, 0, 0, 0, 0, 0, 0, 0 },				/* the bits around IS and AP */
	{ 0x3e0, 0, 0, 7, 0, 0, 0, 0 },
};

static const struct address {
	uint64_t address;
	uint32_t vector;
} addresses[] = {
	{ 0xe00, 0xe00 }, { 0xe20, 0xe20 }, { 0x100, 0x100 }, { 0xf80, 0xf80 },
	{ 0xc000000000004e00, 0xe00 }, { 0xc000000000004980, 0x980 },
	{ 0, 0 }, { 0xe04, 0 }, { 0xe10, 0 }, { 0x2000, 0 }, { 0x4e00, 0 }, { 0x30000e00, 0 },
	{ 0xc000000000000e00, 0 }, { 0xc000000000004000, 0 }, { 0xc000000000004e04, 0 },
	{ 0xc000000000006000, 0 }, { 0xc008000000004e00, 0 }, { 0xffffffffffffffe0, 0 },
};

static int fields_match(const struct example *e)
{
	switch (e->op) {
	case PPC_TLBIE:
	case PPC_TLBIEL:
		return ppc_rs(e->word) == e->rs && ppc_rb(e->word) == e->rb &&
		       ppc_ric(e->word) == e->ric && ppc_prs(e->word) == e->prs &&
		       ppc_r(e->word) == e->r;
	case PPC_MARKER:
		return ppc_ra(e->word) == e->ra;
	case PPC_SLBIA:
		return ppc_ih(e->word) == e->ih;
	case PPC_MTSPR:
		return ppc_rs(e->word) == e->rs && ppc_spr(e->word) == e->spr;
	default:
		return 1;
	}
}

static int operands_match(const struct operand *o)
{
	return ppc_is(o->rb) == o->is && ppc_ap(o->rb) == o->ap && ppc_set(o->rb) == o->set &&
	       ppc_epn(o->rb) == o->epn && ppc_pid_of(o->rs) == o->pid &&
	       ppc_lpid_of(o->rs) == o->lpid;
}

int main(void)
{
	int tests = 0, failed = 0;

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++, tests++) {
		const struct example *e = &examples[i];

		if (ppc_decode(e->word) == e->op && fields_match(e))
			continue;
		printf("KHT-FAIL plugin-decode: 0x%08x (%s) is decoded wrongly\n", e->word, e->text);
		failed++;
	}
	for (size_t i = 0; i < sizeof(operands) / sizeof(operands[0]); i++, tests++) {
		const struct operand *o = &operands[i];

		if (operands_match(o))
			continue;
		printf("KHT-FAIL plugin-decode: RB 0x%llx, RS 0x%llx are taken apart wrongly\n",
		       (unsigned long long)o->rb, (unsigned long long)o->rs);
		failed++;
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++, tests++) {
		const struct address *a = &addresses[i];

		if (ppc_vector(a->address) == a->vector)
			continue;
		printf("KHT-FAIL plugin-decode: address 0x%llx is taken for vector 0x%x\n",
		       (unsigned long long)a->address, ppc_vector(a->address));
		failed++;
	}
	if (failed)
		return 1;
	printf("KHT-LOG plugin-decode: %d words, operands and addresses\nKHT-PASS plugin-decode\n", tests);
	return 0;
}
