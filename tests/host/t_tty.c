/* SPDX-License-Identifier: BSD-2-Clause
 * fs/tty_ldisc.c against the line discipline of the host's Linux: the same bytes are typed into a
 * pseudo-terminal with the same settings, and what readers get and what is echoed must be the same.
 * Where the host has no pseudo-terminals, only the fixed expectations are checked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fs/tty_ldisc.h"
#include "tests/host/tap.h"

/* <sys/ioctl.h> and <termios.h> define what the ABI header does. */
int ioctl(int fd, unsigned long cmd, ...);

#define IN_MAX  512
#define LOG_MAX 8192

struct outcome {
	char reads[LOG_MAX]; /* each read(2) as (bytes) */
	size_t nreads;
	uint8_t echo[LOG_MAX];
	size_t necho;
};

static int master = -1, slave = -1;
static int patience_ms = 15;

static void log_read(struct outcome *o, const uint8_t *p, size_t n)
{
	o->reads[o->nreads++] = '(';
	for (size_t i = 0; i < n && o->nreads + 8 < LOG_MAX; i++)
		o->nreads += (size_t)sprintf(
			o->reads + o->nreads, p[i] >= ' ' && p[i] < 127 ? "%c" : "\\x%02x", p[i]);
	o->reads[o->nreads++] = ')';
	o->reads[o->nreads] = '\0';
}

static bool open_pty(void)
{
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		return false;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
	fcntl(master, F_SETFL, O_NONBLOCK);
	return slave >= 0;
}

/* What the host says arrives through a work queue: wait until nothing more comes. */
static void settle(struct outcome *o)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	uint8_t buf[512];

	while (poll(&p, 1, patience_ms) > 0) {
		ssize_t n = read(master, buf, sizeof(buf));

		if (n <= 0)
			return;
		memcpy(o->echo + o->necho, buf, (size_t)n);
		o->necho += (size_t)n;
	}
}

static struct linux_termios settings(void)
{
	static struct ldisc l;

	ldisc_init(&l);
	return l.t;
}

static void put_pty(int fd, const void *p, size_t n, struct outcome *o)
{
	if (write(fd, p, n) != (ssize_t)n)
		note("short write to the pty");
	settle(o);
}

static void run_linux(
	const struct linux_termios *t, const uint8_t *in, size_t n, size_t size, struct outcome *o)
{
	struct linux_termios plain = settings();
	uint8_t buf[IN_MAX];
	ssize_t got;

	o->nreads = o->necho = 0;
	/* Use up a LNEXT of the round before, and go to column 0. */
	ioctl(slave, TCSETSF, &plain);
	put_pty(master, "x", 1, o);
	ioctl(slave, TCSETSF, &plain);
	put_pty(slave, "\n", 1, o);
	ioctl(slave, TCSETSF, t);
	o->necho = 0;
	/* A signal character throws away what is on its way to the screen, so let that arrive. */
	for (size_t i = 0; i < n; i++) {
		if (in[i] != 3)
			continue;
		put_pty(master, in, i, o);
		in += i;
		n -= i;
		i = 0;
	}
	put_pty(master, in, n, o);
	while ((got = read(slave, buf, size)) >= 0 && o->nreads < LOG_MAX / 2) {
		log_read(o, buf, (size_t)got);
		if (got == 0 && !(t->lflag & ICANON))
			break;
	}
}

static void run_ours(
	const struct linux_termios *t, const uint8_t *in, size_t n, size_t size, struct outcome *o)
{
	static struct ldisc l;
	uint8_t buf[IN_MAX];
	bool done;

	o->nreads = o->necho = 0;
	ldisc_init(&l);
	ldisc_set_termios(&l, t);
	for (size_t i = 0; i < n; i++) {
		ldisc_input(&l, in[i]);
		memcpy(o->echo + o->necho, l.echo, l.necho);
		o->necho += l.necho;
	}
	while (ldisc_readable(&l, 0))
		log_read(o, buf, ldisc_read(&l, buf, (unsigned)size, &done));
}

static void describe(const char *who, const struct outcome *o)
{
	printf("# %s: reads %s echo \"", who, o->nreads > 0 ? o->reads : "");
	for (size_t i = 0; i < o->necho; i++)
		printf(o->echo[i] >= ' ' && o->echo[i] < 127 ? "%c" : "\\x%02x", o->echo[i]);
	printf("\"\n");
}

