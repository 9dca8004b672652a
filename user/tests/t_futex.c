/* SPDX-License-Identifier: BSD-2-Clause
 * futex(2) itself: results and errors of each operation, time-outs on both clocks, requeueing.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static uint32_t word, word2;

static long futex(uint32_t *addr, int op, uint32_t val, void *arg4, uint32_t *addr2, uint32_t val3)
{
	return syscall(SYS_futex, addr, op, val, arg4, addr2, val3);
}

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) != 0)
		;
}

TEST(futex_errors)
{
	struct timespec bad_ns = { 0, 1000000000 }, bad_sec = { -1, 0 }, zero = { 0, 0 };
	uint32_t *odd = (uint32_t *)((char *)&word + 1), *bad = bad_pointer();
	uint32_t *kernel = (uint32_t *)-4096;

	word = 5;
	SHOW(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 5, &zero, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 5, &bad_ns, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 5, &bad_sec, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT, 5, bad_pointer(), NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_BITSET, 5, &zero, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_BITSET, 5, &zero, NULL, 1));
	SHOW(futex(&word, FUTEX_WAKE_BITSET, 5, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, &zero, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 5, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &zero, NULL, 1));
	SHOW(futex(odd, FUTEX_WAIT, 5, NULL, NULL, 0));
	SHOW(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex(bad, FUTEX_WAIT, 5, NULL, NULL, 0));
	SHOW(futex(bad, FUTEX_WAIT_PRIVATE, 5, NULL, NULL, 0));
	SHOW(futex(bad, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex(bad, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex(kernel, FUTEX_WAIT, 5, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_REQUEUE, 1, NULL, &word2, 0));
	SHOW(futex(&word, FUTEX_REQUEUE, -1, NULL, &word2, 0));
	SHOW(futex(&word, FUTEX_REQUEUE, 1, (void *)-1, &word2, 0));
	SHOW(futex(&word, FUTEX_REQUEUE, 1, (void *)1, odd, 0));
	SHOW(futex(&word, FUTEX_REQUEUE, 1, (void *)1, bad, 0));
	SHOW(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word2, 4));
	SHOW(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word2, 5));
	SHOW(futex(&word, 100, 0, NULL, NULL, 0));
}

TEST(futex_readonly)
{
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int set = FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0);

	*p = *s = 3;
	mprotect(p, 4096, PROT_READ);
	mprotect(s, 4096, PROT_READ);
	SHOW(futex(p, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0));
	SHOW(futex(s, FUTEX_WAIT, 4, NULL, NULL, 0));
	SHOW(futex(p, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	SHOW(futex(s, FUTEX_WAKE, 1, NULL, NULL, 0));
	SHOW(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, s, set));
	SHOW(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, p, set));
	mprotect(p, 4096, PROT_NONE);
	SHOW(futex(p, FUTEX_WAIT_PRIVATE, 3, NULL, NULL, 0));
}

static void wake_op(const char *what, uint32_t before, int op)
{
	word2 = before;
	errno = 0;
	show(what, futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, op));
	printf("  0x%x -> 0x%x\n", before, word2);
}

TEST(futex_wake_op)
{
	wake_op("set", 7, FUTEX_OP(FUTEX_OP_SET, 12, FUTEX_OP_CMP_EQ, 7));
	wake_op("add", 7, FUTEX_OP(FUTEX_OP_ADD, 12, FUTEX_OP_CMP_NE, 7));
	wake_op("add negative", 7, FUTEX_OP(FUTEX_OP_ADD, -3, FUTEX_OP_CMP_LT, -7));
	wake_op("or", 0xf0, FUTEX_OP(FUTEX_OP_OR, 0x3c, FUTEX_OP_CMP_LE, 7));
	wake_op("andn", 0xf0, FUTEX_OP(FUTEX_OP_ANDN, 0x3c, FUTEX_OP_CMP_GT, 7));
	wake_op("xor", 0xf0, FUTEX_OP(FUTEX_OP_XOR, 0x3c, FUTEX_OP_CMP_GE, 7));
	wake_op("or shift", 1,
		FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 31, FUTEX_OP_CMP_EQ, 7));
	wake_op("unknown op", 7, FUTEX_OP(5, 1, FUTEX_OP_CMP_EQ, 7));
	wake_op("unknown cmp", 7, FUTEX_OP(FUTEX_OP_ADD, 1, 9, 7));
}

/* ---- with others waiting ---- */

