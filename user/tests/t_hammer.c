/* SPDX-License-Identifier: BSD-2-Clause
 * 64 threads that hammer mutexes, condition variables, thread-local storage and cancellation, round after
 * round, for test_seconds (`tests --seconds N thread_hammer`). What a round adds up to is known before, so
 * nothing is printed but mistakes and, in the end, that there were none.
 *
 * Of the 64, 24 count under a few mutexes, 16 pass numbers through four small queues, 8 meet at a
 * barrier, and 16 wait for what never comes, in one of four ways, until they are cancelled.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define COUNTERS 24
#define PASSERS  16
#define MEETERS  8
#define VICTIMS  16
#define LOCKS    5
#define QUEUES   4
#define STEPS    60
#define SLOTS    3

static struct {
	pthread_mutex_t mutex;
	long count;
} locks[LOCKS];

static struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t filled, emptied;
	int slot[SLOTS], n;
	long taken;
} queues[QUEUES];

static pthread_barrier_t barrier;
static pthread_mutex_t never_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static int cleaned, destroyed, waiting, mistakes;
static __thread unsigned own_seed;
static __thread long own[16];

static void mistake(const char *what, long is, long expected)
{
	if (__atomic_fetch_add(&mistakes, 1, __ATOMIC_RELAXED) < 20)
		printf("%s: %ld, not %ld\n", what, is, expected);
}

static void check_own(long me)
{
	for (int i = 0; i < 16; i++)
		if (own[i] != me)
			mistake("thread-local storage", own[i], me);
	if (pthread_getspecific(key) != (void *)me)
		mistake("key", (long)pthread_getspecific(key), me);
}

static void set_own(long me)
{
	if (own[0] != 0 || own_seed != 0)
		mistake("fresh thread-local storage", own[0], 0);
	for (int i = 0; i < 16; i++)
		own[i] = me;
	own_seed = (unsigned)me;
	pthread_setspecific(key, (void *)me);
}

static void destroy(void *p)
{
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static void *count(void *arg)
{
	set_own((long)arg);
	for (int i = 0; i < STEPS; i++) {
		int l = rand_r(&own_seed) % LOCKS;

		pthread_mutex_lock(&locks[l].mutex);
		locks[l].count++;
		if (i % 8 == 0)
			sched_yield();
		pthread_mutex_unlock(&locks[l].mutex);
		check_own((long)arg);
	}
	return arg;
}

static void put(struct queue *q, int v)
{
	pthread_mutex_lock(&q->mutex);
	while (q->n == SLOTS)
		pthread_cond_wait(&q->emptied, &q->mutex);
	q->slot[q->n++] = v;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->mutex);
}

static void take(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	while (q->n == 0)
		pthread_cond_wait(&q->filled, &q->mutex);
	q->taken += q->slot[--q->n];
	pthread_cond_signal(&q->emptied);
	pthread_mutex_unlock(&q->mutex);
}

/* Two givers and two takers a queue. */
static void *pass(void *arg)
{
	long i = (long)arg % PASSERS;
	struct queue *q = &queues[i / 4];

	set_own((long)arg);
	for (int v = 1; v <= STEPS; v++) {
		if (i % 2)
			put(q, v);
		else
			take(q);
	}
	check_own((long)arg);
	return arg;
}

static void *meet(void *arg)
{
	set_own((long)arg);
	for (int i = 0; i < 6; i++)
		pthread_barrier_wait(&barrier);
	check_own((long)arg);
	return arg;
}

static void clean(void *mutex)
{
	__atomic_fetch_add(&cleaned, 1, __ATOMIC_RELAXED);
	if (mutex != NULL)
		pthread_mutex_unlock(mutex);
}

static void wait_for_never(void)
{
	struct timespec later = { 2000000000, 0 };

	pthread_mutex_lock(&never_mutex);
	pthread_cleanup_push(clean, &never_mutex);
	__atomic_fetch_add(&waiting, 1, __ATOMIC_RELAXED);
	for (;;) {
		if (own_seed % 2)
			pthread_cond_wait(&never, &never_mutex);
		else
			pthread_cond_timedwait(&never, &never_mutex, &later);
	}
	pthread_cleanup_pop(0);
}

