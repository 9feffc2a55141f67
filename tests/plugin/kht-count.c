// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kht-count: a QEMU TCG plugin that measures, from outside the emulated host,
 * what happens between two markers a host program executes.
 *
 * For the CPU that set the markers: instructions dispatched, apart for host
 * kernel (MSR.HV=1 PR=0), host user (HV=1 PR=1) and guest (HV=0). For the whole
 * machine and each CPU: tlbie and tlbiel by form, tlbsync, ptesync, msgsnd,
 * writes of LPIDR, guest entries, exits by vector. One JSON object a line goes
 * to the file named by out=. README.md has the details.
 */
#include <endian.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ppc-decode.h"
#include "qemu-plugin-v4.h"

#define MAX_CPUS	64
#define MAX_FORMS	256
#define VECTORS		(PPC_VECTORS_END / PPC_VECTOR_STEP)
#define MAX_EXITS	8192	/* of one interval, the first ones are kept */
#define RUN		10	/* exits in a row, see cheapest_run() */

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum mode { HOST_KERNEL, HOST_USER, GUEST, MODES };
enum event { INSNS, TLBSYNC, PTESYNC, MSGSND, LPIDR_WRITES, EVENTS };

/* Nothing but uint64_t: add_since() takes it as an array of them. */
struct counters {
	uint64_t n[MODES][EVENTS];
	uint64_t forms[MAX_FORMS];	/* as in @forms below */
	uint64_t guest_entries;
	uint64_t exits[VECTORS];
};

struct cpu {
	struct counters counters;
	uint64_t left_guest;	/* host instructions when last in guest; 0: unknown */
};

/* One way a tlbie or tlbiel was executed. */
struct form {
	enum ppc_op op;
	bool guest;
	uint32_t r, prs, ric, is;
	uint32_t lpid;		/* tlbie of the host only: RS bits 32:63 */
};

/* The low byte of a marker's argument; the rest is a label we hand through. */
struct marker {
	uint8_t begin, end;
	const char *name;
};

static const struct marker markers[] = {
	{ 0x01, 0x02, "exit-kernel" },
	{ 0x03, 0x04, "exit-vmm" },
	{ 0x10, 0x11, "host-op" },
	{ 0x12, 0x13, "round" },
};
#define MARKERS (sizeof(markers) / sizeof(markers[0]))

struct interval {
	bool open;
	unsigned int cpu;
	uint64_t label;
	struct counters begin[MAX_CPUS];
	size_t nr_exits;
	uint64_t exits[MAX_EXITS];	/* host instructions of each */
};

static struct qemu_plugin_scoreboard *score;
static unsigned int nr_cpus;
static FILE *out;

/* Protects all below and writes to @out. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct interval intervals[MARKERS];
static struct form forms[MAX_FORMS];	/* appended to, never reordered */
static size_t nr_forms;

/* QEMU's exit handlers would wait for the very vCPU that runs this. */
static void __attribute__((noreturn)) fail(const char *why)
{
	fprintf(stderr, "kht-count: %s\n", why);
	_exit(1);
}

#include "plugin-regs.h"

static struct qemu_plugin_register *hsrr1;

static void vcpu_init(qemu_plugin_id_t id, unsigned int cpu)
{
	(void)id;
	if (cpu)
		return;
	find_registers();
	hsrr1 = find_register("hsrr1");
	if (!hsrr1)
		fail("QEMU does not offer the register hsrr1 to plugins; use QEMU 10.0.");
}

/* --- counting ------------------------------------------------------------ */

static qemu_plugin_u64 counter(enum mode mode, enum event event)
{
	size_t n = mode * EVENTS + event;

	return (qemu_plugin_u64){ score, offsetof(struct cpu, counters.n) + n * sizeof(uint64_t) };
}

static struct cpu *cpu_of(unsigned int index)
{
	return qemu_plugin_scoreboard_find(score, index);
}

static void add_since(struct counters *sum, const struct counters *now, const struct counters *then)
{
	uint64_t *s = (uint64_t *)sum;
	const uint64_t *n = (const uint64_t *)now, *t = (const uint64_t *)then;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*s); i++)
		s[i] += n[i] - t[i];
}

static struct counters since_begin(const struct interval *i, unsigned int cpu)
{
	struct counters c = { 0 };

	add_since(&c, &cpu_of(cpu)->counters, &i->begin[cpu]);
	return c;
}

static uint64_t host_events(const struct counters *c, enum event event)
{
	return c->n[HOST_KERNEL][event] + c->n[HOST_USER][event];
}

