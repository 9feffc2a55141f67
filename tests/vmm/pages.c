// SPDX-License-Identifier: GPL-2.0-only
/* What the host knows of the guest's pages, and the vCPU that keeps running. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

/* No vCPU stores this: passes are small numbers. */
#define SCRIBBLE 0xdeadbeefdeadbeefULL

#define RUNNER 1	/* the vCPU's number */

volatile u64 *page_word(const struct vm *vm, u64 page)
{
	return (volatile u64 *)(vm->data + page * page_size);
}

void expect_word(const struct vm *vm, u64 page, u64 expected, const char *when)
{
	u64 found = *page_word(vm, page);

	if (found != expected)
		wrong("page %llu holds %#llx where the guest stored %#llx, %s.", page,
		      found, expected, when);
}

void expect_fill(const struct vm *vm, u64 first, u64 count, u64 value, const char *when)
{
	for (u64 i = 0; i < count; i++)
		expect_word(vm, first + i, value + i, when);
}

void expect_pass(const struct vm *vm, u64 first, u64 count, u64 pass)
{
	for (u64 i = first; i < first + count; i++) {
		u64 found = *page_word(vm, i);

		if (found < pass)
			wrong("a store of a running vCPU is lost: page %llu holds %llu after pass %llu.",
			      i, found, pass);
	}
}

u64 pages_share(void)
{
	return opt.pages / opt.vcpus;
}

u64 random_range(const struct vm *vm, u64 longest, u64 *first)
{
	u64 count = 1 + random_below(longest < vm->pages ? longest : vm->pages);

	*first = random_below(vm->pages - count + 1);
	return count;
}

bool has_runner(void)
{
	return variant("running") || variant("faulting");
}

u64 filler_pages(void)
{
	return has_runner() ? opt.pages - RUNNER_PAGES : opt.pages;
}

void runner_start(struct vm *vm)
{
	if (has_runner())
		pass_start(&vm->vcpus[RUNNER], other_core(), filler_pages(), RUNNER_PAGES, NEVER, NEVER);
	runner_again(vm);
}

void runner_stop(struct vm *vm)
{
	if (has_runner())
		pass_stop(&vm->vcpus[RUNNER]);
}

void runner_again(struct vm *vm)
{
	struct vcpu *runner = &vm->vcpus[RUNNER];
	u64 pass;

	if (!has_runner())
		return;
	/* The pass under way may be past a page already: the one after it is whole. */
	pass = pass_now(runner) + 2;
	pass_wait(runner, pass);
	expect_pass(vm, filler_pages(), RUNNER_PAGES, pass);
}

void runner_in_guest(struct vm *vm)
{
	if (has_runner())
		pass_wait(&vm->vcpus[RUNNER], pass_now(&vm->vcpus[RUNNER]) + 1);
}

static void *allocate(u64 n)
{
	void *p = calloc(n, sizeof(u64));

	if (!p)
		die("no memory for the copy of the guest.");
	return p;
}

void copy_init(const struct vm *vm, struct copy *c)
{
	c->words = allocate(vm->pages);
	c->bitmap = allocate((whole_units(vm->pages) + 63) / 64);
}

void copy_all(const struct vm *vm, struct copy *c)
{
	for (u64 i = 0; i < vm->pages; i++)
		c->words[i] = *page_word(vm, i);
}

bool copy_dirty(const struct copy *c, u64 page)
{
	return c->bitmap[page / 64] >> page % 64 & 1;
}

void copy_harvested(const struct vm *vm, struct copy *c)
{
	for (u64 i = 0; i < vm->pages; i++)
		if (copy_dirty(c, i))
			c->words[i] = *page_word(vm, i);
}

void copy_harvest(struct vm *vm, struct copy *c, struct round *r)
{
	op_begin(r);
	vm_harvest(vm, c->bitmap);
	op_end(r);
	copy_harvested(vm, c);
}

void copy_compare(const struct vm *vm, const struct copy *c)
{
	for (u64 i = 0; i < vm->pages; i++)
		if (c->words[i] != *page_word(vm, i))
			wrong("a store is lost: page %llu holds %#llx, the dirty log delivered %#llx.",
			      i, *page_word(vm, i), c->words[i]);
}

void scribble(void *pages, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		volatile u64 *words = pages + i * page_size;

		words[0] = words[1] = SCRIBBLE;
	}
}

void expect_scribble(const void *pages, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		const volatile u64 *words = pages + i * page_size;

		if (words[0] != SCRIBBLE || words[1] != SCRIBBLE)
			wrong("the guest stored %#llx to a page that the host had taken away.",
			      words[0] != SCRIBBLE ? words[0] : words[1]);
	}
}

void pool_create(struct pool *pool, u64 pages)
{
	u64 units = whole_units(pages) / unit_pages();

	pool->pages = whole_units(pages);
	pool->fd = file_create(2 * pool->pages);
	pool->host = file_map(pool->fd, NULL, 0, 2 * pool->pages, 0);
	pool->guest = file_map(pool->fd, NULL, 0, pool->pages, 0);
	pool->second = calloc(units, sizeof(*pool->second));
	pool->swapped = calloc(units, sizeof(*pool->swapped));
	if (!pool->second || !pool->swapped)
		die("no memory for the pool of pages.");
}

static void *pool_place(const struct pool *pool, u64 page, bool second)
{
	return pool->host + (second ? pool->pages + page : page) * page_size;
}

static void forget(void *pages, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		volatile u64 *words = pages + i * page_size;

		words[0] = words[1] = 0;
	}
}

void pool_swap(struct pool *pool, u64 page, struct round *r)
{
	u64 unit = page / unit_pages(), first = unit * unit_pages();
	bool old = pool->second[unit];

	forget(pool_place(pool, first, !old), unit_pages());
	op_begin(r);
	file_map(pool->fd, pool->guest + first * page_size, old ? first : pool->pages + first, unit_pages(),
		 MAP_FIXED);
	scribble(pool_place(pool, first, old), unit_pages());
	op_end(r);
	pool->second[unit] = !old;
	pool->swapped[unit] = true;
}

void pool_expect_untouched(const struct pool *pool, u64 page)
{
	u64 unit = page / unit_pages();

	if (pool->swapped[unit])
		expect_scribble(pool_place(pool, page, !pool->second[unit]), 1);
}
