/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The R and C bits of one page of a nested (L2) guest, in the three PTEs that describe it:
 *
 *	l1_*	L2 real -> L1 real, in the L1's memory: the L1 reads and clears it when it likes
 *	h_*	L1 real -> host real, the host's tree of the L1: what the dirty log harvests
 *	s_*	L2 real -> host real, the shadow: the only one the hardware looks at while the L2 runs
 *
 * The hardware caches the shadow translation per thread, with the right to store (C=1) in it. A
 * thread never sets R or C in a shadow PTE by itself: it faults, and KVM does it. So a store through
 * an entry with C=1 is seen by nobody, and is lost to a copy of the page made before it unless C was
 * still set in the PTE that the copier looks at next. What is checked (doc/design.md):
 *
 *  ESCAPE	between two harvests: if the page differs from the harvester's copy, C is where the next
 *		harvest looks (h_c, or the dirty_bitmap of what was unmapped).
 *  ESCAPE_L1	the same for the L1: its copy and l1_c. Both are what invariants 1 and 2 mean for C: once
 *		an invalidation has returned, nobody uses what it invalidated.
 *  UNMAPPED	when an unmap returns, no thread has the page's translation any more (invariant 2): the
 *		caller frees the page.
 *  INVARIANT_10	whenever mmu_lock is free: s_c implies h_c and s_r implies h_r; and, unless the L1
 *		has changed its PTE and its invalidation has not returned, s_c implies l1_c and s_r
 *		implies l1_r.
 *
 * -D with one of these names checks only that; without any, all are checked. Every process runs for ever:
 * the number of stores, faults, harvests and invalidations is not bounded.
 *
 * -DUNMAP adds the host that takes the page away, -DAGEING those who clear R. Mutants, by -D: see the
 * README.
 */

#if !defined(ESCAPE) && !defined(ESCAPE_L1) && !defined(UNMAPPED) && !defined(INVARIANT_10)
#define ESCAPE
#define ESCAPE_L1
#define UNMAPPED
#define INVARIANT_10
#endif

#define L1_LPID		1	/* the L1 guest itself */
#define SHADOW_LPID	2	/* what LPIDR holds while the L2 runs */
#define L1S_NUMBER	5	/* what the L1 calls its guest; to the hardware some other guest's LPID */

#define VCPUS	2

bool h_p, h_r, h_c;
bool s_p, s_r, s_c;
bool l1_r = true, l1_c;		/* the L1 never unmaps the page */

/* The shadow PTE has been entered in the rmap list of the L1's page. Only unmapping h_* clears that list. */
bool on_rmap;

/* Per hardware thread: it has the shadow translation cached; with the right to store. */
bool tlb_v[VCPUS], tlb_c[VCPUS];

bool mmu_lock;			/* kvm->mmu_lock */
bool tlb_lock;			/* gp->tlb_lock: one fault or invalidation of this L2 at a time */

/*
 * kvm->mmu_invalidate_seq as a fault sees it: it has not read it; has read it; has read it and it has
 * been raised since. That is all the comparison can tell, and it keeps the model finite.
 */
#define UNREAD	0
#define CURRENT	1
#define STALE	2
byte seq[VCPUS];
bool in_progress;		/* kvm->mmu_invalidate_in_progress: an mmu notifier's unmap */

/* The page's content, as far as anyone compares it: it differs from the last copy of the harvester, of the L1. */
bool h_differs, l1_differs;

bool logged;			/* memslot->dirty_bitmap: C as it was when h_* was unmapped */
bool harvesting;		/* C or that bit was taken, and the copy that follows is not made yet */
bool l1_pending;		/* the L1 has changed its PTE; its hypercall (and copy) is not finished */
bool absorbed;			/* a batch owes a flush of the shadow LPID */

/*
 * Steps are as fine as somebody without the lock can tell: a section of a lock begins together with
 * its first change and ends together with its last.
 */

/* tlbie and ptesync: when it is over no thread has an old entry, and the stores made through one are done. */
inline flush(lpid)
{
	tlb_v[0] = tlb_v[0] && lpid != SHADOW_LPID; tlb_c[0] = tlb_c[0] && lpid != SHADOW_LPID;
	tlb_v[1] = tlb_v[1] && lpid != SHADOW_LPID; tlb_c[1] = tlb_c[1] && lpid != SHADOW_LPID
}

inline raise_seq()
{
	if :: seq[0] == CURRENT -> seq[0] = STALE :: else fi;
	if :: seq[1] == CURRENT -> seq[1] = STALE :: else fi
}

inline clear_shadow()
{
	s_p = false; s_r = false; s_c = false
}

inline forget()
{
	store = false; g_r = false; g_c = false; p_r = false; p_c = false
}

