/* SPDX-License-Identifier: BSD-2-Clause
 * Page table entries and TLBs of the simulated machine (tests/host/sim.h): mm/pmap.h's kernel half,
 * the instructions that mm/tlb.c uses, and what must be true of them.
 */
#include <string.h>

#include "kernel/core/errno.h"
#include "mm/kmem.h"
#include "mm/sf_impl.h"
#include "mm/sf_shadow.h"
#include "mm/tlb.h"
#include "tests/host/sim.h"

static struct vm_page page_array[SIM_PAGES];
struct vm_page *vm_pages = page_array;
uintptr_t vm_npages = SIM_PAGES;

static _Alignas(
	64) char memory[16384]; /* what vzalloc() gives out: the kernel never frees the pool */
static size_t memory_used;

void sim_mmu_boot(void)
{
	memset(memory, 0, sizeof(memory));
	memory_used = 0;
}

void *sim_pool_memory(size_t *size)
{
	*size = ROUND_UP(memory_used, (size_t)64);
	return memory;
}

static unsigned slot_of(vaddr_t va)
{
	vaddr_t slot = (va - SFBUF_BASE) / PAGE_SIZE;

	if (va < SFBUF_BASE || slot >= sim.nslots)
		panic("address %#zx is not in the pool", (size_t)va);
	return (unsigned)slot;
}

static uint32_t page_bit(const struct vm_page *page)
{
	return 1u << (page - vm_pages);
}

/* ---- mm/pmap.h ---- */

pte_t pte_nx = PTE_NX;

/* For strategies that only count A bits, that all were set is the worst that can be. */
static bool was_walked(void)
{
	if (sim.walks != SIM_SOME)
		return sim.walks == SIM_ALL;
	return (sf_buf_strategy != SF_CACHE && sf_buf_strategy != SF_EPOCH) || sim_choose(2);
}

pte_t pmap_kexchange(vaddr_t va, pte_t pte)
{
	unsigned slot = slot_of(va);
	bool walked;
	pte_t old;

	sim_reads(); /* others may do something just before, or just after */
	walked = sim.pte[slot] & PTE_P && was_walked();
	old = sim.pte[slot];
	sim.pte[slot] = pte;
	sim_stats.exchanges++;
	for (unsigned c = 0; c < sim.ncpus; c++) {
		if (walked)
			sim.may[c][slot] |= page_bit(phys_page(old & PTE_ADDR));
		sim.cpu[c].flushed &= ~(1u << slot);
		sim.cpu[c].settled &= ~(1u << slot);
		for (unsigned i = 0; i < sim.nthreads; i++)
			sim.thread[i].settled[c] &= ~(1u << slot);
	}
	return walked && sim.fault != SIM_LOSES_A ? old | PTE_A : old;
}

void pmap_kenter(vaddr_t va, pte_t pte)
{
	KASSERT(sim.pte[slot_of(va)] == 0, "an entry is present");
	pmap_kexchange(va, pte);
}

pte_t pmap_kquery(vaddr_t va)
{
	return sim.pte[slot_of(va)];
}

int pmap_kprepare(vaddr_t start, size_t size)
{
	if (start != SFBUF_BASE || size > SIM_SLOTS * PAGE_SIZE)
		return -ENOMEM;
	sim.nslots = (unsigned)(size / PAGE_SIZE);
	return 0;
}

/* ---- instructions ---- */

static void drop(unsigned slot)
{
	sim_stats.invalidations++;
	sim.may[host_cpu][slot] = 0;
	sim.cpu[host_cpu].flushed |= 1u << slot;
}

void sim_invlpg(vaddr_t va)
{
	if (sim.fault == SIM_NO_INVLPG || (sim.fault == SIM_LOSES_IPI && this_cpu()->irq_depth > 0))
		return;
	sim_reads();
	drop(slot_of(va));
}

void sim_write_cr3(void)
{
	sim_reads();
	for (unsigned slot = 0; slot < sim.nslots; slot++)
		drop(slot);
}

/* ---- what must be true ---- */

bool sim_stale(unsigned cpu, vaddr_t kva, const struct vm_page *page)
{
	unsigned slot = slot_of(kva);

	return (sim.pte[slot] & PTE_ADDR) != page_phys(page) || !(sim.pte[slot] & PTE_P) ||
	       (sim.may[cpu][slot] & ~page_bit(page)) != 0;
}

static void check_held(unsigned i, const struct sim_held *h)
{
	const struct sim_thread *t = &sim.thread[i];

	/* While its thread does not run, a private mapping need not be there (percpu). */
	if (h->private && t->state != SIM_RUNNING)
		return;
	for (unsigned c = 0; c < sim.ncpus; c++) {
		if (h->private ? c != t->cpu : sim.cpu[c].marked)
			continue;
		if (sim_stale(c, h->sf->kva, h->page))
			sim_fail("cpu %u may see another page than %u at slot %u, which thread %u "
				 "holds %s",
				c, (unsigned)(h->page - vm_pages), slot_of(h->sf->kva), i,
				h->private ? "private" : "shared");
	}
}

