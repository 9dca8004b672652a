/* SPDX-License-Identifier: BSD-2-Clause
 * Every call with every bad pointer, one argument at a time, the others good; and every call that takes a
 * descriptor with every kind of descriptor that will not do. Raw system calls: the library looks at nothing.
 *
 * A call is a line of a table. Its arguments are letters:
 *
 *   f a file, open for reading and writing   g a directory   p the write end of a pipe   e an epoll   t a timerfd
 *   r the path of that file   l of a symlink   x of a program   c AT_FDCWD
 *   i memory that is read (zeros)   o that is written   b both   v an iovec of one buffer
 *   k 4096   m -1   0 to 9 themselves
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test.h"

struct call {
	const char *name;
	long nr;
	const char *args;
};

#define CALL(name, args)                \
	{                               \
#name, SYS_##name, args \
	}
#define AS(text, number, args)           \
	{                                \
		text, SYS_##number, args \
	}

/* clang-format off */
static const struct call calls[] = {
	/* bytes */
	CALL(read, "fok"), CALL(write, "fik"), CALL(pread64, "fok00"), CALL(pwrite64, "fik00"),
	CALL(readv, "fv1"), CALL(writev, "fv1"), CALL(preadv, "fv100"), CALL(pwritev, "fv100"),
	CALL(preadv2, "fv1000"), CALL(pwritev2, "fv1000"), CALL(lseek, "f00"), CALL(vmsplice, "pv10"),
	CALL(sendfile, "ffbk"), CALL(splice, "fbp0k0"), CALL(copy_file_range, "fbfbk0"),
	/* paths */
	CALL(open, "r00"), CALL(openat, "gr00"), CALL(creat, "r0"), CALL(access, "r4"), CALL(faccessat, "gr4"),
	CALL(readlink, "lok"), CALL(readlinkat, "glok"), CALL(chmod, "r6"), CALL(fchmodat, "gr6"), CALL(fchmod, "f6"),
	CALL(chown, "rmm"), CALL(lchown, "rmm"), CALL(fchown, "fmm"), CALL(fchownat, "grmm0"), CALL(truncate, "r0"),
	CALL(ftruncate, "f0"), CALL(utimensat, "gri0"), CALL(mkdir, "r7"), CALL(mkdirat, "gr7"), CALL(rmdir, "r"),
	CALL(unlink, "r"), CALL(unlinkat, "gr0"), CALL(rename, "rr"), CALL(renameat, "grgr"), CALL(renameat2, "grgr0"),
	CALL(link, "rr"), CALL(linkat, "grgr0"), CALL(symlink, "rr"), CALL(symlinkat, "rgr"), CALL(mknod, "r00"),
	CALL(mknodat, "gr00"), CALL(chdir, "r"), CALL(fchdir, "g"), CALL(chroot, "r"), CALL(getcwd, "ok"),
	CALL(statfs, "ro"), CALL(fstatfs, "fo"), CALL(umount2, "r0"), CALL(mount, "iri0i"), CALL(statx, "gr00o"),
#ifdef __x86_64__
	CALL(stat, "ro"), CALL(lstat, "ro"), CALL(fstat, "fo"), CALL(newfstatat, "gro0"), CALL(select, "1bbbb"),
	CALL(fallocate, "f00k"), CALL(fadvise64, "f000"), CALL(mincore, "0ko"),
#else
	AS("stat", stat64, "ro"), AS("lstat", lstat64, "ro"), AS("fstat", fstat64, "fo"),
	AS("newfstatat", fstatat64, "gro0"), AS("select", _newselect, "1bbbb"), CALL(fallocate, "f000k0"),
	AS("fadvise64", fadvise64_64, "f00000"), CALL(stat64, "ro"), CALL(_llseek, "f00o0"),
	CALL(clock_gettime64, "1o"), CALL(getresuid, "ooo"), CALL(getresuid32, "ooo"), CALL(waitpid, "mo1"),
#endif
	CALL(execve, "xii"),
	/* descriptors */
	CALL(close, "f"), CALL(dup, "f"), CALL(dup3, "f90"), CALL(fcntl, "f3"), CALL(ioctl, "f0o"), CALL(flock, "f8"),
	CALL(fsync, "f"), CALL(fdatasync, "f"), CALL(syncfs, "f"), CALL(getdents, "gok"), CALL(getdents64, "gok"),
	CALL(pipe, "o"), CALL(pipe2, "o0"), CALL(epoll_ctl, "e1pi"), CALL(poll, "b10"), CALL(ppoll, "b1ii8"),
	CALL(flistxattr, "f00"), CALL(timerfd_settime, "t0io"), CALL(timerfd_gettime, "to"),
	CALL(signalfd4, "mi80"),
	/* signals and time */
	CALL(rt_sigaction, "9io8"), CALL(rt_sigprocmask, "0io8"), CALL(rt_sigpending, "o8"), CALL(sigaltstack, "i0"), CALL(sigaltstack, "0o"),
	CALL(rt_sigtimedwait, "i0i8"), CALL(rt_sigsuspend, "i9"), CALL(timer_create, "1bo"), CALL(setitimer, "0io"),
	CALL(getitimer, "0o"), CALL(nanosleep, "i0"), CALL(clock_nanosleep, "10i0"), CALL(clock_gettime, "1o"),
	CALL(clock_getres, "1o"), CALL(gettimeofday, "oo"), CALL(times, "o"), CALL(time, "o"),
	/* the process and the machine */
	CALL(getrusage, "0o"), CALL(getrlimit, "7o"), CALL(setrlimit, "7i"), CALL(prlimit64, "070o"), CALL(uname, "o"),
	CALL(sysinfo, "o"), CALL(sched_getaffinity, "0ko"), CALL(sched_getparam, "0o"),
	CALL(sched_setscheduler, "00i"), CALL(getcpu, "oo0"), CALL(capget, "bo"), CALL(getrandom, "ok0"),
	CALL(futex, "i01"), CALL(setgroups, "1i"),
};
/* clang-format on */

