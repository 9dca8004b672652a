/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: which block of the disk holds which block of a file.
 *
 *	i_block[0..11]   the first twelve
 *	i_block[12]  --> a block of p pointers			(p: pointers a block, 256 to 1024)
 *	i_block[13]  --> p pointers --> p blocks of p pointers
 *	i_block[14]  --> one level more
 *
 * The path to a block is the list of indices on the way to it: one in the inode, up to three in
 * blocks. A zero anywhere on it is a hole. Blocks of pointers are read as metadata; the caller
 * reads what a file contains.
 */
#include "fs/ext2.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"

#define MAX_DEPTH 4

/* Indices into i_block, then into each block of pointers; returns their number, 0: out of reach. */
static unsigned block_path(const struct ext2_fs *fs, uint64_t idx, uint32_t path[MAX_DEPTH])
{
	unsigned bits = fs->ptrs_bits, levels;
	uint32_t mask = (1u << bits) - 1;

	if (idx < EXT2_NDIR) {
		path[0] = (uint32_t)idx;
		return 1;
	}
	idx -= EXT2_NDIR;
	for (levels = 1; levels < MAX_DEPTH; levels++) {
		if (idx >> (levels * bits) == 0)
			break;
		idx -= 1ull << (levels * bits);
	}
	if (levels == MAX_DEPTH)
		return 0;
	path[0] = EXT2_IND + levels - 1;
	for (unsigned i = 1; i <= levels; i++)
		path[i] = (uint32_t)(idx >> ((levels - i) * bits)) & mask;
	return levels + 1;
}

int ext2_own_read(struct ext2_node *n, uint32_t block, bool fresh, struct buf **b)
{
	uint32_t owner = 0;
	int err = fresh ? buf_new(n->fs->bc, block, b) : buf_read(n->fs->bc, block, b);

	if (err == 0 && READ_ONCE((*b)->owner) != n->ino &&
		!__atomic_compare_exchange_n(
			&(*b)->owner, &owner, n->ino, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		buf_put(*b);
		err = -EUCLEAN;
	}
	if (err == -EUCLEAN)
		ext2_corrupt(n->fs, "block %u is inode %u's and another's", block, n->ino);
	return err;
}

static void add_sectors(struct ext2_node *n, int blocks)
{
	n->raw.i_blocks += (uint32_t)(blocks * (int)(n->fs->block_size / 512));
}

/* Where the search for a new block begins: behind the last one, else in the inode's group. */
static uint32_t goal(const struct ext2_node *n)
{
	const struct ext2_fs *fs = n->fs;

	if (n->goal != 0)
		return n->goal;
	return ext2_group_first(fs, (n->ino - 1) / fs->inodes_per_group);
}

/* A block for the pointer *slot, which stands in `holder` (NULL: in the inode). */
static int fill_slot(
	struct ext2_node *n, uint32_t *slot, struct buf *holder, bool pointers, bool reserved)
{
	struct buf *b;
	uint32_t block;
	int err = ext2_alloc_block(n->fs, goal(n), reserved, &block);

	if (err != 0)
		return err;
	if (pointers) {
		err = ext2_own_read(n, block, true, &b);
		if (err != 0) {
			ext2_free_block(n->fs, block);
			return err;
		}
		buf_put(b);
	}
	n->goal = block + 1;
	*slot = block;
	add_sectors(n, 1);
	if (holder != NULL)
		buf_dirty(holder);
	return 0;
}

int ext2_map(
	struct ext2_node *n, uint64_t idx, bool create, bool reserved, uint32_t *block, bool *fresh)
{
	uint32_t path[MAX_DEPTH], local[EXT2_NBLOCK], *slot;
	unsigned depth = block_path(n->fs, idx, path);
	struct buf *holder = NULL, *next;
	int err = 0;

	*block = 0;
	*fresh = false;
	if (depth == 0)
		return -EFBIG;
	memcpy(local, n->raw.i_block, sizeof(local)); /* the inode is packed */
	for (unsigned i = 0; i < depth; i++) {
		slot = (holder != NULL ? (uint32_t *)(void *)holder->data : local) + path[i];
		if (*slot == 0 && create) {
			err = fill_slot(n, slot, holder, i + 1 < depth, reserved);
			*fresh = err == 0 && i + 1 == depth;
			if (err == 0 && holder == NULL)
				memcpy(n->raw.i_block, local, sizeof(local));
		}
		if (err != 0 || *slot == 0)
			break;
		if (!ext2_block_ok(n->fs, *slot)) {
			err = ext2_corrupt(n->fs, "inode %u owns block %u", n->ino, *slot);
			break;
		}
		if (i + 1 == depth) {
			*block = *slot;
			break;
		}
		err = ext2_own_read(n, *slot, false, &next);
		if (err != 0)
			break;
		buf_put(holder);
		holder = next;
	}
	buf_put(holder);
	return err;
}

/* ---- freeing ---- */

static int free_one(struct ext2_node *n, uint32_t block)
{
	int err = ext2_free_block(n->fs, block);

	if (err == 0)
		add_sectors(n, -1);
	return err;
}

/* Frees what hangs below the pointer `*slot`, `levels` blocks of pointers deep, from the file's
 * block `first` on, which is counted from the first block it reaches; with `first` 0 the whole of
 * it, itself included. The depth of the recursion is three. */
static int free_tree(struct ext2_node *n, uint32_t *slot, unsigned levels, uint64_t first)
{
	unsigned bits = n->fs->ptrs_bits;
	struct buf *b;
	int err;

	if (*slot == 0)
		return 0;
	if (levels > 0) {
		uint64_t each = 1ull << ((levels - 1) * bits);
		uint32_t *ptrs, i = (uint32_t)(first / each);

		if (!ext2_block_ok(n->fs, *slot))
			return ext2_corrupt(n->fs, "inode %u owns block %u", n->ino, *slot);
		err = ext2_own_read(n, *slot, false, &b);
		if (err != 0)
			return err;
		ptrs = (uint32_t *)(void *)b->data;
		for (uint64_t skip = first % each; i < 1u << bits && err == 0; i++, skip = 0)
			err = free_tree(n, &ptrs[i], levels - 1, skip);
		buf_dirty(b);
		buf_put(b);
		if (err != 0)
			return err;
	}
	if (first > 0)
		return 0;
	err = free_one(n, *slot);
	if (err == 0)
		*slot = 0;
	return err;
}

int ext2_unmap(struct ext2_node *n, uint64_t first)
{
	unsigned bits = n->fs->ptrs_bits;
	uint32_t local[EXT2_NBLOCK];
	uint64_t start = EXT2_NDIR;
	int err = 0;

	memcpy(local, n->raw.i_block, sizeof(local));
	for (uint64_t i = first; i < EXT2_NDIR && err == 0; i++)
		err = free_tree(n, &local[i], 0, 0);
	for (unsigned levels = 1; levels < MAX_DEPTH && err == 0; levels++) {
		uint64_t span = 1ull << (levels * bits);

		if (first < start + span)
			err = free_tree(n, &local[EXT2_IND + levels - 1], levels,
				first > start ? first - start : 0);
		start += span;
	}
	memcpy(n->raw.i_block, local, sizeof(local));
	n->goal = 0;
	return err;
}
