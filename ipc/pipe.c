/* SPDX-License-Identifier: BSD-2-Clause
 * Pipes: the buffer, and the loops of read(2) and write(2) (man 7 pipe). Locks: ipc/pipe_impl.h.
 *
 * The buffer is a ring of data pages, allocated when first written to and kept until the pipe goes,
 * so that their ephemeral mappings are found again. An empty pipe starts over at the first page:
 * small messages use one page for ever.
 */
#include "fs/vfs.h"
#include "ipc/pipe_impl.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/vm.h"

struct pipe *pipe_new(void)
{
	static uint32_t last_ino;
	struct pipe *p = kzalloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	p->pages = kzalloc(PIPE_DEF_PAGES * sizeof(p->pages[0]));
	if (p->pages == NULL) {
		kfree(p);
		return NULL;
	}
	spin_init(&p->lock, "pipe");
	waitq_init(&p->rd.wq);
	waitq_init(&p->wr.wq);
	p->rd.spin = p->wr.spin = PIPE_SPIN_MIN;
	p->npages = PIPE_DEF_PAGES;
	p->rgen = p->wgen = 1;
	p->ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED);
	p->ctime = clock_realtime_ns();
	return p;
}

void pipe_destroy(struct pipe *p)
{
	KASSERT(p->win.count == 0 && !p->rd_busy && !p->wr_busy, "pipe in use");
	for (unsigned i = 0; i < p->npages; i++)
		if (p->pages[i] != NULL)
			page_put(p->pages[i]);
	kfree(p->pages);
	kfree(p);
}

int pipe_wait(struct pipe *p, struct pipe_end *e, enum wait_kind kind)
{
	unsigned seq = e->seq, turns = ncpus > 1 ? e->spin : 0;

	spin_unlock(&p->lock);
	while (turns > 0 && READ_ONCE(e->seq) == seq && !sched_need_resched()) {
		cpu_relax();
		turns--;
	}
	spin_lock(&p->lock);
	if (e->seq != seq && (kind == WAIT_UNINTR || !READ_ONCE(curthread()->sig_fatal))) {
		e->spin = MIN(2 * e->spin, (unsigned)PIPE_SPIN_MAX);
		return 0;
	}
	e->spin = MAX(e->spin / 2, (unsigned)PIPE_SPIN_MIN);
	return waitq_sleep(&e->wq, &p->lock, kind, WAIT_FOREVER);
}

static struct vm_page **slot_of(struct pipe *p, size_t pos)
{
	return &p->pages[(pos >> PAGE_SHIFT) & (p->npages - 1)];
}

/* Bytes of [pos, pos+n) that lie in the page of pos. */
static size_t in_page(size_t pos, size_t n)
{
	return MIN(n, PAGE_SIZE - (pos & PAGE_MASK));
}

/* Most that one step moves from or to `pos`: up to a page boundary. */
static size_t step_size(size_t pos, size_t n)
{
	return MIN(n, PIPE_STEP * PAGE_SIZE - (pos & PAGE_MASK));
}

/* The pieces of [pos, pos+n), a step at most; the pages are there. Returns how many. */
static unsigned pieces(struct pipe *p, size_t pos, size_t n, struct uio_seg *seg)
{
	unsigned i = 0;

	for (; n > 0; i++) {
		seg[i].page = *slot_of(p, pos);
		seg[i].off = (unsigned)(pos & PAGE_MASK);
		seg[i].len = (unsigned)in_page(pos, n);
		pos += seg[i].len;
		n -= seg[i].len;
	}
	return i;
}

static NOINLINE size_t move_pieces(struct pipe *p, struct uio *u, size_t pos, size_t n, bool *stop)
{
	struct uio_seg seg[PIPE_STEP] = { { .page = NULL } };
	unsigned count = pieces(p, pos, n, seg);
	ssize_t moved = uio_pages(u, seg, count, SFB_PIPE);
	size_t whole = 0;

	*stop = moved != (ssize_t)n;
	if (u->sink != NULL) /* it says exactly what it took */
		return moved > 0 ? (size_t)moved : 0;
	for (unsigned i = 0; i < count && (ssize_t)(whole + seg[i].len) <= moved; i++)
		whole += seg[i].len;
	return whole;
}

