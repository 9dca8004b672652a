/* SPDX-License-Identifier: BSD-2-Clause
 * Which calls go on after a handler with SA_RESTART and which do not (man 7 signal); none does without. A timer
 * interrupts each call twice and then lets it have what it waits for.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static int empty[2], full[2], event, child, fifo_fd;
static int word;
static volatile sig_atomic_t fired;
static char fifo[40];

static void release(void)
{
	char c = 'x', buf[4096];
	uint64_t one = 1;

	if (write(empty[1], &c, 1) != 1 || write(event, &one, sizeof(one)) != sizeof(one))
		_exit(90);
	if (read(full[0], buf, sizeof(buf)) <= 0)
		_exit(91);
	kill(child, SIGKILL); /* it holds the locks, and is waited for */
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
	fifo_fd = open(fifo, O_RDWR | O_NONBLOCK);
}

static void on_alarm(int sig)
{
	if (++fired == 3)
		release();
}

/* ---- The calls: each waits for one of these ---- */

static long do_read(void)
{
	char c;

	return read(empty[0], &c, 1);
}

static long do_write(void)
{
	static char buf[4096];

	return write(full[1], buf, sizeof(buf)) > 0;
}

static long do_wait(void)
{
	return waitpid(child, NULL, 0) > 0;
}

static long do_waitid(void)
{
	return waitid(P_PID, (id_t)child, NULL, WEXITED);
}

static long do_futex(void)
{
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		if (syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0) != 0 && errno != EAGAIN)
			return -1;
	return 0;
}

static long do_futex_timed(void)
{
	struct timespec ts = { 10, 0 };

	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		if (syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0) != 0 && errno != EAGAIN)
			return -1;
	return 0;
}

static long do_flock(void)
{
	int fd = open("lock", O_RDWR);

	return flock(fd, LOCK_EX);
}

static long do_setlkw(void)
{
	struct flock fl = { .l_type = F_WRLCK };
	int fd = open("lock", O_RDWR);

	return fcntl(fd, F_SETLKW, &fl);
}

static long do_open_fifo(void)
{
	return open(fifo, O_RDONLY) >= 0 ? 0 : -1;
}

static long do_eventfd(void)
{
	uint64_t v;

	return read(event, &v, sizeof(v));
}

static long do_poll(void)
{
	struct pollfd p = { empty[0], POLLIN, 0 };

	return poll(&p, 1, -1);
}

static long do_poll_timed(void)
{
	struct pollfd p = { empty[0], POLLIN, 0 };

	return poll(&p, 1, 10000);
}

static long do_ppoll(void)
{
	struct pollfd p = { empty[0], POLLIN, 0 };

	return ppoll(&p, 1, NULL, NULL);
}

static long do_select(void)
{
	fd_set r;

	FD_ZERO(&r);
	FD_SET(empty[0], &r);
	return select(empty[0] + 1, &r, NULL, NULL, NULL);
}

static long do_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, empty[0], &ev);
	return epoll_wait(ep, &ev, 1, -1);
}

static long do_pause(void)
{
	return pause();
}

static long do_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static long do_sigtimedwait(void)
{
	struct timespec ts = { 10, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &ts);
}

static long do_nanosleep(void)
{
	struct timespec ts = { 0, 150000000 };

	return nanosleep(&ts, NULL);
}

/* By 300 ms. */
static void later(struct timespec *ts)
{
	ts->tv_nsec += 300000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_nsec -= 1000000000;
		ts->tv_sec++;
	}
}

static long do_sleep_until(void)
{
	struct timespec ts;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	later(&ts);
	err = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	errno = err;
	return err != 0 ? -1 : 0;
}

static long do_sem_wait(void)
{
	struct timespec ts;
	sem_t sem;

	clock_gettime(CLOCK_REALTIME, &ts);
	later(&ts);
	sem_init(&sem, 0, 0);
	return sem_timedwait(&sem, &ts);
}

/* ---- What they wait for ---- */

static void hold_locks(void)
{
	struct flock fl = { .l_type = F_WRLCK };
	int fd = open("lock", O_RDWR | O_CREAT, 0600);
	char c = 'r';

	flock(fd, LOCK_EX);
	fcntl(fd, F_SETLK, &fl);
	if (write(empty[1], &c, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void prepare(void)
{
	static char buf[65536];
	char c;

	if (pipe(empty) != 0 || pipe(full) != 0)
		_exit(92);
	event = eventfd(0, 0);
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], buf, sizeof(buf)) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	snprintf(fifo, sizeof(fifo), "fifo");
	unlink(fifo);
	mkfifo(fifo, 0600);
	child = fork();
	if (child == 0)
		hold_locks();
	if (read(empty[0], &c, 1) != 1)
		_exit(93);
}

static long (*call)(void);
static int flags;

static void interrupt(void)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval it = { { 0, 30000 }, { 0, 30000 } }, off = { 0 };
	long ret;
	int err;

	prepare();
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	errno = 0;
	ret = call();
	err = errno;
	setitimer(ITIMER_REAL, &off, NULL);
	kill(child, SIGKILL);
	errno = err;
	printf("  %ld %s, %s\n", ret, ret < 0 ? strerrorname_np(err) : "",
		fired == 0  ? "never interrupted"
		: fired < 3 ? "ended by the signal"
			    : "went on");
}

#define CALL(name)               \
	{                        \
#name, do_##name \
	}

TEST(restart_matrix)
{
	static const struct {
		const char *name;
		long (*fn)(void);
	} calls[] = {
		CALL(read),
		CALL(write),
		CALL(wait),
		CALL(waitid),
		CALL(futex),
		CALL(futex_timed),
		CALL(flock),
		CALL(setlkw),
		CALL(open_fifo),
		CALL(eventfd),
		CALL(poll),
		CALL(poll_timed),
		CALL(ppoll),
		CALL(select),
		CALL(epoll),
		CALL(pause),
		CALL(sigsuspend),
		CALL(sigtimedwait),
		CALL(nanosleep),
		CALL(sleep_until),
		CALL(sem_wait),
	};

	work_folder();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		call = calls[i].fn;
		flags = 0;
		in_child(calls[i].name, interrupt);
		flags = SA_RESTART;
		in_child("  with SA_RESTART", interrupt);
	}
}
