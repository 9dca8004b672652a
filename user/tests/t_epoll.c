/* SPDX-License-Identifier: BSD-2-Clause
 * epoll(7): level, edge, one-shot; what leaves a set and when; all kinds of files; masks and times.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static int ctl(int ep, int op, int fd, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.u64 = 0x100000000ull + (unsigned)fd };

	return epoll_ctl(ep, op, fd, &ev);
}

/* Waits, prints the events in the order of descriptors, which are counted from first_fd. */
static int first_fd;

static void wait_for(int ep, int timeout)
{
	struct epoll_event ev[8];
	int n;

	errno = 0;
	n = epoll_wait(ep, ev, 8, timeout);
	show("epoll_wait", n);
	for (int fd = 0; fd < 64; fd++)
		for (int i = 0; i < n; i++)
			if (ev[i].data.u64 == 0x100000000ull + (unsigned)fd)
				printf("  fd %d: 0x%x\n", fd - first_fd, ev[i].events);
}

static void drain(int fd)
{
	char buf[100];

	while (read(fd, buf, sizeof(buf)) == sizeof(buf))
		;
}

TEST(epoll_level)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), p[2];

	pipe2(p, O_NONBLOCK);
	first_fd = p[0];
	SHOW(fcntl(ep, F_GETFD));
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
	wait_for(ep, 0);
	SHOW(write(p[1], "x", 1));
	wait_for(ep, 0);
	wait_for(ep, 0);
	drain(p[0]);
	wait_for(ep, 0);
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT));
	wait_for(ep, -1);
	SHOW(ctl(ep, EPOLL_CTL_MOD, p[1], 0));
	wait_for(ep, 0);
	SHOW(write(p[1], "x", 1));
	SHOW(ctl(ep, EPOLL_CTL_DEL, p[0], 0));
	wait_for(ep, 0);
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
	wait_for(ep, 0);
	close(p[1]);
	wait_for(ep, 0);
	drain(p[0]);
	wait_for(ep, 0);
	close(p[0]);
	wait_for(ep, 20);
}

TEST(epoll_edge)
{
	int ep = epoll_create(1), p[2];

	pipe2(p, O_NONBLOCK);
	first_fd = p[0];
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET));
	SHOW(write(p[1], "x", 1));
	wait_for(ep, 0);
	wait_for(ep, 0);
	SHOW(write(p[1], "x", 1));
	wait_for(ep, 0);
	wait_for(ep, 0);
	SHOW(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET));
	wait_for(ep, 0);
	drain(p[0]);
	wait_for(ep, 0);
	SHOW(write(p[1], "x", 1));
	drain(p[0]);
	wait_for(ep, 0);
	close(p[1]);
	wait_for(ep, 0);
	wait_for(ep, 0);
}

TEST(epoll_oneshot)
{
	int ep = epoll_create(1), p[2];

	pipe2(p, O_NONBLOCK);
	first_fd = p[0];
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLONESHOT));
	SHOW(write(p[1], "x", 1));
	wait_for(ep, 0);
	wait_for(ep, 0);
	SHOW(write(p[1], "x", 1));
	wait_for(ep, 0);
	close(p[1]);
	wait_for(ep, 0);
	SHOW(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT));
	wait_for(ep, 0);
	wait_for(ep, 0);
}

TEST(epoll_limit)
{
	int ep = epoll_create(1), e[5], seen[64] = { 0 }, bad = 0;
	struct epoll_event ev[2];

	for (int i = 0; i < 5; i++) {
		e[i] = eventfd(1, 0);
		ctl(ep, EPOLL_CTL_ADD, e[i], EPOLLIN);
	}
	/* Two at a time, all get their turn. */
	for (int i = 0; i < 10; i++) {
		int n = epoll_wait(ep, ev, 2, 0);

		for (int k = 0; k < n; k++)
			seen[ev[k].data.u64 & 63]++;
	}
	for (int i = 0; i < 5; i++)
		bad += seen[e[i]] != 4;
	printf("unfair: %d\n", bad);
}

