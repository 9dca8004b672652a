/* SPDX-License-Identifier: BSD-2-Clause
 * The strategies `cache` and `eager` over simulated TLBs (tests/host/sim_tlb.h). One thread plays all
 * CPUs: it takes a random step as a random CPU, and wherever the code under test waits (for a slot,
 * for the answers to a shootdown) others take steps in between. After each step every mapping that is
 * out is looked at from a CPU entitled to it, and must show its page.
 *
 * SF_SEED=n and SF_STEPS=n in the environment repeat or prolong a run.
 */
#include <stdlib.h>

#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "mm/sf_impl.h"
#include "tests/host/host_core.h"
#include "tests/host/sim_tlb.h"
#include "tests/host/tap.h"

#define MAX_OUT   64
#define MAX_BATCH 5

/* One mapping that is out, with the references it holds. */
struct out {
	struct sf_buf *sf;
	struct vm_page *page;
	bool private;
	unsigned cpu; /* private: its user */
};

static struct thread threads[SIM_CPUS];
static struct out outs[MAX_OUT];
static unsigned nouts, slots;
static unsigned long stale, duplicates, lost_wakeups, allocs, signals, sleeps, fails;
static struct cpumask blocked; /* CPUs that wait for a shootdown */
static unsigned depth;         /* of steps within steps */
static bool in_shootdown;

/* ---- what is checked ---- */

static void check_out(const struct out *o)
{
	unsigned cpu = o->private ? o->cpu : sim_random(SIM_CPUS);

	if (sim_access(cpu, sf_buf_kva(o->sf)) != o->page || sf_buf_page(o->sf) != o->page)
		stale++;
}

static void check_unique(void)
{
	if (sf_buf_strategy != SF_CACHE)
		return;
	for (unsigned i = 0; i < slots; i++)
		for (unsigned k = i + 1; k < slots; k++)
			if (sf_pool.slots[i].page != NULL &&
				sf_pool.slots[i].page == sf_pool.slots[k].page)
				duplicates++;
}

/* ---- steps ---- */

static void add_out(struct sf_buf *sf, struct vm_page *page, bool private)
{
	outs[nouts++] = (struct out){ sf, page, private, this_cpu_id() };
	check_out(&outs[nouts - 1]);
}

static unsigned random_flags(void)
{
	unsigned flags = SFB_PIPE;

	if (sim_random(2) == 0)
		flags |= SFB_CPUPRIVATE;
	if (in_shootdown || depth > 2 || sim_random(4) == 0)
		flags |= SFB_NOWAIT;
	else if (sim_random(2) == 0)
		flags |= SFB_CATCH;
	return flags;
}

/* A private user stays on its CPU, others may find themselves on another one after a sleep. */
static void step_alloc(void)
{
	struct vm_page *page = &vm_pages[sim_random(SIM_PAGES)];
	unsigned flags = random_flags();
	struct thread *t = curthread();
	struct sf_buf *sf;

	t->pin_count += (flags & SFB_CPUPRIVATE) != 0;
	sf = sf_buf_alloc(page, flags);
	t->pin_count -= (flags & SFB_CPUPRIVATE) != 0;
	if (sf == NULL) {
		fails++;
		return;
	}
	allocs++;
	add_out(sf, page, flags & SFB_CPUPRIVATE);
}

static void step_batch(void)
{
	struct vm_page *pages[MAX_BATCH];
	struct sf_buf *sfs[MAX_BATCH];
	unsigned flags = random_flags(), n = 1 + sim_random(MAX_BATCH);
	struct thread *t = curthread();
	int err;

	for (unsigned i = 0; i < n; i++)
		pages[i] = &vm_pages[sim_random(SIM_PAGES)];
	t->pin_count += (flags & SFB_CPUPRIVATE) != 0;
	err = sf_buf_alloc_pages(pages, n, flags, sfs);
	t->pin_count -= (flags & SFB_CPUPRIVATE) != 0;
	if (err != 0) {
		fails++;
		return;
	}
	allocs += n;
	for (unsigned i = 0; i < n; i++)
		add_out(sfs[i], pages[i], flags & SFB_CPUPRIVATE);
}

static void step_free(void)
{
	struct out o;
	unsigned i, me = host_cpu;

	if (nouts == 0)
		return;
	i = sim_random(nouts);
	o = outs[i];
	if (o.private && cpumask_test(&blocked, o.cpu))
		return;
	check_out(&o);
	outs[i] = outs[--nouts];
	if (o.private)
		host_cpu = o.cpu;
	sf_buf_free(o.sf);
	host_cpu = me;
}

