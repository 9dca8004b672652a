/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of the scheduler (sched.c, sched_wake.c, thread.c) share; nobody else's business.
 */
#ifndef KERNEL_CORE_RUNQ_H
#define KERNEL_CORE_RUNQ_H

#include "kernel/core/sched.h"
#include "kernel/core/spinlock.h"

#define SLICE_NS (10 * NSEC_PER_MSEC)

/* Where a CPU is between running threads and halting. */
enum idle_state {
	CPU_BUSY,
	CPU_POLLING, /* looks at need_resched by itself: needs no IPI */
	CPU_HALTED,
};

struct runq {
	struct spinlock lock;
	struct list fresh;    /* threads that slept lately; they go first */
	struct list bound;    /* threads that used up a time slice */
	unsigned nr;          /* on both lists; written under lock, read by all */
	enum idle_state idle; /* own CPU's; read by all: see sched.c */
	bool curr_bound;      /* the running thread is cpu_bound; a hint */
	bool curr_busy;       /* the running thread is not the idle thread; for the load average */
	uint64_t bound_due;   /* from then on the bound ones go first, once */
	struct thread *leaving; /* own CPU's: switched away from, must move to another CPU */
} ALIGNED(64);

extern struct runq runqs[MAX_CPUS];
extern struct cpumask sched_cpus; /* CPUs that schedule; atomic, only grows */
extern struct cpumask idle_cpus;  /* CPUs in the idle loop; atomic, a hint */

void runq_add(struct runq *rq, struct thread *t);
void runq_remove(struct runq *rq, struct thread *t);

/* Leaves the CPU. `requeue`: the caller stays runnable. Interrupts off, no spin lock held. */
void schedule(bool requeue);
/* Its CPU is not one the thread may run on, and another is. */
bool sched_misplaced(const struct thread *t);

/* Makes a thread that is on no queue, state RUNNABLE, run somewhere. */
void sched_place(struct thread *t);
/* Makes `cpu` look at its run queue soon. */
void sched_kick(unsigned cpu);
/* If some idle CPU may run t, tells it to come and steal. */
void sched_kick_idle(const struct thread *t);

void sched_load_init(void);

/* The dead thread is off its stack: frees it, later. */
void thread_bury(struct thread *t);
void thread_reaper_start(void);

#endif
