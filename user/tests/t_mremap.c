/* SPDX-License-Identifier: BSD-2-Clause
 * mremap(2), all flags; madvise(2), msync(2), mincore(2), mlock(2) over every kind of mapping, wrongly too.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define MIN(a, b) ((a) < (b) ? (a) : (b))

static char *map(size_t pages, int flags, int fd)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
}

static char *anon(size_t pages)
{
	return map(pages, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int temp_file(size_t pages)
{
	char name[] = "/tmp/mremapXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	if (ftruncate(fd, (off_t)(pages * PAGE)) != 0)
		return -1;
	for (size_t i = 0; i < pages; i++) {
		char c = (char)('a' + i);

		if (pwrite(fd, &c, 1, (off_t)(i * PAGE)) != 1)
			return -1;
	}
	return fd;
}

static void *raw_mremap(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
	return (void *)syscall(SYS_mremap, old, old_len, new_len, flags, to);
}

/* 0, or -1 and errno; where it went is not told. */
static long done(const void *p)
{
	return p == MAP_FAILED ? -1 : 0;
}

static void poke(void *p)
{
	*(volatile char *)p = 1;
}

static char *poke_at;

static void poke_it(void)
{
	poke(poke_at);
}

static void is_mapped(const char *what, void *p)
{
	poke_at = p;
	in_child(what, poke_it);
}

TEST(mremap_fixed)
{
	char *p = anon(4), *to = anon(8), *q;

	strcpy(p, "one");
	strcpy(p + PAGE, "two");
	strcpy(to, "old");
	q = raw_mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE);
	printf("moved %d: %s %s %s %d\n", q == to + PAGE, to, q, q + PAGE, q[3 * PAGE]);
	is_mapped("what it left", p);
	is_mapped("its neighbour", p + 2 * PAGE);
	q = raw_mremap(to + PAGE, 4 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	printf("shrunk and moved %d: %s\n", q == p, q);
	is_mapped("cut off", to + 2 * PAGE);
	SHOW(done(raw_mremap(q, PAGE, PAGE, MREMAP_FIXED, to)));
	SHOW(done(raw_mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 1)));
	SHOW(done(raw_mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q - PAGE)));
	SHOW(done(raw_mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q)));
	SHOW(done(raw_mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)-PAGE)));
	SHOW(done(raw_mremap(q, PAGE, PAGE, 8, to)));
	SHOW(done(raw_mremap(q + 1, PAGE, PAGE, MREMAP_MAYMOVE, to)));
	SHOW(done(raw_mremap(q, PAGE, 0, MREMAP_MAYMOVE, to)));
	SHOW(done(raw_mremap(q, PAGE, (size_t)-1, MREMAP_MAYMOVE, to)));
	SHOW(done(raw_mremap((void *)-PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, to)));
	SHOW(done(raw_mremap(bad_pointer() - 8, PAGE, PAGE, MREMAP_MAYMOVE, NULL)));
}

TEST(mremap_places)
{
	char *p = anon(6), *q;

	munmap(p + 4 * PAGE, 2 * PAGE);
	strcpy(p + 3 * PAGE, "last");
	q = raw_mremap(p + 3 * PAGE, PAGE, 2 * PAGE, 0, NULL);
	printf("grown in place %d: %s %d\n", q == p + 3 * PAGE, q, q[PAGE]);
	SHOW(done(raw_mremap(p, PAGE, 2 * PAGE, 0, NULL))); /* no room */
	SHOW(done(raw_mremap(p, 5 * PAGE, 5 * PAGE, 0, NULL)));
	munmap(p + PAGE, PAGE);
	SHOW(done(raw_mremap(p, 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, NULL))); /* a hole */
	SHOW(done(raw_mremap(p, 3 * PAGE, 3 * PAGE, 0, NULL)));
	SHOW(done(raw_mremap(p, 5 * PAGE, PAGE, 0, NULL))); /* shrinking over it */
	is_mapped("shrunk", p + 3 * PAGE);
	mprotect(p, PAGE, PROT_READ);
	q = raw_mremap(p, PAGE, 3 * PAGE, MREMAP_MAYMOVE, NULL);
	SHOW(done(q));
	is_mapped("rights are kept", q + PAGE);
}

/* Back and forth within 12 MiB: the old and the new place share page tables, or are each other's. Each page has a
 * stamp or was never touched. */