static char *zeros, *scratch, *readonly, *hole;
static int file, dir, pipe_fd, epfd, tfd;
static struct iovec iov;

static void prepare(void)
{
	int fds[2];

	work_folder();
	zeros = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	scratch = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hole = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(hole, 4096);
	iov = (struct iovec){ scratch, 100 };
	file = open("f", O_RDWR | O_CREAT, 0600);
	if (write(file, zeros, 4096) != 4096 || symlink("f", "l") != 0 || pipe(fds) != 0)
		printf("cannot prepare files\n");
	dir = open(".", O_RDONLY);
	pipe_fd = fds[1];
	epfd = epoll_create1(0);
	tfd = timerfd_create(CLOCK_MONOTONIC, 0);
}

static long good(char letter)
{
	switch (letter) {
	case 'f':
		return file;
	case 'g':
		return dir;
	case 'p':
		return pipe_fd;
	case 'e':
		return epfd;
	case 't':
		return tfd;
	case 'c':
		return AT_FDCWD;
	case 'r':
		return (long)"f";
	case 'l':
		return (long)"l";
	case 'x':
		return (long)"/proc/self/exe";
	case 'i':
		return (long)zeros;
	case 'o':
	case 'b':
		return (long)scratch;
	case 'v':
		return (long)&iov;
	case 'k':
		return 4096;
	case 'm':
		return -1;
	default:
		return letter - '0';
	}
}

