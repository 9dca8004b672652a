/* SPDX-License-Identifier: BSD-2-Clause
 * The arena's policy is "instant fit, but first look in the bin of the size itself": segments of
 * [2^n, 2^(n+1)) units share bin n; in the request's own bin the first that fits wins, any of a
 * higher bin fits. A split takes the low end, so the high end stays in one piece.
 */
#include "mm/arena.h"

static unsigned bin_of(uintptr_t size)
{
	return ARENA_BINS - 1 - (unsigned)__builtin_clzl(size);
}

static struct list *chain_of(struct arena *a, uintptr_t start)
{
	return &a->hash[(start ^ start >> 8) % ARENA_HASH];
}

static void insert_free(struct arena *a, struct arena_seg *s)
{
	s->taken = false;
	list_push_front(&a->bins[bin_of(s->size)], &s->bin);
}

void arena_init(struct arena *a, struct arena_seg *seg, uintptr_t start, uintptr_t size)
{
	list_init(&a->segs);
	for (unsigned i = 0; i < ARENA_BINS; i++)
		list_init(&a->bins[i]);
	for (unsigned i = 0; i < ARENA_HASH; i++)
		list_init(&a->hash[i]);
	seg->start = start;
	seg->size = size;
	list_push_back(&a->segs, &seg->link);
	insert_free(a, seg);
	a->nfree = size;
}

static struct arena_seg *find_free(struct arena *a, uintptr_t size)
{
	struct arena_seg *s;
	unsigned b = bin_of(size);

	LIST_FOR_EACH (s, &a->bins[b], bin)
		if (s->size >= size)
			return s;
	while (++b < ARENA_BINS)
		if (!list_empty(&a->bins[b]))
			return list_first(&a->bins[b], struct arena_seg, bin);
	return NULL;
}

bool arena_alloc(struct arena *a, uintptr_t size, struct arena_seg **spare, uintptr_t *start)
{
	struct arena_seg *s = find_free(a, size), *rest;

	if (s == NULL)
		return false;
	list_remove(&s->bin);
	if (s->size > size) {
		rest = *spare;
		*spare = NULL;
		rest->start = s->start + size;
		rest->size = s->size - size;
		list_insert_after(&s->link, &rest->link);
		insert_free(a, rest);
		s->size = size;
	}
	s->taken = true;
	list_push_front(chain_of(a, s->start), &s->bin);
	a->nfree -= size;
	*start = s->start;
	return true;
}

/* Joins the free segment `next` to `s`, its lower neighbour, which stands in no bin. */
static void absorb(struct arena_seg *s, struct arena_seg *next, struct list *unused)
{
	s->size += next->size;
	list_remove(&next->link);
	list_push_back(unused, &next->link);
}

bool arena_free(struct arena *a, uintptr_t start, uintptr_t size, struct list *unused)
{
	struct list *chain = chain_of(a, start);
	struct arena_seg *s, *n;

	LIST_FOR_EACH (s, chain, bin)
		if (s->start == start)
			break;
	if (&s->bin == chain || s->size != size)
		return false;
	list_remove(&s->bin);
	a->nfree += size;
	if (s->link.next != &a->segs) {
		n = list_first(&s->link, struct arena_seg, link);
		if (!n->taken) {
			list_remove(&n->bin);
			absorb(s, n, unused);
		}
	}
	if (s->link.prev != &a->segs) {
		n = list_last(&s->link, struct arena_seg, link);
		if (!n->taken) {
			list_remove(&n->bin);
			absorb(n, s, unused);
			s = n;
		}
	}
	insert_free(a, s);
	return true;
}
