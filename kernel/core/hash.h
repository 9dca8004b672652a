/* SPDX-License-Identifier: BSD-2-Clause
 * The one hash table: 2^bits chains of struct list, intrusive, fixed size. The owner compares keys
 * himself while walking a chain, and protects the table by a lock of his own.
 *
 *	static struct list buckets[1 << 8];
 *	static struct hash table = { buckets, 8 };
 *	hash_init(&table);
 *	list_push_front(hash_chain(&table, hash_u64(key)), &obj->link);
 *	LIST_FOR_EACH (obj, hash_chain(&table, hash_u64(key)), link)
 *		if (obj->key == key) ...
 */
#ifndef KERNEL_CORE_HASH_H
#define KERNEL_CORE_HASH_H

#include "kernel/core/list.h"
#include "kernel/core/types.h"

struct hash {
	struct list *chains;
	unsigned bits; /* 1 to 31 */
};

/* Every input bit reaches every output bit, also for keys that are multiples of a page or count up
 * (the finaliser of MurmurHash3). */
static inline uint32_t hash_u32(uint32_t k)
{
	k = (k ^ k >> 16) * 0x85ebca6bu;
	k = (k ^ k >> 13) * 0xc2b2ae35u;
	return k ^ k >> 16;
}

static inline uint32_t hash_u64(uint64_t k)
{
	return hash_u32((uint32_t)k ^ hash_u32((uint32_t)(k >> 32)));
}

static inline uint32_t hash_ptr(const void *p)
{
	return hash_u64((uintptr_t)p);
}

/* FNV-1a. */
static inline uint32_t hash_bytes(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t h = 0x811c9dc5u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x01000193u;
	return hash_u32(h);
}

static inline void hash_init(struct hash *t)
{
	for (size_t i = 0; i < (size_t)1 << t->bits; i++)
		list_init(&t->chains[i]);
}

static inline struct list *hash_chain(const struct hash *t, uint32_t hash)
{
	return &t->chains[hash >> (32 - t->bits)];
}

#endif
