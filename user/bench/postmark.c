/* SPDX-License-Identifier: BSD-2-Clause
 * Small files, as a mail or news server has them (after PostMark: J. Katcher, NetApp TR3022): a
 * pool of files of random sizes is made; then transactions, each of which reads a file whole or
 * appends to it, and creates a file or deletes one; then all are deleted. The defaults are
 * PostMark's: 500 files of 500 to 9977 bytes, 500 transactions, reads and writes of 512 bytes, seed
 * 42. Prints one JSON object; runs on Linux too, on Mayfly with what the run added to the counters
 * of /proc/sf_buf.
 *
 * Every file begins with its own number and is checked for it, and for its size, when it is read.
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/bench/counters.h"

#define MAX_BLOCK 65536

static struct {
	unsigned files, transactions, subdirs;
	size_t low, high, block;
	uint64_t seed;
	const char *dir;
} opt = { 500, 500, 0, 500, 9977, 512, 42, "." };

/* The files that are there. */
static struct file {
	unsigned number;
	size_t size;
} * live;
static size_t nlive;
static unsigned next_file;
static unsigned long created, deleted, reads, appends;
static unsigned long long bytes_read, bytes_written;

static void die(const char *what)
{
	fprintf(stderr, "postmark: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void is_wrong(const char *name)
{
	fprintf(stderr, "postmark: file %s holds something else\n", name);
	exit(1);
}

static uint32_t rnd(uint32_t below)
{
	opt.seed = opt.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(opt.seed >> 33) % below;
}

static void name_of(unsigned file, char *name, size_t size)
{
	if (opt.subdirs > 0)
		snprintf(name, size, "s%u/%u", file % opt.subdirs, file);
	else
		snprintf(name, size, "%u", file);
}

static void write_bytes(int fd, unsigned file, size_t n)
{
	static char buf[MAX_BLOCK];

	memcpy(buf, &file, sizeof(file));
	bytes_written += n;
	while (n > 0) {
		size_t part = n < opt.block ? n : opt.block;

		if (write(fd, buf, part) != (ssize_t)part)
			die("write");
		n -= part;
	}
}

static void create_file(void)
{
	size_t size = opt.low + rnd((uint32_t)(opt.high - opt.low + 1));
	unsigned file = next_file++;
	char name[64];
	int fd;

	name_of(file, name, sizeof(name));
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		die(name);
	write_bytes(fd, file, size);
	close(fd);
	live[nlive++] = (struct file){ file, size };
	created++;
}

static void delete_file(size_t i)
{
	char name[64];

	name_of(live[i].number, name, sizeof(name));
	if (unlink(name) != 0)
		die(name);
	live[i] = live[--nlive];
	deleted++;
}

static void read_file(const struct file *file)
{
	static char buf[MAX_BLOCK];
	size_t size = 0;
	char name[64];
	ssize_t n;
	int fd;

	name_of(file->number, name, sizeof(name));
	fd = open(name, O_RDONLY);
	if (fd < 0)
		die(name);
	while ((n = read(fd, buf, opt.block)) > 0) {
		if (size == 0 && memcmp(buf, &file->number, sizeof(file->number)) != 0)
			is_wrong(name);
		size += (size_t)n;
	}
	if (n < 0)
		die(name);
	if (size != file->size)
		is_wrong(name);
	bytes_read += size;
	close(fd);
	reads++;
}

static void append_file(struct file *file)
{
	char name[64];
	struct stat st;
	size_t n;
	int fd;

	name_of(file->number, name, sizeof(name));
	fd = open(name, O_WRONLY | O_APPEND);
	if (fd < 0 || fstat(fd, &st) != 0)
		die(name);
	if ((size_t)st.st_size != file->size)
		is_wrong(name);
	if (file->size < opt.high) {
		n = 1 + rnd((uint32_t)(opt.high - file->size));
		write_bytes(fd, file->number, n);
		file->size += n;
	}
	close(fd);
	appends++;
}

static void transaction(void)
{
	if (nlive > 0) {
		struct file *file = &live[rnd((uint32_t)nlive)];

		if (rnd(2) == 0)
			read_file(file);
		else
			append_file(file);
	}
	if (rnd(2) == 0 || nlive == 0)
		create_file();
	else
		delete_file(rnd((uint32_t)nlive));
}

/* ---- what it cost ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void report(uint64_t ns, const struct counters *before, const struct counters *after)
{
	printf("{\"bench\": \"postmark\", \"files\": %u, \"transactions\": %u, \"subdirs\": %u, "
	       "\"created\": %lu, \"deleted\": %lu, \"reads\": %lu, \"appends\": %lu, "
	       "\"bytes_read\": %llu, \"bytes_written\": %llu, ",
		opt.files, opt.transactions, opt.subdirs, created, deleted, reads, appends,
		bytes_read, bytes_written);
	print_counters(before, after, 0);
	printf("\"value\": %.1f, \"unit\": \"transactions/s\"}\n",
		opt.transactions / ((double)(ns > 0 ? ns : 1) / 1e9));
}

/* ---- */

static void usage(FILE *out)
{
	fprintf(out, "Usage: postmark [--dir DIR] [--files N] [--transactions N] [--subdirs N] "
		     "[--seed N]\n"
		     "                [--size LOW:HIGH] [--block BYTES]\n"
		     "Transactions on small files; one JSON object. Defaults: . 500 500 0 42 "
		     "500:9977 512\n");
}

static unsigned number(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 0);

	if (*s == '\0' || *end != '\0' || n > 100000000) {
		usage(stderr);
		exit(2);
	}
	return (unsigned)n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = { { "dir", 1, NULL, 'd' }, { "files", 1, NULL, 'f' },
		{ "transactions", 1, NULL, 't' }, { "subdirs", 1, NULL, 's' },
		{ "seed", 1, NULL, 'r' }, { "size", 1, NULL, 'z' }, { "block", 1, NULL, 'b' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	bool good = true;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			opt.dir = optarg;
			break;
		case 'f':
			opt.files = number(optarg);
			break;
		case 't':
			opt.transactions = number(optarg);
			break;
		case 's':
			opt.subdirs = number(optarg);
			break;
		case 'r':
			opt.seed = number(optarg);
			break;
		case 'z':
			good &= sscanf(optarg, "%zu:%zu", &opt.low, &opt.high) == 2;
			break;
		case 'b':
			opt.block = number(optarg);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			good = false;
		}
	}
	good &= optind == argc && opt.block >= 4 && opt.block <= MAX_BLOCK && opt.low >= 4 &&
		opt.low <= opt.high && opt.high < 1000000000;
	if (!good) {
		usage(stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct counters before, after;
	uint64_t start, end;
	char name[32];

	parse(argc, argv);
	live = malloc(((size_t)opt.files + opt.transactions + 1) * sizeof(*live));
	if (live == NULL || chdir(opt.dir) != 0)
		die(opt.dir);
	for (unsigned i = 0; i < opt.subdirs; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		if (mkdir(name, 0755) != 0)
			die(name);
	}
	for (unsigned i = 0; i < opt.files; i++)
		create_file();
	read_counters(&before);
	start = now_ns();
	for (unsigned i = 0; i < opt.transactions; i++)
		transaction();
	end = now_ns();
	read_counters(&after);
	while (nlive > 0)
		delete_file(nlive - 1);
	for (unsigned i = 0; i < opt.subdirs; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		if (rmdir(name) != 0)
			die(name);
	}
	report(end - start, &before, &after);
	return 0;
}
