/* SPDX-License-Identifier: BSD-2-Clause
 * Kernel objects: slab caches with per-CPU magazines, kmalloc on top; and kernel virtual addresses.
 * All return NULL when memory is out; callers return -ENOMEM. Never sleeps; any context but NMI
 * (kva_* and v*: thread context, they shoot down).
 */
#ifndef MM_KMEM_H
#define MM_KMEM_H

#include "mm/pmap.h"

struct kmem_cache;

/* `name` is static storage. Boot-time only: panics when there is no memory. */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc(struct kmem_cache *c);
void *kmem_cache_zalloc(struct kmem_cache *c);
void kmem_cache_free(struct kmem_cache *c, void *obj);

void *kmalloc(size_t size); /* up to 4 MiB; aligned to 16, page-sized and up to a page */
void *kzalloc(size_t size);
void kfree(void *p); /* NULL is fine */
char *kstrdup(const char *s);

/* KVA arena: address ranges, page granular, each followed by an unmapped guard page. */
vaddr_t kva_alloc(size_t size); /* 0: none left */
/* The caller has unmapped the range and shot it down. */
void kva_free(vaddr_t va, size_t size);

/* Memory-mapped devices and firmware tables, any physical address, any alignment. NULL: no memory, or
 * the CPU has no such address (tables may say anything). */
#define KVA_UNCACHED 1u
#define KVA_READONLY 2u
/* Stores are gathered and may be delayed, loads are slow: video memory. */
#define KVA_WRITE_COMBINING 4u
void *kva_map_phys(paddr_t pa, size_t size, unsigned flags);
void kva_unmap_phys(void *va, size_t size);

/* Virtually contiguous kernel memory from single kernel pages. Zeroed. */
void *vzalloc(size_t size);
void vfree(void *p, size_t size);

/* Kernel stacks: guard page below, a small cache so that most need no shootdown. kstack_free()
 * works in any context: where it may not shoot down it leaves the rest to a later call. */
vaddr_t kstack_alloc(void);
void kstack_free(vaddr_t stack);

void kmem_init(void);
void kva_init(void);

/* What a cache holds. `active` objects are in somebody's hands; those free objects that CPUs keep at hand
 * are not counted, though while others allocate and free the number is only about right. */
struct kmem_stats {
	const char *name;
	size_t size; /* from one object to the next */
	unsigned per_slab, pages, slabs;
	size_t active;
};
/* Calls fn for each cache, in the order they were made; no lock is held, fn may sleep. */
void kmem_for_each(void (*fn)(void *arg, const struct kmem_stats *st), void *arg);

#endif
