// SPDX-License-Identifier: GPL-2.0-only
/* Tasks, CPUs, memory, interrupts, locks. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest.h"

#define STACK	(64 * 1024)

struct shape shape;
unsigned int nr_cpus;
struct cpu cpus[MAX_CPUS];
struct task *this_task;		/* NULL while nothing is simulated */
u64 steps;
struct events events;
unsigned int kht_mutant_now;

static ucontext_t scheduler;
static struct task tasks[MAX_TASKS];
static unsigned int nr_tasks;
static u64 seed;
static char found[200];		/* the first hazard */

u32 chance(u32 n)
{
	u64 z = seed += 0x9e3779b97f4a7c15ULL;	/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return ((z ^ z >> 31) >> 32) % n;
}

void hazard(const char *format, ...)
{
	va_list args;

	if (found[0])
		return;
	va_start(args, format);
	vsnprintf(found, sizeof(found), format, args);
	va_end(args);
}

const char *hazard_seen(void)
{
	return found[0] ? found : NULL;
}

/* A mistake of the simulator itself, or a use src/core must not make of its environment. */
static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sim: %s at step %llu\n", what, (unsigned long long)steps);
	abort();
}

struct cpu *this_cpu(void)
{
	return this_task ? this_task->cpu : NULL;
}

/* Memory */

/* A store that became visible, and what the others read before. */
static struct { const void *p; u64 at, old; } shown[SHOWN];
static u64 nr_shown;

static u64 *known(struct cpu *c, const void *p)
{
	return &c->known[((uintptr_t)p >> 2) % KNOWN];
}

static void show(struct cpu *c, u64 i)
{
	/* This CPU itself has read it before. */
	*known(c, c->buffer[i % BUFFERED].p) = steps;
	c->buffer[i % BUFFERED].done = true;
	shown[nr_shown % SHOWN].p = c->buffer[i % BUFFERED].p;
	shown[nr_shown % SHOWN].at = steps;
	shown[nr_shown++ % SHOWN].old = c->buffer[i % BUFFERED].old;
}

static void drain(struct cpu *c, u64 upto)
{
	for (; c->drained < upto; c->drained++)
		if (!c->buffer[c->drained % BUFFERED].done)
			show(c, c->drained);
}

/* May the store @i of @c become visible before those that are older? */
static bool may_pass(const struct cpu *c, u64 i)
{
	u64 j;

	if (c->buffer[i % BUFFERED].release)
		return i == c->drained;
	for (j = c->drained; j < i; j++)
		if (!c->buffer[j % BUFFERED].done && c->buffer[j % BUFFERED].p == c->buffer[i % BUFFERED].p)
			return false;
	return true;
}

static void drain_one(struct cpu *c)
{
	u64 i = c->drained;

	if (i == c->sent)
		return;
	i += chance(c->sent - i);
	if (!c->buffer[i % BUFFERED].done && may_pass(c, i))
		show(c, i);
	while (c->drained < c->sent && c->buffer[c->drained % BUFFERED].done)
		c->drained++;
}

void finish_stores(struct cpu *c)
{
	drain(c, c->sent);
}

/* What @c has loaded and stored in a guest has been performed. */
void accesses_over(struct cpu *c)
{
	c->lingers = 0;
	memset(c->used, 0, sizeof(c->used));
}

/* The oldest buffered store of @c to @p; c->sent if there is none. */
static u64 buffered(const struct cpu *c, const void *p)
{
	u64 i;

	for (i = c->drained; i < c->sent; i++)
		if (c->buffer[i % BUFFERED].p == p && !c->buffer[i % BUFFERED].done)
			break;
	return i;
}

static u64 peek(const void *p, size_t size)
{
	u64 value = 0;

	if (size == 1)
		return *(const uint8_t *)p;
	if (size == sizeof(uint16_t))
		return *(const uint16_t *)p;
	if (size == sizeof(u32))
		return *(const u32 *)p;
	memcpy(&value, p, sizeof(value));
	return value;
}

/* What @c reads: its own stores at once, others' when they have left the buffer. */
u64 read_by(const struct cpu *c, const void *p, size_t size)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++) {
		u64 at = buffered(&cpus[i], p);

		if (&cpus[i] != c && at < cpus[i].sent)
			return cpus[i].buffer[at % BUFFERED].old;
	}
	return peek(p, size);
}

