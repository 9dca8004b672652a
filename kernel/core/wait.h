/* SPDX-License-Identifier: BSD-2-Clause
 * Wait queues: how a thread sleeps until something becomes true.
 *
 * The pattern, which WAIT_EVENT() spells out, is: enter the queue, look at the condition, sleep,
 * look again. Whoever makes the condition true does so first and wakes after. A wake-up between
 * the look and the sleep is not lost: wait_enter() has marked the thread already, and wait_sleep()
 * returns at once.
 *
 * A thread may stand in several queues at the same time (poll), with one struct waiter each.
 * waitq_wake_one() takes its waiter off the queue and marks it woken. A waiter that leaves by
 * signal or time-out although it was woken has swallowed a wake-up meant for somebody who can use
 * it: wait_leave() says so, and an exclusive user (sf_buf's pool) must pass it on.
 *
 * Looking at the condition may itself sleep (a mutex, say): the outer wait_sleep() then returns 0
 * for no reason, once. A queue may be freed by a sleeper that has left it: wait_leave() returns only
 * when the waker that took the waiter off has touched queue and waiter for the last time.
 */
#ifndef KERNEL_CORE_WAIT_H
#define KERNEL_CORE_WAIT_H

#include "kernel/core/list.h"
#include "kernel/core/spinlock.h"

struct thread;

struct waitq {
	struct spinlock lock;
	struct list waiters;
};

struct waiter {
	struct list link;
	struct waitq *wq;
	struct thread *thread;
	bool woken;
	void (*watch)(struct waiter *); /* NULL: the thread sleeps; see wait_watch() */
};

enum wait_kind {
	WAIT_UNINTR,   /* nothing but a wake-up or the deadline ends the sleep */
	WAIT_KILLABLE, /* a fatal signal too */
	WAIT_INTR,     /* any signal too */
};

#define WAIT_FOREVER UINT64_MAX

#define WAITQ_INIT(name)                                          \
	{                                                         \
		SPINLOCK_INIT("waitq"), LIST_INIT((name).waiters) \
	}
void waitq_init(struct waitq *wq);

/* Enters the current thread at the queue's end and marks it about to sleep. */
void wait_enter(struct waitq *wq, struct waiter *w);
/* Sleeps until woken through any queue the thread stands in. `deadline` is in nanoseconds of
 * clock_monotonic_ns(). Returns 0, -ERESTARTSYS (a signal, as `kind` allows) or -ETIMEDOUT. May
 * return 0 for no reason: look at the condition again, after a new wait_again(). No spin lock held. */
int wait_sleep(enum wait_kind kind, uint64_t deadline);
/* Marks the thread about to sleep again, and re-enters the queue if a wake-up took it off. */
void wait_again(struct waiter *w);
/* Leaves the queue; returns true if a wake-up had taken it off the queue since it last entered. */
bool wait_leave(struct waiter *w);

/* Instead of a thread: from now on every wake-up of the queue calls fn(w), with wq->lock held, in any
 * context; fn must not use this queue. Watchers are called before threads are woken and do not count as
 * woken. No thread need be there. */
void wait_watch(struct waitq *wq, struct waiter *w, void (*fn)(struct waiter *));
/* On return fn is not running and will not be called any more. Not from fn. */
void wait_unwatch(struct waiter *w);

/* Any context, spin locks held or not. Return how many threads were woken. */
unsigned waitq_wake_one(struct waitq *wq);
unsigned waitq_wake_all(struct waitq *wq);

/* For who holds wq->lock of a queue that nobody watches: wakes the first, if there is one. */
void waitq_wake_first_locked(struct waitq *wq);

/* Sleeps till a wake-up, giving up `interlock` (a spin lock the caller holds) while asleep, and
 * taking it again before returning. Results as wait_sleep(). */
int waitq_sleep(
	struct waitq *wq, struct spinlock *interlock, enum wait_kind kind, uint64_t deadline);

/* Sleeps until `cond`. Evaluates it without any lock: it must be safe to read that way. */
#define WAIT_EVENT(wqp, cond, kind, deadline)                                       \
	({                                                                          \
		struct waiter _w;                                                   \
		int _err = 0;                                                       \
		if (!(cond)) {                                                      \
			wait_enter(wqp, &_w);                                       \
			while (!(cond) && (_err = wait_sleep(kind, deadline)) == 0) \
				wait_again(&_w);                                    \
			wait_leave(&_w);                                            \
		}                                                                   \
		_err;                                                               \
	})

/* Sleeping mutex. Not recursive; the owner releases it. May sleep (WAIT_UNINTR); thread context,
 * no spin lock held. Takes part in the witness by `name`. Whoever holds it last may free it: the
 * unlock of the holder before does not touch it any more. */
struct mutex {
	uintptr_t state; /* the owning thread; bit 0: somebody stands in wq */
	struct waitq wq;
	const char *name;
};

#define MUTEX_INIT(m, name)                 \
	{                                   \
		0, WAITQ_INIT((m).wq), name \
	}
void mutex_init(struct mutex *m, const char *name);
void mutex_lock(struct mutex *m);
/* As mutex_lock, for a second mutex of a class that the caller holds one of already; the caller
 * keeps an order among them. */
void mutex_lock_nested(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m); /* by this thread */

/* Condition variable: sleeps with `m` released, holds it again on return; results as wait_sleep().
 * Wake with waitq_wake_*(). */
int cv_wait(struct waitq *cv, struct mutex *m, enum wait_kind kind, uint64_t deadline);

#endif
