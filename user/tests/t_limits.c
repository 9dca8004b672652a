/* SPDX-License-Identifier: BSD-2-Clause
 * Resource limits and what happens at them: man 2 getrlimit.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
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
#define MIB  (1ul << 20)

static void set(int which, rlim_t cur, rlim_t max)
{
	struct rlimit rl = { cur, max };

	if (setrlimit(which, &rl) != 0)
		printf("setrlimit %d: %s\n", which, strerrorname_np(errno));
}

static void lower(int which, rlim_t cur)
{
	struct rlimit rl;

	getrlimit(which, &rl);
	set(which, cur, rl.rlim_max);
}

static long done(void *p)
{
	return p == MAP_FAILED ? -1 : 0;
}

static void *anon(size_t len, int prot)
{
	return mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- address space ---- */

static void as_limit(void)
{
	char *p = anon(MIB, PROT_READ | PROT_WRITE), *end = sbrk(0);

	lower(RLIMIT_AS, 16 * MIB);
	SHOW(done(anon(64 * MIB, PROT_READ | PROT_WRITE)));
	SHOW(done(anon(64 * MIB, PROT_NONE)));
	SHOW(done(mremap(p, MIB, 64 * MIB, MREMAP_MAYMOVE)));
	SHOW(brk(end + 64 * MIB));
	SHOW(done(anon(MIB, PROT_READ | PROT_WRITE)));
	SHOW(munmap(p, MIB));
	lower(RLIMIT_AS, PAGE);
	SHOW(done(anon(PAGE, PROT_READ | PROT_WRITE)));
}

static void data_limit(void)
{
	char *end = sbrk(0);

	lower(RLIMIT_DATA, 16 * MIB);
	SHOW(brk(end + 8 * MIB));
	SHOW(brk(end + 64 * MIB));
	SHOW(brk(end));
	SHOW(done(anon(64 * MIB, PROT_READ | PROT_WRITE))); /* private and writable counts, too */
	SHOW(done(anon(64 * MIB, PROT_READ)));
	SHOW(done(mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
	SHOW(done(anon(8 * MIB, PROT_READ | PROT_WRITE)));
	SHOW(done(anon(8 * MIB, PROT_READ | PROT_WRITE)));
}

TEST(limit_memory)
{
	in_child("AS", as_limit);
	in_child("DATA", data_limit);
}

/* ---- stack ---- */

static void recurse(int pages)
{
	volatile char room[4096];

	memset((char *)room, pages, sizeof(room));
	if (pages > 0)
		recurse(pages - 1);
	room[0] = 0;
}

static void stack_within(void)
{
	lower(RLIMIT_STACK, MIB);
	recurse(150);
	printf("600 KiB are there\n");
}

static void stack_beyond(void)
{
	lower(RLIMIT_STACK, MIB);
	recurse(1000);
	printf("not reached\n");
}

static void stack_raised(void)
{
	recurse(1000);
	printf("4 MiB are there\n");
}

/* What lies a little below the stack stops it, and not only when they touch. */
static void stack_guard(void)
{
	char *here = (char *)((uintptr_t)&here & ~(PAGE - 1));
	char *wall = mmap(here - 3 * MIB, PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	SHOW(done(wall));
	recurse(400); /* 1.6 MiB: leaves more than a MiB */
	printf("some growth\n");
	fflush(stdout);
	recurse(700); /* 2.8 MiB would leave less */
	printf("not reached\n");
}

TEST(limit_stack)
{
	in_child("within", stack_within);
	in_child("beyond", stack_beyond);
	in_child("default", stack_raised);
	in_child("guard gap", stack_guard);
}

static void grows_down(void)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *g;

	munmap(p, 64 * PAGE);
	g = mmap(p + 60 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	SHOW(done(g));
	g[-1] = 1;
	g[-(long)PAGE - 1] = 2;
	printf("%d %d\n", g[-1], g[-(long)PAGE - 1]);
	SHOW(mprotect(g, PAGE, PROT_READ | PROT_GROWSDOWN));
	fflush(stdout);
	g[-1] = 3;
}

TEST(map_growsdown)
{
	in_child("grows", grows_down);
}

/* ---- descriptors, processes, files ---- */

static void nofile(void)
{
	int fds[2], high = open("/dev/null", O_RDONLY);

	lower(RLIMIT_NOFILE, 6);
	while (high < 5)
		high = dup(high);
	SHOW(high);
	SHOW(dup(high));
	SHOW(open("/dev/null", O_RDONLY));
	SHOW(pipe(fds));
	SHOW(dup2(high, 6));
	SHOW(dup2(high, 5));
	SHOW(fcntl(high, F_DUPFD, 6));
	SHOW(fcntl(high, F_DUPFD, 0));
}

TEST(limit_nofile)
{
	struct rlimit rl = { 8, 4 };

	in_child("NOFILE", nofile);
	SHOW(setrlimit(RLIMIT_NOFILE, &rl));
	SHOW(setrlimit(99, &rl));
	SHOW(getrlimit(99, &rl));
	SHOW(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, bad_pointer()));
	SHOW(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, bad_pointer(), NULL));
	SHOW(syscall(SYS_prlimit64, 1 << 30, RLIMIT_NOFILE, NULL, NULL));
	SHOW(syscall(SYS_prlimit64, -1, RLIMIT_NOFILE, NULL, NULL));
	SHOW(syscall(SYS_prlimit64, 0, 99, NULL, NULL));
	SHOW(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, NULL));
}

