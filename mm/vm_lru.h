/* SPDX-License-Identifier: BSD-2-Clause
 * Which pages of files were not used for longest: the order in which memory takes them back.
 *
 * One list of all pages of objects with a store, oldest first. A page enters at the end; asking for
 * it again only marks it (PG_USED), and the mark buys it another round when its turn comes. So what
 * is read once, however much, passes by what is read again and again.
 */
#ifndef MM_VM_LRU_H
#define MM_VM_LRU_H

#include "mm/vm.h"

/* The page stands in its object's slot, or is about to leave it. obj->lock held, or nobody else
 * knows the object. */
void vm_lru_add(struct vm_page *page);
void vm_lru_remove(struct vm_page *page);

uintptr_t vm_lru_pages(void); /* how many there are */

/* Frees up to `want` clean pages that nobody maps or holds, oldest first. Waits for no lock. How
 * many. */
unsigned vm_lru_reclaim(unsigned want);

#endif
