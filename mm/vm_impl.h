/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of the VM share among themselves: mm/vm_*.c, mm/fault.c, mm/mremap.c. Everything
 * here wants vm_map.lock held unless it says otherwise.
 */
#ifndef MM_VM_IMPL_H
#define MM_VM_IMPL_H

#include "mm/vm.h"

/* Linux's sysctl vm.max_map_count. */
#define VM_MAX_ENTRIES 65530
/* Nothing is mapped below: a NULL pointer with an offset must fault (vm.mmap_min_addr). */
#define VM_MIN_ADDR 0x10000ul
/* Distance kept between a stack that may grow and what lies below it. */
#define VM_STACK_GAP MiB(1)

/* Entries taken out of a map, to be freed by vm_entries_free() after the map's lock is dropped:
 * closing a file may do anything. */
struct vm_entry *vm_entry_alloc(struct vm_map *m, vaddr_t start, vaddr_t end, unsigned prot,
	unsigned flags); /* NULL: no memory */
/* Gives the entry its object and file, with references of its own. */
void vm_entry_attach(struct vm_entry *e, struct vm_object *obj, uint64_t offset, struct file *file);
/* Takes it off its object's list of mappings: truncations do not look at it any more. */
void vm_entry_detach(struct vm_entry *e);
void vm_entries_free(struct list *dead); /* no lock held */

/* The entry that contains va, else the next above it, else NULL. */
struct vm_entry *vm_entry_find(struct vm_map *m, vaddr_t va);
struct vm_entry *vm_entry_next(struct vm_map *m, struct vm_entry *e); /* NULL after the last */
struct vm_entry *vm_entry_prev(struct vm_map *m, struct vm_entry *e);
/* Puts it into the map, whose range is free there, and joins it with neighbours like it. Returns
 * the entry that covers the range then. */
struct vm_entry *vm_entry_insert(struct vm_map *m, struct vm_entry *e);
/* Joins e with neighbours like it; returns what covers it then. */
struct vm_entry *vm_entry_merge(struct vm_map *m, struct vm_entry *e);
/* Makes `at` a boundary between entries, if it lies inside of one. -ENOMEM. */
int vm_entry_split(struct vm_map *m, vaddr_t at);
void vm_entry_unlink(struct vm_map *m, struct vm_entry *e);
/* The file whose pages it shows; NULL: none, a device's (/dev/zero) included. */
struct file *vm_entry_own_file(const struct vm_entry *e);
/* Takes its pages out of the page table; gives those that are there its rights. Take its object's lock. */
void vm_entry_unmap_pages(struct vm_entry *e);
void vm_entry_protect_pages(struct vm_entry *e);
/* Changes where a boundary lies; the range belongs to nobody else. */
void vm_entry_resize(struct vm_map *m, struct vm_entry *e, vaddr_t start, vaddr_t end);

/* Unmaps [start, end): pages, then entries, which go to `dead`. -ENOMEM: nothing was done. */
int vm_unmap_range(struct vm_map *m, vaddr_t start, vaddr_t end, struct list *dead);
/* Is nothing in [start, end), nor a stack right above it. */
bool vm_range_free(struct vm_map *m, vaddr_t start, vaddr_t end);
/* Bytes of [start, end) that are mapped. */
uint64_t vm_range_mapped(struct vm_map *m, vaddr_t start, vaddr_t end);
/* The highest free range of `len` bytes below mmap_top, else above it; 0: none. */
vaddr_t vm_find_space(struct vm_map *m, size_t len);

/* May the map grow by `bytes` (RLIMIT_AS, number of entries). 0 or -ENOMEM. No lock needed. */
int vm_check_limits(struct vm_map *m, uint64_t bytes);
/* May `bytes` with these rights and VME_* flags be mapped, as far as RLIMIT_DATA is concerned. */
bool vm_data_ok(struct vm_map *m, unsigned prot, unsigned flags, uint64_t bytes);
/* Does an entry count for it. */
static inline bool vm_is_data(unsigned prot, unsigned flags)
{
	return prot & VM_WRITE && !(flags & (VME_SHARED | VME_GROWSDOWN));
}
/* Changes an entry's rights. */
void vm_entry_set_prot(struct vm_map *m, struct vm_entry *e, unsigned prot);
/* Could memory ever hold a private writable mapping of this size (Linux's overcommit heuristic). */
bool vm_may_commit(uint64_t bytes);
/* A soft limit of the calling process; infinite for maps that are not its own (exec). */
uint64_t vm_rlimit(struct vm_map *m, unsigned which);

void vm_object_init(void);
void vm_fault_init(void);

#endif
