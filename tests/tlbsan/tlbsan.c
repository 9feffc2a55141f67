// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tlbsan: a QEMU TCG plugin that watches a PowerNV host run KVM guests and tells
 * when a guest uses a translation that the host should have flushed. This file
 * brings what the emulated CPUs do to model.c. README.md has the rest.
 */
#include <endian.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "invalidation.h"
#include "qemu-plugin-v4.h"

#define SPR_PIDR	48
#define SPR_PTCR	464
#define PVR_POWER9	0x004e
#define POWER9_SETS	128
#define MAX_CPUS	64
#define MAX_RANGES	8
#define ERAT_GUEST	6	/* slbia IH: the ERAT entries of guests; 7: all */

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* The low byte of a marker's argument (twi 0,RA,PPC_MARKER_SI); the rest belongs to it. */
enum marker {
	MARK_START = 0x20,	/* the model begins */
	MARK_NAME = 0x21,	/* what runs now, for the reports: up to seven letters, the first lowest */
	MARK_RETURNED = 0x22,	/* all the host has invalidated for this LPID (0: any) has returned */
};

/* Only its own CPU writes it. */
struct cpu {
	uint64_t outside;	/* blocks run in a guest or in user mode */
	uint64_t ptcr;
	uint32_t lpid, pid;
	bool idle;
};

struct range {
	uint64_t begin, end;
};

static struct qemu_plugin_scoreboard *score;
static struct qemu_plugin_register *hdar, *hdsisr, *hsrr0, *hsrr1, *sprg1, *pvr;
static struct ram ram;
static struct model_config config;
/* Host code that accesses guests through quadrants; the callbacks on it are costly. */
static struct range quadrant_code[MAX_RANGES];
static unsigned int nr_ranges;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* the model's */
static struct model *model;					/* NULL until the start marker */

/* QEMU's exit handlers would wait for the very vCPU that runs this. */
static void __attribute__((noreturn)) fail(const char *why)
{
	fprintf(stderr, "tlbsan: %s\n", why);
	_exit(1);
}

#include "plugin-regs.h"

static struct cpu *cpu_state(unsigned int cpu)
{
	return qemu_plugin_scoreboard_find(score, cpu);
}

