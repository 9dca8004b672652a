/* SPDX-License-Identifier: BSD-2-Clause
 * Signals.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

static volatile sig_atomic_t count, last;

static void counter(int sig)
{
	count++;
	last = sig;
}

static void install(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

TEST(handler_basic)
{
	install(SIGUSR1, counter, 0);
	SHOW(raise(SIGUSR1));
	SHOW(kill(getpid(), SIGUSR1));
	printf("count %d last %s\n", (int)count, sigabbrev_np(last));
	SHOW(kill(1 << 30, SIGUSR1));
	SHOW(kill(getpid(), 65));
	SHOW(kill(getpid(), 0));
	SHOW(sigaction(SIGKILL, &(struct sigaction){ .sa_handler = counter }, NULL));
	SHOW(sigaction(0, NULL, NULL));
}

TEST(handler_siginfo)
{
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	SHOW(sigqueue(getpid(), SIGUSR2, (union sigval){ .sival_int = 77 }));
	SHOW(sigwaitinfo(&set, &si) == SIGUSR2);
	printf("code %d value %d pid %d\n", si.si_code == SI_QUEUE, si.si_value.sival_int,
		si.si_pid == getpid());
	SHOW(sigtimedwait(&set, &si, &(struct timespec){ 0, 1000000 }));
}

TEST(blocking)
{
	sigset_t set, old, pend;

	install(SIGUSR1, counter, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SHOW(sigprocmask(SIG_BLOCK, &set, &old));
	raise(SIGUSR1);
	raise(SIGUSR1);
	printf("while blocked %d\n", (int)count);
	sigpending(&pend);
	printf("pending %d\n", sigismember(&pend, SIGUSR1));
	SHOW(sigprocmask(SIG_SETMASK, &old, NULL));
	printf("after %d\n", (int)count);
	SHOW(sigprocmask(99, &set, NULL));
}

TEST(realtime_queue)
{
	sigset_t set;

	install(SIGRTMIN + 3, counter, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = i });
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	printf("delivered %d\n", (int)count);
}

TEST(sigsuspend_mask)
{
	sigset_t set, none;

	install(SIGUSR1, counter, 0);
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	SHOW(sigsuspend(&none));
	printf("count %d\n", (int)count);
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("still blocked %d\n", sigismember(&set, SIGUSR1));
}

static int handled_fd;

static void counter_tells(int sig)
{
	counter(sig);
	if (write(handled_fd, "", 1) != 1)
		_exit(1);
}

TEST(restart_read)
{
	int fds[2], handled[2], status;
	char c;
	pid_t pid, reader = getpid();

	SHOW(pipe(fds));
	SHOW(pipe(handled));
	handled_fd = handled[1];
	for (int restart = 0; restart < 2; restart++) {
		ssize_t n;

		install(SIGALRM, counter_tells, restart ? SA_RESTART : 0);
		pid = fork();
		if (pid == 0) {
			await_sleep(reader, reader);
			kill(reader, SIGALRM);
			if (read(handled[0], &c, 1) != 1)
				_exit(1);
			_exit(write(fds[1], "x", 1) == 1 ? 0 : 1);
		}
		errno = 0;
		n = read(fds[0], &c, 1);
		printf("restart %d: %zd %s\n", restart, n, n < 0 ? strerrorname_np(errno) : "");
		if (n < 0)
			n = read(fds[0], &c, 1);
		waitpid(pid, &status, 0);
	}
	printf("alarms %d\n", (int)count);
}

TEST(nanosleep_eintr)
{
	struct itimerval again = { { 0, 50000 }, { 0, 50000 } }, off = { 0 };
	struct timespec ts = { 500, 0 }, rem = { 0, 0 };

	install(SIGALRM, counter, SA_RESTART);
	setitimer(ITIMER_REAL, &again, NULL);
	SHOW(nanosleep(&ts, &rem));
	printf("left sane %d\n", rem.tv_sec > 400 && rem.tv_sec < 500);
	setitimer(ITIMER_REAL, &off, NULL);
	SHOW(nanosleep(&(struct timespec){ 0, 1000000000 }, NULL));
	SHOW(nanosleep(&(struct timespec){ -1, 0 }, NULL));
}

TEST(periodic_timer)
{
	struct itimerval it;

	install(SIGALRM, counter, 0);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 20000 } }, NULL);
	while (count < 5)
		pause();
	SHOW(getitimer(ITIMER_REAL, &it));
	printf("interval %ld\n", (long)it.it_interval.tv_usec);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	SHOW(alarm(100));
	printf("alarm left %d\n", alarm(0) > 98);
	printf("enough %d\n", count >= 5);
}

TEST(sigpipe)
{
	int fds[2];

	SHOW(pipe(fds));
	close(fds[0]);
	install(SIGPIPE, counter, 0);
	SHOW(write(fds[1], "x", 1));
	printf("SIGPIPE %d\n", (int)count);
	signal(SIGPIPE, SIG_IGN);
	SHOW(write(fds[1], "x", 1));
}

static sigjmp_buf env;
static volatile int segv_code;

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	segv_code = si->si_code;
	siglongjmp(env, sig);
}

TEST(segv_info)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sigaction(SIGSEGV, &sa, NULL);
	if (sigsetjmp(env, 1) == 0)
		*(volatile char *)ro = 1;
	printf("read-only: %s\n", segv_code == SEGV_ACCERR ? "ACCERR" : "?");
	munmap(ro, 4096);
	if (sigsetjmp(env, 1) == 0)
		*(volatile char *)ro = 1;
	printf("unmapped: %s\n", segv_code == SEGV_MAPERR ? "MAPERR" : "?");
}

static char altstack[65536];
static volatile int on_alt;

static void alt_handler(int sig)
{
	char here;

	on_alt = &here >= altstack && &here < altstack + sizeof(altstack);
	count++;
}

TEST(altstack)
{
	stack_t ss = { .ss_sp = altstack, .ss_size = sizeof(altstack) }, old;

	SHOW(sigaltstack(&ss, NULL));
	install(SIGUSR1, alt_handler, SA_ONSTACK);
	raise(SIGUSR1);
	printf("on alternate stack %d\n", on_alt);
	install(SIGUSR1, alt_handler, 0);
	raise(SIGUSR1);
	printf("on alternate stack %d\n", on_alt);
	SHOW(sigaltstack(NULL, &old));
	printf("flags %d\n", old.ss_flags);
	ss.ss_size = 10;
	SHOW(sigaltstack(&ss, NULL));
}

TEST(resethand_nodefer)
{
	install(SIGUSR1, counter, SA_RESETHAND);
	raise(SIGUSR1);
	struct sigaction sa;
	sigaction(SIGUSR1, NULL, &sa);
	printf("default again %d\n", sa.sa_handler == SIG_DFL);
}

static volatile double seen;

static void float_handler(int sig)
{
	double x = 1.5;

	for (int i = 0; i < 10; i++)
		x = x * 1.25 + i;
	seen = x;
}

TEST(fpu_preserved)
{
	volatile double a = 0.1, b = 0.2, sum = 0;

	install(SIGUSR1, float_handler, 0);
	for (int i = 0; i < 1000; i++) {
		double c = a * i;

		raise(SIGUSR1);
		sum += c + b;
	}
	printf("%.6f %.6f\n", sum, seen);
}

TEST(kill_group)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		for (int i = 0; i < 3; i++)
			if (fork() == 0)
				for (;;)
					pause();
		for (;;)
			pause();
	}
	while (getpgid(pid) != pid)
		usleep(1000);
	usleep(50000);
	SHOW(kill(-pid, SIGTERM));
	waitpid(pid, &status, 0);
	show_status("leader", status);
	SHOW(kill(-(1 << 20), SIGTERM));
}
