/* SPDX-License-Identifier: BSD-2-Clause
 * Pipe throughput between two processes: message sizes from 512 bytes to 1 MiB, both processes on
 * one CPU or each on its own. Prints a JSON object a line (DESIGN 8). Runs on Linux too; on Mayfly
 * the objects also carry what the run added to the pipe's counters in /proc/sf_buf.
 *
 * Every measurement is preceded by a shorter transfer of the same kind whose every byte is checked;
 * it also warms the pipe. The clock runs from the writer's first write() until the reader says that
 * it has everything.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNTER_NAMES                                                                   \
	"pipe.alloc", "pipe.hit", "pipe.miss", "pipe.invlpg_local", "pipe.flush_local", \
		"pipe.ipi_rounds", "pipe.ipi_sent"
#include "user/bench/counters.h"

#define MIN_SIZE       512u
#define MAX_SIZE       (1u << 20)
#define MAX_MESSAGES   16384u /* of a measurement, unless --total says otherwise */
#define PATTERN_PERIOD 251u   /* prime: no message size is a multiple of it */

static void die(const char *what)
{
	fprintf(stderr, "pipe: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: pipe [--size BYTES]... [--cpus same|diff|both] [--total MIB] [--repeat N]\n"
		"Throughput of a pipe between two processes; one JSON object a line.\n"
		"  --size BYTES  message size (512 to 1048576; K and M understood); default: all\n"
		"                powers of two from 512 to 1M; may be given more than once\n"
		"  --cpus WHERE  both processes on one CPU, on two, or first one then the other\n"
		"                (default: both; only same when there is one CPU)\n"
		"  --total MIB   data of a measurement (default 64, at most 16384 messages)\n"
		"  --repeat N    measure N times and print the best (default 1)\n");
}

/* ---- one transfer ---- */

struct run {
	size_t size;
	uint64_t total;
	int writer_cpu, reader_cpu;
	bool check;
};

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("sched_setaffinity");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *new_buffer(size_t size)
{
	void *p;

	if (posix_memalign(&p, 4096, size) != 0)
		die("no memory");
	memset(p, 0, size);
	return p;
}

static void fill(unsigned char *p, size_t n, uint64_t pos)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)((pos + i) % PATTERN_PERIOD);
}

static void check(const unsigned char *p, size_t n, uint64_t pos)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == (unsigned char)((pos + i) % PATTERN_PERIOD))
			continue;
		fprintf(stderr, "pipe: byte %llu is %#x\n", (unsigned long long)(pos + i), p[i]);
		exit(1);
	}
}

static void sync_write(int fd)
{
	if (write(fd, "x", 1) != 1)
		die("sync write");
}

static void sync_read(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1) {
		errno = EPIPE;
		die("the other process is gone");
	}
}

static void reader(const struct run *r, int data, int done)
{
	unsigned char *buf = new_buffer(r->size);
	uint64_t pos = 0;

	pin_to(r->reader_cpu);
	sync_write(done);
	while (pos < r->total) {
		ssize_t n = read(data, buf, r->size);

		if (n <= 0)
			die("read");
		if (r->check)
			check(buf, (size_t)n, pos);
		pos += (uint64_t)n;
	}
	sync_write(done);
	exit(0);
}

static double writer(const struct run *r, int data, int done)
{
	unsigned char *buf = new_buffer(r->size);
	double start;

	pin_to(r->writer_cpu);
	fill(buf, r->size, 0);
	sync_read(done);
	start = now();
	for (uint64_t pos = 0; pos < r->total;) {
		size_t n = r->total - pos < r->size ? (size_t)(r->total - pos) : r->size;
		ssize_t did;

		if (r->check)
			fill(buf, n, pos);
		did = write(data, buf, n);
		if (did <= 0)
			die("write");
		pos += (uint64_t)did;
	}
	sync_read(done);
	start = now() - start;
	free(buf);
	return start;
}

/* Seconds. */
static double transfer(const struct run *r)
{
	int data[2], done[2], status;
	double seconds;
	pid_t pid;

	if (pipe(data) != 0 || pipe(done) != 0)
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(data[1]);
		close(done[0]);
		reader(r, data[0], done[1]);
	}
	close(data[0]);
	close(done[1]);
	seconds = writer(r, data[1], done[0]);
	close(data[1]);
	close(done[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "pipe: the reader failed\n");
		exit(1);
	}
	return seconds;
}

/* ---- measurements ---- */

