/* SPDX-License-Identifier: BSD-2-Clause
 * Whole pages of a file are overwritten while they are not in the page cache: by a buffer that ends early,
 * by a buffer that is a mapping of the same file, and while others read the file and have it mapped. Nobody
 * sees anything but old and new bytes, and what was not written is the old.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE   4096u
#define WORDS  (PAGE / sizeof(uint32_t))
#define PAGES  24u
#define ROUNDS 20u

static uint32_t *buf;

/* Each word says where it belongs and which write it is of. */
static uint32_t word(uint32_t at, unsigned round)
{
	return at << 8 | round;
}

static void fill(uint32_t first, uint32_t n, unsigned round)
{
	for (uint32_t i = 0; i < n; i++)
		buf[i] = word(first + i, round);
}

static void empty_cache(int fd)
{
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int new_file(void)
{
	int fd = open("overwrite.bin", O_RDWR | O_CREAT | O_TRUNC, 0600);

	unlink("overwrite.bin");
	fill(0, PAGES * WORDS, 1);
	if (write(fd, buf, PAGES * PAGE) != (ssize_t)(PAGES * PAGE))
		puts("cannot write");
	empty_cache(fd);
	return fd;
}

/* Words of the file that are neither of round `a` nor of round `b`; *nb: how many are of b. */
static unsigned count(const volatile uint32_t *w, unsigned a, unsigned b, unsigned *nb)
{
	unsigned wrong = 0;

	*nb = 0;
	for (uint32_t i = 0; i < PAGES * WORDS; i++) {
		uint32_t v = w[i];

		*nb += v == word(i, b);
		wrong += v != word(i, a) && v != word(i, b);
	}
	return wrong;
}

static void show_file(int fd, unsigned a, unsigned b)
{
	uint32_t *got = malloc(PAGES * PAGE);
	unsigned nb, wrong;

	if (pread(fd, got, PAGES * PAGE, 0) != (ssize_t)(PAGES * PAGE))
		puts("cannot read");
	wrong = count(got, a, b, &nb);
	printf("%u new words, %u wrong ones\n", nb, wrong);
	free(got);
}

/* The last `n` bytes of accessible memory, with words for the file's `page` on. */
static char *short_buffer(size_t n, uint32_t page)
{
	char *map =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(map + 7 * PAGE, PAGE, PROT_NONE);
	fill(page * WORDS, 7 * WORDS, 2);
	memcpy(map + 7 * PAGE - n, buf, n);
	return map + 7 * PAGE - n;
}

TEST(overwrite_short)
{
	static const size_t length[] = { PAGE, 2 * PAGE, 2 * PAGE + 512, PAGE - 512,
		5 * PAGE + 64 };
	int fd;

	buf = malloc(PAGES * PAGE);
	for (unsigned i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		fd = new_file();
		SHOW(pwrite(fd, short_buffer(length[i], 3), 7 * PAGE, 3 * PAGE));
		show_file(fd, 1, 2);
		empty_cache(fd);
		show_file(fd, 1, 2);
		close(fd);
	}
	fd = new_file();
	SHOW(pwrite(fd, bad_pointer(), 4 * PAGE, 8 * PAGE));
	show_file(fd, 1, 2);
	SHOW(lseek(fd, 0, SEEK_END));
	close(fd);
}

/* From a mapping of the file: other pages of it, then those that are being written. */
TEST(overwrite_self)
{
	uint32_t *map;
	unsigned wrong = 0;
	int fd;

	buf = malloc(PAGES * PAGE);
	fd = new_file();
	map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	SHOW(pwrite(fd, map, 4 * PAGE, 8 * PAGE));
	for (uint32_t i = 0; i < 4 * WORDS; i++)
		wrong += map[8 * WORDS + i] != word(i, 1);
	SHOW(pwrite(fd, map + 14 * WORDS, 8 * PAGE, 14 * PAGE));
	for (uint32_t i = 0; i < 8 * WORDS; i++)
		wrong += map[14 * WORDS + i] != word(14 * WORDS + i, 1);
	printf("%u wrong words\n", wrong);
	munmap(map, PAGES * PAGE);
	close(fd);
}

/* Ends when the file's last word says so. A mapping comes afresh each time, so that it may be the one that
 * brings pages in. */
static int watch(int fd, int mapped)
{
	uint32_t *w = mapped ? NULL : malloc(PAGES * PAGE);
	unsigned wrong = 0;
	int ended = 0;

	while (!ended && wrong == 0) {
		if (mapped)
			w = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
		else if (pread(fd, w, PAGES * PAGE, 0) != (ssize_t)(PAGES * PAGE))
			return 1;
		for (uint32_t i = 0; i < PAGES * WORDS; i++) {
			uint32_t v = ((volatile uint32_t *)w)[i];

			wrong += v >> 8 != i || (v & 0xff) < 1 || (v & 0xff) > ROUNDS;
		}
		ended = (((volatile uint32_t *)w)[PAGES * WORDS - 1] & 0xff) == ROUNDS;
		if (mapped)
			munmap(w, PAGES * PAGE);
	}
	return wrong != 0;
}

TEST(overwrite_watched)
{
	int fd, status, failed = 0;
	pid_t pid[4];

	buf = malloc(PAGES * PAGE);
	fd = new_file();
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(watch(fd, i & 1));
	}
	for (unsigned round = 2; round <= ROUNDS; round++) {
		fill(0, PAGES * WORDS, round);
		empty_cache(fd);
		if (pwrite(fd, buf, PAGES * PAGE, 0) != (ssize_t)(PAGES * PAGE))
			puts("cannot write");
	}
	for (int i = 0; i < 4; i++) {
		waitpid(pid[i], &status, 0);
		failed += status != 0;
	}
	printf("%d of 4 saw something else\n", failed);
	show_file(fd, ROUNDS, ROUNDS);
	close(fd);
}
