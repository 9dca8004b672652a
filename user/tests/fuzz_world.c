/* SPDX-License-Identifier: BSD-2-Clause
 * What a fuzzing process does its calls to: descriptors of every kind, paths that lead to them and
 * nowhere, and memory with an edge at every page.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fuzz.h"

#define PAGE     4096
#define FIRST_FD 3
#define LAST_FD  40

uint8_t *fuzz_arena;

/* Nothing that writing to, or removing, would hurt the machine: the process may be root. */
static const char *const opened[] = {
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/urandom",
	"/dev/tty",
	"/dev/ptmx",
	"/dev/md0",
	"/proc/self/maps",
	"/proc/self/status",
	"/proc/self/fd",
	"/proc/self/task",
	"/proc/self/stat",
	"/proc/meminfo",
	"/proc/stat",
	"/proc/interrupts",
	"/proc/sf_buf",
	"/proc",
};

/* The first is the longest-lived: '.' is a directory of the process's own. */
static const char *const paths[] = {
	".",
	"..",
	"",
	"fz-a",
	"fz-a",
	"fz-b",
	"fz-c",
	"fz-dir",
	"fz-dir/fz-x",
	"fz-dir/fz-y",
	"fz-dir/../fz-a",
	"fz-loop",
	"fz-link",
	"fz-fifo",
	"fz-none/fz-none",
	"fz-a/fz-not-a-directory",
	"/proc/self/fd/0",
	"/proc/self/fd/3",
	"/proc/self/fd/5",
	"/proc/self/cwd",
	"/proc/self/cmdline",
	"/proc/self/environ",
	"/proc/self/maps",
	"/proc/self/status",
	"/proc/self/task",
	"/proc/thread-self",
	"/proc/self/nothing",
	"/proc/1/stat",
	"/proc/mounts",
};
/* Nor these, if it is not. */
static const char *const others[] = {
	"/",
	"/proc/self/root",
	"/proc/self/exe",
	"/dev/null",
	"/dev/tty",
	"/dev/ptmx",
	"/dev/console",
	"/dev/ttyS0",
	"/dev/md0",
	"/dev/pts/0",
	"/proc/md",
	"/proc/sf_bench",
	"/proc/sf_trace",
	"/proc/1/fd/0",
	"/proc/1/maps",
	"/proc/2/exe",
	"/bin/true",
	"/bin/busybox",
	"/init",
};

#define PICK(f, list) ((list)[fuzz_below((f), sizeof(list) / sizeof((list)[0]))])

const char *fuzz_path(struct fuzz *f)
{
	static char longest[4200];

	switch (fuzz_below(f, 16)) {
	case 0: /* bytes of the arena */
		return (const char *)fuzz_arena + fuzz_below(f, 4 * PAGE);
	case 1: /* a little too long, or not quite */
		memset(longest, 'x', sizeof(longest) - 1);
		for (size_t i = 0; i < sizeof(longest) - 1; i += 200)
			longest[i] = '/';
		longest[0] = '.';
		return longest + fuzz_below(f, 220);
	case 2:
	case 3:
	case 4:
	case 5:
		if (f->care == FUZZ_WILD)
			return PICK(f, others);
		/* fall through */
	default:
		return PICK(f, paths);
	}
}

int fuzz_fd(struct fuzz *f)
{
	static const int odd[] = { -1, AT_FDCWD, 1023, 1024, 65536, 0x7fffffff, -2, 200 };

	if (fuzz_chance(f, 12))
		return PICK(f, odd);
	return (int)fuzz_below(f, fuzz_chance(f, 3) ? 100 : LAST_FD);
}

static int special[8], nspecial;

static int is_special(int fd)
{
	if (fd >= 0 && nspecial < (int)(sizeof(special) / sizeof(special[0])))
		special[nspecial++] = fd;
	return fd;
}

int fuzz_special_fd(struct fuzz *f)
{
	return nspecial == 0 || fuzz_chance(f, 6) ? fuzz_fd(f)
						  : special[fuzz_below(f, (unsigned)nspecial)];
}

