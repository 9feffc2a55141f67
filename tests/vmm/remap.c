// SPDX-License-Identifier: GPL-2.0-only
/*
 * remap: a guest with page tables of its own. vCPU 0 maps other pages behind its
 * addresses, invalidates with tlbiel, and hops to another core after each pass
 * (g_remap): what it invalidates there, the core it has left still holds, and it
 * must not find it when it returns (Linux commit a29ebeaf5575).
 *   core     it hops between the cores, to any thread of them
 *   sibling  core 0 has one thread for it; on the other, vCPU 1 is in guest all the
 *            time and loads there what vCPU 0 has changed on the other core. What vCPU 0
 *            has left on core 0 must not serve it: KVM must have interrupted it. Use few
 *            pages for this: a tick of its CPU during a long pass is an interrupt too
 *
 *   host     it stays on its core, and it is the host that maps other pages behind the guest's, all at once,
 *            after each pass: what the core has combined from the guest's tables and the host's must go
 *   l2       as core, in a guest of the guest: what the core it has left still
 *            holds is of the LPID that the L2 runs with
 *
 * vCPU 1 invalidates what it has loaded before vCPU 0 changes it. If it kept it, it
 * would serve vCPU 0 on its return: the first thread of a core that enters after a
 * move flushes for all of them, with a stock kernel (all_set in check_need_tlb_flush())
 * as with the module. A guest must not rely on one vCPU's tlbiel for what two use.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <endian.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "nested.h"

/* Radix entries (ISA 3.0B Book III 5.7); one that points to a table ends with its index bits. */
#define TREE_52_BITS	(2ULL << 61 | 5 << 5)	/* RTS 21: 31 + 21 bits */
#define ROOT_BITS	13
#define TABLE_BITS	9
#define TABLE_SIZE	(1 << TABLE_BITS)
#define VALID		(1ULL << 63)
#define LEAF		(1ULL << 62)
#define RC		(0x100 | 0x80)
#define EAA		(8 | 4 | 2)	/* privileged, read, write */

/* One leaf table maps 2M from here; an index in each directory that is not 0. */
#define WINDOW		0x123456600000ULL
#define MBOX_INDEX	(TABLE_SIZE - 2)
#define PTES_INDEX	(TABLE_SIZE - 1)
#define MAX_PAGES	MBOX_INDEX

/* Words of a page under test */
enum { TAG, STORED };

/* The guest's data */
struct memory {
	u64 root[1 << ROOT_BITS];
	u64 upper[TABLE_SIZE], middle[TABLE_SIZE], leaf[TABLE_SIZE];
	u64 process[GUEST_PAGE / sizeof(u64)];
	u64 pages[][2][GUEST_PAGE / sizeof(u64)];
};

static_assert(offsetof(struct memory, pages) % (2 * GUEST_PAGE) == 0,
	      "A and B must differ in one address bit");

static struct l1 l1;
static struct vm *const vm = &l1.vm;
static volatile struct memory *memory;
static u64 memory_gpa = DATA_GPA;	/* for the owner of these page tables */
static u64 passes;
static int at_cpu;
static struct round r;

static u64 gpa(const volatile void *p)
{
	return memory_gpa + ((u64)p - (u64)memory);
}

static u64 directory(const volatile u64 *table)
{
	return htobe64(VALID | gpa(table) | TABLE_BITS);
}

static u64 leaf(u64 real)
{
	return VALID | LEAF | real | RC | EAA;
}

static u64 window(u64 index)
{
	return WINDOW + index * GUEST_PAGE;
}

static void make_page(u64 index)
{
	for (int i = 0; i < 2; i++)
		memory->pages[index][i][TAG] = leaf(gpa(memory->pages[index][i]));
	memory->leaf[index] = htobe64(memory->pages[index][0][TAG]);
}

static void make_tables(void)
{
	memory->process[0] = htobe64(TREE_52_BITS | gpa(memory->root) | ROOT_BITS);
	memory->root[WINDOW >> 39] = directory(memory->upper);
	memory->upper[WINDOW >> 30 & (TABLE_SIZE - 1)] = directory(memory->middle);
	memory->middle[WINDOW >> 21 & (TABLE_SIZE - 1)] = directory(memory->leaf);
	memory->leaf[MBOX_INDEX] = htobe64(leaf(mbox_gpa(&vm->vcpus[0])));
	memory->leaf[PTES_INDEX] = htobe64(leaf(gpa(memory->leaf)));
	for (u64 i = 0; i < opt.pages; i++)
		make_page(i);
}

