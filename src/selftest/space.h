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
	KHT_FOUND_NOTHING,	/* it is refused */
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
 * The host's entry, the guest's entry, or a table of the host's tree leads
 * nowhere, or (@new) to the new page; nothing is flushed, and ptesync follows.
 * A processor may meet two entries where one valid entry replaces another (ISA
 * 3.0B Book III 5.10.1.2): so the flush comes between the two.
 */
void kht_space_host(const struct kht_space *s, unsigned int shift, u32 i, bool new);
void kht_space_guest(const struct kht_space *s, u32 i, bool new);
void kht_space_table(const struct kht_space *s, bool new);

/* There is a new page of that size. */
bool kht_space_has_new(unsigned int shift);

void kht_space_clear_rc(const struct kht_space *s, u32 i);

/*
 * The bound CPU's own accesses. A store finds the new page where R and C are
 * set, or are about to be.
 */
enum kht_found kht_space_load(const struct kht_space *s, u32 i);
enum kht_found kht_space_store(const struct kht_space *s, u32 i);

#endif
