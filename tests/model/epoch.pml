/* SPDX-License-Identifier: BSD-2-Clause
 * mm/sf_epoch.c: hits without a lock, claiming, batched refills, installing; three threads on three CPUs, two pages, two slots, every
 * interleaving. Blocks bear the names of the C functions; the numbers are those of the invariants in its head comment.
 *
 * What is checked:
 *  - Whoever holds a mapping reaches its own page through it, on its CPU if the mapping is private, on every CPU if it is
 *    shared (4, 5).
 *  - A slot is on one inactive list at most, and while it is claimed only if it says so (1, 2).
 *  - At most one slot that is not claimed stands in the table for a page (3).
 *  - Nobody is stuck.
 *
 * What stands for what:
 *  - TLBs and the accessed bit are as in cache.pml: whether an entry was walked is chosen when it goes, if it was everybody's TLB
 *    holds it. Only slot 0 has it so bad.
 *  - `flushed` says which CPUs have flushed since the slot's entry was exchanged, `flushed_now` which since the last tlb_advance(), and
 *    `since` which since a thread has read tlb_generation; generation.pml has the numbers. (The code does not count a flush
 *    between an exchange and the advance that follows: it invalidates once too often then.) CPU 0 loads CR3 whenever it likes, in
 *    epoch_flush.pml.
 *  - A walk of a chain without the lock may find any slot that bears the page at that moment, or none: it may have strayed. Under the lock it
 *    finds the page if it is there. Every page has a bucket of its own: other pages in it would only make threads wait.
 *  - Any inactive slot may be claimed, whatever its age, warm or not, and whosever list it is on: which of them is chosen decides what a
 *    walk costs, not what is right. So may any be taken for one that the CPU has retired itself. Likewise whether the flush was worth
 *    while: both are tried.
 *  - A thread that finds nothing waits until there is something; how it sleeps is wait.pml's matter.
 */
/* spin: -DCOLLAPSE */
#define NCPU 3
#define ALL 7
#define NSLOT 2
#define NPAGE 2
#define NONE 0
#define BIT(n) (1 << (n))
#ifndef ROUNDS
#define ROUNDS 1 /* mappings each thread makes */
#endif

#define SF_COUNT 15
#define SF_QUEUED 16
#define SF_CLAIMED 32

/* struct sf_buf */
byte page[NSLOT];
byte refs[NSLOT];
byte cpumask[NSLOT];
bool everywhere[NSLOT];
byte flushed[NSLOT];
byte pte[NSLOT];           /* its page table entry: the page, or NONE */

byte hashed;               /* slots that stand in the table, a bit each */
byte clean;                /* slots on sf_pool.free */
byte lists[NSLOT];         /* on how many inactive lists the slot is */
bool bucket_lock[NPAGE + 1];
bool refilling;
#ifdef BUG_QUEUED_FIRST
bool line_lock;
#endif

byte flushed_now, since[NCPU];
byte stale[NSLOT];         /* ghost: CPUs that may hold an older translation of the slot's address */

#define ON(set, sf) (((set) >> (sf)) & 1)

inline check_mapping()
{
	assert(pte[sf] == want && (refs[sf] & SF_COUNT) > 0 && (stale[sf] & (private -> BIT(me) : ALL)) == 0)
}

/* One step: what it writes belongs to the claimer. */
inline exchange(to)
{
	if
	:: pte[sf] != NONE && sf == 0 -> /* it was walked: A is set */
		stale[sf] = ALL;
#ifndef BUG_NO_ADVANCE
		flushed[sf] = 0;
#endif
		cpumask[sf] = 0;
		everywhere[sf] = false
	:: true
#ifdef BUG_FULL_MASK
		;
		everywhere[sf] = true
#endif
	fi;
	pte[sf] = to
}

inline tlb_advance()
{
	flushed_now = 0
}

inline sf_line_queue()
{
	atomic {
		assert(lists[sf] == 0 && (refs[sf] & SF_QUEUED));
		lists[sf]++;
		must_queue = false
	}
}

