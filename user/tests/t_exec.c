/* SPDX-License-Identifier: BSD-2-Clause
 * execveat(2): programs by descriptor, and what they are called then.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int dfd, flags;
static const char *path, *arg;

/* Numbers of descriptors differ: N for each. */
static void show_name(const char *what, const char *name)
{
	printf("  %s ", what);
	for (; *name != '\0'; name++)
		if (*name < '0' || *name > '9')
			putchar(*name);
		else if (name[1] < '0' || name[1] > '9')
			putchar('N');
	putchar('\n');
}

TEST(exec_target)
{
	const char *name = (const char *)getauxval(AT_EXECFN), *slash = strrchr(name, '/');
	char comm[16];

	show_name("AT_EXECFN", strncmp(name, "/dev/fd/", 8) == 0 || slash == NULL ? name : slash);
	prctl(PR_GET_NAME, comm);
	if (strcmp(name + strlen(name) - 4, "prog") ==
		0) /* of a mere descriptor Linux 6.14 tells another one */
		show_name("comm", comm);
}

static void run(void)
{
	char *argv[] = { "zero", (char *)arg, NULL };
	char *envp[] = { "PATH=/bin", NULL };

	SHOW(syscall(SYS_execveat, dfd, path, argv, envp, flags));
}

static void try(const char *what, int at, const char *name, int how)
{
	dfd = at;
	path = name;
	flags = how;
	in_child(what, run);
}

static int make(const char *name, const char *text, int mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
		fchmod(fd, (mode_t)mode) != 0)
		return -1;
	return close(fd);
}

static int copy_to_memory(int from)
{
	int fd = memfd_create("prog", 0);
	off_t off = 0;

	while (sendfile(fd, from, &off, 1 << 20) > 0)
		;
	return fd;
}

TEST(execveat)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int dir, there, gone, prog, script, fds[2];

	if (n < 0 || pipe(fds) != 0)
		return;
	work_folder();
	self[n] = '\0';
	SHOW(symlink(self, "prog"));
	SHOW(make("script", "#!/bin/sh\necho \"  script ${0##*[0-9]}, $# more\"\n", 0700));
	SHOW(make("plain", "text\n", 0600));
	SHOW(mkdir("sub", 0700));
	dir = open(".", O_PATH | O_DIRECTORY);
	there = open("sub", O_RDONLY | O_DIRECTORY);
	gone = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	prog = open(self, O_RDONLY | O_CLOEXEC);
	script = open("script", O_RDONLY);
	arg = "exec_target";
	try("by a path in a folder", dir, "prog", 0);
	try("and back", there, "../prog", 0);
	try("from the working directory", AT_FDCWD, "prog", 0);
	try("by descriptor", prog, "", AT_EMPTY_PATH);
	try("by an O_PATH one", open("prog", O_PATH), "", AT_EMPTY_PATH);
	try("by a folder that closes", gone, "prog", 0);
	try("a script", dir, "script", 0);
	try("a script by descriptor", script, "", AT_EMPTY_PATH);
	try("a script by a folder that closes", gone, "script", 0);
	try("a script by an absolute path, and such a folder", gone, "/nothing", 0);
	try("a symlink", dir, "prog", AT_SYMLINK_NOFOLLOW);
	try("no symlink", dir, "script", AT_SYMLINK_NOFOLLOW);
	try("a folder", dir, "", AT_EMPTY_PATH);
	try("a pipe", fds[0], "", AT_EMPTY_PATH);
	try("a device", open("/dev/null", O_RDONLY), "", AT_EMPTY_PATH);
	try("memory", copy_to_memory(prog), "", AT_EMPTY_PATH);
	try("empty memory", memfd_create("empty", 0), "", AT_EMPTY_PATH);
	try("the working directory", AT_FDCWD, "", AT_EMPTY_PATH);
	try("not executable", dir, "plain", 0);
	try("not there", dir, "none", 0);
	try("nothing", prog, "", 0);
	try("in a file", prog, "prog", 0);
	try("of no descriptor", 99, "prog", 0);
	try("of no descriptor, empty", 99, "", AT_EMPTY_PATH);
	try("a flag of others", dir, "prog", AT_REMOVEDIR);
	try("a bad pointer", dir, bad_pointer(), 0);
}
