/* SPDX-License-Identifier: BSD-2-Clause
 * What the two halves of the strategy `epoch` know of each other: mm/sf_epoch.c, which users come
 * through and whose head explains it all, and mm/sf_epoch_slots.c, where slots come from.
 */
#ifndef MM_SF_EPOCH_H
#define MM_SF_EPOCH_H

#include "mm/sf_impl.h"

/* What each CPU has of its own. `lock` protects the list, `length` and `oldest`; the last four are written by the
 * CPU alone, but for sf_slots_reset(), which may cost a peak that is being looked at just then. */
struct sf_line {
	struct spinlock lock;
	struct list inactive; /* the one that was queued first in front */
	unsigned length;      /* of `inactive` */
	unsigned oldest;      /* queued_at of its first, if there is one */
	unsigned inuse;     /* slots that got, less those that lost, their references here; wraps */
	unsigned sample_at; /* with more, the sum over all CPUs may be a new peak */
	unsigned privates;  /* slots asked for by private misses; wraps */
	unsigned nretired;  /* slots this CPU has retired and not used yet */
} ALIGNED(64);
extern struct sf_line sf_lines[MAX_CPUS];

/* The one way to change `refs` while others may. */
static ALWAYS_INLINE bool sf_change(struct sf_buf *sf, uint32_t *from, uint32_t to)
{
	return __atomic_compare_exchange_n(
		&sf->refs, from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* May this CPU use the slot, though others perhaps may not? A reference is held, or it is claimed. */
static inline bool sf_valid_on(const struct sf_buf *sf, unsigned cpu)
{
	return cpumask_test(&sf->cpumask, cpu) || tlb_flushed_since(cpu, sf->gen);
}

/* It may; the next hit sees it at a glance. */
static inline void sf_set_valid(struct sf_buf *sf, unsigned cpu)
{
	struct cpumask missing;

	cpumask_set_atomic(&sf->cpumask, cpu);
	missing = cpumask_andnot(cpus_online, sf->cpumask);
	if (cpumask_empty(&missing))
		WRITE_ONCE(sf->everywhere, true);
}

/* Slots that got their first, or lost their last, reference on this CPU. */
void sf_line_sample(struct sf_line *l);

/* Must one more be sampled? */
static ALWAYS_INLINE bool sf_line_is_high(const struct sf_line *l)
{
	return (int)(l->sample_at - l->inuse) <= 0;
}

static ALWAYS_INLINE void sf_count_taken(unsigned n)
{
	struct sf_line *l = &sf_lines[this_cpu_id()];

	l->inuse += n;
	if (unlikely((int)(l->sample_at - l->inuse) < 0))
		sf_line_sample(l);
}

static ALWAYS_INLINE void sf_count_given(unsigned n)
{
	sf_lines[this_cpu_id()].inuse -= n;
}

/* All of these: thread context, no lock held. */

/* Puts a slot without references, SF_QUEUED just set, on this CPU's list. */
void sf_line_queue(struct sf_buf *sf);
/* A claimed slot with nothing to invalidate anywhere; any claimed slot, its PTE and validity what they
 * were. NULL: nothing is clean or inactive. The first may shoot down. */
struct sf_buf *sf_slot_shared(unsigned flags);
struct sf_buf *sf_slot_private(unsigned flags);
/* A claimed slot that was not needed after all. */
void sf_slot_give_back(struct sf_buf *sf, unsigned flags);
/* Exchanges the PTE of a claimed slot that has a page, and keeps invariant 4. Any lock may be held. */
void sf_slot_exchange(struct sf_buf *sf, pte_t pte, unsigned flags);
void sf_slots_init(void);
unsigned sf_slots_inuse(void);
void sf_slots_reset(void);

/* mm/sf_epoch.c: takes a claimed slot out of its chain. */
void sf_unhash(struct sf_buf *sf);

#endif
