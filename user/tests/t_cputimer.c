/* SPDX-License-Identifier: BSD-2-Clause
 * Timers and sleeps that count CPU time, and RLIMIT_CPU.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static volatile sig_atomic_t fired, last_value, overruns;

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	fired++;
	last_value = si->si_value.sival_int;
	overruns += si->si_overrun;
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static double now(clockid_t clock)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void burn(clockid_t clock, double seconds)
{
	double end = now(clock) + seconds;

	while (now(clock) < end)
		;
}

/* The same, and longer until the handler has run so often: it does at a tick, which a busy host delays. */
static void burn_until(clockid_t clock, double seconds, int times)
{
	double end = now(clock) + 10;

	burn(clock, seconds);
	while (fired < times && now(clock) < end)
		;
}

static int arm(timer_t t, int flags, double first, double period)
{
	struct itimerspec its = { { (time_t)period, (long)((period - (time_t)period) * 1e9) },
		{ (time_t)first, (long)((first - (time_t)first) * 1e9) } };

	return timer_settime(t, flags, &its, NULL);
}

static timer_t new_timer(clockid_t clock, int value)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t t = NULL;

	ev.sigev_value.sival_int = value;
	SHOW(timer_create(clock, &ev, &t));
	return t;
}

static void use_timer(clockid_t clock, const char *name)
{
	struct itimerspec its;
	double begin;
	int most;
	timer_t t;

	printf("%s\n", name);
	fired = overruns = 0;
	t = new_timer(clock, 11);
	SHOW(arm(t, 0, 10, 0));
	usleep(200000); /* no time passes for it */
	printf("asleep: %d\n", fired);
	SHOW(timer_gettime(t, &its));
	printf("most of it left: %d\n", its.it_value.tv_sec >= 5 && its.it_value.tv_sec <= 10);
	SHOW(arm(t, 0, 0.1, 0));
	burn_until(clock, 0.15, 1);
	printf("busy: %d value %d\n", fired, last_value);
	fired = overruns = 0;
	begin = now(clock);
	SHOW(arm(t, 0, 0.05, 0.05));
	burn(clock, 0.4);
	SHOW(arm(t, 0, 0, 0));
	most = (int)((now(clock) - begin) / 0.05);
	printf("again and again: %d\n", fired + overruns >= 4 && fired + overruns <= most);
	fired = 0;
	SHOW(arm(t, TIMER_ABSTIME, now(clock) + 0.05, 0));
	burn_until(clock, 0.12, 1);
	printf("absolute: %d\n", fired);
	SHOW(arm(t, TIMER_ABSTIME, 0.000001, 0));
	burn_until(clock, 0.05, 2);
	printf("in the past: %d\n", fired);
	SHOW(timer_delete(t));
}

TEST(cpu_timers)
{
	clockid_t id;

	handle(SIGUSR1);
	use_timer(CLOCK_PROCESS_CPUTIME_ID, "process");
	use_timer(CLOCK_THREAD_CPUTIME_ID, "thread");
	SHOW(pthread_getcpuclockid(pthread_self(), &id));
	use_timer(id, "thread, by id");
	SHOW(clock_getcpuclockid(0, &id));
	new_timer(id, 1);
	SHOW(clock_getcpuclockid(getpid(), &id));
	new_timer(id, 1);
	new_timer((clockid_t)-8 * (1 << 20), 1);
	new_timer(-1, 1);
}

static volatile int stop;

static void *worker(void *arg)
{
	while (!stop)
		;
	return NULL;
}

/* The clock of a thread counts that thread alone, and the process's counts all. */
TEST(cpu_timer_threads)
{
	pthread_t t;
	clockid_t other;
	timer_t mine, its, all;

	handle(SIGUSR1);
	pthread_create(&t, NULL, worker, NULL);
	pthread_getcpuclockid(t, &other);
	mine = new_timer(CLOCK_THREAD_CPUTIME_ID, 1);
	its = new_timer(other, 2);
	SHOW(arm(mine, 0, 5, 0));
	SHOW(arm(its, 0, 0.1, 0));
	while (fired == 0)
		usleep(10000);
	printf("whose: %d\n", last_value);
	all = new_timer(CLOCK_PROCESS_CPUTIME_ID, 3);
	SHOW(arm(mine, 0, 0, 0));
	fired = 0;
	SHOW(arm(all, 0, 0.1, 0));
	while (fired == 0)
		usleep(10000);
	printf("whose: %d\n", last_value);
	stop = 1;
	pthread_join(t, NULL);
}

static void *sleeper(void *arg)
{
	struct timespec ts = { 0, 100000000 };
	double before = now(CLOCK_PROCESS_CPUTIME_ID);
	int ret = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL);

	printf("slept: %d, long enough %d\n", ret, now(CLOCK_PROCESS_CPUTIME_ID) - before >= 0.1);
	stop = 1;
	return NULL;
}

TEST(cpu_sleep)
{
	struct timespec ts = { 0, 100000000 }, left = { 5, 5 };
	struct itimerval it = { { 0, 50000 }, { 0, 50000 } }; /* one may come too early */
	pthread_t t;

	stop = 0;
	pthread_create(&t, NULL, sleeper, NULL);
	while (!stop)
		;
	pthread_join(t, NULL);
	SHOW(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
	ts.tv_nsec = 1000000000;
	SHOW(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL));
	ts = (struct timespec){ 10, 0 };
	handle(SIGALRM);
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, &left));
	printf("left: %d\n", left.tv_sec >= 5 && left.tv_sec <= 10);
	ts.tv_sec = 1000;
	SHOW(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &ts, NULL));
	ts = (struct timespec){ 0, 1 };
	SHOW(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &ts, NULL));
}

static volatile sig_atomic_t xcpu;

static void on_xcpu(int sig)
{
	xcpu++;
}

static void limited(void)
{
	struct rlimit rl = { 1, 2 };
	double end;

	signal(SIGXCPU, on_xcpu);
	setrlimit(RLIMIT_CPU, &rl);
	end = now(CLOCK_PROCESS_CPUTIME_ID) + 1.5;
	while (now(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
	getrlimit(RLIMIT_CPU, &rl);
	printf("signals %d, soft limit is now %d\n", (int)xcpu, (int)rl.rlim_cur);
	fflush(stdout);
	for (;;)
		;
}

static void limited_default(void)
{
	struct rlimit rl = { 1, 5 };

	setrlimit(RLIMIT_CPU, &rl);
	for (;;)
		;
}

TEST(cpu_limit)
{
	in_child("hard limit", limited);
	in_child("soft limit", limited_default);
}
