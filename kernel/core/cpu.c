/* SPDX-License-Identifier: BSD-2-Clause
 * The per-CPU structures. The BSP's is usable from the first instruction in C on; the others are
 * filled in before their CPU starts. No locks: see kernel/core/cpu.h.
 */
#include "kernel/core/cpu.h"

struct cpu cpus[MAX_CPUS] = { [0] = { .self = &cpus[0] } };
unsigned ncpus = 1;
struct cpumask cpus_online = { { 1 } }; /* the BSP: shootdowns must reach it from the start */

/* On i386 the sum may read a counter between its halves being written; the next read is right. */
uint64_t counter_sum(unsigned counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ncpus; i++)
		sum += READ_ONCE(cpus[i].counters[counter]);
	return sum;
}
