/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger's protocol (src/core/ledger.c, protocol.c), partition scope: CORES cores of two threads, two
 * domains (LPIDs), and every interleaving of threads that enter and leave guests, of those who invalidate, and
 * of a TLB that fills itself whenever it may. The functions have the source's names.
 *
 * A TLB is shared by the threads of a core, an ERAT is a thread's own; both keep entries of a domain that is not
 * running. A cached entry is
 *
 *	NONE	not there
 *	CURRENT	what the PTE says
 *	OLD	the PTE has changed; who changed it has not returned to his caller
 *	DEAD	he has: the page may be another guest's
 *
 * Invariant 1 (and 2, for a thread that is in guest when he returns): nobody in guest has a DEAD entry of that
 * guest's. It is checked where a thread could use one. The LPIDs have belonged to others: at first
 * every entry is DEAD (invariant 5).
 *
 * Everything is sequentially consistent here; what needs a barrier to be so is in litmus/. Mutants, by -D: see the
 * README.
 */

#ifndef CORES
#define CORES		2
#endif
#ifndef THREADS
#define THREADS		(2 * CORES)
#endif
#ifdef APART		/* each thread has a core of its own */
#define core_of(t)	(t)
#define sibling_of(t)	(t)
#else
#define core_of(t)	((t) / 2)
#define sibling_of(t)	((t) ^ 1)
#endif

/* Pages 0 and 1 belong to domain 0, page 2 to domain 1. */
#define PAGES		3
#define domain_of(p)	((p) / 2)
#define first_page(d)	(2 * (d))
#define last_page(d)	(1 + (d))

#ifndef LOG
#define LOG		2	/* log_size */
#endif
#ifndef CEILING
#define CEILING		1
#endif

/* How often each of them invalidates; the threads run for ever. */
#ifndef SINGLES
#define SINGLES		1
#endif
#ifndef BATCHES
#define BATCHES		1
#endif
#ifndef FULLS
#define FULLS		1
#endif

#define NONE	0
#define CURRENT	1
#define OLD	2
#define DEAD	3

byte tlb[CORES * PAGES] = DEAD;
byte erat[THREADS] = DEAD;	/* of page 0; more is more of the same, and of states */
#define tlb_of(t, p)	tlb[core_of(t) * PAGES + (p)]

/* struct kht_ledger, of both domains; full_at is its full. */
byte gen[2] = 1, full_at[2] = 1, covered[2] = 1, credit_from[2] = 1, credit_to[2] = 1;
byte staged[2], staged_full[2];
byte log[2 * LOG];
byte seen[2 * THREADS];
#define log_at(d, g)	log[(d) * LOG + (g) % LOG]
#ifdef STAGED_FORGOTTEN	/* what is staged has taken places of the log */
#define in_log(d)	gen[d]
#else
#define in_log(d)	(gen[d] + staged[d])
#endif
#define seen_by(d, t)	seen[(d) * THREADS + (t)]

/* Scratch of one step; 0 between steps. */
byte ci, ri, bi, li, pi, wi, fi_t, fi_p, best;

byte guest[THREADS];		/* the mark: domain + 1, or 0 */

bool gone;			/* page 1 is unmapped, by a batch that is not over */
byte round;			/* which batch that is */

inline changed(p)
{
	for (ci : 0 .. CORES * PAGES - 1) {
		if :: ci % PAGES == (p) && tlb[ci] == CURRENT -> tlb[ci] = OLD :: else fi
	}
	for (ci : 0 .. THREADS - 1) {
		if :: (p) == 0 && erat[ci] == CURRENT -> erat[ci] = OLD :: else fi
	};
	ci = 0
}

inline returned(p)
{
	for (ri : 0 .. CORES * PAGES - 1) {
		if :: ri % PAGES == (p) && tlb[ri] == OLD -> tlb[ri] = DEAD :: else fi
	}
	for (ri : 0 .. THREADS - 1) {
		if :: (p) == 0 && erat[ri] == OLD -> erat[ri] = DEAD :: else fi
	};
	ri = 0
}

/*
 * A TLB may fill itself from the page tables, an ERAT from the TLB, whenever the domain is loaded: from the mark on.
 * Here they do so at once, since that is the worst they can do. An entry that is there only gets older than
 * one that comes later; it keeps the later one out only as long as it is there itself; and nobody's decision
 * depends on it. So whatever a later fill leads to, this one does.
 */
inline fill()
{
	for (fi_t : 0 .. THREADS - 1) {
		if
		:: guest[fi_t] ->
			for (fi_p : first_page(guest[fi_t] - 1) .. last_page(guest[fi_t] - 1)) {
				if :: tlb_of(fi_t, fi_p) == NONE -> tlb_of(fi_t, fi_p) = CURRENT :: else fi;
				if :: fi_p == 0 && erat[fi_t] == NONE -> erat[fi_t] = tlb_of(fi_t, 0) :: else fi
			}
		:: else
		fi
	};
	fi_t = 0; fi_p = 0
}

