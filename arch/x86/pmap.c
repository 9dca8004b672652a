/* SPDX-License-Identifier: BSD-2-Clause
 * User address spaces.
 *
 * pm->lock protects the tables. It is dropped now and then in long operations; what they do as a
 * whole is serialised by the vm_map mutex, and whoever comes from another side (a file is
 * truncated, pmap_hold, pmap_query) finds the tables consistent. Below it: the page allocator's
 * locks.
 *
 * Taking a translation away goes in three steps, which struct gather holds together: exchange the
 * entry under the lock; drop the lock and shoot down; release pages and page tables. A table that
 * was unlinked may be in use by another CPU's walker till the shootdown: INVLPG of any address
 * drops the paging-structure caches too (Intel SDM 3A 4.10.4.1).
 *
 * An entry whose A bit was never set is in no TLB (SDM 3A 4.10.2.3), so nobody is asked to flush it.
 *
 * A table's vm_page counts the entries in use (pt_used); at zero the table goes, except on the
 * levels that live as long as the pmap (PT_FIXED_LEVEL and up).
 */
#include "arch/x86/cpu.h"
#include "arch/x86/pte.h"
#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"
#include "mm/pmap.h"
#include "mm/tlb.h"

#define GATHER_PAGES 64

/* Entries from the root (entry[PT_LEVELS]) down to the one that maps the page (entry[1]). */
struct walk {
	pte_t *entry[PT_LEVELS + 1];
};

struct gather {
	struct pmap *pm;
	vaddr_t start, end; /* what to invalidate, if `flush` */
	bool flush;
	unsigned n;
	struct vm_page *page[GATHER_PAGES];
	struct list tables;
	const struct vm_object *only; /* NULL: whatever is mapped */
};

static bool mapped(pte_t e)
{
	return e & (PTE_P | PTE_NONE);
}

static struct vm_page *entry_page(pte_t e)
{
	return phys_page(e & PTE_ADDR);
}

/* The page of the table that an entry stands in; all tables are in the direct map. */
static struct vm_page *table_page(const pte_t *e)
{
	vaddr_t offset = (vaddr_t)e - DMAP_BASE;

	KASSERT(offset < DMAP_LIMIT, "%p is in no page table", (const void *)e);
	return phys_page(offset);
}

/* Some CPU may hold the translation. */
static bool maybe_cached(pte_t e)
{
	return (e & (PTE_P | PTE_A)) == (PTE_P | PTE_A);
}

static pte_t rights(unsigned prot)
{
	pte_t e = prot == 0 ? PTE_NONE : PTE_P;

	if (prot & VM_WRITE)
		e |= PTE_W;
	if (!(prot & VM_EXEC))
		e |= pte_nx;
	return e;
}

static bool rights_shrink(pte_t old, pte_t next)
{
	return (old & ~next & (PTE_P | PTE_W)) != 0 || (~old & next & PTE_NX) != 0;
}

/* The D bit of an entry that is gone or about to be cleared belongs to the page cache. */
static void harvest_dirty(pte_t old)
{
	if ((old & PTE_D) && entry_page(old)->object != NULL)
		page_set_flags(entry_page(old), PG_DIRTY);
}

/* ---- walking; all with the lock held ---- */

static bool walk_to(struct pmap *pm, vaddr_t va, struct walk *w)
{
	pte_t *table = phys_to_virt(pm->root);

	for (unsigned l = PT_LEVELS;; l--) {
		uintptr_t e;

		w->entry[l] = &table[pt_index(va, l)];
		if (l == 1)
			return true;
		e = pte_word(w->entry[l]);
		if (!(e & PTE_P))
			return false;
		table = pte_table(e);
	}
}

