/* SPDX-License-Identifier: BSD-2-Clause
 * Pipes and FIFOs: man 7 pipe.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void fill(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(seed = seed * 1103515245 + 12345, seed >> 16);
}

static ssize_t read_all(int fd, unsigned char *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, p + got, n - got);

		if (r <= 0)
			return r < 0 ? r : (ssize_t)got;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

TEST(pipe_basic)
{
	int fds[2], n;
	char buf[16];

	SHOW(pipe(fds));
	SHOW(write(fds[1], "hello", 5));
	SHOW(ioctl(fds[0], FIONREAD, &n));
	printf("FIONREAD %d\n", n);
	SHOW(read(fds[0], buf, 3));
	SHOW(read(fds[0], buf, 16));
	SHOW(write(fds[0], "x", 1));
	SHOW(read(fds[1], buf, 1));
	SHOW(lseek(fds[0], 0, SEEK_SET));
	SHOW(pread(fds[0], buf, 1, 0));
	SHOW(write(fds[1], buf, 0));
	close(fds[1]);
	SHOW(read(fds[0], buf, 16));
	close(fds[0]);
	SHOW(pipe2(fds, 0x7fffffff));
	SHOW(pipe(bad_pointer()));
}

TEST(pipe_nonblock)
{
	int fds[2];
	size_t total = 0;
	char buf[4096] = { 0 };
	ssize_t n;

	SHOW(pipe2(fds, O_NONBLOCK));
	SHOW(read(fds[0], buf, 1));
	while ((n = write(fds[1], buf, sizeof(buf))) > 0)
		total += (size_t)n;
	printf("capacity %zu then %s\n", total, strerrorname_np(errno));
	SHOW(write(fds[1], buf, 1));
	SHOW(read(fds[0], buf, 4095));
	SHOW(write(fds[1], buf, 4096));
	SHOW(read(fds[0], buf, 1));
	SHOW(write(fds[1], buf, 4096));
}

TEST(pipe_size)
{
	int fds[2];
	char buf[5000] = { 0 };

	SHOW(pipe(fds));
	SHOW(fcntl(fds[0], F_GETPIPE_SZ));
	SHOW(fcntl(fds[0], F_SETPIPE_SZ, 5000));
	SHOW(fcntl(fds[0], F_SETPIPE_SZ, 1));
	SHOW(fcntl(fds[0], F_SETPIPE_SZ, 0));
	SHOW(fcntl(fds[1], F_SETPIPE_SZ, 1 << 20));
	SHOW(write(fds[1], buf, 5000));
	SHOW(fcntl(fds[1], F_SETPIPE_SZ, 4096));
	SHOW(fcntl(fds[1], F_GETPIPE_SZ));
	SHOW(fcntl(1, F_SETPIPE_SZ + 0, -1) < 0);
}

TEST(pipe_poll)
{
	int fds[2];
	struct pollfd p[2];
	char buf[65536] = { 0 };

	SHOW(pipe(fds));
	p[0] = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = fds[1], .events = POLLOUT };
	SHOW(poll(p, 2, 0));
	printf("%x %x\n", p[0].revents, p[1].revents);
	SHOW(write(fds[1], buf, sizeof(buf)));
	SHOW(poll(p, 2, 0));
	printf("%x %x\n", p[0].revents, p[1].revents);
	close(fds[1]);
	p[1].fd = -1;
	SHOW(poll(p, 2, 0));
	printf("%x %x\n", p[0].revents, p[1].revents);
	SHOW(read(fds[0], buf, sizeof(buf)));
	SHOW(poll(p, 1, 0));
	printf("%x\n", p[0].revents);
	SHOW(poll(p, 1, 50));
	p[0].fd = 99;
	SHOW(poll(p, 1, 0));
	printf("%x\n", p[0].revents);
	SHOW(pipe(fds));
	p[0] = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	SHOW(poll(p, 1, 20));
	close(fds[0]);
	p[0] = (struct pollfd){ .fd = fds[1], .events = POLLOUT };
	SHOW(poll(p, 1, 0));
	printf("%x\n", p[0].revents);
}

static void transfer(size_t total, size_t wsize, size_t rsize)
{
	unsigned char *out = malloc(total), *in = malloc(total);
	int fds[2], status;
	size_t got = 0;
	pid_t pid;

	fill(out, total, (unsigned)(wsize * 31 + rsize));
	if (pipe(fds) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		size_t done = 0;

		close(fds[0]);
		while (done < total) {
			size_t n = total - done < wsize ? total - done : wsize;
			ssize_t w = write(fds[1], out + done, n);

			if (w != (ssize_t)n)
				_exit(1);
			done += n;
		}
		_exit(0);
	}
	close(fds[1]);
	for (;;) {
		size_t n = total - got < rsize ? total - got : rsize;
		ssize_t r = n > 0 ? read(fds[0], in + got, n) : read(fds[0], in, 1);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	close(fds[0]);
	waitpid(pid, &status, 0);
	printf("%zu by %zu and %zu: %s, ", total, wsize, rsize,
		got == total && memcmp(in, out, total) == 0 ? "equal" : "DIFFERENT");
	show_status("writer", status);
	free(in);
	free(out);
}

TEST(pipe_transfer)
{
	transfer(100000, 37, 41);
	transfer(1000000, 4096, 4096);
	transfer(1000000, 4097, 100);
	transfer(3000000, 8191, 65536);
	transfer(3000000, 8192, 8192);
	transfer(3000000, 8193, 1000);
	transfer(4000000, 65536, 65536);
	transfer(4000000, 1000000, 1000000);
	transfer(4000001, 1000003, 777);
	transfer(4000000, 70000, 5000);
}

TEST(pipe_direct_unaligned)
{
	unsigned char *area =
		mmap(NULL, 300000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *in = malloc(200000);
	int fds[2], status;
	pid_t pid;

	fill(area, 300000, 7);
	for (int off = 0; off < 5000; off += 1237) {
		SHOW(pipe(fds));
		pid = fork();
		if (pid == 0) {
			close(fds[0]);
			_exit(write(fds[1], area + off, 200000) == 200000 ? 0 : 1);
		}
		close(fds[1]);
		SHOW(read_all(fds[0], in, 200000));
		printf("off %d: %d\n", off, memcmp(in, area + off, 200000) == 0);
		waitpid(pid, &status, 0);
		show_status("writer", status);
		close(fds[0]);
	}
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	alarms++;
}

TEST(pipe_write_interrupted)
{
	struct itimerval again = { { 0, 50000 }, { 0, 50000 } }, off = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	static char buf[1 << 20];
	int fds[2];
	ssize_t n;

	sigaction(SIGALRM, &sa, NULL);
	SHOW(pipe(fds));
	setitimer(ITIMER_REAL, &again, NULL);
	n = write(fds[1], buf, sizeof(buf));
	printf("large write: short %d, whole pages %d\n", n > 0 && n < (ssize_t)sizeof(buf),
		n == 65536);
	SHOW(write(fds[1], buf, sizeof(buf)));
	SHOW(write(fds[1], buf, 10));
	setitimer(ITIMER_REAL, &off, NULL);
	n = 0;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	for (ssize_t r; (r = read(fds[0], buf, sizeof(buf))) > 0;)
		n += r;
	printf("drained %zd, an alarm each: %d\n", n, alarms >= 3);
}

TEST(pipe_reader_gone)
{
	static char buf[1 << 20];
	int fds[2], status, queued = 0;
	ssize_t n;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	SHOW(pipe(fds));
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		while (queued < 65536 && ioctl(fds[0], FIONREAD, &queued) == 0)
			usleep(1000);
		_exit(0);
	}
	close(fds[0]);
	n = write(fds[1], buf, sizeof(buf));
	printf("short %d\n", n > 0 && n < (ssize_t)sizeof(buf));
	SHOW(write(fds[1], buf, 1));
	waitpid(pid, &status, 0);
}

TEST(pipe_faults)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	munmap(two + 4096, 4096);
	SHOW(pipe(fds));
	SHOW(write(fds[1], bad_pointer(), 10));
	SHOW(write(fds[1], (char *)-4096L, 10));
	SHOW(write(fds[1], (char *)-1L, 10));
	SHOW(write(fds[1], two, 100));
	SHOW(read(fds[0], bad_pointer(), 10));
	SHOW(read(fds[0], ro, 10));
	SHOW(read(fds[0], two, 100));
}

TEST(pipe_atomic)
{
	enum { WRITERS = 4, LINES = 200, LEN = 4096 };
	static char line[LEN], in[LEN];
	int fds[2], bad = 0, lines = 0, status;

	SHOW(pipe(fds));
	for (int w = 0; w < WRITERS; w++) {
		if (fork() == 0) {
			memset(line, 'a' + w, LEN);
			for (int i = 0; i < LINES; i++)
				if (write(fds[1], line, LEN) != LEN)
					_exit(1);
			_exit(0);
		}
	}
	close(fds[1]);
	while (read_all(fds[0], (unsigned char *)in, LEN) == LEN) {
		lines++;
		for (int i = 1; i < LEN; i++)
			bad += in[i] != in[0];
	}
	printf("lines %d torn bytes %d\n", lines, bad);
	while (wait(&status) > 0)
		if (status != 0)
			show_status("writer", status);
}

/* Hides a bad count from the compiler's own checks. */
static int opaque(int n)
{
	volatile int v = n;

	return v;
}

