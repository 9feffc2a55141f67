// SPDX-License-Identifier: GPL-2.0-only
/*
 * hpt-local: two vCPUs of a hash guest. One keeps loading from a page, translated
 * by the guest's own HPTE; the other one removes that HPTE, and then the host takes
 * the page away. From then on the first one must fault.
 *   hostile  the removal says that no other vCPU has used the page (H_LOCAL), which
 *            is a lie. Until the host wants the page that harms only the guest. Only
 *            what survives the removal can be stale then, and not much does on a busy
 *            machine, where vCPUs leave the guest often: --rounds are those that did,
 *            in ten times as many at most, or in a minute until the first with the module
 *   honest   it does not, so the first vCPU must fault from the removal on
 *   moving   one of --vcpus vCPUs runs. After such a removal, which is the truth on its
 *            core (or a plain one, if it is the only vCPU), it goes to another core and back
 *
 * The page is one of a file and private; the host's store to it copies it. That is
 * the sharp one of the host's operations (replace.c): what QEMU keeps of the guest's
 * translation, the host's own flush leaves alone.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "hpt.h"

#define PLACE		0
#define USED_PAGE	0x100ULL	/* of the segment: where the data is mapped */
#define PAGE_4K		0x1000ULL
#define SLB_VALID	(1ULL << 27)
#define OF_THE_FILE	1
#define TOUCHER		1
#define KEEP_NS		(60 * 1000000000ULL)

static struct vm vm;
static struct vcpu *const toucher = &vm.vcpus[TOUCHER];
static u64 kept;	/* removals after which the vCPU still had its translation */

static u64 entry_r(u64 gpa)
{
	return gpa | HPTE_R | HPTE_C | HPTE_COHERENT | HPTE_RW;
}

static void hcall(u64 nr, u64 flags, u64 v, u64 r)
{
	struct hcall *call = hcall_at(&vm, 0);

	*call = (struct hcall) { .nr = nr, .args = { flags, hpte_index(USED_PAGE, PLACE), v, r } };
	hcalls_run(&vm.vcpus[0], 0, 1);
	if (call->result != H_SUCCESS)
		wrong("the call %#llx of the hypervisor returned %lld.", nr, (long long)call->result);
}

/* What the vCPU has loaded by now; 0: it faults. */
static u64 seen_now(void)
{
	pass_wait(toucher, pass_now(toucher) + 2);
	return watch_seen(toucher);
}

static void wait_for_use(void)
{
	u64 deadline = now_ns() + 60 * 1000000000ULL;

	while (seen_now() != OF_THE_FILE)
		if (now_ns() > deadline)
			wrong("the vCPU loads %llu from its page and should load %d.", seen_now(), OF_THE_FILE);
}

static void remove_entry(void)
{
	hcall(H_REMOVE, variant("hostile") ? H_LOCAL : 0, 0, 0);
	if (!seen_now())
		return;
	if (variant("honest"))
		wrong("a vCPU still uses an HPTE that another one has removed.");
	kept++;
}

static void local_round(u64 value)
{
	struct round r;

	/* The page of the file again, shared until the next store. */
	if (madvise(vm.data, page_size, MADV_DONTNEED))
		die("madvise refused to discard the copy.");
	hcall(H_ENTER, H_EXACT, hpte_v(USED_PAGE), entry_r(DATA_GPA));
	wait_for_use();
	round_begin(&vm, &r);
	remove_entry();
	op_begin(&r);
	*page_word(&vm, 0) = value;
	op_end(&r);
	if (seen_now())
		wrong("a vCPU still loads from a page that the host has taken away.");
	round_end(&vm, &r);
}

static void *private_file(u64 pages)
{
	u64 word = OF_THE_FILE;
	int fd = memfd_create("guest", MFD_CLOEXEC);
	void *data;

	if (fd < 0 || ftruncate(fd, pages * page_size) || pwrite(fd, &word, sizeof(word), 0) != sizeof(word))
		die("a memfd cannot be made.");
	data = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		die("a memfd cannot be mapped.");
	return data;
}

static void toucher_start(void)
{
	u64 mbox = mbox_gpa(toucher), page = mbox / PAGE_4K;
	/* Segment 0, no protection keys, 4K pages. The mailbox has its real address. */
	u64 args[6] = { mbox, USED_PAGE * PAGE_4K, HPT_VSID << 12, SLB_VALID };

	hpt_write(&vm, hpte_index(page, PLACE), hpte_v(page), entry_r(page * PAGE_4K));
	vcpu_start(toucher, other_core(), g_touch, args);
}

static void store(u64 value)
{
	guest_fill(&vm.vcpus[0], 0, 1, value, value - 1, 0);
	expect_word(&vm, 0, value, "on another core");
}

static void moving_round(u64 value)
{
	struct round r;

	hcall(H_ENTER, H_EXACT, hpte_v(USED_PAGE), entry_r(DATA_GPA));
	round_begin(&vm, &r);
	hcall(H_REMOVE, vm.nvcpus > 1 ? H_LOCAL : 0, 0, 0);
	pin(other_core());
	store(value);
	pin(0);
	store(value + 1);
	round_end(&vm, &r);
}

static void move_with_a_debt(void)
{
	for (u64 i = 0; i < opt.rounds; i++)
		moving_round(OF_THE_FILE + 1 + 2 * i);
	report(&vm);
}

/*
 * An entry is kept where the vCPU stays in guest from the removal on: most times on an idle
 * machine, seldom on a busy one. Stock keeps none.
 */
static bool goes_on(u64 tries, u64 deadline)
{
	if (!variant("hostile"))
		return tries < opt.rounds;
	if (tries < 10 * opt.rounds)
		return kept < opt.rounds;
	return !kept && counts_module(&vm) && now_ns() < deadline;
}

void hpt_local(void)
{
	u64 pages = hcalls_pages(1), deadline = now_ns() + KEEP_NS;

	opt.pages = 1;
	opt.hash = true;
	vm_create(&vm, variant("moving") ? opt.vcpus : 2, private_file(pages), pages);
	if (variant("moving")) {
		move_with_a_debt();
		return;
	}
	toucher_start();
	for (u64 i = 0; goes_on(i, deadline); i++)
		local_round(OF_THE_FILE + 1 + i);
	pass_stop(toucher);
	report_extra("kept", kept);
	report(&vm);
}