/* A new table for entry `e` of `level`; false: no memory. */
static bool add_table(struct pmap *pm, pte_t *e, unsigned level)
{
	struct vm_page *p = page_alloc(ZONE_KERNEL, 0, PAGE_ZERO);

	if (p == NULL)
		return false;
	/* The top level of PAE has no rights bits: they are reserved (SDM 3A 4.4.1). */
	pte_set(e, page_phys(p) | PTE_P | (PT_LEVELS == 3 && level == 3 ? 0 : PTE_W | PTE_U));
	table_page(e)->pt_used++;
	pm->table_pages++;
	return true;
}

static bool walk_create(struct pmap *pm, vaddr_t va, struct walk *w)
{
	pte_t *table = phys_to_virt(pm->root);

	KASSERT(va < USER_END, "%#lx is not a user address", (unsigned long)va);
	for (unsigned l = PT_LEVELS;; l--) {
		w->entry[l] = &table[pt_index(va, l)];
		if (l == 1)
			return true;
		if (!(pte_word(w->entry[l]) & PTE_P) && !add_table(pm, w->entry[l], l))
			return false;
		table = pte_table(pte_word(w->entry[l]));
	}
}

/* `e` of `level`, which maps va, leads nowhere: the address where the first after it begins that does, or
 * where its table or [va, end) ends. */
static vaddr_t skip_absent(const pte_t *e, unsigned level, vaddr_t va, vaddr_t end)
{
	va = ROUND_DOWN(va, pt_span(level));
	do {
		va += pt_span(level);
		e++;
	} while (va < end && pt_index(va, level) != 0 && !(pte_word(e) & PTE_P));
	return va;
}

/* Advances *va to the first address not below it whose page table exists; false: none below end. */
static bool walk_next(struct pmap *pm, vaddr_t *va, vaddr_t end, struct walk *w)
{
	while (*va < end) {
		pte_t *table = phys_to_virt(pm->root);
		unsigned l = PT_LEVELS;

		for (;; l--) {
			w->entry[l] = &table[pt_index(*va, l)];
			if (l == 1)
				return true;
			if (!(pte_word(w->entry[l]) & PTE_P))
				break;
			table = pte_table(pte_word(w->entry[l]));
		}
		*va = skip_absent(w->entry[l], l, *va, end);
	}
	return false;
}

/* End of the part of [va, end) that one page table maps. */
static vaddr_t table_end(vaddr_t va, vaddr_t end)
{
	return MIN(ROUND_DOWN(va, pt_span(2)) + pt_span(2), end);
}

/* ---- gather ---- */

static void gather_init(struct gather *g, struct pmap *pm)
{
	g->pm = pm;
	g->flush = false;
	g->start = UINTPTR_MAX;
	g->end = 0;
	g->n = 0;
	list_init(&g->tables);
	g->only = NULL;
}

static void gather_va(struct gather *g, vaddr_t va)
{
	g->flush = true;
	g->start = MIN(g->start, va);
	g->end = MAX(g->end, va + PAGE_SIZE);
}

/* Unlinks the tables on the walk's path that have become empty. Lock held. */
static void gather_tables(struct gather *g, struct walk *w, vaddr_t va)
{
	for (unsigned l = 1; l < PT_FIXED_LEVEL; l++) {
		struct vm_page *table = table_page(w->entry[l]);

		if (table->pt_used != 0)
			return;
		if (pte_xchg(w->entry[l + 1], 0) & PTE_A)
			gather_va(g, va);
		table_page(w->entry[l + 1])->pt_used--;
		g->pm->table_pages--;
		list_push_back(&g->tables, &table->link);
	}
}

/* CPUs that may hold translations of pm: read after the entries have changed. */
static struct cpumask active_cpus(const struct pmap *pm)
{
	struct cpumask m;

	mb();
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		m.w[i] = READ_ONCE(pm->active.w[i]);
	return m;
}

/* Shoots down, then lets go of pages and tables. No lock held. */
static void gather_finish(struct gather *g)
{
	if (g->flush) {
		struct cpumask cpus = active_cpus(g->pm);

		tlb_shootdown_range(&cpus, g->start, g->end);
	}
	for (unsigned i = 0; i < g->n; i++)
		page_put(g->page[i]);
	while (!list_empty(&g->tables)) {
		struct vm_page *table = list_first(&g->tables, struct vm_page, link);

		list_remove(&table->link);
		page_put(table);
	}
	gather_init(g, g->pm);
}

