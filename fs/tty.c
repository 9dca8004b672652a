/* SPDX-License-Identifier: BSD-2-Clause
 * Files on terminals, and what the device sends. See tty.h for the parts and the locks.
 *
 * Input arrives in interrupt handlers of one CPU. It goes through the line discipline under tty.lock;
 * its echo is written to the device after the lock is released, straight from the discipline's echo
 * buffer, which nobody else touches.
 */
#include "fs/tty.h"

#include "arch/x86/console.h"
#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"

#define CHUNK        256                 /* bytes copied from or to user space at a time */
#define VTIME_UNIT   (NSEC_PER_SEC / 10) /* man 3 termios */
#define DEADLINE_NOW 0

static void tty_input(void *arg, uint8_t byte)
{
	struct tty *tty = arg;
	struct ldisc_result r;
	int pgid;

	spin_lock(&tty->lock);
	r = ldisc_input(&tty->ld, byte);
	pgid = tty->pgid;
	spin_unlock(&tty->lock);

	if (tty->ld.necho > 0)
		tty->dev->write(tty->dev, tty->ld.echo, tty->ld.necho);
	if (r.readable)
		waitq_wake_all(&tty->read_wq);
	if (r.resumed)
		waitq_wake_all(&tty->write_wq);
	if (r.signal != 0 && pgid > 0)
		signal_pgrp(
			pgid, r.signal, &(struct ksiginfo){ .signo = r.signal, .code = SI_KERNEL });
}

void tty_setup(struct tty *tty, struct chardev *dev)
{
	spin_init(&tty->lock, "tty");
	waitq_init(&tty->read_wq);
	waitq_init(&tty->write_wq);
	ldisc_init(&tty->ld);
	tty->dev = dev;
	tty->winsize.row = (uint16_t)dev->rows;
	tty->winsize.col = (uint16_t)dev->cols;
	chardev_set_input(dev, tty_input, tty);
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

		if (err == -ETIMEDOUT || err == -EIO)
			return (ssize_t)got; /* nothing in time; end of file after a hang-up */
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

/* One writer at a time, and none while output is stopped (^S). */
static int begin_writing(struct tty *tty, const struct file *f)
{
	int err = 0;

	spin_lock(&tty->lock);
	while ((tty->writing || tty->ld.stopped) && err == 0) {
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

/* Output processing and sending of one chunk. 0 or -ERESTARTSYS; *done bytes were sent for certain. */
static int send_chunk(struct tty *tty, const uint8_t *p, size_t n, size_t *done)
{
	uint8_t out[CHUNK + LDISC_OUT_MAX];

	*done = 0;
	while (*done < n) {
		size_t i = *done;
		unsigned len = 0;
		int err;

		spin_lock(&tty->lock);
		while (i < n && len < CHUNK)
			len += ldisc_output(&tty->ld, p[i++], out + len);
		spin_unlock(&tty->lock);
		err = tty_send(tty->dev, out, len);
		if (err != 0)
			return err;
		*done = i;
	}
	return 0;
}

static ssize_t tty_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;
	uint8_t buf[CHUNK];
	size_t total = 0, done;
	int err = 0;

	if (tty_file_dead(tf))
		return -EIO;
	if (READ_ONCE(tty->ld.t.lflag) & TOSTOP)
		err = tty_check_background(tty, SIGTTOU);
	while (err == 0 && u->resid > 0) {
		ssize_t n = uio_move(u, buf, sizeof(buf));

		if (n <= 0) {
			err = (int)n;
			break;
		}
		err = begin_writing(tty, f);
		if (err != 0)
			break;
		err = send_chunk(tty, buf, (size_t)n, &done);
		end_writing(tty);
		total += done;
		sched_yield_if_needed();
		if (err == 0 && u->resid > 0 && signal_pending())
			err = -ERESTARTSYS;
	}
	return total > 0 ? (ssize_t)total : err;
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
	if (!tty->ld.stopped)
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&tty->lock);
	if (tty_file_dead(tf))
		events |= POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	return events;
}

static void tty_release(struct file *f)
{
	kfree(f->data);
}

static const struct file_ops tty_ops = {
	.name = "tty",
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
};

int tty_open(struct tty *tty, struct file *f, bool console)
{
	struct tty_file *tf = kmalloc(sizeof(*tf));

	if (tf == NULL)
		return -ENOMEM;
	tf->tty = tty;
	tf->hangups = READ_ONCE(tty->hangups);
	tf->console = console;
	f->data = tf;
	f->ops = &tty_ops;
	if (!console && !(f->flags & O_NOCTTY))
		tty_acquire_on_open(tty);
	if (tty == tty_console())
		console_user_owns();
	return 0;
}
