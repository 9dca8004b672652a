/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login.c: a shell on the console, and on the virtual consoles where there is a screen.
 *
 * /dev/console has one at once, and so has tty1. tty2 to tty4 wait until somebody asks for one by pressing Enter. A shell
 * that ends is followed by another.
 */
#include "user/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A terminal with a shell on it. */
struct seat {
	const char *path;
	int screen;        /* a virtual console, not whatever hangs on a serial line */
	int ask;           /* wait for Enter before */
	pid_t pid;         /* 0: nobody */
	time_t since;      /* when it was started; seconds of the monotonic clock */
	unsigned failures; /* in a row; SHELL_TRIES: given up */
	int greeted;
};

static struct seat seats[] = {
	{ .path = "/dev/console" },
	{ .path = "/dev/tty1", .screen = 1 },
	{ .path = "/dev/tty2", .screen = 1, .ask = 1 },
	{ .path = "/dev/tty3", .screen = 1, .ask = 1 },
	{ .path = "/dev/tty4", .screen = 1, .ask = 1 },
};
#define NSEATS (sizeof seats / sizeof *seats)

static int is_console(const char *path, int *virtual)
{
	struct vt_stat st;
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return 0;
	*virtual = ioctl(fd, VT_GETSTATE, &st) == 0;
	close(fd);
	return 1;
}

/* Leave out what is not there, and one of /dev/console and tty1 where they are the same. */
static void find_seats(void)
{
	int virtual, screen = 0;

	for (size_t i = 1; i < NSEATS; i++)
		if (is_console(seats[i].path, &virtual) && virtual)
			screen = 1;
		else
			seats[i].failures = SHELL_TRIES;
	if (screen && is_console("/dev/console", &virtual) && virtual)
		seats[0].failures = SHELL_TRIES;
}

/* Tell the shell's terminal what tools/vm knows of the real one. */
static void set_terminal(const struct seat *s)
{
	char *text, term[64];
	struct winsize size = { 0 };
	size_t len;

	setenv("TERM", s->screen ? "linux" : "vt102", 1);
	if (s->screen || read_file(TTY_FILE, &text, &len) < 0)
		return;
	if (sscanf(text, "%63s %hu %hu", term, &size.ws_row, &size.ws_col) == 3) {
		setenv("TERM", term, 1);
		ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
	}
	free(text);
}

/* Whatever the last shell left, begin with a sane line discipline. */
static void set_discipline(void)
{
	struct termios tio;

	if (tcgetattr(STDIN_FILENO, &tio) < 0)
		return;
	tio.c_iflag = (tio.c_iflag & IUTF8) | ICRNL | IXON;
	tio.c_oflag = OPOST | ONLCR;
	tio.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	tio.c_cflag |= CLOCAL | CREAD;
	tcsetattr(STDIN_FILENO, TCSANOW, &tio);
}

static void greet(void)
{
	char *motd;
	size_t len;

	if (read_file("/etc/motd", &motd, &len) < 0)
		return;
	write_all(STDOUT_FILENO, motd, len);
	free(motd);
}

/* False when the terminal has nobody to say anything. */
static int wait_for_enter(const struct seat *s)
{
	char c;
	ssize_t n;

	printf("Press Enter for a shell on %s.", s->path + strlen("/dev/"));
	fflush(stdout);
	do
		n = read(STDIN_FILENO, &c, 1);
	while ((n < 0 && errno == EINTR) || (n == 1 && c != '\n'));
	return n == 1;
}

static void login_shell(const struct seat *s)
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	setsid();
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	if (open(s->path, O_RDWR | O_NOCTTY) != 0 || dup(0) != 1 || dup(0) != 2)
		_exit(126);
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	set_discipline();
	set_terminal(s);
	if (s->ask && !wait_for_enter(s))
		_exit(126);
	if (!s->greeted)
		greet();
	if (chdir("/root") < 0 && chdir("/") < 0)
		_exit(126);
	execl("/bin/sh", "-sh", "-l", NULL);
	fprintf(stderr, "init: cannot run /bin/sh: %s\n", strerror(errno));
	_exit(127);
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void start(struct seat *s)
{
	pid_t pid;

	s->since = seconds();
	pid = fork();
	if (pid == 0)
		login_shell(s);
	if (pid > 0)
		s->pid = pid;
	else
		fprintf(stderr, "init: cannot fork: %s\n", strerror(errno));
	s->greeted = pid > 0 && !s->ask;
}

/* 126 or 127 is a failure only when it comes at once: later it is what the last command of a shell gave. */
static void ended(struct seat *s, int status)
{
	s->pid = 0;
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 126 && WEXITSTATUS(status) != 127) ||
		seconds() > s->since + 1) {
		s->failures = 0;
		return;
	}
	s->failures++;
	pause_ms(1000); /* a shell that cannot start is not tried at full speed */
}

/* Start what is not running; false when there is nothing left to try. Those who wait for Enter would meet the same. */
static int start_all(void)
{
	int left = 0, idle = 0;

	for (size_t i = 0; i < NSEATS; i++) {
		if (seats[i].failures >= SHELL_TRIES)
			continue;
		left |= !seats[i].ask;
		if (seats[i].pid == 0)
			start(&seats[i]);
		idle |= seats[i].pid == 0;
	}
	if (idle) /* no memory: not at full speed either */
		pause_ms(1000);
	return left;
}

void serve_consoles(void)
{
	find_seats();
	while (start_all()) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		for (size_t i = 0; pid > 0 && i < NSEATS; i++)
			if (seats[i].pid == pid)
				ended(&seats[i], status);
	}
	fprintf(stderr, "init: no shell after %d tries, giving up\n", SHELL_TRIES);
}
