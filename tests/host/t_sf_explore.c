/* SPDX-License-Identifier: BSD-2-Clause
 * Every execution of the sf_buf strategies within small bounds: up to 3 CPUs, 3 pages, 2 slots
 * (tests/host/sim.h says what an execution is, tests/host/sim_explore.c how all are found).
 *
 * SIM_STATES=n bounds the states of a case, SIM_TRACE=1 prints how a failure comes about,
 * SIM_CASE=name runs one case. With MAYFLY_SOAK=1 the bounds are larger.
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

/* strategy, slots, CPUs, threads, pages, budget, hold, batch, signals, ops, fine, epochs */
static const struct test_case cases[] = {
	/* 3 CPUs, 3 pages, 2 slots */
	{ "cache, 3 CPUs", { "cache", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, false } },
	{ "eager, 3 CPUs", { "eager", 2, 3, 2, 2, 1, 1, 2, 0, OPS(SHARED), false, false } },
	{ "percpu, 3 CPUs", { "percpu", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, false } },
	{ "epoch, 3 CPUs", { "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, false } },
	/* a sleeper, and signals */
	{ "cache, signals",
		{ "cache", 1, 2, 3, 2, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED), false, false } },
	{ "eager, signals",
		{ "eager", 1, 2, 3, 1, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED), false, false } },
	{ "percpu, signals",
		{ "percpu", 1, 2, 3, 2, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED), false, false } },
	{ "epoch, signals",
		{ "epoch", 1, 2, 3, 2, 1, 1, 2, 1, OPS(CATCH) | OPS(SHARED), false, false } },
	/* batches and references */
	{ "eager, batches", { "eager", 2, 2, 2, 2, 2, 2, 2, 0,
				    OPS(SHARED) | OPS(BATCH_SHARED) | OPS(REF), false, false } },
	{ "percpu, switches",
		{ "percpu", 4, 2, 3, 3, 1, 1, 2, 0, EACH_WAY | OPS(YIELD), false, false } },
	/* every atomic access */
	{ "epoch, one slot", { "epoch", 1, 2, 2, 2, 2, 1, 2, 0, OPS(PRIVATE), true, false } },
	{ "epoch, each access", { "epoch", 2, 2, 2, 3, 1, 1, 2, 0, EACH_WAY, true, false } },
};

/* These take minutes each. */
static const struct test_case long_cases[] = {
	{ "cache, 3 CPUs, two calls", { "cache", 2, 3, 3, 3, 2, 1, 2, 0, EACH_WAY, false, false } },
	{ "cache, 3 CPUs, signals", { "cache", 1, 3, 3, 2, 1, 1, 2, 1,
					    EACH_WAY | OPS(CATCH) | OPS(NOWAIT), false, false } },
	{ "cache, batches", { "cache", 2, 2, 2, 3, 2, 2, 2, 0,
				    EACH_WAY | OPS(BATCH_SHARED) | OPS(BATCH_PRIVATE) | OPS(REF),
				    false, false } },
	{ "eager, 3 CPUs, 2 slots",
		{ "eager", 2, 3, 3, 3, 1, 1, 2, 0, OPS(SHARED), false, false } },
	{ "percpu, batches",
		{ "percpu", 4, 2, 2, 2, 2, 2, 2, 0,
			EACH_WAY | OPS(BATCH_SHARED) | OPS(BATCH_PRIVATE) | OPS(REF) | OPS(YIELD),
			false, false } },
	{ "epoch, each access, 3 CPUs",
		{ "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, true, false } },
	{ "epoch, each access, two calls",
		{ "epoch", 2, 2, 2, 3, 2, 1, 2, 0, EACH_WAY, true, false } },
	{ "epoch, idle CPUs", { "epoch", 2, 3, 3, 3, 1, 1, 2, 0, EACH_WAY, false, true } },
};

static unsigned long env(const char *name, unsigned long def)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 0) : def;
}

static void run_case(const struct test_case *c, unsigned long max)
{
	clock_t t0 = clock();
	struct sim_explored x = sim_explore(&c->load, env("SIM_STATES", max));

	double seconds = (double)(clock() - t0) / CLOCKS_PER_SEC;

	note("%s: %.1f s, %lu steps", c->name, seconds, x.steps);
	ok(sim_wrong[0] == '\0', "%s: %lu states, %lu ends, depth %u, %s", c->name, x.states,
		x.ends, x.depth, x.complete ? "all there are" : "cut off");
	if (sim_wrong[0] != '\0')
		note("%s", sim_wrong);
}

int main(void)
{
	const char *only = getenv("SIM_CASE");

	host_log_quiet = true;
	sim_choose_mutant();
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (only == NULL || strstr(cases[i].name, only) != NULL)
			run_case(&cases[i], 400000);
	for (unsigned i = 0; i < ARRAY_SIZE(long_cases) && getenv("MAYFLY_SOAK") != NULL; i++)
		if (only == NULL || strstr(long_cases[i].name, only) != NULL)
			run_case(&long_cases[i], 60000000);
	return tap_done();
}
