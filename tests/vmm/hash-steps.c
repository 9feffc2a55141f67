// SPDX-License-Identifier: GPL-2.0-only
/*
 * The steps of hpt-diff, from a seed alone. A model of the part of the table they
 * use tells what is mapped where, so that hits are common and misses are meant, and
 * what PAPR promises for each step. Two more rules keep the guest a correct one:
 * one translation of a page at a time, and H_LOCAL only for pages that no other
 * vCPU touches.
 */
#include <string.h>

#include "hash-diff.h"

#define HPTE_LARGE	0x004ULL
#define HPTE_SECONDARY	0x002ULL
#define HPTE_SOFTWARE	0x018ULL
#define HPTE_N		0x004ULL
#define HPTE_GUARDED	0x028ULL	/* cache inhibited, guarded */
#define HPTE_PP0	(1ULL << 63)
#define HPTE_PP		3ULL
#define HPTE_KEYS	(3ULL << 60 | 7ULL << 9)
#define PROTECT_MASK	(HPTE_PP0 | HPTE_PP | HPTE_N | HPTE_KEYS)
#define LP_64K		0x1000ULL
#define LP_NONE		0x2000ULL	/* no page size */
#define LP_16M		0x0000ULL
#define AVPN_MASK	(~0x7fULL)
/* What POWER9 keeps of the first doubleword. */
#define V_KEPT		0xc00fffffffffffffULL
/* KVM's own bits of it: an entry has the first while it looks, and one of the others. */
#define V_LOCK		0x40ULL
#define V_ABSENT	0x20ULL

#define POOL_GROUPS	8
/* A vCPU that is not in turn for the CPU of the machine below makes a change of turn slow. */
#define MAX_RUN		10
#define FIRST_GROUP	0x100ULL
#define POOL_SIZE	(2 * POOL_GROUPS * HPTES_PER_GROUP)
#define MAX_PAGES	80

enum { SEG_VALID = 0x08000000, KS = 0x800, SLB_64K = 0x110 };

/* 256M and 1T, of 4K and of 64K pages. Supervisor state has no key but in the second. */
static const struct { u64 base, vsid; bool tera, large, key; u64 variants; } segs[NR_SEGMENTS] = {
	{ 0x0000000030000000ULL, 0x12340, false, false, false, 3 },
	{ 0x0000020000000000ULL, 0x00567, true, false, true, 3 },
	{ 0x0000000050000000ULL, 0x23450, false, true, false, 2 },
	{ 0x0000040000000000ULL, 0x00789, true, true, false, 2 },
};

/* A page of the effective address space, and its entry */
struct page {
	u64 ea, v, group, seg;
	u64 user;		/* the vCPU that may touch it, or EVERYBODY */
	int place;		/* in the pool, or -1 */
};

#define EVERYBODY	MAX_VCPUS

struct entry {
	u64 v, r;
	bool valid;		/* the kernel has one of the two: valid, or absent */
	bool resident;		/* valid in hardware */
	bool unsure;		/* or perhaps not */
	int page;		/* or -1: never touched */
};

static struct page pages[MAX_PAGES];
static int npages;
static struct entry pool[POOL_SIZE];
static u64 words[NR_UNITS];
/* The host page that a unit is in; only loads find the page of zeros there. */
static enum { DROPPED, ZEROS, OWN } host_page_of[NR_UNITS];
static u64 state, nvcpus, hcalls_left, next_word, run_left, run_owner;
static bool paging;

u64 tally[T_NR];

static u64 below(u64 limit)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL >> 33) % limit;
}

static bool one_in(u64 n)
{
	return !below(n);
}

static u64 page_shift(const struct page *page)
{
	return segs[page->seg].large ? 16 : 12;
}

static u64 index_of(int place)
{
	u64 group = FIRST_GROUP + place / HPTES_PER_GROUP % POOL_GROUPS;

	if (place >= POOL_SIZE / 2)
		group ^= DIFF_GROUPS - 1;
	return group * HPTES_PER_GROUP + place % HPTES_PER_GROUP;
}

