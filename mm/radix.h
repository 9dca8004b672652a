/* SPDX-License-Identifier: BSD-2-Clause
 * A sparse array of pointers: a tree of 64-way nodes, as high as the largest index needs. No
 * locking: it is protected by whatever protects the structure it stands in (a vm_object's lock).
 * Knows nothing of pages, so tests/host can run it.
 */
#ifndef MM_RADIX_H
#define MM_RADIX_H

#include "kernel/core/types.h"

struct radix {
	void *root;
	unsigned height; /* levels of nodes; 0: empty */
};

void *radix_get(const struct radix *r, uintptr_t idx); /* NULL: nothing there */
/* `p` is not NULL and nothing is at idx yet. -ENOMEM. May be called with a spin lock held. */
int radix_set(struct radix *r, uintptr_t idx, void *p);
/* Takes out and returns what is at the lowest index >= `from`, with its index in *idx. NULL: there
 * is nothing. Nodes that become empty are freed. */
void *radix_take_next(struct radix *r, uintptr_t from, uintptr_t *idx);
/* The same, and it stays there. */
void *radix_next(const struct radix *r, uintptr_t from, uintptr_t *idx);
void radix_init_cache(void);

#endif
