/* SPDX-License-Identifier: BSD-2-Clause
 * What one operation costs: system calls, processes, signals, switches, faults. The definitions are those of
 * lmbench (McVoy and Staelin, USENIX 1996), so that a student can look them up; runs on Linux too.
 * Prints a JSON object a line: nanoseconds an operation, the least of several runs.
 *
 * Each run of `loops` operations stands between two marks of the instruction counter (tools/icnt.c), which
 * counts what every process on that CPU does in between: with one CPU (--smp 1) that is the operation and
 * nothing else. The line says how many such windows it left, in the order of the lines.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/x86/icnt.h"

#define PAGE       4096
#define FAULTS     64 /* pages of a run of page faults */
#define FILE_SIZE  (FAULTS * PAGE)
#define TOUCH_STEP (4 * PAGE)
#define MAX_RING   8

/* Where memory is mapped, if nothing is there. An address of the kernel's choice is another in each run, and whether
 * its page table is there already or has to be made for it makes a difference of a tenth. */
#define AREA ((void *)0x30000000)

static const char *const known_file = "/etc/passwd";
static int runs = 5;

static void die(const char *what)
{
	fprintf(stderr, "lat: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- operations: run(n) does n of them ---- */

static int fd;
static volatile unsigned sink;

static void open_zero(void)
{
	fd = open("/dev/zero", O_RDONLY);
	if (fd < 0)
		die("/dev/zero");
}

static void open_null(void)
{
	fd = open("/dev/null", O_WRONLY);
	if (fd < 0)
		die("/dev/null");
}

static void close_fd(void)
{
	close(fd);
}

static void null_call(unsigned n)
{
	while (n-- > 0)
		syscall(SYS_getppid);
}

static void read_byte(unsigned n)
{
	char c;

	while (n-- > 0)
		if (read(fd, &c, 1) != 1)
			die("read");
}

static void write_byte(unsigned n)
{
	char c = 0;

	while (n-- > 0)
		if (write(fd, &c, 1) != 1)
			die("write");
}

static void stat_file(unsigned n)
{
	struct stat st;

	while (n-- > 0)
		if (stat(known_file, &st) != 0)
			die(known_file);
}

static void fstat_file(unsigned n)
{
	struct stat st;

	while (n-- > 0)
		if (fstat(fd, &st) != 0)
			die("fstat");
}

static void open_close(unsigned n)
{
	while (n-- > 0) {
		int f = open(known_file, O_RDONLY);

		if (f < 0)
			die(known_file);
		close(f);
	}
}

/* ---- signals ---- */

static void on_signal(int sig)
{
	sink++;
}

static void install(unsigned n)
{
	struct sigaction sa = { .sa_handler = on_signal };

	while (n-- > 0)
		if (sigaction(SIGUSR1, &sa, NULL) != 0)
			die("sigaction");
}

static void install_once(void)
{
	install(1);
}

static void catch (unsigned n)
{
	pid_t self = getpid();

	while (n-- > 0)
		kill(self, SIGUSR1);
}

/* ---- processes ---- */

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("a child");
}

static void fork_exit(unsigned n)
{
	while (n-- > 0) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		wait_for(pid);
	}
}

/* The new program is this one, which ends at once. */
static void fork_exec(unsigned n)
{
	while (n-- > 0) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/proc/self/exe", "lat", "--exit", NULL);
			_exit(1);
		}
		wait_for(pid);
	}
}

/* ---- switches ---- */

static int ring[MAX_RING][2];
static pid_t others[MAX_RING];
static int in_ring;

static void pass_on(int from, int to)
{
	char c;

	while (read(ring[from][0], &c, 1) == 1)
		if (write(ring[to][1], &c, 1) != 1)
			break;
	_exit(0);
}

static void start_ring(int n)
{
	in_ring = n;
	for (int i = 0; i < n; i++)
		if (pipe(ring[i]) != 0)
			die("pipe");
	for (int i = 1; i < n; i++) {
		others[i] = fork();
		if (others[i] == 0)
			pass_on(i, (i + 1) % n);
		if (others[i] < 0)
			die("fork");
	}
}

static void ring_1(void)
{
	start_ring(1);
}

static void ring_2(void)
{
	start_ring(2);
}

static void ring_8(void)
{
	start_ring(8);
}

static void end_ring(void)
{
	for (int i = 1; i < in_ring; i++) {
		kill(others[i], SIGKILL);
		waitpid(others[i], NULL, 0);
	}
	for (int i = 0; i < in_ring; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
}

/* A byte goes round; each process it comes to is one operation. */
static void go_round(unsigned n)
{
	char c = 0;

	for (; n >= (unsigned)in_ring; n -= (unsigned)in_ring)
		if (write(ring[in_ring > 1 ? 1 : 0][1], &c, 1) != 1 || read(ring[0][0], &c, 1) != 1)
			die("ring");
}

static unsigned *turn; /* 0: ours, 1: the other's */

static void futex(unsigned *word, int op, unsigned val)
{
	syscall(SYS_futex, word, op, val, NULL, NULL, 0);
}

static void take_turn(unsigned mine)
{
	unsigned t;

	while ((t = __atomic_load_n(turn, __ATOMIC_ACQUIRE)) != mine)
		futex(turn, FUTEX_WAIT, t);
}

static void give_turn(unsigned to)
{
	__atomic_store_n(turn, to, __ATOMIC_RELEASE);
	futex(turn, FUTEX_WAKE, 1);
}

static void start_futex(void)
{
	turn = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turn == MAP_FAILED)
		die("mmap");
	*turn = 0;
	others[1] = fork();
	while (others[1] == 0) {
		take_turn(1);
		give_turn(0);
	}
	if (others[1] < 0)
		die("fork");
}

