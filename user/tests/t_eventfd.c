/* SPDX-License-Identifier: BSD-2-Clause
 * eventfd(2), timerfd_create(2), signalfd(2).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static int poll_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static uint64_t value;

static long put(int fd, uint64_t v)
{
	return write(fd, &v, sizeof(v));
}

static long get(int fd)
{
	value = 0;
	return read(fd, &value, sizeof(value));
}

TEST(eventfd_counter)
{
	int fd = eventfd(3, EFD_NONBLOCK);
	char small[4];

	SHOW(poll_now(fd));
	SHOW(get(fd));
	printf("value %" PRIu64 "\n", value);
	SHOW(get(fd));
	SHOW(poll_now(fd));
	SHOW(put(fd, 5));
	SHOW(put(fd, 6));
	SHOW(get(fd));
	printf("value %" PRIu64 "\n", value);
	SHOW(put(fd, UINT64_MAX));
	SHOW(put(fd, UINT64_MAX - 1));
	SHOW(poll_now(fd));
	SHOW(put(fd, 1));
	SHOW(put(fd, 0));
	SHOW(read(fd, small, sizeof(small)));
	SHOW(write(fd, small, sizeof(small)));
	SHOW(read(fd, bad_pointer(), 8));
	SHOW(write(fd, bad_pointer(), 8));
	SHOW(fcntl(fd, F_GETFD));
	SHOW(eventfd(0, 0x10000));
	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	SHOW(fcntl(fd, F_GETFD));
	for (int i = 0; i < 3; i++) {
		SHOW(get(fd));
		printf("value %" PRIu64 "\n", value);
	}
}

static int event_fd;

static void *add_slowly(void *arg)
{
	struct timespec ts = { 0, 20000000 };

	nanosleep(&ts, NULL);
	put(event_fd, 42);
	return NULL;
}

TEST(eventfd_block)
{
	struct pollfd p;
	pthread_t t;

	event_fd = eventfd(0, 0);
	pthread_create(&t, NULL, add_slowly, NULL);
	SHOW(get(event_fd));
	printf("value %" PRIu64 "\n", value);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, add_slowly, NULL);
	p = (struct pollfd){ .fd = event_fd, .events = POLLIN };
	SHOW(poll(&p, 1, 5000));
	pthread_join(t, NULL);
}

/* ---- timerfd ---- */

static int set(int fd, int flags, long ms, long interval_ms)
{
	struct itimerspec its = { { interval_ms / 1000, interval_ms % 1000 * 1000000 },
		{ ms / 1000, ms % 1000 * 1000000 } };

	return timerfd_settime(fd, flags, &its, NULL);
}

TEST(timerfd_basic)
{
	int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	struct itimerspec its;
	struct timespec ts;
	int fd;

	for (int i = 0; i < 3; i++) {
		fd = timerfd_create(clocks[i], 0);
		SHOW(poll_now(fd));
		SHOW(timerfd_gettime(fd, &its));
		printf("%ld %ld\n", (long)its.it_value.tv_sec, its.it_value.tv_nsec);
		SHOW(set(fd, 0, 20, 0));
		timerfd_gettime(fd, &its);
		printf("some left: %d\n", its.it_value.tv_sec == 0 && its.it_value.tv_nsec > 0 &&
						  its.it_value.tv_nsec <= 20000000);
		SHOW(get(fd));
		printf("value %" PRIu64 "\n", value);
		/* Absolute, in the past: at once. */
		its = (struct itimerspec){ .it_value = { 1, 0 } };
		clock_gettime(clocks[i], &ts);
		if (ts.tv_sec < 2)
			its.it_value = (struct timespec){ 0, 1 };
		SHOW(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
		SHOW(get(fd));
		printf("value %" PRIu64 "\n", value);
		close(fd);
	}
}

TEST(timerfd_interval)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct timespec ts = { 0, 120000000 };
	struct itimerspec its, old;
	uint64_t sum = 0;

	SHOW(set(fd, 0, 10, 10));
	nanosleep(&ts, NULL);
	SHOW(poll_now(fd));
	SHOW(get(fd));
	sum = value;
	printf("at least 10: %d\n", sum >= 10);
	memset(&its, 0, sizeof(its));
	SHOW(timerfd_settime(fd, 0, &its, &old));
	printf("interval %ld %ld\n", (long)old.it_interval.tv_sec, old.it_interval.tv_nsec);
	SHOW(get(fd));
	/* A period of a nanosecond hurts nobody. */
	its.it_value.tv_nsec = its.it_interval.tv_nsec = 1;
	SHOW(timerfd_settime(fd, 0, &its, NULL));
	ts.tv_nsec = 10000000;
	nanosleep(&ts, NULL);
	SHOW(get(fd));
	printf("very many: %d\n", value > 1000000);
}

