/* SPDX-License-Identifier: BSD-2-Clause
 * From the boot loader's memory map to the vm_page array and free pages.
 *
 * Left out for good: the first MiB (BIOS, trampoline of the APs), the kernel image, the array. Left
 * out till page_release_boot(): modules. Left out with a log line: RAM beyond what the option mem=
 * allows, the CPU can address, or the array can describe.
 *
 * Runs on the boot CPU alone, before there are locks to take.
 */
#include "arch/x86/layout.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "mm/page.h"
#include "mm/pmap.h"

/* An array that takes more than 1/ARRAY_SHARE of the RAM describes holes rather than memory. */
#define ARRAY_SHARE 8
#define LOW_MEMORY  MiB(1)

struct range {
	paddr_t start, end;
};

static struct range reserved[BOOT_MAX_MODULES + 64];
static unsigned nreserved;
static paddr_t ram_top; /* end of the RAM in use */

static void reserve(paddr_t start, paddr_t end)
{
	start = ROUND_DOWN(start, (paddr_t)PAGE_SIZE);
	end = ROUND_UP(end, (paddr_t)PAGE_SIZE);
	if (start >= end)
		return;
	if (nreserved > 0 && reserved[nreserved - 1].start == end) {
		reserved[nreserved - 1].start = start;
		return;
	}
	if (nreserved == ARRAY_SIZE(reserved))
		panic("memory map too fragmented");
	reserved[nreserved++] = (struct range){ start, end };
}

static const struct range *reserved_overlap(paddr_t start, paddr_t end)
{
	for (unsigned i = 0; i < nreserved; i++)
		if (start < reserved[i].end && reserved[i].start < end)
			return &reserved[i];
	return NULL;
}

/* The part of memory map entry i that is RAM in use; empty: start == end. */
static struct range ram_range(unsigned i)
{
	const struct boot_mem *m = &boot_info.mem[i];
	struct range r = { 0, 0 };

	if (m->type != BOOT_MEM_RAM || m->base >= ram_top)
		return r;
	r.start = ROUND_UP(m->base, (paddr_t)PAGE_SIZE);
	r.end = MIN(ROUND_DOWN(m->base + m->len, (paddr_t)PAGE_SIZE), ram_top);
	if (r.start >= r.end)
		r.start = r.end = 0;
	return r;
}

paddr_t page_boot_steal(uint64_t size, uint64_t align, paddr_t min, paddr_t max)
{
	for (unsigned i = boot_info.nmem; i-- > 0;) {
		struct range r = ram_range(i);
		paddr_t low = MAX(r.start, min), end = MIN(r.end, max);

		while (end > low && end - low >= size) {
			paddr_t start = ROUND_DOWN(end - size, align);
			const struct range *hit;

			if (start < low)
				break;
			hit = reserved_overlap(start, start + size);
			if (hit == NULL) {
				reserve(start, start + size);
				return start;
			}
			end = hit->start;
		}
	}
	return 0;
}

/* All RAM there is, and the end of the highest below `limit`. */
static uint64_t count_ram(paddr_t limit, paddr_t *top)
{
	uint64_t bytes = 0;

	*top = 0;
	for (unsigned i = 0; i < boot_info.nmem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (m->type != BOOT_MEM_RAM || m->base >= limit)
			continue;
		*top = MAX(*top, MIN(m->base + m->len, limit));
		bytes += MIN(m->base + m->len, limit) - m->base;
	}
	*top = ROUND_DOWN(*top, (paddr_t)PAGE_SIZE);
	return bytes;
}

/* A lower end for memory whose array is too big: half of the highest range, or without it. */
static paddr_t lower_top(paddr_t top)
{
	for (unsigned i = boot_info.nmem; i-- > 0;) {
		struct range r = ram_range(i);

		if (r.end != top)
			continue;
		if (r.end - r.start > MiB(16))
			return ROUND_DOWN(r.start + (r.end - r.start) / 2, (paddr_t)PAGE_SIZE);
		top = r.start;
	}
	return 0;
}

