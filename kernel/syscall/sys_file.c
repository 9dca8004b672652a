/* SPDX-License-Identifier: BSD-2-Clause
 * System calls on descriptors: open, close, dup, fcntl, ioctl, pipe, sizes, syncing.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "ipc/pipe.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/sys_lock.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"
#include "mm/vm.h"

/* ---- open, close ---- */

#define OPEN_FLAGS                                                                            \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | \
		O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |     \
		O_CLOEXEC | O_PATH | O_TMPFILE)

static long open_at(int dfd, vaddr_t upath, int flags, uint32_t mode)
{
	struct file *f;
	struct at at;
	int fd, err;

	err = at_begin(&at, dfd, upath, false);
	if (err != 0)
		return err;
	if (sizeof(long) == 8)
		flags |= O_LARGEFILE;
	fd = fd_reserve(); /* before anything is made or emptied */
	if (fd < 0) {
		at_end(&at);
		return fd;
	}
	f = vfs_open(at.start, at.path, flags & OPEN_FLAGS, mode);
	at_end(&at);
	fd_fill(fd, IS_ERR(f) ? NULL : f, flags & O_CLOEXEC);
	return IS_ERR(f) ? PTR_ERR(f) : fd;
}

long sys_open(vaddr_t path, int flags, uint32_t mode)
{
	return open_at(AT_FDCWD, path, flags, mode);
}

long sys_openat(int dfd, vaddr_t path, int flags, uint32_t mode)
{
	return open_at(dfd, path, flags, mode);
}

long sys_creat(vaddr_t path, uint32_t mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_close(int fd)
{
	return fd_close(fd);
}

long sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	if (first > last || (flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int err = READ_ONCE(curproc()->nlive) > 1 ? -EINVAL : fd_unshare();

		if (err != 0) /* the threads of a process have one table in any case */
			return err;
	}
	fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* ---- dup ---- */

static long dup_to(struct file *f, int fd, bool cloexec)
{
	int ret = fd_install_at(f, fd, cloexec);

	if (ret < 0)
		file_put(f);
	return ret;
}

static long dup_from(struct file *f, int min, bool cloexec)
{
	int fd = fd_alloc(f, min, cloexec);

	if (fd < 0)
		file_put(f);
	return fd;
}

long sys_dup(int fd)
{
	struct file *f = fd_file_path(fd);

	return f != NULL ? dup_from(f, 0, false) : -EBADF;
}

long sys_dup2(int oldfd, int newfd)
{
	struct file *f = fd_file_path(oldfd);

	if (f == NULL)
		return -EBADF;
	if (oldfd == newfd) {
		file_put(f);
		return newfd;
	}
	return dup_to(f, newfd, false);
}

long sys_dup3(int oldfd, int newfd, int flags)
{
	struct file *f;

	if (oldfd == newfd || (flags & ~O_CLOEXEC))
		return -EINVAL;
	f = fd_file_path(oldfd);
	return f != NULL ? dup_to(f, newfd, flags & O_CLOEXEC) : -EBADF;
}

/* ---- fcntl ---- */

#define SETFL_FLAGS (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)

static long set_flags(struct file *f, uintptr_t arg)
{
	unsigned keep = f->flags & ~(unsigned)SETFL_FLAGS;

	WRITE_ONCE(f->flags, keep | ((unsigned)arg & SETFL_FLAGS));
	return 0;
}

static long fcntl_path(struct file *f, int fd, unsigned cmd, uintptr_t arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if ((int)arg < 0)
			return -EINVAL;
		file_get(f);
		fd = (int)dup_from(f, (int)arg, cmd == F_DUPFD_CLOEXEC);
		/* A minimum beyond the limit is an invalid argument here (man 2 fcntl, EINVAL). */
		return fd == -EMFILE && arg >= curproc()->rlimits[RLIMIT_NOFILE].cur ? -EINVAL : fd;
	case F_GETFD:
		return fd_get_cloexec(fd);
	case F_SETFD:
		return fd_set_cloexec(fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return (long)f->flags;
	default:
		return -EBADF;
	}
}

static long fcntl_file(struct file *f, int fd, unsigned cmd, uintptr_t arg, bool wide_call)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
		return fcntl_path(f, fd, cmd, arg);
	case F_SETFL:
		return set_flags(f, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		return fcntl_lock(f, fd, cmd, arg, false);
	case F_GETLK64:
	case F_SETLK64:
	case F_SETLKW64:
		return wide_call ? fcntl_lock(f, fd, cmd, arg, true) : -EINVAL;
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		/* i386 has them in fcntl64(2) only. */
		if (sizeof(long) == 4 && !wide_call)
			return -EINVAL;
		return fcntl_lock(f, fd, cmd, arg, wide_call);
	default:
		return f->ops->fcntl != NULL ? f->ops->fcntl(f, cmd, arg) : -EINVAL;
	}
}

static long do_fcntl(int fd, unsigned cmd, uintptr_t arg, bool wide_call)
{
	struct file *f = fd_file_path(fd);
	long ret;

	if (f == NULL)
		return -EBADF;
	if (f->flags & O_PATH)
		ret = fcntl_path(f, fd, cmd, arg);
	else
		ret = fcntl_file(f, fd, cmd, arg, wide_call);
	file_put(f);
	return ret;
}

long sys_fcntl(int fd, unsigned cmd, uintptr_t arg)
{
	return do_fcntl(fd, cmd, arg, false);
}

#ifdef __i386__
long sys_fcntl64(int fd, unsigned cmd, uintptr_t arg)
{
	return do_fcntl(fd, cmd, arg, true);
}
#endif

/* ---- ioctl ---- */

static long set_flag_from_user(struct file *f, vaddr_t arg, unsigned flag)
{
	int32_t on;

	if (copy_from_user(&on, arg, sizeof(on)) != 0)
		return -EFAULT;
	WRITE_ONCE(f->flags, on ? f->flags | flag : f->flags & ~flag);
	return 0;
}

static long do_ioctl(struct file *f, int fd, unsigned cmd, vaddr_t arg)
{
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return fd_set_cloexec(fd, cmd == FIOCLEX);
	case FIONBIO:
		return set_flag_from_user(f, arg, O_NONBLOCK);
	case FIOASYNC:
		return set_flag_from_user(f, arg, O_ASYNC);
	default:
		return f->ops->ioctl != NULL ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
	}
}

