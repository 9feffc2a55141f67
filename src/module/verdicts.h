/* SPDX-License-Identifier: GPL-2.0-only */
/* What the self-test has found, for the admin and for the features it forbids. */
#ifndef KHT_VERDICTS_H
#define KHT_VERDICTS_H

#include "core/verdict.h"
#include "module/features.h"
#include "selftest/selftest.h"

/*
 * Runs the self-test, if the parameter says so, and logs what it finds.
 * @cannot: why it cannot be run here; or empty. May sleep.
 */
void kht_verdicts_find(kht_quadrant_fn access, const char *cannot);

/* Else the reason is in @why. */
bool kht_verdicts_allow(enum kht_rests what, char why[KHT_WHY]);

/* On a CPU that has come online, bound to it. */
bool kht_verdicts_hold_here(void);

void kht_verdicts_show(struct seq_file *m);

#endif