static size_t number_of_form(const struct form *form)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_forms; i++)
		if (!memcmp(&forms[i], form, sizeof(*form)))
			break;
	if (i == MAX_FORMS)
		fail("more forms of tlbie and tlbiel than MAX_FORMS; raise it in kht-count.c.");
	if (i == nr_forms)
		forms[nr_forms++] = *form;
	pthread_mutex_unlock(&lock);
	return i;
}

/* --- what translated code carries to its callback ------------------------ */

struct site {
	uint32_t word;		/* of a block: the vector it begins at */
	enum mode mode;
	bool le;
};

static void *pack_site(uint32_t word, enum mode mode, bool le)
{
	return (void *)((uintptr_t)word | (uintptr_t)mode << 32 | (uintptr_t)le << 40);
}

static struct site unpack_site(void *udata)
{
	uintptr_t u = (uintptr_t)udata;

	return (struct site){ (uint32_t)u, (u >> 32) & 0xff, (u >> 40) & 1 };
}

static void on_tlbie(unsigned int cpu, void *udata)
{
	struct site site = unpack_site(udata);
	struct form form;

	memset(&form, 0, sizeof(form));		/* compared with its padding */
	form.op = ppc_decode(site.word);
	form.guest = site.mode == GUEST;
	form.r = ppc_r(site.word);
	form.prs = ppc_prs(site.word);
	form.ric = ppc_ric(site.word);
	form.is = ppc_is(read_register(gpr[ppc_rb(site.word)], site.le));
	if (form.op == PPC_TLBIE && !form.guest)
		form.lpid = ppc_lpid_of(read_register(gpr[ppc_rs(site.word)], site.le));
	cpu_of(cpu)->counters.forms[number_of_form(&form)]++;
}

static void note_exit(unsigned int cpu, uint64_t insns)
{
	pthread_mutex_lock(&lock);
	for (size_t k = 0; k < MARKERS; k++) {
		struct interval *i = &intervals[k];

		if (!i->open || i->cpu != cpu)
			continue;
		if (i->nr_exits < MAX_EXITS)
			i->exits[i->nr_exits] = insns;
		i->nr_exits++;
	}
	pthread_mutex_unlock(&lock);
}

/*
 * Host instructions between two blocks of a guest are one exit and re-entry,
 * whoever handled it.
 */
static void on_guest_block(unsigned int cpu_index, void *udata)
{
	struct cpu *cpu = cpu_of(cpu_index);
	uint64_t now = host_events(&cpu->counters, INSNS);

	(void)udata;
	if (now == cpu->left_guest)
		return;
	cpu->counters.guest_entries++;
	if (cpu->left_guest)
		note_exit(cpu_index, now - cpu->left_guest);
	cpu->left_guest = now;
}

/* HDEC, and HDSI to HV virtualization: they always save the MSR in HSRR1. */
static bool saves_in_hsrr1(uint32_t vector)
{
	return vector == 0x980 || (vector & 0xf00) == 0xe00;
}

/*
 * Before the block's own instructions are counted, see translate(). An interrupt
 * can also end an entry ahead of the guest's first instruction (a fault in
 * fetching it, say): then no block of the guest has run, and HSRR1 tells.
 */
static void on_vector(unsigned int cpu_index, void *udata)
{
	struct cpu *cpu = cpu_of(cpu_index);
	struct site site = unpack_site(udata);
	bool left = host_events(&cpu->counters, INSNS) == cpu->left_guest;
	bool undone = !left && saves_in_hsrr1(site.word) &&
		      !(read_register(hsrr1, site.le) & MSR_HV);

	cpu->counters.guest_entries += undone;
	cpu->counters.exits[site.word / PPC_VECTOR_STEP] += left || undone;
}

/* --- intervals ------------------------------------------------------------ */

static void print_form(const struct form *f, uint64_t count)
{
	fprintf(out, "{\"op\":\"%s\",\"guest\":%s,\"r\":%u,\"prs\":%u,\"ric\":%u,\"is\":%u",
		f->op == PPC_TLBIE ? "tlbie" : "tlbiel", f->guest ? "true" : "false",
		f->r, f->prs, f->ric, f->is);
	if (f->op == PPC_TLBIE && !f->guest)
		fprintf(out, ",\"lpid\":%u", f->lpid);
	fprintf(out, ",\"count\":%" PRIu64 "}", count);
}

static void print_forms(const struct counters *c)
{
	const char *comma = "";

	fprintf(out, ",\"forms\":[");
	for (size_t i = 0; i < nr_forms; i++) {
		if (!c->forms[i])
			continue;
		fputs(comma, out);
		print_form(&forms[i], c->forms[i]);
		comma = ",";
	}
	fprintf(out, "]");
}