static void make_pty(int master)
{
	char name[32];
	int n;

	is_special(master);

	if (ioctl(master, TIOCGPTN, &n) != 0 || unlockpt(master) != 0)
		return;
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	is_special(open(name, O_RDWR | O_NONBLOCK));
}

static void make_files(void)
{
	int fd = open("fz-a", O_RDWR | O_CREAT, 0666);

	if (ftruncate(fd, 3 * PAGE) != 0 || write(fd, "#!/bin/sh\nexit 0\n", 17) != 17)
		_exit(1);
	fchmod(fd, 0777);
	(void)open("fz-b", O_RDWR | O_CREAT | O_APPEND, 0666);
	mkdir("fz-dir", 0777);
	(void)open("fz-dir", O_RDONLY | O_DIRECTORY);
	if (symlink("fz-loop", "fz-loop") == 0 && symlink("fz-dir/fz-x", "fz-link") == 0)
		mkfifo("fz-fifo", 0666);
	(void)open("fz-fifo", O_RDWR | O_NONBLOCK);
}

static bool leads_out(int fd)
{
	struct stat st;

	return fstat(fd, &st) != 0 || S_ISDIR(st.st_mode);
}

static void make_descriptors(const struct fuzz *f)
{
	sigset_t set;
	int fds[2], ep;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT };

	for (int i = 0; i < 3; i++)
		if (pipe2(fds, i == 0 ? 0 : O_NONBLOCK) != 0)
			return;
	for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++) {
		int fd = open(opened[i], O_RDWR | O_NONBLOCK | O_NOCTTY);

		if (fd < 0)
			fd = open(opened[i], O_RDONLY | O_NONBLOCK);
		if (fd >= 0 && f->care == FUZZ_CAREFUL && leads_out(fd)) {
			close(fd);
			continue;
		}
		if (fd >= 0 && strcmp(opened[i], "/dev/ptmx") == 0)
			make_pty(fd);
		if (fd >= 0 && strcmp(opened[i], "/dev/tty") == 0)
			is_special(fd);
	}
	eventfd(3, 0);
	eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signalfd(-1, &set, SFD_NONBLOCK);
	is_special(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	is_special(timerfd_create(CLOCK_REALTIME, 0));
	ep = is_special(epoll_create1(0));
	is_special(epoll_create1(0));
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev);
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[1], &ev);
	(void)memfd_create("fz-mem", 0);
}

/* Four pages that can be written, which calls get most of their memory in; then one of each kind, again and
 * again, a hole among them. */
static void make_arena(struct fuzz *f)
{
	static const int kinds[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, -1,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE | PROT_EXEC, PROT_WRITE };
	int fd = open("fz-a", O_RDWR);

	fuzz_arena = mmap(NULL, FUZZ_ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fuzz_arena == MAP_FAILED)
		_exit(1);
	fuzz_fill(f, fuzz_arena, 8 * PAGE);
	for (unsigned i = 4; i < FUZZ_ARENA_PAGES; i++) {
		uint8_t *page = fuzz_arena + i * PAGE;
		int kind = kinds[i % (sizeof(kinds) / sizeof(kinds[0]))];

		if (i == 12 || i == 20)
			mmap(page, PAGE, PROT_READ | PROT_WRITE,
				MAP_FIXED | (i == 12 ? MAP_SHARED : MAP_PRIVATE), fd, PAGE);
		else if (kind < 0)
			munmap(page, PAGE);
		else
			mprotect(page, PAGE, kind);
	}
	close(fd);
}

void fuzz_world_make(struct fuzz *f)
{
	/* The standard ones lead back to nobody. */
	for (int fd = 0; fd < FIRST_FD; fd++) {
		close(fd);
		(void)open("/dev/null", O_RDWR);
	}
	make_files();
	make_descriptors(f);
	make_arena(f);
	/* Root has read its own name out of /proc before, and truncated the file of that name. */
	if (f->care == FUZZ_CAREFUL && chroot(".") != 0)
		_exit(1);
}
