/* SPDX-License-Identifier: BSD-2-Clause
 * Splicing: the read operation of one file runs with a sink (mm/uio.h) for its buffers, and what the sink is
 * given, pieces of the pages of a pipe or of a page cache, is what the write operation of the other file copies from.
 * So every pair of files goes, with one copy, page to page.
 *
 * Only files whose read holds no lock over the transfer may be read that way (file_ops.gives): the write takes
 * locks of its own. The others are read into a buffer. The end of a pipe that is being read is busy meanwhile
 * (ipc/pipe_impl.h): other readers of it wait, interruptibly.
 */
#include "fs/splice.h"
#include "fs/file.h"
#include "ipc/pipe.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"

#define BOUNCE   ((size_t)64 * 1024)
#define PIPE_BUF 4096

struct file_sink {
	struct uio_sink sink;
	const struct splice *sp;
	size_t done;
	int err;
};

ssize_t pipe_write_some(struct file *out, struct uio *u, bool nonblock)
{
	size_t first = MIN(u->resid, (size_t)PIPE_BUF), rest = u->resid - first;
	ssize_t n, more;

	u->nowait = true;
	n = file_io(out, u, NULL);
	if (n != -EAGAIN || nonblock)
		return n;
	u->nowait = false;
	u->resid = first;
	n = file_io(out, u, NULL);
	u->resid += rest;
	if (n != (ssize_t)first || rest == 0)
		return n;
	u->nowait = true;
	more = file_io(out, u, NULL);
	return more > 0 ? n + more : n;
}

static ssize_t sink_take(
	struct uio_sink *sink, void *buf, const struct uio_seg *seg, unsigned nseg, size_t n)
{
	struct file_sink *s = container_of(sink, struct file_sink, sink);
	struct uio_seg pieces[UIO_BATCH];
	struct file *out = s->sp->out;
	struct uio u;
	ssize_t put;

	if (buf != NULL) {
		uio_init_kernel(&u, UIO_WRITE, buf, n);
	} else {
		memcpy(pieces, seg, nseg * sizeof(*seg));
		uio_init_pages(&u, pieces, n);
	}
	if (pipe_of(out) != NULL)
		put = pipe_write_some(out, &u, s->sp->nonblock || s->done > 0);
	else
		put = file_io(out, &u, s->sp->out_off);
	if (put > 0)
		s->done += (size_t)put;
	else
		s->err = (int)put;
	return put;
}

static ssize_t read_into(struct file_sink *s, size_t count)
{
	const struct splice *sp = s->sp;
	struct uio u;

	uio_init_sink(&u, &s->sink, count);
	u.nowait = sp->nonblock;
	return sp->keep ? pipe_peek(sp->in, &u) : file_io(sp->in, &u, sp->in_off);
}

/* What was read and could not be written is read again next time: the position goes back. */
static ssize_t bounce(struct file_sink *s, size_t count)
{
	const struct splice *sp = s->sp;
	size_t size = MIN(count, BOUNCE);
	void *buf = kmalloc(size);
	ssize_t got = 0, put;
	uint64_t pos;
	struct uio u;

	if (buf == NULL)
		return -ENOMEM;
	while (s->done < count) {
		uio_init_kernel(&u, UIO_READ, buf, MIN(count - s->done, size));
		u.nowait = sp->nonblock;
		pos = sp->in_off != NULL ? *sp->in_off : 0;
		got = file_io(sp->in, &u, sp->in_off != NULL ? &pos : NULL);
		if (got <= 0)
			break;
		put = sink_take(&s->sink, buf, NULL, 0, (size_t)got);
		if (put > 0 && sp->in_off != NULL)
			*sp->in_off += (uint64_t)put;
		if (put != got || READ_ONCE(curthread()->sig_fatal))
			break;
		sched_yield_if_needed();
	}
	kfree(buf);
	return got;
}

ssize_t file_splice(const struct splice *sp, size_t count)
{
	struct file_sink s = { .sink = { sink_take }, .sp = sp };
	ssize_t n = 0;

	if (count > 0)
		n = sp->in->ops->gives ? read_into(&s, count) : bounce(&s, count);
	if (s.done > 0)
		return (ssize_t)s.done;
	return s.err != 0 ? s.err : n;
}
