/* SPDX-License-Identifier: BSD-2-Clause
 * Page allocation: zones, per-CPU caches of single pages, reference counts.
 *
 * A zone is a range of frames with a buddy system of its own. Single pages pass through a cache of
 * the calling CPU, filled and emptied in batches, so that most calls touch nothing other CPUs
 * write. When a zone runs dry the caches of all CPUs are emptied before the answer is no.
 *
 * Two marks keep the kernel going when memory is short: data pages may take the kernel's zone down
 * to keep[ZONE_DATA] pages, kernel pages down to keep[ZONE_KERNEL]; PAGE_RESERVE takes the rest.
 *
 * Locks: a cache's, then a zone's. Both are leaves for everybody else.
 */
#include "arch/x86/layout.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"
#include "mm/buddy.h"
#include "mm/page.h"
#include "mm/pmap.h"

#define CACHE_BATCH 16
#define CACHE_HIGH  (3 * CACHE_BATCH)
#define POISON_FREE 0xdb

struct page_cache {
	struct spinlock lock;
	struct list pages;
	unsigned n;
} ALIGNED(64);

struct zone {
	struct spinlock lock;
	struct buddy buddy;
	uintptr_t total;        /* frames ever given to it */
	uintptr_t keep[NZONES]; /* by the kind of page asked for */
	struct page_cache cache[MAX_CPUS];
};

struct vm_page *vm_pages;
uintptr_t vm_npages;
static struct zone zones[NZONES];

static void set_marks(void)
{
	struct zone *z = &zones[ZONE_KERNEL];

	/* With data memory elsewhere the kernel can afford to be greedy with its window. */
	if (zones[ZONE_DATA].total != 0)
		z->keep[ZONE_DATA] = z->total / 4;
	else
		z->keep[ZONE_DATA] = MIN(z->total / 32, (uintptr_t)2048);
	z->keep[ZONE_KERNEL] = MIN(z->keep[ZONE_DATA] / 4, (uintptr_t)256);
}

void page_zones_init(void)
{
	uintptr_t split = MIN((uintptr_t)(DMAP_LIMIT >> PAGE_SHIFT), vm_npages);

	buddy_init(&zones[ZONE_KERNEL].buddy, 0, split);
	buddy_init(&zones[ZONE_DATA].buddy, split, vm_npages);
	for (unsigned i = 0; i < NZONES; i++) {
		spin_init(&zones[i].lock, "page zone");
		for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
			spin_init(&zones[i].cache[cpu].lock, "page cache");
			list_init(&zones[i].cache[cpu].pages);
		}
	}
	for (uintptr_t f = split; f < vm_npages; f++)
		vm_pages[f].zone = ZONE_DATA;
}

static void zone_add(struct zone *z, uintptr_t start, uintptr_t end)
{
	if (start >= end)
		return;
	for (uintptr_t f = start; f < end; f++)
		vm_pages[f].flags = 0;
	spin_lock(&z->lock);
	buddy_add(&z->buddy, start, end);
	z->total += end - start;
	set_marks();
	spin_unlock(&z->lock);
}

void page_add_range(uintptr_t start, uintptr_t end)
{
	uintptr_t split = zones[ZONE_KERNEL].buddy.end;

	zone_add(&zones[ZONE_KERNEL], start, MIN(end, split));
	zone_add(&zones[ZONE_DATA], MAX(start, split), end);
}

bool phys_is_ram(paddr_t pa)
{
	return (pa >> PAGE_SHIFT) < vm_npages && !(phys_page(pa)->flags & PG_RESERVED);
}

/* ---- poison: kernel pages in debug builds ---- */

#ifdef DEBUG
static void poison_set(struct vm_page *p, unsigned order)
{
	if ((p->flags & PG_DATA) || !phys_is_mapped(page_phys(p)))
		return;
	memset(page_to_kva(p), POISON_FREE, PAGE_SIZE << order);
	for (uintptr_t i = 0; i < (uintptr_t)1 << order; i++)
		p[i].flags |= PG_POISON;
}

