/* SPDX-License-Identifier: BSD-2-Clause
 * The alternate signal stack: what sigaltstack(2) takes and tells, SS_AUTODISARM, overflow; and what sigaction(2)
 * does with flags it does not know.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#define SIZE 65536

static char stack[SIZE];

static void show_stack(const char *what)
{
	stack_t ss;
	int ret = sigaltstack(NULL, &ss);

	printf("%s: %d, ours %d, flags %x, size %zu\n", what, ret, ss.ss_sp == stack,
		(unsigned)ss.ss_flags, ss.ss_size);
}

static int set(void *sp, unsigned flags, size_t size)
{
	stack_t ss = { .ss_sp = sp, .ss_flags = (int)flags, .ss_size = size };

	return sigaltstack(&ss, NULL);
}

TEST(altstack_rules)
{
	show_stack("at first");
	SHOW(set(stack, 0, SIZE));
	show_stack("set");
	SHOW(set(stack, SS_ONSTACK, SIZE));
	show_stack("set with ONSTACK");
	SHOW(set(stack, SS_ONSTACK | SS_DISABLE, SIZE));
	SHOW(set(stack, 4, SIZE));
	SHOW(set(stack, 0x40000000, SIZE));
	SHOW(set(stack, 0, 2047));
	SHOW(set(stack, 0, 0));
	SHOW(set(stack, 0, 2048));
	SHOW(set((void *)-1, 0, 2048));
	SHOW(set(NULL, 0, SIZE));
	show_stack("at NULL");
	SHOW(set(stack, SS_AUTODISARM, SIZE));
	show_stack("autodisarm");
	SHOW(set(stack, SS_AUTODISARM | SS_ONSTACK, SIZE));
	show_stack("autodisarm and ONSTACK");
	SHOW(set(stack, SS_AUTODISARM | SS_DISABLE, SIZE));
	show_stack("autodisarm and disabled");
	SHOW(set(stack, SS_DISABLE, 0));
	show_stack("disabled");
	SHOW(syscall(SYS_sigaltstack, bad_pointer(), NULL));
	SHOW(syscall(SYS_sigaltstack, NULL, bad_pointer()));
}

static int on_stack(const void *p)
{
	return (const char *)p >= stack && (const char *)p < stack + SIZE;
}

static int depth;

static void nested(int sig, siginfo_t *si, void *ctx)
{
	const ucontext_t *uc = ctx;
	int here;

	printf("depth %d: on it %d, frame says ours %d flags %x size %zu\n", ++depth,
		on_stack(&here), uc->uc_stack.ss_sp == stack, (unsigned)uc->uc_stack.ss_flags,
		uc->uc_stack.ss_size);
	show_stack("  in handler");
	errno = 0;
	show("  set", set(stack, 0, SIZE / 2));
	if (depth < 3)
		raise(SIGUSR1);
}

static void go(unsigned flags)
{
	struct sigaction sa = { .sa_sigaction = nested,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	depth = 0;
	sigaction(SIGUSR1, &sa, NULL);
	set(stack, flags, SIZE);
	raise(SIGUSR1);
	show_stack("afterwards");
	set(NULL, SS_DISABLE, 0);
}

TEST(altstack_nested)
{
	go(0);
}

TEST(altstack_autodisarm)
{
	go(SS_AUTODISARM);
}

static void hello(int sig)
{
	static const char text[] = "handled\n";

	if (write(1, text, 8) != 8)
		_exit(9);
}

static void overflow_with(size_t size)
{
	char *p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction sa = { .sa_handler = hello, .sa_flags = SA_ONSTACK };

	/* There is memory below: it is the stack's end that counts. */
	set(p + 4 * 4096, 0, size);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
}

static void fits(void)
{
	overflow_with(4 * 4096);
}

static char *low; /* some bytes above the lower end of the stack, with memory below */
static volatile int entered;

/* The next frame would reach beyond the end: it must not, whatever is there. */
static void deeper(int sig)
{
	if (entered++ != 0)
		_exit(7);
#ifdef __x86_64__
	__asm__ volatile(
		"mov %0, %%rsp; syscall"
		:
		: "r"(low), "a"(SYS_tgkill), "D"(getpid()), "S"(syscall(SYS_gettid)), "d"(sig)
		: "rcx", "r11", "memory");
#else
	__asm__ volatile(
		"mov %0, %%esp; xchg %%esi, %%ebx; int $0x80"
		:
		: "D"(low), "a"(SYS_tgkill), "S"(getpid()), "c"(syscall(SYS_gettid)), "d"(sig)
		: "memory");
#endif
	_exit(8);
}

static void overflow(void)
{
	char *p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction sa = { .sa_handler = deeper, .sa_flags = SA_ONSTACK | SA_NODEFER };

	low = p + 8 * 4096 + 256;
	set(p + 8 * 4096, 0, 8 * 4096);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
}

TEST(altstack_overflow)
{
	in_child("fits", fits);
	in_child("overflow", overflow);
}

static jmp_buf back;

static void leave(int sig)
{
	siglongjmp(back, 1);
}

TEST(altstack_longjmp)
{
	struct sigaction sa = { .sa_handler = leave, .sa_flags = SA_ONSTACK };

	set(stack, 0, SIZE);
	sigaction(SIGUSR1, &sa, NULL);
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(back, 1) == 0)
			raise(SIGUSR1);
	show_stack("after jumps");
}

/* ---- sigaction ---- */

struct kernel_action {
	unsigned long handler, flags, restorer;
	uint64_t mask;
};

TEST(sigaction_flags)
{
	struct kernel_action a = { 0 }, b;

	a.flags = ~0ul & ~(unsigned long)SA_RESTART;
	a.mask = ~0ull;
	SHOW(syscall(SYS_rt_sigaction, SIGUSR2, &a, NULL, 8));
	SHOW(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &b, 8));
	printf("flags %lx mask %llx\n", b.flags, (unsigned long long)b.mask);
	SHOW(syscall(SYS_rt_sigaction, SIGUSR2, &a, NULL, 4));
	SHOW(syscall(SYS_rt_sigaction, SIGUSR2, NULL, NULL, 16));
	SHOW(syscall(SYS_rt_sigaction, 65, NULL, &b, 8));
	SHOW(syscall(SYS_rt_sigaction, SIGSTOP, NULL, &b, 8));
	SHOW(syscall(SYS_rt_sigaction, SIGSTOP, &a, NULL, 8));
	SHOW(syscall(SYS_rt_sigaction, SIGUSR2, bad_pointer(), NULL, 8));
	SHOW(syscall(SYS_rt_sigaction, SIGUSR2, NULL, bad_pointer(), 8));
	SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 8));
	SHOW(syscall(SYS_rt_sigprocmask, 77, NULL, NULL, 8));
	SHOW(syscall(SYS_rt_sigprocmask, 77, &a.mask, NULL, 8));
	SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad_pointer(), NULL, 8));
	SHOW(syscall(SYS_rt_sigpending, bad_pointer(), 8));
	SHOW(syscall(SYS_rt_sigpending, &a.mask, 9));
	SHOW(syscall(SYS_rt_sigsuspend, bad_pointer(), 8));
	SHOW(syscall(SYS_rt_sigsuspend, &a.mask, 4));
}
