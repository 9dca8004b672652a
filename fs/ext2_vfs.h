/* SPDX-License-Identifier: BSD-2-Clause
 * ext2 as a file system of Mayfly: vnodes over the nodes of fs/ext2.h. Private to
 * ext2_{mount,vnode,pager,namei}.c.
 *
 * The vnodes of a mount stand in a hash table by inode number, which owns a reference to each: so a
 * vnode with one reference is a cached one, with its page cache, and goes when there are too many.
 * A file whose last name is gone leaves the table at once; whoever has it open keeps it, and with
 * the last of them the inode is freed.
 *
 * | what                              | protected by                                               |
 * | the table, the LRU list           | ext2_mount.icache_lock (mutex)                             |
 * | size of a regular file            | its vm_object; raw.i_size follows with each store          |
 * | everything else of raw            | node.lock; mode, uid, gid are copied to the vnode          |
 * | parent                            | one word; changes by rename only, under rename_lock        |
 * | up                                | vnode.lock; set once                                       |
 *
 * | sync_round, synced                | ext2_mount.sync_lock (mutex)                               |
 *
 * Lock order: vnode.lock -> icache_lock -> vm_object.lock -> node.lock -> (fs/ext2.h); sync_lock ->
 * icache_lock, one after the other with vm_object.lock.
 */
#ifndef FS_EXT2_VFS_H
#define FS_EXT2_VFS_H

#include "fs/ext2.h"
#include "fs/vfs.h"

struct file;

#define EXT2_ICACHE_BITS  9
#define EXT2_ICACHE_LIMIT 2048u

struct ext2_mount {
	struct mount mount;
	struct ext2_fs *fs;
	struct file *disk; /* claimed for as long as we have it */
	struct mutex icache_lock;
	struct hash icache;
	struct list lru; /* least recently looked up first */
	unsigned ncached;
	struct mutex sync_lock;
	unsigned sync_round;
};

struct ext2_vnode {
	struct vnode vn;
	struct ext2_node node;
	struct list hash_link, lru_link;
	bool cached;      /* stands in the table */
	bool orphan;      /* was taken out because its last name went; counts as a writer */
	unsigned synced;  /* in which round of the mount's syncs; sync_lock */
	uint32_t parent;  /* directories: what ".." means */
	struct vnode *up; /* removed ones: the same, with a reference */
};

static inline struct ext2_mount *ext2_mount_of(const struct vnode *vn)
{
	return container_of(vn->mount, struct ext2_mount, mount);
}

static inline struct ext2_vnode *ext2_vnode(struct vnode *vn)
{
	return container_of(vn, struct ext2_vnode, vn);
}

/* ext2_vnode.c */
uint32_t ext2_now(void);
/* The calling process's clock and rights. */
struct ext2_ctx ext2_ctx(const struct ext2_fs *fs);
/* The vnode of an inode, from the table or read: 0 and *out with a reference. */
int ext2_iget(struct ext2_mount *m, uint32_t ino, struct vnode **out);
/* A vnode that has no inode yet, with one reference; NULL: no memory. After ext2_make() it is
 * entered into the table, or, if that failed, put. Entering fails on a corrupt disk only. */
struct ext2_vnode *ext2_vnode_new(
	struct ext2_mount *m, struct vnode *dir, uint32_t mode, uint64_t rdev);
int ext2_vnode_enter(struct ext2_mount *m, struct ext2_vnode *ev, const struct vnode *dir);
/* No name leads to it any more; within a change of the mount (mount_want_write). */
void ext2_vnode_forget(struct ext2_mount *m, struct ext2_vnode *ev);
/* Writes a file's pages and takes vnodes nobody uses out of the table, all of them. */
void ext2_icache_empty(struct ext2_mount *m);
/* Does anybody but the table (and the mount, for the root) refer to a vnode. */
bool ext2_icache_busy(struct ext2_mount *m);
/* Writes everything that is in memory to the disk. */
int ext2_mount_sync(struct mount *m);
void ext2_vnode_init(void);
extern const struct vnode_ops ext2_vnode_ops;

/* ext2_pager.c */
struct vm_object *ext2_object_new(struct ext2_vnode *ev); /* NULL: no memory */

/* ext2_namei.c */
int ext2_vop_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out);
int ext2_vop_create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	struct vnode **out);
int ext2_vop_mkdir(
	struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **out);
int ext2_vop_symlink(struct vnode *dir, const char *name, size_t len, const char *target);
int ext2_vop_link(struct vnode *dir, const char *name, size_t len, struct vnode *target);
int ext2_vop_unlink(struct vnode *dir, const char *name, size_t len);
int ext2_vop_rmdir(struct vnode *dir, const char *name, size_t len);
int ext2_vop_rename(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
	const char *nname, size_t nlen, unsigned flags);
int ext2_vop_readdir(struct vnode *dir, uint64_t pos, dirent_fn fn, void *ctx);

/* ext2_mount.c */
struct mount *ext2_mount_new(const char *source, unsigned long flags);

#endif
