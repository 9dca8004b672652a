/* SPDX-License-Identifier: BSD-2-Clause
 * termios(3) on pseudo-terminals: editing, echo, translation, MIN and TIME, flow control, queues.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pty.h"

/* Types what ends a line, sees its echo and reads it. */
static void line(struct pair p, const char *in, const char *until)
{
	type(p, in, until);
	get(p.s, 4096);
}

TEST(termios_initial)
{
	struct pair p = pair_open();
	struct termios t = settings(p.s), same;

	printf("%o %o %o %o line %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line);
	for (int i = 0; i < 19; i++)
		printf("%d ", t.c_cc[i]);
	printf("\nspeeds %o %o\n", cfgetispeed(&t), cfgetospeed(&t));
	same = settings(p.m);
	SHOW(memcmp(&t, &same, sizeof(t)));
	cfsetspeed(&t, B115200);
	t.c_cflag &= (tcflag_t)~CSIZE;
	t.c_cflag |= CS7 | PARENB;
	SHOW(tcsetattr(p.m, TCSANOW, &t));
	same = settings(p.s);
	printf("%o speeds %o %o\n", same.c_cflag, cfgetispeed(&same), cfgetospeed(&same));
	SHOW(tcsetattr(p.s, 99, &t));
	pair_close(p);
}

TEST(termios_edit)
{
	struct pair p = pair_open();

	line(p, "plain\n", "plain\r\n");
	line(p, "wrong\177\177\177\177\177right\n", "right\r\n");
	line(p, "\177\177none to erase\n", "erase\r\n");
	line(p, "two words \027gone\n", "gone\r\n");
	line(p, "a_b-c.d  \027\027x\n", "x\r\n");
	line(p, "all of it\025new\n", "new\r\n");
	line(p, "tab\tbed\177\177\177\177x\n", "x\r\n");
	line(p, "ctrl\001\002\177\177y\n", "y\r\n");
	line(p, "print\022\n", "print\r\n");
	line(p, "lit\026\003\026\004\026\177\026\n.\n", ".\r\n");
	line(p, "end\004", "end");
	line(p, "\004", "");
	line(p, "cr\r", "cr\r\n");
	pair_close(p);
}

TEST(termios_delimiters)
{
	struct pair p = pair_open();

	set_cc(p.s, VEOL, '!');
	set_cc(p.s, VEOL2, '?');
	line(p, "one!two?three\n", "three\r\n");
	get(p.s, 100);
	get(p.s, 100);
	type(p, "long line in parts\n", "parts\r\n");
	get(p.s, 4);
	get(p.s, 5);
	get(p.s, 100);
	type(p, "abc\004def\n", "def\r\n");
	get(p.s, 3);
	get(p.s, 100);
	type(p, "a\nb\nc\n", "c\r\n");
	get(p.s, 100);
	get(p.s, 1);
	get(p.s, 1);
	get(p.s, 100);
	set_lflag(p.s, 0, IEXTEN);
	line(p, "raw\027\026\022?\n", "?\r\n");
	pair_close(p);
}

TEST(termios_echo)
{
	struct pair p = pair_open();

	set_lflag(p.s, 0, ECHOE);
	line(p, "abc\177\177x\n", "x\r\n");
	line(p, "abc\025x\n", "x\r\n");
	set_lflag(p.s, ECHOE, ECHOKE);
	line(p, "abc\025x\n", "x\r\n");
	set_lflag(p.s, 0, ECHOK);
	line(p, "abc\025x\n", "x\r\n");
	set_lflag(p.s, 0, ECHOCTL);
	line(p, "a\001b\033c\177\177\177x\n", "x\r\n");
	set_lflag(p.s, ECHOK | ECHOKE | ECHOCTL, ECHO);
	line(p, "silent\n", "");
	set_lflag(p.s, ECHONL, 0);
	line(p, "silent\177 but for\n", "\r\n");
	set_lflag(p.s, ECHO | ECHOPRT, ECHONL);
	line(p, "abcd\177\177x\n", "x\r\n");
	line(p, "abcd\177\177\027\n", "\r\n");
	line(p, "abcd\025x\n", "x\r\n");
	pair_close(p);
}

TEST(termios_input_flags)
{
	struct pair p = pair_open();

	set_iflag(p.s, IGNCR, 0);
	line(p, "a\rb\n", "ab\r\n");
	set_iflag(p.s, 0, IGNCR | ICRNL);
	line(p, "a\rb\n", "b\r\n");
	set_iflag(p.s, INLCR | ICRNL, 0);
	line(p, "a\nb\r", "b\r\n");
	set_iflag(p.s, ISTRIP, INLCR);
	line(p, "\341\342\n", "ab\r\n");
	set_iflag(p.s, IUCLC, ISTRIP);
	line(p, "UPPER Case\n", "case\r\n");
	set_lflag(p.s, 0, IEXTEN);
	line(p, "UPPER Case\n", "ase\r\n");
	set_lflag(p.s, IEXTEN, 0);
	set_iflag(p.s, PARMRK, IUCLC);
	line(p, "mark\377ed\n", "ed\r\n");
	set_iflag(p.s, ISTRIP, 0);
	line(p, "mark\377ed\n", "ed\r\n");
	set_iflag(p.s, IUTF8, PARMRK | ISTRIP);
	line(p, "h\303\244\177\342\202\254\177x\n", "x\r\n");
	line(p, "\303\244\303\266\027w\n", "w\r\n");
	pair_close(p);
}

static void put(struct pair p, const char *text, const char *until)
{
	printf("  put \"");
	print_bytes(text, strlen(text));
	printf("\" %s\n", write(p.s, text, strlen(text)) == (ssize_t)strlen(text) ? "" : "short");
	see(p.m, until);
}

TEST(termios_output_flags)
{
	struct pair p = pair_open();

	put(p, "a\nb\tc\n.", ".");
	set_oflag(p.s, 0, ONLCR);
	put(p, "a\nb.", ".");
	set_oflag(p.s, ONLRET, 0);
	put(p, "\na\n\tb.", ".");
	set_oflag(p.s, OCRNL, ONLRET);
	put(p, "a\rb.", ".");
	set_oflag(p.s, ONOCR, OCRNL);
	put(p, "\r\ra\r\r.", ".");
	set_oflag(p.s, XTABS | ONLCR, ONOCR);
	put(p, "\na\tbc\t\td\b\b\te.", ".");
	set_oflag(p.s, OLCUC, 0);
	put(p, "lower Case.", ".");
	set_oflag(p.s, 0, OPOST);
	put(p, "a\nb\tc\rd.", ".");
	pair_close(p);
}

static long ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static void raw(struct pair p, int min, int time)
{
	struct termios t = settings(p.s);

	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	tcsetattr(p.s, TCSANOW, &t);
	printf("min %d time %d\n", min, time);
}

/* A read; says whether it took at least `ms`. */
static void timed_get(struct pair p, size_t n, long ms)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	get(p.s, n);
	printf("  %s\n", ms_since(&start) >= ms ? "waited" : "at once");
}

