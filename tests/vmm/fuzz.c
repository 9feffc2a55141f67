// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz: guests that nobody should trust. One after the other they make random hcalls
 * and execute random instructions that have to do with translations, with random
 * operands. Whatever becomes of such a guest, the host stays as it is: memory beside the
 * guest's is not touched (and another guest, which the scenario runs, keeps its data).
 *
 * A guest may end itself by what it asks for: then it is replaced, and counted.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "fuzz.h"
#include "hpt.h"

extern const char fuzz_vectors[], fuzz_vectors_end[], fuzz_program[], fuzz_program_end[];

#define BATCH		256	/* tries of one vCPU in a row */
#define BATCHES		4	/* before the guest is replaced anyway */
#define PLAY_PAGES	16	/* what random addresses point to */
#define GUARD_PAGES	1	/* on both sides of the guest's memory */
#define LONGEST_NS	(3 * 1000000000ULL)
#define H_FUNCTION	(-2LL)
#define H_CEDE		0xe0	/* would wait for an interrupt, forever */
#define H_RPT_INVALIDATE 0x448
#define LAST_PAPR	0x600
#define H_AVPN		(1ULL << 31)
#define H_ANDCOND	(1ULL << 30)
/* A pair of H_BULK_REMOVE: type "request", flags, index. */
#define BULK_REQUEST	0x4000000000000000ULL
#define BULK_FLAGS_SHIFT 56
#define FIRST_OWN	0xf000
#define LAST_OWN	0xf820

struct attempt {
	u64 word, regs[NR_TRY_REGS], vector, result, unused[TRY_SIZE / 8 - 3 - NR_TRY_REGS];
};

static_assert(offsetof(struct attempt, vector) == TRY_VECTOR, "as guest-fuzz.S has it");
static_assert(sizeof(struct attempt) == TRY_SIZE, "as guest-fuzz.S has it");

/* Instructions: @mask are the bits that are random, registers r3 to r6 apart. */
static struct instruction {
	const char *executed, *trapped;
	unsigned int word, mask;
	bool rb, rs;
	u64 n, traps;
} instructions[] = {
	{ "tlbie",	"tlbie_trapped",	31u << 26 | 306 << 1, 0xf << 16, true, true, 0, 0 },
	{ "tlbiel",	"tlbiel_trapped",	31u << 26 | 274 << 1, 0xf << 16, true, true, 0, 0 },
	{ "tlbsync",	"tlbsync_trapped",	31u << 26 | 566 << 1, 0, false, false, 0, 0 },
	{ "slbie",	"slbie_trapped",	31u << 26 | 434 << 1, 0, true, false, 0, 0 },
	{ "slbieg",	"slbieg_trapped",	31u << 26 | 466 << 1, 0, true, true, 0, 0 },
	{ "slbia",	"slbia_trapped",	31u << 26 | 498 << 1, 7 << 21, false, false, 0, 0 },
	{ "slbmte",	"slbmte_trapped",	31u << 26 | 402 << 1, 0, true, true, 0, 0 },
	{ "slbsync",	"slbsync_trapped",	31u << 26 | 338 << 1, 0, false, false, 0, 0 },
	{ "msgsnd",	"msgsnd_trapped",	31u << 26 | 206 << 1, 0, true, false, 0, 0 },
	{ "msgsndp",	"msgsndp_trapped",	31u << 26 | 142 << 1, 0, true, false, 0, 0 },
	{ "mtspr",	"mtspr_trapped",	31u << 26 | 467 << 1, 0x3ff << 11, false, true, 0, 0 },
	{ "hrfid",	"hrfid_trapped",	19u << 26 | 274 << 1, 0, false, false, 0, 0 },
};

#define NR_INSTRUCTIONS (sizeof(instructions) / sizeof(instructions[0]))

static struct vm vm;
static unsigned char *memory;
static u64 memory_pages;
static u64 guests, stuck, ended, refused, hcalls, answered, to_user;
static u64 seen_lpids;

static u64 random_64(void)
{
	return random_below(1ULL << 31) << 33 ^ random_below(1ULL << 31) << 11 ^ random_below(1ULL << 31);
}

static u64 operand(void)
{
	static const u64 flags[] = { H_LOCAL, H_EXACT, 1ULL << 31, 1ULL << 30, 1ULL << 43, 3, 0x7f };

	switch (random_below(10)) {
	case 0:
		return random_below(256);
	case 1:
		return random_64();
	case 2:
		return DATA_GPA + random_below(PLAY_PAGES * page_size);
	case 3:
		return DATA_GPA + random_below(PLAY_PAGES) * page_size;
	case 4:
		return 1ULL << random_below(64);
	case 5:
		return -random_below(16);
	case 6:
		return random_below(16) << 32 | random_below(4) << 10 | random_below(256) << 12;
	case 7:
		return flags[random_below(7)] | flags[random_below(7)];
	case 8:
		return hpte_v(random_below(16));
	default:
		return random_below(PLAY_PAGES) * 0x1000 | HPTE_R | HPTE_C | HPTE_COHERENT | HPTE_RW;
	}
}

