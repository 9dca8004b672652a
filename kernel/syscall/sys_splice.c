/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that move bytes from file to file: sendfile, splice, tee, vmsplice, copy_file_range. What they
 * have to check; the moving is in fs/splice.c.
 */
#include "fs/file.h"
#include "fs/splice.h"
#include "fs/vfs.h"
#include "ipc/pipe.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sys_rw.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

/* Both files of a call, with references; NULL: no such descriptor. */
struct pair {
	struct file *in, *out;
};

static int pair_get(struct pair *p, int in, int out)
{
	p->in = fd_file(in);
	p->out = fd_file(out);
	return p->in != NULL && p->out != NULL ? 0 : -EBADF;
}

static void pair_put(const struct pair *p)
{
	if (p->in != NULL)
		file_put(p->in);
	if (p->out != NULL)
		file_put(p->out);
}

static bool usable(const struct pair *p)
{
	return file_readable(p->in) && file_writable(p->out);
}

static uint64_t position(struct file *f)
{
	uint64_t pos;

	mutex_lock(&f->pos_lock);
	pos = f->pos;
	mutex_unlock(&f->pos_lock);
	return pos;
}

static void set_position(struct file *f, uint64_t pos)
{
	mutex_lock(&f->pos_lock);
	f->pos = pos;
	mutex_unlock(&f->pos_lock);
}

/* An offset of the caller's: NULL, if there is none. */
static int offset_in(vaddr_t uoff, uint64_t *off, size_t width)
{
	int32_t narrow;

	if (uoff == 0)
		return 0;
	if (width == sizeof(*off))
		return copy_from_user(off, uoff, sizeof(*off));
	if (copy_from_user(&narrow, uoff, sizeof(narrow)) != 0)
		return -EFAULT;
	*off = (uint64_t)(int64_t)narrow;
	return 0;
}

static int offset_out(vaddr_t uoff, const uint64_t *off, size_t width)
{
	return uoff != 0 ? copy_to_user(uoff, off, width) : 0;
}

/* ---- sendfile ---- */

static ssize_t send(const struct pair *p, uint64_t *off, size_t count)
{
	struct splice sp = { .in = p->in, .out = p->out, .in_off = off };
	bool stream = pipe_of(p->out) != NULL;

	if (!usable(p))
		return -EBADF;
	if (p->in->vnode == NULL || p->in->ops->seek == NULL ||
		!(S_ISREG(p->in->vnode->mode) || S_ISBLK(p->in->vnode->mode)))
		return -EINVAL;
	if ((ssize_t)count < 0 || (int64_t)*off < 0 || (!stream && (p->out->flags & O_APPEND)))
		return -EINVAL;
	sp.nonblock = stream && (p->in->flags & O_NONBLOCK);
	return file_splice(&sp, MIN(count, RW_MAX));
}

static long send_at(int out_fd, int in_fd, vaddr_t uoff, size_t count, size_t width)
{
	uint64_t off = 0;
	struct pair p;
	ssize_t n;

	if (offset_in(uoff, &off, width) != 0)
		return -EFAULT;
	n = pair_get(&p, in_fd, out_fd);
	if (n == 0) {
		if (uoff == 0)
			off = position(p.in);
		n = send(&p, &off, count);
		if (n > 0 && uoff == 0)
			set_position(p.in, off);
	}
	pair_put(&p);
	if (n >= 0 && offset_out(uoff, &off, width) != 0)
		return -EFAULT;
	return n;
}

long sys_sendfile(int out_fd, int in_fd, vaddr_t uoff, size_t count)
{
	return send_at(out_fd, in_fd, uoff, count, sizeof(long));
}

#ifdef __i386__
long sys_sendfile64(int out_fd, int in_fd, vaddr_t uoff, size_t count)
{
	return send_at(out_fd, in_fd, uoff, count, sizeof(uint64_t));
}
#endif

/* ---- splice ---- */

/* The position of the end that is no pipe: the caller's, or the file's, which is written back. */
struct splice_end {
	struct file *file;
	vaddr_t uoff;
	uint64_t off;
};

static int end_begin(struct splice_end *e, struct file *f, vaddr_t uoff, uint64_t **offp)
{
	*e = (struct splice_end){ .file = f, .uoff = uoff };
	if (uoff != 0) {
		if (f->ops->seek == NULL)
			return -EINVAL;
		if (copy_from_user(&e->off, uoff, sizeof(e->off)) != 0)
			return -EFAULT;
		if ((int64_t)e->off < 0)
			return -EINVAL;
	} else if (f->ops->seek != NULL) {
		e->off = position(f);
	}
	*offp = f->ops->seek != NULL ? &e->off : NULL;
	return 0;
}

static int end_finish(struct splice_end *e)
{
	if (e->uoff != 0)
		return copy_to_user(e->uoff, &e->off, sizeof(e->off));
	if (e->file->ops->seek != NULL)
		set_position(e->file, e->off);
	return 0;
}

