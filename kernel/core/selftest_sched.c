/* SPDX-License-Identifier: BSD-2-Clause
 * Self tests of the scheduler and of timers.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/selftest.h"

/* ---- scheduler ---- */

#define MOVE_ROUNDS 100
#define PIN_ROUNDS  30

static void mover(struct team *team, unsigned member)
{
	for (unsigned i = 0; i < MOVE_ROUNDS; i++) {
		unsigned cpu = selftest_cpu(i + member);
		struct cpumask on = CPUMASK_NONE;

		cpumask_set(&on, cpu);
		KTEST_CHECK(sched_set_affinity(curthread(), on) == 0);
		KTEST_CHECK(this_cpu_id() == cpu, "on cpu%u instead of %u", this_cpu_id(), cpu);
		if (i % 4 == 0)
			sched_yield();
		KTEST_CHECK(this_cpu_id() == cpu, "left cpu%u", cpu);
	}
}

static void pinned(struct team *team, unsigned member)
{
	unsigned cpu;

	sched_pin();
	sched_pin();
	cpu = this_cpu_id();
	for (unsigned i = 0; i < PIN_ROUNDS; i++) {
		if (i == PIN_ROUNDS / 2)
			sched_unpin();
		if (i % 2 == 0)
			sched_yield();
		else
			selftest_sleep_us(300);
		if (this_cpu_id() == cpu)
			continue;
		ktest_fail(__FILE__, __LINE__, "this_cpu_id() == cpu", " moved while pinned");
		break;
	}
	sched_unpin();
}

static struct {
	uint32_t stop; /* atomic */
	unsigned cpu[MAX_CPUS];
	struct thread *thread[MAX_CPUS];
} hogs;

static void hog(struct team *team, unsigned member)
{
	WRITE_ONCE(hogs.thread[member], curthread());
	while (!__atomic_load_n(&hogs.stop, __ATOMIC_ACQUIRE)) {
		WRITE_ONCE(hogs.cpu[member], this_cpu_id());
		cpu_relax();
		sched_yield_if_needed();
	}
}

static bool hog_on(unsigned member, unsigned cpu, bool wanted)
{
	for (uint64_t end = SELFTEST_PATIENCE; clock_monotonic_ns() < end; selftest_sleep_us(500))
		if ((READ_ONCE(hogs.cpu[member]) == cpu) == wanted)
			return true;
	return false;
}

/* All hogs ran, on all CPUs. */
static bool balanced(unsigned n, struct cpumask *used)
{
	unsigned ran = 0;

	for (unsigned i = 0; i < n; i++) {
		if (READ_ONCE(hogs.cpu[i]) == MAX_CPUS)
			continue;
		ran++;
		cpumask_set(used, hogs.cpu[i]);
	}
	return ran == n && cpumask_count(used) == cpumask_count(&cpus_online);
}

/* More hogs than CPUs, all started here: all CPUs get some, and none is left without. */
static void test_balance(void)
{
	unsigned n = MIN(2 * cpumask_count(&cpus_online), (unsigned)MAX_CPUS);
	struct cpumask used = CPUMASK_NONE;
	uint64_t end = SELFTEST_PATIENCE;
	struct team team;
	bool ok;

	hogs.stop = 0;
	for (unsigned i = 0; i < n; i++)
		hogs.cpu[i] = MAX_CPUS;
	if (!team_start(&team, n, false, hog, NULL))
		return;
	do {
		selftest_sleep_us(20000);
		ok = balanced(n, &used);
	} while (!ok && clock_monotonic_ns() < end);
	__atomic_store_n(&hogs.stop, 1, __ATOMIC_RELEASE);
	team_wait(&team);
	KTEST_CHECK(ok, "%u hogs, %u CPUs used", n, cpumask_count(&used));
}

/* Somebody else's affinity: a running thread moves when it next may. */
static void test_push(void)
{
	struct team team;
	bool ok = true;

	hogs.stop = 0;
	hogs.cpu[0] = MAX_CPUS;
	if (!team_start(&team, 1, false, hog, NULL))
		return;
	ok = hog_on(0, MAX_CPUS, false);
	for (unsigned i = 0; ok && i < 8; i++) {
		struct cpumask on = CPUMASK_NONE;

		cpumask_set(&on, selftest_cpu(i));
		ok = sched_set_affinity(hogs.thread[0], on) == 0 &&
		     hog_on(0, selftest_cpu(i), true);
	}
	__atomic_store_n(&hogs.stop, 1, __ATOMIC_RELEASE);
	team_wait(&team);
	KTEST_CHECK(ok, "a hog did not move");
}

static void nothing(struct team *team, unsigned member)
{
}