static void futex_there_and_back(unsigned n)
{
	while (n-- > 0) {
		give_turn(1);
		take_turn(0);
	}
}

static void end_futex(void)
{
	kill(others[1], SIGKILL);
	waitpid(others[1], NULL, 0);
	munmap(turn, PAGE);
}

/* ---- memory ---- */

static unsigned char *area;

static void map_anonymous(void)
{
	area = mmap(AREA, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		die("mmap");
}

static void make_file(void)
{
	static char buf[PAGE];
	char name[] = "/tmp/lat.XXXXXX";

	fd = mkstemp(name);
	if (fd < 0)
		die(name);
	unlink(name);
	for (int i = 0; i < FAULTS; i++)
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			die("write");
}

static void map_file(void)
{
	make_file();
	area = mmap(AREA, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (area == MAP_FAILED)
		die("mmap");
}

static void unmap(void)
{
	munmap(area, FILE_SIZE);
}

static void unmap_file(void)
{
	unmap();
	close(fd);
}

static void write_pages(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		area[i * PAGE] = 1;
}

static void read_pages(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sink += area[i * PAGE];
}

static void map_touch_unmap(unsigned n)
{
	while (n-- > 0) {
		unsigned char *p = mmap(AREA, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED)
			die("mmap");
		for (size_t i = 0; i < FILE_SIZE; i += TOUCH_STEP)
			sink += p[i];
		munmap(p, FILE_SIZE);
	}
}

/* ---- measuring ---- */

static const struct op {
	const char *name, *what;
	unsigned loops;
	void (*begin)(void); /* before each run */
	void (*run)(unsigned n);
	void (*end)(void); /* after each run */
	bool once;         /* a run cannot be preceded by another on the same ground */
} ops[] = {
	{ "null", "getppid", 1000, NULL, null_call, NULL, false },
	{ "read", "read of a byte of /dev/zero", 1000, open_zero, read_byte, close_fd, false },
	{ "write", "write of a byte to /dev/null", 1000, open_null, write_byte, close_fd, false },
	{ "fstat", "fstat", 1000, open_zero, fstat_file, close_fd, false },
	{ "stat", "stat of /etc/passwd", 1000, NULL, stat_file, NULL, false },
	{ "open", "open and close of /etc/passwd", 500, NULL, open_close, NULL, false },
	{ "sigaction", "install a handler", 1000, NULL, install, NULL, false },
	{ "signal", "a signal to oneself, handled", 500, install_once, catch, NULL, false },
	{ "pipe", "write and read of a byte, one process", 500, ring_1, go_round, end_ring, false },
	{ "ctx2", "the same, on to another of 2 processes", 500, ring_2, go_round, end_ring,
		false },
	{ "ctx8", "the same, 8 processes", 504, ring_8, go_round, end_ring, false },
	{ "futex", "wake another process and wait for it", 300, start_futex, futex_there_and_back,
		end_futex, false },
	{ "fault", "write to a fresh page", FAULTS, map_anonymous, write_pages, unmap, true },
	{ "filefault", "read of a mapped page of a file", FAULTS, map_file, read_pages, unmap_file,
		true },
	{ "mmap", "map 256 KiB of a file, touch a page in four, unmap", 50, make_file,
		map_touch_unmap, close_fd, false },
	{ "fork", "fork, exit, wait", 20, NULL, fork_exit, NULL, false },
	{ "exec", "fork, exec, exit, wait", 10, NULL, fork_exec, NULL, false },
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double run_once(const struct op *op)
{
	double begin, took;

	if (op->begin != NULL)
		op->begin();
	if (!op->once)
		op->run(op->loops); /* warm */
	begin = now_ns();
	ICNT_MARK(ICNT_BEGIN);
	op->run(op->loops);
	ICNT_MARK(ICNT_END);
	took = now_ns() - begin;
	if (op->end != NULL)
		op->end();
	return took / op->loops;
}

static void measure(const struct op *op)
{
	double best = 0;

	for (int i = 0; i < runs; i++) {
		double ns = run_once(op);

		if (i == 0 || ns < best)
			best = ns;
	}
	printf("{\"bench\":\"lat\",\"op\":\"%s\",\"what\":\"%s\",\"loops\":%u,\"windows\":%d,"
	       "\"value\":%.1f,\"unit\":\"ns\"}\n",
		op->name, op->what, op->loops, runs, best);
	fflush(stdout);
}

static int usage(void)
{
	fprintf(stderr, "Usage: lat [--runs N] [OPERATION]...\nWhat one operation costs:\n");
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		fprintf(stderr, "  %-10s %s\n", ops[i].name, ops[i].what);
	return 2;
}

int main(int argc, char **argv)
{
	int first = 1, known = 0;

	if (argc > 1 && strcmp(argv[1], "--exit") == 0)
		return 0;
	if (argc > 2 && strcmp(argv[1], "--runs") == 0) {
		runs = atoi(argv[2]);
		first = 3;
	}
	if (runs < 1 || (argc > first && argv[first][0] == '-'))
		return usage();
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		bool wanted = argc == first;

		for (int k = first; k < argc; k++)
			wanted |= strcmp(argv[k], ops[i].name) == 0;
		known += wanted;
		if (wanted)
			measure(&ops[i]);
	}
	return known > 0 ? 0 : usage();
}