TEST(timerfd_errors)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), other = eventfd(0, 0);
	struct itimerspec its = { { 0, 0 }, { 0, 1000000000 } };
	char small[4];

	SHOW(timerfd_create(99, 0));
	SHOW(timerfd_create(CLOCK_MONOTONIC, 0x100));
	SHOW(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
	SHOW(timerfd_settime(fd, 0, &its, NULL));
	its.it_value.tv_nsec = 1;
	its.it_interval.tv_sec = -1;
	SHOW(timerfd_settime(fd, 0, &its, NULL));
	its.it_interval.tv_sec = 0;
	SHOW(timerfd_settime(fd, 16, &its, NULL));
	SHOW(timerfd_settime(other, 0, &its, NULL));
	SHOW(timerfd_settime(-1, 0, &its, NULL));
	SHOW(timerfd_gettime(other, &its));
	SHOW(syscall(SYS_timerfd_settime, fd, 0, bad_pointer(), NULL));
	SHOW(syscall(SYS_timerfd_gettime, fd, bad_pointer()));
	SHOW(read(fd, small, sizeof(small)));
	SHOW(put(fd, 1));
}

/* ---- signalfd ---- */

static void show_signal(int fd)
{
	struct signalfd_siginfo si[4];
	ssize_t n;

	memset(si, 0, sizeof(si));
	errno = 0;
	n = read(fd, si, sizeof(si));
	show("read", (long)n);
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(si[0]); i++)
		printf("  signo %u code %d value %d mine %d\n", si[i].ssi_signo, si[i].ssi_code,
			si[i].ssi_int, si[i].ssi_pid == (unsigned)getpid());
}

static void *send_slowly(void *arg)
{
	struct timespec ts = { 0, 20000000 };

	nanosleep(&ts, NULL);
	kill(getpid(), SIGUSR2);
	return NULL;
}

TEST(signalfd_read)
{
	sigset_t set;
	struct pollfd p;
	pthread_t t;
	int fd;
	char small[64];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	SHOW(poll_now(fd));
	show_signal(fd);
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 5 });
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 6 });
	SHOW(poll_now(fd));
	SHOW(read(fd, small, sizeof(small)));
	show_signal(fd);
	SHOW(poll_now(fd));
	raise(SIGUSR2);
	sigdelset(&set, SIGUSR2);
	SHOW(signalfd(fd, &set, 0) == fd);
	SHOW(poll_now(fd));
	sigaddset(&set, SIGUSR2);
	SHOW(signalfd(fd, &set, 0) == fd);
	show_signal(fd);
	pthread_create(&t, NULL, send_slowly, NULL);
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	SHOW(poll(&p, 1, 5000));
	show_signal(fd);
	pthread_join(t, NULL);
	if (fork() == 0)
		_exit(3);
	SHOW(poll(&p, 1, 5000));
	struct signalfd_siginfo si;
	SHOW(read(fd, &si, sizeof(si)));
	printf("signo %u code %d status %d\n", si.ssi_signo, si.ssi_code, si.ssi_status);
	wait(NULL);
	fcntl(fd, F_SETFL, 0);
	pthread_create(&t, NULL, send_slowly, NULL);
	show_signal(fd);
	pthread_join(t, NULL);
	SHOW(signalfd(event_fd, &set, 0));
	SHOW(signalfd(99, &set, 0));
	SHOW(signalfd(-1, &set, 1));
	SHOW(syscall(SYS_signalfd4, -1, &set, 4, 0));
	SHOW(syscall(SYS_signalfd4, -1, bad_pointer(), 8, 0));
}
