/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: inodes. A node's raw inode is the truth; every change is stored into the inode table's
 * buffer at once, so there is nothing to remember when a node goes. The node holds that buffer from beginning to end:
 * storing wants no memory and no disk, and a change of several inodes is not stuck between two of them.
 */
#include "fs/ext2.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"

#define FAST_LINK_MAX (sizeof(((struct ext2_inode *)0)->i_block))

/* ---- sizes ---- */

uint64_t ext2_size(const struct ext2_node *n)
{
	if (!S_ISREG(n->raw.i_mode))
		return n->raw.i_size;
	return (uint64_t)n->raw.i_size_high << 32 | n->raw.i_size;
}

/* Revision 1 says in the super block that a file may be larger than an old kernel can read. */
static void mark_large(struct ext2_fs *fs)
{
	mutex_lock(&fs->alloc_lock);
	fs->sb.s_feature_ro_compat |= EXT2_RO_COMPAT_LARGEFILE;
	mutex_unlock(&fs->alloc_lock);
}

int ext2_set_size(struct ext2_node *n, uint64_t size)
{
	if (size > n->fs->size_max)
		return -EFBIG;
	if (size > INT32_MAX)
		mark_large(n->fs);
	n->raw.i_size = (uint32_t)size;
	if (S_ISREG(n->raw.i_mode))
		n->raw.i_size_high = (uint32_t)(size >> 32);
	return 0;
}

bool ext2_has_blocks(const struct ext2_node *n)
{
	uint32_t attributes = n->raw.i_file_acl != 0 ? n->fs->block_size / 512 : 0;

	return n->raw.i_blocks > attributes;
}

/* ---- the inode table ---- */

/* Holds the buffer the inode is in. */
static int hold_table(struct ext2_node *n)
{
	const struct ext2_fs *fs = n->fs;
	uint32_t g = (n->ino - 1) / fs->inodes_per_group, i = (n->ino - 1) % fs->inodes_per_group;
	uint32_t per_block = fs->block_size / fs->inode_size;

	return buf_read(fs->bc, fs->groups[g].bg_inode_table + i / per_block, &n->table);
}

/* Where in it. */
static void *place(const struct ext2_node *n)
{
	const struct ext2_fs *fs = n->fs;
	uint32_t i = (n->ino - 1) % fs->inodes_per_group % (fs->block_size / fs->inode_size);

	return n->table->data + i * fs->inode_size;
}

void ext2_unload(struct ext2_node *n)
{
	buf_put(n->table);
	n->table = NULL;
}

int ext2_store(struct ext2_node *n)
{
	if (n->fs->readonly)
		return -EROFS;
	memcpy(place(n), &n->raw, sizeof(n->raw));
	buf_dirty(n->table);
	return 0;
}

static int check_symlink(struct ext2_node *n)
{
	uint32_t size = n->raw.i_size;

	if (size == 0 || size >= (ext2_has_blocks(n) ? n->fs->block_size + 1 : FAST_LINK_MAX))
		return ext2_corrupt(n->fs, "symlink %u is %u bytes long", n->ino, size);
	return 0;
}

static int check_inode(struct ext2_node *n)
{
	const struct ext2_inode *raw = &n->raw;
	struct ext2_fs *fs = n->fs;
	bool used;
	int err;

	if (raw->i_links_count == 0 || raw->i_dtime != 0)
		return ext2_corrupt(fs, "inode %u has a name and is deleted", n->ino);
	if (raw->i_flags & EXT4_EXTENT_FL)
		return ext2_corrupt(fs, "inode %u has extents", n->ino);
	err = ext2_ino_in_use(fs, n->ino, &used);
	if (err != 0)
		return err;
	if (!used)
		return ext2_corrupt(fs, "inode %u has a name and is marked free", n->ino);
	switch (raw->i_mode & S_IFMT) {
	case S_IFDIR:
		if (raw->i_size == 0 || raw->i_size > INT32_MAX ||
			raw->i_size % fs->block_size != 0 ||
			raw->i_size >> fs->block_bits > fs->blocks_count) /* it has no holes */
			return ext2_corrupt(fs, "directory %u has %u bytes", n->ino, raw->i_size);
		return 0;
	case S_IFREG:
		if (ext2_size(n) > fs->size_max)
			return ext2_corrupt(fs, "inode %u is too large", n->ino);
		return 0;
	case S_IFLNK:
		return check_symlink(n);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return ext2_corrupt(fs, "inode %u has mode %#o", n->ino, raw->i_mode);
	}
}

static void init_node(struct ext2_fs *fs, uint32_t ino, struct ext2_node *n)
{
	n->fs = fs;
	n->ino = ino;
	n->goal = 0;
	n->room = 0;
	n->table = NULL;
	mutex_init(&n->lock, "ext2_node");
}

int ext2_load(struct ext2_fs *fs, uint32_t ino, struct ext2_node *n)
{
	int err;

	if (ino > fs->inodes_count || (ino != EXT2_ROOT_INO && ino < fs->first_ino))
		return ext2_corrupt(fs, "there is no inode %u", ino);
	init_node(fs, ino, n);
	err = hold_table(n);
	if (err != 0)
		return err;
	memcpy(&n->raw, place(n), sizeof(n->raw));
	err = check_inode(n);
	if (err != 0)
		ext2_unload(n);
	return err;
}

