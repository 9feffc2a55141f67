// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translations: what TLBs and ERATs hold, who may still use it, and the
 * executors of src/core/env.h.
 *
 * A PTE is a stamp, new with every change, and a valid bit; a cached
 * translation is the stamp of the PTE it came from. When an invalidation
 * returns to its caller, translations older than the change are dead. It is a
 * hazard when a thread that has the guest's context loaded can reach a dead one
 * (invariants 1, 2, 6 and 7): the page may have been freed, the store may miss
 * the dirty log.
 *
 * In the process scope the guest invalidates for itself, and only use counts.
 * Process-scope entries of the ERAT are not modelled: stock leaves those of a
 * core's other threads alone, on every move between threads.
 *
 * The page walk cache keeps a radix guest's upper table pages: a walk through one that has been given back is a hazard. A
 * walk may be under way: it has read the PTE and fills the TLB some time later, unless a ptesync of this CPU, a broadcast or
 * another LPID comes before. While a thread flushes an LPID that LPID is in its LPIDR, and it may speculate with it.
 * A store of a hash guest sets C some time later, at the latest at a ptesync of this CPU or a broadcast.
 *
 * Pages have one size.
 *
 * A core may keep for a radix guest what it has combined of both scopes, an effective address with the
 * host's page. An invalidation of a page in the partition scope takes that too, wherever the page is named; one by
 * congruence class does so in the process scope only (KHT_MUT_NO_COMBINED).
 *
 * A hash guest has one scope. Its RB names a page here, so its HPTE of a page is that
 * page's PTE. What the host takes is dead as above, whatever the guest has said and
 * done; what the guest itself removes is judged by use, and of an honest guest only.
 */
#include <string.h>
#include "guest.h"

#define CHANGES	16u

/* PTEs that walks may still find as they were: a ptesync has not followed. */
static struct { const u64 *entry; u64 old; } changes[CHANGES];

static u64 last_stamp;
static u64 dead[LPIDS][PAGES], proc_dead_before[LPIDS][PROCS];
static u64 removed_before[LPIDS][PAGES];	/* hash: by the guest itself */
static u64 tlb[MAX_CPUS][LPIDS][PAGES];		/* by TLB; 0: no entry */
static u64 erat[MAX_CPUS][LPIDS][PAGES];	/* by CPU */
static u64 proc_tlb[MAX_CPUS][LPIDS][PROCS];	/* by TLB */
static u64 walk_cache[MAX_CPUS][LPIDS];		/* by TLB: the root's stamp */
static u64 table_dead_before[LPIDS];
static u64 combined[MAX_CPUS][LPIDS][PROCS][PAGES];	/* by TLB: the partition scope's stamps */

/* The one of @entry, or one that is free. */
static unsigned int change_of(const u64 *entry)
{
	unsigned int i, unused = CHANGES;

	for (i = 0; i < CHANGES && changes[i].entry != entry; i++)
		if (!changes[i].entry)
			unused = i;
	return i < CHANGES ? i : unused;
}

void set_pte(u64 *entry, u64 word)
{
	unsigned int i = change_of(entry);

	if (i < CHANGES && !changes[i].entry) {
		changes[i].entry = entry;
		changes[i].old = *entry;
	}
	kht_store(entry, word);
}

/* What a walk by @c reads. */
static u64 walk(const struct cpu *c, const u64 *entry)
{
	unsigned int i = change_of(entry);

	if (i < CHANGES && changes[i].entry && chance(2))
		return changes[i].old;
	return read_by(c, entry, sizeof(*entry));
}

/*
 * Table walks find what this CPU has changed, and what it has seen others change: all that has left their
 * buffers. The latter is more than it may have seen.
 */
void sim_ptesync(void)
{
	struct cpu *c;
	unsigned int i;

	sim_fence();
	c = this_cpu();
	if (!c)
		return;
	c->walk.found = 0;
	memset(c->sets_c, 0, sizeof(c->sets_c));
	for (i = 0; i < CHANGES; i++) {
		if (!changes[i].entry)
			continue;
		changes[i].old = read_by(c, changes[i].entry, sizeof(u64));
		if (changes[i].old == *changes[i].entry)
			changes[i].entry = NULL;
	}
}

void sim_pte_fence(void)
{
	if (kht_mutant_now == SIM_MUT_NO_PTE_FENCE)
		sim_fence();
	else
		sim_ptesync();
}

struct pte pte_of(u64 word)
{
	return (struct pte){ .stamp = word >> 1, .valid = word & 1 };
}

