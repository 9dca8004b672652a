/* SPDX-License-Identifier: BSD-2-Clause
 * The page cache as a whole: which objects have a store behind them, how many of their pages are
 * dirty, and how their memory comes back. (tmpfs and anonymous objects have no store and are not in
 * it.)
 *
 * Pages become dirty by vm_page_dirty() and clean by vm_object_sync(). The flusher (fs/flusher.c)
 * writes everything back every few seconds, and as soon as half of what may be dirty is; who makes
 * pages dirty beyond that writes back himself, his own file first. Clean pages that nobody maps or
 * holds are given back when memory is short, those not used for longest first (mm/vm_lru.h).
 */
#ifndef MM_VM_CACHE_H
#define MM_VM_CACHE_H

#include "mm/vm.h"

/* By vm_object.c: objects whose pager has putpages enter and leave. */
void vm_cache_add(struct vm_object *obj);
void vm_cache_remove(struct vm_object *obj);

/* The page, which the caller holds, is newer than its store. Any lock may be held. */
void vm_page_dirty(struct vm_page *page);
/* Bytes [off, off+n) of the page, which the caller holds, are about to change: asks its store for
 * room unless it is known to have it, and marks the page dirty whatever the answer. 0 or the
 * pager's error. obj->lock or the file's write_lock held, so that it is not cut off meanwhile. */
int vm_page_prepare(
	struct vm_object *obj, struct vm_page *page, uintptr_t idx, size_t off, size_t n);
/* Takes the mark away; true: it was there. obj->lock held. */
bool vm_page_undirty(struct vm_page *page);

/* Frees up to `want` clean pages. Waits for no lock, so any lock may be held but a spin lock.
 * Returns how many were freed. */
unsigned vm_cache_reclaim(unsigned want);
/* The same; if nothing is free to go, after writing back, and then after unmapping. No lock held
 * that orders after vnode->write_lock. */
unsigned vm_cache_make_room(unsigned want);
/* By whoever is about to add pages to obj: gives clean ones back while memory is short. Locks as
 * above. */
void vm_cache_throttle_read(struct vm_object *obj);
/* By whoever is about to make pages of obj dirty, or has: the same, and writes back while too much
 * is dirty. Locks as above. */
void vm_cache_throttle_write(struct vm_object *obj);
/* Is so little memory free that clean pages are to go. */
bool vm_cache_memory_is_short(void);

/* Writes all dirty pages of all objects: the first error. Locks as above. */
int vm_cache_sync(void);

uintptr_t vm_cache_dirty_pages(void);
/* The flusher waits here: till more is dirty than should be, or the deadline (monotonic ns). */
void vm_cache_wait_dirty(uint64_t deadline);
void vm_cache_init(void); /* memory has its final size */

#endif
