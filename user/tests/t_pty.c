/* SPDX-License-Identifier: BSD-2-Clause
 * Pseudo-terminals: opening, names, hang-ups, polling, packet mode, window size.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pty.h"

static void show_events(const char *what, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	poll(&p, 1, 0);
	printf("%s:%s%s%s%s%s\n", what, p.revents & POLLIN ? " in" : "",
		p.revents & POLLOUT ? " out" : "", p.revents & POLLPRI ? " pri" : "",
		p.revents & POLLERR ? " err" : "", p.revents & POLLHUP ? " hup" : "");
}

/* Waits for one of the events, 5 s. */
static void await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (poll(&p, 1, 5000) != 1)
		printf("nothing came\n");
}

TEST(pty_open)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), s, n = -1, locked = -1, flags;
	char want[32];
	struct stat st;

	printf("master %d tty %d\n", m >= 0, isatty(m));
	SHOW(ioctl(m, TIOCGPTLCK, &locked));
	printf("locked %d\n", locked);
	SHOW(ioctl(m, TIOCGPTN, &n));
	snprintf(want, sizeof(want), "/dev/pts/%d", n);
	printf("name %s\n", strcmp(want, ptsname(m)) == 0 ? "as expected" : ptsname(m));
	SHOW(open(want, O_RDWR | O_NOCTTY));
	SHOW(grantpt(m));
	SHOW(unlockpt(m));
	s = open(want, O_RDWR | O_NOCTTY);
	printf("slave %d tty %d name %s\n", s >= 0, isatty(s),
		ttyname(s) != NULL && strcmp(ttyname(s), want) == 0 ? "same" : "other");
	fstat(s, &st);
	printf("mode %o major %u minor %s owner %s\n", st.st_mode & (S_IFMT | 0600),
		major(st.st_rdev), (int)minor(st.st_rdev) == n ? "same" : "other",
		st.st_uid == geteuid() ? "me" : "other");
	SHOW(ptsname(s) == NULL);
	SHOW(ioctl(s, TIOCGPTN, &n));
	SHOW(ioctl(m, TIOCGPTN, bad_pointer()));
	SHOW(ioctl(m, TIOCSPTLCK, bad_pointer()));
	flags = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	printf("peer %d tty %d cloexec %d\n", flags >= 0, isatty(flags), fcntl(flags, F_GETFD));
	close(flags);
	SHOW(isatty(0) > 1);
	SHOW(lseek(m, 0, SEEK_CUR));
	SHOW(lseek(s, 0, SEEK_SET));
	SHOW(pread(s, want, 1, 0));
	close(s);
	close(m);
	SHOW(access(want, F_OK));
}

TEST(pty_devpts)
{
	struct pair p = pair_open();
	const char *name = ptsname(p.m);

	SHOW(mkdir("/dev/pts/mayfly", 0755));
	SHOW(open("/dev/pts/mayfly", O_CREAT | O_RDWR, 0600));
	SHOW(mknod("/dev/pts/mayfly", S_IFCHR | 0600, makedev(1, 3)));
	SHOW(symlink("/", "/dev/pts/mayfly"));
	SHOW(unlink(name));
	SHOW(rename(name, "/dev/pts/mayfly"));
	SHOW(link(name, "/dev/pts/mayfly"));
	SHOW(chmod(name, 0620));
	SHOW(open("/dev/pts/99999", O_RDWR | O_NOCTTY));
	SHOW(open("/dev/pts/x", O_RDWR | O_NOCTTY));
	pair_close(p);
}

TEST(pty_many)
{
	enum { N = 40 };
	int m[N], n[N], twice = 0;

	for (int i = 0; i < N; i++) {
		m[i] = posix_openpt(O_RDWR | O_NOCTTY);
		n[i] = -1;
		ioctl(m[i], TIOCGPTN, &n[i]);
		for (int k = 0; k < i; k++)
			twice += n[k] == n[i];
	}
	printf("opened %d, numbers given twice %d\n", m[N - 1] >= 0, twice);
	for (int i = 0; i < N; i++)
		close(m[i]);
}