static void print_result(const struct run *r, double seconds, const struct counters *before,
	const struct counters *after)
{
	double mib = (double)r->total / (1 << 20);

	printf("{\"bench\": \"pipe\", \"size\": %zu, \"cpus\": \"%s\", \"mib\": %.3f, ", r->size,
		r->writer_cpu == r->reader_cpu ? "same" : "diff", mib);
	print_counters(before, after, strlen("pipe."));
	printf("\"value\": %.2f, \"unit\": \"MiB/s\"}\n", mib / seconds);
	fflush(stdout);
}

static void measure(struct run r, unsigned repeat)
{
	struct counters before, after, best_before = { 0 }, best_after = { 0 };
	struct run checked = r;
	double best = 0, seconds;

	checked.check = true;
	checked.total = r.total < 4 * r.size ? r.total : 4 * r.size;
	if (checked.total < 256 * 1024 && r.total >= 256 * 1024)
		checked.total = 256 * 1024;
	transfer(&checked);
	for (unsigned i = 0; i < repeat; i++) {
		read_counters(&before);
		seconds = transfer(&r);
		read_counters(&after);
		if (i > 0 && seconds >= best)
			continue;
		best = seconds;
		best_before = before;
		best_after = after;
	}
	print_result(&r, best, &best_before, &best_after);
}

static uint64_t number(const char *s, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long v = strtoull(s, &end, 10);

	if (*end == 'K' || *end == 'k')
		v <<= 10;
	else if (*end == 'M' || *end == 'm')
		v <<= 20;
	if (*end != '\0')
		end += strchr("KkMm", *end) != NULL;
	if (end == s || *end != '\0' || v < min || v > max) {
		fprintf(stderr, "pipe: %s: not a number from %llu to %llu\n", s,
			(unsigned long long)min, (unsigned long long)max);
		exit(2);
	}
	return v;
}

/* The first two CPUs this process may use; the same one twice if there is but one. */
static void find_cpus(int cpu[2])
{
	cpu_set_t set;
	int found = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		die("sched_getaffinity");
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[found++] = i;
	if (found == 1)
		cpu[1] = cpu[0];
}

struct options {
	size_t sizes[32];
	unsigned nsizes, repeat;
	uint64_t total; /* 0: by size */
	bool same, diff;
};

static void set_cpus(struct options *o, const char *arg)
{
	o->same = strcmp(arg, "same") == 0 || strcmp(arg, "both") == 0;
	o->diff = strcmp(arg, "diff") == 0 || strcmp(arg, "both") == 0;
	if (o->same || o->diff)
		return;
	usage(stderr);
	exit(2);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "size", required_argument, NULL, 's' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "total", required_argument, NULL, 't' },
		{ "repeat", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*o = (struct options){ .repeat = 1, .same = true, .diff = true };
	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (opt == 'h') {
			usage(stdout);
			exit(0);
		} else if (opt == 's' && o->nsizes < 32) {
			o->sizes[o->nsizes++] = (size_t)number(optarg, MIN_SIZE, MAX_SIZE);
		} else if (opt == 't') {
			o->total = number(optarg, 1, 1 << 20) << 20;
		} else if (opt == 'r') {
			o->repeat = (unsigned)number(optarg, 1, 1000);
		} else if (opt == 'c') {
			set_cpus(o, optarg);
		} else {
			usage(stderr);
			exit(2);
		}
	}
	if (o->nsizes == 0)
		for (size_t size = MIN_SIZE; size <= MAX_SIZE; size *= 2)
			o->sizes[o->nsizes++] = size;
}

static uint64_t total_of(const struct options *o, size_t size)
{
	uint64_t total = o->total != 0 ? o->total : (uint64_t)64 << 20;

	if (o->total == 0 && total / size > MAX_MESSAGES)
		total = (uint64_t)size * MAX_MESSAGES;
	return total;
}

int main(int argc, char **argv)
{
	struct options o;
	int cpu[2];

	parse(&o, argc, argv);
	find_cpus(cpu);
	for (unsigned i = 0; i < o.nsizes; i++) {
		struct run r = { .size = o.sizes[i],
			.total = total_of(&o, o.sizes[i]),
			.writer_cpu = cpu[0],
			.reader_cpu = cpu[0] };

		if (o.same)
			measure(r, o.repeat);
		r.reader_cpu = cpu[1];
		if (o.diff && cpu[0] != cpu[1])
			measure(r, o.repeat);
	}
	return 0;
}
