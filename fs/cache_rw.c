/* SPDX-License-Identifier: BSD-2-Clause
 * read(2) and write(2) through the page cache: the vnode's vm_object holds the file's pages,
 * whoever their pager is, and mmap(2) shows the same ones.
 *
 * Writers hold vnode->write_lock from the first byte to the last, so a write is one piece to other
 * writers and an append lands behind what the last one left. Readers take no lock: they see each
 * page before or after a write that is under way, and never beyond the size, which grows with it. A
 * page wholly beyond the size is not filled before it is overwritten: nobody can reach it before
 * the size says so, and what a copy that fails leaves unwritten is zeroed. Nor is one that is overwritten as a
 * whole and is not in the cache (write_blank): it is filled first and comes into the cache then.
 */
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/sf_buf.h"
#include "mm/uio.h"
#include "mm/vm_cache.h"

static uint8_t zeros[4096] ALIGNED(64); /* never written */

uint64_t vnode_size(const struct vnode *vn)
{
	return vn->object != NULL ? vm_object_size(vn->object) : 0;
}

static bool must_stop(void)
{
	if (sched_need_resched())
		sched_yield_if_needed();
	return READ_ONCE(curthread()->sig_fatal);
}

/* No page for the cache of a file with a store, whose own may be in the way: waits till there is room, as a
 * fault does. (tmpfs says so at once.) */
static bool wait_memory(const struct vm_object *obj, unsigned *tries)
{
	return obj->ops->putpages != NULL && vm_wait_memory(tries);
}

/* Pages of a file that follow each other, held and mapped by one call. */
struct run {
	struct uio_seg seg[UIO_BATCH];
	unsigned n;
	size_t bytes;
};

#define CHUNK ((size_t)UIO_BATCH * PAGE_SIZE)

/* Holds the pages of up to n bytes at off, as many as fit; what lies wholly at or beyond `fresh` is
 * to be overwritten. An error, if there is not even one; -ENOENT: a page is not there, without
 * VMO_CREATE. */
static int hold_run(struct vm_object *obj, uint64_t off, size_t n, unsigned flags, uint64_t fresh,
	struct run *r)
{
	int err = 0;

	r->n = 0;
	r->bytes = 0;
	mutex_lock(&obj->lock);
	while (n > 0 && r->n < UIO_BATCH) {
		struct uio_seg *s = &r->seg[r->n];
		size_t part = MIN((size_t)(PAGE_SIZE - (off & PAGE_MASK)), n);
		bool over = part == PAGE_SIZE && off >= fresh;

		err = vm_object_page_locked(obj, (uintptr_t)(off >> PAGE_SHIFT),
			flags | (over ? VMO_OVERWRITE : 0), &s->page);
		if (err != 0)
			break;
		s->off = (unsigned)(off & PAGE_MASK);
		s->len = (unsigned)part;
		r->n++;
		r->bytes += part;
		off += part;
		n -= part;
	}
	mutex_unlock(&obj->lock);
	return r->n > 0 ? 0 : err;
}

static void release_run(struct run *r)
{
	for (unsigned i = 0; i < r->n; i++)
		page_put(r->seg[i].page);
}

/* Moves up to *n bytes at off and says in *n how many it tried. */
static ssize_t read_run(struct vm_object *obj, struct uio *u, uint64_t off, size_t *n)
{
	bool holes =
		obj->ops == NULL || obj->ops->getpages == NULL; /* what is not there is zeros */
	struct run r;
	ssize_t got;
	int err;

	err = hold_run(obj, off, *n, holes ? 0 : VMO_CREATE, UINT64_MAX, &r);
	if (err == -ENOENT && holes) {
		*n = MIN((size_t)(PAGE_SIZE - (off & PAGE_MASK)), *n);
		return uio_move(u, zeros, *n);
	}
	if (err != 0)
		return err;
	*n = r.bytes;
	got = uio_pages(u, r.seg, r.n, SFB_PAGER);
	release_run(&r);
	return got;
}

