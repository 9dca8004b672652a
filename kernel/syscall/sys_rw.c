/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that move bytes: read, write and their kin, lseek, sendfile.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/sched.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

/* Linux moves at most this much at once (man 2 read, NOTES). */
#define RW_MAX         ((size_t)INT32_MAX & ~(size_t)PAGE_MASK)
#define IOV_INLINE     8
#define SENDFILE_CHUNK ((size_t)64 * 1024)

static uint64_t offset64(uint32_t lo, uint32_t hi)
{
	return (uint64_t)hi << 32 | lo;
}

static long rw(int fd, enum uio_dir dir, vaddr_t buf, size_t count, uint64_t *off)
{
	struct file *f = fd_file(fd);
	struct uio u;
	long n;

	if (f == NULL)
		return -EBADF;
	if ((ssize_t)count < 0)
		n = -EINVAL;
	else if (!user_range_ok(buf, count))
		n = -EFAULT;
	else {
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

/* Copies and checks the vector. *iov is `inl` or allocated. The sum of the lengths, or -errno. */
static ssize_t import_iov(vaddr_t uiov, unsigned long n, struct kiovec *inl, struct kiovec **iov)
{
	struct kiovec *v = inl;
	size_t sum = 0;

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
	return (ssize_t)sum;
}

static long rwv(int fd, enum uio_dir dir, vaddr_t uiov, unsigned long n, uint64_t *off)
{
	struct kiovec inl[IOV_INLINE], *iov = NULL;
	struct file *f = fd_file(fd);
	struct uio u;
	ssize_t sum;
	long ret;

	if (f == NULL)
		return -EBADF;
	sum = import_iov(uiov, n, inl, &iov);
	ret = sum;
	if (sum >= 0) {
		u = (struct uio){ .iov = iov,
			.niov = (unsigned)n,
			.resid = (size_t)sum,
			.dir = dir,
			.user = true };
		ret = file_io(f, &u, off);
	}
	if (iov != inl)
		kfree(iov);
	file_put(f);
	return ret;
}

long sys_readv(int fd, vaddr_t iov, unsigned long n)
{
	return rwv(fd, UIO_READ, iov, n, NULL);
}

long sys_writev(int fd, vaddr_t iov, unsigned long n)
{
	return rwv(fd, UIO_WRITE, iov, n, NULL);
}

/* ---- at a position of the caller's ---- */

static long prw(int fd, enum uio_dir dir, vaddr_t buf, size_t count, uint64_t off)
{
	return (int64_t)off < 0 ? -EINVAL : rw(fd, dir, buf, count, &off);
}

static long prwv(int fd, enum uio_dir dir, vaddr_t iov, unsigned long n, uint64_t off)
{
	return (int64_t)off < 0 ? -EINVAL : rwv(fd, dir, iov, n, &off);
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

/* ---- sendfile ---- */

/* What was read and could not be written is read again next time: the position goes back. */
static ssize_t copy_chunk(struct file *in, struct file *out, void *buf, size_t n, uint64_t *off)
{
	uint64_t pos = *off;
	struct uio u;
	ssize_t got, put;

	uio_init_kernel(&u, UIO_READ, buf, n);
	got = file_io(in, &u, &pos);
	if (got <= 0)
		return got;
	uio_init_kernel(&u, UIO_WRITE, buf, (size_t)got);
	put = file_io(out, &u, NULL);
	if (put > 0)
		*off += (uint64_t)put;
	return put;
}

static ssize_t copy_file(struct file *in, struct file *out, size_t count, uint64_t *off)
{
	size_t done = 0, size = MIN(count, SENDFILE_CHUNK);
	void *buf = kmalloc(MAX(size, (size_t)1));
	ssize_t n = 0;

	if (buf == NULL)
		return -ENOMEM;
	while (done < count) {
		size_t want = MIN(count - done, size);

		n = copy_chunk(in, out, buf, want, off);
		if (n > 0)
			done += (size_t)n;
		if (n != (ssize_t)want)
			break;
		sched_yield_if_needed();
	}
	kfree(buf);
	return done > 0 ? (ssize_t)done : n;
}

/* off: NULL: the file's own position. */
static ssize_t send(int out_fd, int in_fd, uint64_t *off, size_t count)
{
	struct file *in = fd_file(in_fd), *out = fd_file(out_fd);
	ssize_t n = -EBADF;
	uint64_t pos;

	if (in == NULL || out == NULL || !file_readable(in) || !file_writable(out))
		goto out;
	n = -EINVAL;
	if ((ssize_t)count < 0 || in->ops->seek == NULL || (out->flags & O_APPEND))
		goto out;
	count = MIN(count, RW_MAX);
	if (off != NULL) {
		n = copy_file(in, out, count, off);
		goto out;
	}
	mutex_lock(&in->pos_lock);
	pos = in->pos;
	mutex_unlock(&in->pos_lock);
	n = copy_file(in, out, count, &pos);
	mutex_lock(&in->pos_lock);
	in->pos = pos;
	mutex_unlock(&in->pos_lock);
out:
	if (in != NULL)
		file_put(in);
	if (out != NULL)
		file_put(out);
	return n;
}

static long send_at(int out_fd, int in_fd, vaddr_t uoff, size_t count, size_t width)
{
	uint64_t off = 0;
	ssize_t n;

	if (uoff == 0)
		return send(out_fd, in_fd, NULL, count);
	if (copy_from_user(&off, uoff, width) != 0)
		return -EFAULT;
	if ((int64_t)off < 0)
		return -EINVAL;
	n = send(out_fd, in_fd, &off, count);
	if (n >= 0 && copy_to_user(uoff, &off, width) != 0)
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
