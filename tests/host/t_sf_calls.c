/* SPDX-License-Identifier: BSD-2-Clause
 * What single calls of the sf_buf strategies return, cost and count, on the simulated machine
 * (tests/host/sim.h): one thread of control, no interleavings.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/core/errno.h"
#include "mm/sf_impl.h"
#include "tests/host/host_core.h"
#include "tests/host/sim.h"
#include "tests/host/tap.h"

#define CPUS 4

static void start_as(const char *strategy, unsigned slots, unsigned retire)
{
	struct sim_load l = { .strategy = strategy,
		.slots = slots,
		.ncpus = CPUS,
		.npages = SIM_PAGES,
		.retire = retire };

	sim_load_boot(&l);
}

static void start(const char *strategy, unsigned slots)
{
	start_as(strategy, slots, 0);
}

static unsigned long long value(const char *name)
{
	static char text[16384];
	char *line;

	sf_buf_report(text, sizeof(text));
	for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
			return strtoull(line + strlen(name), NULL, 10);
	return ~0ull;
}

static struct sf_buf *private_on(unsigned cpu, struct vm_page *page)
{
	host_cpu = cpu;
	curthread()->pin_count = 1;
	return sf_buf_alloc(page, SFB_PIPE | SFB_CPUPRIVATE);
}

static void touch(unsigned cpu, struct vm_page *page)
{
	sf_buf_free(private_on(cpu, page));
	host_cpu = 0;
}

/* PAPER trap 1, step by step. */
static void check_trap_1(const char *strategy)
{
	struct sf_buf *sf;

	start(strategy, 1);
	sim.walks = SIM_NONE;
	touch(1, &vm_pages[1]);
	sim.walks = SIM_ALL; /* page 1 was touched */
	touch(0, &vm_pages[2]);
	sim.walks = SIM_NONE; /* page 2 was not */
	touch(0, &vm_pages[3]);
	is_int(value("recycle_clean"), 1, "%s: page 2 went without having been touched", strategy);
	sf = private_on(1, &vm_pages[3]);
	ok(!sim_stale(1, sf_buf_kva(sf), &vm_pages[3]), "%s: CPU 1 reads page 3, not page 1",
		strategy);
	sf_buf_free(sf);
}

static void check_batch(const char *strategy, unsigned mappings, unsigned hits)
{
	struct vm_page *pages[4] = { &vm_pages[0], &vm_pages[1], &vm_pages[0], &vm_pages[2] };
	struct sf_buf *sfs[4];

	start(strategy, 8);
	is_int(sf_buf_alloc_pages(pages, 4, SFB_SOCKET, sfs), 0, "%s: a batch", strategy);
	is_int(value("inuse"), mappings, "%s: %u slots for four pages, one of them twice", strategy,
		mappings);
	is_int(value("socket.hit"), hits, "%s: %u hits", strategy, hits);
	is_int(value("batch"), 1, "%s: one batch", strategy);
	sf_buf_free_pages(sfs, 4);
	is_int(value("inuse"), 0, "%s: all back", strategy);
	is_int(sf_buf_alloc_pages(pages, 9, SFB_SOCKET, sfs), -ENOMEM, "%s: more pages than slots",
		strategy);
	is_int(sf_buf_alloc_pages(pages, 0, SFB_SOCKET, sfs), 0, "%s: no pages", strategy);
}

static void check_nowait(const char *strategy)
{
	struct vm_page *pages[2] = { &vm_pages[5], &vm_pages[6] };
	struct sf_buf *a, *b, *sfs[2];

	start(strategy, 2);
	a = sf_buf_alloc(&vm_pages[0], SFB_MD);
	is_int(sf_buf_alloc_pages(pages, 2, SFB_MD | SFB_NOWAIT, sfs), -EAGAIN,
		"%s: two where one is free", strategy);
	b = sf_buf_alloc(&vm_pages[1], SFB_MD);
	ok(sf_buf_alloc(&vm_pages[2], SFB_MD | SFB_NOWAIT) == NULL, "%s: none is free", strategy);
	is_int(value("md.nowait_fail"), 2, "%s: both counted", strategy);
	sf_buf_ref(a);
	sf_buf_free(a);
	ok(sf_buf_alloc(&vm_pages[2], SFB_MD | SFB_NOWAIT) == NULL, "%s: one reference is left",
		strategy);
	sf_buf_free(a);
	a = sf_buf_alloc(&vm_pages[2], SFB_MD | SFB_NOWAIT);
	ok(a != NULL, "%s: now there is one", strategy);
	sf_buf_free(a);
	sf_buf_free(b);
}

static void check_eager_costs(void)
{
	struct vm_page *pages[4] = { &vm_pages[0], &vm_pages[1], &vm_pages[0], &vm_pages[2] };
	struct sf_buf *sfs[4], *sf;

	start("eager", 8);
	sf_buf_alloc_pages(pages, 4, SFB_SOCKET, sfs);
	is_int(value("ipi_rounds"), 1, "eager: one round to map four");
	sf_buf_free_pages(sfs, 4);
	is_int(value("ipi_rounds"), 2, "eager: one round to unmap them");
	is_int(value("ipi_sent"), 2 * (CPUS - 1), "eager: an IPI to every other CPU each");
	sf = sf_buf_alloc(pages[0], SFB_MD);
	sf_buf_ref(sf);
	sf_buf_free(sf);
	is_int(value("md.ipi_rounds"), 1, "eager: a reference left, still mapped");
	sf_buf_free(sf);
	is_int(value("md.ipi_rounds"), 2, "eager: the last one unmaps");
	sf_buf_reset();
	is_int(value("ipi_rounds"), 0, "reset");
}

