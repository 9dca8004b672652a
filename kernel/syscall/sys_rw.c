/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that move bytes to and from user memory: read, write and their kin; lseek.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/sched.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/sys_rw.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

static uint64_t offset64(uint32_t lo, uint32_t hi)
{
	return (uint64_t)hi << 32 | lo;
}

static ALWAYS_INLINE long rw(int fd, enum uio_dir dir, vaddr_t buf, size_t count, uint64_t *off)
{
	struct file *f = fd_file(fd);
	struct uio u;
	long n;

	if (f == NULL)
		return -EBADF;
	if (!user_range_ok(buf, count)) {
		n = (dir == UIO_READ ? file_readable(f) : file_writable(f)) ? -EFAULT : -EBADF;
	} else {
		uio_init_user(&u, dir, buf, MIN(count, RW_MAX));
		n = file_io(f, &u, off);
	}
	file_put(f);
	return n;
}

long sys_read(int fd, vaddr_t buf, size_t count)
{
	return rw(fd, UIO_READ, buf, count, NULL);
}

long sys_write(int fd, vaddr_t buf, size_t count)
{
	return rw(fd, UIO_WRITE, buf, count, NULL);
}

/* ---- several buffers ---- */

ssize_t uio_import(struct uio *u, enum uio_dir dir, vaddr_t uiov, unsigned long n,
	struct kiovec *inl, struct kiovec **iov)
{
	struct kiovec *v = inl;
	size_t sum = 0;

	*iov = NULL;
	if (n > UIO_MAXIOV)
		return -EINVAL;
	if (n > IOV_INLINE)
		v = kmalloc(n * sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	*iov = v;
	if (copy_from_user(v, uiov, n * sizeof(*v)) != 0)
		return -EFAULT;
	for (unsigned long i = 0; i < n; i++) {
		if ((ssize_t)v[i].len < 0)
			return -EINVAL;
		if (!user_range_ok(v[i].base, v[i].len))
			return -EFAULT;
		v[i].len = MIN(v[i].len, RW_MAX - sum);
		sum += v[i].len;
	}
	*u = (struct uio){ .iov = v, .niov = (unsigned)n, .resid = sum, .dir = dir, .user = true };
	return (ssize_t)sum;
}

/* preadv2(2) and pwritev2(2). There is no polling for a disk's answer here, so RWF_HIPRI changes nothing. */
static long rwv_flags(struct file *f, struct uio *u, uint64_t *off, int flags)
{
	bool writing = u->dir == UIO_WRITE, seekable = f->ops->seek != NULL;
	long n, err;

	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	if ((flags & RWF_NOWAIT) && seekable) /* who knows whether the page cache has it */
		return -EOPNOTSUPP;
	u->nowait = flags & RWF_NOWAIT;
	u->append = writing && (flags & RWF_APPEND);
	n = file_io(f, u, off);
	if (n > 0 && writing && (flags & (RWF_DSYNC | RWF_SYNC)) && f->vnode != NULL) {
		err = vfs_fsync(f->vnode);
		n = err != 0 ? err : n;
	}
	return n;
}

static long rwv(int fd, enum uio_dir dir, vaddr_t uiov, unsigned long n, uint64_t *off, int flags)
{
	struct kiovec inl[IOV_INLINE], *iov = NULL;
	struct file *f = fd_file(fd);
	struct uio u;
	long ret;

	if (f == NULL)
		return -EBADF;
	if (off != NULL && f->ops->seek == NULL)
		ret = -ESPIPE;
	else
		ret = (dir == UIO_READ ? file_readable(f) : file_writable(f)) ? 0 : -EBADF;
	if (ret == 0)
		ret = uio_import(&u, dir, uiov, n, inl, &iov);
	if (ret >= 0)
		ret = rwv_flags(f, &u, off, flags);
	if (iov != inl)
		kfree(iov);
	file_put(f);
	return ret;
}

long sys_readv(int fd, vaddr_t iov, unsigned long n)
{
	return rwv(fd, UIO_READ, iov, n, NULL, 0);
}

long sys_writev(int fd, vaddr_t iov, unsigned long n)
{
	return rwv(fd, UIO_WRITE, iov, n, NULL, 0);
}

/* ---- at a position of the caller's ---- */

static long prw(int fd, enum uio_dir dir, vaddr_t buf, size_t count, uint64_t off)
{
	return (int64_t)off < 0 ? -EINVAL : rw(fd, dir, buf, count, &off);
}

static long prwv(int fd, enum uio_dir dir, vaddr_t iov, unsigned long n, uint64_t off)
{
	return (int64_t)off < 0 ? -EINVAL : rwv(fd, dir, iov, n, &off, 0);
}

#ifdef __x86_64__
long sys_pread64(int fd, vaddr_t buf, size_t count, uint64_t off)
{
	return prw(fd, UIO_READ, buf, count, off);
}

long sys_pwrite64(int fd, vaddr_t buf, size_t count, uint64_t off)
{
	return prw(fd, UIO_WRITE, buf, count, off);
}
#endif

#ifdef __i386__
long sys_pread64_i386(int fd, vaddr_t buf, size_t count, uint32_t lo, uint32_t hi)
{
	return prw(fd, UIO_READ, buf, count, offset64(lo, hi));
}

long sys_pwrite64_i386(int fd, vaddr_t buf, size_t count, uint32_t lo, uint32_t hi)
{
	return prw(fd, UIO_WRITE, buf, count, offset64(lo, hi));
}
#endif

/* On amd64, too, the offset comes in two registers; the low one has it all (man 2 preadv). */
static uint64_t preadv_offset(unsigned long lo, unsigned long hi)
{
	return sizeof(long) == 8 ? lo : offset64((uint32_t)lo, (uint32_t)hi);
}

long sys_preadv(int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi)
{
	return prwv(fd, UIO_READ, iov, n, preadv_offset(lo, hi));
}

long sys_pwritev(int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi)
{
	return prwv(fd, UIO_WRITE, iov, n, preadv_offset(lo, hi));
}

/* Offset -1: the file's own. */
static long prwv2(int fd, enum uio_dir dir, vaddr_t iov, unsigned long n, uint64_t off, int flags)
{
	if (off == UINT64_MAX)
		return rwv(fd, dir, iov, n, NULL, flags);
	return (int64_t)off < 0 ? -EINVAL : rwv(fd, dir, iov, n, &off, flags);
}

long sys_preadv2(
	int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi, int flags)
{
	return prwv2(fd, UIO_READ, iov, n, preadv_offset(lo, hi), flags);
}

long sys_pwritev2(
	int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi, int flags)
{
	return prwv2(fd, UIO_WRITE, iov, n, preadv_offset(lo, hi), flags);
}

/* ---- positions ---- */

static int64_t seek(int fd, int64_t off, unsigned whence)
{
	struct file *f = fd_file(fd);
	int64_t pos;

	if (f == NULL)
		return -EBADF;
	pos = whence <= SEEK_HOLE ? file_seek(f, off, (int)whence) : -EINVAL;
	file_put(f);
	return pos;
}

long sys_lseek(int fd, long off, unsigned whence)
{
	int64_t pos = seek(fd, off, whence);

	return pos > INTPTR_MAX ? -EOVERFLOW : (long)pos;
}

#ifdef __i386__
long sys__llseek(int fd, uint32_t hi, uint32_t lo, vaddr_t uresult, unsigned whence)
{
	int64_t pos = seek(fd, (int64_t)offset64(lo, hi), whence);

	if (pos < 0)
		return (long)pos;
	return copy_to_user(uresult, &pos, sizeof(pos));
}
#endif
