/* SPDX-License-Identifier: BSD-2-Clause
 * Kernel virtual addresses: the arena, and what is commonly put there: devices, vzalloc(), stacks.
 *
 * Every range is one page longer than asked for; that page is never mapped, and the arena's first
 * page is not handed out, so each range has a guard above and below. Addresses go back to the arena
 * only after the shootdown: whoever gets them next finds no stale translation.
 *
 * kva_lock protects the arena, stack_lock the cache of stacks. Neither is held while another is
 * taken, nor over a shootdown.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "mm/arena.h"
#include "mm/kmem.h"
#include "mm/tlb.h"

/* Stacks kept for reuse. More wait only where freeing them at once is not possible. */
#define STACK_CACHE 32

static struct spinlock kva_lock = SPINLOCK_INIT("kva");
static struct arena arena;
static struct kmem_cache *seg_cache;

/* A free stack remembers the next one in its own memory. */
struct free_stack {
	struct free_stack *next;
};

static struct spinlock stack_lock = SPINLOCK_INIT("kstack");
static struct free_stack *stacks;
static unsigned nstacks;

void kva_init(void)
{
	struct arena_seg *seg;

	seg_cache = kmem_cache_create("arena_seg", sizeof(struct arena_seg), 0);
	seg = kmem_cache_alloc(seg_cache);
	if (seg == NULL)
		panic("no memory for the KVA arena");
	arena_init(&arena, seg, (KVA_BASE >> PAGE_SHIFT) + 1, (KVA_SIZE >> PAGE_SHIFT) - 1);
}

/* In pages, the guard included. */
static uintptr_t span_pages(size_t size)
{
	return ((size + PAGE_MASK) >> PAGE_SHIFT) + 1;
}

vaddr_t kva_alloc(size_t size)
{
	struct arena_seg *spare;
	uintptr_t page;
	bool ok;

	if (size == 0 || size >= KVA_SIZE)
		return 0;
	spare = kmem_cache_alloc(seg_cache);
	if (spare == NULL)
		return 0;
	spin_lock(&kva_lock);
	ok = arena_alloc(&arena, span_pages(size), &spare, &page);
	spin_unlock(&kva_lock);
	if (spare != NULL)
		kmem_cache_free(seg_cache, spare);
	return ok ? page << PAGE_SHIFT : 0;
}

void kva_free(vaddr_t va, size_t size)
{
	struct list unused = LIST_INIT(unused);
	bool ok;

#ifdef DEBUG
	for (size_t off = 0; off < size; off += PAGE_SIZE)
		KASSERT(pmap_kquery(va + off) == 0, "%#zx is still mapped", (size_t)va + off);
#endif
	spin_lock(&kva_lock);
	ok = arena_free(&arena, va >> PAGE_SHIFT, span_pages(size), &unused);
	spin_unlock(&kva_lock);
	if (!ok)
		panic("kva_free(%#zx, %zu): not allocated like that", (size_t)va, size);
	while (!list_empty(&unused)) {
		struct arena_seg *seg = list_first(&unused, struct arena_seg, link);

		list_remove(&seg->link);
		kmem_cache_free(seg_cache, seg);
	}
}

/* A range with page tables, nothing mapped yet; 0: none. */
static vaddr_t kva_alloc_prepared(size_t size)
{
	vaddr_t va = kva_alloc(size);

	if (va != 0 && pmap_kprepare(va, size) != 0) {
		kva_free(va, size);
		return 0;
	}
	return va;
}

static void shootdown_kernel(vaddr_t start, size_t size)
{
	struct cpumask all = cpus_online;

	cpumask_set(&all, this_cpu_id()); /* early in boot it is not online yet */
	tlb_shootdown_range(&all, start, start + size);
}

/* ---- devices ---- */

static pte_t cache_bits(unsigned flags)
{
	if (flags & KVA_WRITE_COMBINING && cpu_features.pat)
		return PTE_PWT; /* arch/x86/features.c */
	return flags & (KVA_UNCACHED | KVA_WRITE_COMBINING) ? PTE_PCD | PTE_PWT : 0;
}

