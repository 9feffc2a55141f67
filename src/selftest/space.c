// SPDX-License-Identifier: GPL-2.0-only
/*
 * The self-test's guest. Its trees have the geometry that POWER9 and POWER10
 * have: 13, 9, 9 and 9 bits, or 5 bits for the last level with pages of 64K.
 *
 * The guest's process table and tree lie at guest real = host real: QEMU walks
 * the process scope of a quadrant access by real addresses of the host. What is
 * looked at lies in another 512G, wherever the guest's block is.
 *
 * One task at a time changes the tables: nothing here takes a lock.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/firmware.h>
#include <asm/kvm_ppc.h>
#include <asm/mmu.h>
#include <asm/pgtable.h>
#include "module/faults.h"
#include "selftest/space.h"

#define BLOCK		SZ_128K
#define TABLE		SZ_4K
#define ROOT_BITS	13
#define TABLE_BITS	9
#define LARGE_BITS	5	/* a table of pages of 64K */
#define GIGA_SHIFT	30
#define MEGA_SHIFT	21
#define LARGE_SHIFT	16
#define ROOT_SHIFT	39

/* In block[]. */
enum { GUEST, HOST, DATA };

/* Behind the root, which is as large as 16 of them. */
enum {
	/* of the guest */
	PROCESS_TABLE = 16, GUEST_GIGAS, GUEST_MEGAS, GUEST_PAGES,
	/* of the host: the guest's block as it lies in memory; what is looked at */
	SAME_GIGAS = 16, SAME_MEGAS, SAME_PAGES, GIGAS, MEGAS, PAGES, OTHER_PAGES, LARGES,
};

/* Places in GIGAS and MEGAS: tables come first. */
#define FIRST_GIGA	1
#define FIRST_MEGA	2
#define PAGES_MEGA	0
#define LARGES_MEGA	1

#define EA_BASE		SZ_1G
#define RWX		(_PAGE_READ | _PAGE_WRITE | _PAGE_EXEC)
#define RC		(_PAGE_ACCESSED | _PAGE_DIRTY)

static __be64 *table(const struct kht_space *s, unsigned int block, unsigned int nr)
{
	return s->block[block] + nr * TABLE;
}

static void set(__be64 *entry, u64 value)
{
	WRITE_ONCE(*entry, cpu_to_be64(value));
}

static u64 directory(const void *table, unsigned int bits)
{
	return _PAGE_PRESENT | __pa(table) | bits;
}

static u64 leaf(u64 real, unsigned int shift)
{
	return _PAGE_PRESENT | _PAGE_PTE | real >> shift << shift | RC | RWX;
}

static u64 tree(const void *root)
{
	return radix__get_tree_size() | __pa(root) | ROOT_BITS;
}

static u64 data(const struct kht_space *s, bool new)
{
	return __pa(s->block[DATA]) + (new ? SZ_64K : 0);
}

bool kht_space_has_new(unsigned int shift)
{
	return shift <= LARGE_SHIFT;
}

u64 kht_space_page(const struct kht_space *s, unsigned int shift, u32 i)
{
	switch (shift) {
	case GIGA_SHIFT:
		return s->base + ((u64)(FIRST_GIGA + i) << GIGA_SHIFT);
	case MEGA_SHIFT:
		return s->base + ((u64)(FIRST_MEGA + i) << MEGA_SHIFT);
	case LARGE_SHIFT:
		return s->base + ((u64)LARGES_MEGA << MEGA_SHIFT) + ((u64)i << LARGE_SHIFT);
	default:
		return s->base + ((u64)PAGES_MEGA << MEGA_SHIFT) + ((u64)i << shift);
	}
}

