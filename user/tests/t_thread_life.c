/* SPDX-License-Identifier: BSD-2-Clause
 * Threads: beginnings and ends; exit, exec and fork of processes with several.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t_thread.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int turn;

static void *sleep_long(void *arg)
{
	for (;;)
		sleep(100);
	return NULL;
}

/* ---- beginnings and ends ---- */

static void *nothing(void *arg)
{
	return arg;
}

TEST(thread_many)
{
	pthread_t t;
	long bad = 0;
	void *ret;

	for (long i = 0; i < 500; i++) {
		start(&t, nothing, (void *)i);
		pthread_join(t, &ret);
		bad += ret != (void *)i;
	}
	printf("500 one after the other, bad %ld\n", bad);
}

static void *die_slowly(void *arg)
{
	nap(20);
	printf("the last words of the other thread\n");
	return NULL;
}

static void main_exits_first(void)
{
	pthread_t t;

	start(&t, die_slowly, NULL);
	pthread_exit(NULL);
}

static void *exit_all(void *arg)
{
	nap(10);
	_exit(42);
}

static void others_sleep(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		start(&t[i], i == 3 ? exit_all : sleep_long, NULL);
	for (;;)
		pause();
}

static void *crash(void *arg)
{
	*(volatile int *)bad_pointer() = 1;
	return NULL;
}

static void one_crashes(void)
{
	pthread_t t[2];

	start(&t[0], sleep_long, NULL);
	start(&t[1], crash, NULL);
	pthread_join(t[0], NULL);
}

static void *spin(void *arg)
{
	for (volatile int x = 0;; x++)
		;
	return NULL;
}

static void exit_with_spinners(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		start(&t[i], spin, NULL);
	nap(10);
	_exit(5);
}

TEST(thread_exit)
{
	in_child("first thread exits first", main_exits_first);
	in_child("exit from another thread", others_sleep);
	in_child("crash in one", one_crashes);
	in_child("exit while others spin", exit_with_spinners);
}

static char self_path[PATH_MAX]; /* /proc/self/exe is gone once the first thread has exited */

static void *exec_self(void *arg)
{
	nap(10);
	execl(self_path, "tests", "thread_exec_target", NULL);
	printf("execl: %s\n", strerrorname_np(errno));
	return NULL;
}

static void exec_from_thread(void)
{
	pthread_t t[4];
	char pid[20];

	sprintf(pid, "%d", (int)getpid());
	setenv("TEST_PID", pid, 1);
	for (int i = 0; i < 3; i++)
		start(&t[i], i % 2 ? spin : sleep_long, NULL);
	start(&t[3], exec_self, NULL);
	for (;;)
		pause();
}

static void exec_after_first_left(void)
{
	pthread_t t;
	char pid[20];

	sprintf(pid, "%d", (int)getpid());
	setenv("TEST_PID", pid, 1);
	start(&t, exec_self, NULL);
	pthread_exit(NULL);
}

TEST(thread_exec_target)
{
	const char *pid = getenv("TEST_PID");

	if (pid == NULL)
		return;
	printf("same pid %d, pid is tid %d, threads %d\n", atoi(pid) == getpid(),
		getpid() == gettid(), count_tasks());
}

TEST(thread_exec)
{
	if (readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) < 0)
		perror("readlink");
	in_child("exec from another thread", exec_from_thread);
	in_child("exec after the first has left", exec_after_first_left);
}

static void *exec_race(void *arg)
{
	pthread_barrier_wait(&barrier);
	execl("/proc/self/exe", "tests", "thread_exec_target", NULL);
	return NULL;
}

static void many_exec(void)
{
	pthread_t t;

	unsetenv("TEST_PID");
	pthread_barrier_init(&barrier, NULL, 5);
	for (int i = 0; i < 4; i++)
		start(&t, exec_race, NULL);
	exec_race(NULL);
}

static void *exit_race(void *arg)
{
	pthread_barrier_wait(&barrier);
	_exit(9);
}

static void many_exit(void)
{
	pthread_t t;

	pthread_barrier_init(&barrier, NULL, 5);
	for (int i = 0; i < 4; i++)
		start(&t, exit_race, NULL);
	exit_race(NULL);
}

static void *fork_race(void *arg)
{
	int status, bad = 0;

	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i);
		bad += waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != i;
	}
	return (void *)(long)bad;
}

TEST(thread_fork)
{
	pthread_t t[NTHREADS];
	long bad = 0;
	void *ret;

	for (int i = 0; i < NTHREADS; i++)
		start(&t[i], fork_race, NULL);
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(t[i], &ret);
		bad += (long)ret;
	}
	printf("bad %ld\n", bad);
	in_child("all exec", many_exec);
	in_child("all exit", many_exit);
}

/* A private lock must work on across a fork that copies its page: the waiter is in the parent. */
static void *wait_for_turn(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (turn == 0)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

TEST(thread_fork_futex)
{
	pthread_t t;
	int status;
	pid_t pid;

	turn = 0;
	start(&t, wait_for_turn, NULL);
	nap(10);
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, &status, 0);
	pthread_mutex_lock(&mutex);
	turn = 1;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	pthread_join(t, NULL);
	printf("woken\n");
}
