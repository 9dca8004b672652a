/* SPDX-License-Identifier: BSD-2-Clause
 * More of the file system: the *at calls, permissions as an ordinary user, times, locks, select, the
 * links of /proc, and several processes that change one tree at the same time.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -1;
	return close(fd);
}

TEST(vfs_at_calls)
{
	struct stat st;
	char buf[64] = "";
	int dir, fd;

	work_folder();
	SHOW(mkdir("d", 0755));
	dir = open("d", O_RDONLY | O_DIRECTORY);
	fd = openat(dir, "f", O_RDWR | O_CREAT, 0600);
	SHOW(write(fd, "12345", 5));
	SHOW(fstatat(dir, "f", &st, 0));
	SHOW(st.st_size);
	SHOW(fstatat(fd, "", &st, AT_EMPTY_PATH));
	SHOW(st.st_size);
	SHOW(fstatat(fd, "", &st, 0));
	SHOW(fstatat(fd, "x", &st, 0));
	SHOW(fstatat(99, "x", &st, 0));
	SHOW(fstatat(99, work_path("d/f"), &st, 0));
	SHOW(fstatat(dir, "f", &st, 0x8000000));
	SHOW(symlinkat("f", dir, "l"));
	SHOW(readlinkat(dir, "l", buf, sizeof(buf)));
	printf("%s\n", buf);
	SHOW(readlinkat(dir, "l", buf, 0));
	SHOW(readlinkat(dir, "f", buf, sizeof(buf)));
	SHOW(linkat(dir, "l", AT_FDCWD, "hard", 0));
	SHOW(linkat(dir, "l", AT_FDCWD, "soft", AT_SYMLINK_FOLLOW));
	SHOW(lstat("hard", &st) == 0 && S_ISLNK(st.st_mode));
	SHOW(lstat("soft", &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 2);
	SHOW(mkdirat(dir, "sub", 0700));
	SHOW(unlinkat(dir, "sub", 0));
	SHOW(unlinkat(dir, "sub", AT_REMOVEDIR));
	SHOW(unlinkat(dir, "f", 0x4000));
	SHOW(renameat(dir, "f", AT_FDCWD, "g"));
	SHOW(faccessat(dir, "l", F_OK, 0));
	SHOW(faccessat(dir, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	SHOW(access("g", 8));
	SHOW(fchdir(dir));
	SHOW(fchdir(fd));
	SHOW(access("l", F_OK));
	SHOW(mknodat(dir, "fifo", S_IFIFO | 0600, 0));
	SHOW(fstatat(dir, "fifo", &st, 0) == 0 && S_ISFIFO(st.st_mode));
	SHOW(mknodat(dir, "x", S_IFDIR, 0));
	SHOW(mknodat(dir, "plain", 0644, 0));
	SHOW(syscall(SYS_renameat2, dir, "plain", dir, "fifo", 1));
	SHOW(syscall(SYS_renameat2, dir, "plain", dir, "fifo", 2));
	SHOW(fstatat(dir, "plain", &st, 0) == 0 && S_ISFIFO(st.st_mode));
	SHOW(syscall(SYS_renameat2, dir, "plain", dir, "none", 2));
	SHOW(syscall(SYS_renameat2, dir, "plain", dir, "none", 3));
	close(dir);
	close(fd);
}

TEST(vfs_open_path)
{
	struct stat st;
	char c;
	int fd, dir;

	work_folder();
	make("f", "abc");
	fd = open("f", O_PATH);
	SHOW(fstat(fd, &st));
	SHOW(read(fd, &c, 1));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(fcntl(fd, F_GETFL) & O_PATH ? 1 : 0);
	SHOW(fchmod(fd, 0600));
	SHOW(close(fd));
	symlink("f", "l");
	fd = open("l", O_PATH | O_NOFOLLOW);
	SHOW(fstat(fd, &st) == 0 && S_ISLNK(st.st_mode));
	close(fd);
	dir = open(".", O_PATH);
	SHOW(faccessat(dir, "f", R_OK, 0));
	SHOW(fchdir(dir));
	close(dir);
	SHOW(open("f/", O_RDONLY));
	SHOW(open("new/", O_RDWR | O_CREAT, 0600));
	SHOW(open(".", O_RDWR));
	SHOW(open(".", O_RDONLY | O_CREAT, 0600));
	SHOW(open("l", O_RDWR | O_CREAT | O_EXCL, 0600));
	unlink("f");
	SHOW(open("l", O_RDWR | O_CREAT | O_EXCL, 0600));
	SHOW(close(open("l", O_RDWR | O_CREAT, 0600)));
	SHOW(stat("f", &st));
}

static void as_user(void)
{
	struct stat st;

	SHOW(setgid(100));
	SHOW(setuid(1000));
	SHOW(open("secret", O_RDONLY));
	SHOW(open("readable", O_RDWR));
	SHOW(close(open("readable", O_RDONLY)));
	SHOW(close(open("group", O_RDONLY)));
	SHOW(open("group", O_WRONLY));
	SHOW(access("group", R_OK));
	SHOW(access("group", W_OK));
	SHOW(access("readable", X_OK));
	SHOW(open("closed/f", O_RDONLY));
	SHOW(stat("closed/f", &st));
	SHOW(open("new", O_RDWR | O_CREAT, 0600));
	SHOW(unlink("readable"));
	SHOW(rename("readable", "other"));
	SHOW(unlink("sticky/theirs"));
	SHOW(rename("sticky/theirs", "sticky/mine"));
	SHOW(make("sticky/mine", "x"));
	SHOW(stat("sticky/mine", &st) == 0 && st.st_uid == 1000 && st.st_gid == 100);
	SHOW(chmod("sticky/mine", 04755));
	SHOW(chown("sticky/mine", 0, -1));
	SHOW(chown("sticky/mine", -1, 0));
	SHOW(chown("sticky/mine", -1, 100));
	SHOW(stat("sticky/mine", &st) == 0 ? st.st_mode & 07777 : 0);
	SHOW(unlink("sticky/mine"));
	SHOW(make("setgid/f", "x"));
	SHOW(stat("setgid/f", &st) == 0 ? st.st_gid : 0);
	SHOW(mkdir("setgid/d", 0755));
	SHOW(stat("setgid/d", &st) == 0 ? st.st_mode & S_ISGID : 0);
	SHOW(chmod("readable", 0777));
	SHOW(utimensat(AT_FDCWD, "readable", NULL, 0));
	SHOW(chroot("."));
	SHOW(mknod("sticky/dev", S_IFCHR | 0600, 0x103));
	SHOW(chdir("closed"));
}

TEST(vfs_permissions)
{
	work_folder();
	make("secret", "x");
	chmod("secret", 0600);
	make("readable", "x");
	make("group", "x");
	chmod("group", 0640);
	SHOW(chown("group", 0, 100));
	mkdir("closed", 0700);
	make("closed/f", "x");
	mkdir("sticky", 0777);
	SHOW(chmod("sticky", 01777));
	make("sticky/theirs", "x");
	mkdir("setgid", 0777);
	SHOW(chown("setgid", 0, 55));
	SHOW(chmod("setgid", 02777));
	in_child("as user 1000", as_user);
}

static int same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

TEST(vfs_times)
{
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 1500000000, 5 } };
	struct timeval tv[2] = { { 5, 6 }, { 7, 8 } };
	struct statx sx;
	struct stat st;
	int fd;

	work_folder();
	make("f", "abc");
	stat("f", &st);
	SHOW(same_time(st.st_mtim, st.st_ctim)); /* one change, one time */
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	SHOW(stat("f", &st));
	printf("%lld.%09ld %lld.%09ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	stat("f", &st);
	SHOW(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec > 1600000000);
	ts[0].tv_nsec = 1000000000;
	SHOW(utimensat(AT_FDCWD, "f", ts, 0));
	SHOW(utimes("f", tv));
	stat("f", &st);
	printf("%lld %lld %ld\n", (long long)st.st_atime, (long long)st.st_mtime,
		st.st_mtim.tv_nsec);
	fd = open("f", O_RDWR);
	SHOW(futimens(fd, NULL));
	stat("f", &st);
	SHOW(st.st_mtime > 1600000000);
	SHOW(same_time(st.st_atim, st.st_mtim) && same_time(st.st_mtim, st.st_ctim));
	utimes("f", tv);
	SHOW(write(fd, "x", 1));
	stat("f", &st);
	SHOW(st.st_mtime > 1600000000 && st.st_atime == 5);
	SHOW(same_time(st.st_mtim, st.st_ctim));
	close(fd);
	SHOW(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
	printf("%o %u %llu %lld\n", sx.stx_mode, sx.stx_nlink, (unsigned long long)sx.stx_size,
		(long long)sx.stx_atime.tv_sec);
	SHOW(statx(AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &sx));
	SHOW(statx(AT_FDCWD, "none", 0, STATX_BASIC_STATS, &sx));
}

static int lock_in_child(int fd, int type, int start, int len)
{
	int status;

	fflush(stdout);
	if (fork() == 0) {
		struct flock l = {
			.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
		};

		_exit(fcntl(fd, F_SETLK, &l) == 0 ? 0 : errno == EAGAIN ? 1 : 2);
	}
	wait(&status);
	return WEXITSTATUS(status);
}

TEST(vfs_locks)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	int fd, fd2, status;

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	SHOW(fcntl(fd, F_SETLK, &l));
	SHOW(lock_in_child(fd, F_WRLCK, 0, 10));
	SHOW(lock_in_child(fd, F_WRLCK, 0, 11));
	SHOW(lock_in_child(fd, F_RDLCK, 19, 1));
	SHOW(lock_in_child(fd, F_RDLCK, 20, 0));
	l.l_type = F_UNLCK;
	l.l_start = 13;
	l.l_len = 2;
	SHOW(fcntl(fd, F_SETLK, &l));
	SHOW(lock_in_child(fd, F_WRLCK, 13, 2));
	SHOW(lock_in_child(fd, F_WRLCK, 12, 2));
	SHOW(lock_in_child(fd, F_WRLCK, 15, 1));
	l.l_type = F_RDLCK;
	l.l_start = 0;
	l.l_len = 0;
	SHOW(fcntl(fd, F_SETLK, &l));
	SHOW(lock_in_child(fd, F_RDLCK, 5, 100));
	SHOW(lock_in_child(fd, F_WRLCK, 1000, 1));
	if (fork() == 0) {
		l.l_type = F_WRLCK;
		if (fcntl(fd, F_GETLK, &l) != 0)
			_exit(100);
		_exit(l.l_type == F_RDLCK && l.l_start == 0 && l.l_len == 0 &&
			l.l_pid == getppid());
	}
	wait(&status);
	SHOW(WEXITSTATUS(status));
	fd2 = open("f", O_RDONLY);
	SHOW(close(fd2)); /* loses all locks of the process */
	SHOW(lock_in_child(fd, F_WRLCK, 0, 0));
	fd2 = open("f", O_RDONLY);
	SHOW(flock(fd, LOCK_EX));
	SHOW(flock(fd2, LOCK_SH | LOCK_NB));
	SHOW(flock(fd, LOCK_SH));
	SHOW(flock(fd2, LOCK_SH | LOCK_NB));
	SHOW(flock(fd2, LOCK_UN));
	SHOW(flock(fd, 77));
	if (fork() == 0) {
		int fd3 = open("f", O_RDONLY);

		_exit(flock(fd3, LOCK_EX) == 0); /* waits */
	}
	usleep(50000);
	SHOW(flock(fd, LOCK_UN));
	wait(&status);
	SHOW(WEXITSTATUS(status));
	close(fd);
	close(fd2);
}

