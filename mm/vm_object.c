/* SPDX-License-Identifier: BSD-2-Clause
 * Objects: pages by index, filled by a pager when first wanted. A regular file's object IS its page
 * cache: read, write, mmap and exec all meet here.
 *
 * obj->lock (a mutex, below vm_map.lock, above the page tables) protects the pages, the size, and
 * the list of map entries over the object together with where these lie (start, end, offset): so
 * whoever holds it can unmap a page everywhere without any map's lock. References are atomic.
 *
 * The object's slot counts one reference on a page; page->object and page->pindex are valid as long
 * as the page stands in the slot.
 */
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/vm.h"
#include "mm/vm_cache.h"
#include "mm/vm_impl.h"

#define RECLAIM_PAGES 32

static struct kmem_cache *object_cache;

static const struct vm_pager_ops anon_ops; /* zero filled, nothing behind it */

struct vm_object *vm_object_create(const struct vm_pager_ops *ops, void *data, uint64_t size)
{
	struct vm_object *obj = kmem_cache_zalloc(object_cache);

	if (obj == NULL)
		return NULL;
	mutex_init(&obj->lock, "vm_object");
	obj->refs = 1;
	obj->ops = ops != NULL ? ops : &anon_ops;
	obj->data = data;
	obj->size = size;
	list_init(&obj->mappings);
	list_init(&obj->cache_link);
	if (obj->ops->putpage != NULL)
		vm_cache_add(obj);
	return obj;
}

struct vm_object *vm_object_create_anon(uint64_t size)
{
	return vm_object_create(&anon_ops, NULL, size);
}

void vm_object_get(struct vm_object *obj)
{
	__atomic_fetch_add(&obj->refs, 1, __ATOMIC_RELAXED);
}

static void uncharge(struct vm_object *obj, uintptr_t n)
{
	if (n != 0 && obj->ops->charge != NULL)
		obj->ops->charge(obj, -(intptr_t)n);
}

/* Drops the pages from `first` on. They are mapped nowhere; who holds one keeps an orphan. */
static void drop_pages(struct vm_object *obj, uintptr_t first)
{
	uintptr_t idx, n = 0;
	struct vm_page *page;

	while ((page = radix_take_next(&obj->pages, first, &idx)) != NULL) {
		vm_page_undirty(page);
		page->object = NULL;
		page_put(page);
		n++;
	}
	obj->npages -= n;
	uncharge(obj, n);
}