long sys_ioctl(int fd, unsigned cmd, vaddr_t arg)
{
	struct file *f = fd_file(fd);
	long ret;

	if (f == NULL)
		return -EBADF;
	ret = do_ioctl(f, fd, cmd, arg);
	file_put(f);
	return ret;
}

/* ---- pipe ---- */

long sys_pipe2(vaddr_t ufds, int flags)
{
	struct file *rd, *wr;
	int32_t fds[2];
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create(&rd, &wr, (unsigned)(flags & ~O_CLOEXEC));
	if (err != 0)
		return err;
	fds[0] = fd_alloc(rd, 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		err = fds[0];
		goto fail_read;
	}
	fds[1] = fd_alloc(wr, 0, flags & O_CLOEXEC);
	if (fds[1] < 0) {
		err = fds[1];
		fd_close(fds[0]);
		file_put(wr);
		return err;
	}
	if (copy_to_user(ufds, fds, sizeof(fds)) == 0)
		return 0;
	fd_close(fds[0]);
	fd_close(fds[1]);
	return -EFAULT;
fail_read:
	file_put(rd);
	file_put(wr);
	return err;
}

long sys_pipe(vaddr_t ufds)
{
	return sys_pipe2(ufds, 0);
}

/* ---- sizes ---- */

static long truncate_path(vaddr_t upath, int64_t size)
{
	struct vnode *vn;
	int err;

	if (size < 0)
		return -EINVAL;
	err = at_lookup(AT_FDCWD, upath, false, true, &vn);
	if (err != 0)
		return err;
	err = S_ISREG(vn->mode) ? vfs_permission(vn, MAY_WRITE) : 0;
	if (err == 0)
		err = vfs_truncate_closed(vn, (uint64_t)size);
	vnode_put(vn);
	return err;
}

