/* SPDX-License-Identifier: BSD-2-Clause
 * The page cache as a whole: which objects have a store behind them, how many of their pages are
 * dirty, and how their memory comes back. (tmpfs and anonymous objects have no store and are not in
 * it.)
 *
 * Pages become dirty by vm_page_dirty() and clean by vm_object_sync(). A thread of its own,
 * "flush", writes every object back each FLUSH_SECONDS, and when half of what may be dirty is; a
 * writer that finds more than that writes its own file back first. Clean pages that nobody maps or
 * holds are given back when memory is short, file by file in turn.
 */
#ifndef MM_VM_CACHE_H
#define MM_VM_CACHE_H

#include "mm/vm.h"

#define FLUSH_SECONDS 5

/* By vm_object.c: objects whose pager has putpage enter and leave. */
void vm_cache_add(struct vm_object *obj);
void vm_cache_remove(struct vm_object *obj);

/* The page, which the caller holds, is newer than its store. Any lock may be held. */
void vm_page_dirty(struct vm_page *page);
/* Takes the mark away; true: it was there. obj->lock held. */
bool vm_page_undirty(struct vm_page *page);

/* Frees up to `want` clean pages. Waits for no lock, so any lock may be held but a spin lock.
 * Returns how many were freed. */
unsigned vm_cache_reclaim(unsigned want);
/* The same; if nothing is free to go, after writing back, and then after unmapping. No lock held that orders after
 * vnode->write_lock. */
unsigned vm_cache_make_room(unsigned want);
/* By whoever is about to add pages or dirty them: writes obj back while too much is dirty, and
 * gives clean pages back while memory is short. Locks as above. */
void vm_cache_throttle(struct vm_object *obj);

/* Writes all dirty pages of all objects: the first error. No lock held. */
int vm_cache_sync(void);

uintptr_t vm_cache_dirty_pages(void);
uintptr_t vm_cache_pages(void);
/* Starts the flusher; the first file system with a store does. */
void vm_cache_start(void);

#endif