TEST(mremap_near)
{
	enum { PAGES = 3072, MOVES = 300 };
	static uint32_t stamp[PAGES];
	uint32_t seed = 1, wrong = 0;
	char *p = anon(PAGES);

	for (uint32_t i = 0; i < PAGES; i++)
		if (i % 5 != 0)
			*(uint32_t *)(p + i * PAGE) = stamp[i] = i + 1;
	for (int move = 0; move < MOVES; move++) {
		uint32_t n, from, to;

		do {
			seed = seed * 69069 + 1;
			n = 1 + (seed >> 8) % (PAGES / 2);
			from = (seed >> 4) % (PAGES - n);
			to = (seed >> 14) % (PAGES - n);
			if (move % 2 != 0) /* right before it */
				to = from - MIN(n, from);
		} while (to < from + n && from < to + n);
		if (raw_mremap(p + from * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			    p + to * PAGE) != p + to * PAGE)
			puts("not moved");
		mmap(p + from * PAGE, n * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		memcpy(stamp + to, stamp + from, n * sizeof(stamp[0]));
		for (uint32_t i = from; i < from + n; i++) {
			stamp[i] = i % 7 != 0 ? ++seed : 0;
			if (stamp[i] != 0)
				*(uint32_t *)(p + i * PAGE) = stamp[i];
		}
		for (uint32_t i = move % 8; i < PAGES; i += 8)
			wrong += stamp[i] != 0 && *(uint32_t *)(p + i * PAGE) != stamp[i];
	}
	for (uint32_t i = 0; i < PAGES; i++)
		wrong += *(uint32_t *)(p + i * PAGE) != stamp[i];
	printf("%u pages are wrong\n", wrong);
}

TEST(mremap_old_zero)
{
	int fd = temp_file(4);
	char *p = map(2, MAP_SHARED, fd), *a = anon(1), *q;

	q = raw_mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE, NULL);
	SHOW(done(q));
	if (q != MAP_FAILED) {
		q[1] = 'x';
		printf("the same twice: %c %c\n", p[1], q[PAGE]);
	}
	q = raw_mremap(p + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE, NULL);
	SHOW(done(q));
	if (q != MAP_FAILED)
		printf("from the second page on: %c %c\n", q[0], q[PAGE]);
	SHOW(done(raw_mremap(p, 0, 2 * PAGE, 0, NULL)));
	SHOW(done(raw_mremap(a, 0, PAGE, MREMAP_MAYMOVE, NULL)));
	printf("kept: %c\n", p[0]);
}

TEST(mremap_dontunmap)
{
	int fd = temp_file(2), flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
	char *p = anon(2), *s = map(2, MAP_SHARED, fd), *f = map(2, MAP_PRIVATE, fd), *to = anon(3),
	     *q;

	strcpy(p, "here");
	q = raw_mremap(p, 2 * PAGE, 2 * PAGE, flags, NULL);
	SHOW(done(q));
	printf("there: %s, here: %d\n", q, p[0]);
	strcpy(p, "anew");
	printf("there: %s, here: %s\n", q, p);
	q = raw_mremap(p, PAGE, PAGE, flags | MREMAP_FIXED, to + PAGE);
	printf("fixed %d: %s\n", q == to + PAGE, q);
	SHOW(done(raw_mremap(p, PAGE, 2 * PAGE, flags, NULL)));
	SHOW(done(raw_mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP, NULL)));
	q = raw_mremap(s, 2 * PAGE, 2 * PAGE, flags, NULL);
	SHOW(done(q));
	if (q != MAP_FAILED)
		printf("shared: %c %c, %c\n", q[0], q[PAGE], s[0]);
	f[0] = 'P';
	q = raw_mremap(f, 2 * PAGE, 2 * PAGE, flags, NULL);
	SHOW(done(q));
	if (q != MAP_FAILED)
		printf("private: %c %c, %c\n", q[0], q[PAGE], f[0]);
}

/* ---- madvise ---- */

static void advise(const char *what, char *p, size_t len)
{
	static const int advices[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, 8 /* FREE */, MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP, MADV_DODUMP,
		18 /* WIPEONFORK */, 19, 20 /* COLD */, 21 /* PAGEOUT */, 22 /* POPULATE_READ */,
		23, 5, 6, 7, 26, 99, -1 };

	printf("%s:", what);
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		printf(" %s", madvise(p, len, advices[i]) == 0 ? "ok" : strerrorname_np(errno));
	printf("\n");
}

TEST(madvise_all)
{
	int fd = temp_file(4), ro;
	char path[40], *p = anon(4), *hole = anon(4);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY);
	munmap(hole + PAGE, PAGE);
	advise("anonymous", p, 2 * PAGE);
	advise("a hole", hole, 3 * PAGE);
	advise("nothing", p, 0);
	advise("misaligned", p + 1, PAGE);
	if (sizeof(long) == 8) /* 32-bit programs on a 64-bit kernel do not wrap */
		advise("wrapping", p, -PAGE);
	advise("unmapped", hole + PAGE, PAGE);
	advise("shared anonymous", map(2, MAP_SHARED | MAP_ANONYMOUS, -1), 2 * PAGE);
	advise("private file", map(2, MAP_PRIVATE, fd), 2 * PAGE);
	advise("shared file", map(2, MAP_SHARED, fd), 2 * PAGE);
	advise("read-only file", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0), PAGE);
	advise("no rights", mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
}

