/* SPDX-License-Identifier: BSD-2-Clause
 * Pipes and FIFOs as open files: making, opening, closing, poll, fcntl, ioctl, fstat (man 2 pipe,
 * man 7 fifo). Locks: ipc/pipe_impl.h; fifo_lock, before pipe.lock, protects vnode->fifo and
 * pipe.refs. A FIFO's pipe exists while somebody has it open or is opening it.
 */
#include "ipc/pipe.h"

#include "fs/vfs.h"
#include "ipc/pipe_impl.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define PIPE_DEV 0xd /* st_dev of all anonymous pipes */

static struct spinlock fifo_lock = SPINLOCK_INIT("fifo");

/* ---- operations ---- */

static unsigned pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->data;
	unsigned ev = 0;

	if (file_readable(f))
		poll_wait(pt, &p->rd.wq);
	if (file_writable(f))
		poll_wait(pt, &p->wr.wq);
	spin_lock(&p->lock);
	if (file_readable(f)) {
		if (pipe_buffered(p) + p->win.bytes > 0)
			ev |= POLLIN | POLLRDNORM;
		/* A FIFO that never had a writer while open here has not been hung up. */
		if (p->writers == 0 && f->pos != p->wgen)
			ev |= POLLHUP;
	}
	if (file_writable(f)) {
		if (pipe_space(p) >= PIPE_BUF && !p->win.open)
			ev |= POLLOUT | POLLWRNORM;
		if (p->readers == 0)
			ev |= POLLERR;
	}
	spin_unlock(&p->lock);
	return ev;
}

static int pipe_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
	struct pipe *p = f->data;
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	spin_lock(&p->lock);
	n = (int)(pipe_buffered(p) + p->win.bytes);
	spin_unlock(&p->lock);
	return copy_to_user(arg, &n, sizeof(n));
}

static int pipe_fcntl(struct file *f, unsigned cmd, uintptr_t arg)
{
	struct pipe *p = f->data;

	switch (cmd) {
	case F_GETPIPE_SZ:
		return (int)(READ_ONCE(p->npages) * PAGE_SIZE);
	case F_SETPIPE_SZ:
		return pipe_resize(p, (uint32_t)arg); /* an unsigned int on Linux */
	default:
		return -EINVAL;
	}
}

static int pipe_getattr(struct file *f, struct kstat *st)
{
	struct pipe *p = f->data;

	*st = (struct kstat){ .dev = PIPE_DEV,
		.ino = p->ino,
		.mode = S_IFIFO | 0600,
		.nlink = 1,
		.uid = p->uid,
		.gid = p->gid,
		.blksize = PAGE_SIZE,
		.atime = p->ctime,
		.mtime = p->ctime,
		.ctime = p->ctime };
	return 0;
}

static ssize_t no_read(struct file *f, struct uio *u, uint64_t *pos)
{
	return -EBADF;
}

static ssize_t no_write(struct file *f, struct uio *u, uint64_t *pos)
{
	return -EBADF;
}

/* Drops a reference; the last one of a FIFO's pipe detaches it from the vnode. */
static void pipe_unref(struct pipe *p)
{
	bool last;

	spin_lock(&fifo_lock);
	last = --p->refs == 0;
	if (last && p->vnode != NULL)
		p->vnode->fifo = NULL;
	spin_unlock(&fifo_lock);
	if (last)
		pipe_destroy(p);
}

/* Lock held. */
static void add_ends_locked(struct pipe *p, bool rd, bool wr)
{
	p->readers += rd;
	p->rgen += rd;
	p->writers += wr;
	p->wgen += wr;
	pipe_wake(&p->rd);
	pipe_wake(&p->wr);
}

static void add_ends(struct pipe *p, bool rd, bool wr)
{
	spin_lock(&p->lock);
	add_ends_locked(p, rd, wr);
	spin_unlock(&p->lock);
}

static void drop_ends(struct pipe *p, bool rd, bool wr)
{
	spin_lock(&p->lock);
	p->readers -= rd;
	p->writers -= wr;
	pipe_wake(&p->rd);
	pipe_wake(&p->wr);
	spin_unlock(&p->lock);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->data;

	drop_ends(p, file_readable(f), file_writable(f));
	pipe_unref(p);
}

static size_t pipe_pages(const struct file *f)
{
	const struct pipe *p = f->data;

	return (READ_ONCE(p->wpos) - READ_ONCE(p->rpos)) / PAGE_SIZE;
}

static const struct file_ops pipe_rd_ops = {
	.name = "pipe",
	.pages = pipe_pages,
	.read = pipe_read,
	.write = no_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.getattr = pipe_getattr,
	.fcntl = pipe_fcntl,
	.release = pipe_release,
	.gives = true,
};

