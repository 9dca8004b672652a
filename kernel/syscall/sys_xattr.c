/* SPDX-License-Identifier: BSD-2-Clause
 * Extended attributes: no file system here has any, so these calls check what they are given and say so, as Linux's
 * do on such a file system (man 7 xattr): there is none to list, and none can be set.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

/* The name: 1 to XATTR_NAME_MAX bytes. */
static int check_name(vaddr_t uname)
{
	char name[XATTR_NAME_MAX + 1];
	ssize_t n = strncpy_from_user(name, uname, sizeof(name));

	if (n == -ENAMETOOLONG || n == 0)
		return -ERANGE;
	return n < 0 ? (int)n : 0;
}

static int check_set(vaddr_t uname, size_t size, int flags)
{
	int err;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	err = check_name(uname);
	return err == 0 && size > XATTR_SIZE_MAX ? -E2BIG : err;
}

static int check_path(vaddr_t path, bool follow)
{
	struct vnode *vn;
	int err = at_lookup(AT_FDCWD, path, false, follow, &vn);

	if (err == 0)
		vnode_put(vn);
	return err;
}

static int check_fd(int fd)
{
	struct file *f = fd_file(fd);

	if (f == NULL)
		return -EBADF;
	file_put(f);
	return 0;
}

static long none(int err)
{
	return err != 0 ? err : -EOPNOTSUPP;
}

long sys_setxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size, int flags)
{
	int err = check_set(name, size, flags);

	return none(err != 0 ? err : check_path(path, true));
}

long sys_lsetxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size, int flags)
{
	int err = check_set(name, size, flags);

	return none(err != 0 ? err : check_path(path, false));
}

long sys_fsetxattr(int fd, vaddr_t name, vaddr_t value, size_t size, int flags)
{
	int err = check_fd(fd);

	return none(err != 0 ? err : check_set(name, size, flags));
}

long sys_getxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size)
{
	int err = check_path(path, true);

	return none(err != 0 ? err : check_name(name));
}

long sys_lgetxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size)
{
	int err = check_path(path, false);

	return none(err != 0 ? err : check_name(name));
}

long sys_fgetxattr(int fd, vaddr_t name, vaddr_t value, size_t size)
{
	int err = check_fd(fd);

	return none(err != 0 ? err : check_name(name));
}

long sys_listxattr(vaddr_t path, vaddr_t list, size_t size)
{
	return check_path(path, true);
}

long sys_llistxattr(vaddr_t path, vaddr_t list, size_t size)
{
	return check_path(path, false);
}

long sys_flistxattr(int fd, vaddr_t list, size_t size)
{
	return check_fd(fd);
}

long sys_removexattr(vaddr_t path, vaddr_t name)
{
	return sys_getxattr(path, name, 0, 0);
}

long sys_lremovexattr(vaddr_t path, vaddr_t name)
{
	return sys_lgetxattr(path, name, 0, 0);
}

long sys_fremovexattr(int fd, vaddr_t name)
{
	return sys_fgetxattr(fd, name, 0, 0);
}
