/* SPDX-License-Identifier: BSD-2-Clause
 * Self tests of locks and wait queues, and the teams of threads that all core tests use. Sizes are
 * such that each test takes less than two seconds under an emulator with four CPUs.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/selftest.h"

/* ---- teams ---- */

static void team_member(void *arg)
{
	struct team *team = arg;

	team->fn(team, __atomic_fetch_add(&team->next, 1, __ATOMIC_RELAXED));
	/* The team stands on the starter's stack, which waits for the wake-up to be over: the last
	 * one wakes under the queue's lock. */
	spin_lock(&team->done.lock);
	if (__atomic_sub_fetch(&team->running, 1, __ATOMIC_ACQ_REL) == 0)
		waitq_wake_first_locked(&team->done);
	spin_unlock(&team->done.lock);
}

unsigned selftest_cpu(unsigned i)
{
	unsigned cpu;

	i %= cpumask_count(&cpus_online);
	CPUMASK_FOR_EACH (cpu, &cpus_online)
		if (i-- == 0)
			return cpu;
	return 0;
}

bool team_start(struct team *team, unsigned n, bool spread,
	void (*fn)(struct team *, unsigned member), void *arg)
{
	*team = (struct team){ .fn = fn, .arg = arg, .size = n, .running = n };
	waitq_init(&team->done);
	for (; team->started < n; team->started++) {
		struct cpumask on = cpus_online;

		if (spread) {
			on = CPUMASK_NONE;
			cpumask_set(&on, selftest_cpu(team->started));
		}
		if (kthread_create_on("selftest", team_member, team, on) == NULL)
			break;
	}
	if (team->started == n)
		return true;
	ktest_fail(__FILE__, __LINE__, "kthread_create_on", " out of memory");
	__atomic_fetch_sub(&team->running, n - team->started, __ATOMIC_ACQ_REL);
	team_wait(team);
	return false;
}

void team_wait(struct team *team)
{
	spin_lock(&team->done.lock);
	while (__atomic_load_n(&team->running, __ATOMIC_ACQUIRE) != 0) {
		spin_unlock(&team->done.lock);
		WAIT_EVENT(&team->done, __atomic_load_n(&team->running, __ATOMIC_ACQUIRE) == 0,
			WAIT_UNINTR, WAIT_FOREVER);
		spin_lock(&team->done.lock);
	}
	spin_unlock(&team->done.lock);
}

bool team_run(unsigned n, bool spread, void (*fn)(struct team *, unsigned member), void *arg)
{
	struct team team;

	if (!team_start(&team, n, spread, fn, arg))
		return false;
	team_wait(&team);
	return true;
}

void selftest_sleep_us(unsigned us)
{
	struct waitq wq;

	waitq_init(&wq);
	WAIT_EVENT(&wq, false, WAIT_UNINTR, clock_monotonic_ns() + us * 1000ull);
}

/* ---- locks ---- */

#define SPIN_ROUNDS  10000
#define MUTEX_ROUNDS 500
#define PING_ROUNDS  600

static struct counted {
	struct spinlock spin;
	struct mutex mutex;
	unsigned long n; /* plain: only the lock keeps it whole */
	unsigned inside;
} counted;

static void spin_member(struct team *team, unsigned member)
{
	for (unsigned i = 0; i < SPIN_ROUNDS; i++) {
		if (i % 2 == 0 || !spin_trylock(&counted.spin))
			spin_lock(&counted.spin);
		counted.n++;
		spin_unlock(&counted.spin);
	}
}

static void mutex_member(struct team *team, unsigned member)
{
	for (unsigned i = 0; i < MUTEX_ROUNDS; i++) {
		if (i % 4 != 0 || !mutex_trylock(&counted.mutex))
			mutex_lock(&counted.mutex);
		if (counted.inside++ != 0)
			ktest_fail(__FILE__, __LINE__, "counted.inside == 0", " two owners");
		counted.n++;
		if ((i + member) % 16 == 0)
			sched_yield();
		if ((i + member) % 256 == 0)
			selftest_sleep_us(200);
		counted.inside--;
		mutex_unlock(&counted.mutex);
	}
}

static struct ping {
	struct mutex mutex;
	struct waitq cv;
	unsigned turn;
} ping;

static void cv_member(struct team *team, unsigned member)
{
	mutex_lock(&ping.mutex);
	while (ping.turn < PING_ROUNDS) {
		if (ping.turn % team->size != member) {
			if (cv_wait(&ping.cv, &ping.mutex, WAIT_UNINTR, SELFTEST_PATIENCE) != 0) {
				ktest_fail(__FILE__, __LINE__, "cv_wait() == 0", " lost wake-up");
				break;
			}
			continue;
		}
		ping.turn++;
		waitq_wake_all(&ping.cv);
	}
	mutex_unlock(&ping.mutex);
}

