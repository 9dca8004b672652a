/* SPDX-License-Identifier: BSD-2-Clause
 * Maps and their entries: a list sorted by address with a hint at the last one found. Most searches
 * end at the hint or beside it; a process has a few dozen entries, since neighbours that are alike
 * are joined.
 *
 * vm_map.lock protects the list and every entry. Where an entry with an object lies (start, end,
 * offset) changes with the object's lock held as well: vm_object.c finds it from there. Entries are
 * freed after the map's lock is dropped.
 *
 * A thread may write by what its TLB still has until the shootdown that ends pmap_remove() or pmap_protect(), while the page
 * table already says that it cannot. Write-back, which believes the table, must not take the page for clean in
 * between: so both run with the object's lock held if the object has a store.
 */
#include "mm/vm.h"

#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/proc/proc.h"
#include "mm/kmem.h"
#include "mm/vm_cache.h"
#include "mm/vm_impl.h"

static struct kmem_cache *map_cache, *entry_cache;

/* ---- Entries ---- */

static void object_lock(const struct vm_entry *e)
{
	if (e->object != NULL)
		mutex_lock(&e->object->lock);
}

static void object_unlock(const struct vm_entry *e)
{
	if (e->object != NULL)
		mutex_unlock(&e->object->lock);
}

struct vm_entry *vm_entry_alloc(
	struct vm_map *m, vaddr_t start, vaddr_t end, unsigned prot, unsigned flags)
{
	struct vm_entry *e = kmem_cache_zalloc(entry_cache);

	if (e == NULL)
		return NULL;
	list_init(&e->link);
	list_init(&e->object_link);
	e->map = m;
	e->start = start;
	e->end = end;
	e->prot = prot;
	e->flags = flags;
	return e;
}

void vm_entry_attach(struct vm_entry *e, struct vm_object *obj, uint64_t offset, struct file *file)
{
	if (file != NULL)
		file_get(file);
	e->file = file;
	e->offset = offset;
	if (obj == NULL)
		return;
	vm_object_get(obj);
	mutex_lock(&obj->lock);
	e->object = obj;
	list_push_back(&obj->mappings, &e->object_link);
	mutex_unlock(&obj->lock);
}

void vm_entry_detach(struct vm_entry *e)
{
	object_lock(e);
	list_remove(&e->object_link);
	object_unlock(e);
}

static void entry_free(struct vm_entry *e)
{
	if (e->object != NULL && e->object->ops->unmapped != NULL)
		e->object->ops->unmapped(e->object);
	if (e->object != NULL)
		vm_object_put(e->object);
	if (e->file != NULL)
		file_put(e->file);
	kmem_cache_free(entry_cache, e);
}

void vm_entries_free(struct list *dead)
{
	struct vm_entry *e, *tmp;

	LIST_FOR_EACH_SAFE (e, tmp, dead, link)
		entry_free(e);
	list_init(dead);
}

struct vm_entry *vm_entry_next(struct vm_map *m, struct vm_entry *e)
{
	return e->link.next == &m->entries ? NULL : list_entry(e->link.next, struct vm_entry, link);
}

struct vm_entry *vm_entry_prev(struct vm_map *m, struct vm_entry *e)
{
	return e->link.prev == &m->entries ? NULL : list_entry(e->link.prev, struct vm_entry, link);
}

struct vm_entry *vm_entry_find(struct vm_map *m, vaddr_t va)
{
	struct vm_entry *e = m->hint, *prev;

	KASSERT(mutex_held(&m->lock), "map lock");
	if (e == NULL) {
		if (list_empty(&m->entries))
			return NULL;
		e = list_last(&m->entries, struct vm_entry, link);
	}
	while (e != NULL && e->end <= va)
		e = vm_entry_next(m, e);
	if (e == NULL)
		return NULL;
	while ((prev = vm_entry_prev(m, e)) != NULL && prev->end > va)
		e = prev;
	m->hint = e;
	return e;
}

static bool mergeable(const struct vm_entry *a, const struct vm_entry *b)
{
	return a->end == b->start && a->prot == b->prot &&
	       ((a->flags ^ b->flags) & ~VME_COPIED) == 0 && a->object == b->object &&
	       a->file == b->file &&
	       (a->object == NULL || a->offset + (a->end - a->start) == b->offset);
}

/* b, right above a, becomes part of it. Its references are not the last: a has the same. */
static struct vm_entry *absorb(struct vm_map *m, struct vm_entry *a, struct vm_entry *b)
{
	object_lock(a);
	a->flags |= b->flags & VME_COPIED;
	a->end = b->end;
	list_remove(&b->object_link);
	object_unlock(a);
	list_remove(&b->link);
	m->nentries--;
	m->hint = a;
	entry_free(b);
	return a;
}

struct vm_entry *vm_entry_merge(struct vm_map *m, struct vm_entry *e)
{
	struct vm_entry *prev = vm_entry_prev(m, e), *next = vm_entry_next(m, e);

