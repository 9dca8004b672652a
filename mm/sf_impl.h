/* SPDX-License-Identifier: BSD-2-Clause
 * What the strategies with a pool of slots (mm/sf_cache.c, mm/sf_eager.c) share: the slots, their
 * free list, and waiting for one. Nobody else includes this.
 */
#ifndef MM_SF_IMPL_H
#define MM_SF_IMPL_H

#include "mm/sf_buf.h"
#include "mm/tlb.h"

struct sf_buf {
	struct list hash_link; /* cache: page -> sf_buf */
	struct list free_link; /* sf_pool.free while refs is 0, maybe longer */
	struct vm_page *page;  /* what the slot's PTE maps, or mapped last */
	vaddr_t kva;
	uint32_t refs;
	unsigned user;          /* SFB_PIPE...: who pays for unmapping (eager) */
	struct cpumask cpumask; /* cache: CPUs that hold no stale translation of kva */
};

/* The pool. `lock` protects all of it and every slot's fields; spin lock class "sf_pool", innermost
 * but for wait queues. No shootdown happens under it (PAPER trap 9). */
struct sf_pool {
	struct spinlock lock;
	/* Every slot without references, the one that came back first in front. Among them may be slots
	 * that were taken again (cache): a hit leaves the list alone, sf_pool_oldest() tidies up. */
	struct list free;
	unsigned nfree; /* slots without references */
	unsigned nslots;
	unsigned inuse_peak;
	unsigned long frees;    /* how often a slot came back; wraps */
	struct waitq wait_one;  /* want one slot: woken one by one */
	struct waitq wait_many; /* want several: all look at every slot that comes back */
	struct sf_buf *slots;
};
extern struct sf_pool sf_pool;

struct sf_ops {
	const char *name;
	int (*init)(void); /* after the pool exists; -ENOMEM */
	struct sf_buf *(*alloc)(struct vm_page *page, unsigned flags);
	void (*free)(struct sf_buf *sf);
	int (*alloc_pages)(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs);
	void (*free_pages)(struct sf_buf **sfs, unsigned n);
};
extern const struct sf_ops sf_cache_ops, sf_eager_ops;

static inline void sf_count(unsigned flags, enum sf_event event, uint64_t n)
{
	count_add(sf_counter(flags, event), n);
}

/* The free slot that came back first; there is one. Still free, still on the list. Lock held. */
struct sf_buf *sf_pool_oldest(void);
/* n slots got, or lost, their first, or last, reference. Lock held. */
static inline void sf_pool_taken(unsigned n)
{
	struct sf_pool *p = &sf_pool;

	KASSERT(n <= p->nfree, "%u of %u slots taken", n, p->nfree);
	p->nfree -= n;
	if (p->nslots - p->nfree > p->inuse_peak)
		p->inuse_peak = p->nslots - p->nfree;
}

static inline void sf_pool_given(unsigned n)
{
	sf_pool.nfree += n;
	sf_pool.frees += n;
}

/* Puts a slot without references at the list's end, wherever it was. Lock held. */
static inline void sf_pool_put(struct sf_buf *sf)
{
	list_remove(&sf->free_link);
	list_push_back(&sf_pool.free, &sf->free_link);
}

/* After n slots were given back: wakes who waits for them. No lock needed. */
void sf_pool_wake(unsigned n);

/* Nothing suitable is free: called with the lock held, returns without it. With `many` it waits for
 * any slot to come back, else for one to be free. 0: look again, from the start; -EAGAIN (SFB_NOWAIT),
 * -ERESTARTSYS (SFB_CATCH). */
int sf_pool_wait(unsigned flags, bool many);
/* By a thread that has slept and then succeeded: two who waited for the same page need one slot but
 * got a wake-up each; a second wake-up may also have met a thread that was awake already. */
void sf_pool_pass_on(void);

/* Drops n translations on every CPU of `mask` and counts it. No lock held, mask not empty. */
void sf_shootdown(const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned flags);

#endif