struct waiter {
	pthread_t thread;
	uint32_t *addr;
	int op;
	uint32_t bitset;
	pid_t tid;
	int done;
	long ret;
};

static void *wait_there(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->ret = futex(w->addr, w->op, 0, NULL, NULL, w->bitset);
	__atomic_store_n(&w->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void await_waiter(const struct waiter *w)
{
	while (__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE) == 0)
		nap(1);
	await_sleep(getpid(), w->tid);
}

static void start_waiters(struct waiter *w, int n, uint32_t *addr, int op)
{
	for (int i = 0; i < n; i++) {
		w[i] = (struct waiter){ .addr = addr, .op = op, .bitset = 1u << i };
		pthread_create(&w[i].thread, NULL, wait_there, &w[i]);
		await_waiter(&w[i]);
	}
}

static int ndone(const struct waiter *w, int n)
{
	int done = 0;

	for (int i = 0; i < n; i++)
		done += __atomic_load_n(&w[i].done, __ATOMIC_ACQUIRE);
	return done;
}

/* How many have been woken, once `expected` have, and as many more as come soon after. */
static int join_done(const struct waiter *w, int n, int expected)
{
	for (int i = 0; i < 30000 && ndone(w, n) < expected; i++)
		nap(1);
	nap(20);
	return ndone(w, n);
}

static void join_all(struct waiter *w, int n)
{
	for (int i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		printf("%ld ", w[i].ret);
	}
	printf("\n");
}

TEST(futex_wake_some)
{
	struct waiter w[5];

	word = 0;
	start_waiters(w, 5, &word, FUTEX_WAIT_PRIVATE);
	SHOW(futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0));
	SHOW(join_done(w, 5, 2));
	SHOW(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0)); /* Linux takes that for another word */
	SHOW(join_done(w, 5, 2));
	SHOW(futex(&word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0));
	join_all(w, 5);
}

TEST(futex_bitset)
{
	struct waiter w[5];

	start_waiters(w, 5, &word, FUTEX_WAIT_BITSET_PRIVATE);
	SHOW(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 1u << 7));
	SHOW(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 1u << 3 | 1u << 1));
	SHOW(join_done(w, 5, 2));
	printf("%d %d\n", w[1].done, w[3].done);
	SHOW(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	join_all(w, 5);
}

TEST(futex_requeue)
{
	struct waiter w[5];

	start_waiters(w, 5, &word, FUTEX_WAIT_PRIVATE);
	SHOW(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &word2, 0));
	SHOW(join_done(w, 5, 1));
	SHOW(futex(&word2, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	SHOW(join_done(w, 5, 3));
	SHOW(futex(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)9, &word, 0));
	SHOW(futex(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)9, &word2, 0));
	SHOW(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	SHOW(futex(&word2, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	join_all(w, 5);
}

TEST(futex_wake_op_both)
{
	struct waiter a[2], b[2];
	int op = FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0);

	word = word2 = 0;
	start_waiters(a, 2, &word, FUTEX_WAIT_PRIVATE);
	start_waiters(b, 2, &word2, FUTEX_WAIT_PRIVATE);
	SHOW(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, op));
	SHOW(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, op));
	SHOW(futex(&word2, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	printf("word2 %u\n", word2);
	join_all(a, 2);
	join_all(b, 2);
}

/* ---- between processes, at different addresses ---- */

TEST(futex_shared)
{
	uint32_t *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char name[] = "futex.XXXXXX";
	int fd = mkstemp(name), status;
	uint32_t *b, *c;
	long n = 0;
	pid_t pid;

	unlink(name);
	if (ftruncate(fd, 8192) != 0)
		perror("ftruncate");
	b = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
		_exit(futex(a + 1, FUTEX_WAIT, 0, NULL, NULL, 0) != 0 ||
			futex(c + 2, FUTEX_WAIT, 0, NULL, NULL, 0) != 0);
	}
	/* The private form does not reach it. */
	nap(50);
	SHOW(futex(a + 1, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	while (n == 0 && waitpid(pid, &status, WNOHANG) == 0)
		n = futex(a + 1, FUTEX_WAKE, 1, NULL, NULL, 0);
	n = 0;
	while (n == 0 && waitpid(pid, &status, WNOHANG) == 0)
		n = futex(b + 1024 + 2, FUTEX_WAKE, 1, NULL, NULL, 0);
	waitpid(pid, &status, 0);
	show_status("waiter", status);
}

/* ---- time and signals ---- */

static long ms_since(const struct timespec *from, clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

TEST(futex_timeout)
{
	struct timespec begin, ts = { 0, 30000000 };
	int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };

	word = 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	SHOW(futex(&word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0));
	printf("not early: %d\n", ms_since(&begin, CLOCK_MONOTONIC) >= 29);
	for (int i = 0; i < 2; i++) {
		clock_gettime(clocks[i], &begin);
		ts = begin;
		ts.tv_nsec += 30000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_sec++;
			ts.tv_nsec -= 1000000000;
		}
		SHOW(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | (i == 1 ? FUTEX_CLOCK_REALTIME : 0),
			0, &ts, NULL, 1));
		printf("not early: %d, not late: %d\n", ms_since(&begin, clocks[i]) >= 29,
			ms_since(&begin, clocks[i]) < 3000);
	}
}