static bool equal(const struct outcome *a, const struct outcome *b)
{
	return a->nreads == b->nreads && memcmp(a->reads, b->reads, a->nreads) == 0 &&
	       a->necho == b->necho && memcmp(a->echo, b->echo, a->necho) == 0;
}

static void compare(
	const char *name, const struct linux_termios *t, const char *in, size_t n, size_t size)
{
	static struct outcome ours, theirs;
	bool same;

	run_ours(t, (const uint8_t *)in, n, size, &ours);
	if (master < 0) {
		ok(true, "%s # skip no pseudo-terminal", name);
		return;
	}
	run_linux(t, (const uint8_t *)in, n, size, &theirs);
	same = equal(&ours, &theirs);
	if (!same) {
		patience_ms = 300; /* a busy host is slow to echo */
		run_linux(t, (const uint8_t *)in, n, size, &theirs);
		same = equal(&ours, &theirs);
		patience_ms = 15;
	}
	ok(same, "%s as on Linux", name);
	if (!same) {
		describe("ours", &ours);
		describe("Linux", &theirs);
	}
}

#define COMPARE(name, t, in, size) compare(name, t, in, sizeof(in) - 1, size)

static void test_canonical(void)
{
	struct linux_termios t = settings();

	COMPARE("lines", &t, "hello\nworld\rrest", 64);
	COMPARE("a short read leaves the rest of the line", &t, "abcdef\nx\n", 4);
	COMPARE("erase", &t, "abx\177c\nx\177\177\177y\n", 64);
	COMPARE("erase of control characters", &t, "a\001\177b\n", 64);
	COMPARE("kill", &t, "abcdef\025xyz\n", 64);
	COMPARE("word erase", &t, "one two  \027three\027\n", 64);
	COMPARE("end of file", &t, "abc\004def\n\004", 64);
	COMPARE("end of file right behind what fits", &t, "abc\004def\n", 3);
	COMPARE("literal next", &t, "a\026\003b\026\004c\026\177\n", 64);
	COMPARE("reprint", &t, "abc\022def\n", 64);
	COMPARE("tabs", &t, "a\tb\t\177\177c\n", 64);
	t.lflag &= ~ECHO;
	COMPARE("no echo", &t, "secret\177\n", 64);
	t.lflag |= ECHONL;
	COMPARE("echo of newline only", &t, "secret\n", 64);
	t = settings();
	t.lflag &= ~(ECHOE | ECHOKE);
	COMPARE("hard-copy erase and kill", &t, "abc\177d\025efg\n", 64);
	t = settings();
	t.lflag &= ~ECHOCTL;
	COMPARE("control characters unveiled", &t, "a\001b\n", 64);
	t = settings();
	t.iflag |= IUTF8;
	COMPARE("erase of UTF-8", &t, "a\303\244\177b\342\202\254\177c\n", 64);
	t = settings();
	t.cc[VEOL] = ';';
	COMPARE("another end of line", &t, "a;b\n", 64);
}

static void test_modes(void)
{
	struct linux_termios t = settings();

	t.iflag &= ~ICRNL;
	COMPARE("no ICRNL", &t, "a\rb\n", 64);
	t.iflag |= INLCR;
	COMPARE("INLCR", &t, "a\nb\r", 64);
	t = settings();
	t.iflag |= IGNCR;
	COMPARE("IGNCR", &t, "a\rb\n", 64);
	t = settings();
	t.oflag &= ~OPOST;
	COMPARE("no output processing", &t, "a\tb\n", 64);
	t = settings();
	t.oflag |= XTABS;
	COMPARE("tabs as spaces", &t, "a\tbcd\te\n", 64);
	t = settings();
	t.lflag &= ~ICANON;
	COMPARE("raw", &t, "ab\177c\004\025\rd\n", 64);
	t.lflag &= ~(ECHO | ISIG);
	t.iflag = 0;
	COMPARE("very raw", &t, "ab\003\023\021c\r\n\377", 4);
	t = settings();
	t.lflag &= ~ISIG;
	COMPARE("no signals", &t, "a\003b\032\n", 64);
	t = settings();
	COMPARE("interrupt throws the line away", &t, "abc\003def\n", 64);
	t.lflag |= NOFLSH;
	COMPARE("unless NOFLSH", &t, "abc\003def\n", 64);
}

