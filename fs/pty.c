/* SPDX-License-Identifier: BSD-2-Clause
 * Pseudo-terminals: pairs of a terminal ("slave") and the file that plays its user ("master",
 * fs/pty_master.c). What is written to the master is typed at the terminal; what the terminal shows,
 * echo and all, collects in a ring that the master reads.
 *
 * tty.lock of the slave protects the pair. A pair lives while its tty has references: one is the
 * master's, which ends with its last close: then the slave hangs up, its name goes away, and it cannot
 * be opened any more. ptys_lock (spin, nothing is taken under it) protects the table of numbers.
 *
 * The ring has two limits: writers stop at OUT_LIMIT, so that the rest is for echo.
 */
#include "fs/pty.h"

#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

#define OUT_LIMIT   (PTY_RING_SIZE - 4096u)
#define ARRIVED_MAX 4095u
#define WAKE_ROOM   256u /* a writer is worth waking for so much */

static struct spinlock ptys_lock = SPINLOCK_INIT("ptys");
static struct pty *ptys[PTY_MAX];

static struct pty *pty_of(struct tty *tty)
{
	return tty->driver;
}

/* ---- the slave's driver ---- */

/* tty.lock held; there is room. */
static void push(struct pty *p, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->ring[p->head++ % PTY_RING_SIZE] = data[i];
	if (n > 0)
		waitq_wake_all(&p->wq);
}

static size_t slave_room(struct tty *tty)
{
	unsigned used = pty_filled(pty_of(tty));

	return used + WAKE_ROOM <= OUT_LIMIT ? OUT_LIMIT - used : 0;
}

static int slave_write(struct tty *tty, const uint8_t *data, size_t n)
{
	spin_lock(&tty->lock);
	push(pty_of(tty), data, n);
	spin_unlock(&tty->lock);
	return 0;
}

static void slave_echo(struct tty *tty, const uint8_t *data, size_t n)
{
	push(pty_of(tty), data, MIN(n, (size_t)(PTY_RING_SIZE - pty_filled(pty_of(tty)))));
}

static void slave_event(struct tty *tty, unsigned bits)
{
	struct pty *p = pty_of(tty);

	if (!p->packet)
		return;
	if (bits & (TIOCPKT_STOP | TIOCPKT_START))
		p->status &= (uint8_t) ~(TIOCPKT_STOP | TIOCPKT_START);
	if (bits & (TIOCPKT_NOSTOP | TIOCPKT_DOSTOP))
		p->status &= (uint8_t) ~(TIOCPKT_NOSTOP | TIOCPKT_DOSTOP);
	p->status |= (uint8_t)bits;
	waitq_wake_all(&p->wq);
}

/* What would be in the master's own input queue on Linux has arrived, and is not thrown away. */
static void slave_flush(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	p->head = p->tail + MIN(pty_filled(p), ARRIVED_MAX);
	slave_event(tty, TIOCPKT_FLUSHWRITE);
}

static void slave_input_taken(struct tty *tty)
{
	waitq_wake_all(&pty_of(tty)->wq);
}

static int slave_open(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	if (p->master_closed || p->locked)
		return -EIO;
	p->slave_closed = false;
	return 0;
}

static void slave_close(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	p->slave_closed = true;
	waitq_wake_all(&p->wq);
}

static void release(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	spin_lock(&ptys_lock);
	ptys[p->index] = NULL;
	spin_unlock(&ptys_lock);
	kfree(p->ring);
	kfree(p);
}

static const struct tty_ops slave_ops = {
	.room = slave_room,
	.write = slave_write,
	.echo = slave_echo,
	.flush = slave_flush,
	.input_taken = slave_input_taken,
	.event = slave_event,
	.open = slave_open,
	.close = slave_close,
	.release = release,
};

/* ---- life ---- */

/* Gives it the lowest free number. */
static bool enter_table(struct pty *p)
{
	bool found = false;

	spin_lock(&ptys_lock);
	for (unsigned i = 0; i < PTY_MAX && !found; i++) {
		found = ptys[i] == NULL;
		if (found) {
			ptys[i] = p;
			p->index = i;
		}
	}
	spin_unlock(&ptys_lock);
	return found;
}

void pty_for_each(void (*fn)(void *arg, unsigned index), void *arg)
{
	for (unsigned i = 0; i < PTY_MAX; i++) {
		bool there;

		spin_lock(&ptys_lock);
		there = ptys[i] != NULL && !READ_ONCE(ptys[i]->master_closed);
		spin_unlock(&ptys_lock);
		if (there)
			fn(arg, i);
	}
}

static void set_pty_termios(struct linux_termios *t)
{
	t->cflag = B38400 | CS8 | CREAD;
	t->ispeed = t->ospeed = 38400;
}

static struct pty *pty_new(void)
{
	struct pty *p = kzalloc(sizeof(*p));

	if (p == NULL)
		return ERR_PTR(-ENOMEM);
	p->ring = kmalloc(PTY_RING_SIZE);
	if (p->ring == NULL) {
		kfree(p);
		return ERR_PTR(-ENOMEM);
	}
	p->locked = true;
	waitq_init(&p->wq);
	tty_setup(&p->tty, &slave_ops, p, 0);
	p->tty.is_pty = true;
	set_pty_termios(&p->tty.ld.t);
	if (!enter_table(p)) {
		kfree(p->ring);
		kfree(p);
		return ERR_PTR(-ENOSPC);
	}
	p->tty.rdev = dev_make(MAJOR_PTY_SLAVE, p->index);
	return p;
}

static int open_ptmx(struct vnode *vn, struct file *f, void *arg)
{
	struct pty *p = pty_new();
	int err;

	if (IS_ERR(p))
		return PTR_ERR(p);
	err = devpts_add(p->index);
	if (err != 0) {
		tty_put(&p->tty);
		return err;
	}
	f->data = p;
	f->ops = &pty_master_ops;
	return 0;
}

static int open_slave(struct vnode *vn, struct file *f, void *arg)
{
	unsigned index = dev_minor(vn->rdev);
	struct pty *p;
	int err;

	spin_lock(&ptys_lock);
	p = index < PTY_MAX ? ptys[index] : NULL;
	if (p != NULL && !tty_try_get(&p->tty))
		p = NULL;
	spin_unlock(&ptys_lock);
	if (p == NULL)
		return -EIO;
	err = tty_open(&p->tty, f, false);
	tty_put(&p->tty);
	return err;
}

void pty_init(void)
{
	int err = devfs_register("ptmx", 0666, PTMX_RDEV, open_ptmx, NULL);

	if (err == 0)
		err = devfs_register_range(dev_make(MAJOR_PTY_SLAVE, 0), PTY_MAX, open_slave);
	if (err != 0)
		klog(LOG_WARN, "pty: no pseudo-terminals: error %d", -err);
}
