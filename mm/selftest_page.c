/* SPDX-License-Identifier: BSD-2-Clause
 * Self tests of the allocators: pages, kmem, kva. All CPUs at once, seeded by member number.
 */
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/selftest.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"
#include "mm/page.h"

#define ROUNDS 3000
#define SLOTS  24
/* Pages that other threads, the slab caches and the cache of stacks may take meanwhile. */
#define NOISE 256

struct shared {
	uint32_t errors; /* atomic */
	const char *what;
};

static void complain(struct team *team, const char *what)
{
	struct shared *sh = team->arg;

	sh->what = what;
	__atomic_fetch_add(&sh->errors, 1, __ATOMIC_RELAXED);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static uint64_t free_pages(void)
{
	struct page_stats st;

	page_stats(&st);
	return st.free;
}

static bool leaked(uint64_t before)
{
	return free_pages() + NOISE < before;
}

/* ---- page ---- */

struct held {
	struct vm_page *page;
	enum page_zone zone;
	uintptr_t stamp;
};

static bool all_zero(const uintptr_t *w, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*w); i += 16)
		if (w[i] != 0)
			return false;
	return true;
}

static void hold_page(struct team *team, struct held *h, uint32_t rnd)
{
	unsigned order = rnd % 8 == 0 ? rnd / 8 % 4 : 0;
	bool zero = rnd & 0x1000;

	h->zone = rnd & 0x2000 ? ZONE_KERNEL : ZONE_DATA;
	if (h->zone == ZONE_DATA && zero)
		order = 0;
	h->page = page_alloc(h->zone, order, zero ? PAGE_ZERO : 0);
	if (h->page == NULL)
		return;
	if (page_frame(h->page) % (1u << order) != 0)
		complain(team, "a block is not aligned to its size");
	if (page_refs(h->page) != 1 || h->page->order != order)
		complain(team, "a fresh page's header is wrong");
	if (h->zone != ZONE_KERNEL)
		return;
	if (zero && !all_zero(page_to_kva(h->page), PAGE_SIZE << order))
		complain(team, "PAGE_ZERO is not zero");
	h->stamp = (uintptr_t)h ^ rnd;
	*(uintptr_t *)page_to_kva(h->page) = h->stamp;
}

static void drop_page(struct team *team, struct held *h)
{
	if (h->page == NULL)
		return;
	if (h->zone == ZONE_KERNEL && *(uintptr_t *)page_to_kva(h->page) != h->stamp)
		complain(team, "a page has two owners");
	page_get(h->page);
	page_put(h->page);
	page_put(h->page);
	h->page = NULL;
}

static void page_member(struct team *team, unsigned member)
{
	struct held held[SLOTS] = { 0 };
	uint32_t rnd = member + 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct held *h = &held[next_random(&rnd) % SLOTS];

		drop_page(team, h);
		hold_page(team, h, next_random(&rnd));
	}
	for (unsigned i = 0; i < SLOTS; i++)
		drop_page(team, &held[i]);
}

KTEST(page)
{
	uint64_t before = free_pages();
	struct shared sh = { 0 };

	KTEST_CHECK(team_run(cpumask_count(&cpus_online), true, page_member, &sh));
	KTEST_CHECK(sh.errors == 0, "%s", sh.what);
	KTEST_CHECK(!leaked(before), "%llu pages free before, %llu after",
		(unsigned long long)before, (unsigned long long)free_pages());
}

/* ---- kmem ---- */

static void kmem_member(struct team *team, unsigned member)
{
	uint8_t *obj[SLOTS] = { 0 };
	size_t size[SLOTS] = { 0 };
	uint32_t rnd = member + 1;

	for (unsigned i = 0; i < ROUNDS + SLOTS; i++) {
		unsigned s = i < ROUNDS ? next_random(&rnd) % SLOTS : i - ROUNDS;
		uint8_t mark = (uint8_t)(s + member);

		if (obj[s] != NULL && (obj[s][0] != mark || obj[s][size[s] - 1] != mark))
			complain(team, "an object has two owners");
		kfree(obj[s]);
		obj[s] = NULL;
		if (i >= ROUNDS)
			continue;
		size[s] = 1 + next_random(&rnd) % (i % 64 == 0 ? 20000 : 700);
		obj[s] = kmalloc(size[s]);
		if (obj[s] == NULL)
			continue;
		if ((uintptr_t)obj[s] % 16 != 0 ||
			(size[s] == PAGE_SIZE && ((uintptr_t)obj[s] & PAGE_MASK) != 0))
			complain(team, "kmalloc: bad alignment");
		memset(obj[s], mark, size[s]);
	}
}

