/* SPDX-License-Identifier: BSD-2-Clause
 * ext2's pager: pages of a file's cache from and to the blocks of the disk. A page holds one to
 * four blocks; those that are neighbours on the disk travel in one request, and each byte is copied
 * once, between the cache's page and the disk's.
 *
 * Blocks are allocated when a page is about to change (prepare), not when it is written back: so
 * write(2) and not some later fsync(2) hears of a full disk, and writing back never needs room. A
 * block without a place on the disk is a hole: zeros when read, and when written back zeros still,
 * so nothing is written.
 *
 * All but prepare are called with the object's lock held; the node's lock is taken for each look at
 * the map.
 */
#include "fs/block.h"
#include "fs/ext2_vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/sf_buf.h"
#include "mm/vm_cache.h"

#define MAX_BLOCKS (PAGE_SIZE >> EXT2_MIN_BITS)

static struct ext2_vnode *owner(const struct vm_object *obj)
{
	return obj->data;
}

/* Where the page's blocks are: their number. 0 stands for a hole. */
static int page_blocks(struct ext2_node *n, uintptr_t idx, uint32_t blocks[MAX_BLOCKS])
{
	unsigned bits = n->fs->block_bits, per_page = (unsigned)PAGE_SIZE >> bits;
	uint64_t first = (uint64_t)idx << (PAGE_SHIFT - bits);
	bool fresh;
	int err = 0;

	mutex_lock(&n->lock);
	for (unsigned i = 0; i < per_page && err == 0; i++) {
		err = ext2_map(n, first + i, false, false, &blocks[i], &fresh);
		if (err == -EFBIG) { /* nothing can be there */
			blocks[i] = 0;
			err = 0;
		}
	}
	mutex_unlock(&n->lock);
	return err != 0 ? err : (int)per_page;
}

/* Blocks [i, end) follow each other on the disk. */
static unsigned neighbours(const uint32_t *blocks, unsigned i, unsigned count)
{
	unsigned end = i + 1;

	while (end < count && blocks[end] == blocks[end - 1] + 1)
		end++;
	return end;
}

/* Moves the blocks that are not holes. */
static int move_blocks(struct ext2_fs *fs, enum uio_dir dir, struct vm_page *page,
	const uint32_t *blocks, unsigned count)
{
	int err = 0;

	for (unsigned i = 0, end; i < count && err == 0; i = end) {
		struct uio_seg seg = { .page = page, .off = i << fs->block_bits };
		struct block_req req = { .dir = dir, .seg = &seg, .nseg = 1 };

		end = i + 1;
		if (blocks[i] == 0)
			continue;
		end = neighbours(blocks, i, count);
		seg.len = (end - i) << fs->block_bits;
		req.off = (uint64_t)blocks[i] << fs->block_bits;
		err = block_io(fs->bd, &req);
	}
	return err;
}

static bool has_hole(const uint32_t *blocks, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (blocks[i] == 0)
			return true;
	return false;
}

static void zero_from(struct vm_page *page, size_t off)
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(page, SFB_PAGER | SFB_CPUPRIVATE);
	memset((char *)sf_buf_kva(sf) + off, 0, PAGE_SIZE - off);
	sf_buf_free(sf);
	sched_unpin();
}

static int ext2_getpage(struct vm_object *obj, uintptr_t idx, struct vm_page *page)
{
	struct ext2_vnode *ev = owner(obj);
	uint32_t blocks[MAX_BLOCKS];
	uint64_t start = (uint64_t)idx << PAGE_SHIFT;
	int count = page_blocks(&ev->node, idx, blocks), err;

	if (count < 0)
		return count;
	if (has_hole(blocks, (unsigned)count))
		pmap_zero_page(page);
	err = move_blocks(ev->node.fs, UIO_READ, page, blocks, (unsigned)count);
	/* Whoever wrote the image may have left anything behind the file's end. */
	if (err == 0 && obj->size > start && obj->size - start < PAGE_SIZE)
		zero_from(page, (size_t)(obj->size - start));
	return err;
}

static int ext2_putpage(struct vm_object *obj, uintptr_t idx, struct vm_page *page)
{
	struct ext2_vnode *ev = owner(obj);
	uint32_t blocks[MAX_BLOCKS];
	int count = page_blocks(&ev->node, idx, blocks), err;

	if (count < 0)
		return count;
	err = move_blocks(ev->node.fs, UIO_WRITE, page, blocks, (unsigned)count);
	if (err != 0)
		klog(LOG_ERR, "ext2: %s: inode %u: cannot write page %llu: error %d",
			ev->node.fs->name, ev->node.ino, (unsigned long long)idx, -err);
	return err;
}

static int ext2_prepare(struct vm_object *obj, uintptr_t idx, size_t off, size_t n)
{
	struct ext2_vnode *ev = owner(obj);
	struct ext2_node *node = &ev->node;
	unsigned bits = node->fs->block_bits;
	uint64_t start = ((uint64_t)idx << PAGE_SHIFT) + off;
	struct ext2_ctx ctx = ext2_ctx(node->fs);
	bool fresh, changed = false;
	uint32_t block;
	int err = 0;

	if (node->fs->readonly)
		return -EROFS;
	if (start + n > node->fs->size_max)
		return -EFBIG;
	mutex_lock(&node->lock);
	for (uint64_t i = start >> bits; i <= (start + n - 1) >> bits && err == 0; i++) {
		err = ext2_map(node, i, true, ctx.reserved, &block, &fresh);
		changed |= fresh;
	}
	if (changed || err != 0)
		ext2_store(node);
	mutex_unlock(&node->lock);
	return err;
}

static const struct vm_pager_ops ext2_pager = {
	.getpage = ext2_getpage,
	.putpage = ext2_putpage,
	.prepare = ext2_prepare,
};

struct vm_object *ext2_object_new(struct ext2_vnode *ev)
{
	return vm_object_create(&ext2_pager, ev, ext2_size(&ev->node));
}
