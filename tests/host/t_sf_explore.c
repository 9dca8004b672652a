/* SPDX-License-Identifier: BSD-2-Clause
 * Every execution of the sf_buf strategies within small bounds: up to 3 CPUs, 3 pages, 2 slots
 * (tests/host/sim.h says what an execution is, tests/host/sim_explore.c how all are found).
 *
 * SIM_STATES=n bounds the states of a case, SIM_TRACE=1 prints how a failure comes about,
 * SIM_CASE=name runs one case. With MAYFLY_SOAK=1 there are more of them.
 */
#include <stdlib.h>
#include <time.h>

#include "mm/sf_impl.h"
#include "tests/host/host_core.h"
#include "tests/host/sim.h"
#include "tests/host/tap.h"

struct test_case {
	const char *name;
	struct sim_load load;
};

#define EACH_WAY (OPS(PRIVATE) | OPS(SHARED))

#define EPOCH_3_CPUS                                              \
	{                                                         \
		"epoch, 3 CPUs",                                  \
		{                                                 \
			"epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY \
		}                                                 \
	}

/* strategy, slots, CPUs, threads, pages, budget, hold, batch, signals, ops, fine, epochs, retire, warm */
static const struct test_case cases[] = {
	/* 3 CPUs, 3 pages, 2 slots */
	{ "cache, 3 CPUs", { "cache", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY } },
	{ "eager, 3 CPUs", { "eager", 2, 3, 2, 3, 1, 1, 2, 0, OPS(SHARED) } },
	{ "percpu, 3 CPUs", { "percpu", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY } },
#ifdef __LP64__ /* with 32 bits it has more states: one of the long cases */
	EPOCH_3_CPUS,
#endif
	/* a sleeper, and signals */
	{ "cache, signals", { "cache", 1, 2, 3, 2, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED) } },
	{ "eager, signals", { "eager", 1, 2, 3, 1, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED) } },
	{ "percpu, signals", { "percpu", 1, 2, 3, 2, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED) } },
	{ "epoch, signals", { "epoch", 1, 2, 3, 2, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED) } },
	/* batches and references */
	{ "eager, batches",
		{ "eager", 2, 2, 2, 2, 2, 2, 2, 0, OPS(SHARED) | OPS(BATCH_SHARED) | OPS(REF) } },
	{ "percpu, switches", { "percpu", 4, 2, 3, 3, 1, 1, 2, 0, EACH_WAY | OPS(YIELD) } },
	/* every atomic access */
	{ "epoch, each access", { "epoch", 2, 2, 2, 3, 1, 1, 2, 0, EACH_WAY, true } },
	/* private misses that retire two slots, which other CPUs may hold stale */
	{ "epoch, retiring", { "epoch", 2, 2, 2, 2, 1, 1, 2, 0, EACH_WAY, false, false, 2, true } },
};

/* These take minutes each. */
static const struct test_case long_cases[] = {
#ifndef __LP64__
	EPOCH_3_CPUS,
#endif
	{ "cache, 3 CPUs, two calls", { "cache", 2, 3, 3, 3, 2, 1, 2, 0, EACH_WAY } },
	{ "cache, 3 CPUs, signals",
		{ "cache", 1, 3, 3, 2, 1, 1, 2, 1, EACH_WAY | OPS(CATCH) | OPS(NOWAIT) } },
	{ "cache, batches",
		{ "cache", 2, 2, 2, 3, 2, 2, 2, 0,
			EACH_WAY | OPS(BATCH_SHARED) | OPS(BATCH_PRIVATE) | OPS(REF) } },
	{ "percpu, batches", { "percpu", 4, 2, 2, 2, 2, 2, 2, 0,
				     EACH_WAY | OPS(BATCH_SHARED) | OPS(BATCH_PRIVATE) | OPS(REF) |
					     OPS(YIELD) } },
	{ "eager, 3 CPUs, 3 threads", { "eager", 2, 3, 3, 3, 1, 1, 2, 0, OPS(SHARED) } },
	{ "epoch, each access, retiring",
		{ "epoch", 2, 2, 2, 2, 1, 1, 2, 0, EACH_WAY, true, false, 2, true } },
	{ "epoch, one slot", { "epoch", 1, 2, 2, 2, 2, 1, 2, 0, OPS(PRIVATE), true } },
	{ "epoch, 3 CPUs, warm",
		{ "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, false, 1, true } },
	{ "epoch, 3 CPUs, retiring",
		{ "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, false, 2 } },
	{ "epoch, 3 CPUs, warm, retiring",
		{ "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, false, 2, true } },
	{ "epoch, each access, 3 CPUs", { "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, true } },
	{ "epoch, each access, two calls", { "epoch", 2, 2, 2, 3, 2, 1, 2, 0, EACH_WAY, true } },
	{ "epoch, idle CPUs", { "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, true } },
};

static unsigned long env(const char *name, unsigned long def)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 0) : def;
}

/* `whole`: it must come to its end. */
static void run_case(const struct test_case *c, unsigned long max, bool whole)
{
	clock_t t0 = clock();
	struct sim_explored x = sim_explore(&c->load, env("SIM_STATES", max));

	double seconds = (double)(clock() - t0) / CLOCKS_PER_SEC;

	note("%s: %.1f s, %lu steps", c->name, seconds, x.steps);
	ok(sim_wrong[0] == '\0' && (x.complete || !whole), "%s: %lu states, %lu ends, depth %u, %s",
		c->name, x.states, x.ends, x.depth, x.complete ? "all there are" : "cut off");
	if (sim_wrong[0] != '\0')
		note("%s", sim_wrong);
}

static void run_cases(const struct test_case *c, size_t n, unsigned long max, bool whole)
{
	const char *only = getenv("SIM_CASE");

	for (size_t i = 0; i < n; i++)
		if (only == NULL || strstr(c[i].name, only) != NULL)
			run_case(&c[i], max, whole);
}

int main(void)
{
	host_log_quiet = true;
	sim_choose_mutant();
	run_cases(cases, ARRAY_SIZE(cases), 8000000, getenv("SIM_STATES") == NULL);
	if (getenv("MAYFLY_SOAK") != NULL)
		run_cases(long_cases, ARRAY_SIZE(long_cases), 60000000, false);
	return tap_done();
}