u64 pte_word(u64 stamp, bool valid)
{
	return stamp << 1 | valid;
}

u64 new_stamp(void)
{
	return ++last_stamp;
}

u64 gpa(unsigned int page)
{
	return (u64)page << PAGE_SHIFT;
}

struct kht_core siblings_of(unsigned int cpu)
{
	unsigned int step = shape.interleaved ? shape.cores : 1;
	unsigned int first = shape.interleaved ? cpu % shape.cores : cpu / shape.threads * shape.threads;

	return (struct kht_core){ first, first + (shape.threads - 1) * step, step, false };
}

/* Those that share its TLB. */
struct kht_core core_of(unsigned int cpu)
{
	return shape.share ? siblings_of(cpu) : (struct kht_core){ cpu, cpu, 1, false };
}

void tlb_reset(void)
{
	last_stamp = 1;		/* 1 is garbage: dead in every guest */
	memset(changes, 0, sizeof(changes));
	memset(dead, 0, sizeof(dead));
	memset(proc_dead_before, 0, sizeof(proc_dead_before));
	memset(removed_before, 0, sizeof(removed_before));
	memset(tlb, 0, sizeof(tlb));
	memset(erat, 0, sizeof(erat));
	memset(proc_tlb, 0, sizeof(proc_tlb));
	memset(combined, 0, sizeof(combined));
	memset(walk_cache, 0, sizeof(walk_cache));
	memset(table_dead_before, 0, sizeof(table_dead_before));
}

static void check_combined(const struct cpu *c, u32 lpid, unsigned int page, const char *when)
{
	unsigned int proc;
	u64 t;

	for (proc = 0; proc < PROCS && !lpid_is_hash(lpid); proc++) {
		t = combined[c->tlb][lpid][proc][page];
		if (t && t < dead[lpid][page])
			hazard("%s: CPU %u reaches page %u of LPID %u through what is combined, dead since change %llu",
			       when, c->nr, page, lpid, (unsigned long long)dead[lpid][page]);
	}
}

static void check_page(const struct cpu *c, u32 lpid, unsigned int page, const char *when)
{
	u64 limit = dead[lpid][page];
	u64 t = tlb[c->tlb][lpid][page], e = erat[c->nr][lpid][page];

	if ((t && t < limit) || (e && e < limit))
		hazard("%s: CPU %u reaches page %u of LPID %u through its %s, dead since change %llu",
		       when, c->nr, page, lpid, t && t < limit ? "TLB" : "ERAT",
		       (unsigned long long)limit);
	check_combined(c, lpid, page, when);
}

/* Nothing dead is in reach of @c. */
void tlb_check(struct cpu *c, const char *when)
{
	unsigned int page;

	for (page = 0; c->context && page < PAGES; page++)
		check_page(c, c->context, page, when);
}

/* An invalidation of @page has returned: what is older than @stamp is dead. */
void tlb_dead(u32 lpid, unsigned int page, u64 stamp)
{
	unsigned int i;

	if (dead[lpid][page] >= stamp)
		return;
	dead[lpid][page] = stamp;
	for (i = 0; i < nr_cpus; i++) {
		if (cpus[i].context == lpid && !cpus[i].borrowed)
			check_page(&cpus[i], lpid, page, "after return");
		if (cpus[i].lingers == lpid && cpus[i].used[page] && cpus[i].used[page] < stamp)
			hazard("after return: the last accesses of CPU %u to page %u of LPID %u are not over", i, page, lpid);
	}
}

void tlb_load_context(struct cpu *c, u32 lpid, const u64 *tables)
{
	c->context = lpid;
	c->tables = tables;
	accesses_over(c);
}

/* The accesses that this CPU has made of late are over when something orders them: a release at least. */
void tlb_unload_context(struct cpu *c)
{
	c->lingers = c->context;
	c->walk.found = 0;
	c->context = 0;
	c->tables = NULL;
	c->users = NULL;
}

static struct guest *guest_with(u32 lpid)
{
	unsigned int i;

	for (i = 0; i < GUESTS; i++)
		if (guests[i].lpid == lpid)
			return &guests[i];
	return NULL;
}

/* An invalidation of the LPID has returned: table pages older than @stamp are the host's again. */
void table_dead(u32 lpid, u64 stamp)
{
	table_dead_before[lpid] = stamp;
}