static bool started(void)
{
	return __atomic_load_n(&model, __ATOMIC_ACQUIRE);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t outside(unsigned int cpu)
{
	const struct cpu *c = cpu_state(cpu);

	return __atomic_load_n(&c->idle, __ATOMIC_RELAXED) ? ~0ull : __atomic_load_n(&c->outside, __ATOMIC_RELAXED);
}

static struct qemu_plugin_register *needed(const char *name)
{
	struct qemu_plugin_register *reg = find_register(name);

	if (!reg) {
		fprintf(stderr, "tlbsan: QEMU does not offer the register %s to plugins; use QEMU 10.0.\n", name);
		_exit(1);
	}
	return reg;
}

static void on_vcpu_init(qemu_plugin_id_t id, unsigned int cpu)
{
	(void)id;
	if (cpu)
		return;
	find_registers();
	hdar = needed("hdar");
	hdsisr = needed("hdsisr");
	hsrr0 = needed("hsrr0");
	hsrr1 = needed("hsrr1");
	sprg1 = needed("sprg1");
	pvr = needed("pvr");
}

static void on_idle(qemu_plugin_id_t id, unsigned int cpu)
{
	(void)id;
	__atomic_store_n(&cpu_state(cpu)->idle, true, __ATOMIC_RELAXED);
}

static void on_resume(qemu_plugin_id_t id, unsigned int cpu)
{
	(void)id;
	__atomic_store_n(&cpu_state(cpu)->idle, false, __ATOMIC_RELAXED);
}

/* --- what a translated instruction carries to its callback --------------- */

struct site {
	uint32_t word;
	bool guest, le;
};

static void *pack_site(uint32_t word, bool guest, bool le)
{
	return (void *)((uintptr_t)word | (uintptr_t)guest << 32 | (uintptr_t)le << 40);
}

static struct site unpack_site(void *udata)
{
	uintptr_t u = (uintptr_t)udata;

	return (struct site){ (uint32_t)u, (u >> 32) & 1, (u >> 40) & 1 };
}

/* --- accesses --------------------------------------------------------------- */

static struct access access_of(const struct cpu *c, uint64_t address, unsigned int type, bool virtual)
{
	return (struct access){
		.context = { .ptcr = c->ptcr, .lpid = c->lpid, .pid = c->pid, .virtual = virtual },
		.address = address, .type = type,
	};
}

/*
 * Linux keeps the address of its per-CPU area in SPRG1, so it names the vCPU. A
 * guest's tlbiel binds the vCPU that executes it only.
 */
static uint64_t vcpu_name(bool le)
{
	return read_register(sprg1, le);
}

static void look(unsigned int cpu, struct access *a, bool le)
{
	if (!a->context.lpid || model_known(model, cpu, a))
		return;
	a->vcpu = vcpu_name(le);
	pthread_mutex_lock(&lock);
	model_access(model, cpu, a);
	pthread_mutex_unlock(&lock);
}

enum { SITE_VIRTUAL = 1, SITE_LE = 2 };

static void on_guest_memory(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *udata)
{
	uintptr_t site = (uintptr_t)udata;
	uint64_t last = address + (1ull << qemu_plugin_mem_size_shift(info)) - 1;
	unsigned int type = qemu_plugin_mem_is_store(info) ? STORE : LOAD;
	struct access a;

	if (!started())
		return;
	a = access_of(cpu_state(cpu), address, type, site & SITE_VIRTUAL);
	look(cpu, &a, site & SITE_LE);
	if (granule(last) == granule(address))
		return;
	a.address = last;
	look(cpu, &a, site & SITE_LE);
}

/* Both flags fit into the low bits of an instruction's address. */
static void on_guest_code(unsigned int cpu, void *udata)
{
	uintptr_t site = (uintptr_t)udata;
	struct access a;

	if (!started())
		return;
	a = access_of(cpu_state(cpu), site & ~3ull, FETCH, site & SITE_VIRTUAL);
	look(cpu, &a, site & SITE_LE);
}

/*
 * The host in a guest's stead: with LPIDR the guest's, quadrant 1 is the
 * guest's process and quadrant 2 its kernel (ISA 3.0B Book III 5.7.5.1).
 */
static void on_quadrant_memory(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *udata)
{
	unsigned int quadrant = address >> 62;
	struct cpu *c = cpu_state(cpu);
	struct access a;

	if (!started() || !c->lpid || (quadrant != 1 && quadrant != 2))
		return;
	a = access_of(c, address & ((1ull << 62) - 1), qemu_plugin_mem_is_store(info) ? STORE : LOAD, true);
	if (quadrant == 2)
		a.context.pid = 0;
	look(cpu, &a, (uintptr_t)udata & SITE_LE);
}

#define HDSISR_STORE	0x02000000ull	/* the access was a store */

/* First block of the host's handler: LPIDR is still the guest's. */
static void on_storage_interrupt(unsigned int cpu, void *udata)
{
	bool data = (uintptr_t)udata & 1, le = (uintptr_t)udata & 2;
	uint64_t guest_msr;
	struct access a;

	if (!started() || !cpu_state(cpu)->lpid)
		return;
	guest_msr = read_register(hsrr1, le);
	if (data)
		a = access_of(cpu_state(cpu), read_register(hdar, le),
			      read_register(hdsisr, le) & HDSISR_STORE ? STORE : LOAD, guest_msr & MSR_DR);
	else
		a = access_of(cpu_state(cpu), read_register(hsrr0, le), FETCH, guest_msr & MSR_IR);
	a.vcpu = vcpu_name(le);
	pthread_mutex_lock(&lock);
	model_fault(model, cpu, &a);
	pthread_mutex_unlock(&lock);
}

/* --- what the host, or a guest, does to the TLBs --------------------------- */

static void on_invalidation(unsigned int cpu, void *udata)
{
	struct site site = unpack_site(udata);
	struct invalidation i;

	if (!started() ||
	    !decode_invalidation(site.word, read_register(gpr[ppc_rb(site.word)], site.le),
				 read_register(gpr[ppc_rs(site.word)], site.le), cpu_state(cpu)->lpid, site.guest, &i))
		return;
	if (site.guest)
		i.vcpu = vcpu_name(site.le);
	pthread_mutex_lock(&lock);
	model_invalidate(model, cpu, &i);
	pthread_mutex_unlock(&lock);
}

static void on_tlbsync(unsigned int cpu, void *udata)
{
	(void)udata;
	if (started())
		model_tlbsync(model, cpu);
}

static void on_ptesync(unsigned int cpu, void *udata)
{
	(void)udata;
	if (started())
		model_ptesync(model, cpu);
}

static void on_slbia(unsigned int cpu, void *udata)
{
	(void)udata;
	if (!started())
		return;
	pthread_mutex_lock(&lock);
	model_drop_erat(model, cpu);
	pthread_mutex_unlock(&lock);
}

static void on_mtspr(unsigned int cpu, void *udata)
{
	struct site site = unpack_site(udata);
	uint64_t value = read_register(gpr[ppc_rs(site.word)], site.le);
	struct cpu *c = cpu_state(cpu);

	switch (ppc_spr(site.word)) {
	case PPC_SPR_LPIDR:
		c->lpid = value;
		break;
	case SPR_PIDR:
		c->pid = value;
		break;
	case SPR_PTCR:
		c->ptcr = value;
		break;
	}
}

/* --- markers ------------------------------------------------------------------ */

static void start(void)
{
	bool le;

	if (started())
		return;
	if (!ram.base)
		fail("no block in real mode was seen, so the machine's memory is not known.");
	read_msr(&le);
	config.sets = read_register(pvr, le) >> 16 == PVR_POWER9 ? POWER9_SETS : 1;
	config.ram = ram;
	config.now = now_ns;
	config.outside = outside;
	__atomic_store_n(&model, model_new(&config), __ATOMIC_RELEASE);
}

static void name(uint64_t letters)
{
	char text[8];

	for (int i = 0; i < 8; i++, letters >>= 8)
		text[i] = (letters & 0xff) >= ' ' && (letters & 0xff) <= '~' ? letters & 0xff : 0;
	text[7] = 0;
	if (!started())
		return;
	pthread_mutex_lock(&lock);
	model_name(model, text);
	pthread_mutex_unlock(&lock);
}

static void returned(uint32_t lpid)
{
	if (!started())
		return;
	pthread_mutex_lock(&lock);
	model_returned(model, lpid);
	pthread_mutex_unlock(&lock);
}

static void on_marker(unsigned int cpu, void *udata)
{
	struct site site = unpack_site(udata);
	uint64_t arg = read_register(gpr[ppc_ra(site.word)], site.le);

	(void)cpu;
	switch (arg & 0xff) {
	case MARK_START:
		return start();
	case MARK_NAME:
		return name(arg >> 8);
	case MARK_RETURNED:
		return returned(arg >> 8);
	}
}

/* --- translation -------------------------------------------------------------- */

static void on_insn(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb, void *site)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, cb, QEMU_PLUGIN_CB_R_REGS, site);
}

