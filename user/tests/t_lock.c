/* SPDX-License-Identifier: BSD-2-Clause
 * Advisory locks: ranges, open file descriptions, waiting, signals, deadlocks.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct flock range(int type, off_t start, off_t len)
{
	return (struct flock){
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};
}

static int set(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = range(type, start, len);

	return fcntl(fd, cmd, &l);
}

/* What somebody else may get. */
static int other(int fd, int cmd, int type, off_t start, off_t len)
{
	int status;

	fflush(stdout);
	if (fork() == 0)
		_exit(set(fd, cmd, type, start, len) == 0 ? 0 : errno);
	wait(&status);
	return WEXITSTATUS(status);
}

static void tell(const char *what, int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = range(type, start, len);

	if (fcntl(fd, cmd, &l) != 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: type %d whence %d start %lld len %lld pid %s\n", what, l.l_type,
			l.l_whence, (long long)l.l_start, (long long)l.l_len,
			l.l_pid == -1         ? "-1"
			: l.l_pid == 0        ? "0"
			: l.l_pid == getpid() ? "me"
					      : "other");
}

TEST(lock_ranges)
{
	struct flock l = range(F_WRLCK, -5, 10);
	int fd, ro, wo, fds[2], path;

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	ro = open("f", O_RDONLY);
	wo = open("f", O_WRONLY);
	path = open("f", O_PATH);
	SHOW(ftruncate(fd, 100));
	SHOW(pipe(fds));
	l.l_whence = SEEK_END;
	SHOW(fcntl(fd, F_SETLK, &l));
	SHOW(other(fd, F_SETLK, F_WRLCK, 94, 1));
	SHOW(other(fd, F_SETLK, F_WRLCK, 95, 1));
	SHOW(other(fd, F_SETLK, F_WRLCK, 104, 1));
	SHOW(other(fd, F_SETLK, F_WRLCK, 105, 1));
	SHOW(set(fd, F_SETLK, F_RDLCK, 99, -3)); /* 96..98 */
	SHOW(other(fd, F_SETLK, F_RDLCK, 96, 3));
	SHOW(other(fd, F_SETLK, F_RDLCK, 95, 1));
	SHOW(other(fd, F_SETLK, F_RDLCK, 99, 1));
	SHOW(set(fd, F_SETLK, F_WRLCK, -1, 1));
	SHOW(set(fd, F_SETLK, F_WRLCK, 5, -6));
	SHOW(set(fd, F_SETLK, 77, 0, 1));
	SHOW(set(fd, F_GETLK, F_UNLCK, 0, 1));
	l.l_whence = 7;
	SHOW(fcntl(fd, F_SETLK, &l));
	SHOW(fcntl(fd, F_SETLK, bad_pointer()));
	SHOW(set(ro, F_SETLK, F_WRLCK, 0, 1));
	SHOW(set(wo, F_SETLK, F_RDLCK, 0, 1));
	SHOW(set(path, F_SETLK, F_RDLCK, 0, 1));
	SHOW(set(99, F_SETLK, F_RDLCK, 0, 1));
	tell("mine", fd, F_GETLK, F_WRLCK, 0, 0);
	SHOW(set(fd, F_SETLK, F_UNLCK, 0, 0));
	SHOW(other(fd, F_SETLK, F_WRLCK, 0, 0));
	SHOW(flock(path, LOCK_SH));
	SHOW(flock(99, LOCK_SH));
	SHOW(flock(fd, LOCK_SH | LOCK_EX));
	SHOW(flock(ro, LOCK_EX));
}