TEST(pipe_vectors)
{
	int fds[2];
	char a[3], b[10];
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cdefg", 5 } };
	struct iovec in[2] = { { a, 3 }, { b, 10 } };

	SHOW(pipe(fds));
	SHOW(writev(fds[1], out, 3));
	SHOW(readv(fds[0], in, 2));
	printf("%.3s %.4s\n", a, b);
	SHOW(writev(fds[1], out, opaque(-1)));
	SHOW(writev(fds[1], out, opaque(2000)));
	SHOW(writev(fds[1], bad_pointer(), 1));
	out[0].iov_len = (size_t)-1;
	SHOW(writev(fds[1], out, 2));
}

TEST(fifo)
{
	char buf[10];
	int fd, status;
	pid_t pid;

	unlink("fifo");
	SHOW(mkfifo("fifo", 0600));
	SHOW(mkfifo("fifo", 0600));
	SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
	pid = fork();
	if (pid == 0) {
		fd = open("fifo", O_WRONLY);
		_exit(write(fd, "through", 7) == 7 ? 0 : 1);
	}
	fd = open("fifo", O_RDONLY);
	SHOW(read(fd, buf, 10));
	SHOW(read(fd, buf, 10));
	waitpid(pid, &status, 0);
	show_status("writer", status);
	close(fd);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	printf("opened %d\n", fd >= 0);
	SHOW(read(fd, buf, 1));
	unlink("fifo");
}