TEST(pty_data)
{
	struct pair p = pair_open();

	show_events("slave", p.s);
	show_events("master", p.m);
	type(p, "hello\n", "hello\r\n");
	await_input(p.s, 6);
	show_events("slave", p.s);
	get(p.s, 100);
	SHOW(write(p.s, "to the master\n", 14));
	await(p.m, POLLIN);
	show_events("master", p.m);
	see(p.m, "master\r\n");
	fcntl(p.m, F_SETFL, O_NONBLOCK);
	fcntl(p.s, F_SETFL, O_NONBLOCK);
	get(p.m, 10);
	get(p.s, 10);
	SHOW(write(p.s, bad_pointer(), 5));
	SHOW(write(p.m, bad_pointer(), 5));
	SHOW(read(p.m, bad_pointer(), 5) < 0);
	SHOW(write(p.s, "", 0));
	SHOW(write(p.m, "", 0));
	pair_close(p);
}

TEST(pty_slave_closes)
{
	struct pair p = pair_open();
	char name[64];

	strcpy(name, ptsname(p.m));
	SHOW(write(p.s, "last words", 10));
	close(p.s);
	await(p.m, POLLIN);
	see(p.m, "words");
	await(p.m, POLLHUP);
	show_events("master", p.m);
	get(p.m, 10);
	get(p.m, 10);
	p.s = open(name, O_RDWR | O_NOCTTY);
	printf("opened again %d\n", p.s >= 0);
	show_events("master", p.m);
	SHOW(write(p.s, "back", 4));
	see(p.m, "back");
	pair_close(p);
}

TEST(pty_master_closes)
{
	struct pair p = pair_open();
	char name[64];
	int n;

	strcpy(name, ptsname(p.m));
	SHOW(write(p.m, "typed\n", 6));
	await_input(p.s, 6);
	close(p.m);
	await(p.s, POLLHUP);
	show_events("slave", p.s);
	get(p.s, 10);
	get(p.s, 10);
	SHOW(write(p.s, "x", 1));
	SHOW(ioctl(p.s, FIONREAD, &n));
	SHOW(tcsetpgrp(p.s, getpgrp()));
	SHOW(isatty(p.s));
	SHOW(open(name, O_RDWR | O_NOCTTY));
	close(p.s);
}

/* Who sleeps in read(2) when the other side goes. */
static int sleeping_fd;

static void read_it(void)
{
	get(sleeping_fd, 10);
}

static void sleeper(int fd, int close_now, int other)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(other);
		sleeping_fd = fd;
		read_it();
		fflush(stdout);
		_exit(0);
	}
	close(close_now);
	usleep(50000);
	close(other);
	waitpid(pid, &status, 0);
	show_status("sleeper", status);
}

TEST(pty_wakes)
{
	struct pair p = pair_open();

	sleeper(p.m, p.m, p.s);
	p = pair_open();
	sleeper(p.s, p.s, p.m);
}

TEST(pty_bulk)
{
	enum { N = 300000 };
	struct pair p = pair_open();
	char *buf = malloc(N);
	unsigned sum = 0;
	size_t got = 0;
	struct termios t = settings(p.s);
	int status;

	cfmakeraw(&t);
	tcsetattr(p.s, TCSANOW, &t);
	for (int i = 0; i < N; i++)
		buf[i] = (char)(i * 7 + i / 251);
	if (fork() == 0) {
		close(p.m);
		_exit(write(p.s, buf, N) == N ? 0 : 1);
	}
	while (got < N) {
		char part[1000];
		ssize_t n = read(p.m, part, sizeof(part));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			sum += part[i] != buf[got + (size_t)i];
		got += (size_t)n;
	}
	wait(&status);
	show_status("writer", status);
	printf("%zu bytes, %u wrong\n", got, sum);

	/* And the other way. */
	if (fork() == 0) {
		close(p.s);
		_exit(write(p.m, buf, N) == N ? 0 : 1);
	}
	for (got = sum = 0; got < N;) {
		char part[1000];
		ssize_t n = read(p.s, part, sizeof(part));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			sum += part[i] != buf[got + (size_t)i];
		got += (size_t)n;
	}
	wait(&status);
	show_status("typist", status);
	printf("%zu bytes, %u wrong\n", got, sum);
	free(buf);
	pair_close(p);
}

static volatile sig_atomic_t winches;

static void on_winch(int sig)
{
	winches++;
}

