/* SPDX-License-Identifier: BSD-2-Clause
 * Stands in for kernel/core/cpu.h in host tests. Each host thread is CPU `host_cpu`, 0 at first.
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
	struct cpu *self;
	struct thread *current;
	struct thread *idle;
	unsigned id;
	unsigned irq_depth, spin_depth;
	bool need_resched, online;
	struct pmap *pmap;
	uint64_t counters[NCOUNTERS];
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned ncpus;
extern struct cpumask cpus_online;
extern __thread unsigned host_cpu;

static inline struct cpu *this_cpu(void)
{
	return &cpus[host_cpu];
}

static inline unsigned this_cpu_id(void)
{
	return host_cpu;
}

static inline struct thread *curthread(void)
{
	return this_cpu()->current;
}

static inline void count_add(unsigned counter, uint64_t n)
{
	this_cpu()->counters[counter] += n;
}

static inline uint64_t counter_sum(unsigned counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++)
		sum += cpus[i].counters[counter];
	return sum;
}

#endif
