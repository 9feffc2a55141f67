/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest without a vCPU, for the self-test alone: an LPID, both trees, and two
 * pages of data, which the host reads and writes through quadrants.
 */
#ifndef KHT_SELFTEST_SPACE_H
#define KHT_SELFTEST_SPACE_H

#include <linux/types.h>

/* __kvmhv_copy_tofrom_guest_radix(), which kvm-hv does not export. */
typedef unsigned long (*kht_quadrant_fn)(int lpid, int pid, unsigned long ea, void *to, void *from,
					 unsigned long n);

#define KHT_SPACE_BLOCKS	3
#define KHT_SPACE_PAGES		512	/* of 4K, in the guest's tree; the most of one form */
#define KHT_SPACE_HALF		(KHT_SPACE_PAGES / 2)

struct kht_space {
	kht_quadrant_fn access;
	u32 lpid;
	void *block[KHT_SPACE_BLOCKS];	/* physically contiguous and aligned */
	u64 base;			/* guest real address of what is looked at */
	u64 word[2];			/* first of the old page, and of the new one */
};

/* What an access finds. */
enum kht_found {
	KHT_FOUND_OLD,
	KHT_FOUND_NEW,
	KHT_FOUND_ELSE,
};

/* NULL, or why there is none (a sentence). May sleep, as the next two. */
const char *kht_space_make(struct kht_space *s, kht_quadrant_fn access);
void kht_space_free(struct kht_space *s);

/*
 * The host's table has the old page at each of @n addresses, as pages of
 * @shift; nothing else of the LPID is cached anywhere.
 */
void kht_space_reset(struct kht_space *s, unsigned int shift, u32 n);

/* Guest real address of a page. */
u64 kht_space_page(const struct kht_space *s, unsigned int shift, u32 i);

/*
 * The tables lead elsewhere, and nothing is flushed (ptesync follows). The
 * host's entry: to the new page, or, of a page larger than the data, nowhere;
 * or without R and C. The guest's entry. A table of the host's tree.
 */
void kht_space_remap(struct kht_space *s, unsigned int shift, u32 i);
void kht_space_clear_rc(struct kht_space *s, u32 i);
void kht_space_remap_guest(struct kht_space *s, u32 i);
void kht_space_replace_table(struct kht_space *s);

/* The bound CPU's own accesses. The store's new page is an entry with R and C. */
enum kht_found kht_space_load(const struct kht_space *s, unsigned int shift, u32 i);
enum kht_found kht_space_store(const struct kht_space *s, u32 i);

#endif
