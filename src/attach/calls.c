// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches of functions that are no member of kvmppc_hv_ops: what an L1 asks to be
 * invalidated for its nested guests, a page or a range of them (H_TLB_INVALIDATE,
 * H_RPT_INVALIDATE). The functions sleep, so an ftrace handler cannot wrap them as
 * hooks.c wraps a quadrant access; a return probe has both ends.
 *
 * A call that began before us is no batch: its pages go one by one.
 */
#include <linux/kprobes.h>
#include <linux/srcu.h>
#include "kht_attach.h"
#include "kht_faults.h"
#include "kht_guest.h"

/*
 * Calls at the same time, on the whole host; they sleep, so more than there are CPUs.
 * One that finds no instance does not wait for what another call of its L1 has absorbed:
 * status has their number.
 */
#define CALLS	1024

struct call {
	struct kht_domain *d;
	int idx;		/* kht_inside's */
};

static bool batching;	/* all probes are in place */

static int begin(struct kretprobe_instance *ri, struct pt_regs *regs)
	__acquires(&kht_inside)
{
	struct call *c = (struct call *)ri->data;
	struct kvm_vcpu *vcpu = (struct kvm_vcpu *)regs->gpr[3];

	c->idx = srcu_read_lock(&kht_inside);
	c->d = READ_ONCE(batching) ? kht_batch_begin(vcpu->kvm, true) : NULL;
	return 0;
}
NOKPROBE_SYMBOL(begin);

static int end(struct kretprobe_instance *ri, struct pt_regs *regs)
	__releases(&kht_inside)
{
	struct call *c = (struct call *)ri->data;

	if (c->d)
		kht_batch_end(c->d);
	srcu_read_unlock(&kht_inside, c->idx);
	return 0;
}
NOKPROBE_SYMBOL(end);

static const char * const names[] = {
	"kvmhv_do_nested_tlbie",
	"do_h_rpt_invalidate_pat",
};

static struct kretprobe probes[ARRAY_SIZE(names)];
static unsigned int registered;

/* Calls that found no free instance, since the probes are in place. */
int kht_calls_missed(void)
{
	unsigned int i;
	int missed = 0;

	for (i = 0; i < registered; i++)
		missed += probes[i].nmissed;
	return missed;
}

/*
 * With a replacement kvm-hv the calls are hooked with the others (direct.c).
 * On failure *failed names the function. Those probed before stay so, and do nothing:
 * our caller is in kht_inside, and could not wait for calls that are.
 */
int kht_attach_calls(const char **failed)
{
	int rc = 0;

	if (kht_is_direct())
		return 0;
	for (registered = 0; registered < ARRAY_SIZE(names); registered++) {
		*failed = names[registered];
		probes[registered] = (struct kretprobe){
			.kp.symbol_name = names[registered],
			.entry_handler = begin,
			.handler = end,
			.data_size = sizeof(struct call),
			.maxactive = CALLS,
		};
		rc = kht_fault_name(names[registered]) ? -ENOENT :
		     register_kretprobe(&probes[registered]);
		if (rc)
			break;
	}
	WRITE_ONCE(batching, !rc);
	return rc;
}

/*
 * A call that is inside when its probe goes never comes to end(). So first begin()
 * is stopped, and who is inside is waited for.
 */
void kht_detach_calls(void)
{
	unsigned int i;

	for (i = 0; i < registered; i++)
		disable_kretprobe(&probes[i]);
	kht_wait_for_ops();
	while (registered)
		unregister_kretprobe(&probes[--registered]);
}
