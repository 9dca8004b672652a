/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that tell what files are: the stat families of both ABIs, statfs, access, readlink.
 */
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

#define SEC(ns)  ns_seconds(ns)
#define NSEC(ns) ((uint64_t)(ns) - (uint64_t)SEC(ns) * NSEC_PER_SEC)

/* ---- where the attributes come from ---- */

static int stat_fd(int fd, struct kstat *st)
{
	struct file *f = fd_file_path(fd);
	int err;

	if (f == NULL)
		return -EBADF;
	err = file_getattr(f, st);
	file_put(f);
	return err;
}

static int stat_path(int dfd, vaddr_t upath, int flags, struct kstat *st)
{
	struct vnode *vn;
	char first;
	int err;

	/* fstat() of libraries: an empty path, and a descriptor that need not have a vnode. */
	if ((flags & AT_EMPTY_PATH) && dfd != AT_FDCWD) {
		if (copy_from_user(&first, upath, 1) != 0)
			return -EFAULT;
		if (first == '\0')
			return stat_fd(dfd, st);
	}
	err = at_lookup(dfd, upath, flags & AT_EMPTY_PATH, !(flags & AT_SYMLINK_NOFOLLOW), &vn);
	if (err != 0)
		return err;
	err = vfs_getattr(vn, st);
	vnode_put(vn);
	return err;
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* ---- struct stat ---- */

#ifdef __x86_64__
static int stat_out(const struct kstat *st, vaddr_t ust)
{
	struct linux_stat out = {
		.st_dev = dev_encode(st->dev),
		.st_ino = st->ino,
		.st_nlink = st->nlink,
		.st_mode = st->mode,
		.st_uid = st->uid,
		.st_gid = st->gid,
		.st_rdev = dev_encode(st->rdev),
		.st_size = (int64_t)st->size,
		.st_blksize = st->blksize,
		.st_blocks = (int64_t)st->blocks,
		.st_atime = (uint64_t)SEC(st->atime),
		.st_atime_nsec = NSEC(st->atime),
		.st_mtime = (uint64_t)SEC(st->mtime),
		.st_mtime_nsec = NSEC(st->mtime),
		.st_ctime = (uint64_t)SEC(st->ctime),
		.st_ctime_nsec = NSEC(st->ctime),
	};

	return copy_to_user(ust, &out, sizeof(out));
}
#else
static uint16_t id16(uint32_t id)
{
	return id > UINT16_MAX ? 65534 : (uint16_t)id; /* the overflow id, man 5 proc */
}

static int stat_out(const struct kstat *st, vaddr_t ust)
{
	struct linux_stat out = {
		.st_dev = dev_encode(st->dev),
		.st_ino = (uint32_t)st->ino,
		.st_mode = (uint16_t)st->mode,
		.st_nlink = (uint16_t)st->nlink,
		.st_uid = id16(st->uid),
		.st_gid = id16(st->gid),
		.st_rdev = dev_encode(st->rdev),
		.st_size = (uint32_t)st->size,
		.st_blksize = st->blksize,
		.st_blocks = (uint32_t)st->blocks,
		.st_atime = (uint32_t)SEC(st->atime),
		.st_atime_nsec = (uint32_t)NSEC(st->atime),
		.st_mtime = (uint32_t)SEC(st->mtime),
		.st_mtime_nsec = (uint32_t)NSEC(st->mtime),
		.st_ctime = (uint32_t)SEC(st->ctime),
		.st_ctime_nsec = (uint32_t)NSEC(st->ctime),
	};

	if (out.st_ino != st->ino || st->size > INT32_MAX || out.st_nlink != st->nlink)
		return -EOVERFLOW;
	return copy_to_user(ust, &out, sizeof(out));
}

static int stat64_out(const struct kstat *st, vaddr_t ust)
{
	struct linux_stat64 out = {
		.st_dev = dev_encode(st->dev),
		.st_ino_low = (uint32_t)st->ino,
		.st_mode = st->mode,
		.st_nlink = st->nlink,
		.st_uid = st->uid,
		.st_gid = st->gid,
		.st_rdev = dev_encode(st->rdev),
		.st_size = (int64_t)st->size,
		.st_blksize = st->blksize,
		.st_blocks = st->blocks,
		.st_atime = (uint32_t)SEC(st->atime),
		.st_atime_nsec = (uint32_t)NSEC(st->atime),
		.st_mtime = (uint32_t)SEC(st->mtime),
		.st_mtime_nsec = (uint32_t)NSEC(st->mtime),
		.st_ctime = (uint32_t)SEC(st->ctime),
		.st_ctime_nsec = (uint32_t)NSEC(st->ctime),
		.st_ino = st->ino,
	};

	return copy_to_user(ust, &out, sizeof(out));
}

long sys_stat64(vaddr_t path, vaddr_t ust)
{
	struct kstat st;
	int err = stat_path(AT_FDCWD, path, 0, &st);

	return err != 0 ? err : stat64_out(&st, ust);
}

long sys_lstat64(vaddr_t path, vaddr_t ust)
{
	struct kstat st;
	int err = stat_path(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st);

	return err != 0 ? err : stat64_out(&st, ust);
}

long sys_fstat64(int fd, vaddr_t ust)
{
	struct kstat st;
	int err = stat_fd(fd, &st);

	return err != 0 ? err : stat64_out(&st, ust);
}

long sys_fstatat64(int dfd, vaddr_t path, vaddr_t ust, int flags)
{
	struct kstat st;
	int err = flags & ~STAT_FLAGS ? -EINVAL : stat_path(dfd, path, flags, &st);

	return err != 0 ? err : stat64_out(&st, ust);
}
#endif

long sys_stat(vaddr_t path, vaddr_t ust)
{
	struct kstat st;
	int err = stat_path(AT_FDCWD, path, 0, &st);

	return err != 0 ? err : stat_out(&st, ust);
}

long sys_lstat(vaddr_t path, vaddr_t ust)
{
	struct kstat st;
	int err = stat_path(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st);

	return err != 0 ? err : stat_out(&st, ust);
}

long sys_fstat(int fd, vaddr_t ust)
{
	struct kstat st;
	int err = stat_fd(fd, &st);

	return err != 0 ? err : stat_out(&st, ust);
}

#ifdef __x86_64__
long sys_newfstatat(int dfd, vaddr_t path, vaddr_t ust, int flags)
{
	struct kstat st;
	int err = flags & ~STAT_FLAGS ? -EINVAL : stat_path(dfd, path, flags, &st);

	return err != 0 ? err : stat_out(&st, ust);
}
#endif

/* ---- statx ---- */

static struct linux_statx_timestamp statx_time(int64_t ns)
{
	return (struct linux_statx_timestamp){ .tv_sec = SEC(ns), .tv_nsec = (uint32_t)NSEC(ns) };
}

long sys_statx(int dfd, vaddr_t path, int flags, unsigned mask, vaddr_t ustx)
{
	struct linux_statx out;
	struct kstat st;
	int err;

	if ((mask & STATX__RESERVED) || (flags & ~(STAT_FLAGS | AT_STATX_SYNC_TYPE)) ||
		(flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = stat_path(dfd, path, flags, &st);
	if (err != 0)
		return err;
	memset(&out, 0, sizeof(out));
	out.stx_mask = STATX_BASIC_STATS;
	out.stx_blksize = st.blksize;
	out.stx_nlink = st.nlink;
	out.stx_uid = st.uid;
	out.stx_gid = st.gid;
	out.stx_mode = (uint16_t)st.mode;
	out.stx_ino = st.ino;
	out.stx_size = st.size;
	out.stx_blocks = st.blocks;
	out.stx_atime = statx_time(st.atime);
	out.stx_mtime = statx_time(st.mtime);
	out.stx_ctime = statx_time(st.ctime);
	out.stx_rdev_major = dev_major(st.rdev);
	out.stx_rdev_minor = dev_minor(st.rdev);
	out.stx_dev_major = dev_major(st.dev);
	out.stx_dev_minor = dev_minor(st.dev);
	return copy_to_user(ustx, &out, sizeof(out));
}

/* ---- statfs ---- */

static int statfs_out(const struct statfs_info *s, vaddr_t ubuf)
{
	struct linux_statfs out;

	memset(&out, 0, sizeof(out));
	out.f_type = (abi_long)s->type;
	out.f_bsize = out.f_frsize = (abi_long)s->bsize;
	out.f_blocks = (abi_ulong)s->blocks;
	out.f_bfree = (abi_ulong)s->bfree;
	out.f_bavail = (abi_ulong)s->bavail;
	out.f_files = (abi_ulong)s->files;
	out.f_ffree = (abi_ulong)s->ffree;
	out.f_namelen = (abi_long)s->namelen;
	out.f_flags = (abi_long)s->flags;
	return copy_to_user(ubuf, &out, sizeof(out));
}

#ifdef __i386__
static int statfs64_out(const struct statfs_info *s, vaddr_t ubuf)
{
	struct linux_statfs64 out;

	memset(&out, 0, sizeof(out));
	out.f_type = (uint32_t)s->type;
	out.f_bsize = out.f_frsize = (uint32_t)s->bsize;
	out.f_blocks = s->blocks;
	out.f_bfree = s->bfree;
	out.f_bavail = s->bavail;
	out.f_files = s->files;
	out.f_ffree = s->ffree;
	out.f_namelen = (uint32_t)s->namelen;
	out.f_flags = (uint32_t)s->flags;
	return copy_to_user(ubuf, &out, sizeof(out));
}
#endif

static int statfs_mount(struct mount *m, struct statfs_info *out)
{
	int err = m->statfs != NULL ? m->statfs(m, out) : -ENOSYS;

	if (err == 0)
		out->flags |= m->flags | (m->readonly ? ST_RDONLY : 0);
	return err;
}

static int statfs_path(vaddr_t upath, struct statfs_info *out)
{
	struct vnode *vn;
	int err = at_lookup(AT_FDCWD, upath, false, true, &vn);

	if (err != 0)
		return err;
	err = statfs_mount(vn->mount, out);
	vnode_put(vn);
	return err;
}

static int statfs_fd(int fd, struct statfs_info *out)
{
	struct file *f = fd_file_path(fd);
	int err;

	if (f == NULL)
		return -EBADF;
	err = f->vnode != NULL ? statfs_mount(f->vnode->mount, out) : -ENOSYS;
	file_put(f);
	return err;
}

long sys_statfs(vaddr_t path, vaddr_t ubuf)
{
	struct statfs_info s;
	int err = statfs_path(path, &s);

	return err != 0 ? err : statfs_out(&s, ubuf);
}

long sys_fstatfs(int fd, vaddr_t ubuf)
{
	struct statfs_info s;
	int err = statfs_fd(fd, &s);

	return err != 0 ? err : statfs_out(&s, ubuf);
}

#ifdef __i386__
long sys_statfs64(vaddr_t path, size_t size, vaddr_t ubuf)
{
	struct statfs_info s;
	int err = size != sizeof(struct linux_statfs64) ? -EINVAL : statfs_path(path, &s);

	return err != 0 ? err : statfs64_out(&s, ubuf);
}

long sys_fstatfs64(int fd, size_t size, vaddr_t ubuf)
{
	struct statfs_info s;
	int err = size != sizeof(struct linux_statfs64) ? -EINVAL : statfs_fd(fd, &s);

	return err != 0 ? err : statfs64_out(&s, ubuf);
}
#endif

/* ---- access ---- */

/* man 2 access: by the real ids, unless AT_EACCESS. */
static long access_at(int dfd, vaddr_t path, int mode, int flags)
{
	const struct cred *c = &curproc()->cred;
	struct vnode *vn;
	int err;

	if ((mode & ~(R_OK | W_OK | X_OK)) ||
		(flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	err = at_lookup(dfd, path, flags & AT_EMPTY_PATH, !(flags & AT_SYMLINK_NOFOLLOW), &vn);
	if (err != 0)
		return err;
	if (mode != F_OK)
		err = flags & AT_EACCESS ? vfs_permission_as(vn, (unsigned)mode, c->euid, c->egid)
					 : vfs_permission_as(vn, (unsigned)mode, c->uid, c->gid);
	vnode_put(vn);
	return err;
}

long sys_access(vaddr_t path, int mode)
{
	return access_at(AT_FDCWD, path, mode, 0);
}

long sys_faccessat(int dfd, vaddr_t path, int mode)
{
	return access_at(dfd, path, mode, 0);
}

long sys_faccessat2(int dfd, vaddr_t path, int mode, int flags)
{
	return access_at(dfd, path, mode, flags);
}

/* ---- readlink ---- */

static long readlink_at(int dfd, vaddr_t upath, vaddr_t ubuf, int size)
{
	struct vnode *vn;
	char *buf;
	ssize_t n;
	int err;

	if (size <= 0)
		return -EINVAL;
	err = at_lookup(dfd, upath, dfd != AT_FDCWD, false, &vn);
	if (err != 0)
		return err;
	buf = path_buf_alloc();
	n = buf == NULL ? -ENOMEM : -EINVAL;
	if (buf != NULL && S_ISLNK(vn->mode) && vn->ops->readlink != NULL)
		n = vn->ops->readlink(vn, buf, MIN((size_t)size, (size_t)PATH_MAX));
	if (n > 0 && copy_to_user(ubuf, buf, (size_t)n) != 0)
		n = -EFAULT;
	path_buf_free(buf);
	vnode_put(vn);
	return n;
}

long sys_readlink(vaddr_t path, vaddr_t buf, int size)
{
	return readlink_at(AT_FDCWD, path, buf, size);
}

long sys_readlinkat(int dfd, vaddr_t path, vaddr_t buf, int size)
{
	return readlink_at(dfd, path, buf, size);
}
