/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: what is on the disk, and nothing of vnodes or page caches. The files
 * ext2_{super,alloc,map,inode,dir}.c see the disk through a buffer cache (fs/buf.h) and otherwise
 * run anywhere: tests/host/t_ext2.c runs them over an image file. ext2_{mount,vnode,namei,pager}.c
 * make a file system of Mayfly of them.
 *
 * The image is never trusted: every block and inode number, every length and every count is checked
 * before it is used. What is wrong is told by ext2_corrupt(): a log line, no more changes,
 * -EUCLEAN.
 *
 * | what                                        | protected by                                   |
 * | a node's raw inode, its indirect blocks     | node->lock                                     |
 * | contents of a directory                     | the caller: one change, or searches only       |
 * | bitmaps, group descriptors, free counts     | fs->alloc_lock                                 |
 * | a node's bytes in the inode table           | node->lock; its neighbours' are not touched    |
 * | readonly, broken                            | set once, read without a lock                  |
 *
 * Lock order: directory -> node->lock -> fs->alloc_lock -> the buffer cache's. Two node locks are
 * never held together. All functions may sleep; errors are negative errnos.
 */
#ifndef FS_EXT2_H
#define FS_EXT2_H

#include "fs/buf.h"
#include "fs/ext2_disk.h"

struct ext2_fs {
	struct block_dev *bd;
	struct bufcache *bc;
	char name[24];     /* of the disk, for messages */
	bool readonly;     /* nothing changes: asked for, or a feature, or something is wrong */
	bool broken;       /* something is wrong: what was changed before is still written back */
	bool writable;     /* was opened for writing */
	bool write_failed; /* the last write-back did, and the log says so; atomic */

	/* Constant while mounted. */
	unsigned block_size, block_bits, inode_size, ngroups,
		ptrs_bits; /* pointers a block, log2 */
	uint32_t blocks_count, inodes_count, first_data_block, blocks_per_group, inodes_per_group;
	uint32_t itable_blocks, first_ino, gdt_blocks, reserved_gdt, r_blocks;
	uint16_t resuid, resgid;
	bool has_filetype, is_rev0;
	uint64_t size_max;  /* of a regular file */
	uint16_t was_valid; /* s_state as it was found */

	struct mutex alloc_lock;
	struct ext2_super sb;
	struct ext2_group *groups;
	uint32_t free_blocks, free_inodes;
	bool groups_dirty;
};

struct ext2_node {
	struct ext2_fs *fs;
	uint32_t ino;
	struct mutex lock;
	struct ext2_inode raw;
	struct buf *table; /* the block of the inode table it is in, held */
	uint32_t goal;     /* where to look for the next block; 0: near the inode */
	uint64_t
		room; /* a directory's first block that may have room for a name; its contents' lock */
};

/* ---- ext2_super.c ---- */

/* Reads and checks. `readonly` asks for no changes. -EINVAL: no ext2, or more than this one knows;
 * -EUCLEAN: it contradicts itself. Both say why in the log. The disk stays the caller's. */
int ext2_open(
	struct block_dev *bd, const char *name, uint64_t size, bool readonly, struct ext2_fs **out);
/* Marks it as in use: not clean until ext2_close(). */
int ext2_begin(struct ext2_fs *fs, uint32_t now);
/* Writes everything, marks it clean if nothing was wrong, and changes nothing any more; or begins again.
 * Nobody is changing anything. -EROFS: it cannot be written to. */