int ext2_create(struct ext2_fs *fs, uint32_t parent, struct ext2_node *n)
{
	struct ext2_inode *raw;
	uint32_t ino;
	int err = ext2_alloc_ino(fs, parent, ext2_is_dir(n), &ino);

	if (err != 0)
		return err;
	init_node(fs, ino, n);
	err = hold_table(n);
	if (err != 0) {
		ext2_free_ino(fs, ino, ext2_is_dir(n));
		return err;
	}
	raw = place(n);
	n->raw.i_generation = raw->i_generation + 1;
	memset(raw, 0, fs->inode_size);
	memcpy(raw, &n->raw, sizeof(n->raw));
	buf_dirty(n->table);
	return 0;
}

/* ---- less of a file, or nothing ---- */

/* The attribute block, which several inodes may share: alloc_lock protects its count. Who takes the last share away
 * frees it, and the next owner makes its buffer anew: so nobody holds that without the lock. */
static int drop_attributes(struct ext2_node *n)
{
	uint32_t block = n->raw.i_file_acl;
	struct ext2_xattr_head head;
	struct buf *b;
	bool shared;
	int err;

	if (block == 0)
		return 0;
	if (!ext2_block_ok(n->fs, block))
		return ext2_corrupt(n->fs, "inode %u owns block %u", n->ino, block);
	mutex_lock(&n->fs->alloc_lock);
	err = buf_read(n->fs->bc, block, &b);
	if (err != 0) {
		mutex_unlock(&n->fs->alloc_lock);
		return err;
	}
	memcpy(&head, b->data, sizeof(head));
	shared = head.h_magic == EXT2_XATTR_MAGIC && head.h_refcount > 1;
	if (shared) {
		head.h_refcount--;
		memcpy(b->data, &head, sizeof(head));
		buf_dirty(b);
	}
	buf_put(b);
	mutex_unlock(&n->fs->alloc_lock);
	if (!shared)
		err = ext2_free_block(n->fs, block);
	if (err == 0)
		n->raw.i_file_acl = 0;
	return err;
}

int ext2_truncate(struct ext2_node *n, uint64_t size)
{
	int err = ext2_set_size(n, size), err2;

	if (err != 0)
		return err;
	err = ext2_unmap(n, (size + n->fs->block_size - 1) >> n->fs->block_bits);
	err2 = ext2_store(n);
	return err != 0 ? err : err2;
}

int ext2_delete(struct ext2_node *n, uint32_t now)
{
	bool is_dir = ext2_is_dir(n), in_blocks;
	int err = 0, err2;

	if (n->fs->readonly)
		return -EROFS;
	mutex_lock(&n->lock);
	in_blocks =
		S_ISREG(n->raw.i_mode) || is_dir || (S_ISLNK(n->raw.i_mode) && ext2_has_blocks(n));
	if (in_blocks)
		err = ext2_unmap(n, 0);
	if (err == 0)
		err = drop_attributes(n);
	n->raw.i_dtime = now;
	n->raw.i_size = n->raw.i_size_high = 0;
	if (err == 0)
		n->raw.i_blocks = 0;
	err2 = ext2_store(n);
	if (err == 0)
		err = err2;
	if (err == 0)
		err = ext2_free_ino(n->fs, n->ino, is_dir);
	mutex_unlock(&n->lock);
	return err;
}

/* ---- symlinks ---- */

ssize_t ext2_read_link(struct ext2_node *n, char *buf, size_t size)
{
	size_t len = MIN((size_t)n->raw.i_size, size);
	struct buf *b;
	uint32_t block;
	bool fresh;
	int err;

	if (!ext2_has_blocks(n)) {
		memcpy(buf, n->raw.i_block, len); /* check_symlink() saw that it fits */
		return (ssize_t)len;
	}
	err = ext2_map(n, 0, false, false, &block, &fresh);
	if (err == 0 && block == 0)
		err = ext2_corrupt(n->fs, "symlink %u has no text", n->ino);
	if (err == 0)
		err = ext2_own_read(n, block, false, &b);
	if (err != 0)
		return err;
	memcpy(buf, b->data, len);
	buf_put(b);
	return (ssize_t)len;
}

int ext2_write_link(struct ext2_node *n, const char *target, size_t len, bool reserved)
{
	struct buf *b;
	uint32_t block;
	bool fresh;
	int err = 0;

	if (len >= n->fs->block_size)
		return -ENAMETOOLONG;
	if (len < FAST_LINK_MAX) {
		memcpy(n->raw.i_block, target, len);
	} else {
		err = ext2_map(n, 0, true, reserved, &block, &fresh);
		if (err == 0)
			err = ext2_own_read(n, block, true, &b);
		if (err == 0) {
			memcpy(b->data, target, len);
			buf_dirty(b);
			buf_put(b);
		}
	}
	n->raw.i_size = (uint32_t)len;
	return err == 0 ? ext2_store(n) : err;
}
