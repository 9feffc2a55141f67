// SPDX-License-Identifier: GPL-2.0-only
/*
 * hpt-diff: what guests see of their hashed page table, as digests to compare
 * between two runs: all registers of every hcall, what loads and stores through
 * the entries met, and the bytes of the table as a migration would send them.
 *
 * The steps come from a seed, and vCPUs and host take turns: what a step gives
 * cannot depend on time. All vCPUs are in guest meanwhile, waiting, and none exits
 * for a turn. Nothing of the table is left out: KVM's own entries, for real mode,
 * are the same in each run, and whether an entry of the guest is absent for now
 * does not show there. In the last phase the vCPUs take no turns, so there only
 * what must hold in any order is looked at.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hash-diff.h"

static_assert(sizeof(struct step) == STEP_SIZE, "guest-hash.S has the offsets");
static_assert(offsetof(struct step, in) == STEP_IN && offsetof(struct step, out) == STEP_OUT, "guest-hash.S too");
static_assert(DIFF_STEPS + NR_STEPS * STEP_SIZE <= SYSTEM_SIZE, "the steps fit");

#define PATIENCE_NS	(60ULL * 1000000000)
#define POLL_US		50
#define TURN_SIZE	0x80
#define DATA_ALIGN	0x200000ULL
#define FNV_START	0xcbf29ce484222325ULL
#define FNV_PRIME	0x100000001b3ULL
#define HTAB_BYTES	(2ULL << 20)
#define RACE_STEPS	(NR_STEPS / MAX_VCPUS)
#define RACERS		4

static const struct phase {
	const char *name, *results, *hpt, *ms;
	u64 vcpus;
	bool paging;
	u64 percent;		/* of all hcalls */
} phases[] = {
	{ "one",	"results_one",		"hpt_one",	"ms_one",	1, false, 75 },
	{ "two",	"results_two",		"hpt_two",	"ms_two",	2, false, 12 },
	{ "four",	"results_four",		"hpt_four",	"ms_four",	4, false, 4 },
	{ "paging",	"results_paging",	"hpt_paging",	"ms_paging",	2, true,  9 },
};

#define NR_PHASES (sizeof(phases) / sizeof(phases[0]))

static const char * const tally_names[T_NR] = {
	"enter_success", "enter_full", "enter_parameter",
	"remove_success", "remove_not_found", "remove_parameter",
	"bulk_removed", "bulk_not_found", "bulk_parameter",
	"protect_success", "protect_not_found", "protect_parameter",
	"read_success", "read_4", "read_parameter",
	"clear_ref_success", "clear_ref_not_found", "clear_ref_parameter",
	"clear_mod_success", "clear_mod_not_found", "clear_mod_parameter",
	"avpn_mismatch", "andcond_free", "andcond_mismatch", "h_local",
	"referenced", "changed",
	"touched", "touch_faults", "mmio", "host_ops", "large_pages",
};

static struct vm vm;
static u64 results, hpt, mmio_digest;
static int htab;
static unsigned char table[HTAB_BYTES];
static struct step made[NR_STEPS];
static struct expectation expected[NR_STEPS];
static const char *phase_name;
/* The race: entries made less entries taken away */
static long long entries;

static u64 digest(u64 so_far, const void *bytes, u64 count)
{
	const unsigned char *b = bytes;

	while (count--)
		so_far = (so_far ^ *b++) * FNV_PRIME;
	return so_far;
}

/* Memory shared with the guest */

static struct step *steps_of(u64 first)
{
	return (struct step *)(vm.system + DIFF_STEPS) + first;
}

static u64 turn_gpa(u64 i)
{
	return DIFF_TURNS + i * TURN_SIZE;
}

static volatile u64 *turn_word(u64 i)
{
	return vm.system + turn_gpa(i);
}

