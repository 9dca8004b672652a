/* SPDX-License-Identifier: BSD-2-Clause
 * The sf_buf strategies on the simulated machine (tests/host/sim.h), by chance: more CPUs, threads
 * and slots, and every kind of call, where t_sf_explore tries everything within small bounds.
 *
 * SF_SEED=n repeats a run, SF_RUNS=n prolongs it (MAYFLY_SOAK=1 does so by itself), SIM_CASE=text
 * runs the cases whose name has it.
 */
#include <stdlib.h>

#include "mm/sf_impl.h"
#include "tests/host/host_core.h"
#include "tests/host/sim.h"
#include "tests/host/tap.h"

#define EVERY_WAY (OPS(PRIVATE) | OPS(SHARED) | OPS(NOWAIT) | OPS(CATCH) | OPS(REF))
#define BATCHES   (OPS(BATCH_PRIVATE) | OPS(BATCH_SHARED))

static const struct test_case {
	const char *name;
	struct sim_load load;
} cases[] = {
#define SEVEN(strategy, epochs)                                                                  \
	{ strategy ", 1 slot", { strategy, 1, 3, 4, 6, 12, 1, 2, 2, EVERY_WAY, true, epochs } }, \
		{ strategy ", few calls",                                                        \
			{ strategy, 2, 2, 5, 4, 2, 2, 2, 1,                                      \
				OPS(SHARED) | OPS(CATCH) | BATCHES | OPS(CR3), true, epochs } }, \
		{ strategy ", two pages", { strategy, 1, 3, 3, 2, 12, 1, 2, 0,                   \
						  OPS(PRIVATE) | OPS(SHARED), true, epochs } },  \
		{ strategy ", a crowd",                                                          \
			{ strategy, 2, 2, 6, 3, 2, 2, 2, 0, OPS(SHARED) | OPS(BATCH_SHARED),     \
				false, epochs } },                                               \
		{ strategy ", 3 slots",                                                          \
			{ strategy, 3, 4, 6, 8, 16, 3, 3, 2,                                     \
				EVERY_WAY | BATCHES | OPS(YIELD) | OPS(CR3), true, epochs } },   \
		{ strategy ", 12 slots",                                                         \
			{ strategy, 12, 4, 8, 24, 40, 4, 4, 2, EVERY_WAY | BATCHES | OPS(YIELD), \
				true, epochs } },                                                \
	{                                                                                        \
		strategy ", 32 slots",                                                           \
		{                                                                                \
			strategy, 32, 4, 8, 24, 60, 6, 6, 1, EVERY_WAY | BATCHES | OPS(YIELD),   \
				false, epochs                                                    \
		}                                                                                \
	}
	SEVEN("cache", false),
	SEVEN("eager", false),
	SEVEN("percpu", false),
	SEVEN("epoch", true),
	/* Private misses retire several slots at once, which small pools do not do by themselves. */
	{ "epoch, retiring", { "epoch", 4, 3, 5, 8, 16, 2, 2, 1,
				     EVERY_WAY | BATCHES | OPS(YIELD) | OPS(CR3), true, true, 3 } },
	{ "epoch, retiring two", { "epoch", 2, 3, 4, 4, 12, 1, 2, 1, EVERY_WAY, true, true, 2 } },
	{ "epoch, retiring half", { "epoch", 16, 4, 8, 24, 40, 3, 4, 1,
					  EVERY_WAY | BATCHES | OPS(YIELD), false, true, 8 } },
};

static unsigned long env(const char *name, unsigned long def)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 0) : def;
}

static void run_case(const struct test_case *c, unsigned long first, unsigned long runs)
{
	unsigned long allocs = 0, ipis = 0, switches = 0, exchanges = 0, seed = first;

	if (c->load.npages <= 4) /* short ones */
		runs *= 20;
	for (unsigned long i = 0; i < runs; i++) {
		seed = first + i;
		sim_random_run(&c->load, seed);
		allocs += sim_stats.allocs;
		ipis += sim_stats.ipis;
		switches += sim_stats.switches;
		exchanges += sim_stats.exchanges;
		if (sim_wrong[0] != '\0')
			break;
	}
	ok(sim_wrong[0] == '\0', "%s: %lu mappings, %lu exchanges, %lu interrupts, %lu switches",
		c->name, allocs, exchanges, ipis, switches);
	if (sim_wrong[0] != '\0')
		note("seed %lu: %s", seed, sim_wrong);
}

/* A broken machine must be noticed, else the above says nothing. */
static void check_fault(enum sim_fault fault, const char *what, const char *strategy)
{
	struct sim_load l = cases[4].load;
	unsigned long seed = 0;

	l.strategy = strategy;
	sim.fault = fault;
	for (sim_wrong[0] = '\0'; seed < 2000 && sim_wrong[0] == '\0'; seed++)
		sim_random_run(&l, seed);
	sim.fault = SIM_GOOD;
	ok(sim_wrong[0] != '\0', "%s: %s is noticed: %s", strategy, what, sim_wrong);
}

static void check_faults(void)
{
	static const char *const strategies[] = { "cache", "eager", "percpu", "epoch" };

	for (unsigned i = 0; i < ARRAY_SIZE(strategies); i++) {
		check_fault(SIM_NO_INVLPG, "a missing INVLPG", strategies[i]);
		check_fault(SIM_LOSES_IPI, "a request that is not served", strategies[i]);
		check_fault(SIM_LOSES_WAKEUP, "a lost wake-up", strategies[i]);
	}
	check_fault(SIM_LOSES_A, "a lost accessed bit", "cache");
	check_fault(SIM_LOSES_A, "a lost accessed bit", "epoch");
}

int main(void)
{
	unsigned long seed = env("SF_SEED", 1),
		      runs = env("SF_RUNS", getenv("MAYFLY_SOAK") ? 20000 : 100);
	const char *only = getenv("SIM_CASE");

	host_log_quiet = true;
	sim_choose_mutant();
	note("seeds %lu to %lu (SF_SEED=, SF_RUNS=)", seed, seed + runs - 1);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (only == NULL || strstr(cases[i].name, only) != NULL)
			run_case(&cases[i], seed, runs);
	if (only == NULL)
		check_faults();
	return tap_done();
}
