/* SPDX-License-Identifier: BSD-2-Clause
 * Path lookup: one component after the other, each directory locked only while it is searched
 * (man 7 path_resolution).
 */
#include "fs/namei.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

static struct kmem_cache *path_cache;

void namei_init(void)
{
	path_cache = kmem_cache_create("path", PATH_MAX, 16);
}

char *path_buf_alloc(void)
{
	return kmem_cache_alloc(path_cache);
}

void path_buf_free(char *buf)
{
	if (buf != NULL)
		kmem_cache_free(path_cache, buf);
}

int nd_begin(struct nameidata *nd, struct vnode *start, const char *path)
{
	*nd = (struct nameidata){ .rest = path, .name = path };
	if (path[0] == '/') {
		nd->dir = fs_root();
	} else if (start != NULL) {
		vnode_get(start);
		nd->dir = start;
	} else {
		nd->dir = fs_cwd();
	}
	return path[0] != '\0' ? 0 : -ENOENT;
}

void nd_end(struct nameidata *nd)
{
	if (nd->dir != NULL)
		vnode_put(nd->dir);
	if (unlikely(nd->links > 0)) { /* only links leave these */
		path_buf_free(nd->buf);
		kfree(nd->jumped);
	}
}

/* "..": out of mounts, but not out of the process's root. */
static int lookup_dotdot(struct vnode *dir, struct vnode **out)
{
	struct vnode *root = fs_root();
	int err = 0;

	vnode_get(dir);
	for (;;) {
		struct vnode *point;

		if (dir == root)
			goto found;
		if (dir != dir->mount->root)
			break;
		point = mount_point(dir->mount);
		if (point == NULL)
			goto found;
		vnode_put(dir);
		dir = point;
	}
	mutex_lock(&dir->lock);
	err = dir->ops->lookup(dir, "..", 2, out);
	mutex_unlock(&dir->lock);
	vnode_put(dir);
	dir = err == 0 ? *out : NULL;
found:
	vnode_put(root);
	if (dir != NULL)
		*out = mount_cross(dir);
	return err;
}

int nd_child(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	int err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	err = vfs_permission(dir, MAY_EXEC);
	if (err != 0)
		return err;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 1 && name[0] == '.') {
		vnode_get(dir);
		*out = dir;
		return 0;
	}
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return lookup_dotdot(dir, out);
	mutex_lock(&dir->lock);
	err = dir->ops->lookup(dir, name, len, out);
	mutex_unlock(&dir->lock);
	if (err == 0)
		*out = mount_cross(*out);
	return err;
}

/* The walk stands at `vn` (reference taken over). */
static void move_to(struct nameidata *nd, struct vnode *vn)
{
	vnode_put(nd->dir);
	nd->dir = vn;
}

static int follow_magic(struct nameidata *nd, struct vnode *link)
{
	char *text = path_buf_alloc();
	struct vnode *target;
	ssize_t n;
	int err;

	if (text == NULL)
		return -ENOMEM;
	err = link->ops->follow(link, &target);
	if (err == 0) {
		n = link->ops->readlink(link, text, PATH_MAX - 1);
		text[n > 0 ? n : 0] = '\0';
		kfree(nd->jumped);
		nd->jumped = kstrdup(text);
		nd->len = 0;
		move_to(nd, target);
	}
	path_buf_free(text);
	return err;
}

/* The link's text, then what was left of the path. */
static int follow_text(struct nameidata *nd, struct vnode *link)
{
	char *text = path_buf_alloc();
	size_t left = strlen(nd->rest);
	ssize_t n;

	if (text == NULL)
		return -ENOMEM;
	n = link->ops->readlink(link, text, PATH_MAX - 1);
	if (n == 0)
		n = -ENOENT;
	if (n > 0 && (size_t)n + left >= PATH_MAX)
		n = -ENAMETOOLONG;
	if (n < 0) {
		path_buf_free(text);
		return (int)n;
	}
	memcpy(text + n, nd->rest, left + 1);
	path_buf_free(nd->buf);
	nd->buf = text;
	nd->rest = text;
	if (text[0] == '/')
		move_to(nd, fs_root());
	return 0;
}

int nd_follow(struct nameidata *nd, struct vnode *link)
{
	int err = -EOPNOTSUPP;

	if (++nd->links > SYMLINK_MAX_FOLLOW)
		err = -ELOOP;
	else if (link->ops->follow != NULL)
		err = follow_magic(nd, link);
	if (err == -EOPNOTSUPP)
		err = link->ops->readlink != NULL ? follow_text(nd, link) : -EINVAL;
	vnode_put(link);
	return err;
}

/* Takes the next component off `rest` (which keeps the slashes behind it). False: none is left. */
static bool next_component(struct nameidata *nd, bool *last)
{
	const char *p = nd->rest, *after;

	while (*p == '/')
		p++;
	nd->must_dir = p != nd->rest;
	if (*p == '\0') {
		nd->len = 0;
		nd->rest = p;
		return false;
	}
	nd->name = p;
	while (*p != '\0' && *p != '/')
		p++;
	nd->len = (size_t)(p - nd->name);
	nd->rest = p;
	for (after = p; *after == '/'; after++)
		;
	*last = *after == '\0';
	nd->must_dir = *last && after != p;
	if (unlikely(nd->jumped != NULL)) {
		kfree(nd->jumped);
		nd->jumped = NULL;
	}
	return true;
}

