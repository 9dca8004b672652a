/* SPDX-License-Identifier: BSD-2-Clause
 * Moving bytes between files and pipes: sendfile, splice, tee, vmsplice, copy_file_range; preadv2.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define BIG 1000000

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 4096 * 3 + i / 65536);
}

static int make(const char *name, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unsigned char *p = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = pattern(i);
	if (write(fd, p, n) != (ssize_t)n)
		printf("cannot make %s\n", name);
	free(p);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* The file is the pattern from byte `at` on, `n` bytes of it. */
static void check(const char *what, int fd, size_t at, size_t n)
{
	unsigned char *p = malloc(n + 1);
	ssize_t got = pread(fd, p, n + 1, 0);
	size_t bad = 0;

	for (ssize_t i = 0; i < got; i++)
		bad += p[i] != pattern(at + (size_t)i);
	printf("%s: %zd bytes, %zu wrong\n", what, got, bad);
	free(p);
}

TEST(splice_file_pipe)
{
	int in, out, fds[2];
	off64_t off = 100;
	char buf[64];

	work_folder();
	in = make("in", 20000);
	out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
	SHOW(pipe(fds));
	SHOW(splice(in, &off, fds[1], NULL, 10000, 0));
	SHOW(off);
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(splice(fds[0], NULL, out, NULL, 10000, 0));
	SHOW(lseek(out, 0, SEEK_CUR));
	check("by offset", out, 100, 10000);
	SHOW(splice(in, NULL, fds[1], NULL, 5000, 0));
	SHOW(lseek(in, 0, SEEK_CUR));
	off = 0;
	SHOW(splice(fds[0], NULL, out, &off, 3000, 0));
	SHOW(read(fds[0], buf, 10));
	SHOW((unsigned char)buf[0] == pattern(3000) && (unsigned char)buf[9] == pattern(3009));
	SHOW(splice(fds[0], NULL, out, &off, 100000, 0)); /* what is there */
	SHOW(off);
	SHOW(splice(fds[0], NULL, out, &off, 10, SPLICE_F_NONBLOCK));
	off = 20000;
	SHOW(splice(in, &off, fds[1], NULL, 10, 0)); /* end of file */
	SHOW(splice(in, NULL, fds[1], NULL, 0, 0));
	off = 20010;
	SHOW(splice(in, &off, fds[1], NULL, 10, 0));
	close(fds[1]);
	SHOW(splice(fds[0], NULL, out, NULL, 10, 0)); /* no writer */
	close(fds[0]);
	close(in);
	close(out);
}

TEST(splice_errors)
{
	int in, out, a[2], b[2], app, path;
	off64_t off = 0, neg = -1;

	work_folder();
	signal(SIGPIPE, SIG_IGN);
	in = make("in", 1000);
	out = open("out", O_RDWR | O_CREAT, 0600);
	app = open("out", O_WRONLY | O_APPEND);
	path = open("in", O_PATH);
	SHOW(pipe(a) | pipe(b));
	SHOW(splice(in, NULL, out, NULL, 10, 0));
	SHOW(splice(a[0], NULL, a[1], NULL, 10, 0));
	SHOW(splice(99, NULL, a[1], NULL, 10, 0));
	SHOW(splice(in, NULL, 99, NULL, 10, 0));
	SHOW(splice(99, NULL, 99, NULL, 0, 0));
	SHOW(splice(path, NULL, a[1], NULL, 10, 0));
	SHOW(splice(in, NULL, a[0], NULL, 10, 0));
	SHOW(splice(a[1], NULL, out, NULL, 10, 0));
	SHOW(splice(in, NULL, a[1], &off, 10, 0));
	SHOW(splice(a[0], &off, out, NULL, 10, 0));
	SHOW(splice(in, &neg, a[1], NULL, 10, 0));
	SHOW(splice(in, bad_pointer(), a[1], NULL, 10, 0));
	SHOW(splice(in, NULL, a[1], NULL, 10, 0x100));
	SHOW(write(a[1], "x", 1));
	SHOW(splice(a[0], NULL, app, NULL, 10, 0));
	SHOW(tee(a[0], a[1], 10, 0));
	SHOW(tee(in, a[1], 10, 0));
	SHOW(tee(a[0], out, 10, 0));
	SHOW(tee(a[0], 99, 10, 0));
	SHOW(tee(a[0], b[1], 10, 0x100));
	SHOW(tee(a[0], b[1], 0, 0));
	SHOW(tee(b[0], a[1], 10, SPLICE_F_NONBLOCK));
	close(b[0]);
	SHOW(splice(in, NULL, b[1], NULL, 10, 0));
	SHOW(tee(a[0], b[1], 10, 0));
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(vmsplice(99, NULL, 0, 0));
	SHOW(vmsplice(a[1], bad_pointer(), 1, 0));
	SHOW(vmsplice(a[1], NULL, 2000, 0));
	SHOW(vmsplice(a[1], NULL, 0, 0x100));
}

