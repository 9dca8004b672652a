/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that change directories and where a process stands in the tree.
 */
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

/* ---- new entries ---- */

static long mkdir_at(int dfd, vaddr_t path, uint32_t mode)
{
	struct at at;
	int err = at_begin(&at, dfd, path, false);

	if (err != 0)
		return err;
	err = vfs_mkdir(at.start, at.path, mode);
	at_end(&at);
	return err;
}

long sys_mkdir(vaddr_t path, uint32_t mode)
{
	return mkdir_at(AT_FDCWD, path, mode);
}

long sys_mkdirat(int dfd, vaddr_t path, uint32_t mode)
{
	return mkdir_at(dfd, path, mode);
}

static long mknod_at(int dfd, vaddr_t path, uint32_t mode, uint32_t dev)
{
	struct at at;
	int err = at_begin(&at, dfd, path, false);

	if (err != 0)
		return err;
	err = vfs_mknod(at.start, at.path, mode & (S_IFMT | 07777), dev_decode(dev));
	at_end(&at);
	return err;
}

long sys_mknod(vaddr_t path, uint32_t mode, uint32_t dev)
{
	return mknod_at(AT_FDCWD, path, mode, dev);
}

long sys_mknodat(int dfd, vaddr_t path, uint32_t mode, uint32_t dev)
{
	return mknod_at(dfd, path, mode, dev);
}

static long symlink_at(vaddr_t utarget, int dfd, vaddr_t path)
{
	char *target = path_get(utarget);
	struct at at;
	int err;

	if (IS_ERR(target))
		return PTR_ERR(target);
	err = at_begin(&at, dfd, path, false);
	if (err == 0) {
		err = vfs_symlink(at.start, at.path, target);
		at_end(&at);
	}
	path_put(target);
	return err;
}

long sys_symlink(vaddr_t target, vaddr_t path)
{
	return symlink_at(target, AT_FDCWD, path);
}

long sys_symlinkat(vaddr_t target, int dfd, vaddr_t path)
{
	return symlink_at(target, dfd, path);
}

static long link_at(int odfd, vaddr_t opath, int ndfd, vaddr_t npath, int flags)
{
	struct vnode *target;
	struct at at;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	/* Linux asks for CAP_DAC_READ_SEARCH, and says it like this. */
	if ((flags & AT_EMPTY_PATH) && !vfs_is_root())
		return -ENOENT;
	err = at_lookup(odfd, opath, flags & AT_EMPTY_PATH, flags & AT_SYMLINK_FOLLOW, &target);
	if (err != 0)
		return err;
	err = at_begin(&at, ndfd, npath, false);
	if (err == 0) {
		err = vfs_link(target, at.start, at.path);
		at_end(&at);
	}
	vnode_put(target);
	return err;
}

long sys_link(vaddr_t opath, vaddr_t npath)
{
	return link_at(AT_FDCWD, opath, AT_FDCWD, npath, 0);
}

long sys_linkat(int odfd, vaddr_t opath, int ndfd, vaddr_t npath, int flags)
{
	return link_at(odfd, opath, ndfd, npath, flags);
}

/* ---- entries that go or move ---- */

static long unlink_at(int dfd, vaddr_t path, bool dir)
{
	struct at at;
	int err = at_begin(&at, dfd, path, false);

	if (err != 0)
		return err;
	err = vfs_unlink(at.start, at.path, dir);
	at_end(&at);
	return err;
}

long sys_unlink(vaddr_t path)
{
	return unlink_at(AT_FDCWD, path, false);
}

long sys_rmdir(vaddr_t path)
{
	return unlink_at(AT_FDCWD, path, true);
}

long sys_unlinkat(int dfd, vaddr_t path, int flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return unlink_at(dfd, path, flags & AT_REMOVEDIR);
}

static long rename_at(int odfd, vaddr_t opath, int ndfd, vaddr_t npath, unsigned flags)
{
	struct at o, n;
	int err = at_begin(&o, odfd, opath, false);

	if (err != 0)
		return err;
	err = at_begin(&n, ndfd, npath, false);
	if (err == 0) {
		err = vfs_rename(o.start, o.path, n.start, n.path, flags);
		at_end(&n);
	}
	at_end(&o);
	return err;
}

