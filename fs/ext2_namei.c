/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: the vnode operations on directories, over fs/ext2_name.c. The VFS holds the lock of every
 * directory that is searched or changed, and has checked permissions, types and that what is
 * created is not there.
 *
 * A directory is entered only if its ".." says what it was found in. So whatever the image says,
 * the directories that can be reached form a tree, and walks up end at the root.
 */
#include "fs/ext2_vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"

static bool is_dead(const struct vnode *dir)
{
	return ext2_vnode((struct vnode *)dir)->node.raw.i_links_count == 0;
}

/* Begins a change of the directory: 0, -EROFS, -ENOENT (it is gone). end_change() follows. */
static int begin_change(const struct vnode *dir)
{
	int err = mount_want_write(dir->mount);

	if (err != 0)
		return err;
	if (ext2_mount_of(dir)->fs->readonly)
		err = -EROFS; /* something is wrong with it */
	else if (is_dead(dir))
		err = -ENOENT;
	if (err != 0)
		mount_drop_write(dir->mount);
	return err;
}

static void end_change(const struct vnode *dir)
{
	mount_drop_write(dir->mount);
}

/* ---- lookup ---- */

static int lookup_parent(struct vnode *dir, struct vnode **out)
{
	struct ext2_vnode *ev = ext2_vnode(dir);

	if (dir == dir->mount->root) {
		vnode_get(dir);
		*out = dir;
		return 0;
	}
	if (ev->up != NULL) {
		vnode_get(ev->up);
		*out = ev->up;
		return 0;
	}
	return ext2_iget(ext2_mount_of(dir), READ_ONCE(ev->parent), out);
}

int ext2_vop_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	struct ext2_mount *m = ext2_mount_of(dir);
	struct ext2_found at;
	int err;

	if (len == 2 && name[0] == '.' && name[1] == '.')
		return lookup_parent(dir, out);
	if (is_dead(dir))
		return -ENOENT;
	err = ext2_dir_find(&ext2_vnode(dir)->node, name, len, &at);
	if (err == 0)
		err = ext2_iget(m, at.ino, out);
	if (err != 0)
		return err;
	if (S_ISDIR((*out)->mode) &&
		(*out == m->mount.root || READ_ONCE(ext2_vnode(*out)->parent) != dir->ino)) {
		vnode_put(*out);
		return ext2_corrupt(m->fs, "directory %u is not where its parent is", at.ino);
	}
	return 0;
}

int ext2_vop_readdir(struct vnode *dir, uint64_t pos, dirent_fn fn, void *ctx)
{
	return is_dead(dir) ? -ENOENT : ext2_dir_walk(&ext2_vnode(dir)->node, pos, fn, ctx);
}

/* ---- making ---- */

/* `mode` with its type. The directory's link count went up if it is a directory. */
static int make_in(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	const char *target, struct vnode **out)
{
	struct ext2_mount *m = ext2_mount_of(dir);
	struct ext2_ctx ctx = ext2_ctx(m->fs);
	struct ext2_vnode *ev = ext2_vnode_new(m, dir, mode, rdev);
	int err;

	if (ev == NULL)
		return -ENOMEM;
	err = ext2_make(&ext2_vnode(dir)->node, name, len, &ev->node, target, &ctx);
	if (err == 0)
		err = ext2_vnode_enter(m, ev, dir);
	else
		ev->node.fs = NULL; /* there is no inode to give back */
	if (err != 0)
		vnode_put(&ev->vn);
	else
		*out = &ev->vn;
	return err;
}

static int make(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	const char *target, struct vnode **out)
{
	int err = begin_change(dir);

	if (err != 0)
		return err;
	err = make_in(dir, name, len, mode, rdev, target, out);
	end_change(dir);
	return err;
}

int ext2_vop_create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	struct vnode **out)
{
	return make(dir, name, len, mode, rdev, NULL, out);
}

int ext2_vop_mkdir(
	struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **out)
{
	return make(dir, name, len, S_IFDIR | mode, 0, NULL, out);
}

int ext2_vop_symlink(struct vnode *dir, const char *name, size_t len, const char *target)
{
	struct vnode *vn;
	int err = make(dir, name, len, S_IFLNK | 0777, 0, target, &vn);

	if (err == 0)
		vnode_put(vn);
	return err;
}

/* What lost a name in `dir` leaves the table with its last. A directory, which is locked, keeps the parent that it had:
 * its number may be another's soon. Within a change. */
