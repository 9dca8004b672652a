/* SPDX-License-Identifier: BSD-2-Clause
 * Who gets the children of a process that ends, and with which signal they end.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int usr1, chld;

static void count(int sig)
{
	if (sig == SIGUSR1)
		usr1++;
	else
		chld++;
}

static void watch(void)
{
	signal(SIGUSR1, count);
	signal(SIGCHLD, count);
	usr1 = chld = 0;
}

/* fork() whose child ends with that signal to its parent. */
static pid_t fork_ending_with(int sig)
{
	return (pid_t)syscall(SYS_clone, (long)sig, 0L, 0L, 0L, 0L);
}

/* A child that leaves a grandchild behind; the grandchild ends, with `sig`, once the child has gone. */
static void leave_orphan(int sig)
{
	int fds[2], status;
	char c;
	pid_t child;

	if (pipe(fds) != 0)
		return;
	child = fork();
	if (child == 0) {
		if (fork_ending_with(sig) == 0) {
			close(fds[1]);
			if (read(fds[0], &c, 1) == 0)
				_exit(7);
			_exit(8);
		}
		_exit(0);
	}
	waitpid(child, &status, 0);
	close(fds[0]);
	usr1 = chld = 0;
	close(fds[1]); /* nobody writes any more: the orphan goes */
}

TEST(orphan_subreaper)
{
	int is = -1, status = 0;

	watch();
	SHOW(prctl(PR_GET_CHILD_SUBREAPER, &is));
	printf("at first %d\n", is);
	SHOW(prctl(PR_SET_CHILD_SUBREAPER, 5));
	SHOW(prctl(PR_GET_CHILD_SUBREAPER, &is));
	printf("now %d\n", is);
	SHOW(prctl(PR_GET_CHILD_SUBREAPER, bad_pointer()));
	leave_orphan(SIGCHLD);
	while (chld == 0)
		usleep(1000);
	SHOW(waitpid(-1, &status, 0) > 0);
	show_status("adopted", status);
	if (fork() == 0) { /* it is not inherited */
		prctl(PR_GET_CHILD_SUBREAPER, &is);
		_exit(is);
	}
	waitpid(-1, &status, 0);
	show_status("a child's own", status);
}

/* The signal was meant for a parent that is gone: who adopts gets SIGCHLD. */
TEST(orphan_exit_signal)
{
	int status = 0;

	watch();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	leave_orphan(SIGUSR1);
	while (chld + usr1 == 0)
		usleep(1000);
	printf("%d SIGCHLD, %d SIGUSR1\n", chld, usr1);
	SHOW(waitpid(-1, &status, 0) > 0);
	show_status("adopted", status);
}

/* Ends with SIGUSR1, but after an exec. */
TEST(orphan_exec_signal)
{
	int status = 0;
	pid_t pid;

	watch();
	pid = fork_ending_with(SIGUSR1);
	if (pid == 0)
		_exit(0);
	while (chld + usr1 == 0)
		usleep(1000);
	printf("%d SIGCHLD, %d SIGUSR1\n", chld, usr1);
	SHOW(waitpid(pid, &status, 0) == pid);
	SHOW(waitpid(pid, &status, __WALL) == pid);
	usr1 = chld = 0;
	pid = fork_ending_with(SIGUSR1);
	if (pid == 0) {
		close(1);
		execl("/proc/self/exe", "tests", "--list", NULL);
		_exit(9);
	}
	while (chld + usr1 == 0)
		usleep(1000);
	printf("after exec: %d SIGCHLD, %d SIGUSR1\n", chld, usr1);
	SHOW(waitpid(pid, &status, 0) == pid);
}
