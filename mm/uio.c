/* SPDX-License-Identifier: BSD-2-Clause
 * Moving bytes between the kernel and a caller's buffers (mm/uio.h). A struct uio belongs to one
 * thread: no locks here, and none may be held over a transfer to user buffers, which may fault.
 *
 * A copy between a page and user memory runs with faults off until it is done or meets a page that is not there;
 * then, with nothing mapped and nobody pinned, that page is faulted in and the copy goes on.
 */
#include "mm/uio.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "mm/sf_buf.h"
#include "mm/sf_mutant.h"
#include "mm/uaccess.h"

void uio_init_kernel(struct uio *u, enum uio_dir dir, void *buf, size_t len)
{
	uio_init(u, dir, len);
	u->one = (struct kiovec){ (vaddr_t)buf, len };
	u->niov = 1;
}

void uio_init_pages(struct uio *u, struct uio_seg *seg, size_t len)
{
	uio_init(u, UIO_WRITE, len);
	u->seg = seg;
}

void uio_init_sink(struct uio *u, struct uio_sink *sink, size_t len)
{
	uio_init(u, UIO_READ, len);
	u->sink = sink;
}

/* Leaves u->iov at a segment that is not empty, as long as there are bytes left. */
static void skip_empty(struct uio *u)
{
	while (u->niov > 0 && u->iov->len == 0) {
		u->iov++;
		u->niov--;
	}
}

static void advance_pieces(struct uio *u, size_t n)
{
	while (n > 0) {
		unsigned part = (unsigned)MIN(n, (size_t)u->seg->len);

		u->seg->off += part;
		u->seg->len -= part;
		n -= part;
		if (u->seg->len == 0)
			u->seg++;
	}
}

/* n bytes of the buffer it stands at. */
static void advance_here(struct uio *u, size_t n)
{
	u->iov->base += n;
	u->iov->len -= n;
	u->resid -= n;
}

void uio_advance(struct uio *u, size_t n)
{
	KASSERT(n <= u->resid, "advance by %zu of %zu", n, u->resid);
	if (u->seg != NULL)
		advance_pieces(u, n);
	if (u->seg != NULL || u->sink != NULL) {
		u->resid -= n;
		return;
	}
	while (n > 0) {
		size_t part;

		skip_empty(u);
		part = MIN(n, u->iov->len);
		advance_here(u, part);
		n -= part;
	}
}

/* One segment; returns the bytes that were not moved. */
static ALWAYS_INLINE size_t copy_segment(const struct uio *u, char *kva, size_t n, bool may_fault)
{
	vaddr_t base = u->iov->base;

	if (u->user && may_fault)
		return u->dir == UIO_READ ? copy_to_user_some(base, kva, n)
					  : copy_from_user_some(kva, base, n);
	if (u->user)
		return u->dir == UIO_READ ? copy_to_user_nofault(base, kva, n)
					  : copy_from_user_nofault(kva, base, n);
	if (u->dir == UIO_READ)
		memcpy((void *)base, kva, n);
	else
		memcpy(kva, (const void *)base, n);
	return 0;
}

static NOINLINE size_t copy_segments(struct uio *u, char *kva, size_t n, bool may_fault)
{
	size_t done = 0;

	while (done < n) {
		size_t part, left;

		skip_empty(u);
		part = MIN(n - done, u->iov->len);
		left = copy_segment(u, kva + done, part, may_fault);
		advance_here(u, part - left);
		done += part - left;
		if (left > 0)
			break;
	}
	return done;
}

/* Moves up to n <= resid bytes and stops at the first that would fault, or that would in vain. */
static ALWAYS_INLINE size_t copy(struct uio *u, char *kva, size_t n, bool may_fault)
{
	if (unlikely(u->niov != 1 || n > u->iov->len))
		return copy_segments(u, kva, n, may_fault);
	n -= copy_segment(u, kva, n, may_fault);
	advance_here(u, n);
	return n;
}

/* Never sleeps. */
static size_t copy_nofault(struct uio *u, char *kva, size_t n)
{
	return copy(u, kva, n, false);
}

/* Makes the place where copy_nofault() stopped accessible. */
static int fault_in_next(struct uio *u)
{
	skip_empty(u);
	return fault_in_user(u->iov->base, u->dir == UIO_READ) == 0 ? 0 : -EFAULT;
}

/* ---- without buffers: sinks, and pieces of pages ---- */

static ssize_t give(struct uio *u, void *buf, const struct uio_seg *seg, unsigned nseg, size_t n)
{
	ssize_t done = n > 0 ? u->sink->take(u->sink, buf, seg, nseg, n) : 0;

	if (done > 0)
		u->resid -= (size_t)done;
	return done;
}

