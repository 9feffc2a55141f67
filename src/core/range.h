/* SPDX-License-Identifier: GPL-2.0-only */
/* Ranges that guests name (src/core/range.c). */
#ifndef KHT_RANGE_H
#define KHT_RANGE_H

#include "core/base.h"

bool kht_range_wraps(u64 start, u64 end, u64 sizes);

#endif