/* Where a page has one sf_buf, all who hold it hold the same. */
static void check_same(const struct sim_held *a)
{
	for (unsigned i = 0; i < sim.nthreads; i++)
		for (unsigned k = 0; k < sim.thread[i].nheld; k++) {
			const struct sim_held *b = &sim.thread[i].held[k];

			if (a->page == b->page && a->sf != b->sf)
				sim_fail("two sf_bufs are held for page %u",
					(unsigned)(a->page - vm_pages));
		}
}

static void check_table(void)
{
	for (unsigned i = 0; i < sim.nslots; i++)
		for (unsigned k = i + 1; k < sim.nslots; k++)
			if (sim.pte[i] & PTE_P && sim.pte[k] & PTE_P &&
				((sim.pte[i] ^ sim.pte[k]) & PTE_ADDR) == 0)
				sim_fail("slots %u and %u map the same page", i, k);
}

/* Whoever gave the slot back, or took another one than he was woken for, has passed it on by the end
 * of his call. */
static void check_sleepers(void)
{
	if (sf_pool.nfree == 0 || list_empty(&sf_pool.wait_one.waiters))
		return;
	for (unsigned i = 0; i < sim.nthreads; i++)
		if (sim.thread[i].calling && sim.thread[i].state != SIM_ASLEEP)
			return;
	sim_fail("%u of %u slots are free, and somebody sleeps", sf_pool.nfree, sf_pool.nslots);
}

void sim_check(void)
{
	bool unique = sf_buf_strategy != SF_EAGER && sf_buf_strategy != SF_PERCPU;

	for (unsigned i = 0; i < sim.nthreads; i++)
		for (unsigned k = 0; k < sim.thread[i].nheld; k++) {
			check_held(i, &sim.thread[i].held[k]);
			if (unique)
				check_same(&sim.thread[i].held[k]);
		}
	if (sf_buf_strategy != SF_DIRECT)
		check_sleepers();
	if (sf_buf_strategy == SF_CACHE || (unique && sim_all_done()))
		check_table();
}

/* ---- nobody is interrupted twice ---- */

void sim_call_begins(void)
{
	for (unsigned c = 0; c < sim.ncpus; c++)
		sim_self()->settled[c] = sim.cpu[c].settled;
}

/* What it knew is part of the state no more. */
void sim_call_ends(void)
{
	memset(sim_self()->settled, 0, sizeof(sim_self()->settled));
}

/* Under `epoch` a CPU may be known to have flushed by its generation alone, which is not believed once
 * the CPU is idle; so what a private call found does not settle it for others. */
void sim_call_got(vaddr_t kva, bool private)
{
	if (private && sf_buf_strategy == SF_EPOCH)
		return;
	for (unsigned c = 0; c < sim.ncpus; c++)
		if (!private || c == host_cpu)
			sim.cpu[c].settled |= sim.cpu[c].flushed & 1u << slot_of(kva);
}

static bool has_need(unsigned cpu, const vaddr_t *va, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!(sim_self()->settled[cpu] & 1u << slot_of(va[i])))
			return true;
	return false;
}

/* --wrap (tests/host/host.mk): a round asks these CPUs to drop these addresses. */
static void round_begins(const struct cpumask *mask, const vaddr_t *va, unsigned n)
{
	sim_point();
	for (unsigned c = 0; c < sim.ncpus && sim.current >= 0; c++)
		if (cpumask_test(mask, c) && !has_need(c, va, n))
			sim_fail("cpu %u is asked again to drop slot %u", c, slot_of(va[0]));
}

unsigned __real_tlb_shootdown_pages(const struct cpumask *mask, const vaddr_t *va, unsigned n);
unsigned __wrap_tlb_shootdown_pages(const struct cpumask *mask, const vaddr_t *va, unsigned n)
{
	round_begins(mask, va, n);
	return __real_tlb_shootdown_pages(mask, va, n);
}

unsigned __real_tlb_shootdown_lazy(
	const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned *asked);
unsigned __wrap_tlb_shootdown_lazy(
	const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned *asked)
{
	round_begins(mask, va, n);
	return __real_tlb_shootdown_lazy(mask, va, n, asked);
}

/* ---- mm/sf_shadow.h: the machine sees more than the shadow does ---- */

void sf_shadow_init(unsigned nslots)
{
}

void sf_shadow_use(vaddr_t kva, const struct vm_page *page)
{
	if (sim_stale(host_cpu, kva, page))
		sim_fail("cpu %u uses slot %u and may see another page", host_cpu, slot_of(kva));
}

void sf_shadow_share(vaddr_t kva, const struct vm_page *page)
{
}

void sf_shadow_flush_page(vaddr_t va)
{
}

void sf_shadow_flush_all(void)
{
}

/* ---- mm/kmem.h, mm/page.h ---- */

void *vzalloc(size_t size)
{
	void *p = memory + memory_used;

	size = ROUND_UP(size, (size_t)64);
	if (size > sizeof(memory) - memory_used)
		return NULL;
	memory_used += size;
	return p;
}

void page_stats(struct page_stats *st)
{
	*st = (struct page_stats){ .total = SIM_PAGES };
}