inline broadcast_page(p)
{
	for (bi : 0 .. CORES * PAGES - 1) {
		if :: bi % PAGES == (p) -> tlb[bi] = NONE :: else fi
	}
	for (bi : 0 .. THREADS - 1) {
		if :: (p) == 0 -> erat[bi] = NONE :: else fi
	}
	fill();
	bi = 0
}

inline broadcast_lpid(d)
{
	for (li : first_page(d) .. last_page(d)) { broadcast_page(li) };
	li = 0
}

/* Of a thread's core, the pages of the set that are the domain's; and always all of the thread's own ERAT. */
inline local_pages(t, d, set)
{
	for (pi : first_page(d) .. last_page(d)) {
		if :: (set) & (1 << pi) -> tlb_of(t, pi) = NONE :: else fi;
		if :: pi == 0 -> erat[t] = NONE :: else fi
	}
	fill();
	pi = 0
}

#define credited(d, t)	(seen_by(d, t) >= credit_from[d] && seen_by(d, t) < credit_to[d] -> credit_to[d] : seen_by(d, t))

inline stage_page(d, p) { staged[d] = staged[d] + 1; log_at(d, gen[d] + staged[d]) = p }
inline stage_full(d) { staged[d] = staged[d] + 1; staged_full[d] = gen[d] + staged[d] }

inline commit(d)
{
	if :: staged_full[d] -> full_at[d] = staged_full[d] :: else fi;
	gen[d] = gen[d] + staged[d]; staged[d] = 0; staged_full[d] = 0
}

/*
 * OTHERS: any number of other cores, in whatever state. What they do changes nothing here but what a look finds: a
 * thread writes its own mark and seen, no more. So they are what a look may find at any time, and what holds then
 * for the threads of this core holds for those of each.
 */
inline others(result)
{
#ifdef OTHERS
	if :: true :: result = true fi
#else
	skip
#endif
}

/* In one step: what the look finds of one thread says nothing about another. */
inline behind(d, upto, result)
{
	result = false;
	for (wi : 0 .. THREADS - 1) {
		if :: guest[wi] == (d) + 1 && seen_by(d, wi) < (upto) -> result = true :: else fi
	};
	wi = 0
}

inline cover(d, upto)
{
	if :: covered[d] < (upto) -> covered[d] = upto :: else fi
}

inline credit(d, from, upto)
{
	if
	:: (upto) > credit_to[d] ->
		if
		:: (from) > credit_to[d] || (from) < credit_from[d] -> credit_from[d] = from
		:: else
		fi;
#ifdef CREDIT_ALL
		credit_from[d] = 0;
#endif
		credit_to[d] = upto
	:: else
	fi
}

#define NEVER	255	/* above every generation */

/* kht_defer_page(), kht_defer_full(); the caller broadcasts when result is false. */
inline defer(d, p, whole, upto, seen_somebody)
{
	atomic { d_step { behind(d, NEVER, seen_somebody) } others(seen_somebody) }
	if
#ifndef NO_BROADCAST
	:: seen_somebody
#endif
	:: !seen_somebody ->
		d_step {
			if :: whole -> stage_full(d) :: else -> stage_page(d, p) fi;
			commit(d);
			upto = gen[d]
		}
		atomic {
#if defined(LOOK_BEFORE_RAISE) || defined(NO_BROADCAST)
			seen_somebody = false;
#else
			d_step { behind(d, upto, seen_somebody) }
			others(seen_somebody);
#endif
			d_step {
				if :: !seen_somebody -> cover(d, upto) :: else fi;
				upto = 0
			}
		}
#ifdef NO_BROADCAST
	:: seen_somebody -> seen_somebody = false
#endif
	fi
}

/* kht_cover(). page: scratch. */
inline kht_cover(d, from, upto, at, result)
{
	d_step { from = covered[d]; commit(d); upto = gen[d] }
	if
	:: from >= upto
	:: from < upto ->
		atomic { d_step { behind(d, upto, result) } others(result) }
		if
		:: !result
#ifdef NO_BATCH_END
		:: result
#else
		:: result && upto - from <= CEILING ->
			/* broadcast_pages() */
			at = from;
			do
			:: at < upto ->
				d_step {
					if
					:: at + 1 > full_at[d] && gen[d] + staged[d] - at <= LOG ->
						at = at + 1;
						broadcast_page(log_at(d, at))
					:: else ->
						broadcast_lpid(d);
						from = 0; at = upto
					fi;
					ci = 0
				}
			:: at == upto -> break
			od;
			atomic { credit(d, from, upto); at = 0 }
		:: result && upto - from > CEILING ->
			d_step { broadcast_lpid(d) }
			d_step { credit(d, 0, upto) }
#endif
		fi;
		atomic { cover(d, upto) }
	fi;
	atomic { from = 0; upto = 0; at = 0; result = false }
}

/* What a thread does when it enters; need: what kht_owed() says. */
#define NOTHING	0
#define SYNC	1
#define REPLAY	2
#define FLUSH	3

