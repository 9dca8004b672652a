/* SPDX-License-Identifier: BSD-2-Clause
 * Objects: pages by index, filled by a pager when first wanted. A regular file's object IS its page
 * cache: read, write, mmap and exec all meet here.
 *
 * obj->lock (a mutex, below vm_map.lock, above the page tables) protects the pages, the size, and
 * the list of map entries over the object together with where these lie (start, end, offset): so
 * whoever holds it can unmap a page everywhere without any map's lock. References are atomic.
 *
 * The object's slot counts one reference on a page; page->object and page->pindex are valid as long
 * as the page stands in the slot. Pages of an object with a store stand in the LRU list as long
 * (mm/vm_lru.c), which they leave before page->object changes.
 *
 * A page that is missing is brought in together with those behind it if the object is being read in
 * sequence; so the pager is asked once for up to VM_IO_PAGES of them. What is read ahead needs no
 * more than memory that is free: it is left out where there is none.
 */
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/vm.h"
#include "mm/vm_cache.h"
#include "mm/vm_impl.h"
#include "mm/vm_lru.h"

#define RECLAIM_PAGES 32
#define AHEAD_FIRST   4u /* at the beginning of a file; doubled with each miss in sequence */
#define SYNC_PAGES    (4 * VM_IO_PAGES) /* written back before the lock is given up once */

static struct kmem_cache *object_cache;

static const struct vm_pager_ops anon_ops; /* zero filled, nothing behind it */

static bool has_store(const struct vm_object *obj)
{
	return obj->ops->putpages != NULL;
}

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
	if (has_store(obj))
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

