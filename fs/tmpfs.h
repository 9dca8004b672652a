/* SPDX-License-Identifier: BSD-2-Clause
 * tmpfs: files in memory. Regular files are nothing but a vm_object with no pager behind it: what is
 * not resident is a hole. Private to fs/tmpfs*.c.
 *
 * | what                                   | protected by                                  |
 * | entries of a directory, its being dead | vnode.lock                                    |
 * | links, times                           | tmpfs_node.attr (spin, innermost)             |
 * | parent, self (a directory's place)     | tmpfs.lock (spin); change with the mount's    |
 * |                                        | rename_lock or the parent's vnode.lock held   |
 * | list of nodes                          | tmpfs.lock                                    |
 *
 * Each directory entry owns a reference to its vnode, so a node whose last name goes away lives on
 * until it is closed, and nothing needs to be looked up to free it.
 */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "fs/vfs.h"
#include "kernel/core/hash.h"

struct tmpfs {
	struct mount mount;
	struct spinlock lock;
	struct list nodes;
	uint64_t last_ino;
	uintptr_t pages, max_pages; /* pages: atomic */
	unsigned ninodes, max_inodes;
};

struct tmpfs_node {
	struct vnode vn;
	struct list link; /* tmpfs.nodes */
	struct spinlock attr;
	uint32_t nlink;              /* directories: 2 + subdirectories; 0: removed */
	int64_t atime, mtime, ctime; /* as in struct kstat */

	char *target; /* symlinks */

	/* Directories. Entries hang in hash chains, and in one list by cookie: the position that
	 * readdir(3) gives out, never used twice, so that removals do not move the others. */
	struct hash table;
	struct list entries;
	unsigned nentries;
	uint64_t next_cookie;
	struct tmpfs_node *parent; /* the root: itself; with a reference once it is removed */
	struct tmpfs_dirent *self; /* the entry in parent; NULL: the root, or removed */
};

struct tmpfs_dirent {
	struct list hash_link, order_link;
	struct tmpfs_node *node;
	uint64_t cookie;
	uint32_t hash;
	uint8_t len;
	char name[];
};

static inline struct tmpfs *tmpfs_of(const struct vnode *vn)
{
	return container_of(vn->mount, struct tmpfs, mount);
}

static inline struct tmpfs_node *tmpfs_node(struct vnode *vn)
{
	return container_of(vn, struct tmpfs_node, vn);
}

/* Is it a regular file of a tmpfs. */
bool tmpfs_is_regular(const struct vnode *vn);
/* A node without names, one reference for the caller. `dir`: where it will be, for owner and group;
 * NULL: the root. NULL: no memory. */
struct tmpfs_node *tmpfs_node_new(
	struct tmpfs *fs, struct vnode *dir, uint32_t mode, uint64_t rdev);
void tmpfs_touch(struct tmpfs_node *n); /* mtime and ctime are now */
void tmpfs_touch_ctime(struct tmpfs_node *n);

/* tmpfs_dir.c */
int tmpfs_dir_init(struct tmpfs_node *dir);
void tmpfs_dir_free(struct tmpfs_node *dir);
/* Unmounting: from now on nothing is created in it; drops all entries. Both take the vnode's lock. */
void tmpfs_dir_kill(struct tmpfs_node *dir);
void tmpfs_dir_drop(struct tmpfs_node *dir);
int tmpfs_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out);
int tmpfs_tmpfile(struct vnode *dir, uint32_t mode, struct vnode **out);
int tmpfs_create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	struct vnode **out);
int tmpfs_mkdir(struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **out);
int tmpfs_symlink(struct vnode *dir, const char *name, size_t len, const char *target);
int tmpfs_link(struct vnode *dir, const char *name, size_t len, struct vnode *target);
int tmpfs_unlink(struct vnode *dir, const char *name, size_t len);
int tmpfs_rmdir(struct vnode *dir, const char *name, size_t len);
int tmpfs_rename(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
	const char *nname, size_t nlen, unsigned flags);
int tmpfs_readdir(struct vnode *dir, uint64_t pos, dirent_fn fn, void *ctx);
ssize_t tmpfs_dir_name(struct vnode *dir, char *buf, size_t size);

#endif
