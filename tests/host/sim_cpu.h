/* SPDX-License-Identifier: BSD-2-Clause
 * The instructions of the simulated machine (tests/host/sim.h): part of the stand-in for
 * arch/x86/cpu.h in programs built with SIM_MACHINE.
 */
#ifndef TESTS_HOST_SIM_CPU_H
#define TESTS_HOST_SIM_CPU_H

#include "kernel/core/types.h"

#define CR4_PGE (1u << 7)

void sim_relax(void);
uintptr_t sim_irq_save(void);
void sim_irq_restore(uintptr_t flags);
void sim_invlpg(vaddr_t va);
void sim_write_cr3(void);

static inline void cpu_relax(void)
{
	sim_relax();
}

static inline uintptr_t irq_save(void)
{
	return sim_irq_save();
}

static inline void irq_restore(uintptr_t flags)
{
	sim_irq_restore(flags);
}

static inline void irq_enable(void)
{
	sim_irq_restore(0);
}

static inline void irq_disable(void)
{
	sim_irq_save();
}

static inline void invlpg(vaddr_t va)
{
	sim_invlpg(va);
}

static inline uintptr_t read_cr3(void)
{
	return 0;
}

static inline void write_cr3(uintptr_t root)
{
	sim_write_cr3();
}

static inline uintptr_t read_cr4(void)
{
	return 0;
}

static inline void write_cr4(uintptr_t cr4)
{
}

#endif
