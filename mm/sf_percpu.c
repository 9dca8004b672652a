/* SPDX-License-Identifier: BSD-2-Clause
 * The strategy `percpu`: what Linux does for highmem (kmap_local_page, and kmap for what is shared),
 * to stand beside the paper's design. The pool is split once, at boot:
 *
 *	slots 0 .. nslots-1	  the shared map, a window that all CPUs use
 *	then depth slots a CPU	  the private slots of whichever thread runs there
 *
 * depth is SF_LOCAL_MAX, less where the private slots would take more than half of the pool: with
 * fewer than two slots a CPU there are none, and everything goes through the shared map.
 *
 * A private mapping takes a free one of the private slots of its CPU; the thread is pinned, so the
 * address stays right while it sleeps. Each thread has all `depth` slots to itself: when another one
 * runs, what the first had there is saved in its struct sf_local and unmapped, and mapped again
 * before it goes on. No lock, no IPI, no reuse. A private request that finds too few of them left
 * takes all it wants from the shared map.
 * Why nobody reads another page there: only CPU c ever uses the addresses of CPU c, by threads that
 * cannot leave it. Other CPUs may walk these entries too and keep what they find for ever; they never
 * use it. On c itself an entry that goes, freed or switched away, is exchanged for 0 and the address
 * invalidated (INVLPG) before another page is entered, and an entry that is not present leaves
 * nothing in a TLB (Intel SDM 3A 4.10.2.3). Interrupts do not matter: their handlers neither map
 * anything nor switch threads.
 *
 * The shared map goes in laps. A slot is
 *
 *	clean	  not mapped, and no CPU holds anything of its address; at the front of sf_pool.free
 *	in use	  hashed by its page, refs > 0; on no list
 *	idle	  hashed, mapped, refs 0: a later request for the page still finds it; at the back
 *	swept	  unhashed, unmapped, being flushed; on a list of the CPU that does it
 *
 * and goes round: misses take clean slots one after the other; when they are used up, all idle ones
 * (LAP at most) are swept: their entries become 0, one shootdown drops their addresses everywhere,
 * they are clean again. So between two flushes of all CPUs an address stands for one page, and any
 * translation that a CPU holds of a slot in use is the right one: no masks, no A bits to look at.
 * There is one slot a page, because a page is looked up and entered under one hold of the lock.
 *
 * sf_pool.lock protects the shared map; shootdowns run without it (PAPER trap 9), while the swept
 * slots are nobody else's. Who needs more slots than are free sleeps with none (trap 4): what a call
 * needs is counted first, taken after, in one hold of the lock.
 */
#include "mm/sf_local.h"
#include "kernel/core/errno.h"
#include "kernel/core/hash.h"
#include "mm/kmem.h"
#include "mm/sf_impl.h"
#include "mm/sf_mutant.h"
#include "mm/sf_shadow.h"

/* Most slots of one sweep: bounds the time with the lock held. */
#define LAP 512

static struct hash table; /* page -> slot of the shared map */
static unsigned depth;    /* private slots a CPU */
static unsigned swept;    /* slots between idle and clean; sf_pool.lock */
static struct {
	unsigned held; /* private mappings of all threads pinned here; written by its own CPU */
} ALIGNED(64) on_cpu[MAX_CPUS];

static void enter(struct sf_buf *sf, struct vm_page *page)
{
	sf->page = page;
	pmap_kexchange(sf->kva, pmap_make_kpte(page_phys(page), VM_READ | VM_WRITE, 0));
	sf_trace(SFT_MISS, page, sf->kva, NULL);
}

/* ---- private slots ---- */

static struct sf_buf *private_slots(void)
{
	return &sf_pool.slots[sf_pool.nslots + this_cpu_id() * depth];
}

static bool is_private(const struct sf_buf *sf)
{
	return sf >= &sf_pool.slots[sf_pool.nslots];
}

static bool get_private(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	struct sf_local *own = &curthread()->sf_local;

	if (!(flags & SFB_CPUPRIVATE) || __builtin_popcount(own->used) + n > depth)
		return false;
	for (unsigned i = 0; i < n; i++) {
		unsigned slot = __builtin_ctz(~own->used);

		own->used |= 1u << slot;
		sfs[i] = &private_slots()[slot];
		sfs[i]->refs = 1;
		sfs[i]->user = flags >> SFB_USER_SHIFT << SFB_USER_SHIFT;
		enter(sfs[i], pages[i]);
	}
	on_cpu[this_cpu_id()].held += n;
	sf_count(flags, SF_MISS, n);
	return true;
}

static void clear_private(struct sf_buf *sf, unsigned flags)
{
	pmap_kexchange(sf->kva, 0);
	tlb_flush_local_page(sf->kva);
	sf_count(flags, SF_INVLPG_LOCAL, 1);
	sf_trace(SFT_UNMAP, sf->page, sf->kva, NULL);
}

