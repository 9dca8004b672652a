/* SPDX-License-Identifier: BSD-2-Clause
 * Threads by way of POSIX: what pthread programs do every day.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t_thread.h"

/* ---- locks ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *count_up(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return (char *)arg + 1;
}

TEST(thread_mutex)
{
	pthread_t t[NTHREADS];
	long sum = 0;
	void *ret;

	for (long i = 0; i < NTHREADS; i++)
		start(&t[i], count_up, (void *)(i * 10));
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(t[i], &ret);
		sum += (long)ret;
	}
	printf("counted %ld, returned %ld\n", counter, sum);
}

TEST(thread_mutex_types)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	struct timespec past = { 1, 0 };

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &a);
	show_err("unlock unowned", pthread_mutex_unlock(&m));
	show_err("lock", pthread_mutex_lock(&m));
	show_err("lock again", pthread_mutex_lock(&m));
	show_err("trylock", pthread_mutex_trylock(&m));
	show_err("unlock", pthread_mutex_unlock(&m));
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &a);
	show_err("recursive", pthread_mutex_lock(&m));
	show_err("recursive", pthread_mutex_lock(&m));
	show_err("recursive unlock", pthread_mutex_unlock(&m));
	show_err("recursive unlock", pthread_mutex_unlock(&m));
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	pthread_mutex_init(&m, &a);
	pthread_mutex_lock(&m);
	show_err("timedlock in the past", pthread_mutex_timedlock(&m, &past));
	clock_gettime(CLOCK_REALTIME, &past);
	past.tv_nsec += 20000000;
	if (past.tv_nsec >= 1000000000) {
		past.tv_sec++;
		past.tv_nsec -= 1000000000;
	}
	show_err("timedlock 20 ms", pthread_mutex_timedlock(&m, &past));
}

static int turn;

static void *take_turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % NTHREADS != me)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(thread_cond)
{
	pthread_t t[NTHREADS];

	for (long i = 0; i < NTHREADS; i++)
		start(&t[i], take_turns, (void *)i);
	for (int i = 0; i < NTHREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d turns\n", turn);
}

TEST(thread_cond_timeout)
{
	pthread_condattr_t a;
	struct timespec ts, end;
	pthread_cond_t c;
	clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC };

	for (int i = 0; i < 2; i++) {
		pthread_condattr_init(&a);
		pthread_condattr_setclock(&a, clocks[i]);
		pthread_cond_init(&c, &a);
		clock_gettime(clocks[i], &ts);
		ts.tv_nsec += 30000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_sec++;
			ts.tv_nsec -= 1000000000;
		}
		pthread_mutex_lock(&mutex);
		show_err("timedwait", pthread_cond_timedwait(&c, &mutex, &ts));
		pthread_mutex_unlock(&mutex);
		clock_gettime(clocks[i], &end);
		printf("not early: %d\n",
			end.tv_sec > ts.tv_sec ||
				(end.tv_sec == ts.tv_sec && end.tv_nsec >= ts.tv_nsec));
	}
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2], torn;

static void *read_pairs(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_rwlock_rdlock(&rwlock);
		if (pair[0] != pair[1])
			__atomic_fetch_add(&torn, 1, __ATOMIC_RELAXED);
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void *write_pairs(void *arg)
{
	for (int i = 0; i < 500; i++) {
		pthread_rwlock_wrlock(&rwlock);
		pair[0]++;
		pair[1]++;
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

TEST(thread_rwlock)
{
	pthread_t t[NTHREADS];

	for (int i = 0; i < NTHREADS; i++)
		start(&t[i], i % 2 ? write_pairs : read_pairs, NULL);
	for (int i = 0; i < NTHREADS; i++)
		pthread_join(t[i], NULL);
	printf("written %ld %ld, torn %ld\n", pair[0], pair[1], torn);
	pthread_rwlock_rdlock(&rwlock);
	show_err("second reader", pthread_rwlock_tryrdlock(&rwlock));
	show_err("writer", pthread_rwlock_trywrlock(&rwlock));
}

static pthread_barrier_t barrier;
static int arrived[20], serials;

static void *meet(void *arg)
{
	for (int i = 0; i < 20; i++) {
		__atomic_fetch_add(&arrived[i], 1, __ATOMIC_RELAXED);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serials, 1, __ATOMIC_RELAXED);
		if (__atomic_load_n(&arrived[i], __ATOMIC_RELAXED) != NTHREADS)
			printf("round %d: too early\n", i);
	}
	return NULL;
}

TEST(thread_barrier)
{
	pthread_t t[NTHREADS];

	pthread_barrier_init(&barrier, NULL, NTHREADS);
	for (int i = 0; i < NTHREADS; i++)
		start(&t[i], meet, NULL);
	for (int i = 0; i < NTHREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d serial threads\n", serials);
}

static sem_t items, room;
static int slots[4], nput, nget;
static long consumed;

static void *produce(void *arg)
{
	for (int i = 1; i <= 500; i++) {
		sem_wait(&room);
		pthread_mutex_lock(&mutex);
		slots[nput++ % 4] = i;
		pthread_mutex_unlock(&mutex);
		sem_post(&items);
	}
	return NULL;
}

static void *consume(void *arg)
{
	for (int i = 0; i < 500; i++) {
		sem_wait(&items);
		pthread_mutex_lock(&mutex);
		consumed += slots[nget++ % 4];
		pthread_mutex_unlock(&mutex);
		sem_post(&room);
	}
	return NULL;
}

TEST(thread_sem)
{
	struct timespec past = { 1, 0 };
	pthread_t t[6];

	sem_init(&items, 0, 0);
	sem_init(&room, 0, 4);
	for (int i = 0; i < 6; i++)
		start(&t[i], i % 2 ? produce : consume, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	printf("consumed %ld\n", consumed);
	SHOW(sem_trywait(&items));
	SHOW(sem_timedwait(&items, &past));
}

/* ---- a thread's own ---- */

