/* SPDX-License-Identifier: BSD-2-Clause
 * Metadata blocks of a file system in kernel memory: bitmaps, inode tables, indirect blocks,
 * directories. (What files contain is not here but in their page caches.)
 *
 *	err = buf_read(bc, block, &b);
 *	change b->data;
 *	buf_dirty(b);
 *	buf_put(b);
 *
 * A buffer stays where it is as long as somebody holds it, and holds one block of the disk. The
 * cache protects itself; what is in a buffer is protected by whoever the block belongs to (an
 * inode's lock, say). Changes are made before buf_dirty(), so that what is written out meanwhile is
 * written again.
 */
#ifndef FS_BUF_H
#define FS_BUF_H

#include "kernel/core/hash.h"
#include "kernel/core/wait.h"

struct block_dev;
struct bufcache;

struct buf {
	uint8_t *data; /* block_size bytes */
	uint64_t block;
	/* Its owner's notes; false and 0 when the block was read or made anew. */
	bool noted;
	uint32_t owner; /* atomic */

	/* The cache's. */
	struct bufcache *cache;
	struct list hash_link, link;
	unsigned refs;
	bool dirty; /* atomic */
};

#define BUF_HASH_BITS 10

struct bufcache {
	struct block_dev *bd;
	unsigned block_size;
	uint64_t nblocks; /* no other block is ever touched */
	bool readonly;    /* what is dirty stays in memory */

	struct mutex lock; /* all below; held during transfers */
	struct hash table;
	struct list held; /* buffers with references */
	struct list lru;  /* the others, given back longest ago first */
	unsigned unused, limit;
};

/* The cache of a disk, of nblocks blocks, that keeps about `limit` of them, besides those that are held. NULL: no
 * memory. */
struct bufcache *bufcache_create(
	struct block_dev *bd, unsigned block_size, uint64_t nblocks, unsigned limit);
/* No buffer is held; what is dirty is lost: buf_sync() first. */
void bufcache_destroy(struct bufcache *bc);

/* The block's buffer, read if it is not there: 0 and *out; -EIO, -ENOMEM. May sleep. */
int buf_read(struct bufcache *bc, uint64_t block, struct buf **out);
/* The same for a block whose contents mean nothing yet: zeroed, dirty. -EUCLEAN: somebody holds it. */
int buf_new(struct bufcache *bc, uint64_t block, struct buf **out);
/* One more reference to a buffer the caller holds. */
void buf_get(struct buf *b);
void buf_dirty(struct buf *b);
void buf_put(struct buf *b); /* NULL is fine */
/* The block was freed, nobody holds its buffer: it must not be written over what comes to stand
 * there. */
void buf_forget(struct bufcache *bc, uint64_t block);
/* Writes what is dirty: 0 or the first error; what failed stays dirty. */
int buf_sync(struct bufcache *bc);

#endif
