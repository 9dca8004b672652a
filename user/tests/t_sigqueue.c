/* SPDX-License-Identifier: BSD-2-Clause
 * Queued signals: order, values, limits, what siginfo says of senders and of faults.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(how, &set, NULL);
}

static void note(int sig, siginfo_t *si, void *uc)
{
	if (sig >= SIGRTMIN)
		printf("RT%d", sig - SIGRTMIN);
	else
		printf("SIG%s", sigabbrev_np(sig));
	printf(" code %d value %d mine %d\n", si->si_code, si->si_value.sival_int,
		si->si_pid == getpid() && si->si_uid == getuid());
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
}

static int queue(int sig, int value)
{
	return sigqueue(getpid(), sig, (union sigval){ .sival_int = value });
}

TEST(sigqueue_order)
{
	int rt = SIGRTMIN;
	sigset_t all, old;

	for (int i = 0; i < 3; i++)
		handle(rt + i, 0);
	handle(SIGUSR1, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	SHOW(queue(rt + 2, 1));
	SHOW(queue(rt + 1, 2));
	SHOW(queue(rt + 1, 3));
	SHOW(queue(rt, 4));
	SHOW(queue(rt + 2, 5));
	SHOW(queue(SIGUSR1, 6));
	SHOW(queue(SIGUSR1, 7));
	kill(getpid(), rt);
	/* The handlers mask nothing, so the last delivered runs first: one at a time shows the order. */
	for (int i = 0; i < 7; i++) {
		siginfo_t si;

		memset(&si, 0, sizeof(si));
		int sig = sigwaitinfo(&all, &si);
		note(sig, &si, NULL);
	}
	struct timespec zero = { 0, 0 };
	SHOW(sigtimedwait(&all, NULL, &zero));
	sigprocmask(SIG_SETMASK, &old, NULL);
}

TEST(sigqueue_limit)
{
	struct rlimit rl = { 0, 0 };
	sigset_t pending;

	handle(SIGRTMIN, 0);
	block(SIG_BLOCK, SIGRTMIN);
	block(SIG_BLOCK, SIGUSR1);
	SHOW(setrlimit(RLIMIT_SIGPENDING, &rl));
	SHOW(queue(SIGRTMIN, 1));
	sigpending(&pending);
	printf("pending %d\n", sigismember(&pending, SIGRTMIN));
	SHOW(kill(getpid(), SIGRTMIN)); /* not refused: it has nothing to say */
	SHOW(kill(getpid(), SIGUSR1));
	sigpending(&pending);
	printf("pending %d %d\n", sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGUSR1));
}

TEST(sigqueue_errors)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	SHOW(queue(0, 0));
	SHOW(queue(65, 0));
	SHOW(queue(-1, 0));
	SHOW(sigqueue(0x3fffffff, SIGUSR1, (union sigval){ 0 }));
	si.si_code = SI_USER;
	SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &si));
	si.si_code = SI_TKILL;
	SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &si));
	si.si_code = SI_QUEUE;
	SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &si));
	SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), 0, bad_pointer()));
	SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), 0, &si));
	SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, 0, &si));
	SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0x3fffffff, 0, &si));
}

/* ---- what flags do ---- */

static volatile int depth, max_depth, count;

static void nest(int sig)
{
	count++;
	if (++depth > max_depth)
		max_depth = depth;
	if (count < 3)
		raise(sig);
	depth--;
}

TEST(signal_nodefer)
{
	struct sigaction sa = { .sa_handler = nest };

	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	printf("deferred: count %d depth %d\n", count, max_depth);
	count = max_depth = 0;
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	printf("not deferred: count %d depth %d\n", count, max_depth);
}

TEST(signal_resethand)
{
	struct sigaction sa = { .sa_handler = nest, .sa_flags = SA_RESETHAND }, now;

	count = 10;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	printf("handler is default: %d, count %d\n", now.sa_handler == SIG_DFL, count);
}

static void nothing(int sig)
{
}

TEST(signal_nocldwait)
{
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_NOCLDWAIT };

	sigaction(SIGCHLD, &sa, NULL);
	if (fork() == 0)
		_exit(1);
	SHOW(wait(NULL));
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(1);
	SHOW(wait(NULL));
}

static char alt[65536];
static stack_t seen;

static void where(int sig)
{
	char here;

	sigaltstack(NULL, &seen);
	printf("on it %d, flags %d\n", &here >= alt && &here < alt + sizeof(alt), seen.ss_flags);
	if (sig == SIGUSR1) {
		stack_t off = { .ss_flags = SS_DISABLE };

		SHOW(sigaltstack(&off, NULL));
		raise(SIGUSR2);
	}
}

TEST(signal_altstack)
{
	struct sigaction sa = { .sa_handler = where, .sa_flags = SA_ONSTACK };
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) }, small = ss, odd = ss;

	where(0);
	small.ss_size = 1000;
	odd.ss_flags = 64;
	SHOW(sigaltstack(&small, NULL));
	SHOW(sigaltstack(&odd, NULL));
	SHOW(sigaltstack(bad_pointer(), NULL));
	SHOW(sigaltstack(&ss, NULL));
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR1);
	sa.sa_flags = 0;
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR2);
}