static void *nothing(void *arg)
{
	return arg;
}

static void nproc(void)
{
	pthread_t t;

	set(RLIMIT_NPROC, 1, 1);
	if (setgid(65533) != 0 || setuid(65533) != 0)
		_exit(1);
	SHOW(fork() < 0 ? -1 : 0);
	printf("thread: %s\n", strerrorname_np(pthread_create(&t, NULL, nothing, NULL)));
}

TEST(limit_nproc)
{
	in_child("NPROC", nproc);
}

static volatile sig_atomic_t xfsz;

static void on_xfsz(int sig)
{
	xfsz++;
}

static int temp_file(void)
{
	char name[] = "/tmp/limitXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

/* Tells nothing before the limit is off again: standard output may be a file, and a long one. */
static void fsize(void)
{
	int fd = temp_file(), n = 0, errors[7], signals[7];
	char buf[3000] = { 0 };
	long ret[7];

#define TRY(expr)                    \
	do {                         \
		errno = 0;           \
		ret[n] = (expr);     \
		errors[n] = errno;   \
		signals[n++] = xfsz; \
	} while (0)
	signal(SIGXFSZ, on_xfsz);
	lower(RLIMIT_FSIZE, 5000);
	TRY(write(fd, buf, 3000));
	TRY(write(fd, buf, 3000));
	TRY(write(fd, buf, 3000));
	TRY(pwrite(fd, buf, 10, 6000));
	TRY(ftruncate(fd, 5000));
	TRY(ftruncate(fd, 5001));
	TRY(write(fd, buf, 0));
	lower(RLIMIT_FSIZE, RLIM_INFINITY);
	for (int i = 0; i < n; i++)
		printf("%ld %s, %d signals\n", ret[i],
			errors[i] != 0 ? strerrorname_np(errors[i]) : "", signals[i]);
}

static void fsize_default(void)
{
	int fd = temp_file();

	lower(RLIMIT_FSIZE, 10);
	if (pwrite(fd, "x", 1, 10) == 1)
		printf("written\n");
}

TEST(limit_fsize)
{
	in_child("FSIZE", fsize);
	in_child("FSIZE, default", fsize_default);
}

static void raise_again(void)
{
	struct rlimit rl;

	set(RLIMIT_CORE, 0, 1000);
	if (setuid(65533) != 0)
		_exit(1);
	set(RLIMIT_CORE, 1000, 1000);
	set(RLIMIT_CORE, 1000, 1001);
	set(RLIMIT_CORE, 5, 10);
	set(RLIMIT_CORE, 5, 11);
	getrlimit(RLIMIT_CORE, &rl);
	printf("%d %d\n", (int)rl.rlim_cur, (int)rl.rlim_max);
	SHOW(syscall(SYS_prlimit64, 1, RLIMIT_CORE, NULL, NULL));
}

TEST(limit_rights)
{
	in_child("not root", raise_again);
}