/* What was at @p at the step @at, if that can still be told; else what is there. */
static u64 read_at(const struct cpu *c, const void *p, size_t size, u64 at)
{
	u64 i = nr_shown < SHOWN ? 0 : nr_shown - SHOWN;

	for (; i < nr_shown; i++)
		if (shown[i % SHOWN].p == p && shown[i % SHOWN].at > at)
			return shown[i % SHOWN].old;
	return read_by(c, p, size);
}

/* What this CPU loads from here on is not from before the step @at. */
static void order_loads(struct cpu *c, u64 at)
{
	if (c && c->loads_since < at)
		c->loads_since = at;
}

u64 sim_load(const void *p, size_t size)
{
	struct cpu *c;
	u64 at, *since;

	yield();
	c = this_cpu();
	if (!c)
		return peek(p, size);
	since = known(c, p);
	if (*since < c->loads_since)
		*since = c->loads_since;
	at = chance(3) ? steps : steps - chance(steps - *since + 1);
	*since = at;
	return read_at(c, p, size, at);
}

u64 sim_load_acquire(const void *p, size_t size)
{
	u64 value = sim_load(p, size);

	if (this_cpu() && kht_mutant_now != SIM_MUT_NO_ACQUIRE)
		order_loads(this_cpu(), *known(this_cpu(), p));
	return value;
}

void sim_load_fence(void)
{
	if (kht_mutant_now != SIM_MUT_NO_LOAD_FENCE)
		order_loads(this_cpu(), steps);
}

static void store(void *p, u64 value, size_t size, bool release)
{
	struct cpu *c;
	unsigned int i;

	c = this_cpu();
	if (c) {
		for (i = 0; i < nr_cpus; i++)
			if (&cpus[i] != c && buffered(&cpus[i], p) < cpus[i].sent)
				drain(&cpus[i], cpus[i].sent);
		if (c->sent - c->drained == BUFFERED)
			drain(c, c->drained + 1);
		c->buffer[c->sent % BUFFERED].p = p;
		c->buffer[c->sent % BUFFERED].release = release;
		c->buffer[c->sent % BUFFERED].done = false;
		c->buffer[c->sent++ % BUFFERED].old = peek(p, size);
		*known(c, p) = steps;
	}
	/* Its low bytes, on a machine of either order. */
	if (size == 1)
		*(uint8_t *)p = value;
	else if (size == sizeof(uint16_t))
		*(uint16_t *)p = value;
	else if (size == sizeof(u32))
		*(u32 *)p = value;
	else
		*(u64 *)p = value;
}

u64 sim_cmpxchg(void *p, u64 old, u64 new, size_t size)
{
	u64 seen;

	sim_fence();
	seen = read_by(this_cpu(), p, size);
	if (seen == old) {
		store(p, new, size, false);
		finish_stores(this_cpu());
	}
	return seen;
}

void sim_store(void *p, u64 value, size_t size)
{
	yield();
	store(p, value, size, false);
}

/* The translation of the store is there: nothing comes in between. */
void store_now(u64 *p, u64 value)
{
	store(p, value, sizeof(*p), false);
}

/* Whatever this CPU did in a guest is over too. */
void sim_store_release(void *p, u64 value, size_t size)
{
	bool release = kht_mutant_now != SIM_MUT_NO_RELEASE;

	yield();
	if (release && this_cpu())
		accesses_over(this_cpu());
	store(p, value, size, release);
}

void sim_fence(void)
{
	struct cpu *c;

	yield();
	c = this_cpu();
	if (!c)
		return;
	finish_stores(c);
	order_loads(c, steps);
	accesses_over(c);
}

/* Tasks */

static void to_scheduler(void)
{
	swapcontext(&this_task->context, &scheduler);
}

static void interrupts(void)
{
	struct cpu *c = this_cpu();

	while (!c->irq_off && c->nr_calls) {
		struct call call = c->calls[0];

		memmove(c->calls, c->calls + 1, --c->nr_calls * sizeof(call));
		irq_off();
		preempt_disable();
		accesses_over(c);
		order_loads(c, steps);
		call.fn(call.arg);
		drain(c, c->sent);
		call.caller->pending--;
		preempt_enable();
		irq_on();
	}
}

