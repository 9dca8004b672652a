/* SPDX-License-Identifier: BSD-2-Clause
 * The page cache as a whole (mm/vm_cache.h).
 *
 * cache_lock (spin) protects the list of objects. An object leaves the list before it is freed; who
 * found it there takes a reference, if there is one left, before the lock is dropped. From then on
 * it is an object as any other, perhaps an empty one.
 *
 * Dirty pages are counted as they are marked, for all and for each object; the counts are atomic
 * and agree with the marks whenever nobody is between the two. Who waits for pages to become clean
 * cleans them himself: there is no thread to wait for, so none that could wait for the waiter.
 * Writing back takes obj->lock, then what the pager takes (a node's lock, the buffer cache's, the
 * disk's queue); the pager allocates nothing but pages of a memory disk, for which clean pages go
 * or the write fails and the page stays dirty. So memory full of dirty pages ends in errors, not in
 * a standstill.
 */
#include "mm/vm_cache.h"
#include "kernel/core/errno.h"
#include "mm/vm_lru.h"

#define DIRTY_SHARE   8  /* 1/8 of memory may be dirty */
#define SHORT_SHARE   12 /* below 1/12 free memory clean pages go */
#define RECLAIM_BATCH 64

static struct spinlock cache_lock = SPINLOCK_INIT("vm_cache");
static struct list objects = LIST_INIT(objects);
static uintptr_t nobjects;
static intptr_t dirty; /* pages; atomic */
static uint64_t dirty_limit, short_limit;
static struct waitq dirty_wq = WAITQ_INIT(dirty_wq);

void vm_cache_add(struct vm_object *obj)
{
	spin_lock(&cache_lock);
	list_push_back(&objects, &obj->cache_link);
	nobjects++;
	spin_unlock(&cache_lock);
}

void vm_cache_remove(struct vm_object *obj)
{
	spin_lock(&cache_lock);
	list_remove(&obj->cache_link);
	nobjects--;
	spin_unlock(&cache_lock);
}

void vm_cache_init(void)
{
	struct page_stats st;

	page_stats(&st);
	dirty_limit = st.total / DIRTY_SHARE;
	short_limit = st.total / SHORT_SHARE;
}

/* ---- dirty pages ---- */

static bool has_store(const struct vm_object *obj)
{
	return obj != NULL && obj->ops->putpages != NULL;
}

void vm_page_dirty(struct vm_page *page)
{
	struct vm_object *obj = page->object;
	unsigned old = __atomic_fetch_or(&page->flags, (uint16_t)PG_DIRTY, __ATOMIC_ACQ_REL);

	if ((old & PG_DIRTY) || !has_store(obj))
		return;
	__atomic_fetch_add(&obj->ndirty, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&dirty, 1, __ATOMIC_RELAXED);
}

int vm_page_prepare(
	struct vm_object *obj, struct vm_page *page, uintptr_t idx, size_t off, size_t n)
{
	int err = 0;

	if (obj->ops->prepare != NULL && !(READ_ONCE(page->flags) & PG_ROOM)) {
		err = obj->ops->prepare(obj, idx, off, n);
		if (err == 0 && n == PAGE_SIZE)
			page_set_flags(page, PG_ROOM);
	}
	vm_page_dirty(page);
	return err;
}

bool vm_page_undirty(struct vm_page *page)
{
	struct vm_object *obj = page->object;
	unsigned old;

	if (!(READ_ONCE(page->flags) & PG_DIRTY))
		return false;
	old = __atomic_fetch_and(&page->flags, (uint16_t)~PG_DIRTY, __ATOMIC_ACQ_REL);
	if ((old & PG_DIRTY) && has_store(obj)) {
		__atomic_fetch_sub(&obj->ndirty, 1, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&dirty, 1, __ATOMIC_RELAXED);
	}
	return old & PG_DIRTY;
}

uintptr_t vm_cache_dirty_pages(void)
{
	intptr_t n = READ_ONCE(dirty);

	return n > 0 ? (uintptr_t)n : 0;
}

static bool too_dirty(unsigned parts)
{
	return (uint64_t)vm_cache_dirty_pages() * parts > dirty_limit;
}

void vm_cache_wait_dirty(uint64_t deadline)
{
	(void)WAIT_EVENT(&dirty_wq, too_dirty(2), WAIT_UNINTR, deadline);
}

/* ---- walking the objects ---- */

/* The first object, which becomes the last, with a reference; NULL: there is none, or it is on its
 * way out. */
static struct vm_object *next_object(void)
{
	struct vm_object *obj = NULL;

	spin_lock(&cache_lock);
	if (!list_empty(&objects)) {
		obj = list_first(&objects, struct vm_object, cache_link);
		list_remove(&obj->cache_link);
		list_push_back(&objects, &obj->cache_link);
		if (!vm_object_get_if_alive(obj))
			obj = NULL;
	}
	spin_unlock(&cache_lock);
	return obj;
}

/* Calls fn for each object, until it says that it is enough. */
static void for_each_object(bool (*fn)(struct vm_object *obj, void *arg), void *arg)
{
	bool enough = false;

	for (uintptr_t left = READ_ONCE(nobjects); left > 0 && !enough; left--) {
		struct vm_object *obj = next_object();

		if (obj == NULL)
			continue;
		enough = fn(obj, arg);
		vm_object_put(obj);
	}
}

static bool sync_one(struct vm_object *obj, void *arg)
{
	int *first = arg, err = vm_object_sync(obj);

	if (*first == 0)
		*first = err;
	return false;
}

int vm_cache_sync(void)
{
	int first = 0;

	for_each_object(sync_one, &first);
	return first;
}

/* ---- room ---- */

bool vm_cache_memory_is_short(void)
{
	return page_free_below(short_limit);
}

unsigned vm_cache_reclaim(unsigned want)
{
	return vm_lru_reclaim(want);
}

struct room {
	unsigned want, got;
};

static bool make_room_of(struct vm_object *obj, void *arg)
{
	struct room *r = arg;

	if (READ_ONCE(obj->npages) == 0)
		return false;
	vm_object_unmap(obj);
	vm_object_sync(obj);
	r->got += vm_cache_reclaim(r->want - r->got);
	return r->got >= r->want;
}

unsigned vm_cache_make_room(unsigned want)
{
	struct room r = { want, vm_cache_reclaim(want) };

	if (r.got == 0 && vm_cache_dirty_pages() > 0) {
		vm_cache_sync();
		r.got = vm_cache_reclaim(want);
	}
	if (r.got == 0)
		for_each_object(make_room_of, &r);
	return r.got;
}

void vm_cache_throttle_read(struct vm_object *obj)
{
	if (has_store(obj) && vm_cache_memory_is_short() && vm_cache_reclaim(RECLAIM_BATCH) == 0) {
		vm_object_sync(obj);
		vm_cache_reclaim(RECLAIM_BATCH);
	}
}

static bool sync_until_clean_enough(struct vm_object *obj, void *arg)
{
	vm_object_sync(obj);
	return !too_dirty(1);
}

void vm_cache_throttle_write(struct vm_object *obj)
{
	if (!has_store(obj))
		return;
	if (too_dirty(1))
		vm_object_sync(obj);
	if (too_dirty(1))
		for_each_object(sync_until_clean_enough, NULL);
	else if (too_dirty(2))
		waitq_wake_all(&dirty_wq);
	vm_cache_throttle_read(obj);
}