TEST(vfs_select)
{
	struct timeval tv = { 0, 20000 };
	struct timespec ts = { 0, 20000000 };
	struct pollfd p[3];
	fd_set rd, wr;
	int fds[2];

	SHOW(pipe(fds));
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_SET(fds[0], &rd);
	SHOW(select(fds[1] + 1, &rd, NULL, NULL, &tv));
	SHOW(FD_ISSET(fds[0], &rd));
	SHOW(tv.tv_sec == 0 && tv.tv_usec == 0);
	SHOW(write(fds[1], "abc", 3));
	FD_SET(fds[0], &rd);
	FD_SET(fds[1], &wr);
	SHOW(select(fds[1] + 1, &rd, &wr, NULL, NULL));
	SHOW(pselect(fds[1] + 1, &rd, NULL, NULL, &ts, NULL));
	FD_SET(50, &rd);
	SHOW(select(51, &rd, NULL, NULL, NULL));
	SHOW(select(-1, NULL, NULL, NULL, NULL));
	p[0] = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = 50, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
	SHOW(poll(p, 3, 0));
	printf("%x %x %x\n", p[0].revents, p[1].revents, p[2].revents);
	SHOW(poll(NULL, 0, 10));
	SHOW(ppoll(p, 1, &ts, NULL));
	close(fds[1]);
	SHOW(read(fds[0], &rd, 3));
	SHOW(poll(p, 1, -1));
	printf("%x\n", p[0].revents);
	close(fds[0]);
}