static void add_page(u64 seg, u64 group, u64 variant)
{
	struct page *page = &pages[npages];
	u64 vsid = segs[seg].vsid, hash = vsid, offset, v;

	if (segs[seg].tera)
		hash ^= vsid << 25;
	offset = (((hash ^ (FIRST_GROUP + group)) & (DIFF_GROUPS - 1)) | variant * DIFF_GROUPS);
	page->seg = seg;
	page->ea = segs[seg].base + (offset << page_shift(page));
	v = vsid << (segs[seg].tera ? 24 : 12) | (offset << page_shift(page)) >> 16;
	page->v = (v & AVPN_MASK) | (segs[seg].tera ? HPTE_1T : 0) | (segs[seg].large ? HPTE_LARGE : 0);
	page->group = group;
	page->user = npages % 5 ? npages % nvcpus : EVERYBODY;
	page->place = -1;
	npages++;
}

void steps_segments(struct segment *segments)
{
	for (u64 i = 0; i < NR_SEGMENTS; i++) {
		segments[i].rs = segs[i].vsid << (segs[i].tera ? 24 : 12) | (segs[i].tera ? HPTE_1T : 0) |
				 (segs[i].large ? SLB_64K : 0) | (segs[i].key ? KS : 0);
		segments[i].rb = segs[i].base | SEG_VALID | i;
	}
}

void steps_fill(unsigned char *data)
{
	for (u64 i = 0; i < NR_UNITS; i++)
		*(u64 *)(data + i * UNIT + TOUCH_OFFSET) = words[i];
}

void steps_init(u64 seed, u64 vcpus, bool with_paging, u64 wanted)
{
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	nvcpus = vcpus;
	paging = with_paging;
	hcalls_left = wanted;
	run_left = 0;
	next_word = 0x1000000;
	npages = 0;
	memset(pool, 0, sizeof(pool));
	for (u64 seg = 0; seg < NR_SEGMENTS; seg++)
		for (u64 group = 0; group < POOL_GROUPS; group++)
			for (u64 i = 0; i < segs[seg].variants; i++)
				add_page(seg, group, i);
	for (u64 i = 0; i < NR_UNITS; i++) {
		words[i] = 0x770000 + i;
		host_page_of[i] = OWN;
	}
}

/* Arguments of one hcall, from the model's knowledge */

static int any_valid(void)
{
	int place = below(POOL_SIZE);

	for (int i = 0; i < POOL_SIZE; i++, place = (place + 1) % POOL_SIZE)
		if (pool[place].valid)
			return place;
	return place;
}

/* Mostly one that holds something. */
static int any_place(void)
{
	return one_in(5) ? (int)below(POOL_SIZE) : any_valid();
}

static u64 out_of_range(void)
{
	return one_in(2) ? NR_HPTES + below(8) : (1 + below(1000)) << 36;
}

/* -1: @index is no place of the pool, and not in the table at all. */
static u64 some_index(int *place)
{
	if (one_in(25)) {
		*place = -1;
		return out_of_range();
	}
	*place = any_place();
	return index_of(*place);
}

static u64 some_avpn(int place)
{
	u64 v = place < 0 ? 0 : pool[place].v;

	switch (below(8)) {
	case 0:
		return (v ^ 1ULL << (7 + below(40))) & AVPN_MASK;
	case 1:
		/* Low bits are no part of an AVPN: this never matches. */
		return v | HPTE_VALID;
	default:
		return v & AVPN_MASK;
	}
}

