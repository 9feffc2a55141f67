// SPDX-License-Identifier: GPL-2.0-only
/*
 * For CBMC: kht_ledger_bytes() is room for all that kht_ledger_init() lays out, one behind the other, for any number of
 * threads and entries.
 */
#include <assert.h>
#include "core/ledger.h"

#define THREADS	8192u

u32 nondet_u32(void);

static u64 memory[(sizeof(struct kht_ledger) + 3 * 8 * THREADS + 8 * KHT_LOG_MAX) / 8];

int main(void)
{
	u32 n = nondet_u32(), log_size = nondet_u32();
	struct kht_ledger *l;

	__CPROVER_assume(n > 0 && n <= THREADS && log_size <= KHT_LOG_MAX);
	l = kht_ledger_init(memory, 1, n, log_size);
	assert((char *)l->seen >= (char *)(l + 1));
	assert(l->left >= l->seen + n && l->left_seen >= l->left + n && l->log >= l->left_seen + n);
	assert((size_t)((char *)(l->log + log_size) - (char *)l) ==
	       kht_ledger_bytes(n, log_size));
	assert(kht_ledger_bytes(n, log_size) <= sizeof(memory));
	return 0;
}
