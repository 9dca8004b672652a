/* SPDX-License-Identifier: BSD-2-Clause
 * The page cache as a whole (mm/vm_cache.h).
 *
 * cache_lock (spin) protects the list of objects. An object leaves the list before it is freed; who
 * found it there takes a reference, if there is one left, before the lock is dropped. From then on
 * it is an object as any other, perhaps an empty one. Reclaiming only tries object locks: its
 * callers may hold some.
 */
#include "mm/vm_cache.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"

#define DIRTY_SHARE   8  /* 1/8 of memory may be dirty */
#define FREE_SHARE    12 /* below 1/12 free memory clean pages go */
#define RECLAIM_BATCH 64

static struct spinlock cache_lock = SPINLOCK_INIT("vm_cache");
static struct list objects = LIST_INIT(objects);
static uintptr_t nobjects;
static intptr_t dirty; /* pages; atomic */
static struct waitq flush_wq = WAITQ_INIT(flush_wq);
static bool started, flush_wanted;

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

/* ---- dirty pages ---- */

static uint64_t total_pages(void)
{
	struct page_stats st;

	page_stats(&st);
	return st.total;
}

static bool too_dirty(unsigned parts)
{
	return (uint64_t)vm_cache_dirty_pages() * parts > total_pages() / DIRTY_SHARE;
}

void vm_page_dirty(struct vm_page *page)
{
	const struct vm_object *obj = page->object;
	unsigned old = __atomic_fetch_or(&page->flags, (uint16_t)PG_DIRTY, __ATOMIC_ACQ_REL);

	if ((old & PG_DIRTY) || obj == NULL || obj->ops->putpage == NULL)
		return;
	__atomic_fetch_add(&dirty, 1, __ATOMIC_RELAXED);
}

bool vm_page_undirty(struct vm_page *page)
{
	const struct vm_object *obj = page->object;
	unsigned old = __atomic_fetch_and(&page->flags, (uint16_t)~PG_DIRTY, __ATOMIC_ACQ_REL);

	if (!(old & PG_DIRTY))
		return false;
	if (obj != NULL && obj->ops->putpage != NULL)
		__atomic_fetch_sub(&dirty, 1, __ATOMIC_RELAXED);
	return true;
}

uintptr_t vm_cache_dirty_pages(void)
{
	intptr_t n = READ_ONCE(dirty);

	return n > 0 ? (uintptr_t)n : 0;
}

/* ---- walking the objects ---- */

static bool get_if_alive(struct vm_object *obj)
{
	uint32_t refs = READ_ONCE(obj->refs);

	while (refs != 0)
		if (__atomic_compare_exchange_n(
			    &obj->refs, &refs, refs + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return true;
	return false;
}

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
		if (!get_if_alive(obj))
			obj = NULL;
	}
	spin_unlock(&cache_lock);
	return obj;
}

uintptr_t vm_cache_pages(void)
{
	const struct vm_object *obj;
	uintptr_t n = 0;

	spin_lock(&cache_lock);
	LIST_FOR_EACH (obj, &objects, cache_link)
		n += READ_ONCE(obj->npages);
	spin_unlock(&cache_lock);
	return n;
}

unsigned vm_cache_reclaim(unsigned want)
{
	uintptr_t left = READ_ONCE(nobjects);
	unsigned got = 0;

	for (; left > 0 && got < want; left--) {
		struct vm_object *obj = next_object();

		if (obj == NULL)
			continue;
		if (mutex_trylock(&obj->lock)) {
			got += vm_object_drop_clean(obj, want - got);
			mutex_unlock(&obj->lock);
		}
		vm_object_put(obj);
	}
	return got;
}

int vm_cache_sync(void)
{
	uintptr_t left = READ_ONCE(nobjects);
	int first = 0, err;

	for (; left > 0; left--) {
		struct vm_object *obj = next_object();

		if (obj == NULL)
			continue;
		err = vm_object_sync(obj);
		if (first == 0)
			first = err;
		vm_object_put(obj);
	}
	return first;
}

/* Pages that processes have mapped shared: they fault them in again. */
static void unmap_all(void)
{
	for (uintptr_t left = READ_ONCE(nobjects); left > 0; left--) {
		struct vm_object *obj = next_object();

		if (obj == NULL)
			continue;
		vm_object_unmap_shared(obj);
		vm_object_put(obj);
	}
}

unsigned vm_cache_make_room(unsigned want)
{
	unsigned got = vm_cache_reclaim(want);

	if (got == 0) {
		vm_cache_sync();
		got = vm_cache_reclaim(want);
	}
	if (got == 0) {
		unmap_all();
		got = vm_cache_reclaim(want);
	}
	return got;
}

static bool memory_is_short(void)
{
	struct page_stats st;

	page_stats(&st);
	return st.free < st.total / FREE_SHARE;
}

static void wake_flusher(void)
{
	__atomic_store_n(&flush_wanted, true, __ATOMIC_RELEASE);
	waitq_wake_all(&flush_wq);
}

void vm_cache_throttle(struct vm_object *obj)
{
	if (obj->ops->putpage == NULL)
		return;
	if (too_dirty(1))
		vm_object_sync(obj);
	else if (too_dirty(2) && !READ_ONCE(flush_wanted))
		wake_flusher();
	if (memory_is_short() && vm_cache_reclaim(RECLAIM_BATCH) == 0) {
		vm_object_sync(obj);
		vm_cache_reclaim(RECLAIM_BATCH);
	}
}

/* ---- the flusher ---- */

static void flusher(void *arg)
{
	for (;;) {
		uint64_t deadline = clock_monotonic_ns() + FLUSH_SECONDS * NSEC_PER_SEC;

		(void)WAIT_EVENT(&flush_wq, READ_ONCE(flush_wanted), WAIT_UNINTR, deadline);
		__atomic_store_n(&flush_wanted, false, __ATOMIC_RELEASE);
		if (vm_cache_dirty_pages() > 0)
			vm_cache_sync();
	}
}

void vm_cache_start(void)
{
	if (__atomic_exchange_n(&started, true, __ATOMIC_ACQ_REL))
		return;
	if (kthread_create("flush", flusher, NULL) == NULL) {
		klog(LOG_WARN, "page cache: no memory for the flusher; files are written when they "
			       "must be");
		__atomic_store_n(&started, false, __ATOMIC_RELEASE);
	}
}