/* What a walk finds; 0: nothing. Through a page that is another's by now it finds anything. */
static u64 found_by_walk(struct cpu *c, unsigned int page)
{
	u64 *cached = &walk_cache[c->tlb][c->context];
	const struct guest *g = guest_with(c->context);
	struct pte pte;

	if (g && !g->hash) {
		if (!*cached)
			*cached = g->root;
		if (*cached < table_dead_before[c->context]) {
			if (!c->borrowed)
				hazard("CPU %u walks through a table page that LPID %u has no more", c->nr, c->context);
			return 1;
		}
	}
	pte = pte_of(walk(c, &c->tables[page]));
	return pte.valid ? pte.stamp : 0;
}

/* A translation of @page for @c, from the ERAT, the TLB or the tables; false: fault. */
static bool translate(struct cpu *c, unsigned int page)
{
	u64 *e = &erat[c->nr][c->context][page], *t = &tlb[c->tlb][c->context][page];

	if (*e)
		return true;
	if (!*t)
		*t = found_by_walk(c, page);
	if (!*t)
		return false;
	*e = *t;
	return true;
}

/* The change of the PTE that an access of @c to the page uses. */
u64 translation(const struct cpu *c, unsigned int page)
{
	return erat[c->nr][c->context][page];
}

static void combine(struct cpu *c, unsigned int page, unsigned int proc)
{
	u64 *t = &combined[c->tlb][c->context][proc][page];

	if (!*t && !lpid_is_hash(c->context))
		*t = tlb[c->tlb][c->context][page];
}

bool tlb_touch(struct cpu *c, unsigned int page)
{
	events.touches++;
	if (!translate(c, page))
		return false;
	c->used[page] = translation(c, page);
	check_page(c, c->context, page, "access");
	return true;
}

/* The guest has removed the HPTE, in whatever way, and the hcall is over. */
void hpte_removed(u32 lpid, unsigned int page, u64 stamp)
{
	if (removed_before[lpid][page] < stamp)
		removed_before[lpid][page] = stamp;
}

/* An access of a hash guest; false: fault. */
bool hpte_touch(struct cpu *c, unsigned int page)
{
	if (!tlb_touch(c, page))
		return false;
	events.hash_touches++;
	if (c->users && erat[c->nr][c->context][page] < removed_before[c->context][page])
		hazard("CPU %u uses page %u of hash guest %u, removed by the guest itself", c->nr, page,
		       c->context);
	return true;
}

/*
 * Where a thread's context has mappings of its own only, it speculates through those only. In hypervisor state
 * there are quadrants for radix guests, and nothing that translates by a hash guest's LPID.
 */
static bool may_speculate(const struct cpu *c, unsigned int page)
{
	if (c->borrowed && lpid_is_hash(c->context))
		return false;
	return c->context && (!c->users || c->users[page] & c->user);
}

/* A walk begins, or the one that is under way ends. */
static void walk_on(struct cpu *c, unsigned int page)
{
	u64 *t;

	if (!c->walk.found) {
		c->walk.lpid = c->context;
		c->walk.page = page;
		c->walk.found = found_by_walk(c, page);
		return;
	}
	t = &tlb[c->tlb][c->walk.lpid][c->walk.page];
	if (!*t)
		*t = c->walk.found;
	c->walk.found = 0;
}

/* The guest has stored to the page through a translation without C. */
void c_bit_to_set(struct cpu *c, unsigned int page)
{
	if (c->sets_c_of != c->context)
		memset(c->sets_c, 0, sizeof(c->sets_c));
	c->sets_c_of = c->context;
	c->sets_c[page] = translation(c, page);
}

/* Who has invalidated the page reads C now. */
void c_bit_read(u32 lpid, unsigned int page, u64 stamp)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++)
		if (cpus[i].sets_c_of == lpid && cpus[i].sets_c[page] && cpus[i].sets_c[page] < stamp)
			hazard("C of page %u of hash guest %u is read before CPU %u has set it", page, lpid, i);
}

/* A loaded context may be used speculatively at any time; entries may be replaced. */
void tlb_noise(struct cpu *c)
{
	unsigned int page = chance(PAGES);

	if (may_speculate(c, page) && !chance(4) && translate(c, page))
		combine(c, page, chance(PROCS));
	if (may_speculate(c, page) && !chance(4))
		walk_on(c, page);
	if (!chance(64))
		c->sets_c[page] = 0;
	if (!chance(64))
		erat[c->nr][chance(LPIDS)][page] = 0;
	if (!chance(256))
		tlb[c->tlb][chance(LPIDS)][page] = 0;
}

/*
 * @c is switched on: what it keeps of @lpid may be anything. @alone: nobody else uses its TLB, so that may have
 * been off as well.
 */
