/* SPDX-License-Identifier: BSD-2-Clause
 * The binary buddy system: free blocks of 2^order frames, aligned to their size, one list an order.
 * Knows nothing of machines and locks: callers serialise (mm/page.c), and tests/host/t_buddy.c runs
 * it on the host. A free block is described by its first page: PG_FREE, order, link.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include "mm/page.h"

struct buddy {
	struct list free[PAGE_MAX_ORDER + 1];
	uintptr_t start, end; /* the frames it may join; all have a struct vm_page */
	uintptr_t nfree;      /* frames */
};

void buddy_init(struct buddy *b, uintptr_t start, uintptr_t end);
/* NULL: no block of this size is left. */
struct vm_page *buddy_alloc(struct buddy *b, unsigned order);
/* The block must have come from buddy_alloc() with this order, or never have been in b. */
void buddy_free(struct buddy *b, struct vm_page *p, unsigned order);
/* Frees the frames [start, end), whatever their alignment. */
void buddy_add(struct buddy *b, uintptr_t start, uintptr_t end);

#endif
