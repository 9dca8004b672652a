/* SPDX-License-Identifier: BSD-2-Clause
 * Signals and threads: which thread gets one, stop and continue of all.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static volatile pid_t got_tid;
static volatile int ngot;
static sem_t ready, go;
static pid_t tids[4];

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) != 0)
		;
}

static void note(int sig)
{
	got_tid = gettid();
	__atomic_fetch_add(&ngot, 1, __ATOMIC_RELAXED);
}

static void handle(int sig, void (*fn)(int))
{
	struct sigaction sa = { .sa_handler = fn };

	sigaction(sig, &sa, NULL);
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(how, &set, NULL);
}

static void *wait_to_go(void *arg)
{
	long i = (long)arg;

	if (i < 0)
		block(SIG_UNBLOCK, SIGUSR1);
	else
		tids[i] = gettid();
	if (i < 0)
		tids[3] = gettid();
	sem_post(&ready);
	while (sem_wait(&go) != 0)
		;
	return NULL;
}

TEST(thread_kill)
{
	pthread_t t[3];

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	handle(SIGUSR1, note);
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, wait_to_go, (void *)i);
	for (int i = 0; i < 3; i++)
		while (sem_wait(&ready) != 0)
			;
	for (int i = 0; i < 3; i++) {
		got_tid = 0;
		printf("pthread_kill: %d\n", pthread_kill(t[i], SIGUSR1));
		while (got_tid == 0)
			nap(1);
		printf("the right one: %d\n", got_tid == tids[i]);
	}
	SHOW(syscall(SYS_tgkill, getpid(), tids[0], 0));
	SHOW(syscall(SYS_tgkill, getppid(), tids[0], 0));
	SHOW(syscall(SYS_tkill, tids[0], 0));
	SHOW(syscall(SYS_tgkill, getpid(), 0, 0));
	SHOW(syscall(SYS_tgkill, -1, tids[0], 0));
	SHOW(syscall(SYS_tgkill, getpid(), tids[0], 65));
	SHOW(syscall(SYS_tkill, 0x3fffffff, SIGUSR1));
	for (int i = 0; i < 3; i++)
		sem_post(&go);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* All block it but one: that one gets it. Then none is left who would, and it stays pending. */
TEST(thread_signal_choice)
{
	sigset_t pending;
	pthread_t t[3];

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	handle(SIGUSR1, note);
	block(SIG_BLOCK, SIGUSR1);
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, wait_to_go, (void *)(i == 1 ? -1 : i));
	for (int i = 0; i < 3; i++)
		sem_wait(&ready);
	kill(getpid(), SIGUSR1);
	while (got_tid == 0)
		nap(1);
	printf("the one that does not block it: %d\n", got_tid == tids[3]);
	for (int i = 0; i < 3; i++)
		sem_post(&go);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	got_tid = 0;
	kill(getpid(), SIGUSR1);
	sigpending(&pending);
	printf("pending %d, got %d\n", sigismember(&pending, SIGUSR1), got_tid != 0);
	block(SIG_UNBLOCK, SIGUSR1);
	printf("then this one: %d, in all %d\n", got_tid == gettid(), ngot);
}

static void *send_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		kill(getpid(), SIGUSR2);
	return NULL;
}

static void *fetch(void *arg)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sem_post(&ready);
	sigwait(&set, &sig);
	return (void *)(long)sig;
}

TEST(thread_sigwait)
{
	pthread_t t[2];
	void *ret;

	sem_init(&ready, 0, 0);
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGCHLD);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, fetch, NULL);
	for (int i = 0; i < 2; i++)
		sem_wait(&ready);
	kill(getpid(), SIGUSR1);
	nap(20);
	kill(getpid(), SIGCHLD); /* ignored by default, but somebody waits for it */
	nap(20);
	long sum = 0;
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &ret);
		sum += (long)ret;
	}
	printf("sum is that of SIGUSR1 and SIGCHLD: %d\n", sum == SIGUSR1 + SIGCHLD);

	/* A signal that nobody waits for yet is not lost either. */
	pthread_kill(pthread_self(), SIGUSR1);
	fetch(NULL);
	printf("fetched\n");
}

/* Threads that come and go and block and unblock while signals pour in: each is handled somewhere. */
static void *flicker(void *arg)
{
	for (int i = 0; i < 200; i++) {
		block(SIG_BLOCK, SIGUSR2);
		block(SIG_UNBLOCK, SIGUSR2);
	}
	return NULL;
}

TEST(thread_signal_storm)
{
	pthread_t t[6];

	handle(SIGUSR2, note);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 6; i++)
			pthread_create(&t[i], NULL, i < 2 ? send_many : flicker, NULL);
		for (int i = 0; i < 6; i++)
			pthread_join(t[i], NULL);
	}
	sigset_t pending;
	sigpending(&pending);
	printf("some came: %d, left pending: %d\n", ngot > 0, sigismember(&pending, SIGUSR2));
}

static volatile long ticks[3];

static void *tick(void *arg)
{
	for (;;)
		ticks[(long)arg]++;
	return NULL;
}

static void three_tick(void)
{
	pthread_t t;

	for (long i = 0; i < 2; i++)
		pthread_create(&t, NULL, tick, (void *)i);
	pthread_create(&t, NULL, wait_to_go, (void *)0);
	tick((void *)2);
}

TEST(thread_stop)
{
	int status;
	siginfo_t si;
	pid_t pid;

	fflush(stdout);
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	pid = fork();
	if (pid == 0)
		three_tick();
	nap(20);
	for (int i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		waitpid(pid, &status, WUNTRACED);
		show_status("after SIGSTOP", status);
		SHOW(waitpid(pid, &status, WNOHANG | WUNTRACED));
		kill(pid, SIGCONT);
		waitpid(pid, &status, WCONTINUED);
		show_status("after SIGCONT", status);
	}
	kill(pid, SIGSTOP);
	memset(&si, 0, sizeof(si));
	SHOW(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
	printf("code %d status %d\n", si.si_code, si.si_status);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	show_status("killed while stopped", status);
}

/* A stop and a continuation do not end a sleep (man 7 signal). */
static void sleeper(void)
{
	struct timespec ts = { 1, 0 };

	printf("nanosleep: %d\n", nanosleep(&ts, NULL));
}

TEST(thread_stop_sleep)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		sleeper();
		fflush(stdout);
		_exit(0);
	}
	nap(30);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	show_status("stopped", status);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	show_status("ended", status);
}