static void noise(void)
{
	struct cpu *c = &cpus[chance(nr_cpus)];

	if (!chance(6))
		drain_one(c);
	tlb_noise(&cpus[chance(nr_cpus)]);
}

/* Anything may happen here, except that this task loses its CPU. */
void yield(void)
{
	if (!this_task)
		return;
	steps++;
	noise();
	if (chance(3))
		to_scheduler();
	interrupts();
}

void preempt_disable(void)
{
	this_task->nopreempt++;
}

void preempt_enable(void)
{
	if (!--this_task->nopreempt)
		this_task->quiet++;
}

void irq_off(void)
{
	this_cpu()->irq_off++;
}

void irq_on(void)
{
	this_cpu()->irq_off--;
}

/* Lets go of the CPU; on return the task has one again, maybe another. */
void give_up_cpu(u32 sleep)
{
	struct task *t = this_task;

	require(!t->nopreempt && !t->cpu->irq_off, "sleep in atomic context");
	drain(t->cpu, t->cpu->sent);
	accesses_over(t->cpu);
	t->cpu->task = NULL;
	t->cpu = NULL;
	t->wake = steps + sleep;
	to_scheduler();
	accesses_over(t->cpu);
	order_loads(t->cpu, steps);
}

/* A task with preemption on may be scheduled out. */
void preempt_point(void)
{
	struct task *t = this_task;

	yield();
	if (t->nopreempt || t->cpu->irq_off || (chance(12) && !t->cpu->leaving))
		return;
	if (t->sched_out)
		t->sched_out(t);
	give_up_cpu(chance(60));
	if (t->sched_in)
		t->sched_in(t);
}

/*
 * The release of a lock is a store: who sees it sees the stores before it. Who takes the lock may have seen it
 * free before he has read other things, but not before it was.
 */
static void acquired(struct lock *l)
{
	l->held = true;
	if (l->last)
		drain(l->last, l->sent);
	order_loads(this_cpu(), l->at);
}

static void released(struct lock *l)
{
	l->last = this_cpu();
	accesses_over(l->last);
	l->at = steps;
	l->sent = l->last->sent;
	l->held = false;
}

void lock(struct lock *l)
{
	preempt_disable();
	do
		yield();
	while (l->held);
	acquired(l);
}

void unlock(struct lock *l)
{
	released(l);
	preempt_enable();
}

/* A lock whose holder may sleep. */
void mutex_lock(struct lock *l)
{
	preempt_point();
	while (l->held)
		give_up_cpu(20);
	acquired(l);
}

bool trylock(struct lock *l)
{
	preempt_disable();
	yield();
	if (l->held) {
		preempt_enable();
		return false;
	}
	acquired(l);
	return true;
}

bool (mutex_trylock)(struct lock *l)
{
	yield();
	if (l->held)
		return false;
	acquired(l);
	return true;
}

void mutex_unlock(struct lock *l)
{
	released(l);
}

/* Interrupts the CPUs in @mask but this one, and waits until all have run @fn. */
void smp_call(u32 mask, void (*fn)(void *), void *arg)
{
	unsigned int i;

	require(!this_cpu()->irq_off, "waiting for an interrupt with interrupts off");
	preempt_disable();
	for (i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		if (!(mask >> i & 1) || c->offline || c == this_cpu())
			continue;
		require(c->nr_calls < MAX_TASKS, "too many calls");
		c->calls[c->nr_calls++] = (struct call){ fn, arg, this_task };
		this_task->pending++;
	}
	drain(this_cpu(), this_cpu()->sent);
	while (this_task->pending)
		yield();
	order_loads(this_cpu(), steps);
	preempt_enable();
}

void on_all_cpus(void (*fn)(void *), void *arg)
{
	preempt_disable();
	smp_call(~0u, fn, arg);
	irq_off();
	fn(arg);
	irq_on();
	preempt_enable();
}

static void wait_for(int (*busy)(const struct task *), u64 (*times)(const struct task *))
{
	u64 before[MAX_TASKS];
	unsigned int i;

	for (i = 0; i < nr_tasks; i++)
		before[i] = times(&tasks[i]);
	for (i = 0; i < nr_tasks; i++)
		while (&tasks[i] != this_task && busy(&tasks[i]) && times(&tasks[i]) == before[i])
			preempt_point();
}