static void step_free_batch(void)
{
	struct sf_buf *sfs[MAX_BATCH];
	unsigned n = 0;

	for (unsigned i = 0; i < nouts && n < MAX_BATCH;) {
		if (outs[i].private && outs[i].cpu != host_cpu) {
			i++;
			continue;
		}
		check_out(&outs[i]);
		sfs[n++] = outs[i].sf;
		outs[i] = outs[--nouts];
	}
	sf_buf_free_pages(sfs, n);
}

static void step_ref(void)
{
	struct out o;

	if (nouts == 0 || nouts + MAX_BATCH >= MAX_OUT)
		return;
	o = outs[sim_random(nouts)];
	sf_buf_ref(o.sf);
	outs[nouts++] = o;
}

static void random_step(void)
{
	unsigned what = sim_random(16);

	if (nouts + MAX_BATCH * 4 >= MAX_OUT || what >= 9)
		step_free();
	else if (what == 8)
		step_free_batch();
	else if (what == 7)
		step_ref();
	else if (what >= 5)
		step_batch();
	else
		step_alloc();
}

/* A step as a CPU that does not wait for a shootdown. False: there is none. */
static bool other_cpu_steps(void)
{
	unsigned me = host_cpu, cpu = sim_random(SIM_CPUS), i;

	for (i = 0; i < SIM_CPUS && cpumask_test(&blocked, cpu); i++)
		cpu = (cpu + 1) % SIM_CPUS;
	if (i == SIM_CPUS)
		return false;
	host_cpu = cpu;
	depth++;
	random_step();
	depth--;
	host_cpu = me;
	return true;
}

static void during_shootdown(void)
{
	bool outer = in_shootdown;

	if (depth > 2 || sim_random(2) == 0)
		return;
	cpumask_set(&blocked, host_cpu);
	in_shootdown = true;
	other_cpu_steps();
	in_shootdown = outer;
	cpumask_clear(&blocked, host_cpu);
}

/* ---- kernel/core/wait.h ---- */

static struct waiter *sleepers[8];
static unsigned nsleepers;

void wait_enter(struct waitq *wq, struct waiter *w)
{
	w->wq = wq;
	w->woken = false;
	list_push_back(&wq->waiters, &w->link);
	sleepers[nsleepers++] = w;
}

void wait_again(struct waiter *w)
{
	if (w->woken)
		list_push_back(&w->wq->waiters, &w->link);
	w->woken = false;
}

bool wait_leave(struct waiter *w)
{
	nsleepers--;
	if (!w->woken)
		list_remove(&w->link);
	return w->woken;
}

static bool anybody_woken(void)
{
	for (unsigned i = 0; i < nsleepers; i++)
		if (sleepers[i]->woken)
			return true;
	return false;
}

/* The others go on until this one is woken. A signal may come before or after the wake-up. */
int wait_sleep(enum wait_kind kind, uint64_t deadline)
{
	struct waiter *w = sleepers[nsleepers - 1];
	unsigned cpu = host_cpu, pinned = curthread()->pin_count;
	unsigned long tries = 0;
	int err = 0;

	sleeps++;
	curthread()->pin_count = 0; /* the next thread on this CPU is another one */
	while (!w->woken && err == 0) {
		if (++tries == 100000)
			panic("nobody will ever wake this sleeper: %u of %u slots free",
				sf_pool.nfree, slots);
		if (kind != WAIT_UNINTR && sim_random(8) == 0)
			err = -ERESTARTSYS;
		other_cpu_steps();
		if (sf_pool.nfree > 0 && !list_empty(&sf_pool.wait_one.waiters) && !anybody_woken())
			lost_wakeups++;
	}
	while (sim_random(2) == 0) /* it takes a while to run again */
		other_cpu_steps();
	if (kind != WAIT_UNINTR && w->woken && sim_random(4) == 0)
		err = -ERESTARTSYS;
	signals += err != 0;
	host_cpu = cpu;
	if (pinned == 0) /* it may have moved */
		while (cpumask_test(&blocked, host_cpu = sim_random(SIM_CPUS)))
			;
	curthread()->pin_count = host_cpu == cpu ? pinned : 0;
	return err;
}

