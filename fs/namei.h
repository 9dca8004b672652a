/* SPDX-License-Identifier: BSD-2-Clause
 * Path walking, as open(2) and the calls that change directories use it. Everybody else calls
 * vfs_lookup() (fs/vfs.h).
 *
 * The text still to be walked starts out as the caller's path and moves to a buffer of its own when
 * the first symlink is followed. `dir` is always referenced; no lock is held between steps.
 */
#ifndef FS_NAMEI_H
#define FS_NAMEI_H

#include "fs/vfs.h"

struct nameidata {
	struct vnode *dir; /* where the walk stands */
	const char *rest;  /* what is left of the path */
	const char *name;  /* last component, in rest's buffer; len 0: the path means dir itself */
	size_t len;
	bool must_dir;  /* slashes follow the last component */
	unsigned links; /* symlinks followed */
	char *buf;      /* PATH_MAX bytes, once a symlink was followed */
	char *jumped;   /* the path a magic link said it leads to, NULL: none was followed last */
};

/* Starts at `start` (NULL: the cwd) or at the root. -ENOENT for "". Call nd_end() in any case. */
int nd_begin(struct nameidata *nd, struct vnode *start, const char *path);
void nd_end(struct nameidata *nd);
/* Walks to the last component: sets dir, name, len, must_dir. */
int nd_parent(struct nameidata *nd);
/* Walks to the end; *out referenced; name and len as above. */
int nd_full(struct nameidata *nd, bool follow, struct vnode **out);
/* Continues the walk at what a symlink (found at nd->name) says; consumes the reference to it. */
int nd_follow(struct nameidata *nd, struct vnode *link);
/* The child of a directory as the process sees it: ".", "..", mounts. Checks search permission. */
int nd_child(struct vnode *dir, const char *name, size_t len, struct vnode **out);
static inline bool nd_is_dots(const struct nameidata *nd)
{
	return nd->len == 0 ||
	       (nd->name[0] == '.' && (nd->len == 1 || (nd->len == 2 && nd->name[1] == '.')));
}

/* PATH_MAX bytes from the cache of path buffers; NULL: no memory. */
char *path_buf_alloc(void);
void path_buf_free(char *buf);
void namei_init(void);

#endif
