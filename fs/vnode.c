/* SPDX-License-Identifier: BSD-2-Clause
 * Vnodes: references, permissions, attributes.
 *
 * mode, uid and gid change under the vnode's lock but are read without it by permission checks: each
 * is one word, and a check that races with chmod(2) may see either state, as on any system.
 */
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/vm.h"

void vnode_init(struct vnode *vn, struct mount *m, const struct vnode_ops *ops, uint32_t mode)
{
	mutex_init(&vn->lock, "vnode");
	mutex_init(&vn->write_lock, "vnode_write");
	vn->refs = 1;
	vn->writers = 0;
	vn->mode = mode;
	vn->ops = ops;
	vn->mount = m;
	mount_get(m);
}

void vnode_destroy(struct vnode *vn)
{
	struct mount *m = vn->mount;

	KASSERT(vn->covered_by == NULL, "vnode with a mount on it");
	if (vn->object != NULL)
		vm_object_put(vn->object);
	vn->object = NULL;
	vn->mount = NULL;
	mount_put(m);
}

void vnode_get(struct vnode *vn)
{
	uint32_t old = __atomic_fetch_add(&vn->refs, 1, __ATOMIC_RELAXED);

	KASSERT(old != 0, "vnode without references");
	(void)old;
}

void vnode_put(struct vnode *vn)
{
	uint32_t left = __atomic_sub_fetch(&vn->refs, 1, __ATOMIC_ACQ_REL);

	KASSERT(left != UINT32_MAX, "vnode reference dropped twice");
	if (left == 0 && vn->ops->inactive != NULL)
		vn->ops->inactive(vn);
}

void vnode_lock_child(struct vnode *vn)
{
	mutex_lock_nested(&vn->lock);
}

/* ---- written to or executed ---- */

