/* SPDX-License-Identifier: BSD-2-Clause
 * A machine for the sf_buf strategies and mm/tlb.c to run on: a few CPUs, threads that are
 * coroutines, the page table entries of the sf_buf region, and TLBs as hostile as the manual
 * allows.
 *
 * One host thread plays it all. A simulated thread runs till it reaches a point where real CPUs
 * could overtake one another (sim_point(): taking and releasing a lock, each atomic access, the
 * start of a shootdown, a wake-up, going to sleep), and there control goes back to the driver,
 * which chooses what happens next: which CPU goes on, which interrupt arrives, which idle CPU
 * takes which thread, which sleeper gets a signal. What is open inside a thread (which page? was
 * the accessed bit set?) is a choice as well, sim_choose(). A driver that tries every alternative
 * has seen every execution, in the order of sequential consistency (mm/tlb.c argues x86's store
 * buffers, and tests/model checks protocols).
 *
 * The TLB is a set: may[cpu][slot] has a bit for each page that the CPU may have cached for that
 * address. Any CPU may walk a present entry at any moment and keep what it found until it
 * invalidates the address; the code under test can tell only by the accessed bit. So nothing has to
 * be decided while an entry stands: when it is exchanged, either A is set and every CPU may hold
 * it, or A is clear and none has (Intel SDM 3A 4.10.2).
 *
 * All that changes stands in the ranges of sim_ranges(): an explorer saves and restores them.
 */
#ifndef TESTS_HOST_SIM_H
#define TESTS_HOST_SIM_H

#include <stddef.h>

#include "kernel/core/cpu.h"
#include "kernel/core/sched.h"
#include "mm/pmap.h"

#define SIM_CPUS    4
#define SIM_THREADS 8
#define SIM_PAGES   24
#define SIM_SLOTS   32
#define SIM_HELD    6
#define SIM_STACK   32768

/* One mapping that a thread holds. */
struct sim_held {
	struct sf_buf *sf;
	struct vm_page *page;
	bool private;
};

enum sim_state { SIM_READY, SIM_RUNNING, SIM_ASLEEP, SIM_DONE };

struct sim_thread {
	struct thread kernel;
	void *sp; /* while it does not run */
	enum sim_state state;
	enum wait_kind kind;
	unsigned cpu;     /* where it runs, or ran last */
	bool wake;        /* a wake-up, or a signal, that ends the next sleep */
	bool interrupted; /* a signal has come */
	unsigned signals; /* that may still come */
	unsigned budget;  /* pages it may still map */
	bool calling;     /* is inside a call of sf_buf.h */
	unsigned nheld;
	struct sim_held held[SIM_HELD];
	uint32_t settled[SIM_CPUS]; /* sim_cpu.settled when its call began */
};

struct sim_cpu {
	int thread;       /* -1: idle */
	bool marked;      /* idle, and has said so: tlb_enter_idle() */
	bool spinning;    /* waits in a loop, and nothing has changed since it came round last */
	bool news;        /* something has */
	bool wrote;       /* it has changed something itself in this step */
	bool irqs_off;    /* by irq_save(); spin locks count apart */
	bool ipi;         /* pending */
	bool interrupt;   /* arriving */
	uint32_t flushed; /* slots invalidated here since their last exchange */
	uint32_t settled; /* of these: slots a finished call knows about */
};

/* Breaks the machine, to show that a test would see it. */
enum sim_fault {
	SIM_GOOD,
	SIM_NO_INVLPG,    /* INVLPG does nothing */
	SIM_LOSES_IPI,    /* a request is served without invalidating */
	SIM_LOSES_A,      /* the exchange reports a set A bit as clear */
	SIM_LOSES_WAKEUP, /* a wake-up goes nowhere */
	SIM_NFAULTS
};

struct sim {
	unsigned ncpus, nthreads, npages, nslots;
	bool epochs; /* CPUs mark themselves idle, and load CR3 now and then */
	enum sim_fault fault;
	enum { SIM_SOME, SIM_NONE, SIM_ALL } walks; /* which exchanges find the accessed bit set */
	int current;     /* the thread whose coroutine runs; -1: the driver */
	unsigned asking; /* alternatives that thread `asker` wants to choose from; 0: none */
	unsigned asker;
	unsigned answer;
	struct sim_cpu cpu[SIM_CPUS];
	struct sim_thread thread[SIM_THREADS];
	struct thread idle[SIM_CPUS];
	pte_t pte[SIM_SLOTS];
	uint32_t may[SIM_CPUS][SIM_SLOTS];
	unsigned pages_used; /* an explorer takes a new one only if all before it have been used */
} ALIGNED(64);
extern struct sim sim; /* ALIGNED(64), as all that changes: it is copied by lines */

