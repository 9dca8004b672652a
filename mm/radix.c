/* SPDX-License-Identifier: BSD-2-Clause
 * See mm/radix.h. A node of level n (leaves: 1) holds the slots of 64^n indices; `used` counts the
 * slots that are not NULL, and a node without any is freed at once.
 */
#include "mm/radix.h"

#include "kernel/core/errno.h"
#include "mm/kmem.h"

#define RADIX_BITS  6
#define RADIX_SLOTS (1u << RADIX_BITS)
#define INDEX_BITS  (8 * sizeof(uintptr_t))

struct node {
	void *slot[RADIX_SLOTS];
	unsigned used;
};

static struct kmem_cache *node_cache;

static unsigned slot_of(uintptr_t idx, unsigned level)
{
	return idx >> (level - 1) * RADIX_BITS & (RADIX_SLOTS - 1);
}

/* Does a tree of this height reach idx. */
static bool reaches(unsigned height, uintptr_t idx)
{
	return height != 0 &&
	       (height * RADIX_BITS >= INDEX_BITS || idx >> height * RADIX_BITS == 0);
}

void *radix_get(const struct radix *r, uintptr_t idx)
{
	void *p = r->root;

	if (!reaches(r->height, idx))
		return NULL;
	for (unsigned level = r->height; level > 0 && p != NULL; level--)
		p = ((struct node *)p)->slot[slot_of(idx, level)];
	return p;
}

static int grow(struct radix *r, uintptr_t idx)
{
	while (!reaches(r->height, idx) || r->root == NULL) {
		struct node *n;

		if (r->root == NULL && !reaches(r->height + 1, idx)) {
			r->height++; /* no node is needed below the first */
			continue;
		}
		n = kmem_cache_zalloc(node_cache);
		if (n == NULL)
			return -ENOMEM;
		if (r->root != NULL) {
			n->slot[0] = r->root;
			n->used = 1;
		}
		r->root = n;
		r->height++;
	}
	return 0;
}

/* Frees the nodes on the way to idx that are empty, from the bottom; returns whether `n` was. */
static bool prune(struct node *n, unsigned level, uintptr_t idx)
{
	unsigned s = slot_of(idx, level);

	if (level > 1 && n->slot[s] != NULL && prune(n->slot[s], level - 1, idx)) {
		n->slot[s] = NULL;
		n->used--;
	}
	if (n->used != 0)
		return false;
	kmem_cache_free(node_cache, n);
	return true;
}

static void prune_from_root(struct radix *r, uintptr_t idx)
{
	if (reaches(r->height, idx) && prune(r->root, r->height, idx)) {
		r->root = NULL;
		r->height = 0;
	}
}

int radix_set(struct radix *r, uintptr_t idx, void *p)
{
	int err = grow(r, idx);
	struct node *n = r->root;

	for (unsigned level = r->height; err == 0 && level > 1; level--) {
		void **slot = &n->slot[slot_of(idx, level)];

		if (*slot == NULL) {
			*slot = kmem_cache_zalloc(node_cache);
			if (*slot == NULL) {
				err = -ENOMEM;
				break;
			}
			n->used++;
		}
		n = *slot;
	}
	if (err != 0) {
		if (r->root == NULL)
			r->height = 0;
		else
			prune_from_root(r, idx);
		return err;
	}
	n->slot[slot_of(idx, 1)] = p;
	n->used++;
	return 0;
}

/* The lowest index >= `from` below `n`, which covers the indices from `base` on. */
static void *find_next(
	struct node *n, unsigned level, uintptr_t base, uintptr_t from, uintptr_t *idx)
{
	unsigned shift = (level - 1) * RADIX_BITS;
	unsigned s = from > base ? slot_of(from, level) : 0;

	for (; s < RADIX_SLOTS; s++) {
		uintptr_t start = base + ((uintptr_t)s << shift);
		void *p = n->slot[s];

		if (p != NULL && level > 1)
			p = find_next(p, level - 1, start, MAX(from, start), idx);
		else if (p != NULL)
			*idx = start;
		if (p != NULL)
			return p;
	}
	return NULL;
}

static void clear_slot(struct radix *r, uintptr_t idx)
{
	struct node *n = r->root;

	for (unsigned level = r->height; level > 1; level--)
		n = n->slot[slot_of(idx, level)];
	n->slot[slot_of(idx, 1)] = NULL;
	n->used--;
	prune_from_root(r, idx);
}

void *radix_next(const struct radix *r, uintptr_t from, uintptr_t *idx)
{
	return reaches(r->height, from) ? find_next(r->root, r->height, 0, from, idx) : NULL;
}

void *radix_take_next(struct radix *r, uintptr_t from, uintptr_t *idx)
{
	void *p = NULL;

	if (reaches(r->height, from))
		p = find_next(r->root, r->height, 0, from, idx);
	if (p != NULL)
		clear_slot(r, *idx);
	return p;
}

void radix_init_cache(void)
{
	node_cache = kmem_cache_create("radix_node", sizeof(struct node), 0);
}