/* The first piece of u and kernel memory: uio_page() seen from the other side. */
static ssize_t piece_to_kernel(struct uio *u, void *buf, size_t n)
{
	struct uio k;

	uio_init_kernel(&k, UIO_READ, buf, MIN(n, (size_t)u->seg->len));
	return uio_page(&k, u->seg->page, u->seg->off, k.resid, SFB_PAGER);
}

/* Both pages are mapped by one call, so that nobody waits for the second while holding the first. */
static ALWAYS_INLINE int copy_pages(
	struct vm_page *pages[2], size_t to, size_t from, size_t n, unsigned sfb_user)
{
	struct sf_buf *sfs[2];
	int err;

	sched_pin();
	err = sf_buf_alloc_pages(pages, 2, sfb_user | SFB_CPUPRIVATE, sfs);
	if (err == 0) {
		memmove((char *)sf_buf_kva(sfs[0]) + to, (char *)sf_buf_kva(sfs[1]) + from, n);
		sf_buf_free_pages(sfs, 2);
	}
	sched_unpin();
	return err;
}

/* A pool of one slot: by way of the stack. */
static size_t copy_small(
	struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user)
{
	char buf[128];
	struct uio k;

	n = MIN(n, sizeof(buf));
	piece_to_kernel(u, buf, n);
	uio_init_kernel(&k, UIO_WRITE, buf, n);
	uio_page(&k, page, off, n, sfb_user);
	return n;
}

static NOINLINE ssize_t pieces_to_page(
	struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user)
{
	size_t done = 0;

	while (done < n) {
		struct vm_page *pages[2] = { page, u->seg->page };
		size_t part = MIN(n - done, (size_t)u->seg->len);
		int err;

		if (sfb_user == SFB_PIPE)
			err = copy_pages(pages, off + done, u->seg->off, part, SFB_PIPE);
		else
			err = copy_pages(pages, off + done, u->seg->off, part, sfb_user);
		if (err != 0)
			part = copy_small(u, page, off + done, part, sfb_user);
		uio_advance(u, part);
		done += part;
	}
	return (ssize_t)done;
}

static ssize_t pieces_to_kernel(struct uio *u, char *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t part = piece_to_kernel(u, buf + done, n - done);

		uio_advance(u, (size_t)part);
		done += (size_t)part;
	}
	return (ssize_t)done;
}

/* ---- with buffers ---- */

ssize_t uio_move(struct uio *u, void *buf, size_t n)
{
	size_t done;

	n = MIN(n, u->resid);
	if (unlikely(u->sink != NULL))
		return give(u, buf, NULL, 0, n);
	if (unlikely(u->seg != NULL))
		return pieces_to_kernel(u, buf, n);
	done = copy(u, buf, n, true);
	return done > 0 || n == 0 ? (ssize_t)done : -EFAULT;
}

/* sf_buf_alloc() wants the user as a compile-time constant; here it is an argument, so the call goes
 * to whichever of these fits. */
static ALWAYS_INLINE size_t copy_mapped(
	struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user)
{
	struct sf_buf *sf;
	size_t done;

	sched_pin();
	sf = sf_buf_alloc(page, sfb_user | SFB_CPUPRIVATE);
	done = copy_nofault(u, (char *)sf_buf_kva(sf) + off, n);
	if (MUTANT(uio_faults_mapped) && done < n)
		fault_in_next(u);
	if (!MUTANT(uio_leak) || done == n)
		sf_buf_free(sf);
	if (!MUTANT(uio_stays_pinned) || done == n)
		sched_unpin();
	return done;
}

/* From byte `done` on, which would have faulted. */
static NOINLINE ssize_t rest_of_page(
	struct uio *u, struct vm_page *page, size_t off, size_t n, size_t done, unsigned sfb_user)
{
	while (done < n) {
		if (fault_in_next(u) != 0)
			return done > 0 ? (ssize_t)done : -EFAULT;
		done += copy_mapped(u, page, off + done, n - done, sfb_user);
	}
	return (ssize_t)done;
}

static ALWAYS_INLINE ssize_t page_as(
	struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user)
{
	size_t done = copy_mapped(u, page, off, n, sfb_user);

	return likely(done == n) ? (ssize_t)n : rest_of_page(u, page, off, n, done, sfb_user);
}

static NOINLINE ssize_t page_as_any(
	struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user)
{
	return page_as(u, page, off, n, sfb_user);
}