/* What went wrong first, "" if nothing has. The run is over then. */
extern char sim_wrong[256];
void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Part of no state. */
extern struct sim_stats {
	unsigned long allocs, fails, signals, switches, ipis, invalidations, exchanges;
} ALIGNED(64) sim_stats;

/* ---- the machine: sim_machine.c ---- */

/* The bug that SIM_MUTANT in the environment names (mm/sf_mutant.h) is in the code from now on. */
void sim_choose_mutant(void);
/* A machine whose threads run body(); the pool's memory is gone. */
void sim_boot(unsigned ncpus, unsigned nthreads, void (*body)(void));
/* How many things can happen next, and makes number i of them happen. 0: nothing can. */
unsigned sim_alternatives(void);
void sim_take(unsigned i);
const char *sim_describe(unsigned i); /* for people */
extern unsigned sim_ran;              /* the thread that ran last */
bool sim_all_done(void);

void sim_point(void);            /* called by threads: others may run here */
extern bool sim_fine;            /* atomic accesses are points too (tests/host/sim_points.h) */
unsigned sim_choose(unsigned n); /* 0 .. n-1 */
void sim_reads(void);            /* a point if sim_fine */
void sim_yield(void);            /* gives up the CPU, stays runnable */
static inline struct sim_thread *sim_self(void)
{
	return &sim.thread[sim.current];
}

/* With chance on, threads get random answers at once; the driver always does. */
void sim_seed(uint64_t seed);
extern bool sim_chance;

struct sim_range {
	void *start;
	size_t size;
	bool counts; /* two states that differ here differ */
};
/* All memory that a run changes, stacks aside; returns how many ranges. */
unsigned sim_ranges(struct sim_range *r);
void *sim_stack_top(unsigned thread);

/* ---- memory: sim_mmu.c ---- */

void sim_mmu_boot(void);
/* May the CPU see another page than `page` at kva now? */
bool sim_stale(unsigned cpu, vaddr_t kva, const struct vm_page *page);
/* A call begins and, when it got a mapping, ends: what it did must not be done again. */
void sim_call_begins(void);
void sim_call_got(vaddr_t kva, bool private);
void sim_call_ends(void);
/* Looks at every mapping that is out and at the table of slots; sim_fail()s. */
void sim_check(void);
void *sim_pool_memory(size_t *size);

/* ---- threads that use sf_bufs: sim_load.c ---- */

enum sim_op {
	OP_PRIVATE,
	OP_SHARED,
	OP_NOWAIT, /* shared */
	OP_CATCH,  /* shared */
	OP_BATCH_PRIVATE,
	OP_BATCH_SHARED, /* two pages, or one twice */
	OP_REF,          /* a second reference for what it holds */
	OP_CR3,          /* loads CR3, as a switch of address spaces does */
	OP_YIELD,        /* while it holds something */
	SIM_NOPS
};
#define OPS(a) (1u << OP_##a)

struct sim_load {
	const char *strategy;
	unsigned slots; /* nsfbufs= */
	unsigned ncpus, nthreads, npages;
	unsigned budget;  /* pages a thread maps in all */
	unsigned hold;    /* mappings it may hold at a time */
	unsigned batch;   /* most pages of a batch */
	unsigned signals; /* a thread */
	unsigned ops;     /* OPS(PRIVATE) | ... */
	bool fine;        /* sim_fine */
	bool epochs;
	unsigned retire; /* sfbatch=; 0: what it is without */
	bool warm;       /* every slot has mapped a page, of which the threads do not know */
};
void sim_load_boot(const struct sim_load *l);
/* At the end: everything came back and can be had again. */
void sim_load_end(void);
unsigned long long sim_count(enum sf_event event); /* summed over users and CPUs */

/* ---- drivers: sim_explore.c ---- */

/* Every execution there is, or the first `max` states of them. */
struct sim_explored {
	unsigned long states, ends, steps;
	unsigned depth; /* of the longest execution */
	bool complete;
};
struct sim_explored sim_explore(const struct sim_load *l, unsigned long max);
/* One execution. */
void sim_random_run(const struct sim_load *l, uint64_t seed);

#endif
