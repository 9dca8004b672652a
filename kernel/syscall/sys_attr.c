/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that change attributes of files: chmod, chown, utimes.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

/* The vnode of an open file, with a reference. */
static int fd_vnode(int fd, struct vnode **out)
{
	struct file *f = fd_file(fd);
	int err = 0;

	if (f == NULL)
		return -EBADF;
	*out = f->vnode;
	if (f->vnode != NULL)
		vnode_get(f->vnode);
	else
		err = -EINVAL;
	file_put(f);
	return err;
}

static long set_and_put(struct vnode *vn, unsigned which, const struct kstat *st)
{
	long err = vfs_setattr(vn, which, st);

	vnode_put(vn);
	return err;
}

/* ---- mode ---- */

static long chmod_at(int dfd, vaddr_t path, uint32_t mode)
{
	struct kstat st = { .mode = mode };
	struct vnode *vn;
	int err = at_lookup(dfd, path, false, true, &vn);

	return err != 0 ? err : set_and_put(vn, ATTR_MODE, &st);
}

long sys_chmod(vaddr_t path, uint32_t mode)
{
	return chmod_at(AT_FDCWD, path, mode);
}

long sys_fchmodat(int dfd, vaddr_t path, uint32_t mode)
{
	return chmod_at(dfd, path, mode);
}

long sys_fchmod(int fd, uint32_t mode)
{
	struct kstat st = { .mode = mode };
	struct vnode *vn;
	int err = fd_vnode(fd, &vn);

	return err != 0 ? err : set_and_put(vn, ATTR_MODE, &st);
}

/* ---- owner ---- */

static unsigned owner_attrs(uint32_t uid, uint32_t gid, struct kstat *st)
{
	*st = (struct kstat){ .uid = uid, .gid = gid };
	return ATTR_CHOWN | (uid != UINT32_MAX ? ATTR_UID : 0) | (gid != UINT32_MAX ? ATTR_GID : 0);
}

static long chown_at(int dfd, vaddr_t path, uint32_t uid, uint32_t gid, int flags)
{
	struct kstat st;
	unsigned which = owner_attrs(uid, gid, &st);
	struct vnode *vn;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = at_lookup(dfd, path, flags & AT_EMPTY_PATH, !(flags & AT_SYMLINK_NOFOLLOW), &vn);
	return err != 0 ? err : set_and_put(vn, which, &st);
}

static long chown_fd(int fd, uint32_t uid, uint32_t gid)
{
	struct kstat st;
	unsigned which = owner_attrs(uid, gid, &st);
	struct vnode *vn;
	int err = fd_vnode(fd, &vn);

	return err != 0 ? err : set_and_put(vn, which, &st);
}