static void nested_spin_flags(void)
{
	struct spinlock a, b;

	spin_init(&a, "selftest a");
	spin_init(&b, "selftest b");
	spin_lock(&a);
	spin_lock(&b);
	KTEST_CHECK(spin_held(&a) && spin_held(&b));
	KTEST_CHECK(!irqs_enabled());
	spin_unlock(&a); /* not in reverse order */
	KTEST_CHECK(!irqs_enabled(), "the inner unlock enabled interrupts");
	spin_unlock(&b);
	KTEST_CHECK(irqs_enabled(), "the outer unlock left interrupts off");
	spin_lock_pair(&a, &a);
	KTEST_CHECK(!spin_trylock(&a), "a held lock was taken");
	spin_unlock_pair(&a, &a);
}

KTEST(locks)
{
	unsigned ncpu = cpumask_count(&cpus_online), members = 2 * ncpu;

	nested_spin_flags();
	spin_init(&counted.spin, "selftest spin");
	mutex_init(&counted.mutex, "selftest mutex");
	mutex_init(&ping.mutex, "selftest ping");
	waitq_init(&ping.cv);

	counted.n = 0;
	KTEST_CHECK(team_run(ncpu, true, spin_member, NULL));
	KTEST_CHECK(counted.n == (unsigned long)ncpu * SPIN_ROUNDS, "%lu", counted.n);
	counted.n = 0;
	KTEST_CHECK(team_run(members, false, mutex_member, NULL));
	KTEST_CHECK(counted.n == (unsigned long)members * MUTEX_ROUNDS, "%lu", counted.n);
	KTEST_CHECK(!mutex_held(&counted.mutex) && counted.mutex.state == 0, "left locked");
	ping.turn = 0;
	KTEST_CHECK(team_run(2, true, cv_member, NULL));
	ping.turn = 0;
	KTEST_CHECK(team_run(3, false, cv_member, NULL));
}

/* ---- what the witness of debug builds must catch: each of these ends in a panic ---- */

#ifdef DEBUG
KTEST_EXPLICIT(lock_order)
{
	struct spinlock a, b, c;

	spin_init(&a, "order a");
	spin_init(&b, "order b");
	spin_init(&c, "order c");
	spin_lock(&a);
	spin_lock(&b);
	spin_unlock(&b);
	spin_unlock(&a);
	spin_lock(&b);
	spin_lock(&c);
	spin_unlock(&c);
	spin_unlock(&b);
	spin_lock(&c);
	spin_lock(&a); /* closes a -> b -> c */
	KTEST_CHECK(false, "not noticed");
}

KTEST_EXPLICIT(lock_sleep)
{
	struct spinlock a;

	spin_init(&a, "sleep a");
	spin_lock(&a);
	selftest_sleep_us(1);
	KTEST_CHECK(false, "not noticed");
}

KTEST_EXPLICIT(lock_twice)
{
	struct spinlock a;

	spin_init(&a, "twice a");
	spin_lock(&a);
	spin_unlock(&a);
	spin_unlock(&a);
	KTEST_CHECK(false, "not noticed");
}

static void unlock_member(struct team *team, unsigned member)
{
	mutex_unlock(&counted.mutex);
}

KTEST_EXPLICIT(lock_owner)
{
	mutex_init(&counted.mutex, "owner a");
	mutex_lock(&counted.mutex);
	KTEST_CHECK(team_run(1, false, unlock_member, NULL));
	KTEST_CHECK(false, "not noticed");
}
#endif

/* ---- wait queues ---- */

#define TOKENS      4000
#define POLL_ROUNDS 150

static struct {
	struct waitq wq;
	struct spinlock lock;
	unsigned made, taken;
} tokens;

static bool take_token(void)
{
	bool got;

	spin_lock(&tokens.lock);
	got = tokens.taken < tokens.made;
	if (got)
		tokens.taken++;
	spin_unlock(&tokens.lock);
	return got;
}

/* Each wake-up is for one token: whoever is woken takes one, or somebody would sleep for ever. */
static void consumer(struct team *team, unsigned member)
{
	unsigned quota = TOKENS / team->size;

	for (unsigned i = 0; i < quota; i++) {
		if (WAIT_EVENT(&tokens.wq, take_token(), WAIT_UNINTR, SELFTEST_PATIENCE) == 0)
			continue;
		ktest_fail(__FILE__, __LINE__, "token", " lost wake-up after %u", tokens.taken);
		return;
	}
}

static void test_tokens(void)
{
	struct team team;
	unsigned n = 8; /* divides TOKENS */

	waitq_init(&tokens.wq);
	spin_init(&tokens.lock, "selftest tokens");
	tokens.made = tokens.taken = 0;
	if (!team_start(&team, n, true, consumer, NULL))
		return;
	for (unsigned i = 0; i < TOKENS; i++) {
		spin_lock(&tokens.lock);
		tokens.made++;
		spin_unlock(&tokens.lock);
		waitq_wake_one(&tokens.wq);
		if (i % 16 == 0)
			sched_yield();
	}
	team_wait(&team);
	KTEST_CHECK(tokens.taken == TOKENS, "%u of %u", tokens.taken, TOKENS);
}