void tlb_garbage(struct cpu *c, u32 lpid, bool alone)
{
	events.garbage++;
	erat[c->nr][lpid][chance(PAGES)] = 1;
	if (!alone)
		return;
	tlb[c->tlb][lpid][chance(PAGES)] = 1;
	walk_cache[c->tlb][lpid] = 1;
	proc_tlb[c->tlb][lpid][chance(PROCS)] = 1;
	combined[c->tlb][lpid][chance(PROCS)][chance(PAGES)] = 1;
}

/* Process scope */

void proc_touch(struct cpu *c, unsigned int proc, u64 table)
{
	u64 *t = &proc_tlb[c->tlb][c->context][proc];

	if (!*t)
		*t = table;
	if (*t < proc_dead_before[c->context][proc])
		hazard("CPU %u uses process %u of LPID %u, invalidated by the guest itself",
		       c->nr, proc, c->context);
}

void proc_dead(u32 lpid, unsigned int proc, u64 stamp)
{
	proc_dead_before[lpid][proc] = stamp;
}

void proc_drop_local(struct cpu *c, u32 lpid, unsigned int proc)
{
	proc_tlb[c->tlb][lpid][proc] = 0;
	memset(combined[c->tlb][lpid][proc], 0, sizeof(combined[0][0][0]));
}

void proc_drop_everywhere(u32 lpid, unsigned int proc)
{
	unsigned int i;

	for (i = 0; i < nr_cpus; i++)
		proc_drop_local(&cpus[i], lpid, proc);
}

void proc_flush_local(struct cpu *c, u32 lpid)
{
	memset(proc_tlb[c->tlb][lpid], 0, sizeof(proc_tlb[0][0]));
	memset(combined[c->tlb][lpid], 0, sizeof(combined[0][0]));
}

/* Executors */

/* Executors of the one kind of guest do nothing for the other. */
static void require_kind(u32 lpid, bool hash)
{
	if (lpid_is_hash(lpid) != hash)
		hazard("LPID %u is flushed locally as a %s guest", lpid, hash ? "hash" : "radix");
}

void erat_clear(struct cpu *c, u32 lpid)
{
	memset(erat[c->nr][lpid], 0, sizeof(erat[0][0]));
}

/* From here to finish_local() the LPID is in LPIDR, with interrupts off. */
static void begin_local(u32 lpid)
{
	struct cpu *c = this_cpu();
	const struct guest *g = guest_with(lpid);

	irq_off();
	sim_ptesync();
	c->before.context = c->context;
	c->before.tables = c->tables;
	tlb_load_context(c, g ? lpid : 0, g ? g->tables : NULL);
	c->borrowed = true;
	if (kht_mutant_now == SIM_MUT_ERAT_FIRST)
		erat_clear(c, lpid);
}

static void finish_local(u32 lpid)
{
	struct cpu *c = this_cpu();

	yield();
	sim_ptesync();
	if (kht_mutant_now != SIM_MUT_ERAT_FIRST)
		erat_clear(c, lpid);
	tlb_unload_context(c);
	tlb_load_context(c, c->before.context, c->before.tables);
	c->borrowed = false;
	irq_on();
}

static void drop_combined(const struct cpu *c, u32 lpid, unsigned int page)
{
	unsigned int proc;

	for (proc = 0; proc < PROCS; proc++)
		combined[c->tlb][lpid][proc][page] = 0;
}

static void drop_locally(u32 lpid, unsigned int page)
{
	yield();
	tlb[this_cpu()->tlb][lpid][page] = 0;
}

/* With it go the walks under way that have used it. */
static void drop_walk_cache(const struct cpu *c, u32 lpid)
{
	unsigned int i;

	walk_cache[c->tlb][lpid] = 0;
	for (i = 0; i < nr_cpus; i++)
		if (cpus[i].tlb == c->tlb && cpus[i].walk.lpid == lpid)
			cpus[i].walk.found = 0;
}

/* Every congruence class, with PRS=0, and of a radix guest with PRS=1 then. */
static void flush_locally(u32 lpid)
{
	bool late = kht_mutant_now == SIM_MUT_WALK_CACHE_LAST;
	unsigned int page;

	begin_local(lpid);
	for (page = 0; page < PAGES; page++) {
		drop_locally(lpid, page);
		/* With the first class, by RIC=2. */
		if (!late && page == 0)
			drop_walk_cache(this_cpu(), lpid);
	}
	if (late)
		drop_walk_cache(this_cpu(), lpid);
	if (kht_mutant_now != KHT_MUT_NO_COMBINED)
		proc_flush_local(this_cpu(), lpid);
	finish_local(lpid);
}

