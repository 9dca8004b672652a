/* SPDX-License-Identifier: BSD-2-Clause
 * Stands in for arch/x86/cpu.h in host tests: no interrupts, no privileged instructions.
 */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H

#include "kernel/core/types.h"

#ifdef SIM_MACHINE
#include "tests/host/sim_cpu.h"
#else
#include <asm/unistd.h>

extern long syscall(long nr, ...);

/* The host may have fewer CPUs than the test has threads. */
static inline void cpu_relax(void)
{
	syscall(__NR_sched_yield);
}

static inline void irq_enable(void)
{
}

static inline void irq_disable(void)
{
}

static inline uintptr_t irq_save(void)
{
	return 0;
}

static inline void irq_restore(uintptr_t flags)
{
}

#endif /* SIM_MACHINE */

static inline bool irqs_enabled(void)
{
	return true;
}

static inline void mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

#endif