static void on_alarm(int sig)
{
}

TEST(vfs_poll_signals)
{
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, 30000 }, { 0, 30000 } };
	sigset_t block, none;

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW(poll(NULL, 0, 5000));
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW(select(0, NULL, NULL, NULL, NULL));
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	sigprocmask(SIG_BLOCK, &block, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW(poll(NULL, 0, 60));           /* blocked: nothing ends it */
	SHOW(ppoll(NULL, 0, NULL, &none)); /* pending: ends at once */
	setitimer(ITIMER_REAL, &it, NULL);
	SHOW(pselect(0, NULL, NULL, NULL, NULL, &none));
	sigprocmask(SIG_BLOCK, NULL, &none);
	SHOW(sigismember(&none, SIGALRM));
}

TEST(vfs_proc_links)
{
	const char *folder = work_folder();
	char buf[256], path[64];
	struct stat a, b;
	int fds[2], fd, fd2;
	ssize_t n;

	make("f", "text of f\n");
	fd = open("f", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, buf, sizeof(buf) - 1);
	buf[n] = '\0';
	show_path(buf);
	SHOW(unlink("f"));
	n = readlink(path, buf, sizeof(buf) - 1);
	buf[n] = '\0';
	show_path(buf);
	fd2 = open(path, O_RDONLY); /* the file itself, though its name is gone */
	n = read(fd2, buf, sizeof(buf));
	printf("%.*s", (int)n, buf);
	SHOW(fstat(fd, &a) == 0 && fstat(fd2, &b) == 0 && a.st_ino == b.st_ino && a.st_nlink == 0);
	SHOW(stat(path, &a) == 0 && S_ISREG(a.st_mode));
	SHOW(lstat(path, &a) == 0 && S_ISLNK(a.st_mode));
	SHOW(pipe(fds));
	SHOW(write(fds[1], "through", 7));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	SHOW(stat(path, &a) == 0 && S_ISFIFO(a.st_mode));
	fd2 = open(path, O_RDONLY);
	n = read(fd2, buf, sizeof(buf));
	printf("%.*s\n", (int)n, buf);
	SHOW(n = readlink("/proc/self/cwd", buf, sizeof(buf) - 1));
	buf[n] = '\0';
	show_path(buf);
	SHOW(access("/proc/self/root/tmp", F_OK));
	sprintf(path, "/proc/self/cwd/../%s", folder + strlen("/tmp/"));
	SHOW(access(path, F_OK));
	SHOW(open("/proc/self/fd/77", O_RDONLY));
	SHOW(open("/proc/self/none", O_RDONLY));
	SHOW(open("/proc/999999", O_RDONLY));
	SHOW(mkdir("/proc/x", 0755));
	SHOW(unlink("/proc/uptime"));
	SHOW(open("/proc/self/stat/x", O_RDONLY));
}

