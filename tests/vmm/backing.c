// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host has behind the guest's data (--backing): single pages, transparent huge pages or pages of hugetlbfs.
 *
 * A slot is made of whole units, so that KVM may map each of them by one leaf: host and guest addresses
 * agree up to the unit's size, and nothing lies in a leaf but the slot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

#define SHIFT_2M	21
#define SHIFT_1G	30
#define PAGE_SIZE_SHIFT	26	/* MAP_HUGE_SHIFT and MFD_HUGE_SHIFT: where the flags have a page size */

static bool hugetlb(void)
{
	return opt.backing == HUGE_2M || opt.backing == HUGE_1G;
}

unsigned int unit_shift(void)
{
	switch (opt.backing) {
	case THP:
	case HUGE_2M:
		return SHIFT_2M;
	case HUGE_1G:
		return SHIFT_1G;
	default:
		return __builtin_ctzll(page_size);
	}
}

u64 unit_pages(void)
{
	return (1ULL << unit_shift()) / page_size;
}

u64 whole_units(u64 pages)
{
	return (pages + unit_pages() - 1) / unit_pages() * unit_pages();
}

/* Address space at a multiple of the unit; what is left over at its ends stays unused. */
static void *reserve(u64 bytes)
{
	u64 unit = 1ULL << unit_shift();
	void *p = mmap(NULL, bytes + unit, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("no address space for %llu bytes.", bytes + unit);
	return (void *)(((u64)p + unit - 1) / unit * unit);
}

static void *place(void *at, u64 pages, int flags, int fd, u64 offset)
{
	u64 bytes = pages * page_size;
	void *p = mmap(at ? at : reserve(bytes), bytes, PROT_READ | PROT_WRITE, MAP_FIXED | flags, fd, offset);

	if (p == MAP_FAILED)
		die("no memory for %llu pages with this --backing: %s.", pages, strerror(errno));
	/* Unasked, a 2M page would be one translation and hide what single pages cost. */
	madvise(p, bytes, opt.backing == THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

void *small_alloc(u64 pages)
{
	void *p = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("no memory for %llu pages.", pages);
	madvise(p, pages * page_size, MADV_NOHUGEPAGE);
	return p;
}

void *data_alloc(u64 pages)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *p;

	if (opt.backing == SMALL)
		return small_alloc(pages);
	if (hugetlb())
		flags |= MAP_HUGETLB | unit_shift() << PAGE_SIZE_SHIFT;
	p = place(NULL, whole_units(pages), flags, -1, 0);
	/* A load first would get the huge page of zeros, and the store after it a small page. */
	if (opt.backing == THP && madvise(p, whole_units(pages) * page_size, MADV_POPULATE_WRITE))
		die("no huge pages for %llu pages: %s.", pages, strerror(errno));
	return p;
}

int file_create(u64 pages)
{
	unsigned int flags = MFD_CLOEXEC;
	int fd;

	if (hugetlb())
		flags |= MFD_HUGETLB | unit_shift() << PAGE_SIZE_SHIFT;
	fd = memfd_create("guest", flags);
	if (fd < 0 || ftruncate(fd, whole_units(pages) * page_size))
		die("a memfd of %llu pages cannot be made: %s.", pages, strerror(errno));
	return fd;
}

void *file_map(int fd, void *at, u64 first, u64 count, int flags)
{
	return place(at, whole_units(count), flags & MAP_PRIVATE ? flags : flags | MAP_SHARED, fd,
		     first * page_size);
}