static long truncate_fd(int fd, int64_t size)
{
	struct file *f;
	long err = -EINVAL;

	if (size < 0)
		return -EINVAL;
	f = fd_file(fd);
	if (f == NULL)
		return -EBADF;
	if (f->vnode != NULL && S_ISREG(f->vnode->mode) && file_writable(f))
		err = vfs_truncate(f->vnode, (uint64_t)size);
	file_put(f);
	return err;
}

long sys_truncate(vaddr_t path, long size)
{
	return truncate_path(path, size);
}

long sys_ftruncate(int fd, long size)
{
	return truncate_fd(fd, size);
}

#ifdef __i386__
long sys_truncate64_i386(vaddr_t path, uint32_t lo, uint32_t hi)
{
	return truncate_path(path, (int64_t)((uint64_t)hi << 32 | lo));
}

long sys_ftruncate64_i386(int fd, uint32_t lo, uint32_t hi)
{
	return truncate_fd(fd, (int64_t)((uint64_t)hi << 32 | lo));
}
#endif

/* The checks, in Linux's order (man 2 fallocate). */
static int check_fallocate(const struct file *f, int mode, int64_t off, int64_t len)
{
	const struct vnode *vn = f->vnode;

	if (off < 0 || len <= 0)
		return -EINVAL;
	/* As Linux's tmpfs. */
	if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) || mode == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (vn == NULL || S_ISFIFO(vn->mode))
		return -ESPIPE;
	if (!S_ISREG(vn->mode) || vn->object == NULL)
		return S_ISDIR(vn->mode) ? -EISDIR : -ENODEV;
	if (INT64_MAX - off < len || (uint64_t)(off + len) > FILE_SIZE_MAX)
		return -EFBIG;
	return (mode & FALLOC_FL_PUNCH_HOLE) && vn->object->ops->putpages != NULL ? -EOPNOTSUPP : 0;
}

static long do_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct vnode *vn = f->vnode;
	int err = check_fallocate(f, mode, (int64_t)off, (int64_t)len);

	if (err != 0)
		return err;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		mutex_lock(&vn->write_lock);
		err = vm_object_punch(vn->object, off, len);
		mutex_unlock(&vn->write_lock);
		if (err == 0)
			vfs_touch(vn);
		return err;
	}
	return vnode_allocate(vn, off, len, mode & FALLOC_FL_KEEP_SIZE);
}

static long fallocate_fd(int fd, int mode, uint64_t off, uint64_t len)
{
	struct file *f = fd_file(fd);
	long ret;

	if (f == NULL)
		return -EBADF;
	ret = do_fallocate(f, mode, off, len);
	file_put(f);
	return ret;
}

#ifdef __x86_64__
long sys_fallocate(int fd, int mode, uint64_t off, uint64_t len)
{
	return fallocate_fd(fd, mode, off, len);
}
#else
long sys_fallocate_i386(
	int fd, int mode, uint32_t off_lo, uint32_t off_hi, uint32_t len_lo, uint32_t len_hi)
{
	return fallocate_fd(
		fd, mode, (uint64_t)off_hi << 32 | off_lo, (uint64_t)len_hi << 32 | len_lo);
}
#endif

/* ---- syncing ---- */

long sys_fsync(int fd)
{
	struct file *f = fd_file(fd);
	long ret;

	if (f == NULL)
		return -EBADF;
	/* What has nothing behind it cannot be synced: a pipe, a terminal. */
	ret = f->vnode != NULL && (S_ISREG(f->vnode->mode) || S_ISDIR(f->vnode->mode) ||
					  S_ISBLK(f->vnode->mode))
		      ? vfs_fsync(f->vnode)
		      : -EINVAL;
	file_put(f);
	return ret;
}

long sys_fdatasync(int fd)
{
	return sys_fsync(fd);
}

long sys_syncfs(int fd)
{
	struct file *f = fd_file(fd);
	long ret;

	if (f == NULL)
		return -EBADF;
	ret = f->vnode != NULL ? vfs_syncfs(f->vnode->mount) : 0;
	file_put(f);
	return ret;
}

long sys_sync(void)
{
	vfs_sync();
	return 0;
}

