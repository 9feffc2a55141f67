// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty-log: harvest what the guest stored. log-toggle: switch the log on and off; with it on KVM maps single
 * pages only, and huge ones (--backing) again when it is off.
 *   faulting  off beside faults that map them again
 */
#include <unistd.h>

#include "vmm.h"

static u64 nvcpus(void)
{
	return has_runner() ? 2 : 1;
}

static void expect_dirty(const struct copy *c, u64 count)
{
	for (u64 i = 0; i < count; i++)
		if (!copy_dirty(c, i))
			wrong("the guest stored to page %llu and the dirty log does not say so.", i);
}

static u64 refill(struct vm *vm, u64 value)
{
	u64 pages = filler_pages();

	guest_fill(&vm->vcpus[0], 0, pages, value + pages, value, 1);
	return value + pages;
}

/*
 * Running: the round ends with the runner stopped right after the harvest. Left
 * alone it would at its next exit get translations that do log its stores, and
 * store again: one that stayed unlogged would not be missed.
 */
static void dirty_round(struct vm *vm, struct copy *c, u64 *value)
{
	struct round r;

	*value = refill(vm, *value);
	runner_start(vm);
	leaves_split(vm);
	runner_in_guest(vm);

	round_begin(vm, &r);
	op_begin(&r);
	vm_harvest(vm, c->bitmap);
	op_end(&r);
	copy_harvested(vm, c);
	runner_again(vm);
	runner_stop(vm);
	expect_dirty(c, vm->pages);
	if (!has_runner())
		*value = refill(vm, *value);
	round_end(vm, &r);

	copy_harvest(vm, c, &r);
	copy_compare(vm, c);
	expect_fill(vm, 0, filler_pages(), *value, "after a harvest");
}

void dirty_log(void)
{
	struct vm vm;
	struct copy c;
	u64 value = 1;

	vm_create(&vm, nvcpus(), data_alloc(opt.pages), opt.pages);
	copy_init(&vm, &c);
	vm_log(&vm, true);
	guest_fill(&vm.vcpus[0], 0, filler_pages(), value, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++)
		dirty_round(&vm, &c, &value);
	report(&vm);
}

/* As dirty_round: what the runner stores right after the log is on must be in it. */
static void toggle_round(struct vm *vm, struct copy *c, u64 *value, bool on)
{
	struct round r;

	*value = refill(vm, *value);
	runner_start(vm);
	if (on)
		leaves_whole(vm);
	else
		leaves_split(vm);
	runner_in_guest(vm);

	round_begin(vm, &r);
	op_begin(&r);
	vm_log(vm, on);
	op_end(&r);
	copy_all(vm, c);
	runner_again(vm);
	runner_stop(vm);
	expect_fill(vm, 0, filler_pages(), *value, "after the dirty log was switched");
	*value = refill(vm, *value);
	round_end(vm, &r);

	if (!on)
		return;
	copy_harvest(vm, c, &r);
	expect_dirty(c, vm->pages);
	copy_compare(vm, c);
}

#define FAULTS_NS	300000	/* about what a fault takes here */

/*
 * The log goes off while a vCPU faults page after page. Between the moment when the slot has no log any more and the
 * moment when KVM unmaps its pages (it waits for all vCPUs to leave the guest) such a fault maps a huge page over the
 * single ones that the runner uses.
 */
static void faulting_round(struct vm *vm, u64 *value)
{
	u64 pages = filler_pages();
	u64 args[6] = { DATA_GPA, page_size, pages, *value + pages, *value, 1 };
	struct round r;

	round_begin(vm, &r);
	op_begin(&r);
	vm_log(vm, true);
	op_end(&r);
	runner_again(vm);
	vcpu_start(&vm->vcpus[0], SIBLING_CPU, g_fill, args);
	usleep(random_below(pages * FAULTS_NS / 1000));
	op_begin(&r);
	vm_log(vm, false);
	op_end(&r);
	runner_again(vm);
	vcpu_join(&vm->vcpus[0]);
	round_end(vm, &r);
	*value += pages;
	expect_fill(vm, 0, pages, *value, "beside a dirty log that was switched off");
}

static void toggle_beside_faults(struct vm *vm, u64 value)
{
	need_sibling_cpu();
	runner_start(vm);
	for (u64 i = 0; i < opt.rounds; i++)
		faulting_round(vm, &value);
	runner_stop(vm);
	report(vm);
}

void log_toggle(void)
{
	struct vm vm;
	struct copy c;
	u64 value = 1;

	vm_create(&vm, nvcpus(), data_alloc(opt.pages), opt.pages);
	copy_init(&vm, &c);
	guest_fill(&vm.vcpus[0], 0, filler_pages(), value, 0, 0);
	if (variant("faulting"))
		return toggle_beside_faults(&vm, value);
	for (u64 i = 0; i < opt.rounds; i++)
		toggle_round(&vm, &c, &value, !(i & 1));
	report(&vm);
}