static void poison_check(struct vm_page *p, unsigned order)
{
	uintptr_t pattern;

	memset(&pattern, POISON_FREE, sizeof(pattern));
	for (uintptr_t i = 0; i < (uintptr_t)1 << order; i++) {
		const uintptr_t *w;

		if (!(p[i].flags & PG_POISON))
			continue;
		w = page_to_kva(&p[i]);
		for (unsigned j = 0; j < PAGE_SIZE / sizeof(*w); j++)
			KASSERT(w[j] == pattern, "free page %#llx was written at %#zx",
				(unsigned long long)page_phys(&p[i]), j * sizeof(*w));
		p[i].flags &= (uint16_t)~PG_POISON;
	}
}
#else
static void poison_set(struct vm_page *p, unsigned order)
{
}

static void poison_check(struct vm_page *p, unsigned order)
{
}
#endif

/* ---- allocation ---- */

/* Moves up to `n` pages of the cache to the zone, coldest first. Cache locked. */
static void cache_drain(struct zone *z, struct page_cache *c, unsigned n)
{
	spin_lock(&z->lock);
	for (; n > 0 && c->n > 0; n--) {
		struct vm_page *p = list_last(&c->pages, struct vm_page, link);

		list_remove(&p->link);
		p->flags &= (uint16_t)~PG_PCP;
		c->n--;
		buddy_free(&z->buddy, p, 0);
	}
	spin_unlock(&z->lock);
}

static void cache_fill(struct zone *z, struct page_cache *c, uintptr_t keep)
{
	spin_lock(&z->lock);
	while (c->n < CACHE_BATCH && z->buddy.nfree > keep) {
		struct vm_page *p = buddy_alloc(&z->buddy, 0);

		p->flags |= PG_PCP;
		list_push_back(&c->pages, &p->link);
		c->n++;
	}
	spin_unlock(&z->lock);
}

static void drain_all(struct zone *z)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		struct page_cache *c = &z->cache[cpu];

		if (READ_ONCE(c->n) == 0)
			continue;
		spin_lock(&c->lock);
		cache_drain(z, c, c->n);
		spin_unlock(&c->lock);
	}
}

static struct vm_page *take_single(struct zone *z, uintptr_t keep)
{
	struct page_cache *c = &z->cache[this_cpu_id()];
	struct vm_page *p = NULL;

	spin_lock(&c->lock);
	if (c->n == 0)
		cache_fill(z, c, keep);
	if (c->n > 0) {
		p = list_first(&c->pages, struct vm_page, link);
		list_remove(&p->link);
		p->flags &= (uint16_t)~PG_PCP;
		c->n--;
	}
	spin_unlock(&c->lock);
	return p;
}

static struct vm_page *take_block(struct zone *z, unsigned order, uintptr_t keep)
{
	struct vm_page *p = NULL;

	spin_lock(&z->lock);
	if (z->buddy.nfree >= keep + ((uintptr_t)1 << order))
		p = buddy_alloc(&z->buddy, order);
	spin_unlock(&z->lock);
	return p;
}

static struct vm_page *zone_take(struct zone *z, unsigned order, uintptr_t keep)
{
	return order == 0 ? take_single(z, keep) : take_block(z, order, keep);
}

static struct vm_page *zone_alloc(struct zone *z, unsigned order, uintptr_t keep)
{
	struct vm_page *p;

	if (z->total == 0)
		return NULL;
	p = zone_take(z, order, keep);
	if (p != NULL)
		return p;
	drain_all(z);
	return zone_take(z, order, keep);
}

static void zero_block(struct vm_page *p, unsigned order)
{
	for (uintptr_t i = 0; i < (uintptr_t)1 << order; i++)
		pmap_zero_page(&p[i]);
}

struct vm_page *page_alloc(enum page_zone zone, unsigned order, unsigned flags)
{
	struct zone *kz = &zones[ZONE_KERNEL];
	struct vm_page *p = NULL;

