/* SPDX-License-Identifier: BSD-2-Clause
 * Load on the page cache: several processes that write, read, map, cut and sync the same few files,
 * while one of them streams through a file larger than what memory should keep. Each 8 bytes of a
 * file hold 0 or say which file and which place they were written to, so a page that is shown at
 * the wrong place, or lost its contents on the way to the disk and back, is seen whoever wrote it
 * and whenever. Mappings that reach beyond a file that was cut are SIGBUS, and nothing else is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define FILES   3
#define WORDS   (96 * 4096 / 8) /* of the shared files, at most */
#define CHUNK   2000            /* words of one operation, at most */
#define PER_MIB (1024 * 1024 / 8)

static uint64_t seed;
static sigjmp_buf cut_away;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static uint64_t word(unsigned file, uint64_t at)
{
	return (at << 24 | (uint64_t)rnd(0x10000) << 8 | file) | 1ull << 63;
}

/* A word may be seen half-written, or half-cleared by a truncation: so it goes byte by byte. */
static int is_wrong(unsigned file, uint64_t at, uint64_t w)
{
	uint64_t should = at << 24 | file | 1ull << 63;

	for (unsigned shift = 0; shift < 64; shift += 8) {
		unsigned byte = w >> shift & 0xff;

		if (shift != 8 && shift != 16 && byte != 0 && byte != (should >> shift & 0xff))
			return 1;
	}
	return 0;
}

static int check(const char *how, unsigned file, uint64_t at, const uint64_t *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = ((const volatile uint64_t *)w)[i];

		if (!is_wrong(file, at + i, v))
			continue;
		printf("%s: file %u, word %llu: %#llx\n", how, file, (unsigned long long)(at + i),
			(unsigned long long)v);
		return 1;
	}
	return 0;
}

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static void on_bus(int sig)
{
	siglongjmp(cut_away, 1);
}

/* One operation through a mapping; the file may become shorter at any moment. */
static int use_mapping(uint64_t *map, int fd, unsigned file, uint64_t at, size_t n, int shared)
{
	if (sigsetjmp(cut_away, 1) != 0)
		return 0;
	if (check("mapping", file, at, map, n) != 0)
		return 1;
	for (size_t i = 0; i < n; i += 1 + rnd(300))
		((volatile uint64_t *)map)[i] = word(file, at + i);
	/* From the file into itself: the copy faults on what it writes. */
	if (shared && rnd(4) == 0 && pwrite(fd, map, n * 8, (off_t)at * 8) < 0 && errno != EFAULT)
		return fail("pwrite from a mapping of the file");
	return 0;
}

static int through_mapping(int fd, unsigned file, uint64_t at, size_t n, int shared)
{
	uint64_t *map, page = at / 512 * 512;
	size_t len = (at - page + n) * 8;
	int bad;

	map = mmap(NULL, len, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd,
		(off_t)page * 8);
	if (map == MAP_FAILED)
		return fail("mmap");
	bad = use_mapping(map + (at - page), fd, file, at, n, shared);
	munmap(map, len);
	return bad;
}

static int step(const int *fds)
{
	static uint64_t buf[CHUNK];
	unsigned file = rnd(FILES);
	uint64_t at = rnd(WORDS - CHUNK);
	size_t n = 1 + rnd(rnd(2) ? CHUNK : 40);
	ssize_t got;

	switch (rnd(8)) {
	case 0:
		return ftruncate(fds[file], (off_t)rnd(WORDS) * 8) != 0 ? fail("ftruncate") : 0;
	case 1:
		return rnd(8) == 0 && fsync(fds[file]) != 0 ? fail("fsync") : 0;
	case 2:
	case 3:
		got = pread(fds[file], buf, n * 8, (off_t)at * 8);
		return got < 0 ? fail("pread") : check("pread", file, at, buf, (size_t)got / 8);
	case 4:
		return through_mapping(fds[file], file, at, n, 0);
	case 5:
	case 6:
		return through_mapping(fds[file], file, at, n, 1);
	default:
		for (size_t i = 0; i < n; i++)
			buf[i] = word(file, at + i);
		got = pwrite(fds[file], buf, n * 8, (off_t)at * 8);
		return got != (ssize_t)n * 8 ? fail("pwrite") : 0;
	}
}

