/* SPDX-License-Identifier: BSD-2-Clause
 * Paths from user space.
 */
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "mm/uaccess.h"

char *path_get_empty_ok(vaddr_t upath)
{
	char *path = path_buf_alloc();
	ssize_t n;

	if (path == NULL)
		return ERR_PTR(-ENOMEM);
	n = strncpy_from_user(path, upath, PATH_MAX);
	if (n >= 0)
		return path;
	path_buf_free(path);
	return ERR_PTR(n);
}

char *path_get(vaddr_t upath)
{
	char *path = path_get_empty_ok(upath);

	if (IS_ERR(path) || path[0] != '\0')
		return path;
	path_buf_free(path);
	return ERR_PTR(-ENOENT);
}

void path_put(char *path)
{
	path_buf_free(path);
}

int at_begin(struct at *at, int dfd, vaddr_t upath, bool empty)
{
	char *path = empty ? path_get_empty_ok(upath) : path_get(upath);
	int err = 0;

	*at = (struct at){ .path = path };
	if (IS_ERR(path))
		return PTR_ERR(path);
	if (path[0] == '/' || dfd == AT_FDCWD)
		return 0;
	at->file = fd_file_path(dfd);
	if (at->file == NULL)
		err = -EBADF;
	else if (path[0] != '\0' && (at->file->vnode == NULL || !S_ISDIR(at->file->vnode->mode)))
		err = -ENOTDIR;
	else
		at->start = at->file->vnode;
	if (err != 0)
		at_end(at);
	return err;
}

void at_end(struct at *at)
{
	path_put(at->path);
	if (at->file != NULL)
		file_put(at->file);
}

int at_lookup(int dfd, vaddr_t upath, bool empty, bool follow, struct vnode **out)
{
	struct at at;
	int err = at_begin(&at, dfd, upath, empty);

	if (err != 0)
		return err;
	if (at.file != NULL && at.start == NULL)
		err = -ENOTDIR; /* a pipe, say: no place in the tree */
	else
		err = vfs_lookup(at.start, at.path,
			(follow ? LOOKUP_FOLLOW : 0) | (empty ? LOOKUP_EMPTY : 0), out);
	at_end(&at);
	return err;
}
