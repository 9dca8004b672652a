/* SPDX-License-Identifier: BSD-2-Clause
 * Files on terminals, and what their drivers bring in. See tty.h for the parts and the locks.
 *
 * Input goes through the line discipline under tty.lock, in interrupt handlers mostly; so does its
 * echo, which is given to the driver before the lock is released and stands in the order of the input.
 */
#include "fs/tty.h"

#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"

#define CHUNK        256                 /* bytes copied from or to user space at a time */
#define VTIME_UNIT   (NSEC_PER_SEC / 10) /* man 3 termios */
#define DEADLINE_NOW 0

/* ---- input ---- */

/* Feeds the line discipline until it is full, has taken n bytes, or a byte sends a signal. Lock held. */
static size_t feed(struct tty *tty, const uint8_t *p, size_t n, struct ldisc_result *sum)
{
	size_t i = 0;

	*sum = (struct ldisc_result){ 0 };
	while (i < n && sum->signal == 0 && !ldisc_full(&tty->ld)) {
		struct ldisc_result r = ldisc_input(&tty->ld, p[i++]);

		sum->signal = r.signal;
		sum->readable |= r.readable;
		sum->resumed |= r.resumed || r.flushed;
		if (r.flushed && tty->ops->flush != NULL)
			tty->ops->flush(tty);
		if (r.events != 0 && tty->ops->event != NULL)
			tty->ops->event(tty, r.events);
		if (tty->ld.necho > 0)
			tty->ops->echo(tty, tty->ld.echo, tty->ld.necho);
	}
	return i;
}

size_t tty_input_some(struct tty *tty, const uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct ldisc_result r;
		size_t taken;
		int pgid;

		spin_lock(&tty->lock);
		taken = feed(tty, p + done, n - done, &r);
		pgid = tty->pgid;
		spin_unlock(&tty->lock);

		if (r.readable)
			waitq_wake_all(&tty->read_wq);
		if (r.resumed)
			waitq_wake_all(&tty->write_wq);
		if (r.signal != 0)
			tty_signal_group(pgid, r.signal);
		if (taken == 0)
			break;
		done += taken;
	}
	return done;
}

void tty_input(struct tty *tty, const uint8_t *p, size_t n)
{
	tty_input_some(tty, p, n);
}

bool tty_input_room(struct tty *tty)
{
	bool full;

	spin_lock(&tty->lock);
	full = ldisc_full(&tty->ld);
	spin_unlock(&tty->lock);
	return !full;
}

/* ---- life ---- */

void tty_setup(struct tty *tty, const struct tty_ops *ops, void *driver, uint64_t rdev)
{
	memset(tty, 0, sizeof(*tty));
	spin_init(&tty->lock, "tty");
	waitq_init(&tty->read_wq);
	waitq_init(&tty->write_wq);
	ldisc_init(&tty->ld);
	tty->refs = 1;
	tty->ops = ops;
	tty->driver = driver;
	tty->rdev = rdev;
}

void tty_get(struct tty *tty)
{
	__atomic_fetch_add(&tty->refs, 1, __ATOMIC_RELAXED);
}

