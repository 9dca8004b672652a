/* SPDX-License-Identifier: BSD-2-Clause
 * wait4(2) and waitid(2): stops, continuations, looks that change nothing, what is told of a child.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static pid_t child;

static void look(const char *what, idtype_t type, id_t id, int options)
{
	struct rusage ru;
	siginfo_t si;
	long ret;

	memset(&si, 0x55, sizeof(si));
	errno = 0;
	/* The system call itself tells of times, too. */
	ret = syscall(SYS_waitid, type, id, &si, options, &ru);
	if (ret != 0) {
		show(what, ret);
		return;
	}
	if (si.si_pid == 0) {
		printf("%s: nothing (signo %d)\n", what, si.si_signo);
		return;
	}
	printf("%s: SIG%s code %d status %d child %d uid %d\n", what, sigabbrev_np(si.si_signo),
		si.si_code, si.si_status, si.si_pid == child, si.si_uid == getuid());
}

static pid_t start(void (*fn)(void))
{
	fflush(stdout);
	child = fork();
	if (child == 0) {
		fn();
		_exit(0);
	}
	return child;
}

static void idle(void)
{
	for (;;)
		pause();
}

static void leave(void)
{
	_exit(300);
}

TEST(waitid_states)
{
	start(idle);
	look("running", P_PID, (id_t)child, WEXITED | WSTOPPED | WCONTINUED | WNOHANG);
	kill(child, SIGSTOP);
	look("stopped, look", P_PID, (id_t)child, WSTOPPED | WNOWAIT);
	look("again", P_ALL, 0, WSTOPPED | WNOWAIT);
	look("not asked for", P_PID, (id_t)child, WEXITED | WCONTINUED | WNOHANG);
	look("take", P_PGID, 0, WSTOPPED);
	look("once only", P_PID, (id_t)child, WSTOPPED | WNOHANG);
	kill(child, SIGCONT);
	look("continued, look", P_PID, (id_t)child, WCONTINUED | WNOWAIT);
	look("take", P_PID, (id_t)child, WCONTINUED);
	look("once only", P_PID, (id_t)child, WCONTINUED | WNOHANG);
	kill(child, SIGSTOP);
	look("stopped", P_PID, (id_t)child, WSTOPPED);
	kill(child, SIGKILL);
	look("killed, look", P_PID, (id_t)child, WEXITED | WNOWAIT);
	look("not a stop", P_PID, (id_t)child, WSTOPPED | WNOHANG);
	look("take", P_PID, (id_t)child, WEXITED);
	look("gone", P_PID, (id_t)child, WEXITED);
	start(leave);
	look("exit code", P_ALL, 0, WEXITED);
	start(abort);
	look("abort", P_ALL, 0, WEXITED);
}

TEST(waitid_errors)
{
	start(leave);
	look("no event", P_ALL, 0, WNOHANG);
	look("unknown option", P_ALL, 0, WEXITED | 0x10);
	look("unknown type", (idtype_t)9, 0, WEXITED);
	look("pid 0", P_PID, 0, WEXITED);
	look("pid -1", P_PID, (id_t)-1, WEXITED);
	look("group -1", P_PGID, (id_t)-1, WEXITED);
	look("no such", P_PID, 1 << 30, WEXITED);
	look("init's group", P_PGID, 1, WEXITED);
	look("__WALL", P_PID, (id_t)child, WEXITED | __WALL | WNOWAIT);
	look("__WNOTHREAD", P_PID, (id_t)child, WEXITED | __WNOTHREAD | WNOWAIT);
	look("__WCLONE", P_PID, (id_t)child, WEXITED | __WCLONE | WNOHANG);
	SHOW(syscall(SYS_waitid, P_PID, child, bad_pointer(), WEXITED | WNOWAIT, NULL));
	SHOW(syscall(SYS_waitid, P_PID, child, NULL, WEXITED | WNOWAIT, bad_pointer()));
	SHOW(syscall(SYS_waitid, P_PID, child, NULL, WEXITED | WNOWAIT, NULL));
	SHOW(syscall(SYS_wait4, child, NULL, 0x10, NULL));
	SHOW(syscall(SYS_wait4, (int)0x80000000, NULL, 0, NULL));
	SHOW(syscall(SYS_wait4, -(1 << 30), NULL, 0, NULL));
	SHOW(syscall(SYS_wait4, child, bad_pointer(), 0, NULL) > 0 ? 1 : -1);
	SHOW(syscall(SYS_wait4, child, NULL, 0, NULL));
}

static void burn(void)
{
	struct rusage ru;
	char *p = mmap(NULL, 20 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, 20 << 20);
	do {
		for (volatile int i = 0; i < 1000000; i++)
			;
		getrusage(RUSAGE_SELF, &ru);
	} while (ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec < 200000);
}

static long ms(const struct rusage *ru)
{
	return ru->ru_utime.tv_sec * 1000 + ru->ru_utime.tv_usec / 1000;
}

TEST(wait_rusage)
{
	struct rusage ru, all;
	int status;

	start(burn);
	memset(&ru, 0, sizeof(ru));
	printf("taken %d\n", wait4(child, &status, 0, &ru) == child);
	printf("user time %d, size %d, faults %d\n", ms(&ru) >= 150 && ms(&ru) < 20000,
		ru.ru_maxrss >= 20 << 10, ru.ru_minflt >= 4000);
	getrusage(RUSAGE_CHILDREN, &all);
	printf("of all: user time %d, size %d, faults %d\n", ms(&all) >= ms(&ru),
		all.ru_maxrss >= ru.ru_maxrss, all.ru_minflt >= ru.ru_minflt);
	SHOW(getrusage(RUSAGE_THREAD, &ru));
	SHOW(getrusage(2, &ru));
	SHOW(getrusage(-2, &ru));
	SHOW(syscall(SYS_getrusage, RUSAGE_SELF, bad_pointer()));
}