TEST(epoll_errors)
{
	int ep = epoll_create(1), ep2, p[2], file = open("epoll.tmp", O_CREAT | O_RDWR, 0600), dup1;
	struct epoll_event ev = { .events = EPOLLIN };

	unlink("epoll.tmp");
	pipe(p);
	first_fd = p[0];
	SHOW(epoll_create(0));
	SHOW(epoll_create(-1));
	SHOW(epoll_create1(1));
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_MOD, p[1], EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_DEL, p[1], EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN));
	SHOW(ctl(99, EPOLL_CTL_ADD, p[1], EPOLLIN));
	SHOW(ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN));
	SHOW(ctl(ep, 7, p[1], EPOLLIN));
	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], bad_pointer()));
	SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
	SHOW(epoll_wait(ep, &ev, 0, 0));
	SHOW(syscall(SYS_epoll_wait, ep, &ev, -1, 0));
	SHOW(epoll_wait(p[0], &ev, 1, 0));
	SHOW(epoll_wait(99, &ev, 1, 0));
	ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT);
	SHOW(epoll_wait(ep, bad_pointer(), 1, 0));
	wait_for(ep, 0);
	SHOW(read(ep, &ev, 8));
	/* A duplicate is another entry; closing one of them leaves the file open. */
	dup1 = dup(p[1]);
	SHOW(ctl(ep, EPOLL_CTL_ADD, dup1, EPOLLOUT));
	close(p[1]);
	SHOW(epoll_wait(ep, &ev, 1, 0));
	close(dup1);
	SHOW(epoll_wait(ep, &ev, 1, 0));
	ep2 = dup(ep);
	close(ep);
	SHOW(ctl(ep2, EPOLL_CTL_ADD, p[0], EPOLLIN));
}

/* ---- who wakes it ---- */

static int feed_fd;

static void *feed(void *arg)
{
	uint64_t one = 1;

	if (gettid() != getpid())
		await_sleep(getpid(), getpid());
	if (write(feed_fd, &one, sizeof(one)) < 0)
		perror("write");
	return NULL;
}

static void *send_usr1(void *arg)
{
	await_sleep(getpid(), getpid());
	kill(getpid(), SIGUSR1);
	return NULL;
}

static void with_helper(void *(*fn)(void *), int ep)
{
	pthread_t t;

	pthread_create(&t, NULL, fn, NULL);
	wait_for(ep, 5000);
	pthread_join(t, NULL);
}

TEST(epoll_sources)
{
	int ep = epoll_create(1), p[2], ev, tfd, sfd;
	struct itimerspec its = { { 0, 0 }, { 0, 20000000 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pipe(p);
	first_fd = p[0];
	ev = eventfd(0, EFD_NONBLOCK);
	tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	sfd = signalfd(-1, &set, SFD_NONBLOCK);
	SHOW(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, ev, EPOLLIN | EPOLLET));
	SHOW(ctl(ep, EPOLL_CTL_ADD, tfd, EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, sfd, EPOLLIN));
	wait_for(ep, 10);
	feed_fd = p[1];
	with_helper(feed, ep);
	drain(p[0]);
	feed_fd = ev;
	with_helper(feed, ep);
	with_helper(feed, ep); /* an edge, though it was not read */
	timerfd_settime(tfd, 0, &its, NULL);
	wait_for(ep, 5000);
	drain(tfd);
	char buf[8];
	SHOW(read(tfd, buf, 8));
	with_helper(send_usr1, ep);
	drain(sfd);
	struct signalfd_siginfo si;
	SHOW(read(sfd, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGUSR1);
	wait_for(ep, 10);
}

static void on_usr1(int sig)
{
	printf("handler\n");
}

TEST(epoll_pwait)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
	struct timespec zero = { 0, 0 }, bad = { 0, -1 };
	int ep = epoll_create(1);
	struct epoll_event ev;
	sigset_t set, none, now;

	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	SHOW(epoll_wait(ep, &ev, 1, 10));
	SHOW(epoll_pwait(ep, &ev, 1, 5000, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("blocked again: %d\n", sigismember(&now, SIGUSR1));
	SHOW(epoll_pwait(ep, &ev, 1, 10, &none));
	SHOW(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &none, 4));
	SHOW(epoll_pwait2(ep, &ev, 1, &zero, NULL));
	SHOW(epoll_pwait2(ep, &ev, 1, &bad, NULL));
}

/* ---- many threads at one set ---- */

#define ROUNDS 2000

static int shared_ep, shared_ev;
static long taken;

static void *take(void *arg)
{
	struct epoll_event ev;
	uint64_t v;

	while (epoll_wait(shared_ep, &ev, 1, -1) >= 0) {
		if (read(shared_ev, &v, sizeof(v)) == sizeof(v) &&
			__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED) == ROUNDS)
			break;
		if (__atomic_load_n(&taken, __ATOMIC_RELAXED) >= ROUNDS)
			break;
	}
	/* Lets the others go. */
	v = 1;
	return write(shared_ev, &v, sizeof(v)) < 0 ? NULL : arg;
}

TEST(epoll_threads)
{
	pthread_t t[4];
	uint64_t one = 1;

	shared_ep = epoll_create(1);
	shared_ev = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	ctl(shared_ep, EPOLL_CTL_ADD, shared_ev, EPOLLIN);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, take, NULL);
	for (int i = 0; i < ROUNDS; i++)
		if (write(shared_ev, &one, sizeof(one)) < 0)
			perror("write");
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("taken %d\n", taken >= ROUNDS);
}