TEST(madvise_remove)
{
	int fd = temp_file(4), ro;
	char path[40], *s = map(4, MAP_SHARED, fd), *p = map(4, MAP_PRIVATE, fd), *r, *a = anon(2);
	char *sa = map(2, MAP_SHARED | MAP_ANONYMOUS, -1), c;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY);
	r = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	SHOW(madvise(s + PAGE, 2 * PAGE, MADV_REMOVE));
	printf("%c %d %d %c\n", s[0], s[PAGE], s[2 * PAGE], s[3 * PAGE]);
	SHOW(pread(fd, &c, 1, PAGE));
	printf("read %d, seen through the private one %d\n", c, p[PAGE]);
	SHOW(madvise(p, PAGE, MADV_REMOVE));
	SHOW(madvise(r, PAGE, MADV_REMOVE));
	SHOW(madvise(a, PAGE, MADV_REMOVE));
	sa[0] = sa[PAGE] = 7;
	SHOW(madvise(sa, PAGE, MADV_REMOVE));
	printf("shared memory: %d %d\n", sa[0], sa[PAGE]);
}

TEST(madvise_effects)
{
	int fd = temp_file(2), status;
	char *p = anon(2), *f = map(2, MAP_PRIVATE, fd), *s = map(2, MAP_SHARED, fd);

	f[1] = 'M';
	printf("%c%c %c\n", f[0], f[1], f[PAGE]);
	SHOW(madvise(f, 2 * PAGE, MADV_DONTNEED)); /* our copy goes, the file is seen again */
	printf("%c%d %c\n", f[0], f[1], f[PAGE]);
	s[1] = 'S';
	SHOW(madvise(s, 2 * PAGE, MADV_DONTNEED));
	printf("%c%c\n", s[0], s[1]);
	strcpy(p, "parent");
	SHOW(madvise(p, PAGE, 18)); /* WIPEONFORK */
	strcpy(p + PAGE, "kept");
	fflush(stdout);
	if (fork() == 0) {
		printf("child: %d %s\n", p[0], p + PAGE);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	SHOW(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	is_mapped("not inherited", p + PAGE);
	SHOW(madvise(p, 2 * PAGE, MADV_DOFORK));
	is_mapped("inherited", p + PAGE);
}

/* ---- the others ---- */

TEST(mincore_all)
{
	int fd = temp_file(4);
	char *p = anon(4), *f = map(4, MAP_SHARED, fd), *hole = anon(3);
	unsigned char v[8];

	memset(v, 9, sizeof(v));
	p[PAGE] = 1;
	SHOW(mincore(p, 4 * PAGE, v));
	printf("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
	SHOW(mincore(f, 4 * PAGE, v));
	printf("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
	munmap(hole + PAGE, PAGE);
	SHOW(mincore(hole, 3 * PAGE, v));
	SHOW(mincore(p + 1, PAGE, v));
	SHOW(mincore(p, 0, v));
	SHOW(mincore(p, PAGE, bad_pointer()));
	SHOW(mincore((void *)-PAGE, PAGE, v));
	SHOW(mincore(p, (size_t)-PAGE, v));
	SHOW(mincore(p, PAGE / 2, v));
}

TEST(msync_all)
{
	int fd = temp_file(4);
	char *p = anon(4), *f = map(4, MAP_SHARED, fd);

	f[1] = 'x';
	SHOW(msync(f, 4 * PAGE, MS_SYNC));
	SHOW(msync(f, 4 * PAGE, MS_ASYNC));
	SHOW(msync(f, 4 * PAGE, 0));
	SHOW(msync(f, 4 * PAGE, MS_SYNC | MS_INVALIDATE));
	SHOW(msync(f, 4 * PAGE, MS_SYNC | MS_ASYNC));
	SHOW(msync(f, 4 * PAGE, 64));
	SHOW(msync(f + 1, PAGE, MS_SYNC));
	SHOW(msync(f, 0, MS_SYNC));
	SHOW(msync(p, 4 * PAGE, MS_SYNC));
	munmap(p + PAGE, PAGE);
	SHOW(msync(p, 4 * PAGE, MS_SYNC));
	SHOW(msync(p + PAGE, PAGE, MS_ASYNC));
	SHOW(msync(p, (size_t)-PAGE, MS_SYNC));
}

TEST(mlock_all)
{
	char *p = anon(4), *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char v[4];

	SHOW(mlock(p, 2 * PAGE));
	SHOW(mincore(p, 4 * PAGE, v));
	printf("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
	SHOW(mlock(p + 1, 1));
	SHOW(mlock(p, 0));
	SHOW(mlock(none, PAGE));
	SHOW(munlock(none, PAGE));
	SHOW(mlock2(p, PAGE, 1));
	SHOW(mlock2(p, PAGE, 2));
	SHOW(munlock(p, 4 * PAGE));
	munmap(p + PAGE, PAGE);
	SHOW(mlock(p, 3 * PAGE));
	SHOW(munlock(p, 3 * PAGE));
	SHOW(mlockall(0));
	SHOW(mlockall(8));
	SHOW(mlockall(4));
	SHOW(munlockall());
}