long sys_rename(vaddr_t opath, vaddr_t npath)
{
	return rename_at(AT_FDCWD, opath, AT_FDCWD, npath, 0);
}

long sys_renameat(int odfd, vaddr_t opath, int ndfd, vaddr_t npath)
{
	return rename_at(odfd, opath, ndfd, npath, 0);
}

long sys_renameat2(int odfd, vaddr_t opath, int ndfd, vaddr_t npath, unsigned flags)
{
	return rename_at(odfd, opath, ndfd, npath, flags);
}

/* ---- where the process stands ---- */

long sys_chdir(vaddr_t path)
{
	struct vnode *vn;
	int err = at_lookup(AT_FDCWD, path, false, true, &vn);

	if (err != 0)
		return err;
	err = S_ISDIR(vn->mode) ? vfs_permission(vn, MAY_EXEC) : -ENOTDIR;
	if (err != 0)
		vnode_put(vn);
	else
		fs_set_cwd(vn);
	return err;
}

long sys_fchdir(int fd)
{
	struct file *f = fd_file_path(fd);
	int err = -ENOTDIR;

	if (f == NULL)
		return -EBADF;
	if (f->vnode != NULL && S_ISDIR(f->vnode->mode))
		err = vfs_permission(f->vnode, MAY_EXEC);
	if (err == 0) {
		vnode_get(f->vnode);
		fs_set_cwd(f->vnode);
	}
	file_put(f);
	return err;
}

long sys_chroot(vaddr_t path)
{
	struct vnode *vn;
	int err = at_lookup(AT_FDCWD, path, false, true, &vn);

	if (err != 0)
		return err;
	if (!S_ISDIR(vn->mode))
		err = -ENOTDIR;
	else if (!vfs_is_root())
		err = -EPERM;
	if (err != 0)
		vnode_put(vn);
	else
		fs_set_root(vn);
	return err;
}

/* The length with the terminator, unlike the library's. */
long sys_getcwd(vaddr_t ubuf, size_t size)
{
	char *buf = path_buf_alloc();
	ssize_t n;

	if (buf == NULL)
		return -ENOMEM;
	n = vfs_getcwd(buf, PATH_MAX);
	if (n >= 0 && (size_t)n + 1 > size)
		n = -ERANGE;
	if (n >= 0)
		n = copy_to_user(ubuf, buf, (size_t)n + 1) != 0 ? -EFAULT : n + 1;
	path_buf_free(buf);
	return n;
}

long sys_umask(uint32_t mask)
{
	struct fs_context *fs = curproc()->fs;
	uint32_t old;

	spin_lock(&fs->lock);
	old = fs->umask;
	fs->umask = mask & 0777;
	spin_unlock(&fs->lock);
	return old;
}

/* ---- mounts ---- */

static int string_or_empty(vaddr_t ustr, char **out)
{
	*out = NULL;
	if (ustr == 0)
		return 0;
	*out = path_get_empty_ok(ustr);
	if (!IS_ERR(*out))
		return 0;
	return PTR_ERR(*out);
}

long sys_mount(vaddr_t usource, vaddr_t utarget, vaddr_t utype, unsigned long flags, vaddr_t data)
{
	char *source, *target, *type, *options;
	int err = string_or_empty(utype, &type);

	if (err != 0)
		return err;
	err = string_or_empty(usource, &source);
	if (err != 0)
		goto out_type;
	err = string_or_empty(data, &options);
	if (err != 0)
		goto out_source;
	target = path_get(utarget);
	err = IS_ERR(target) ? PTR_ERR(target)
			     : vfs_mount(type != NULL ? type : "", source, target, flags, options);
	if (!IS_ERR(target))
		path_put(target);
	path_put(options);
out_source:
	path_put(source);
out_type:
	path_put(type);
	return err;
}

long sys_umount2(vaddr_t utarget, int flags)
{
	char *target = path_get(utarget);
	int err;

	if (IS_ERR(target))
		return PTR_ERR(target);
	err = vfs_umount(target, flags);
	path_put(target);
	return err;
}

#ifdef __i386__
long sys_umount(vaddr_t utarget)
{
	return sys_umount2(utarget, 0);
}
#endif