static ssize_t cache_read(struct vnode *vn, struct uio *u, uint64_t off)
{
	uint64_t start = off, size;
	unsigned tries = 0;
	ssize_t got;
	size_t n;

	while (u->resid > 0) {
		size = vnode_size(vn);
		if (off >= size)
			break;
		n = (size_t)MIN((uint64_t)u->resid, size - off);
		vm_cache_throttle_read(vn->object);
		got = read_run(vn->object, u, off, &n);
		if (got == -ENOMEM && wait_memory(vn->object, &tries))
			continue;
		if (got > 0)
			off += (uint64_t)got;
		if (got != (ssize_t)n)
			return off != start || got >= 0 ? (ssize_t)(off - start) : got;
		if (must_stop())
			break;
	}
	if (off == start && u->resid > 0 && READ_ONCE(curthread()->sig_fatal))
		return -EINTR;
	return (ssize_t)(off - start);
}

static void zero_part(struct vm_page *page, size_t off, size_t n)
{
	struct uio u;

	uio_init_kernel(&u, UIO_WRITE, zeros, n);
	uio_page(&u, page, off, n, SFB_PAGER);
}

/* Of a run at off, the first `done` bytes were written: fresh pages must not show what was in
 * memory. */
static void zero_unwritten(const struct run *r, uint64_t off, uint64_t fresh, size_t done)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct uio_seg *s = &r->seg[i];
		size_t here = MIN(done, (size_t)s->len);

		if (s->len == PAGE_SIZE && off >= fresh && here < s->len)
			zero_part(s->page, here, s->len - here);
		off += s->len;
		done -= here;
	}
}

/* Asks the store for room for each page of the run, which ends before the first that gets none. An
 * error, if that is the first of all. */
static int prepare_run(struct vm_object *obj, uint64_t off, struct run *r)
{
	int err = 0;

	if (obj->ops->prepare == NULL)
		return 0;
	for (unsigned i = 0; i < r->n; i++) {
		const struct uio_seg *s = &r->seg[i];

		err = vm_page_prepare(obj, s->page, (uintptr_t)(off >> PAGE_SHIFT), s->off, s->len);
		if (err == 0) {
			off += s->len;
			continue;
		}
		for (; r->n > i; r->n--) {
			r->bytes -= r->seg[r->n - 1].len;
			page_put(r->seg[r->n - 1].page);
		}
	}
	return r->n > 0 ? 0 : err;
}

/* Writes up to *n bytes at off to pages of the cache, brought in where they are missing; the file's end is at
 * `size`. Says in *n how many it tried. */
static ssize_t write_cached(
	struct vm_object *obj, struct uio *u, uint64_t off, size_t *n, uint64_t size)
{
	struct run r;
	ssize_t got;
	int err;

	err = hold_run(obj, off, *n, VMO_CREATE, size, &r);
	if (err == 0)
		err = prepare_run(obj, off, &r);
	if (err != 0)
		return err;
	*n = r.bytes;
	got = uio_pages(u, r.seg, r.n, SFB_PAGER);
	if (got < (ssize_t)r.bytes)
		zero_unwritten(&r, off, size, got > 0 ? (size_t)got : 0);
	for (unsigned i = 0; i < r.n; i++)
		vm_page_dirty(r.seg[i].page);
	release_run(&r);
	return got;
}

/* The same for whole pages of which nothing but the store has the old bytes, which nobody needs any more: filled
 * before anybody can see them, they take their places, and nothing is read. Where somebody was faster, or the
 * buffer ended within a page, what was taken from it goes the usual way. 0: there are no such pages. */
static ssize_t write_blank(
	struct vm_object *obj, struct uio *u, uint64_t off, size_t *n, uint64_t size)
{
	uint64_t end = MIN(ROUND_UP(size, (uint64_t)PAGE_SIZE), off + *n);
	uintptr_t idx = (uintptr_t)(off >> PAGE_SHIFT);
	struct vm_page *pages[UIO_BATCH];
	struct run r = { .n = 0 };
	unsigned tries = 0, have, kept;
	struct uio rest;
	ssize_t got;
	size_t done;

