/* SPDX-License-Identifier: BSD-2-Clause
 * What each CPU knows about itself. `struct cpu` hangs off the kernel's segment register (%gs on
 * amd64, %fs on i386, so that user TLS in %gs survives there); the first four members are read by
 * assembly. Everything here is written by its own CPU only, unless a comment says otherwise.
 *
 * The kernel is not preemptible: a thread in the kernel leaves its CPU only by sleeping or by
 * calling sched_yield_if_needed(). So between two sleeps this_cpu() cannot change, and per-CPU
 * data that interrupt handlers leave alone needs no protection. Code that may sleep and must come
 * back to the same CPU pins itself (sched_pin(), kernel/core/sched.h).
 */
#ifndef KERNEL_CORE_CPU_H
#define KERNEL_CORE_CPU_H

#include "kernel/core/counters.h"
#include "kernel/core/cpumask.h"
#include "kernel/core/types.h"

struct thread;
struct pmap;
struct arch_cpu;

struct cpu {
	struct cpu *self;       /* CPU_SELF in assembly: offset 0 */
	struct thread *current; /* CPU_CURRENT: offset 1 word */
	vaddr_t kstack_top;     /* CPU_KSTACK: offset 2 words; where a system call's frame starts */
	uintptr_t scratch;      /* CPU_SCRATCH: offset 3 words; the user stack pointer in transit */

	unsigned id;           /* 0 .. ncpus-1, dense */
	uint32_t apic_id;      /* sparse */
	unsigned irq_depth;    /* > 0: in an interrupt handler; sleeping is forbidden */
	unsigned spin_depth;   /* spin locks held */
	uintptr_t spin_flags;  /* interrupt flag saved by the outermost spin_lock() */
	bool need_resched;     /* set by the tick and by the reschedule IPI */
	bool online;           /* set once by the CPU itself, read by all */
	struct pmap *pmap;     /* the page tables loaded in CR3 */
	struct thread *idle;   /* this CPU's idle thread */
	struct arch_cpu *arch; /* GDT, TSS, ... */
	uint64_t counters[NCOUNTERS];
} ALIGNED(64);

extern struct cpu cpus[MAX_CPUS];
extern unsigned ncpus;             /* CPUs found; fixed before the first AP starts */
extern struct cpumask cpus_online; /* atomic: each CPU sets its bit */

static ALWAYS_INLINE struct cpu *this_cpu(void)
{
	struct cpu *c;
#ifdef __x86_64__
	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
#else
	__asm__ volatile("movl %%fs:0, %0" : "=r"(c));
#endif
	return c;
}

static ALWAYS_INLINE struct thread *curthread(void)
{
	struct thread *t;
#ifdef __x86_64__
	__asm__ volatile("movq %%gs:8, %0" : "=r"(t));
#else
	__asm__ volatile("movl %%fs:4, %0" : "=r"(t));
#endif
	return t;
}

static ALWAYS_INLINE unsigned this_cpu_id(void)
{
	return this_cpu()->id;
}

/* Adds to one of this CPU's event counters. Any context; an interrupt handler must not count what
 * thread context counts too (the add is not atomic on i386).
 * The segment's base is the CPU's own struct, so one instruction adds at an offset from it, without
 * fetching the struct's address first. The compiler is not told that memory changes: nobody reads a
 * counter but through READ_ONCE(). */
static ALWAYS_INLINE void count_add(unsigned counter, uint64_t n)
{
	uintptr_t at = offsetof(struct cpu, counters) + counter * sizeof(uint64_t);
#ifdef __x86_64__
	if (__builtin_constant_p(at))
		__asm__ volatile("addq %1, %%gs:%c0" : : "i"(at), "er"(n) : "cc");
	else
		__asm__ volatile("addq %1, %%gs:(%0)" : : "r"(at), "er"(n) : "cc");
#else
	uint32_t low = (uint32_t)n, high = (uint32_t)(n >> 32);

	if (__builtin_constant_p(at))
		__asm__ volatile("addl %1, %%fs:%c0\n\tadcl %2, %%fs:%c0+4"
				 :
				 : "i"(at), "ir"(low), "ir"(high)
				 : "cc");
	else
		__asm__ volatile("addl %1, %%fs:(%0)\n\tadcl %2, %%fs:4(%0)"
				 :
				 : "r"(at), "ir"(low), "ir"(high)
				 : "cc");
#endif
}

/* The sum over all CPUs; a snapshot, not a consistent cut. */
uint64_t counter_sum(unsigned counter);

#endif