static bool is_context(uint32_t word)
{
	uint32_t spr = ppc_spr(word);

	return spr == PPC_SPR_LPIDR || spr == SPR_PIDR || spr == SPR_PTCR;
}

static void instrument(struct qemu_plugin_insn *insn, bool guest, bool le)
{
	void *site;
	uint32_t word;

	/* A prefixed instruction's first word is its prefix, opcode 1: no match. */
	if (qemu_plugin_insn_data(insn, &word, sizeof(word)) != sizeof(word))
		return;
	word = le ? le32toh(word) : be32toh(word);
	site = pack_site(word, guest, le);
	switch (ppc_decode(word)) {
	case PPC_TLBIE:
	case PPC_TLBIEL:
		return on_insn(insn, on_invalidation, site);
	case PPC_TLBSYNC:
		if (!guest)
			on_insn(insn, on_tlbsync, NULL);
		return;
	case PPC_PTESYNC:
		if (!guest)
			on_insn(insn, on_ptesync, NULL);
		return;
	case PPC_SLBIA:
		if (!guest && ppc_ih(word) >= ERAT_GUEST)
			on_insn(insn, on_slbia, NULL);
		return;
	case PPC_MTSPR:
		if (is_context(word))
			on_insn(insn, on_mtspr, site);
		return;
	case PPC_MARKER:
		if (!guest)
			on_insn(insn, on_marker, site);
		return;
	default:
		return;
	}
}

