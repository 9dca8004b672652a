/* SPDX-License-Identifier: BSD-2-Clause
 * Ephemeral mappings: a kernel virtual address for a data page, for as long as it takes to move
 * some bytes (Elmeleegy et al., USENIX ATC 2005). One interface, one implementation chosen at boot
 * (sfbuf=):
 *
 *   direct  every page is always mapped (amd64 only): allocating is a cast      in this header
 *   cache   the paper's i386 design: mappings stay after use and are reused     mm/sf_cache.c
 *   eager   what kernels did before: map, shoot down; unmap, shoot down         mm/sf_eager.c
 *   percpu  private slots that go with the thread, and a window for the rest    mm/sf_percpu.c
 *   epoch   the cache with lock-free hits, recycled in batches, CPUs spared      mm/sf_epoch.c
 *
 *	sched_pin();
 *	sf = sf_buf_alloc(page, SFB_PIPE | SFB_CPUPRIVATE);
 *	memcpy(dst, (void *)(sf_buf_kva(sf) + off), n);
 *	sf_buf_free(sf);
 *	sched_unpin();
 *
 * Rules for callers: the page is held (page_get) from alloc to free. A private mapping is used by
 * the calling CPU only and the thread stays pinned from alloc to free. Whoever holds a mapping
 * neither faults nor allocates another one that may sleep: that is how a pool runs dry (PAPER traps
 * 4 and 11). A second reference is taken with sf_buf_ref(), never by allocating again (trap 8).
 * Thread context with interrupts on and no spin lock held: shared mappings and `eager` shoot down.
 * Interrupt handlers touch no mapping at all, also not one that somebody else holds: an idle CPU may
 * still have old translations (mm/tlb.h).
 */
#ifndef MM_SF_BUF_H
#define MM_SF_BUF_H

#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "mm/pmap.h"

struct sf_buf; /* opaque: the direct strategy has none, its handle is the page itself */

/* Flags. Who is asking must be a compile-time constant: it picks the row of the counters. */
#define SFB_CPUPRIVATE (1u << 0) /* only the calling CPU will touch it; the caller is pinned */
#define SFB_NOWAIT     (1u << 1) /* fail rather than sleep */
#define SFB_CATCH      (1u << 2) /* a signal ends the sleep: for callers that can give up half-way */

#define SFB_USER_SHIFT 8
#define SFB_PIPE       (1u << SFB_USER_SHIFT)
#define SFB_MD         (2u << SFB_USER_SHIFT)
#define SFB_SOCKET     (3u << SFB_USER_SHIFT)
#define SFB_EXEC       (4u << SFB_USER_SHIFT)
#define SFB_PTRACE     (5u << SFB_USER_SHIFT)
#define SFB_PAGER      (6u << SFB_USER_SHIFT)
#define SFB_BENCH      (7u << SFB_USER_SHIFT) /* mm/sf_bench.c */

/* Most pages of one sf_buf_alloc_pages(). */
#define SFB_BATCH_MAX 64

enum PACKED sf_strategy { SF_DIRECT, SF_CACHE, SF_EAGER, SF_PERCPU, SF_EPOCH };
extern enum sf_strategy sf_buf_strategy; /* fixed by sf_buf_init() */

/* What the inlines below call when the strategy is not direct. */
struct sf_buf *sf_mapped_alloc(struct vm_page *page, unsigned flags);
void sf_mapped_free(struct sf_buf *sf);
void sf_mapped_ref(struct sf_buf *sf);
vaddr_t sf_mapped_kva(const struct sf_buf *sf);
struct vm_page *sf_mapped_page(const struct sf_buf *sf);
int sf_mapped_alloc_pages(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs);
void sf_mapped_free_pages(struct sf_buf **sfs, unsigned n);

static ALWAYS_INLINE unsigned sf_counter(unsigned flags, enum sf_event event)
{
	return CNT_SF + (flags >> SFB_USER_SHIFT) * SF_NEVENTS + event;
}

/* Where the direct map covers all memory the choice is made at boot, elsewhere by the compiler. */
static ALWAYS_INLINE bool sf_buf_is_direct(void)
{
	return DMAP_LIMIT > UINT32_MAX && likely(sf_buf_strategy == SF_DIRECT);
}

