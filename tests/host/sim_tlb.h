/* SPDX-License-Identifier: BSD-2-Clause
 * A machine for the sf_buf strategies to run on: page table entries of the sf_buf region and one
 * adversarial TLB a CPU. Any CPU may at any moment walk any present entry, which sets its accessed
 * bit, and keep the translation until it is invalidated there; it never walks while it has one.
 */
#ifndef TESTS_HOST_SIM_TLB_H
#define TESTS_HOST_SIM_TLB_H

#include "kernel/core/types.h"

struct vm_page;

#define SIM_CPUS      4
#define SIM_PAGES     24
#define SIM_MAX_SLOTS 32

/* Breaks the machine, to show that the test would see it. */
enum sim_fault {
	SIM_GOOD,
	SIM_NO_INVLPG,    /* local invalidation does nothing */
	SIM_SHOOT_MISSES, /* a shootdown forgets one CPU */
	SIM_LOSES_A,      /* the exchange reports the accessed bit as clear */
	SIM_NFAULTS
};
extern enum sim_fault sim_fault;

unsigned sim_random(unsigned n); /* 0 .. n-1 */
void sim_seed(uint64_t seed);
/* Empty page table and TLBs; the memory of the last pool is gone. */
void sim_reset(void);
/* The adversary's turn: some walks, some evictions. */
void sim_speculate(void);
/* The page that `cpu` reaches through va now; NULL: a page fault. */
struct vm_page *sim_access(unsigned cpu, vaddr_t va);
bool sim_present(vaddr_t va);

/* Called in the middle of a shootdown, when other CPUs may do anything but wait for this one. */
extern void (*sim_during_shootdown)(void);
extern unsigned long sim_shootdowns, sim_local_flushes;

#endif