/* Files that are closed while others wait for the set, sets closed while files live on. */
static void *open_close(void *arg)
{
	int ep = arg != NULL ? shared_ep : epoll_create(1), p[2];

	for (int i = 0; i < 500; i++) {
		if (pipe(p) != 0)
			break;
		ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
		ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET);
		if (i % 3 == 0 && write(p[1], "x", 1) != 1)
			break;
		if (arg == NULL && i % 50 == 0) {
			close(ep);
			ep = epoll_create(1);
		}
		close(p[0]);
		close(p[1]);
	}
	return NULL;
}

static volatile int stop;

static void *wait_all_the_time(void *arg)
{
	struct epoll_event ev[4];

	while (!stop)
		epoll_wait(shared_ep, ev, 4, 1);
	return NULL;
}

TEST(epoll_races)
{
	pthread_t t[6];

	shared_ep = epoll_create(1);
	for (long i = 0; i < 6; i++)
		pthread_create(
			&t[i], NULL, i < 4 ? open_close : wait_all_the_time, (void *)(i % 2));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	stop = 1;
	for (int i = 4; i < 6; i++)
		pthread_join(t[i], NULL);
	wait_for(shared_ep, 0);
}

/* ---- a set that is polled ---- */

static void poll_for(int fd, short events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = events };

	SHOW(poll(&p, 1, timeout));
	printf("  0x%x\n", p.revents);
}

static void nothing(int sig)
{
}

/* It is readable, and whoever waits for anything else waits on, until the time is over or a signal comes. */
TEST(epoll_polled)
{
	struct itimerval soon = { { 0, 50000 }, { 0, 50000 } }, off = { 0 };
	struct sigaction sa = { .sa_handler = nothing };
	int ep = epoll_create(1), ev = eventfd(1, 0), out = eventfd(0, 0);

	SHOW(ctl(ep, EPOLL_CTL_ADD, ev, EPOLLIN));
	SHOW(ctl(ep, EPOLL_CTL_ADD, out, EPOLLIN));
	poll_for(ep, POLLIN, -1);
	poll_for(ep, POLLOUT, 0);
	poll_for(ep, POLLOUT, 50);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	poll_for(ep, POLLOUT, -1);
	setitimer(ITIMER_REAL, &off, NULL);
	drain(ev);
	poll_for(ep, POLLIN, 0);
	feed_fd = out;
	feed(NULL);
	poll_for(ep, POLLIN, -1);
}

static void *keep_busy(void *arg)
{
	char c = 'x';

	while (!stop)
		if (write(((int *)arg)[1], &c, 1) != 1 || read(((int *)arg)[0], &c, 1) != 1)
			break;
	return NULL;
}

/* Others use the file all the time, for what the poller does not wait for. */
TEST(poll_busy)
{
	struct itimerval soon = { { 0, 50000 }, { 0, 50000 } }, off = { 0 };
	struct sigaction sa = { .sa_handler = nothing };
	pthread_t t;
	int p[2];

	pipe(p);
	pthread_create(&t, NULL, keep_busy, p);
	poll_for(p[0], POLLPRI, 50);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	poll_for(p[0], POLLPRI, -1);
	setitimer(ITIMER_REAL, &off, NULL);
	stop = 1;
	pthread_join(t, NULL);
}