void *kva_map_phys(paddr_t pa, size_t size, unsigned flags)
{
	size_t off = (size_t)(pa & PAGE_MASK), span = ROUND_UP(off + size, PAGE_SIZE);
	unsigned prot = flags & KVA_READONLY ? VM_READ : VM_READ | VM_WRITE;
	pte_t extra = PTE_G | cache_bits(flags);
	vaddr_t va;

	/* An entry with more bits than the CPU has faults when it is used (Intel SDM 3A 4.7, RSVD). */
	if (pa >> cpu_features.phys_bits != 0 || (pa + size - 1) >> cpu_features.phys_bits != 0)
		return NULL;
	va = kva_alloc_prepared(span);
	if (va == 0)
		return NULL;
	for (size_t i = 0; i < span; i += PAGE_SIZE)
		pmap_kexchange(va + i, pmap_make_kpte(pa - off + i, prot, extra));
	return (void *)(va + off);
}

void kva_unmap_phys(void *p, size_t size)
{
	size_t off = (vaddr_t)p & PAGE_MASK, span = ROUND_UP(off + size, PAGE_SIZE);
	vaddr_t va = (vaddr_t)p - off;

	for (size_t i = 0; i < span; i += PAGE_SIZE)
		pmap_kexchange(va + i, 0);
	shootdown_kernel(va, span);
	kva_free(va, span);
}

/* ---- memory of single pages ---- */

/* Unmaps and frees [va, va+size); entries may be missing at the end. The pages are chained by
 * their links till the shootdown is over. */
static void unmap_pages(vaddr_t va, size_t size)
{
	struct list pages = LIST_INIT(pages);

	for (size_t i = 0; i < size; i += PAGE_SIZE) {
		pte_t old = pmap_kexchange(va + i, 0);

		if (old & PTE_P)
			list_push_back(&pages, &phys_page(old & PTE_ADDR)->link);
	}
	shootdown_kernel(va, size);
	while (!list_empty(&pages)) {
		struct vm_page *p = list_first(&pages, struct vm_page, link);

		list_remove(&p->link);
		page_put(p);
	}
}

static bool map_pages(vaddr_t va, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE_SIZE) {
		struct vm_page *p = page_alloc(ZONE_KERNEL, 0, PAGE_ZERO);

		if (p == NULL)
			return false;
		pmap_kexchange(va + i, pmap_make_kpte(page_phys(p), VM_READ | VM_WRITE, PTE_G));
	}
	return true;
}

void *vzalloc(size_t size)
{
	vaddr_t va;

	size = ROUND_UP(size, PAGE_SIZE);
	va = kva_alloc_prepared(size);
	if (va == 0)
		return NULL;
	if (!map_pages(va, size)) {
		vfree((void *)va, size);
		return NULL;
	}
	return (void *)va;
}

void vfree(void *p, size_t size)
{
	if (p == NULL)
		return;
	size = ROUND_UP(size, PAGE_SIZE);
	unmap_pages((vaddr_t)p, size);
	kva_free((vaddr_t)p, size);
}

/* ---- kernel stacks ---- */

/* Takes a cached stack if there are more than `keep`. */
static struct free_stack *stack_take(unsigned keep)
{
	struct free_stack *s = NULL;

	spin_lock(&stack_lock);
	if (nstacks > keep) {
		s = stacks;
		stacks = s->next;
		nstacks--;
	}
	spin_unlock(&stack_lock);
	return s;
}

static void stacks_trim(void)
{
	struct free_stack *s;

	while ((s = stack_take(STACK_CACHE)) != NULL)
		vfree(s, KSTACK_SIZE);
}

vaddr_t kstack_alloc(void)
{
	struct free_stack *s = stack_take(0);

	if (s == NULL)
		return (vaddr_t)vzalloc(KSTACK_SIZE);
	if (READ_ONCE(nstacks) > STACK_CACHE)
		stacks_trim();
	return (vaddr_t)s;
}

void kstack_free(vaddr_t stack)
{
	struct free_stack *s = (struct free_stack *)stack;

	spin_lock(&stack_lock);
	s->next = stacks;
	stacks = s;
	nstacks++;
	spin_unlock(&stack_lock);
	/* The scheduler frees stacks where there may be no shootdown; kstack_alloc() makes up for it. */
	if (irqs_enabled() && this_cpu()->spin_depth == 0 && this_cpu()->irq_depth == 0)
		stacks_trim();
}