static void test_random(unsigned rounds)
{
	static const char alphabet[] = "abc d\n\r\t\177\025\027\004\026\001\022;";

	for (unsigned r = 0; r < rounds; r++) {
		struct linux_termios t = settings();
		char in[40], name[32];
		size_t n = 1 + (size_t)rand() % sizeof(in);

		for (size_t i = 0; i < n; i++)
			in[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		if (rand() % 4 == 0)
			t.lflag &= ~(uint32_t)ECHOE;
		if (rand() % 4 == 0)
			t.oflag |= XTABS;
		if (rand() % 4 == 0)
			t.lflag &= ~(uint32_t)ICANON;
		snprintf(name, sizeof(name), "random %u", r);
		compare(name, &t, in, n, 1 + (size_t)rand() % 20);
	}
}

static void type(struct ldisc *l, const char *s)
{
	while (*s != '\0')
		ldisc_input(l, (uint8_t)*s++);
}

static void test_queue(void)
{
	static struct ldisc l;
	struct linux_termios raw;
	struct ldisc_result r;
	uint8_t buf[64];
	bool done;
	unsigned got = 0;

	ldisc_init(&l);
	for (unsigned i = 0; i < 3 * LDISC_SIZE; i++)
		ldisc_input(&l, 'x');
	r = ldisc_input(&l, '\n');
	ok(r.readable, "a line that is too long can be ended");
	do {
		got += ldisc_read(&l, buf, sizeof(buf), &done);
	} while (!done);
	is_int(got, LDISC_SIZE, "and as much of it as fits is there");

	type(&l, "one\ntwo");
	is_int(ldisc_count(&l), 4, "only whole lines count");
	raw = l.t;
	raw.lflag &= ~(uint32_t)ICANON;
	ldisc_set_termios(&l, &raw);
	is_int(ldisc_count(&l), 7, "in raw mode everything counts");
	is_int(ldisc_read(&l, buf, sizeof(buf), &done), 7, "and can be read");
	type(&l, "ahead");
	raw.lflag |= ICANON;
	ldisc_set_termios(&l, &raw);
	ok(ldisc_readable(&l, 0), "what was typed ahead in raw mode can be read as a line");
	is_int(ldisc_read(&l, buf, sizeof(buf), &done), 5, "all of it");

	r = ldisc_input(&l, 'C' & 0x1f);
	is_int(r.signal, 2, "^C is SIGINT");
	r = ldisc_input(&l, 'S' & 0x1f);
	ok(l.stopped && !r.readable, "^S stops output");
	r = ldisc_input(&l, 'Q' & 0x1f);
	ok(!l.stopped && r.resumed, "^Q lets it go on");
}

/* Any bytes under any settings: the queue stays whole (the sanitizers watch the rest). */
static void test_wild(void)
{
	static struct ldisc l;
	uint8_t buf[64];
	bool whole = true, done;

	ldisc_init(&l);
	for (unsigned i = 0; i < 1000000 && whole; i++) {
		if (rand() % 1000 == 0) {
			struct linux_termios t = l.t;

			t.lflag = (uint32_t)rand();
			t.iflag = (uint32_t)rand();
			t.oflag = (uint32_t)rand();
			t.cc[rand() % NCCS] = (uint8_t)rand();
			ldisc_set_termios(&l, &t);
		}
		ldisc_input(&l, (uint8_t)rand());
		if (rand() % 300 == 0 && ldisc_readable(&l, 0))
			ldisc_read(&l, buf, (unsigned)rand() % sizeof(buf), &done);
		whole = l.head - l.tail <= LDISC_SIZE && l.head - l.line <= l.head - l.tail &&
			l.lines <= l.head - l.tail && l.necho <= LDISC_ECHO_SIZE;
	}
	ok(whole, "a million wild bytes");
}

int main(void)
{
	unsigned seed =
		getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);

	note("SEED=%u", seed);
	srand(seed);
	if (!open_pty()) {
		note("no pseudo-terminal: %s", strerror(errno));
		master = -1;
	}
	test_canonical();
	test_modes();
	test_queue();
	test_wild();
	test_random(getenv("MAYFLY_SOAK") != NULL ? 1000 : 60);
	return tap_done();
}
