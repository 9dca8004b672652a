/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel quarter of the address space on i386 (map: arch/i386/layout.h): one page directory
 * that all address spaces share, so a new kernel page table is seen by all of them at once.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/pte.h"
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/pmap.h"

#define LARGE_PAGE MiB(2)
#define MAX_CHUNKS (VMPAGE_SIZE / LARGE_PAGE)

/* Large pages that hold the vm_page array; none when it lies in the window. */
static paddr_t chunks[MAX_CHUNKS];
static unsigned nchunks;

/* Enters the chunks in the page directory the boot code left us with. */
static void map_chunks(void)
{
	pte_t *pdpt = phys_to_virt(read_cr3() & ~(vaddr_t)31);
	pte_t *pd = pte_table(pdpt[pt_index(VMPAGE_BASE, 3)]);

	for (unsigned i = 0; i < nchunks; i++)
		pte_set(&pd[pt_index(VMPAGE_BASE, 2) + i], chunks[i] | PTE_P | PTE_W | PTE_PS);
	write_cr3(read_cr3());
}

/* Above the window if it can be: kernel pages are the scarcer ones. */
void *pmap_boot_array(size_t bytes, paddr_t top)
{
	unsigned need = (unsigned)(ROUND_UP((uint64_t)bytes, LARGE_PAGE) / LARGE_PAGE);
	paddr_t pa;

	if (top > DMAP_LIMIT && need <= MAX_CHUNKS) {
		while (nchunks < need &&
			(pa = page_boot_steal(LARGE_PAGE, LARGE_PAGE, DMAP_LIMIT, top)) != 0)
			chunks[nchunks++] = pa;
		if (nchunks >= need) {
			map_chunks();
			return memset((void *)VMPAGE_BASE, 0, bytes);
		}
	}
	pa = page_boot_steal(ROUND_UP(bytes, PAGE_SIZE), PAGE_SIZE, 0, DMAP_LIMIT);
	return pa == 0 ? NULL : memset(phys_to_virt(pa), 0, bytes);
}

void pmap_boot_build(pte_t *root)
{
	root[pt_index(KERNEL_BASE, 3)] = virt_to_phys(pmap_boot_table()) | PTE_P;
	pmap_boot_map_image(DMAP_BASE, 0, DMAP_LIMIT, 0);
	for (unsigned i = 0; i < nchunks; i++)
		pmap_boot_map(VMPAGE_BASE + i * LARGE_PAGE, chunks[i], LARGE_PAGE,
			PTE_P | PTE_W | PTE_G | pte_nx);
	pmap_boot_prepare(FIXMAP_BASE, MAX_CPUS * FIXMAP_SLOTS * PAGE_SIZE, 1);
}