static u64 turn_now(u64 i)
{
	u64 turn = *turn_word(i);

	/* The step's results before the next turn (partner: lwsync in guest-hash.S). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return turn;
}

static void turn_set(u64 i, u64 turn)
{
	/* The steps before the turn that lets a vCPU look at them. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*turn_word(i) = turn;
}

static void stuck(const struct step *step)
{
	wrong("phase %s: vCPU %llu is not back for a minute from the hcall or touch %llu %#llx (%#llx, %#llx, %#llx).",
	      phase_name, step->owner, step->kind, step->in[0], step->in[1], step->in[2], step->in[3]);
}

/* Until turn @i is that of a step of the host. */
static struct step *host_turn(u64 i, struct step *steps)
{
	u64 last = turn_now(i), deadline = now_ns() + PATIENCE_NS;

	for (;;) {
		u64 turn = turn_now(i);
		struct step *step = &steps[turn % NR_STEPS];

		if (step->owner == OWNER_HOST)
			return step;
		if (turn != last)
			deadline = now_ns() + PATIENCE_NS;
		if (now_ns() > deadline)
			stuck(step);
		last = turn;
		usleep(POLL_US);
	}
}

/* The table */

static void open_htab(int *fd)
{
	struct kvm_get_htab_fd request = { 0 };

	*fd = ioctl(vm.fd, KVM_PPC_GET_HTAB_FD, &request);
	if (*fd < 0)
		die("KVM_PPC_GET_HTAB_FD failed: %s.", strerror(errno));
}

/* All of it, the first time; after that what has changed. */
static u64 read_htab(int fd)
{
	ssize_t n = read(fd, table, sizeof(table));

	if (n < 0)
		die("the HPT cannot be read: %s.", strerror(errno));
	return n;
}

static void digest_htab(int fd)
{
	hpt = digest(hpt, table, read_htab(fd));
}

static u64 count_entries(void)
{
	struct kvm_get_htab_header header;
	u64 size, valid = 0, at = 0;
	int fd;

	open_htab(&fd);
	size = read_htab(fd);
	close(fd);
	while (at < size) {
		memcpy(&header, table + at, sizeof(header));
		valid += header.n_valid;
		at += sizeof(header) + header.n_valid * 16ULL;
	}
	return valid;
}

/* MMIO: turns keep these in order, and the race does not look at the digest. */

static void on_mmio(struct vcpu *vcpu, u64 gpa, void *bytes, u64 count, bool store)
{
	u64 word = mmio_word(gpa);

	(void)vcpu;
	__atomic_fetch_add(&tally[T_MMIO], 1, __ATOMIC_RELAXED);
	if (!store) {
		memcpy(bytes, &word, count < sizeof(word) ? count : sizeof(word));
		return;
	}
	mmio_digest = digest(mmio_digest, &gpa, sizeof(gpa));
	mmio_digest = digest(mmio_digest, bytes, count);
}

/* What came out of a step */

static void count_result(u64 result, enum tally success, enum tally not_found, enum tally parameter)
{
	if (result == H_SUCCESS)
		tally[success]++;
	else if (result == (u64)H_PARAMETER)
		tally[parameter]++;
	else
		tally[not_found]++;
}

static void count_bits(u64 r)
{
	tally[T_REFERENCED] += !!(r & HPTE_R);
	tally[T_CHANGED] += !!(r & HPTE_C);
}

static void count_bulk(const struct step *s)
{
	for (int i = 0; i < 4; i++) {
		u64 top = s->out[1 + 2 * i] >> 56;

		switch (top & 0xf0) {
		case 0x80:
			tally[T_BULK_REMOVED]++;
			entries--;
			count_bits((top & 0xc) << 5);
			break;
		case 0x90:
			tally[T_BULK_NOT_FOUND]++;
			break;
		case 0xa0:
			tally[T_BULK_PARAMETER]++;
			break;
		}
	}
}

static void count_hcall(const struct step *s)
{
	u64 result = s->out[0];

	switch (s->in[0]) {
	case H_ENTER:
		count_result(result, T_ENTER_SUCCESS, T_ENTER_FULL, T_ENTER_PARAMETER);
		entries += !result;
		break;
	case H_REMOVE:
		count_result(result, T_REMOVE_SUCCESS, T_REMOVE_NOT_FOUND, T_REMOVE_PARAMETER);
		entries -= !result;
		break;
	case H_BULK_REMOVE:
		count_bulk(s);
		break;
	case H_PROTECT:
		count_result(result, T_PROTECT_SUCCESS, T_PROTECT_NOT_FOUND, T_PROTECT_PARAMETER);
		break;
	case H_READ:
		count_result(result, T_READ_SUCCESS, T_READ_PARAMETER, T_READ_PARAMETER);
		break;
	case H_CLEAR_REF:
		count_result(result, T_CLEAR_REF_SUCCESS, T_CLEAR_REF_NOT_FOUND, T_CLEAR_REF_PARAMETER);
		if (!result)
			count_bits(s->out[1]);
		break;
	case H_CLEAR_MOD:
		count_result(result, T_CLEAR_MOD_SUCCESS, T_CLEAR_MOD_NOT_FOUND, T_CLEAR_MOD_PARAMETER);
		if (!result)
			count_bits(s->out[1]);
		break;
	}
}

static void count_step(const struct step *s)
{
	if (s->kind == STEP_HCALL)
		count_hcall(s);
	else
		tally[s->out[0] ? T_TOUCH_FAULTS : T_TOUCHED]++;
}

static void check_hcall(const struct step *s, const struct expectation *x)
{
	if (s->out[0] != (u64)x->result)
		wrong("phase %s: the hcall %#llx (%#llx, %#llx, %#llx, %#llx) of vCPU %llu gave %lld instead of %lld.",
		      phase_name, s->in[0], s->in[1], s->in[2], s->in[3], s->in[4], s->owner,
		      (long long)s->out[0], x->result);
	if (x->word_known && s->out[1] != x->word)
		wrong("phase %s: H_ENTER (%#llx, %#llx) of vCPU %llu took the entry %#llx instead of %#llx.",
		      phase_name, s->in[1], s->in[2], s->owner, s->out[1], x->word);
	for (int i = 0; i < 4; i++)
		if (x->bulk[i] && (s->out[1 + 2 * i] >> 56 & 0xf3) != x->bulk[i])
			wrong("phase %s: H_BULK_REMOVE of vCPU %llu answered request %d (%#llx, %#llx) with %#llx.",
			      phase_name, s->owner, i, s->in[1 + 2 * i], s->in[2 + 2 * i], s->out[1 + 2 * i]);
}

static void check_touch(const struct step *s, const struct expectation *x)
{
	if (!s->out[0] != !x->result)
		wrong("phase %s: the %s of %#llx by vCPU %llu %s.", phase_name,
		      s->kind == STEP_LOAD ? "load" : "store", s->in[0], s->owner,
		      s->out[0] ? "took a fault" : "was done: what forbids it has returned before");
	if (x->word_known && s->out[1] != x->word)
		wrong("phase %s: vCPU %llu loaded %#llx from %#llx instead of %#llx.", phase_name, s->owner, s->out[1],
		      s->in[0], x->word);
}

/* H_READ leaves the second word of an entry that is not valid as it was, with an address of the host's in it. */
static void hide_host_addresses(struct step *s)
{
	for (int i = 1; i + 1 < NR_REGISTERS; i += 2)
		if (!(s->out[i] & HPTE_VALID))
			s->out[i + 1] = 0;
}

static void consume(void)
{
	for (u64 i = 0; i < NR_STEPS; i++) {
		struct step *s = steps_of(i);

		if (s->owner == OWNER_HOST)
			continue;
		if (s->kind == STEP_HCALL && s->in[0] == H_READ && s->out[0] == H_SUCCESS)
			hide_host_addresses(s);
		results = digest(results, s->out, sizeof(s->out));
		count_step(s);
		if (!expected[i].result_known)
			continue;
		if (s->kind == STEP_HCALL)
			check_hcall(s, &expected[i]);
		else
			check_touch(s, &expected[i]);
	}
	results = digest(results, &mmio_digest, sizeof(mmio_digest));
}

/* The host's turns */

static void drop(unsigned char *page)
{
	if (madvise(page, page_size, MADV_DONTNEED))
		die("madvise refused a page of the guest.");
}

static void replace_page(unsigned char *page)
{
	if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page)
		die("a page of the guest cannot be replaced: %s.", strerror(errno));
	madvise(page, page_size, MADV_NOHUGEPAGE);
}