static u64 some_condition(int place)
{
	u64 v = place < 0 ? 0 : pool[place].v;

	switch (below(6)) {
	case 0:
		return one_in(2) ? V_LOCK : V_LOCK | HPTE_VALID | V_ABSENT;
	case 1:
		if (place >= 0 && pool[place].unsure)
			return V_LOCK;
		return one_in(2) ? HPTE_VALID : V_ABSENT;
	case 2:
		return v & (HPTE_SOFTWARE | HPTE_LARGE);
	case 3:
		return ~v & (AVPN_MASK | HPTE_SOFTWARE | HPTE_SECONDARY);
	case 4:
		return HPTE_SOFTWARE & ~v;
	default:
		return 1ULL << (7 + below(45));
	}
}

static u64 now_v(const struct entry *e)
{
	return e->v | V_LOCK | (e->resident ? HPTE_VALID : V_ABSENT);
}

static bool matches(int place, bool avpn, bool andcond, u64 value)
{
	const struct entry *e = &pool[place];

	if (!e->valid)
		return false;
	if (avpn && (e->v & AVPN_MASK) != value) {
		tally[T_AVPN_MISMATCH]++;
		return false;
	}
	if (!andcond)
		return true;
	tally[now_v(e) & value ? T_ANDCOND_MISS : T_ANDCOND_HIT]++;
	return !(now_v(e) & value);
}

static void forget(int place)
{
	if (pool[place].page >= 0)
		pages[pool[place].page].place = -1;
	pool[place].valid = false;
}

static bool may_be_local(int place, u64 owner)
{
	int page = place < 0 ? -1 : pool[place].page;

	return page < 0 || pages[page].user == owner;
}

static u64 local_flag(int place, u64 owner)
{
	if (!may_be_local(place, owner) || !one_in(3))
		return 0;
	tally[T_LOCAL]++;
	return H_LOCAL;
}

static void make_remove(struct step *s, struct expectation *x)
{
	int place;
	u64 index = some_index(&place), how = below(4), value = 0, flags;

	flags = (how & 1 ? H_AVPN : 0) | (how & 2 ? H_ANDCOND : 0);
	if (how == 1)
		value = some_avpn(place);
	else if (how)
		value = some_condition(place);
	flags |= local_flag(place, s->owner);
	memcpy(s->in, (u64[]){ H_REMOVE, flags, index, value }, 4 * sizeof(u64));
	if (place < 0)
		x->result = H_PARAMETER;
	else if (!matches(place, how & 1, how & 2, value))
		x->result = H_NOT_FOUND;
	else
		forget(place);
}

/* One of the four requests. Returns whether the kernel looks at the next one. */
static bool make_request(struct step *s, struct expectation *x, int i, bool more)
{
	int place;
	u64 index = some_index(&place), flags = below(3), type = 1, value = 0;

	if (one_in(30))
		flags = 3;
	if (one_in(20))
		type = one_in(2) ? 0 : 2;
	else if (one_in(15))
		type = 3;
	if (flags == 1)
		value = some_condition(place);
	else if (flags == 2)
		value = some_avpn(place);
	s->in[1 + 2 * i] = (type << 6 | flags) << 56 | index;
	s->in[2 + 2 * i] = value;
	if (!more || type == 3)
		return false;
	if (type != 1 || flags == 3 || place < 0) {
		x->bulk[i] = 0xa0 | flags;
		x->result = H_PARAMETER;
		return false;
	}
	if (!matches(place, flags == 2, flags == 1, value)) {
		x->bulk[i] = 0x90 | flags;
		return true;
	}
	x->bulk[i] = 0x80 | flags;
	forget(place);
	return true;
}

static void make_bulk(struct step *s, struct expectation *x)
{
	bool more = true;

	s->in[0] = H_BULK_REMOVE;
	for (int i = 0; i < 4; i++)
		more = make_request(s, x, i, more);
}

