/* SPDX-License-Identifier: BSD-2-Clause
 * timerfd_create(2) and its companions. The timer fires once; a periodic one is counted up and armed
 * again by whoever reads it or asks for the time left, so that a period of a nanosecond costs nothing
 * while nobody looks.
 *
 * `lock` (a mutex) serialises those who set, read and ask, and protects period and deadline; `fired`
 * is set by the timer's function and looked at by anybody. Clocks differ only in how an absolute time
 * is understood; it is turned into monotonic time when the timer is set.
 */
#include "ipc/anon_file.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "kernel/syscall/abi/time.h"
#include "mm/kmem.h"

struct timerfd {
	struct mutex lock;
	struct timer timer;
	uint64_t
		deadline; /* of the expiry to come or, with `fired`, the first not counted; ns; 0: none */
	uint64_t period;
	bool fired;
	bool realtime;
	struct waitq wq;
};

static const struct file_ops timerfd_ops;

static void timerfd_fire(struct timer *t)
{
	struct timerfd *tf = container_of(t, struct timerfd, timer);

	WRITE_ONCE(tf->fired, true);
	waitq_wake_all(&tf->wq);
}

static void disarm(struct timerfd *tf)
{
	timer_cancel(&tf->timer);
	WRITE_ONCE(tf->fired, false);
}

/* How often it has expired by now; arms it for the next time. Lock held. */
static uint64_t take_ticks(struct timerfd *tf)
{
	uint64_t now = clock_monotonic_ns(), ticks = 1;

	if (!READ_ONCE(tf->fired))
		return 0;
	disarm(tf);
	if (tf->period == 0) {
		tf->deadline = 0;
		return 1;
	}
	if (now > tf->deadline)
		ticks += (now - tf->deadline) / tf->period;
	tf->deadline += ticks * tf->period;
	timer_start(&tf->timer, tf->deadline);
	return ticks;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct timerfd *tf = f->data;
	uint64_t ticks;
	int err;

	if (u->resid < sizeof(ticks))
		return -EINVAL;
	for (;;) {
		mutex_lock(&tf->lock);
		ticks = take_ticks(tf);
		mutex_unlock(&tf->lock);
		if (ticks != 0)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = WAIT_EVENT(&tf->wq, READ_ONCE(tf->fired), WAIT_INTR, WAIT_FOREVER);
		if (err != 0)
			return err;
	}
	return uio_move(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks)
								   : -EFAULT;
}

static unsigned timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *tf = f->data;

	poll_wait(pt, &tf->wq);
	return READ_ONCE(tf->fired) ? POLLIN : 0;
}

/* Time left as if a periodic timer had been armed again at once; what has expired stays to be read. */
static void read_spec(struct timerfd *tf, struct timerfd_spec *spec)
{
	uint64_t now = clock_monotonic_ns(), next = tf->deadline;

	spec->interval = tf->period;
	spec->value = 0;
	if (next == 0)
		return;
	if (next <= now && tf->period != 0)
		next += ((now - next) / tf->period + 1) * tf->period;
	if (next > now)
		spec->value = next - now;
	else if (!READ_ONCE(tf->fired))
		spec->value = 1; /* about to */
}

static uint64_t deadline_of(const struct timerfd *tf, bool absolute, uint64_t value)
{
	uint64_t now = clock_monotonic_ns(), base = tf->realtime ? clock_realtime_ns() : now;
	uint64_t left = value;

	if (absolute)
		left = value > base ? value - base : 0;
	return left > UINT64_MAX / 2 ? UINT64_MAX / 2 : MAX(now + left, (uint64_t)1);
}

int timerfd_set(
	struct file *f, bool absolute, const struct timerfd_spec *spec, struct timerfd_spec *old)
{
	struct timerfd *tf = f->data;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	mutex_lock(&tf->lock);
	if (old != NULL)
		read_spec(tf, old);
	disarm(tf);
	tf->period = spec->interval;
	tf->deadline = spec->value != 0 ? deadline_of(tf, absolute, spec->value) : 0;
	if (tf->deadline != 0)
		timer_start(&tf->timer, tf->deadline);
	mutex_unlock(&tf->lock);
	return 0;
}

int timerfd_get(struct file *f, struct timerfd_spec *cur)
{
	struct timerfd *tf = f->data;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	mutex_lock(&tf->lock);
	read_spec(tf, cur);
	mutex_unlock(&tf->lock);
	return 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = f->data;

	timer_cancel(&tf->timer);
	kfree(tf);
}

static const struct file_ops timerfd_ops = {
	.name = "timerfd",
	.read = timerfd_read,
	.poll = timerfd_poll,
	.getattr = anon_file_getattr,
	.release = timerfd_release,
};

int timerfd_create(int clock, unsigned flags)
{
	struct timerfd *tf;
	int fd;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	tf = kzalloc(sizeof(*tf));
	if (tf == NULL)
		return -ENOMEM;
	mutex_init(&tf->lock, "timerfd");
	timer_init(&tf->timer, timerfd_fire);
	waitq_init(&tf->wq);
	tf->realtime = clock == CLOCK_REALTIME;
	fd = anon_file_install(&timerfd_ops, tf, flags, "anon_inode:[timerfd]");
	if (fd < 0)
		kfree(tf);
	return fd;
}