/* ---- creation ---- */

struct pmap *pmap_create(void)
{
	struct pmap *pm = kzalloc(sizeof(*pm));
	pte_t *root;

	if (pm == NULL)
		return NULL;
	root = kpages_alloc(0, PAGE_ZERO);
	if (root == NULL)
		goto no_root;
	spin_init(&pm->lock, "pmap");
	pm->root = virt_to_phys(root);
	pm->table_pages = 1;
	for (unsigned i = pt_index(DMAP_BASE, PT_LEVELS); i < PT_ROOT_ENTRIES; i++)
		pte_set(&root[i], pte_read((pte_t *)phys_to_virt(kernel_pmap.root) + i));
	/* PAE: the CPU reads the top level only when CR3 is loaded, so it is complete from the start. */
	if (PT_FIXED_LEVEL < PT_LEVELS)
		for (unsigned i = 0; i < pt_index(DMAP_BASE, PT_LEVELS); i++)
			if (!add_table(pm, &root[i], PT_LEVELS))
				goto no_table;
	return pm;

no_table:
	pmap_destroy(pm);
	return NULL;
no_root:
	kfree(pm);
	return NULL;
}

/* Those below `table` go first: as many as it counts, among its first `entries`. */
static void free_tables(struct pmap *pm, pte_t *table, unsigned level, unsigned entries)
{
	unsigned left = level > 1 ? table_page(table)->pt_used : 0;

	for (unsigned i = 0; left > 0 && i < entries; i++) {
		uintptr_t e = pte_word(&table[i]);

		if (!(e & PTE_P))
			continue;
		free_tables(pm, pte_table(e), level - 1, PT_ENTRIES);
		left--;
	}
	pm->table_pages--;
	kpages_free(table);
}

void pmap_destroy(struct pmap *pm)
{
	KASSERT(pm->resident == 0, "%llu pages still mapped", (unsigned long long)pm->resident);
	KASSERT(cpumask_empty(&pm->active), "loaded somewhere");
	free_tables(pm, phys_to_virt(pm->root), PT_LEVELS, pt_index(DMAP_BASE, PT_LEVELS));
	KASSERT(pm->table_pages == 0, "%llu tables too many", (unsigned long long)pm->table_pages);
	kfree(pm);
}

/* ---- entering ---- */

/* What pmap_enter() displaced: shoots down if need be, releases the page. */
static void displaced(struct pmap *pm, vaddr_t va, pte_t old, pte_t next)
{
	bool same = (old & PTE_ADDR) == (next & PTE_ADDR);

	if (maybe_cached(old) && (!same || rights_shrink(old, next))) {
		struct cpumask cpus = active_cpus(pm);

		tlb_shootdown_pages(&cpus, &va, 1);
	}
	harvest_dirty(old);
	page_put(entry_page(old));
}

static void count_resident(struct pmap *pm)
{
	pm->resident++;
	pm->resident_max = MAX(pm->resident_max, pm->resident);
}

static int enter(struct pmap *pm, vaddr_t va, struct vm_page *page, unsigned prot, bool only_new)
{
	pte_t next = page_phys(page) | PTE_U | rights(prot | VM_READ), old;
	struct walk w;
	int err = 0;

	va = ROUND_DOWN(va, PAGE_SIZE);
	spin_lock(&pm->lock);
	if (!walk_create(pm, va, &w)) {
		err = -ENOMEM;
		goto out;
	}
	if (mapped(pte_word(w.entry[1]))) {
		if (only_new) {
			err = -EEXIST;
			goto out;
		}
		old = pte_xchg(w.entry[1], next);
		spin_unlock(&pm->lock);
		displaced(pm, va, old, next);
		return 0;
	}
	pte_set(w.entry[1], next);
	table_page(w.entry[1])->pt_used++;
	count_resident(pm);
out:
	spin_unlock(&pm->lock);
	return err;
}

