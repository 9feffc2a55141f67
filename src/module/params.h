/* SPDX-License-Identifier: GPL-2.0-only */
/* The tunables; src/module/params.c documents and checks them. */
#ifndef KHT_PARAMS_H
#define KHT_PARAMS_H

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

#endif