static ALWAYS_INLINE void sf_buf_count_alloc(unsigned flags, unsigned n)
{
	count_add(sf_counter(flags, flags & SFB_CPUPRIVATE ? SF_PRIVATE : SF_SHARED), n);
}

static ALWAYS_INLINE void sf_buf_check_caller(unsigned flags)
{
	KASSERT(flags >> SFB_USER_SHIFT < SF_NUSERS, "flags %#x", flags);
	KASSERT(this_cpu()->irq_depth == 0, "mapping in an interrupt");
	KASSERT(!(flags & SFB_CPUPRIVATE) || curthread()->pin_count > 0, "private and not pinned");
}

/* A mapping of `page`, writable. Sleeps while all slots are in use. NULL: only with SFB_NOWAIT (no
 * slot is free, or the free ones are in the hands of another CPU just now, which gives them back in a
 * moment) or SFB_CATCH (a signal came). */
static ALWAYS_INLINE struct sf_buf *sf_buf_alloc(struct vm_page *page, unsigned flags)
{
	sf_buf_check_caller(flags);
	if (sf_buf_is_direct()) {
		sf_buf_count_alloc(flags, 1);
		return (struct sf_buf *)page;
	}
	return sf_mapped_alloc(page, flags);
}

/* Drops a reference. With the last the address must not be used any more. Does not sleep. */
static ALWAYS_INLINE void sf_buf_free(struct sf_buf *sf)
{
	if (sf_buf_is_direct())
		count_add(sf_counter(0, SF_FREE), 1);
	else
		sf_mapped_free(sf);
}

/* One more reference for a mapping the caller holds; it is as private or shared as it was. */
static ALWAYS_INLINE void sf_buf_ref(struct sf_buf *sf)
{
	if (sf_buf_is_direct())
		count_add(sf_counter(0, SF_REF), 1);
	else
		sf_mapped_ref(sf);
}

static ALWAYS_INLINE struct vm_page *sf_buf_page(const struct sf_buf *sf)
{
	return sf_buf_is_direct() ? (struct vm_page *)sf : sf_mapped_page(sf);
}

static ALWAYS_INLINE vaddr_t sf_buf_kva(const struct sf_buf *sf)
{
	return sf_buf_is_direct() ? (vaddr_t)page_to_kva((const struct vm_page *)sf)
				  : sf_mapped_kva(sf);
}

/* Maps n pages, with one shootdown for all that need one; the addresses are not adjacent, a page
 * may stand there twice. All or nothing: while it sleeps it holds none of them (trap 4). The caller
 * must hold no other mapping, unless SFB_NOWAIT.
 * 0; -ENOMEM: n exceeds the pool or SFB_BATCH_MAX, split it; -EAGAIN: SFB_NOWAIT and too few are
 * free, as above; -ERESTARTSYS: SFB_CATCH and a signal came. */
static ALWAYS_INLINE int sf_buf_alloc_pages(
	struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	sf_buf_check_caller(flags);
	if (!sf_buf_is_direct())
		return sf_mapped_alloc_pages(pages, n, flags, sfs);
	sf_buf_count_alloc(flags, n);
	count_add(sf_counter(flags, SF_BATCH), 1);
	for (unsigned i = 0; i < n; i++)
		sfs[i] = (struct sf_buf *)pages[i];
	return 0;
}

static ALWAYS_INLINE void sf_buf_free_pages(struct sf_buf **sfs, unsigned n)
{
	if (sf_buf_is_direct())
		count_add(sf_counter(0, SF_FREE), n);
	else
		sf_mapped_free_pages(sfs, n);
}

/* Chooses the strategy (sfbuf=, nsfbufs=) and builds the pool. BSP, after kmem, kva and pmap. */
void sf_buf_init(void);

/* /proc/sf_buf: the text, as snprintf() would do it (returns the length all of it needs), and what
 * writing "reset" does: every count starts again at 0, inuse aside. */
int sf_buf_report(char *buf, size_t size);
void sf_buf_reset(void);

const char *sf_buf_strategy_name(void);
unsigned sf_buf_slots(void); /* of the pool; 0: direct */

#endif
