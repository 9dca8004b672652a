/* SPDX-License-Identifier: BSD-2-Clause
 * What open(2) gives for regular files, directories and O_PATH.
 */
#include "fs/file.h"
#include "fs/memfd.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/uaccess.h"
#include "mm/vm.h"

/* ---- regular files ---- */

static ssize_t vnode_io(struct file *f, struct uio *u, uint64_t *pos)
{
	bool wait = u->dir == UIO_WRITE && (f->flags & O_DSYNC);
	ssize_t n;
	int err;

	if (f->vnode->object == NULL)
		return -EINVAL;
	n = vnode_cache_rw(f->vnode, u, *pos, u->append || (f->flags & O_APPEND), pos);
	err = n > 0 && wait ? vfs_fsync(f->vnode) : 0;
	return err != 0 ? err : n;
}

/* SEEK_DATA, SEEK_HOLE: the end of the file is a hole. */
static int64_t seek_hole(struct file *f, int64_t off, int whence)
{
	struct vm_object *obj = f->vnode->object;
	uint64_t size = vnode_size(f->vnode), at;

	if (off < 0 || (uint64_t)off >= size)
		return -ENXIO;
	at = whence == SEEK_DATA ? vm_object_next_data(obj, (uint64_t)off)
				 : MIN(vm_object_next_hole(obj, (uint64_t)off), size);
	if (whence == SEEK_DATA && at >= size)
		return -ENXIO;
	f->pos = at;
	return (int64_t)at;
}

static int64_t vnode_seek(struct file *f, int64_t off, int whence)
{
	/* What a store holds, its file system knows; all of such a file counts as data (man 2 lseek). */
	if ((whence == SEEK_DATA || whence == SEEK_HOLE) && f->vnode->object != NULL &&
		f->vnode->object->ops->putpages == NULL)
		return seek_hole(f, off, whence);
	return file_seek_sized(f, off, whence, vnode_size(f->vnode));
}

static int vnode_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
	uint64_t size = vnode_size(f->vnode);
	int32_t left;

	if (cmd != FIONREAD)
		return -ENOTTY;
	left = size > f->pos ? (int32_t)MIN(size - f->pos, (uint64_t)INT32_MAX) : 0;
	return copy_to_user(arg, &left, sizeof(left));
}

static struct vm_object *vnode_mmap(struct file *f, bool shared)
{
	if (f->vnode->object == NULL)
		return ERR_PTR(-ENODEV);
	vm_object_get(f->vnode->object);
	return f->vnode->object;
}

const struct file_ops vnode_file_ops = {
	.name = "file",
	.read = vnode_io,
	.write = vnode_io,
	.seek = vnode_seek,
	.ioctl = vnode_ioctl,
	.mmap = vnode_mmap,
	.fcntl = memfd_fcntl,
	.gives = true,
};

/* ---- directories ---- */

/* The position is whatever the file system said after an entry; seekdir() brings it back. */
static int64_t dir_seek(struct file *f, int64_t off, int whence)
{
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return file_seek_sized(f, off, whence, 0);
}

static int dir_readdir(struct file *f, dirent_fn fn, void *ctx)
{
	struct vnode *vn = f->vnode;
	int err;

	if (vn->ops->readdir == NULL)
		return -ENOTDIR;
	mutex_lock(&vn->lock);
	err = vn->ops->readdir(vn, f->pos, fn, ctx);
	mutex_unlock(&vn->lock);
	return err;
}

const struct file_ops dir_file_ops = {
	.name = "dir",
	.seek = dir_seek,
	.readdir = dir_readdir,
};

/* ---- O_PATH: a place in the tree and nothing more ---- */

const struct file_ops path_file_ops = {
	.name = "path",
};