TEST(pty_winsize)
{
	struct pair p = pair_open();
	struct winsize ws = { 0 };

	SHOW(ioctl(p.s, TIOCGWINSZ, &ws));
	printf("%u x %u\n", ws.ws_row, ws.ws_col);
	ws = (struct winsize){ 24, 80, 640, 480 };
	SHOW(ioctl(p.m, TIOCSWINSZ, &ws));
	memset(&ws, 0, sizeof(ws));
	SHOW(ioctl(p.s, TIOCGWINSZ, &ws));
	printf("%u x %u, %u x %u\n", ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel);
	SHOW(ioctl(p.s, TIOCGWINSZ, bad_pointer()));
	SHOW(ioctl(p.s, TIOCSWINSZ, bad_pointer()));
	fflush(stdout);
	if (fork() == 0) {
		signal(SIGWINCH, on_winch);
		setsid();
		SHOW(ioctl(p.s, TIOCSCTTY, 0));
		SHOW(ioctl(p.m, TIOCSWINSZ, &ws));
		printf("same size: %d\n", winches);
		ws.ws_col = 132;
		SHOW(ioctl(p.m, TIOCSWINSZ, &ws));
		printf("by the master: %d\n", winches);
		ws.ws_row = 50;
		SHOW(ioctl(p.s, TIOCSWINSZ, &ws));
		printf("by the slave: %d\n", winches);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	memset(&ws, 0, sizeof(ws));
	ioctl(p.m, TIOCGWINSZ, &ws);
	printf("%u x %u\n", ws.ws_row, ws.ws_col);
	pair_close(p);
}

TEST(pty_packet)
{
	struct pair p = pair_open();
	int on = 1, is = -1;

	SHOW(ioctl(p.m, TIOCPKT, &on));
	SHOW(ioctl(p.m, TIOCGPKT, &is));
	printf("packet mode %d\n", is);
	SHOW(ioctl(p.m, TIOCPKT, bad_pointer()));
	SHOW(ioctl(p.s, TIOCPKT, &on));
	SHOW(write(p.s, "data", 4));
	await(p.m, POLLIN);
	get(p.m, 100);
	SHOW(tcflow(p.s, TCOOFF));
	show_events("stopped", p.m);
	get(p.m, 100);
	SHOW(tcflow(p.s, TCOON));
	get(p.m, 100);
	SHOW(tcflush(p.s, TCIFLUSH));
	get(p.m, 100);
	SHOW(tcflush(p.s, TCOFLUSH));
	get(p.m, 100);
	set_iflag(p.s, 0, IXON);
	get(p.m, 100);
	set_iflag(p.s, IXON, 0);
	get(p.m, 100);
	on = 0;
	SHOW(ioctl(p.m, TIOCPKT, &on));
	SHOW(write(p.s, "plain", 5));
	await(p.m, POLLIN);
	get(p.m, 100);
	pair_close(p);
}

TEST(pty_not_a_tty)
{
	int fds[2], fd = open("/dev/null", O_RDWR), n;
	struct termios t = { 0 };
	struct winsize ws;

	if (pipe(fds) != 0)
		return;
	SHOW(tcgetattr(fd, &t));
	SHOW(tcgetattr(fds[0], &t));
	SHOW(tcsetattr(fds[0], TCSANOW, &t));
	SHOW(tcgetattr(-1, &t));
	SHOW(isatty(fd));
	SHOW(ioctl(fds[0], TIOCGWINSZ, &ws));
	SHOW(ioctl(fd, TIOCSCTTY, 0));
	SHOW(tcgetpgrp(fds[0]));
	SHOW(tcsetpgrp(fd, getpgrp()));
	SHOW(ioctl(fd, TIOCGPTN, &n));
	SHOW(ttyname(fd) == NULL);
	SHOW(tcflush(fd, TCIFLUSH));
	SHOW(tcdrain(fds[1]));
	close(fd);
	close(fds[0]);
	close(fds[1]);
}

TEST(pty_forkpty)
{
	struct winsize ws = { 30, 100, 0, 0 };
	int m, status;
	pid_t pid;

	fflush(stdout);
	pid = forkpty(&m, NULL, NULL, &ws);
	if (pid == 0) {
		struct winsize now;

		ioctl(0, TIOCGWINSZ, &now);
		printf("%d %d %d size %u %u\n", isatty(0), getsid(0) == getpid(),
			tcgetpgrp(0) == getpgrp(), now.ws_row, now.ws_col);
		fflush(stdout);
		SHOW(open("/dev/tty", O_RDWR) >= 0);
		SHOW(tcgetsid(0) == getpid());
		printf("done\n");
		fflush(stdout);
		_exit(3);
	}
	see(m, "done\r\n");
	waitpid(pid, &status, 0);
	show_status("child", status);
	get(m, 10);
	close(m);
}

TEST(pty_badptr)
{
	struct pair p = pair_open();
	static const struct {
		const char *name;
		unsigned long cmd;
	} cmds[] = {
		{ "TCGETS", TCGETS },
		{ "TCSETS", TCSETS },
		{ "TCSETSW", TCSETSW },
		{ "TCSETSF", TCSETSF },
		{ "TCGETA", TCGETA },
		{ "TCSETA", TCSETA },
		{ "FIONREAD", FIONREAD },
		{ "TIOCOUTQ", TIOCOUTQ },
		{ "TIOCGETD", TIOCGETD },
		{ "TIOCSETD", TIOCSETD },
		{ "TIOCGDEV", TIOCGDEV },
		{ "TIOCGEXCL", TIOCGEXCL },
	};

	for (size_t i = 0; i < sizeof(cmds) / sizeof(*cmds); i++) {
		int a, b;

		errno = 0;
		a = ioctl(p.s, cmds[i].cmd, bad_pointer());
		printf("%s slave %d %s", cmds[i].name, a, strerrorname_np(errno));
		errno = 0;
		b = ioctl(p.m, cmds[i].cmd, bad_pointer());
		printf(" master %d %s\n", b, strerrorname_np(errno));
	}
	SHOW(ioctl(p.s, 0x5490, 0));
	SHOW(ioctl(p.m, 0x5490, 0));
	SHOW(ioctl(p.s, TCFLSH, 3));
	SHOW(ioctl(p.s, TCXONC, 4));
	SHOW(tcsendbreak(p.s, 0));
	SHOW(tcdrain(p.s));
	SHOW(tcdrain(p.m));
	pair_close(p);
}

/* Somebody else with the slave, whatever happens to it. By way of the master, for a name may be another's
 * by now. */
static void storm_visitor(int m)
{
	int fd = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK), n;
	char buf[16];

	close(m);
	for (int i = 0; fd >= 0 && i < 20; i++) {
		(void)!write(fd, "visit", 5);
		(void)!read(fd, buf, sizeof(buf));
		ioctl(fd, TIOCGPGRP, &n);
		ioctl(fd, FIONREAD, &n);
	}
	fd = open("/dev/tty", O_RDWR | O_NONBLOCK);
	_exit(fd >= 0);
}

