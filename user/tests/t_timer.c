/* SPDX-License-Identifier: BSD-2-Clause
 * Timers that send signals: timer_create(2), setitimer(2); sleeps: clock_nanosleep(2).
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static volatile sig_atomic_t fired, last_code, last_value, overruns;
static volatile pid_t fired_tid;

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	fired++;
	fired_tid = gettid();
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
	overruns += si->si_overrun;
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) != 0)
		;
}

static void await_fired(void)
{
	for (int i = 0; i < 3000 && fired == 0; i++)
		nap(2);
}

static int arm(timer_t t, int flags, long ms, long interval_ms)
{
	struct itimerspec its = { { interval_ms / 1000, interval_ms % 1000 * 1000000 },
		{ ms / 1000, ms % 1000 * 1000000 } };

	return timer_settime(t, flags, &its, NULL);
}

TEST(timer_signal)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 99
	};
	struct itimerspec its;
	timer_t t;

	handle(SIGRTMIN);
	handle(SIGALRM);
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	SHOW(arm(t, 0, 20000, 0));
	SHOW(timer_gettime(t, &its));
	printf("some left %d\n", its.it_value.tv_sec > 0 && its.it_value.tv_sec <= 20);
	SHOW(arm(t, 0, 20, 0));
	await_fired();
	printf("fired %d code %d value %d\n", fired, last_code, last_value);
	SHOW(timer_gettime(t, &its));
	printf("left %ld %ld\n", (long)its.it_value.tv_sec, its.it_value.tv_nsec);
	fired = overruns = 0;
	SHOW(arm(t, 0, 10, 10));
	nap(150);
	SHOW(arm(t, 0, 0, 0));
	printf("about ten times: %d\n", fired + overruns >= 8);
	fired = 0;
	nap(30);
	printf("no more: %d\n", fired);
	SHOW(timer_delete(t));
	SHOW(arm(t, 0, 1, 0));
	SHOW(timer_delete(t));
	SHOW(timer_create(CLOCK_REALTIME, NULL, &t));
	SHOW(arm(t, TIMER_ABSTIME, 1000, 0));
	await_fired();
	printf("fired %d code %d\n", fired, last_code);
}

TEST(timer_overrun)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	sigset_t set;
	timer_t t;

	handle(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &t);
	arm(t, 0, 10, 10);
	nap(150);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	printf("fired %d, overrun more than 8: %d\n", fired >= 1, overruns > 8);
	SHOW(timer_getoverrun(t) >= 0);
	arm(t, 0, 0, 0);
	/* A period of a nanosecond hurts nobody while nobody takes the signal. */
	struct itimerspec its = { { 0, 1 }, { 0, 1 } };
	siginfo_t si;

	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_settime(t, 0, &its, NULL);
	nap(10);
	SHOW(sigwaitinfo(&set, &si) == SIGUSR1);
	printf("missed very many: %d\n", si.si_overrun > 100000);
}

static pid_t wanted;
static volatile int stop;

static void *be_there(void *arg)
{
	__atomic_store_n(&wanted, gettid(), __ATOMIC_RELEASE);
	while (!stop)
		nap(1);
	return NULL;
}

static void run(union sigval v)
{
	last_value = v.sival_int;
	fired++;
}

TEST(timer_thread)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	pthread_t th;
	timer_t t;

	handle(SIGUSR1);
	pthread_create(&th, NULL, be_there, NULL);
	while (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE) == 0)
		nap(1);
	ev._sigev_un._tid = wanted;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	arm(t, 0, 10, 0);
	await_fired();
	printf("fired %d in the right one %d\n", fired, fired_tid == wanted);
	stop = 1;
	pthread_join(th, NULL);
	ev._sigev_un._tid = 1;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	ev = (struct sigevent){ .sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = run,
		.sigev_value.sival_int = 7 };
	fired = 0;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	arm(t, 0, 10, 0);
	await_fired();
	printf("ran %d with %d\n", fired, last_value);
	SHOW(timer_delete(t));
}

