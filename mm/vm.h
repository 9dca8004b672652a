/* SPDX-License-Identifier: BSD-2-Clause
 * User address spaces: a vm_map is a sorted set of entries over a pmap; an entry is private
 * anonymous memory (object == NULL) or a window onto a vm_object, private (COW) or shared.
 *
 * Anonymous pages live in the page tables only and are shared after fork by reference count: a
 * write to a page whose count is not 1 copies it. Pages of an object live in the object, which is
 * a file's page cache (or shared anonymous memory); the object's slot counts one reference.
 *
 * Lock order: vm_map.lock -> vnode lock is FORBIDDEN the other way round too: copies to and from
 * user memory happen with neither held, faults take vm_map.lock -> vm_object.lock -> pmap.lock.
 */
#ifndef MM_VM_H
#define MM_VM_H

#include "kernel/core/list.h"
#include "kernel/core/wait.h"
#include "mm/pmap.h"
#include "mm/radix.h"

/* ---- objects -------------------------------------------------------------------------------- */

struct vm_object;

#define VM_IO_PAGES 16u /* most that a pager is asked for at a time */

struct vm_pager_ops {
	/* Fills n fresh pages (data pages, contents undefined), VM_IO_PAGES at most, that become pages `idx` on of the
	 * object. Called with the object's lock held; may sleep. 0 or -EIO... (of any of them). NULL: zero fill. */
	int (*getpages)(struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n);
	/* The last reference is gone, all pages have been dropped. */
	void (*destroy)(struct vm_object *obj);
	/* May be NULL. A mapping of it has gone. The map's lock may be held, none below it. */
	void (*unmapped)(struct vm_object *obj);
	/* May be NULL. Called with +1, the object's lock held, before a page is added: an error
	 * (-ENOSPC) forbids it; with -n after n pages were dropped. */
	int (*charge)(struct vm_object *obj, intptr_t pages);
	/* Writes n pages from `idx` on to their store; object's lock held. NULL: there is no store, nothing is
	 * ever written back or given back (mm/vm_cache.h). */
	int (*putpages)(struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n);
	/* May be NULL. Bytes [off, off+n) of page `idx`, which the caller holds, are about to change: there
	 * must be room in the store. -ENOSPC, -EROFS, -EFBIG. The object's lock may be held. The page is to be
	 * marked dirty whatever it returns. */
	int (*prepare)(struct vm_object *obj, uintptr_t idx, size_t off, size_t n);
	/* May be NULL. All bytes of page `idx` have their place in the store and may be written there, so prepare would
	 * have nothing to do. The object's lock is held. */
	bool (*stored)(struct vm_object *obj, uintptr_t idx);
};

struct vm_object {
	struct mutex lock; /* pages, npages, size, mappings and where these lie */
	uint32_t refs;     /* atomic */
	const struct vm_pager_ops *ops;
	void *data;             /* pager's */
	struct radix pages;     /* by index */
	uintptr_t npages;       /* resident */
	unsigned seals;         /* F_SEAL_*, obeyed by whoever changes it: fs/memfd.c */
	uintptr_t ndirty;       /* of them newer than the store; atomic */
	uintptr_t last;         /* page asked for last */
	uintptr_t ahead_next;   /* reading ahead: where a reader in sequence misses next, */
	unsigned ahead_pages;   /* and how many were brought in last */
	uint64_t size;          /* bytes; faults beyond the last page give SIGBUS */
	unsigned size_seq;      /* odd while it changes */
	struct list mappings;   /* vm_entry.object_link of every entry over it */
	struct list cache_link; /* objects with a store: mm/vm_cache.c */
};

/* The size, for who does not hold the lock: on i386 its halves are written and read one by one. Any context but an
 * interrupt's. */