static void translate_guest(struct qemu_plugin_tb *tb, uint64_t msr_value, bool le)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t first = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	uint64_t last = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, n - 1));
	uintptr_t le_bit = le ? SITE_LE : 0;
	uintptr_t code = (msr_value & MSR_IR ? SITE_VIRTUAL : 0) | le_bit;
	uintptr_t data = (msr_value & MSR_DR ? SITE_VIRTUAL : 0) | le_bit;

	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_guest_code, QEMU_PLUGIN_CB_R_REGS, (void *)(first | code));
	if (granule(first) != granule(last))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_guest_code, QEMU_PLUGIN_CB_R_REGS, (void *)(last | code));
	for (size_t i = 0; i < n; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_guest_memory,
						 QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_RW, (void *)data);
}

static bool uses_quadrants(uint64_t address)
{
	for (unsigned int i = 0; i < nr_ranges; i++)
		if (address >= quadrant_code[i].begin && address < quadrant_code[i].end)
			return true;
	return false;
}

#define VECTOR_HDSI	0xe00
#define VECTOR_HISI	0xe20

static void translate_vector(struct qemu_plugin_tb *tb, uint64_t address, bool le)
{
	uint32_t vector = ppc_vector(address);

	if (vector == VECTOR_HDSI || vector == VECTOR_HISI)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_storage_interrupt, QEMU_PLUGIN_CB_R_REGS,
						     (void *)((uintptr_t)(vector == VECTOR_HDSI) | (uintptr_t)le << 1));
}

static void translate_host_kernel(struct qemu_plugin_tb *tb, uint64_t msr_value, bool le)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	uint8_t *here = qemu_plugin_insn_haddr(insn);

	/* In real mode the address says where memory begins in this process. */
	if (!ram.base && !(msr_value & MSR_IR) && here && address < ram.size)
		ram.base = here - address;
	translate_vector(tb, address, le);
	for (size_t i = 0; nr_ranges && i < qemu_plugin_tb_n_insns(tb); i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (uses_quadrants(qemu_plugin_insn_vaddr(insn)))
			qemu_plugin_register_vcpu_mem_cb(insn, on_quadrant_memory, QEMU_PLUGIN_CB_R_REGS,
							 QEMU_PLUGIN_MEM_RW, (void *)(uintptr_t)(le ? SITE_LE : 0));
	}
}

/*
 * QEMU keys translated blocks by HV, PR, IR, DR and LE, so the MSR at translation
 * time is the MSR of every later execution of the block.
 */
static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	qemu_plugin_u64 is_outside = { score, offsetof(struct cpu, outside) };
	size_t n = qemu_plugin_tb_n_insns(tb);
	bool le;
	uint64_t msr_value = read_msr(&le);
	bool guest = !(msr_value & MSR_HV);

	(void)id;
	if (guest || msr_value & MSR_PR)
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, is_outside, 1);
	if (guest)
		translate_guest(tb, msr_value, le);
	else if (!(msr_value & MSR_PR))
		translate_host_kernel(tb, msr_value, le);
	for (size_t i = 0; i < n; i++)
		instrument(qemu_plugin_tb_get_insn(tb, i), guest, le);
}

