/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a hooked function goes on when its handler has done all the work
 * (hooks.c): it returns to its caller, with the result in r3. ftrace comes here
 * with the return address in force, that of a tracer or a return probe if one
 * has replaced it: so each of them sees the function return.
 *
 * How ftrace comes here depends on the kernel's configuration
 * (arch/powerpc/kernel/trace/ftrace_entry.S; in 6.1 ftrace_mprofile.S):
 *
 *	configuration			return address in	what happens here
 *	LIVEPATCH_64			LR			livepatch_handler has called us;
 *								blr goes back to it, it takes its
 *								entry off the task's livepatch stack
 *								and returns to the caller
 *	PPC_FTRACE_OUT_OF_LINE alone	r0; LR is here		like the function's own stub, which
 *								moves r0 to LR: blr alone would
 *								come here for ever
 *	neither				LR			blr
 *
 * With PPC_FTRACE_OUT_OF_LINE a BPF trampoline may come in between. It decodes
 * the word after the address it is given as the branch of the function's stub,
 * and calls where that leads (__arch_prepare_bpf_trampoline()). So the second
 * word here is a branch, and leads to a return.
 *
 * In no case the TOC pointer matters, nor is anything but LR changed.
 */
#include <asm/ppc_asm.h>

_GLOBAL(kht_early_return)
#if defined(CONFIG_PPC_FTRACE_OUT_OF_LINE) && !defined(CONFIG_LIVEPATCH_64)
	mtlr	r0
	b	1f
1:
#endif
	blr
