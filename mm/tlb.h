/* SPDX-License-Identifier: BSD-2-Clause
 * The one place that invalidates translations (Intel SDM 3A 4.10).
 *
 * A shootdown returns when every CPU of the mask has dropped the translations. Many CPUs may
 * initiate at once: while one waits it serves the requests of others, so it works with interrupts
 * off too. It must not be called with a spin lock held (a CPU that spins for it with interrupts
 * off would never answer) nor from an interrupt handler. IPIs to a CPU that has one pending
 * already coalesce.
 */
#ifndef MM_TLB_H
#define MM_TLB_H

#include "kernel/core/cpumask.h"
#include "kernel/core/types.h"

/* Above this many pages a full flush is cheaper than INVLPG each. */
#define TLB_FULL_THRESHOLD 32

void tlb_flush_local_page(vaddr_t va);
void tlb_flush_local_range(vaddr_t start, vaddr_t end);
void tlb_flush_local_nonglobal(void); /* and publishes the generation, see below */
void tlb_flush_local_all(void);       /* global entries too */
/* Loads CR3: drops everything but global entries. Interrupts off; pmap_switch() and tlb.c only. */
void tlb_load_root(paddr_t root);

/* Generations: whoever must know whether a CPU has dropped its non-global translations since some
 * change advances tlb_generation (atomically) after the change, and compares later. A CPU samples
 * it before each CR3 load or full flush and publishes the sample after: it has dropped whatever
 * was changed before the generation became that value. Wraps: compare differences, signed. */
extern unsigned long tlb_generation;
unsigned long tlb_flushed_generation(unsigned cpu);
/* One more; to be called after the change. A full barrier. */
unsigned long tlb_advance(void);
/* Has `cpu` flushed since the change that tlb_advance() gave the number `gen`? Always false of an
 * idle CPU: it may have slept while the numbers wrapped. */
bool tlb_flushed_since(unsigned cpu, unsigned long gen);
/* From the timer tick: keeps the numbers of a CPU that never flushes from growing too old. */
void tlb_tick(void);

/* Idle CPUs. Between these two calls a CPU touches nothing of the sf_buf region, in interrupts
 * neither, and runs on the kernel's own tables (PAPER trap 12); tlb_shootdown_lazy() then spares it
 * the interrupt, and it flushes on leaving. The idle loop only; leave: interrupts off. */
void tlb_enter_idle(void);
void tlb_leave_idle(void);

/* The calling CPU is flushed as well if it is in the mask. `mask` is read once: CPUs that join
 * later load the tables after the change. Returns the number of IPIs sent. */
unsigned tlb_shootdown_range(const struct cpumask *mask, vaddr_t start, vaddr_t end);
unsigned tlb_shootdown_pages(const struct cpumask *mask, const vaddr_t *va, unsigned n);
unsigned tlb_shootdown_all(const struct cpumask *mask);
/* For addresses of the sf_buf region: as tlb_shootdown_pages(), but CPUs that are idle are not told
 * now: they flush before they touch any of them. With n > TLB_FULL_THRESHOLD `va` is not read.
 * *asked: how many other CPUs were waited for. */
unsigned tlb_shootdown_lazy(
	const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned *asked);

/* Serves what others asked of this CPU. Called by the IPI, and by whoever waits for another CPU
 * with interrupts off. */
void tlb_serve(void);

#endif
