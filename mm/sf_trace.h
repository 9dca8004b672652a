/* SPDX-License-Identifier: BSD-2-Clause
 * The trace of ephemeral mappings, /proc/sf_trace: what the strategies and the shootdowns under them
 * did, when, on which CPU. Off at boot; `echo on >/proc/sf_trace`, then off, then read. tools/trace-svg
 * draws it. While it is off, sf_trace() costs a compare with a byte that never changes and a branch
 * that is never taken.
 */
#ifndef MM_SF_TRACE_H
#define MM_SF_TRACE_H

#include "kernel/core/cpumask.h"

struct vm_page;

/* The names, which stand in the text, are sf_trace.c's. */
enum sf_trace_event {
	SFT_HIT,    /* a request found the page mapped: page, kva */
	SFT_MISS,   /* it did not, and kva maps the page from now on: page, kva */
	SFT_UNMAP,  /* kva maps nothing any more: page, kva */
	SFT_INVLPG, /* this CPU dropped its translation: kva */
	SFT_FLUSH,  /* this CPU dropped all it had that is not global */
	SFT_SHOOT,  /* a shootdown begins: the first address, the targets */
	SFT_DONE,   /* all its targets have answered: the same */
	SFT_SERVE,  /* this CPU has done what another one asked: the asking CPU */
	SFT_WAIT,   /* all slots are in use, the thread goes to sleep */
	SFT_NEVENTS
};

extern bool sf_trace_on; /* by sf_trace.c only */

/* Out of line part of the below. */
void sf_trace_record(enum sf_trace_event event, const struct vm_page *page, vaddr_t kva,
	const struct cpumask *mask);

/* Notes an event, if the trace is on. Page and mask may be NULL, kva 0: the event has none. Any
 * context but NMI, any lock held; takes none itself. */
static ALWAYS_INLINE void sf_trace(enum sf_trace_event event, const struct vm_page *page,
	vaddr_t kva, const struct cpumask *mask)
{
	if (unlikely(READ_ONCE(sf_trace_on)))
		sf_trace_record(event, page, kva, mask);
}

/* The same, for an event that is about one CPU. */
static ALWAYS_INLINE void sf_trace_cpu(enum sf_trace_event event, unsigned cpu)
{
	struct cpumask mask = CPUMASK_NONE;

	if (likely(!READ_ONCE(sf_trace_on)))
		return;
	cpumask_set(&mask, cpu);
	sf_trace_record(event, NULL, 0, &mask);
}

/* /proc/sf_trace. What is written: on, off, clear; 0, -EINVAL, -ENOMEM. Sleeps. */
int sf_trace_write(const char *text, size_t len);
/* The text, line by line, oldest first: after a comment line, "ns cpu event frame kva cpus", "-" for
 * what an event does not have, cpus as 0,2,3. What a CPU overwrites meanwhile is left out. Sleeps in
 * `emit` only. */
void sf_trace_report(void (*emit)(void *arg, const char *line, size_t len), void *arg);

#endif
