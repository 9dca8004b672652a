/* SPDX-License-Identifier: BSD-2-Clause
 * What the threads of the simulated machine do (tests/host/sim.h): map pages in every way that
 * mm/sf_buf.h allows, hold them, give them back. Which way is chosen by the driver. A thread that
 * has used up its budget gives back what it holds and ends; so every execution is finite, and one
 * that stops before that is a sleep for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "mm/sf_impl.h"
#include "tests/host/host_core.h"
#include "tests/host/sim.h"

static const struct sim_load *load;

/* Which pages they are makes no difference: an explorer need not try what is the same but for names. */
static struct vm_page *choose_page(void)
{
	unsigned n = load->npages, i;

	if (!sim_chance && sim.pages_used < n)
		n = sim.pages_used + 1;
	i = sim_choose(n);
	if (i == sim.pages_used)
		sim.pages_used++;
	return &vm_pages[i];
}

static void got(struct sf_buf *sf, struct vm_page *page, bool private)
{
	struct sim_thread *t = sim_self();

	sim_stats.allocs++;
	t->held[t->nheld++] = (struct sim_held){ sf, page, private };
	sim_call_got(sf->kva, private);
	if (sf_buf_page(sf) != page || sf_buf_kva(sf) != sf->kva)
		sim_fail("an sf_buf of another page");
}

static unsigned flags_of(enum sim_op op)
{
	switch (op) {
	case OP_PRIVATE:
	case OP_BATCH_PRIVATE:
		return SFB_PIPE | SFB_CPUPRIVATE;
	case OP_NOWAIT:
		return SFB_SOCKET | SFB_NOWAIT;
	case OP_CATCH:
		return SFB_SOCKET | SFB_CATCH;
	default:
		return SFB_MD;
	}
}

/* Who holds something may not sleep for more. */
static void map_one(enum sim_op op)
{
	struct sim_thread *t = sim_self();
	unsigned flags = flags_of(op) | (t->nheld > 0 ? SFB_NOWAIT : 0);
	struct vm_page *page = choose_page();
	bool private = flags & SFB_CPUPRIVATE;
	struct sf_buf *sf;

	t->budget--;
	t->kernel.pin_count += private;
	sf = sf_buf_alloc(page, flags);
	if (sf != NULL) {
		got(sf, page, private);
		return;
	}
	t->kernel.pin_count -= private;
	sim_stats.fails++;
	if (!(flags & (SFB_NOWAIT | SFB_CATCH)))
		sim_fail("no mapping, without a reason");
}

static void map_batch(enum sim_op op)
{
	struct sim_thread *t = sim_self();
	unsigned flags = flags_of(op) | (t->nheld > 0 ? SFB_NOWAIT : 0), n = 2;
	struct vm_page *pages[SIM_HELD];
	struct sf_buf *sfs[SIM_HELD];
	bool private = flags & SFB_CPUPRIVATE;

	if (load->batch > 2)
		n += sim_choose(load->batch - 1);
	n = MIN(n, MIN(t->budget, SIM_HELD - t->nheld));
	for (unsigned i = 0; i < n; i++)
		pages[i] = choose_page();
	t->budget -= n;
	t->kernel.pin_count += private ? n : 0;
	if (sf_buf_alloc_pages(pages, n, flags, sfs) == 0) {
		for (unsigned i = 0; i < n; i++)
			got(sfs[i], pages[i], private);
		return;
	}
	t->kernel.pin_count -= private ? n : 0;
	sim_stats.fails++;
}

static void add_reference(void)
{
	struct sim_thread *t = sim_self();
	struct sim_held h = t->held[t->nheld - 1];

	t->budget--;
	sf_buf_ref(h.sf);
	t->kernel.pin_count += h.private;
	t->held[t->nheld++] = h;
}

static void load_cr3(void)
{
	uintptr_t flags = irq_save();

	sim_self()->budget--;
	tlb_load_root(0);
	irq_restore(flags);
}

static void give_back_one(void)
{
	struct sim_thread *t = sim_self();
	unsigned i = sim_chance ? sim_choose(t->nheld) : 0;
	struct sim_held h = t->held[i];

	sim_point(); /* for a while it is in use */
	t->calling = true;
	t->held[i] = t->held[--t->nheld];
	memset(&t->held[t->nheld], 0, sizeof(h));
	sf_buf_free(h.sf);
	t->kernel.pin_count -= h.private;
}

static void give_back_all(void)
{
	struct sim_thread *t = sim_self();
	struct sf_buf *sfs[SIM_HELD];
	unsigned n = t->nheld, private = 0;

	sim_point();
	for (unsigned i = 0; i < n; i++) {
		sfs[i] = t->held[i].sf;
		private += t->held[i].private;
	}
	t->calling = true;
	t->nheld = 0;
	memset(t->held, 0, sizeof(t->held));
	sf_buf_free_pages(sfs, n);
	t->kernel.pin_count -= private;
}

/* ---- the choice ---- */

enum { GIVE_BACK = SIM_NOPS, GIVE_BACK_ALL, NMOVES };

