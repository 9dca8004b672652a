/* SPDX-License-Identifier: BSD-2-Clause
 * Waiting for a slot: sf_pool_sleep() and sf_pool_wake() (mm/sf_pool.c) over the wait queues (kernel/core/wait.c), for `cache`. Blocks
 * bear the names of the C functions.
 *
 * Two slots, both in use. Threads 0 and 1 free one each. Threads 2 and 3 want the same page, which needs one slot for both;
 * thread 4 wants another one. They keep what they get. A signal may end thread 2's sleep (SFB_CATCH).
 *
 * What is checked: when nothing moves any more, no thread sleeps while a slot is free; and nobody is stuck elsewhere.
 *
 * x86 lets a store wait in the CPU's store buffer while later loads of that CPU go ahead (Intel SDM 3A 8.2.3.4), and here a plain
 * store meets a load: sf_pool_wake() looks at the queue after a spin_unlock(), which is a plain store, without a barrier in between.
 * So a critical section's stores (nfree, the page's references, the lock's release) go to a buffer of one entry a thread, which
 * store_buffers() empties at any time; a locked instruction of the thread waits for that (mb()). What happens under a wait
 * queue's lock is one step: its lock is taken by a locked instruction on both sides, and wait_enter() ends with a barrier.
 */
/* spin: -DCOLLAPSE */
#define NTHREAD 5

byte nfree;                /* sf_pool.nfree */
byte page_refs;            /* references to the mapping of the page that threads 2 and 3 want */
bool lock;                 /* sf_pool.lock */

bool buffered[NTHREAD];    /* the thread's critical section is over, but not seen yet: */
byte new_nfree[NTHREAD], new_page_refs[NTHREAD];

chan waiters = [NTHREAD] of { byte };	/* sf_pool.wait_one */
bool woken[NTHREAD];       /* struct waiter: a wake-up took it off the queue */
bool wake_pending[NTHREAD];	/* struct thread */
bool sig_pending[NTHREAD];
bool asleep[NTHREAD];      /* ghost */

#define mb() !buffered[me]
/* A critical section is one step that begins and ends with these. */
inline spin_lock()
{
	!buffered[me] && !lock;
	lock = true;
	new_nfree[me] = nfree;
	new_page_refs[me] = page_refs
}

inline spin_unlock()
{
	buffered[me] = true
}

active proctype store_buffers()
{
	byte i;

end:	do
	:: atomic {
		if
		:: buffered[0] -> i = 0
		:: buffered[1] -> i = 1
		:: buffered[2] -> i = 2
		:: buffered[3] -> i = 3
		:: buffered[4] -> i = 4
		fi;
		nfree = new_nfree[i];
		page_refs = new_page_refs[i];
		new_nfree[i] = 0;
		new_page_refs[i] = 0;
		lock = false;
		buffered[i] = false;
		i = 0 }
	od
}

inline waitq_wake_one()
{
	mb();
	if
	:: empty(waiters)
	:: atomic {
		nempty(waiters) ->
		waiters ? who;
		woken[who] = true;
		wake_pending[who] = true;
		who = 0 }
	fi
}

/* The first look is a plain load. */
inline sf_pool_wake()
{
	if
	:: empty(waiters)
	:: nempty(waiters) -> waitq_wake_one()
	fi
}

/* A CPU sees its own buffered store. */
inline sf_pool_pass_on()
{
	if
#ifndef BUG_NOT_PASSED_ON
	:: (buffered[me] -> new_nfree[me] : nfree) > 0 -> sf_pool_wake()
#endif
	:: else
	fi
}

inline wait_enter()
{
	atomic {
		mb();
		woken[me] = false;
		wake_pending[me] = false;
		waiters ! me
	}
}

inline wait_again()
{
	atomic {
		mb();
		if
		:: woken[me] -> woken[me] = false; waiters ! me
		:: else
		fi
	}
}

/* err: a signal. */
inline wait_sleep()
{
	atomic {
		mb();
		asleep[me] = true
	};
end_asleep:
	atomic {
		wake_pending[me] || sig_pending[me];
		err = !wake_pending[me];
		wake_pending[me] = false;
		asleep[me] = false
	}
}

inline wait_leave()
{
	atomic {
		mb();
		was_woken = woken[me];
		if
		:: !woken[me] -> waiters ?? eval(me)
		:: woken[me]
		fi;
		woken[me] = false
	}
}

/* ready: a slot is free. */
inline pool_changed()
{
#ifdef BUG_LOOK_UNLOCKED
	ready = nfree > 0
#else
	atomic {
		spin_lock();
		ready = nfree > 0;
		spin_unlock()
	}
#endif
}

inline sf_pool_sleep()
{
#ifdef BUG_LOOK_FIRST
	pool_changed();
	wait_enter();
#else
	wait_enter();
	pool_changed();
#endif
	do
	:: ready -> break
	:: !ready ->
		wait_sleep();
		if
		:: err -> break
		:: !err -> wait_again(); pool_changed()
		fi
	od;
	wait_leave();
	if
#ifndef BUG_SWALLOWED
	:: was_woken && err -> sf_pool_wake()
#endif
	:: else
	fi;
	was_woken = false;
	ready = false
}

/* Threads 2 and 3 share a page, which needs no slot when it is mapped already. */
inline cache_alloc()
{
	do
	:: atomic {
			spin_lock();
			if
			:: me < 4 && page_refs > 0 -> got = true; new_page_refs[me]++
			:: me < 4 && page_refs == 0 && nfree > 0 -> got = true; new_page_refs[me]++; new_nfree[me]--
			:: me == 4 && nfree > 0 -> got = true; new_nfree[me]--
			:: else
			fi;
			spin_unlock()
		};
		if
		:: got -> break
		:: !got ->
			sf_pool_sleep();
			waited = true;
			if
			:: err -> break
			:: !err
			fi
		fi
	od;
	if
	:: waited && !err -> sf_pool_pass_on()
	:: else
	fi
}

proctype user(byte me)
{
	bool got, ready, err, was_woken, waited;
	byte who;

	cache_alloc()
}

proctype freer(byte me)
{
	byte who;

	atomic { /* cache_free() */
		spin_lock();
		new_nfree[me]++;
		spin_unlock()
	};
	sf_pool_wake()
}

active proctype killer()
{
	if
	:: sig_pending[2] = true
	:: true
	fi
}

active proctype monitor()
{
	timeout;
	assert(nfree == 0 || !(asleep[2] || asleep[3] || asleep[4]))
}

init {
	atomic {
		run freer(0);
		run freer(1);
		run user(2);
		run user(3);
		run user(4)
	}
}
