/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel half of the address space on amd64 (map: arch/amd64/layout.h).
 *
 * Each address space has a PML4 of its own whose upper 256 entries are copies of the kernel's. So
 * that nothing ever has to be propagated, every PML4 entry the kernel will use is filled here.
 */
#include "arch/x86/pte.h"
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/pmap.h"

/* BIOS memory: small pages, because its caching differs from one MTRR to the next (SDM 3A 11.11.9). */
#define LOW_MEMORY MiB(1)

void *pmap_boot_array(size_t bytes, paddr_t top)
{
	paddr_t pa = page_boot_steal(ROUND_UP(bytes, PAGE_SIZE), PAGE_SIZE, 0, BOOT_MAP_LIMIT);

	return pa == 0 ? NULL : memset(phys_to_virt(pa), 0, bytes);
}

static bool holds_memory(uint32_t type)
{
	return type == BOOT_MEM_RAM || type == BOOT_MEM_ACPI || type == BOOT_MEM_NVS;
}

static void map_direct(void)
{
	paddr_t done = LOW_MEMORY;

	pmap_boot_map_image(DMAP_BASE, 0, LOW_MEMORY, pte_nx);
	for (unsigned i = 0; i < boot_info.nmem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];
		paddr_t start = MAX(ROUND_DOWN(m->base, (paddr_t)PAGE_SIZE), done);
		paddr_t end = MIN(ROUND_UP(m->base + m->len, (paddr_t)PAGE_SIZE), DMAP_LIMIT);

		if (!holds_memory(m->type) || start >= end)
			continue;
		pmap_boot_map_image(DMAP_BASE, start, end, pte_nx);
		done = end;
	}
}

void pmap_boot_build(pte_t *root)
{
	map_direct();
	pmap_boot_map_image(KERNEL_BASE, (vaddr_t)kernel_start - KERNEL_BASE,
		(vaddr_t)kernel_end - KERNEL_BASE, 0);
	pmap_boot_prepare(KVA_BASE, KVA_SIZE, PT_LEVELS - 1);
	pmap_boot_prepare(SFBUF_BASE, SFBUF_SIZE, PT_LEVELS - 1);
}