int pmap_enter(struct pmap *pm, vaddr_t va, struct vm_page *page, unsigned prot)
{
	return enter(pm, va, page, prot, false);
}

int pmap_enter_new(struct pmap *pm, vaddr_t va, struct vm_page *page, unsigned prot)
{
	return enter(pm, va, page, prot, true);
}

void pmap_enter_around(
	struct pmap *pm, vaddr_t va, struct vm_page *const *pages, unsigned n, unsigned prot)
{
	pte_t with = PTE_U | rights(prot | VM_READ);
	struct walk w;

	KASSERT(n == 0 || table_end(va, va + n * PAGE_SIZE) == va + n * PAGE_SIZE, "%u pages", n);
	spin_lock(&pm->lock);
	if (walk_to(pm, va, &w))
		for (unsigned i = 0; i < n; i++) {
			pte_t *e = &w.entry[1][i];

			if (pages[i] == NULL || mapped(pte_word(e)))
				continue;
			page_get(pages[i]);
			pte_set(e, page_phys(pages[i]) | with);
			table_page(e)->pt_used++;
			count_resident(pm);
		}
	spin_unlock(&pm->lock);
}

/* ---- removing ---- */

/* Clears the entries of one page table from *va on; stops early when the gather is full. */
static void remove_in_table(struct gather *g, struct walk *w, vaddr_t *va, vaddr_t end)
{
	struct vm_page *table = table_page(w->entry[1]);
	pte_t *e = w->entry[1];
	vaddr_t first = *va;

	for (; *va < end && g->n < GATHER_PAGES && table->pt_used > 0; *va += PAGE_SIZE, e++) {
		pte_t old;

		old = pte_read(e);
		if (!mapped(old) || (g->only != NULL && entry_page(old)->object != g->only))
			continue;
		old = pte_xchg(e, 0);
		if (maybe_cached(old))
			gather_va(g, *va);
		harvest_dirty(old);
		g->page[g->n++] = entry_page(old);
		table->pt_used--;
		g->pm->resident--;
	}
	if (table->pt_used > 0)
		return;
	*va = end;
	gather_tables(g, w, first);
}

void pmap_remove_object(struct pmap *pm, vaddr_t start, vaddr_t end, const struct vm_object *obj)
{
	struct gather g;
	struct walk w;
	bool more = true;

	gather_init(&g, pm);
	while (more) {
		g.only = obj;
		spin_lock(&pm->lock);
		more = walk_next(pm, &start, end, &w);
		if (more)
			remove_in_table(&g, &w, &start, table_end(start, end));
		spin_unlock(&pm->lock);
		if (!more || g.n == GATHER_PAGES)
			gather_finish(&g);
	}
}

void pmap_remove(struct pmap *pm, vaddr_t start, vaddr_t end)
{
	pmap_remove_object(pm, start, end, NULL);
}

/* ---- changing ---- */

static void protect_entry(struct gather *g, pte_t *e, vaddr_t va, unsigned prot)
{
	pte_t old = pte_read(e), next;

	if (!mapped(old))
		return;
	do {
		next = (old & ~(PTE_P | PTE_NONE | PTE_NX)) | rights(prot & ~VM_WRITE);
		if (!(prot & VM_WRITE))
			next &= ~(PTE_W | PTE_D);
	} while (!pte_cmpxchg(e, &old, next));
	if (old & ~next & PTE_D)
		harvest_dirty(old);
	if (maybe_cached(old) && rights_shrink(old, next))
		gather_va(g, va);
}