	if ((off & PAGE_MASK) != 0 || end < off + PAGE_SIZE)
		return 0;
	have = (unsigned)MIN((end - off) >> PAGE_SHIFT, (uint64_t)UIO_BATCH);
	have = vm_object_blank_pages(obj, idx, pages, have);
	if (have == 0)
		return 0;
	for (; r.n < have; r.n++)
		r.seg[r.n] = (struct uio_seg){ pages[r.n], 0, PAGE_SIZE };
	*n = have * PAGE_SIZE;
	got = uio_pages(u, r.seg, r.n, SFB_PAGER);
	kept = vm_object_adopt_pages(obj, idx, pages, got > 0 ? (unsigned)(got >> PAGE_SHIFT) : 0);
	done = kept * PAGE_SIZE;
	uio_init_pages(&rest, &r.seg[kept], got > 0 ? (size_t)got - done : 0);
	while (rest.resid > 0) {
		size_t part = rest.resid;
		ssize_t put = write_cached(obj, &rest, off + done, &part, size);

		if (put == -ENOMEM && wait_memory(obj, &tries))
			continue;
		if (put <= 0) {
			got = done > 0 ? (ssize_t)done : put;
			break;
		}
		done += (size_t)put;
	}
	release_run(&r);
	return got;
}

static ssize_t write_run(
	struct vm_object *obj, struct uio *u, uint64_t off, size_t *n, uint64_t size)
{
	ssize_t got = write_blank(obj, u, off, n, size);

	return got != 0 ? got : write_cached(obj, u, off, n, size);
}

/* How much of n bytes at off the limits allow: bytes, or -EFBIG (with SIGXFSZ, man 2 setrlimit). */
static int64_t writable(uint64_t off, size_t n)
{
	struct proc *p = curproc();
	uint64_t limit = p != NULL ? p->rlimits[RLIMIT_FSIZE].cur : UINT64_MAX;

	if (off >= limit) {
		signal_thread(curthread(), SIGXFSZ, NULL);
		return -EFBIG;
	}
	limit = MIN(limit, FILE_SIZE_MAX);
	if (off >= limit)
		return -EFBIG;
	return (int64_t)MIN((uint64_t)n, limit - off);
}

/* Of n bytes at off, what seals allow (man 2 fcntl): a write that would let the file grow is cut at the page that
 * does. Bytes or -EPERM. The write lock is held, so they do not change. */
static int64_t unsealed(const struct vnode *vn, uint64_t off, int64_t n)
{
	unsigned seals = READ_ONCE(vn->object->seals);
	uint64_t last = ROUND_DOWN(vnode_size(vn), (uint64_t)PAGE_SIZE);

	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!(seals & F_SEAL_GROW) || off + (uint64_t)n <= vnode_size(vn))
		return n;
	return off < last ? (int64_t)(last - off) : -EPERM;
}

static ssize_t write_pages(struct vnode *vn, struct uio *u, uint64_t off, size_t count)
{
	uint64_t size = vnode_size(vn);
	size_t done = 0, n;
	unsigned tries = 0;
	ssize_t got = 0;

	if (count > 0 && off > size)
		do
			got = vm_object_clear_gap(vn->object, off);
		while (got == -ENOMEM && wait_memory(vn->object, &tries));
	while (got == 0 && done < count) {
		n = count - done;
		vm_cache_throttle_write(vn->object);
		got = write_run(vn->object, u, off, &n, size);
		if (got == -ENOMEM && wait_memory(vn->object, &tries)) {
			got = 0;
			continue;
		}
		if (got > 0) {
			off += (uint64_t)got;
			done += (size_t)got;
			if (off > vnode_size(vn))
				vm_object_grow(vn->object, off);
		}
		if (got != (ssize_t)n)
			break;
		got = 0;
		if (must_stop()) {
			got = -EINTR;
			break;
		}
	}
	return done > 0 ? (ssize_t)done : got;
}