/* Moves a step. A piece whose copy faults counts as not moved at all, as on Linux; then *stop is set,
 * for the uio stands somewhere in that piece and is of no more use. Most messages are one piece. */
static size_t move(struct pipe *p, struct uio *u, size_t pos, size_t n, bool *stop)
{
	if (in_page(pos, n) < n || u->sink != NULL)
		return move_pieces(p, u, pos, n, stop);
	if (likely(uio_page(u, *slot_of(p, pos), pos & PAGE_MASK, n, SFB_PIPE) == (ssize_t)n))
		return n;
	*stop = true;
	return 0;
}

/* An empty pipe goes back to its first page. The lock is held. */
static void rewind_if_empty(struct pipe *p)
{
	if (p->rpos == p->wpos && !p->rd_busy && !p->wr_busy)
		p->rpos = p->wpos = 0;
}

/* ---- reading ---- */

/* Copies one step out of the buffer. */
static ssize_t buffer_read(struct pipe *p, struct uio *u, bool *stop)
{
	size_t pos = p->rpos, n = step_size(pos, MIN(pipe_buffered(p), u->resid)), done;

	p->rd_busy = true;
	spin_unlock(&p->lock);
	done = move(p, u, pos, n, stop);
	spin_lock(&p->lock);
	p->rpos += done;
	p->rd_busy = false;
	rewind_if_empty(p);
	/* Not by comparing pipe_space(): a writer may have used up meanwhile what we freed. */
	if (pos >> PAGE_SHIFT != (pos + done) >> PAGE_SHIFT || pipe_buffered(p) == 0)
		pipe_wake(&p->wr);
	pipe_wake(&p->rd);
	return done > 0 ? (ssize_t)done : -EFAULT;
}

/* Nothing to read: 0 end of file, 1 look again, or an error. */
static int wait_for_data(struct pipe *p, bool nonblock)
{
	int err;

	if (!p->rd_busy) {
		if (p->writers == 0)
			return 0;
		if (nonblock)
			return -EAGAIN;
	}
	err = pipe_wait(p, &p->rd, WAIT_INTR);
	return err != 0 ? err : 1;
}

static ssize_t read_locked(struct pipe *p, struct uio *u, bool nonblock)
{
	size_t want = u->resid, got = 0;
	bool stop = false;
	ssize_t n;

	while (got < want && !stop) {
		if (p->rd_busy || pipe_buffered(p) + p->win.bytes == 0) {
			if (got > 0)
				break;
			n = wait_for_data(p, nonblock);
			if (n <= 0)
				return n;
			continue;
		}
		n = pipe_buffered(p) > 0 ? buffer_read(p, u, &stop) : pipe_window_read(p, u);
		if (n < 0)
			return got > 0 ? (ssize_t)got : n;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t pipe_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pipe *p = f->data;
	ssize_t n;

	if (u->resid == 0)
		return 0;
	spin_lock(&p->lock);
	p->reading++;
	n = read_locked(p, u, u->nowait || (f->flags & O_NONBLOCK));
	p->reading--;
	/* A writer that lends its pages may prefer the buffer now that nobody takes them. */
	if (p->win.open && p->reading == 0 && p->win.left <= pipe_space(p))
		pipe_wake(&p->wr);
	spin_unlock(&p->lock);
	return n;
}

/* Gives what the buffer holds, marked busy so that it stays, to the sink. */
static ssize_t peek_buffer(struct pipe *p, struct uio *u)
{
	size_t pos = p->rpos, end = p->wpos, n;
	bool stop = false;
	ssize_t done = 0;

	p->rd_busy = true;
	spin_unlock(&p->lock);
	while (!stop && pos < end && u->resid > 0) {
		n = move(p, u, pos, step_size(pos, MIN(end - pos, u->resid)), &stop);
		pos += n;
		done += (ssize_t)n;
	}
	spin_lock(&p->lock);
	p->rd_busy = false;
	pipe_wake(&p->rd);
	pipe_wake(&p->wr);
	return done;
}

ssize_t pipe_peek(struct file *f, struct uio *u)
{
	bool nonblock = u->nowait || (f->flags & O_NONBLOCK);
	struct pipe *p = f->data;
	ssize_t n = 1;

	spin_lock(&p->lock);
	p->reading++;
	while (n > 0 && (p->rd_busy || pipe_buffered(p) + p->win.bytes == 0))
		n = wait_for_data(p, nonblock);
	if (n > 0)
		n = pipe_buffered(p) > 0 ? peek_buffer(p, u) : pipe_window_peek(p, u);
	p->reading--;
	spin_unlock(&p->lock);
	return n;
}

/* ---- writing ---- */

/* Sees to it that [pos, pos+n) has pages; returns how much of it does. */
static size_t get_pages(struct pipe *p, size_t pos, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct vm_page **slot = slot_of(p, pos + done);

		if (*slot == NULL && (*slot = page_alloc_user(0)) == NULL)
			break;
		done += in_page(pos + done, n - done);
	}
	return done;
}