KTEST(kmem)
{
	uint64_t before = free_pages();
	struct shared sh = { 0 };
	struct kmem_cache *c;
	void *p;

	KTEST_CHECK(team_run(cpumask_count(&cpus_online), true, kmem_member, &sh));
	KTEST_CHECK(sh.errors == 0, "%s", sh.what);
	KTEST_CHECK(!leaked(before), "%llu pages free before, %llu after",
		(unsigned long long)before, (unsigned long long)free_pages());
	c = kmem_cache_create("selftest", 200, 64);
	p = kmem_cache_zalloc(c);
	KTEST_CHECK(p != NULL && (uintptr_t)p % 64 == 0 && *(char *)p == 0);
	kmem_cache_free(c, p);
	p = kmalloc(4 << 20);
	KTEST_CHECK(p == NULL || ((uintptr_t)p & PAGE_MASK) == 0);
	kfree(p);
	KTEST_CHECK(kmalloc((4 << 20) + 1) == NULL);
}

/* ---- kva ---- */

static void kva_member(struct team *team, unsigned member)
{
	uint32_t rnd = member + 1;

	for (unsigned i = 0; i < 50; i++) {
		size_t size = (1 + next_random(&rnd) % 9) * PAGE_SIZE;
		uintptr_t *p = vzalloc(size), *last;

		if (p == NULL)
			continue;
		last = p + size / sizeof(*p) - 1;
		if (*p != 0 || *last != 0)
			complain(team, "vzalloc: not zero");
		if (pmap_kquery((vaddr_t)p - PAGE_SIZE) != 0 || pmap_kquery((vaddr_t)p + size) != 0)
			complain(team, "no guard page");
		*p = *last = (uintptr_t)p;
		if (i % 8 == 0)
			sched_yield();
		if (*p != (uintptr_t)p || *last != (uintptr_t)p)
			complain(team, "a range has two owners, or a stale translation");
		vfree(p, size);
	}
}

/* Two mappings of one page through kva_map_phys(), not page aligned. */
static void kva_phys(struct team *team, unsigned member)
{
	uint32_t *page = kpages_alloc(0, PAGE_ZERO), *map;

	if (page == NULL)
		return;
	page[5] = 0x1234567;
	map = kva_map_phys(virt_to_phys(page) + 20, 4, KVA_READONLY);
	if (map == NULL || *map != 0x1234567)
		complain(team, "kva_map_phys: wrong page");
	else
		kva_unmap_phys(map, 4);
	kpages_free(page);
	/* Addresses no CPU has, as a damaged table may name them. */
	if (kva_map_phys(~(paddr_t)0 - 3, 4, KVA_READONLY) != NULL ||
		kva_map_phys((paddr_t)1 << 53, 4, KVA_READONLY) != NULL ||
		kva_map_phys(((paddr_t)1 << cpu_features.phys_bits) - 4, 8, KVA_READONLY) != NULL)
		complain(team, "kva_map_phys: an address that is not there");
}

KTEST(kva)
{
	uint64_t before = free_pages();
	struct shared sh = { 0 };
	vaddr_t stack;

	KTEST_CHECK(team_run(cpumask_count(&cpus_online), true, kva_member, &sh));
	KTEST_CHECK(sh.errors == 0, "%s", sh.what);
	KTEST_CHECK(team_run(cpumask_count(&cpus_online), true, kva_phys, &sh));
	KTEST_CHECK(sh.errors == 0, "%s", sh.what);
	KTEST_CHECK(!leaked(before), "%llu pages free before, %llu after",
		(unsigned long long)before, (unsigned long long)free_pages());
	stack = kstack_alloc();
	KTEST_CHECK(stack != 0 && pmap_kquery(stack - PAGE_SIZE) == 0, "no guard page");
	kstack_free(stack);
	KTEST_CHECK(kva_alloc(KVA_SIZE) == 0);
}