TEST(splice_tee)
{
	int a[2], b[2], c[2];
	char buf[32] = "";

	SHOW(pipe(a) | pipe(b) | pipe(c));
	SHOW(write(a[1], "one two three", 13));
	SHOW(tee(a[0], b[1], 7, 0));
	SHOW(tee(a[0], b[1], 100, 0));
	SHOW(read(a[0], buf, 4));
	SHOW(tee(a[0], b[1], 100, 0));
	SHOW(read(b[0], buf, 31));
	printf("%.31s\n", buf);
	SHOW(splice(a[0], NULL, c[1], NULL, 3, 0));
	SHOW(splice(a[0], NULL, c[1], NULL, 300, 0));
	memset(buf, 0, sizeof(buf));
	SHOW(read(c[0], buf, 31));
	printf("%s\n", buf);
	SHOW(splice(a[0], NULL, c[1], NULL, 3, SPLICE_F_NONBLOCK));
	close(a[1]);
	SHOW(tee(a[0], b[1], 10, 0));
	SHOW(splice(a[0], NULL, c[1], NULL, 3, 0));
}

/* A big file through a pipe, by a reader and a writer that both splice. */
TEST(splice_stream)
{
	int in, out, fds[2], status;
	ssize_t n;

	work_folder();
	in = make("in", BIG);
	out = open("out", O_RDWR | O_CREAT, 0600);
	SHOW(pipe(fds));
	fflush(stdout);
	if (fork() == 0) {
		close(fds[0]);
		while ((n = splice(in, NULL, fds[1], NULL, 1 << 20, 0)) > 0)
			;
		_exit(n != 0);
	}
	close(fds[1]);
	while ((n = splice(fds[0], NULL, out, NULL, 100000, 0)) > 0)
		;
	SHOW(n);
	SHOW(wait(&status) > 0 && status == 0);
	check("all", out, 0, BIG);
}

/* A writer lends its pages (one big write), and they are spliced on; then teed. */
TEST(splice_big_write)
{
	int a[2], b[2], out, status, left = BIG;
	unsigned char *p = malloc(BIG);
	ssize_t n;

	work_folder();
	out = open("out", O_RDWR | O_CREAT, 0600);
	for (size_t i = 0; i < BIG; i++)
		p[i] = pattern(i);
	SHOW(pipe(a) | pipe(b));
	fflush(stdout);
	if (fork() == 0) {
		close(a[0]);
		_exit(write(a[1], p, BIG) != BIG);
	}
	close(a[1]);
	while (left > 0 && (n = tee(a[0], b[1], 4096, 0)) > 0) {
		int once = (int)splice(b[0], NULL, out, NULL, (size_t)n, 0);

		if (once != n || read(a[0], p, (size_t)n) != n)
			break;
		left -= once;
		if ((n = splice(a[0], NULL, out, NULL, 30000, 0)) > 0)
			left -= (int)n;
	}
	SHOW(left);
	SHOW(wait(&status) > 0 && status == 0);
	check("all", out, 0, BIG);
	free(p);
}

