/* SPDX-License-Identifier: BSD-2-Clause
 * Policies and nice values (man 7 sched, man 2 sched_setattr, getpriority, setpriority), as a user without
 * privilege sees them.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define SOMEBODY 54321 /* nobody else's */

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static void unprivileged(void (*fn)(void))
{
	struct rlimit none = { 0, 0 };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpriority(PRIO_PROCESS, 0, 5);
		setrlimit(RLIMIT_NICE, &none);
		setrlimit(RLIMIT_RTPRIO, &none);
		if (setresuid(SOMEBODY, SOMEBODY, SOMEBODY) != 0)
			printf("needs root\n");
		fn();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	show_status("child", status);
}

static void set(int policy, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	printf("set %d %d: ", policy, priority);
	SHOW(sched_setscheduler(0, policy, &p));
	SHOW(sched_getscheduler(0));
}

static void policies(void)
{
	struct sched_param p = { .sched_priority = 7 };

	for (int policy = -1; policy <= 6; policy++) {
		printf("policy %d\n", policy);
		SHOW(sched_get_priority_min(policy));
		SHOW(sched_get_priority_max(policy));
	}
	set(SCHED_OTHER, 0);
	set(SCHED_OTHER, 1);
	set(SCHED_BATCH, 0);
	set(SCHED_FIFO, 1);
	set(SCHED_RR, 0);
	set(SCHED_RR, 99);
	set(SCHED_RR, 100);
	set(4, 0);
	set(-1, 0);
	set(SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
	set(SCHED_OTHER, 0); /* cannot be taken back */
	set(SCHED_IDLE | SCHED_RESET_ON_FORK, 0);
	set(SCHED_BATCH | SCHED_RESET_ON_FORK, 0); /* nor can that, with RLIMIT_NICE 0 */
	SHOW(sched_getparam(0, &p));
	SHOW(p.sched_priority);
	SHOW(sched_setparam(0, &p));
	p.sched_priority = 3;
	SHOW(sched_setparam(0, &p));
	SHOW(sched_setparam(-1, &p));
	SHOW(sched_getscheduler(-1));
	SHOW(sched_getscheduler(99999999));
	SHOW(sched_setscheduler(99999999, SCHED_OTHER, &p));
	SHOW(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
	SHOW(syscall(SYS_sched_getparam, 0, NULL));
}

TEST(sched_policies)
{
	unprivileged(policies);
}

static void inheritance(void)
{
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid;

		set(SCHED_BATCH | (i == 1 ? SCHED_RESET_ON_FORK : 0), 0);
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			SHOW(sched_getscheduler(0));
			SHOW(getpriority(PRIO_PROCESS, 0));
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, &status, 0);
	}
}

TEST(sched_inherited)
{
	unprivileged(inheritance);
}

