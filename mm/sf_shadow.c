/* SPDX-License-Identifier: BSD-2-Clause
 * The TLB shadow (mm/sf_shadow.h), debug builds only.
 *
 * One entry of eight bytes for each CPU and slot, 2 MiB for four CPUs and 65536 slots. A full flush is
 * O(1): each CPU numbers its full flushes, an entry counts only while its number is the CPU's.
 *
 * A CPU's entries and number are written by that CPU alone, with interrupts off, since a shootdown
 * that interrupts it writes them too; so there is no lock. Another CPU may look at them
 * (sf_shadow_share()). It reads number and page as two words, which is sound because the slot it asks
 * about is held by its caller: the only page that can be entered there meanwhile is the right one,
 * and the page is stored before the number (x86 keeps the order of stores, Intel SDM 3A 8.2.2).
 */
#include "mm/sf_shadow.h"

#ifdef DEBUG

#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "mm/kmem.h"
#include "mm/pmap.h"
#include "mm/uaccess.h"

struct entry {
	uint32_t flushes; /* valid while equal to the CPU's number */
	uint32_t frame;   /* low 32 bits: 16 TiB can be told apart */
};

static struct shadow {
	struct entry *slots; /* NULL: nothing is watched */
	uint32_t flushes;    /* full flushes so far, from 1 on */
	unsigned reads;      /* of page table entries, by this CPU */
} ALIGNED(64) shadows[MAX_CPUS];
static unsigned watched;

#define WALK_EVERY 8

static uint32_t frame_of(const struct vm_page *page)
{
	return (uint32_t)page_frame(page);
}

/* Holes of the region belong to nobody: the answer is NULL for other addresses. */
static struct entry *entry_of(unsigned cpu, vaddr_t va)
{
	if (shadows[cpu].slots == NULL || va < SFBUF_BASE ||
		(va - SFBUF_BASE) >> PAGE_SHIFT >= watched)
		return NULL;
	return &shadows[cpu].slots[(va - SFBUF_BASE) >> PAGE_SHIFT];
}

void sf_shadow_init(unsigned nslots)
{
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		struct entry *slots = vzalloc(nslots * sizeof(*slots));

		if (slots == NULL) {
			klog(LOG_WARN, "sf_shadow: no memory, CPUs from %u on go unwatched", cpu);
			break;
		}
		shadows[cpu].flushes = 1;
		shadows[cpu].slots = slots;
	}
	watched = nslots;
}

static void check(unsigned cpu, const struct entry *e, vaddr_t kva, const struct vm_page *page)
{
	uint32_t flushes = READ_ONCE(e->flushes), frame = READ_ONCE(e->frame);

	if (flushes != READ_ONCE(shadows[cpu].flushes) || frame == frame_of(page))
		return;
	panic("TLB shadow: CPU %u at %#lx may still see page %#x, the mapping is of page %#x", cpu,
		(unsigned long)kva, frame, frame_of(page));
}

static void enter(struct shadow *s, struct entry *e, const struct vm_page *page)
{
	WRITE_ONCE(e->frame, frame_of(page));
	WRITE_ONCE(e->flushes, s->flushes);
}

static void check_table(vaddr_t kva, const struct vm_page *page)
{
	pte_t pte = pmap_kquery(kva);

	if (!(pte & PTE_P) || (pte & PTE_ADDR) != page_phys(page))
		panic("TLB shadow: the table's entry for %#lx is %#llx, the mapping is of page %#x",
			(unsigned long)kva, (unsigned long long)pte, frame_of(page));
}

void sf_shadow_use(vaddr_t kva, const struct vm_page *page)
{
	uintptr_t flags = irq_save();
	unsigned cpu = this_cpu_id();
	struct entry *e = entry_of(cpu, kva);

	if (e != NULL) {
		check(cpu, e, kva, page);
		check_table(kva, page);
		enter(&shadows[cpu], e, page);
		(void)*(volatile const uint8_t *)kva;
	}
	irq_restore(flags);
}

void sf_shadow_share(vaddr_t kva, const struct vm_page *page)
{
	unsigned cpu;

	CPUMASK_FOR_EACH (cpu, &cpus_online) {
		const struct entry *e = entry_of(cpu, kva);

		/* `current` is set after the flush that leaving the idle loop may have to do. */
		if (e != NULL && READ_ONCE(cpus[cpu].current) != READ_ONCE(cpus[cpu].idle))
			check(cpu, e, kva, page);
	}
}

/* What is entered already stays: that translation may be cached as well. */
void sf_shadow_seen(vaddr_t kva, const struct vm_page *page)
{
	struct shadow *s = &shadows[this_cpu_id()];
	struct entry *e = entry_of(this_cpu_id(), kva);

	if (e != NULL && e->flushes != s->flushes)
		enter(s, e, page);
}

/* Only if the entry has its accessed bit now has the walk taken place: this CPU may have held another
 * translation already. pmap_kquery() comes back here, and finds that it is not the time. */
void sf_shadow_walk(vaddr_t kva)
{
	uintptr_t flags = irq_save();
	struct shadow *s = &shadows[this_cpu_id()];
	uint8_t byte;
	pte_t pte;

	if (entry_of(this_cpu_id(), kva) != NULL && ++s->reads % WALK_EVERY == 0 &&
		raw_copy_user(&byte, (const void *)kva, 1) == 0) {
		pte = pmap_kquery(kva);
		if ((pte & PTE_P) && (pte & PTE_A))
			sf_shadow_seen(kva, phys_page(pte & PTE_ADDR));
	}
	irq_restore(flags);
}

void sf_shadow_flush_page(vaddr_t va)
{
	uintptr_t flags = irq_save();
	struct entry *e = entry_of(this_cpu_id(), va);

	if (e != NULL)
		WRITE_ONCE(e->flushes, 0);
	irq_restore(flags);
}

/* 0 is no valid number; when the numbers wrap, old entries must not come back to life. */
void sf_shadow_flush_all(void)
{
	uintptr_t flags = irq_save();
	struct shadow *s = &shadows[this_cpu_id()];

	if (s->slots != NULL) {
		WRITE_ONCE(s->flushes, s->flushes + 1);
		if (s->flushes == 0) {
			for (unsigned i = 0; i < watched; i++)
				s->slots[i].flushes = 0;
			WRITE_ONCE(s->flushes, 1);
		}
	}
	irq_restore(flags);
}

#endif
