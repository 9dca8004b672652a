/* SPDX-License-Identifier: BSD-2-Clause
 * Wait queues and condition variables; the thread's side of sleeping is in sched_wake.c.
 *
 * wq->lock protects the list and, of the waiters on it, link and woken. A waker wakes the thread
 * (thread->lock) with wq->lock still held, and wait_leave() takes wq->lock: so when a sleeper has
 * left, no waker that took it off the queue looks at queue, waiter or thread any more, and the
 * sleeper may free them. Order: the user's own locks -> wq->lock -> thread->lock -> runq->lock.
 *
 * wake_pending belongs to the thread, not to a queue. It is cleared when the thread enters its first
 * queue, before anybody can see it there, and taken by sched_sleep(). A sleep inside another one's
 * pattern (nwaiters > 1) may take the outer one's wake-up; leaving the inner queue puts it back,
 * whether it was one or not: the outer pattern looks at its condition once more.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/wait.h"
#include "kernel/core/witness.h"

void waitq_init(struct waitq *wq)
{
	spin_init(&wq->lock, "waitq");
	list_init(&wq->waiters);
}

static void set_pending(struct thread *t, bool pending)
{
	spin_lock(&t->lock);
	t->wake_pending = pending;
	spin_unlock(&t->lock);
}

static void enqueue(struct waiter *w)
{
	spin_lock(&w->wq->lock);
	w->woken = false;
	list_push_back(&w->wq->waiters, &w->link);
	spin_unlock(&w->wq->lock);
}

void wait_enter(struct waitq *wq, struct waiter *w)
{
	struct thread *t = curthread();

	if (t->nwaiters++ == 0)
		set_pending(t, false);
	w->wq = wq;
	w->thread = t;
	w->watch = NULL;
	list_init(&w->link);
	enqueue(w);
	mb(); /* the caller's look at its condition comes after this; pairs with waitq_wake's */
}

void wait_again(struct waiter *w)
{
	/* Only wakers take it off, and they set woken under the lock; true is final. */
	if (READ_ONCE(w->woken))
		enqueue(w);
	mb();
}

bool wait_leave(struct waiter *w)
{
	struct thread *t = w->thread;
	bool woken;

	spin_lock(&w->wq->lock);
	woken = w->woken;
	list_remove(&w->link);
	spin_unlock(&w->wq->lock);
	if (--t->nwaiters > 0)
		set_pending(t, true);
	return woken;
}

/* A time-out: `fired` is set before the wake-up, see sched_wake.c. */
struct sleep_timer {
	struct timer timer;
	struct thread *thread;
	bool fired;
};

static void sleep_timer_fire(struct timer *t)
{
	struct sleep_timer *st = container_of(t, struct sleep_timer, timer);

	WRITE_ONCE(st->fired, true);
	sched_wake_expired(st->thread);
}

int wait_sleep(enum wait_kind kind, uint64_t deadline)
{
	struct sleep_timer st = { .thread = curthread(), .fired = false };
	int err;

	if (deadline == WAIT_FOREVER)
		return sched_sleep(kind, &st.fired);
	if (deadline <= clock_monotonic_ns()) {
		st.fired = true;
		return sched_sleep(kind, &st.fired);
	}
	timer_init(&st.timer, sleep_timer_fire);
	timer_start(&st.timer, deadline);
	err = sched_sleep(kind, &st.fired);
	timer_cancel(&st.timer);
	return err;
}

/* wq->lock held. */
static void wake_waiter(struct waiter *w)
{
	struct thread *t = w->thread;

	list_remove(&w->link);
	WRITE_ONCE(w->woken, true);
	sched_wake(t);
}

void waitq_wake_first_locked(struct waitq *wq)
{
	if (!list_empty(&wq->waiters))
		wake_waiter(list_first(&wq->waiters, struct waiter, link));
}

/* Calls the watchers, who stand in front, and wakes up to `max` threads. */
static unsigned wake(struct waitq *wq, unsigned max)
{
	struct waiter *w, *next;
	unsigned n = 0;

	spin_lock(&wq->lock);
	LIST_FOR_EACH_SAFE (w, next, &wq->waiters, link) {
		if (w->watch != NULL) {
			w->watch(w);
			continue;
		}
		if (n == max)
			break;
		wake_waiter(w);
		n++;
	}
	spin_unlock(&wq->lock);
	return n;
}

void wait_watch(struct waitq *wq, struct waiter *w, void (*fn)(struct waiter *))
{
	w->wq = wq;
	w->thread = NULL;
	w->woken = false;
	w->watch = fn;
	spin_lock(&wq->lock);
	list_push_front(&wq->waiters, &w->link);
	spin_unlock(&wq->lock);
	mb(); /* the caller's look at its condition comes after this */
}

void wait_unwatch(struct waiter *w)
{
	spin_lock(&w->wq->lock);
	list_remove(&w->link);
	spin_unlock(&w->wq->lock);
}

/* Looks without the lock first: most wake-ups find nobody. The barrier pairs with wait_enter()'s:
 * either we see the waiter, or it sees the condition that our caller has made true. */
static bool nobody_waits(const struct waitq *wq)
{
	mb();
	return READ_ONCE(wq->waiters.next) == &wq->waiters;
}

unsigned waitq_wake_one(struct waitq *wq)
{
	return nobody_waits(wq) ? 0 : wake(wq, 1);
}

unsigned waitq_wake_all(struct waitq *wq)
{
	return nobody_waits(wq) ? 0 : wake(wq, ~0u);
}

int waitq_sleep(
	struct waitq *wq, struct spinlock *interlock, enum wait_kind kind, uint64_t deadline)
{
	struct waiter w;
	int err;

	wait_enter(wq, &w);
	spin_unlock(interlock);
	err = wait_sleep(kind, deadline);
	if (wait_leave(&w))
		err = 0; /* the wake-up was for us: the caller must see it */
	spin_lock(interlock);
	return err;
}

int cv_wait(struct waitq *cv, struct mutex *m, enum wait_kind kind, uint64_t deadline)
{
	struct waiter w;
	int err;

	wait_enter(cv, &w);
	mutex_unlock(m);
	err = wait_sleep(kind, deadline);
	if (wait_leave(&w))
		err = 0;
	mutex_lock(m);
	return err;
}
