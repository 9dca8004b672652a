/* SPDX-License-Identifier: BSD-2-Clause
 * `tests --hog KIND`: takes one kind of thing from the kernel, without ever giving one back, until it is refused
 * or killed. What a process may have at most is no end: then a child goes on, while the parent holds what it has.
 * Prints what stopped it. `--hog fork SECONDS` is a fork bomb that whoever started it can end, and does.
 * For machines that nobody needs: tests/boot/hogs.t.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define PAGE       4096
#define MIB        (1ul << 20)
#define TABLE_SPAN (2 * MIB) /* what a page table maps */
#define MAPPINGS   4000      /* of a process: finding room for one more takes longer each time */
#define FILES      8192
#define BOMB_LIFE  120 /* seconds a bomb's process lives if nobody ends it */

/* Each takes one more: 0 or errno. */

static int fails(long ret)
{
	return ret < 0 ? errno : 0;
}

static int take_memory(void)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	for (size_t i = 0; i < MIB; i += PAGE)
		p[i] = 1;
	return 0;
}

static int take_file(void)
{
	static char buf[65536];
	static int fd = -1;

	if (fd < 0) {
		fd = open("/tmp/hog", O_RDWR | O_CREAT, 0600);
		unlink("/tmp/hog");
	}
	return fails(write(fd, buf, sizeof(buf)));
}

static int take_memfd(void)
{
	static char buf[65536];
	int fd = memfd_create("hog", 0);

	if (fd < 0)
		return errno;
	for (int i = 0; i < 16; i++)
		if (write(fd, buf, sizeof(buf)) < 0)
			return errno;
	return 0;
}

static int take_pipe(void)
{
	static char buf[65536];
	int fds[2];

	if (pipe2(fds, O_NONBLOCK) != 0)
		return errno;
	fcntl(fds[1], F_SETPIPE_SZ, MIB);
	while (write(fds[1], buf, sizeof(buf)) > 0)
		;
	return errno == EAGAIN ? 0 : errno;
}

/* Neighbours are unlike, so that none is joined with another. */
static int take_mapping(void)
{
	static int odd;
	void *p = mmap(
		NULL, PAGE, (odd ^= 1) ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int take_table(void)
{
	static char *next, *end;

	if (next == end) {
		next = mmap(NULL, 256 * TABLE_SPAN, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (next == MAP_FAILED) {
			next = end = NULL;
			return errno;
		}
		end = next + 256 * TABLE_SPAN;
	}
	*(volatile char *)next = 1;
	next += TABLE_SPAN;
	return 0;
}

static int take_eventfd(void)
{
	return fails(eventfd(0, 0));
}

static int take_timerfd(void)
{
	return fails(timerfd_create(CLOCK_MONOTONIC, 0));
}

static int take_open_file(void)
{
	return fails(open("/etc/passwd", O_RDONLY));
}

/* An epoll that watches all that there were before. */
static int take_epoll(void)
{
	int ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };

	if (ep < 0)
		return errno;
	for (int fd = ep > 64 ? ep - 64 : 3; fd < ep; fd++)
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0 && errno == ENOMEM)
			return errno;
	return 0;
}

static int take_socket(void)
{
	int fds[2];

	return fails(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static int take_pty(void)
{
	return fails(open("/dev/ptmx", O_RDWR | O_NOCTTY));
}

static int take_timer(void)
{
	timer_t t;
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };

	return fails(timer_create(CLOCK_MONOTONIC, &ev, &t));
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int take_thread(void)
{
	pthread_t t;
	pthread_attr_t a;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	return pthread_create(&t, &a, idle, NULL);
}

static int take_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return fails(pid);
}

static const struct hog {
	const char *name;
	int (*take)(void);
} hogs[] = {
	{ "memory", take_memory },
	{ "file", take_file },
	{ "memfd", take_memfd },
	{ "pipe", take_pipe },
	{ "mapping", take_mapping },
	{ "table", take_table },
	{ "eventfd", take_eventfd },
	{ "timerfd", take_timerfd },
	{ "open", take_open_file },
	{ "epoll", take_epoll },
	{ "socket", take_socket },
	{ "pty", take_pty },
	{ "timer", take_timer },
	{ "thread", take_thread },
	{ "child", take_child },
};

/* The first process that is refused for another reason than that it has enough says so, and ends them all. */
static int take_all(const struct hog *h)
{
	unsigned long n = 0;
	int err, status = 0;
	pid_t pid;

	do
		err = h->take();
	while (err == 0 && ++n);
	if ((err == EMFILE || (h->take == take_mapping && n > MAPPINGS)) && (pid = fork()) >= 0) {
		if (pid == 0) {
			close_range(3, ~0u, 0);
			return take_all(h);
		}
		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	printf("%s: %s\n", h->name, strerrorname_np(err));
	fflush(stdout);
	kill(0, SIGKILL);
	return 0;
}

/* ---- a fork bomb ---- */

static void explode(void)
{
	alarm(BOMB_LIFE);
	for (;;)
		if (fork() == 0)
			alarm(BOMB_LIFE);
}

static int bomb(int seconds)
{
	pid_t pid = fork();
	struct timespec ts = { seconds, 0 };

	if (pid == 0) {
		setpgid(0, 0);
		explode();
	}
	while (nanosleep(&ts, &ts) != 0)
		;
	if (getuid() != 0)
		kill(-1, SIGKILL); /* all of this user's, but not this one */
	kill(-pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	printf("fork: ended\n");
	return 0;
}

/* argv[2] is the kind; a number after it is the user to be. */
int hog(int argc, char **argv)
{
	int arg = argc > 3 ? atoi(argv[3]) : 0;
	struct rlimit rl;

	setpgid(0, 0);
	if (strcmp(argv[2], "fork") == 0) {
		if (argc > 4 && setuid((uid_t)atoi(argv[4])) != 0)
			return 1;
		return bomb(arg);
	}
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max < FILES ? rl.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &rl);
	for (size_t i = 0; i < sizeof(hogs) / sizeof(hogs[0]); i++)
		if (strcmp(hogs[i].name, argv[2]) == 0)
			return take_all(&hogs[i]);
	return 2;
}
