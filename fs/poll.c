/* SPDX-License-Identifier: BSD-2-Clause
 * poll(2) and what is built on it: asks each file for its events and, when there are none, sleeps in
 * all the wait queues the files named.
 *
 * A poll_sleep is the calling thread's own. It stands in its queues before it looks at the state, so
 * no event between the look and the sleep is lost. After a wake-up all queues are left and the round
 * starts afresh: files may name other queues by then. Wake-ups for events nobody asked for here may come
 * without end (somebody else is busy with the file), each before there was a sleep: so signals and the deadline are
 * looked at in every round.
 */
#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/wait.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"

#define POLL_INLINE 8
#define POLL_CHUNK  60

struct poll_chunk {
	struct poll_chunk *next;
	unsigned n;
	struct waiter waiters[POLL_CHUNK];
};

struct poll_sleep {
	struct poll_table table;
	unsigned n;
	struct waiter waiters[POLL_INLINE];
	struct poll_chunk *chunks; /* newest first */
	bool no_memory;
};

static void enter(struct poll_table *table, struct waitq *wq)
{
	struct poll_sleep *pt = container_of(table, struct poll_sleep, table);
	struct poll_chunk *c;

	if (pt->n < POLL_INLINE) {
		wait_enter(wq, &pt->waiters[pt->n++]);
		return;
	}
	c = pt->chunks;
	if (c == NULL || c->n == POLL_CHUNK) {
		c = kmalloc(sizeof(*c));
		if (c == NULL) {
			pt->no_memory = true;
			return;
		}
		c->n = 0;
		c->next = pt->chunks;
		pt->chunks = c;
	}
	wait_enter(wq, &c->waiters[c->n++]);
}

static void leave_all(struct poll_sleep *pt)
{
	struct poll_chunk *c;

	while ((c = pt->chunks) != NULL) {
		for (unsigned i = 0; i < c->n; i++)
			wait_leave(&c->waiters[i]);
		pt->chunks = c->next;
		kfree(c);
	}
	for (unsigned i = 0; i < pt->n; i++)
		wait_leave(&pt->waiters[i]);
	pt->n = 0;
}

static unsigned poll_one(struct pollreq *r, struct poll_table *pt)
{
	if (r->fd < 0)
		return 0;
	if (r->file == NULL)
		return POLLNVAL;
	return file_poll(r->file, pt) & (r->events | POLLERR | POLLHUP);
}

/* One look at all; enters the queues of pt until something is found. */
static int scan(struct pollreq *reqs, unsigned n, struct poll_table *pt)
{
	int found = 0;

	for (unsigned i = 0; i < n; i++) {
		reqs[i].revents = poll_one(&reqs[i], found == 0 ? pt : NULL);
		if (reqs[i].revents != 0)
			found++;
	}
	return found;
}

/* Enters the queues, looks, sleeps. As poll_files(); -EAGAIN: look again. */
static int poll_round(struct pollreq *reqs, unsigned n, uint64_t deadline)
{
	struct poll_sleep pt = { .table = { .enter = enter } };
	struct waitq nobody;
	struct waiter w;
	int found, err;

	/* Without any file this is a sleep, which needs a queue all the same. */
	waitq_init(&nobody);
	wait_enter(&nobody, &w);
	found = scan(reqs, n, &pt.table);
	if (found == 0 && pt.no_memory)
		found = -ENOMEM;
	if (found == 0 && READ_ONCE(curthread()->sig_pending))
		found = -ERESTARTNOHAND;
	if (found == 0) {
		err = wait_sleep(WAIT_INTR, deadline);
		found = -EAGAIN;
		if (err == -ETIMEDOUT)
			found = 0;
		else if (err != 0)
			found = -ERESTARTNOHAND;
	}
	leave_all(&pt);
	wait_leave(&w);
	return found;
}

static bool time_left(uint64_t deadline)
{
	return deadline == WAIT_FOREVER || clock_monotonic_ns() < deadline;
}

/* The files are held throughout: waiters must not outlive the queues they stand in. */
int poll_files(struct pollreq *reqs, unsigned n, uint64_t deadline)
{
	int found;

	for (unsigned i = 0; i < n; i++)
		reqs[i].file = reqs[i].fd >= 0 ? fd_file(reqs[i].fd) : NULL;
	found = scan(reqs, n, NULL);
	if (found == 0 && time_left(deadline)) {
		do
			found = poll_round(reqs, n, deadline);
		while (found == -EAGAIN && time_left(deadline));
		if (found == 0 || found == -EAGAIN) /* what came with the deadline counts */
			found = scan(reqs, n, NULL);
	}
	for (unsigned i = 0; i < n; i++)
		if (reqs[i].file != NULL)
			file_put(reqs[i].file);
	return found;
}
