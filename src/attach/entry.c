// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest entry through the tracepoint kvm_hv:kvm_guest_enter. The functions
 * around the real entry cannot be traced: kvm-hv switches ftrace off on that
 * CPU first. kvm_guest_exit is not used: vcpu_put comes soon enough, and every
 * exit is cheaper.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include "attach/attach.h"
#include "module/faults.h"
#include "guest/entry.h"

#ifdef CONFIG_TRACEPOINTS

static struct tracepoint *enter;

static void take_tracepoint(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "kvm_guest_enter") && !kht_fault_name(tp->name))
		enter = tp;
}

/* Tracepoints of a module are listed nowhere but with the module itself. */
static int look_at_module(struct notifier_block *nb, unsigned long action, void *data)
{
	struct tp_module *tp_mod = data;
	struct module *mod = tp_mod->mod;
	unsigned int i;

	if (action != MODULE_STATE_COMING || strcmp(mod->name, "kvm_hv"))
		return NOTIFY_OK;
	for (i = 0; i < mod->num_tracepoints; i++)
		take_tracepoint(tracepoint_ptr_deref(&mod->tracepoints_ptrs[i]), NULL);
	return NOTIFY_OK;
}

static struct notifier_block looker = { .notifier_call = look_at_module };

/*
 * The tracepoint stays: the caller holds kvm-hv, and detaches when that goes
 * (kht_attach()).
 */
static int attach_tracepoint(void)
{
	enter = NULL;
	if (IS_BUILTIN(CONFIG_KVM_BOOK3S_64_HV))
		for_each_kernel_tracepoint(take_tracepoint, NULL);
	else if (!register_tracepoint_module_notifier(&looker))
		unregister_tracepoint_module_notifier(&looker);
	if (!enter)
		return -ENOENT;
	return tracepoint_probe_register(enter, kht_on_guest_enter, NULL);
}

static void detach_tracepoint(void)
{
	tracepoint_probe_unregister(enter, kht_on_guest_enter, NULL);
}

#else

static int attach_tracepoint(void)
{
	return -EOPNOTSUPP;
}

static void detach_tracepoint(void)
{
}

#endif

/* A replacement kvm-hv has something better. */
int kht_attach_entry(void)
{
	if (!kht_is_direct())
		return attach_tracepoint();
	kht_direct_entry();
	return 0;
}

/* litmus: detach-ops */
void kht_detach_entry(void)
{
	if (kht_is_direct())
		return kht_direct_no_entry();
	detach_tracepoint();
	tracepoint_synchronize_unregister();
}
