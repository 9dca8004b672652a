/* SPDX-License-Identifier: BSD-2-Clause
 * memfd_create(2) and seals.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

static int open_ok(int fd)
{
	return fd < 0 ? -1 : 0;
}

static long done(void *p)
{
	return p == MAP_FAILED ? -1 : 0;
}

static char *map(int fd, int prot, int flags)
{
	return mmap(NULL, PAGE, prot, flags, fd, 0);
}

TEST(memfd_create)
{
	char name[300], link[60], target[80] = { 0 };
	struct stat st;
	int fd = memfd_create("a name", MFD_CLOEXEC), fd2;
	char *p;

	SHOW(open_ok(fd));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	SHOW(readlink(link, target, sizeof(target) - 1));
	printf("%s\n", target);
	SHOW(fcntl(fd, F_GETFD));
	SHOW(fcntl(fd, F_GETFL) & O_ACCMODE);
	SHOW(fstat(fd, &st));
	printf("mode %o links %d size %ld\n", st.st_mode, (int)st.st_nlink, (long)st.st_size);
	SHOW(write(fd, "0123456789", 10));
	SHOW(ftruncate(fd, PAGE));
	p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[10] = 'x';
	SHOW(pread(fd, target, 12, 0));
	printf("%.11s\n", target);
	fd2 = open(link, O_RDONLY);
	SHOW(open_ok(fd2));
	SHOW(read(fd2, target, 5));
	SHOW(write(fd2, "x", 1));
	SHOW(open_ok(memfd_create("", 0)));
	SHOW(open_ok(memfd_create("a/b", 0)));
	memset(name, 'n', sizeof(name));
	name[249] = '\0';
	SHOW(open_ok(memfd_create(name, 0)));
	name[249] = 'n';
	name[250] = '\0';
	SHOW(open_ok(memfd_create(name, 0)));
	SHOW(open_ok(memfd_create("x", 0x8000)));
	SHOW(open_ok(memfd_create(bad_pointer(), 0)));
}

TEST(memfd_seals)
{
	int fd = memfd_create("seals", MFD_ALLOW_SEALING), plain = memfd_create("plain", 0), ro;
	char link[60], buf[20];
	int fds[2];

	SHOW(fcntl(plain, F_GET_SEALS));
	SHOW(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(fcntl(fd, F_GET_SEALS));
	SHOW(fcntl(fd, F_ADD_SEALS, 0x1000));
	SHOW(ftruncate(fd, PAGE + 100));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(ftruncate(fd, PAGE + 101));
	SHOW(pwrite(fd, "0123456789", 10, PAGE + 100));
	SHOW(pwrite(fd, "0123456789", 10, PAGE + 95));
	SHOW(pwrite(fd, "0123456789", 10, PAGE + 90));
	SHOW(ftruncate(fd, PAGE));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	SHOW(ftruncate(fd, PAGE - 1));
	SHOW(ftruncate(fd, PAGE));
	SHOW(fcntl(fd, F_GET_SEALS));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ro = open(link, O_RDONLY);
	SHOW(fcntl(ro, F_ADD_SEALS, F_SEAL_SEAL));
	SHOW(fcntl(ro, F_GET_SEALS));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(fcntl(fd, F_ADD_SEALS, 0));
	SHOW(pwrite(fd, "0123456789", 10, 5));
	SHOW(pread(fd, buf, 10, 5));
	SHOW(pipe(fds));
	SHOW(fcntl(fds[0], F_GET_SEALS));
	SHOW(fcntl(fds[1], F_ADD_SEALS, 1));
}

TEST(memfd_seal_write)
{
	int fd = memfd_create("w", MFD_ALLOW_SEALING);
	char *p, *q;

	SHOW(ftruncate(fd, PAGE));
	p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	strcpy(p, "text");
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(fcntl(fd, F_GET_SEALS));
	munmap(p, PAGE);
	q = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	SHOW(fcntl(fd, F_GET_SEALS));
	SHOW(done(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED)));
	SHOW(pwrite(fd, "x", 1, 0));
	SHOW(ftruncate(fd, 2 * PAGE));
	q[0] = 'T';
	printf("%s\n", q);
	p = map(fd, PROT_READ, MAP_PRIVATE);
	printf("%s\n", p);
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) != 0);
	SHOW(pread(fd, q, 5, 0));
	printf("%s\n", q);
}

TEST(memfd_seal_future_write)
{
	int fd = memfd_create("f", MFD_ALLOW_SEALING);
	char *p, *r;

	SHOW(ftruncate(fd, PAGE));
	p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	SHOW(fcntl(fd, F_ADD_SEALS, 0x10 /* F_SEAL_FUTURE_WRITE */));
	strcpy(p, "still");
	SHOW(done(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED)));
	SHOW(pwrite(fd, "x", 1, 0));
	r = map(fd, PROT_READ, MAP_SHARED);
	SHOW(done(r));
	printf("%s\n", r);
	SHOW(mprotect(r, PAGE, PROT_READ | PROT_WRITE));
	SHOW(mprotect(p, PAGE, PROT_READ));
	SHOW(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
}

static long blocks(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (long)st.st_blocks : -1;
}

/* What may not be had whole is not begun. */
TEST(memfd_allocate)
{
	struct rlimit small = { 4 * PAGE, 4 * PAGE };
	int fd = memfd_create("a", MFD_ALLOW_SEALING);

	SHOW(fallocate(fd, 0, 0, 2 * PAGE));
	SHOW(blocks(fd));
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	SHOW(fallocate(fd, 0, 0, 5 * PAGE));
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5 * PAGE));
	SHOW(blocks(fd));
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE));
	SHOW(blocks(fd));
	SHOW(fallocate(fd, 0, 0, 5 * PAGE));
	SHOW(pwrite(fd, bad_pointer(), 1, 2 * PAGE));
	SHOW(blocks(fd));
	SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	SHOW(fallocate(fd, 0, 0, 3 * PAGE));
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE));
	SHOW(fallocate(fd, 0, 0, 2 * PAGE));
	SHOW(blocks(fd));
}
