/* SPDX-License-Identifier: BSD-2-Clause
 * Self test of shootdowns: every CPU owns one kernel page of addresses that it remaps again and
 * again between its two data words, shooting at all others, while it is shot at by them. Each CPU
 * reads all windows all the time, so that its TLB holds them.
 *
 * A window's owner publishes, after each shootdown, how many remaps are complete. A page holds the
 * number of the last remap to it. So a reader that samples the published number before it reads
 * through the window must not find a smaller one there: that would be a stale translation.
 *
 * Ten thousand shootdowns in all, or as many as fit in the time: where virtual CPUs outnumber the
 * host's, each takes a turn of the host's scheduler.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/selftest.h"
#include "mm/kmem.h"
#include "mm/tlb.h"

#define TOTAL_ROUNDS 10000
#define TIME_LIMIT   (NSEC_PER_SEC * 3 / 2)
#define PAGES        3

struct window {
	uint32_t complete; /* atomic: remaps whose shootdown has returned */
	uint32_t *page[PAGES];
	paddr_t phys[PAGES];
} ALIGNED(64);

struct tlb_test {
	vaddr_t va; /* of window 0 */
	unsigned n;
	uint64_t deadline;
	uint32_t rounds, running, stale;
	struct window win[MAX_CPUS];
};

static volatile uint32_t *window_at(const struct tlb_test *t, unsigned i)
{
	return (volatile uint32_t *)(t->va + i * PAGE_SIZE);
}

static void look(struct tlb_test *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		uint32_t complete = __atomic_load_n(&t->win[i].complete, __ATOMIC_ACQUIRE);

		if ((int32_t)(*window_at(t, i) - complete) < 0)
			__atomic_fetch_add(&t->stale, 1, __ATOMIC_RELAXED);
	}
}

/* Page r % PAGES gets number r, then the window shows it. Its last use is PAGES remaps ago. */
static void remap(struct tlb_test *t, unsigned self, uint32_t r)
{
	struct window *w = &t->win[self];
	vaddr_t va = (vaddr_t)window_at(t, self);
	struct cpumask all = cpus_online;

	*w->page[r % PAGES] = r;
	pmap_kexchange(va, pmap_make_kpte(w->phys[r % PAGES], VM_READ, r & 1 ? PTE_G : 0));
	if (r % 5 == 0)
		tlb_shootdown_all(&all);
	else if (r % 2 == 0)
		tlb_shootdown_range(&all, va, va + PAGE_SIZE);
	else
		tlb_shootdown_pages(&all, &va, 1);
	__atomic_store_n(&w->complete, r, __ATOMIC_RELEASE);
}

static void tlb_member(struct team *team, unsigned member)
{
	struct tlb_test *t = team->arg;

	for (uint32_t r = 1; r <= t->rounds && clock_monotonic_ns() < t->deadline; r++) {
		/* With interrupts on and off. */
		uintptr_t flags = irq_save();

		if (r % 3 != 0)
			irq_restore(flags);
		remap(t, member, r);
		look(t);
		irq_restore(flags);
	}
	__atomic_fetch_sub(&t->running, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&t->running, __ATOMIC_ACQUIRE) != 0) {
		look(t);
		sched_yield();
	}
}

static bool windows_make(struct tlb_test *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		for (unsigned j = 0; j < PAGES; j++) {
			t->win[i].page[j] = kpages_alloc(0, PAGE_ZERO);
			if (t->win[i].page[j] == NULL)
				return false;
			t->win[i].phys[j] = virt_to_phys(t->win[i].page[j]);
		}
		pmap_kexchange(
			(vaddr_t)window_at(t, i), pmap_make_kpte(t->win[i].phys[0], VM_READ, 0));
	}
	return true;
}

static void windows_free(struct tlb_test *t)
{
	struct cpumask all = cpus_online;

	for (unsigned i = 0; i < t->n; i++)
		pmap_kexchange((vaddr_t)window_at(t, i), 0);
	tlb_shootdown_all(&all);
	for (unsigned i = 0; i < t->n; i++)
		for (unsigned j = 0; j < PAGES; j++)
			if (t->win[i].page[j] != NULL)
				kpages_free(t->win[i].page[j]);
	kva_free(t->va, t->n * PAGE_SIZE);
}

KTEST(tlb)
{
	static struct tlb_test t;
	bool ran = false;

	t = (struct tlb_test){ .n = cpumask_count(&cpus_online) };
	t.running = t.n;
	t.rounds = TOTAL_ROUNDS / t.n;
	t.deadline = clock_monotonic_ns() + TIME_LIMIT;
	t.va = kva_alloc(t.n * PAGE_SIZE);
	KTEST_CHECK(t.va != 0 && pmap_kprepare(t.va, t.n * PAGE_SIZE) == 0);
	if (windows_make(&t))
		ran = team_run(t.n, true, tlb_member, &t);
	windows_free(&t);
	KTEST_CHECK(ran);
	KTEST_CHECK(t.stale == 0, "%u stale reads", t.stale);
	for (unsigned i = 0; i < t.n; i++)
		KTEST_CHECK(t.win[i].complete > 0, "CPU %u never got through", i);
}
