/* SPDX-License-Identifier: GPL-2.0-only */
/* What guest-fuzz.S and fuzz.c agree on: a list of things to try, each with the registers it begins with. */
#ifndef KHT_FUZZ_H
#define KHT_FUZZ_H

#include "guest.h"

#define FUZZ_PROGRAM	0x4000	/* guest address */
#define FUZZ_COMMON	0x2000

#define TRY_WORD	0	/* the instruction, or 0: an hcall */
#define TRY_REGS	8	/* r3 to r11 */
#define NR_TRY_REGS	9
#define TRY_VECTOR	80	/* the interrupt it took, 0: none */
#define TRY_RESULT	88	/* r3 afterwards */
#define TRY_SIZE	128

/* r4 of HC_DONE at the end of the list: an hcall of that number may be among what is tried. */
#define FUZZ_DONE	0x2b4c

#endif