/* One step, then sf_line_queue() if it must. */
inline put()
{
	atomic {
		assert((refs[sf] & SF_COUNT) > 0 && !(refs[sf] & SF_CLAIMED));
		refs[sf]--;
		if
		:: refs[sf] == 0 -> refs[sf] = SF_QUEUED; must_queue = true
		:: else
		fi
	};
	if
	:: must_queue -> sf_line_queue()
	:: !must_queue
	fi
}

/* Without the lock. get() and the second look at the page are one step: with a reference held the page cannot change. */
inline find()
{
	if
	:: page[0] == want -> sf = 0
	:: page[1] == want -> sf = 1
	:: sf = NSLOT
	fi;
	if
	:: sf < NSLOT ->
		atomic {
			if
			:: refs[sf] & SF_CLAIMED -> sf = NSLOT
			:: else -> refs[sf]++
			fi
		};
		if
#ifndef BUG_NO_RECHECK
		:: sf < NSLOT && page[sf] != want -> put(); sf = NSLOT
#endif
		:: else
		fi
	:: sf == NSLOT
	fi
}

/* Taking it off the list is one step with finding it there: the line's lock is held till the end. */
#ifdef BUG_QUEUED_FIRST
#define LIST_REMOVE(s) lists[s] > 0 && !line_lock -> line_lock = true; sf = s
#else
#define LIST_REMOVE(s) lists[s] > 0 -> lists[s]--; sf = s
#endif

inline take_off()
{
	atomic { /* sf_change() */
		took = refs[sf] == SF_QUEUED;
		refs[sf] = (took -> SF_CLAIMED : refs[sf] & ~SF_QUEUED)
	}
#ifdef BUG_QUEUED_FIRST
	;
	atomic { lists[sf]--; line_lock = false }
#endif
}

inline unhash()
{
	atomic {
		!bucket_lock[page[sf]];
		hashed = hashed & ~BIT(sf)
	}
}

/* sf = NSLOT: there was none. */
inline claim()
{
	do
	:: atomic { LIST_REMOVE(0) }; take_off(); if :: took -> break :: !took fi
	:: atomic { LIST_REMOVE(1) }; take_off(); if :: took -> break :: !took fi
	:: atomic { lists[0] == 0 && lists[1] == 0 -> sf = NSLOT }; break
	od;
	took = false
}

inline take_clean()
{
	atomic {
		if
		:: ON(clean, 0) -> sf = 0
		:: ON(clean, 1) -> sf = 1
		:: clean == 0 -> sf = NSLOT
		fi;
		clean = clean & ~(sf < NSLOT -> BIT(sf) : 0)
	}
}

/* The slots in `mine`, unmapped all of them, become clean. */
inline shoot_mine(c)
{
	if
	:: dirty != 0 && !(since[me] & BIT(c)) -> stale[0] = stale[0] & ~BIT(c)
	:: else
	fi
}

/* Only the claimer changes the page of a slot. */
inline unmap(s)
{
	if
	:: atomic { ON(mine, s) && page[s] != NONE && !bucket_lock[page[s]] -> hashed = hashed & ~BIT(s) }; /* unhash() */
		atomic { sf = s; exchange(NONE); page[sf] = NONE }
	:: !(ON(mine, s) && page[s] != NONE)
	fi
}

/* Into `mine`. tlb_advance() is one step with what the caller does next: a flush between the two would be counted all the same. */
inline retire(want_slots)
{
	do
	:: n < want_slots ->
		claim();
		if
		:: sf == NSLOT -> break
		:: atomic { sf < NSLOT -> mine = mine | BIT(sf); n++ }
		fi
	:: n == want_slots -> break
	od;
	unmap(0);
	unmap(1)
}

inline refill(want_slots)
{
	retire(want_slots);
	if
	:: atomic { mine == 0 -> sf = NSLOT; n = 0 }
	:: mine != 0 ->
		atomic {
			n = 0;
			tlb_advance();
			dirty = mine & ((everywhere[0] -> 0 : BIT(0)) | (everywhere[1] -> 0 : BIT(1)));
			since[me] = flushed_now /* drop_stale() */
		};
		shoot_mine(0); shoot_mine(1); shoot_mine(2);
		atomic {
			if
			:: ON(mine, 0) -> everywhere[0] = true; sf = 0
			:: else -> sf = 1
			fi;
			if
			:: ON(mine, 1) -> everywhere[1] = true
			:: else
			fi;
			clean = clean | (mine & ~BIT(sf)); /* give_clean() */
			mine = 0; dirty = 0; since[me] = 0
		}
	fi
}

