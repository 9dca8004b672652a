/* SPDX-License-Identifier: BSD-2-Clause
 * Who a process is, and what it may: ids, groups, set-id programs, capabilities, prctl. Run by root.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void ids(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	printf("uid %u %u %u fs %d gid %u %u %u fs %d\n", r, e, s, setfsuid((uid_t)-1), gr, ge, gs,
		setfsgid((gid_t)-1));
}

static void setuid_steps(void)
{
	SHOW(setuid(-1));
	SHOW(seteuid(1000)); /* root lends itself away */
	ids();
	SHOW(setuid(2000));
	SHOW(setuid(1000));
	ids();
	SHOW(seteuid(0)); /* and comes back */
	SHOW(setuid(1000));
	ids();
	SHOW(setuid(0));
	SHOW(seteuid(0));
	SHOW(setuid(1000));
	SHOW(setgid(5));
	SHOW(setgid(0));
}

static void setreuid_steps(void)
{
	SHOW(setreuid(1000, 2000));
	ids();
	SHOW(setreuid(3000, -1));
	SHOW(setreuid(-1, 3000));
	SHOW(setreuid(2000, 1000)); /* swapped */
	ids();
	SHOW(setreuid(-1, 2000));
	ids();
	SHOW(setreuid(1000, -1));
}

static void setresuid_steps(void)
{
	uid_t u;

	SHOW(setresuid(1, 2, 3));
	ids();
	SHOW(setresuid(3, 1, 2));
	ids();
	SHOW(setresuid(4, -1, -1));
	SHOW(setresuid(-1, -1, 4));
	SHOW(setresuid(-1, -1, -1));
	SHOW(getresuid(bad_pointer(), &u, &u));
}

static void setgid_steps(void)
{
	SHOW(setregid(10, 20));
	ids();
	SHOW(setresgid(1, 2, 3));
	ids();
	SHOW(setuid(1000));
	SHOW(setresgid(3, 1, 2));
	SHOW(setregid(3, 9));
	SHOW(setgid(9));
	SHOW(setgid(3));
	ids();
}

static void fsuid_steps(void)
{
	SHOW(setfsuid(1000));
	ids();
	SHOW(open("secret", O_RDONLY));
	SHOW(access("secret", R_OK)); /* asks for the real id */
	SHOW(setfsuid(77));
	SHOW(setuid(1000));
	ids();
	SHOW(setfsuid(0));
	ids();
}

TEST(cred_ids)
{
	int fd;

	work_folder();
	fd = open("secret", O_RDWR | O_CREAT, 0600);
	close(fd);
	in_child("setuid", setuid_steps);
	in_child("setreuid", setreuid_steps);
	in_child("setresuid", setresuid_steps);
	in_child("setgid", setgid_steps);
	in_child("fsuid", fsuid_steps);
}

static void group_steps(void)
{
	gid_t in[4] = { 7, 8, 9, 10 }, out[8] = { 0 };
	volatile int minus = -1;

	SHOW(setgroups(4, in));
	SHOW(getgroups(0, NULL));
	SHOW(getgroups(3, out));
	SHOW(getgroups(8, out));
	printf("%u %u %u %u\n", out[0], out[1], out[2], out[3]);
	SHOW(getgroups(minus, out));
	SHOW(getgroups(8, bad_pointer()));
	SHOW(setgroups(1, bad_pointer()));
	SHOW(setgroups(65537, in));
	SHOW(setgid(100));
	SHOW(setuid(1000));
	SHOW(setgroups(0, NULL));
	SHOW(open("group", O_RDONLY));
	SHOW(chown("own", -1, 9)); /* one of his groups */
	SHOW(chown("own", -1, 11));
	SHOW(chown("own", 1001, -1));
	SHOW(chown("own", 1000, -1));
	SHOW(chown("own", -1, -1));
}

TEST(cred_groups)
{
	work_folder();
	close(open("group", O_RDWR | O_CREAT, 0600));
	SHOW(chown("group", 0, 8));
	SHOW(chmod("group", 0040));
	close(open("own", O_RDWR | O_CREAT, 0600));
	SHOW(chown("own", 1000, 100));
	in_child("groups", group_steps);
}

/* The set-id bits of this very program, copied; `tests cred_show` is what it runs. */
TEST(cred_show)
{
	ids();
	SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void copy_self(const char *to, uid_t uid, gid_t gid, mode_t mode)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			break;
	close(in);
	close(out);
	if (chown(to, uid, gid) != 0 || chmod(to, mode) != 0)
		printf("cannot prepare %s\n", to);
}

static const char *program;

static void run_it(void)
{
	execl(program, program, "cred_show", NULL);
	printf("%s\n", strerrorname_np(errno));
}

static void run_as_user(void)
{
	SHOW(setgid(100));
	SHOW(setuid(1000));
	fflush(stdout);
	run_it();
}

static void run_no_new_privs(void)
{
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
	run_as_user();
}

TEST(cred_set_id_programs)
{
	struct stat st;
	int fd;

	work_folder();
	program = work_path("prog");
	copy_self(program, 2000, 200, 0755);
	in_child("plain", run_as_user);
	copy_self(program, 2000, 200, 04755);
	in_child("set-uid", run_as_user);
	in_child("set-uid by root", run_it);
	copy_self(program, 2000, 200, 02755);
	in_child("set-gid", run_as_user);
	copy_self(program, 2000, 200, 02745);
	in_child("set-gid without execution", run_as_user);
	copy_self(program, 2000, 200, 06755);
	in_child("both", run_as_user);
	in_child("no new privileges", run_no_new_privs);
	copy_self(program, 2000, 200, 0700);
	in_child("not his", run_as_user);
	copy_self(program, 0, 0, 04755);
	in_child("set-uid root", run_as_user);
	SHOW(chown(program, 1, 1)); /* takes the bits away */
	SHOW(stat(program, &st) == 0 ? st.st_mode & 07777 : 0);
	SHOW(chmod(program, 06777));
	fd = open(program, O_WRONLY);
	SHOW(write(fd, "x", 1)); /* root's write does not */
	SHOW(stat(program, &st) == 0 ? st.st_mode & 07777 : 0);
}

