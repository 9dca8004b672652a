/* SPDX-License-Identifier: BSD-2-Clause
 * The buffer cache (fs/buf.h): a hash table, a list of the buffers that are held and an LRU list of the others, under
 * one mutex, which orders after every lock of a file system and before nothing but the block layer's.
 */
#include "fs/buf.h"
#include "fs/block.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"

struct bufcache *bufcache_create(
	struct block_dev *bd, unsigned block_size, uint64_t nblocks, unsigned limit)
{
	struct bufcache *bc = kzalloc(sizeof(*bc));

	if (bc == NULL)
		return NULL;
	bc->table.bits = BUF_HASH_BITS;
	bc->table.chains = kmalloc(sizeof(struct list) << BUF_HASH_BITS);
	if (bc->table.chains == NULL) {
		kfree(bc);
		return NULL;
	}
	hash_init(&bc->table);
	list_init(&bc->held);
	list_init(&bc->lru);
	mutex_init(&bc->lock, "bufcache");
	bc->bd = bd;
	bc->block_size = block_size;
	bc->nblocks = nblocks;
	bc->limit = limit;
	return bc;
}

static void hold(struct bufcache *bc, struct buf *b)
{
	if (b->refs++ > 0)
		return;
	list_remove(&b->link);
	list_push_back(&bc->held, &b->link);
	bc->unused--;
}

static void free_buf(struct bufcache *bc, struct buf *b)
{
	KASSERT(b->refs == 0, "a buffer in use is freed");
	list_remove(&b->hash_link);
	list_remove(&b->link);
	bc->unused--;
	kfree(b->data);
	kfree(b);
}

void bufcache_destroy(struct bufcache *bc)
{
	KASSERT(list_empty(&bc->held), "a buffer is still held");
	while (!list_empty(&bc->lru))
		free_buf(bc, list_first(&bc->lru, struct buf, link));
	kfree(bc->table.chains);
	kfree(bc);
}

static struct buf *find(struct bufcache *bc, uint64_t block)
{
	struct buf *b;

	LIST_FOR_EACH (b, hash_chain(&bc->table, hash_u64(block)), hash_link)
		if (b->block == block)
			return b;
	return NULL;
}

/* The mark goes before the bytes: what changes meanwhile marks it again. */
static int write_out(struct bufcache *bc, struct buf *b)
{
	int err;

	if (bc->readonly || !__atomic_exchange_n(&b->dirty, false, __ATOMIC_ACQ_REL))
		return 0;
	err = block_write(bc->bd, b->block * bc->block_size, b->data, bc->block_size);
	if (err != 0)
		__atomic_store_n(&b->dirty, true, __ATOMIC_RELEASE);
	return err;
}

/* Makes room for one more. What cannot be written stays, and the cache grows. */
static void trim(struct bufcache *bc)
{
	struct buf *b, *next;

	if (bc->unused < bc->limit)
		return;
	LIST_FOR_EACH_SAFE (b, next, &bc->lru, link) {
		if (write_out(bc, b) != 0 || b->dirty)
			continue;
		free_buf(bc, b);
		if (bc->unused < bc->limit)
			break;
	}
}

static struct buf *add(struct bufcache *bc, uint64_t block)
{
	struct buf *b = kzalloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	b->data = kzalloc(bc->block_size);
	if (b->data == NULL) {
		kfree(b);
		return NULL;
	}
	b->cache = bc;
	b->block = block;
	list_push_front(hash_chain(&bc->table, hash_u64(block)), &b->hash_link);
	list_push_back(&bc->lru, &b->link);
	bc->unused++;
	return b;
}

static int get_locked(struct bufcache *bc, uint64_t block, bool fresh, struct buf **out)
{
	struct buf *b = find(bc, block);
	int err;

	if (b != NULL) {
		if (fresh && b->refs > 0) /* what is free on the disk is in use */
			return -EUCLEAN;
		if (fresh) {
			memset(b->data, 0, bc->block_size);
			b->noted = false;
			b->owner = 0;
		}
	} else {
		trim(bc);
		b = add(bc, block);
		if (b == NULL)
			return -ENOMEM;
		err = fresh ? 0
			    : block_read(bc->bd, block * bc->block_size, b->data, bc->block_size);
		if (err != 0) {
			free_buf(bc, b);
			return err;
		}
	}
	hold(bc, b);
	if (fresh)
		buf_dirty(b);
	*out = b;
	return 0;
}

static int get(struct bufcache *bc, uint64_t block, bool fresh, struct buf **out)
{
	int err;

	if (block >= bc->nblocks)
		return -EIO;
	mutex_lock(&bc->lock);
	err = get_locked(bc, block, fresh, out);
	mutex_unlock(&bc->lock);
	return err;
}

int buf_read(struct bufcache *bc, uint64_t block, struct buf **out)
{
	return get(bc, block, false, out);
}

int buf_new(struct bufcache *bc, uint64_t block, struct buf **out)
{
	return get(bc, block, true, out);
}

void buf_get(struct buf *b)
{
	mutex_lock(&b->cache->lock);
	hold(b->cache, b);
	mutex_unlock(&b->cache->lock);
}

void buf_dirty(struct buf *b)
{
	__atomic_store_n(&b->dirty, true, __ATOMIC_RELEASE);
}

void buf_put(struct buf *b)
{
	struct bufcache *bc;

	if (b == NULL)
		return;
	bc = b->cache;
	mutex_lock(&bc->lock);
	KASSERT(b->refs > 0, "a buffer is put twice");
	if (--b->refs == 0) {
		list_remove(&b->link);
		list_push_back(&bc->lru, &b->link);
		bc->unused++;
	}
	mutex_unlock(&bc->lock);
}

void buf_forget(struct bufcache *bc, uint64_t block)
{
	struct buf *b;

	mutex_lock(&bc->lock);
	b = find(bc, block);
	if (b != NULL && b->refs == 0)
		free_buf(bc, b);
	else if (b != NULL) /* a corrupt image uses the block twice */
		b->dirty = false;
	mutex_unlock(&bc->lock);
}

static int write_all(struct bufcache *bc, struct list *bufs)
{
	int first = 0, err;
	struct buf *b;

	LIST_FOR_EACH (b, bufs, link) {
		err = write_out(bc, b);
		if (first == 0)
			first = err;
	}
	return first;
}

int buf_sync(struct bufcache *bc)
{
	int err, err2;

	mutex_lock(&bc->lock);
	err = write_all(bc, &bc->lru);
	err2 = write_all(bc, &bc->held);
	mutex_unlock(&bc->lock);
	return err != 0 ? err : err2;
}
