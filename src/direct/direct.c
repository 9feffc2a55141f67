// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one object of our own in the replacement kvm-hv.ko: the table it calls.
 */
#include <linux/module.h>
#include "direct/direct.h"
#include "kht_version.h"

DEFINE_PER_CPU(struct kht_seat, kht_direct_seat) = { .vcpu = KHT_NOBODY };

struct kht_direct kht_direct = {
	.version = KHT_VERSION,
	.size = KHT_DIRECT_SIZE,
	.seat = &kht_direct_seat,
};
EXPORT_SYMBOL_GPL(kht_direct);

MODULE_VERSION(KHT_VERSION);
