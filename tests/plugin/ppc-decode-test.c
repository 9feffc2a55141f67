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
	uint32_t rs, rb, ric, prs, r;	/* tlbie and tlbiel; rs is RA for a marker */
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
	/* fields mean nothing from here on */
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
	{ "slbia 7",		0x7ce003e4, PPC_OTHER },
	{ "eieio",		0x7c0006ac, PPC_OTHER },
	{ "mtspr 319,3",	0x7c7f4ba6, PPC_OTHER },
	{ "stwx 3,4,5",		0x7c64292e, PPC_OTHER },
	{ "twi 0,3,0x4b48",	0x0c034b48, PPC_MARKER, 3 },
	{ "twi 0,31,0x4b48",	0x0c1f4b48, PPC_MARKER, 31 },
	{ "twi 4,3,0x4b48",	0x0c834b48, PPC_OTHER },
	{ "twi 0,3,0x4b49",	0x0c034b49, PPC_OTHER },
	{ "tdi 0,3,0x4b48",	0x08034b48, PPC_OTHER },
	{ "addi 3,3,0x4b48",	0x38634b48, PPC_OTHER },
	{ "prefix of pla",	0x06100000, PPC_OTHER },
	{ "all zeros",		0x00000000, PPC_OTHER },
	{ "all ones",		0xffffffff, PPC_OTHER },
};

static const struct {
	uint64_t rb;
	uint32_t is;
} selectors[] = {
	{ 0xfffffffffffff000, 0 },	/* an address alone */
	{ 0x400, 1 }, { 0x800, 2 }, { 0xc00, 3 },
	{ 0x7f800, 2 },			/* set 127 of the TLB in bits 40:51 */
	{ 0x3ff, 0 },
};

static int fields_match(const struct example *e)
{
	if (e->op == PPC_MARKER)
		return ppc_ra(e->word) == e->rs;
	if (e->op != PPC_TLBIE && e->op != PPC_TLBIEL)
		return 1;
	return ppc_rs(e->word) == e->rs && ppc_rb(e->word) == e->rb &&
	       ppc_ric(e->word) == e->ric && ppc_prs(e->word) == e->prs &&
	       ppc_r(e->word) == e->r;
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
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++, tests++) {
		if (ppc_is(selectors[i].rb) == selectors[i].is)
			continue;
		printf("KHT-FAIL plugin-decode: wrong IS of RB 0x%llx\n",
		       (unsigned long long)selectors[i].rb);
		failed++;
	}
	if (failed)
		return 1;
	printf("KHT-LOG plugin-decode: %d words and selectors decoded\nKHT-PASS plugin-decode\n", tests);
	return 0;
}