inline sf_slot_shared()
{
	do
	:: take_clean();
		if
		:: sf < NSLOT -> break
		:: sf == NSLOT
		fi;
		if
		:: atomic { !refilling -> refilling = true };
			refill(NSLOT);
			refilling = false;
			break
		:: refilling -> /* refill_ended(), or patience has */
			if
			:: !refilling
			:: refill(1); break
			fi
		fi
	od
}

/* This CPU, which has just loaded CR3, holds nothing any more. */
inline flushed_here(c)
{
	stale[0] = stale[0] & ~BIT(c);
	stale[1] = stale[1] & ~BIT(c);
	flushed[0] = flushed[0] | BIT(c);
	flushed[1] = flushed[1] | BIT(c);
	flushed_now = flushed_now | BIT(c);
	since[0] = since[0] | BIT(c);
	since[1] = since[1] | BIT(c);
	since[2] = since[2] | BIT(c)
}

/* Puts what was retired on the list, one of them claimed still. */
inline keep_retired()
{
	atomic {
		if
		:: ON(mine, 0) -> sf = 0; refs[0] = SF_QUEUED | SF_CLAIMED; lists[0]++
		:: ON(mine, 1) -> sf = 1; refs[1] = SF_QUEUED | SF_CLAIMED; lists[1]++
		:: mine == 0 -> sf = NSLOT
		fi;
		if
		:: mine == 3 -> refs[1 - sf] = SF_QUEUED; lists[1 - sf]++
		:: else
		fi;
		mine = 0;
		n = 0;
		assert(lists[0] <= 1 && lists[1] <= 1)
	}
}

inline retire_private()
{
	retire(NSLOT);
	if
	:: n > 1 ->
#ifndef BUG_NO_FLUSH
		atomic { tlb_advance(); flushed_here(me) };
#endif
		atomic { /* set_valid_here() */
#ifdef BUG_NO_FLUSH
			tlb_advance();
#endif
			cpumask[0] = cpumask[0] | BIT(me);
			cpumask[1] = cpumask[1] | BIT(me)
		}
	:: tlb_advance()
	fi;
	keep_retired()
}

/* A slot that is inactive by now may map a page again. */
inline take_retired()
{
	atomic {
		if
		:: refs[0] == SF_QUEUED -> sf = 0
		:: refs[1] == SF_QUEUED -> sf = 1
		:: sf = NSLOT
		fi;
		if
		:: sf < NSLOT -> refs[sf] = SF_QUEUED | SF_CLAIMED
		:: else
		fi
	};
	if
	:: sf < NSLOT && page[sf] != NONE -> unhash()
	:: else
	fi
}

/* Which of them is tried first is a matter of cost. */
inline sf_slot_private()
{
	if
	:: take_retired();
		if
		:: sf == NSLOT -> retire_private()
		:: sf < NSLOT
		fi
	:: take_clean()
	fi;
	if
	:: sf == NSLOT -> take_clean()
	:: sf < NSLOT
	fi;
	if
	:: sf == NSLOT ->
		claim();
		if
		:: sf < NSLOT && page[sf] != NONE -> unhash()
		:: else
		fi
	:: sf < NSLOT
	fi
}

inline sf_slot_give_back()
{
	atomic {
		exchange(NONE);
		page[sf] = NONE;
		tlb_advance();
		if
		:: refs[sf] & SF_QUEUED -> refs[sf] = SF_QUEUED
		:: else ->
			if
			:: everywhere[sf] -> clean = clean | BIT(sf)
			:: else -> refs[sf] = SF_QUEUED; must_queue = true
			fi
		fi
	};
	if
	:: must_queue -> sf_line_queue()
	:: !must_queue
	fi
}

#define IS_THERE(s) (ON(hashed, s) && page[s] == want && !(refs[s] & SF_CLAIMED))

