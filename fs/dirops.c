/* SPDX-License-Identifier: BSD-2-Clause
 * What changes directories: mkdir, mknod, symlink, link, unlink, rmdir, rename, by path.
 *
 * Lock order: mount->rename_lock -> directory -> directory inside it. Two directories of a rename:
 * the ancestor first, else the lower address; rename_lock keeps the tree's shape still meanwhile.
 */
#include "fs/namei.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"

/* Walks to the place of a new entry. */
static int begin_create(struct nameidata *nd, struct vnode *start, const char *path)
{
	int err = nd_begin(nd, start, path);

	if (err == 0)
		err = nd_parent(nd);
	if (err != 0)
		return err;
	if (nd_is_dots(nd))
		return -EEXIST;
	if (nd->len > NAME_MAX)
		return -ENAMETOOLONG;
	return vfs_permission(nd->dir, MAY_EXEC);
}

/* With the directory locked: the entry must not exist. "name/" can only become a directory. */
static int is_free(struct nameidata *nd, bool dir)
{
	struct vnode *old;
	int err = nd->dir->ops->lookup(nd->dir, nd->name, nd->len, &old);

	if (err == 0) {
		vnode_put(old);
		return -EEXIST;
	}
	return err == -ENOENT && !(nd->must_dir && !dir) ? 0 : err;
}

/* And the process must be allowed to make it. */
static int may_create(struct nameidata *nd, bool dir)
{
	int err = is_free(nd, dir);

	return err == 0 ? vfs_permission(nd->dir, MAY_WRITE) : err;
}

int vfs_mkdir(struct vnode *start, const char *path, uint32_t mode)
{
	struct nameidata nd;
	struct vnode *vn;
	int err = begin_create(&nd, start, path);

	if (err == 0) {
		mutex_lock(&nd.dir->lock);
		err = may_create(&nd, true);
		if (err == 0)
			err = nd.dir->ops->mkdir == NULL
				      ? -EPERM
				      : nd.dir->ops->mkdir(nd.dir, nd.name, nd.len,
						mode & ~fs_umask() & 01777, &vn);
		mutex_unlock(&nd.dir->lock);
		if (err == 0)
			vnode_put(vn);
	}
	nd_end(&nd);
	return err;
}

int vfs_mknod(struct vnode *start, const char *path, uint32_t mode, uint64_t rdev)
{
	struct nameidata nd;
	struct vnode *vn;
	int err;

	if ((mode & S_IFMT) == 0)
		mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) &&
		!S_ISSOCK(mode))
		return -EINVAL;
	err = begin_create(&nd, start, path);
	if (err == 0) {
		mutex_lock(&nd.dir->lock);
		err = may_create(&nd, false);
		if (err == 0 && (S_ISCHR(mode) || S_ISBLK(mode)) && !vfs_is_root())
			err = -EPERM;
		if (err == 0)
			err = nd.dir->ops->create == NULL
				      ? -EPERM
				      : nd.dir->ops->create(nd.dir, nd.name, nd.len,
						vfs_new_mode(nd.dir, mode), rdev, &vn);
		mutex_unlock(&nd.dir->lock);
		if (err == 0)
			vnode_put(vn);
	}
	nd_end(&nd);
	return err;
}

int vfs_symlink(struct vnode *start, const char *path, const char *target)
{
	struct nameidata nd;
	int err = begin_create(&nd, start, path);

	if (err == 0) {
		mutex_lock(&nd.dir->lock);
		err = may_create(&nd, false);
		if (err == 0)
			err = nd.dir->ops->symlink == NULL
				      ? -EPERM
				      : nd.dir->ops->symlink(nd.dir, nd.name, nd.len, target);
		mutex_unlock(&nd.dir->lock);
	}
	nd_end(&nd);
	return err;
}

int vfs_link(struct vnode *target, struct vnode *start, const char *path)
{
	struct nameidata nd;
	int err = begin_create(&nd, start, path);

	if (err == 0) {
		mutex_lock(&nd.dir->lock);
		err = is_free(&nd, false);
		if (err == 0 && nd.dir->mount != target->mount)
			err = -EXDEV;
		if (err == 0)
			err = vfs_permission(nd.dir, MAY_WRITE);
		if (err == 0)
			err = nd.dir->ops->link == NULL || S_ISDIR(target->mode)
				      ? -EPERM
				      : nd.dir->ops->link(nd.dir, nd.name, nd.len, target);
		mutex_unlock(&nd.dir->lock);
	}
	nd_end(&nd);
	return err;
}

/* Write permission for the directory, and the sticky bit: only the owner of the entry or of the
 * directory removes or renames (man 1 chmod, "restricted deletion flag"). */
