/* SPDX-License-Identifier: BSD-2-Clause
 * Paths: how many links, how long a name, what dots mean, where a root ends; and the table of descriptors.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void touch(const char *name)
{
	close(open(name, O_WRONLY | O_CREAT, 0644));
}

TEST(path_links)
{
	char from[16], to[16];

	work_folder();
	touch("l0");
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		symlink(to, from);
	}
	SHOW(access("l39", F_OK));
	SHOW(access("l40", F_OK));
	SHOW(access("l41", F_OK));
	mkdir("d", 0755);
	symlink(".", "d/here");
	SHOW(access("d/here/here/here", F_OK));
	symlink("a/b", "a");
	SHOW(access("a", F_OK));
	SHOW(open("a", O_CREAT | O_RDWR, 0600));
	symlink("none", "dangling");
	SHOW(mkdir("dangling", 0755));
	SHOW(link("dangling", "hard"));
	SHOW(open("dangling", O_RDONLY));
	SHOW(rename("dangling", "moved"));
	SHOW(unlink("moved"));
	symlink("d/", "slash");
	SHOW(rmdir("slash"));
	SHOW(rmdir("slash/"));
	SHOW(unlink("slash/"));
	SHOW(access("slash/here", F_OK));
}

TEST(path_names)
{
	const char *folder;
	char name[PATH_MAX + 10], longest[300];

	folder = work_folder();
	memset(longest, 'n', sizeof(longest));
	longest[255] = '\0';
	SHOW(mkdir(longest, 0755));
	SHOW(rmdir(longest));
	longest[255] = 'n';
	longest[256] = '\0';
	SHOW(mkdir(longest, 0755));
	SHOW(access(longest, F_OK));
	SHOW(unlink(longest));
	SHOW(symlink("x", longest));
	SHOW(rename("none", longest));
	memset(name, '/', sizeof(name));
	strcpy(name + PATH_MAX - 2, ".");
	SHOW(access(name, F_OK));
	name[PATH_MAX - 1] = '.';
	name[PATH_MAX] = '\0';
	SHOW(access(name, F_OK));
	mkdir("d", 0755);
	touch("f");
	SHOW(access("d/.", F_OK));
	SHOW(access("d/./.././d/..", F_OK));
	SHOW(access("f/.", F_OK));
	SHOW(access("f/..", F_OK));
	SHOW(access("d//", F_OK));
	sprintf(name, "//tmp///%s//d", folder + strlen("/tmp/"));
	SHOW(access(name, F_OK));
	SHOW(mkdir("d/..", 0755));
	SHOW(mkdir("new/", 0755));
	SHOW(rmdir("new/"));
	SHOW(rmdir("d/."));
	SHOW(rmdir("d/.."));
	SHOW(rmdir("."));
	SHOW(rmdir("/"));
	SHOW(unlink("d/"));
	SHOW(unlink("f/"));
	SHOW(rename("d", "f/"));
	SHOW(rename("f", "g/"));
	SHOW(rename("d", "e/"));
	SHOW(rename(".", "x"));
	SHOW(rename("e/..", "x"));
}

TEST(path_removed)
{
	const char *folder;
	char cwd[PATH_MAX];
	struct stat st;
	int fd;

	folder = work_folder();
	mkdir("d", 0755);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	SHOW(chdir("d"));
	SHOW(rmdir("../d"));
	SHOW(getcwd(cwd, sizeof(cwd)) == NULL ? -1 : 0);
	SHOW(open("f", O_CREAT | O_RDWR, 0600));
	SHOW(mkdir("sub", 0755));
	SHOW(stat(".", &st) == 0 ? (long)st.st_nlink : -1);
	SHOW(access("..", F_OK));
	SHOW(access("../d2", F_OK));
	SHOW(mkdirat(fd, "sub", 0755));
	SHOW(openat(fd, ".", O_RDONLY) >= 0);
	SHOW(chdir(".."));
	SHOW(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, folder) == 0);
	close(fd);
}

static void jailed(void)
{
	char cwd[PATH_MAX];
	struct stat a, b;

	SHOW(chroot("jail"));
	SHOW(access("/inside", F_OK));
	SHOW(getcwd(cwd, sizeof(cwd)) == NULL || cwd[0] == '/' ? 0 : 1); /* it is outside still */
	SHOW(chdir("/"));
	SHOW(strcmp(getcwd(cwd, sizeof(cwd)), "/"));
	SHOW(chdir("../../.."));
	SHOW(stat("/", &a) == 0 && stat("..", &b) == 0 && a.st_ino == b.st_ino);
	SHOW(access("/link/inside", F_OK)); /* an absolute link begins at the new root */
	SHOW(access("/tmp", F_OK));
	SHOW(chroot("none"));
	SHOW(chroot("inside"));
	SHOW(setuid(1000));
	SHOW(chroot("."));
}

