// SPDX-License-Identifier: GPL-2.0-only
/*
 * A livepatch of one function, by a function that has the same effect and counts its calls (parameter calls).
 *   function=radix__flush_tlb_lpid_page  of the kernel; the module hooks it
 *   function=kvmppc_h_remove             of the kernel; the module hooks it with hpt_local=1
 *   function=kvmppc_h_enter              of the kernel; the module leaves it alone
 *   function=kvmppc_radix_tlbie_page     of kvm-hv, and calls the first; the module leaves it alone
 */
#include <linux/atomic.h>
#include <linux/kvm_host.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>
#include <asm/book3s/64/tlbflush-radix.h>

static char *function = "";
module_param(function, charp, 0400);
MODULE_PARM_DESC(function, "the function to patch");

static atomic_t calls;

static int get_calls(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%d\n", atomic_read(&calls));
}

static const struct kernel_param_ops calls_ops = { .get = get_calls };
module_param_cb(calls, &calls_ops, NULL, 0400);
MODULE_PARM_DESC(calls, "how often the function was called since");

/* More than the one page. */
static void flush_tlb_lpid_page(unsigned int lpid, unsigned long addr, unsigned long size)
{
	atomic_inc(&calls);
	radix__flush_all_lpid(lpid);
}

static void tlbie_page(struct kvm *kvm, unsigned long addr, unsigned int pshift, u64 lpid)
{
	unsigned long size = 1UL << (pshift ? pshift : PAGE_SHIFT);

	atomic_inc(&calls);
	radix__flush_tlb_lpid_page(lpid, ALIGN_DOWN(addr, size), size);
}

static long h_remove(struct kvm_vcpu *vcpu, unsigned long flags, unsigned long index, unsigned long avpn)
{
	atomic_inc(&calls);
	return kvmppc_do_h_remove(vcpu->kvm, flags, index, avpn, &vcpu->arch.regs.gpr[4]);
}

static long h_enter(struct kvm_vcpu *vcpu, unsigned long flags, long index, unsigned long v,
		    unsigned long r)
{
	atomic_inc(&calls);
	return kvmppc_do_h_enter(vcpu->kvm, flags, index, v, r, vcpu->arch.pgdir, true,
				 &vcpu->arch.regs.gpr[4]);
}

static const struct {
	const char *object;	/* NULL: the kernel itself */
	const char *name;
	void *by;
} patches[] = {
	{ NULL, "radix__flush_tlb_lpid_page", flush_tlb_lpid_page },
	{ NULL, "kvmppc_h_remove", h_remove },
	{ NULL, "kvmppc_h_enter", h_enter },
	{ "kvm_hv", "kvmppc_radix_tlbie_page", tlbie_page },
};

static struct klp_func funcs[2];
static struct klp_object objs[2] = { { .funcs = funcs } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };

static int __init livepatch_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(patches); i++) {
		if (strcmp(function, patches[i].name))
			continue;
		objs[0].name = patches[i].object;
		funcs[0].old_name = patches[i].name;
		funcs[0].new_func = patches[i].by;
		return klp_enable_patch(&patch);
	}
	return -EINVAL;
}

/* A livepatch goes when it has been disabled. */
static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);

MODULE_DESCRIPTION("Patches one function by one that does the same");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
