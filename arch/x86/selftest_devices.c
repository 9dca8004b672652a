/* SPDX-License-Identifier: BSD-2-Clause
 * selftest=clock, selftest=random: what all CPUs at once must not be able to upset.
 */
#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"
#include "kernel/core/ktest.h"
#include "kernel/core/random.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"

#define CLOCK_READS  20000
#define RANDOM_WORDS 4

static struct spinlock clock_lock = SPINLOCK_INIT("clock selftest");
static uint64_t latest;
static unsigned backwards;

static void watch_clock(void *arg)
{
	for (unsigned i = 0; i < CLOCK_READS; i++) {
		uint64_t now;

		spin_lock(&clock_lock);
		now = clock_monotonic_ns();
		if (now < latest)
			backwards++;
		latest = now;
		spin_unlock(&clock_lock);
	}
}

KTEST(clock)
{
	uint64_t start;

	latest = 0;
	backwards = 0;
	smp_call(&cpus_online, watch_clock, NULL);
	KTEST_CHECK(backwards == 0, "%u times", backwards);
	start = clock_monotonic_ns();
	udelay(20000);
	KTEST_CHECK(clock_monotonic_ns() - start >= 20 * NSEC_PER_MSEC, "udelay() is too short");
	KTEST_CHECK(
		clock_realtime_ns() / NSEC_PER_SEC > 1700000000, "the CMOS clock is years behind");
}

static uint32_t draws[MAX_CPUS][RANDOM_WORDS];

static void draw(void *arg)
{
	random_bytes(draws[this_cpu_id()], sizeof(draws[0]));
}

/* The same 128 bits twice: once in 10^37 tries, or the generator is broken. */
KTEST(random)
{
	static const uint32_t zero[RANDOM_WORDS];

	smp_call(&cpus_online, draw, NULL);
	for (unsigned i = 0; i < ncpus; i++) {
		KTEST_CHECK(memcmp(draws[i], zero, sizeof(zero)) != 0, "CPU %u drew zeros", i);
		for (unsigned j = 0; j < i; j++)
			KTEST_CHECK(memcmp(draws[i], draws[j], sizeof(zero)) != 0,
				"CPUs %u and %u drew the same", j, i);
	}
}
