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
	struct list free_link; /* sf_pool.free while refs is 0 */
	struct vm_page *page;  /* what the slot's PTE maps, or mapped last */
	vaddr_t kva;
	uint32_t refs;
	unsigned user;	    /* SFB_PIPE...: who pays for unmapping (eager) */
	struct cpumask cpumask; /* cache: CPUs that hold no stale translation of kva */
};

/* The pool. `lock` protects all of it and every slot's fields; spin lock class "sf_pool", innermost
 * but for wait queues. No shootdown happens under it (PAPER trap 9). */
struct sf_pool {
	struct spinlock lock;
	struct list free; /* cache: the inactive list, oldest first */
	unsigned nfree;
	unsigned nslots;
	unsigned inuse_peak;
	unsigned long frees;	     /* how often a slot came back; wraps */
	struct waitq wait_one;	     /* want one slot: woken one by one */
	struct waitq wait_many;	     /* want several: all look at every slot that comes back */
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

/* Takes a free slot off the list (refs stay 0: the caller's business). Lock held. */
void sf_pool_take(struct sf_buf *sf);
/* Puts a slot whose last reference is gone at the list's end. Lock held; wake after unlocking. */
void sf_pool_give(struct sf_buf *sf);
/* Wakes who waits for slots; no lock needed. */
void sf_pool_wake(void);

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
