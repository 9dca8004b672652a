/* SPDX-License-Identifier: BSD-2-Clause
 * sftop: what the ephemeral mappings do, live: hits, misses, waits, IPIs and INVLPGs per second, for
 * each user of the layer and for each CPU, from /proc/sf_buf. Keys: q quits, r resets the counters.
 * Plain POSIX; a few ANSI escapes, which the serial console and the VGA text console both know.
 *
 * One thread. A picture shows the difference of two samples; a counter that went down was reset
 * meanwhile, and counts from 0.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SOURCE   "/proc/sf_buf"
#define MAX_ROWS 80 /* all, the users, 64 CPUs, and some to spare */
#define NAME_LEN 16
#define WIDTH    8 /* of a column: nine of them and a name in 80 */

/* A row's columns, by the counters' names in the file. */
static const char *const counters[] = { "alloc", "hit", "miss", "wait", "ipi_rounds", "ipi_sent",
	"ipi_received", "invlpg_local", "flush_local" };
static const char *const titles[] = { "pages/s", "hits/s", "miss/s", "waits/s", "rounds", "IPI out",
	"IPIs in", "INVLPGs", "flushes" };
#define NCOUNTERS (sizeof(counters) / sizeof(counters[0]))

struct row {
	char name[NAME_LEN]; /* "": everybody */
	bool has[NCOUNTERS];
	unsigned long long value[NCOUNTERS];
};

struct sample {
	double time; /* seconds */
	char strategy[NAME_LEN];
	unsigned long long slots, inuse, peak;
	struct row rows[MAX_ROWS];
	unsigned nrows;
};

static struct termios saved_tty;
static bool tty_changed;
static volatile sig_atomic_t stop;

/* ---- samples ---- */

static void die(const char *what)
{
	int err = errno;

	if (tty_changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_tty);
	fprintf(stderr, "sftop: %s: %s\n", what, strerror(err));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct row *row_named(struct sample *s, const char *name, size_t len)
{
	struct row *r;

	for (unsigned i = 0; i < s->nrows; i++)
		if (strlen(s->rows[i].name) == len && memcmp(s->rows[i].name, name, len) == 0)
			return &s->rows[i];
	if (s->nrows == MAX_ROWS || len >= NAME_LEN)
		return NULL;
	r = &s->rows[s->nrows++];
	memset(r, 0, sizeof(*r));
	memcpy(r->name, name, len);
	return r;
}

/* "hit 12" is everybody's, "pipe.hit 12" of one user, "cpu0.hit 12" of one CPU. */
static void take_line(struct sample *s, const char *name, const char *text)
{
	const char *dot = strchr(name, '.'), *counter = dot != NULL ? dot + 1 : name;
	unsigned long long value = strtoull(text, NULL, 10);
	struct row *r;

	if (strcmp(name, "strategy") == 0)
		snprintf(s->strategy, sizeof(s->strategy), "%.15s", text);
	else if (strcmp(name, "nsfbufs") == 0)
		s->slots = value;
	else if (strcmp(name, "inuse") == 0)
		s->inuse = value;
	else if (strcmp(name, "inuse_peak") == 0)
		s->peak = value;
	for (size_t i = 0; i < NCOUNTERS; i++) {
		if (strcmp(counter, counters[i]) != 0)
			continue;
		r = row_named(s, name, dot != NULL ? (size_t)(dot - name) : 0);
		if (r != NULL) {
			r->has[i] = true;
			r->value[i] = value;
		}
	}
}

static void take_sample(struct sample *s)
{
	FILE *f = fopen(SOURCE, "r");
	char name[64], text[64];

	if (f == NULL)
		die(SOURCE);
	memset(s, 0, sizeof(*s));
	s->time = now();
	while (fscanf(f, "%63s %63s", name, text) == 2)
		take_line(s, name, text);
	fclose(f);
	if (s->nrows == 0) {
		errno = EINVAL;
		die(SOURCE);
	}
}

static void reset_counters(void)
{
	FILE *f = fopen(SOURCE, "w");

	if (f == NULL || fputs("reset\n", f) == EOF || fclose(f) != 0)
		die(SOURCE);
}

/* ---- the picture ---- */

struct screen {
	bool batch;
	const char *eol; /* clears the rest of a line */
	unsigned left;   /* lines that there is room for */
};

static bool is_cpu(const struct row *r)
{
	return strncmp(r->name, "cpu", 3) == 0;
}

static bool is_quiet(const struct row *r)
{
	for (size_t i = 0; i < NCOUNTERS; i++)
		if (r->value[i] != 0)
			return false;
	return true;
}

static const struct row *same_row(const struct sample *s, const struct row *r)
{
	for (unsigned i = 0; i < s->nrows; i++)
		if (strcmp(s->rows[i].name, r->name) == 0)
			return &s->rows[i];
	return NULL;
}

static void end_line(struct screen *sc)
{
	if (sc->left < 2)
		return;
	printf("%s\n", sc->eol);
	sc->left--;
}

static void print_heading(struct screen *sc, const char *what)
{
	if (sc->left < 2)
		return;
	printf("%-7s", what);
	for (size_t i = 0; i < NCOUNTERS; i++)
		printf("%*s", WIDTH, titles[i]);
	end_line(sc);
}

static void print_row(struct screen *sc, const struct row *r, const struct row *was, double seconds)
{
	if (sc->left < 2) /* the last line stays empty, so that nothing scrolls */
		return;
	printf("%-7.7s", r->name[0] != '\0' ? r->name : "all");
	for (size_t i = 0; i < NCOUNTERS; i++) {
		unsigned long long before = was != NULL ? was->value[i] : 0;

		if (before > r->value[i])
			before = 0;
		if (r->has[i])
			printf("%*.0f", WIDTH, (double)(r->value[i] - before) / seconds);
		else
			printf("%*s", WIDTH, "-");
	}
	end_line(sc);
}

static void print_sample(struct screen *sc, const struct sample *was, const struct sample *is)
{
	double seconds = is->time > was->time ? is->time - was->time : 1;

	printf("sftop: %s, ", is->strategy);
	if (is->slots > 0)
		printf("%llu slots, ", is->slots);
	printf("%llu in use, at most %llu; %.1f s", is->inuse, is->peak, seconds);
	if (!sc->batch)
		printf("    q quits, r resets");
	end_line(sc);
	end_line(sc);
	print_heading(sc, "user");
	for (unsigned i = 0; i < is->nrows; i++) {
		const struct row *r = &is->rows[i];

		if (!is_cpu(r) && (r->name[0] == '\0' || !is_quiet(r)))
			print_row(sc, r, same_row(was, r), seconds);
	}
	end_line(sc);
	print_heading(sc, "cpu");
	for (unsigned i = 0; i < is->nrows; i++)
		if (is_cpu(&is->rows[i]))
			print_row(sc, &is->rows[i], same_row(was, &is->rows[i]), seconds);
}

static unsigned screen_lines(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0)
		return ws.ws_row;
	return 24;
}