/* 16 slots, 4 CPUs: 8 shared, 2 private ones a CPU. */
static void check_percpu_costs(void)
{
	struct vm_page *pages[3] = { &vm_pages[0], &vm_pages[1], &vm_pages[2] };
	struct sf_buf *sfs[3], *sf;

	start("percpu", 16);
	is_int(value("nsfbufs"), 16, "percpu: private slots are counted");
	is_int(sf_pool.nslots, 8, "percpu: half of the pool is shared");
	for (unsigned i = 0; i < 100; i++)
		touch(i % CPUS, &vm_pages[i % SIM_PAGES]);
	is_int(value("invlpg_local"), 100, "percpu: an INVLPG for each private mapping");
	is_int(value("ipi_rounds"), 0, "percpu: and no IPI");
	is_int(value("hit"), 0, "percpu: and no reuse");

	sf = private_on(2, &vm_pages[0]);
	is_int(sf_buf_alloc_pages(pages, 3, SFB_PIPE | SFB_CPUPRIVATE | SFB_NOWAIT, sfs), 0,
		"percpu: more private ones than the thread has slots");
	ok(sfs[0] < &sf_pool.slots[8], "percpu: come from the shared map");
	is_int(value("inuse"), 4, "percpu: private and shared are in use");
	sf_buf_free_pages(sfs, 3);
	sf_buf_free(sf);
	host_cpu = 0;

	sf_buf_reset();
	for (unsigned i = 0; i < 12 * 8; i++)
		sf_buf_free(sf_buf_alloc(&vm_pages[i % SIM_PAGES], SFB_MD));
	ok(value("ipi_rounds") >= 11 && value("ipi_rounds") <= 13,
		"percpu: a round a lap of 8, %llu in 12", value("ipi_rounds"));
	sf_buf_reset();
	sf = sf_buf_alloc(&vm_pages[23], SFB_MD);
	is_int(value("hit"), 1, "percpu: within a lap a page is found again");
	sf_buf_free(sf);
}

/* 16 slots, of which private misses retire 4 at a time. */
static void check_epoch_costs(void)
{
	unsigned long long flushes;

	start_as("epoch", 16, 4);
	sim.walks = SIM_ALL;
	for (unsigned i = 0; i < 3 * SIM_PAGES; i++)
		touch(i % 2, &vm_pages[i % SIM_PAGES]);
	flushes = value("flush_local");
	ok(flushes >= (3 * SIM_PAGES - 16) / 8 && flushes <= 3 * SIM_PAGES / 4,
		"epoch: private misses: a flush for several, %llu", flushes);
	ok(value("invlpg_local") <= 8, "epoch: and hardly an INVLPG, %llu", value("invlpg_local"));
	is_int(value("ipi_sent"), 0, "epoch: and no IPI");
	for (unsigned i = 0; i < 16; i++)
		ok(sf_buf_alloc(&vm_pages[i], SFB_MD | SFB_NOWAIT) != NULL,
			"epoch: retired slots are there for whoever needs them");
	ok(sf_buf_alloc(&vm_pages[16], SFB_MD | SFB_NOWAIT) == NULL, "epoch: all 16");
}

static void check_options(void)
{
	bool can_direct = DMAP_LIMIT > UINT32_MAX;
	char small[8];

	start("nonsense", 8);
	ok(strstr(host_log_last, "slots") != NULL, "unknown strategy: the default");
	is_int(sf_buf_strategy, can_direct ? SF_DIRECT : SF_CACHE,
		"which is direct where it can be had, else cache");
	start("direct", 8);
	is_int(sf_buf_strategy == SF_DIRECT, can_direct, "direct, where it can be had");
	start("cache", 0);
	is_int(sf_pool.nslots, SIM_PAGES, "nsfbufs=0: the default");
	ok(sf_buf_report(small, sizeof(small)) > 1000, "the report says how long it is");
	is_str(small, "strateg", "and stops at the end of the buffer");
}

/* Nothing but counters. */
static void check_direct(void)
{
	struct sf_buf *sf;

	if (DMAP_LIMIT <= UINT32_MAX)
		return;
	start("direct", 8);
	sf = sf_buf_alloc(&vm_pages[3], SFB_MD);
	ok(sf_buf_page(sf) == &vm_pages[3], "direct: the handle is the page");
	sf_buf_ref(sf);
	is_int(value("inuse"), 2, "direct: references count");
	sf_buf_free(sf);
	sf_buf_free(sf);
	is_int(value("inuse"), 0, "direct: all back");
	is_int(value("md.hit"), 1, "direct: always a hit");
	is_int(sim_stats.exchanges, 0, "direct: no page table entry is written");
}

/* SIM_CASE=strategy looks at that one only. */
static bool wanted(const char *strategy)
{
	const char *only = getenv("SIM_CASE");

	return only == NULL || strcmp(only, strategy) == 0;
}

int main(void)
{
	static const char *const strategies[] = { "cache", "epoch", "percpu", "eager" };

	host_log_quiet = true;
	sim_choose_mutant();
	if (getenv("SIM_CASE") == NULL) {
		check_options();
		check_direct();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(strategies); i++) {
		const char *name = strategies[i];
		bool eager = strcmp(name, "eager") == 0, masks = i < 2;

		if (!wanted(name))
			continue;
		if (masks)
			check_trap_1(name);
		check_batch(name, eager ? 4 : 3, eager ? 0 : 1);
		check_nowait(name);
	}
	if (wanted("eager"))
		check_eager_costs();
	if (wanted("percpu"))
		check_percpu_costs();
	if (wanted("epoch"))
		check_epoch_costs();
	return tap_done();
}