long sys_chown(vaddr_t path, uint32_t uid, uint32_t gid)
{
	return chown_at(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(vaddr_t path, uint32_t uid, uint32_t gid)
{
	return chown_at(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, uint32_t uid, uint32_t gid)
{
	return chown_fd(fd, uid, gid);
}

long sys_fchownat(int dfd, vaddr_t path, uint32_t uid, uint32_t gid, int flags)
{
	return chown_at(dfd, path, uid, gid, flags);
}

#ifdef __i386__
/* The 16-bit ids of old; -1 stays -1. */
static uint32_t id32(uint32_t id)
{
	return (id & UINT16_MAX) == UINT16_MAX ? UINT32_MAX : id & UINT16_MAX;
}

long sys_chown16(vaddr_t path, uint32_t uid, uint32_t gid)
{
	return chown_at(AT_FDCWD, path, id32(uid), id32(gid), 0);
}

long sys_lchown16(vaddr_t path, uint32_t uid, uint32_t gid)
{
	return chown_at(AT_FDCWD, path, id32(uid), id32(gid), AT_SYMLINK_NOFOLLOW);
}

long sys_fchown16(int fd, uint32_t uid, uint32_t gid)
{
	return chown_fd(fd, id32(uid), id32(gid));
}
#endif

/* ---- times ---- */

#define TIME_MAX (INT64_MAX / (int64_t)NSEC_PER_SEC - 1) /* 292 years, either way */

/* One time of utimensat(2): which of the two bits is meant, none for UTIME_OMIT, and the value. */
static int pick_time(
	const struct abi_timespec64 *t, unsigned set, unsigned now, unsigned *which, int64_t *out)
{
	if (t->nsec == UTIME_OMIT)
		return 0;
	*which |= t->nsec == UTIME_NOW ? now : set;
	if (t->nsec == UTIME_NOW)
		return 0;
	if (t->nsec < 0 || t->nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*out = MIN(MAX(t->sec, -TIME_MAX), TIME_MAX) * (int64_t)NSEC_PER_SEC + t->nsec;
	return 0;
}

/* man 2 utimensat, "Permissions requirements": both times "now" needs write permission only. */
static int may_set_times(struct vnode *vn, bool now)
{
	if (vfs_is_owner(vn))
		return 0;
	return now ? vfs_permission(vn, MAY_WRITE) : -EPERM;
}

/* t: access, modification; NULL: now. */
static long set_times(struct vnode *vn, const struct abi_timespec64 t[2])
{
	struct kstat st = { 0 };
	unsigned which = 0;
	bool both_now = t == NULL || (t[0].nsec == UTIME_NOW && t[1].nsec == UTIME_NOW);
	int err = 0;

	if (t == NULL) {
		which = ATTR_ATIME_NOW | ATTR_MTIME_NOW;
	} else {
		err = pick_time(&t[0], ATTR_ATIME, ATTR_ATIME_NOW, &which, &st.atime);
		if (err == 0)
			err = pick_time(&t[1], ATTR_MTIME, ATTR_MTIME_NOW, &which, &st.mtime);
	}
	if (err == 0 && which != 0)
		err = may_set_times(vn, both_now);
	if (err == 0 && which != 0)
		err = vfs_setattr(vn, which, &st);
	return err;
}

static long set_times_at(int dfd, vaddr_t path, const struct abi_timespec64 *t, int flags)
{
	struct vnode *vn;
	long err;

	if (t != NULL && t[0].nsec == UTIME_OMIT && t[1].nsec == UTIME_OMIT)
		return 0; /* not even the path is looked at */
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (path == 0 && dfd != AT_FDCWD) /* futimens(3) */
		err = fd_vnode(dfd, &vn);
	else
		err = at_lookup(
			dfd, path, flags & AT_EMPTY_PATH, !(flags & AT_SYMLINK_NOFOLLOW), &vn);
	if (err != 0)
		return err;
	err = set_times(vn, t);
	vnode_put(vn);
	return err;
}

long sys_utimensat(int dfd, vaddr_t path, vaddr_t utimes, int flags)
{
	struct abi_timespec ts[2];
	struct abi_timespec64 t[2];

	if (utimes == 0)
		return set_times_at(dfd, path, NULL, flags);
	if (copy_from_user(ts, utimes, sizeof(ts)) != 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++)
		t[i] = (struct abi_timespec64){ .sec = ts[i].sec, .nsec = ts[i].nsec };
	return set_times_at(dfd, path, t, flags);
}

#ifdef __i386__
long sys_utimensat_time64(int dfd, vaddr_t path, vaddr_t utimes, int flags)
{
	struct abi_timespec64 t[2];

	if (utimes == 0)
		return set_times_at(dfd, path, NULL, flags);
	if (copy_from_user(t, utimes, sizeof(t)) != 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++)
		t[i].nsec = (int32_t)t[i].nsec; /* the upper half is padding */
	return set_times_at(dfd, path, t, flags);
}
#endif

static long set_timevals(int dfd, vaddr_t path, vaddr_t utimes)
{
	struct abi_timeval tv[2];
	struct abi_timespec64 t[2];

	if (utimes == 0)
		return set_times_at(dfd, path, NULL, 0);
	if (copy_from_user(tv, utimes, sizeof(tv)) != 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		t[i] = (struct abi_timespec64){ .sec = tv[i].sec,
			.nsec = (int64_t)tv[i].usec * 1000 };
	}
	return set_times_at(dfd, path, t, 0);
}

long sys_utimes(vaddr_t path, vaddr_t utimes)
{
	return set_timevals(AT_FDCWD, path, utimes);
}

long sys_futimesat(int dfd, vaddr_t path, vaddr_t utimes)
{
	return set_timevals(dfd, path, utimes);
}

long sys_utime(vaddr_t path, vaddr_t utimbuf)
{
	struct abi_timespec64 t[2] = { { 0 } };
	long secs[2];

	if (utimbuf == 0)
		return set_times_at(AT_FDCWD, path, NULL, 0);
	if (copy_from_user(secs, utimbuf, sizeof(secs)) != 0)
		return -EFAULT;
	t[0].sec = secs[0];
	t[1].sec = secs[1];
	return set_times_at(AT_FDCWD, path, t, 0);
}