/* Any; more often those that change or invalidate translations. */
static u64 hcall_number(void)
{
	static const u64 chosen[] = {
		H_REMOVE, H_ENTER, 0xc, 0x10, 0x14, H_PROTECT, H_BULK_REMOVE, H_RPT_INVALIDATE, 0x37c,
		0xf800, 0xf804, 0xf808, 0xf80c,
	};
	u64 nr;

	if (random_below(3))
		return chosen[random_below(sizeof(chosen) / sizeof(chosen[0]))];
	nr = random_below(2) ? random_below(LAST_PAPR / 4) * 4 :
			       FIRST_OWN + random_below((LAST_OWN - FIRST_OWN) / 4) * 4;
	return nr == H_CEDE ? H_ENTER : nr;
}

/* Arguments that a hash guest would give: entries of 16 groups come and go. */
static void plausible(u64 *regs)
{
	static const u64 flags[] = { 0, H_AVPN, H_ANDCOND, H_LOCAL, H_LOCAL | H_AVPN, HPTE_RO };
	u64 page = random_below(PLAY_PAGES);

	regs[1] = flags[random_below(6)];
	regs[2] = hpte_index(page, random_below(HPTES_PER_GROUP));
	regs[3] = hpte_v(page);
	regs[4] = (DATA_GPA + page * page_size) | HPTE_R | HPTE_C | HPTE_COHERENT | HPTE_RW;
	if (regs[0] == H_ENTER)
		regs[1] = random_below(4) ? H_EXACT : 0;
	for (int i = 1; regs[0] == H_BULK_REMOVE && i < NR_TRY_REGS; i += 2) {
		page = random_below(PLAY_PAGES);
		regs[i] = BULK_REQUEST | random_below(4) << BULK_FLAGS_SHIFT |
			  hpte_index(page, random_below(HPTES_PER_GROUP));
		regs[i + 1] = hpte_v(page);
	}
}

/*
 * A stock kernel (seen on 6.12: do_h_rpt_invalidate_prt()) steps from start to end in pages. Where end lies in the last
 * page before 2^64 the step wraps, and a CPU of the host makes 2^48 tlbie of 64K pages, without a schedule(). With the
 * module the guest has its answer (tlb_endless_ranges).
 */
static void spare_the_kernel(u64 *regs)
{
	u64 start = regs[5], *end = &regs[6];

	if (!strcmp(opt.tag, "stock") && regs[0] == H_RPT_INVALIDATE && !(start == 0 && *end == ~0ULL))
		*end &= ~(1ULL << 63);
}

static u64 random_word(void)
{
	const struct instruction *i = &instructions[random_below(NR_INSTRUCTIONS)];
	u64 word = i->word | (random_64() & i->mask);

	if (i->rb)
		word |= (3 + random_below(4)) << 11;
	if (i->rs)
		word |= (3 + random_below(4)) << 21;
	return word;
}

static struct attempt *list_of(const struct vcpu *vcpu)
{
	return (struct attempt *)(vm.data + PLAY_PAGES * page_size) + vcpu->id * BATCH;
}

static void choose(struct vcpu *vcpu)
{
	struct attempt *a = list_of(vcpu);

	for (u64 i = 0; i < BATCH; i++, a++) {
		bool hcall = random_below(2);

		*a = (struct attempt){ .word = hcall ? 0 : random_word() };
		for (int r = 0; r < NR_TRY_REGS; r++)
			a->regs[r] = operand();
		if (!hcall)
			continue;
		a->regs[0] = hcall_number();
		if (opt.hash && random_below(2))
			plausible(a->regs);
		spare_the_kernel(a->regs);
	}
}

static void count_attempts(struct vcpu *vcpu)
{
	const struct attempt *a = list_of(vcpu);

	for (u64 i = 0; i < BATCH; i++, a++) {
		if (!a->word) {
			hcalls++;
			answered += (long long)a->result != H_FUNCTION;
		}
		for (u64 j = 0; a->word && j < NR_INSTRUCTIONS; j++) {
			struct instruction *ins = &instructions[j];
			unsigned int variable = ins->mask | (ins->rb ? 0x1f << 11 : 0) | (ins->rs ? 0x1f << 21 : 0);

			if ((a->word & ~variable) != ins->word)
				continue;
			ins->n += !a->vector;
			ins->traps += !!a->vector;
		}
	}
}

static void on_alarm(int signal)
{
	(void)signal;	/* KVM_RUN comes back */
}

/* False: this guest is not worth going on with. */
static bool handle(struct vcpu *vcpu, u64 deadline, bool *done)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_PAPR_HCALL:
		*done = run->papr_hcall.nr == HC_DONE && run->papr_hcall.args[0] == FUZZ_DONE;
		run->papr_hcall.ret = H_FUNCTION;
		to_user++;
		return true;
	case KVM_EXIT_MMIO:
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		return now_ns() < deadline;
	default:
		ended++;
		return false;
	}
}