static uint64_t host_forms(const struct counters *c, enum ppc_op op)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr_forms; i++)
		if (forms[i].op == op && !forms[i].guest)
			sum += c->forms[i];
	return sum;
}

static void print_vectors(const char *name, const struct counters *c)
{
	const char *comma = "";

	fprintf(out, ",\"%s\":{", name);
	for (unsigned int v = 0; v < VECTORS; v++) {
		if (!c->exits[v])
			continue;
		fprintf(out, "%s\"%x\":%" PRIu64, comma, v * PPC_VECTOR_STEP, c->exits[v]);
		comma = ",";
	}
	fprintf(out, "}");
}

static void print_events(const struct counters *c, const char *vectors)
{
	fprintf(out, ",\"tlbie\":%" PRIu64, host_forms(c, PPC_TLBIE));
	fprintf(out, ",\"tlbiel\":%" PRIu64, host_forms(c, PPC_TLBIEL));
	fprintf(out, ",\"tlbsync\":%" PRIu64, host_events(c, TLBSYNC));
	fprintf(out, ",\"ptesync\":%" PRIu64, host_events(c, PTESYNC));
	fprintf(out, ",\"msgsnd\":%" PRIu64, host_events(c, MSGSND));
	fprintf(out, ",\"lpidr_writes\":%" PRIu64, host_events(c, LPIDR_WRITES));
	fprintf(out, ",\"guest_entries\":%" PRIu64, c->guest_entries);
	print_vectors(vectors, c);
	print_forms(c);
}

static void print_cpus(const struct counters *cpus)
{
	fprintf(out, ",\"cpus\":[");
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
		fprintf(out, "%s{\"cpu\":%u", cpu ? "," : "", cpu);
		print_events(&cpus[cpu], "exits");
		fprintf(out, "}");
	}
	fprintf(out, "]");
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * The mean of the RUN exits in a row that cost least together: what an exit
 * costs while nothing else happens, however many timer ticks the rest of the
 * interval had, and yet more than one lucky exit.
 */
static uint64_t cheapest_run(const uint64_t *exits, size_t n)
{
	uint64_t sum = 0, least = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		sum += exits[i];
		if (i >= RUN)
			sum -= exits[i - RUN];
		if (i + 1 >= RUN && sum < least)
			least = sum;
	}
	return least / RUN;
}

static void print_exits(struct interval *i)
{
	size_t kept = i->nr_exits < MAX_EXITS ? i->nr_exits : MAX_EXITS;

	fprintf(out, ",\"exits\":%zu", i->nr_exits);
	if (kept < RUN)
		return;
	fprintf(out, ",\"exit_cost\":%" PRIu64, cheapest_run(i->exits, kept));
	qsort(i->exits, kept, sizeof(i->exits[0]), compare_u64);
	fprintf(out, ",\"exit_least\":%" PRIu64 ",\"exit_median\":%" PRIu64,
		i->exits[0], i->exits[kept / 2]);
}

static void print_interval(const char *name, struct interval *i)
{
	static struct counters cpus[MAX_CPUS], none;	/* too much for a stack */
	struct counters all = { 0 };
	const struct counters *own = &cpus[i->cpu];

	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
		cpus[cpu] = since_begin(i, cpu);
		add_since(&all, &cpus[cpu], &none);
	}
	fprintf(out, "{\"interval\":\"%s\",\"label\":%" PRIu64 ",\"cpu\":%u", name, i->label, i->cpu);
	fprintf(out, ",\"host_insns\":%" PRIu64, host_events(own, INSNS));
	fprintf(out, ",\"host_user_insns\":%" PRIu64, own->n[HOST_USER][INSNS]);
	fprintf(out, ",\"guest_insns\":%" PRIu64, own->n[GUEST][INSNS]);
	print_exits(i);
	print_events(&all, "exits_by_vector");
	print_cpus(cpus);
	fprintf(out, "}\n");
}

static void print_error(const char *name, uint64_t label, const char *error)
{
	fprintf(out, "{\"interval\":\"%s\",\"label\":%" PRIu64 ",\"error\":\"%s\"}\n",
		name, label, error);
}

static void begin_interval(const struct marker *m, struct interval *i,
			   unsigned int cpu, uint64_t label)
{
	if (i->open)
		print_error(m->name, i->label, "begun again before its end");
	i->open = true;
	i->cpu = cpu;
	i->label = label;
	for (unsigned int c = 0; c < nr_cpus; c++)
		i->begin[c] = cpu_of(c)->counters;
	i->nr_exits = 0;
	/* The first guest entry only starts the clock: its exit was not ours. */
	cpu_of(cpu)->left_guest = 0;
}