	KASSERT(order <= PAGE_MAX_ORDER, "order %u", order);
	if (zone == ZONE_DATA)
		p = zone_alloc(&zones[ZONE_DATA], order, 0);
	if (p == NULL)
		p = zone_alloc(kz, order, flags & PAGE_RESERVE ? 0 : kz->keep[zone]);
	if (p == NULL)
		return NULL;
	KASSERT(p->refs == 0 && !(p->flags & ~PG_POISON), "page %#llx refs %u flags %#x",
		(unsigned long long)page_phys(p), p->refs, p->flags);
	poison_check(p, order);
	p->flags = zone == ZONE_DATA ? PG_DATA : 0;
	p->order = (uint8_t)order;
	p->object = NULL;
	p->pindex = 0;
	list_init(&p->link);
	if (flags & PAGE_ZERO)
		zero_block(p, order);
	__atomic_store_n(&p->refs, 1, __ATOMIC_RELEASE);
	return p;
}

static void page_free(struct vm_page *p)
{
	unsigned order = p->order;
	struct zone *z = &zones[p->zone];
	struct page_cache *c;

	KASSERT(list_empty(&p->link), "page %#llx is still on a list",
		(unsigned long long)page_phys(p));
	poison_set(p, order);
	p->flags &= PG_POISON;
	p->object = NULL;
	if (order > 0) {
		spin_lock(&z->lock);
		buddy_free(&z->buddy, p, order);
		spin_unlock(&z->lock);
		return;
	}
	c = &z->cache[this_cpu_id()];
	spin_lock(&c->lock);
	p->flags |= PG_PCP;
	list_push_front(&c->pages, &p->link);
	if (++c->n > CACHE_HIGH)
		cache_drain(z, c, CACHE_BATCH);
	spin_unlock(&c->lock);
}

void page_get(struct vm_page *p)
{
	uint32_t UNUSED old = __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);

	KASSERT(old != 0, "page %#llx is free", (unsigned long long)page_phys(p));
}

void page_put(struct vm_page *p)
{
	/* Before our reference goes: after it, somebody else's may be the last. */
	unsigned UNUSED flags = READ_ONCE(p->flags);
	uint32_t old = __atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL);

	KASSERT(old != 0 && !(flags & (PG_FREE | PG_PCP | PG_RESERVED)),
		"page %#llx freed twice, or never allocated: refs %u, flags %#x",
		(unsigned long long)page_phys(p), old, flags);
	if (old == 1)
		page_free(p);
}

void *kpages_alloc(unsigned order, unsigned flags)
{
	struct vm_page *p = page_alloc(ZONE_KERNEL, order, flags);

	return p == NULL ? NULL : page_to_kva(p);
}

void kpages_free(void *kva)
{
	KASSERT(((vaddr_t)kva & PAGE_MASK) == 0, "%p", kva);
	page_put(phys_page(virt_to_phys(kva)));
}

static uint64_t zone_free(const struct zone *z)
{
	uint64_t n = READ_ONCE(z->buddy.nfree);

	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		n += READ_ONCE(z->cache[cpu].n);
	return n;
}

void page_stats(struct page_stats *st)
{
	st->kernel_zone_total = zones[ZONE_KERNEL].total;
	st->kernel_zone_free = zone_free(&zones[ZONE_KERNEL]);
	st->total = st->kernel_zone_total + zones[ZONE_DATA].total;
	st->free = st->kernel_zone_free + zone_free(&zones[ZONE_DATA]);
}

bool page_free_below(uint64_t n)
{
	struct page_stats st;

	/* What lies in the caches of the CPUs only makes it more. */
	if (READ_ONCE(zones[ZONE_KERNEL].buddy.nfree) + READ_ONCE(zones[ZONE_DATA].buddy.nfree) >=
		n)
		return false;
	page_stats(&st);
	return st.free < n;
}
