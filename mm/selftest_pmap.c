/* SPDX-License-Identifier: BSD-2-Clause
 * Self tests of page tables. The user's: a scratch address space is loaded and its pages are read and
 * written the way user memory is. Addresses are spread so that tables of every level come and go.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/pte.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/errno.h"
#include "kernel/core/selftest.h"
#include "mm/pmap.h"
#include "mm/uaccess.h"

#define NPAGES 8
#define RW     (VM_READ | VM_WRITE)

/* Page i lies a little more than i page tables up. */
static vaddr_t page_va(unsigned i)
{
	return 0x400000 + (vaddr_t)i * (0x200000 + PAGE_SIZE);
}

#define RANGE_END page_va(NPAGES)

/* The word at va as user code would read it; *ok says whether it could. Interrupts off, so that
 * the scheduler does not load other tables. */
static uint32_t peek(struct pmap *pm, vaddr_t va, bool *ok)
{
	uintptr_t flags = irq_save();
	struct pmap *prev = this_cpu()->pmap;
	uint32_t v = 0;

	pmap_switch(pm);
	*ok = copy_from_user_nofault(&v, va, sizeof(v)) == 0;
	pmap_switch(prev);
	irq_restore(flags);
	return v;
}

static bool poke(struct pmap *pm, vaddr_t va, uint32_t v)
{
	uintptr_t flags = irq_save();
	struct pmap *prev = this_cpu()->pmap;
	bool ok;

	pmap_switch(pm);
	ok = copy_to_user_nofault(va, &v, sizeof(v)) == 0;
	pmap_switch(prev);
	irq_restore(flags);
	return ok;
}

static bool reads_as(struct pmap *pm, vaddr_t va, uint32_t want)
{
	bool ok;
	uint32_t v = peek(pm, va, &ok);

	return ok && v == want;
}

static bool unreadable(struct pmap *pm, vaddr_t va)
{
	bool ok;

	peek(pm, va, &ok);
	return !ok;
}

static int enter_fresh(struct pmap *pm, vaddr_t va, unsigned prot)
{
	struct vm_page *p = page_alloc(ZONE_DATA, 0, PAGE_ZERO);
	int err = p == NULL ? -ENOMEM : pmap_enter_new(pm, va, p, prot);

	if (err != 0 && p != NULL)
		page_put(p);
	return err;
}

static void check_enter(struct pmap *pm)
{
	struct vm_page *p;

	for (unsigned i = 0; i < NPAGES; i++) {
		KTEST_CHECK(enter_fresh(pm, page_va(i), RW) == 0);
		KTEST_CHECK(reads_as(pm, page_va(i), 0), "page %u is not zero", i);
		KTEST_CHECK(poke(pm, page_va(i), i + 100), "page %u", i);
	}
	for (unsigned i = 0; i < NPAGES; i++)
		KTEST_CHECK(reads_as(pm, page_va(i), i + 100), "page %u", i);
	KTEST_CHECK(pm->resident == NPAGES);
	KTEST_CHECK(enter_fresh(pm, page_va(0), RW) == -EEXIST);
	KTEST_CHECK(pmap_query(pm, page_va(0)) & PTE_D);

	p = page_alloc(ZONE_DATA, 0, PAGE_ZERO);
	KTEST_CHECK(p != NULL && pmap_enter(pm, page_va(1), p, VM_READ) == 0);
	KTEST_CHECK(reads_as(pm, page_va(1), 0) && !poke(pm, page_va(1), 1), "replaced page");
	page_get(p);
	KTEST_CHECK(pmap_enter(pm, page_va(1), p, RW) == 0 && poke(pm, page_va(1), 101));
	KTEST_CHECK(page_refs(p) == 1 && pm->resident == NPAGES);
}

static void check_hold(struct pmap *pm)
{
	struct vm_page *p = pmap_hold(pm, page_va(2), RW);

	KTEST_CHECK(p != NULL && page_refs(p) == 2);
	page_put(p);
	KTEST_CHECK(pmap_hold(pm, page_va(2) + PAGE_SIZE, VM_READ) == NULL);
	if (pmap_query(pm, page_va(2)) & PTE_NX)
		KTEST_CHECK(pmap_hold(pm, page_va(2), VM_EXEC) == NULL);
}