static void make_array(void)
{
	uint64_t ram, bytes;
	paddr_t ignored;

	for (;;) {
		ram = count_ram(ram_top, &ignored);
		vm_npages = (uintptr_t)(ram_top >> PAGE_SHIFT);
		bytes = (uint64_t)vm_npages * sizeof(struct vm_page);
		if (bytes <= ram / ARRAY_SHARE)
			vm_pages = pmap_boot_array((size_t)bytes, ram_top);
		if (vm_pages != NULL)
			break;
		ram_top = lower_top(ram_top);
		if (ram_top == 0)
			panic("no room for the page array");
		count_ram(ram_top, &ram_top);
	}
	for (uintptr_t f = 0; f < vm_npages; f++)
		vm_pages[f].flags = PG_RESERVED;
}

/* Hands the frames of [start, end) that nothing reserves to the allocator. */
static void add_unreserved(paddr_t start, paddr_t end)
{
	while (start < end) {
		const struct range *hit = NULL;

		for (unsigned i = 0; i < nreserved; i++)
			if (reserved[i].end > start && reserved[i].start < end &&
				(hit == NULL || reserved[i].start < hit->start))
				hit = &reserved[i];
		if (hit == NULL) {
			page_add_range(start >> PAGE_SHIFT, end >> PAGE_SHIFT);
			return;
		}
		if (hit->start > start)
			page_add_range(start >> PAGE_SHIFT, hit->start >> PAGE_SHIFT);
		start = hit->end;
	}
}

static void add_ram(paddr_t min, paddr_t max)
{
	for (unsigned i = 0; i < boot_info.nmem; i++) {
		struct range r = ram_range(i);

		add_unreserved(MAX(r.start, min), MIN(r.end, max));
	}
}

static paddr_t addressable_limit(void)
{
	paddr_t limit = option_u64("mem", UINT64_MAX, MiB(16), UINT64_MAX);

	limit = MIN(limit, (paddr_t)PHYS_LIMIT);
	if (cpu_features.phys_bits != 0 && cpu_features.phys_bits < 64)
		limit = MIN(limit, (paddr_t)1 << cpu_features.phys_bits);
	return limit;
}

void page_init(void)
{
	paddr_t ignored;
	uint64_t all = count_ram(UINT64_MAX, &ignored), used;
	struct page_stats st;

	count_ram(addressable_limit(), &ram_top);
	reserve(0, LOW_MEMORY);
	reserve((paddr_t)((vaddr_t)kernel_start - KERNEL_BASE),
		(paddr_t)((vaddr_t)kernel_end - KERNEL_BASE));
	for (unsigned i = 0; i < boot_info.nmodules; i++)
		reserve(boot_info.modules[i].start, boot_info.modules[i].end);
	make_array();
	used = count_ram(ram_top, &ignored);
	if (used < all)
		klog(LOG_WARN, "memory: %llu MiB left unused",
			(unsigned long long)(all - used) >> 20);

	page_zones_init();
	add_ram(0, BOOT_MAP_LIMIT);
	page_stats(&st);
	if (st.kernel_zone_free == 0)
		panic("no memory");
}

void page_init_rest(void)
{
	struct page_stats st;

	add_ram(BOOT_MAP_LIMIT, UINT64_MAX);
	page_stats(&st);
	klog(LOG_INFO, "memory: %llu MiB free, %llu MiB of it for the kernel; page array %llu KiB",
		(unsigned long long)st.free >> (20 - PAGE_SHIFT),
		(unsigned long long)st.kernel_zone_free >> (20 - PAGE_SHIFT),
		(unsigned long long)vm_npages * sizeof(struct vm_page) >> 10);
}

static bool held_back(paddr_t pa)
{
	if ((pa >> PAGE_SHIFT) >= vm_npages || !(phys_page(pa)->flags & PG_RESERVED))
		return false;
	for (unsigned i = 0; i < boot_info.nmem; i++) {
		struct range r = ram_range(i);

		if (pa >= r.start && pa < r.end)
			return true;
	}
	return false;
}

void page_release_boot(paddr_t start, paddr_t end)
{
	start = ROUND_UP(start, (paddr_t)PAGE_SIZE);
	end = ROUND_DOWN(end, (paddr_t)PAGE_SIZE);
	for (paddr_t pa = start; pa < end; pa += PAGE_SIZE)
		if (held_back(pa))
			page_add_range(pa >> PAGE_SHIFT, (pa >> PAGE_SHIFT) + 1);
}
