// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest entry and exit through the tracepoints kvm_hv:kvm_guest_enter and
 * kvm_guest_exit. The functions around the real entry cannot be traced: kvm-hv
 * switches ftrace off on that CPU first.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include "kht_attach.h"
#include "kht_guest.h"

static struct tracepoint *enter, *leave;

static void note(struct tracepoint *tp)
{
	if (!strcmp(tp->name, "kvm_guest_enter"))
		enter = tp;
	if (!strcmp(tp->name, "kvm_guest_exit"))
		leave = tp;
}

/* Tracepoints of a module are listed nowhere but with the module itself. */
static int look(struct notifier_block *nb, unsigned long action, void *data)
{
	struct tp_module *tp_mod = data;
	struct module *mod = tp_mod->mod;
	unsigned int i;

	if (action != MODULE_STATE_COMING || strcmp(mod->name, "kvm_hv"))
		return NOTIFY_OK;
	for (i = 0; i < mod->num_tracepoints; i++)
		note(tracepoint_ptr_deref(&mod->tracepoints_ptrs[i]));
	return NOTIFY_OK;
}

static struct notifier_block looker = { .notifier_call = look };

static void find_tracepoints(void)
{
	enter = NULL;
	leave = NULL;
	if (register_tracepoint_module_notifier(&looker))
		return;
	unregister_tracepoint_module_notifier(&looker);
}

/*
 * Exit first: a mark that is set must find somebody to clear it. kvm-hv is held
 * by the caller, so the tracepoints stay.
 */
int kht_attach_entry(void)
{
	int rc;

	find_tracepoints();
	if (!enter || !leave)
		return -ENOENT;
	rc = tracepoint_probe_register(leave, kht_on_guest_exit, NULL);
	if (rc)
		return rc;
	rc = tracepoint_probe_register(enter, kht_on_guest_enter, NULL);
	if (rc)
		tracepoint_probe_unregister(leave, kht_on_guest_exit, NULL);
	return rc;
}

void kht_detach_entry(void)
{
	tracepoint_probe_unregister(enter, kht_on_guest_enter, NULL);
	tracepoint_probe_unregister(leave, kht_on_guest_exit, NULL);
	tracepoint_synchronize_unregister();
}