static int may_delete(struct vnode *dir, struct vnode *vn)
{
	int err = vfs_permission(dir, MAY_WRITE | MAY_EXEC);

	if (err != 0)
		return err;
	if ((dir->mode & S_ISVTX) && !vfs_is_owner(vn) && !vfs_is_owner(dir))
		return -EPERM;
	return 0;
}

/* A directory with a mount on it stays where it is. mount(2) covers one under its parent's lock, which is held. */
static int check_covered(const struct vnode *vn)
{
	return READ_ONCE(vn->covered_by) != NULL ? -EBUSY : 0;
}

static int check_unlink_name(const struct nameidata *nd, bool dir)
{
	if (nd->len == 0)
		return dir ? -EBUSY : -EISDIR;
	if (!nd_is_dots(nd))
		return 0;
	if (!dir)
		return -EISDIR;
	return nd->len == 1 ? -EINVAL : -ENOTEMPTY;
}

static int do_unlink(struct nameidata *nd, bool dir)
{
	struct vnode *parent = nd->dir, *vn;
	int err;

	err = nd->len > NAME_MAX ? -ENAMETOOLONG : vfs_may_change(parent);
	if (err != 0)
		return err;
	mutex_lock(&parent->lock);
	err = parent->ops->lookup(parent, nd->name, nd->len, &vn);
	if (err != 0) {
		mutex_unlock(&parent->lock);
		return err;
	}
	err = may_delete(parent, vn);
	if (err == 0 && nd->must_dir && !S_ISDIR(vn->mode))
		err = -ENOTDIR;
	if (err == 0 && dir && !S_ISDIR(vn->mode))
		err = -ENOTDIR;
	if (err == 0 && !dir && S_ISDIR(vn->mode))
		err = -EISDIR;
	if (err == 0)
		err = check_covered(vn);
	if (err == 0) {
		if (dir)
			err = parent->ops->rmdir != NULL
				      ? parent->ops->rmdir(parent, nd->name, nd->len)
				      : -EPERM;
		else
			err = parent->ops->unlink != NULL
				      ? parent->ops->unlink(parent, nd->name, nd->len)
				      : -EPERM;
	}
	mutex_unlock(&parent->lock);
	vnode_put(vn); /* perhaps the last: frees the file's pages without the lock */
	return err;
}

int vfs_unlink(struct vnode *start, const char *path, bool dir)
{
	struct nameidata nd;
	int err = nd_begin(&nd, start, path);

	if (err == 0)
		err = nd_parent(&nd);
	if (err == 0)
		err = check_unlink_name(&nd, dir);
	if (err == 0)
		err = vfs_permission(nd.dir, MAY_EXEC);
	if (err == 0)
		err = do_unlink(&nd, dir);
	nd_end(&nd);
	return err;
}

/* ---- rename ---- */

/* Is `dir` `maybe` itself or below it. The rename lock of their mount is held. */
static int is_below(struct vnode *dir, struct vnode *maybe)
{
	struct vnode *parent;
	int err;

	vnode_get(dir);
	while (dir != maybe && dir != dir->mount->root) {
		mutex_lock(&dir->lock);
		err = dir->ops->lookup(dir, "..", 2, &parent);
		mutex_unlock(&dir->lock);
		vnode_put(dir);
		if (err != 0)
			return err == -ENOENT ? 0 : err;
		dir = parent;
	}
	err = dir == maybe;
	vnode_put(dir);
	return err;
}

static int lock_two(struct vnode *a, struct vnode *b)
{
	int below;

	if (a == b) {
		mutex_lock(&a->lock);
		return 0;
	}
	below = is_below(b, a); /* a is the ancestor */
	if (below < 0)
		return below;
	if (!below) {
		below = is_below(a, b);
		if (below < 0)
			return below;
		if (below || b < a) {
			struct vnode *t = a;

			a = b;
			b = t;
		}
	}
	mutex_lock(&a->lock);
	vnode_lock_child(b);
	return 0;
}

static void unlock_two(struct vnode *a, struct vnode *b)
{
	if (a != b)
		mutex_unlock(&b->lock);
	mutex_unlock(&a->lock);
}

