/* SPDX-License-Identifier: BSD-2-Clause
 * Direct writes: one copy instead of two. A writer that has to wait for its reader anyway lends the
 * pages of its own buffer; the reader copies straight out of them through private ephemeral mappings
 * (FreeBSD's pipes, ATC'05). Locks: ipc/pipe_impl.h.
 *
 * FreeBSD lends whenever the write is a large one, and so makes every such writer wait. Here a write
 * that fits into the buffer goes there and does not wait, as on Linux, where programs rely on it (a
 * process may fill a pipe that only it will read); and two CPUs hand over to each other a third as
 * often, since the writer makes the next message while the reader takes this one.
 *
 * The window is a ring of at most PIPE_WINDOW held pages. The writer tops it up when half of it has
 * been read, so with two CPUs finding pages and copying overlap, and sleeps otherwise. Only a writer
 * adds segments and only a reader takes from the front; the writer takes back what is left when no
 * reader is copying.
 *
 * A write returns only once its bytes are read or in the buffer, so nobody can change them behind
 * its back except a second thread of the writer, as with any buffer that is being written.
 */
#include "ipc/pipe_impl.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/proc/proc.h"
#include "mm/sf_buf.h"
#include "mm/vm.h"

static struct uio_seg *seg_at(struct pipe_window *w, unsigned i)
{
	return &w->seg[(w->first + i) % PIPE_WINDOW];
}

/* What of the first buffer is to be moved: it may be more than the call is about (pipe_write_some()). */
static size_t first_part(const struct uio *u)
{
	return MIN(u->iov->len, u->resid);
}

bool pipe_window_wanted(const struct pipe *p, const struct uio *u)
{
	return u->user && first_part(u) >= PIPE_MINDIRECT && curproc() != NULL &&
	       u->resid > pipe_space(p);
}

/* ---- the reader ---- */

/* n bytes from the front have been read: lets go of the pages that are through. */
static void consume(struct pipe_window *w, size_t n)
{
	w->bytes -= n;
	w->left -= n;
	w->taken += n;
	while (n > 0) {
		struct uio_seg *s = seg_at(w, 0);
		unsigned part = (unsigned)MIN(n, (size_t)s->len);

		s->off += part;
		s->len -= part;
		n -= part;
		if (s->len > 0)
			return;
		page_put(s->page);
		w->first = (w->first + 1) % PIPE_WINDOW;
		w->count--;
	}
}

/* Takes UIO_BATCH pages at a time, half a window: the writer hears of it while there is more to read. */
static ssize_t window_read(struct pipe *p, struct uio *u, bool keep)
{
	struct pipe_window *w = &p->win;
	struct uio_seg seg[UIO_BATCH];
	unsigned n = 0;
	ssize_t done;

	for (size_t len = 0; n < w->count && n < UIO_BATCH && len < u->resid; len += seg[n++].len)
		seg[n] = *seg_at(w, n);
	p->rd_busy = w->reading = true;
	spin_unlock(&p->lock);
	done = uio_pages(u, seg, n, SFB_PIPE);
	spin_lock(&p->lock);
	if (done > 0 && !keep)
		consume(w, (size_t)done);
	p->rd_busy = w->reading = false;
	if (w->left == 0 || w->closing || (w->more && w->count <= PIPE_WINDOW / 2))
		pipe_wake(&p->wr);
	pipe_wake(&p->rd);
	return done;
}

ssize_t pipe_window_read(struct pipe *p, struct uio *u)
{
	return window_read(p, u, false);
}

ssize_t pipe_window_peek(struct pipe *p, struct uio *u)
{
	return window_read(p, u, true);
}

/* ---- the writer ---- */

struct loan {
	vaddr_t base; /* what is not offered yet */
	size_t len;
};

/* Holds pages from the front of the loan, as many as there is room for. Without the lock; the room
 * can only grow. Returns how many; *err why it stopped early. */
static unsigned hold_pages(struct loan *l, struct uio_seg *seg, unsigned room, int *err)
{
	struct vm_map *map = curproc()->vm;
	unsigned n = 0;

	*err = 0;
	while (n < room && l->len > 0) {
		unsigned off = (unsigned)(l->base & PAGE_MASK);
		unsigned len = (unsigned)MIN(l->len, PAGE_SIZE - off);

		*err = vm_hold_page(map, l->base - off, VM_READ, &seg[n].page);
		if (*err != 0)
			return n;
		seg[n].off = off;
		seg[n++].len = len;
		l->base += len;
		l->len -= len;
	}
	return n;
}

/* Fills the ring up. An address that is not there ends the loan: what comes before it counts. */
static int offer(struct pipe *p, struct loan *l)
{
	struct pipe_window *w = &p->win;
	struct uio_seg seg[PIPE_WINDOW];
	unsigned n, room = PIPE_WINDOW - w->count;
	int err;

	spin_unlock(&p->lock);
	n = hold_pages(l, seg, room, &err);
	spin_lock(&p->lock);
	for (unsigned i = 0; i < n; i++) {
		*seg_at(w, w->count++) = seg[i];
		w->bytes += seg[i].len;
	}
	if (err != 0) {
		w->left -= l->len;
		l->len = 0;
	}
	w->more = l->len > 0;
	if (n > 0)
		pipe_wake(&p->rd);
	return err == -ENOMEM ? err : err != 0 ? -EFAULT : 0;
}

/* Takes back what has not been read. */
static void close_window(struct pipe *p)
{
	struct pipe_window *w = &p->win;

	w->closing = true;
	while (w->reading)
		pipe_wait(p, &p->wr, WAIT_UNINTR);
	for (unsigned i = 0; i < w->count; i++)
		page_put(seg_at(w, i)->page);
	w->count = 0;
	w->bytes = w->left = 0;
	w->open = w->closing = w->more = false;
	pipe_wake(&p->wr);
}

/* Nobody reads, and the rest of the write, `behind` bytes beyond the window among it, fits into the
 * buffer: there it does not keep the writer waiting. */
static bool buffer_is_better(const struct pipe *p, size_t behind)
{
	return p->reading == 0 && p->win.left + behind <= pipe_space(p);
}

int pipe_window_write(struct pipe *p, struct uio *u)
{
	struct pipe_window *w = &p->win;
	struct loan l = { u->iov->base, first_part(u) };
	size_t behind = u->resid - l.len;
	int fault = 0, err = 0;

	KASSERT(!w->open && w->count == 0 && !p->wr_busy, "pipe's window in use");
	w->open = w->more = true;
	w->left = l.len;
	w->taken = 0;
	while (p->readers > 0 && w->left > 0 && err == 0) {
		if (w->more && w->count <= PIPE_WINDOW / 2)
			fault = offer(p, &l);
		else if (!w->reading && buffer_is_better(p, behind))
			break;
		else
			err = pipe_wait(p, &p->wr, WAIT_INTR);
	}
	close_window(p);
	uio_advance(u, w->taken);
	return err != 0 ? err : fault;
}
