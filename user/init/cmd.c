/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd.c: run the command tools/vm has brought, and report.
 *
 * Its stdout goes out on one serial line, its stderr on another, byte for byte, and it must not find a terminal there. On
 * Mayfly a serial line that is not the console is a plain byte device, so the command gets the device itself. On Linux
 * every serial line is a terminal: there the command gets pipes, and init copies.
 *
 * On the control line, guest to host: "GET <path> <size>\n" and the bytes, or "GETERR <path> <errno>\n", for each file
 * wanted; "STATUS <n>\n" comes last, when everything else is out.
 */
#include "user/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* One of the command's two outputs. */
struct output {
	int line;  /* the serial line */
	int give;  /* what the command gets: the line itself, or a pipe's write end */
	int relay; /* the pipe's read end, or -1 */
};

static void on_child(int sig)
{
}

/* argv from NUL-ended strings. NULL when there is no memory. */
static char **split(char *text, size_t len)
{
	size_t n = 0, i = 0;
	char **argv;

	for (size_t k = 0; k < len; k++)
		n += text[k] == '\0';
	argv = calloc(n + 1, sizeof *argv);
	for (char *p = text; argv && i < n; p += strlen(p) + 1)
		argv[i++] = p;
	return argv;
}

static int output_open(struct output *out, const char *path)
{
	int ends[2];

	out->relay = -1;
	out->give = out->line = serial_open(path);
	if (out->line < 0)
		return -1;
	if (isatty(out->line)) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -1;
		out->relay = ends[0];
		out->give = ends[1];
	}
	return 0;
}

/* Copy what is in the pipe, at most one buffer; false when there was nothing. */
static int output_relay(struct output *out)
{
	char buf[16384];
	ssize_t n = read(out->relay, buf, sizeof buf);

	if (n > 0)
		write_all(out->line, buf, n);
	else if (n == 0)
		out->relay = -1;
	return n > 0;
}

static void start(char **argv, struct output *out, const sigset_t *mask)
{
	int null = open("/dev/null", O_RDONLY);

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(out[0].give, 1) < 0 || dup2(out[1].give, 2) < 0)
		_exit(126);
	if (null > 2)
		close(null);
	execvp(argv[0], argv);
	dprintf(2, "init: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Reap until `child` is among the dead, copying its output meanwhile. SIGCHLD is blocked but for the wait in ppoll, so
 * that none is missed.
 */
static int supervise(pid_t child, struct output *out, const sigset_t *mask)
{
	int relaying = out[0].relay >= 0 || out[1].relay >= 0;
	int status;

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = out[0].relay, .events = POLLIN },
			{ .fd = out[1].relay, .events = POLLIN },
		};
		pid_t pid = waitpid(-1, &status, relaying ? WNOHANG : 0);

		if (pid == child)
			break;
		if (pid > 0)
			continue;
		if (pid < 0 && errno == ECHILD)
			return -1;
		if (relaying && ppoll(fds, 2, NULL, mask) > 0)
			for (int i = 0; i < 2; i++)
				if (fds[i].revents)
					output_relay(&out[i]);
	}
	/* What it has written is in the pipes; what its surviving children write later is not waited for. */
	for (int i = 0; i < 2; i++)
		if (out[i].relay >= 0) {
			fcntl(out[i].relay, F_SETFL, O_NONBLOCK);
			while (out[i].relay >= 0 && output_relay(&out[i]))
				;
		}
	return status;
}

static void send_file(int control, const char *path)
{
	char *data;
	size_t len;

	if (read_file(path, &data, &len) < 0) {
		dprintf(control, "GETERR %s %d\n", path, errno);
		return;
	}
	dprintf(control, "GET %s %zu\n", path, len);
	write_all(control, data, len);
	free(data);
}

void run_command(int control)
{
	struct output out[2];
	char *text, *mark, **argv, **paths;
	size_t len, marklen;
	sigset_t block, mask;
	pid_t child;
	int status, code = 126;

	if (read_file(CMD_FILE, &text, &len) < 0 || !(argv = split(text, len)) || !argv[0])
		goto out;
	/* A machine without serial lines: what the command writes is at least seen. */
	if (output_open(&out[0], STDOUT_TTY) < 0 || output_open(&out[1], STDERR_TTY) < 0)
		for (int i = 0; i < 2; i++)
			out[i] = (struct output){ STDOUT_FILENO, STDOUT_FILENO, -1 };
	if (read_file(MARK_FILE, &mark, &marklen) == 0)
		write_all(out[0].line, mark, marklen);
	signal(SIGCHLD, on_child);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &mask);
	child = fork();
	if (child == 0)
		start(argv, out, &mask);
	if (child < 0) {
		dprintf(out[1].line, "init: cannot fork: %s\n", strerror(errno));
		goto out;
	}
	for (int i = 0; i < 2; i++)
		if (out[i].relay >= 0)
			close(out[i].give);
	status = supervise(child, out, &mask);
	code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	tcdrain(out[0].line);
	tcdrain(out[1].line);

	if (read_file(GET_FILE, &text, &len) == 0 && (paths = split(text, len)))
		for (int i = 0; paths[i]; i++)
			send_file(control, paths[i]);
out:
	dprintf(control, "STATUS %d\n", code);
	tcdrain(control);
}
