/* SPDX-License-Identifier: BSD-2-Clause
 * Threads for self tests: a team runs one function in many threads and is waited for.
 */
#ifndef KERNEL_CORE_SELFTEST_H
#define KERNEL_CORE_SELFTEST_H

#include "kernel/core/ktest.h"
#include "kernel/core/sched.h"

struct team {
	void (*fn)(struct team *, unsigned member);
	void *arg;
	unsigned size, started;
	uint32_t running, next; /* atomic */
	struct waitq done;
};

/* Starts n members, member i on the i-th online CPU (round) if `spread`, else anywhere. False: out
 * of memory; those that started have ended. */
bool team_start(struct team *team, unsigned n, bool spread,
	void (*fn)(struct team *, unsigned member), void *arg);
void team_wait(struct team *team);
/* Both. */
bool team_run(unsigned n, bool spread, void (*fn)(struct team *, unsigned member), void *arg);

/* The i-th CPU of the online ones, counted round. */
unsigned selftest_cpu(unsigned i);
void selftest_sleep_us(unsigned us);
/* A wait that nobody ends within this time is a lost wake-up. */
#define SELFTEST_PATIENCE (clock_monotonic_ns() + 10 * NSEC_PER_SEC)

#endif
