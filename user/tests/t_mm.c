/* SPDX-License-Identifier: BSD-2-Clause
 * Memory: mmap and friends.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

static void *anon(size_t len, int prot)
{
	return mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static char *poke_at;

static void poke(void)
{
	*(volatile char *)poke_at = 1;
}

static void try_write(const char *what, void *p)
{
	poke_at = p;
	in_child(what, poke);
}

static long mapped(void *p)
{
	return p == MAP_FAILED ? -1 : 0;
}

/* Whoever may write or execute a page may read it, on x86: what was touched before, and what was not. */
TEST(mm_write_only)
{
	char *p = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	p[0] = 'a';
	SHOW(mprotect(p, 2 * 4096, PROT_WRITE));
	SHOW(*(volatile char *)p);
	SHOW(((volatile char *)p)[4096]);
	SHOW(pipe(fds));
	SHOW(write(fds[1], p, 1));
	SHOW(mprotect(p, 2 * 4096, PROT_EXEC));
	SHOW(*(volatile char *)p);
	SHOW(mprotect(p, 2 * 4096, PROT_NONE));
	SHOW(write(fds[1], p, 1));
	SHOW(mprotect(p, 2 * 4096, PROT_WRITE));
	SHOW(write(fds[1], p, 1));
}

TEST(mmap_basic)
{
	char *p = anon(10 * PAGE, PROT_READ | PROT_WRITE);

	printf("zero %d\n", p[0] | p[10 * PAGE - 1]);
	memset(p, 1, 10 * PAGE);
	SHOW(munmap(p + 3 * PAGE, 2 * PAGE));
	try_write("hole", p + 3 * PAGE);
	try_write("before", p + 2 * PAGE);
	try_write("after", p + 5 * PAGE);
	printf("kept %d %d\n", p[2 * PAGE], p[5 * PAGE]);
	SHOW(munmap(p, 10 * PAGE));
	SHOW(munmap(p, 10 * PAGE));
	SHOW(munmap(p + 1, PAGE));
	SHOW(munmap(p, 0));
	SHOW(mapped(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	SHOW(mapped(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0)));
	SHOW(mapped(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0)));
	SHOW(mapped(mmap(
		(void *)-PAGE, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	SHOW(mapped(mmap(
		(void *)0x12345, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	SHOW(mapped(mmap(NULL, -PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

TEST(mmap_fixed)
{
	char *p = anon(4 * PAGE, PROT_READ | PROT_WRITE);
	char *q;

	memset(p, 'a', 4 * PAGE);
	q = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	printf("same %d: %d %d %d\n", q == p + PAGE, p[0], p[PAGE], p[2 * PAGE]);
	SHOW(mapped(mmap(
		p, PAGE, PROT_READ, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	munmap(p, PAGE);
	SHOW(mapped(mmap(
		p, PAGE, PROT_READ, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

TEST(mprotect_rules)
{
	char *p = anon(4 * PAGE, PROT_READ | PROT_WRITE);

	memset(p, 'x', 4 * PAGE);
	SHOW(mprotect(p + PAGE, PAGE, PROT_READ));
	try_write("read-only", p + PAGE);
	try_write("next", p + 2 * PAGE);
	SHOW(mprotect(p, 4 * PAGE, PROT_NONE));
	try_write("none", p);
	SHOW(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE));
	printf("kept %c%c\n", p[0], p[PAGE]);
	try_write("again", p + PAGE);
	SHOW(mprotect(p + 1, PAGE, PROT_READ));
	SHOW(mprotect(p, 0, PROT_READ));
	munmap(p + PAGE, PAGE);
	SHOW(mprotect(p, 4 * PAGE, PROT_READ));
	SHOW(mprotect(p, PAGE, 0x1000));
}

TEST(mmap_shared_anon)
{
	volatile int *p =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	p[0] = 1;
	if (fork() == 0) {
		p[0] = 2;
		p[PAGE / 4] = 3;
		_exit(0);
	}
	wait(&status);
	printf("%d %d\n", p[0], p[PAGE / 4]);
}

TEST(mmap_file)
{
	char *shared, *private, buf[10] = { 0 };
	int fd = open("mapfile", O_CREAT | O_RDWR | O_TRUNC, 0600);

	unlink("mapfile");
	SHOW(write(fd, "0123456789", 10));
	shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	printf("%.10s %.10s tail %d\n", shared, private, shared[10] | shared[4095]);
	private[0] = 'P';
	shared[1] = 'S';
	SHOW(pread(fd, buf, 10, 0));
	printf("%.10s %.10s\n", buf, private);
	SHOW(pwrite(fd, "W", 1, 2));
	printf("%.10s %.10s\n", shared, private);
	SHOW(msync(shared, PAGE, MS_SYNC));
	SHOW(mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1)));
	SHOW(mapped(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 99, 0)));
	fd = open("mapfile", O_CREAT | O_RDONLY, 0600);
	SHOW(mapped(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)));
	unlink("mapfile");
	try_write("beyond the file", shared + PAGE);
}

/* A store through a mapping changes the file's time, once for all stores to a page until it is written back. */
TEST(mmap_written)
{
	struct stat before, after;
	struct timespec tick = { 0, 30000000 };
	uid_t me = geteuid();
	char *p;
	int fd = open(work_path("file"), O_CREAT | O_RDWR, 0600);

	SHOW(ftruncate(fd, PAGE));
	if (me == 0 && (fchown(fd, 1000, 1000) != 0 || seteuid(1000) != 0))
		return;
	SHOW(fchmod(fd, 06755));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fstat(fd, &before);
	nanosleep(&tick, NULL);
	p[0] = 'w';
	SHOW(msync(p, PAGE, MS_SYNC));
	fstat(fd, &after);
	SHOW(after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
	SHOW(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
	printf("%o\n", after.st_mode); /* a write(2) would have taken the set-id bits */
	seteuid(me);
	SHOW(msync(p, 2 * PAGE, MS_SYNC));
	munmap(p + PAGE, PAGE);
	SHOW(msync(p, 2 * PAGE, MS_SYNC));
	SHOW(msync(p, PAGE, MS_SYNC | MS_ASYNC));
}

#define LETTERS 24

static char *letters;

/* The first byte of each page. */
static void spell(void)
{
	for (int i = 0; i < LETTERS; i++)
		putchar(letters[(size_t)i * PAGE]);
	putchar('\n');
}

static void spell_and_change(void)
{
	spell();
	letters[2 * PAGE] = letters[20 * PAGE] = '-';
	spell();
}

/* A private mapping of a file: what was written to it, before or after it was read, a child has as well. */
TEST(mmap_private_fork)
{
	int fd = open("letters.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char page[PAGE];

	unlink("letters.tmp");
	for (int i = 0; i < LETTERS; i++) {
		memset(page, 'a' + i, sizeof(page));
		if (write(fd, page, sizeof(page)) != sizeof(page))
			return;
	}
	letters = mmap(NULL, LETTERS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	in_child("untouched", spell);
	in_child("its own", spell_and_change);
	spell();
	letters[1 * PAGE] = 'X'; /* has been read */
	in_child("one page", spell_and_change);
	letters = mmap(NULL, LETTERS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	letters[7 * PAGE] = 'Y'; /* has not */
	in_child("another", spell_and_change);
	SHOW(mprotect(letters + 4 * PAGE, 8 * PAGE, PROT_READ));
	SHOW(mprotect(letters + 4 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE));
	letters = mremap(letters, LETTERS * PAGE, (LETTERS + 1) * PAGE, MREMAP_MAYMOVE);
	in_child("moved", spell_and_change);
	SHOW(pwrite(fd, "ZZZ", 3, 7 * PAGE));
	in_child("behind its back", spell);
	SHOW(madvise(letters + 7 * PAGE, PAGE, MADV_DONTNEED));
	in_child("dropped", spell);
	SHOW(ftruncate(fd, 8 * PAGE));
	in_child("cut", spell);
	close(fd);
}

TEST(mremap_grow)
{
	char *p = anon(2 * PAGE, PROT_READ | PROT_WRITE), *q;

	strcpy(p, "first");
	strcpy(p + PAGE, "second");
	q = mremap(p, 2 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
	printf("%s %s %d\n", q, q + PAGE, q[299 * PAGE]);
	q = mremap(q, 300 * PAGE, PAGE, 0);
	puts(q);
	try_write("cut off", q + PAGE);
	SHOW(mapped(mremap(q + 1, PAGE, PAGE, 0)));
	SHOW(mapped(mremap(q, PAGE, 0, 0)));
}

TEST(madvise_dontneed)
{
	char *p = anon(3 * PAGE, PROT_READ | PROT_WRITE);

	memset(p, 'z', 3 * PAGE);
	SHOW(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	printf("%d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
	SHOW(madvise(p + 1, PAGE, MADV_DONTNEED));
	SHOW(madvise(p, PAGE, 9999));
}

TEST(brk_moves)
{
	char *start = sbrk(0), *p;

	p = sbrk(100000);
	printf("same %d\n", p == start);
	memset(p, 'b', 100000);
	SHOW(brk(start));
	printf("back %d\n", sbrk(0) == start);
	p = sbrk(100000);
	printf("zero again %d\n", p[50000]);
	SHOW(brk(start));
}

TEST(cow_chain)
{
	char *p = anon(64 * PAGE, PROT_READ | PROT_WRITE);
	int status;

	memset(p, 0, 64 * PAGE);
	for (int depth = 1; depth <= 5; depth++) {
		pid_t pid = fork();

		if (pid != 0) {
			waitpid(pid, &status, 0);
			int sum = 0;

			for (int i = 0; i < 64; i++)
				sum += p[(unsigned)i * PAGE];
			if (depth == 1) {
				printf("top sum %d status %d\n", sum, WEXITSTATUS(status));
				return;
			}
			_exit(WEXITSTATUS(status) + (sum == 64 * (depth - 1) ? 1 : 100));
		}
		for (int i = 0; i < 64; i++)
			p[(unsigned)i * PAGE] = (char)depth;
	}
	_exit(0);
}

TEST(cpuid_ids)
{
	enum { MAX = 64 };
	volatile uint32_t *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t all;
	int n = 0, status, twice = 0;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < MAX; cpu++)
		n += CPU_ISSET(cpu, &all) != 0;
	for (int cpu = 0, i = 0; cpu < MAX; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		i++;
		if (fork() == 0) {
			uint32_t a = 1, b, c, d;
			cpu_set_t one;

			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
			__atomic_fetch_add(&shared[0], 1, __ATOMIC_SEQ_CST);
			while (shared[0] <
				(uint32_t)n) /* the barrier: all at once, each on its own */
				sched_yield();
			__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
			shared[i] = b >> 24;
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		;
	for (int i = 1; i <= n; i++)
		for (int j = i + 1; j <= n; j++)
			twice += shared[i] == shared[j];
	printf("APIC ids seen twice: %d\n", twice);
}