KTEST(sched)
{
	struct cpumask none = CPUMASK_NONE, all = cpus_online;
	unsigned ncpu = cpumask_count(&cpus_online);

	KTEST_CHECK(sched_set_affinity(curthread(), none) == -EINVAL);
	KTEST_CHECK(team_run(2 * ncpu, false, mover, NULL));
	KTEST_CHECK(team_run(2 * ncpu, false, pinned, NULL));
	test_balance();
	test_push();
	for (unsigned i = 0; i < 20; i++)
		KTEST_CHECK(team_run(4, false, nothing, NULL), "round %u", i);
	KTEST_CHECK(sched_set_affinity(curthread(), all) == 0);
}

/* ---- timers ---- */

#define NTIMERS     32
#define RACE_ROUNDS 300

static struct shot {
	struct timer timer;
	uint32_t fired; /* atomic: its place in the order, from 1 */
	bool early;
} shots[NTIMERS];
static uint32_t shot_count;

static void shot_fire(struct timer *t)
{
	struct shot *s = container_of(t, struct shot, timer);

	s->early = clock_monotonic_ns() < t->deadline;
	__atomic_store_n(
		&s->fired, __atomic_add_fetch(&shot_count, 1, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
}

/* Deadlines in a scrambled order, one in four cancelled, some equal: fired in order of deadline. */
static void test_order(void)
{
	uint64_t base;

	shot_count = 0;
	sched_pin();
	base = clock_monotonic_ns() + 5 * NSEC_PER_MSEC;
	for (unsigned i = 0; i < NTIMERS; i++) {
		shots[i].fired = 0;
		timer_init(&shots[i].timer, shot_fire);
		timer_start(&shots[i].timer, base + (i * 13 % NTIMERS / 2) * NSEC_PER_MSEC);
	}
	sched_unpin();
	for (unsigned i = 0; i < NTIMERS; i += 4)
		timer_cancel(&shots[i].timer);
	selftest_sleep_us(60000);
	for (unsigned i = 0; i < NTIMERS; i++) {
		struct shot *s = &shots[i];
		bool was_active = timer_cancel(&s->timer);

		KTEST_CHECK(!was_active, "timer %u is 20 ms late", i);
		if (i % 4 == 0)
			continue;
		KTEST_CHECK(s->fired != 0 && !s->early, "timer %u: %s", i,
			s->early ? "too early" : "not at all");
		for (unsigned j = 1; j < NTIMERS; j++)
			if (shots[j].fired > s->fired)
				KTEST_CHECK(shots[j].timer.deadline >= s->timer.deadline,
					"timers %u and %u out of order", i, j);
	}
}

struct race {
	struct timer timer;
	uint32_t fired; /* atomic */
};

static void race_fire(struct timer *t)
{
	__atomic_fetch_add(&container_of(t, struct race, timer)->fired, 1, __ATOMIC_RELAXED);
}

/* Cancelled at the moment they fire: each fires or is cancelled, never both, and after the cancel
 * the timer, which stands on the stack, is not touched. */
static void racer(struct team *team, unsigned member)
{
	for (unsigned i = 0; i < RACE_ROUNDS; i++) {
		struct race r = { .fired = 0 };
		bool cancelled;

		timer_init(&r.timer, race_fire);
		timer_start(&r.timer, clock_monotonic_ns() + i % 64 * 1000);
		for (unsigned spin = 0; spin < i % 100; spin++)
			cpu_relax();
		cancelled = timer_cancel(&r.timer);
		KTEST_CHECK(r.fired + cancelled == 1, "fired %u times, %s cancelled", r.fired,
			cancelled ? "and" : "not");
		if (i % 16 == 0)
			sched_yield();
	}
}

static uint64_t clock_high; /* atomic enough: under clock_lock */
static struct spinlock clock_lock = SPINLOCK_INIT("selftest clock");

static void clock_member(struct team *team, unsigned member)
{
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t now;
		bool backward;

		spin_lock(&clock_lock);
		now = clock_monotonic_ns();
		backward = now < clock_high;
		clock_high = now;
		spin_unlock(&clock_lock);
		KTEST_CHECK(!backward, "the clock went backward between CPUs");
	}
}

KTEST(timers)
{
	unsigned ncpu = cpumask_count(&cpus_online);
	uint64_t real = clock_realtime_ns();

	test_order();
	KTEST_CHECK(team_run(ncpu, true, racer, NULL));
	clock_high = 0;
	KTEST_CHECK(team_run(ncpu, true, clock_member, NULL));
	KTEST_CHECK(clock_realtime_ns() >= real, "real time went backward");
}
