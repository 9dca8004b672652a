/* SPDX-License-Identifier: BSD-2-Clause
 * Processes: fork, exec, wait, groups, limits.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

TEST(fork_exit)
{
	int status;

	for (int code = 0; code < 300; code += 77) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(code);
		printf("same pid: %d\n", waitpid(pid, &status, 0) == pid);
		show_status("child", status);
	}
	SHOW(waitpid(-1, &status, 0));
	SHOW(waitpid(1 << 30, &status, 0));
	SHOW(waitpid(-1, &status, 0x100));
}

TEST(fork_cow)
{
	static char data[3 * 4096];
	char *heap = malloc(100000);
	int status, local = 1;
	pid_t pid;

	memset(data, 'a', sizeof(data));
	memset(heap, 'b', 100000);
	pid = fork();
	if (pid == 0) {
		memset(data, 'x', sizeof(data));
		memset(heap, 'y', 100000);
		local = 2;
		_exit(data[5000] == 'x' && heap[99999] == 'y' && local == 2 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	show_status("child", status);
	printf("%c %c %d\n", data[5000], heap[99999], local);
	free(heap);
}

TEST(wait_nohang)
{
	int fds[2], status;
	pid_t pid;

	SHOW(pipe(fds));
	pid = fork();
	if (pid == 0) {
		char c;

		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 ? 7 : 8);
	}
	SHOW(waitpid(pid, &status, WNOHANG));
	close(fds[1]);
	printf("reaped: %d\n", waitpid(pid, &status, 0) == pid);
	show_status("child", status);
}

TEST(wait_stop_continue)
{
	int fds[2], status;
	char c;
	pid_t pid;

	SHOW(pipe(fds));
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		raise(SIGSTOP);
		_exit(read(fds[0], &c, 1) == 0 ? 3 : 4);
	}
	close(fds[0]);
	printf("stop seen: %d\n", waitpid(pid, &status, WUNTRACED) == pid);
	show_status("child", status);
	SHOW(kill(pid, SIGCONT));
	printf("continue seen: %d\n", waitpid(pid, &status, WCONTINUED) == pid);
	show_status("child", status);
	close(fds[1]);
	waitpid(pid, &status, 0);
	show_status("child", status);
}

TEST(waitid_info)
{
	siginfo_t si;
	pid_t pid = fork();

	if (pid == 0)
		_exit(42);
	memset(&si, 0, sizeof(si));
	SHOW(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	printf("code %d status %d same %d\n", si.si_code == CLD_EXITED, si.si_status,
		si.si_pid == pid);
	SHOW(waitid(P_PID, pid, &si, WEXITED));
	SHOW(waitid(P_PID, pid, &si, WEXITED));
	SHOW(waitid(P_ALL, 0, &si, 0));
}

static void killer(void)
{
	raise(SIGKILL);
}

static void aborter(void)
{
	abort();
}

static void segv(void)
{
	*(volatile int *)bad_pointer() = 1;
}

static void divider(void)
{
	volatile int zero = 0;

	_exit(1 / zero);
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
	__asm__ volatile("cli");
}

static void exec_data(void)
{
	static char code[] = { (char)0xc3 };

	((void (*)(void))code)();
}

static void write_text(void)
{
	*(volatile char *)(void *)killer = 0;
}

TEST(deaths)
{
	in_child("SIGKILL", killer);
	in_child("abort", aborter);
	in_child("null", segv);
	in_child("divide", divider);
	in_child("ud2", illegal);
	in_child("int3", breakpoint);
	in_child("cli", privileged);
	in_child("exec data", exec_data);
	in_child("write text", write_text);
}

static void deep(void)
{
	volatile char frame[65536];

	frame[0] = 1;
	if (frame[0])
		deep();
	frame[1] = 2;
}

TEST(stack_growth)
{
	char *big = alloca(4 << 20);

	big[0] = 1;
	big[(4 << 20) - 1] = 2;
	printf("4 MiB of stack: %d\n", big[0] + big[(4 << 20) - 1]);
	in_child("endless recursion", deep);
}

TEST(exec_errors)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	int fd;

	work_folder();
	SHOW(execve("/no/such/file", argv, envp));
	SHOW(execve("/tmp", argv, envp));
	SHOW(execve("", argv, envp));
	fd = open("notexec", O_CREAT | O_WRONLY | O_TRUNC, 0644);
	printf("write %zd\n", write(fd, "hello\n", 6));
	close(fd);
	SHOW(execve("notexec", argv, envp));
	chmod("notexec", 0755);
	SHOW(execve("notexec", argv, envp));
	SHOW(execve("notexec/x", argv, envp));
	SHOW(execve(bad_pointer(), argv, envp));
	SHOW(execve("/proc/self/exe", (char **)bad_pointer(), envp));
	unlink("notexec");
}

TEST(exec_script)
{
	char *argv[] = { "script", "one two", "three", NULL }, *envp[] = { "A=b", NULL };
	static const char text[] = "#!/bin/sh\necho \"$#:$1:$2:$A\"\nexit 9\n";
	int fd, status;
	pid_t pid;

	work_folder();
	fd = open("script", O_CREAT | O_WRONLY | O_TRUNC, 0755);
	printf("%zd\n", write(fd, text, sizeof(text) - 1));
	close(fd);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execve("script", argv, envp);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	show_status("script", status);
	unlink("script");
}

TEST(exec_args)
{
	size_t n = 100000;
	char *big = malloc(n + 1), *argv[] = { "sh", "-c", "echo ${#1}", "x", big, NULL },
	     *envp[] = { NULL };
	int status;
	pid_t pid;

	memset(big, 'q', n);
	big[n] = '\0';
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execve("/bin/sh", argv, envp);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	show_status("big argument", status);
	big = realloc(big, 200001);
	memset(big, 'q', 200000);
	big[200000] = '\0';
	argv[4] = big;
	SHOW(execve("/bin/sh", argv, envp));
	free(big);
}

TEST(vfork_exec)
{
	extern char **environ;
	char *argv[] = { "sh", "-c", "exit 5", NULL };
	int status;
	pid_t pid;

	fflush(stdout);
	SHOW(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ));
	waitpid(pid, &status, 0);
	show_status("spawned", status);
	SHOW(posix_spawn(&pid, "/no/such", NULL, NULL, argv, environ));
}

TEST(groups_sessions)
{
	pid_t pid;
	int status;

	printf("getpgrp is getpgid(0): %d\n", getpgrp() == getpgid(0));
	SHOW(getpgid(1 << 30));
	SHOW(setpgid(0, -1));
	SHOW(setpgid(1 << 30, 0));
	pid = fork();
	if (pid == 0) {
		printf("setpgid %d\n", setpgid(0, 0));
		printf("own group %d\n", getpgrp() == getpid());
		SHOW(setsid());
		pid = fork();
		if (pid == 0) {
			printf("setsid ok %d\n", setsid() == getpid());
			printf("sid %d pgid %d\n", getsid(0) == getpid(), getpgrp() == getpid());
			SHOW(setpgid(0, 0));
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	show_status("child", status);
}

TEST(rlimits)
{
	struct rlimit rl;

	SHOW(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = 20;
	SHOW(setrlimit(RLIMIT_NOFILE, &rl));
	for (int fd = 0, n = 0; n < 30; n++) {
		fd = dup(1);
		if (fd < 0) {
			printf("dup failed with %s\n", strerrorname_np(errno));
			break;
		}
	}
	rl.rlim_cur = rl.rlim_max;
	rl.rlim_cur++;
	if (rl.rlim_max != RLIM_INFINITY)
		SHOW(setrlimit(RLIMIT_NOFILE, &rl));
	SHOW(getrlimit(99, &rl));
}

TEST(orphans)
{
	int fds[2], status;
	char c = 0;
	pid_t pid;

	SHOW(pipe(fds));
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				usleep(1000);
			_exit(write(fds[1], "o", 1) == 1 ? 0 : 1);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("orphan says %zd", read(fds[0], &c, 1));
	printf(" %c\n", c);
}

TEST(sigchld_ignored)
{
	int status;

	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++)
		if (fork() == 0)
			_exit(i);
	SHOW(wait(&status));
	signal(SIGCHLD, SIG_DFL);
}

TEST(affinity)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	SHOW(sched_setaffinity(0, sizeof(set), &set));
	CPU_SET(0, &set);
	SHOW(sched_setaffinity(0, sizeof(set), &set));
	printf("on cpu %d\n", sched_getcpu());
	CPU_ZERO(&set);
	printf("got mask %d\n", sched_getaffinity(0, sizeof(set), &set) == 0);
	printf("cpu 0 only: %d %d\n", CPU_ISSET(0, &set) != 0, CPU_COUNT(&set));
	SHOW(sched_setaffinity(1 << 30, sizeof(set), &set));
}

TEST(many_children)
{
	int status, sum = 0;

	for (int i = 0; i < 100; i++)
		if (fork() == 0)
			_exit(i);
	for (int i = 0; i < 100; i++) {
		if (wait(&status) > 0)
			sum += WEXITSTATUS(status);
	}
	printf("sum %d\n", sum);
}