/* A child that types the strings, a pause of 200 ms before each. */
static void typist(struct pair p, const char *a, const char *b)
{
	const char *strings[] = { a, b };

	fflush(stdout);
	if (fork() != 0)
		return;
	for (int i = 0; i < 2; i++) {
		usleep(200000);
		if (write(p.m, strings[i], strlen(strings[i])) < 0)
			_exit(1);
	}
	_exit(0);
}

TEST(termios_min_time)
{
	struct pair p = pair_open();

	raw(p, 0, 0);
	timed_get(p, 10, 1000000);
	SHOW(write(p.m, "abcdef", 6));
	await_input(p.s, 6);
	timed_get(p, 4, 1000000);
	timed_get(p, 4, 1000000);

	raw(p, 0, 3);
	timed_get(p, 10, 290);
	SHOW(write(p.m, "abc", 3));
	await_input(p.s, 3);
	timed_get(p, 10, 290);

	raw(p, 3, 0);
	SHOW(write(p.m, "abcdef", 6));
	await_input(p.s, 6);
	timed_get(p, 4, 1000000);
	typist(p, "x", "yz");
	timed_get(p, 10, 100);
	wait(NULL);
	typist(p, "x", "y");
	timed_get(p, 2, 100);
	wait(NULL);

	raw(p, 5, 3);
	typist(p, "abc", "de");
	timed_get(p, 10, 100);
	wait(NULL);
	typist(p, "abc", "");
	timed_get(p, 10, 450);
	wait(NULL);
	raw(p, 200, 1);
	SHOW(write(p.m, "ab", 2));
	timed_get(p, 10, 90);

	fcntl(p.s, F_SETFL, O_NONBLOCK);
	timed_get(p, 10, 1000000);
	raw(p, 0, 5);
	timed_get(p, 10, 1000000);
	raw(p, 0, 0);
	timed_get(p, 10, 1000000);
	pair_close(p);
}

static void polled(struct pair p, const char *what)
{
	struct pollfd f = { .fd = p.s, .events = POLLIN };

	printf("%s: %d\n", what, poll(&f, 1, 0));
}