void pmap_protect(struct pmap *pm, vaddr_t start, vaddr_t end, unsigned prot)
{
	struct gather g;
	struct walk w;
	bool more = true;

	if (prot != 0)
		prot |= VM_READ; /* x86 has no page that can be written and not read */
	gather_init(&g, pm);
	while (more) {
		spin_lock(&pm->lock);
		more = walk_next(pm, &start, end, &w);
		if (more)
			for (vaddr_t stop = table_end(start, end); start < stop; start += PAGE_SIZE)
				protect_entry(&g, w.entry[1]++, start, prot);
		spin_unlock(&pm->lock);
	}
	gather_finish(&g);
}

static void write_protect_entry(struct gather *g, pte_t *e, vaddr_t va)
{
	pte_t old = pte_read(e);

	while (mapped(old) && (old & PTE_W) && !pte_cmpxchg(e, &old, old & ~(PTE_W | PTE_D)))
		;
	if (!mapped(old) || !(old & PTE_W))
		return;
	if (old & PTE_D)
		harvest_dirty(old);
	if (maybe_cached(old))
		gather_va(g, va);
}

void pmap_write_protect(struct pmap *pm, vaddr_t start, vaddr_t end)
{
	struct gather g;
	struct walk w;
	bool more = true;

	gather_init(&g, pm);
	while (more) {
		spin_lock(&pm->lock);
		more = walk_next(pm, &start, end, &w);
		if (more)
			for (vaddr_t stop = table_end(start, end); start < stop; start += PAGE_SIZE)
				write_protect_entry(&g, w.entry[1]++, start);
		spin_unlock(&pm->lock);
	}
	gather_finish(&g);
}

/* Shares one entry. `to` is the same place in the child, empty. */
static void share_entry(struct gather *g, pte_t *from, pte_t *to, vaddr_t va)
{
	pte_t old = pte_read(from);

	while ((old & PTE_W) && !pte_cmpxchg(from, &old, old & ~PTE_W))
		;
	if ((old & PTE_W) && maybe_cached(old))
		gather_va(g, va);
	page_get(entry_page(old));
	pte_set(to, old & ~(PTE_W | PTE_A | PTE_D));
	table_page(to)->pt_used++;
}

/* The part of [*va, end) that one page table of src maps. Both locked. */
static int share_table(
	struct gather *g, struct pmap *dst, struct walk *from, vaddr_t *va, vaddr_t end)
{
	pte_t *e = from->entry[1], *to = NULL;
	struct walk w;

	for (; *va < end; *va += PAGE_SIZE, e++) {
		if (!mapped(pte_read(e)))
			continue;
		if (to == NULL) {
			if (!walk_create(dst, *va, &w))
				return -ENOMEM;
			to = w.entry[1] - pt_index(*va, 1);
		}
		KASSERT(!mapped(to[pt_index(*va, 1)]), "%#lx is mapped in the child",
			(unsigned long)*va);
		share_entry(g, e, &to[pt_index(*va, 1)], *va);
		count_resident(dst);
	}
	return 0;
}

int pmap_copy_cow(struct pmap *dst, struct pmap *src, vaddr_t start, vaddr_t end)
{
	struct gather g;
	struct walk w;
	bool more = true;
	int err = 0;

	gather_init(&g, src);
	while (more && err == 0) {
		spin_lock_pair(&src->lock, &dst->lock);
		more = walk_next(src, &start, end, &w);
		if (more)
			err = share_table(&g, dst, &w, &start, table_end(start, end));
		spin_unlock_pair(&src->lock, &dst->lock);
	}
	gather_finish(&g);
	return err;
}

/* ---- moving ---- */

/* Page tables at the destination for everything that is to be moved. Lock held. */
static int move_prepare(struct pmap *pm, vaddr_t from, vaddr_t to, size_t len)
{
	vaddr_t va = from, end = from + len;
	struct walk w, dst;

	while (walk_next(pm, &va, end, &w))
		for (vaddr_t stop = table_end(va, end); va < stop; va += PAGE_SIZE, w.entry[1]++)
			if (mapped(pte_read(w.entry[1])) && !walk_create(pm, va - from + to, &dst))
				return -ENOMEM;
	return 0;
}

