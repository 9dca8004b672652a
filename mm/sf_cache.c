/* SPDX-License-Identifier: BSD-2-Clause
 * The strategy `cache`: the paper's i386 design. A hash table leads from a page to the one sf_buf
 * that maps it; an sf_buf without references stays mapped on the inactive list (sf_pool.free,
 * oldest first) until its slot is needed for another page.
 *
 * An entry's cpumask names the CPUs known to hold no stale translation of its address. When a slot
 * is recycled, the accessed bit of the entry that goes decides: a translation can be cached only
 * after A was set (Intel SDM 3A 4.10.2.3), so if A was clear no CPU holds *that* translation and the
 * mask stays what it was; if A was set any CPU may hold it and the mask becomes empty. It is not made
 * full in the first case: a CPU whose bit was clear may still hold an older one (PAPER trap 1).
 * Whoever is about to use the mapping on CPUs outside the mask invalidates there first and adds
 * their bits after.
 *
 * sf_pool.lock protects everything. Shootdowns happen after it is released (trap 9), while a
 * reference keeps the entry from being recycled; bits are set only once all CPUs have answered, so
 * another user who finds a bit clear in between does its own invalidation instead of trusting ours.
 * Nothing here sleeps with a CPU number in hand: between reading it and the INVLPG the thread cannot
 * move (kernel/core/cpu.h), and private users are pinned beyond that (trap 2).
 */
#include "kernel/core/errno.h"
#include "kernel/core/hash.h"
#include "mm/kmem.h"
#include "mm/sf_impl.h"
#include "mm/sf_mutant.h"

static struct hash table;

/* Entries of one call that need a shootdown before their user may touch them. */
struct pending {
	struct cpumask cpus;
	unsigned n;
	struct sf_buf **sfs;
	vaddr_t *va;
};

static struct list *chain_of(const struct vm_page *page)
{
	return hash_chain(&table, sf_hash(page));
}

static ALWAYS_INLINE struct sf_buf *lookup(const struct vm_page *page)
{
	struct list *chain = chain_of(page);
	struct sf_buf *sf;

	LIST_FOR_EACH (sf, chain, hash_link)
		if (likely(sf->page == page))
			return sf;
	return NULL;
}

/* Makes a free slot map `page`. The exchange is atomic: an A bit that another CPU's walk sets until
 * the last moment is seen (trap 10). */
static void recycle(struct sf_buf *sf, struct vm_page *page, unsigned flags)
{
	pte_t read = MUTANT(cache_reads_then_writes) ? pmap_kquery(sf->kva) : 0, old;

	old = pmap_kexchange(sf->kva, pmap_make_kpte(page_phys(page), VM_READ | VM_WRITE, 0));
	if (MUTANT(cache_reads_then_writes))
		old = read;
	if (old & PTE_P) {
		if (old & PTE_A) {
			sf->cpumask = CPUMASK_NONE;
			sf_count(flags, SF_RECYCLE_DIRTY, 1);
		} else {
			if (MUTANT(cache_clean_is_full))
				sf->cpumask = cpus_online;
			sf_count(flags, SF_RECYCLE_CLEAN, 1);
		}
	}
	list_remove(&sf->hash_link);
	sf->page = page;
	list_push_front(chain_of(page), &sf->hash_link);
}

/* What one call has done to the pool. */
struct tally {
	unsigned taken; /* slots that got their first reference */
	unsigned misses;
	bool waited;
};

/* Of a page that has none. */
static NOINLINE struct sf_buf *map_missing(struct vm_page *page, unsigned flags, struct tally *t)
{
	struct sf_buf *sf;

	if (sf_pool.nfree == t->taken)
		return NULL;
	sf = sf_pool_oldest();
	recycle(sf, page, flags);
	t->misses++;
	sf_trace(SFT_MISS, page, sf->kva, NULL);
	return sf;
}

/* The page's sf_buf with a reference for the caller, valid on no CPU in particular. NULL: there is
 * none and no slot is free. Lock held. */
static ALWAYS_INLINE struct sf_buf *get(struct vm_page *page, unsigned flags, struct tally *t)
{
	struct sf_buf *sf = lookup(page);

	if (MUTANT(cache_no_second_look) && t->waited)
		sf = NULL;
	if (likely(sf != NULL))
		sf_trace(SFT_HIT, page, sf->kva, NULL);
	else if ((sf = map_missing(page, flags, t)) == NULL)
		return NULL;
	KASSERT((pmap_kquery(sf->kva) & PTE_ADDR) == page_phys(page), "slot maps another page");
	if (sf->refs++ == 0)
		t->taken++;
	return sf;
}

/* Drops a reference; returns whether the slot came free. Lock held. */
static ALWAYS_INLINE bool put(struct sf_buf *sf)
{
	KASSERT(sf->refs > 0, "sf_buf freed twice");
	if (--sf->refs > 0)
		return false;
	sf_pool_put(sf);
	return true;
}

/* Sees to it that this CPU holds no stale translation. Lock held. */
static ALWAYS_INLINE void validate_private(struct sf_buf *sf, unsigned me, unsigned flags)
{
	if (likely(cpumask_test(&sf->cpumask, me)))
		return;
	tlb_flush_local_page(sf->kva);
	sf_count(flags, SF_INVLPG_LOCAL, 1);
	sf_trace(SFT_INVLPG, NULL, sf->kva, NULL);
	cpumask_set(&sf->cpumask, me);
}

/* Notes which CPUs must drop theirs before all may use the entry. Lock held. */
static ALWAYS_INLINE void validate_shared(struct sf_buf *sf, struct pending *p)
{
	struct cpumask missing = cpumask_andnot(cpus_online, sf->cpumask);

	if (likely(cpumask_empty(&missing)))
		return;
	p->cpus = cpumask_or(p->cpus, missing);
	p->sfs[p->n] = sf;
	p->va[p->n++] = sf->kva;
}

