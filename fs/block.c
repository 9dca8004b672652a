/* SPDX-License-Identifier: BSD-2-Clause
 * Disks: request queues and use counts (fs/block.h).
 *
 * A queue has no thread of its own. Whoever waits for a request serves the queue's first one, be it
 * another's, as long as fewer than `depth` are under way; else it sleeps till one is done. So a
 * request may run on any CPU, a lone caller never waits for a thread to be scheduled, and nobody
 * sleeps while there is something to do. bd->lock is a leaf; it is not held over a request.
 */
#include "fs/block.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"

void block_init(struct block_dev *bd)
{
	KASSERT((bd->size & (BLOCK_SECTOR - 1)) == 0 && bd->depth > 0, "%s: odd disk", bd->name);
	spin_init(&bd->lock, "block_dev");
	list_init(&bd->queue);
	waitq_init(&bd->wq);
}

/* ---- use ---- */

int block_open(struct block_dev *bd, bool exclusive)
{
	int err = 0;

	spin_lock(&bd->lock);
	if (bd->gone) {
		err = -ENXIO;
	} else if (exclusive && bd->claimed) {
		err = -EBUSY;
	} else {
		bd->opens++;
		bd->claimed |= exclusive;
	}
	spin_unlock(&bd->lock);
	return err;
}

void block_close(struct block_dev *bd, bool exclusive)
{
	spin_lock(&bd->lock);
	KASSERT(bd->opens > 0, "%s closed too often", bd->name);
	bd->opens--;
	if (exclusive)
		bd->claimed = false;
	spin_unlock(&bd->lock);
}

bool block_retire(struct block_dev *bd)
{
	bool idle;

	spin_lock(&bd->lock);
	idle = bd->opens == 0;
	bd->gone |= idle;
	spin_unlock(&bd->lock);
	return idle;
}

/* ---- requests ---- */

/* Takes the first request off the queue and does it; bd->lock is held before and after. Once it is
 * done, the request belongs to its sender again and may be gone. */
static void serve_first(struct block_dev *bd)
{
	struct block_req *req = list_first(&bd->queue, struct block_req, link);

	list_remove(&req->link);
	bd->serving++;
	spin_unlock(&bd->lock);
	req->error = bd->ops->serve(bd, req);
	spin_lock(&bd->lock);
	bd->serving--;
	req->done = true;
	waitq_wake_all(&bd->wq);
}

static uint64_t request_bytes(const struct block_req *req)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < req->nseg; i++)
		n += req->seg[i].len;
	return n;
}

int block_io(struct block_dev *bd, struct block_req *req)
{
	uint64_t n = request_bytes(req);

	req->error = -EIO;
	if (req->off > bd->size || n > bd->size - req->off)
		return -EIO;
	req->done = false;
	spin_lock(&bd->lock);
	list_push_back(&bd->queue, &req->link);
	while (!req->done) {
		if (bd->serving < bd->depth && !list_empty(&bd->queue))
			serve_first(bd);
		else
			waitq_sleep(&bd->wq, &bd->lock, WAIT_UNINTR, WAIT_FOREVER);
	}
	spin_unlock(&bd->lock);
	return req->error;
}

ssize_t block_rw(struct block_dev *bd, struct uio *u, uint64_t off)
{
	size_t cut = 0;
	ssize_t n;

	if (u->resid == 0)
		return 0;
	if (off >= bd->size)
		return u->dir == UIO_READ ? 0 : -ENOSPC;
	if (u->resid > bd->size - off)
		cut = u->resid - (size_t)(bd->size - off);
	u->resid -= cut;
	n = bd->ops->rw(bd, u, off);
	u->resid += cut;
	return n;
}

static int kernel_rw(struct block_dev *bd, enum uio_dir dir, uint64_t off, void *buf, size_t n)
{
	struct uio u;
	ssize_t done;

	uio_init_kernel(&u, dir, buf, n);
	done = block_rw(bd, &u, off);
	if (done < 0)
		return (int)done;
	return (size_t)done == n ? 0 : -EIO;
}

int block_read(struct block_dev *bd, uint64_t off, void *buf, size_t n)
{
	return kernel_rw(bd, UIO_READ, off, buf, n);
}

int block_write(struct block_dev *bd, uint64_t off, const void *buf, size_t n)
{
	return kernel_rw(bd, UIO_WRITE, off, (void *)buf, n);
}