unsigned waitq_wake_one(struct waitq *wq)
{
	struct waiter *w;

	if (list_empty(&wq->waiters))
		return 0;
	/* Not in order: who came first may still be underneath on the stack, and could not react. */
	w = list_first(&wq->waiters, struct waiter, link);
	if (sim_random(2) == 0)
		w = list_last(&wq->waiters, struct waiter, link);
	list_remove(&w->link);
	w->woken = true;
	return 1;
}

unsigned waitq_wake_all(struct waitq *wq)
{
	unsigned n = 0;

	while (waitq_wake_one(wq) != 0)
		n++;
	return n;
}

/* ---- runs ---- */

static void start(const char *strategy, const char *nsfbufs)
{
	sf_pool = (struct sf_pool){ .lock = SPINLOCK_INIT("sf_pool") };
	list_init(&sf_pool.free);
	list_init(&sf_pool.wait_one.waiters);
	list_init(&sf_pool.wait_many.waiters);
	sim_reset();
	for (unsigned i = 0; i < SIM_CPUS; i++) {
		cpus[i] = (struct cpu){
			.self = &cpus[i], .id = i, .current = &threads[i], .online = true
		};
		threads[i].pin_count = 0;
		cpumask_set(&cpus_online, i);
	}
	ncpus = SIM_CPUS;
	host_cpu = 0;
	nouts = 0;
	stale = duplicates = lost_wakeups = allocs = signals = sleeps = fails = 0;
	blocked = CPUMASK_NONE;
	host_option("sfbuf", strategy);
	host_option("nsfbufs", nsfbufs);
	sf_buf_reset();
	sf_buf_init();
	slots = sf_pool.nslots;
}

static unsigned long long report_value(const char *name)
{
	static char text[16384];
	char *line;

	sf_buf_report(text, sizeof(text));
	for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
			return strtoull(line + strlen(name), NULL, 10);
	return ~0ull;
}

static void run(const char *strategy, const char *nsfbufs, uint64_t seed, unsigned steps)
{
	start(strategy, nsfbufs);
	sim_seed(seed);
	sim_during_shootdown = during_shootdown;
	for (unsigned i = 0; i < steps; i++) {
		sim_speculate();
		other_cpu_steps();
		check_unique();
		if (nouts > 0)
			check_out(&outs[sim_random(nouts)]);
	}
	while (nouts > 0)
		step_free();
	sim_during_shootdown = NULL;
}

static void check_run(const char *strategy, const char *nsfbufs, uint64_t seed, unsigned steps)
{
	run(strategy, nsfbufs, seed, steps);
	note("%s, %s slots: %lu mappings, %lu sleeps, %lu signals, %lu shootdowns, %lu local "
	     "flushes, "
	     "%llu recycled dirty, %llu clean",
		strategy, nsfbufs, allocs, sleeps, signals, sim_shootdowns, sim_local_flushes,
		report_value("recycle_dirty"), report_value("recycle_clean"));
	is_int(stale, 0, "%s, %s slots: no access reads another page", strategy, nsfbufs);
	is_int(duplicates, 0, "%s, %s slots: one sf_buf a page", strategy, nsfbufs);
	is_int(lost_wakeups, 0, "%s, %s slots: nobody sleeps beside a free slot", strategy,
		nsfbufs);
	is_int(report_value("inuse"), 0, "%s, %s slots: all came back", strategy, nsfbufs);
	is_int(report_value("alloc"), allocs, "%s, %s slots: allocations counted", strategy,
		nsfbufs);
	is_int(report_value("hit") + report_value("miss"), allocs, "%s, %s slots: hits and misses",
		strategy, nsfbufs);
	is_int(report_value("private") + report_value("shared"), report_value("pipe.alloc"),
		"%s, %s slots: private and shared", strategy, nsfbufs);
}

/* A broken machine must be noticed, else the checks above say nothing. */
static void check_faults(uint64_t seed, unsigned steps)
{
	static const char *const names[] = { "", "a missing INVLPG",
		"a shootdown that misses a CPU", "a lost accessed bit" };

	for (unsigned f = SIM_GOOD + 1; f < SIM_NFAULTS; f++) {
		sim_fault = f;
		run("cache", "8", seed, steps);
		ok(stale > 0, "%s is noticed (%lu times)", names[f], stale);
	}
	sim_fault = SIM_GOOD;
}

