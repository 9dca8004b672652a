/* SPDX-License-Identifier: BSD-2-Clause
 * Physical pages: one struct vm_page per frame, and the buddy allocator over two zones.
 *
 *   kernel pages   kernel objects, page tables, stacks: always reachable by page_to_kva()
 *   data pages     everything users own: anonymous, file, pipe, socket, disk. Their contents are
 *                  reached through sf_buf only (mm/sf_buf.h), wherever the page lies.
 *
 * On i386 the kernel zone is the 256 MiB window and data pages come from above it while there are
 * any; on amd64 there is one zone of memory and the two names differ in what may be done with a page.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "kernel/core/list.h"
#include "kernel/core/types.h"

struct vm_object;
struct kmem_cache;

enum page_zone { ZONE_KERNEL, ZONE_DATA, NZONES };

enum page_flags {
	PG_FREE = 1 << 0,     /* head of a free buddy block */
	PG_RESERVED = 1 << 1, /* not RAM, or never to be freed */
	PG_DIRTY = 1 << 2,    /* newer than its backing store (page cache) */
	PG_SLAB = 1 << 3,
	PG_PCP = 1 << 4,    /* in a per-CPU cache */
	PG_DATA = 1 << 5,   /* allocated as a data page */
	PG_POISON = 1 << 6, /* free and filled with a pattern (debug builds) */
	PG_USED = 1 << 7,   /* page cache: asked for again since reclaim last saw it */
	PG_AHEAD = 1 << 8,  /* page cache: read ahead, nobody has asked for it yet */
	PG_ROOM = 1 << 9,   /* page cache: the store has room for all of it (vm_page_prepare) */
};

/* A power of two in size, so that page_frame() is a shift. */
struct vm_page {
	uint32_t refs; /* atomic. Each user PTE, each object slot and each holder counts one */
	uint16_t flags;
	uint8_t order; /* of the block this page heads */
	uint8_t zone;  /* the zone the frame lies in */
	union {
		struct vm_object *object; /* the page cache it belongs to; NULL: anonymous */
		struct kmem_cache *cache; /* PG_SLAB */
	};
	union {
		uintptr_t pindex;  /* page number within object */
		void *slab_free;   /* PG_SLAB: first free object of the slab this page heads */
		uintptr_t pt_used; /* page table: entries in use */
	};
	struct list link;                  /* free list, or for the owner's use */
	uintptr_t slab_inuse;              /* PG_SLAB: objects handed out */
	void *padding[sizeof(void *) / 4]; /* to 64 and 32 bytes */
};
_Static_assert((sizeof(struct vm_page) & (sizeof(struct vm_page) - 1)) == 0, "not a power of two");

extern struct vm_page *vm_pages; /* indexed by frame number */
extern uintptr_t vm_npages;      /* frames the array covers */

static inline uintptr_t page_frame(const struct vm_page *p)
{
	return (uintptr_t)(p - vm_pages);
}
static inline paddr_t page_phys(const struct vm_page *p)
{
	return (paddr_t)page_frame(p) << PAGE_SHIFT;
}
static inline struct vm_page *phys_page(paddr_t pa)
{
	return &vm_pages[pa >> PAGE_SHIFT];
}
bool phys_is_ram(paddr_t pa); /* has a vm_page that is not PG_RESERVED */

/* Flags change under different locks (the page tables', the object's, the allocator's). */
static inline void page_set_flags(struct vm_page *p, unsigned flags)
{
	__atomic_fetch_or(&p->flags, (uint16_t)flags, __ATOMIC_ACQ_REL);
}

static inline void page_clear_flags(struct vm_page *p, unsigned flags)
{
	__atomic_fetch_and(&p->flags, (uint16_t)~flags, __ATOMIC_ACQ_REL);
}

/* Flags of page_alloc(). */
#define PAGE_ZERO    (1u << 0) /* contents zeroed (only order 0 for data pages) */
#define PAGE_RESERVE (1u << 1) /* may dip into the reserve kept for the kernel's own progress */

/* A block of 2^order pages, aligned to its size, refs of the first page 1, object NULL, link
 * empty. Never sleeps, any context but NMI. NULL when there is none: callers return -ENOMEM; user
 * faults go through page_alloc_user() (mm/vm.h), which reclaims and kills. */
struct vm_page *page_alloc(enum page_zone zone, unsigned order, unsigned flags);
#define PAGE_MAX_ORDER 10

/* One more reference; the caller has one already, or holds the lock that keeps the page alive. */
void page_get(struct vm_page *p);
/* Drops one; the last frees the block: it stands on no list then. Any context. */
void page_put(struct vm_page *p);
static inline uint32_t page_refs(const struct vm_page *p)
{
	return __atomic_load_n(&p->refs, __ATOMIC_ACQUIRE);
}

/* Kernel pages by address. */
void *kpages_alloc(unsigned order, unsigned flags);
void kpages_free(void *kva); /* the pointer kpages_alloc() returned */

struct page_stats {
	uint64_t total, free, kernel_zone_total, kernel_zone_free; /* pages */
};
/* A snapshot: pages on their way between a CPU's cache and the zone may be missed. */
void page_stats(struct page_stats *st);

/* Are fewer than n pages free, of all zones. Cheap where the answer is a clear no. */
bool page_free_below(uint64_t n);

/* Boot: builds the array and the zones from boot_info, leaving out the kernel image and modules.
 * Until pmap_init() only memory below BOOT_MAP_LIMIT is handed out. */
void page_init(void);
/* Gives RAM that was held back (modules) to the allocator. */
void page_release_boot(paddr_t start, paddr_t end);

/* ---- between page_init() and pmap_init() only ---- */

/* Takes `size` bytes of RAM inside [min, max) for ever, from the top, before the allocator runs.
 * `align` is a power of two, at least a page. 0: none. */
paddr_t page_boot_steal(uint64_t size, uint64_t align, paddr_t min, paddr_t max);
/* arch: memory for the array, mapped and zeroed; NULL: none. `top`: end of the RAM it describes. */
void *pmap_boot_array(size_t bytes, paddr_t top);
/* By pmap_init(): the rest of memory may be handed out. */
void page_init_rest(void);
/* By mm/page_boot.c: frames [start, end) become free. */
void page_add_range(uintptr_t start, uintptr_t end);
void page_zones_init(void);

#endif