bool tty_try_get(struct tty *tty)
{
	uint32_t refs = READ_ONCE(tty->refs);

	while (refs != 0)
		if (__atomic_compare_exchange_n(
			    &tty->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

void tty_put(struct tty *tty)
{
	if (__atomic_sub_fetch(&tty->refs, 1, __ATOMIC_ACQ_REL) == 0)
		tty->ops->release(tty);
}

bool tty_file_dead(const struct tty_file *tf)
{
	return !tf->console && tf->hangups != READ_ONCE(tf->tty->hangups);
}

void tty_hangup(struct tty *tty)
{
	spin_lock(&tty->lock);
	tty->hangups++;
	tty->ld.stopped = false;
	ldisc_flush(&tty->ld);
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->read_wq);
	waitq_wake_all(&tty->write_wq);
}

/* ---- read ---- */

/* Sleeps until there is something to read; lock held. -ETIMEDOUT also when it must not sleep and
 * there is nothing, -EIO when the terminal has hung up. */
static int wait_input(struct tty *tty, const struct file *f, uint64_t deadline)
{
	while (!ldisc_readable(&tty->ld, 0)) {
		int err;

		if (tty_file_dead(f->data))
			return -EIO;
		if (deadline == DEADLINE_NOW)
			return -ETIMEDOUT;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_sleep(&tty->read_wq, &tty->lock, WAIT_INTR, deadline);
		if (err != 0)
			return err;
	}
	return 0;
}

/* Until when to wait for the next byte, `got` bytes having been read (man 3 termios, MIN and TIME). */
static uint64_t read_deadline(const struct ldisc *ld, size_t got)
{
	unsigned min = ld->t.cc[VMIN], time = ld->t.cc[VTIME];

	if (ld->t.lflag & ICANON)
		return got == 0 ? WAIT_FOREVER : DEADLINE_NOW;
	if (min == 0 && time == 0)
		return DEADLINE_NOW;
	if (time == 0 || (min > 0 && got == 0))
		return WAIT_FOREVER;
	return clock_monotonic_ns() + time * VTIME_UNIT;
}

/* Has a read that got so much got enough? */
static bool read_complete(const struct ldisc *ld, size_t got, bool line_done)
{
	if (ld->t.lflag & ICANON)
		return line_done;
	return got > 0 && got >= ld->t.cc[VMIN];
}

static ssize_t read_locked(struct tty *tty, struct file *f, struct uio *u)
{
	uint8_t buf[CHUNK];
	size_t got = 0;
	bool complete = false;

	while (!complete && u->resid > 0) {
		ssize_t moved;
		bool line_done;
		unsigned n;
		int err;

		spin_lock(&tty->lock);
		err = wait_input(tty, f, read_deadline(&tty->ld, got));
		n = err == 0 ? ldisc_read(&tty->ld, buf, (unsigned)MIN(u->resid, sizeof(buf)),
				       &line_done)
			     : 0;
		complete = err == 0 && read_complete(&tty->ld, got + n, line_done);
		spin_unlock(&tty->lock);

		if (n > 0 && tty->ops->input_taken != NULL)
			tty->ops->input_taken(tty);
		/* Nothing in time; or a hang-up, which is an end of file, but a pty's master that
		 * goes while somebody sleeps here is an error. */
		if (err == -ETIMEDOUT || (err == -EIO && !tty->is_pty))
			return (ssize_t)got;
		if (err != 0)
			return got > 0 ? (ssize_t)got : err;
		moved = uio_move(u, buf, n);
		if (moved < 0)
			return got > 0 ? (ssize_t)got : moved;
		got += (size_t)moved;
		if ((size_t)moved < n)
			break;
	}
	return (ssize_t)got;
}

/* One reader at a time, so that two do not share a line. */
static int begin_reading(struct tty *tty, const struct file *f)
{
	int err = 0;

	spin_lock(&tty->lock);
	while (tty->reading && err == 0) {
		if (tty_file_dead(f->data))
			err = -EIO;
		else if (f->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = waitq_sleep(&tty->read_wq, &tty->lock, WAIT_INTR, WAIT_FOREVER);
	}
	if (err == 0)
		tty->reading = true;
	spin_unlock(&tty->lock);
	return err;
}

static ssize_t tty_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;
	ssize_t ret;

	if (tty_file_dead(tf))
		return 0;
	ret = tty_check_background(tty, SIGTTIN);
	if (ret == 0)
		ret = begin_reading(tty, f);
	if (ret != 0)
		return ret;
	ret = read_locked(tty, f, u);
	spin_lock(&tty->lock);
	tty->reading = false;
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->read_wq);
	return ret;
}

/* ---- write ---- */

/* One writer at a time, for all of its write(2). */
static int begin_writing(struct tty *tty, const struct file *f)
{
	int err = 0;

	spin_lock(&tty->lock);
	while (tty->writing && err == 0) {
		if (tty_file_dead(f->data))
			err = -EIO;
		else if (f->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = waitq_sleep(&tty->write_wq, &tty->lock, WAIT_INTR, WAIT_FOREVER);
	}
	if (err == 0)
		tty->writing = true;
	spin_unlock(&tty->lock);
	return err;
}

static void end_writing(struct tty *tty)
{
	spin_lock(&tty->lock);
	tty->writing = false;
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->write_wq);
}

/* Waits until output is neither stopped (^S) nor the driver busy; lock held. */
static int wait_room(struct tty *tty, const struct file *f, size_t *room)
{
	while (tty->ld.stopped || (*room = tty->ops->room(tty)) == 0) {
		int err;

		if (tty_file_dead(f->data))
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_sleep(&tty->write_wq, &tty->lock, WAIT_INTR, WAIT_FOREVER);
		if (err != 0)
			return err;
	}
	return tty_file_dead(f->data) ? -EIO : 0;
}

/* Output processing of as much as is sure to fit into `room` bytes; lock held. Returns the length of
 * out, *done grows by what went into it: at least one byte. */
static unsigned process_output(
	struct ldisc *ld, const uint8_t *p, size_t n, size_t *done, uint8_t *out, size_t room)
{
	unsigned len = 0;

	while (*done < n && len + LDISC_OUT_MAX <= room) {
		len += ldisc_output(ld, p[*done], out + len);
		++*done;
	}
	return len;
}

/* *done of the n bytes have been sent, when it fails. */
static int send_chunk(void *arg, const struct file *f, const uint8_t *p, size_t n, size_t *done)
{
	struct tty *tty = arg;
	uint8_t out[CHUNK];

	*done = 0;
	while (*done < n) {
		size_t room, next = *done;
		unsigned len = 0;
		int err;

		spin_lock(&tty->lock);
		err = wait_room(tty, f, &room);
		if (err == 0)
			len = process_output(&tty->ld, p, n, &next, out, MIN(room, sizeof(out)));
		spin_unlock(&tty->lock);
		if (err == 0 && len > 0)
			err = tty->ops->write(tty, out, len);
		if (err != 0)
			return err;
		*done = next;
	}
	return 0;
}

ssize_t tty_write_pieces(const struct file *f, struct uio *u, tty_piece_fn fn, void *arg)
{
	uint8_t buf[CHUNK];
	size_t total = 0, done;
	int err = 0;

	while (err == 0 && u->resid > 0) {
		ssize_t n = uio_move(u, buf, sizeof(buf));

		if (n <= 0) {
			err = (int)n;
			break;
		}
		err = fn(arg, f, buf, (size_t)n, &done);
		total += done;
		sched_yield_if_needed();
		if (err == 0 && u->resid > 0 && signal_pending())
			err = -ERESTARTSYS;
	}
	return total > 0 ? (ssize_t)total : err;
}

static ssize_t tty_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;
	ssize_t n;
	int err = 0;

	if (tty_file_dead(tf))
		return -EIO;
	if (READ_ONCE(tty->ld.t.lflag) & TOSTOP)
		err = tty_check_background(tty, SIGTTOU);
	if (err == 0)
		err = begin_writing(tty, f);
	if (err != 0)
		return err;
	n = tty_write_pieces(f, u, send_chunk, tty);
	end_writing(tty);
	return n;
}