static inline uint64_t vm_object_size(const struct vm_object *obj)
{
	unsigned seq;
	uint64_t size;

	do {
		seq = __atomic_load_n(&obj->size_seq, __ATOMIC_ACQUIRE);
		size = READ_ONCE(obj->size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((seq & 1) || seq != READ_ONCE(obj->size_seq));
	return size;
}

/* ops NULL: zero filled. NULL: no memory. */
struct vm_object *vm_object_create(const struct vm_pager_ops *ops, void *data, uint64_t size);
void vm_object_get(struct vm_object *obj);
/* A reference, unless the last one is gone. The caller knows that the memory is still an object. */
bool vm_object_get_if_alive(struct vm_object *obj);
void vm_object_put(struct vm_object *obj);
/* For who knows that the object is not freed yet but not whether anybody refers to it; false: nobody does any
 * more, it is about to be destroyed. */
bool vm_object_tryget(struct vm_object *obj);
/* Frees an object that nobody else has seen, without telling its pager. */
void vm_object_discard(struct vm_object *obj);

#define VMO_CREATE    1u /* allocate the page if it is not resident (else only look it up) */
#define VMO_OVERWRITE 2u /* caller will overwrite the whole page: zeroed, not read from its store */
/* Page `idx` with a reference for the caller: 0 and *pagep; -ENOENT without VMO_CREATE; -ENOMEM, -EIO.
 * Takes obj->lock; may sleep. */
int vm_object_page(struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep);
/* The same, obj->lock held by the caller. */
int vm_object_page_locked(
	struct vm_object *obj, uintptr_t idx, unsigned flags, struct vm_page **pagep);
/* For who overwrites whole pages: up to n pages that belong to nobody yet, contents undefined, for the places from
 * `idx` on where pages are missing whose bytes the store has. How many. Takes obj->lock. */
unsigned vm_object_blank_pages(
	struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n);
/* Puts them there, filled by now, dirty, with a reference left for the caller, up to the first whose place somebody
 * else has filled meanwhile. How many. Takes obj->lock. */
unsigned vm_object_adopt_pages(
	struct vm_object *obj, uintptr_t idx, struct vm_page **pages, unsigned n);
/* Writes the pages back that are dirty now, write-protecting them where they are mapped first. 0 or the first
 * error; a page that could not be written stays dirty. Takes obj->lock, a stretch of pages at a time. */
int vm_object_sync(struct vm_object *obj);
/* Takes its pages (not the copies that private mappings made) out of all mappings; who needs them faults
 * them in again. Takes obj->lock. */
void vm_object_unmap(struct vm_object *obj);
/* Gives back up to `want` pages of [idx, end) that are clean and that nobody else refers to. Without `all` it
 * ends at the first that is not so, or was used lately. How many. obj->lock held. */
unsigned vm_object_drop_clean(
	struct vm_object *obj, uintptr_t idx, uintptr_t end, unsigned want, bool all);
/* All of them, if there is a store they can be read from again. Takes obj->lock. */
void vm_object_forget(struct vm_object *obj, uintptr_t idx, uintptr_t end);
/* Memory that processes share and no file is behind. NULL: no memory. */
struct vm_object *vm_object_create_anon(uint64_t size);
/* Sets the size; when it shrinks, drops the pages beyond it and unmaps them everywhere. What the page of the
 * nearer end has behind that end becomes zeros: mappings may have left something there. */
int vm_object_set_size(struct vm_object *obj, uint64_t size);
/* For a write beyond the end: zeros up to `to` what the last page has there; the size stays. */
int vm_object_clear_gap(struct vm_object *obj, uint64_t to);
/* The file was written up to here. */
void vm_object_grow(struct vm_object *obj, uint64_t size);
/* Bytes [off, off+len) become zeros, through mappings too; whole pages of them take no memory any more. -EOPNOTSUPP: there
 * is a store behind. Takes obj->lock. */
int vm_object_punch(struct vm_object *obj, uint64_t off, uint64_t len);
/* For objects without a store: where, from `off` on, the next byte lies that has a page (UINT64_MAX: nowhere), and
 * the next that has none. Takes obj->lock. */
uint64_t vm_object_next_data(struct vm_object *obj, uint64_t off);
uint64_t vm_object_next_hole(struct vm_object *obj, uint64_t off);

/* ---- maps ----------------------------------------------------------------------------------- */

struct file;

#define VME_SHARED     1u /* MAP_SHARED */
#define VME_GROWSDOWN  2u /* the stack */
#define VME_HEAP       4u
#define VME_DONTFORK   16u /* MADV_DONTFORK */
#define VME_WIPEONFORK 32u /* MADV_WIPEONFORK */
#define VME_COPIED     64u /* private, and has been written to: fork must copy what it maps */
#define VME_NOWRITE \
	8u /* shared mapping of a file not open for writing: VM_WRITE may not be added */

struct vm_entry {
	struct list link; /* vm_map.entries, by address */
	vaddr_t start, end;
	unsigned prot, flags;
	struct vm_object *object; /* NULL: anonymous */
	uint64_t offset;          /* of start in the object, bytes */
	struct list object_link;
	struct vm_map *map;
	struct file *file; /* for /proc/PID/maps; holds a reference; may be NULL */
};

struct vm_map {
	struct mutex lock;
	struct pmap *pmap;
	struct list entries;
	struct vm_entry *hint; /* last found */
	unsigned nentries;
	uint32_t refs;
	uint64_t size; /* bytes mapped, RLIMIT_AS */
	uint64_t data; /* of these private and writable, and no stack: RLIMIT_DATA */
	vaddr_t brk_start, brk;
	vaddr_t stack_top, arg_start, arg_end, env_start, env_end, code_start, code_end, data_start,
		data_end, auxv_start, auxv_end;
	vaddr_t mmap_top; /* mmap searches downwards from here */
};

struct vm_map *vm_map_create(void);
struct vm_map *vm_map_fork(struct vm_map *src); /* NULL: no memory */
void vm_map_get(struct vm_map *m);
void vm_map_put(struct vm_map *m); /* the last unmaps everything; active on no CPU then */

/* Linux mmap semantics. `flags` are the ABI's MAP_*; obj NULL for anonymous (a shared anonymous one
 * gets an object of its own). Returns the address or -errno folded in. Takes a reference on obj. */
intptr_t vm_mmap(struct vm_map *m, vaddr_t addr, size_t len, unsigned prot, unsigned flags,
	struct vm_object *obj, uint64_t offset, struct file *file);
int vm_munmap(struct vm_map *m, vaddr_t addr, size_t len);
int vm_mprotect(struct vm_map *m, vaddr_t addr, size_t len, unsigned prot);
vaddr_t vm_brk(struct vm_map *m, vaddr_t brk);
intptr_t vm_mremap(struct vm_map *m, vaddr_t old, size_t old_len, size_t new_len, unsigned flags,
	vaddr_t new_addr);
int vm_madvise(struct vm_map *m, vaddr_t addr, size_t len, int advice);
/* Faults in every page of [start, end), page aligned, of the calling process, `want` as in vm_fault(). The first error
 * ends it, and so does a signal that kills (-EINTR). May sleep. */
int vm_populate(struct vm_map *m, vaddr_t start, vaddr_t end, unsigned want);

/* Resolves a fault. want: VM_READ/VM_WRITE/VM_EXEC. 0; -EFAULT no mapping; -EACCES no right; -ENOMEM;
 * -EIO beyond the object (SIGBUS). May sleep. */
int vm_fault(struct vm_map *m, vaddr_t va, unsigned want);

/* The page behind a user address of `m` with a reference, faulted in for `want`; for direct pipe
 * writes, futexes, ptrace, exec. 0 or an error of vm_fault(). */
int vm_hold_page(struct vm_map *m, vaddr_t va, unsigned want, struct vm_page **pagep);

/* Where a user address lies if its mapping is shared: 1, the object with a reference, and the offset
 * in it. 0: the mapping is private. -EFAULT: there is none, or one without any access. May sleep. */
int vm_shared_place(struct vm_map *m, vaddr_t va, struct vm_object **obj, uint64_t *offset);

/* A data page for user memory (PAGE_ZERO: zeroed); when memory is out, kills the largest process
 * (kernel/proc/oom.c) and waits for its pages. NULL only if the caller itself is being
 * killed or nobody can be. May sleep; no lock held. */
struct vm_page *page_alloc_user(unsigned flags);

/* Memory is out: kills if nobody is dying yet, and waits a moment. False: do not try again, the
 * caller is being killed or there is nobody left to kill. *tries is the caller's, 0 at first. No lock
 * held. kernel/proc/oom.c. */
bool vm_wait_memory(unsigned *tries);

void vm_init(void);

#endif
