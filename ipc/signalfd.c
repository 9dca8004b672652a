/* SPDX-License-Identifier: BSD-2-Clause
 * signalfd(2): signals that are read instead of delivered. What is read is what is pending for the
 * reading thread, whoever made the descriptor (man 2 signalfd, "fork(2) semantics"). The mask is one word
 * that settings of it replace; readers sleep in their own process's sig_proc.fd_wq. In an epoll set the
 * signals of the process that made the descriptor count, as long as it is open: so it keeps a reference.
 */
#include "ipc/anon_file.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "kernel/syscall/abi/signal.h"
#include "mm/kmem.h"

struct signalfd {
	struct spinlock lock; /* mask: two words on i386 */
	uint64_t mask;
	struct proc *owner; /* who made it, with a reference */
};

static const struct file_ops signalfd_ops;

static uint64_t get_mask(struct signalfd *s)
{
	uint64_t mask;

	spin_lock(&s->lock);
	mask = s->mask;
	spin_unlock(&s->lock);
	return mask;
}

static void fill(struct abi_signalfd_siginfo *out, const struct ksiginfo *info)
{
	memset(out, 0, sizeof(*out));
	out->signo = (uint32_t)info->signo;
	out->err = info->err;
	out->code = info->code;
	if (info->code == SI_TIMER) {
		out->tid = (uint32_t)info->pid;
		out->overrun = info->uid;
	} else if (info->addr == 0) {
		out->pid = (uint32_t)info->pid;
		out->uid = info->uid;
	}
	out->status = info->status;
	out->int_value = (int32_t)info->value;
	out->ptr = info->value;
	out->addr = info->addr;
}

static ssize_t signalfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct waitq *wq = &curproc()->sig->fd_wq;
	struct abi_signalfd_siginfo out;
	struct signalfd *s = f->data;
	struct ksiginfo info;
	ssize_t done = 0;
	int err;

	if (u->resid < sizeof(out))
		return -EINVAL;
	while (u->resid >= sizeof(out)) {
		if (signal_dequeue(get_mask(s), &info) == 0) {
			if (done != 0)
				return done;
			if (f->flags & O_NONBLOCK)
				return -EAGAIN;
			err = WAIT_EVENT(
				wq, signal_pending_set() & get_mask(s), WAIT_INTR, WAIT_FOREVER);
			if (err != 0)
				return err;
			continue;
		}
		fill(&out, &info);
		if (uio_move(u, &out, sizeof(out)) != sizeof(out))
			return done != 0 ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done;
}

static unsigned signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->data;

	if (pt != NULL)
		poll_wait(pt, pt->lasting ? &s->owner->sig->fd_wq : &curproc()->sig->fd_wq);
	return signal_pending_set() & get_mask(f->data) ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *s = f->data;

	proc_put(s->owner);
	kfree(s);
}

static const struct file_ops signalfd_ops = {
	.name = "signalfd",
	.read = signalfd_read,
	.poll = signalfd_poll,
	.getattr = anon_file_getattr,
	.release = signalfd_release,
};

int signalfd_create(uint64_t mask, unsigned flags)
{
	struct signalfd *s = kzalloc(sizeof(*s));
	int fd;

	if (s == NULL)
		return -ENOMEM;
	spin_init(&s->lock, "signalfd");
	s->mask = mask;
	s->owner = curproc();
	proc_get(s->owner);
	fd = anon_file_install(&signalfd_ops, s, flags, "anon_inode:[signalfd]");
	if (fd < 0) {
		proc_put(s->owner);
		kfree(s);
	}
	return fd;
}

int signalfd_set_mask(struct file *f, uint64_t mask)
{
	struct signalfd *s = f->data;

	if (f->ops != &signalfd_ops)
		return -EINVAL;
	spin_lock(&s->lock);
	s->mask = mask;
	spin_unlock(&s->lock);
	waitq_wake_all(&curproc()->sig->fd_wq);
	return 0;
}