/* A write that ended early may have blocks of its store behind the file's end. */
static void trim(struct vnode *vn)
{
	struct kstat st = { 0 };

	if (vn->object->ops->prepare == NULL)
		return;
	mutex_lock(&vn->lock);
	st.size = vnode_size(vn);
	vn->ops->setattr(vn, ATTR_SIZE, &st);
	mutex_unlock(&vn->lock);
}

static ssize_t cache_write(
	struct vnode *vn, struct uio *u, uint64_t off, bool append, uint64_t *newoff)
{
	int64_t count;
	ssize_t done;

	if (u->resid == 0)
		return 0;
	mutex_lock(&vn->write_lock);
	if (append)
		off = vnode_size(vn);
	count = writable(off, u->resid);
	if (count > 0 && READ_ONCE(vn->object->seals) != 0)
		count = unsealed(vn, off, count);
	done = count < 0 ? (ssize_t)count : write_pages(vn, u, off, (size_t)count);
	if (done < count)
		trim(vn);
	if (done > 0)
		*newoff = off + (uint64_t)done;
	if (count > 0) /* as on Linux, even if nothing could be copied */
		vfs_touch(vn);
	mutex_unlock(&vn->write_lock);
	return done;
}

/* What was allocated of [off, at) behind the file's end; what others asked for behind that stays. */
static void give_back(struct vnode *vn, uint64_t off, uint64_t at)
{
	uint64_t page = PAGE_SIZE, from = ROUND_UP(MAX(off, vnode_size(vn)), page);

	if (vn->object->ops->prepare != NULL)
		trim(vn);
	else if (from < at)
		vm_object_punch(vn->object, from, ROUND_UP(at, page) - from);
}

int vnode_allocate(struct vnode *vn, uint64_t off, uint64_t len, bool keep_size)
{
	uint64_t size, end = off + len, at = off;
	struct kstat st = { .size = end };
	unsigned tries = 0;
	struct run r;
	int err = 0;

	mutex_lock(&vn->write_lock);
	size = vnode_size(vn);
	if (keep_size && end > size && vn->object->ops->prepare != NULL)
		err = -EOPNOTSUPP; /* nobody would find blocks behind the end again */
	else if (end > size && writable(end - 1, 1) < 0)
		err = -EFBIG;
	else if (end > size && (READ_ONCE(vn->object->seals) & F_SEAL_GROW))
		err = -EPERM;
	while (at < end && err == 0) {
		vm_cache_throttle_write(vn->object);
		err = hold_run(vn->object, at, (size_t)MIN(end - at, (uint64_t)CHUNK), VMO_CREATE,
			size, &r);
		if (err == -ENOMEM && wait_memory(vn->object, &tries)) {
			err = 0;
			continue;
		}
		if (err == 0)
			err = prepare_run(vn->object, at, &r);
		if (err != 0)
			break;
		at += r.bytes;
		release_run(&r);
		if (must_stop())
			err = -EINTR;
	}
	if (err == 0 && !keep_size && end > size) {
		mutex_lock(&vn->lock);
		err = vn->ops->setattr(vn, ATTR_SIZE, &st);
		mutex_unlock(&vn->lock);
	}
	if (err != 0)
		give_back(vn, off, at);
	mutex_unlock(&vn->write_lock);
	return err;
}

ssize_t vnode_cache_rw(struct vnode *vn, struct uio *u, uint64_t off, bool append, uint64_t *newoff)
{
	ssize_t n;

	if (u->dir == UIO_WRITE)
		return cache_write(vn, u, off, append, newoff);
	n = cache_read(vn, u, off);
	*newoff = n > 0 ? off + (uint64_t)n : off;
	return n;
}

ssize_t vnode_read_kernel(struct vnode *vn, void *buf, size_t n, uint64_t off)
{
	uint64_t newoff;
	struct uio u;

	if (vn->object == NULL)
		return S_ISDIR(vn->mode) ? -EISDIR : -EINVAL;
	uio_init_kernel(&u, UIO_READ, buf, n);
	return vnode_cache_rw(vn, &u, off, false, &newoff);
}
