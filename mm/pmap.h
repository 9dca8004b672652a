/* SPDX-License-Identifier: BSD-2-Clause
 * Page tables: the machine-dependent half of virtual memory. PAE and 4-level paging share the
 * format of an entry, so one arch/x86/pmap.c walks both; arch/{i386,amd64}/pmap_boot.c build the
 * kernel's own.
 *
 * A pmap's tables are protected by its lock; the hardware sets A and D behind our back, so entries
 * are changed by atomic exchange only (trap 10). Every present user entry owns one reference on its
 * page. Functions that take a translation away return after all CPUs have dropped it, and only then
 * release the page.
 */
#ifndef MM_PMAP_H
#define MM_PMAP_H

#include "arch/x86/layout.h"
#include "kernel/core/cpumask.h"
#include "kernel/core/list.h"
#include "kernel/core/spinlock.h"
#include "mm/page.h"

typedef uint64_t pte_t;
#define PTE_P    (1ull << 0)
#define PTE_W    (1ull << 1)
#define PTE_U    (1ull << 2)
#define PTE_PWT  (1ull << 3)
#define PTE_PCD  (1ull << 4)
#define PTE_A    (1ull << 5)
#define PTE_D    (1ull << 6)
#define PTE_PS   (1ull << 7)
#define PTE_G    (1ull << 8)
#define PTE_NONE (1ull << 9) /* software, user entries: PROT_NONE. Not present, but owns its page */
#define PTE_NX   (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

#define VM_READ  1u /* PROT_READ, PROT_WRITE, PROT_EXEC */
#define VM_WRITE 2u
#define VM_EXEC  4u

struct pmap {
	struct spinlock lock;
	paddr_t root;           /* what CR3 holds */
	struct cpumask active;  /* CPUs that have it loaded; atomic */
	uintptr_t resident;     /* present user pages */
	uintptr_t resident_max; /* the most there were */
	uintptr_t table_pages;
};

extern struct pmap kernel_pmap;

/* Physical <-> kernel virtual inside the direct map (amd64: all RAM; i386: the window). */
static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(DMAP_BASE + (vaddr_t)pa);
}
static inline bool phys_is_mapped(paddr_t pa)
{
	return pa < DMAP_LIMIT;
}
/* Of a direct-map address or an address in the kernel image. */
paddr_t virt_to_phys(const void *kva);
static inline void *page_to_kva(const struct vm_page *p)
{
	return phys_to_virt(page_phys(p));
}

/* ---- user address spaces; may not sleep, interrupts on, no spin lock held (they shoot down) ---- */

struct pmap *pmap_create(void);     /* NULL: no memory */
void pmap_destroy(struct pmap *pm); /* nothing mapped, active nowhere */

/* Maps page at va with `prot` (VM_READ implied), replacing what was there. Takes over the caller's
 * reference. -ENOMEM: no page table; the caller keeps its reference. The page that is there already
 * may be entered again with more rights; that shoots nothing down, so another CPU may fault in
 * vain. */
int pmap_enter(struct pmap *pm, vaddr_t va, struct vm_page *page, unsigned prot);
/* As pmap_enter, but only if nothing is mapped there: -EEXIST otherwise, reference kept. */
int pmap_enter_new(struct pmap *pm, vaddr_t va, struct vm_page *page, unsigned prot);
/* As pmap_enter_new, for n pages from va on (NULL: none there), if one page table maps them all and exists. Takes
 * references of its own. */
void pmap_enter_around(
	struct pmap *pm, vaddr_t va, struct vm_page *const *pages, unsigned n, unsigned prot);
/* Unmaps [start, end), page aligned; references released after the shootdown. Frees empty page
 * tables too. */
void pmap_remove(struct pmap *pm, vaddr_t start, vaddr_t end);
/* The same, of pages that belong to `obj` only. Which pages do must not change meanwhile. */
void pmap_remove_object(struct pmap *pm, vaddr_t start, vaddr_t end, const struct vm_object *obj);
/* Sets the rights of what is mapped in [start, end), but never adds VM_WRITE (faults do). With
 * prot 0 the page stays, inaccessible (PTE_NONE), till a later call gives rights again. */
void pmap_protect(struct pmap *pm, vaddr_t start, vaddr_t end, unsigned prot);
/* Takes VM_WRITE away from what is mapped in [start, end). */
void pmap_write_protect(struct pmap *pm, vaddr_t start, vaddr_t end);
/* fork: every present entry of [start, end) becomes read-only in both and is shared. -ENOMEM:
 * what was copied stays, the caller removes it. */
int pmap_copy_cow(struct pmap *dst, struct pmap *src, vaddr_t start, vaddr_t end);
/* Moves the entries of [from, from+len) to `to` (mremap); the destination is empty, the ranges do
 * not overlap. -ENOMEM: nothing was moved. */
int pmap_move(struct pmap *pm, vaddr_t from, vaddr_t to, size_t len);

/* The page mapped at va with at least `prot` (and user rights), with a reference; else NULL. With
 * prot 0 also what PTE_NONE hides. Any context without the pmap's lock. */
struct vm_page *pmap_hold(struct pmap *pm, vaddr_t va, unsigned prot);
/* The first address of [va, end), both page aligned, at which pmap_hold(..., 0) would find a page; >= end: none. What has
 * no page tables costs nothing. Any context without the pmap's lock. */
vaddr_t pmap_next(struct pmap *pm, vaddr_t va, vaddr_t end);
/* The entry at va, 0 if none; without PTE_P, with PTE_NONE: mapped, no rights. */
pte_t pmap_query(struct pmap *pm, vaddr_t va);

/* Loads the page tables; interrupts off; by the scheduler. Sets the CPU in next->active before and
 * clears it in the old one's after. */
void pmap_switch(struct pmap *next);

/* ---- the kernel's address space ---- */

/* Enters / exchanges one kernel entry whose page table exists (pmap_kprepare); no invalidation, no
 * reference counting. Returns the old entry, with the A and D bits as they were at the exchange. */
pte_t pmap_kexchange(vaddr_t va, pte_t pte);
/* The same where no entry is present: there is no A bit that could be lost, plain stores do. */
void pmap_kenter(vaddr_t va, pte_t pte);
pte_t pmap_kquery(vaddr_t va);
extern pte_t pte_nx; /* PTE_NX, or 0 if the CPU has no such bit */
/* Global only if `extra` says so; NX unless VM_EXEC. */
static inline pte_t pmap_make_kpte(paddr_t pa, unsigned prot, pte_t extra)
{
	return (pa & PTE_ADDR) | PTE_P | (prot & VM_WRITE ? PTE_W : 0) |
	       (prot & VM_EXEC ? 0 : pte_nx) | extra;
}
/* Builds page tables for [start, start+size) so that pmap_kexchange() cannot fail. -ENOMEM. */
int pmap_kprepare(vaddr_t start, size_t size);

/* Contents of data pages for the VM itself, through this CPU's fixmaps: they need no pool and
 * cannot fail. Thread context or interrupt; do not sleep. */
void pmap_zero_page(struct vm_page *p);
void pmap_copy_page(struct vm_page *dst, struct vm_page *src);

void pmap_init(void);     /* BSP: final kernel tables, W^X, direct map of all RAM, fixmaps */
void pmap_init_cpu(void); /* AP: loads them */

#endif