	if (prev != NULL && mergeable(prev, e))
		e = absorb(m, prev, e);
	if (next != NULL && mergeable(e, next))
		e = absorb(m, e, next);
	return e;
}

/* Counts `bytes` more, or fewer, of what is like e. */
static void account(struct vm_map *m, const struct vm_entry *e, int64_t bytes)
{
	m->size += (uint64_t)bytes;
	if (vm_is_data(e->prot, e->flags))
		m->data += (uint64_t)bytes;
}

static int64_t length(const struct vm_entry *e)
{
	return (int64_t)(e->end - e->start);
}

void vm_entry_set_prot(struct vm_map *m, struct vm_entry *e, unsigned prot)
{
	account(m, e, -length(e));
	e->prot = prot;
	account(m, e, length(e));
}

static void entry_link(struct vm_map *m, struct vm_entry *e)
{
	struct vm_entry *above = vm_entry_find(m, e->start);

	KASSERT(above == NULL || above->start >= e->end, "entries overlap");
	list_insert_after(above != NULL ? above->link.prev : m->entries.prev, &e->link);
	m->nentries++;
	m->hint = e;
}

struct vm_entry *vm_entry_insert(struct vm_map *m, struct vm_entry *e)
{
	entry_link(m, e);
	account(m, e, length(e));
	return vm_entry_merge(m, e);
}

void vm_entry_unlink(struct vm_map *m, struct vm_entry *e)
{
	vm_entry_detach(e);
	if (m->hint == e)
		m->hint = vm_entry_prev(m, e);
	list_remove(&e->link);
	m->nentries--;
	account(m, e, -length(e));
}

void vm_entry_resize(struct vm_map *m, struct vm_entry *e, vaddr_t start, vaddr_t end)
{
	account(m, e, (int64_t)(end - start) - length(e));
	object_lock(e);
	e->offset += start - e->start;
	e->start = start;
	e->end = end;
	object_unlock(e);
}

int vm_entry_split(struct vm_map *m, vaddr_t at)
{
	struct vm_entry *e = vm_entry_find(m, at), *upper;

	if (e == NULL || e->start >= at)
		return 0;
	upper = vm_entry_alloc(m, at, e->end, e->prot, e->flags);
	if (upper == NULL)
		return -ENOMEM;
	upper->offset = e->offset + (at - e->start);
	upper->file = e->file;
	if (e->file != NULL)
		file_get(e->file);
	/* Both halves at once: a truncation in between would miss one. */
	object_lock(e);
	e->end = at;
	if (e->object != NULL) {
		vm_object_get(e->object);
		upper->object = e->object;
		list_push_back(&e->object->mappings, &upper->object_link);
	}
	object_unlock(e);
	entry_link(m, upper);
	return 0;
}

struct file *vm_entry_own_file(const struct vm_entry *e)
{
	const struct vnode *vn = e->file != NULL ? e->file->vnode : NULL;

	return vn != NULL && vn->object != NULL && vn->object == e->object ? e->file : NULL;
}

/* Does the page table of the entry's pages tell a store which of them were written. */
static bool reports_writes(const struct vm_entry *e)
{
	return (e->flags & VME_SHARED) && e->object != NULL && e->object->ops->putpages != NULL;
}

void vm_entry_unmap_pages(struct vm_entry *e)
{
	if (reports_writes(e))
		object_lock(e);
	pmap_remove(e->map->pmap, e->start, e->end);
	if (reports_writes(e))
		object_unlock(e);
}

void vm_entry_protect_pages(struct vm_entry *e)
{
	if (reports_writes(e))
		object_lock(e);
	pmap_protect(e->map->pmap, e->start, e->end, e->prot);
	if (reports_writes(e))
		object_unlock(e);
}

/* ---- Ranges ---- */

bool vm_range_free(struct vm_map *m, vaddr_t start, vaddr_t end)
{
	struct vm_entry *e = vm_entry_find(m, start);

	if (e == NULL)
		return true;
	if (e->flags & VME_GROWSDOWN && e->start > end)
		return e->start - end >= VM_STACK_GAP;
	return e->start >= end;
}

uint64_t vm_range_mapped(struct vm_map *m, vaddr_t start, vaddr_t end)
{
	uint64_t sum = 0;

	for (struct vm_entry *e = vm_entry_find(m, start); e != NULL && e->start < end;
		e = vm_entry_next(m, e))
		sum += MIN(e->end, end) - MAX(e->start, start);
	return sum;
}

int vm_unmap_range(struct vm_map *m, vaddr_t start, vaddr_t end, struct list *dead)
{
	struct vm_entry *e, *next;
	int err = vm_entry_split(m, start);

	if (err == 0)
		err = vm_entry_split(m, end);
	if (err != 0)
		return err;
	for (e = vm_entry_find(m, start); e != NULL && e->start < end; e = next) {
		next = vm_entry_next(m, e);
		vm_entry_unmap_pages(e);
		vm_entry_unlink(m, e);
		list_push_back(dead, &e->link);
	}
	return 0;
}

