// SPDX-License-Identifier: GPL-2.0-only
/*
 * hpt-remove: a hash guest enters --pages HPTEs and removes them again; the
 * removals are what is measured, and one exit each (marker 1).
 *   one      the guest has one vCPU
 *   bulk     so it has, and removes four with each hcall
 *   protect  so it has, and takes away the permission to store (then removes, unmeasured)
 *   others   a second vCPU is in guest all the time
 *   local    so it is, and the guest says that no other vCPU has used the page (H_LOCAL)
 *
 * hpt-reset: the guest finds its data after its HPT was emptied and refilled with
 * every two pages exchanged, or (resize) moved to one of another size; or (reuse) in
 * a new guest each time, which gets the LPID of the one before.
 */
#include "hpt.h"

#define PLACE		0	/* of the entries in their groups; those for real mode have others */
#define BULK		4
#define BULK_REQUEST	(1ULL << 62)	/* of one entry, no condition */
#define BULK_END	(3ULL << 62)
#define BULK_REMOVED	0x80ULL
#define OTHER		1	/* the vCPU that stays in guest, and the page it stores to */
#define VALUE		0x100

static struct vm vm;

/* Mapped by the entries; the second vCPU has page OTHER for itself. */
static u64 target(u64 entry)
{
	return DATA_GPA + entry % HCALL_TARGETS * page_size;
}

static void fill_list(u64 count, void (*one)(struct hcall *call, u64 i))
{
	for (u64 i = 0; i < count; i++) {
		struct hcall *call = hcall_at(&vm, i);

		*call = (struct hcall) { .result = ~0ULL };
		one(call, i);
	}
}

static void enter_one(struct hcall *call, u64 i)
{
	call->nr = H_ENTER;
	call->args[0] = H_EXACT;
	call->args[1] = hpte_index(i, PLACE);
	call->args[2] = hpte_v(i);
	call->args[3] = target(i) | HPTE_R | HPTE_C | HPTE_COHERENT | HPTE_RW;
}

static void remove_one(struct hcall *call, u64 i)
{
	call->nr = H_REMOVE;
	call->args[0] = variant("local") ? H_LOCAL : 0;
	call->args[1] = hpte_index(i, PLACE);
}

static void protect_one(struct hcall *call, u64 i)
{
	call->nr = H_PROTECT;
	call->args[0] = HPTE_RO;
	call->args[1] = hpte_index(i, PLACE);
}

static void remove_four(struct hcall *call, u64 i)
{
	call->nr = H_BULK_REMOVE;
	for (u64 k = 0; k < BULK; k++) {
		u64 entry = i * BULK + k;

		call->args[2 * k] = entry < opt.pages ? BULK_REQUEST | hpte_index(entry, PLACE) : BULK_END;
	}
}

static void expect_done(u64 count, const char *what)
{
	for (u64 i = 0; i < count; i++)
		if (hcall_at(&vm, i)->result != H_SUCCESS)
			wrong("%s number %llu returned %lld.", what, i, (long long)hcall_at(&vm, i)->result);
}

/* What was entered comes back. */
static void expect_removed(u64 i, u64 protection)
{
	struct hcall *call = hcall_at(&vm, i);
	u64 r = target(i) | HPTE_R | HPTE_C | HPTE_COHERENT | protection;

	if (call->out[0] != hpte_v(i) || call->out[1] != r)
		wrong("the entry %llu came back as %#llx %#llx, not as %#llx %#llx.", i, call->out[0], call->out[1],
		      hpte_v(i), r);
}

static void expect_four_removed(u64 i)
{
	struct hcall *call = hcall_at(&vm, i);

	for (u64 k = 0; k < BULK && i * BULK + k < opt.pages; k++)
		if ((call->out[2 * k] >> 56 & 0xf0) != BULK_REMOVED)
			wrong("the bulk removal %llu answered %#llx for its request %llu.", i, call->out[2 * k], k);
}

static void run_measured(u64 count)
{
	struct round r;

	round_begin(&vm, &r);
	op_begin(&r);
	mark(1);
	hcalls_run(&vm.vcpus[0], 0, count);
	mark(2);
	op_end(&r);
	round_end(&vm, &r);
}

static void enter_all(void)
{
	fill_list(opt.pages, enter_one);
	hcalls_run(&vm.vcpus[0], 0, opt.pages);
	expect_done(opt.pages, "H_ENTER");
}

static void remove_singly(u64 protection, void (*run)(u64 count))
{
	fill_list(opt.pages, remove_one);
	run(opt.pages);
	expect_done(opt.pages, "H_REMOVE");
	for (u64 i = 0; i < opt.pages; i++)
		expect_removed(i, protection);
}

static void remove_in_bulk(void)
{
	u64 calls = (opt.pages + BULK - 1) / BULK;

	fill_list(calls, remove_four);
	run_measured(calls);
	expect_done(calls, "H_BULK_REMOVE");
	for (u64 i = 0; i < calls; i++)
		expect_four_removed(i);
}