static void put_private(struct sf_buf *sf)
{
	struct sf_local *own = &curthread()->sf_local;
	unsigned slot = (unsigned)(sf - private_slots());

	KASSERT(slot < depth && own->used & 1u << slot, "private to another CPU or thread");
	if (--sf->refs > 0)
		return;
	clear_private(sf, sf->user);
	own->used &= ~(1u << slot);
	on_cpu[this_cpu_id()].held--;
}

static void save_private(struct sf_local *l)
{
	for (unsigned left = l->used; left != 0; left &= left - 1) {
		unsigned slot = __builtin_ctz(left);
		struct sf_buf *sf = &private_slots()[slot];

		l->saved[slot].page = sf->page;
		l->saved[slot].refs = sf->refs;
		l->saved[slot].user = sf->user;
		sf->refs = 0;
		clear_private(sf, 0);
	}
}

static void restore_private(const struct sf_local *l)
{
	for (unsigned left = l->used; left != 0; left &= left - 1) {
		unsigned slot = __builtin_ctz(left);
		struct sf_buf *sf = &private_slots()[slot];

		sf->refs = l->saved[slot].refs;
		sf->user = l->saved[slot].user;
		enter(sf, l->saved[slot].page);
		sf_shadow_use(sf->kva, sf->page); /* its user has the address already */
	}
}

void sf_percpu_switch(struct sf_local *prev, struct sf_local *next)
{
	if (MUTANT(percpu_no_save))
		return;
	save_private(prev);
	restore_private(next);
}

unsigned sf_percpu_inuse(void)
{
	unsigned n = 0;

	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		n += READ_ONCE(on_cpu[cpu].held);
	return n - swept;
}

/* ---- the shared map; sf_pool.lock held unless it says otherwise ---- */

static struct list *chain_of(const struct vm_page *page)
{
	return hash_chain(&table, hash_u32((uint32_t)page_frame(page)));
}

static struct sf_buf *lookup(const struct vm_page *page)
{
	struct list *chain = chain_of(page);
	struct sf_buf *sf;

	LIST_FOR_EACH (sf, chain, hash_link)
		if (sf->page == page)
			return sf;
	return NULL;
}

static bool is_clean(const struct sf_buf *sf)
{
	return !(pmap_kquery(sf->kva) & PTE_P);
}

/* Lock not held. */
static void flush_everywhere(const vaddr_t *va, unsigned n, unsigned flags)
{
	struct cpumask online = cpus_online;

	if (n <= TLB_FULL_THRESHOLD) {
		sf_shootdown(&online, va, n, flags);
		return;
	}
	sf_count(flags, SF_FLUSH_LOCAL, 1);
	sf_count(flags, SF_IPI_ROUNDS, ncpus > 1);
	sf_trace(SFT_SHOOT, NULL, SFBUF_BASE, &online);
	sf_count(flags, SF_IPI_SENT,
		tlb_shootdown_range(&online, SFBUF_BASE, SFBUF_BASE + sf_pool.nslots * PAGE_SIZE));
	sf_trace(SFT_DONE, NULL, SFBUF_BASE, &online);
}

static void retire(struct sf_buf *sf, unsigned flags)
{
	pte_t old = pmap_kexchange(sf->kva, 0);

	sf_count(flags, old & PTE_A ? SF_RECYCLE_DIRTY : SF_RECYCLE_CLEAN, 1);
	sf_trace(SFT_UNMAP, sf->page, sf->kva, NULL);
	list_remove(&sf->hash_link);
	list_remove(&sf->free_link);
	sf->page = NULL;
}

/* The end of a lap: makes idle slots clean. Releases the lock. */
static void sweep(unsigned flags)
{
	struct list out = LIST_INIT(out);
	vaddr_t va[TLB_FULL_THRESHOLD];
	struct sf_buf *sf, *next;
	unsigned n = 0;

	LIST_FOR_EACH_SAFE (sf, next, &sf_pool.free, free_link) {
		if (is_clean(sf))
			continue;
		retire(sf, flags);
		list_push_back(&out, &sf->free_link);
		if (n < ARRAY_SIZE(va))
			va[n] = sf->kva;
		if (++n == LAP)
			break;
	}
	sf_pool.nfree -= n;
	swept += n;
	if (MUTANT(percpu_ipi_locked))
		flush_everywhere(va, n, flags);
	spin_unlock(&sf_pool.lock);
	if (!MUTANT(percpu_clean_early))
		flush_everywhere(va, n, flags);
	spin_lock(&sf_pool.lock);
	/* Clean ones stand in front: the others go behind them, and all come back. */
	list_splice_back(&out, &sf_pool.free);
	list_splice_back(&sf_pool.free, &out);
	swept -= n;
	sf_pool_given(n);
	spin_unlock(&sf_pool.lock);
	if (MUTANT(percpu_clean_early))
		flush_everywhere(va, n, flags);
	sf_pool_wake(n);
}

/* What a call takes from the pool: `taken` slots without references, of which `misses` clean. */
struct need {
	unsigned taken, misses;
};

