/* SPDX-License-Identifier: BSD-2-Clause
 * The list of mm/vm_lru.h, and the hand that goes round it.
 *
 * lru_lock (spin, below every object's lock) protects list and count. A page in the list belongs to
 * its object: it leaves the list before page->object changes and before the object is freed, so
 * with lru_lock held page->object is an object, if perhaps one whose last reference is gone.
 *
 * Reclaiming looks at a page with lru_lock held, then wants the object's lock, which orders above:
 * it takes a reference, if there is one left, drops lru_lock, and only tries. What was seen may
 * have changed by then; vm_object_drop_clean() looks again. A reclaimer may come with object locks
 * held (it needs a page for that object, say): their pages are passed over.
 */
#include "mm/vm_lru.h"
#include "kernel/core/spinlock.h"
#include "mm/vm_cache.h"

#define LOOKS_AT_ONCE 64u /* pages looked at before lru_lock is given up once */

static struct spinlock lru_lock = SPINLOCK_INIT("vm_lru");
static struct list lru = LIST_INIT(lru);
static uintptr_t npages;

void vm_lru_add(struct vm_page *page)
{
	spin_lock(&lru_lock);
	list_push_back(&lru, &page->link);
	npages++;
	spin_unlock(&lru_lock);
}

void vm_lru_remove(struct vm_page *page)
{
	spin_lock(&lru_lock);
	list_remove(&page->link);
	npages--;
	spin_unlock(&lru_lock);
}

uintptr_t vm_lru_pages(void)
{
	return READ_ONCE(npages);
}

/* Moves the hand on to a page that could go: its object, with a reference, and where in it. NULL:
 * none among the next `looks`. */
static struct vm_object *next_victim(unsigned looks, uintptr_t *idx)
{
	struct vm_object *obj = NULL;

	spin_lock(&lru_lock);
	while (obj == NULL && looks-- > 0 && !list_empty(&lru)) {
		struct vm_page *page = list_first(&lru, struct vm_page, link);
		unsigned flags = READ_ONCE(page->flags);

		list_remove(&page->link);
		list_push_back(&lru, &page->link);
		if (flags & PG_USED) {
			page_clear_flags(page, PG_USED);
		} else if (!(flags & PG_DIRTY) && page_refs(page) == 1) {
			*idx = page->pindex;
			if (vm_object_get_if_alive(page->object))
				obj = page->object;
		}
	}
	spin_unlock(&lru_lock);
	return obj;
}

unsigned vm_lru_reclaim(unsigned want)
{
	uintptr_t left = 2 * vm_lru_pages(); /* once round to take marks away, once to take pages */
	unsigned got = 0, idle = 0;

	/* Everything dirty: nothing to be had by looking. */
	if (vm_cache_dirty_pages() >= vm_lru_pages())
		return 0;
	while (got < want && idle * LOOKS_AT_ONCE < left) {
		uintptr_t idx;
		struct vm_object *obj = next_victim(LOOKS_AT_ONCE, &idx);
		unsigned n = 0;

		if (obj != NULL) {
			if (mutex_trylock(&obj->lock)) {
				n = vm_object_drop_clean(obj, idx, UINTPTR_MAX, want - got, false);
				mutex_unlock(&obj->lock);
			}
			vm_object_put(obj);
		}
		got += n;
		idle = n > 0 ? 0 : idle + 1;
	}
	return got;
}