/* One argument replaced. */
static long call_with(const struct call *c, size_t which, long value)
{
	long a[6] = { 0 };

	for (size_t i = 0; c->args[i] != '\0'; i++)
		a[i] = i == which ? value : good(c->args[i]);
	memset(scratch, 0, 4096);
	lseek(file, 0, SEEK_SET);
	errno = 0;
	return syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void tell(const char *kind, long ret)
{
	printf(" %s %s", kind, ret == -1 ? strerrorname_np(errno) : "ok");
}

static void bad_pointers(const struct call *c, size_t i)
{
	printf("%s argument %zu:", c->name, i + 1);
	tell("low", call_with(c, i, 8));
	tell("top", call_with(c, i, -4096));
	tell("hole", call_with(c, i, (long)hole));
	if (strchr("ob", c->args[i]) != NULL)
		tell("read-only", call_with(c, i, (long)readonly));
	printf("\n");
}

TEST(bad_pointers)
{
	prepare();
	for (size_t n = 0; n < sizeof(calls) / sizeof(calls[0]); n++)
		for (size_t i = 0; calls[n].args[i] != '\0'; i++)
			if (strchr("rlxiobv", calls[n].args[i]) != NULL)
				bad_pointers(&calls[n], i);
}

static void bad_descriptors(const struct call *c, size_t i)
{
	printf("%s argument %zu:", c->name, i + 1);
	tell("-1", call_with(c, i, -1));
	tell("closed", call_with(c, i, 777));
	tell("huge", call_with(c, i, INT32_MAX));
	tell("least", call_with(c, i, INT32_MIN));
	printf("\n");
}

TEST(bad_descriptors)
{
	prepare();
	for (size_t n = 0; n < sizeof(calls) / sizeof(calls[0]); n++)
		for (size_t i = 0; calls[n].args[i] != '\0'; i++)
			if (strchr("fgpet", calls[n].args[i]) != NULL)
				bad_descriptors(&calls[n], i);
}

/* What each kind of file says to calls that are for other kinds. */
TEST(wrong_descriptors)
{
	static const struct {
		const char *name, *args;
		long nr;
	} tried[] = {
		{ "read", "fok", SYS_read },
		{ "write", "fi1", SYS_write },
		{ "pread64", "fo100", SYS_pread64 },
		{ "lseek", "f00", SYS_lseek },
		{ "ftruncate", "f0", SYS_ftruncate },
		{ "getdents64", "fok", SYS_getdents64 },
		{ "fchdir", "f", SYS_fchdir },
		{ "fsync", "f", SYS_fsync },
		{ "epoll_ctl", "f1pi", SYS_epoll_ctl },
		{ "timerfd_gettime", "fo", SYS_timerfd_gettime },
		{ "flock", "f8", SYS_flock },
		{ "openat", "fr00", SYS_openat },
	};
	struct {
		const char *name;
		int fd;
	} kinds[8];
	int n = 0, keep, fds[2];

	prepare();
	if (pipe2(fds, O_NONBLOCK) != 0)
		return;
	kinds[n].name = "read-only", kinds[n++].fd = open("f", O_RDONLY);
	kinds[n].name = "write-only", kinds[n++].fd = open("f", O_WRONLY);
	kinds[n].name = "path", kinds[n++].fd = open("f", O_PATH);
	kinds[n].name = "pipe-out", kinds[n++].fd = fds[0];
	kinds[n].name = "pipe-in", kinds[n++].fd = fds[1];
	kinds[n].name = "null", kinds[n++].fd = open("/dev/null", O_RDWR);
	keep = file;
	for (size_t t = 0; t < sizeof(tried) / sizeof(tried[0]); t++) {
		struct call c = { tried[t].name, tried[t].nr, tried[t].args };

		printf("%s:", c.name);
		for (int k = 0; k < n; k++)
			tell(kinds[k].name, call_with(&c, 0, kinds[k].fd));
		printf("\n");
	}
	file = keep;
}

/* Lengths that are negative, wrap, or are more than there can be. */
TEST(huge_lengths)
{
	static char small[64];
	struct iovec two[2] = { { small, SIZE_MAX / 2 }, { small, SIZE_MAX / 2 } };
	long top = (long)SIZE_MAX;

	prepare();
#ifdef __x86_64__ /* a 32-bit length is not too much for a 64-bit kernel */
	SHOW(syscall(SYS_read, file, small, top));
	SHOW(syscall(SYS_write, file, small, top));
	SHOW(syscall(SYS_read, file, small, SIZE_MAX / 2 + 1));
	SHOW(syscall(SYS_readv, file, two, 2));
	SHOW(syscall(SYS_munmap, 0, top));
	SHOW(syscall(SYS_mprotect, zeros, top, 0));
	SHOW(syscall(SYS_mincore, zeros, top, small));
	SHOW(syscall(SYS_madvise, zeros, top, 4));
#endif
	SHOW(syscall(SYS_write, file, -100L, 200));
	SHOW(syscall(SYS_readv, file, two, 1025));
	SHOW(syscall(SYS_writev, file, two, -1));
	SHOW(syscall(SYS_getdents64, dir, small, 0));
	SHOW(syscall(SYS_getdents64, dir, small, 10));
	SHOW(syscall(SYS_readlink, "l", small, 0));
	SHOW(syscall(SYS_readlink, "l", small, -1));
	SHOW(syscall(SYS_getcwd, small, 0));
	SHOW(syscall(SYS_getcwd, small, 4));
	SHOW(syscall(SYS_poll, NULL, -1, 0));
	SHOW(syscall(SYS_epoll_wait, epfd, small, 0, 0));
	SHOW(syscall(SYS_epoll_wait, epfd, small, -1, 0));
	SHOW(syscall(SYS_epoll_wait, epfd, small, INT32_MAX, 0));
	SHOW(syscall(SYS_rt_sigprocmask, 0, NULL, small, 4));
	SHOW(syscall(SYS_rt_sigprocmask, 0, NULL, small, 16));
	SHOW(syscall(SYS_rt_sigaction, 9, NULL, small, 7));
	SHOW(syscall(SYS_setgroups, -1, small));
	SHOW(syscall(SYS_getgroups, -1, small));
	SHOW(syscall(SYS_sched_getaffinity, 0, 1, small));
	SHOW(syscall(SYS_getrandom, small, 64, 0x100));
	SHOW(syscall(SYS_sethostname, small, -1));
	SHOW(syscall(SYS_sethostname, small, 65));
	SHOW(syscall(SYS_splice, file, NULL, pipe_fd, NULL, top, 0) > 0);
}