/* The stream: all of a file written, then read back, by turns through calls and a mapping. */
static int stream(unsigned mib)
{
	static uint64_t buf[4096];
	int fd = open("stream", O_RDWR | O_CREAT | O_TRUNC, 0600), bad = 0;
	uint64_t words = (uint64_t)mib * PER_MIB, *map;

	if (fd < 0)
		return fail("stream");
	for (uint64_t at = 0; at < words; at += 4096) {
		for (unsigned i = 0; i < 4096; i++)
			buf[i] = word(FILES, at + i);
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			return fail("write of the stream");
	}
	for (uint64_t at = 0; at < words && !bad; at += 4096) {
		if (pread(fd, buf, sizeof(buf), (off_t)at * 8) != sizeof(buf))
			return fail("read of the stream");
		for (unsigned i = 0; i < 4096 && !bad; i++)
			if (buf[i] == 0)
				bad = fail("the stream has a hole");
		bad |= check("stream", FILES, at, buf, 4096);
	}
	map = mmap(NULL, words * 8, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return fail("mmap of the stream");
	bad |= check("mapped stream", FILES, 0, map, words);
	munmap(map, words * 8);
	close(fd);
	return bad;
}

int dirty(const char *path, unsigned mib)
{
	size_t words = (size_t)mib * PER_MIB;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), bad;
	uint64_t *map;

	if (fd < 0 || ftruncate(fd, (off_t)words * 8) != 0)
		return fail(path);
	map = mmap(NULL, words * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail("mmap");
	for (size_t i = 0; i < words; i += 64)
		map[i] = word(FILES, i);
	bad = check("mapped", FILES, 0, map, words);
	for (size_t i = 0; i < words && !bad; i += 64)
		bad = map[i] == 0;
	if (!bad)
		printf("%u MiB were kept\n", mib);
	return bad;
}

/* Of some block of the disk. */
static bool on_disk(const char *disk, const char *text)
{
	char block[1024];
	bool found = false;
	int fd = open(disk, O_RDONLY);

	while (!found && read(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
		found = strncmp(block, text, strlen(text)) == 0;
	close(fd);
	return found;
}

static void say_synced(const char *what, const char *disk)
{
	printf("%s: %s\n", what, on_disk(disk, what) ? "written" : "not written");
}

int synced(const char *path, const char *disk)
{
	static const char *const what[] = { "O_SYNC", "O_DSYNC", "msync" };
	int fd, flags[] = { O_SYNC, O_DSYNC, 0 };
	char *map;

	for (unsigned i = 0; i < 3; i++) {
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | flags[i], 0600);
		if (fd < 0)
			return fail(path);
		if (flags[i] != 0 && write(fd, what[i], strlen(what[i])) < 0)
			return fail("write");
		if (flags[i] == 0) {
			if (ftruncate(fd, 4096) != 0)
				return fail("ftruncate");
			map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			strcpy(map, what[i]);
			msync(map, 4096, MS_SYNC);
		}
		say_synced(what[i], disk);
		close(fd);
	}
	return 0;
}

static int work(unsigned id, unsigned long ops)
{
	int fds[FILES];
	char name[16];

	signal(SIGBUS, on_bus);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "shared%u", i);
		fds[i] = open(name, O_RDWR | O_CREAT, 0600);
		if (fds[i] < 0)
			return fail(name);
	}
	for (unsigned long i = 0; i < ops; i++)
		if (step(fds) != 0) {
			printf("process %u, operation %lu\n", id, i);
			return 1;
		}
	return 0;
}

int torture(
	const char *dir, unsigned procs, unsigned long ops, unsigned mib, unsigned long long start)
{
	unsigned bad = 0;
	int status;

	if ((mkdir(dir, 0755) != 0 && errno != EEXIST) || chdir(dir) != 0)
		return fail(dir);
	printf("torture: seed %llu\n", start);
	fflush(stdout);
	for (unsigned i = 0; i < procs; i++) {
		if (fork() == 0) {
			seed = start * 2654435761u + i;
			status = i == 0 && mib > 0 ? stream(mib) : work(i, ops);
			fflush(stdout);
			_exit(status);
		}
	}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("torture: %u of %u processes were content\n", procs - bad, procs);
	return bad != 0;
}