static volatile sig_atomic_t handled;

static void on_alarm(int sig)
{
	handled = 1;
}

/* Interrupts the first thread when it sleeps, and wakes it when it does again: here, or to join us. */
static void *interrupt(void *arg)
{
	pthread_t first = *(pthread_t *)arg;

	await_sleep(getpid(), getpid());
	pthread_kill(first, SIGALRM);
	while (!handled)
		nap(1);
	await_sleep(getpid(), getpid());
	word = 1;
	futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}

static void wait_with_alarm(int flags, struct timespec *ts)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };
	pthread_t t, self = pthread_self();

	word = handled = 0;
	sigaction(SIGALRM, &sa, NULL);
	pthread_create(&t, NULL, interrupt, &self);
	SHOW(futex(&word, FUTEX_WAIT_PRIVATE, 0, ts, NULL, 0));
	pthread_join(t, NULL);
}

TEST(futex_signal)
{
	struct timespec ts = { 10, 0 };

	wait_with_alarm(0, NULL);
	wait_with_alarm(SA_RESTART, NULL);
	wait_with_alarm(0, &ts);
	wait_with_alarm(SA_RESTART, &ts);
}

TEST(futex_robust_list)
{
	struct robust_list_head head = { { &head.list }, 0, NULL }, *got = NULL;
	size_t len = 0;

	SHOW(syscall(SYS_get_robust_list, 0, &got, &len));
	printf("glibc set one: %d, %d\n", got != NULL, len == sizeof(head));
	SHOW(syscall(SYS_set_robust_list, &head, sizeof(head)));
	SHOW(syscall(SYS_get_robust_list, getpid(), &got, &len));
	printf("mine: %d\n", got == &head);
	SHOW(syscall(SYS_set_robust_list, &head, sizeof(head) - 1));
	SHOW(syscall(SYS_set_robust_list, &head, 0));
	SHOW(syscall(SYS_get_robust_list, -1, &got, &len));
	SHOW(syscall(SYS_get_robust_list, 0, bad_pointer(), &len));
	SHOW(syscall(SYS_get_robust_list, 0, &got, bad_pointer()));
}

/* Lists that lead astray: nothing happens to the process that ends with one. */
static struct robust_list astray[3];

static void set_list(struct robust_list *first, long offset, struct robust_list *pending)
{
	static struct robust_list_head head;

	head.list.next = first;
	head.futex_offset = offset;
	head.list_op_pending = pending;
	syscall(SYS_set_robust_list, &head, sizeof(head));
}

static void circle(void)
{
	astray[0].next = &astray[1];
	astray[1].next = &astray[0];
	set_list(&astray[0], sizeof(astray), NULL);
}

static void wild(void)
{
	set_list(bad_pointer(), 0, bad_pointer());
}

static void wild_offset(void)
{
	astray[0].next = (struct robust_list *)-1;
	set_list(&astray[0], -4097, (struct robust_list *)-1);
}

static void wild_head(void)
{
	syscall(SYS_set_robust_list, (void *)-8, sizeof(struct robust_list_head));
}

TEST(futex_robust_wild)
{
	in_child("a circle", circle);
	in_child("a bad pointer", wild);
	in_child("a bad offset", wild_offset);
	in_child("a bad head", wild_head);
}