static __be64 *host_entry(const struct kht_space *s, unsigned int shift, u32 i)
{
	switch (shift) {
	case GIGA_SHIFT:
		return table(s, HOST, GIGAS) + FIRST_GIGA + i;
	case MEGA_SHIFT:
		return table(s, HOST, MEGAS) + FIRST_MEGA + i;
	case LARGE_SHIFT:
		return table(s, HOST, LARGES) + i;
	default:
		return table(s, HOST, PAGES) + i;
	}
}

static void set_guest_entry(const struct kht_space *s, u32 i, u64 gpa)
{
	set(table(s, GUEST, GUEST_PAGES) + i, leaf(gpa, 12) | _PAGE_PRIVILEGED);
}

/* The kernel's own way flushes the LPID on the whole machine, in both scopes. */
static void publish(const struct kht_space *s)
{
	mmu_partition_table_set_entry(s->lpid, PATB_HR | tree(s->block[HOST]),
				      PATB_GR | __pa(table(s, GUEST, PROCESS_TABLE)), true);
}

void kht_space_reset(struct kht_space *s, unsigned int shift, u32 n)
{
	u64 in_page = data(s, false) & ((1UL << shift) - 1);
	u32 i;

	set(table(s, HOST, MEGAS) + PAGES_MEGA, directory(table(s, HOST, PAGES), TABLE_BITS));
	for (i = 0; i < KHT_SPACE_HALF; i++)
		set(host_entry(s, 12, KHT_SPACE_HALF + i), leaf(data(s, true), 12));
	for (i = 0; i < n; i++) {
		set(host_entry(s, shift, i), leaf(data(s, false), shift));
		set_guest_entry(s, i, kht_space_page(s, shift, i) + in_page);
	}
	publish(s);
}

void kht_space_host(const struct kht_space *s, unsigned int shift, u32 i, bool new)
{
	set(host_entry(s, shift, i), new ? leaf(data(s, true), shift) : 0);
}

/* The second half of the pages has been the new one all the time. */
void kht_space_guest(const struct kht_space *s, u32 i, bool new)
{
	if (new)
		set_guest_entry(s, i, kht_space_page(s, 12, KHT_SPACE_HALF + i));
	else
		set(table(s, GUEST, GUEST_PAGES) + i, 0);
}

void kht_space_table(const struct kht_space *s, bool new)
{
	set(table(s, HOST, MEGAS) + PAGES_MEGA,
	    new ? directory(table(s, HOST, OTHER_PAGES), TABLE_BITS) : 0);
}

void kht_space_clear_rc(const struct kht_space *s, u32 i)
{
	set(host_entry(s, 12, i), leaf(data(s, false), 12) & ~RC);
}

static unsigned long address(u32 i)
{
	return EA_BASE + ((unsigned long)i << 12);
}

/* PID 0 is the entry that the process table has. A refused access leaves 8. */
enum kht_found kht_space_load(const struct kht_space *s, u32 i)
{
	u64 word = 0;

	if (s->access(s->lpid, 0, address(i), &word, NULL, sizeof(word)))
		return KHT_FOUND_NOTHING;
	if (word == s->word[0])
		return KHT_FOUND_OLD;
	return word == s->word[1] ? KHT_FOUND_NEW : KHT_FOUND_ELSE;
}

/*
 * A processor may leave R and C to the hypervisor, by an interrupt that refuses
 * the store: then it has noticed, too.
 */
enum kht_found kht_space_store(const struct kht_space *s, u32 i)
{
	u64 word = s->word[0], entry;

	if (s->access(s->lpid, 0, address(i), NULL, &word, sizeof(word)))
		return KHT_FOUND_NEW;
	entry = be64_to_cpu(READ_ONCE(*host_entry(s, 12, i)));
	return (entry & RC) == RC ? KHT_FOUND_NEW : KHT_FOUND_OLD;
}