static void harvest(void)
{
	u64 bitmap[NR_UNITS / 64] = { 0 };

	vm_harvest(&vm, bitmap);
	results = digest(results, bitmap, sizeof(bitmap));
}

static void host_step(const struct step *step)
{
	unsigned char *page = vm.data + step->in[1] * page_size;

	switch (step->in[0]) {
	case HOST_DROP:
		drop(page);
		break;
	case HOST_REPLACE:
		replace_page(page);
		break;
	case HOST_STORE:
		*(volatile u64 *)(page + TOUCH_OFFSET) = step->in[2];
		break;
	case HOST_HARVEST:
		harvest();
		break;
	}
}

/* A batch of steps in turns; the host's last one is not over when this returns. */
static void run_batch(void)
{
	for (;;) {
		struct step *step = host_turn(0, steps_of(0));

		if (step == steps_of(NR_STEPS - 1))
			return;
		host_step(step);
		turn_set(0, turn_now(0) + 1);
	}
}

/* A guest for each phase */

static void *allocate_data(void)
{
	u64 at;
	/* One table of the host holds all these pages, and the first ones keep it there. */
	void *area = mmap(NULL, 2 * DATA_ALIGN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die("no memory for the guest's pages.");
	at = ((u64)area + DATA_ALIGN - 1) & ~(DATA_ALIGN - 1);
	madvise(area, 2 * DATA_ALIGN, MADV_NOHUGEPAGE);
	steps_fill((unsigned char *)at);
	return (void *)at;
}

static void install_program(void)
{
	if (guest_end - guest_start > DIFF_PROGRAM)
		die("the guest's programs reach into those of hpt-diff.");
	memcpy(vm.system + 0x300, hash_vector_300, hash_vector_380 - hash_vector_300);
	memcpy(vm.system + 0x380, hash_vector_380, hash_vectors_end - hash_vector_380);
	memcpy(vm.system + DIFF_PROGRAM, hash_program, hash_program_end - hash_program);
	__builtin___clear_cache(vm.system, vm.system + SYSTEM_SIZE);
	steps_segments(vm.system + DIFF_SLB);
}

/* vCPU i has steps from i * @apart on and, if there is no such distance, takes turns with all others. */
static void start_vcpus(u64 apart)
{
	/* vcpu_start() counts from the start of the guest's memory. */
	const char *program = guest_start + DIFF_PROGRAM + (hash_diff_run - hash_program);

	for (u64 i = 0; i < vm.nvcpus; i++) {
		u64 turn = apart ? i : 0;
		u64 args[6] = { turn_gpa(turn), DIFF_STEPS + turn * apart * STEP_SIZE, i, DIFF_SLB };

		vm.vcpus[i].on_mmio = on_mmio;
		vcpu_start(&vm.vcpus[i], i % ncpus, program, args);
	}
}

/* KVM handles these two only for a VMM that asks for it. */
static void enable_hcall(u64 nr)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_PPC_ENABLE_HCALL, .args = { nr, 1 } };

	if (ioctl(vm.fd, KVM_ENABLE_CAP, &enable))
		die("KVM does not enable the hcall %#llx: %s.", nr, strerror(errno));
}

