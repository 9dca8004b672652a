/* SPDX-License-Identifier: BSD-2-Clause
 * The master's file of a pseudo-terminal: reading what the terminal shows, typing, and its own ioctls
 * (man 2 ioctl_tty, man 4 ptmx). It has no settings: those asked of it are the terminal's. Locks:
 * fs/pty.c.
 */
#include "fs/file.h"
#include "fs/pty.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/uaccess.h"

#define READ_MAX 4096u
#define CHUNK    256u

/* ---- reading from the master ---- */

/* Waits until there is something to read; tty.lock held. */
static int wait_output(struct pty *p, const struct file *f)
{
	while (pty_filled(p) == 0 && p->status == 0) {
		int err;

		if (p->slave_closed)
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_sleep(&p->wq, &p->tty.lock, WAIT_INTR, WAIT_FOREVER);
		if (err != 0)
			return err;
	}
	return 0;
}

static unsigned take(struct pty *p, uint8_t *buf, unsigned n)
{
	unsigned got = 0;

	while (got < n && pty_filled(p) > 0)
		buf[got++] = p->ring[p->tail++ % PTY_RING_SIZE];
	return got;
}

/* One portion: at the beginning of a read also, in packet mode, the byte that says what follows. *last: the
 * read is complete with it. */
static ssize_t take_portion(
	struct pty *p, const struct file *f, uint8_t *buf, size_t size, bool first, bool *last)
{
	unsigned n = 0;
	bool room;
	int err;

	spin_lock(&p->tty.lock);
	err = first ? wait_output(p, f) : 0;
	*last = err != 0 || (first && p->status != 0);
	if (err == 0 && p->packet && first) {
		buf[n++] = p->status; /* 0 is TIOCPKT_DATA */
		p->status = 0;
	}
	if (!*last)
		n += take(p, buf + n, (unsigned)size - n);
	room = p->tty.ops->room(&p->tty) > 0;
	spin_unlock(&p->tty.lock);
	if (room)
		waitq_wake_all(&p->tty.write_wq);
	return err != 0 ? err : (ssize_t)n;
}

static ssize_t master_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pty *p = f->data;
	uint8_t buf[CHUNK];
	size_t total = 0;
	bool last = false;

	while (!last && u->resid > 0 && total < READ_MAX) {
		size_t want = MIN(u->resid, MIN(sizeof(buf), READ_MAX - total));
		ssize_t moved, n = take_portion(p, f, buf, want, total == 0, &last);

		if (n <= 0)
			return total > 0 ? (ssize_t)total : n;
		moved = uio_move(u, buf, (size_t)n);
		if (moved < 0)
			return total > 0 ? (ssize_t)total : moved;
		total += (size_t)moved;
		last |= moved < n;
	}
	return (ssize_t)total;
}

/* ---- writing to it ---- */

static int begin_writing(struct pty *p, const struct file *f)
{
	int err = 0;

	spin_lock(&p->tty.lock);
	while (p->master_writing && err == 0)
		err = f->flags & O_NONBLOCK
			      ? -EAGAIN
			      : waitq_sleep(&p->wq, &p->tty.lock, WAIT_INTR, WAIT_FOREVER);
	if (err == 0)
		p->master_writing = true;
	spin_unlock(&p->tty.lock);
	return err;
}

static void end_writing(struct pty *p)
{
	spin_lock(&p->tty.lock);
	p->master_writing = false;
	spin_unlock(&p->tty.lock);
	waitq_wake_all(&p->wq);
}

/* *done of the n bytes have been typed. */
static int type_chunk(void *arg, const struct file *f, const uint8_t *data, size_t n, size_t *done)
{
	struct pty *p = arg;

	*done = 0;
	for (;;) {
		int err;

		*done += tty_input_some(&p->tty, data + *done, n - *done);
		if (*done == n)
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = WAIT_EVENT(&p->wq, tty_input_room(&p->tty), WAIT_INTR, WAIT_FOREVER);
		if (err != 0)
			return err;
	}
}

static ssize_t master_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pty *p = f->data;
	int err = begin_writing(p, f);
	ssize_t n;

	if (err != 0)
		return err;
	n = tty_write_pieces(f, u, type_chunk, p);
	end_writing(p);
	return n;
}

static unsigned master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->data;
	unsigned events = 0;

	poll_wait(pt, &p->wq);
	spin_lock(&p->tty.lock);
	if (pty_filled(p) > 0)
		events |= POLLIN | POLLRDNORM;
	if (p->status != 0)
		events |= POLLPRI | POLLIN | POLLRDNORM;
	if (p->slave_closed)
		events |= POLLHUP;
	if (!p->master_writing && !ldisc_full(&p->tty.ld))
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&p->tty.lock);
	return events;
}

/* ---- ioctl on it ---- */

static int put_int(vaddr_t arg, int32_t v)
{
	return copy_to_user(arg, &v, sizeof(v));
}

static int set_flag(struct pty *p, unsigned cmd, vaddr_t arg)
{
	int32_t on;
	int err = copy_from_user(&on, arg, sizeof(on));

	if (err != 0)
		return err;
	spin_lock(&p->tty.lock);
	if (cmd == TIOCSPTLCK) {
		p->locked = on != 0;
	} else if (p->packet != (on != 0)) {
		p->packet = on != 0;
		p->status = 0;
	}
	spin_unlock(&p->tty.lock);
	return 0;
}

static int send_signal(struct pty *p, unsigned sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_signal_group(READ_ONCE(p->tty.pgid), (int)sig);
	return 0;
}

/* A descriptor for the slave, whatever its name can be reached by (man 2 ioctl_tty). */
static int open_peer(struct pty *p, int flags)
{
	struct file *f = devpts_open(p->index, flags);
	int fd;

	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_alloc(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

static int flush(struct pty *p, unsigned which)
{
	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which == TCOFLUSH)
		return 0; /* what was written has been typed already */
	spin_lock(&p->tty.lock);
	p->tail = p->head;
	spin_unlock(&p->tty.lock);
	waitq_wake_all(&p->tty.write_wq);
	return 0;
}

static int master_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
	struct pty *p = f->data;

	switch (cmd) {
	case TIOCGPTN:
		return put_int(arg, (int32_t)p->index);
	case TIOCSPTLCK:
	case TIOCPKT:
		return set_flag(p, cmd, arg);
	case TIOCGPTLCK:
		return put_int(arg, READ_ONCE(p->locked));
	case TIOCGPKT:
		return put_int(arg, READ_ONCE(p->packet));
	case TIOCSIG:
		return send_signal(p, (unsigned)arg);
	case TIOCGPTPEER:
		return open_peer(p, (int)arg);
	case FIONREAD:
		return put_int(arg, (int32_t)(READ_ONCE(p->head) - READ_ONCE(p->tail)));
	case TCFLSH:
		return flush(p, (unsigned)arg);
	case TIOCGDEV:
		return put_int(arg, (int32_t)dev_encode(PTMX_RDEV));
	case TIOCSTI:
	case TCXONC:
	case TIOCVHANGUP:
		return -ENOTTY;
	}
	return tty_ioctl_on(&p->tty, NULL, cmd, arg);
}

/* ---- the rest ---- */

static void master_release(struct file *f)
{
	struct pty *p = f->data;

	spin_lock(&p->tty.lock);
	p->master_closed = true;
	p->tail = p->head;
	spin_unlock(&p->tty.lock);
	devpts_remove(p->index);
	tty_vhangup(&p->tty);
	tty_put(&p->tty);
}

const struct file_ops pty_master_ops = {
	.name = "ptmx",
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};