TEST(vfs_seekdir)
{
	char name[32], seen[200] = { 0 };
	struct dirent *e;
	long at = 0;
	int n = 0, twice = 0, missing = 0;
	DIR *d;

	work_folder();
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make(name, "");
	}
	d = opendir(".");
	while (n < 100 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			seen[atoi(e->d_name)]++;
			n++;
			at = telldir(d);
		}
	for (int i = 0; i < 200; i += 3) { /* entries on both sides of the position go */
		snprintf(name, sizeof(name), "%d", i);
		unlink(name);
	}
	seekdir(d, at);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			seen[atoi(e->d_name)]++;
	for (int i = 0; i < 200; i++) {
		twice += seen[i] > 1;
		missing += i % 3 != 0 && seen[i] == 0;
	}
	printf("twice %d missing %d\n", twice, missing);
	rewinddir(d);
	for (n = 0; readdir(d) != NULL; n++)
		;
	printf("%d left\n", n);
	closedir(d);
	SHOW(syscall(SYS_getdents64, open(".", O_RDONLY), name, 5));
	SHOW(syscall(SYS_getdents64, open("1", O_RDONLY), name, 5));
}

/* ---- several at once ---- */

#define WORKERS 4
#define ROUNDS  300

static void renamer(int id)
{
	char a[32], b[32];
	unsigned seed = (unsigned)id;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(a, sizeof(a), "%d/x%d", rand_r(&seed) % 4, rand_r(&seed) % 8);
		snprintf(b, sizeof(b), "%d/x%d", rand_r(&seed) % 4, rand_r(&seed) % 8);
		switch (rand_r(&seed) % 7) {
		case 0:
			make(a, "data");
			break;
		case 1:
			unlink(a);
			break;
		case 2:
			mkdir(a, 0755);
			break;
		case 3:
			rmdir(a);
			break;
		case 4:
			link(a, b);
			break;
		case 5:
			symlink(b, a);
			break;
		default:
			rename(a, b);
			break;
		}
	}
}