/* One page table's worth of entries. Lock held. */
static void move_table(struct gather *g, struct walk *w, vaddr_t *va, vaddr_t end, vaddr_t delta)
{
	struct vm_page *table = table_page(w->entry[1]);
	pte_t *e = w->entry[1];
	struct walk dst;

	for (; *va < end; *va += PAGE_SIZE, e++) {
		pte_t old;
		bool ready;

		if (!mapped(pte_read(e)))
			continue;
		ready = walk_to(g->pm, *va + delta, &dst);
		KASSERT(ready, "no table for %#lx", (unsigned long)(*va + delta));
		old = pte_xchg(e, 0);
		if (maybe_cached(old))
			gather_va(g, *va);
		table->pt_used--;
		pte_set(dst.entry[1], old);
		table_page(dst.entry[1])->pt_used++;
	}
}

/* The lock is held throughout, and tables are pruned at the end: one that is empty may have been made ready for
 * the move, even one that the move itself has emptied. */
int pmap_move(struct pmap *pm, vaddr_t from, vaddr_t to, size_t len)
{
	vaddr_t va = from, end = from + len;
	struct gather g;
	struct walk w;
	int err;

	gather_init(&g, pm);
	spin_lock(&pm->lock);
	err = move_prepare(pm, from, to, len);
	while (err == 0 && walk_next(pm, &va, end, &w))
		move_table(&g, &w, &va, table_end(va, end), to - from);
	for (va = from; walk_next(pm, &va, end, &w); va = table_end(va, end))
		gather_tables(&g, &w, va);
	spin_unlock(&pm->lock);
	gather_finish(&g);
	/* Tables built in vain are empty: removing what is not there frees them. */
	if (err != 0)
		pmap_remove(pm, to, to + len);
	return err;
}

/* ---- looking ---- */

pte_t pmap_query(struct pmap *pm, vaddr_t va)
{
	struct walk w;
	pte_t e = 0;

	if (va >= USER_END)
		return 0;
	spin_lock(&pm->lock);
	if (walk_to(pm, va, &w))
		e = pte_read(w.entry[1]);
	spin_unlock(&pm->lock);
	return e;
}

static bool allows(pte_t e, unsigned prot)
{
	if (prot != 0 && !(e & PTE_P))
		return false;
	if ((prot & VM_WRITE) && !(e & PTE_W))
		return false;
	return !((prot & VM_EXEC) && (e & PTE_NX));
}

struct vm_page *pmap_hold(struct pmap *pm, vaddr_t va, unsigned prot)
{
	struct vm_page *page = NULL;
	struct walk w;

	if (va >= USER_END)
		return NULL;
	spin_lock(&pm->lock);
	if (walk_to(pm, va, &w)) {
		pte_t e = pte_read(w.entry[1]);

		if (mapped(e) && allows(e, prot)) {
			page = entry_page(e);
			page_get(page);
		}
	}
	spin_unlock(&pm->lock);
	return page;
}

vaddr_t pmap_next(struct pmap *pm, vaddr_t va, vaddr_t end)
{
	struct walk w;

	while (va < end) {
		vaddr_t stop = va;
		bool found = false;

		spin_lock(&pm->lock); /* for a page table at a time */
		if (walk_next(pm, &va, end, &w)) {
			stop = table_end(va, end);
			while (va < stop && !(found = mapped(pte_read(w.entry[1]++))))
				va += PAGE_SIZE;
		}
		spin_unlock(&pm->lock);
		if (found)
			break;
	}
	return va;
}

/* ---- loading ---- */

void pmap_switch(struct pmap *next)
{
	struct cpu *cpu = this_cpu();
	struct pmap *prev = cpu->pmap;

	if (prev == next)
		return;
	if (next != &kernel_pmap)
		cpumask_set_atomic(&next->active, cpu->id);
	cpu->pmap = next;
	tlb_load_root(next->root);
	if (prev != NULL && prev != &kernel_pmap)
		cpumask_clear_atomic(&prev->active, cpu->id);
}
