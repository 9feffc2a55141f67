/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KHT_MAIN_H
#define KHT_MAIN_H

/*
 * Makes the state follow the parameter enabled. Attaching may fail for a reason
 * the log names; 0 before the module is initialised. May sleep.
 */
int kht_apply_enabled(void);

/*
 * Attaches anew, soon, if it is attached: a CPU has come that the self-test has
 * not seen. Any context.
 */
void kht_attach_again(void);

#endif
