/* SPDX-License-Identifier: BSD-2-Clause
 * open(2): from a path to a struct file.
 */
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "ipc/pipe.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

/* The path as the process sees it, links resolved: for /proc. NULL when nobody can say. */
static char *opened_path(struct nameidata *nd, struct vnode *vn)
{
	char *buf, *path = NULL;
	ssize_t n;

	if (nd->jumped != NULL)
		return kstrdup(nd->jumped);
	buf = path_buf_alloc();
	if (buf == NULL)
		return NULL;
	if (S_ISDIR(vn->mode)) {
		n = vfs_dir_path(vn, buf, PATH_MAX);
	} else {
		n = vfs_dir_path(nd->dir, buf, PATH_MAX);
		if (n == 1)
			n = 0; /* "/" + "/name" */
		if (n >= 0 && (size_t)n + nd->len + 2 <= PATH_MAX) {
			buf[n++] = '/';
			memcpy(buf + n, nd->name, nd->len);
			buf[(size_t)n + nd->len] = '\0';
		} else {
			n = -ENAMETOOLONG;
		}
	}
	if (n > 0)
		path = kstrdup(buf);
	path_buf_free(buf);
	return path;
}

static unsigned wanted_access(int flags)
{
	static const unsigned want[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
		MAY_READ | MAY_WRITE };

	return want[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static int may_open(struct vnode *vn, int flags)
{
	unsigned want = wanted_access(flags);
	int err;

	if ((flags & O_DIRECTORY) && !S_ISDIR(vn->mode))
		return -ENOTDIR;
	if (S_ISLNK(vn->mode))
		return -ELOOP;
	if (S_ISDIR(vn->mode) && ((want & MAY_WRITE) || (flags & O_CREAT)))
		return -EISDIR;
	err = vfs_permission(vn, want);
	if (err != 0)
		return err;
	if ((flags & O_NOATIME) && !vfs_is_owner(vn))
		return -EPERM;
	return S_ISSOCK(vn->mode) ? -ENXIO : 0;
}

/* What the type of the vnode adds. f->vnode is set. */
static int open_type(struct vnode *vn, struct file *f)
{
	switch (vn->mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		if (READ_ONCE(vn->mount->flags) & MS_NODEV)
			return -EACCES;
		return devfs_open(vn, f);
	case S_IFIFO:
		return fifo_open(vn, f);
	case S_IFDIR:
		f->ops = &dir_file_ops;
		break;
	default:
		f->ops = &vnode_file_ops;
		break;
	}
	if (vn->ops->file_ops != NULL)
		f->ops = vn->ops->file_ops;
	return vn->ops->open != NULL ? vn->ops->open(vn, f) : 0;
}

/* Consumes the reference to vn. */
static struct file *make_file(struct nameidata *nd, struct vnode *vn, int flags)
{
	struct file *f = file_alloc(&path_file_ops, NULL, (unsigned)flags);
	int err = 0;

	if (f == NULL) {
		vnode_put(vn);
		return ERR_PTR(-ENOMEM);
	}
	f->vnode = vn;
	f->path = opened_path(nd, vn);
	if (flags & O_PATH)
		return f;
	if (S_ISREG(vn->mode) && file_writable(f)) {
		err = vnode_want_write(vn);
		if (err == 0 && (err = mount_want_write(vn->mount)) != 0)
			vnode_drop_write(vn);
		f->counted = err == 0;
	}
	if (err == 0)
		err = open_type(vn, f);
	if (err != 0) {
		f->ops = &path_file_ops; /* nothing to release */
		file_put(f);
		return ERR_PTR(err);
	}
	return f;
}

/* One directory entry, made if it is not there. With O_EXCL it must not be. */
static int lookup_or_create(
	struct nameidata *nd, int flags, uint32_t mode, struct vnode **out, bool *created)
{
	struct vnode *dir = nd->dir;
	int err = vfs_permission(dir, MAY_EXEC);

	if (err != 0)
		return err;
	if (nd->len > NAME_MAX)
		return -ENAMETOOLONG;
	*created = false;
	mutex_lock(&dir->lock);
	err = dir->ops->lookup(dir, nd->name, nd->len, out);
	if (err == 0 && (flags & O_EXCL)) {
		mutex_unlock(&dir->lock);
		vnode_put(*out);
		return -EEXIST;
	}
	if (err == -ENOENT) {
		err = vfs_permission(dir, MAY_WRITE);
		if (err == 0)
			err = dir->ops->create == NULL
				      ? -EACCES
				      : dir->ops->create(dir, nd->name, nd->len,
						S_IFREG | vfs_new_mode(dir, mode), 0, out);
		*created = err == 0;
	}
	mutex_unlock(&dir->lock);
	if (err == 0)
		*out = mount_cross(*out);
	return err;
}

static int walk_create(
	struct nameidata *nd, int flags, uint32_t mode, struct vnode **out, bool *created)
{
	int err;

	for (;;) {
		err = nd_parent(nd);
		if (err != 0)
			return err;
		if (nd->len == 0 && nd->jumped != NULL && !(flags & O_EXCL)) {
			vnode_get(nd->dir);
			*out = nd->dir;
			*created = false;
			return 0;
		}
		if (nd_is_dots(nd))
			return flags & O_EXCL ? -EEXIST : -EISDIR;
		if (nd->must_dir)
			return -EISDIR;
		err = lookup_or_create(nd, flags, mode, out, created);
		if (err != 0 || !S_ISLNK((*out)->mode) || (flags & O_NOFOLLOW))
			return err;
		err = nd_follow(nd, *out);
		if (err != 0)
			return err;
	}
}

/* -EOPNOTSUPP: the vnode stands for no file that is open already. */
static struct file *reopen(struct vnode *vn, int flags)
{
	struct file *f = vn->ops->reopen != NULL ? vn->ops->reopen(vn) : ERR_PTR(-EOPNOTSUPP);
	unsigned want = wanted_access(flags);

	if (IS_ERR(f))
		return f;
	if (((want & MAY_READ) && !file_readable(f)) || ((want & MAY_WRITE) && !file_writable(f))) {
		file_put(f);
		return ERR_PTR(-EACCES);
	}
	return f;
}

static struct file *open_walked(struct nameidata *nd, int flags, uint32_t mode)
{
	struct vnode *vn;
	struct file *f;
	bool created = false;
	int err;

	if (flags & O_CREAT)
		err = walk_create(nd, flags, mode & 07777, &vn, &created);
	else
		err = nd_full(nd, !(flags & O_NOFOLLOW), &vn);
	if (err != 0)
		return ERR_PTR(err);
	if (!(flags & O_PATH)) {
		f = reopen(vn, flags);
		if (!IS_ERR(f) || PTR_ERR(f) != -EOPNOTSUPP) {
			vnode_put(vn);
			return f;
		}
	}
	if (flags & O_PATH) {
		err = (flags & O_DIRECTORY) && !S_ISDIR(vn->mode) ? -ENOTDIR : 0;
	} else if (!created) {
		err = may_open(vn, flags);
	}
	if (err != 0) {
		vnode_put(vn);
		return ERR_PTR(err);
	}
	f = make_file(nd, vn, flags);
	/* Last, when nothing else can fail. */
	if (!IS_ERR(f) && (flags & O_TRUNC) && !created && S_ISREG(vn->mode)) {
		err = vfs_truncate_closed(vn, 0);
		if (err != 0) {
			file_put(f);
			return ERR_PTR(err);
		}
	}
	return f;
}

/* man 2 open, O_TMPFILE: a file without a name in the directory that the path leads to. */
static struct file *open_unnamed(struct nameidata *nd, int flags, uint32_t mode)
{
	char name[24];
	struct vnode *dir, *vn;
	struct file *f;
	int err = nd_full(nd, true, &dir);

	if (err != 0)
		return ERR_PTR(err);
	if (!S_ISDIR(dir->mode))
		err = -ENOTDIR;
	else if (dir->ops->tmpfile == NULL)
		err = -EOPNOTSUPP;
	else
		err = vfs_permission(dir, MAY_WRITE | MAY_EXEC);
	if (err == 0) {
		mutex_lock(&dir->lock);
		err = dir->ops->tmpfile(dir, S_IFREG | vfs_new_mode(dir, mode & 07777), &vn);
		mutex_unlock(&dir->lock);
	}
	if (err != 0) {
		vnode_put(dir);
		return ERR_PTR(err);
	}
	vn->linkable = !(flags & O_EXCL);
	vnode_put(nd->dir);
	nd->dir = dir;
	nd->name = name;
	nd->len = (size_t)ksnprintf(name, sizeof(name), "#%llu", (unsigned long long)vn->ino);
	f = make_file(nd, vn, flags);
	nd->name = NULL; /* nd is the caller's and outlives the buffer */
	return f;
}

struct file *vfs_open(struct vnode *start, const char *path, int flags, uint32_t mode)
{
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE && !(flags & O_PATH);
	struct nameidata nd;
	struct file *f;
	int err;

	if ((flags & O_PATH) == 0 && (flags & O_TMPFILE & ~O_DIRECTORY) &&
		(!unnamed || (flags & O_CREAT) || !(wanted_access(flags) & MAY_WRITE)))
		return ERR_PTR(-EINVAL);
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY) && !(flags & O_PATH))
		return ERR_PTR(-EINVAL);
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	/* Only with O_CREAT does O_EXCL say something, and then a symlink is in the way, too. */
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		flags |= O_NOFOLLOW;
	err = nd_begin(&nd, start, path);
	if (err != 0)
		f = ERR_PTR(err);
	else
		f = unnamed ? open_unnamed(&nd, flags, mode) : open_walked(&nd, flags, mode);
	nd_end(&nd);
	if (!IS_ERR(f))
		f->flags &= ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	return f;
}