static void start(struct vcpu *vcpu, int cpu, const char *program)
{
	u64 mbox = window(MBOX_INDEX) + mbox_gpa(vcpu) % GUEST_PAGE;
	u64 args[6] = { mbox, window(0), window(PTES_INDEX), opt.pages };

	if (variant("l2"))
		l2_start(vcpu, cpu, &l1.l2[0], l2_program(program), args);
	else
		vcpu_start(vcpu, cpu, program, args);
}

static void sibling_looks(void)
{
	struct vcpu *sibling = &vm->vcpus[1];
	u64 pass = pass_now(sibling) + 1;

	sibling->mbox[MBOX_ASK / 8] = pass;
	pass_wait(sibling, pass);
}

/* The passes store to A and B in turn; a store that went to the stale one shows in both. */
static void check_stores(void)
{
	for (u64 i = 0; i < opt.pages; i++) {
		u64 now = memory->pages[i][passes & 1][STORED];
		u64 before = memory->pages[i][~passes & 1][STORED];

		if (now != passes || before != passes - 1)
			wrong("after pass %llu stored to %#llx the page mapped there holds %llu and the other %llu.",
			      passes, window(i), now, before);
	}
}

static void hop(void)
{
	int to;

	do {
		to = random_below(ncpus);
	} while (same_core(to, at_cpu) || (variant("sibling") && to == SIBLING_CPU));
	pin(to);
	count_move(at_cpu, to, sched_getcpu());
	at_cpu = to;
}

static u64 data_pages(void)
{
	return (offsetof(struct memory, pages[opt.pages]) + page_size - 1) / page_size;
}

/* Other pages of the host, with the same contents; one invalidation of them all. */
static void exchange_pages(void)
{
	size_t size = data_pages() * page_size;
	void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copy == MAP_FAILED)
		die("no memory for a copy of the guest's data.");
	memcpy(copy, (void *)memory, size);
	op_begin(&r);
	if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)memory) == MAP_FAILED)
		die("mremap refused to exchange the guest's data.");
	op_end(&r);
}

/* In vCPU 0's own thread, after each pass. */
static void on_nop(struct vcpu *vcpu)
{
	passes = pass_now(vcpu);
	/*
	 * Even passes are those on the other core. Every other time: vCPU 1 tidies up
	 * core 0, and vCPU 0 should also return to what only KVM has tidied up.
	 */
	if (variant("sibling") && passes % 4 == 2)
		sibling_looks();
	check_stores();
	if (passes > opt.rounds)
		vcpu->mbox[MBOX_STOP / 8] = 1;
	else if (variant("host"))
		exchange_pages();
	else
		hop();
}

static void create_guest(void)
{
	vm_create(vm, 2, (void *)memory, data_pages());
	make_tables();
	vm_own_tables(vm, gpa(memory->process));
	vm->vcpus[0].on_nop = on_nop;
}

/*
 * The L2 stores before it loads. After a load QEMU's TLB lets stores through
 * without C in the shadow, and the sanitizer forgets a translation whose tables
 * do not allow what is done through it.
 */
static void create_l2(void)
{
	struct vcpu *vcpu = &vm->vcpus[0];
	struct l2 *l2 = &l1.l2[0];

	l1_create(&l1, 1, (void *)memory, data_pages());
	for (u64 i = 0; i < data_pages(); i++)
		l2_map(l2, i, i, PTE_ALL);
	memory_gpa = l2_real(l2, 0);
	l2_own_tables(l2, gpa(memory->process));
	l2_wait_adopted(vcpu, l2);
	l2_fill(vcpu, l2, 0, data_pages(), 0, 0, 0);
	memset((void *)memory, 0, data_pages() * page_size);
	make_tables();
	/* Earlier programs have left something there. */
	vcpu->mbox[MBOX_STOP / 8] = 0;
	vcpu->mbox[MBOX_PASS / 8] = 0;
	vcpu->l2_on_nop = on_nop;
}

static void create(void)
{
	memory = data_alloc(data_pages());
	if (variant("l2"))
		create_l2();
	else
		create_guest();
}

void remap(void)
{
	if (opt.pages > MAX_PAGES)
		die("--pages must be %d at most for remap.", MAX_PAGES);
	if (ncpus < 2 || same_core(0, other_core()))
		die("a vCPU can only hop between cores with two cores or more.");
	if (variant("sibling"))
		need_sibling_cpu();
	create();
	if (variant("sibling")) {
		start(&vm->vcpus[1], SIBLING_CPU, g_look);
		sibling_looks();
	}
	round_begin(vm, &r);
	if (!variant("host"))
		op_begin(&r);
	start(&vm->vcpus[0], at_cpu, g_remap);
	vcpu_join(&vm->vcpus[0]);
	if (!variant("host"))
		op_end(&r);
	round_end(vm, &r);
	if (variant("sibling"))
		pass_stop(&vm->vcpus[1]);
	report_moves();
	report(vm);
}
