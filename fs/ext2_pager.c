/* SPDX-License-Identifier: BSD-2-Clause
 * ext2's pager: pages of a file's cache from and to the blocks of the disk. A page holds one to
 * four blocks; those that are neighbours on the disk travel in one request, across pages too, and
 * each byte is copied once, between the cache's page and the disk's.
 *
 * Blocks are allocated when a page is about to change (prepare), not when it is written back: so
 * write(2) and not some later fsync(2) hears of a full disk, and writing back never needs room. A
 * block without a place on the disk is a hole: zeros when read, and when written back zeros still,
 * so nothing is written.
 *
 * All but prepare are called with the object's lock held; the node's lock is taken for each look at
 * the map. Nothing moves a block between that look and the transfer: blocks are given back under the object's lock,
 * too (the page that holds the new end stays, and may have been on its way to some that go: another file would have
 * them by the time it arrives), or by who has dropped all pages, when there is no look any more; and given to a page
 * by prepare, when the page is there already and its bytes are not on the disk.
 */
#include "fs/block.h"
#include "fs/ext2_vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/sf_buf.h"
#include "mm/vm_cache.h"

#define PAGE_BLOCKS (PAGE_SIZE >> EXT2_MIN_BITS)

/* Pages that follow each other in a file, and where their blocks are; 0 stands for a hole. */
struct span {
	struct ext2_node *node;
	struct vm_page **pages;
	unsigned per_page, count; /* blocks */
	uint32_t block[VM_IO_PAGES * PAGE_BLOCKS];
};

static struct ext2_vnode *owner(const struct vm_object *obj)
{
	return obj->data;
}

static int find_blocks(
	struct span *s, struct ext2_node *n, uintptr_t idx, struct vm_page **pages, unsigned npages)
{
	unsigned bits = n->fs->block_bits;
	uint64_t first = (uint64_t)idx << (PAGE_SHIFT - bits);
	bool fresh;
	int err = 0;

	s->node = n;
	s->pages = pages;
	s->per_page = (unsigned)PAGE_SIZE >> bits;
	s->count = npages * s->per_page;
	mutex_lock(&n->lock);
	for (unsigned i = 0; i < s->count && err == 0; i++) {
		err = ext2_map(n, first + i, false, false, &s->block[i], &fresh);
		if (err == -EFBIG) /* nothing can be there */
			err = 0;
	}
	mutex_unlock(&n->lock);
	return err;
}

/* One request for blocks [i, end), which follow each other on the disk. */
static int move_run(const struct span *s, enum uio_dir dir, unsigned i, unsigned end)
{
	struct ext2_fs *fs = s->node->fs;
	struct uio_seg seg[VM_IO_PAGES];
	struct block_req req = { .dir = dir, .seg = seg };

	req.off = (uint64_t)s->block[i] << fs->block_bits;
	while (i < end) {
		unsigned n = MIN(s->per_page - i % s->per_page, end - i);

		seg[req.nseg++] = (struct uio_seg){
			.page = s->pages[i / s->per_page],
			.off = i % s->per_page << fs->block_bits,
			.len = n << fs->block_bits,
		};
		i += n;
	}
	return block_io(fs->bd, &req);
}

/* Moves the blocks that are not holes. */
static int move_blocks(const struct span *s, enum uio_dir dir)
{
	int err = 0;

	for (unsigned i = 0, end; i < s->count && err == 0; i = end) {
		end = i + 1;
		if (s->block[i] == 0)
			continue;
		while (end < s->count && s->block[end] == s->block[end - 1] + 1)
			end++;
		err = move_run(s, dir, i, end);
	}
	return err;
}

static void zero_pages_with_holes(const struct span *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->block[i] != 0)
			continue;
		pmap_zero_page(s->pages[i / s->per_page]);
		i |= s->per_page - 1; /* the page's last */
	}
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

static int ext2_getpages(
	struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned npages)
{
	uint64_t last = (uint64_t)(idx + npages - 1) << PAGE_SHIFT;
	struct span s;
	int err = find_blocks(&s, &owner(obj)->node, idx, pages, npages);

	if (err != 0)
		return err;
	zero_pages_with_holes(&s);
	err = move_blocks(&s, UIO_READ);
	/* Behind the file's end there may be anything: whoever wrote the image left it there, or the block is about to
	 * be given back. */
	if (err == 0 && obj->size < last + PAGE_SIZE)
		zero_from(pages[npages - 1], obj->size > last ? (size_t)(obj->size - last) : 0);
	return err;
}

static int ext2_putpages(
	struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned npages)
{
	struct ext2_fs *fs = owner(obj)->node.fs;
	struct span s;
	int err = find_blocks(&s, &owner(obj)->node, idx, pages, npages);

	if (err == 0)
		err = move_blocks(&s, UIO_WRITE);
	/* It is tried again every few seconds, but said once. */
	if (err != 0 && !__atomic_exchange_n(&fs->write_failed, true, __ATOMIC_RELAXED))
		klog(LOG_ERR, "ext2: %s: inode %u: cannot write page %llu: error %d", fs->name,
			owner(obj)->node.ino, (unsigned long long)idx, -err);
	else if (err == 0 && READ_ONCE(fs->write_failed))
		__atomic_store_n(&fs->write_failed, false, __ATOMIC_RELAXED);
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

static bool ext2_stored(struct vm_object *obj, uintptr_t idx)
{
	struct ext2_node *node = &owner(obj)->node;
	struct span s;

	if (node->fs->readonly || find_blocks(&s, node, idx, NULL, 1) != 0)
		return false;
	for (unsigned i = 0; i < s.count; i++)
		if (s.block[i] == 0)
			return false;
	return true;
}

static const struct vm_pager_ops ext2_pager = {
	.getpages = ext2_getpages,
	.putpages = ext2_putpages,
	.prepare = ext2_prepare,
	.stored = ext2_stored,
};

struct vm_object *ext2_object_new(struct ext2_vnode *ev)
{
	return vm_object_create(&ext2_pager, ev, ext2_size(&ev->node));
}
