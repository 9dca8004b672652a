/* SPDX-License-Identifier: BSD-2-Clause
 * Sleeping mutexes.
 *
 * m->state is the owner's thread, 0 when free; its bit 0 (WAITERS) says that somebody stands in m->wq,
 * so that the unlock must take the slow way. Without it locking and unlocking are one compare-exchange
 * each.
 *
 * The bit is set by a waiter that has entered the queue, and cleared under wq->lock when the queue is
 * empty. The slow unlock frees the mutex and wakes the first waiter in one go under wq->lock. While it
 * is in there some waiter cannot have left, because leaving takes wq->lock; so as long as a waiter
 * keeps the object alive that the mutex stands in, the next owner may free it without waiting for us.
 *
 * A waiter that was woken competes with newcomers, who often win, being awake: throughput. To keep
 * that from going on for ever, a waiter that has lost HANDOFF_AFTER times makes the next unlock hand
 * the mutex over to it.
 *
 * Order: mutexes before all spin locks; then wq->lock as in wait.c.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/wait.h"
#include "kernel/core/witness.h"

#define WAITERS       ((uintptr_t)1)
#define HANDOFF_AFTER 3
/* Looks at a mutex whose owner is running, before sleeping: about as long as going to sleep and
 * being woken take. */
#define MUTEX_SPINS 200

struct mutex_waiter {
	struct waiter w;
	bool starving;
};

static uintptr_t me(void)
{
	return (uintptr_t)curthread();
}

static struct thread *owner_of(uintptr_t state)
{
	return (struct thread *)(state & ~WAITERS);
}

void mutex_init(struct mutex *m, const char *name)
{
	m->state = 0;
	m->name = name;
	waitq_init(&m->wq);
}

bool mutex_held(const struct mutex *m)
{
	return owner_of(READ_ONCE(m->state)) == curthread();
}

static bool change(struct mutex *m, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(
		&m->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool mutex_trylock(struct mutex *m)
{
	uintptr_t state = READ_ONCE(m->state);

	if (owner_of(state) != NULL || !change(m, state, me() | (state & WAITERS)))
		return false;
	witness_acquired_mutex(m);
	return true;
}

/* Spins while the owner is on some CPU, since then it will be done soon. The owner may end while we
 * look at it; memory of dead threads stays mapped, and what we read is only a hint. */
static bool spin_for(struct mutex *m)
{
	for (unsigned i = 0; i < MUTEX_SPINS; i++) {
		uintptr_t state = READ_ONCE(m->state);
		struct thread *owner = owner_of(state);

		if (owner == NULL) {
			if (change(m, state, me() | (state & WAITERS)))
				return true;
		} else if (!READ_ONCE(owner->on_cpu)) {
			return false;
		}
		cpu_relax();
	}
	return false;
}

/* The caller stands in the queue. Takes the mutex if it is free or has been handed over, keeping
 * the bit; else makes sure that the bit is set. */
static bool take_or_mark(struct mutex *m)
{
	for (;;) {
		uintptr_t state = READ_ONCE(m->state);

		if (owner_of(state) == curthread())
			return true;
		if (owner_of(state) == NULL) {
			if (change(m, state, me() | WAITERS))
				return true;
		} else if ((state & WAITERS) || change(m, state, state | WAITERS)) {
			return false;
		}
	}
}

static void clear_waiters_bit(struct mutex *m)
{
	spin_lock(&m->wq.lock);
	if (list_empty(&m->wq.waiters))
		__atomic_fetch_and(&m->state, ~WAITERS, __ATOMIC_SEQ_CST);
	spin_unlock(&m->wq.lock);
}

static void sleep_for(struct mutex *m)
{
	struct mutex_waiter mw = { .starving = false };

	wait_enter(&m->wq, &mw.w);
	for (unsigned lost = 0; !take_or_mark(m); lost++) {
		if (lost >= HANDOFF_AFTER)
			WRITE_ONCE(mw.starving, true);
		wait_sleep(WAIT_UNINTR, WAIT_FOREVER);
		wait_again(&mw.w);
	}
	wait_leave(&mw.w);
	clear_waiters_bit(m);
}

/* Idle threads cannot sleep; the BSP's runs most of the boot. */
static void spin_as_idle(struct mutex *m)
{
	while (!spin_for(m))
		sched_yield();
}

static void lock_at(struct mutex *m, bool nested, uintptr_t site)
{
	witness_check_mutex(m, nested, site);
	if (!change(m, 0, me()) && !spin_for(m)) {
		if (sched_is_idle(curthread()))
			spin_as_idle(m);
		else
			sleep_for(m);
	}
	witness_acquired_mutex(m);
}

void mutex_lock(struct mutex *m)
{
	lock_at(m, false, WITNESS_SITE);
}

void mutex_lock_nested(struct mutex *m)
{
	lock_at(m, true, WITNESS_SITE);
}

/* The first waiter gets the mutex, if it has waited too often; else it gets a chance. */
static void unlock_slow(struct mutex *m)
{
	struct list *waiters = &m->wq.waiters;
	uintptr_t next = 0;

	spin_lock(&m->wq.lock);
	if (!list_empty(waiters)) {
		struct mutex_waiter *first = list_first(waiters, struct mutex_waiter, w.link);

		if (READ_ONCE(first->starving))
			next = (uintptr_t)first->w.thread;
	}
	if (!list_empty(waiters))
		next |= WAITERS;
	__atomic_store_n(&m->state, next, __ATOMIC_SEQ_CST);
	waitq_wake_first_locked(&m->wq);
	spin_unlock(&m->wq.lock);
}

void mutex_unlock(struct mutex *m)
{
	KASSERT(mutex_held(m), "%s unlocked by %s", m->name, curthread()->name);
	witness_released_mutex(m);
	if (!change(m, me(), 0))
		unlock_slow(m);
}