/* ---- faults ---- */

static char *page;

static void fault(int sig, siginfo_t *si, void *uc)
{
	printf("SIG%s code %d addr %ld\n", sigabbrev_np(sig), si->si_code,
		si->si_addr == NULL ? -1 : (long)((char *)si->si_addr - page));
	fflush(stdout);
	_exit(0);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
	int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	for (int i = 0; i < 5; i++)
		sigaction(sigs[i], &sa, NULL);
}

static void read_unmapped(void)
{
	catch_faults();
	munmap(page, 4096);
	(void)*(volatile char *)(page + 5);
}

static void write_readonly(void)
{
	catch_faults();
	mprotect(page, 4096, PROT_READ);
	*(volatile char *)(page + 7) = 1;
}

static void run_data(void)
{
	catch_faults();
	page[9] = (char)0xc3;
	((void (*)(void))(page + 9))();
}

static void beyond_file(void)
{
	char name[] = "bus.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	catch_faults();
	munmap(page, 4096);
	page = mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	*(volatile char *)(page + 11) = 1;
}

static void divide(void)
{
	volatile int zero = 0, x = 1;

	catch_faults();
	page = NULL;
	/* The address is that of the instruction, so it is not shown. */
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigaction(SIGFPE, &sa, NULL);
	x = x / zero;
}

static void illegal(void)
{
	__asm__ volatile("ud2");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void privileged(void)
{
	__asm__ volatile("hlt");
}

static void blocked_fault(void)
{
	catch_faults();
	block(SIG_BLOCK, SIGSEGV);
	munmap(page, 4096);
	(void)*(volatile char *)page;
}

static void codes(int sig, siginfo_t *si, void *uc)
{
	printf("SIG%s code %d\n", sigabbrev_np(sig), si->si_code);
	fflush(stdout);
	_exit(0);
}

static void catch_codes(void (*fn)(void))
{
	struct sigaction sa = { .sa_sigaction = codes, .sa_flags = SA_SIGINFO };
	int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	for (int i = 0; i < 5; i++)
		sigaction(sigs[i], &sa, NULL);
	fn();
}

static void divide_code(void)
{
	volatile int zero = 0, x = 1;

	x = x / zero;
}

static void caught_divide(void)
{
	catch_codes(divide_code);
}

static void caught_illegal(void)
{
	catch_codes(illegal);
}

static void caught_breakpoint(void)
{
	catch_codes(breakpoint);
}

static void caught_privileged(void)
{
	catch_codes(privileged);
}

TEST(siginfo_faults)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	in_child("read of what is not mapped", read_unmapped);
	in_child("write to what is read-only", write_readonly);
	in_child("execution of data", run_data);
	in_child("beyond a file", beyond_file);
	in_child("division by zero", divide);
	in_child("ud2", illegal);
	in_child("int3", breakpoint);
	in_child("hlt", privileged);
	in_child("a blocked fault", blocked_fault);
	in_child("caught division", caught_divide);
	in_child("caught ud2", caught_illegal);
	in_child("caught int3", caught_breakpoint);
	in_child("caught hlt", caught_privileged);
}

/* ---- children ---- */

static volatile sig_atomic_t child_code, child_status, child_count;

static void on_child(int sig, siginfo_t *si, void *uc)
{
	child_code = si->si_code;
	child_status = si->si_status;
	child_count++;
}

static void await_child(int n)
{
	struct timespec ts = { 0, 1000000 };

	for (int i = 0; i < 3000 && child_count < n; i++)
		nanosleep(&ts, NULL);
	printf("SIGCHLD %d: code %d status %d\n", n, child_code, child_status);
}

TEST(siginfo_child)
{
	struct sigaction sa = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO };
	siginfo_t si;
	pid_t pid;

	sigaction(SIGCHLD, &sa, NULL);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	await_child(1);
	memset(&si, 0, sizeof(si));
	SHOW(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT));
	printf("%d %d %d\n", si.si_code, si.si_status, si.si_pid == pid);
	SHOW(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG));
	si.si_pid = 77;
	SHOW(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG));
	printf("nothing left: %d\n", si.si_pid);
	kill(pid, SIGCONT);
	await_child(2);
	SHOW(waitid(P_PID, (id_t)pid, &si, WCONTINUED));
	printf("%d %d\n", si.si_code, si.si_status);
	kill(pid, SIGTERM);
	await_child(3);
	SHOW(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT));
	printf("%d %d\n", si.si_code, si.si_status);
	SHOW(waitid(P_PGID, (id_t)getpgrp(), &si, WEXITED));
	printf("%d %d\n", si.si_code, si.si_status);
	SHOW(waitid(P_ALL, 0, &si, WEXITED));
	SHOW(waitid(P_ALL, 0, &si, 0));
	SHOW(waitid(9, 0, &si, WEXITED));
}