int nd_parent(struct nameidata *nd)
{
	struct vnode *vn;
	bool last;
	int err;

	while (next_component(nd, &last)) {
		if (last)
			return S_ISDIR(nd->dir->mode) ? 0 : -ENOTDIR;
		err = nd_child(nd->dir, nd->name, nd->len, &vn);
		if (err != 0)
			return err;
		if (S_ISLNK(vn->mode)) {
			err = nd_follow(nd, vn);
			if (err != 0)
				return err;
		} else {
			move_to(nd, vn);
		}
	}
	return nd->must_dir && !S_ISDIR(nd->dir->mode) ? -ENOTDIR : 0;
}

int nd_full(struct nameidata *nd, bool follow, struct vnode **out)
{
	struct vnode *vn;
	int err;

	for (;;) {
		err = nd_parent(nd);
		if (err != 0)
			return err;
		if (nd->len == 0) {
			vnode_get(nd->dir);
			*out = nd->dir;
			return 0;
		}
		err = nd_child(nd->dir, nd->name, nd->len, &vn);
		if (err != 0)
			return err;
		if (!S_ISLNK(vn->mode) || !(follow || nd->must_dir))
			break;
		err = nd_follow(nd, vn);
		if (err != 0)
			return err;
	}
	if (nd->must_dir && !S_ISDIR(vn->mode)) {
		vnode_put(vn);
		return -ENOTDIR;
	}
	*out = vn;
	return 0;
}

int vfs_lookup(struct vnode *start, const char *path, unsigned flags, struct vnode **out)
{
	struct nameidata nd;
	int err = nd_begin(&nd, start, path);

	if (err == -ENOENT && (flags & LOOKUP_EMPTY)) {
		*out = nd.dir;
		return 0;
	}
	if (err == 0)
		err = nd_full(&nd, flags & LOOKUP_FOLLOW, out);
	if (err == 0 && (flags & LOOKUP_DIRECTORY) && !S_ISDIR((*out)->mode)) {
		vnode_put(*out);
		err = -ENOTDIR;
	}
	nd_end(&nd);
	return err;
}

int vfs_lookup_parent(
	struct vnode *start, const char *path, struct vnode **dir, const char **name, size_t *len)
{
	struct nameidata nd;
	int err = nd_begin(&nd, start, path);

	if (err == 0)
		err = nd_parent(&nd);
	if (err == 0 && nd_is_dots(&nd))
		err = -EINVAL;
	if (err == 0) {
		/* The last component is the same text at the end of both buffers. */
		*name = path + strlen(path) - strlen(nd.name);
		*len = nd.len;
		*dir = nd.dir;
		nd.dir = NULL;
	}
	nd_end(&nd);
	return err;
}

/* ---- the way back ---- */

struct name_search {
	uint64_t ino;
	char *buf;
	size_t size;
	ssize_t len;
};

static bool match_ino(
	void *ctx, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	struct name_search *s = ctx;

	if (ino != s->ino || (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))))
		return true;
	s->len = -ERANGE;
	if (len < s->size) {
		memcpy(s->buf, name, len);
		s->len = (ssize_t)len;
	}
	return false;
}

static ssize_t name_in_parent(struct vnode *parent, struct vnode *dir, char *buf, size_t size)
{
	struct name_search s = { .ino = dir->ino, .buf = buf, .size = size, .len = -ENOENT };
	int err;

	if (dir->ops->dir_name != NULL)
		return dir->ops->dir_name(dir, buf, size);
	mutex_lock(&parent->lock);
	err = parent->ops->readdir(parent, 0, match_ino, &s);
	mutex_unlock(&parent->lock);
	return err < 0 ? err : s.len;
}

/* One step up: the parent, and the directory's name in front of what stands at *pos. */
static int step_up(struct vnode **dir, char *buf, size_t *pos)
{
	char name[NAME_MAX + 1];
	struct vnode *parent;
	ssize_t n;
	int err;

	mutex_lock(&(*dir)->lock);
	err = (*dir)->ops->lookup(*dir, "..", 2, &parent);
	mutex_unlock(&(*dir)->lock);
	if (err != 0)
		return err;
	n = name_in_parent(parent, *dir, name, sizeof(name));
	vnode_put(*dir);
	*dir = parent;
	if (n < 0)
		return (int)n;
	if ((size_t)n + 1 > *pos)
		return -ENAMETOOLONG;
	*pos -= (size_t)n;
	memcpy(buf + *pos, name, (size_t)n);
	buf[--*pos] = '/';
	return 0;
}

ssize_t vfs_dir_path(struct vnode *dir, char *buf, size_t size)
{
	struct vnode *root = fs_root(), *point;
	size_t pos = size;
	int err = 0;

	if (size < 2) {
		vnode_put(root);
		return -ERANGE;
	}
	buf[--pos] = '\0';
	vnode_get(dir);
	while (err == 0 && dir != root) {
		if (dir == dir->mount->root) {
			point = mount_point(dir->mount);
			if (point == NULL)
				break;
			vnode_put(dir);
			dir = point;
			continue;
		}
		err = step_up(&dir, buf, &pos);
	}
	vnode_put(dir);
	vnode_put(root);
	if (err != 0)
		return err == -ENAMETOOLONG ? -ERANGE : err;
	if (pos == size - 1)
		buf[--pos] = '/';
	memmove(buf, buf + pos, size - pos);
	return (ssize_t)(size - pos - 1);
}

ssize_t vfs_getcwd(char *buf, size_t size)
{
	struct vnode *cwd = fs_cwd();
	ssize_t n = vfs_dir_path(cwd, buf, size);

	vnode_put(cwd);
	return n;
}