static __thread int own = 7;
static __thread char own_zero[4000];
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_runs, destroyed, tls_bad;

static void run_once(void)
{
	once_runs++;
	nap(5);
}

static void destroy(void *p)
{
	__atomic_fetch_add(&destroyed, (int)(long)p, __ATOMIC_RELAXED);
}

static void *use_tls(void *arg)
{
	long me = (long)arg;

	pthread_once(&once, run_once);
	if (own != 7 || own_zero[sizeof(own_zero) - 1] != 0 || pthread_getspecific(key) != NULL)
		__atomic_fetch_add(&tls_bad, 1, __ATOMIC_RELAXED);
	own = (int)me;
	errno = (int)me;
	memset(own_zero, (int)me, sizeof(own_zero));
	pthread_setspecific(key, (void *)(me + 1));
	for (int i = 0; i < 100; i++) {
		sched_yield();
		if (own != me || errno != me || own_zero[i * 10] != me ||
			pthread_getspecific(key) != (void *)(me + 1))
			__atomic_fetch_add(&tls_bad, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(thread_tls)
{
	pthread_t t[NTHREADS];

	pthread_key_create(&key, destroy);
	for (long i = 0; i < NTHREADS; i++)
		start(&t[i], use_tls, (void *)i);
	for (int i = 0; i < NTHREADS; i++)
		pthread_join(t[i], NULL);
	printf("bad %d, destroyed %d, once %d, mine %d\n", tls_bad, destroyed, once_runs, own);
}

static void *doubles(void *arg)
{
	volatile double x = (double)(long)arg, sum = 0;

	for (int i = 0; i < 20000; i++) {
		sum += x / 3;
		if (i % 1000 == 0)
			sched_yield();
	}
	return (void *)(long)(sum * 3 / 20000 + 0.5);
}

TEST(thread_fpu)
{
	pthread_t t[NTHREADS];
	void *ret;

	for (long i = 0; i < NTHREADS; i++)
		start(&t[i], doubles, (void *)(i + 1));
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(t[i], &ret);
		printf("%ld ", (long)ret);
	}
	printf("\n");
}

/* ---- cancellation ---- */

static int cleaned;

static void clean(void *arg)
{
	__atomic_fetch_add(&cleaned, (int)(long)arg, __ATOMIC_RELAXED);
}

static void *sleep_long(void *arg)
{
	pthread_cleanup_push(clean, (void *)1);
	for (;;)
		sleep(100);
	pthread_cleanup_pop(0);
	return NULL;
}

static void unlock(void *m)
{
	pthread_mutex_unlock(m);
}

static void *wait_long(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *read_long(void *arg)
{
	char c;

	pthread_cleanup_push(clean, (void *)100);
	return (void *)read(*(int *)arg, &c, 1);
	pthread_cleanup_pop(0);
}

static void *sleep_plainly(void *arg)
{
	for (;;)
		sleep(100);
	return NULL;
}

static void *spin_long(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (volatile int x = 0;; x++)
		;
	return NULL;
}

static void *refuse(void *arg)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&items);
	sem_wait(&room);
	pthread_testcancel();
	clean((void *)10000);
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	clean((void *)1000000);
	return NULL;
}

static void cancel(const char *what, pthread_t t)
{
	void *ret;

	pthread_cancel(t);
	pthread_join(t, &ret);
	printf("%s: %s, cleaned %d\n", what, ret == PTHREAD_CANCELED ? "canceled" : "returned",
		cleaned);
}

TEST(thread_cancel)
{
	pthread_t t;
	int fds[2];

	start(&t, sleep_long, NULL);
	nap(10);
	cancel("in sleep", t);
	start(&t, wait_long, NULL);
	nap(10);
	cancel("in cond_wait", t);
	show_err("mutex", pthread_mutex_trylock(&mutex));
	pipe(fds);
	start(&t, read_long, &fds[0]);
	nap(10);
	cancel("in read", t);
	start(&t, spin_long, NULL);
	nap(10);
	cancel("spinning", t);
	sem_init(&items, 0, 0);
	sem_init(&room, 0, 0);
	start(&t, refuse, NULL);
	sem_wait(&items);
	pthread_cancel(t);
	sem_post(&room);
	cancel("unwilling", t);
	start(&t, sleep_plainly, NULL);
	cancel("at once", t);
}

/* ---- robust mutexes ---- */

static pthread_mutex_t robust;

static void make_robust(pthread_mutex_t *m, int pshared)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, pshared);
	pthread_mutex_init(m, &a);
}