static void end_interval(const struct marker *m, struct interval *i,
			 unsigned int cpu, uint64_t label)
{
	if (!i->open)
		return print_error(m->name, label, "ended without a begin");
	i->open = false;
	if (i->cpu != cpu)
		return print_error(m->name, label, "ended on another CPU: pin the program that sets the markers");
	print_interval(m->name, i);
}

static void on_marker(unsigned int cpu, void *udata)
{
	struct site site = unpack_site(udata);
	uint64_t arg = read_register(gpr[ppc_ra(site.word)], site.le);
	uint8_t code = arg & 0xff;

	pthread_mutex_lock(&lock);
	for (size_t k = 0; k < MARKERS; k++) {
		if (code == markers[k].begin)
			begin_interval(&markers[k], &intervals[k], cpu, arg >> 8);
		if (code == markers[k].end)
			end_interval(&markers[k], &intervals[k], cpu, arg >> 8);
	}
	fflush(out);
	pthread_mutex_unlock(&lock);
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *udata)
{
	(void)id;
	(void)udata;
	pthread_mutex_lock(&lock);
	for (size_t k = 0; k < MARKERS; k++)
		if (intervals[k].open)
			print_error(markers[k].name, intervals[k].label, "never ended");
	fclose(out);
	pthread_mutex_unlock(&lock);
}

/* --- translation ----------------------------------------------------------- */

static enum mode mode_of(uint64_t msr_value)
{
	if (!(msr_value & MSR_HV))
		return GUEST;
	return msr_value & MSR_PR ? HOST_USER : HOST_KERNEL;
}

static void count_inline(struct qemu_plugin_insn *insn, enum mode mode, enum event event)
{
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							    counter(mode, event), 1);
}

static void instrument(struct qemu_plugin_insn *insn, enum mode mode, bool le)
{
	void *site;
	uint32_t word;

	/* A prefixed instruction's first word is its prefix, opcode 1: no match. */
	if (qemu_plugin_insn_data(insn, &word, sizeof(word)) != sizeof(word))
		return;
	word = le ? le32toh(word) : be32toh(word);
	site = pack_site(word, mode, le);

	switch (ppc_decode(word)) {
	case PPC_TLBIE:
	case PPC_TLBIEL:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_tlbie, QEMU_PLUGIN_CB_R_REGS, site);
		break;
	case PPC_MARKER:
		if (mode != GUEST)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker,
							       QEMU_PLUGIN_CB_R_REGS, site);
		break;
	case PPC_TLBSYNC:
		count_inline(insn, mode, TLBSYNC);
		break;
	case PPC_PTESYNC:
		count_inline(insn, mode, PTESYNC);
		break;
	case PPC_MSGSND:
		count_inline(insn, mode, MSGSND);
		break;
	case PPC_MTSPR:
		if (ppc_spr(word) == PPC_SPR_LPIDR)
			count_inline(insn, mode, LPIDR_WRITES);
		break;
	default:
		break;
	}
}

/*
 * QEMU keys translated blocks by HV, PR and LE, so the MSR at translation time
 * is the MSR of every later execution of the block. It runs what is registered
 * for a block in this order: on_vector() has to find the count of host
 * instructions as the guest left it, or an exit would look like any interrupt.
 */
static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint32_t vector = ppc_vector(qemu_plugin_tb_vaddr(tb));
	bool le;
	enum mode mode = mode_of(read_msr(&le));

	(void)id;
	if (mode != GUEST && vector)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_vector, QEMU_PLUGIN_CB_R_REGS,
						     pack_site(vector, mode, le));
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  counter(mode, INSNS), n);
	if (mode == GUEST)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_guest_block,
						     QEMU_PLUGIN_CB_NO_REGS, NULL);
	for (size_t i = 0; i < n; i++)
		instrument(qemu_plugin_tb_get_insn(tb, i), mode, le);
}

static int refuse(const char *why)
{
	fprintf(stderr, "kht-count: %s\n", why);
	return -1;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	if (!info->system_emulation || strcmp(info->target_name, "ppc64"))
		return refuse("load this plugin into qemu-system-ppc64, it decodes POWER instructions.");
	if (info->system.smp_vcpus > MAX_CPUS)
		return refuse("more CPUs than MAX_CPUS; raise it in kht-count.c.");
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return refuse("say where the counts go: -plugin kht-count.so,out=FILE");
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return refuse("cannot write the file named by out=; name one in a directory that exists.");
	}
	nr_cpus = info->system.smp_vcpus;
	score = qemu_plugin_scoreboard_new(sizeof(struct cpu));
	qemu_plugin_register_vcpu_init_cb(id, vcpu_init);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