static struct need count_need(struct vm_page **pages, unsigned n)
{
	struct need need = { 0, 0 };

	for (unsigned i = 0; i < n; i++) {
		struct sf_buf *sf = lookup(pages[i]);
		unsigned k = 0;

		while (pages[k] != pages[i])
			k++;
		if (k < i) /* the same page once more */
			continue;
		need.taken += sf == NULL || sf->refs == 0;
		need.misses += sf == NULL;
	}
	return need;
}

static bool enough_clean(unsigned n)
{
	struct sf_buf *sf;

	LIST_FOR_EACH (sf, &sf_pool.free, free_link) {
		if (n == 0 || !is_clean(sf))
			break;
		n--;
	}
	return n == 0;
}

/* The page's slot with a reference for the caller; if it is a miss, a slot is clean. */
static struct sf_buf *take(struct vm_page *page, bool waited)
{
	struct sf_buf *sf = lookup(page);

	if (MUTANT(percpu_no_second_look) && waited && enough_clean(1))
		sf = NULL;
	if (sf == NULL) {
		sf = list_first(&sf_pool.free, struct sf_buf, free_link);
		enter(sf, page);
		list_push_front(chain_of(page), &sf->hash_link);
	} else {
		sf_trace(SFT_HIT, page, sf->kva, NULL);
	}
	if (sf->refs++ == 0)
		list_remove(&sf->free_link);
	return sf;
}

/* Lock not held. Sleeps holding nothing. */
static int get_shared(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	bool many = n > 1, waited = false;
	struct need need;

	for (;;) {
		int err;

		spin_lock(&sf_pool.lock);
		/* Anew after each sleep and each sweep: others have mapped pages since (trap 7). */
		need = count_need(pages, n);
		if (need.taken > sf_pool.nfree) {
			err = sf_pool_wait(flags, many);
			if (err != 0)
				return err;
			waited = true;
		} else if (!enough_clean(need.misses)) {
			sweep(flags);
		} else {
			break;
		}
	}
	for (unsigned i = 0; i < n; i++)
		sfs[i] = take(pages[i], waited);
	sf_pool_taken(need.taken);
	spin_unlock(&sf_pool.lock);
	if (waited)
		sf_pool_pass_on();
	if (need.misses > 0)
		sf_count(flags, SF_MISS, need.misses);
	return 0;
}

/* Returns whether the slot came free. */
static bool put_shared(struct sf_buf *sf)
{
	KASSERT(sf->refs > 0, "sf_buf freed twice");
	if (--sf->refs > 0)
		return false;
	list_push_back(&sf_pool.free, &sf->free_link);
	return true;
}

/* ---- the strategy ---- */

static int get(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	int err = get_private(pages, n, flags, sfs) ? 0 : get_shared(pages, n, flags, sfs);

	if (err == 0)
		sf_buf_count_alloc(flags, n);
	return err;
}

static struct sf_buf *percpu_alloc(struct vm_page *page, unsigned flags)
{
	struct sf_buf *sf;

	return get(&page, 1, flags, &sf) == 0 ? sf : NULL;
}

static int percpu_alloc_pages(
	struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	int err = get(pages, n, flags, sfs);

	if (err == 0)
		sf_count(flags, SF_BATCH, 1);
	return err;
}

static void percpu_free_pages(struct sf_buf **sfs, unsigned n)
{
	unsigned freed = 0, shared = 0;

	for (unsigned i = 0; i < n; i++)
		if (is_private(sfs[i]))
			put_private(sfs[i]);
		else
			shared++;
	if (shared == 0)
		return;
	spin_lock(&sf_pool.lock);
	for (unsigned i = 0; i < n; i++)
		if (!is_private(sfs[i]))
			freed += put_shared(sfs[i]);
	sf_pool_given(freed);
	spin_unlock(&sf_pool.lock);
	sf_pool_wake(freed);
}

static void percpu_free(struct sf_buf *sf)
{
	percpu_free_pages(&sf, 1);
}

static void split_pool(void)
{
	unsigned n = sf_pool.nslots;

	depth = MIN(n / (2 * ncpus), SF_LOCAL_MAX);
	sf_pool.nlocal = ncpus * depth;
	sf_pool.nslots = sf_pool.nfree = n - sf_pool.nlocal;
	for (unsigned i = sf_pool.nslots; i < n; i++)
		list_remove(&sf_pool.slots[i].free_link);
}

static int percpu_init(void)
{
	split_pool();
	table.bits = 1;
	while ((1u << table.bits) < sf_pool.nslots)
		table.bits++;
	table.chains = vzalloc(sizeof(struct list) << table.bits);
	if (table.chains == NULL)
		return -ENOMEM;
	hash_init(&table);
	return 0;
}

const struct sf_ops sf_percpu_ops = {
	.name = "percpu",
	.init = percpu_init,
	.alloc = percpu_alloc,
	.free = percpu_free,
	.alloc_pages = percpu_alloc_pages,
	.free_pages = percpu_free_pages,
};
