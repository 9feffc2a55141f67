/* SPDX-License-Identifier: GPL-2.0-only */
/* How we get into a stock kernel, and out again. All may sleep. */
#ifndef KHT_ATTACH_H
#define KHT_ATTACH_H

#include <linux/stddef.h>
#include <linux/types.h>
#include "kht_direct.h"
#include "module/features.h"

struct module;
struct seq_file;
struct srcu_struct;

#define KHT_WHY_NO_KVM_HV	"kvm-hv is not loaded; the module attaches when it comes"

/* src/attach/attach.c: the whole. Serialised by the caller. */
int kht_attach(void);
void kht_detach(const char *why);
bool kht_is_attached(void);
bool kht_is_attached_to(const struct module *mod);
bool kht_is_kvm_hv(const struct module *mod);		/* it has been initialised */
void kht_attach_status(struct seq_file *m);

/* src/attach/symbols.c */
unsigned long kht_symbol(const char *name);

/* src/attach/entry.c: a tracepoint of kvm-hv */
int kht_attach_entry(void);
void kht_detach_entry(void);

/*
 * A guest may run guests of its own from now on: hooks what only those need,
 * once, so that a host without them does not pay for it. The caller is in
 * kht_inside.
 */
void kht_need_nested(void);

/* The parameter hpt_defer or hpt_local has changed. May sleep. */
void kht_apply_hpt(void);

/*
 * src/attach/hooks.c: functions of the kernel whose work is done here, or
 * announced
 */
enum kht_hooks {
	KHT_HOOKS_INVALIDATIONS,
	KHT_HOOKS_RADIX_ONLY,		/* the same without those of hash guests */
	KHT_HOOKS_PARTITION,		/* the same of a host that is a partition */
	KHT_HOOKS_NESTED,
	KHT_HOOKS_CALLS,		/* what an L1 asks to be invalidated */
	KHT_HOOKS_HCALLS,
};

/*
 * src/attach/no-hooks.c for a kernel that was built without what they need
 * (Kbuild)
 */
int kht_attach_hooks(enum kht_hooks which, char why[KHT_WHY]);
void kht_detach_hooks(enum kht_hooks which);

/*
 * src/attach/early_return.S, instead.S: where ftrace goes on instead of a
 * hooked function
 */
void kht_early_return(void);
void kht_instead_of_harvest(void);

/*
 * src/attach/direct.c: a kvm-hv that calls us; the other files turn to it by
 * themselves
 */
bool kht_direct_find(const char **why);		/* at the beginning of an attachment */
bool kht_is_direct(void);
int kht_direct_hooks(enum kht_hooks which, char why[KHT_WHY]);
void kht_direct_unhook(enum kht_hooks which);
void kht_direct_entry(void);
void kht_direct_no_entry(void);

/*
 * A function pointer in somebody's table that we set in place: of
 * kvmppc_hv_ops, of kht_direct.
 */
struct kht_member {
	size_t offset;
	void *ours;
	enum {
		KHT_ALWAYS,
		KHT_OF_HASH,	/* for hash guests: a set may leave it out */
		KHT_OF_SHIM,	/* a replacement kvm-hv calls the module itself */
	} when;
};

/* The conditional checks that @fn has the type of @table's member @name. */
#define KHT_MEMBER(table, name, fn, ...) {					\
	.offset = offsetof(table, name),					\
	.ours = true ? fn : (typeof(((table *)0)->name))0,			\
	__VA_ARGS__								\
}

static inline void **kht_member_of(void *table, const struct kht_member *m)
{
	return table + m->offset;
}

/* What instead.S calls */
long kht_shim_harvest(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map);
typedef int (*kht_vcpu_create_fn)(struct kvm_vcpu *vcpu);
kht_vcpu_create_fn kht_before_vcpu_create(struct kvm_vcpu *vcpu);

/* src/attach/vcpu_create.S: a member of kvmppc_hv_ops */
int kht_vcpu_create(struct kvm_vcpu *vcpu);

/*
 * src/attach/ops.c: members of kvmppc_hv_ops, and what is done in the place of
 * functions they call
 */
long kht_harvest(struct kvm *kvm, struct kvm_memory_slot *slot, unsigned long *map,
		 kht_harvest_fn stock);
int kht_attach_ops(void);
void kht_detach_ops(void);
void kht_wait_for_ops(void);
void kht_wait_for_text(void);

/* For src/attach/direct.c: what kht_wait_for_ops() waits for. */
extern struct srcu_struct kht_inside;

#endif
