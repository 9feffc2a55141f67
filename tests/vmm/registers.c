// SPDX-License-Identifier: GPL-2.0-only
/*
 * registers: what KVM_RUN leaves of the VMM's floating-point registers (`run`), and what another system call leaves
 * (`control`). Nothing else of this program uses them, so what is lost is the kernel's doing.
 */
#include <linux/kvm.h>
#include <sys/syscall.h>

#include "vmm.h"

#define REGISTERS	32
#define HCALLS		400	/* of one KVM_RUN; the kernel handles them */
#define EACH		".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"

/* System call @nr with all floating-point registers loaded before and stored after it. */
static long call_between(long nr, int fd, const u64 *before, u64 *after)
{
	register long number asm("r0") = nr;
	register long result asm("r3") = fd;
	register long request asm("r4") = KVM_RUN;
	register long argument asm("r5") = 0;
	register const u64 *from asm("r14") = before;
	register u64 *to asm("r15") = after;

	asm volatile(EACH "lfd \\n,8*\\n(14)\n.endr\n"
		     "sc\n"
		     "bns+ 1f\n"
		     "neg 3,3\n"
		     "1:\n"
		     EACH "stfd \\n,8*\\n(15)\n.endr\n"
		     : "+r"(number), "+r"(result), "+r"(request), "+r"(argument)
		     : "r"(from), "r"(to)
		     : "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "xer", "memory");
	return result;
}

static void run(struct vcpu *vcpu, const u64 *before, u64 *after)
{
	const u64 args[6] = { H_PROD, vcpu->id, HCALLS };

	vcpu_prepare(vcpu, g_hcalls, args);
	if (call_between(SYS_ioctl, vcpu->fd, before, after) || vcpu->run->exit_reason != KVM_EXIT_PAPR_HCALL)
		die("the vCPU did not come back from its hcalls.");
}

static u64 lost(struct vcpu *vcpu)
{
	u64 before[REGISTERS], after[REGISTERS], n = 0;

	for (u64 i = 0; i < REGISTERS; i++)
		before[i] = 1 + random_below(1u << 30);
	if (variant("control"))
		call_between(SYS_getppid, 0, before, after);
	else
		run(vcpu, before, after);
	for (u64 i = 0; i < REGISTERS; i++)
		n += before[i] != after[i];
	return n;
}

void registers(void)
{
	struct vm vm;
	struct round r;
	u64 all = 0;

	vm_create(&vm, 1, data_alloc(1), 1);
	for (u64 i = 0; i < opt.rounds; i++) {
		round_begin(&vm, &r);
		op_begin(&r);
		all += lost(&vm.vcpus[0]);
		op_end(&r);
		round_end(&vm, &r);
	}
	report_extra("lost_registers", all);
	report(&vm);
}
