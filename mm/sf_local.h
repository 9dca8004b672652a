/* SPDX-License-Identifier: BSD-2-Clause
 * The private mappings of one thread under the strategy `percpu` (mm/sf_percpu.c), as struct thread
 * carries them. Nobody but the thread itself and the switch away from and to it looks at this.
 */
#ifndef MM_SF_LOCAL_H
#define MM_SF_LOCAL_H

#include "kernel/core/types.h"

struct vm_page;

/* Most private mappings a thread may have at a time; more go to the shared map. */
#define SF_LOCAL_MAX 16u

struct sf_local {
	unsigned used; /* bit i: slot i of the CPU the thread is pinned to is this thread's */
	struct {       /* what stood in the used slots while the thread does not run */
		struct vm_page *page;
		unsigned refs;
		unsigned user;
	} saved[SF_LOCAL_MAX];
};

void sf_percpu_switch(struct sf_local *prev, struct sf_local *next);

/* The scheduler calls it on the way from one thread to the next, interrupts off, on the stack of
 * the first. Costs a test unless one of them holds private mappings. */
static inline void sf_local_switch(struct sf_local *prev, struct sf_local *next)
{
	if (unlikely((prev->used | next->used) != 0))
		sf_percpu_switch(prev, next);
}

#endif