static int is_nopreempt(const struct task *t)
{
	return t->nopreempt && !t->in_guest;
}

static u64 times_quiet(const struct task *t)
{
	return t->quiet;
}

static int is_inside(const struct task *t)
{
	return t->inside;
}

static u64 times_outside(const struct task *t)
{
	return t->outside;
}

/* Every section without preemption that has begun is over, and what it has done is seen. */
void synchronize_rcu(void)
{
	unsigned int i;

	wait_for(is_nopreempt, times_quiet);
	for (i = 0; i < nr_cpus; i++) {
		if (cpus[i].task && is_nopreempt(cpus[i].task))
			continue;
		finish_stores(&cpus[i]);
		accesses_over(&cpus[i]);
	}
	order_loads(this_cpu(), steps);
}

/* The same for calls of wrapped kvmppc_hv_ops members. */
void synchronize_inside(void)
{
	wait_for(is_inside, times_outside);
}

/* Scheduling */

static void task_main(void)
{
	this_task->run(this_task->arg);
	require(false, "a task has ended");
}

static void task_init(struct task *t, void (*run)(void *), void *arg)
{
	char *stack = t->stack ? t->stack : malloc(STACK);

	require(stack, "out of memory");
	memset(t, 0, sizeof(*t));
	t->stack = stack;
	t->run = run;
	t->arg = arg;
	getcontext(&t->context);
	t->context.uc_stack.ss_sp = stack;
	t->context.uc_stack.ss_size = STACK;
	makecontext(&t->context, task_main, 0);
}

struct task *task_new(void (*run)(void *), void *arg)
{
	require(nr_tasks < MAX_TASKS, "too many tasks");
	task_init(&tasks[nr_tasks], run, arg);
	return &tasks[nr_tasks++];
}

static void idle(void *arg)
{
	(void)arg;
	for (;;)
		yield();
}

void machine_start(u64 with_seed)
{
	unsigned int i;

	seed = with_seed * 0x2545f4914f6cdd1dULL;
	steps = 0;
	nr_shown = 0;
	found[0] = 0;
	nr_tasks = 0;
	shape = (struct shape){
		.cores = 2 + chance(2), .threads = 1 + chance(2), .share = chance(4),
		.alone = with_seed % 5 < 3,
		.log_size = (u32[]){ 0, 1, 2, 4, 8, 16 }[chance(6)],
		.ceiling = (u32[]){ 0, 1, 3, 64 }[chance(4)],
		.calm = (u32[]){ 1, 10 }[chance(2)],
		.hash = with_seed % 2, .quiet = (u32[]){ 1, 50 }[chance(2)],
		.restless = !chance(6), .interleaved = with_seed % 3 == 0, .direct = with_seed / 2 % 2,
	};
	nr_cpus = shape.cores * shape.threads;
	for (i = 0; i < MAX_CPUS; i++) {
		struct task old = cpus[i].idle;

		memset(&cpus[i], 0, sizeof(cpus[i]));
		cpus[i].idle = old;
		cpus[i].nr = i;
		cpus[i].tlb = shape.share ? core_of(i).first : i;
		task_init(&cpus[i].idle, idle, NULL);
		cpus[i].idle.cpu = &cpus[i];
	}
	tlb_reset();
}

/* Gives an idle CPU, if there is one, to a task that waits, if there is one. */
static void place(void)
{
	struct task *t = &tasks[chance(nr_tasks)];
	struct cpu *c = &cpus[chance(nr_cpus)];

	if (t->cpu || t->wake > steps || c->task || c->offline || c->leaving || c->irq_off)
		return;
	c->task = t;
	t->cpu = c;
}

void machine_run(u64 max_steps)
{
	while (steps < max_steps && !found[0]) {
		struct cpu *c = &cpus[chance(nr_cpus)];

		place();
		steps++;
		if (!c->task && !c->nr_calls && !c->irq_off)
			continue;
		this_task = c->task ? c->task : &c->idle;
		swapcontext(&scheduler, &this_task->context);
		this_task = NULL;
	}
}
