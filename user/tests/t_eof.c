/* SPDX-License-Identifier: BSD-2-Clause
 * The page with a file's end, through a mapping and through calls: what a mapping wrote behind the end is not seen when the
 * file grows, and what it wrote after that is kept, also where the store has smaller blocks than pages. Mostly
 * the file's pages go out of the cache in between.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096
#define END  100 /* of the file, first */

static int new_file(char **map)
{
	static const char text[END] = "begin";
	int fd = open("eof.bin", O_RDWR | O_CREAT | O_TRUNC, 0600);

	unlink("eof.bin");
	if (write(fd, text, END) != END)
		puts("cannot write");
	*map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return fd;
}

static void empty_cache(int fd, char *map)
{
	munmap(map, PAGE);
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Bytes of the file that are not zero, as "offset letter". */
static void show_bytes(int fd)
{
	char buf[2 * PAGE];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	printf("%d bytes:", (int)n);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != 0)
			printf(" %d%c", (int)i, buf[i]);
	puts("");
}

static int grow(int fd, int by_write)
{
	return by_write ? (int)pwrite(fd, "w", 1, 3500) : ftruncate(fd, 3501);
}

/* Stored behind the end, which moves when the page is in memory no more, and while it still is. */
TEST(eof_hidden)
{
	for (int way = 0; way < 4; way++) {
		int by_write = way & 1, stays = way & 2;
		char *map;
		int fd = new_file(&map);

		map[END] = map[2000] = map[PAGE - 1] = 'x';
		if (!stays)
			empty_cache(fd, map);
		SHOW(grow(fd, by_write));
		show_bytes(fd);
		if (stays)
			munmap(map, PAGE);
		close(fd);
	}
}

/* The page is writable before the file grows, and is written to after. */
TEST(eof_kept)
{
	for (int by_write = 0; by_write < 2; by_write++) {
		char *map;
		int fd = new_file(&map);

		map[10] = 'a';
		SHOW(grow(fd, by_write));
		map[1500] = 'b';
		map[2500] = 'c';
		empty_cache(fd, map);
		show_bytes(fd);
		close(fd);
	}
}

#define LOOKS 100000
/* Either half of it is another in the second. */
#define SIZE1 0xfffff000ll
#define SIZE2 0x100001000ll

static int sized;
static int looking;

static void *change_size(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&looking, __ATOMIC_ACQUIRE))
		if (ftruncate(sized, SIZE2) != 0 || ftruncate(sized, SIZE1) != 0)
			puts("cannot truncate");
	return NULL;
}

/* Who looks at a size of 64 bits while it changes sees it before or after, on a machine of 32 bits, too. */
TEST(eof_whole)
{
	int odd = 0;
	pthread_t t;
	struct stat st;

	sized = memfd_create("sized", 0);
	if (ftruncate(sized, SIZE1) != 0)
		puts("cannot truncate");
	looking = 1;
	pthread_create(&t, NULL, change_size, NULL);
	for (int i = 0; i < LOOKS; i++)
		odd += fstat(sized, &st) != 0 || (st.st_size != SIZE1 && st.st_size != SIZE2);
	__atomic_store_n(&looking, 0, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	close(sized);
	printf("%d sizes that it never had\n", odd);
}
