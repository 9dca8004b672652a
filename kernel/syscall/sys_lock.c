/* SPDX-License-Identifier: BSD-2-Clause
 * System calls on advisory locks: the lock commands of fcntl, and flock. The locks themselves: fs/lock.c.
 */
#include "kernel/syscall/sys_lock.h"
#include "fs/file.h"
#include "fs/lock.h"
#include "fs/vfs.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

struct klock { /* either form of struct flock */
	int type, whence, pid;
	int64_t start, len;
};

static int lock_in(struct klock *k, vaddr_t uarg, bool wide)
{
	struct linux_flock64 l64;
	struct linux_flock l;

	if (wide) {
		if (copy_from_user(&l64, uarg, sizeof(l64)) != 0)
			return -EFAULT;
		*k = (struct klock){ l64.l_type, l64.l_whence, l64.l_pid, l64.l_start, l64.l_len };
	} else {
		if (copy_from_user(&l, uarg, sizeof(l)) != 0)
			return -EFAULT;
		*k = (struct klock){ l.l_type, l.l_whence, l.l_pid, l.l_start, l.l_len };
	}
	return 0;
}

static int lock_out(const struct klock *k, vaddr_t uarg, bool wide)
{
	struct linux_flock64 l64 = { 0 };
	struct linux_flock l = { 0 };

	if (wide) {
		l64.l_type = (int16_t)k->type;
		l64.l_whence = (int16_t)k->whence;
		l64.l_start = k->start;
		l64.l_len = k->len;
		l64.l_pid = k->pid;
		return copy_to_user(uarg, &l64, sizeof(l64));
	}
	l.l_type = (int16_t)k->type;
	l.l_whence = (int16_t)k->whence;
	l.l_start = (abi_long)k->start;
	l.l_len = (abi_long)k->len;
	l.l_pid = k->pid;
	return copy_to_user(uarg, &l, sizeof(l));
}

/* man 2 fcntl, "Advisory record locking": the range is relative to whence, a negative length lies
 * before the start, length 0 reaches to infinity. */
static int lock_range(struct file *f, const struct klock *k, struct lock_range *r)
{
	int64_t start = k->start, base = 0;

	if (k->whence == SEEK_CUR)
		base = (int64_t)f->pos;
	else if (k->whence == SEEK_END)
		base = (int64_t)vnode_size(f->vnode);
	else if (k->whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(base, start, &start))
		return -EOVERFLOW;
	if (k->len < 0 && __builtin_add_overflow(start, k->len, &start))
		return -EINVAL;
	if (start < 0 || k->type < F_RDLCK || k->type > F_UNLCK)
		return -EINVAL;
	if (k->len > 0 && k->len - 1 > INT64_MAX - start)
		return -EOVERFLOW;
	r->start = (uint64_t)start;
	r->end = k->len == 0 ? UINT64_MAX : r->start + (uint64_t)(k->len < 0 ? -k->len : k->len);
	r->type = k->type;
	r->pid = curproc()->pid;
	return 0;
}

static int get_lock(struct file *f, struct lock_owner owner, struct lock_range *r, struct klock *k)
{
	if (r->type == F_UNLCK)
		return -EINVAL;
	lock_test(f, owner, r);
	k->type = r->type;
	if (r->type == F_UNLCK)
		return 0;
	k->whence = SEEK_SET;
	k->start = (int64_t)r->start;
	k->len = r->end == UINT64_MAX ? 0 : (int64_t)(r->end - r->start);
	k->pid = r->pid;
	return 0;
}

/* A close(2) of another thread may have come between: it takes the descriptor away first and then the locks of the
 * process, we set the lock first and then look. */
static int set_lock(
	struct file *f, int fd, struct lock_owner owner, const struct lock_range *r, bool wait)
{
	struct file *now;
	int err;

	if ((r->type == F_RDLCK && !file_readable(f)) || (r->type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	err = lock_set(f, owner, r, wait);
	if (err != 0 || owner.kind != LOCK_POSIX || r->type == F_UNLCK)
		return err;
	now = fd_file(fd);
	if (now != f) {
		lock_release_table(f, owner.who);
		err = -EBADF;
	}
	if (now != NULL)
		file_put(now);
	return err;
}

long fcntl_lock(struct file *f, int fd, unsigned cmd, vaddr_t uarg, bool wide)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct lock_owner owner = { curproc()->fds, LOCK_POSIX };
	struct lock_range r;
	struct klock k;
	int err;

	err = lock_in(&k, uarg, wide);
	if (err != 0)
		return err;
	if (f->vnode == NULL || (ofd && k.pid != 0))
		return -EINVAL;
	if (ofd)
		owner = (struct lock_owner){ f, LOCK_OFD };
	err = lock_range(f, &k, &r);
	if (err != 0)
		return err;
	if (cmd == F_GETLK || cmd == F_GETLK64 || cmd == F_OFD_GETLK) {
		err = get_lock(f, owner, &r, &k);
		return err != 0 ? err : lock_out(&k, uarg, wide);
	}
	return set_lock(
		f, fd, owner, &r, cmd == F_SETLKW || cmd == F_SETLKW64 || cmd == F_OFD_SETLKW);
}

long sys_flock(int fd, unsigned op)
{
	struct lock_range r = { .start = 0, .end = UINT64_MAX };
	struct file *f;
	long ret;

	switch (op & ~(unsigned)LOCK_NB) {
	case LOCK_SH:
		r.type = F_RDLCK;
		break;
	case LOCK_EX:
		r.type = F_WRLCK;
		break;
	case LOCK_UN:
		r.type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	f = fd_file(fd);
	if (f == NULL)
		return -EBADF;
	r.pid = curproc()->pid;
	ret = f->vnode != NULL
		      ? lock_set(f, (struct lock_owner){ f, LOCK_FLOCK }, &r, !(op & LOCK_NB))
		      : 0; /* a pipe is nobody else's */
	file_put(f);
	return ret;
}