/* A vCPU of the L2: it loads and stores for ever. */
proctype L2(byte me)
{
	bool store;			/* the access that faulted is a store */
	bool g_r, g_c;			/* the fault's copy of l1_* */
	bool p_r, p_c;			/* and of h_* */
	bool entered;			/* there was no shadow PTE */

access:	atomic {
		if :: store = true :: store = false fi;
		if
		:: tlb_v[me] && (!store || tlb_c[me]) ->
			/* No PTE is looked at. */
			if :: store -> printf("vCPU %d stores through its entry\n", me) :: else fi;
			h_differs = h_differs || store;
			l1_differs = l1_differs || store;
			forget();
			goto access
		:: tlb_v[me] ->
			/* The hardware may drop an entry at any time. */
			tlb_v[me] = false; tlb_c[me] = false;
			forget();
			goto access
		:: !(tlb_v[me] && (!store || tlb_c[me])) && s_p && s_r && (!store || s_c) ->
			printf("vCPU %d caches the shadow PTE, C=%d\n", me, s_c);
			tlb_v[me] = true; tlb_c[me] = s_c;
			forget();
			goto access
		:: !(tlb_v[me] && (!store || tlb_c[me])) && s_p && !(s_r && (!store || s_c)) ->
			goto bits
		:: !(tlb_v[me] && (!store || tlb_c[me])) && !s_p ->
			goto insert
		fi
	}

	/* kvmhv_handle_nested_set_rc(). The L1's PTE is read once, with only tlb_lock held. */
bits:	atomic {
		!tlb_lock;
		if
		:: !l1_r || (store && !l1_c) -> goto forward
		:: l1_r && (!store || l1_c) ->
			printf("vCPU %d faults: R or C is missing; the L1's PTE has it\n", me);
			tlb_lock = true
		fi
	}
	atomic {
		!mmu_lock;
#ifndef SET_WITHOUT_HOST
		if
		:: !h_p -> goto inval
		:: h_p -> h_r = true; h_c = h_c || store
		fi;
#endif
		mmu_lock = true
	}
	/* Hardware may look here. */
	atomic {
		mmu_lock = false;
		if
		:: !s_p -> goto inval
		:: s_p ->
			printf("vCPU %d's fault sets R, and C=%d\n", me, store);
			s_r = true; s_c = s_c || store
		fi;
		tlb_lock = false;
		forget();
		goto access
	}

	/* The kernel calls kvmhv_invalidate_shadow_pte(); here h_* and s_* have gone together. */
inval:	atomic { !mmu_lock -> assert(!s_p); tlb_lock = false; forget(); goto access }

	/* To the L1, which sets the bits in its PTE and lets its guest try again. */
forward: atomic {
		printf("vCPU %d's fault goes to the L1, which sets R, and C=%d\n", me, store);
		l1_r = true; l1_c = l1_c || store;
		forget();
		goto access
	}

	/* __kvmhv_nested_page_fault() without a shadow PTE: the L1's PTE, the sequence, the host's PTE. */
insert:	atomic {
		!tlb_lock;
		printf("vCPU %d faults: no shadow PTE; the L1's has R=%d C=%d\n", me, l1_r, l1_c);
		tlb_lock = true;
		g_r = l1_r; g_c = l1_c
	}
	seq[me] = CURRENT;
	atomic {
		!mmu_lock;
		printf("vCPU %d's fault copies the host's PTE: present=%d C=%d\n", me, h_p, h_c);
		p_r = h_r && g_r;
		p_c = h_c && g_c && store;
		if
		:: h_p -> goto create
		:: !h_p
		fi
	}
	/*
	 * kvmppc_book3s_instantiate_page(): a load may make the PTE dirty too. It hands back the PTE that
	 * it made, not the one in the tree by now. Its own look at the sequence is left out: it finds
	 * the page and enters it in one step.
	 */
	atomic {
		!mmu_lock;
		if
		:: in_progress -> goto again
		:: !in_progress
		fi;
		printf("vCPU %d's fault maps the page in the host's tree\n", me);
		h_p = true; h_r = true;
		if :: h_c = true :: !store fi;
		p_r = g_r;
		p_c = g_c && store
	}
create:
#ifndef BITS_ADDED
	/* kht_on_create_pte(): to a PTE that another vCPU has entered no bits are added. */
	atomic { !mmu_lock; if :: s_p -> p_r = false; p_c = false :: !s_p fi };
#endif
	/* Before this the kernel allocates memory, and may sleep. */
	atomic {
		!mmu_lock;
		if
		:: seq[me] == STALE || in_progress -> goto again
		:: seq[me] != STALE && !in_progress
		fi;
		printf("vCPU %d's fault enters the shadow PTE with C=%d, there was one: %d\n", me, p_c, s_p);
		entered = !s_p;
		s_p = true; s_r = s_r || p_r; s_c = s_c || p_c;
#ifndef HOST_GETS_BITS_LATE
		mmu_lock = true
#endif
	}
	/* kht_on_insert_rmap(), where the PTE goes on the list. Hardware may look before. */
	atomic {
		if
		:: entered ->
			on_rmap = true;
#ifndef HOST_GETS_NO_BITS
			printf("the host's PTE gets what the shadow PTE has: C=%d\n", s_c);
			h_r = h_r || (h_p && s_r); h_c = h_c || (h_p && s_c)
#endif
		:: !entered
		fi;
#ifndef HOST_GETS_BITS_LATE
		mmu_lock = false;
#endif
		entered = false;
		goto again
	}
again:	atomic { seq[me] = UNREAD; tlb_lock = false; forget(); goto access }
}