static bool finish(struct vcpu *vcpu)
{
	u64 deadline = now_ns() + LONGEST_NS;
	bool done = false;

	while (!done) {
		if (now_ns() > deadline) {
			stuck++;
			return false;
		}
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				continue;
			refused++;
			return false;
		}
		if (!handle(vcpu, deadline, &done))
			return false;
	}
	return true;
}

static void prepare(struct vcpu *vcpu)
{
	u64 args[6] = { DATA_GPA + ((unsigned char *)list_of(vcpu) - vm.data), BATCH };

	choose(vcpu);
	/* What the tries before have made of it. */
	memcpy(vm.system, fuzz_vectors, fuzz_vectors_end - fuzz_vectors);
	memcpy(vm.system + FUZZ_PROGRAM + vcpu->id * 0x1000, fuzz_program, fuzz_program_end - fuzz_program);
	__builtin___clear_cache(vm.system, vm.system + SYSTEM_SIZE);
	vcpu_prepare(vcpu, guest_start + FUZZ_PROGRAM + vcpu->id * 0x1000, args);
}

static void *second_thread(void *vcpu)
{
	pin(-1);
	return finish(vcpu) ? vcpu : NULL;
}

static bool batch(void)
{
	bool two = vm.nvcpus > 1, fine;
	void *second = NULL;

	for (u64 i = 0; i < vm.nvcpus; i++)
		prepare(&vm.vcpus[i]);
	if (two && pthread_create(&vm.vcpus[1].thread, NULL, second_thread, &vm.vcpus[1]))
		die("no thread for the second vCPU.");
	fine = finish(&vm.vcpus[0]);
	if (two)
		pthread_join(vm.vcpus[1].thread, &second);
	for (u64 i = 0; i < vm.nvcpus; i++)
		count_attempts(&vm.vcpus[i]);
	return fine && (!two || second);
}

/* All hcalls the kernel knows, and guests of its own. */
static void enable_everything(void)
{
	struct kvm_enable_cap nested = { .cap = KVM_CAP_PPC_NESTED_HV, .args = { 1 } };

	if (!opt.hash)
		ioctl(vm.fd, KVM_ENABLE_CAP, &nested);
	for (u64 nr = 0; nr <= LAST_PAPR; nr += 4) {
		struct kvm_enable_cap cap = { .cap = KVM_CAP_PPC_ENABLE_HCALL, .args = { nr, 1 } };

		/* Refused for a number it does not know. */
		ioctl(vm.fd, KVM_ENABLE_CAP, &cap);
	}
}

static void one_guest(void)
{
	vm_create(&vm, 1 + random_below(2), memory + GUARD_PAGES * page_size, memory_pages);
	guests++;
	enable_everything();
	for (int i = 0; i < BATCHES && batch(); i++)
		;
	seen_lpids |= 1ULL << vm.lpid % 64;
	vm_destroy(&vm);
	expect_scribble(memory, GUARD_PAGES);
	expect_scribble(memory + (GUARD_PAGES + memory_pages) * page_size, GUARD_PAGES);
}

static void watchdog(void)
{
	struct itimerval every = { { 0, 500000 }, { 0, 500000 } };
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

void fuzz(void)
{
	u64 end = now_ns() + opt.seconds * 1000000000ULL;
	struct round whole;

	memory_pages = PLAY_PAGES + (2 * BATCH * TRY_SIZE + page_size - 1) / page_size;
	memory = data_alloc(memory_pages + 2 * GUARD_PAGES);
	scribble(memory, GUARD_PAGES);
	scribble(memory + (GUARD_PAGES + memory_pages) * page_size, GUARD_PAGES);
	watchdog();
	pin(-1);
	while (now_ns() < end)
		one_guest();

	/* A well-behaved guest last: the figures are its. */
	vm_create(&vm, 1, memory + GUARD_PAGES * page_size, memory_pages);
	round_begin(&vm, &whole);
	memset(vm.data, 0, memory_pages * page_size);
	guest_fill(&vm.vcpus[0], 0, PLAY_PAGES, 1, 0, 0);
	expect_fill(&vm, 0, PLAY_PAGES, 1, "after guests that tried everything");
	round_end(&vm, &whole);
	report_extra("guests", guests);
	report_extra("hcalls", hcalls);
	report_extra("hcalls_answered", answered);
	report_extra("exits_to_vmm", to_user);
	report_extra("guests_stuck", stuck);
	report_extra("guests_ended", ended);
	report_extra("runs_refused", refused);
	report_extra("lpids", __builtin_popcountll(seen_lpids));
	for (u64 i = 0; i < NR_INSTRUCTIONS; i++) {
		report_extra(instructions[i].executed, instructions[i].n);
		report_extra(instructions[i].trapped, instructions[i].traps);
	}
	report(&vm);
}