static NOINLINE ssize_t give_page(struct uio *u, struct vm_page *page, size_t off, size_t n)
{
	struct uio_seg seg = { page, (unsigned)off, (unsigned)n };

	return give(u, NULL, &seg, 1, n);
}

ssize_t uio_page(struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user)
{
	KASSERT(off <= PAGE_SIZE && n <= PAGE_SIZE - off, "bytes %zu+%zu of a page", off, n);
	n = MIN(n, u->resid);
	if (unlikely(u->sink != NULL))
		return give_page(u, page, off, n);
	if (unlikely(u->seg != NULL))
		return pieces_to_page(u, page, off, n, sfb_user);
	if (likely(sfb_user == SFB_PIPE))
		return page_as(u, page, off, n, SFB_PIPE);
	return page_as_any(u, page, off, n, sfb_user);
}

/* Copies from byte `skip` of the pieces on, all mapped at once; stops where it would fault. -ENOMEM:
 * the pool has fewer slots than that. */
static ALWAYS_INLINE ssize_t copy_batch(
	struct uio *u, const struct uio_seg *seg, unsigned n, size_t skip, unsigned sfb_user)
{
	struct vm_page *pages[UIO_BATCH];
	struct sf_buf *sfs[UIO_BATCH];
	size_t done = 0;
	int err;

	for (unsigned i = 0; i < n; i++)
		pages[i] = seg[i].page;
	sched_pin();
	err = sf_buf_alloc_pages(pages, n, sfb_user | SFB_CPUPRIVATE, sfs);
	if (err != 0) {
		sched_unpin();
		return err;
	}
	for (unsigned i = 0; i < n && u->resid > 0; i++) {
		size_t from = MIN(skip, (size_t)seg[i].len), len = MIN(seg[i].len - from, u->resid),
		       part;

		part = copy_nofault(u, (char *)sf_buf_kva(sfs[i]) + seg[i].off + from, len);
		skip -= from;
		done += part;
		if (part < len)
			break;
	}
	sf_buf_free_pages(sfs, n);
	sched_unpin();
	return (ssize_t)done;
}

static ssize_t copy_batch_as(
	struct uio *u, const struct uio_seg *seg, unsigned n, size_t skip, unsigned sfb_user)
{
	if (likely(sfb_user == SFB_PIPE))
		return copy_batch(u, seg, n, skip, SFB_PIPE);
	return copy_batch(u, seg, n, skip, sfb_user);
}

static ssize_t one_by_one(struct uio *u, const struct uio_seg *seg, unsigned n, unsigned sfb_user)
{
	size_t done = 0;

	for (unsigned i = 0; i < n && u->resid > 0; i++) {
		size_t len = MIN(seg[i].len, u->resid);
		ssize_t part = uio_page(u, seg[i].page, seg[i].off, len, sfb_user);

		if (part < 0)
			return done > 0 ? (ssize_t)done : part;
		done += (size_t)part;
		if ((size_t)part < len)
			break;
	}
	return (ssize_t)done;
}

/* As fault_in_next(), and then what follows it of the next n bytes: each fault costs the batch another
 * mapping call. Whether the rest succeeds does not matter yet. */
static int fault_in_batch(struct uio *u, size_t n)
{
	int err = fault_in_next(u);
	vaddr_t end = u->iov->base + MIN(n, u->iov->len);

	for (vaddr_t va = ROUND_DOWN(u->iov->base, PAGE_SIZE) + PAGE_SIZE; err == 0 && va < end;
		va += PAGE_SIZE)
		if (fault_in_user(va, u->dir == UIO_READ) != 0)
			break;
	return err;
}

ssize_t uio_pages(struct uio *u, const struct uio_seg *seg, unsigned n, unsigned sfb_user)
{
	size_t want = 0, done = 0, skip = 0; /* bytes of seg[0] that are done */

	KASSERT(n <= UIO_BATCH, "%u pieces", n);
	if (n == 1 || u->seg != NULL)
		return one_by_one(u, seg, n, sfb_user);
	for (unsigned i = 0; i < n; i++)
		want += seg[i].len;
	want = MIN(want, u->resid);
	if (u->sink != NULL)
		return give(u, NULL, seg, n, want);
	while (done < want) {
		ssize_t part = copy_batch_as(u, seg, n, skip, sfb_user);

		if (part < 0) /* a pool this small gives single ones */
			return one_by_one(u, seg, n, sfb_user);
		done += (size_t)part;
		for (skip += (size_t)part; n > 0 && skip >= seg->len; seg++, n--)
			skip -= seg->len;
		if (done < want && fault_in_batch(u, want - done) != 0)
			return done > 0 ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}