static void phase_begin(const char *name, u64 vcpus)
{
	phase_name = name;
	results = hpt = mmio_digest = FNV_START;
	vm_create(&vm, vcpus, allocate_data(), DATA_BYTES / page_size);
	vm_hash(&vm);
	hpt_allocate(&vm, DIFF_ORDER);
	enable_hcall(H_CLEAR_REF);
	enable_hcall(H_CLEAR_MOD);
	install_program();
	/* KVM notes changes of entries from now on, as during a migration. */
	open_htab(&htab);
	/* Away from the vCPUs where there is room. */
	pin(ncpus - 1);
}

static void join_vcpus(void)
{
	for (u64 i = 0; i < NR_STEPS; i++)
		steps_of(i)->owner = OWNER_ALL_DONE;
	for (u64 i = 0; i < vm.nvcpus; i++)
		vcpu_join(&vm.vcpus[i]);
}

static void phase_end(void)
{
	close(htab);
	vm_destroy(&vm);
	munmap(vm.data, DATA_ALIGN);
}

static void digest_whole_htab(void)
{
	int fd;

	open_htab(&fd);
	digest_htab(fd);
	close(fd);
}

/* @wanted hcalls of @vcpus vCPUs that take turns. Returns how many there were. */
static u64 turns(const struct phase *phase, u64 wanted)
{
	u64 done = 0, batch = 0;

	steps_init(opt.seed * 16 + phase->vcpus + 8 * phase->paging, phase->vcpus, phase->paging, wanted);
	phase_begin(phase->name, phase->vcpus);
	vm_log(&vm, phase->paging);
	steps_of(NR_STEPS - 1)->owner = OWNER_HOST;
	turn_set(0, NR_STEPS - 1);
	start_vcpus(0);
	while (done < wanted) {
		done += steps_make(made, expected);
		memcpy(steps_of(0), made, sizeof(made));
		turn_set(0, ++batch * NR_STEPS);
		run_batch();
		consume();
		digest_htab(htab);
	}
	join_vcpus();
	digest_htab(htab);
	digest_whole_htab();
	phase_end();
	report_extra(phase->results, results);
	report_extra(phase->hpt, hpt);
	return done;
}

/* The race */