/* One step away from 0, unless the count is on the other side of it. */
static int count_use(struct vnode *vn, int step)
{
	int n = READ_ONCE(vn->writers);

	do {
		if (n * step < 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(
		&vn->writers, &n, n + step, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}

int vnode_want_write(struct vnode *vn)
{
	return count_use(vn, 1);
}

int vnode_deny_write(struct vnode *vn)
{
	return count_use(vn, -1);
}

void vnode_drop_write(struct vnode *vn)
{
	int n = __atomic_fetch_sub(&vn->writers, 1, __ATOMIC_RELAXED);

	KASSERT(n > 0, "vnode is not open for writing");
	(void)n;
}

void vnode_allow_write(struct vnode *vn)
{
	int n = __atomic_fetch_add(&vn->writers, 1, __ATOMIC_RELAXED);

	KASSERT(n < 0, "vnode is not executed");
	(void)n;
}

/* ---- permissions ---- */

bool vfs_is_root(void)
{
	struct proc *p = curproc();

	return p == NULL || p->cred.fsuid == 0;
}

bool vfs_is_owner(const struct vnode *vn)
{
	return vfs_is_root() || curproc()->cred.fsuid == vn->uid;
}

static bool in_group(const struct cred *c, uint32_t gid, uint32_t own)
{
	if (own == gid)
		return true;
	for (unsigned i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

int vfs_may_change(const struct vnode *vn)
{
	return READ_ONCE(vn->mount->readonly) ? -EROFS : 0;
}

bool vfs_in_group(uint32_t gid)
{
	struct proc *p = curproc();

	return p != NULL && in_group(&p->cred, gid, p->cred.fsgid);
}

/* man 7 path_resolution, "Permissions": exactly one of the three triplets counts; root may do
 * anything but execute a file that nobody may execute. */
int vfs_permission_as(struct vnode *vn, unsigned want, uint32_t uid, uint32_t gid)
{
	struct proc *p = curproc();
	uint32_t mode = vn->mode;

	/* A device, a FIFO or a socket is not written to where it lies. */
	if ((want & MAY_WRITE) && (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)) &&
		vfs_may_change(vn) != 0)
		return -EROFS;
	if (p == NULL || uid == 0) {
		if ((want & MAY_EXEC) && !S_ISDIR(mode) && !(mode & 0111))
			return -EACCES;
		return 0;
	}
	if (uid == vn->uid)
		mode >>= 6;
	else if (in_group(&p->cred, vn->gid, gid))
		mode >>= 3;
	return (mode & want) == want ? 0 : -EACCES;
}

int vfs_permission(struct vnode *vn, unsigned want)
{
	struct proc *p = curproc();

	if (p == NULL)
		return 0;
	return vfs_permission_as(vn, want, p->cred.fsuid, p->cred.fsgid);
}

void vfs_init_owner(struct vnode *vn, const struct vnode *dir)
{
	struct proc *p = curproc();

	if (p != NULL) {
		vn->uid = p->cred.fsuid;
		vn->gid = p->cred.fsgid;
	}
	if (dir->mode & S_ISGID) {
		vn->gid = dir->gid;
		if (S_ISDIR(vn->mode))
			vn->mode |= S_ISGID;
	}
}

/* Set-group-id is for those in the group to give, and for root. */
static bool may_set_gid(uint32_t gid)
{
	return vfs_is_root() || vfs_in_group(gid);
}

uint32_t vfs_new_mode(const struct vnode *dir, uint32_t mode)
{
	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && (dir->mode & S_ISGID) &&
		!may_set_gid(dir->gid))
		mode &= ~(uint32_t)S_ISGID;
	return mode & ~fs_umask();
}

/* The bits that a change takes away: set-user-id, and set-group-id of what the group may execute, or where somebody
 * from outside of the group makes the change. (Without the one the other once meant mandatory locking.) */
static uint32_t lost_bits(const struct vnode *vn)
{
	bool group = (vn->mode & S_IXGRP) || !may_set_gid(vn->gid);

	return vn->mode & (S_ISUID | (group ? (uint32_t)S_ISGID : 0));
}

/* man 7 inode, "set-user-ID": what a change of the contents, if not by root, changes with them. Locked. */
static void lose_set_id(const struct vnode *vn, unsigned *which, struct kstat *st)
{
	if (likely(!(vn->mode & (S_ISUID | S_ISGID))) || !S_ISREG(vn->mode) || vfs_is_root() ||
		lost_bits(vn) == 0)
		return;
	*which |= ATTR_MODE;
	st->mode = vn->mode & ~lost_bits(vn);
}

/* ---- attributes ---- */

int vfs_getattr(struct vnode *vn, struct kstat *st)
{
	*st = (struct kstat){
		.dev = vn->mount->dev,
		.ino = vn->ino,
		.rdev = vn->rdev,
		.mode = vn->mode,
		.uid = vn->uid,
		.gid = vn->gid,
		.nlink = 1,
		.blksize = PAGE_SIZE,
	};
	return vn->ops->getattr != NULL ? vn->ops->getattr(vn, st) : 0;
}

/* man 2 chmod, chown: what else changes with the change that was asked for. */
static int check_setattr(struct vnode *vn, unsigned *which, struct kstat *st)
{
	struct proc *p = curproc();
	bool root = vfs_is_root();

	if ((*which & ATTR_MODE) && !vfs_is_owner(vn))
		return -EPERM;
	if ((*which & ATTR_UID) && !root && (st->uid != vn->uid || p->cred.fsuid != vn->uid))
		return -EPERM;
	if ((*which & ATTR_GID) && !root &&
		(p->cred.fsuid != vn->uid || !in_group(&p->cred, st->gid, p->cred.fsgid)))
		return -EPERM;
	if (*which & ATTR_MODE)
		st->mode = (vn->mode & S_IFMT) | (st->mode & 07777);
	if ((*which & ATTR_CHOWN) && !S_ISDIR(vn->mode) && lost_bits(vn) != 0) {
		if (!vfs_is_owner(vn))
			return -EPERM;
		*which |= ATTR_MODE;
		st->mode = vn->mode & ~lost_bits(vn);
	}
	if ((*which & ATTR_MODE) && !may_set_gid(*which & ATTR_GID ? st->gid : vn->gid))
		st->mode &= ~(uint32_t)S_ISGID;
	*which &= ~ATTR_CHOWN;
	return 0;
}

int vfs_setattr(struct vnode *vn, unsigned which, const struct kstat *st)
{
	struct kstat new = *st;
	int err;

	if (vn->ops->setattr == NULL)
		return -EPERM;
	err = vfs_may_change(vn);
	if (err != 0)
		return err;
	mutex_lock(&vn->lock);
	err = check_setattr(vn, &which, &new);
	if (err == 0)
		err = vn->ops->setattr(vn, which, &new);
	mutex_unlock(&vn->lock);
	return err;
}

/* man 7 inode, "set-user-ID". */
static void touch(struct vnode *vn, bool mapped)
{
	unsigned which = ATTR_MTIME_NOW;
	struct kstat st;

	if (vn->ops->setattr == NULL)
		return;
	mutex_lock(&vn->lock);
	if (!mapped)
		lose_set_id(vn, &which, &st);
	vn->ops->setattr(vn, which, &st);
	mutex_unlock(&vn->lock);
}

void vfs_touch(struct vnode *vn)
{
	touch(vn, false);
}

void vfs_touch_mapped(struct vnode *vn)
{
	touch(vn, true);
}

/* Limits are for files that grow. */
static int may_grow(uint64_t size)
{
	struct proc *p = curproc();

	if (p != NULL && size > p->rlimits[RLIMIT_FSIZE].cur) {
		signal_thread(curthread(), SIGXFSZ, NULL);
		return -EFBIG;
	}
	return size > FILE_SIZE_MAX ? -EFBIG : 0;
}

/* write_lock and lock held. */
static int set_size_locked(struct vnode *vn, uint64_t size)
{
	struct kstat st = { .size = size };
	uint64_t old = vnode_size(vn);
	unsigned which = ATTR_SIZE;
	int err = size > old ? may_grow(size) : 0;

	if (err != 0)
		return err;
	lose_set_id(vn, &which, &st);
	return vn->ops->setattr(vn, which, &st);
}

int vfs_truncate(struct vnode *vn, uint64_t size)
{
	int err;

	if (S_ISDIR(vn->mode))
		return -EISDIR;
	if (!S_ISREG(vn->mode))
		return -EINVAL;
	if (vn->ops->setattr == NULL)
		return -EPERM;
	err = vfs_may_change(vn);
	if (err != 0)
		return err;
	mutex_lock(&vn->write_lock);
	mutex_lock(&vn->lock);
	err = set_size_locked(vn, size);
	mutex_unlock(&vn->lock);
	mutex_unlock(&vn->write_lock);
	return err;
}

int vfs_truncate_closed(struct vnode *vn, uint64_t size)
{
	int err = vnode_want_write(vn);

	if (err != 0)
		return err;
	err = vfs_truncate(vn, size);
	vnode_drop_write(vn);
	return err;
}