static void make_protect(struct step *s, struct expectation *x)
{
	int place;
	u64 index = some_index(&place), avpn = 0, bits = below(4), flags;

	if (one_in(4))
		bits |= 0x100;		/* PP0 */
	if (one_in(4))
		bits |= HPTE_N;
	if (one_in(6))
		bits |= below(2) << 12 | below(8) << 9;
	flags = bits | local_flag(place, s->owner);
	if (!one_in(3)) {
		flags |= H_AVPN;
		avpn = some_avpn(place);
	}
	memcpy(s->in, (u64[]){ H_PROTECT, flags, index, avpn }, 4 * sizeof(u64));
	if (place < 0) {
		x->result = H_PARAMETER;
	} else if (!matches(place, flags & H_AVPN, false, avpn)) {
		x->result = H_NOT_FOUND;
	} else {
		pool[place].r &= ~PROTECT_MASK;
		pool[place].r |= (bits & (HPTE_PP | HPTE_N | 7ULL << 9)) | (bits & 0x100 ? HPTE_PP0 : 0) |
				 (bits & 0x3000) << 48;
	}
}

static void make_read(struct step *s, struct expectation *x)
{
	int place;
	u64 index = some_index(&place), flags = one_in(3) ? H_READ_4 : 0;

	memcpy(s->in, (u64[]){ H_READ, flags, index }, 3 * sizeof(u64));
	if (place < 0)
		x->result = H_PARAMETER;
	else if (flags)
		tally[T_READ_4]++;
}

static void make_clear(struct step *s, struct expectation *x, u64 nr)
{
	int place;
	u64 index = some_index(&place);

	memcpy(s->in, (u64[]){ nr, 0, index }, 3 * sizeof(u64));
	if (place < 0)
		x->result = H_PARAMETER;
	else if (!pool[place].valid)
		x->result = H_NOT_FOUND;
}

static int free_places(int place)
{
	int n = 0;

	place -= place % HPTES_PER_GROUP;
	for (int i = 0; i < HPTES_PER_GROUP; i++)
		n += !pool[place + i].valid;
	return n;
}

/* Where the kernel puts an entry: @place itself if @exact, or the first free one of its group; -1: full */
static int place_for(int place, bool exact)
{
	if (exact)
		return pool[place].valid ? -1 : place;
	place -= place % HPTES_PER_GROUP;
	for (int i = 0; i < HPTES_PER_GROUP; i++)
		if (!pool[place + i].valid)
			return place + i;
	return -1;
}

static u64 some_r(u64 gpa)
{
	u64 r = gpa | (one_in(5) ? below(4) : HPTE_RW) | HPTE_COHERENT;

	if (one_in(10))
		r |= HPTE_PP0 | HPTE_RW;
	if (one_in(6))
		r |= HPTE_N;
	if (one_in(3))
		r |= below(4) * HPTE_C;		/* R and C */
	if (one_in(8))
		r |= below(2) << 60 | below(8) << 9;
	return one_in(12) ? (r | HPTE_GUARDED) : r;
}

static u64 some_unit(bool large)
{
	u64 unit = UNITS_KEPT + below(NR_UNITS - UNITS_KEPT);

	return large ? unit & ~0xfULL : unit;
}

static bool in_slot(u64 gpa)
{
	return gpa >= DATA_GPA && gpa < DATA_GPA + DATA_BYTES;
}

static u64 unit_of(u64 gpa)
{
	return (gpa - DATA_GPA) / UNIT;
}

static u64 entry_gpa(u64 v, u64 r)
{
	return r & 0x0ffffffffffff000ULL & (v & HPTE_LARGE ? ~0xffffULL : ~0ULL);
}

/* An entry for @page, or one that nobody touches, of the same group. */
static void make_entry(const struct page *page, bool touchable, u64 *v, u64 *r)
{
	bool large = segs[page->seg].large;
	u64 gpa = one_in(6) ? MMIO_GPA + below(64) * 0x10000 : DATA_GPA + some_unit(large) * UNIT;

	/* Such an entry of a 4K host is always refused: not too often. */
	if (large && page_size == UNIT && !one_in(8))
		gpa = MMIO_GPA + below(64) * 0x10000;
	*v = page->v | (one_in(3) ? below(4) * 8 : 0) | (one_in(8) ? HPTE_VALID | V_LOCK | V_ABSENT : 0);
	*r = some_r(gpa) | (large ? LP_64K : 0);
	if (large)
		tally[T_LARGE]++;
	if (!touchable)
		*v = (*v & ~AVPN_MASK) | (*v & HPTE_1T) | (0x5a5ULL + below(64)) << 36 | below(4) << 52;
}