/* Clean pages of [off, off+len) go, len 0: up to the end. Parts of pages stay, except the file's last. */
static void forget(struct vm_object *obj, uint64_t off, uint64_t len)
{
	uint64_t end =
		len == 0 || len > FILE_SIZE_MAX - MIN(off, FILE_SIZE_MAX) ? UINT64_MAX : off + len;

	end = end >= vm_object_size(obj) ? FILE_SIZE_MAX : end;
	vm_object_forget(obj,
		(uintptr_t)(ROUND_UP(MIN(off, FILE_SIZE_MAX), (uint64_t)PAGE_SIZE) >> PAGE_SHIFT),
		(uintptr_t)(end >> PAGE_SHIFT));
}

/* man 2 posix_fadvise. The cache needs no more advice than that. */
static long fadvise(int fd, int64_t off, int64_t len, int advice)
{
	struct file *f = fd_file(fd);
	long ret = 0;

	if (f == NULL)
		return -EBADF;
	if (pipe_of(f) != NULL)
		ret = -ESPIPE;
	else if (len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
		ret = -EINVAL;
	else if (advice == POSIX_FADV_DONTNEED && off >= 0 && f->vnode != NULL &&
		 f->vnode->object != NULL)
		forget(f->vnode->object, (uint64_t)off, (uint64_t)len);
	file_put(f);
	return ret;
}

static long readahead(int fd)
{
	struct file *f = fd_file(fd);
	long ret = -EINVAL;

	if (f == NULL || !file_readable(f))
		ret = -EBADF;
	else if (f->vnode != NULL && (S_ISREG(f->vnode->mode) || S_ISBLK(f->vnode->mode)))
		ret = 0;
	if (f != NULL)
		file_put(f);
	return ret;
}

/* The file as a whole is what is written back. */
static long sync_file_range(int fd, int64_t off, int64_t n, unsigned flags)
{
	struct file *f = fd_file(fd);
	long ret = -EINVAL;

	if (f == NULL)
		return -EBADF;
	if ((flags & ~(unsigned)(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				 SYNC_FILE_RANGE_WAIT_AFTER)) ||
		off < 0 || n < 0 || INT64_MAX - off < n)
		ret = -EINVAL;
	else if (f->vnode == NULL || !(S_ISREG(f->vnode->mode) || S_ISBLK(f->vnode->mode) ||
					     S_ISDIR(f->vnode->mode) || S_ISLNK(f->vnode->mode)))
		ret = -ESPIPE;
	else
		ret = flags != 0 ? vfs_fsync(f->vnode) : 0;
	file_put(f);
	return ret;
}

#ifdef __x86_64__
long sys_fadvise64(int fd, uint64_t off, uint64_t len, int advice)
{
	return fadvise(fd, (int64_t)off, (int64_t)len, advice);
}

long sys_readahead(int fd, uint64_t off, size_t n)
{
	return readahead(fd);
}

long sys_sync_file_range(int fd, uint64_t off, uint64_t n, unsigned flags)
{
	return sync_file_range(fd, (int64_t)off, (int64_t)n, flags);
}
#else
static int64_t from_halves(uint32_t lo, uint32_t hi)
{
	return (int64_t)((uint64_t)hi << 32 | lo);
}

long sys_fadvise64_i386(int fd, uint32_t lo, uint32_t hi, size_t len, int advice)
{
	return fadvise(fd, from_halves(lo, hi), (int64_t)len, advice);
}

long sys_fadvise64_64_i386(
	int fd, uint32_t lo, uint32_t hi, uint32_t len_lo, uint32_t len_hi, int advice)
{
	return fadvise(fd, from_halves(lo, hi), from_halves(len_lo, len_hi), advice);
}

long sys_readahead_i386(int fd, uint32_t lo, uint32_t hi, size_t n)
{
	return readahead(fd);
}

long sys_sync_file_range_i386(
	int fd, uint32_t lo, uint32_t hi, uint32_t n_lo, uint32_t n_hi, unsigned flags)
{
	return sync_file_range(fd, from_halves(lo, hi), from_halves(n_lo, n_hi), flags);
}
#endif
