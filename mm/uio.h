/* SPDX-License-Identifier: BSD-2-Clause
 * A transfer between the kernel and a list of buffers, as read(2) and writev(2) describe it. The
 * one way in which file systems, pipes, disks and sockets move bytes to and from user space.
 *
 * uio_page() is where nearly every ephemeral mapping of the kernel is made: it maps the page
 * private and pinned, copies with faults disabled, unmaps, and only then faults in what was
 * missing and goes on. So nobody ever sleeps or faults while holding a mapping here: no pool can
 * run dry that way (PAPER trap 11) and no copy that fails leaks one (trap 6).
 */
#ifndef MM_UIO_H
#define MM_UIO_H

#include "kernel/core/types.h"

struct vm_page;

struct kiovec { /* struct iovec of the ABI being built */
	vaddr_t base;
	size_t len;
};

enum uio_dir { UIO_READ /* kernel -> buffers */, UIO_WRITE /* buffers -> kernel */ };

#define UIO_MAXIOV 1024

struct uio_seg {
	struct vm_page *page; /* held by the caller */
	unsigned off, len;    /* within the page; len > 0 */
};
#define UIO_BATCH 8

struct uio;

/* Where the bytes of a read go that has no buffers: splice(2). Takes n bytes or fewer, from kernel memory `buf`
 * or, if that is NULL, from the pieces; returns how many, or -errno. May sleep. */
struct uio_sink {
	ssize_t (*take)(
		struct uio_sink *s, void *buf, const struct uio_seg *seg, unsigned nseg, size_t n);
};

struct uio {
	struct kiovec *iov; /* current one; advanced, base/len adjusted */
	unsigned niov;
	size_t resid; /* bytes left */
	enum uio_dir dir;
	bool user;             /* buffers are user memory; else kernel memory */
	bool nowait;           /* as if the file were O_NONBLOCK */
	bool append;           /* as if it were O_APPEND */
	struct kiovec one;     /* what the first two below point iov at */
	struct uio_seg *seg;   /* not NULL: the buffers are these pieces of pages; advanced */
	struct uio_sink *sink; /* not NULL: there are no buffers */
};

/* Without buffers; field by field: a structure's zeros cost more than that. */
static inline void uio_init(struct uio *u, enum uio_dir dir, size_t len)
{
	u->iov = &u->one;
	u->niov = 0;
	u->resid = len;
	u->dir = dir;
	u->user = u->nowait = u->append = false;
	u->seg = NULL;
	u->sink = NULL;
}

static inline void uio_init_user(struct uio *u, enum uio_dir dir, vaddr_t buf, size_t len)
{
	uio_init(u, dir, len);
	u->one = (struct kiovec){ buf, len };
	u->niov = 1;
	u->user = true;
}

void uio_init_kernel(struct uio *u, enum uio_dir dir, void *buf, size_t len);
/* UIO_WRITE from pieces of pages, `len` bytes in all. `seg` is the uio's until it is through. */
void uio_init_pages(struct uio *u, struct uio_seg *seg, size_t len);
/* UIO_READ into a sink. */
void uio_init_sink(struct uio *u, struct uio_sink *sink, size_t len);

/* Between kernel memory at `buf` and the uio: n bytes or fewer if resid is smaller. Returns bytes
 * moved (> 0 when some were before a fault), or -EFAULT. May sleep. */
ssize_t uio_move(struct uio *u, void *buf, size_t n);
/* Between bytes [off, off+n) of a data page and the uio; `sfb_user` is SFB_PIPE, SFB_MD, ... The
 * caller holds a reference on the page. Returns as uio_move(). May sleep before
 * and after, never while mapped. */
ssize_t uio_page(struct uio *u, struct vm_page *page, size_t off, size_t n, unsigned sfb_user);

/* The same for up to UIO_BATCH pieces of pages, one after the other, all mapped by one call. */
ssize_t uio_pages(struct uio *u, const struct uio_seg *seg, unsigned n, unsigned sfb_user);
/* Consumes n bytes of the buffers without moving data. */
void uio_advance(struct uio *u, size_t n);

#endif