static void sleep_or_spin(void)
{
	pthread_cleanup_push(clean, NULL);
	__atomic_fetch_add(&waiting, 1, __ATOMIC_RELAXED);
	for (;;) {
		if (own_seed % 2) {
			pthread_testcancel();
			sched_yield();
		} else {
			usleep(1000000);
		}
	}
	pthread_cleanup_pop(0);
}

static void *be_victim(void *arg)
{
	set_own((long)arg);
	if (own_seed % 4 < 2)
		wait_for_never();
	sleep_or_spin();
	return arg;
}

static void start(pthread_t *t, void *(*fn)(void *), long arg)
{
	int err = pthread_create(t, NULL, fn, (void *)arg);

	if (err != 0) {
		printf("pthread_create: %s\n", strerrorname_np(err));
		exit(1);
	}
}

static void finish(pthread_t t, void *expected)
{
	void *ret;

	pthread_join(t, &ret);
	if (ret != expected)
		mistake("result", (long)ret, (long)expected);
}

static void check_round(void)
{
	long sum = 0;

	for (int i = 0; i < LOCKS; i++) {
		sum += locks[i].count;
		locks[i].count = 0;
	}
	if (sum != COUNTERS * STEPS)
		mistake("counted", sum, COUNTERS * STEPS);
	for (int i = 0; i < QUEUES; i++) {
		if (queues[i].taken != STEPS * (STEPS + 1) || queues[i].n != 0)
			mistake("passed", queues[i].taken, STEPS * (STEPS + 1));
		queues[i].taken = 0;
	}
	if (cleaned != VICTIMS)
		mistake("cleaned up", cleaned, VICTIMS);
	if (destroyed != COUNTERS + PASSERS + MEETERS + VICTIMS)
		mistake("keys destroyed", destroyed, COUNTERS + PASSERS + MEETERS + VICTIMS);
	cleaned = destroyed = waiting = 0;
}

static void hammer_round(void)
{
	pthread_t counters[COUNTERS], passers[PASSERS], meeters[MEETERS], victims[VICTIMS];
	long id = 1000 * PASSERS; /* a multiple: pass() takes its part from it */

	for (long i = 0; i < VICTIMS; i++)
		start(&victims[i], be_victim, id + i);
	for (long i = 0; i < PASSERS; i++)
		start(&passers[i], pass, id + i);
	for (long i = 0; i < COUNTERS; i++)
		start(&counters[i], count, id + i);
	for (long i = 0; i < MEETERS; i++)
		start(&meeters[i], meet, id + i);
	while (__atomic_load_n(&waiting, __ATOMIC_RELAXED) != VICTIMS)
		sched_yield();
	for (int i = 0; i < VICTIMS; i++)
		pthread_cancel(victims[i]);
	for (long i = 0; i < PASSERS; i++)
		finish(passers[i], (void *)(id + i));
	for (long i = 0; i < COUNTERS; i++)
		finish(counters[i], (void *)(id + i));
	for (long i = 0; i < MEETERS; i++)
		finish(meeters[i], (void *)(id + i));
	for (int i = 0; i < VICTIMS; i++)
		finish(victims[i], PTHREAD_CANCELED);
	check_round();
}

static time_t seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

TEST(thread_hammer)
{
	time_t end = seconds_now() + test_seconds;

	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i].mutex, NULL);
	for (int i = 0; i < QUEUES; i++) {
		pthread_mutex_init(&queues[i].mutex, NULL);
		pthread_cond_init(&queues[i].filled, NULL);
		pthread_cond_init(&queues[i].emptied, NULL);
	}
	pthread_barrier_init(&barrier, NULL, MEETERS);
	pthread_key_create(&key, destroy);
	do
		hammer_round();
	while (seconds_now() < end && mistakes == 0);
	printf("%d threads, %d mistakes\n", COUNTERS + PASSERS + MEETERS + VICTIMS, mistakes);
}
