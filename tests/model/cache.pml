/* SPDX-License-Identifier: BSD-2-Clause
 * mm/sf_cache.c: recycling versus hits, three CPUs, three pages, two slots, every interleaving; threads map pages for ever, private
 * or shared as they like. Blocks bear the names of the C functions.
 *
 * What is checked:
 *  - Whoever holds a mapping reaches its own page through it, from the moment sf_buf_alloc() returns until sf_buf_free(): on
 *    its CPU if the mapping is private, on every CPU if it is shared.
 *  - At most one sf_buf maps a page.
 *  - Nobody is stuck.
 *
 * What stands for what:
 *  - The TLBs are the worst there can be. Whether an entry was walked while it stood is chosen when it goes: if its accessed bit
 *    is clear no CPU has cached it (Intel SDM 3A 4.10.2), if it is set every CPU has, and the translation is now stale on all of them
 *    (stale[]). Fewer TLB entries could not make anything worse, since nobody can look at them. That a stale translation is
 *    right again when the slot comes back to the same page is not counted on.
 *    The slots are alike and no CPU's TLB state of one depends on the other's: only slot 0 has it so bad, slot 1 is there so
 *    that pages can move.
 *  - The shootdown itself is right (shootdown.pml): here it takes the translation from one CPU after the other, at any time.
 *  - The slot that is recycled is any free one, not the oldest: the order of the list is no matter of correctness.
 *  - What a thread does under the lock is one step: nobody else looks at a slot meanwhile, and TLBs have done their worst already.
 *  - A thread that finds no free slot waits until there is one; how it sleeps is wait.pml's matter.
 * A thread that runs inside the kernel does not change its CPU but by sleeping, so here it is its CPU.
 */
/* spin: -DCOLLAPSE */
#define NCPU 3
#define ALL 7
#define NSLOT 2
#define NPAGE 3
#define NONE 0 /* pages are 1 to NPAGE */
#define BIT(n) (1 << (n))

/* struct sf_buf, and its page table entry, which maps `page` */
byte page[NSLOT];
byte refs[NSLOT];
byte cpumask[NSLOT] = ALL; /* no slot has ever been mapped */

byte stale[NSLOT];         /* ghost: CPUs that may hold an older translation of the slot's address */

#define LOCKED atomic /* sf_pool.lock held */

/* lookup(): the slot that maps p, or NSLOT. */
#define SLOT_OF(p) (page[0] == (p) -> 0 : (page[1] == (p) -> 1 : NSLOT))
#define NO_FREE_SLOT (refs[0] > 0 && refs[1] > 0)

inline check_mapping()
{
	assert(page[sf] == want && refs[sf] > 0 && (stale[sf] & (private -> BIT(me) : ALL)) == 0)
}

/* `accessed` is the A bit of the entry that goes. */
inline pmap_kexchange()
{
#ifdef BUG_READ_STORE
	accessed = false; /* read */
	if
	:: true
	:: page[sf] != NONE && sf == 0 -> stale[sf] = ALL /* walked in between */
	fi
#else
	if
	:: accessed = false
	:: page[sf] != NONE && sf == 0 -> accessed = true; stale[sf] = ALL
	fi
#endif
}

inline recycle()
{
	pmap_kexchange();
		if
		:: accessed ->
#ifndef BUG_MASK_KEPT
			cpumask[sf] = 0
#endif
		:: else ->
#ifdef BUG_FULL_MASK
			cpumask[sf] = ALL
#endif
		fi;
		page[sf] = want;
		accessed = false
}

inline sf_pool_oldest()
{
	if
	:: refs[0] == 0 -> sf = 0
	:: refs[1] == 0 -> sf = 1
	fi
}

/* Waits where sf_pool_wait() does, the lock released: the slot is looked for anew, unless planted otherwise. */
inline get()
{
	sf = SLOT_OF(want);
	if
	:: sf == NSLOT && NO_FREE_SLOT ->
		!NO_FREE_SLOT;
#ifndef BUG_NO_SECOND_LOOKUP
		sf = SLOT_OF(want)
#endif
	:: else
	fi;
	if
	:: sf == NSLOT -> sf_pool_oldest(); recycle()
	:: else
	fi;
	refs[sf]++;
	assert(page[0] != page[1])
}

inline validate_private()
{
	if
	:: cpumask[sf] & BIT(me)
	:: else ->
		stale[sf] = stale[sf] & ~BIT(me); /* INVLPG */
		cpumask[sf] = cpumask[sf] | BIT(me)
	fi
}

inline validate_shared()
{
	cpus = ALL & ~cpumask[sf];
#ifdef BUG_BITS_EARLY
	cpumask[sf] = ALL
#endif
}

/* The lock is not held; our reference keeps the slot from being recycled. */
inline shoot()
{
	do /* tlb_shootdown_pages() */
	:: atomic { cpus & 1 -> cpus = cpus & ~1; told = told | 1; stale[sf] = stale[sf] & ~1 }
	:: atomic { !(cpus & 1) && (cpus & 2) -> cpus = cpus & ~2; told = told | 2; stale[sf] = stale[sf] & ~2 }
	:: atomic { cpus == 4 -> cpus = 0; told = told | 4; stale[sf] = stale[sf] & ~4 }
	:: cpus == 0 -> break
	od;
	LOCKED { cpumask[sf] = cpumask[sf] | told; told = 0; check_mapping() }
}

inline cache_free()
{
	refs[sf]--
}

active [NCPU] proctype thread()
{
	byte me = _pid, want, sf, cpus, told;
	bool private, accessed;

end:	do
	:: LOCKED { /* cache_alloc() */
		if
		:: want = 1
		:: want = 2
		:: want = 3
		fi;
		if
		:: private = true; get(); validate_private(); check_mapping()
		:: private = false; get(); validate_shared()
		fi };
		if
		:: cpus != 0 -> shoot()
		:: cpus == 0
		fi;
		/* Here the bytes are moved. */
		LOCKED { check_mapping(); cache_free(); want = 0; sf = 0; private = false }
	od
}
