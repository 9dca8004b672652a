/* SPDX-License-Identifier: BSD-2-Clause
 * Files that are executed cannot be written to, and the other way round (ETXTBSY): which of them, and until when.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

/* Run by the tests below, and not as tests of their own. */
static int is_run(void)
{
	struct stat st;

	return fstat(0, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Says that it runs, and goes on until nobody holds the other end of its input. */
TEST(busy_target)
{
	char c;

	if (is_run() && (write(1, "here\n", 5) != 5 || read(0, &c, 1) != 0))
		printf("not alone\n");
}

/* Forks, and ends itself: the child is the same program. */
TEST(busy_parent)
{
	if (is_run() && fork() == 0) {
		test_busy_target();
		_exit(0);
	}
}

static int copy_to(int fd)
{
	int self = open("/proc/self/exe", O_RDONLY);
	off_t off = 0;

	while (sendfile(fd, self, &off, 1 << 20) > 0)
		;
	close(self);
	return fd;
}

static void make_program(const char *name)
{
	close(copy_to(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755)));
}

static void make_text(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (write(fd, text, strlen(text)) < 0)
		printf("cannot write\n");
	close(fd);
}

struct running {
	int in;
	pid_t pid;
};

/* fd -1: `path`. Returns when it says that it runs. */
static struct running start(const char *path, int fd, const char *what)
{
	char *argv[] = { "prog", (char *)what, NULL };
	struct running r = { -1, -1 };
	int in[2], out[2];
	char got[8];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		return r;
	r.in = in[1];
	fflush(stdout);
	r.pid = fork();
	if (r.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		if (fd < 0)
			execv(path, argv);
		else
			fexecve(fd, argv, environ);
		_exit(errno == ETXTBSY ? 26 : 99);
	}
	close(in[0]);
	close(out[1]);
	printf("%s: %s\n", path, read(out[0], got, 5) == 5 ? "runs" : "does not run");
	close(out[0]);
	return r;
}

static void finish(struct running r)
{
	int status;

	close(r.in);
	if (waitpid(r.pid, &status, 0) == r.pid)
		show_status("  it", status);
}

static long try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0755);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static void try_all(const char *path)
{
	SHOW(try_open(path, O_RDONLY));
	SHOW(try_open(path, O_PATH));
	SHOW(try_open(path, O_WRONLY));
	SHOW(try_open(path, O_RDWR));
	SHOW(try_open(path, O_WRONLY | O_APPEND));
	SHOW(try_open(path, O_WRONLY | O_CREAT));
	SHOW(try_open(path, O_RDONLY | O_TRUNC));
	SHOW(truncate(path, 100));
}

TEST(busy_program)
{
	struct running r;
	struct stat st;

	work_folder();
	make_program("prog");
	r = start("prog", -1, "busy_target");
	try_all("prog");
	SHOW(try_open("/proc/self/exe", O_WRONLY));
	SHOW(stat("prog", &st) == 0 && st.st_size > 100);
	SHOW(chmod("prog", 0700));
	SHOW(link("prog", "again"));
	SHOW(unlink("prog"));
	SHOW(try_open("again", O_WRONLY));
	finish(r);
	try_all("again");
	SHOW(stat("again", &st) == 0 && st.st_size == 100);
}

TEST(busy_fork)
{
	struct running r;
	int status;

	work_folder();
	make_program("prog");
	r = start("prog", -1, "busy_parent");
	waitpid(r.pid, &status, 0);
	show_status("the parent", status);
	SHOW(try_open("prog", O_WRONLY));
	close(r.in);
	while (try_open("prog", O_WRONLY) != 0)
		usleep(1000);
	puts("free again");
}

TEST(busy_writer)
{
	int fd, fd2;
	char *p;

	work_folder();
	make_program("prog");
	fd = open("prog", O_WRONLY);
	finish(start("prog", -1, "busy_target"));
	fd2 = open("prog", O_RDONLY);
	finish(start("by a descriptor", fd2, "busy_target"));
	close(fd);
	finish(start("prog", -1, "busy_target"));
	finish(start("by a descriptor", fd2, "busy_target"));
	close(fd2);
	fd = open("prog", O_RDWR);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	finish(start("prog", -1, "busy_target")); /* mapped, it is open */
	munmap(p, 4096);
	finish(start("prog", -1, "busy_target"));
	fd = open("none", O_RDWR | O_CREAT, 0600);
	SHOW(execl("none", "none", NULL)); /* the other reason comes first */
	close(fd);
}

TEST(busy_script)
{
	struct running r;
	int fd;

	work_folder();
	make_program("prog");
	make_text("script", "#!./prog busy_target\n");
	r = start("script", -1, NULL);
	SHOW(try_open("script", O_WRONLY));
	SHOW(try_open("prog", O_WRONLY));
	finish(r);
	fd = open("script", O_WRONLY);
	finish(start("script", -1, NULL));
	close(fd);
	fd = open("prog", O_WRONLY);
	finish(start("script", -1, NULL));
	SHOW(try_open("script", O_WRONLY));
	close(fd);
	make_text("script", "text");
	SHOW(execl("script", "script", NULL));
	SHOW(try_open("script", O_WRONLY)); /* what failed leaves nothing behind */
}

TEST(busy_memory)
{
	int fd = copy_to(memfd_create("prog", 0));
	struct running r;
	char path[40];

	fchmod(fd, 0755);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = start("memory", fd, "busy_target"); /* memfd_create() is no open() */
	SHOW(try_open(path, O_RDWR));
	SHOW(try_open(path, O_RDONLY));
	SHOW(truncate(path, 100));
	finish(r);
	SHOW(try_open(path, O_RDWR));
}

/* A library is a file like any other. */
TEST(busy_library)
{
	char *p;
	int fd;

	work_folder();
	make_program("lib");
	fd = open("lib", O_RDONLY);
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	SHOW(p != MAP_FAILED);
	close(fd);
	SHOW(try_open("lib", O_WRONLY));
	SHOW(truncate("lib", 100));
}