static bool possible(unsigned move)
{
	const struct sim_thread *t = sim_self();
	bool may_map = t->budget > 0 && t->nheld < load->hold;

	if (move < SIM_NOPS && !(load->ops & 1u << move))
		return false;
	switch (move) {
	case OP_PRIVATE:
	case OP_NOWAIT:
		return may_map;
	case OP_SHARED:
	case OP_CATCH:
		return may_map && t->nheld == 0;
	case OP_BATCH_PRIVATE:
	case OP_BATCH_SHARED:
		return may_map && t->budget > 1 && t->nheld + 1 < load->hold;
	case OP_REF:
		return may_map && t->nheld > 0;
	case OP_CR3:
		return t->budget > 0;
	case GIVE_BACK_ALL:
		return t->nheld > 1;
	default: /* OP_YIELD, GIVE_BACK */
		return t->nheld > 0;
	}
}

static unsigned choose_move(void)
{
	unsigned moves[NMOVES], n = 0;

	for (unsigned m = 0; m < NMOVES; m++)
		if (possible(m))
			moves[n++] = m;
	return n == 0 ? NMOVES : moves[sim_choose(n)];
}

static void make_move(unsigned move)
{
	sim_call_begins();
	sim_self()->calling = move < SIM_NOPS;
	switch (move) {
	case OP_BATCH_PRIVATE:
	case OP_BATCH_SHARED:
		map_batch(move);
		break;
	case OP_REF:
		add_reference();
		break;
	case OP_CR3:
		load_cr3();
		break;
	case OP_YIELD:
		sim_yield();
		break;
	case GIVE_BACK:
		give_back_one();
		break;
	case GIVE_BACK_ALL:
		give_back_all();
		break;
	default:
		map_one(move);
	}
}

static void thread_main(void)
{
	unsigned move;

	for (;;) {
		move = choose_move();
		if (move == NMOVES)
			return;
		make_move(move);
		sim_call_ends();
		sim_self()->calling = false;
	}
}

/* ---- beginning and end ---- */

/* So that the first miss of each thread recycles. None of this counts. */
static void warm_up(void)
{
	for (unsigned i = 0; i < load->slots; i++)
		sf_buf_free(sf_buf_alloc(&vm_pages[SIM_PAGES - 1 - i], SFB_EXEC));
	sf_buf_reset();
	memset(cpus[0].counters, 0, sizeof(cpus[0].counters));
	memset(&sim_stats, 0, sizeof(sim_stats));
}

void sim_load_boot(const struct sim_load *l)
{
	static char slots[16], retire[16];

	load = l;
	snprintf(retire, sizeof(retire), "%u", l->retire);
	host_option("sfbatch", l->retire > 0 ? retire : NULL);
	snprintf(slots, sizeof(slots), "%u", l->slots);
	host_option("sfbuf", l->strategy);
	host_option("nsfbufs", slots);
	memset(&sim_stats, 0, sizeof(sim_stats));
	sim_boot(l->ncpus, l->nthreads, thread_main);
	sim.npages = l->npages;
	sim.epochs = l->epochs;
	sim_fine = l->fine;
	for (unsigned i = 0; i < l->nthreads; i++) {
		sim.thread[i].budget = l->budget;
		sim.thread[i].signals = l->signals;
	}
	sf_buf_reset();
	sf_buf_init();
	if (l->warm)
		warm_up();
}

unsigned long long sim_count(enum sf_event event)
{
	uint64_t sum = 0;

	for (unsigned user = 0; user < SF_NUSERS; user++)
		for (unsigned c = 0; c < sim.ncpus; c++)
			sum += cpus[c].counters[CNT_SF + user * SF_NEVENTS + event];
	return sum;
}

/* Each slot of the pool can be had. */
static void check_all_free(void)
{
	struct sf_buf *sfs[SIM_SLOTS];
	unsigned n = 0;

	while (n < sf_pool.nslots && n < SIM_PAGES) {
		sfs[n] = sf_buf_alloc(&vm_pages[n], SFB_EXEC | SFB_NOWAIT);
		if (sfs[n] == NULL) {
			sim_fail("only %u of %u slots came back", n, sf_pool.nslots);
			break;
		}
		n++;
	}
	while (n > 0)
		sf_buf_free(sfs[--n]);
}

static void check_counts(void)
{
	unsigned long long alloc = sim_count(SF_PRIVATE) + sim_count(SF_SHARED);

	if (sf_buf_inuse() != 0)
		sim_fail("%u mappings in use at the end", sf_buf_inuse());
	if (alloc != sim_stats.allocs)
		sim_fail("%llu allocations counted, %lu made", alloc, sim_stats.allocs);
	if (sim_count(SF_MISS) > alloc)
		sim_fail("more misses than allocations");
}

void sim_load_end(void)
{
	host_cpu = 0;
	if (!sim_all_done()) {
		sim_fail("nobody can go on: %u of %u slots free, %u threads left", sf_pool.nfree,
			sf_pool.nslots, sim.nthreads);
		return;
	}
	for (unsigned i = 0; i < sim.nthreads; i++)
		if (sim.thread[i].kernel.pin_count != 0)
			sim_fail("thread %u is still pinned", i);
	check_counts();
	check_all_free();
}
