/* SPDX-License-Identifier: BSD-2-Clause
 * Page table entries: 64 bits on both architectures, while i386 loads and stores 32. The CPU sets A
 * and D at any moment, so an entry that is present changes by one locked instruction only; an entry
 * that is not present is never cached (Intel SDM 3A 4.10.2.3), so it may be written in halves, the
 * half with P last.
 */
#ifndef ARCH_X86_PTE_H
#define ARCH_X86_PTE_H

#include "arch/x86/layout.h"
#include "mm/pmap.h"

#define PT_ENTRIES 512
#ifdef __x86_64__
#define PT_LEVELS       4
#define PT_ROOT_ENTRIES PT_ENTRIES
/* Tables of this level and above live as long as their pmap. */
#define PT_FIXED_LEVEL 4
#else
#define PT_ROOT_ENTRIES 4
#define PT_LEVELS       3 /* the top one has four entries: PDPTEs, loaded with CR3 (SDM 3A 4.4.1) */
#define PT_FIXED_LEVEL  2
#endif

/* Bytes that one entry of a table of `level` (1: page table) covers. */
static inline vaddr_t pt_span(unsigned level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static inline unsigned pt_index(vaddr_t va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) % PT_ENTRIES;
}

static inline pte_t *pte_table(pte_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

/* The word of an entry that says whether it is present; that of an entry above the last level also says where
 * the table is, since tables are kernel pages, which a word can address. */
static inline uintptr_t pte_word(const pte_t *p)
{
	return READ_ONCE(*(const uintptr_t *)p);
}

#ifdef __x86_64__
static inline pte_t pte_read(const pte_t *p)
{
	return READ_ONCE(*p);
}

static inline void pte_set(pte_t *p, pte_t v)
{
	WRITE_ONCE(*p, v);
}

static inline pte_t pte_xchg(pte_t *p, pte_t v)
{
	return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}

static inline bool pte_cmpxchg(pte_t *p, pte_t *old, pte_t v)
{
	return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
#else
/* A value the entry had at one moment, unless it is replaced twice between two loads; writers of
 * entries that are read without a lock are serialised by their callers. */
static inline pte_t pte_read(const pte_t *p)
{
	const volatile uint32_t *half = (const volatile uint32_t *)p;
	uint32_t lo, hi;

	do {
		lo = half[0];
		hi = half[1];
	} while (lo != half[0]);
	return (pte_t)hi << 32 | lo;
}

/* The entry is not present now. */
static inline void pte_set(pte_t *p, pte_t v)
{
	volatile uint32_t *half = (volatile uint32_t *)p;

	half[1] = (uint32_t)(v >> 32);
	half[0] = (uint32_t)v;
}

/* EBX is compared with 0 for the sake of QEMU's TCG (7.2 at least), which leaves in the flags what an earlier
 * instruction worked with, SHR its operand, all 32 bits of it: an interrupt then saves a VM flag, and is taken for one
 * of virtual-8086 mode. Of a comparison that is the 0. */
#define CMPXCHG8B(operand) "cmp $0, %%ebx; lock cmpxchg8b " operand

static inline bool pte_cmpxchg(pte_t *p, pte_t *old, pte_t v)
{
	bool ok;

	__asm__ volatile(CMPXCHG8B("%1")
			 : "=@ccz"(ok), "+m"(*p), "+A"(*old)
			 : "b"((uint32_t)v), "c"((uint32_t)(v >> 32))
			 : "memory");
	return ok;
}

/* `old` may be torn or out of date at first: cmpxchg8b that fails loads what is there. */
static inline pte_t pte_xchg(pte_t *p, pte_t v)
{
	const volatile uint32_t *half = (const volatile uint32_t *)p;
	pte_t old = (pte_t)half[1] << 32 | half[0];

	__asm__ volatile("1: " CMPXCHG8B("%0") "; jnz 1b"
			 : "+m"(*p), "+A"(old)
			 : "b"((uint32_t)v), "c"((uint32_t)(v >> 32))
			 : "memory", "cc");
	return old;
}
#endif

/* ---- the kernel's tables, arch/x86/pmap_kernel.c ---- */

/* pmap_init() only; panic when memory is out. */
pte_t *pmap_boot_table(void);
/* Maps [va, va+size) to pa with `flags` and the largest pages that fit; nothing is mapped there. */
void pmap_boot_map(vaddr_t va, paddr_t pa, uint64_t size, pte_t flags);
/* Maps the part of the kernel image's physical addresses inside [start, end) at base + pa: text
 * executable unless NX is in `extra`, text and read-only data not writable. */
void pmap_boot_map_image(vaddr_t base, paddr_t start, paddr_t end, pte_t extra);
/* Builds tables so that entries of `level` exist for [va, va+size). */
void pmap_boot_prepare(vaddr_t va, uint64_t size, unsigned level);
/* arch/{i386,amd64}/pmap_boot.c: fills kernel_pmap, given its empty root table. */
void pmap_boot_build(pte_t *root);
/* Maps [pa, pa+size), write-combining or write-through, into the page tables this CPU runs on, be they the
 * boot code's; NULL: it is too large. For a panic on the BSP before there are other CPUs: takes no memory
 * and no lock. Once. */
void *pmap_panic_map(paddr_t pa, uint64_t size);

#endif
