// SPDX-License-Identifier: GPL-2.0-only
/*
 * The replacement flavour: a kvm-hv.ko of our own making calls kht_direct
 * (include/kht_direct.h). What ftrace and a tracepoint do for the shim are
 * members of that table here; the rest of kvmppc_hv_ops is wrapped as always
 * (ops.c).
 */
#include <linux/module.h>
#include <linux/string.h>
#include "attach/attach.h"
#include "kht_direct.h"
#include "module/faults.h"
#include "guest/batch.h"
#include "guest/domain.h"
#include "guest/entry.h"
#include "guest/hcall.h"
#include "guest/hpt.h"
#include "guest/nested.h"
#include "guest/radix.h"
#include "guest/range.h"
#include "guest/vcpu.h"

static struct kht_direct *table;	/* NULL: the kvm-hv that is loaded has none for us */

#define MEMBER(name, fn, ...)	KHT_MEMBER(struct kht_direct, name, fn, __VA_ARGS__)

static const struct kht_member invalidations[] = {
	MEMBER(flush_page, kht_on_flush_page),
	MEMBER(flush_full, kht_on_flush_full),
	MEMBER(quadrant_end, kht_quadrant_end),
	MEMBER(quadrant_begin, kht_quadrant_begin),
	MEMBER(range, kht_on_range),
	MEMBER(harvest_radix, kht_harvest),
	MEMBER(invalidate_hpte, kht_on_invalidate_hpte, .when = KHT_OF_HASH),
	MEMBER(clear_ref_hpte, kht_on_clear_ref_hpte, .when = KHT_OF_HASH),
	MEMBER(set_partition, kht_on_set_partition, .when = KHT_OF_HASH),
	MEMBER(harvest_hash, kht_harvest, .when = KHT_OF_HASH),
};

static const struct kht_member nested_guests[] = {
	MEMBER(update_rc, kht_on_update_rc),
	MEMBER(free_tables, kht_on_free_tables),
	MEMBER(insert_rmap, kht_on_insert_rmap),
	MEMBER(create_pte, kht_on_create_pte),
	MEMBER(lpid_free, kht_on_lpid_free),
};

static const struct kht_member calls[] = {
	MEMBER(walk, kht_on_walk),
	MEMBER(call_begin, kht_direct_call),
};

static const struct kht_member hcalls[] = {
	MEMBER(h_remove, kht_on_h_remove),
	MEMBER(h_bulk_remove, kht_on_h_bulk_remove),
	MEMBER(h_protect, kht_on_h_protect),
};

static const struct kht_member entry[] = {
	MEMBER(vcpu_put, kht_direct_put),
	MEMBER(vcpu_load, kht_direct_load),
	MEMBER(enter, kht_direct_enter),
};

struct member_set {
	const struct kht_member *members;
	unsigned int n;
	bool no_hash;
};

static const struct member_set sets[] = {
	[KHT_HOOKS_INVALIDATIONS] = { invalidations, ARRAY_SIZE(invalidations) },
	[KHT_HOOKS_RADIX_ONLY] = { invalidations, ARRAY_SIZE(invalidations), .no_hash = true },
	[KHT_HOOKS_PARTITION] = { invalidations, ARRAY_SIZE(invalidations), .no_hash = true },
	[KHT_HOOKS_NESTED] = { nested_guests, ARRAY_SIZE(nested_guests) },
	[KHT_HOOKS_CALLS] = { calls, ARRAY_SIZE(calls) },
	[KHT_HOOKS_HCALLS] = { hcalls, ARRAY_SIZE(hcalls) },
};

static const struct member_set entry_set = { entry, ARRAY_SIZE(entry) };

static void set_members(const struct member_set *set, bool on)
{
	const struct kht_member *m;

	for (m = set->members; m < set->members + set->n; m++)
		if (!set->no_hash || m->when != KHT_OF_HASH)
			WRITE_ONCE(*kht_member_of(table, m), on ? m->ours : NULL);
}

/*
 * Is the kvm-hv that is loaded one of ours, made with this very version? The
 * caller holds it. *@why says what is wrong with one that is ours and does not
 * fit.
 */
bool kht_direct_find(const char **why)
{
	struct kht_direct *found = (struct kht_direct *)__symbol_get("kht_direct");

	table = NULL;
	kht_seats = NULL;
	*why = NULL;
	if (!found)
		return false;
	if (found->size == KHT_DIRECT_SIZE && !strcmp(found->version, THIS_MODULE->version))
		table = found;
	else
		*why = "the replacement kvm-hv that is loaded is of another version of this module";
	symbol_put(kht_direct);
	if (table)
		kht_seats = table->seat;
	return table;
}

bool kht_is_direct(void)
{
	return table;
}

/*
 * As kht_attach_hooks() and kht_detach_hooks(). Nobody is on the way in any
 * more on return.
 */
int kht_direct_hooks(enum kht_hooks which, char why[KHT_WHY])
{
	if (kht_fault_name("kht_direct")) {
		snprintf(why, KHT_WHY, "the replacement kvm-hv has no kht_direct");
		return -ENOENT;
	}
	set_members(&sets[which], true);
	return 0;
}

/*
 * Members are called with preemption off, but for harvests, which sleep: a task
 * that has fetched one of them is inside on return (kht_harvest()), or has
 * been.
 * litmus: detach-ops
 */
void kht_direct_unhook(enum kht_hooks which)
{
	bool harvests = sets[which].members == invalidations &&
			(table->harvest_radix || table->harvest_hash);

	set_members(&sets[which], false);
	synchronize_rcu();
	if (harvests)
		synchronize_rcu_tasks();
}

void kht_direct_entry(void)
{
	set_members(&entry_set, true);
}

/*
 * No vCPU has a seat any more (kht_forget_entries()), so each entry comes to
 * the member, with preemption off, and before RCU is told that the CPU is in a
 * guest.
 * litmus: detach-ops
 */
void kht_direct_no_entry(void)
{
	set_members(&entry_set, false);
	synchronize_rcu();
}