static void run_unmeasured(u64 count)
{
	hcalls_run(&vm.vcpus[0], 0, count);
}

static void protect_and_remove(void)
{
	fill_list(opt.pages, protect_one);
	run_measured(opt.pages);
	expect_done(opt.pages, "H_PROTECT");
	remove_singly(HPTE_RO, run_unmeasured);
}

/* What is gone is gone: each one again. */
static void expect_gone(void)
{
	fill_list(opt.pages, remove_one);
	run_unmeasured(opt.pages);
	for (u64 i = 0; i < opt.pages; i++)
		if (hcall_at(&vm, i)->result != (u64)H_NOT_FOUND)
			wrong("the entry %llu was removed and is still there.", i);
}

static void remove_round(void)
{
	enter_all();
	if (variant("bulk"))
		remove_in_bulk();
	else if (variant("protect"))
		protect_and_remove();
	else
		remove_singly(HPTE_RW, run_measured);
	expect_gone();
}

void hpt_remove(void)
{
	bool beside = variant("others") || variant("local");
	u64 pages = hcalls_pages(opt.pages), pass = 0;
	struct vcpu *other = &vm.vcpus[OTHER];

	opt.hash = true;
	vm_create(&vm, beside ? 2 : 1, data_alloc(pages), pages);
	guest_fill(&vm.vcpus[0], 0, HCALL_TARGETS, VALUE, 0, 0);
	*page_word(&vm, OTHER) = 0;
	if (beside)
		pass_start(other, other_core(), OTHER, 1, NEVER, NEVER);
	for (u64 i = 0; i < opt.rounds; i++) {
		if (beside)
			pass_wait(other, pass_now(other) + 2);
		remove_round();
	}
	if (beside) {
		pass_stop(other);
		pass = pass_now(other);
	}
	expect_word(&vm, OTHER, pass, "after the last removal");
	expect_word(&vm, 0, VALUE, "after the last removal");
	expect_fill(&vm, OTHER + 1, HCALL_TARGETS - OTHER - 1, VALUE + OTHER + 1, "after the last removal");
	report(&vm);
}

static void zero_words(void)
{
	for (u64 i = 0; i < opt.pages; i++)
		*page_word(&vm, i) = 0;
}

static void reset_round(u64 round)
{
	u64 swap = round & 1;
	struct round r;

	zero_words();
	round_begin(&vm, &r);
	op_begin(&r);
	hpt_allocate(&vm, hpt_order);
	hpt_map(&vm, swap);
	op_end(&r);
	guest_fill(&vm.vcpus[0], 0, opt.pages, VALUE, 0, 0);
	round_end(&vm, &r);
	for (u64 i = 0; i < opt.pages; i++)
		expect_word(&vm, i ^ swap, VALUE + i, "after the HPT was reset");
}

static void resize_round(u64 round)
{
	u64 value = round * opt.pages;
	struct round r;

	round_begin(&vm, &r);
	op_begin(&r);
	hpt_resize(&vm, hpt_order ^ 1);
	op_end(&r);
	guest_fill(&vm.vcpus[0], 0, opt.pages, value + opt.pages, value, 1);
	round_end(&vm, &r);
	expect_fill(&vm, 0, opt.pages, value + opt.pages, "after the HPT was resized");
}

/* The guest has other pages than the one before it, and the old ones stay as they are. */
static void reuse_round(unsigned char *mine, unsigned char *others)
{
	struct round r;

	vm_create(&vm, 1, mine, opt.pages);
	zero_words();
	scribble(others, opt.pages);
	round_begin(&vm, &r);
	guest_fill(&vm.vcpus[0], 0, opt.pages, VALUE, 0, 0);
	round_end(&vm, &r);
	expect_fill(&vm, 0, opt.pages, VALUE, "in a guest that has the LPID of another one");
	expect_scribble(others, opt.pages);
}

static void reuse_lpids(void)
{
	unsigned char *data[2] = { data_alloc(opt.pages), data_alloc(opt.pages) };
	u64 reused = 0, last = 0;

	for (u64 i = 0; i < opt.rounds; i++) {
		reuse_round(data[i & 1], data[~i & 1]);
		reused += vm.lpid == last;
		last = vm.lpid;
		if (i + 1 < opt.rounds)
			vm_destroy(&vm);
	}
	report_extra("lpids_reused", reused);
	report(&vm);
}

void hpt_reset(void)
{
	/* Pages change places in pairs. */
	opt.pages += opt.pages & 1;
	opt.hash = true;
	if (variant("reuse")) {
		reuse_lpids();
		return;
	}
	vm_create(&vm, 1, data_alloc(opt.pages), opt.pages);
	guest_fill(&vm.vcpus[0], 0, opt.pages, 0, 0, 0);
	for (u64 i = 0; i < opt.rounds; i++) {
		if (variant("resize"))
			resize_round(i);
		else
			reset_round(i + 1);
	}
	report(&vm);
}