int tty_drain(struct tty *tty)
{
	if (tty->ops->queued == NULL || tty->is_pty)
		return 0;
	return WAIT_EVENT(&tty->write_wq, tty->ops->queued(tty) == 0, WAIT_INTR, WAIT_FOREVER);
}

/* ---- the rest ---- */

static unsigned tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;
	unsigned events = 0;
	unsigned min;

	poll_wait(pt, &tty->read_wq);
	poll_wait(pt, &tty->write_wq);
	spin_lock(&tty->lock);
	min = tty->ld.t.cc[VTIME] == 0 ? tty->ld.t.cc[VMIN] : 1;
	if (ldisc_readable(&tty->ld, min))
		events |= POLLIN | POLLRDNORM;
	if (!tty->ld.stopped && !tty->writing && tty->ops->room(tty) > 0)
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&tty->lock);
	if (tty_file_dead(tf))
		events |= POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	return events;
}

static void tty_release(struct file *f)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;

	spin_lock(&tty->lock);
	if (--tty->files == 0) {
		tty->exclusive = false;
		if (tty->ops->close != NULL)
			tty->ops->close(tty);
	}
	spin_unlock(&tty->lock);
	tty_put(tty);
	kfree(tf);
}

static const struct file_ops tty_ops = {
	.name = "tty",
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
};

/* Lock held. */
static int may_open(struct tty *tty)
{
	if (tty->exclusive && tty->files > 0 && !vfs_is_root())
		return -EBUSY;
	return tty->ops->open != NULL ? tty->ops->open(tty) : 0;
}

int tty_open(struct tty *tty, struct file *f, bool console)
{
	struct tty_file *tf = kmalloc(sizeof(*tf));
	int err;

	if (tf == NULL)
		return -ENOMEM;
	spin_lock(&tty->lock);
	err = may_open(tty);
	if (err == 0)
		tty->files++;
	tf->tty = tty;
	tf->hangups = tty->hangups;
	tf->console = console;
	spin_unlock(&tty->lock);
	if (err != 0) {
		kfree(tf);
		return err;
	}
	tty_get(tty);
	f->data = tf;
	f->ops = &tty_ops;
	if (!console && !(f->flags & O_NOCTTY) && file_readable(f))
		tty_acquire_on_open(tf);
	return 0;
}
