/* SPDX-License-Identifier: BSD-2-Clause
 * Files and directories of the root file system.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test.h"

TEST(file_rw)
{
	char buf[100];
	int fd;

	work_folder();
	fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640);
	SHOW(write(fd, "hello world", 11));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, -5, SEEK_END));
	SHOW(read(fd, buf, 100));
	SHOW(read(fd, buf, 100));
	SHOW(pwrite(fd, "J", 1, 0));
	SHOW(pread(fd, buf, 11, 0));
	printf("%.11s\n", buf);
	SHOW(lseek(fd, -1, SEEK_SET));
	SHOW(lseek(fd, 0, 77));
	SHOW(lseek(fd, 100000, SEEK_SET));
	SHOW(write(fd, "end", 3));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(pread(fd, buf, 10, 50000));
	printf("hole %d\n", buf[0] | buf[9]);
	SHOW(ftruncate(fd, 5));
	SHOW(lseek(fd, 0, SEEK_END));
	SHOW(ftruncate(fd, 10));
	SHOW(pread(fd, buf, 20, 0));
	printf("%.5s %d\n", buf, buf[5] | buf[9]);
	SHOW(ftruncate(fd, -1));
	SHOW(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	close(fd);
	SHOW(close(fd));
	SHOW(read(fd, buf, 1));
}

TEST(file_append)
{
	int a, b;
	char buf[10] = { 0 };

	work_folder();
	a = open("x", O_WRONLY | O_CREAT | O_APPEND, 0600);
	b = open("x", O_WRONLY | O_APPEND);
	SHOW(write(a, "1", 1));
	SHOW(write(b, "2", 1));
	SHOW(write(a, "3", 1));
	a = open("x", O_RDONLY);
	SHOW(read(a, buf, 10));
	puts(buf);
	SHOW(write(a, "x", 1));
	SHOW(fcntl(b, F_GETFL) & O_APPEND);
	a = open("x", O_WRONLY | O_TRUNC);
	SHOW(lseek(a, 0, SEEK_END));
}

TEST(file_big)
{
	enum { N = 3000000 };
	unsigned char *p = malloc(N), *q = malloc(N);
	int fd;

	work_folder();
	for (int i = 0; i < N; i++)
		p[i] = (unsigned char)(i * 7 + i / 4096);
	fd = open("big", O_RDWR | O_CREAT, 0600);
	SHOW(write(fd, p, N));
	SHOW(pread(fd, q, N, 0));
	printf("equal %d\n", memcmp(p, q, N) == 0);
	SHOW(pread(fd, q, 10000, 4095));
	printf("equal %d\n", memcmp(p + 4095, q, 10000) == 0);
	free(p);
	free(q);
}

TEST(open_errors)
{
	char *name = malloc(5000);

	work_folder();
	SHOW(open("none", O_RDONLY));
	SHOW(open("none/x", O_RDONLY | O_CREAT, 0600));
	SHOW(open("", O_RDONLY));
	SHOW(open(bad_pointer(), O_RDONLY));
	SHOW(open(".", O_WRONLY));
	SHOW(open(".", O_RDONLY | O_CREAT, 0600));
	SHOW(open("/dev/null/x", O_RDONLY));
	memset(name, 'n', 5000);
	name[300] = '\0';
	SHOW(open(name, O_RDONLY | O_CREAT, 0600));
	name[255] = '\0';
	SHOW(close(open(name, O_RDONLY | O_CREAT, 0600)));
	memset(name, '/', 4999);
	name[4999] = '\0';
	SHOW(open(name, O_RDONLY));
	SHOW(openat(99, "x", O_RDONLY));
	SHOW(openat(0, "x", O_RDONLY));
	SHOW(symlink("loop", "loop"));
	SHOW(open("loop", O_RDONLY));
	SHOW(open("loop", O_RDONLY | O_NOFOLLOW));
	SHOW(symlink("/dev/null", "null"));
	SHOW(open("null", O_RDONLY | O_NOFOLLOW));
	SHOW(close(open("null", O_RDONLY)));
	SHOW(open("null", O_RDONLY | O_DIRECTORY));
	SHOW(close(open(".", O_RDONLY | O_DIRECTORY)));
	free(name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
	char *names[3000];
	int n = 0;
	struct dirent *e;
	DIR *d = opendir(path);

	if (d == NULL) {
		printf("opendir: %s\n", strerrorname_np(errno));
		return;
	}
	while ((e = readdir(d)) != NULL && n < 3000) {
		char *s = malloc(300);

		snprintf(s, 300, "%s:%d", e->d_name, e->d_type);
		names[n++] = s;
	}
	closedir(d);
	qsort(names, (size_t)n, sizeof(*names), by_name);
	printf("%d entries:", n);
	for (int i = 0; i < n; i++)
		if (i < 5 || i == n - 1)
			printf(" %s", names[i]);
	printf("\n");
	for (int i = 0; i < n; i++)
		free(names[i]);
}

TEST(directories)
{
	char name[20], cwd[PATH_MAX];

	work_folder();
	SHOW(mkdir("d", 0700));
	SHOW(mkdir("d", 0700));
	SHOW(mkdir("d/e/f", 0700));
	SHOW(mkdir("d/e/", 0700));
	SHOW(rmdir("d"));
	SHOW(unlink("d"));
	SHOW(rmdir("d/e/."));
	SHOW(rmdir("d/e"));
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "d/f%04d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	list("d");
	for (int i = 0; i < 1500; i += 2) {
		snprintf(name, sizeof(name), "d/f%04d", i);
		unlink(name);
	}
	list("d");
	SHOW(chdir("d"));
	show_path(getcwd(cwd, sizeof(cwd)));
	SHOW(chdir(".."));
	show_path(getcwd(cwd, sizeof(cwd)));
	SHOW(getcwd(cwd, 3) == NULL ? -1 : 0);
	SHOW(chdir("d/f0001"));
	SHOW(chdir("nowhere"));
	SHOW(rmdir("d"));
	list("nowhere");
	list("d/f0001");
}

TEST(links)
{
	char buf[100];
	struct stat st;
	ssize_t n;

	work_folder();
	close(open("a", O_CREAT | O_WRONLY, 0644));
	SHOW(link("a", "b"));
	SHOW(stat("a", &st));
	printf("nlink %d\n", (int)st.st_nlink);
	SHOW(link("a", "b"));
	SHOW(link(".", "c"));
	SHOW(link("none", "c"));
	SHOW(unlink("a"));
	SHOW(stat("b", &st));
	printf("nlink %d\n", (int)st.st_nlink);
	SHOW(symlink("b", "s"));
	SHOW(symlink("b", "s"));
	n = readlink("s", buf, sizeof(buf));
	printf("%.*s\n", (int)n, buf);
	SHOW(readlink("s", buf, 0));
	SHOW(readlink("b", buf, 10));
	SHOW(lstat("s", &st));
	printf("link %d size %d\n", S_ISLNK(st.st_mode), (int)st.st_size);
	SHOW(stat("s", &st));
	printf("regular %d\n", S_ISREG(st.st_mode));
	SHOW(unlink("b"));
	SHOW(stat("s", &st));
	SHOW(symlink("", "e"));
}

TEST(rename_rules)
{
	work_folder();
	close(open("a", O_CREAT | O_WRONLY, 0644));
	close(open("b", O_CREAT | O_WRONLY, 0644));
	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	mkdir("e", 0755);
	SHOW(rename("a", "b"));
	SHOW(access("a", F_OK));
	SHOW(rename("b", "d"));
	SHOW(rename("d", "b"));
	SHOW(rename("d", "d/sub/x"));
	SHOW(rename("e", "d"));
	SHOW(rename("d", "e"));
	SHOW(access("e/sub", F_OK));
	SHOW(rename("b", "e/sub/b"));
	SHOW(rename("none", "x"));
	SHOW(rename("e/sub/b", "e/sub/b"));
	SHOW(access("e/sub/b", F_OK));
}

TEST(stat_modes)
{
	struct stat st;
	struct statfs sf;

	work_folder();
	umask(027);
	close(open("m", O_CREAT | O_WRONLY, 0777));
	SHOW(stat("m", &st));
	printf("mode %o uid %d size %d\n", st.st_mode, st.st_uid, (int)st.st_size);
	SHOW(chmod("m", 04755));
	SHOW(stat("m", &st));
	printf("mode %o\n", st.st_mode);
	SHOW(stat("/dev/null", &st));
	printf("char %d rdev %x\n", S_ISCHR(st.st_mode), (unsigned)st.st_rdev);
	SHOW(stat(".", &st));
	printf("dir %d\n", S_ISDIR(st.st_mode));
	SHOW(fstat(99, &st));
	SHOW(stat("m/x", &st));
	SHOW(statfs(".", &sf));
	SHOW(access("m", R_OK | W_OK | X_OK));
	SHOW(access("m", 99));
	SHOW(truncate("m", 100));
	SHOW(stat("m", &st));
	printf("size %d\n", (int)st.st_size);
}

TEST(dup_fcntl)
{
	int fd, other;
	char buf[4];

	work_folder();
	fd = open("x", O_CREAT | O_RDWR, 0600);
	SHOW(write(fd, "abcd", 4));
	SHOW(lseek(fd, 1, SEEK_SET));
	other = dup(fd);
	SHOW(read(other, buf, 1));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(dup2(fd, 50));
	SHOW(dup2(fd, fd) == fd);
	SHOW(dup2(99, 51));
	SHOW(dup2(fd, -1));
	SHOW(dup3(fd, fd, 0));
	SHOW(fcntl(fd, F_GETFD));
	SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
	SHOW(fcntl(fd, F_GETFD));
	SHOW(fcntl(50, F_GETFD));
	SHOW(fcntl(fd, F_DUPFD, 60));
	SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 70));
	SHOW(fcntl(70, F_GETFD));
	SHOW(fcntl(fd, F_GETFL) & O_ACCMODE);
	SHOW(fcntl(99, F_GETFD));
	SHOW(fcntl(fd, 9999));
}

TEST(unlinked_open)
{
	char buf[4] = { 0 };
	struct stat st;
	int fd;

	work_folder();
	fd = open("x", O_CREAT | O_RDWR, 0600);
	SHOW(write(fd, "abc", 3));
	SHOW(unlink("x"));
	SHOW(access("x", F_OK));
	SHOW(pread(fd, buf, 3, 0));
	puts(buf);
	SHOW(fstat(fd, &st));
	printf("nlink %d\n", (int)st.st_nlink);
}

TEST(devices)
{
	char buf[100];
	int null, zero, full;

	memset(buf, 'x', sizeof(buf));
	null = open("/dev/null", O_RDWR);
	zero = open("/dev/zero", O_RDWR);
	full = open("/dev/full", O_RDWR);
	SHOW(read(null, buf, 10));
	SHOW(write(null, buf, 10));
	SHOW(read(zero, buf, 100));
	printf("zero %d\n", buf[0] | buf[99]);
	SHOW(write(full, buf, 1));
	SHOW(read(full, buf, 1));
	SHOW(read(zero, bad_pointer(), 10));
	SHOW(isatty(null));
	SHOW(read(open("/dev/urandom", O_RDONLY), buf, 100));
	SHOW(lseek(null, 100, SEEK_SET) >= 0);
}

TEST(file_faults)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	work_folder();
	munmap(two + 4096, 4096);
	memset(two, 'q', 4096);
	fd = open("x", O_CREAT | O_RDWR, 0600);
	SHOW(write(fd, bad_pointer(), 10));
	SHOW(write(fd, two, 4096));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(read(fd, bad_pointer(), 10));
	SHOW(read(fd, (void *)-100L, 10));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(pread(fd, two, 10, -1));
	SHOW(readv(fd, bad_pointer(), 1));
}

TEST(sendfile_copy)
{
	char buf[10] = { 0 };
	int in, out;
	off_t off = 2;

	work_folder();
	in = open("in", O_CREAT | O_RDWR, 0600);
	out = open("out", O_CREAT | O_RDWR, 0600);
	SHOW(write(in, "0123456789", 10));
	SHOW(sendfile(out, in, &off, 5));
	printf("off %d\n", (int)off);
	SHOW(pread(out, buf, 10, 0));
	puts(buf);
	SHOW(sendfile(out, in, NULL, 5));
	SHOW(lseek(in, 0, SEEK_SET));
	SHOW(sendfile(out, in, NULL, 100));
	SHOW(sendfile(out, 99, NULL, 5));
}