static void appender(int id)
{
	int fd = open("log", O_WRONLY | O_APPEND);
	char line[32];

	for (int i = 0; i < ROUNDS; i++) {
		memset(line, 'a' + id, sizeof(line));
		line[31] = '\n';
		if (write(fd, line, sizeof(line)) != sizeof(line))
			_exit(1);
	}
}

static void in_workers(void (*fn)(int))
{
	int status, bad = 0;

	fflush(stdout);
	for (int i = 0; i < WORKERS; i++) {
		if (fork() == 0) {
			fn(i);
			_exit(0);
		}
	}
	for (int i = 0; i < WORKERS; i++) {
		wait(&status);
		bad += status != 0;
	}
	printf("%d workers failed\n", bad);
}

TEST(vfs_concurrent_tree)
{
	char name[8];

	work_folder();
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%d", i);
		mkdir(name, 0755);
	}
	in_workers(renamer);
	SHOW(system("rm -rf 0 1 2 3; ls"));
}

TEST(vfs_concurrent_append)
{
	char line[32];
	int count[WORKERS] = { 0 }, torn = 0, fd;

	work_folder();
	make("log", "");
	in_workers(appender);
	fd = open("log", O_RDONLY);
	while (read(fd, line, sizeof(line)) == sizeof(line)) {
		for (int i = 1; i < 31; i++)
			torn += line[i] != line[0];
		torn += line[31] != '\n';
		count[line[0] - 'a']++;
	}
	printf("%d torn; %d %d %d %d\n", torn, count[0], count[1], count[2], count[3]);
	close(fd);
}

/* Writers and a mapping of one file: what is written shows in the mapping, and the other way round. */
TEST(vfs_mapping_and_write)
{
	char buf[16] = "";
	char *map;
	int fd;

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	SHOW(ftruncate(fd, 8192));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SHOW(pwrite(fd, "from write", 10, 4090));
	printf("%.10s\n", map + 4090);
	memcpy(map + 100, "from map", 8);
	SHOW(pread(fd, buf, 8, 100));
	printf("%s\n", buf);
	SHOW(write(fd, map, 8192)); /* the file onto itself */
	SHOW(pread(fd, buf, 10, 4090));
	printf("%.10s\n", buf);
	SHOW(ftruncate(fd, 4096));
	SHOW(ftruncate(fd, 8192));
	SHOW(map[4096]);
	munmap(map, 8192);
	close(fd);
}