/*
 * KVM_GET_DIRTY_LOG again and again, each followed by a copy of the page if it was dirty:
 * kvm_radix_test_clear_dirty() and, in place of stock's kvmhv_update_nest_rmap_rc_list(), ours.
 */
active proctype Harvester()
{
end:	if
	:: logged -> goto collect
	:: h_p && h_c			/* this look at the PTE takes no lock ... */
	fi;
	atomic {
		!mmu_lock;
		if
		:: !(h_p && h_c) -> goto collect
		:: h_p && h_c		/* ... so here is another */
		fi;
		printf("harvest: takes mmu_lock, clears C of the host's PTE\n");
		mmu_lock = true;
		harvesting = true;
		h_c = false;
		flush(L1_LPID)
	}
	atomic {
#ifndef CLEAR_WITHOUT_SHADOW
		if
		:: s_p && on_rmap ->
			printf("harvest: clears C of the shadow PTE\n");
			s_c = false
		:: !(s_p && on_rmap)
		fi
#else
		skip
#endif
	}
	atomic {
		/*
		 * An entry on the list without a PTE still owes a flush: kvmhv_flush_nested() takes the
		 * PTE away under mmu_lock and flushes after it.
		 */
		if
#ifdef FLUSH_IF_PRESENT
		:: s_p && on_rmap ->
#else
		:: on_rmap ->
#endif
#ifdef WRONG_LPID
			printf("harvest: flushes the number the L1 chose\n");
			flush(L1S_NUMBER)
#else
			if
			:: printf("harvest: flushes the shadow\n"); flush(SHADOW_LPID)
			:: printf("harvest: leaves the flush to the end of the batch\n"); absorbed = true
			fi
#endif
		:: else
		fi;
		mmu_lock = false
	}
	/*
	 * The rest of the memslot, then its dirty_bitmap, and only then the end of the batch, which
	 * flushes what anybody has absorbed: the bit may be that of an unmap whose batch is still open.
	 */
collect:
#ifdef BATCH_END_EARLY
	atomic { if :: absorbed -> flush(SHADOW_LPID); absorbed = false :: else fi }
#endif
	atomic {
		harvesting = harvesting || logged;
		logged = false
	}
#ifndef BATCH_END_EARLY
	atomic {
		if
#ifndef NO_BATCH_END
		:: absorbed -> printf("harvest: flushes the shadow at the end\n"); flush(SHADOW_LPID)
#endif
		:: else
		fi;
		absorbed = false
	}
#endif
	/* Back in user space. */
	atomic {
		if
		:: harvesting ->
			printf("harvest: returned; the page is copied\n");
			h_differs = false; harvesting = false
		:: else
		fi;
		goto end
	}
}

/*
 * The L1's own dirty log (and ageing), then H_TLB_INVALIDATE: of the page (kvmhv_emulate_tlbie_tlb_addr)
 * or, RIC 2, of the LPID (kvmhv_flush_nested). RIC 0 does what RIC 2 does with an earlier flush.
 */
active proctype L1()
{
	bool copies;

end:	atomic {
		if
		:: l1_c ->
			printf("L1: clears C of its PTE\n");
			l1_c = false; copies = true
#ifdef AGEING
		:: l1_r ->
			printf("L1: clears R of its PTE\n");
			l1_r = false;
#ifdef L1_AGES_WITHOUT_TLBIE
			goto end
#endif
#endif
		fi;
		l1_pending = true
	}
#ifndef NO_TLB_LOCK
	atomic { !tlb_lock -> tlb_lock = true }
#endif
	if
	:: atomic {
			!mmu_lock && s_p -> mmu_lock = true;
			printf("L1's tlbie of the page: removes the shadow PTE\n");
			clear_shadow()
		}
		atomic {
#ifdef L1_FLUSH_ABSORBED
			if :: !absorbed -> flush(SHADOW_LPID) :: absorbed fi;
#else
			flush(SHADOW_LPID);
#endif
			mmu_lock = false
		}
	:: atomic { !mmu_lock && !s_p -> printf("L1's tlbie of the page: there is no shadow PTE\n") }
	:: atomic {
			!mmu_lock;
			printf("L1's tlbie of the LPID: frees the shadow's tree, leaves mmu_lock\n");
			clear_shadow()
		}
		atomic { printf("L1's tlbie of the LPID: flushes the shadow\n"); flush(SHADOW_LPID) }
	fi;
#ifndef NO_TLB_LOCK
	tlb_lock = false;
#endif
	atomic {
		printf("L1: its hypercall is back; copies the page: %d\n", copies);
		l1_differs = l1_differs && !copies;
		copies = false;
		l1_pending = false;
		goto end
	}
}

