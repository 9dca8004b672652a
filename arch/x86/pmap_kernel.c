/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's own page tables: built once from arch/{i386,amd64}/pmap_boot.c, grown by
 * pmap_kprepare(), never shrunk. Tables are therefore walked without a lock; kernel_pmap.lock is
 * taken to add one. An entry belongs to whoever owns its address (sf_buf, the KVA arena).
 *
 * Rights: text is executable and not writable, read-only data neither, everything else writable
 * and not executable; that holds for the direct map's alias of the image too. Entries are global
 * except what pmap_make_kpte() makes. The identity map of the boot tables is gone.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/pte.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "mm/pmap.h"
#include "mm/sf_shadow.h"
#include "mm/tlb.h"

/* boot/start_*.asm: the page below the boot stack. */
extern char boot_stack_guard[];

struct pmap kernel_pmap = { .lock = SPINLOCK_INIT("kernel pmap") };
pte_t pte_nx;

paddr_t virt_to_phys(const void *kva)
{
	vaddr_t va = (vaddr_t)kva;

	if (va >= KERNEL_BASE) {
		KASSERT(KERNEL_BASE != DMAP_BASE || va - DMAP_BASE < DMAP_LIMIT, "%p", kva);
		return va - KERNEL_BASE;
	}
	KASSERT(va - DMAP_BASE < DMAP_LIMIT, "%p is not in the direct map", kva);
	return va - DMAP_BASE;
}

/* The entry of `level` for va. Missing tables are added if `create`; NULL: no table, no memory, or
 * a large page in the way. */
static pte_t *kpte_at(vaddr_t va, unsigned level, bool create)
{
	pte_t *table = phys_to_virt(kernel_pmap.root);

	for (unsigned l = PT_LEVELS;; l--) {
		pte_t *e = &table[pt_index(va, l)];
		pte_t v;

		if (l == level)
			return e;
		v = pte_read(e);
		if (!(v & PTE_P)) {
			void *page = create ? kpages_alloc(0, PAGE_ZERO | PAGE_RESERVE) : NULL;

			if (page == NULL)
				return NULL;
			v = virt_to_phys(page) | PTE_P | PTE_W | PTE_A;
			pte_set(e, v);
			kernel_pmap.table_pages++;
		}
		if (v & PTE_PS)
			return NULL;
		table = pte_table(v);
	}
}

/* The entry of a page for which pmap_kprepare() was called. Nobody takes a table away or changes what leads
 * to it, so a word of each entry is enough. */
static ALWAYS_INLINE pte_t *prepared_kpte(vaddr_t va)
{
	pte_t *table = phys_to_virt(kernel_pmap.root);

	for (unsigned l = PT_LEVELS; l > 1; l--) {
		uintptr_t v = pte_word(&table[pt_index(va, l)]);

		KASSERT((v & PTE_P) && !(v & PTE_PS), "no kernel page table for %#lx",
			(unsigned long)va);
		table = phys_to_virt(v & (uintptr_t)PTE_ADDR);
	}
	return &table[pt_index(va, 1)];
}

pte_t pmap_kexchange(vaddr_t va, pte_t pte)
{
	return pte_xchg(prepared_kpte(va), pte);
}

void pmap_kenter(vaddr_t va, pte_t pte)
{
	pte_t *e = prepared_kpte(va);

	KASSERT(!(pte_read(e) & PTE_P), "%#lx is mapped", (unsigned long)va);
	pte_set(e, pte);
}

pte_t pmap_kquery(vaddr_t va)
{
	const pte_t *e = kpte_at(va, 1, false);
	pte_t pte = e == NULL ? 0 : pte_read(e);

	if (pte & PTE_P)
		sf_shadow_walk(va);
	return pte;
}

int pmap_kprepare(vaddr_t start, size_t size)
{
	vaddr_t va = ROUND_DOWN(start, pt_span(2)), last = start + size - 1;
	int err = 0;

	spin_lock(&kernel_pmap.lock);
	for (;;) {
		if (kpte_at(va, 1, true) == NULL) {
			err = -ENOMEM;
			break;
		}
		if (last - va < pt_span(2))
			break;
		va += pt_span(2);
	}
	spin_unlock(&kernel_pmap.lock);
	return err;
}

/* ---- boot ---- */

pte_t *pmap_boot_table(void)
{
	void *page = kpages_alloc(0, PAGE_ZERO | PAGE_RESERVE);

	if (page == NULL)
		panic("no memory for the kernel's page tables");
	return page;
}