static int wait_for_other(void *fds)
{
	char c;

	close(((int *)fds)[1]); /* the other's end is the one that counts */
	return (int)read(((int *)fds)[0], &c, 1);
}

/* Somebody else has the same working directory: the set-id bits do not count. */
static void run_sharing_fs(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	int fds[2];

	pipe(fds);
	if (clone(wait_for_other, stack + sizeof(stack), CLONE_FS | SIGCHLD, fds) < 0)
		printf("clone: %s\n", strerrorname_np(errno));
	run_as_user();
}

/* exec has descriptors of its own: what it closes stays open here. */
static int exec_sharing_files(void *arg)
{
	fcntl(30, F_SETFD, FD_CLOEXEC);
	execl("/proc/self/exe", "tests", "cred_nothing", NULL);
	return 1;
}

TEST(cred_nothing)
{
}

TEST(cred_shared)
{
	static char stack[16384] __attribute__((aligned(16)));
	int status;

	work_folder();
	program = work_path("prog");
	copy_self(program, 2000, 200, 06755);
	in_child("shared directory", run_sharing_fs);
	dup2(1, 30);
	SHOW(clone(exec_sharing_files, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL) > 0);
	wait(&status);
	SHOW(status);
	SHOW(fcntl(30, F_GETFD));
}

static void write_as_user(void)
{
	struct stat st;
	int fd = open("prog", O_WRONLY);

	SHOW(setuid(1000));
	SHOW(write(fd, "x", 1));
	SHOW(stat("prog", &st) == 0 ? st.st_mode & 07777 : 0);
}

TEST(cred_write_clears_bits)
{
	work_folder();
	close(open("prog", O_WRONLY | O_CREAT, 0600));
	SHOW(chmod("prog", 06777));
	in_child("as user", write_as_user);
}

static int capget_of(unsigned version, int pid)
{
	struct __user_cap_header_struct h = { version, pid };
	struct __user_cap_data_struct d[2] = { { 0 } };
	int ret = (int)syscall(SYS_capget, &h, d);

	if (ret == 0)
		printf("effective %d permitted %d inheritable %d\n", d[0].effective != 0,
			d[0].permitted != 0, d[0].inheritable != 0);
	else
		printf("version %x\n", h.version);
	return ret;
}

static void cap_steps(void)
{
	SHOW(seteuid(1000));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, 0));
	SHOW(seteuid(0));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, 0));
	SHOW(setuid(1000));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, 0));
}

TEST(cred_capabilities)
{
	struct __user_cap_header_struct h = { 1, 0 };
	struct __user_cap_data_struct d[2];

	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_1, 0));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_2, 0));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, 0));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, getpid()));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, 999999));
	SHOW(capget_of(_LINUX_CAPABILITY_VERSION_3, -1));
	SHOW(capget_of(1, 0));
	SHOW(syscall(SYS_capget, &h, NULL));
	printf("%x\n", h.version);
	SHOW(syscall(SYS_capget, bad_pointer(), d));
	h = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, 0 };
	SHOW(syscall(SYS_capget, &h, d));
	SHOW(syscall(SYS_capset, &h, d));
	h.pid = 1;
	SHOW(syscall(SYS_capset, &h, d));
	SHOW(prctl(PR_CAPBSET_READ, 0, 0, 0, 0));
	SHOW(prctl(PR_CAPBSET_READ, 1000, 0, 0, 0));
	in_child("as others", cap_steps);
}

static void dumpable_steps(void)
{
	SHOW(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
	SHOW(prctl(PR_SET_PDEATHSIG, 77, 0, 0, 0));
	SHOW(setuid(1000));
	SHOW(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	SHOW(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	SHOW(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	SHOW(prctl(12345, 0, 0, 0, 0));
}

/* The middle process ends; its child, which asked for it, gets a signal. */
static void orphan(void)
{
	int fds[2], got = 0, sig = 0;
	sigset_t set;
	char c;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pipe(fds);
	if (fork() == 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			prctl(PR_GET_PDEATHSIG, &got);
			write(fds[1], "r", 1);
			sigwait(&set, &sig);
			c = sig == SIGUSR1 && got == SIGUSR1 ? 'y' : 'n';
			write(fds[1], &c, 1);
			_exit(0);
		}
		read(fds[0], &c, 1);
		_exit(0);
	}
	wait(NULL);
	SHOW(read(fds[0], &c, 1));
	printf("%c\n", c);
}

TEST(cred_prctl)
{
	char name[16] = "";

	SHOW(prctl(PR_SET_NAME, "a name that is too long"));
	SHOW(prctl(PR_GET_NAME, name));
	printf("%s\n", name);
	SHOW(prctl(PR_SET_NAME, bad_pointer()));
	SHOW(prctl(PR_GET_NAME, bad_pointer()));
	SHOW(prctl(PR_GET_PDEATHSIG, bad_pointer()));
	in_child("dumpable", dumpable_steps);
	in_child("orphan", orphan);
}