/* What one write(2) is about. */
struct write_op {
	struct uio *u;
	size_t total;
	bool nonblock;
	int why;   /* not 0: do not wait any more; fail with this if nothing goes without */
	bool stop; /* a copy faulted */
};

/* Copies one step into the buffer: n bytes at most, which it has room for. */
static ssize_t buffer_write(struct pipe *p, struct write_op *op, size_t n)
{
	size_t pos = p->wpos, done, got;

	n = step_size(pos, n);
	p->wr_busy = true;
	spin_unlock(&p->lock);
	got = get_pages(p, pos, n);
	done = got > 0 ? move(p, op->u, pos, got, &op->stop) : 0;
	if (done < n && op->total <= PIPE_BUF) /* all or nothing */
		done = 0;
	spin_lock(&p->lock);
	p->wpos += done;
	p->wr_busy = false;
	if (done > 0)
		pipe_wake(&p->rd);
	pipe_wake(&p->wr);
	if (done > 0)
		return (ssize_t)done;
	return got < n ? -ENOMEM : -EFAULT;
}

/* How much a write may put into the buffer now; 0: it has to wait. Writes up to PIPE_BUF go whole or
 * not at all, a longer one that blocks waits for a page's worth. */
static size_t room_for(const struct pipe *p, size_t total, size_t left, bool nonblock)
{
	size_t space = pipe_space(p);
	size_t least = total <= PIPE_BUF || !nonblock ? MIN(left, (size_t)PIPE_BUF) : 1;

	return space >= least ? MIN(space, left) : 0;
}

static int broken_pipe(void)
{
	struct ksiginfo info = { .signo = SIGPIPE, .code = SI_USER };
	struct proc *self = curproc();

	if (self == NULL)
		return -EPIPE;
	info.pid = self->pid; /* as if the writer had sent it to itself */
	info.uid = self->cred.uid;
	signal_thread(curthread(), SIGPIPE, &info);
	return -EPIPE;
}

/* Waits until a writer has something to look at again. */
static int wait_for_room(struct pipe *p, bool nonblock)
{
	if (nonblock && !p->wr_busy)
		return -EAGAIN;
	return pipe_wait(p, &p->wr, WAIT_INTR);
}

/* The last reader left while the window was open, having taken `taken` bytes. A writer that copies
 * would have put what the buffer holds there before that, and says so (Linux does); a page that was
 * not read to its end would not have come back to it. So the count here is the same. */
static void fill_abandoned(struct pipe *p, struct write_op *op, size_t taken)
{
	size_t space = pipe_space(p), part = taken & PAGE_MASK;
	size_t left = MIN(space - MIN(space, part), op->u->resid);

	while (!p->wr_busy && !op->stop && left > 0) {
		ssize_t n = buffer_write(p, op, MIN(left, pipe_space(p)));

		if (n <= 0)
			return;
		left -= (size_t)n;
	}
}