static void lost_name(struct vnode *vn, struct vnode *dir)
{
	struct ext2_vnode *ev = ext2_vnode(vn);

	if (ev->node.raw.i_links_count != 0)
		return;
	if (S_ISDIR(vn->mode)) {
		vnode_get(dir);
		ev->up = dir;
	}
	ext2_vnode_forget(ext2_mount_of(vn), ev);
}

int ext2_vop_link(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	struct ext2_ctx ctx = ext2_ctx(ext2_mount_of(dir)->fs);
	int err = begin_change(dir);

	if (err != 0)
		return err;
	err = ext2_link(&ext2_vnode(dir)->node, name, len, &ext2_vnode(target)->node, &ctx);
	if (err != 0)
		lost_name(target, dir); /* the link it had for a moment may have been the last */
	end_change(dir);
	return err;
}

/* ---- removing ---- */

static int remove_from(struct vnode *dir, const char *name, size_t len)
{
	struct ext2_ctx ctx = ext2_ctx(ext2_mount_of(dir)->fs);
	struct vnode *vn;
	bool is_dir;
	int err = ext2_vop_lookup(dir, name, len, &vn);

	if (err != 0)
		return err;
	is_dir = S_ISDIR(vn->mode);
	if (is_dir)
		vnode_lock_child(vn);
	err = ext2_unlink(&ext2_vnode(dir)->node, name, len, &ext2_vnode(vn)->node, &ctx);
	if (err == 0)
		lost_name(vn, dir);
	if (is_dir)
		mutex_unlock(&vn->lock);
	vnode_put(vn);
	return err;
}

static int remove(struct vnode *dir, const char *name, size_t len)
{
	int err = begin_change(dir);

	if (err != 0)
		return err;
	err = remove_from(dir, name, len);
	end_change(dir);
	return err;
}

int ext2_vop_unlink(struct vnode *dir, const char *name, size_t len)
{
	return remove(dir, name, len);
}

int ext2_vop_rmdir(struct vnode *dir, const char *name, size_t len)
{
	return remove(dir, name, len);
}

/* ---- rename ---- */

/* Files are not locked: their entries are their directory's, their link counts the node's. */
static void lock_dir(struct vnode *vn)
{
	if (vn != NULL && S_ISDIR(vn->mode))
		vnode_lock_child(vn);
}

static void unlock_dir(struct vnode *vn)
{
	if (vn != NULL && S_ISDIR(vn->mode))
		mutex_unlock(&vn->lock);
}

static void set_parent(struct vnode *vn, const struct vnode *dir)
{
	if (S_ISDIR(vn->mode))
		__atomic_store_n(&ext2_vnode(vn)->parent, (uint32_t)dir->ino, __ATOMIC_RELAXED);
}

static int rename_locked(struct vnode *odir, const char *oname, size_t olen, struct vnode *from,
	struct vnode *ndir, const char *nname, size_t nlen, struct vnode *to, bool exchange)
{
	struct ext2_node *o = &ext2_vnode(odir)->node, *n = &ext2_vnode(ndir)->node;
	struct ext2_node *f = &ext2_vnode(from)->node,
			 *t = to != NULL ? &ext2_vnode(to)->node : NULL;
	struct ext2_ctx ctx = ext2_ctx(o->fs);
	int err;

	if (exchange)
		err = ext2_exchange(o, oname, olen, f, n, nname, nlen, t, &ctx);
	else
		err = ext2_rename(o, oname, olen, f, n, nname, nlen, t, &ctx);
	if (err != 0)
		return err;
	set_parent(from, ndir);
	if (exchange)
		set_parent(to, odir);
	return 0;
}

static int rename_in(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
	const char *nname, size_t nlen, bool exchange)
{
	struct vnode *from, *to = NULL;
	int err = ext2_vop_lookup(odir, oname, olen, &from);

	if (err != 0)
		return err;
	err = ext2_vop_lookup(ndir, nname, nlen, &to);
	if (err == -ENOENT && !exchange)
		err = 0;
	if (err == 0) {
		lock_dir(from);
		lock_dir(to);
		err = rename_locked(odir, oname, olen, from, ndir, nname, nlen, to, exchange);
		if (err == 0 && to != NULL && !exchange)
			lost_name(to, ndir);
		unlock_dir(to);
		unlock_dir(from);
	}
	if (to != NULL)
		vnode_put(to);
	vnode_put(from);
	return err;
}

int ext2_vop_rename(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
	const char *nname, size_t nlen, unsigned flags)
{
	int err = begin_change(ndir);

	if (err != 0)
		return err;
	err = rename_in(odir, oname, olen, ndir, nname, nlen, flags & RENAME_EXCHANGE);
	end_change(ndir);
	return err;
}
