/* SPDX-License-Identifier: BSD-2-Clause
 * A set of CPUs, one bit each. Made of words of the machine's own width so that each bit can be
 * set and cleared atomically on i386 as well; there a mask as a whole is not one atomic object.
 */
#ifndef KERNEL_CORE_CPUMASK_H
#define KERNEL_CORE_CPUMASK_H

#include "kernel/core/types.h"

#define CPUMASK_BITS  (8 * sizeof(unsigned long))
#define CPUMASK_WORDS (MAX_CPUS / CPUMASK_BITS)

struct cpumask {
	unsigned long w[CPUMASK_WORDS];
};

#define CPUMASK_NONE ((struct cpumask){ { 0 } })

static inline unsigned long cpumask_bit(unsigned cpu)
{
	return 1ul << (cpu % CPUMASK_BITS);
}

static inline bool cpumask_test(const struct cpumask *m, unsigned cpu)
{
	return READ_ONCE(m->w[cpu / CPUMASK_BITS]) & cpumask_bit(cpu);
}

/* Plain set and clear: the caller owns the mask or holds its lock. */
static inline void cpumask_set(struct cpumask *m, unsigned cpu)
{
	m->w[cpu / CPUMASK_BITS] |= cpumask_bit(cpu);
}

static inline void cpumask_clear(struct cpumask *m, unsigned cpu)
{
	m->w[cpu / CPUMASK_BITS] &= ~cpumask_bit(cpu);
}

/* Atomic forms, full barriers. */
static inline void cpumask_set_atomic(struct cpumask *m, unsigned cpu)
{
	__atomic_fetch_or(&m->w[cpu / CPUMASK_BITS], cpumask_bit(cpu), __ATOMIC_SEQ_CST);
}

static inline void cpumask_clear_atomic(struct cpumask *m, unsigned cpu)
{
	__atomic_fetch_and(&m->w[cpu / CPUMASK_BITS], ~cpumask_bit(cpu), __ATOMIC_SEQ_CST);
}

static inline bool cpumask_empty(const struct cpumask *m)
{
	unsigned long any = 0;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		any |= READ_ONCE(m->w[i]);
	return any == 0;
}

static inline unsigned cpumask_count(const struct cpumask *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		for (unsigned long w = m->w[i]; w != 0; w &= w - 1)
			n++;
	return n;
}

static inline struct cpumask cpumask_and(struct cpumask a, struct cpumask b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		a.w[i] &= b.w[i];
	return a;
}

static inline struct cpumask cpumask_andnot(struct cpumask a, struct cpumask b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		a.w[i] &= ~b.w[i];
	return a;
}

static inline struct cpumask cpumask_or(struct cpumask a, struct cpumask b)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		a.w[i] |= b.w[i];
	return a;
}

/* The lowest CPU in the mask that is at least `from`, or MAX_CPUS. */
static inline unsigned cpumask_next(const struct cpumask *m, unsigned from)
{
	while (from < MAX_CPUS) {
		unsigned long w = m->w[from / CPUMASK_BITS] >> (from % CPUMASK_BITS);

		if (w != 0)
			return from + __builtin_ctzl(w);
		from = ROUND_DOWN(from, CPUMASK_BITS) + CPUMASK_BITS;
	}
	return MAX_CPUS;
}

#define CPUMASK_FOR_EACH(cpu, mask) \
	for (cpu = cpumask_next(mask, 0); cpu < MAX_CPUS; cpu = cpumask_next(mask, cpu + 1))

#endif
