/* SPDX-License-Identifier: BSD-2-Clause
 * eventfd(2): a counter that readers take and writers add to. Its spin lock protects the count; readers
 * and writers that have to wait stand in one queue, which every change wakes.
 */
#include "ipc/anon_file.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	struct spinlock lock;
	uint64_t count;
	bool semaphore; /* a read takes 1, not all */
	struct waitq wq;
};

static bool try_take(struct eventfd *e, uint64_t *v)
{
	spin_lock(&e->lock);
	*v = e->semaphore ? MIN(e->count, (uint64_t)1) : e->count;
	e->count -= *v;
	spin_unlock(&e->lock);
	return *v != 0;
}

static bool try_add(struct eventfd *e, uint64_t v)
{
	bool fits;

	spin_lock(&e->lock);
	fits = v <= COUNT_MAX - e->count;
	if (fits)
		e->count += v;
	spin_unlock(&e->lock);
	return fits;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct eventfd *e = f->data;
	uint64_t v;
	int err = 0;

	if (u->resid < sizeof(v))
		return -EINVAL;
	if (!try_take(e, &v)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = WAIT_EVENT(&e->wq, try_take(e, &v), WAIT_INTR, WAIT_FOREVER);
	}
	if (err != 0)
		return err;
	waitq_wake_all(&e->wq);
	return uio_move(u, &v, sizeof(v)) == sizeof(v) ? (ssize_t)sizeof(v) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct eventfd *e = f->data;
	uint64_t v;
	int err = 0;

	if (u->resid < sizeof(v))
		return -EINVAL;
	if (uio_move(u, &v, sizeof(v)) != sizeof(v))
		return -EFAULT;
	if (v == UINT64_MAX)
		return -EINVAL;
	if (!try_add(e, v)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = WAIT_EVENT(&e->wq, try_add(e, v), WAIT_INTR, WAIT_FOREVER);
	}
	if (err != 0)
		return err;
	waitq_wake_all(&e->wq);
	return sizeof(v);
}

static unsigned eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->data;
	unsigned ev = 0;

	poll_wait(pt, &e->wq);
	spin_lock(&e->lock);
	if (e->count > 0)
		ev |= POLLIN;
	if (e->count < COUNT_MAX)
		ev |= POLLOUT;
	spin_unlock(&e->lock);
	return ev;
}

static void eventfd_release(struct file *f)
{
	kfree(f->data);
}

static const struct file_ops eventfd_ops = {
	.name = "eventfd",
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.getattr = anon_file_getattr,
	.release = eventfd_release,
};

int eventfd_create(unsigned count, bool semaphore, unsigned flags)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	int fd;

	if (e == NULL)
		return -ENOMEM;
	spin_init(&e->lock, "eventfd");
	waitq_init(&e->wq);
	e->count = count;
	e->semaphore = semaphore;
	fd = anon_file_install(&eventfd_ops, e, flags, "anon_inode:[eventfd]");
	if (fd < 0)
		kfree(e);
	return fd;
}