int ext2_remount(struct ext2_fs *fs, bool readonly, uint32_t now);
/* Writes everything that is in memory. */
int ext2_sync(struct ext2_fs *fs);
/* The same, marks it clean if nothing was wrong, and frees fs. */
int ext2_close(struct ext2_fs *fs, uint32_t now);
/* Something on the disk cannot be: logged, from now on nothing changes. Returns -EUCLEAN. */
int ext2_corrupt(struct ext2_fs *fs, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Is there a copy of the super block in this group. */
bool ext2_has_super(const struct ext2_fs *fs, uint32_t group);
uint32_t ext2_group_first(const struct ext2_fs *fs, uint32_t group); /* first block */
uint32_t ext2_group_blocks(const struct ext2_fs *fs, uint32_t group);
/* Blocks that the file system itself takes (statfs counts them as not there). */
uint32_t ext2_overhead(const struct ext2_fs *fs);

/* ---- ext2_alloc.c ---- */

/* Can a file own this block: it is on the disk, and not part of a bitmap, table or super block. */
bool ext2_block_ok(const struct ext2_fs *fs, uint32_t block);
/* A free block, the goal or near behind it. `reserved`: may take the last ones. -ENOSPC. */
int ext2_alloc_block(struct ext2_fs *fs, uint32_t goal, bool reserved, uint32_t *block);
int ext2_free_block(struct ext2_fs *fs, uint32_t block);
/* A free inode near the directory `parent`; directories spread. -ENOSPC. */
int ext2_alloc_ino(struct ext2_fs *fs, uint32_t parent, bool is_dir, uint32_t *ino);
int ext2_free_ino(struct ext2_fs *fs, uint32_t ino, bool is_dir);
/* Is the inode's bit set. */
int ext2_ino_in_use(struct ext2_fs *fs, uint32_t ino, bool *used);

/* ---- ext2_map.c; node->lock is held by the caller ---- */

/* The block that holds block `idx` of the file: *block, 0: a hole. With `create` it is allocated
 * (`reserved` as above) and *fresh says so: its contents mean nothing. */
int ext2_map(struct ext2_node *n, uint64_t idx, bool create, bool reserved, uint32_t *block,
	bool *fresh);
/* Frees what lies in blocks from `first` on. */
int ext2_unmap(struct ext2_node *n, uint64_t first);

/* buf_read(), or buf_new() if it is `fresh`, of a block of entries, pointers or text of this node's: -EUCLEAN if
 * it was seen to be another's. So the locks above do protect what is in a buffer, even where an image
 * gives a block to two inodes. */
int ext2_own_read(struct ext2_node *n, uint32_t block, bool fresh, struct buf **b);

/* ---- ext2_inode.c ---- */

/* Fills in n->raw; n->lock is initialised. -EUCLEAN when it cannot be the inode of a file that has
 * a name. ext2_unload() follows, unless it failed. */
int ext2_load(struct ext2_fs *fs, uint32_t ino, struct ext2_node *n);
/* A new inode with n->raw as the caller filled it in (mode, owner, times); zeroes the rest. The same follows. */
int ext2_create(struct ext2_fs *fs, uint32_t parent, struct ext2_node *n);
/* The node is not used any more. One that is all zeros is fine. */
void ext2_unload(struct ext2_node *n);
/* Writes n->raw to the inode table's buffer. n->lock held. Fails only where nothing changes any more: -EROFS. */
int ext2_store(struct ext2_node *n);
/* A regular file's size, and nothing behind it; stores it. n->lock held. After an error there may be blocks behind the
 * end, which the next time frees; the inode knows of each. */
int ext2_truncate(struct ext2_node *n, uint64_t size);
/* No name leads to it and nobody has it open: gives blocks and inode back. n->lock not held. After an error it can be
 * called again. */
int ext2_delete(struct ext2_node *n, uint32_t now);
uint64_t ext2_size(const struct ext2_node *n);
/* n->lock held; marks the file system when a file becomes larger than 2 GiB. -EFBIG. */
int ext2_set_size(struct ext2_node *n, uint64_t size);
/* Has it blocks of its own (not only an attribute block). A symlink that has none is in i_block. */
bool ext2_has_blocks(const struct ext2_node *n);
/* Text of a symlink: length or -errno. n->lock held. */
ssize_t ext2_read_link(struct ext2_node *n, char *buf, size_t size);
/* Of a new symlink; stores it. n->lock held. -ENAMETOOLONG. */
int ext2_write_link(struct ext2_node *n, const char *target, size_t len, bool reserved);

static inline bool ext2_is_dir(const struct ext2_node *n)
{
	return (n->raw.i_mode & 0170000) == 0040000;
}

/* ---- ext2_dir.c; the directory is locked by the caller, node->lock is not held ---- */

/* An entry does not move as long as its name stays, whatever happens to others. */
struct ext2_found {
	uint32_t ino;
	uint64_t block;  /* of the directory */
	unsigned off;    /* in it */
	struct buf *buf; /* holds it, or NULL */
};

/* 0 and *found, or -ENOENT. */
int ext2_dir_find(struct ext2_node *dir, const char *name, size_t len, struct ext2_found *found);
/* The same, to change it: found->buf is held till buf_put(), so that nothing has to be read any more. */
int ext2_dir_hold(struct ext2_node *dir, const char *name, size_t len, struct ext2_found *found);
/* Adds an entry; the name is not there. `mode` gives the type. */
int ext2_dir_add(struct ext2_node *dir, const char *name, size_t len, uint32_t ino, uint32_t mode,
	bool reserved);
/* What is held: takes it out, or lets it lead to another inode. -EROFS, -EUCLEAN. */
int ext2_dir_remove(struct ext2_node *dir, const struct ext2_found *at);
int ext2_dir_set(struct ext2_node *dir, const struct ext2_found *at, uint32_t ino, uint32_t mode);
/* A new directory's first block. */
int ext2_dir_init(struct ext2_node *dir, uint32_t parent, bool reserved);
/* 0, or -ENOTEMPTY. */
int ext2_dir_empty(struct ext2_node *dir);

typedef bool (*ext2_dirent_fn)(
	void *ctx, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next);
/* Calls fn for the entries from byte `pos` on, till it returns false. `type` is DT_*, 0:
 * unknown. */
int ext2_dir_walk(struct ext2_node *dir, uint64_t pos, ext2_dirent_fn fn, void *ctx);

/* ---- ext2_name.c: what changes names; the caller has locked every directory involved, and holds no
 * node->lock. Each happens, or did not and says why; only what ext2_corrupt() told of is left half-way.
 * ---- */

/* How the caller stands: its clock, and whether the last blocks are open to it. */
struct ext2_ctx {
	uint32_t now;
	bool reserved;
};

/* A new file `n` (n->raw has mode, owner, device) under a name that is not there. `target`: a
 * symlink's text. -EMLINK, -ENOSPC... ext2_unload() follows, unless it failed. */
int ext2_make(struct ext2_node *dir, const char *name, size_t len, struct ext2_node *n,
	const char *target, const struct ext2_ctx *ctx);
/* One more name. -EMLINK. */
int ext2_link(struct ext2_node *dir, const char *name, size_t len, struct ext2_node *n,
	const struct ext2_ctx *ctx);
/* Takes the name of n away, a directory's only if it is empty (n locked too). The inode stays, with
 * no links perhaps: ext2_delete() when nobody has it open. */
int ext2_unlink(struct ext2_node *dir, const char *name, size_t len, struct ext2_node *n,
	const struct ext2_ctx *ctx);
/* Moves n. `there` is what has the new name now, or NULL; a directory must be empty (and
 * locked). */
int ext2_rename(struct ext2_node *odir, const char *oname, size_t olen, struct ext2_node *n,
	struct ext2_node *ndir, const char *nname, size_t nlen, struct ext2_node *there,
	const struct ext2_ctx *ctx);
int ext2_exchange(struct ext2_node *odir, const char *oname, size_t olen, struct ext2_node *n,
	struct ext2_node *ndir, const char *nname, size_t nlen, struct ext2_node *there,
	const struct ext2_ctx *ctx);

#endif
