/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KHT_MAIN_H
#define KHT_MAIN_H

/*
 * Makes the state follow the parameter enabled. Attaching may fail for a reason
 * the log names; 0 before the module is initialised. May sleep.
 */
int kht_apply_enabled(void);

#endif