/* The highest free range of `len` bytes that ends at or below `top`. */
static vaddr_t space_below(struct vm_map *m, vaddr_t top, size_t len)
{
	struct vm_entry *e = vm_entry_find(m, top);
	vaddr_t limit = top;

	if (e == NULL)
		e = list_empty(&m->entries) ? NULL : list_last(&m->entries, struct vm_entry, link);
	for (; e != NULL; e = vm_entry_prev(m, e)) {
		vaddr_t gap = e->flags & VME_GROWSDOWN ? VM_STACK_GAP : 0;

		if (e->end < limit && limit - e->end >= len)
			break;
		limit = MIN(limit, e->start > gap ? e->start - gap : 0);
	}
	return limit >= VM_MIN_ADDR && limit - VM_MIN_ADDR >= len ? limit - len : 0;
}

vaddr_t vm_find_space(struct vm_map *m, size_t len)
{
	vaddr_t va = space_below(m, m->mmap_top, len);

	return va != 0 ? va : space_below(m, USER_END, len);
}

/* ---- Maps ---- */

static void map_set_defaults(struct vm_map *m)
{
	mutex_init(&m->lock, "vm_map");
	list_init(&m->entries);
	m->refs = 1;
	m->mmap_top = ROUND_DOWN(USER_END / 3 * 2, PAGE_SIZE);
}

struct vm_map *vm_map_create(void)
{
	struct vm_map *m = kmem_cache_zalloc(map_cache);

	if (m == NULL)
		return NULL;
	map_set_defaults(m);
	m->pmap = pmap_create();
	if (m->pmap == NULL) {
		kmem_cache_free(map_cache, m);
		return NULL;
	}
	return m;
}

void vm_map_get(struct vm_map *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
}

void vm_map_put(struct vm_map *m)
{
	struct list dead = LIST_INIT(dead);
	struct vm_entry *e, *tmp;

	if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	LIST_FOR_EACH_SAFE (e, tmp, &m->entries, link) {
		/* Nothing is mapped elsewhere; to look for it in all of user space takes longer. */
		pmap_remove(m->pmap, e->start, e->end);
		vm_entry_detach(e);
		list_remove(&e->link);
		list_push_back(&dead, &e->link);
	}
	vm_entries_free(&dead);
	pmap_destroy(m->pmap);
	kmem_cache_free(map_cache, m);
}

/* Pages of an object need no copying: the child finds them there, several at a fault. The object's lock keeps a
 * truncation from taking the pages from one map before they come to the other. */
static int fork_pages(struct vm_map *dst, struct vm_map *src, const struct vm_entry *e)
{
	int err;

	if (e->flags & (VME_SHARED | VME_WIPEONFORK) ||
		(e->object != NULL && !(e->flags & VME_COPIED)))
		return 0;
	object_lock(e);
	err = pmap_copy_cow(dst->pmap, src->pmap, e->start, e->end);
	object_unlock(e);
	return err;
}

static int fork_entry(struct vm_map *dst, struct vm_map *src, const struct vm_entry *e)
{
	struct vm_entry *copy = vm_entry_alloc(dst, e->start, e->end, e->prot, e->flags);

	if (copy == NULL)
		return -ENOMEM;
	vm_entry_attach(copy, e->object, e->offset, e->file);
	list_push_back(&dst->entries, &copy->link);
	dst->nentries++;
	account(dst, copy, length(copy));
	return fork_pages(dst, src, e);
}

static void copy_layout(struct vm_map *dst, const struct vm_map *src)
{
	dst->brk_start = src->brk_start, dst->brk = src->brk;
	dst->stack_top = src->stack_top;
	dst->arg_start = src->arg_start, dst->arg_end = src->arg_end;
	dst->env_start = src->env_start, dst->env_end = src->env_end;
	dst->code_start = src->code_start, dst->code_end = src->code_end;
	dst->data_start = src->data_start, dst->data_end = src->data_end;
	dst->mmap_top = src->mmap_top;
}

struct vm_map *vm_map_fork(struct vm_map *src)
{
	struct vm_map *dst = vm_map_create();
	struct vm_entry *e;
	int err = 0;

	if (dst == NULL)
		return NULL;
	mutex_lock(&src->lock);
	copy_layout(dst, src);
	LIST_FOR_EACH (e, &src->entries, link) {
		if (!(e->flags & VME_DONTFORK))
			err = fork_entry(dst, src, e);
		if (err != 0)
			break;
	}
	mutex_unlock(&src->lock);
	if (err != 0) {
		vm_map_put(dst);
		return NULL;
	}
	return dst;
}

void vm_init(void)
{
	map_cache = kmem_cache_create("vm_map", sizeof(struct vm_map), 0);
	entry_cache = kmem_cache_create("vm_entry", sizeof(struct vm_entry), 0);
	vm_object_init();
	vm_cache_init();
	vm_fault_init();
}