/* What the names say, before anybody asks for permission. */
static int check_names(struct nameidata *o, struct nameidata *n, struct vnode *from,
	struct vnode *to, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;

	if (to != NULL && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (to == NULL && exchange)
		return -ENOENT;
	if (!S_ISDIR(from->mode) && (o->must_dir || (n->must_dir && !exchange)))
		return -ENOTDIR;
	return exchange && !S_ISDIR(to->mode) && n->must_dir ? -ENOTDIR : 0;
}

/* man 2 rename, ERRORS: what may replace what. */
static int may_replace(struct vnode *dir, const struct vnode *from, struct vnode *to, bool exchange)
{
	int err;

	if (to == NULL)
		return vfs_permission(dir, MAY_WRITE | MAY_EXEC);
	err = may_delete(dir, to);
	if (err != 0 || exchange || S_ISDIR(from->mode) == S_ISDIR(to->mode))
		return err;
	return S_ISDIR(to->mode) ? -EISDIR : -ENOTDIR;
}

/* A directory that gets another parent is written to: its "..". */
static int may_move(struct vnode *vn)
{
	return S_ISDIR(vn->mode) ? vfs_permission(vn, MAY_WRITE) : 0;
}

static int rename_locked(struct nameidata *o, struct nameidata *n, struct vnode *from,
	struct vnode *to, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	int err;

	if (from == to) /* two names of one file, perhaps: nothing to do */
		return 0;
	err = may_delete(o->dir, from);
	if (err == 0)
		err = may_replace(n->dir, from, to, exchange);
	if (err == 0 && o->dir != n->dir)
		err = may_move(from);
	if (err == 0 && o->dir != n->dir && exchange)
		err = may_move(to);
	if (err == 0)
		err = check_covered(from);
	if (err == 0 && to != NULL)
		err = check_covered(to);
	if (err != 0)
		return err;
	return o->dir->ops->rename(o->dir, o->name, o->len, n->dir, n->name, n->len, flags);
}

/* A directory must not move below itself, nor one that is exchanged. The locks of the two parents are
 * not held: rename_lock keeps the answer true. */
static int check_loops(struct nameidata *o, struct nameidata *n, struct vnode *from,
	struct vnode *to, unsigned flags)
{
	int below = S_ISDIR(from->mode) ? is_below(n->dir, from) : 0;

	if (below != 0)
		return below < 0 ? below : -EINVAL;
	if (to == NULL || !S_ISDIR(to->mode))
		return 0;
	below = is_below(o->dir, to);
	if (below <= 0)
		return below;
	return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
}

static int child_unlocked(struct nameidata *nd, struct vnode **out)
{
	int err;

	if (nd->len > NAME_MAX)
		return -ENAMETOOLONG;
	mutex_lock(&nd->dir->lock);
	err = nd->dir->ops->lookup(nd->dir, nd->name, nd->len, out);
	mutex_unlock(&nd->dir->lock);
	return err;
}

/* Is the entry still what was checked; entries change only under their directory's lock. */
static bool still_there(struct nameidata *nd, struct vnode *expected)
{
	struct vnode *vn = NULL;
	int err = nd->dir->ops->lookup(nd->dir, nd->name, nd->len, &vn);

	if (err != 0)
		return expected == NULL;
	vnode_put(vn);
	return vn == expected;
}

static int do_rename(struct nameidata *o, struct nameidata *n, unsigned flags)
{
	struct vnode *from, *to;
	int err;

again:
	to = NULL;
	err = child_unlocked(o, &from);
	if (err != 0)
		return err;
	err = child_unlocked(n, &to);
	if (err == 0 || err == -ENOENT)
		err = check_names(o, n, from, to, flags);
	if (err == 0)
		err = check_loops(o, n, from, to, flags);
	if (err == 0)
		err = lock_two(o->dir, n->dir);
	if (err == 0) {
		err = -EAGAIN;
		if (still_there(o, from) && still_there(n, to))
			err = rename_locked(o, n, from, to, flags);
		unlock_two(o->dir, n->dir);
	}
	vnode_put(from);
	if (to != NULL)
		vnode_put(to);
	if (err == -EAGAIN)
		goto again;
	return err;
}

int vfs_rename(struct vnode *ostart, const char *opath, struct vnode *nstart, const char *npath,
	unsigned flags)
{
	struct nameidata o, n = { 0 };
	struct mount *m;
	int err;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
		flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	err = nd_begin(&o, ostart, opath);
	if (err == 0)
		err = nd_parent(&o);
	if (err == 0)
		err = nd_begin(&n, nstart, npath);
	if (err == 0)
		err = nd_parent(&n);
	if (err == 0)
		err = vfs_permission(o.dir, MAY_EXEC);
	if (err == 0)
		err = vfs_permission(n.dir, MAY_EXEC);
	if (err == 0 && o.dir->mount != n.dir->mount)
		err = -EXDEV;
	if (err == 0 && nd_is_dots(&o))
		err = -EBUSY;
	if (err == 0 && nd_is_dots(&n))
		err = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (err == 0)
		err = vfs_may_change(o.dir);
	if (err == 0 && o.dir->ops->rename == NULL)
		err = -EPERM;
	if (err == 0) {
		m = o.dir->mount;
		mutex_lock(&m->rename_lock);
		err = do_rename(&o, &n, flags);
		mutex_unlock(&m->rename_lock);
	}
	nd_end(&o);
	nd_end(&n);
	return err;
}
