/* SPDX-License-Identifier: BSD-2-Clause
 * Sequential reads and writes of a disk or a file, as dd does them, and reads through a mapping: a
 * JSON object for each pass (DESIGN 8). Runs on Linux too (/dev/ram0); on Mayfly the objects also
 * carry what the pass added to the counters of memory disks and pagers in /proc/sf_buf.
 *
 * First everything is written, each page with its own number and that of the pass; what is read is checked for it, and
 * what a pass has written is read afterwards. With
 * --cool, the whole of another disk is read before the first pass of each kind: if it is at least
 * as large as the pool of mappings, none is left and the pass is a cold one. Each pass stands between
 * marks for the instruction counter (tools/vm --count).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "arch/x86/icnt.h"
#include "user/bench/counters.h"

#define PAGE      4096u
#define MIB       ((size_t)1 << 20)
#define MAX_SIZE  MIB
#define MAX_SIZES 16u

static struct {
	const char *path, *cool, *ops;
	size_t total, sizes[MAX_SIZES];
	unsigned nsizes, passes;
	int direct;
} opt = { .path = "/dev/md0", .ops = "rwm", .total = 32 * MIB, .passes = 2 };

static unsigned char *buf;
static uint32_t round; /* of writing */

static void die(const char *what)
{
	fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- passes ---- */

/* What the page at `at` begins with. */
static uint32_t mark(size_t at)
{
	return (uint32_t)(at / PAGE) ^ (round << 20);
}

static void stamp(size_t at, size_t n)
{
	for (size_t i = 0; i < n; i += PAGE)
		*(uint32_t *)(void *)(buf + i) = mark(at + i);
}

static void check(const unsigned char *p, size_t at)
{
	if (*(const volatile uint32_t *)(const void *)p == mark(at))
		return;
	fprintf(stderr, "disk: %s: page %zu holds something else\n", opt.path, at / PAGE);
	exit(1);
}

static void pass_io(int fd, char op, size_t size)
{
	ssize_t n;

	round += op == 'w';
	for (size_t at = 0; at < opt.total; at += size) {
		if (op == 'w')
			stamp(at, size);
		n = op == 'w' ? pwrite(fd, buf, size, (off_t)at) : pread(fd, buf, size, (off_t)at);
		if (n != (ssize_t)size)
			die(op == 'w' ? "write" : "read");
		if (op == 'r')
			check(buf, at);
	}
}

static void pass_mmap(int fd)
{
	const unsigned char *p = mmap(NULL, opt.total, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < opt.total; at += PAGE)
		check(p + at, at);
	munmap((void *)p, opt.total);
}

static void cool(void)
{
	int fd = opt.cool != NULL ? open(opt.cool, O_RDONLY) : -1;

	if (opt.cool != NULL && fd < 0)
		die(opt.cool);
	while (fd >= 0 && read(fd, buf, MAX_SIZE) > 0)
		;
	if (fd >= 0)
		close(fd);
}

/* What was never written has no pages that could be mapped. */
static void fill_cool(void)
{
	int fd = opt.cool != NULL ? open(opt.cool, O_WRONLY) : -1;

	if (opt.cool != NULL && fd < 0)
		die(opt.cool);
	while (fd >= 0 && write(fd, buf, MAX_SIZE) > 0)
		;
	if (fd >= 0)
		close(fd);
}

static void report(char op, size_t size, unsigned pass, double seconds,
	const struct counters *before, const struct counters *after)
{
	double mib = (double)opt.total / MIB;

	printf("{\"bench\": \"disk\", \"path\": \"%s\", \"op\": \"%s\", \"size\": %zu, \"pass\": "
	       "%u, "
	       "\"direct\": %s, \"mib\": %.0f, ",
		opt.path,
		op == 'r'   ? "read"
		: op == 'w' ? "write"
			    : "mmap",
		size, pass, opt.direct ? "true" : "false", mib);
	print_counters(before, after, 0);
	printf("\"value\": %.1f, \"unit\": \"MiB/s\"}\n", mib / (seconds > 0 ? seconds : 1e-9));
	fflush(stdout);
}

static void measure(int fd, char op, size_t size)
{
	struct counters before, after;
	double start, end;

	cool();
	for (unsigned pass = 1; pass <= opt.passes; pass++) {
		read_counters(&before);
		start = now();
		ICNT_MARK(ICNT_BEGIN);
		if (op == 'm')
			pass_mmap(fd);
		else
			pass_io(fd, op, size);
		ICNT_MARK(ICNT_END);
		end = now();
		read_counters(&after);
		report(op, size, pass, end - start, &before, &after);
	}
	if (op == 'w')
		pass_io(fd, 'r', MAX_SIZE);
}

/* ---- */

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: disk [--path FILE] [--total MIB] [--size BYTES]... [--ops rwm] "
		"[--passes N] [--cool FILE] [--direct]\n"
		"Sequential reads (r), writes (w), reads through a mapping (m) of a disk or file,\n"
		"which is overwritten; one JSON object a pass. Defaults: /dev/md0 32 rwm 2; sizes\n"
		"4K 16K 64K 256K 1M. --cool: a disk to read before, so that the first pass is "
		"cold\n");
}

static size_t number(const char *s, size_t min, size_t max)
{
	char *end;
	unsigned long n = strtoul(s, &end, 0);

	if (*end == 'K' || *end == 'M')
		n <<= *end++ == 'K' ? 10 : 20;
	if (*s == '\0' || *end != '\0' || n < min || n > max) {
		usage(stderr);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "path", 1, NULL, 'p' },
		{ "total", 1, NULL, 't' }, { "size", 1, NULL, 's' }, { "ops", 1, NULL, 'o' },
		{ "passes", 1, NULL, 'n' }, { "cool", 1, NULL, 'c' }, { "direct", 0, NULL, 'd' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	bool given;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			opt.path = optarg;
		else if (c == 't')
			opt.total = number(optarg, 1, 4095) * MIB;
		else if (c == 's' && opt.nsizes < MAX_SIZES)
			opt.sizes[opt.nsizes++] =
				number(optarg, PAGE, MAX_SIZE) & ~(size_t)(PAGE - 1);
		else if (c == 'o')
			opt.ops = optarg;
		else if (c == 'n')
			opt.passes = (unsigned)number(optarg, 1, 1000);
		else if (c == 'c')
			opt.cool = optarg;
		else if (c == 'd')
			opt.direct = O_DIRECT;
		else {
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	given = opt.nsizes > 0;
	if (optind != argc || opt.ops[strspn(opt.ops, "rwm")] != '\0') {
		usage(stderr);
		exit(2);
	}
	for (size_t size = PAGE; !given && size <= MAX_SIZE; size *= 4)
		opt.sizes[opt.nsizes++] = size;
}

int main(int argc, char **argv)
{
	int fd;

	parse(argc, argv);
	if (posix_memalign((void **)&buf, PAGE, MAX_SIZE) != 0)
		die("no memory");
	memset(buf, 0, MAX_SIZE);
	fd = open(opt.path, O_RDWR | O_CREAT | opt.direct, 0600);
	if (fd < 0)
		die(opt.path);
	pass_io(fd, 'w', MAX_SIZE);
	fill_cool();
	for (const char *op = opt.ops; *op != '\0'; op++) {
		if (*op == 'm')
			measure(fd, 'm', 0);
		for (unsigned i = 0; *op != 'm' && i < opt.nsizes; i++)
			measure(fd, *op, opt.sizes[i]);
	}
	return close(fd) != 0;
}