void vm_object_put(struct vm_object *obj)
{
	if (__atomic_sub_fetch(&obj->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	KASSERT(list_empty(&obj->mappings), "an object in use is freed");
	if (obj->ops->putpage != NULL)
		vm_cache_remove(obj);
	drop_pages(obj, 0);
	if (obj->ops->destroy != NULL)
		obj->ops->destroy(obj);
	kmem_cache_free(object_cache, obj);
}

/* A page with its contents, not in the object yet. */
static int page_fill(struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep)
{
	bool read = obj->ops->getpage != NULL && !(flags & VMO_OVERWRITE);
	struct vm_page *page = page_alloc(ZONE_DATA, 0, read ? 0 : PAGE_ZERO);
	int err;

	if (page == NULL && vm_cache_reclaim(RECLAIM_PAGES) > 0)
		page = page_alloc(ZONE_DATA, 0, read ? 0 : PAGE_ZERO);
	err = page != NULL ? 0 : -ENOMEM;
	if (err == 0 && read)
		err = obj->ops->getpage(obj, idx, page);
	if (err != 0 && page != NULL)
		page_put(page);
	*pagep = page;
	return err;
}

static int page_create(struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep)
{
	struct vm_page *page;
	int err = obj->ops->charge != NULL ? obj->ops->charge(obj, 1) : 0;

	if (err != 0)
		return err;
	err = page_fill(obj, idx, flags, &page);
	if (err != 0)
		goto out_uncharge;
	err = radix_set(&obj->pages, idx, page);
	if (err != 0)
		goto out_page;
	page->object = obj;
	page->pindex = idx;
	obj->npages++;
	*pagep = page;
	return 0;

out_page:
	page_put(page);
out_uncharge:
	uncharge(obj, 1);
	return err;
}

int vm_object_page_locked(
	struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep)
{
	struct vm_page *page = radix_get(&obj->pages, idx);
	int err = 0;

	KASSERT(mutex_held(&obj->lock), "object lock");
	if (page == NULL)
		err = flags & VMO_CREATE ? page_create(obj, idx, flags, &page) : -ENOENT;
	if (err != 0)
		return err;
	page_get(page);
	*pagep = page;
	return 0;
}

int vm_object_page(struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep)
{
	int err;

	mutex_lock(&obj->lock);
	err = vm_object_page_locked(obj, idx, flags, pagep);
	mutex_unlock(&obj->lock);
	return err;
}

/* Takes every translation of the pages from `first` on away, copies that private mappings made of
 * them included (as Linux has it). */
static void unmap_everywhere(struct vm_object *obj, uintptr_t first)
{
	uint64_t from = (uint64_t)first << PAGE_SHIFT;
	struct vm_entry *e;

	LIST_FOR_EACH (e, &obj->mappings, object_link) {
		uint64_t end = e->offset + (e->end - e->start);

		if (from <= e->offset)
			pmap_remove(e->map->pmap, e->start, e->end);
		else if (from < end)
			pmap_remove(e->map->pmap, e->start + (vaddr_t)(from - e->offset), e->end);
	}
}

/* What lies in a store behind the new end must be zeroed there, too: that page is brought in. */
static int zero_rest_of_page(struct vm_object *obj, uint64_t size)
{
	size_t off = size & PAGE_MASK;
	struct vm_page *page;
	struct sf_buf *sf;
	int err;

	if (off == 0)
		return 0;
	err = vm_object_page_locked(obj, (uintptr_t)(size >> PAGE_SHIFT),
		obj->ops->putpage != NULL ? VMO_CREATE : 0, &page);
	if (err != 0)
		return err == -ENOENT ? 0 : err;
	sched_pin();
	sf = sf_buf_alloc(page, SFB_PAGER | SFB_CPUPRIVATE);
	memset((char *)sf_buf_kva(sf) + off, 0, PAGE_SIZE - off);
	sf_buf_free(sf);
	sched_unpin();
	vm_page_dirty(page);
	page_put(page);
	return 0;
}

int vm_object_set_size(struct vm_object *obj, uint64_t size)
{
	uintptr_t first = (uintptr_t)((size + PAGE_MASK) >> PAGE_SHIFT);
	int err = 0;

	KASSERT((uint64_t)first << PAGE_SHIFT >= size, "more pages than there are numbers");
	mutex_lock(&obj->lock);
	if (size < obj->size)
		err = zero_rest_of_page(obj, size);
	if (err == 0 && size <= obj->size) {
		unmap_everywhere(obj, first);
		drop_pages(obj, first);
	}
	if (err == 0)
		obj->size = size;
	mutex_unlock(&obj->lock);
	return err;
}

/* ---- the store behind ---- */

/* Makes the next write through any mapping fault, so that it is noticed. */
static void write_protect(struct vm_object *obj)
{
	struct vm_entry *e;

	LIST_FOR_EACH (e, &obj->mappings, object_link)
		if (e->flags & VME_SHARED)
			pmap_write_protect(e->map->pmap, e->start, e->end);
}

/* The mark goes first: who changes the page meanwhile (write(2) does not take our lock) sets it again. */
static int write_page_back(struct vm_object *obj, uintptr_t idx, struct vm_page *page)
{
	int err;

	if (!vm_page_undirty(page))
		return 0;
	page_get(page);
	err = obj->ops->putpage(obj, idx, page);
	/* A memory disk grows by pages, and a reclaimer cannot get at our clean ones: we hold the lock. */
	if (err == -ENOSPC && vm_object_drop_clean(obj, UINT32_MAX) > 0)
		err = obj->ops->putpage(obj, idx, page);
	if (err != 0)
		vm_page_dirty(page);
	page_put(page);
	return err;
}

int vm_object_sync(struct vm_object *obj)
{
	struct vm_page *page;
	uintptr_t idx = 0;
	int first = 0, err;

	if (obj->ops->putpage == NULL)
		return 0;
	mutex_lock(&obj->lock);
	write_protect(obj);
	while ((page = radix_next(&obj->pages, idx, &idx)) != NULL) {
		err = write_page_back(obj, idx++, page);
		if (first == 0)
			first = err;
		sched_yield_if_needed();
	}
	mutex_unlock(&obj->lock);
	return first;
}

void vm_object_unmap_shared(struct vm_object *obj)
{
	struct vm_entry *e;

	mutex_lock(&obj->lock);
	LIST_FOR_EACH (e, &obj->mappings, object_link)
		if (e->flags & VME_SHARED)
			pmap_remove(e->map->pmap, e->start, e->end);
	mutex_unlock(&obj->lock);
}

unsigned vm_object_drop_clean(struct vm_object *obj, unsigned want)
{
	struct vm_page *page;
	uintptr_t idx = 0;
	unsigned n = 0;

	while (n < want && (page = radix_next(&obj->pages, idx, &idx)) != NULL) {
		/* With the object locked, who has no reference gets none. */
		if (page_refs(page) == 1 && !(READ_ONCE(page->flags) & PG_DIRTY)) {
			radix_take_next(&obj->pages, idx, &idx);
			page->object = NULL;
			page_put(page);
			obj->npages--;
			n++;
		}
		idx++;
	}
	return n;
}

void vm_object_init(void)
{
	radix_init_cache();
	object_cache = kmem_cache_create("vm_object", sizeof(struct vm_object), 0);
}