static void replay_locally(u32 lpid, const u64 *pages, u32 n)
{
	begin_local(lpid);
	while (n--) {
		drop_locally(lpid, kht_page_gpa(pages[n]) >> PAGE_SHIFT);
		drop_combined(this_cpu(), lpid, kht_page_gpa(pages[n]) >> PAGE_SHIFT);
	}
	finish_local(lpid);
}

static void sync_locally(u32 lpid)
{
	begin_local(lpid);
	finish_local(lpid);
}

void kht_local_flush(u32 lpid)
{
	events.flushes++;
	require_kind(lpid, false);
	flush_locally(lpid);
}

void kht_local_pages(u32 lpid, const u64 *pages, u32 n)
{
	events.replays++;
	require_kind(lpid, false);
	replay_locally(lpid, pages, n);
}

void kht_local_flush_process(u32 lpid)
{
	events.process_flushes++;
	require_kind(lpid, false);
	begin_local(lpid);
	yield();
	proc_flush_local(this_cpu(), lpid);
	finish_local(lpid);
}

void kht_local_sync(u32 lpid)
{
	events.syncs++;
	require_kind(lpid, false);
	sync_locally(lpid);
}

/* Stock's flush_guest_tlb() of a hash guest: half of the congruence classes, where it has those of radix. */
void hash_flush_local(struct cpu *c, u32 lpid, bool all_sets)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++)
		if (all_sets || page % 2)
			tlb[c->tlb][lpid][page] = 0;
	erat_clear(c, lpid);
}

void kht_hash_local_flush(u32 lpid)
{
	events.hash_flushes++;
	require_kind(lpid, true);
	flush_locally(lpid);
}

/* Of every guest of the one kind. The ERAT has no kind. */
static void flush_kind(bool hash)
{
	struct cpu *c = this_cpu();
	u32 lpid;

	sim_ptesync();
	for (lpid = 1; lpid < LPIDS; lpid++) {
		yield();
		erat_clear(c, lpid);
		if (lpid_is_hash(lpid) != hash)
			continue;
		memset(tlb[c->tlb][lpid], 0, sizeof(tlb[0][0]));
		drop_walk_cache(c, lpid);
		proc_flush_local(c, lpid);
	}
	sim_ptesync();
}

void kht_local_flush_all(void)
{
	events.arrivals++;
	flush_kind(false);
}

void kht_hash_local_flush_all(void)
{
	flush_kind(true);
}

void kht_hash_local_pages(u32 lpid, const u64 *rbs, u32 n)
{
	events.hash_replays++;
	require_kind(lpid, true);
	replay_locally(lpid, rbs, n);
}

void kht_hash_local_sync(u32 lpid)
{
	events.hash_syncs++;
	require_kind(lpid, true);
	sync_locally(lpid);
}

/* Complete when every CPU has made the accesses that it had a translation for. */
static void drop_everywhere(u32 lpid, unsigned int first, unsigned int last)
{
	unsigned int i, page;

	sim_ptesync();
	for (i = 0; i < nr_cpus; i++)
		cpus[i].walk.found = 0;
	for (i = 0; i < nr_cpus; i++) {
		yield();
		finish_stores(&cpus[i]);
		accesses_over(&cpus[i]);
		memset(cpus[i].sets_c, 0, sizeof(cpus[i].sets_c));
		if (first != last)
			walk_cache[cpus[i].tlb][lpid] = 0;
		for (page = first; page <= last; page++) {
			tlb[cpus[i].tlb][lpid][page] = erat[i][lpid][page] = 0;
			drop_combined(&cpus[i], lpid, page);
		}
	}
	sim_ptesync();
}

void kht_broadcast_page(u32 lpid, u64 page)
{
	unsigned int n = kht_page_gpa(page) >> PAGE_SHIFT;

	events.page_broadcasts++;
	if (!lpid_is_hash(lpid))
		drop_everywhere(lpid, n, n);
}

void kht_broadcast_lpid(u32 lpid)
{
	events.lpid_broadcasts++;
	if (!lpid_is_hash(lpid))
		drop_everywhere(lpid, 0, PAGES - 1);
}

/* tlbie of hash guests, as the kernel does it. */
void hash_drop_everywhere(u32 lpid, unsigned int first, unsigned int last)
{
	events.hash_pages += first == last;
	events.hash_broadcasts += first != last;
	drop_everywhere(lpid, first, last);
}