static long do_splice(const struct pair *p, vaddr_t uin, vaddr_t uout, size_t len, unsigned flags)
{
	struct splice sp = { .in = p->in, .out = p->out, .nonblock = flags & SPLICE_F_NONBLOCK };
	struct pipe *ipipe = pipe_of(p->in), *opipe = pipe_of(p->out);
	struct splice_end end;
	long n = 0;

	if ((ipipe != NULL && uin != 0) || (opipe != NULL && uout != 0))
		return -ESPIPE;
	if (!usable(p))
		return -EBADF;
	if (ipipe == opipe) /* the same one, or none at all */
		return -EINVAL;
	if (ipipe != NULL && opipe != NULL)
		return file_splice(&sp, len);
	if (ipipe != NULL)
		n = p->out->flags & O_APPEND ? -EINVAL : end_begin(&end, p->out, uout, &sp.out_off);
	else
		n = end_begin(&end, p->in, uin, &sp.in_off);
	if (n == 0)
		n = file_splice(&sp, len);
	if (n > 0 && end_finish(&end) != 0)
		n = -EFAULT;
	return n;
}

long sys_splice(int in_fd, vaddr_t uin, int out_fd, vaddr_t uout, size_t len, unsigned flags)
{
	struct pair p;
	long n;

	if (len == 0)
		return 0;
	if (flags & ~(unsigned)SPLICE_FLAGS)
		return -EINVAL;
	n = pair_get(&p, in_fd, out_fd);
	if (n == 0)
		n = do_splice(&p, uin, uout, MIN(len, RW_MAX), flags);
	pair_put(&p);
	return n;
}

long sys_tee(int in_fd, int out_fd, size_t len, unsigned flags)
{
	struct pair p;
	long n;

	if (flags & ~(unsigned)SPLICE_FLAGS)
		return -EINVAL;
	if (len == 0)
		return 0;
	n = pair_get(&p, in_fd, out_fd);
	if (n == 0 && !usable(&p))
		n = -EBADF;
	if (n == 0 && (pipe_of(p.in) == NULL || pipe_of(p.out) == NULL ||
			      pipe_of(p.in) == pipe_of(p.out)))
		n = -EINVAL;
	if (n == 0) {
		struct splice sp = { .in = p.in, .out = p.out, .keep = true };

		sp.nonblock = flags & SPLICE_F_NONBLOCK;
		n = file_splice(&sp, MIN(len, RW_MAX));
	}
	pair_put(&p);
	return n;
}

/* Pages are copied where Linux would lend them: what a caller may do with them afterwards is the same. */
long sys_vmsplice(int fd, vaddr_t uiov, unsigned long n, unsigned flags)
{
	struct kiovec inl[IOV_INLINE], *iov = NULL;
	struct file *f;
	struct uio u;
	long ret;

	if (flags & ~(unsigned)SPLICE_FLAGS)
		return -EINVAL;
	f = fd_file(fd);
	if (f == NULL)
		return -EBADF;
	ret = pipe_of(f) != NULL
		      ? uio_import(&u, file_writable(f) ? UIO_WRITE : UIO_READ, uiov, n, inl, &iov)
		      : -EBADF;
	if (ret > 0) {
		u.nowait = flags & SPLICE_F_NONBLOCK;
		ret = file_writable(f) ? pipe_write_some(f, &u, u.nowait) : file_io(f, &u, NULL);
	}
	if (iov != inl)
		kfree(iov);
	file_put(f);
	return ret;
}

/* ---- copy_file_range ---- */

/* man 2 copy_file_range, ERRORS. */
static long check_copy(const struct pair *p, uint64_t in_off, uint64_t out_off, size_t len)
{
	const struct vnode *in = p->in->vnode, *out = p->out->vnode;
	uint64_t in_end, out_end;

	if (in == NULL || out == NULL)
		return -EINVAL;
	if (S_ISDIR(in->mode) || S_ISDIR(out->mode))
		return -EISDIR;
	if (!S_ISREG(in->mode) || !S_ISREG(out->mode))
		return -EINVAL;
	if (!usable(p) || (p->out->flags & O_APPEND))
		return -EBADF;
	if (in->mount != out->mount)
		return -EXDEV;
	if ((int64_t)in_off < 0 || (int64_t)out_off < 0)
		return -EINVAL;
	in_end = in_off + len;
	out_end = out_off + len;
	if ((int64_t)in_end < 0 || (int64_t)out_end < 0)
		return -EOVERFLOW;
	if (in != out)
		return 0;
	len = (size_t)(MIN(in_end, MAX(vnode_size(in), in_off)) - in_off);
	return in_off < out_off + len && out_off < in_off + len ? -EINVAL : 0;
}

long sys_copy_file_range(
	int in_fd, vaddr_t uin, int out_fd, vaddr_t uout, size_t len, unsigned flags)
{
	uint64_t in_off = 0, out_off = 0;
	struct splice sp = { .in_off = &in_off, .out_off = &out_off };
	struct pair p;
	long n = pair_get(&p, in_fd, out_fd);

	if (n == 0 && (offset_in(uin, &in_off, 8) != 0 || offset_in(uout, &out_off, 8) != 0))
		n = -EFAULT;
	if (n == 0 && flags != 0)
		n = -EINVAL;
	if (n == 0 && uin == 0)
		in_off = position(p.in);
	if (n == 0 && uout == 0)
		out_off = position(p.out);
	if (n == 0)
		n = check_copy(&p, in_off, out_off, MIN(len, RW_MAX));
	if (n == 0) {
		sp.in = p.in;
		sp.out = p.out;
		n = file_splice(&sp, MIN(len, RW_MAX));
	}
	if (n > 0 && uin == 0)
		set_position(p.in, in_off);
	if (n > 0 && uout == 0)
		set_position(p.out, out_off);
	pair_put(&p);
	if (n > 0 && (offset_out(uin, &in_off, 8) != 0 || offset_out(uout, &out_off, 8) != 0))
		return -EFAULT;
	return n;
}