static const struct file_ops pipe_wr_ops = {
	.name = "pipe",
	.pages = pipe_pages,
	.read = no_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.getattr = pipe_getattr,
	.fcntl = pipe_fcntl,
	.release = pipe_release,
};

/* Attributes come from the vnode. */
static const struct file_ops fifo_ops = {
	.name = "fifo",
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.fcntl = pipe_fcntl,
	.release = pipe_release,
	.gives = true,
};

struct pipe *pipe_of(const struct file *f)
{
	return f->ops == &pipe_rd_ops || f->ops == &pipe_wr_ops || f->ops == &fifo_ops ? f->data
										       : NULL;
}

/* ---- pipe2(2) ---- */

static char *pipe_name(const struct pipe *p)
{
	char name[24];

	ksnprintf(name, sizeof(name), "pipe:[%u]", p->ino);
	return kstrdup(name);
}

int pipe_create(struct file **rd, struct file **wr, unsigned flags)
{
	struct pipe *p = pipe_new();
	struct file *r, *w;

	if (p == NULL)
		return -ENOMEM;
	if (curproc() != NULL) {
		p->uid = curproc()->cred.fsuid;
		p->gid = curproc()->cred.fsgid;
	}
	p->refs = 2;
	p->readers = p->writers = 1;
	r = file_alloc(&pipe_rd_ops, p, O_RDONLY | (flags & O_NONBLOCK));
	if (r == NULL) {
		pipe_destroy(p);
		return -ENOMEM;
	}
	w = file_alloc(&pipe_wr_ops, p, O_WRONLY | (flags & O_NONBLOCK));
	if (w == NULL) {
		pipe_unref(p);
		file_put(r);
		return -ENOMEM;
	}
	r->path = pipe_name(p);
	w->path = pipe_name(p);
	*rd = r;
	*wr = w;
	return 0;
}

/* ---- open(2) of a FIFO ---- */

/* The vnode's pipe with a reference, made if there is none. */
static struct pipe *fifo_pipe(struct vnode *vn)
{
	struct pipe *fresh = pipe_new(), *p;

	spin_lock(&fifo_lock);
	if (vn->fifo == NULL && fresh != NULL) {
		fresh->vnode = vn;
		vn->fifo = fresh;
		fresh = NULL;
	}
	p = vn->fifo;
	if (p != NULL)
		p->refs++;
	spin_unlock(&fifo_lock);
	if (fresh != NULL)
		pipe_destroy(fresh);
	return p;
}

/* Opens one end and waits until *n, the number of the others, is not 0, or one has come, and maybe gone
 * again: *gen counts them, from the moment on that they can see us. */
static int wait_for_other(
	struct pipe *p, struct pipe_end *e, bool rd, const unsigned *n, const unsigned *gen)
{
	unsigned seen;
	int err = 0;

	spin_lock(&p->lock);
	add_ends_locked(p, rd, !rd);
	seen = *gen;
	while (err == 0 && *n == 0 && *gen == seen)
		err = pipe_wait(p, e, WAIT_INTR);
	spin_unlock(&p->lock);
	return err;
}

static int fifo_open_read(struct pipe *p, struct file *f)
{
	if (f->flags & O_NONBLOCK) {
		spin_lock(&p->lock);
		add_ends_locked(p, true, false);
		if (p->writers == 0)
			f->pos = p->wgen; /* no POLLHUP until a writer has come and gone */
		spin_unlock(&p->lock);
		return 0;
	}
	return wait_for_other(p, &p->rd, true, &p->writers, &p->wgen);
}

static int fifo_open_write(struct pipe *p, struct file *f)
{
	if ((f->flags & O_NONBLOCK) && READ_ONCE(p->readers) == 0)
		return -ENXIO;
	if (f->flags & O_NONBLOCK) {
		add_ends(p, false, true);
		return 0;
	}
	return wait_for_other(p, &p->wr, false, &p->readers, &p->rgen);
}

int fifo_open(struct vnode *vn, struct file *f)
{
	struct pipe *p = fifo_pipe(vn);
	bool rd = file_readable(f), wr = file_writable(f);
	int err = 0;

	if (p == NULL)
		return -ENOMEM;
	f->data = p;
	f->ops = &fifo_ops;
	if (rd && wr)
		add_ends(p, true, true);
	else
		err = rd ? fifo_open_read(p, f) : fifo_open_write(p, f);
	if (err == 0)
		return 0;
	if (err != -ENXIO)
		drop_ends(p, rd, wr);
	pipe_unref(p);
	return err;
}