#ifdef AGEING
/* kvm_age_radix(): R is a hint, so nothing is flushed. */
active proctype Ager()
{
end:	atomic {
		!mmu_lock && h_p && h_r -> mmu_lock = true;
		printf("ageing: clears R of the host's PTE\n");
		h_r = false
	}
	atomic {
		if
		:: s_p && on_rmap -> s_r = false
		:: !(s_p && on_rmap)
		fi;
		mmu_lock = false;
		goto end
	}
}
#endif

#ifdef UNMAP
/* An mmu notifier: kvm_unmap_radix(), then the caller frees the page. */
active proctype Unmapper()
{
	bool listed, dirty;

end:	atomic {
		!mmu_lock && h_p -> mmu_lock = true;
		printf("unmap: takes the page out of the host's tree, C=%d\n", h_c);
		in_progress = true;
		dirty = h_c;
		h_p = false; h_r = false; h_c = false;
		flush(L1_LPID);
		listed = on_rmap; on_rmap = false
#ifdef UNMAP_FLUSHES_IF_PRESENT
		; listed = listed && s_p
#endif
	}
	if
	:: listed ->
		atomic { clear_shadow() }
		atomic {
#ifndef UNMAP_FLUSHES_LATE
			if
			:: printf("unmap: flushes the shadow\n"); flush(SHADOW_LPID)
			:: printf("unmap: leaves the flush to the end of the batch\n"); absorbed = true
			fi
#else
			skip
#endif
		}
	:: !listed
	fi;
	/* After the PTE is gone and its flush at least absorbed: the harvester takes this bit without any lock. */
	atomic {
		printf("unmap: notes C=%d in the dirty_bitmap\n", dirty);
		logged = logged || dirty; dirty = false
	}
	/* The end of the batch, and only then of the section. */
	atomic {
		printf("unmap: leaves mmu_lock\n");
#ifndef UNMAP_FLUSHES_LATE
		if
		:: absorbed -> flush(SHADOW_LPID); absorbed = false
		:: else
		fi;
#endif
		mmu_lock = false
	}
#ifdef UNMAP_FLUSHES_LATE
	atomic { if :: listed -> flush(SHADOW_LPID) :: !listed fi }
#endif
#ifdef UNMAPPED
	/* The page is freed. Nobody can have entered it again meanwhile: in_progress. */
	atomic {
		if
		:: tlb_v[0] || tlb_v[1] ->
			printf("ERROR: a thread still has the page that is freed\n");
			assert(false)
		:: else
		fi
	}
#endif
	atomic { !mmu_lock -> raise_seq(); in_progress = false; listed = false; goto end }
}
#endif

#define ESCAPED		(!harvesting && !mmu_lock && h_differs && !h_c && !logged)
#define ESCAPED_L1	(!l1_pending && l1_differs && !l1_c)
#define MORE_THAN_HOST	(!mmu_lock && ((s_c && !h_c) || (s_r && !h_r)))
#define MORE_THAN_L1	(!mmu_lock && !l1_pending && ((s_c && !l1_c) || (s_r && !l1_r)))

/* Blocked for ever, unless there is an error. */
active proctype Monitor()
{
end:	if
	:: false
#ifdef ESCAPE
	:: atomic {
		ESCAPED ->
		printf("ERROR: a store escapes the dirty log\n");
		assert(!ESCAPED)
	}
#endif
#ifdef ESCAPE_L1
	:: atomic {
		ESCAPED_L1 ->
		printf("ERROR: a store escapes the L1\n");
		assert(!ESCAPED_L1)
	}
#endif
#ifdef INVARIANT_10
	:: atomic {
		MORE_THAN_HOST ->
		printf("ERROR: the shadow PTE has a bit that the host's has not\n");
		assert(!MORE_THAN_HOST)
	}
	:: atomic {
		MORE_THAN_L1 ->
		printf("ERROR: the shadow PTE has a bit that the L1's has not\n");
		assert(!MORE_THAN_L1)
	}
#endif
	fi
}

init {
	atomic {
		if
		:: h_p = true; h_r = true; if :: h_c = true :: h_c = false fi
		:: h_p = false
		fi;
		if :: l1_c = true :: l1_c = false fi;
		run L2(0);
		run L2(1)
	}
}