TEST(timer_errors)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec its = { { 0, 0 }, { 0, 1000000000 } };
	timer_t t;

	SHOW(timer_create(99, &ev, &t));
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	SHOW(timer_settime(t, 0, &its, NULL));
	SHOW(arm(t, 0, 10, 0));
	nap(20);
	SHOW(timer_gettime(t, &its));
	printf("left %ld %ld\n", (long)its.it_value.tv_sec, its.it_value.tv_nsec);
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	ev.sigev_notify = 77;
	ev.sigev_signo = SIGUSR1;
	SHOW(timer_create(CLOCK_MONOTONIC, &ev, &t));
	SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, bad_pointer(), &t));
	SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, bad_pointer()));
	SHOW(syscall(SYS_timer_getoverrun, 12345));
	SHOW(syscall(SYS_timer_delete, 12345));
	SHOW(syscall(SYS_timer_gettime, 12345, &its));
}

TEST(itimer_real)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } }, old;

	handle(SIGALRM);
	SHOW(setitimer(ITIMER_REAL, &it, NULL));
	for (int i = 0; i < 500 && fired < 5; i++)
		nap(10);
	SHOW(getitimer(ITIMER_REAL, &old));
	printf("interval %ld\n", (long)old.it_interval.tv_usec);
	memset(&it, 0, sizeof(it));
	SHOW(setitimer(ITIMER_REAL, &it, &old));
	printf("several %d, code %d\n", fired >= 5, last_code);
	it.it_value.tv_usec = 1000000;
	SHOW(setitimer(ITIMER_REAL, &it, NULL));
	SHOW(setitimer(99, &it, NULL));
	SHOW(getitimer(99, &it));
	SHOW(alarm(100));
	SHOW(alarm(0));
	SHOW(alarm(0));
}

static long cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Mostly in user mode: a loop of system calls alone gives a clock of user time little to see. */
static void burn_until_fired(const char *what, int times)
{
	long begin = cpu_ms(), used;

	fired = 0;
	while (fired < times && cpu_ms() - begin < 10000)
		for (volatile int i = 0; i < 20000 && fired < times; i++)
			;
	used = cpu_ms() - begin;
	printf("%s: fired %d, used enough %d\n", what, fired >= times, used >= times * 50 - 40);
}

TEST(itimer_cpu)
{
	struct itimerval it = { { 0, 50000 }, { 0, 50000 } }, old;

	handle(SIGVTALRM);
	handle(SIGPROF);
	SHOW(setitimer(ITIMER_PROF, &it, NULL));
	burn_until_fired("prof", 3);
	SHOW(getitimer(ITIMER_PROF, &old));
	printf("interval %ld code %d\n", (long)old.it_interval.tv_usec, last_code);
	memset(&it, 0, sizeof(it));
	SHOW(setitimer(ITIMER_PROF, &it, NULL));
	it.it_value.tv_usec = 50000;
	SHOW(setitimer(ITIMER_VIRTUAL, &it, NULL));
	fired = 0;
	nap(100);
	printf("not while asleep: %d\n", fired);
	burn_until_fired("virtual", 1);
	SHOW(getitimer(ITIMER_VIRTUAL, &old));
	printf("left %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
}

static void on_plain(int sig)
{
	fired++;
}

TEST(sleep_signals)
{
	struct sigaction sa = { .sa_handler = on_plain, .sa_flags = SA_RESTART };
	struct timespec ts = { 500, 0 }, rem = { 0, 0 }, abs;

	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 20000); /* again and again: the first may come before the sleep begins */
	SHOW(nanosleep(&ts, &rem));
	printf("most of it left: %d\n", rem.tv_sec >= 400 && rem.tv_sec < 500);
	show("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem));
	clock_gettime(CLOCK_REALTIME, &abs);
	abs.tv_sec += 500;
	show("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &abs, NULL));
	ualarm(0, 0);
	abs.tv_sec -= 1000;
	show("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &abs, NULL));
	show("clock_nanosleep", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
	show("clock_nanosleep", clock_nanosleep(99, 0, &ts, NULL));
	ts.tv_nsec = -1;
	show("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL));
}