TEST(termios_poll)
{
	struct pair p = pair_open();
	int n = 0;

	SHOW(write(p.m, "abc", 3));
	see(p.m, "abc");
	polled(p, "half a line");
	SHOW(ioctl(p.s, FIONREAD, &n));
	printf("%d\n", n);
	raw(p, 5, 0);
	polled(p, "three of five");
	SHOW(write(p.m, "de", 2));
	await_input(p.s, 5);
	polled(p, "five of five");
	raw(p, 9, 1);
	polled(p, "with a time");
	get(p.s, 3);
	SHOW(ioctl(p.s, FIONREAD, &n));
	printf("%d\n", n);
	set_lflag(p.s, ICANON, 0);
	polled(p, "canonical again");
	SHOW(ioctl(p.s, FIONREAD, &n));
	printf("%d\n", n);
	get(p.s, 10);
	pair_close(p);
}

TEST(termios_typed_ahead)
{
	struct pair p = pair_open();

	type(p, "one\ntwo\nthr", "thr");
	raw(p, 1, 0);
	get(p.s, 100);
	SHOW(write(p.m, "four", 4));
	await_input(p.s, 4);
	set_lflag(p.s, ICANON, 0);
	get(p.s, 100);
	pair_close(p);
}

TEST(termios_queues)
{
	struct pair p = pair_open();
	struct termios t = settings(p.s);
	int n = -1;

	type(p, "away\nand this", "this");
	SHOW(tcflush(p.s, TCIFLUSH));
	SHOW(ioctl(p.s, FIONREAD, &n));
	printf("%d\n", n);
	line(p, "kept\n", "kept\r\n");
	type(p, "away\n", "away\r\n");
	SHOW(tcsetattr(p.s, TCSAFLUSH, &t));
	SHOW(ioctl(p.s, FIONREAD, &n));
	printf("%d\n", n);
	SHOW(ioctl(p.s, TIOCOUTQ, &n));
	printf("%d\n", n);
	SHOW(write(p.s, "shown", 5));
	see(p.m, "n");
	SHOW(write(p.s, "arrived", 7));
	usleep(30000);
	SHOW(tcflush(p.s, TCOFLUSH));
	SHOW(write(p.s, "kept", 4));
	see(p.m, "kept");
	SHOW(tcflow(p.s, TCIOFF));
	see(p.m, "\023");
	SHOW(tcflow(p.s, TCION));
	see(p.m, "\021");
	pair_close(p);
}

static void try_write(struct pair p, const char *what)
{
	ssize_t n = write(p.s, "x", 1);

	printf("%s: %zd %s\n", what, n, n < 0 ? strerrorname_np(errno) : "");
}

/* Waits until what was typed has been looked at: its echo has come. */
static void typed(struct pair p, const char *in)
{
	type(p, in, "");
	usleep(30000);
}

TEST(termios_flow)
{
	struct pair p = pair_open();

	fcntl(p.s, F_SETFL, O_NONBLOCK);
	try_write(p, "before");
	typed(p, "\023");
	try_write(p, "stopped");
	typed(p, "a");
	try_write(p, "after another byte");
	typed(p, "\021");
	try_write(p, "started");
	set_iflag(p.s, IXANY, 0);
	typed(p, "\023");
	try_write(p, "stopped");
	typed(p, "b");
	try_write(p, "any byte");
	SHOW(tcflow(p.s, TCOOFF));
	try_write(p, "by tcflow");
	typed(p, "\021");
	try_write(p, "not by ^Q");
	SHOW(tcflow(p.s, TCOON));
	try_write(p, "by tcflow");
	typed(p, "\023");
	set_iflag(p.s, 0, IXON);
	try_write(p, "without IXON");
	typed(p, "\023");
	try_write(p, "no flow control");
	pair_close(p);
}

/* A line longer than the queue: what is too much is lost, and it can be ended. */
TEST(termios_long_line)
{
	struct pair p = pair_open();
	char *buf = malloc(6000);
	ssize_t got;

	set_lflag(p.s, 0, ECHO);
	memset(buf, 'a', 5000);
	buf[5000] = '\n';
	SHOW(write(p.m, buf, 5001));
	got = read(p.s, buf, 6000);
	printf("read %zd, last %d\n", got, buf[got - 1]);
	SHOW(write(p.m, "next\n", 5));
	get(p.s, 100);
	free(buf);
	pair_close(p);
}

TEST(termios_exclusive)
{
	struct pair p = pair_open();
	int is = -1, fd;
	char name[64];

	strcpy(name, ptsname(p.m));
	SHOW(ioctl(p.s, TIOCEXCL));
	SHOW(ioctl(p.s, TIOCGEXCL, &is));
	printf("%d\n", is);
	fflush(stdout);
	if (fork() == 0) {
		if (chmod(name, 0666) != 0 || setuid(65534) != 0)
			printf("not root\n");
		else
			SHOW(open(name, O_RDWR | O_NOCTTY));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	SHOW(ioctl(p.s, TIOCNXCL));
	fd = open(name, O_RDWR | O_NOCTTY);
	printf("%d\n", fd >= 0);
	close(fd);
	pair_close(p);
}