inline owed(t, d, upto, need, set)
{
	upto = gen[d];
	need = NOTHING; set = 0;
#ifndef NO_ENTRY_FLUSH
	best = credited(d, t);
	if
	:: sibling_of(t) < THREADS && credited(d, sibling_of(t)) > best -> best = credited(d, sibling_of(t))
	:: else
	fi;
	if
	:: credited(d, t) >= upto
	:: credited(d, t) < upto && best >= upto -> need = SYNC
#ifdef IGNORE_OVERFLOW
	:: best < upto && best < full_at[d] -> need = FLUSH
	:: best < upto && best >= full_at[d] ->
#else
	:: best < upto && (best < full_at[d] || in_log(d) - best > LOG) -> need = FLUSH
	:: best < upto && best >= full_at[d] && in_log(d) - best <= LOG ->
#endif
		need = REPLAY;
		do
		:: best < gen[d] -> best = best + 1; set = set | (1 << log_at(d, best))
		:: else -> break
		od
	fi;
	best = 0
#endif
}

#define dead(t, p)	(tlb_of(t, p) == DEAD || ((p) == 0 && erat[t] == DEAD))

proctype Thread(byte me)
{
	bit d;
	byte upto, set;
	byte need;

end:	atomic {
#ifdef ONE_DOMAIN
		d = 0;
#else
		if :: d = 0 :: d = 1 fi;
#endif
#ifdef NO_ENTRY_FENCE
		d_step { owed(me, d, upto, need, set) }
#endif
	}
	d_step {
		guest[me] = d + 1;
		fill()
	}
	/* The first comparison and kht_owed() are one step: what they read later they could have read now. */
	atomic {
		if
		:: gen[d] == seen_by(d, me) -> goto in_guest
		:: gen[d] != seen_by(d, me)
		fi;
#ifndef NO_ENTRY_FENCE
		d_step { owed(me, d, upto, need, set) }
#endif
	}
	d_step {
		if
		:: need == FLUSH -> local_pages(me, d, 7)
		:: need == REPLAY -> local_pages(me, d, set)
#ifdef NO_SIBLING_SYNC
		:: need == SYNC
#else
		:: need == SYNC -> local_pages(me, d, 0)
#endif
		:: need == NOTHING
		fi;
		set = 0; need = NOTHING
	}
	d_step {
#ifdef GEN_AFTER_FLUSH
		seen_by(d, me) = gen[d];
#else
		seen_by(d, me) = upto;
#endif
		upto = 0
	}
in_guest: if
	:: atomic { dead(me, first_page(d)) || dead(me, last_page(d)) ->
		printf("ERROR: thread %d uses a dead translation of domain %d\n", me, d);
		assert(false) }
	:: atomic { guest[me] = 0; upto = 0; need = NOTHING; set = 0; d = 0; goto end }
	fi

}

/* kht_on_flush_page(), one page after another, and on return the page is freed. */
proctype Single()
{
	byte n, upto;
	bool broadcast;

	do
	:: atomic { n < SINGLES -> n = n + 1; d_step { changed(0) } }
		defer(0, 0, false, upto, broadcast);
		atomic {
			if :: broadcast -> broadcast_page(0) :: else fi;
			returned(0);
			broadcast = false
		}
	:: atomic { n == SINGLES -> break }
	od
}

/* The same for all of domain 1. */
proctype Full()
{
	byte n, upto;
	bool broadcast;

	do
	:: atomic { n < FULLS -> n = n + 1; d_step { changed(2) } }
		defer(1, 0, true, upto, broadcast);
		d_step {
			if :: broadcast -> broadcast_lpid(1) :: else fi;
			returned(2);
			broadcast = false
		}
	:: atomic { n == FULLS -> break }
	od
}

/* A batch: page 1 is unmapped and absorbed in one section of mmu_lock; the end covers. */
proctype Batch()
{
	byte n, from, upto, at;
	bool result;

	do
	:: atomic { n < BATCHES -> n = n + 1;
		d_step { changed(1); gone = true; stage_page(0, 1) } }
		kht_cover(0, from, upto, at, result);
		d_step { returned(1); gone = false; round = round + 1 }
	:: atomic { n == BATCHES -> break }
	od
}

/* A notifier that finds the PTE of page 1 gone, and whose caller frees the page (invariant 7). */
proctype Notifier()
{
	byte mine, from, upto, at;
	bool result;

	atomic { gone -> mine = round }
#ifndef OTHERS_IGNORE_BATCH
	kht_cover(0, from, upto, at, result);
#endif
	d_step {
		if :: mine == round -> returned(1) :: else fi;
		mine = 0
	}
}

init {
	byte i;
	atomic {
#ifdef NEW_GUEST_CLEAN
		for (i : 0 .. 2 * THREADS - 1) { seen[i] = 1 }
#endif
		for (i : 0 .. THREADS - 1) { run Thread(i) }
		run Single();
#ifndef ONE_DOMAIN
		run Full();
#endif
		run Batch();
		run Notifier();
	}
}
