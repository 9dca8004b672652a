/* SPDX-License-Identifier: BSD-2-Clause
 * `tests --pty ROWS COLS SCRIPT COMMAND...` runs a command on a pseudo-terminal and plays its user. The
 * lines of SCRIPT:
 *
 *	expect TEXT	wait until TEXT has come, after what was expected before
 *	await TEXT	wait until a row of the screen holds TEXT
 *	cursor ROW COL	wait until the cursor is there: programs put it last
 *	send TEXT	type it
 *	press TEXT	type it five times a second until the program ends
 *	size ROWS COLS	another window
 *	screen		print the screen as it is
 *
 * with \n, \x1b and \\ in TEXT. If the script prints no screen, everything that came is printed, byte
 * for byte, when the command has ended; in either case then how it ended.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "screen.h"
#include "test.h"

#define PATIENCE_MS 60000
#define STREAM_MAX  (1 << 20)

static int fd;
static struct screen scr;
static char *stream;
static size_t nstream, seen;

static int ended; /* nothing more will come */

/* More output: false when none came in that time, or none ever will. */
static int listen_ms(int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return 0;
	n = read(fd, buf, sizeof(buf));
	if (n <= 0) {
		ended = 1;
		return 0;
	}
	screen_put(&scr, buf, n);
	if (nstream + (size_t)n <= STREAM_MAX) {
		memcpy(stream + nstream, buf, (size_t)n);
		nstream += (size_t)n;
	}
	return 1;
}

static int expected(const char *text, size_t n)
{
	char *at = memmem(stream + seen, nstream - seen, text, n);

	if (at != NULL)
		seen = (size_t)(at - stream) + n;
	return at != NULL;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int has_come(const char *word, const char *text, size_t n)
{
	int row, col;

	if (word[0] == 'e')
		return expected(text, n);
	if (word[0] == 'a')
		return screen_has(&scr, text);
	return sscanf(text, "%d %d", &row, &col) == 2 && row == scr.row && col == scr.col;
}

static int wait_for(const char *word, const char *text, size_t n)
{
	long end = now_ms() + PATIENCE_MS;

	while (!has_come(word, text, n)) {
		long left = end - now_ms();

		if (left > 0 && listen_ms((int)left))
			continue;
		printf("pty: no '%s'\n", text);
		screen_print(&scr);
		return 0;
	}
	return 1;
}

static size_t unescape(char *p)
{
	char *out = p, *start = p;

	while (*p != '\0') {
		if (p[0] == '\\' && p[1] == 'n') {
			*out++ = '\n';
			p += 2;
		} else if (p[0] == '\\' && p[1] == 'x') {
			char hex[3] = { p[2], p[2] != '\0' ? p[3] : '\0' };

			*out++ = (char)strtol(hex, NULL, 16);
			p += 2 + strlen(hex);
		} else {
			p += p[0] == '\\' && p[1] == '\\';
			*out++ = *p++;
		}
	}
	*out = '\0';
	return (size_t)(out - start);
}

/* For programs that do not listen all the time, as watch with its system(3). */
static int press(const char *text, size_t n)
{
	for (long end = now_ms() + PATIENCE_MS; now_ms() < end && !ended;) {
		long next = now_ms() + 200;

		if (write(fd, text, n) < 0)
			break;
		while (!ended && now_ms() < next)
			listen_ms((int)(next - now_ms()));
	}
	return ended;
}

/* Does one line of the script; false: it failed. */
static int step(char *line, int *printed)
{
	char *text = strchr(line, ' ');
	size_t n = 0;

	if (text != NULL) {
		*text++ = '\0';
		n = unescape(text);
	}
	if (strcmp(line, "screen") == 0) {
		screen_print(&scr);
		*printed = 1;
	} else if (text == NULL) {
		return line[0] == '\0';
	} else if (strcmp(line, "expect") == 0 || strcmp(line, "await") == 0 ||
		   strcmp(line, "cursor") == 0) {
		return wait_for(line, text, n);
	} else if (strcmp(line, "send") == 0) {
		return write(fd, text, n) == (ssize_t)n;
	} else if (strcmp(line, "press") == 0) {
		return press(text, n);
	} else if (strcmp(line, "size") == 0) {
		struct winsize ws = { 0 };

		if (sscanf(text, "%hu %hu", &ws.ws_row, &ws.ws_col) != 2)
			return 0;
		screen_init(&scr, ws.ws_row, ws.ws_col);
		return ioctl(fd, TIOCSWINSZ, &ws) == 0;
	}
	return 1;
}

static int play(FILE *script)
{
	char line[512];
	int printed = 0, ok = 1;
	long end;

	while (ok && fgets(line, sizeof(line), script) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		ok = step(line, &printed);
		if (!ok)
			printf("pty: failed at '%s'\n", line);
	}
	for (end = now_ms() + PATIENCE_MS; ok && !ended && now_ms() < end;)
		listen_ms(1000);
	if (ok && !ended) {
		printf("pty: the program does not end\n");
		ok = 0;
	}
	if (!printed)
		fwrite(stream, 1, nstream, stdout);
	return ok;
}

/* It has closed the terminal: it has the same time once more to end in. */
static int ends(pid_t pid)
{
	siginfo_t info = { 0 };

	for (long end = now_ms() + PATIENCE_MS; now_ms() < end; usleep(1000))
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
			info.si_pid == pid)
			return 1;
	printf("pty: the program does not end\n");
	return 0;
}

int ptyrun(char **argv)
{
	struct winsize ws = { .ws_row = (unsigned short)atoi(argv[0]),
		.ws_col = (unsigned short)atoi(argv[1]) };
	FILE *script = fopen(argv[2], "r");
	int status, ok;
	pid_t pid;

	stream = malloc(STREAM_MAX);
	if (script == NULL || stream == NULL) {
		perror(argv[2]);
		return 1;
	}
	screen_init(&scr, ws.ws_row, ws.ws_col);
	pid = forkpty(&fd, NULL, NULL, &ws);
	if (pid < 0) {
		perror("forkpty");
		return 1;
	}
	if (pid == 0) {
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	ok = play(script);
	if (!ok || !ends(pid))
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	show_status("pty", status);
	return !ok;
}