static void *die_owning(void *arg)
{
	pthread_mutex_lock(arg);
	sem_post(&items);
	nap(20);
	return NULL;
}

TEST(thread_robust)
{
	pthread_mutex_t *shared;
	pthread_t t;
	int status, err;
	pid_t pid;

	sem_init(&items, 0, 0);
	make_robust(&robust, PTHREAD_PROCESS_PRIVATE);
	start(&t, die_owning, &robust);
	sem_wait(&items);
	err = pthread_mutex_lock(&robust);
	show_err("owner exited", err);
	show_err("consistent", pthread_mutex_consistent(&robust));
	show_err("unlock", pthread_mutex_unlock(&robust));
	pthread_join(t, NULL);
	start(&t, die_owning, &robust);
	pthread_join(t, NULL);
	show_err("owner gone", pthread_mutex_lock(&robust));
	show_err("not made consistent", pthread_mutex_unlock(&robust));
	show_err("lost", pthread_mutex_lock(&robust));

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_robust(shared, PTHREAD_PROCESS_SHARED);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(shared);
		for (;;)
			pause();
	}
	while (pthread_mutex_trylock(shared) == 0) {
		pthread_mutex_unlock(shared);
		nap(1);
	}
	kill(pid, SIGKILL);
	show_err("owner killed", pthread_mutex_lock(shared));
	waitpid(pid, &status, 0);
	show_status("owner", status);
}

/* ---- what the system says ---- */

static void *look(void *arg)
{
	struct timespec ts;
	clockid_t id;
	cpu_set_t set;
	struct rusage ru;
	char path[64], name[20];

	printf("tid differs %d\n", gettid() != getpid());
	show_err("setname", pthread_setname_np(pthread_self(), "looker"));
	pthread_getname_np(pthread_self(), name, sizeof(name));
	sprintf(path, "/proc/self/task/%d/comm", gettid());
	FILE *f = fopen(path, "r");
	if (f == NULL || fgets(path, sizeof(path), f) == NULL)
		strcpy(path, "nothing\n");
	printf("%s %s", name, path);
	if (f != NULL)
		fclose(f);
	show_err("getcpuclockid", pthread_getcpuclockid(pthread_self(), &id));
	SHOW(clock_gettime(id, &ts));
	SHOW(getrusage(RUSAGE_THREAD, &ru));
	SHOW(sched_getaffinity(gettid(), sizeof(set), &set) > 0 || errno == 0);
	SHOW(sched_setaffinity(gettid(), sizeof(set), &set));
	SHOW(sched_setaffinity(0x3fffffff, sizeof(set), &set));
	printf("tasks %d\n", count_tasks());
	return NULL;
}

TEST(thread_views)
{
	char line[128];
	pthread_t t;
	FILE *f;

	start(&t, look, NULL);
	pthread_join(t, NULL);
	while (count_tasks() != 1)
		nap(1); /* it is joined a moment before it is gone */
	start(&t, sleep_plainly, NULL);
	f = fopen("/proc/self/status", "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Threads:", 8) == 0)
			printf("%s", line);
	if (f != NULL)
		fclose(f);
	cancel("sleeper", t);
}

static long cpu_us(clockid_t clock)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void *burn(void *arg)
{
	while (cpu_us(CLOCK_THREAD_CPUTIME_ID) < 300000)
		;
	return NULL;
}

TEST(thread_cputime)
{
	long mine = cpu_us(CLOCK_THREAD_CPUTIME_ID), all = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		start(&t[i], burn, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	mine = cpu_us(CLOCK_THREAD_CPUTIME_ID) - mine;
	all = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - all;
	printf("the process used 590 ms: %d; this thread less than half: %d\n", all >= 590000,
		mine < all / 2);
}

static void *burn_a_little(void *used)
{
	long us;

	do {
		us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
	} while (us < 2000);
	*(long *)used = us;
	return NULL;
}

/* Threads that live for less than a tick, most of them between two of them. On one CPU nobody waits
 * for locks, and none has been joined who has not left it: what they have used is all there is. */
TEST(thread_cputime_short)
{
	long sum = 0, used;
	long all = cpu_us(CLOCK_PROCESS_CPUTIME_ID), mine = cpu_us(CLOCK_THREAD_CPUTIME_ID);
	cpu_set_t one;
	pthread_t t;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (int i = 0; i < 200; i++) {
		start(&t, burn_a_little, &used);
		pthread_join(t, NULL);
		sum += used;
	}
	mine = cpu_us(CLOCK_THREAD_CPUTIME_ID) - mine;
	all = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - all;
	printf("the process used what its threads did: %d\n", all - mine >= sum - 1000);
}