static struct {
	struct waitq wq[3];
	uint32_t sent, seen; /* atomic; round number */
} poll;

static bool poll_news(unsigned round)
{
	return __atomic_load_n(&poll.sent, __ATOMIC_ACQUIRE) > round;
}

/* Member 0 stands in three queues at once, as poll(2) does; member 1 wakes one of them at a time. */
static void poller(void)
{
	struct waiter w[3];

	for (unsigned round = 0; round < POLL_ROUNDS; round++) {
		int err = 0;

		for (unsigned i = 0; i < 3; i++)
			wait_enter(&poll.wq[i], &w[i]);
		while (!poll_news(round) && err == 0) {
			err = wait_sleep(WAIT_UNINTR, SELFTEST_PATIENCE);
			for (unsigned i = 0; i < 3; i++)
				wait_again(&w[i]);
		}
		for (unsigned i = 0; i < 3; i++)
			wait_leave(&w[i]);
		__atomic_store_n(&poll.seen, round + 1, __ATOMIC_RELEASE);
		if (err != 0) {
			ktest_fail(__FILE__, __LINE__, "poll", " lost wake-up, round %u", round);
			return;
		}
	}
}

static void poll_waker(void)
{
	for (unsigned round = 0; round < POLL_ROUNDS; round++) {
		__atomic_store_n(&poll.sent, round + 1, __ATOMIC_RELEASE);
		waitq_wake_one(&poll.wq[round % 3]);
		while (__atomic_load_n(&poll.seen, __ATOMIC_ACQUIRE) <= round)
			sched_yield();
	}
}

static void poll_member(struct team *team, unsigned member)
{
	if (member == 0)
		poller();
	else
		poll_waker();
}

static void test_timeouts(void)
{
	struct waitq wq;
	struct waiter w;
	uint64_t start = clock_monotonic_ns(), deadline = start + 20 * NSEC_PER_MSEC;

	waitq_init(&wq);
	KTEST_CHECK(WAIT_EVENT(&wq, false, WAIT_UNINTR, deadline) == -ETIMEDOUT);
	KTEST_CHECK(clock_monotonic_ns() >= deadline, "woke before the deadline");
	KTEST_CHECK(WAIT_EVENT(&wq, false, WAIT_UNINTR, start) == -ETIMEDOUT, "past deadline");
	KTEST_CHECK(WAIT_EVENT(&wq, true, WAIT_UNINTR, start) == 0, "true condition");

	wait_enter(&wq, &w);
	KTEST_CHECK(waitq_wake_one(&wq) == 1);
	KTEST_CHECK(waitq_wake_one(&wq) == 0, "woken twice");
	KTEST_CHECK(wait_sleep(WAIT_UNINTR, WAIT_FOREVER) == 0);
	KTEST_CHECK(wait_leave(&w), "the wake-up was not seen");
	wait_enter(&wq, &w);
	KTEST_CHECK(!wait_leave(&w) && list_empty(&wq.waiters));

	curthread()->sig_pending = true;
	KTEST_CHECK(WAIT_EVENT(&wq, false, WAIT_INTR, WAIT_FOREVER) == -ERESTARTSYS);
	deadline = clock_monotonic_ns() + NSEC_PER_MSEC;
	KTEST_CHECK(WAIT_EVENT(&wq, false, WAIT_KILLABLE, deadline) == -ETIMEDOUT);
	curthread()->sig_pending = false;
}

/* The condition itself sleeps: the wake-up that comes meanwhile must not get lost. */
static bool sleepy_condition(struct waitq *wq, unsigned *calls)
{
	if (++*calls == 1)
		waitq_wake_all(wq); /* for us, who stand in it */
	selftest_sleep_us(100);
	return *calls >= 3;
}

static void test_nested(void)
{
	struct waitq wq;
	struct waiter w;
	unsigned calls = 0;
	int err = 0;

	waitq_init(&wq);
	wait_enter(&wq, &w);
	while (!sleepy_condition(&wq, &calls) && err == 0) {
		err = wait_sleep(WAIT_UNINTR, SELFTEST_PATIENCE);
		wait_again(&w);
	}
	wait_leave(&w);
	KTEST_CHECK(err == 0, "a nested sleep swallowed the wake-up");
}

KTEST(wait)
{
	test_timeouts();
	curthread()->sig_pending = false;
	test_nested();
	test_tokens();
	for (unsigned i = 0; i < 3; i++)
		waitq_init(&poll.wq[i]);
	poll.sent = poll.seen = 0;
	KTEST_CHECK(team_run(2, true, poll_member, NULL));
	KTEST_CHECK(poll.seen == POLL_ROUNDS, "%u rounds", poll.seen);
	KTEST_CHECK(curthread()->nwaiters == 0);
}
