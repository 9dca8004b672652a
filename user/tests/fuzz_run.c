/* SPDX-License-Identifier: BSD-2-Clause
 * One fuzzing process: it makes its world, starts a thread or two and calls, until it is killed, by whatever
 * it did or by fuzz.c. Its children go on in the same way for a while.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_DEPTH    3
#define CHILD_CALLS  60
#define REARM_CALLS  64
#define THREAD_STACK 65536
#define TRACE_FD     200

static void fuzz_calls_loop(struct fuzz *f, unsigned long n);

/* What waits is interrupted. A call may have undone this: so it is done again and again. */
static void rearm(void)
{
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

void fuzz_tell(enum fuzz_news what)
{
	uint8_t byte = (uint8_t)what;

	if (write(FUZZ_NEWS_FD, &byte, 1) != 1)
		return;
}

static void trace(const struct fuzz *f, int nr, const char *name, const uintptr_t *a)
{
	char line[200];
	int n;

	if (!f->trace)
		return;
	n = snprintf(line, sizeof(line), "%d/%u %d %s %zx %zx %zx %zx %zx %zx\n", (int)f->pid,
		f->depth, nr, name, (size_t)a[0], (size_t)a[1], (size_t)a[2], (size_t)a[3],
		(size_t)a[4], (size_t)a[5]);
	if (write(TRACE_FD, line, (size_t)n) != n)
		return;
}

/* In a new process; does not return. */
static void be_child(struct fuzz *f)
{
	f->depth++;
	f->random ^= (uint64_t)f->depth * 0x9e3779b97f4a7c15ull;
	f->pid = (pid_t)syscall(SYS_getpid);
	rearm();
	if (f->depth <= MAX_DEPTH)
		fuzz_calls_loop(f, fuzz_below(f, CHILD_CALLS));
	_exit(0);
}

static void count(int nr, long ret)
{
	if (nr < 0 || nr >= FUZZ_NUMBERS)
		return;
	__atomic_fetch_add(&fuzz_counts->tried[nr], 1, __ATOMIC_RELAXED);
	if (ret >= 0)
		__atomic_fetch_add(&fuzz_counts->done[nr], 1, __ATOMIC_RELAXED);
}

static void call(struct fuzz *f, int nr, const char *name, const uintptr_t *a)
{
	pid_t before = f->pid;
	long ret;

	trace(f, nr, name, a);
	ret = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (ret == 0 && (pid_t)syscall(SYS_getpid) != before)
		be_child(f);
	count(nr, ret);
}

static void known_call(struct fuzz *f)
{
	const struct fuzz_call *c = &fuzz_calls[fuzz_below(f, fuzz_ncalls)];
	uintptr_t a[6] = { 0 };

	/* A child on the same stack would take its parent's return addresses. */
	if (c->nr == SYS_clone3 || (c->nr == SYS_execve && f->depth == 0 && !fuzz_chance(f, 20)))
		return;
	for (int i = 0; c->args[i] != '\0'; i++)
		a[i] = fuzz_arg(f, c->args[i]);
	if (c->nr == SYS_clone)
		a[0] &= ~(uintptr_t)(CLONE_VM | CLONE_VFORK);
	if (c->nr == SYS_close_range && !fuzz_chance(f, 10))
		a[0] |= 64;
	call(f, c->nr, c->name, a);
}

static void any_call(struct fuzz *f)
{
	static const char kinds[] = "dpbznNalfvstTVoOm";
	int nr = fuzz_chance(f, 10) ? (int)fuzz_evil(f) : (int)fuzz_below(f, FUZZ_NUMBERS);
	uintptr_t a[6];

	if (f->care == FUZZ_GUEST || (f->care == FUZZ_CAREFUL && fuzz_harms(nr)))
		return;
	if (nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3 || nr == SYS_exit ||
		nr == SYS_exit_group)
		return;
	for (int i = 0; i < 6; i++)
		a[i] = fuzz_arg(f, kinds[fuzz_below(f, sizeof(kinds) - 1)]);
	call(f, nr, "-", a);
}

/* ---- processes and threads ---- */

static void child(struct fuzz *f)
{
	unsigned what = fuzz_below(f, 4);
	pid_t pid;

	if (f->depth >= MAX_DEPTH)
		return;
	pid = fork();
	if (pid != 0)
		return;
	if (what == 0)
		fuzz_instructions(f);
	else if (what == 1)
		fuzz_frame(f);
	be_child(f);
}

static int vm_sharer(void *arg)
{
	struct fuzz f = *(struct fuzz *)arg;

	f.depth++;
	f.random ^= 0x123456789;
	fuzz_calls_loop(&f, fuzz_below(&f, CHILD_CALLS));
	syscall(SYS_exit, 0);
	return 0;
}

/* A task that shares more or less with this one. */
static void share(struct fuzz *f)
{
	static const int some[] = { CLONE_FS, CLONE_FILES, CLONE_SIGHAND,
		CLONE_SIGHAND | CLONE_THREAD, CLONE_VFORK, CLONE_PARENT_SETTID,
		CLONE_CHILD_CLEARTID, CLONE_PARENT };
	static uint8_t stacks[4][THREAD_STACK] __attribute__((aligned(16)));
	int flags = CLONE_VM | (fuzz_chance(f, 2) ? SIGCHLD : 0);

	if (f->depth >= 2)
		return;
	for (unsigned n = fuzz_below(f, 4); n > 0; n--)
		flags |= some[fuzz_below(f, sizeof(some) / sizeof(some[0]))];
	if ((flags & CLONE_THREAD) != 0)
		flags &= ~0xff;
	clone(vm_sharer, stacks[fuzz_below(f, 4)] + THREAD_STACK, flags, f, (int *)fuzz_arg(f, 'b'),
		NULL, (int *)fuzz_arg(f, 'b'));
}

/* clone3's structure, with fields that make sense. */
static void share3(struct fuzz *f)
{
	uint64_t args[11] = { 0 };
	uintptr_t a[6] = { (uintptr_t)args, fuzz_chance(f, 4) ? fuzz_below(f, 200) : 88 };

	args[0] = fuzz_arg(f, 'C') & ~(uint64_t)(CLONE_VM | CLONE_VFORK | 0xff);
	for (int i = 1; i < 11; i++)
		if (fuzz_chance(f, 4))
			args[i] = fuzz_evil(f);
	args[4] = fuzz_chance(f, 3) ? fuzz_below(f, 80) : SIGCHLD;
	if (!fuzz_chance(f, 4))
		args[5] = args[6] = 0; /* a stack */
	call(f, SYS_clone3, "clone3", a);
}

static void wild_handler(struct fuzz *f)
{
	struct {
		uintptr_t handler, flags, restorer;
		uint64_t mask;
	} sa = { fuzz_chance(f, 2) ? fuzz_evil(f) : fuzz_below(f, 3), (uintptr_t)fuzz_random(f),
		fuzz_evil(f), fuzz_random(f) };
	uintptr_t a[6] = { 1 + fuzz_below(f, 64), (uintptr_t)&sa, 0, 8 };

	if (a[0] != SIGALRM)
		call(f, SYS_rt_sigaction, "rt_sigaction", a);
}

static void step(struct fuzz *f)
{
	int sig;

	switch (fuzz_below(f, 64)) {
	case 0:
	case 1:
	case 2:
		child(f);
		break;
	case 3:
		share(f);
		break;
	case 4:
		share3(f);
		break;
	case 5:
		wild_handler(f);
		break;
	case 6:
		sig = (int)(1 + fuzz_below(f, 64));
		if (f->depth > 0 || (sig != SIGKILL && sig != SIGSTOP))
			raise(sig);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
	case 14:
		any_call(f);
		break;
	default:
		known_call(f);
	}
}

static void fuzz_calls_loop(struct fuzz *f, unsigned long n)
{
	volatile unsigned long i = 1;

	if (sigsetjmp(fuzz_jump, 1) != 0)
		i++;
	fuzz_can_jump = true;
	for (; i != n; i++) {
		if (i % REARM_CALLS == 0)
			rearm();
		step(f);
		if (i % FUZZ_STEPS == 0)
			fuzz_tell(FUZZ_STEPPED);
	}
}

static void *thread(void *arg)
{
	struct fuzz f = *(struct fuzz *)arg;

	fuzz_calls_loop(&f, 0);
	return NULL;
}

void fuzz_process(struct fuzz *f)
{
	static struct fuzz own[3];
	pthread_t t;

	f->pid = getpid();
	fuzz_world_make(f);
	fuzz_signals_init(f);
	rearm();
	for (unsigned i = 0, n = fuzz_below(f, 4); i < n; i++) {
		own[i] = *f;
		own[i].random = fuzz_random(f);
		if (pthread_create(&t, NULL, thread, &own[i]) != 0)
			break;
	}
	fuzz_calls_loop(f, 0);
}