static void spoil_entry(u64 *v, u64 *r)
{
	switch (below(3)) {
	case 0:
		*v |= 1ULL << 63;
		break;
	case 1:
		*v |= HPTE_LARGE;
		*r = (*r & ~0xff000ULL) | LP_NONE;
		break;
	default:
		/* 16M do not fit into the slot. */
		*v |= HPTE_LARGE;
		*r = DATA_GPA | LP_16M | HPTE_COHERENT | HPTE_RW;
	}
}

static void make_enter(struct step *s, struct expectation *x)
{
	int i = below(npages), place, to;
	const struct page *page = &pages[i];
	bool exact, second = one_in(4), spoiled = one_in(25), beyond = one_in(25);
	bool touchable = page->place < 0 && !one_in(12), large = segs[page->seg].large;
	u64 v, r;

	make_entry(page, touchable, &v, &r);
	if (second)
		v |= HPTE_SECONDARY;
	if (spoiled)
		spoil_entry(&v, &r);
	place = (second ? POOL_SIZE / 2 : 0) + page->group * HPTES_PER_GROUP + below(HPTES_PER_GROUP);
	/*
	 * KVM passes over a free entry when an interrupt comes between ldarx and stdcx.,
	 * by chance: only one that is free is always found.
	 */
	exact = free_places(place) > 1 || one_in(4);
	memcpy(s->in, (u64[]){ H_ENTER, exact ? H_EXACT : 0, beyond ? out_of_range() : index_of(place), v, r },
	       5 * sizeof(u64));
	if (spoiled || beyond || (large && page_size == UNIT && in_slot(entry_gpa(v, r)))) {
		x->result = H_PARAMETER;
		return;
	}
	to = place_for(place, exact);
	if (to < 0) {
		x->result = H_PTEG_FULL;
		return;
	}
	x->word_known = true;
	x->word = index_of(to);
	pool[to] = (struct entry){
		.v = v & V_KEPT & ~(V_LOCK | V_ABSENT | HPTE_VALID), .r = r, .valid = true, .page = touchable ? i : -1,
	};
	pool[to].resident = in_slot(entry_gpa(v, r)) && host_page_of[unit_of(entry_gpa(v, r))] != DROPPED;
	if (touchable)
		pages[i].place = to;
}

static void make_hcall(struct step *s, struct expectation *x)
{
	u64 n = below(100);

	s->kind = STEP_HCALL;
	x->result_known = true;
	if (n < 40)
		make_enter(s, x);
	else if (n < 55)
		make_remove(s, x);
	else if (n < 63)
		make_bulk(s, x);
	else if (n < 79)
		make_protect(s, x);
	else if (n < 87)
		make_read(s, x);
	else
		make_clear(s, x, n & 1 ? H_CLEAR_REF : H_CLEAR_MOD);
}

/* Touches */

/* KVM and the hardware need not agree on a reserved protection, and a guest could fault there for ever. */
static bool may_touch(const struct page *page, u64 owner)
{
	const struct entry *e = &pool[page->place];

	if (page->user != EVERYBODY && page->user != owner)
		return false;
	if (page->place < 0 || !(e->r & HPTE_PP0))
		return true;
	return (e->r & HPTE_PP) == HPTE_RW && !segs[page->seg].key;
}

static bool allowed(const struct entry *e, bool key, bool store)
{
	u64 pp = e->r & HPTE_PP;

	if (e->r & HPTE_PP0)
		return !store;
	if (key)
		return store ? pp == 2 : pp != 0;
	return !store || pp != 3;
}

