/* SPDX-License-Identifier: BSD-2-Clause
 * What a change to a file takes with it (set-id bits, times, positions), and what stops it before anything has
 * changed: which error comes first.
 */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NOREPLACE 1
#define EXCHANGE  2

static int make(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
		return -1;
	return chmod(name, mode);
}

static int give(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	int err = make(name, "text", 0644) | chown(name, uid, gid);

	return err | chmod(name, mode);
}

static void mode_of(const char *name)
{
	struct stat st;

	if (stat(name, &st) != 0)
		printf("%s: %s\n", name, strerrorname_np(errno));
	else
		printf("%s: %o, group %d, %lld bytes\n", name, st.st_mode & 07777, (int)st.st_gid,
			S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size);
}

static void become(uid_t uid, gid_t gid, gid_t other)
{
	if (setgroups(1, &other) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
		_exit(1);
}

static int swap(const char *a, const char *b, unsigned flags)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

/* ---- a descriptor comes first ---- */

static void no_descriptor(void)
{
	struct rlimit rl;
	int top = open("/dev/null", O_RDONLY), dir = open(".", O_RDONLY | O_DIRECTORY);

	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = (rlim_t)dir + 1;
	while (top + 1 < dir) /* nothing free below */
		if ((top = dup(top)) < 0)
			break;
	SHOW(setrlimit(RLIMIT_NOFILE, &rl));
	SHOW(open("new", O_WRONLY | O_CREAT, 0644));
	SHOW(open("full", O_WRONLY | O_CREAT | O_TRUNC, 0644));
	SHOW(open("full", O_WRONLY | O_TRUNC));
	SHOW(open("none", O_RDONLY));
	SHOW(openat(dir, "new", O_WRONLY | O_CREAT, 0644));
	SHOW(open("", O_RDONLY));
	SHOW(open(bad_pointer(), O_RDONLY));
	mode_of("new");
	mode_of("full");
	SHOW(close(dir));
	SHOW(open("none", O_RDONLY)); /* and what was reserved for it is free again */
	SHOW(open("new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644) == dir);
	SHOW(fcntl(dir, F_GETFD));
	mode_of("new");
}

TEST(change_no_descriptor)
{
	work_folder();
	make("full", "contents", 0644);
	in_child("at the limit", no_descriptor);
}

static void on_alarm(int sig)
{
}

/* While an open waits for the other end of a FIFO, it has a descriptor that is nobody's yet. */
static void reserved(void)
{
	struct sigaction act = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 30000);
	SHOW(open("fifo", O_RDONLY));
	ualarm(0, 0);
	SHOW(open("/dev/null", O_RDONLY) == 3);
}

static volatile int opener_tid;

static void *open_fifo(void *arg)
{
	opener_tid = gettid();
	*(int *)arg = open("fifo", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static void child_of_opener(void)
{
	SHOW(open("/dev/null", O_RDONLY)); /* nobody will come back for it here */
	SHOW(dup2(0, 3));
}

static void by_another_thread(void)
{
	int got = -1, null, wr;
	pthread_t t;

	pthread_create(&t, NULL, open_fifo, &got);
	while (opener_tid == 0)
		sched_yield();
	SHOW(await_sleep(getpid(), opener_tid));
	SHOW(close(3));
	SHOW(fcntl(3, F_GETFD));
	SHOW(fcntl(3, F_SETFD, FD_CLOEXEC));
	SHOW(dup2(0, 3));
	SHOW(dup2(3, 5));
	SHOW(dup3(0, 3, O_CLOEXEC));
	SHOW(access("/proc/self/fd/3", F_OK));
	SHOW(syscall(SYS_close_range, 3, 3, 0));
	null = open("/dev/null", O_RDONLY);
	SHOW(null);
	SHOW(dup2(0, 200)); /* the table grows, and keeps the reservation */
	SHOW(dup2(0, 3));
	in_child("a child", child_of_opener);
	wr = open("fifo", O_WRONLY);
	SHOW(wr);
	pthread_join(t, NULL);
	SHOW(got);
	SHOW(fcntl(3, F_GETFD));
	SHOW(dup2(0, 3));
	SHOW(fcntl(3, F_GETFD));
}

TEST(change_reserved_descriptor)
{
	work_folder();
	SHOW(mkfifo("fifo", 0600));
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	in_child("interrupted", reserved);
	in_child("by another thread", by_another_thread);
}

/* ---- set-id bits ---- */

static void own_files(void)
{
	become(1000, 100, 200);
	SHOW(chmod("foreign", 02755)); /* root's group, not ours */
	mode_of("foreign");
	SHOW(chmod("second", 06755)); /* one of ours */
	mode_of("second");
	SHOW(chmod("foreigndir", 02755));
	mode_of("foreigndir");
	SHOW(chown("first", -1, -1));
	mode_of("first");
	SHOW(chown("plain", -1, -1));
	mode_of("plain");
	SHOW(chown("locking", -1, 200));
	mode_of("locking");
	SHOW(chown("locking0", -1, -1));
	mode_of("locking0");
	SHOW(chown("root", -1, -1));
	SHOW(chown("rootset", -1, -1));
	mode_of("rootset");
}

TEST(change_mode_by_owner)
{
	work_folder();
	give("foreign", 1000, 0, 0755);
	give("second", 1000, 200, 0755);
	mkdir("foreigndir", 0755);
	chown("foreigndir", 1000, 0);
	give("first", 1000, 100, 06755);
	give("plain", 1000, 100, 0644);
	give("locking", 1000, 100, 02644);
	give("locking0", 1000, 0, 02644);
	give("root", 0, 0, 0644);
	give("rootset", 0, 0, 04755);
	mkdir("dir", 0755);
	chmod("dir", 06755);
	SHOW(chown("dir", -1, -1));
	mode_of("dir");
	in_child("by the owner", own_files);
	SHOW(chown("second", -1, -1)); /* root loses them as well */
	mode_of("second");
	SHOW(chown("rootset", 0, -1));
	mode_of("rootset");
	give("locking", 1000, 100, 06644);
	SHOW(chown("locking", -1, -1));
	mode_of("locking");
}

static const char *const written[] = { "own", "group", "foreign", "locking", "locking0" };

static void give_all(void)
{
	give("own", 1000, 100, 06777);
	give("group", 0, 200, 06777);
	give("foreign", 0, 0, 06777);
	give("locking", 0, 100, 02666);
	give("locking0", 0, 0, 02666);
}

static void modes_of_all(void)
{
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		mode_of(written[i]);
}

static void by_write(void)
{
	become(1000, 100, 200);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		int fd = open(written[i], O_WRONLY);

		SHOW(write(fd, "x", 1));
		close(fd);
	}
}

static void by_truncate(void)
{
	become(1000, 100, 200);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		SHOW(truncate(written[i], 2));
}

static void by_ftruncate(void)
{
	become(1000, 100, 200);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		int fd = open(written[i], O_WRONLY);

		SHOW(ftruncate(fd, 4)); /* as long as it was */
		close(fd);
	}
}

static void by_open(void)
{
	become(1000, 100, 200);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		close(open(written[i], O_WRONLY | O_TRUNC));
}

static void by_open_write(void)
{
	become(1000, 100, 200);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		close(open(written[i], O_WRONLY));
}

TEST(change_drops_set_id)
{
	static const struct {
		const char *how;
		void (*fn)(void);
	} ways[] = { { "write", by_write }, { "truncate", by_truncate },
		{ "ftruncate", by_ftruncate }, { "O_TRUNC", by_open }, { "open", by_open_write } };

	work_folder();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		give_all();
		in_child(ways[i].how, ways[i].fn);
		modes_of_all();
	}
	give_all();
	SHOW(truncate("own", 1)); /* root may */
	mode_of("own");
}

static void new_files(void)
{
	become(1000, 100, 200);
	umask(0);
	close(open("foreign/file", O_WRONLY | O_CREAT, 02755));
	mode_of("foreign/file");
	close(open("foreign/locking", O_WRONLY | O_CREAT, 02744));
	mode_of("foreign/locking");
	SHOW(mknod("foreign/fifo", S_IFIFO | 02770, 0));
	mode_of("foreign/fifo");
	SHOW(mkdir("foreign/dir", 0755));
	mode_of("foreign/dir");
	close(open("ours/file", O_WRONLY | O_CREAT, 02755));
	mode_of("ours/file");
	umask(010);
	close(open("foreign/masked", O_WRONLY | O_CREAT, 02755));
	mode_of("foreign/masked");
}

TEST(change_new_in_setgid)
{
	work_folder();
	mkdir("foreign", 0777);
	chmod("foreign", 02777);
	mkdir("ours", 0777);
	chown("ours", 0, 200);
	chmod("ours", 02777);
	in_child("by a user", new_files);
	umask(0);
	close(open("foreign/root", O_WRONLY | O_CREAT, 02755));
	mode_of("foreign/root");
}

/* ---- which error comes first ---- */

static void closed_directory(void)
{
	become(1000, 100, 200);
	SHOW(rename("closed/f", "closed/f"));
	SHOW(rename("closed/f", "closed/g")); /* the same file */
	SHOW(rename("closed/f", "closed/other"));
	SHOW(rename("closed/f", "closed/none"));
	SHOW(link("closed/f", "closed/other"));
	SHOW(link("closed/f", "closed/none"));
	SHOW(mkdir("closed/f", 0755));
	SHOW(mknod("closed/f", S_IFCHR | 0600, 0x103));
	SHOW(mknod("closed/none", S_IFCHR | 0600, 0x103));
	SHOW(mknod("open/none", S_IFCHR | 0600, 0x103));
	SHOW(swap("one/theirs", "two/mine", EXCHANGE));
	SHOW(swap("two/mine", "one/theirs", EXCHANGE));
	SHOW(swap("one/theirs", "one/mine", EXCHANGE));
}

TEST(change_errors)
{
	work_folder();
	make("f", "f", 0644);
	mkdir("d", 0755);
	mkdir("e", 0755);
	make("e/f", "f", 0644);
	symlink("none", "dangling");
	symlink("d", "todir");
	SHOW(mknod("d/", S_IFIFO | 0600, 0));
	SHOW(mknod("f/", S_IFIFO | 0600, 0));
	SHOW(mknod("n/", S_IFIFO | 0600, 0));
	SHOW(mknod(".", S_IFIFO | 0600, 0));
	SHOW(symlink("x", "d/"));
	SHOW(symlink("x", "n/"));
	SHOW(link("f", "d/"));
	SHOW(link("f", "f/"));
	SHOW(link("f", "n/"));
	SHOW(link("d", "f"));
	SHOW(link("d", "none/x"));
	SHOW(link("d", "n"));
	SHOW(link("/proc/self/stat", "f"));
	SHOW(link("/proc/self/stat", "n/"));
	SHOW(link("/proc/self/stat", "n"));
	SHOW(link("/proc/self", "n"));
	SHOW(mkdir("dangling/", 0755));
	SHOW(open("n/", O_WRONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("d/", O_WRONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("f/", O_WRONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open(".", O_WRONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("d/.", O_RDONLY | O_CREAT, 0644));
	SHOW(open("d/..", O_WRONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("../", O_WRONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("d", O_RDONLY | O_CREAT, 0644));
	SHOW(open("d", O_RDONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("todir", O_RDONLY | O_CREAT, 0644));
	SHOW(open("f", O_RDONLY | O_CREAT | O_DIRECTORY, 0644));
	SHOW(rename("f", "."));
	SHOW(swap("f", "..", NOREPLACE));
	SHOW(swap("..", "f", NOREPLACE));
	SHOW(swap("f", "d", NOREPLACE));
	SHOW(swap("f/", "d", NOREPLACE));
	SHOW(swap("f", "f", NOREPLACE));
	SHOW(rename("/proc/.", "x"));
	SHOW(rename("f", "/proc/."));
	SHOW(swap("f", "/proc/.", NOREPLACE));
	SHOW(rename("f", "f"));
	SHOW(swap("f", "d/", EXCHANGE));
	SHOW(access("f/.", F_OK)); /* they changed places */
	SHOW(swap("f", "d/", EXCHANGE));
	SHOW(swap("f/", "d", EXCHANGE));
	SHOW(swap("f", "d", EXCHANGE));
	SHOW(swap("f/", "d", EXCHANGE));
	SHOW(swap("f", "n", EXCHANGE));
	SHOW(swap("f", "n/", EXCHANGE));
	SHOW(swap("e", "e/f", EXCHANGE));
	SHOW(swap("e/f", "e", EXCHANGE));
	SHOW(rename("e/f", "e"));
	SHOW(rename("f", "e"));
	SHOW(rename("e", "f"));
	SHOW(rename("e", "e/f/"));
	SHOW(rename("e", "e/x/"));
	SHOW(rename("none", "e/"));
	mkdir("closed", 0755);
	make("closed/f", "f", 0666);
	SHOW(link("closed/f", "closed/g"));
	make("closed/other", "o", 0666);
	mkdir("open", 0777);
	chmod("open", 0777);
	mkdir("one", 0777);
	chmod("one", 0777);
	mkdir("two", 0777);
	chmod("two", 0777);
	mkdir("one/theirs", 0755);
	mkdir("two/mine", 0755);
	chown("two/mine", 1000, 100);
	mkdir("one/mine", 0755);
	in_child("by a user", closed_directory);
}

/* ---- times and positions ---- */

static long long mtime_of(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? (long long)st.st_mtime : -1;
}

static void times(const char *name, long long a, long long m)
{
	struct timespec ts[2] = { { .tv_sec = (time_t)a }, { .tv_sec = (time_t)m, .tv_nsec = 7 } };
	struct stat st;

	SHOW(utimensat(AT_FDCWD, name, ts, 0));
	SHOW(stat(name, &st));
	printf("%lld.%09ld %lld.%09ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

TEST(change_times)
{
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	struct timespec early[2] = { { 100, 0 }, { 100, 0 } };
	struct statx sx;
	int fd;

	work_folder();
	SHOW(utimensat(AT_FDCWD, "none", omit, 0));
	SHOW(utimensat(99, "none", omit, 0));
	SHOW(utimensat(AT_FDCWD, bad_pointer(), omit, 0));
	SHOW(utimensat(AT_FDCWD, "none", omit, 0x8000000));
	SHOW(utimensat(AT_FDCWD, "none", early, 0));
	make("f", "text", 0644);
	times("f", -1, -1000000000);
	SHOW(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
	printf("%lld.%u\n", (long long)sx.stx_mtime.tv_sec, sx.stx_mtime.tv_nsec);
	times("f", 0, -1);
	times("f", 0, 2147483647);
	fd = open("f", O_RDWR);
	utimensat(AT_FDCWD, "f", early, 0);
	SHOW(write(fd, bad_pointer(), 4));
	printf("%s\n", mtime_of("f") == 100 ? "as it was" : "touched");
	utimensat(AT_FDCWD, "f", early, 0);
	SHOW(write(fd, "", 0));
	printf("%s\n", mtime_of("f") == 100 ? "as it was" : "touched");
	utimensat(AT_FDCWD, "f", early, 0);
	SHOW(ftruncate(fd, 4));
	printf("%s\n", mtime_of("f") == 100 ? "as it was" : "touched");
	utimensat(AT_FDCWD, "f", early, 0);
	SHOW(truncate("f", 4));
	printf("%s\n", mtime_of("f") == 100 ? "as it was" : "touched");
	close(fd);
}

static void limited(void)
{
	int fd = open("f", O_RDWR | O_APPEND), ret[8], err[8], n = 0;
	struct rlimit rl;
	off_t pos[8];

#define TRY(expr)                                                \
	do {                                                     \
		errno = 0, ret[n] = (int)(expr), err[n] = errno; \
		pos[n++] = lseek(fd, 0, SEEK_CUR);               \
	} while (0)
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &rl);
	rl.rlim_cur = 10;
	setrlimit(RLIMIT_FSIZE, &rl);
	TRY(write(fd, bad_pointer(), 4));
	TRY(write(fd, "abcd", 4));
	TRY(ftruncate(fd, 60)); /* smaller, though beyond the limit */
	TRY(ftruncate(fd, 60));
	TRY(ftruncate(fd, 61));
	TRY(truncate("f", 8));
	TRY(write(fd, "abcd", 4));
	TRY(write(fd, "abcd", 4));
	rl.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &rl);
	for (int i = 0; i < n; i++)
		printf("%d %s at %lld\n", ret[i], err[i] != 0 ? strerrorname_np(err[i]) : "",
			(long long)pos[i]);
}

TEST(change_position)
{
	int fd;

	work_folder();
	make("f", "0123456789012345678901234567890123456789012345678901234567890123456789", 0644);
	in_child("limited", limited);
	fd = open("f", O_RDWR);
	SHOW(lseek64(fd, 5, SEEK_SET));
	SHOW(lseek64(fd, INT64_MAX, SEEK_CUR) == -1);
	SHOW(lseek64(fd, INT64_MAX, SEEK_END) == -1);
	SHOW(lseek64(fd, INT64_MIN, SEEK_CUR) == -1);
	SHOW(lseek64(fd, -6, SEEK_CUR));
	SHOW(lseek64(fd, 0, SEEK_CUR));
	close(fd);
}
