// SPDX-License-Identifier: GPL-2.0-only
/*
 * blocked: the kernel waits for a page of the VMM's that the VMM does not bring (userfaultfd), in the
 * middle of something the module has to do with. The workload says when it is so, and
 * waits for SIGTERM; then it brings the page, and everything ends as it should.
 *   harvest  the dirty log is copied to that page
 *   call     an L1 invalidates everything of an L2, and its partition table is there
 *   create   a vCPU is made while HPTEs are read from there
 * The auditor is not among them: access_remote_vm() takes no page from a userfaultfd, and does not wait for one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nested.h"

#define SETTLE_US	1000000

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static struct vcpu *const vcpu = &l1.vm.vcpus[0];
static struct round r;

static void must(int result, const char *what)
{
	if (result < 0)
		die("%s failed: %s.", what, strerror(errno));
}

/* While the scenario looks at what the administrator can do. */
static void stay_blocked(void)
{
	printf("KHT-BLOCKED %s\n", opt.variant);
	while (!asked_to_end)
		pause();
	missing_end();
}

static void start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	if (pthread_create(thread, NULL, run, arg))
		die("a thread cannot be made.");
}

/* harvest */

static void *harvest(void *bitmap)
{
	vm_harvest(vm, bitmap);
	return NULL;
}

static u64 count_dirty(const u64 *bitmap)
{
	u64 n = 0;

	for (u64 i = 0; i < opt.pages; i++)
		n += bitmap[i / 64] >> i % 64 & 1;
	return n;
}

/* The guest goes on meanwhile, and what it stores then belongs to the next harvest. */
static void blocked_harvest(void)
{
	u64 *bitmap = missing_alloc();
	pthread_t thread;

	if (opt.pages > 8 * MISSING_SIZE)
		die("--pages must be at most %d.", 8 * MISSING_SIZE);
	vm_create(vm, 1, data_alloc(opt.pages), opt.pages);
	vm_log(vm, true);
	guest_fill(vcpu, 0, opt.pages, 1, 0, 0);
	missing_begin(bitmap);
	round_begin(vm, &r);
	op_begin(&r);
	start(&thread, harvest, bitmap);
	missing_wanted();
	guest_fill(vcpu, 0, opt.pages / 2, 1000, 1, 1);
	stay_blocked();
	pthread_join(thread, NULL);
	op_end(&r);
	round_end(vm, &r);
	if (count_dirty(bitmap) != opt.pages)
		wrong("the dirty log has %llu of %llu pages.", count_dirty(bitmap), opt.pages);
	harvest(bitmap);
	if (count_dirty(bitmap) != opt.pages / 2)
		wrong("the next dirty log has %llu of %llu pages.", count_dirty(bitmap), opt.pages / 2);
	guest_fill(vcpu, 0, opt.pages / 2, 2000, 1000, 1);
	harvest(bitmap);
	if (count_dirty(bitmap) != opt.pages / 2)
		wrong("the last dirty log has %llu of %llu pages.", count_dirty(bitmap), opt.pages / 2);
}

/* call */

static void *flush_all(void *unused)
{
	(void)unused;
	l1_flush(vcpu, &l1.l2[0], 2);
	return NULL;
}

static void create_l1(void)
{
	l1_create(&l1, 1, data_alloc(opt.pages), opt.pages);
	l2_map_all(&l1.l2[0]);
	l2_fill(vcpu, &l1.l2[0], 0, opt.pages, 1, 0, 0);
	l2_wait_adopted(vcpu, &l1.l2[0]);
}

static void blocked_call(void)
{
	pthread_t thread;

	create_l1();
	missing_begin(l1_partition_table(&l1));
	l1_round_begin(&l1, &r);
	op_begin(&r);
	start(&thread, flush_all, NULL);
	missing_wanted();
	stay_blocked();
	pthread_join(thread, NULL);
	l1_op_end(&l1, &r);
	l1_round_end(&l1, &r);
	l2_fill(vcpu, &l1.l2[0], 0, opt.pages, 1000, 1, 1);
	expect_fill(vm, 0, opt.pages, 1000, "after the L1's call");
}

/* create */

static int htab;

static void *write_htab(void *header)
{
	/* It says that nothing follows. */
	if (write(htab, header, sizeof(struct kvm_get_htab_header)) != sizeof(struct kvm_get_htab_header))
		wrong("the kernel did not take HPTEs: %s.", strerror(errno));
	return NULL;
}

static void *create_vcpu(void *unused)
{
	(void)unused;
	must(ioctl(vm->fd, KVM_CREATE_VCPU, 1), "KVM_CREATE_VCPU");
	return NULL;
}

static void blocked_create(void)
{
	struct kvm_get_htab_fd request = { .flags = KVM_GET_HTAB_WRITE };
	pthread_t writer, creator;
	void *block = missing_alloc();

	opt.hash = true;
	vm_create(vm, 1, data_alloc(opt.pages), opt.pages);
	guest_fill(vcpu, 0, opt.pages, 1, 0, 0);
	htab = ioctl(vm->fd, KVM_PPC_GET_HTAB_FD, &request);
	must(htab, "KVM_PPC_GET_HTAB_FD");
	missing_begin(block);
	round_begin(vm, &r);
	start(&writer, write_htab, block);
	missing_wanted();
	start(&creator, create_vcpu, NULL);
	/* It waits for the lock that the other one has. */
	usleep(SETTLE_US);
	stay_blocked();
	pthread_join(writer, NULL);
	pthread_join(creator, NULL);
	round_end(vm, &r);
	guest_fill(vcpu, 0, opt.pages, 1000, 1, 1);
	expect_fill(vm, 0, opt.pages, 1000, "after the vCPU was made");
}

void blocked(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} variants[] = {
		{ "harvest", blocked_harvest },
		{ "call", blocked_call },
		{ "create", blocked_create },
	};

	end_on_sigterm();
	pin(-1);
	for (u64 i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variant(variants[i].name))
			variants[i].run();
	report(vm);
}
