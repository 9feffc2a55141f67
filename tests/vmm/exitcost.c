// SPDX-License-Identifier: GPL-2.0-only
/* exit-cost: rounds of exits between markers, for a plugin that counts instructions. */
#include "vmm.h"

#define EXITS 500

/* Index: 0 handled by the kernel, 1 by the VMM. */
static u64 fastest[2] = { ~0ULL, ~0ULL };

static const u64 hcalls[2] = { H_PROD, HC_NOP };

static void prepare(struct vcpu *vcpu, int kind)
{
	const u64 args[6] = { hcalls[kind], vcpu->id, EXITS };

	vcpu_prepare(vcpu, g_hcalls, args);
}

static void exits(struct vcpu *vcpu, int kind)
{
	u64 t;

	prepare(vcpu, kind);
	mark(2 * kind + 1);
	t = now_ns();
	vcpu_finish(vcpu);
	t = now_ns() - t;
	mark(2 * kind + 2);
	if (t < fastest[kind])
		fastest[kind] = t;
}

static void warm_up(struct vcpu *vcpu)
{
	for (int kind = 0; kind < 2; kind++) {
		prepare(vcpu, kind);
		vcpu_finish(vcpu);
	}
}

void exit_cost(void)
{
	struct vm vm;
	struct round r;

	vm_create(&vm, 1, data_alloc(1), 1);
	warm_up(&vm.vcpus[0]);
	for (u64 i = 0; i < opt.rounds; i++) {
		round_begin(&vm, &r);
		op_begin(&r);
		exits(&vm.vcpus[0], 0);
		exits(&vm.vcpus[0], 1);
		op_end(&r);
		round_end(&vm, &r);
	}
	report_extra("kernel_ns", fastest[0]);
	report_extra("vmm_ns", fastest[1]);
	report(&vm);
}
