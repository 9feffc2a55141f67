/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside <linux/ftrace.h>. */
#ifndef KHT_COMPAT_FTRACE_H
#define KHT_COMPAT_FTRACE_H

#include <linux/ftrace.h>
#include <linux/version.h>

/* Renamed by Linux commit 0ef86097f127 (6.2). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define ftrace_regs_set_instruction_pointer	ftrace_instruction_pointer_set
#endif

/* Since Linux 6.13 struct ftrace_regs is opaque and this macro opens it. */
#ifndef arch_ftrace_regs
#define arch_ftrace_regs(fregs)	(fregs)
#endif

#endif