TEST(lock_ofd)
{
	struct flock l = range(F_WRLCK, 0, 10);
	int a, b;

	work_folder();
	a = open("f", O_RDWR | O_CREAT, 0600);
	b = open("f", O_RDWR);
	l.l_pid = 1;
	SHOW(fcntl(a, F_OFD_SETLK, &l));
	SHOW(set(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	SHOW(set(b, F_OFD_SETLK, F_WRLCK, 9, 10));
	SHOW(set(b, F_OFD_SETLK, F_WRLCK, 10, 10));
	SHOW(set(b, F_SETLK, F_RDLCK, 0, 1)); /* the process is somebody else */
	tell("by b", b, F_OFD_GETLK, F_WRLCK, 0, 100);
	tell("by the process", a, F_GETLK, F_WRLCK, 0, 5);
	SHOW(other(a, F_OFD_SETLK, F_RDLCK, 0, 10)); /* a child has the same description */
	SHOW(other(a, F_OFD_SETLK, F_RDLCK, 10, 1));
	SHOW(set(b, F_OFD_SETLK, F_RDLCK, 0, 10)); /* which made it a read lock */
	SHOW(close(b));
	SHOW(set(a, F_OFD_SETLK, F_WRLCK, 0, 0));
	SHOW(flock(a, LOCK_EX)); /* another world */
	b = open("f", O_RDWR);
	SHOW(flock(b, LOCK_SH | LOCK_NB));
	SHOW(set(a, F_OFD_SETLK, F_UNLCK, 0, 0));
	SHOW(flock(b, LOCK_SH | LOCK_NB));
	SHOW(set(b, F_OFD_SETLK, F_WRLCK, 0, 0));
}

static void on_alarm(int sig)
{
}

TEST(lock_waiting)
{
	struct sigaction act = { .sa_handler = on_alarm };
	int fd, ready[2], status;
	pid_t pid;
	char c;

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	SHOW(pipe(ready));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		set(fd, F_SETLK, F_WRLCK, 0, 10);
		write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	SHOW(read(ready[0], &c, 1));
	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 30000); /* again and again: the first may come before the wait begins */
	SHOW(set(fd, F_SETLKW, F_WRLCK, 5, 1));
	SHOW(set(fd, F_OFD_SETLKW, F_WRLCK, 5, 1));
	ualarm(0, 0);
	SHOW(set(fd, F_SETLKW, F_WRLCK, 10, 1));
	kill(pid, SIGKILL); /* its locks go with it */
	SHOW(set(fd, F_SETLKW, F_WRLCK, 0, 0));
	SHOW(wait(&status) == pid && WIFSIGNALED(status));
}

/* Two processes that want what the other has: exactly one of them is told. */
TEST(lock_deadlock)
{
	int fd, to[2], from[2], status, mine, theirs;
	pid_t pid;
	char c;

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	SHOW(pipe(to) | pipe(from));
	SHOW(set(fd, F_SETLK, F_WRLCK, 0, 1));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int ret;

		set(fd, F_SETLK, F_WRLCK, 1, 1);
		write(from[1], "r", 1);
		read(to[0], &c, 1);
		ret = set(fd, F_SETLKW, F_WRLCK, 0, 1);
		_exit(ret == 0 ? 0 : errno);
	}
	SHOW(read(from[0], &c, 1));
	SHOW(write(to[1], "g", 1));
	mine = set(fd, F_SETLKW, F_WRLCK, 1, 1) == 0 ? 0 : errno;
	set(fd, F_SETLK, F_UNLCK, 0, 0);
	SHOW(waitpid(pid, &status, 0) == pid);
	theirs = WEXITSTATUS(status);
	SHOW((mine == EDEADLK) + (theirs == EDEADLK));
	SHOW(mine == 0 || theirs == 0);
}

/* One lock, many who wait for it, each for a moment: nobody is told of a deadlock that is none. */
TEST(lock_contended)
{
	int fd, bad = 0, status;

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	fflush(stdout);
	for (int i = 0; i < 4; i++) {
		if (fork() != 0)
			continue;
		for (int k = 0; k < 200; k++) {
			long n = 0;

			if (set(fd, F_SETLKW, F_WRLCK, 0, 8) != 0)
				_exit(1);
			pread(fd, &n, sizeof(n), 0);
			n++;
			pwrite(fd, &n, sizeof(n), 0);
			if (set(fd, F_SETLK, F_UNLCK, 0, 8) != 0)
				_exit(1);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		bad += status != 0;
	SHOW(bad);
	long n = 0;

	pread(fd, &n, sizeof(n), 0);
	SHOW(n);
}

/* Two who share a lock and both want it for themselves: the old one goes first, so one of them gets it. */
TEST(lock_upgrade)
{
	int a, b, c, ready[2], status;
	pid_t pid;
	char got;

	work_folder();
	a = open("f", O_RDWR | O_CREAT, 0600);
	b = open("f", O_RDWR);
	SHOW(flock(a, LOCK_SH) | flock(b, LOCK_SH));
	SHOW(flock(a, LOCK_EX | LOCK_NB));
	SHOW(flock(b, LOCK_EX | LOCK_NB)); /* what a had is lost */
	SHOW(flock(a, LOCK_SH | LOCK_NB));
	SHOW(flock(b, LOCK_EX | LOCK_NB)); /* what it is already */
	SHOW(flock(b, LOCK_SH | LOCK_NB) | flock(a, LOCK_SH | LOCK_NB));
	SHOW(pipe(ready));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		c = open("f", O_RDWR);
		if (flock(c, LOCK_SH) != 0 || close(a) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(flock(c, LOCK_EX) == 0 ? 0 : errno);
	}
	SHOW(read(ready[0], &got, 1));
	SHOW(flock(b, LOCK_UN));
	SHOW(flock(a, LOCK_EX)); /* both wait, or one has it until it ends */
	SHOW(flock(a, LOCK_UN));
	SHOW(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