static void print_end(const struct model_counts *c)
{
	fprintf(config.out,
		"TLBSAN-END {\"hazards\":%" PRIu64 ",\"suspicions\":%" PRIu64 ",\"accesses\":%" PRIu64
		",\"fills\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"unmodelled\":%" PRIu64 "}\n",
		c->hazards, c->suspicions, c->accesses, c->fills, c->dropped, c->unmodelled);
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *udata)
{
	struct model_counts c;

	(void)id;
	(void)udata;
	pthread_mutex_lock(&lock);
	if (model) {
		c = model_counts(model);
		print_end(&c);
	} else {
		fputs("TLBSAN-END {\"error\":\"no start marker was seen\"}\n", config.out);
	}
	fclose(config.out);
	pthread_mutex_unlock(&lock);
}

/* --- arguments ------------------------------------------------------------------- */

static int refuse(const char *why)
{
	fprintf(stderr, "tlbsan: %s\n", why);
	return -1;
}

static const char *value_of(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

static bool number(const char *text, uint64_t max, uint64_t *n)
{
	char *end;

	*n = strtoull(text, &end, 10);
	return end != text && !*end && *n && *n <= max;
}

static const char *take_range(const char *text)
{
	struct range *r = &quadrant_code[nr_ranges];

	if (nr_ranges == MAX_RANGES || sscanf(text, "%" SCNx64 "-%" SCNx64, &r->begin, &r->end) != 2 || r->begin >= r->end)
		return "quadrants= takes a range of kernel addresses, BEGIN-END in hexadecimal, up to eight times.";
	nr_ranges++;
	return NULL;
}

static const char *take_argument(const char *arg)
{
	const char *value;
	uint64_t n;

	value = value_of(arg, "out");
	if (value) {
		config.out = fopen(value, "w");
		return config.out ? NULL : "the file named by out= cannot be written.";
	}
	value = value_of(arg, "ram");
	if (value) {
		if (!number(value, 1 << 20, &n))
			return "ram= takes the size of the machine's memory in MiB.";
		ram.size = n << 20;
		return NULL;
	}
	value = value_of(arg, "tlb-threads");
	if (value) {
		if (!number(value, 8, &n) || config.cpus % n)
			return "tlb-threads= takes the number of CPUs that share a TLB, 1 to 8.";
		config.threads = n;
		return NULL;
	}
	value = value_of(arg, "quadrants");
	if (value)
		return take_range(value);
	value = value_of(arg, "grace");
	if (!value || !number(value, 60000, &n))
		return "the arguments are out=FILE, ram=MiB, tlb-threads=N, quadrants=BEGIN-END and grace=ms.";
	config.grace_ns = n * 1000000;
	return NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *wrong;

	if (!info->system_emulation || strcmp(info->target_name, "ppc64"))
		return refuse("load this plugin into qemu-system-ppc64, it decodes POWER instructions.");
	if (info->system.smp_vcpus > MAX_CPUS)
		return refuse("it models up to 64 CPUs.");
	config.cpus = info->system.smp_vcpus;
	config.threads = 1;
	config.grace_ns = 100000000;
	for (int i = 0; i < argc; i++) {
		wrong = take_argument(argv[i]);
		if (wrong)
			return refuse(wrong);
	}
	if (!config.out || !ram.size)
		return refuse("say where the reports go and how much memory the machine has: out=FILE,ram=MiB");
	score = qemu_plugin_scoreboard_new(sizeof(struct cpu));
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu_init);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_vcpu_idle_cb(id, on_idle);
	qemu_plugin_register_vcpu_resume_cb(id, on_resume);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