static void show(bool batch, const struct sample *was, const struct sample *is)
{
	struct screen sc = { batch, batch ? "" : "\033[K", batch ? ~0u : screen_lines() };

	if (!batch)
		printf("\033[H");
	print_sample(&sc, was, is);
	printf("%s", batch ? "\n" : "\033[J");
	if (fflush(stdout) != 0)
		die("stdout");
}

/* ---- keys and time ---- */

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

/* Keys as they are pressed, and not shown. */
static void set_tty(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved_tty) != 0)
		return; /* not a terminal: keys are whatever comes */
	raw = saved_tty;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
		die("tcsetattr");
	tty_changed = true;
}

/* Reads keys until `until`. False: time to go. */
static bool wait_until(double until, bool *keys)
{
	double left;

	while (!stop && (left = until - now()) > 0) {
		struct pollfd pfd = { .fd = *keys ? STDIN_FILENO : -1, .events = POLLIN };
		char c;

		if (poll(&pfd, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) != 1)
			*keys = false; /* no more of them */
		else if (c == 'q' || c == 'Q')
			return false;
		else if (c == 'r' || c == 'R')
			reset_counters();
	}
	return !stop;
}

static void run(double delay, long count, bool batch)
{
	static struct sample samples[2];
	struct sample *was = &samples[0], *is = &samples[1], *swap;
	bool keys = !batch;

	take_sample(was);
	if (!batch) {
		set_tty();
		printf("\033[2J");
		show(false, was, was);
	}
	for (long i = 0; count == 0 || i < count; i++) {
		if (!wait_until(was->time + delay, &keys))
			break;
		take_sample(is);
		show(batch, was, is);
		swap = was;
		was = is;
		is = swap;
	}
	if (tty_changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_tty);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: sftop [-d SECONDS] [-n COUNT] [-b]\n"
		"What ephemeral mappings do, per second, by user and by CPU. q quits, r resets.\n"
		"  -d SECONDS  between two pictures (1)\n"
		"  -n COUNT    so many pictures (no end)\n"
		"  -b          one after the other, as plain text; no keys\n");
}

/* A number in [min, max], or the end. */
static double number(const char *s, double min, double max)
{
	char *end;
	double v = strtod(s, &end);

	if (end != s && *end == '\0' && v >= min && v <= max)
		return v;
	fprintf(stderr, "sftop: %s: not a number from %g to %g\n", s, min, max);
	exit(2);
}

int main(int argc, char **argv)
{
	double delay = 1;
	long count = 0;
	bool batch = false;
	int opt;

	while ((opt = getopt(argc, argv, "bd:hn:")) != -1) {
		if (opt == 'b') {
			batch = true;
		} else if (opt == 'd') {
			delay = number(optarg, 0.05, 3600);
		} else if (opt == 'n') {
			count = (long)number(optarg, 1, 1e9);
		} else {
			usage(opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	catch_signals();
	run(delay, count, batch);
	return 0;
}
