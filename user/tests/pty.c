/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "pty.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 5000

struct pair pair_open(void)
{
	struct pair p = { .m = posix_openpt(O_RDWR | O_NOCTTY) };

	if (p.m < 0 || grantpt(p.m) != 0 || unlockpt(p.m) != 0 ||
		(p.s = open(ptsname(p.m), O_RDWR | O_NOCTTY)) < 0) {
		perror("no pseudo-terminal");
		exit(1);
	}
	return p;
}

void pair_close(struct pair p)
{
	close(p.s);
	close(p.m);
}

void print_bytes(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= ' ' && c < 127 && c != '\\')
			putchar(c);
		else
			printf("\\%03o", c);
	}
}

void see(int m, const char *until)
{
	char buf[8192];
	size_t n = 0;
	struct pollfd pfd = { .fd = m, .events = POLLIN };

	while (n < sizeof(buf) && memmem(buf, n, until, strlen(until)) == NULL) {
		ssize_t got;

		if (poll(&pfd, 1, PATIENCE_MS) != 1) {
			printf("  (nothing more) ");
			break;
		}
		/* A byte at a time, so that what comes after it is seen next. */
		got = read(m, buf + n, 1);
		if (got <= 0) {
			printf("  (%s) ", got == 0 ? "end" : strerrorname_np(errno));
			break;
		}
		n += (size_t)got;
	}
	printf("  shows \"");
	print_bytes(buf, n);
	printf("\"\n");
}

void type(struct pair p, const char *in, const char *until)
{
	printf("  typed \"");
	print_bytes(in, strlen(in));
	printf("\"\n");
	if (write(p.m, in, strlen(in)) != (ssize_t)strlen(in))
		printf("  short write\n");
	see(p.m, until);
}

int await_input(int fd, int n)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		int there = 0;

		if (ioctl(fd, FIONREAD, &there) == 0 && there >= n)
			return 1;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return 0;
}

void get(int fd, size_t n)
{
	char buf[8192];
	ssize_t got = read(fd, buf, n);

	if (got < 0) {
		printf("  read: %s\n", strerrorname_np(errno));
		return;
	}
	printf("  read %zd \"", got);
	print_bytes(buf, (size_t)got);
	printf("\"\n");
}

struct termios settings(int fd)
{
	struct termios t;

	memset(&t, 0, sizeof(t));
	if (tcgetattr(fd, &t) != 0)
		perror("tcgetattr");
	return t;
}

static void set(int fd, const struct termios *t)
{
	if (tcsetattr(fd, TCSANOW, t) != 0)
		perror("tcsetattr");
}

void set_iflag(int fd, tcflag_t on, tcflag_t off)
{
	struct termios t = settings(fd);

	t.c_iflag = (t.c_iflag & ~off) | on;
	set(fd, &t);
}

void set_oflag(int fd, tcflag_t on, tcflag_t off)
{
	struct termios t = settings(fd);

	t.c_oflag = (t.c_oflag & ~off) | on;
	set(fd, &t);
}

void set_lflag(int fd, tcflag_t on, tcflag_t off)
{
	struct termios t = settings(fd);

	t.c_lflag = (t.c_lflag & ~off) | on;
	set(fd, &t);
}

void set_cc(int fd, int which, int value)
{
	struct termios t = settings(fd);

	t.c_cc[which] = (cc_t)value;
	set(fd, &t);
}