/* One piece of a write, through the window or into the buffer: the bytes that went, 0 to look again,
 * or an error. A signal, or a page that cannot be lent, does not fail the write at once: op->why
 * remembers it, and from then on goes what the buffer takes without waiting. A write that would have
 * fitted all along must not fail because its reader turned away. */
static ssize_t write_piece(struct pipe *p, struct write_op *op)
{
	size_t left = op->u->resid, room;
	bool direct;
	int err;

	if (p->readers == 0)
		return broken_pipe();
	rewind_if_empty(p);
	room = room_for(p, op->total, left, op->nonblock || op->why != 0);
	direct = room < left && !op->nonblock && op->why == 0 && pipe_window_wanted(p, op->u);
	if (p->wr_busy || p->win.open || (room == 0 && !direct)) {
		if (op->why != 0)
			return op->why;
		err = wait_for_room(p, op->nonblock);
		if (err == -EAGAIN)
			return err;
		op->why = err;
		return 0;
	}
	if (!direct)
		return buffer_write(p, op, room);
	op->why = pipe_window_write(p, op->u);
	if (p->readers == 0 && op->why == 0)
		fill_abandoned(p, op, left - op->u->resid);
	return (ssize_t)(left - op->u->resid);
}

static ssize_t write_locked(struct pipe *p, struct uio *u, bool nonblock)
{
	struct write_op op = { .u = u, .total = u->resid, .nonblock = nonblock };
	size_t done = 0;

	while (done < op.total && !op.stop) {
		ssize_t n = write_piece(p, &op);

		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t pipe_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pipe *p = f->data;
	ssize_t n;

	if (u->resid == 0)
		return 0;
	spin_lock(&p->lock);
	n = write_locked(p, u, u->nowait || (f->flags & O_NONBLOCK));
	spin_unlock(&p->lock);
	return n;
}

/* ---- F_SETPIPE_SZ ---- */

static int wait_until_idle(struct pipe *p)
{
	int err = 0;

	while (err == 0 && (p->rd_busy || p->wr_busy))
		err = pipe_wait(p, p->rd_busy ? &p->rd : &p->wr, WAIT_INTR);
	return err;
}

/* Moves the pages in use to the front of a ring of another size. Both ends are idle, it fits. */
static struct vm_page **swap_ring(struct pipe *p, struct vm_page **ring, unsigned npages)
{
	struct vm_page **old = p->pages;
	size_t base = ROUND_DOWN(p->rpos, PAGE_SIZE);

	for (unsigned i = 0; i < p->npages; i++) {
		struct vm_page *page = *slot_of(p, base + i * PAGE_SIZE);

		if (i < npages)
			ring[i] = page;
		else if (page != NULL)
			page_put(page);
	}
	p->pages = ring;
	p->npages = npages;
	p->rpos -= base;
	p->wpos -= base;
	return old;
}

int pipe_resize(struct pipe *p, size_t size)
{
	struct vm_page **ring;
	unsigned npages = 1;
	int err;

	if (size > (size_t)1 << 31)
		return -EINVAL;
	if (size > PIPE_MAX_SIZE && !vfs_is_root())
		return -EPERM;
	while (npages * PAGE_SIZE < size)
		npages *= 2;
	ring = kzalloc(npages * sizeof(ring[0]));
	if (ring == NULL)
		return -ENOMEM;
	spin_lock(&p->lock);
	err = wait_until_idle(p);
	if (err == 0 && p->wpos - ROUND_DOWN(p->rpos, PAGE_SIZE) > npages * PAGE_SIZE)
		err = -EBUSY;
	if (err == 0) {
		ring = swap_ring(p, ring, npages);
		pipe_wake(&p->wr);
	}
	spin_unlock(&p->lock);
	kfree(ring);
	return err != 0 ? err : (int)(npages * PAGE_SIZE);
}