/* The host takes the page that @unit is in away from the guest. */
static void unmap_host_page(u64 unit)
{
	u64 count = page_size / UNIT, first = unit - unit % count;

	for (int place = 0; place < POOL_SIZE; place++) {
		struct entry *e = &pool[place];
		u64 gpa = entry_gpa(e->v, e->r);

		if (in_slot(gpa) && unit_of(gpa) >= first && unit_of(gpa) < first + count)
			e->resident = false;
	}
}

/* A load or store, of the guest or the host. */
static void use_host_page(u64 unit, bool store)
{
	u64 count = page_size / UNIT, first = unit - unit % count;

	if (host_page_of[unit] == OWN || (!store && host_page_of[unit] == ZEROS))
		return;
	/* The page of zeros goes, and one of its own comes. */
	if (host_page_of[unit] == ZEROS)
		unmap_host_page(unit);
	for (u64 i = first; i < first + count; i++)
		host_page_of[i] = store ? OWN : ZEROS;
}

static void touch_entry(struct step *s, struct expectation *x, const struct page *page)
{
	struct entry *e = &pool[page->place];
	bool key = segs[page->seg].key, store = s->kind == STEP_STORE;
	u64 gpa = entry_gpa(e->v, e->r);

	x->result_known = true;
	x->result = !allowed(e, key, store);
	if (x->result)
		return;
	x->word_known = !store;
	if (!in_slot(gpa)) {
		x->word = mmio_word(gpa + TOUCH_OFFSET);
		return;
	}
	use_host_page(unit_of(gpa), store);
	if (store)
		words[unit_of(gpa)] = s->in[1];
	x->word = words[unit_of(gpa)];
	e->resident = true;
	e->unsure = false;
}

static void make_touch(struct step *s, struct expectation *x)
{
	const struct page *page;

	do {
		page = &pages[below(npages)];
	} while (!may_touch(page, s->owner) || (page->place < 0 && !one_in(6)));
	s->kind = one_in(2) ? STEP_LOAD : STEP_STORE;
	s->in[0] = page->ea + TOUCH_OFFSET;
	if (s->kind == STEP_STORE)
		s->in[1] = next_word++;
	if (page->place >= 0) {
		touch_entry(s, x, page);
		return;
	}
	x->result_known = true;
	x->result = true;
}

/* The host */

static void drop(u64 host_page)
{
	u64 first = host_page * page_size / UNIT, count = page_size / UNIT;

	for (u64 i = first; i < first + count; i++) {
		words[i] = 0;
		host_page_of[i] = DROPPED;
	}
	unmap_host_page(first);
}

/* A new page is a VMA of its own for a moment: when the kernel splits the old one, it may unmap 2M around it. */
static void replace_page(u64 host_page)
{
	for (int place = 0; place < POOL_SIZE; place++)
		pool[place].unsure = pool[place].resident || pool[place].unsure;
	drop(host_page);
}

static void make_host_op(struct step *s)
{
	u64 kept = UNITS_KEPT * UNIT / page_size, unit;
	u64 host_page = kept + below(DATA_BYTES / page_size - kept);

	s->owner = OWNER_HOST;
	s->in[0] = below(4);
	s->in[1] = host_page;
	switch (s->in[0]) {
	case HOST_DROP:
		drop(host_page);
		break;
	case HOST_REPLACE:
		replace_page(host_page);
		break;
	case HOST_STORE:
		unit = host_page * page_size / UNIT;
		s->in[2] = next_word++;
		words[unit] = s->in[2];
		use_host_page(unit, true);
		break;
	}
	tally[T_HOST_OPS]++;
}

static u64 next_owner(void)
{
	if (!run_left) {
		run_left = 1 + below(MAX_RUN);
		run_owner = below(nvcpus);
	}
	run_left--;
	return run_owner;
}