TEST(splice_full_pipe)
{
	int in, fds[2];
	char buf[4096];

	work_folder();
	in = make("in", 200000);
	SHOW(pipe(fds));
	SHOW(fcntl(fds[1], F_SETPIPE_SZ, 4096));
	SHOW(splice(in, NULL, fds[1], NULL, 4096, 0));
	SHOW(splice(in, NULL, fds[1], NULL, 4096, SPLICE_F_NONBLOCK));
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(read(fds[0], buf, 4096));
	SHOW(fcntl(fds[1], F_SETFL, O_NONBLOCK));
	SHOW(splice(in, NULL, fds[1], NULL, 4096, 0));
	SHOW(splice(in, NULL, fds[1], NULL, 4096, 0));
	SHOW(vmsplice(fds[1], &(struct iovec){ buf, 10 }, 1, SPLICE_F_NONBLOCK));
}

static void on_alarm(int sig)
{
}

TEST(splice_signal)
{
	struct sigaction act = { .sa_handler = on_alarm };
	int in, out, fds[2];

	work_folder();
	in = make("in", 8192);
	out = open("out", O_RDWR | O_CREAT, 0600);
	sigaction(SIGALRM, &act, NULL);
	SHOW(pipe(fds));
	ualarm(30000, 30000); /* again and again: the first may come before the wait begins */
	SHOW(splice(fds[0], NULL, out, NULL, 10, 0));
	SHOW(fcntl(fds[1], F_SETPIPE_SZ, 4096));
	SHOW(splice(in, NULL, fds[1], NULL, 4096, 0));
	SHOW(splice(in, NULL, fds[1], NULL, 4096, 0));
	ualarm(0, 0);
	SHOW(lseek(in, 0, SEEK_CUR));
}

TEST(splice_vm)
{
	char a[] = "hello ", b[] = "world", buf[16] = "", c[3] = "", d[20] = "";
	struct iovec out[2] = { { a, 6 }, { b, 5 } }, in[2] = { { c, 2 }, { d, 18 } };
	int fds[2];

	SHOW(pipe(fds));
	SHOW(vmsplice(fds[1], out, 2, 0));
	SHOW(read(fds[0], buf, 16));
	printf("%s\n", buf);
	SHOW(vmsplice(fds[1], out, 2, SPLICE_F_GIFT));
	SHOW(vmsplice(fds[0], in, 2, 0));
	printf("%s|%s\n", c, d);
	SHOW(vmsplice(fds[1], out, 0, 0));
	SHOW(vmsplice(fds[0], in, 2, SPLICE_F_NONBLOCK));
}