static void check_protect(struct pmap *pm)
{
	pmap_protect(pm, 0, RANGE_END, VM_READ);
	KTEST_CHECK(!poke(pm, page_va(3), 1) && reads_as(pm, page_va(3), 103));
	pmap_protect(pm, 0, RANGE_END, 0);
	KTEST_CHECK(unreadable(pm, page_va(3)) && pm->resident == NPAGES);
	KTEST_CHECK(pmap_hold(pm, page_va(3), VM_READ) == NULL);
	pmap_protect(pm, 0, RANGE_END, RW);
	KTEST_CHECK(reads_as(pm, page_va(3), 103), "the page is lost");
	KTEST_CHECK(!poke(pm, page_va(3), 1), "pmap_protect added VM_WRITE");
}

static void check_cow(struct pmap *pm, struct pmap *child)
{
	struct vm_page *p;

	KTEST_CHECK(enter_fresh(pm, page_va(4) + PAGE_SIZE, RW) == 0);
	KTEST_CHECK(poke(pm, page_va(4) + PAGE_SIZE, 7));
	KTEST_CHECK(pmap_copy_cow(child, pm, 0, RANGE_END) == 0);
	KTEST_CHECK(child->resident == pm->resident);
	KTEST_CHECK(!poke(pm, page_va(4) + PAGE_SIZE, 8), "parent still writes");
	KTEST_CHECK(reads_as(child, page_va(4) + PAGE_SIZE, 7));
	p = pmap_hold(child, page_va(4), VM_READ);
	KTEST_CHECK(p != NULL && page_refs(p) == 3);
	page_put(p);
	pmap_remove(child, page_va(4), page_va(4) + PAGE_SIZE);
	KTEST_CHECK(unreadable(child, page_va(4)) && reads_as(pm, page_va(4), 104));
}

static void check_move(struct pmap *pm)
{
	vaddr_t to = page_va(NPAGES + 5);

	KTEST_CHECK(pmap_move(pm, page_va(5), to, RANGE_END - page_va(5)) == 0);
	KTEST_CHECK(unreadable(pm, page_va(5)) && reads_as(pm, to, 105));
	KTEST_CHECK(reads_as(pm, to + page_va(7) - page_va(5), 107));
}

KTEST(pmap)
{
	struct pmap *pm = pmap_create(), *child = pmap_create();
	uint64_t tables;

	KTEST_CHECK(pm != NULL && child != NULL);
	tables = pm->table_pages;
	check_enter(pm);
	check_hold(pm);
	check_protect(pm);
	check_cow(pm, child);
	check_move(pm);
	pmap_remove(pm, 0, USER_END);
	pmap_remove(child, 0, USER_END);
	KTEST_CHECK(pm->resident == 0 && child->resident == 0);
	KTEST_CHECK(pm->table_pages == tables, "%llu tables left of %llu",
		(unsigned long long)pm->table_pages, (unsigned long long)tables);
	pmap_destroy(pm);
	pmap_destroy(child);
}

/* ---- one address space on all CPUs ---- */

/* Member 0 replaces the page at `va` again and again; page r % SMP_PAGES holds the number r of its
 * last replacement. The others load and unload the address space and read: never a number below
 * that of the last replacement that had returned before they looked. */
#define SMP_PAGES 3
#define SMP_READS 500 /* in a row */
#define SMP_TIME  (NSEC_PER_SEC / 2)

struct smp_test {
	struct pmap *pm;
	vaddr_t va;
	struct vm_page *page[SMP_PAGES];
	uint32_t complete, stale; /* atomic */
	bool done;
};

static void smp_replace(struct smp_test *t, uint32_t r)
{
	struct vm_page *p = t->page[r % SMP_PAGES];
	int err;

	*(uint32_t *)page_to_kva(p) = r;
	page_get(p);
	if (r % 7 == 0) {
		pmap_remove(t->pm, t->va, t->va + PAGE_SIZE);
		err = pmap_enter_new(t->pm, t->va, p, VM_READ);
	} else {
		err = pmap_enter(t->pm, t->va, p, VM_READ);
	}
	if (err != 0)
		page_put(p);
	else
		__atomic_store_n(&t->complete, r, __ATOMIC_RELEASE);
}

static void smp_read(struct smp_test *t)
{
	uint32_t complete, v;
	uintptr_t flags = irq_save();
	struct pmap *prev = this_cpu()->pmap;

	pmap_switch(t->pm);
	irq_restore(flags);
	for (unsigned i = 0; i < SMP_READS; i++) {
		complete = __atomic_load_n(&t->complete, __ATOMIC_ACQUIRE);
		if (copy_from_user_nofault(&v, t->va, sizeof(v)) == 0 && v < complete)
			__atomic_fetch_add(&t->stale, 1, __ATOMIC_RELAXED);
	}
	flags = irq_save();
	pmap_switch(prev);
	irq_restore(flags);
}