/* PAPER trap 1, step by step. */
static void check_trap_1(void)
{
	struct sf_buf *sf;

	start("cache", "1");
	threads[0].pin_count = threads[1].pin_count = 1;
	host_cpu = 1;
	sf = sf_buf_alloc(&vm_pages[1], SFB_PIPE | SFB_CPUPRIVATE);
	ok(sim_access(1, sf_buf_kva(sf)) == &vm_pages[1], "CPU 1 touches page 1");
	sf_buf_free(sf);
	host_cpu = 0;
	sf = sf_buf_alloc(&vm_pages[2], SFB_PIPE | SFB_CPUPRIVATE);
	sf_buf_free(sf);
	sf = sf_buf_alloc(&vm_pages[3], SFB_PIPE | SFB_CPUPRIVATE);
	sf_buf_free(sf);
	is_int(report_value("recycle_clean"), 1, "page 2 went without having been touched");
	host_cpu = 1;
	sf = sf_buf_alloc(&vm_pages[3], SFB_PIPE | SFB_CPUPRIVATE);
	ok(sim_access(1, sf_buf_kva(sf)) == &vm_pages[3], "CPU 1 reads page 3, not page 1");
	sf_buf_free(sf);
	threads[0].pin_count = threads[1].pin_count = 0;
}

static void check_costs(void)
{
	struct vm_page *pages[4] = { &vm_pages[0], &vm_pages[1], &vm_pages[0], &vm_pages[2] };
	struct sf_buf *sfs[4], *sf;

	start("cache", "8");
	sim_fault = SIM_GOOD;
	is_int(sf_buf_alloc_pages(pages, 4, SFB_SOCKET, sfs), 0, "a batch");
	ok(sfs[0] == sfs[2], "the same page twice is one sf_buf");
	is_int(report_value("inuse"), 3, "three slots for four pages");
	is_int(sim_shootdowns, 0, "slots never mapped before need no shootdown");
	is_int(sf_buf_alloc_pages(pages, 9, SFB_SOCKET, sfs), -ENOMEM, "more pages than slots");
	sf_buf_free_pages(sfs, 4);
	is_int(report_value("socket.hit"), 1, "one page of it was a hit");
	is_int(report_value("batch"), 1, "one batch");

	start("eager", "8");
	is_int(sf_buf_alloc_pages(pages, 4, SFB_SOCKET, sfs), 0, "eager: a batch");
	is_int(report_value("ipi_rounds"), 1, "eager: one round to map it");
	sf_buf_free_pages(sfs, 4);
	is_int(report_value("ipi_rounds"), 2, "eager: one round to unmap it");
	is_int(report_value("ipi_sent"), 2 * (SIM_CPUS - 1),
		"eager: an IPI to every other CPU each");
	sf = sf_buf_alloc(pages[0], SFB_MD);
	sf_buf_ref(sf);
	sf_buf_free(sf);
	is_int(report_value("md.ipi_rounds"), 1, "eager: a reference left, still mapped");
	sf_buf_free(sf);
	is_int(report_value("md.ipi_rounds"), 2, "eager: the last one unmaps");
	sf_buf_reset();
	is_int(report_value("ipi_rounds"), 0, "reset");
}

static void check_options(void)
{
	char small[8];
	bool can_direct = DMAP_LIMIT > UINT32_MAX;

	start("nonsense", NULL);
	ok(strstr(host_log_last, can_direct ? "direct" : "cache") != NULL,
		"unknown strategy: the default");
	start("direct", NULL);
	ok(strstr(host_log_last, can_direct ? "direct" : "cache") != NULL,
		"direct where it can be had");
	start("cache", "0");
	is_int(sf_pool.nslots, SIM_PAGES, "nsfbufs=0: the default");
	ok(sf_buf_report(small, sizeof(small)) > 1000, "the report says how long it is");
	is_str(small, "strateg", "and stops at the end of the buffer");
}

int main(void)
{
	const char *env = getenv("SF_SEED");
	uint64_t seed = env != NULL ? strtoull(env, NULL, 0) : 1;
	unsigned steps =
		(env = getenv("SF_STEPS")) != NULL ? (unsigned)strtoul(env, NULL, 0) : 100000;

	note("seed %llu, %u steps (SF_SEED=, SF_STEPS=)", (unsigned long long)seed, steps);
	check_options();
	check_trap_1();
	check_costs();
	check_run("cache", "5", seed, steps);
	check_run("cache", "12", seed + 1, steps);
	check_run("cache", "32", seed + 2, steps);
	check_run("eager", "6", seed + 3, steps);
	check_run("eager", "20", seed + 4, steps);
	check_faults(seed, steps / 10);
	sim_reset();
	return tap_done();
}
