/* SPDX-License-Identifier: BSD-2-Clause
 * What the strategies with a pool of slots share: the slots, their free list, and waiting for one
 * (mm/sf_pool.c). Nobody else includes this.
 */
#ifndef MM_SF_IMPL_H
#define MM_SF_IMPL_H

#include "mm/sf_buf.h"
#include "mm/sf_trace.h"
#include "mm/tlb.h"

struct sf_buf {
	struct vm_page *page; /* what the slot's PTE maps, or mapped last */
	uint32_t refs;        /* epoch: an atomic word, see SF_COUNT */
	union {               /* epoch */
		struct {
			bool used;       /* hit since the reclaimer came by */
			bool everywhere; /* no CPU holds a stale translation of kva */
		};
		uint16_t hot; /* SF_HOT: both */
	};
	vaddr_t kva;
	union { /* page -> sf_buf */
		struct list hash_link;
		struct sf_buf *hash_next; /* epoch */
	};
	struct list free_link; /* sf_pool.free while refs is 0, maybe longer; epoch: any list */
	union {
		unsigned user;      /* eager, percpu: SFB_PIPE..., who pays for unmapping */
		unsigned queued_at; /* epoch: the age of inactive ones; sf_line.lock */
	};
	unsigned long gen;      /* epoch: a CPU that has flushed since holds nothing stale either */
	struct cpumask cpumask; /* cache, epoch: CPUs that hold no stale translation of kva */
};

/* What `refs` is made of under `epoch`; the others use the count alone. */
#define SF_QUEUED  (1u << 31)
#define SF_CLAIMED (1u << 30)
#define SF_COUNT   (SF_CLAIMED - 1)

#define SF_HOT 0x0101

static inline unsigned sf_refs(const struct sf_buf *sf)
{
	return READ_ONCE(sf->refs) & SF_COUNT;
}

/* The pool. `lock` protects all of it and every slot's fields; spin lock class "sf_pool", innermost
 * but for wait queues. No shootdown happens under it (PAPER trap 9). */
struct sf_pool {
	struct spinlock lock;
	/* Every slot without references, the one that came back first in front. Among them may be slots
	 * that were taken again (cache): a hit leaves the list alone, sf_pool_oldest() tidies up. */
	struct list free;
	unsigned nfree; /* slots without references */
	unsigned nslots;
	unsigned nlocal; /* percpu: slots after these, each CPU's own; not part of the pool */
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
	/* NULL: as the pool says, under its lock */
	void (*ref)(struct sf_buf *sf);
	unsigned (*inuse)(void); /* slots with references; sf_pool.lock held */
	void (*reset)(void);     /* inuse_peak starts anew; sf_pool.lock held */
};
extern const struct sf_ops sf_cache_ops, sf_eager_ops, sf_percpu_ops, sf_epoch_ops;

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

/* percpu: mappings in no slot of the pool, less the slots that only look taken. Lock held. */
unsigned sf_percpu_inuse(void);

void sf_pool_wake_ones(unsigned n); /* only who waits for one slot */
void sf_pool_wake_waiting(unsigned n);

/* After n slots were given back: wakes who waits for them. No lock needed: a waiter enters its queue
 * first and looks at the pool after, in a critical section of the lock under which the slots were
 * given back. If that was before ours, our taking the lock, a full barrier, lets us see it here; else
 * it sees the slots. */
static ALWAYS_INLINE void sf_pool_wake(unsigned n)
{
	if (unlikely(!list_empty(&sf_pool.wait_one.waiters) ||
		     !list_empty(&sf_pool.wait_many.waiters)))
		sf_pool_wake_waiting(n);
}

/* Sleeps till ready(arg), which is called without any lock, and looks under those that protect what
 * it looks at (see above). No lock held. 0: ready() was true; -EAGAIN (SFB_NOWAIT), -ERESTARTSYS
 * (SFB_CATCH). */
int sf_pool_sleep(unsigned flags, bool many, bool (*ready)(void *arg), void *arg);

/* Nothing suitable is free: called with the lock held, returns without it. With `many` it waits for
 * any slot to come back, else for one to be free. 0: look again, from the start; -EAGAIN (SFB_NOWAIT),
 * -ERESTARTSYS (SFB_CATCH). */
int sf_pool_wait(unsigned flags, bool many);
/* By a thread that has slept and then succeeded: two who waited for the same page need one slot but
 * got a wake-up each; a second wake-up may also have met a thread that was awake already. */
void sf_pool_pass_on(void);

/* Drops n translations on every CPU of `mask` and counts it. No lock held, mask not empty. */
void sf_shootdown(const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned flags);
/* The same by tlb_shootdown_lazy(): idle CPUs do it when they wake up. */
void sf_shootdown_lazy(const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned flags);

/* Spreads pages over the top bits, which hash_chain() takes (Knuth's multiplicative hashing, with
 * 2^32 divided by the golden ratio: neighbours, the usual companions, fall far apart). */
static ALWAYS_INLINE uint32_t sf_hash(const struct vm_page *page)
{
	return (uint32_t)(uintptr_t)page * 0x9e3779b1u;
}

/* Slots with references, of a strategy that has slots. Pool's lock held. */
unsigned sf_buf_inuse(void);
/* The peak starts anew. Pool's lock held. */
void sf_buf_reset_peak(void);

#endif
