/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: bitmaps. A file's blocks are sought at the goal, then behind it in the goal's group, then
 * in the groups that follow; a file's inode in its directory's group first, a directory's where
 * there is most room.
 *
 * The last r_blocks blocks are the super-user's (s_def_resuid), so that a disk that users filled
 * can still be looked after.
 */
#include "fs/ext2.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"

static bool test_bit(const uint8_t *map, uint32_t bit)
{
	return map[bit / 8] & 1u << bit % 8;
}

static void set_bit(uint8_t *map, uint32_t bit)
{
	map[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void clear_bit(uint8_t *map, uint32_t bit)
{
	map[bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

/* The first clear bit of [from, to), `to` if there is none. */
static uint32_t find_clear(const uint8_t *map, uint32_t from, uint32_t to)
{
	while (from < to) {
		if (from % 8 == 0 && map[from / 8] == 0xff)
			from += 8;
		else if (test_bit(map, from))
			from++;
		else
			return from;
	}
	return to;
}

bool ext2_block_ok(const struct ext2_fs *fs, uint32_t block)
{
	const struct ext2_group *gd;
	uint32_t g, off;

	if (block < fs->first_data_block || block >= fs->blocks_count)
		return false;
	g = (block - fs->first_data_block) / fs->blocks_per_group;
	off = (block - fs->first_data_block) % fs->blocks_per_group;
	gd = &fs->groups[g];
	if (ext2_has_super(fs, g) && off < 1 + fs->gdt_blocks + fs->reserved_gdt)
		return false;
	return block != gd->bg_block_bitmap && block != gd->bg_inode_bitmap &&
	       (block < gd->bg_inode_table || block - gd->bg_inode_table >= fs->itable_blocks);
}

/* ---- blocks; alloc_lock held ---- */

static void count_blocks(struct ext2_fs *fs, uint32_t g, int delta)
{
	fs->groups[g].bg_free_blocks_count = (uint16_t)(fs->groups[g].bg_free_blocks_count + delta);
	fs->free_blocks += (uint32_t)delta;
	fs->groups_dirty = true;
}

/* A block of group g, from its block `from` on. -ENOSPC: there is none. */
static int alloc_in_group(struct ext2_fs *fs, uint32_t g, uint32_t from, uint32_t *block)
{
	uint32_t end = ext2_group_blocks(fs, g), bit;
	struct buf *b;
	int err;

	if (fs->groups[g].bg_free_blocks_count == 0)
		return -ENOSPC;
	err = buf_read(fs->bc, fs->groups[g].bg_block_bitmap, &b);
	if (err != 0)
		return err;
	bit = find_clear(b->data, from, end);
	if (bit == end)
		bit = find_clear(b->data, 0, from);
	if (bit == from && test_bit(b->data, bit)) {
		err = ext2_corrupt(fs, "group %u has no free block but counts %u", g,
			fs->groups[g].bg_free_blocks_count);
	} else if (!ext2_block_ok(fs, ext2_group_first(fs, g) + bit)) {
		err = ext2_corrupt(fs, "block %u of group %u is in use and marked free", bit, g);
	} else {
		set_bit(b->data, bit);
		buf_dirty(b);
		count_blocks(fs, g, -1);
		*block = ext2_group_first(fs, g) + bit;
	}
	buf_put(b);
	return err;
}

static int alloc_block_locked(struct ext2_fs *fs, uint32_t goal, bool reserved, uint32_t *block)
{
	uint32_t g, from;
	int err = -ENOSPC;

	if (fs->free_blocks <= (reserved ? 0 : fs->r_blocks))
		return -ENOSPC;
	if (goal < fs->first_data_block || goal >= fs->blocks_count)
		goal = fs->first_data_block;
	g = (goal - fs->first_data_block) / fs->blocks_per_group;
	from = (goal - fs->first_data_block) % fs->blocks_per_group;
	for (uint32_t i = 0; i < fs->ngroups && err == -ENOSPC; i++) {
		err = alloc_in_group(fs, g, from, block);
		g = (g + 1) % fs->ngroups;
		from = 0;
	}
	return err;
}

int ext2_alloc_block(struct ext2_fs *fs, uint32_t goal, bool reserved, uint32_t *block)
{
	int err;

	if (fs->readonly)
		return -EROFS;
	mutex_lock(&fs->alloc_lock);
	err = alloc_block_locked(fs, goal, reserved, block);
	mutex_unlock(&fs->alloc_lock);
	return err;
}

/* Its buffer goes when nothing can fail any more, and before somebody else can get the block. */
static int free_block_locked(struct ext2_fs *fs, uint32_t block)
{
	uint32_t g = (block - fs->first_data_block) / fs->blocks_per_group;
	uint32_t bit = (block - fs->first_data_block) % fs->blocks_per_group;
	struct buf *b;
	int err = buf_read(fs->bc, fs->groups[g].bg_block_bitmap, &b);

	if (err != 0)
		return err;
	if (!test_bit(b->data, bit)) {
		err = ext2_corrupt(fs, "block %u is freed twice", block);
	} else {
		buf_forget(fs->bc, block);
		clear_bit(b->data, bit);
		buf_dirty(b);
		count_blocks(fs, g, 1);
	}
	buf_put(b);
	return err;
}

int ext2_free_block(struct ext2_fs *fs, uint32_t block)
{
	int err;

	if (!ext2_block_ok(fs, block))
		return ext2_corrupt(fs, "a file owns block %u", block);
	mutex_lock(&fs->alloc_lock);
	err = free_block_locked(fs, block);
	mutex_unlock(&fs->alloc_lock);
	return err;
}

/* ---- inodes; alloc_lock held ---- */

static uint32_t group_of_ino(const struct ext2_fs *fs, uint32_t ino)
{
	return (ino - 1) / fs->inodes_per_group;
}

static void count_inodes(struct ext2_fs *fs, uint32_t g, int delta, bool is_dir)
{
	struct ext2_group *gd = &fs->groups[g];

	gd->bg_free_inodes_count = (uint16_t)(gd->bg_free_inodes_count + delta);
	if (is_dir)
		gd->bg_used_dirs_count = (uint16_t)(gd->bg_used_dirs_count - delta);
	fs->free_inodes += (uint32_t)delta;
	fs->groups_dirty = true;
}

/* The group with the most free blocks among those with at least their share of free inodes. */
static uint32_t roomiest_group(const struct ext2_fs *fs, uint32_t g)
{
	uint32_t share = fs->free_inodes / fs->ngroups, best = g;
	int most = -1;

	for (uint32_t i = 0; i < fs->ngroups; i++) {
		const struct ext2_group *gd = &fs->groups[i];

		if (gd->bg_free_inodes_count > 0 && gd->bg_free_inodes_count >= share &&
			gd->bg_free_blocks_count > most) {
			most = gd->bg_free_blocks_count;
			best = i;
		}
	}
	return best;
}

static int alloc_ino_in_group(struct ext2_fs *fs, uint32_t g, bool is_dir, uint32_t *ino)
{
	uint32_t first = g == 0 ? fs->first_ino - 1 : 0, bit;
	struct buf *b;
	int err;

	if (fs->groups[g].bg_free_inodes_count == 0)
		return -ENOSPC;
	err = buf_read(fs->bc, fs->groups[g].bg_inode_bitmap, &b);
	if (err != 0)
		return err;
	bit = find_clear(b->data, first, fs->inodes_per_group);
	if (bit == fs->inodes_per_group) {
		err = ext2_corrupt(fs, "group %u has no free inode but counts %u", g,
			fs->groups[g].bg_free_inodes_count);
	} else {
		set_bit(b->data, bit);
		buf_dirty(b);
		count_inodes(fs, g, -1, is_dir);
		*ino = g * fs->inodes_per_group + bit + 1;
	}
	buf_put(b);
	return err;
}

int ext2_alloc_ino(struct ext2_fs *fs, uint32_t parent, bool is_dir, uint32_t *ino)
{
	uint32_t g = group_of_ino(fs, parent);
	int err = -ENOSPC;

	if (fs->readonly)
		return -EROFS;
	mutex_lock(&fs->alloc_lock);
	if (is_dir)
		g = roomiest_group(fs, g);
	for (uint32_t i = 0; i < fs->ngroups && err == -ENOSPC; i++) {
		err = alloc_ino_in_group(fs, g, is_dir, ino);
		g = (g + 1) % fs->ngroups;
	}
	mutex_unlock(&fs->alloc_lock);
	return err;
}

/* Calls for the bitmap byte of an inode: *used, and with `clear` takes it away. */
static int ino_bit(struct ext2_fs *fs, uint32_t ino, bool clear, bool *used)
{
	uint32_t bit = (ino - 1) % fs->inodes_per_group;
	struct buf *b;
	int err = buf_read(fs->bc, fs->groups[group_of_ino(fs, ino)].bg_inode_bitmap, &b);

	if (err != 0)
		return err;
	*used = test_bit(b->data, bit);
	if (clear && *used) {
		clear_bit(b->data, bit);
		buf_dirty(b);
	}
	buf_put(b);
	return 0;
}

int ext2_free_ino(struct ext2_fs *fs, uint32_t ino, bool is_dir)
{
	bool used;
	int err;

	mutex_lock(&fs->alloc_lock);
	err = ino_bit(fs, ino, true, &used);
	if (err == 0 && !used)
		err = ext2_corrupt(fs, "inode %u is freed twice", ino);
	if (err == 0)
		count_inodes(fs, group_of_ino(fs, ino), 1, is_dir);
	mutex_unlock(&fs->alloc_lock);
	return err;
}

int ext2_ino_in_use(struct ext2_fs *fs, uint32_t ino, bool *used)
{
	int err;

	mutex_lock(&fs->alloc_lock);
	err = ino_bit(fs, ino, false, used);
	mutex_unlock(&fs->alloc_lock);
	return err;
}