static void smp_member(struct team *team, unsigned member)
{
	struct smp_test *t = team->arg;
	uint64_t deadline = clock_monotonic_ns() + SMP_TIME;

	if (member == 0) {
		for (uint32_t r = 1; clock_monotonic_ns() < deadline; r++)
			smp_replace(t, r);
		__atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
	}
	while (!__atomic_load_n(&t->done, __ATOMIC_ACQUIRE)) {
		smp_read(t);
		sched_yield();
	}
}

KTEST(pmap_smp)
{
	struct smp_test t = { .pm = pmap_create(), .va = page_va(0) };
	bool ran = false;

	KTEST_CHECK(t.pm != NULL);
	for (unsigned i = 0; i < SMP_PAGES; i++)
		t.page[i] = page_alloc(ZONE_KERNEL, 0, PAGE_ZERO);
	if (t.page[0] != NULL && t.page[1] != NULL && t.page[2] != NULL)
		ran = team_run(cpumask_count(&cpus_online), true, smp_member, &t);
	pmap_remove(t.pm, 0, USER_END);
	pmap_destroy(t.pm);
	for (unsigned i = 0; i < SMP_PAGES; i++) {
		if (t.page[i] == NULL)
			continue;
		KTEST_CHECK(page_refs(t.page[i]) == 1, "page %u: %u references", i,
			page_refs(t.page[i]));
		page_put(t.page[i]);
	}
	KTEST_CHECK(ran && t.complete > 0);
	KTEST_CHECK(t.stale == 0, "%u stale reads", t.stale);
}

/* ---- the kernel's ---- */

/* Leaves of one kernel table that are writable and executable, or open to user mode. */
static unsigned bad_leaves(const pte_t *table, unsigned level, unsigned first)
{
	unsigned n = 0;

	for (unsigned i = first; i < PT_ENTRIES; i++) {
		pte_t e = pte_read(&table[i]);

		if (!(e & PTE_P))
			continue;
		if (level > 1 && !(e & PTE_PS))
			n += bad_leaves(pte_table(e), level - 1, 0);
		else if ((e & PTE_U) || ((e & PTE_W) && pte_nx != 0 && !(e & PTE_NX)))
			n++;
	}
	return n;
}

KTEST(kernel_wx)
{
	const pte_t *root = phys_to_virt(kernel_pmap.root);
	unsigned first = pt_index(DMAP_BASE, PT_LEVELS);

	for (unsigned i = 0; i < first; i++)
		KTEST_CHECK(!(root[i] & PTE_P), "the identity map is still there");
	/* A PDPT of PAE has four entries; what lies behind them in its page is zero. */
	KTEST_CHECK(bad_leaves(root, PT_LEVELS, first) == 0, "writable and executable");
	for (char *p = text_start; p < rodata_end; p += PAGE_SIZE) {
		KTEST_CHECK(!(pmap_kquery((vaddr_t)p) & PTE_W), "%p is writable", p);
		KTEST_CHECK(!(pmap_kquery((vaddr_t)phys_to_virt(virt_to_phys(p))) & PTE_W),
			"alias of %p is writable", p);
	}
	KTEST_CHECK(pmap_kquery((vaddr_t)text_start) != 0);
}

#ifdef __i386__
/* See CMPXCHG8B. POPF and SHR are what makes QEMU's TCG go wrong. */
KTEST(pte_flags)
{
	uint32_t x = UINT32_MAX;
	pte_t e ALIGNED(8) = 0; /* as in a page table; else QEMU takes another way */
	pte_t old = 0, both = 1ull << 32;
	uintptr_t flags;
	bool ok;

	__asm__ volatile("pushf; popf; shr %0" : "+r"(x) : : "cc", "memory");
	pte_xchg(&e, both + 5);
	__asm__ volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	KTEST_CHECK(
		!(flags & (EFLAGS_VM | EFLAGS_NT)), "%#lx after an exchange", (unsigned long)flags);
	__asm__ volatile("pushf; popf; shr %0" : "+r"(x) : : "cc", "memory");
	ok = pte_cmpxchg(&e, &old, both + 6);
	__asm__ volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	KTEST_CHECK(!(flags & (EFLAGS_VM | EFLAGS_NT)), "%#lx after another", (unsigned long)flags);
	KTEST_CHECK(!ok && old == both + 5 && e == old);
}
#endif
