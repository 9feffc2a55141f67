/* SPDX-License-Identifier: GPL-2.0-only */
/* The tunables; src/module/params.c documents and checks them. */
#ifndef KHT_PARAMS_H
#define KHT_PARAMS_H

#include <linux/compiler.h>
#include <linux/types.h>

extern bool kht_param_enabled;
extern bool kht_param_defer;
extern bool kht_param_lazy_move;
extern bool kht_param_hpt_defer;
extern bool kht_param_hpt_local;
extern bool kht_param_rc_sync;
extern bool kht_param_rc_audit;
extern unsigned int kht_param_batch_ceiling;	/* pages */
extern unsigned int kht_param_log_entries;	/* pages */

enum kht_selftest_param {
	KHT_SELFTEST_OFF,
	KHT_SELFTEST_ON,
	KHT_SELFTEST_REQUIRE,	/* and what is not proved is off */
};
extern unsigned int kht_param_selftest;

/* A CPU has come whose flushes nobody has tested (src/attach/attach.c). */
extern bool kht_untested_cpu;

/* May what is invalidated now become a debt? */
static inline bool kht_may_defer(void)
{
	return READ_ONCE(kht_param_defer) && !READ_ONCE(kht_untested_cpu);
}

#endif
