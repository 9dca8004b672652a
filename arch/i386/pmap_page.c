/* SPDX-License-Identifier: BSD-2-Clause
 * Contents of data pages for the VM itself, on i386: the page may lie anywhere in 64 GiB, so it is
 * mapped at a slot of this CPU first. The slot is read and written by its own CPU alone: a local
 * INVLPG is all it takes.
 *
 * An interrupt may do the same in the middle of it; it takes the next pair of slots and gives it
 * back before it returns, so `depth` needs no protection. Two pairs are enough: handlers do not
 * nest (interrupts are off), and thread context does not sleep here.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/page_words.h"
#include "arch/x86/pte.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "mm/pmap.h"

#define SLOTS_PER_USE 2

static unsigned depth[MAX_CPUS];

static vaddr_t slots_take(void)
{
	unsigned cpu = this_cpu_id();
	unsigned d = depth[cpu]++;

	barrier();
	KASSERT(d < FIXMAP_SLOTS / SLOTS_PER_USE, "fixmaps nested %u deep", d);
	return FIXMAP_BASE + (cpu * FIXMAP_SLOTS + d * SLOTS_PER_USE) * PAGE_SIZE;
}

static void slots_release(void)
{
	barrier();
	depth[this_cpu_id()]--;
}

static void *slot_map(vaddr_t va, const struct vm_page *p)
{
	pmap_kexchange(va, pmap_make_kpte(page_phys(p), VM_READ | VM_WRITE, 0));
	invlpg(va);
	return (void *)va;
}

COPY_TEXT void pmap_zero_page(struct vm_page *p)
{
	if (phys_is_mapped(page_phys(p))) {
		page_words_zero(page_to_kva(p));
		return;
	}
	page_words_zero(slot_map(slots_take(), p));
	slots_release();
}

COPY_TEXT void pmap_copy_page(struct vm_page *dst, struct vm_page *src)
{
	vaddr_t va = slots_take();

	page_words_copy(slot_map(va, dst), slot_map(va + PAGE_SIZE, src));
	slots_release();
}
