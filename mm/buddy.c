/* SPDX-License-Identifier: BSD-2-Clause
 * The binary buddy system (Knuth, TAOCP 1, 2.5). A block's buddy differs from it in one bit of the
 * frame number. Blocks are taken from the front of a list and go back to the front: what was freed
 * last is warm in the cache.
 */
#include "mm/buddy.h"

void buddy_init(struct buddy *b, uintptr_t start, uintptr_t end)
{
	for (unsigned i = 0; i <= PAGE_MAX_ORDER; i++)
		list_init(&b->free[i]);
	b->start = start;
	b->end = end;
	b->nfree = 0;
}

static void block_insert(struct buddy *b, struct vm_page *p, unsigned order)
{
	p->order = (uint8_t)order;
	p->flags |= PG_FREE;
	list_push_front(&b->free[order], &p->link);
}

static void block_take(struct vm_page *p)
{
	list_remove(&p->link);
	p->flags &= (uint16_t)~PG_FREE;
}

struct vm_page *buddy_alloc(struct buddy *b, unsigned order)
{
	unsigned have = order;
	struct vm_page *p;

	while (have <= PAGE_MAX_ORDER && list_empty(&b->free[have]))
		have++;
	if (have > PAGE_MAX_ORDER)
		return NULL;
	p = list_first(&b->free[have], struct vm_page, link);
	block_take(p);
	while (have > order) {
		have--;
		block_insert(b, p + ((uintptr_t)1 << have), have);
	}
	p->order = (uint8_t)order;
	b->nfree -= (uintptr_t)1 << order;
	return p;
}

/* The free block of this order that p can be joined with, or NULL. */
static struct vm_page *free_buddy(const struct buddy *b, const struct vm_page *p, unsigned order)
{
	uintptr_t frame = page_frame(p) ^ ((uintptr_t)1 << order);
	struct vm_page *other;

	if (order == PAGE_MAX_ORDER || frame < b->start || frame >= b->end)
		return NULL;
	other = &vm_pages[frame];
	return (other->flags & PG_FREE) && other->order == order ? other : NULL;
}

void buddy_free(struct buddy *b, struct vm_page *p, unsigned order)
{
	struct vm_page *other;

	b->nfree += (uintptr_t)1 << order;
	while ((other = free_buddy(b, p, order)) != NULL) {
		block_take(other);
		p = MIN(p, other);
		order++;
	}
	block_insert(b, p, order);
}

void buddy_add(struct buddy *b, uintptr_t start, uintptr_t end)
{
	while (start < end) {
		unsigned order = PAGE_MAX_ORDER;

		while (start % ((uintptr_t)1 << order) != 0 || end - start < (uintptr_t)1 << order)
			order--;
		buddy_free(b, &vm_pages[start], order);
		start += (uintptr_t)1 << order;
	}
}