u64 steps_make(struct step *steps, struct expectation *expect)
{
	u64 hcalls = 0;

	memset(steps, 0, NR_STEPS * sizeof(*steps));
	memset(expect, 0, NR_STEPS * sizeof(*expect));
	for (u64 i = 0; i < NR_STEPS - 1; i++) {
		struct step *s = &steps[i];

		if (hcalls == hcalls_left || (paging && one_in(20))) {
			s->owner = OWNER_HOST;
			s->in[0] = HOST_NOTHING;
			if (hcalls < hcalls_left)
				make_host_op(s);
			continue;
		}
		s->owner = next_owner();
		if (one_in(4)) {
			make_touch(s, &expect[i]);
			continue;
		}
		make_hcall(s, &expect[i]);
		hcalls++;
	}
	steps[NR_STEPS - 1].owner = OWNER_HOST;
	hcalls_left -= hcalls;
	return hcalls;
}

/* The race: each page keeps its address, so that what a load finds is known without a model. */

static u64 race_gpa(const struct page *page)
{
	u64 i = page - pages;

	return segs[page->seg].large ? MMIO_GPA + i * 0x10000 : DATA_GPA + (UNITS_KEPT + i) * UNIT;
}

u64 race_word(u64 ea)
{
	for (int i = 0; i < npages; i++) {
		u64 gpa = race_gpa(&pages[i]);

		if (pages[i].ea + TOUCH_OFFSET == ea)
			return in_slot(gpa) ? words[unit_of(gpa)] : mmio_word(gpa + TOUCH_OFFSET);
	}
	return 0;
}

static void race_hcall(struct step *s)
{
	const struct page *page = &pages[below(npages)];
	bool second = one_in(4);
	u64 place = (second ? POOL_SIZE / 2 : 0) + page->group * HPTES_PER_GROUP + below(HPTES_PER_GROUP);
	u64 n = below(100), index = index_of(place), v = page->v | (second ? HPTE_SECONDARY : 0);

	s->in[2] = index;
	if (n < 40) {
		s->in[0] = H_ENTER;
		s->in[1] = one_in(2) ? H_EXACT : 0;
		s->in[3] = v;
		s->in[4] = race_gpa(page) | HPTE_COHERENT | HPTE_RW | (segs[page->seg].large ? LP_64K : 0);
	} else if (n < 55) {
		s->in[0] = H_REMOVE;
		s->in[1] = one_in(3) ? H_AVPN : 0;
		s->in[3] = v & AVPN_MASK;
	} else if (n < 65) {
		s->in[0] = H_BULK_REMOVE;
		for (int i = 0; i < 4; i++) {
			s->in[1 + 2 * i] = 0x40ULL << 56 | index_of(below(POOL_SIZE));
			s->in[2 + 2 * i] = 0;
		}
	} else if (n < 80) {
		s->in[0] = H_PROTECT;
		s->in[1] = one_in(2) ? HPTE_RW : HPTE_RO;
	} else {
		s->in[0] = n < 86 ? H_READ : n & 1 ? H_CLEAR_REF : H_CLEAR_MOD;
	}
}

void steps_race(struct step *steps, u64 count, u64 owner)
{
	memset(steps, 0, count * sizeof(*steps));
	for (u64 i = 0; i < count; i++) {
		struct step *s = &steps[i];
		const struct page *page = &pages[below(npages)];

		s->owner = owner;
		if (!one_in(4)) {
			race_hcall(s);
			continue;
		}
		s->kind = one_in(2) ? STEP_LOAD : STEP_STORE;
		s->in[0] = page->ea + TOUCH_OFFSET;
		if (s->kind == STEP_STORE)
			s->in[1] = race_word(s->in[0]);
	}
}

u64 steps_sweep(struct step *steps, u64 count, u64 first)
{
	u64 n = 0;

	/* vCPU 0 waits among them. */
	if (first >= POOL_SIZE)
		return 0;
	memset(steps, 0, count * sizeof(*steps));
	for (; n < count && first + n < POOL_SIZE; n++)
		memcpy(steps[n].in, (u64[]){ H_REMOVE, 0, index_of(first + n) }, 3 * sizeof(u64));
	return n;
}
