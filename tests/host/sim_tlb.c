/* SPDX-License-Identifier: BSD-2-Clause
 * The simulated machine of tests/host/sim_tlb.h: mm/pmap.h's kernel entries and mm/tlb.h.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "mm/kmem.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "tests/host/sim_tlb.h"

static struct vm_page page_array[SIM_PAGES];
struct vm_page *vm_pages = page_array;
uintptr_t vm_npages = SIM_PAGES;

enum sim_fault sim_fault;
void (*sim_during_shootdown)(void);
unsigned long sim_shootdowns, sim_local_flushes;

static pte_t ptes[SIM_MAX_SLOTS];
static unsigned nptes;
static struct {
	bool valid;
	paddr_t pa;
} tlb[SIM_CPUS][SIM_MAX_SLOTS];
static uint64_t rng;
static void *blocks[4]; /* what the pool is made of: it is never freed by the kernel */
static unsigned nblocks;

void sim_seed(uint64_t seed)
{
	rng = seed * 2654435761u + 1;
}

unsigned sim_random(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 20) % n;
}

void sim_reset(void)
{
	memset(ptes, 0, sizeof(ptes));
	memset(tlb, 0, sizeof(tlb));
	sim_shootdowns = sim_local_flushes = 0;
	while (nblocks > 0)
		free(blocks[--nblocks]);
}

static unsigned slot_of(vaddr_t va)
{
	vaddr_t slot = (va - SFBUF_BASE) / PAGE_SIZE;

	if (va < SFBUF_BASE || slot >= nptes)
		panic("address %#zx is not in the pool", (size_t)va);
	return (unsigned)slot;
}

static void walk(unsigned cpu, unsigned slot)
{
	if (tlb[cpu][slot].valid || !(ptes[slot] & PTE_P))
		return;
	ptes[slot] |= PTE_A;
	tlb[cpu][slot].valid = true;
	tlb[cpu][slot].pa = ptes[slot] & PTE_ADDR;
}

void sim_speculate(void)
{
	for (unsigned n = sim_random(4); n > 0 && nptes > 0; n--) {
		unsigned cpu = sim_random(SIM_CPUS), slot = sim_random(nptes);

		if (sim_random(3) != 0)
			walk(cpu, slot);
		else
			tlb[cpu][slot].valid = false;
	}
}

struct vm_page *sim_access(unsigned cpu, vaddr_t va)
{
	unsigned slot = slot_of(va);

	walk(cpu, slot);
	return tlb[cpu][slot].valid ? phys_page(tlb[cpu][slot].pa) : NULL;
}

bool sim_present(vaddr_t va)
{
	return ptes[slot_of(va)] & PTE_P;
}

/* ---- mm/pmap.h ---- */

pte_t pmap_make_kpte(paddr_t pa, unsigned prot, pte_t extra)
{
	return pa | PTE_P | PTE_NX | extra | (prot & VM_WRITE ? PTE_W : 0);
}

pte_t pmap_kexchange(vaddr_t va, pte_t pte)
{
	unsigned slot = slot_of(va);
	pte_t old;

	sim_speculate();
	old = ptes[slot];
	ptes[slot] = pte;
	sim_speculate();
	return sim_fault == SIM_LOSES_A ? old & ~PTE_A : old;
}

pte_t pmap_kquery(vaddr_t va)
{
	return ptes[slot_of(va)];
}

int pmap_kprepare(vaddr_t start, size_t size)
{
	if (start != SFBUF_BASE || size > SIM_MAX_SLOTS * PAGE_SIZE)
		return -ENOMEM;
	nptes = (unsigned)(size / PAGE_SIZE);
	return 0;
}

/* ---- mm/tlb.h ---- */

static void drop(unsigned cpu, vaddr_t va)
{
	sim_speculate();
	tlb[cpu][slot_of(va)].valid = false;
	sim_speculate();
}

void tlb_flush_local_page(vaddr_t va)
{
	sim_local_flushes++;
	if (sim_fault != SIM_NO_INVLPG)
		drop(this_cpu_id(), va);
}

unsigned tlb_shootdown_pages(const struct cpumask *mask, const vaddr_t *va, unsigned n)
{
	unsigned me = this_cpu_id(), cpu, sent = 0;
	struct cpumask m = *mask;

	if (this_cpu()->spin_depth != 0)
		panic("shootdown with a spin lock held");
	if (cpumask_next(mask, 0) == MAX_CPUS)
		panic("shootdown of nobody");
	sim_shootdowns++;
	if (sim_fault == SIM_SHOOT_MISSES)
		cpumask_clear(&m, sim_random(SIM_CPUS));
	CPUMASK_FOR_EACH (cpu, &m) {
		if (sim_during_shootdown != NULL)
			sim_during_shootdown();
		for (unsigned i = 0; i < n; i++)
			drop(cpu, va[i]);
		sent += cpu != me;
	}
	return sent;
}

/* ---- mm/kmem.h, mm/page.h ---- */

void *vzalloc(size_t size)
{
	if (nblocks == sizeof(blocks) / sizeof(blocks[0]))
		return NULL;
	return blocks[nblocks++] = calloc(1, size);
}

void page_stats(struct page_stats *st)
{
	*st = (struct page_stats){ .total = SIM_PAGES };
}