inline install()
{
#ifndef BUG_NO_SECOND_LOOKUP
	atomic { /* find(), with the lock */
		!bucket_lock[want] -> bucket_lock[want] = true;
		if
		:: IS_THERE(0) -> other = 0; refs[0]++
		:: IS_THERE(1) -> other = 1; refs[1]++
		:: else -> other = NSLOT
		fi
	};
#else
	atomic { !bucket_lock[want] -> bucket_lock[want] = true; other = NSLOT };
#endif
	if
	:: other == NSLOT ->
		atomic { exchange(want); page[sf] = want; tlb_advance() };
		atomic { refs[sf] = (refs[sf] & SF_QUEUED) + 1 };
		atomic {
			hashed = hashed | BIT(sf);
			assert(!(IS_THERE(0) && IS_THERE(1)));
			bucket_lock[want] = false
		}
	:: other < NSLOT ->
		bucket_lock[want] = false;
		sf_slot_give_back();
		sf = other
	fi;
	other = 0
}

inline get_missing()
{
	if
	:: private -> sf_slot_private()
	:: !private -> sf_slot_shared()
	fi;
	if
	:: sf < NSLOT -> install()
	:: sf == NSLOT -> find()
	fi
}

#define VALID_ON (cpumask[sf] | flushed[sf])

inline validate_private()
{
	if
	:: VALID_ON & BIT(me)
	:: !(VALID_ON & BIT(me)) ->
#ifdef BUG_BITS_EARLY
		cpumask[sf] = cpumask[sf] | BIT(me);
#endif
		stale[sf] = stale[sf] & ~BIT(me); /* INVLPG */
		cpumask[sf] = cpumask[sf] | BIT(me)
	fi
}

/* Bits are only added while the slot is in use, and stay true: they can be read at once or one by one. */
inline validate_shared()
{
	cpus = ALL & ~VALID_ON; /* note_stale() */
#ifdef BUG_BITS_EARLY
	everywhere[sf] = true;
#endif
	do /* shoot() */
	:: atomic { cpus & 1 -> cpus = cpus & ~1; stale[sf] = stale[sf] & ~1 }
	:: atomic { !(cpus & 1) && (cpus & 2) -> cpus = cpus & ~2; stale[sf] = stale[sf] & ~2 }
	:: atomic { cpus == 4 -> cpus = 0; stale[sf] = stale[sf] & ~4 }
	:: cpus == 0 -> break
	od;
	everywhere[sf] = true
}

inline ready_for_user()
{
	if
	:: everywhere[sf]
	:: !everywhere[sf] && private -> validate_private()
	:: !everywhere[sf] && !private -> validate_shared()
	fi
}

#define SOMETHING_FREE (lists[0] > 0 || lists[1] > 0 || clean != 0 || IS_THERE(0) || IS_THERE(1))

proctype thread(byte me)
{
	byte left = ROUNDS, want, sf, other, mine, dirty, n, cpus;
	bool private, took, must_queue;

	do
	:: atomic {
		left > 0 -> left--;
		if
		:: want = 1
		:: want = 2
		fi;
		if
		:: private = true
		:: private = false
		fi };
		find();
		do /* alloc_slowly() */
		:: sf < NSLOT -> break
		:: sf == NSLOT ->
			get_missing();
			if
			:: sf == NSLOT -> SOMETHING_FREE
			:: sf < NSLOT
			fi
		od;
		ready_for_user();
		check_mapping();
		/* Here the bytes are moved. */
		atomic { check_mapping() };
		put();
		atomic { want = 0; sf = 0; private = false }
	:: left == 0 -> break
	od
}

#ifdef FLUSHES /* CPU 0 loads CR3. */
active proctype tlb_load_root()
{
end:	do
	:: atomic {
		!(flushed_now & 1) -> flushed_here(0) }
	od
}

#endif

/* Slot 0 maps page 1, has been used by CPU 0 since and may be stale elsewhere; slot 1 is clean. */
init {
	atomic {
		page[0] = 1; pte[0] = 1; hashed = BIT(0);
		refs[0] = SF_QUEUED; lists[0] = 1;
		stale[0] = ALL & ~BIT(0); cpumask[0] = BIT(0);
		refs[1] = SF_CLAIMED; clean = BIT(1); everywhere[1] = true;
		run thread(0);
		run thread(1)
#ifndef FLUSHES
		;
		run thread(2)
#endif
	}
}