/* The caller's references keep the entries in place. Lock not held. */
static void shoot(const struct pending *p, unsigned flags)
{
	if (p->n == 0)
		return;
	if (!MUTANT(cache_bits_early))
		sf_shootdown(&p->cpus, p->va, p->n, flags);
	spin_lock(&sf_pool.lock);
	for (unsigned i = 0; i < p->n; i++)
		p->sfs[i]->cpumask = cpumask_or(p->sfs[i]->cpumask, p->cpus);
	spin_unlock(&sf_pool.lock);
	if (MUTANT(cache_bits_early))
		sf_shootdown(&p->cpus, p->va, p->n, flags);
}

/* Gives up the lock, and sees to it that no CPU holds a stale translation. */
static NOINLINE void unlock_shared(struct sf_buf *sf, unsigned flags)
{
	vaddr_t va;
	struct pending p = { CPUMASK_NONE, 0, &sf, &va };

	validate_shared(sf, &p);
	spin_unlock(&sf_pool.lock);
	shoot(&p, flags);
}

static ALWAYS_INLINE void count_alloc(unsigned flags, unsigned n, const struct tally *t)
{
	sf_buf_count_alloc(flags, n);
	if (t->misses > 0)
		sf_count(flags, SF_MISS, MIN(t->misses, n));
}

static struct sf_buf *cache_alloc(struct vm_page *page, unsigned flags)
{
	struct tally t = { 0, 0, false };
	struct sf_buf *sf;
	unsigned before = MUTANT(cache_stale_cpu) ? this_cpu_id() : 0;

	spin_lock(&sf_pool.lock);
	/* After a sleep somebody else may have mapped the page: looked up anew (trap 7). */
	while ((sf = get(page, flags, &t)) == NULL) {
		if (sf_pool_wait(flags, false) != 0)
			return NULL;
		t.waited = true;
		spin_lock(&sf_pool.lock);
	}
	sf_pool_taken(t.taken);
	if (MUTANT(cache_stale_cpu))
		validate_private(sf, before, flags);
	if (MUTANT(cache_ipi_locked))
		sf_shootdown(&cpus_online, &sf->kva, 1, flags);
	if (flags & SFB_CPUPRIVATE) {
		validate_private(sf, this_cpu_id(), flags);
		spin_unlock(&sf_pool.lock);
	} else {
		unlock_shared(sf, flags);
	}
	if (t.waited)
		sf_pool_pass_on();
	count_alloc(flags, 1, &t);
	return sf;
}

static void cache_free(struct sf_buf *sf)
{
	bool freed;

	spin_lock(&sf_pool.lock);
	freed = put(sf);
	if (freed)
		sf_pool_given(1);
	spin_unlock(&sf_pool.lock);
	if (freed)
		sf_pool_wake(1);
}

/* All or nothing under one hold of the lock: who cannot have all keeps none while it waits (trap 4). */
static bool get_all(
	struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs, struct tally *t)
{
	unsigned i;

	t->taken = 0; /* misses of calls before this one count: what they entered will be hits */
	for (i = 0; i < n; i++) {
		sfs[i] = get(pages[i], flags, t);
		if (unlikely(sfs[i] == NULL))
			break;
	}
	if (likely(i == n)) {
		sf_pool_taken(t->taken);
		return true;
	}
	while (i-- > 0)
		put(sfs[i]);
	return false;
}

static int cache_alloc_pages(
	struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	struct sf_buf *slow[SFB_BATCH_MAX];
	vaddr_t va[SFB_BATCH_MAX];
	struct pending p = { CPUMASK_NONE, 0, slow, va };
	struct tally t = { 0, 0, false };
	int err;

	spin_lock(&sf_pool.lock);
	while (!get_all(pages, n, flags, sfs, &t)) {
		err = sf_pool_wait(flags, true);
		if (err != 0)
			return err;
		spin_lock(&sf_pool.lock);
	}
	if (flags & SFB_CPUPRIVATE) {
		for (unsigned i = 0, me = this_cpu_id(); i < n; i++)
			validate_private(sfs[i], me, flags);
	} else {
		for (unsigned i = 0; i < n; i++)
			validate_shared(sfs[i], &p);
	}
	spin_unlock(&sf_pool.lock);
	shoot(&p, flags);
	count_alloc(flags, n, &t);
	sf_count(flags, SF_BATCH, 1);
	return 0;
}

static void cache_free_pages(struct sf_buf **sfs, unsigned n)
{
	unsigned freed = 0;

	spin_lock(&sf_pool.lock);
	for (unsigned i = 0; i < n; i++)
		freed += put(sfs[i]);
	sf_pool_given(freed);
	spin_unlock(&sf_pool.lock);
	sf_pool_wake(freed);
}

/* No slot has ever been mapped, so no CPU holds anything of it: all bits start set. */
static int cache_init(void)
{
	struct cpumask all = CPUMASK_NONE;

	table.bits = 1;
	while ((1u << table.bits) < sf_pool.nslots)
		table.bits++;
	table.chains = vzalloc(sizeof(struct list) << table.bits);
	if (table.chains == NULL)
		return -ENOMEM;
	hash_init(&table);
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		cpumask_set(&all, cpu);
	for (unsigned i = 0; i < sf_pool.nslots; i++)
		sf_pool.slots[i].cpumask = all;
	return 0;
}

const struct sf_ops sf_cache_ops = {
	.name = "cache",
	.init = cache_init,
	.alloc = cache_alloc,
	.free = cache_free,
	.alloc_pages = cache_alloc_pages,
	.free_pages = cache_free_pages,
};