/* Into a full pipe, more than a page's worth: the reader gets it in the right order, how much is the system's choice. */
TEST(splice_vm_full)
{
	static unsigned char buf[1 << 17];
	struct iovec v = { buf, sizeof(buf) };
	size_t at = 0, bad = 0;
	unsigned char got[5000];
	int fds[2];
	ssize_t n;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(i);
	pipe(fds);
	SHOW(fcntl(fds[1], F_SETPIPE_SZ, 65536));
	SHOW(write(fds[1], buf, 65536));
	fflush(stdout);
	if (fork() == 0) {
		close(fds[0]);
		n = vmsplice(fds[1], &v, 1, 0);
		SHOW(n > 0 && n <= (ssize_t)sizeof(buf));
		fflush(stdout);
		_exit(0);
	}
	close(fds[1]);
	usleep(100000); /* most likely it waits by now */
	while ((n = read(fds[0], got, sizeof(got))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			bad += got[i] != pattern(at < 65536 ? at : at - 65536);
	wait(NULL);
	SHOW(at > 65536);
	SHOW(bad);
	close(fds[0]);
}

TEST(splice_sendfile)
{
	int in, out, app, fds[2];
	off_t off = 10, neg = -5;
	char buf[16] = "";

	work_folder();
	in = make("in", BIG);
	out = open("out", O_RDWR | O_CREAT, 0600);
	app = open("out", O_WRONLY | O_APPEND);
	SHOW(sendfile(out, in, NULL, 5000000));
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(lseek(out, 0, SEEK_CUR));
	check("all", out, 0, BIG);
	SHOW(sendfile(out, in, NULL, 10));
	SHOW(ftruncate(out, 0) | lseek(out, 0, SEEK_SET));
	SHOW(sendfile(out, in, &off, 4090));
	SHOW(off);
	check("part", out, 10, 4090);
	SHOW(sendfile(out, in, &neg, 10));
	SHOW(sendfile(out, in, bad_pointer(), 10));
	SHOW(sendfile(app, in, &off, 10));
	SHOW(sendfile(in, app, &off, 10));
	SHOW(sendfile(99, in, NULL, 10));
	SHOW(sendfile(out, 99, NULL, 10));
	SHOW(pipe(fds));
	SHOW(sendfile(out, fds[0], NULL, 10));
	off = 50;
	SHOW(sendfile(fds[1], in, &off, 16));
	SHOW(read(fds[0], buf, 16));
	SHOW((unsigned char)buf[0] == pattern(50) && (unsigned char)buf[15] == pattern(65));
	SHOW(sendfile(fds[1], in, &off, 0));
	SHOW(off);
	SHOW(ftruncate(in, 0));
	SHOW(ftruncate(in, 100000)); /* a hole */
	SHOW(lseek(out, 0, SEEK_SET));
	off = 5000;
	SHOW(sendfile(out, in, &off, 4));
	SHOW(pread(out, buf, 4, 0));
	SHOW(buf[0] | buf[3]);
}

/* A file onto itself, and two files to each other at the same time: no lock is taken twice. */
static void *send_back(void *arg)
{
	int *fds = arg;

	for (int i = 0; i < 300; i++) {
		off_t off = 0;

		lseek(fds[0], 0, SEEK_SET);
		if (sendfile(fds[0], fds[1], &off, 20000) != 20000)
			return (void *)1;
	}
	return NULL;
}

TEST(splice_crossed)
{
	int ab[2], ba[2];
	off_t off = 0;
	pthread_t t;
	void *bad;

	work_folder();
	ab[0] = ba[1] = make("a", 20000);
	ab[1] = ba[0] = make("b", 20000);
	lseek(ab[0], 20000, SEEK_SET);
	SHOW(sendfile(ab[0], ab[0], &off, 20000));
	SHOW(lseek(ab[0], 0, SEEK_END));
	SHOW(pthread_create(&t, NULL, send_back, ba));
	SHOW(send_back(ab) == NULL);
	SHOW(pthread_join(t, &bad));
	SHOW(bad == NULL);
	check("a", ab[0], 0, 20000);
}

TEST(copy_range)
{
	int in, out, app, dir, fds[2];
	off64_t a = 0, b = 100;

	work_folder();
	in = make("in", 100000);
	out = open("out", O_RDWR | O_CREAT, 0600);
	app = open("out", O_WRONLY | O_APPEND);
	dir = open(".", O_RDONLY);
	SHOW(pipe(fds));
	SHOW(copy_file_range(in, NULL, out, NULL, 1000, 0));
	SHOW(lseek(in, 0, SEEK_CUR));
	SHOW(lseek(out, 0, SEEK_CUR));
	SHOW(copy_file_range(in, NULL, out, NULL, 1000000, 0));
	check("all", out, 0, 100000);
	SHOW(copy_file_range(in, NULL, out, NULL, 10, 0));
	SHOW(copy_file_range(in, &a, out, &b, 50000, 0));
	SHOW(a);
	SHOW(b);
	a = 0;
	b = 100;
	SHOW(copy_file_range(in, &a, in, &b, 101, 0));
	SHOW(copy_file_range(in, &a, in, &b, 100, 0));
	SHOW(copy_file_range(in, &a, out, &b, 10, 1));
	SHOW(copy_file_range(in, &a, app, NULL, 10, 0));
	SHOW(copy_file_range(app, &a, out, NULL, 10, 0));
	SHOW(copy_file_range(dir, NULL, out, NULL, 10, 0));
	SHOW(copy_file_range(in, NULL, fds[1], NULL, 10, 0));
	SHOW(copy_file_range(99, NULL, out, NULL, 10, 0));
	SHOW(copy_file_range(in, bad_pointer(), out, NULL, 10, 0));
	a = (off64_t)1 << 40;
	b = 0;
	SHOW(copy_file_range(in, &a, out, &b, 10, 0)); /* beyond the end */
	SHOW(copy_file_range(in, &a, out, &b, 0, 0));
}

TEST(rw_preadv2)
{
	char buf[16] = "";
	struct iovec iov[2] = { { buf, 3 }, { buf + 3, 12 } };
	int fd, fds[2];

	work_folder();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	SHOW(pwritev2(fd, &(struct iovec){ "0123456789", 10 }, 1, -1, 0));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(preadv2(fd, iov, 2, 5, 0));
	printf("%s\n", buf);
	SHOW(lseek(fd, 3, SEEK_SET));
	SHOW(preadv2(fd, iov, 1, -1, 0));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(preadv2(fd, iov, 2, -2, 0));
	SHOW(preadv2(fd, iov, 2, 0, 0x40000000));
	SHOW(preadv2(99, iov, 2, 0, 0));
	SHOW(pwritev2(fd, &(struct iovec){ "app", 3 }, 1, 0, RWF_APPEND));
	SHOW(pwritev2(fd, &(struct iovec){ "sync", 4 }, 1, 0, RWF_SYNC));
	memset(buf, 0, sizeof(buf));
	SHOW(pread(fd, buf, 15, 0));
	printf("%s\n", buf);
	SHOW(preadv(fd, bad_pointer(), 1025, 0));
	SHOW(preadv(fd, iov, 0, 0));
	SHOW(preadv(fd, bad_pointer(), 1, 0));
	iov[1].iov_len = (size_t)-1;
	SHOW(readv(fd, iov, 2));
	SHOW(pipe(fds));
	SHOW(preadv2(fds[0], iov, 1, 0, 0));
	SHOW(write(fds[1], "xyz", 3));
	SHOW(preadv2(fds[0], iov, 1, -1, 0));
}

TEST(file_advice)
{
	int fd, fds[2], wr;

	work_folder();
	fd = make("f", 10000);
	wr = open("f", O_WRONLY);
	SHOW(pipe(fds));
	SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	SHOW(posix_fadvise(fd, 0, -1, POSIX_FADV_WILLNEED));
	SHOW(posix_fadvise(fd, 0, 0, 77));
	SHOW(posix_fadvise(99, 0, 0, 0));
	SHOW(posix_fadvise(fds[0], 0, 0, 0));
	SHOW(readahead(fd, 0, 100));
	SHOW(readahead(wr, 0, 100));
	SHOW(readahead(fds[0], 0, 100));
	SHOW(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	SHOW(sync_file_range(fd, 0, 100, 7));
	SHOW(sync_file_range(fd, -1, 100, 0));
	SHOW(sync_file_range(fd, 0, -1, 0));
	SHOW(sync_file_range(fd, 0, 0, 8));
	SHOW(sync_file_range(fds[0], 0, 0, 0));
	SHOW(sync_file_range(99, 0, 0, 0));
	SHOW(fsync(fd));
	SHOW(fdatasync(wr));
	SHOW(fsync(fds[0]));
	SHOW(fsync(99));
	SHOW(syncfs(fd));
	SHOW(syncfs(99));
}