static bool may_result(u64 nr, u64 result)
{
	if (result == H_SUCCESS)
		return true;
	if (nr == H_ENTER)
		return result == (u64)H_PTEG_FULL;
	return nr != H_READ && nr != H_BULK_REMOVE && result == (u64)H_NOT_FOUND;
}

static void check_racer(const struct step *s)
{
	count_step(s);
	if (s->kind == STEP_HCALL && !may_result(s->in[0], s->out[0]))
		wrong("in a race the hcall %#llx (%#llx, %#llx, %#llx) gave %lld.", s->in[0], s->in[1], s->in[2],
		      s->in[3], (long long)s->out[0]);
	/* The host may have dropped the page. */
	if (s->kind == STEP_LOAD && !s->out[0] && s->out[1] && s->out[1] != race_word(s->in[0]))
		wrong("in a race vCPU %llu loaded %#llx from %#llx: no page that was ever mapped there holds it.",
		      s->owner, s->out[1], s->in[0]);
}

static struct step *racer_wait(u64 racer)
{
	struct step *steps = steps_of(racer * RACE_STEPS);

	host_turn(racer, steps);
	return steps;
}

static void racer_go(u64 racer)
{
	turn_set(racer, turn_now(racer) / NR_STEPS * NR_STEPS + NR_STEPS);
}

static void race_round(void)
{
	for (u64 i = 0; i < RACERS; i++) {
		struct step *steps = racer_wait(i);

		steps_race(steps, RACE_STEPS - 1, i);
		racer_go(i);
	}
	for (u64 page = UNITS_KEPT * UNIT / page_size; page < DATA_BYTES / page_size; page += 3)
		drop(vm.data + page * page_size);
	for (u64 i = 0; i < RACERS; i++) {
		struct step *steps = racer_wait(i);

		for (u64 at = 0; at < RACE_STEPS - 1; at++)
			check_racer(&steps[at]);
	}
}

/* Takes every entry away that is left at the places in use: none is locked for ever. Returns how many there were. */
static long long sweep(void)
{
	u64 first = 0, n;
	long long found = 0;

	while ((n = steps_sweep(steps_of(0), RACE_STEPS - 1, first))) {
		for (u64 i = n; i < RACE_STEPS; i++)
			steps_of(i)->owner = OWNER_HOST;
		racer_go(0);
		racer_wait(0);
		for (u64 i = 0; i < n; i++)
			found += !steps_of(i)->out[0];
		first += n;
	}
	return found;
}

static void race(u64 wanted)
{
	long long before, after, left;

	steps_init(opt.seed * 16 + 15, RACERS, false, 0);
	phase_begin("race", RACERS);
	for (u64 i = 0; i < RACERS; i++) {
		steps_of(i * RACE_STEPS + RACE_STEPS - 1)->owner = OWNER_HOST;
		turn_set(i, RACE_STEPS - 1);
	}
	start_vcpus(RACE_STEPS);
	race_round();
	/* By now KVM has its own entries there, too: those that are not of the guest. */
	before = (long long)count_entries() - entries;
	for (u64 done = 0; done < wanted; done += RACERS * RACE_STEPS)
		race_round();
	after = count_entries();
	if (after != before + entries)
		wrong("after a race %lld entries are valid, and H_ENTER less removals make %lld.", after - before,
		      entries);
	left = sweep();
	if (left != entries || (long long)count_entries() != before)
		wrong("after a race %lld entries were valid, and %lld could be removed.", entries, left);
	join_vcpus();
	report_extra("race_entries_left", left);
}

static void report_tally(void)
{
	for (int i = 0; i < T_NR; i++)
		report_extra(tally_names[i], tally[i]);
}

/* A digest of hcalls that all fail in the same way would compare well. */
static void expect_all_cases(void)
{
	for (int i = 0; i < T_NR; i++)
		if (!tally[i])
			wrong("no step was of the kind %s: the test has not tested it; take more --rounds.",
			      tally_names[i]);
}

void hpt_diff(void)
{
	u64 hcalls = 0, began = now_ns();

	for (size_t i = 0; i < NR_PHASES; i++) {
		hcalls += turns(&phases[i], opt.rounds * phases[i].percent / 100);
		report_extra(phases[i].ms, (now_ns() - began) / 1000000);
	}
	expect_all_cases();
	report_extra("hcalls", hcalls);
	report_tally();
	entries = 0;
	race(opt.rounds / 20);
	report_extra("ms", (now_ns() - began) / 1000000);
	report(&vm);
	phase_end();
}