/* A tree that goes while somebody is at its bottom: the way up is still there, and goes with him. */
static void deep(void)
{
	char remove[64];
	struct stat st;
	int n = 0;

	sprintf(remove, "rm -rf %s", work_path("d"));
	for (int i = 0; i < 1000; i++)
		if (mkdir("d", 0755) != 0 || chdir("d") != 0)
			printf("no level %d\n", i);
	SHOW(system(remove));
	for (int i = 0; i < 1000; i++)
		n += chdir("..") == 0 && stat(".", &st) == 0 && (i < 999) == (st.st_nlink == 0);
	printf("%d levels up\n", n);
	for (int i = 0; i < 1000; i++)
		if (mkdir("d", 0755) != 0 || chdir("d") != 0)
			printf("no level %d\n", i);
	SHOW(system(remove)); /* and away from the bottom at once */
}

TEST(path_removed_tree)
{
	work_folder();
	in_child("deep", deep);
}

TEST(path_chroot)
{
	work_folder();
	mkdir("jail", 0755);
	touch("jail/inside");
	symlink("/", "jail/link");
	in_child("jail", jailed);
}

static unsigned made(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? st.st_mode & 07777 : 0;
}

TEST(path_umask)
{
	work_folder();
	SHOW(umask(0) == 022);
	close(open("a", O_CREAT | O_WRONLY, 07777));
	printf("%o\n", made("a"));
	SHOW(umask(01777));
	SHOW(umask(077));
	close(open("b", O_CREAT | O_WRONLY, 0666));
	mkdir("c", 07777);
	mknod("d", S_IFIFO | 0666, 0);
	printf("%o %o %o\n", made("b"), made("c"), made("d"));
	mkdir("e", 0777);
	chmod("e", 02777);
	umask(0);
	mkdir("e/f", 0777);
	printf("%o\n", made("e/f"));
}

TEST(fd_table)
{
	struct rlimit old, few = { 20, 20 };
	int fd, n;

	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max;
	for (fd = 3; fd < 64; fd++)
		close(fd);
	SHOW(setrlimit(RLIMIT_NOFILE, &few));
	for (n = 0; (fd = open("/dev/null", O_RDONLY)) >= 0; n++)
		;
	printf("%s after %d\n", strerrorname_np(errno), n);
	SHOW(dup(0));
	SHOW(dup2(0, 20));
	SHOW(dup2(0, 19));
	SHOW(fcntl(0, F_DUPFD, 20));
	SHOW(fcntl(0, F_DUPFD, 5));
	SHOW(close(7));
	SHOW(fcntl(0, F_DUPFD, 5));
	SHOW(pipe((int[2]){ 0, 0 }));
	SHOW(close(8));
	SHOW(pipe((int[2]){ 0, 0 })); /* one is not enough */
	SHOW(open("/dev/null", O_RDONLY));
	SHOW(syscall(SYS_close_range, 5, 4, 0));
	SHOW(syscall(SYS_close_range, 10, 12, 0x10));
	SHOW(syscall(SYS_close_range, 10, 12, 4)); /* on exec only */
	SHOW(fcntl(11, F_GETFD));
	SHOW(fcntl(13, F_GETFD));
	SHOW(syscall(SYS_close_range, 3, ~0u, 0));
	SHOW(fcntl(11, F_GETFD));
	SHOW(open("/dev/null", O_RDONLY));
}

static char child_stack[65536] __attribute__((aligned(16)));

static int close_all(void *arg)
{
	return syscall(SYS_close_range, 3, ~0u, arg != NULL ? 2 : 0) == 0 ? 0 : 1;
}

TEST(fd_unshare)
{
	int fd = open("/dev/null", O_RDONLY), status;

	SHOW(clone(close_all, child_stack + sizeof(child_stack), CLONE_FILES | SIGCHLD,
		     child_stack) > 0);
	SHOW(wait(&status) > 0 && status == 0);
	SHOW(fcntl(fd, F_GETFD)); /* it had a table of its own by then */
	SHOW(clone(close_all, child_stack + sizeof(child_stack), CLONE_FILES | SIGCHLD, NULL) > 0);
	SHOW(wait(&status) > 0 && status == 0);
	SHOW(fcntl(fd, F_GETFD));
}