static pte_t *boot_entry(vaddr_t va, unsigned level)
{
	pte_t *e = kpte_at(va, level, true);

	if (e == NULL)
		panic("cannot map %#lx", (unsigned long)va);
	return e;
}

static unsigned largest_level(vaddr_t va, paddr_t pa, uint64_t size)
{
	unsigned level = cpu_features.pdpe1gb && PT_LEVELS > 3 ? 3 : 2;

	while (level > 1 && (((va | pa) & (pt_span(level) - 1)) != 0 || size < pt_span(level)))
		level--;
	return level;
}

void pmap_boot_map(vaddr_t va, paddr_t pa, uint64_t size, pte_t flags)
{
	while (size > 0) {
		unsigned level = largest_level(va, pa, size);

		pte_set(boot_entry(va, level), pa | flags | (level > 1 ? PTE_PS : 0));
		va += pt_span(level);
		pa += pt_span(level);
		size -= pt_span(level);
	}
}

static paddr_t image_phys(const char *sym)
{
	return (vaddr_t)sym - KERNEL_BASE;
}

void pmap_boot_map_image(vaddr_t base, paddr_t start, paddr_t end, pte_t extra)
{
	const pte_t ro = PTE_P | PTE_G, rw = ro | PTE_W;
	/* The image cut into pieces of equal rights; what lies around it is data. */
	const struct {
		paddr_t end;
		pte_t flags;
	} piece[] = {
		{ image_phys(text_start), rw | pte_nx },
		{ image_phys(text_end), ro },
		{ image_phys(rodata_start), rw | pte_nx },
		{ image_phys(rodata_end), ro | pte_nx },
		{ image_phys(boot_stack_guard), rw | pte_nx },
		{ image_phys(boot_stack_guard) + PAGE_SIZE, base == KERNEL_BASE ? 0 : rw | pte_nx },
		{ UINT64_MAX, rw | pte_nx },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(piece) && start < end; i++) {
		paddr_t stop = MIN(piece[i].end, end);

		if (start >= stop)
			continue;
		if (piece[i].flags != 0)
			pmap_boot_map(
				base + (vaddr_t)start, start, stop - start, piece[i].flags | extra);
		start = stop;
	}
}

void pmap_boot_prepare(vaddr_t va, uint64_t size, unsigned level)
{
	uint64_t step = pt_span(level + 1);

	for (uint64_t done = 0; done < size; done += step)
		boot_entry(va + (vaddr_t)done, level);
}

void *pmap_panic_map(paddr_t pa, uint64_t size)
{
	static pte_t window[PT_ENTRIES] ALIGNED(PAGE_SIZE);
	const uint64_t page = pt_span(2);
	paddr_t start = ROUND_DOWN(pa, page);
	pte_t *table = phys_to_virt(read_cr3() & PTE_ADDR);

	if (size > PANIC_WINDOW_SIZE - page)
		return NULL;
	table += (read_cr3() & PAGE_MASK) / sizeof(*table); /* i386: 32 bytes somewhere in a page */
	for (unsigned level = PT_LEVELS; level > 2; level--) {
		pte_t *e = &table[pt_index(PANIC_WINDOW, level)];

		if (!(pte_read(e) & PTE_P))
			pte_set(e, virt_to_phys(window) | PTE_P | PTE_W);
		table = pte_table(pte_read(e));
	}
	table += pt_index(PANIC_WINDOW, 2);
	for (uint64_t off = 0; start + off < pa + size; off += page)
		pte_set(table++, (start + off) | PTE_P | PTE_W | PTE_PS | PTE_PWT);
	tlb_flush_local_all();
	return (void *)(PANIC_WINDOW + (vaddr_t)(pa - start));
}

void pmap_init(void)
{
	pte_t *root;

	pte_nx = cpu_features.nx ? PTE_NX : 0;
	root = pmap_boot_table();
	kernel_pmap.root = virt_to_phys(root);
	pmap_boot_build(root);
	this_cpu()->pmap = &kernel_pmap;
	pmap_init_cpu();
	page_init_rest();
}

void pmap_init_cpu(void)
{
	uintptr_t flags = irq_save();

	this_cpu()->pmap = &kernel_pmap;
	tlb_load_root(kernel_pmap.root);
	tlb_flush_local_all();
	irq_restore(flags);
}