static void interval(void)
{
	struct timespec ts = { -1, -1 };

	SHOW(sched_rr_get_interval(0, &ts));
	SHOW(ts.tv_sec == 0 && ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
	SHOW(sched_rr_get_interval(-1, &ts));
	SHOW(sched_rr_get_interval(99999999, &ts));
	SHOW(syscall(SYS_sched_rr_get_interval, 0, 16));
}

TEST(sched_interval)
{
	unprivileged(interval);
}

static void set_attr(const char *what, uint32_t size, uint32_t policy, uint64_t flags, int nice)
{
	struct attr a = { .size = size, .policy = policy, .flags = flags, .nice = nice };

	printf("%s: ", what);
	SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
	if (a.size != size)
		printf("  size said: %d\n", a.size >= 48);
	memset(&a, 0xff, sizeof(a));
	SHOW(syscall(SYS_sched_getattr, 0, &a, 48, 0));
	printf("  %u: policy %u flags %llu nice %d priority %u\n", a.size, a.policy,
		(unsigned long long)a.flags, a.nice, a.priority);
}

static void attributes(void)
{
	static struct {
		struct attr a;
		char more[64];
	} big;
	struct attr a;

	set_attr("nicer", 48, SCHED_OTHER, 0, 7);
	set_attr("less nice", 48, SCHED_OTHER, 0, 6);
	set_attr("size 0", 0, SCHED_BATCH, 0, 8);
	set_attr("size 47", 47, SCHED_BATCH, 0, 8);
	set_attr("a page and one", 4097, SCHED_BATCH, 0, 8);
	set_attr("nice 100", 48, SCHED_BATCH, 0, 100);
	set_attr("no policy", 48, 4, 0, 19);
	set_attr("negative policy", 48, (uint32_t)-1, 0, 19);
	set_attr("flag of nobody", 48, SCHED_OTHER, 0x1000, 19);
	set_attr("fifo without priority", 48, SCHED_FIFO, 0, 19);
	set_attr("deadline without one", 48, SCHED_DEADLINE, 0, 19);
	set_attr("keep policy", 48, SCHED_OTHER, 8, 19);
	set_attr("reset", 48, SCHED_OTHER, 1, 19);
	set_attr("idle", 48, SCHED_IDLE, 1, 0);
	big.a.size = sizeof(big);
	big.a.policy = SCHED_IDLE;
	big.a.flags = 1;
	SHOW(syscall(SYS_sched_setattr, 0, &big, 0));
	big.more[63] = 1;
	SHOW(syscall(SYS_sched_setattr, 0, &big, 0));
	SHOW(syscall(SYS_sched_setattr, 0, NULL, 0));
	SHOW(syscall(SYS_sched_setattr, 0, 16, 0));
	SHOW(syscall(SYS_sched_setattr, -1, &a, 0));
	SHOW(syscall(SYS_sched_getattr, 0, &a, 47, 0));
	SHOW(syscall(SYS_sched_getattr, 0, &a, 4097, 0));
	SHOW(syscall(SYS_sched_getattr, 0, &a, 48, 1));
	SHOW(syscall(SYS_sched_getattr, 0, NULL, 48, 0));
	SHOW(syscall(SYS_sched_getattr, 99999999, &a, 48, 0));
}

TEST(sched_attr)
{
	unprivileged(attributes);
}

static void nice_values(void)
{
	SHOW(getpriority(PRIO_PROCESS, 0));
	SHOW(setpriority(PRIO_PROCESS, 0, 4));
	SHOW(setpriority(PRIO_PROCESS, 0, 9));
	SHOW(getpriority(PRIO_PROCESS, getpid()));
	SHOW(setpriority(PRIO_PROCESS, 1, 19)); /* somebody else's */
	SHOW(setpriority(PRIO_PROCESS, 99999999, 0));
	SHOW(setpriority(PRIO_PROCESS, -1, 0));
	SHOW(getpriority(PRIO_PROCESS, 99999999));
	SHOW(getpriority(3, 0));
	SHOW(setpriority(-1, 0, 0));
	SHOW(getpriority(PRIO_USER, SOMEBODY));
	SHOW(setpriority(PRIO_USER, 0, 12));
	SHOW(getpriority(PRIO_USER, 0));
	SHOW(getpriority(PRIO_USER, SOMEBODY + 1));
	SHOW(setpgid(0, 0));
	SHOW(setpriority(PRIO_PGRP, 0, 13));
	SHOW(getpriority(PRIO_PGRP, getpgrp()));
	SHOW(nice(3));
	SHOW(nice(-1));
	SHOW(nice(100));
	SHOW(setpriority(PRIO_PROCESS, 0, 1000));
	SHOW(getpriority(PRIO_PROCESS, 0));
}

TEST(nice_values)
{
	unprivileged(nice_values);
}

static pid_t other_tid;
static pthread_barrier_t met;

static void *other(void *arg)
{
	SHOW(getpriority(PRIO_PROCESS, 0)); /* inherited */
	SHOW(setpriority(PRIO_PROCESS, 0, 15));
	other_tid = gettid();
	pthread_barrier_wait(&met);
	pthread_barrier_wait(&met);
	return NULL;
}

/* Linux has them by the thread, against POSIX. */
static void nice_threads(void)
{
	pthread_t th;

	pthread_barrier_init(&met, NULL, 2);
	pthread_create(&th, NULL, other, NULL);
	pthread_barrier_wait(&met);
	SHOW(getpriority(PRIO_PROCESS, other_tid));
	SHOW(getpriority(PRIO_PROCESS, 0));
	SHOW(getpriority(PRIO_PROCESS, getpid()));
	SHOW(setpriority(PRIO_PROCESS, other_tid, 17));
	SHOW(getpriority(PRIO_USER, 0)); /* the least nice */
	SHOW(getpriority(PRIO_PROCESS, other_tid));
	pthread_barrier_wait(&met);
	pthread_join(th, NULL);
}

TEST(nice_by_thread)
{
	unprivileged(nice_threads);
}