/* Pairs that are made, opened, taken as controlling terminals, hung up and closed by several processes at
 * the same time. Nobody opens by its name what might be closed already: the name might be another program's
 * by then. */
static void storm_pair(unsigned n)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), status;
	char name[64], buf[64];
	pid_t pid, visitor;

	if (m < 0 || unlockpt(m) != 0)
		_exit(1);
	strcpy(name, ptsname(m));
	fcntl(m, F_SETFL, O_NONBLOCK);
	visitor = fork();
	if (visitor == 0)
		storm_visitor(m);
	pid = fork();
	if (pid == 0) {
		int s;

		setsid();
		s = n % 3 == 0 ? ioctl(m, TIOCGPTPEER, O_RDWR) : open(name, O_RDWR);
		if (n % 3 == 0)
			close(m);
		if (s >= 0 && write(s, name, strlen(name)) > 0 && n % 4 == 0 && fork() == 0) {
			(void)!read(s, buf, sizeof(buf)); /* until it hangs up */
			_exit(0);
		}
		if (n % 5 == 0)
			ioctl(s, TIOCNOTTY);
		_exit(0);
	}
	if (n % 2 == 0)
		waitpid(pid, &status, 0);
	if (write(m, "typed\n\003", 7) < 0 && errno != EAGAIN)
		_exit(2);
	(void)!read(m, buf, sizeof(buf));
	close(m);
	if (n % 2 != 0)
		waitpid(pid, &status, 0);
	waitpid(visitor, &status, 0);
}

TEST(pty_storm)
{
	enum { WORKERS = 4, ROUNDS = 50 };
	int status, bad = 0;

	signal(SIGHUP, SIG_IGN);
	for (int w = 0; w < WORKERS; w++) {
		if (fork() != 0)
			continue;
		signal(SIGHUP, SIG_DFL);
		for (unsigned i = 0; i < ROUNDS; i++) {
			storm_pair(i + (unsigned)w);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("failed %d\n", bad);
}