static void fill_guest(const struct kht_space *s)
{
	__be64 *root = s->block[GUEST];

	set(table(s, GUEST, PROCESS_TABLE), tree(root));
	set(root, directory(table(s, GUEST, GUEST_GIGAS), TABLE_BITS));
	set(table(s, GUEST, GUEST_GIGAS) + (EA_BASE >> GIGA_SHIFT),
	    directory(table(s, GUEST, GUEST_MEGAS), TABLE_BITS));
	set(table(s, GUEST, GUEST_MEGAS), directory(table(s, GUEST, GUEST_PAGES), TABLE_BITS));
}

static unsigned int at(u64 address, unsigned int shift)
{
	return address >> shift & ((1U << TABLE_BITS) - 1);
}

static void fill_host(const struct kht_space *s)
{
	__be64 *root = s->block[HOST];
	u64 guest = __pa(s->block[GUEST]), page;
	u32 i;

	set(root + (guest >> ROOT_SHIFT), directory(table(s, HOST, SAME_GIGAS), TABLE_BITS));
	set(table(s, HOST, SAME_GIGAS) + at(guest, GIGA_SHIFT),
	    directory(table(s, HOST, SAME_MEGAS), TABLE_BITS));
	set(table(s, HOST, SAME_MEGAS) + at(guest, MEGA_SHIFT),
	    directory(table(s, HOST, SAME_PAGES), TABLE_BITS));
	for (page = guest; page < guest + BLOCK; page += TABLE)
		set(table(s, HOST, SAME_PAGES) + at(page, 12), leaf(page, 12));
	set(root + (s->base >> ROOT_SHIFT), directory(table(s, HOST, GIGAS), TABLE_BITS));
	set(table(s, HOST, GIGAS), directory(table(s, HOST, MEGAS), TABLE_BITS));
	set(table(s, HOST, MEGAS) + LARGES_MEGA, directory(table(s, HOST, LARGES), LARGE_BITS));
	for (i = 0; i < KHT_SPACE_PAGES; i++)
		set(table(s, HOST, OTHER_PAGES) + i, leaf(data(s, true), 12));
}

static void fill_data(struct kht_space *s)
{
	s->word[0] = get_random_u64();
	s->word[1] = ~s->word[0];
	*(u64 *)s->block[DATA] = s->word[0];
	*(u64 *)(s->block[DATA] + SZ_64K) = s->word[1];
}

static void free_blocks(struct kht_space *s)
{
	unsigned int i;

	for (i = 0; i < KHT_SPACE_BLOCKS; i++)
		free_pages((unsigned long)s->block[i], get_order(BLOCK));
}

static bool alloc_blocks(struct kht_space *s)
{
	unsigned int i;

	for (i = 0; i < KHT_SPACE_BLOCKS; i++) {
		s->block[i] = kht_alloc((void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
								 get_order(BLOCK)));
		if (!s->block[i])
			return false;
	}
	return true;
}

const char *kht_space_make(struct kht_space *s, kht_quadrant_fn access)
{
	long lpid;

	memset(s, 0, sizeof(*s));
	if (firmware_has_feature(FW_FEATURE_ULTRAVISOR))
		return "an ultravisor keeps the partition table";
	if (!alloc_blocks(s)) {
		free_blocks(s);
		return "there is no memory";
	}
	lpid = kht_fault_alloc() ? -ENOMEM : kvmppc_alloc_lpid();
	if (lpid < 0) {
		free_blocks(s);
		return "no LPID is free";
	}
	s->access = access;
	s->lpid = lpid;
	s->base = (__pa(s->block[GUEST]) >> ROOT_SHIFT ^ 1) << ROOT_SHIFT;
	fill_data(s);
	fill_guest(s);
	fill_host(s);
	return NULL;
}

/*
 * The LPID's next owner begins as with any other: the entry is gone, and
 * nothing of it is cached when the memory goes (5).
 */
void kht_space_free(struct kht_space *s)
{
	mmu_partition_table_set_entry(s->lpid, 0, 0, true);
	kvmppc_free_lpid(s->lpid);
	free_blocks(s);
}
