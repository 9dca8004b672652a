/* SPDX-License-Identifier: BSD-2-Clause
 * clone(2) and clone3(2) called directly: which flags go together; ids; membarrier(2), set_tid_address(2).
 */
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static long try_clone(unsigned long flags)
{
	long ret = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

	if (ret == 0)
		_exit(0);
	if (ret > 0)
		waitpid((pid_t)ret, NULL, __WALL);
	return ret > 0 ? 1 : ret;
}

TEST(clone_flags)
{
	SHOW(try_clone(SIGCHLD));
	SHOW(try_clone(0));
	SHOW(try_clone(CLONE_FS | CLONE_FILES | SIGCHLD));
	SHOW(try_clone(CLONE_THREAD | SIGCHLD));
	SHOW(try_clone(CLONE_SIGHAND | SIGCHLD));
	SHOW(try_clone(CLONE_THREAD | CLONE_VM | SIGCHLD));
	SHOW(try_clone(CLONE_THREAD | CLONE_SIGHAND | SIGCHLD));
}

static long try_clone3(struct clone_args *a, size_t size)
{
	long ret = syscall(SYS_clone3, a, size);

	if (ret == 0)
		_exit(3);
	if (ret > 0)
		waitpid((pid_t)ret, NULL, __WALL);
	return ret > 0 ? 1 : ret;
}

TEST(clone3_args)
{
	struct {
		struct clone_args a;
		uint64_t more[2];
	} u;

	memset(&u, 0, sizeof(u));
	u.a.exit_signal = SIGCHLD;
	SHOW(try_clone3(&u.a, sizeof(u.a)));
	SHOW(try_clone3(&u.a, 64));
	SHOW(try_clone3(&u.a, 63));
	SHOW(try_clone3(&u.a, 0));
	SHOW(try_clone3(&u.a, sizeof(u)));
	u.more[1] = 1;
	SHOW(try_clone3(&u.a, sizeof(u)));
	SHOW(try_clone3(&u.a, 1 << 20));
	SHOW(try_clone3(bad_pointer(), sizeof(u.a)));
	u.a.exit_signal = 65;
	SHOW(try_clone3(&u.a, sizeof(u.a)));
	u.a.exit_signal = SIGCHLD;
	u.a.flags = SIGCHLD;
	SHOW(try_clone3(&u.a, sizeof(u.a)));
	u.a.flags = CLONE_THREAD;
	SHOW(try_clone3(&u.a, sizeof(u.a)));
	u.a.flags = 0;
	u.a.stack_size = 4096;
	SHOW(try_clone3(&u.a, sizeof(u.a)));
	u.a.stack = 4096;
	u.a.stack_size = 0;
	SHOW(try_clone3(&u.a, sizeof(u.a)));
}

static void on_usr1(int sig)
{
}

TEST(clone3_clear_sighand)
{
	struct sigaction sa = { .sa_handler = on_usr1 }, now;
	struct clone_args a = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	int status;
	pid_t pid;

	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGUSR2, SIG_IGN);
	pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid == 0) {
		sigaction(SIGUSR1, NULL, &now);
		status = now.sa_handler == SIG_DFL;
		sigaction(SIGUSR2, NULL, &now);
		_exit(status * 2 + (now.sa_handler == SIG_IGN));
	}
	waitpid(pid, &status, 0);
	show_status("handler gone 2, ignored still 1", status);
}

TEST(clone_tids)
{
	pid_t *tids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct clone_args a = { .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
		.exit_signal = SIGCHLD,
		.parent_tid = (uintptr_t)&tids[0],
		.child_tid = (uintptr_t)&tids[1] };
	int status;
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0)
		_exit(!(tids[1] == getpid() && gettid() == getpid()));
	waitpid(pid, &status, 0);
	show_status("child", status);
	printf("parent_tid %d\n", tids[0] == pid);
	SHOW(syscall(SYS_set_tid_address, &tids[2]) == gettid());
}

TEST(membarrier)
{
	printf("query has the basics: %d\n",
		(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & 0x1f) == 0x1f);
	SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	SHOW(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 1, 0));
	SHOW(syscall(SYS_membarrier, 1 << 20, 0, 0));
}