bool vm_object_get_if_alive(struct vm_object *obj)
{
	uint32_t refs = READ_ONCE(obj->refs);

	while (refs != 0)
		if (__atomic_compare_exchange_n(
			    &obj->refs, &refs, refs + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return true;
	return false;
}

bool vm_object_tryget(struct vm_object *obj)
{
	uint32_t refs = READ_ONCE(obj->refs);

	while (refs != 0)
		if (__atomic_compare_exchange_n(
			    &obj->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

void vm_object_discard(struct vm_object *obj)
{
	KASSERT(obj->refs == 1 && obj->npages == 0, "it is in use");
	kmem_cache_free(object_cache, obj);
}

static void uncharge(struct vm_object *obj, uintptr_t n)
{
	if (n != 0 && obj->ops->charge != NULL)
		obj->ops->charge(obj, -(intptr_t)n);
}

/* Drops the pages from `first` on, up to `end`. They are mapped nowhere; who holds one keeps an orphan. */
static void drop_pages(struct vm_object *obj, uintptr_t first, uintptr_t end)
{
	uintptr_t idx, n = 0;
	struct vm_page *page;

	while (radix_next(&obj->pages, first, &idx) != NULL && idx < end) {
		page = radix_take_next(&obj->pages, idx, &idx);
		if (has_store(obj))
			vm_lru_remove(page);
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
	if (has_store(obj))
		vm_cache_remove(obj);
	drop_pages(obj, 0, UINTPTR_MAX);
	if (obj->ops->destroy != NULL)
		obj->ops->destroy(obj);
	kmem_cache_free(object_cache, obj);
}

/* ---- pages that are missing ---- */

static struct vm_page *new_page(unsigned flags)
{
	struct vm_page *page = page_alloc(ZONE_DATA, 0, flags);

	if (page == NULL && vm_cache_reclaim(RECLAIM_PAGES) > 0)
		page = page_alloc(ZONE_DATA, 0, flags);
	return page;
}

/* Puts a page with its contents into its slot, which takes over the reference. */
static int add_page(struct vm_object *obj, uintptr_t idx, struct vm_page *page, unsigned flags)
{
	int err = radix_set(&obj->pages, idx, page);

	if (err != 0)
		return err;
	page->object = obj;
	page->pindex = idx;
	page_set_flags(page, flags);
	obj->npages++;
	if (has_store(obj))
		vm_lru_add(page);
	return 0;
}

/* How many pages to bring in when page idx is missing. */
static unsigned read_ahead(struct vm_object *obj, uintptr_t idx)
{
	uintptr_t end = (uintptr_t)((obj->size + PAGE_MASK) >> PAGE_SHIFT), next;
	unsigned n = 1;

	if (idx == 0)
		n = AHEAD_FIRST;
	else if (idx == obj->ahead_next)
		n = MIN(MAX(2 * obj->ahead_pages, AHEAD_FIRST), VM_IO_PAGES);
	if (idx >= end || vm_cache_memory_is_short())
		n = 1;
	else
		n = (unsigned)MIN((uintptr_t)n, end - idx);
	if (n > 1 && radix_next(&obj->pages, idx, &next) != NULL)
		n = (unsigned)MIN((uintptr_t)n, next - idx);
	return n;
}

/* Fills n pages from idx on, or fewer: how many, or the error of the first. */
static int fill(struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n)
{
	unsigned have = 0;
	int err;

	pages[have] = new_page(0);
	while (pages[have] != NULL && ++have < n)
		pages[have] = page_alloc(ZONE_DATA, 0, 0);
	if (have == 0)
		return -ENOMEM;
	err = obj->ops->getpages(obj, idx, pages, have);
	if (err != 0 && have > 1) { /* perhaps one of those nobody asked for */
		while (have > 1)
			page_put(pages[--have]);
		err = obj->ops->getpages(obj, idx, pages, 1);
	}
	if (err != 0)
		page_put(pages[0]);
	return err != 0 ? err : (int)have;
}

/* From the store: page idx, and what is read ahead. */
static int bring_in(struct vm_object *obj, uintptr_t idx, struct vm_page **pagep)
{
	struct vm_page *pages[VM_IO_PAGES];
	int n = fill(obj, idx, pages, read_ahead(obj, idx)), err = 0, i;

	if (n < 0)
		return n;
	for (i = 0; i < n && err == 0; i++)
		err = add_page(obj, idx + (uintptr_t)i, pages[i], i > 0 ? PG_AHEAD : 0);
	if (err != 0)
		i--; /* the one that failed, and those behind it */
	for (int j = i; j < n; j++)
		page_put(pages[j]);
	if (i == 0)
		return err;
	obj->ahead_next = idx + (uintptr_t)i;
	obj->ahead_pages = (unsigned)i;
	*pagep = pages[0];
	return 0;
}

static int add_zeroed(struct vm_object *obj, uintptr_t idx, struct vm_page **pagep)
{
	int err = obj->ops->charge != NULL ? obj->ops->charge(obj, 1) : 0;

	if (err != 0)
		return err;
	*pagep = new_page(PAGE_ZERO);
	err = *pagep != NULL ? add_page(obj, idx, *pagep, 0) : -ENOMEM;
	if (err != 0 && *pagep != NULL)
		page_put(*pagep);
	if (err != 0)
		uncharge(obj, 1);
	return err;
}

static int page_create(struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep)
{
	if (obj->ops->getpages == NULL || (flags & VMO_OVERWRITE))
		return add_zeroed(obj, idx, pagep);
	return bring_in(obj, idx, pagep);
}

/* Used again: not just by the next piece of the page that is being read, nor for the first time
 * because it was read ahead. */
static void note_use(struct vm_object *obj, uintptr_t idx, struct vm_page *page)
{
	unsigned flags = READ_ONCE(page->flags);

	if (flags & PG_AHEAD)
		page_clear_flags(page, PG_AHEAD);
	else if (idx != obj->last && !(flags & PG_USED))
		page_set_flags(page, PG_USED);
}

int vm_object_page_locked(
	struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep)
{
	struct vm_page *page = radix_get(&obj->pages, idx);
	int err = 0;

	KASSERT(mutex_held(&obj->lock), "object lock");
	if (page != NULL)
		note_use(obj, idx, page);
	else
		err = flags & VMO_CREATE ? page_create(obj, idx, flags, &page) : -ENOENT;
	if (err != 0)
		return err;
	obj->last = idx;
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

/* ---- pages that are overwritten as a whole ---- */

static bool is_missing(struct vm_object *obj, uintptr_t idx)
{
	return radix_get(&obj->pages, idx) == NULL && obj->ops->stored(obj, idx);
}

unsigned vm_object_blank_pages(
	struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n)
{
	unsigned missing = 0, have = 0;

	if (obj->ops->stored == NULL)
		return 0;
	mutex_lock(&obj->lock);
	while (missing < n && is_missing(obj, idx + missing))
		missing++;
	mutex_unlock(&obj->lock);
	while (have < missing && (pages[have] = new_page(0)) != NULL)
		have++;
	return have;
}

unsigned vm_object_adopt_pages(
	struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n)
{
	unsigned i;

	mutex_lock(&obj->lock);
	for (i = 0; i < n && is_missing(obj, idx + i); i++) {
		if (add_page(obj, idx + i, pages[i], PG_ROOM) != 0)
			break;
		page_get(pages[i]);
		vm_page_dirty(pages[i]);
	}
	mutex_unlock(&obj->lock);
	return i;
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

/* What lies in a store behind the end must be zeroed there, too: that page is brought in. */
static int zero_in_page(struct vm_object *obj, uint64_t from, size_t n)
{
	size_t off = from & PAGE_MASK;
	struct vm_page *page;
	struct sf_buf *sf;
	int err;

	if (n == 0)
		return 0;
	err = vm_object_page_locked(
		obj, (uintptr_t)(from >> PAGE_SHIFT), has_store(obj) ? VMO_CREATE : 0, &page);
	if (err != 0)
		return err == -ENOENT ? 0 : err;
	sched_pin();
	sf = sf_buf_alloc(page, SFB_PAGER | SFB_CPUPRIVATE);
	memset((char *)sf_buf_kva(sf) + off, 0, n);
	sf_buf_free(sf);
	sched_unpin();
	vm_page_dirty(page);
	page_put(page);
	return 0;
}

static size_t rest_of_page(uint64_t off)
{
	return (size_t)(-off & PAGE_MASK);
}

/* Makes the next write to pages [first, end) through any mapping fault, so that it is noticed. */
static void write_protect(struct vm_object *obj, uintptr_t first, uintptr_t end)
{
	uint64_t from = (uint64_t)first << PAGE_SHIFT, to = (uint64_t)end << PAGE_SHIFT;
	struct vm_entry *e;

	LIST_FOR_EACH (e, &obj->mappings, object_link) {
		uint64_t a = MAX(from, e->offset), b = MIN(to, e->offset + (e->end - e->start));

		if ((e->flags & VME_SHARED) && a < b)
			pmap_write_protect(e->map->pmap, e->start + (vaddr_t)(a - e->offset),
				e->start + (vaddr_t)(b - e->offset));
	}
}

/* Who has the last page mapped for writing asked the store for room up to the old end only: he asks again. */
static void set_end(struct vm_object *obj, uint64_t size)
{
	uintptr_t last = (uintptr_t)(obj->size >> PAGE_SHIFT);

	if (size > obj->size && has_store(obj) && rest_of_page(obj->size) > 0)
		write_protect(obj, last, last + 1);
	WRITE_ONCE(obj->size_seq, obj->size_seq + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WRITE_ONCE(obj->size, size);
	__atomic_store_n(&obj->size_seq, obj->size_seq + 1, __ATOMIC_RELEASE);
}

int vm_object_set_size(struct vm_object *obj, uint64_t size)
{
	uintptr_t first = (uintptr_t)((size + PAGE_MASK) >> PAGE_SHIFT);
	struct vm_page *page;
	int err = 0;

	KASSERT((uint64_t)first << PAGE_SHIFT >= size, "more pages than there are numbers");
	mutex_lock(&obj->lock);
	if (obj->seals & (size < obj->size ? F_SEAL_SHRINK : F_SEAL_GROW) && size != obj->size)
		err = -EPERM;
	else if (size != obj->size)
		err = zero_in_page(obj, MIN(size, obj->size), rest_of_page(MIN(size, obj->size)));
	if (err == 0 && size <= obj->size) {
		unmap_everywhere(obj, first);
		drop_pages(obj, first, UINTPTR_MAX);
		/* The store may take back what it has behind the end. */
		page = radix_get(&obj->pages, (uintptr_t)(size >> PAGE_SHIFT));
		if (page != NULL)
			page_clear_flags(page, PG_ROOM);
	}
	if (err == 0)
		set_end(obj, size);
	mutex_unlock(&obj->lock);
	return err;
}

int vm_object_clear_gap(struct vm_object *obj, uint64_t to)
{
	int err = 0;

	mutex_lock(&obj->lock);
	if (to > obj->size)
		err = zero_in_page(obj, obj->size,
			(size_t)MIN(to - obj->size, (uint64_t)rest_of_page(obj->size)));
	mutex_unlock(&obj->lock);
	return err;
}

void vm_object_grow(struct vm_object *obj, uint64_t size)
{
	mutex_lock(&obj->lock);
	set_end(obj, size);
	mutex_unlock(&obj->lock);
}

/* Copies that private mappings made of pages stay. */
static void unmap_hole(struct vm_object *obj, uint64_t from, uint64_t to)
{
	struct vm_entry *e;

	LIST_FOR_EACH (e, &obj->mappings, object_link) {
		uint64_t a = MAX(from, e->offset), b = MIN(to, e->offset + (e->end - e->start));

		if (a < b)
			pmap_remove_object(e->map->pmap, e->start + (vaddr_t)(a - e->offset),
				e->start + (vaddr_t)(b - e->offset), obj);
	}
}

int vm_object_punch(struct vm_object *obj, uint64_t off, uint64_t len)
{
	uint64_t to = off + len, first = ROUND_UP(off, (uint64_t)PAGE_SIZE),
		 end = ROUND_DOWN(to, (uint64_t)PAGE_SIZE);

	if (has_store(obj))
		return -EOPNOTSUPP;
	mutex_lock(&obj->lock);
	if (obj->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		mutex_unlock(&obj->lock);
		return -EPERM;
	}
	if (first > end) { /* within one page */
		zero_in_page(obj, off, (size_t)len);
	} else {
		zero_in_page(obj, off, (size_t)(first - off));
		zero_in_page(obj, end, (size_t)(to - end));
	}
	if (first < end) {
		unmap_hole(obj, first, end);
		drop_pages(obj, (uintptr_t)(first >> PAGE_SHIFT), (uintptr_t)(end >> PAGE_SHIFT));
	}
	mutex_unlock(&obj->lock);
	return 0;
}

uint64_t vm_object_next_data(struct vm_object *obj, uint64_t off)
{
	uintptr_t idx = 0;
	bool found;

	mutex_lock(&obj->lock);
	found = radix_next(&obj->pages, (uintptr_t)(off >> PAGE_SHIFT), &idx) != NULL;
	mutex_unlock(&obj->lock);
	return found ? MAX(off, (uint64_t)idx << PAGE_SHIFT) : UINT64_MAX;
}

uint64_t vm_object_next_hole(struct vm_object *obj, uint64_t off)
{
	uintptr_t at = (uintptr_t)(off >> PAGE_SHIFT), idx = 0;

	mutex_lock(&obj->lock);
	while (radix_next(&obj->pages, at, &idx) != NULL && idx == at)
		at++;
	mutex_unlock(&obj->lock);
	return MAX(off, (uint64_t)at << PAGE_SHIFT);
}

/* ---- the store behind ---- */

/* Up to VM_IO_PAGES dirty pages that follow each other, the first of them at *idx or behind it but
 * before `end`, with references. The mark goes before the bytes do: who changes a page meanwhile
 * (write(2) does not take our lock) sets it again. How many; *idx is where they begin. */
static unsigned take_dirty(
	struct vm_object *obj, uintptr_t *idx, uintptr_t end, struct vm_page **pages)
{
	uintptr_t at = *idx;
	unsigned n = 0;

	while (n < VM_IO_PAGES && (n == 0 || at == *idx + n)) {
		struct vm_page *page = radix_next(&obj->pages, at, &at);

		if (page == NULL || at >= end || (n > 0 && at != *idx + n))
			break;
		if (vm_page_undirty(page)) {
			if (n == 0)
				*idx = at;
			page_get(page);
			pages[n++] = page;
		} else if (n > 0) {
			break;
		}
		at++;
	}
	return n;
}

static int write_back(struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n)
{
	int err = obj->ops->putpages(obj, idx, pages, n);

	/* A memory disk grows by pages, and a reclaimer cannot get at our clean ones: we hold the lock. */
	if (err == -ENOSPC && vm_object_drop_clean(obj, 0, UINTPTR_MAX, UINT32_MAX, true) > 0)
		err = obj->ops->putpages(obj, idx, pages, n);
	for (unsigned i = 0; i < n; i++) {
		if (err != 0)
			vm_page_dirty(pages[i]);
		page_put(pages[i]);
	}
	return err;
}

/* The dirty pages of [first, end): 0 or the first error. */
static int sync_stretch(struct vm_object *obj, uintptr_t first, uintptr_t end)
{
	struct vm_page *pages[VM_IO_PAGES];
	int res = 0, err;
	unsigned n;

	/* One too many while bytes are on their way: clean means written. */
	__atomic_fetch_add(&obj->ndirty, 1, __ATOMIC_RELAXED);
	write_protect(obj, first, end);
	while ((n = take_dirty(obj, &first, end, pages)) > 0) {
		err = write_back(obj, first, pages, n);
		if (res == 0)
			res = err;
		first += n;
	}
	__atomic_fetch_sub(&obj->ndirty, 1, __ATOMIC_RELEASE);
	return res;
}

int vm_object_sync(struct vm_object *obj)
{
	uintptr_t idx = 0;
	int res = 0, err;

	if (!has_store(obj))
		return 0;
	/* Under the lock, so that what somebody else is writing back now has been written. */
	mutex_lock(&obj->lock);
	while (READ_ONCE(obj->ndirty) > 0 && radix_next(&obj->pages, idx, &idx) != NULL) {
		uintptr_t end = idx + MIN((uintptr_t)SYNC_PAGES, UINTPTR_MAX - idx);

		err = sync_stretch(obj, idx, end);
		if (res == 0)
			res = err;
		idx = end;
		mutex_unlock(&obj->lock);
		sched_yield_if_needed();
		mutex_lock(&obj->lock);
	}
	mutex_unlock(&obj->lock);
	return res;
}

void vm_object_unmap(struct vm_object *obj)
{
	struct vm_entry *e;

	mutex_lock(&obj->lock);
	LIST_FOR_EACH (e, &obj->mappings, object_link)
		pmap_remove_object(e->map->pmap, e->start, e->end, obj);
	mutex_unlock(&obj->lock);
}

unsigned vm_object_drop_clean(
	struct vm_object *obj, uintptr_t idx, uintptr_t end, unsigned want, bool all)
{
	struct vm_page *page;
	unsigned n = 0;
	unsigned keep = PG_DIRTY | (all ? 0 : PG_USED);

	while (n < want && (page = radix_next(&obj->pages, idx, &idx)) != NULL && idx < end) {
		/* With the object locked, who has no reference gets none. */
		if (page_refs(page) == 1 && !(READ_ONCE(page->flags) & keep)) {
			radix_take_next(&obj->pages, idx, &idx);
			vm_lru_remove(page);
			page->object = NULL;
			page_put(page);
			obj->npages--;
			n++;
		} else if (!all) {
			break;
		}
		idx++;
	}
	return n;
}

void vm_object_forget(struct vm_object *obj, uintptr_t idx, uintptr_t end)
{
	if (!has_store(obj))
		return;
	mutex_lock(&obj->lock);
	vm_object_drop_clean(obj, idx, end, UINT32_MAX, true);
	mutex_unlock(&obj->lock);
}

void vm_object_init(void)
{
	radix_init_cache();
	object_cache = kmem_cache_create("vm_object", sizeof(struct vm_object), 0);
}
