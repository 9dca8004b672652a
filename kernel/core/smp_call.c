/* SPDX-License-Identifier: BSD-2-Clause
 * Running a function on other CPUs. One call is under way at a time: `call_mutex` serialises the
 * callers and protects the request; `pending` has a bit for each CPU that has yet to run it, which
 * that CPU clears when it is done. The caller waits with interrupts on, so it answers shootdowns
 * meanwhile. Lock order: call_mutex is taken with no spin lock held.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/ktest.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"

static struct mutex call_mutex = MUTEX_INIT(call_mutex, "smp_call");
static void (*call_fn)(void *);
static void *call_arg;
static struct cpumask pending; /* atomic */

/* The IPI: interrupts off. */
void smp_call_ipi(void)
{
	unsigned self = this_cpu_id();

	/* A late IPI of a round that has ended finds its bit clear. */
	if (!cpumask_test(&pending, self))
		return;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	call_fn(call_arg);
	cpumask_clear_atomic(&pending, self);
}

static void run_here(void (*fn)(void *), void *arg)
{
	uintptr_t flags = irq_save();

	fn(arg);
	irq_restore(flags);
}

void smp_call(const struct cpumask *mask, void (*fn)(void *), void *arg)
{
	struct cpumask others = cpumask_and(*mask, cpus_online);
	unsigned self, cpu;
	bool here;

	KASSERT(irqs_enabled() && this_cpu()->spin_depth == 0, "smp_call would wait for ever");
	mutex_lock(&call_mutex);
	self = this_cpu_id(); /* fixed from here on: nothing below sleeps */
	here = cpumask_test(&others, self);
	cpumask_clear(&others, self);
	call_fn = fn;
	call_arg = arg;
	CPUMASK_FOR_EACH (cpu, &others)
		cpumask_set_atomic(&pending, cpu);
	if (!cpumask_empty(&others))
		ipi_send_mask(&others, VEC_IPI_CALL);
	if (here)
		run_here(fn, arg);
	while (!cpumask_empty(&pending))
		cpu_relax();
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	mutex_unlock(&call_mutex);
}

static void count_call(void *arg)
{
	__atomic_fetch_add((unsigned *)arg, 1, __ATOMIC_RELAXED);
}

KTEST(smp_call)
{
	for (unsigned round = 0; round < 100; round++) {
		struct cpumask all = cpus_online, one = CPUMASK_NONE;
		unsigned calls = 0, last = round % cpumask_count(&all);

		smp_call(&all, count_call, &calls);
		KTEST_CHECK(calls == cpumask_count(&all), "%u calls", calls);
		cpumask_set(&one, last);
		smp_call(&one, count_call, &calls);
		KTEST_CHECK(calls == cpumask_count(&all) + 1, "cpu%u did not run it", last);
	}
}
