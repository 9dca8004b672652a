/* SPDX-License-Identifier: BSD-2-Clause
 * A pipe from inside: ipc/pipe.c (the buffer), ipc/pipe_direct.c (the window onto a writer's own
 * pages), ipc/pipe_file.c (open files).
 *
 * What a reader gets is first the buffer's bytes [rpos, wpos), then the window's. While a window is
 * open nobody adds to the buffer, so the order is the order of the writes.
 *
 * pipe.lock, a spin lock, protects every field; no copy happens under it. Who copies marks its end
 * busy (rd_busy: out of the buffer or the window; wr_busy: into the buffer), releases the lock, and
 * owns its position and the pages in between until it clears the mark. Others of the same end wait;
 * a busy end waits for nobody but the memory it copies to or from. Both queues sleep with the lock as
 * interlock, so whoever changes the state and sees a queue empty, under the lock, owes no wake-up.
 */
#ifndef IPC_PIPE_IMPL_H
#define IPC_PIPE_IMPL_H

#include "fs/file.h"
#include "kernel/core/wait.h"
#include "mm/page.h"

#define PIPE_BUF       4096              /* writes up to this are atomic (man 7 pipe) */
#define PIPE_DEF_PAGES 16                /* 64 KiB */
#define PIPE_MAX_SIZE  ((size_t)1 << 20) /* F_SETPIPE_SZ goes further only for root */
#define PIPE_MINDIRECT 8192     /* blocking writes from here on may go through the window */
#define PIPE_WINDOW    (16 + 1) /* most pages of a writer that are held at a time */
#define PIPE_STEP      4        /* pages moved between two looks at the other end */

struct pipe_window {
	bool open;                       /* a writer has lent its pages and waits */
	bool reading;                    /* a reader copies out of it: nothing may be taken back */
	bool more;                       /* the writer has not offered everything yet */
	bool closing;                    /* the writer waits for `reading` to end */
	struct uio_seg seg[PIPE_WINDOW]; /* a ring: count segments from `first` */
	unsigned first, count;
	size_t bytes; /* in the ring */
	size_t left;  /* of the loan: in the ring or not offered yet */
	size_t taken; /* of the loan: read */
};

/* Where readers, or writers, wait. Before it sleeps a thread spins for a moment: between two CPUs the
 * other side is often done sooner than a halted CPU could be woken. How long adapts to how often that
 * has paid, so who waits for a slow partner, or shares its CPU, hardly spins. */
struct pipe_end {
	struct waitq wq;
	unsigned seq;  /* wake-ups so far; read without the lock by spinners */
	unsigned spin; /* turns to try next time */
};

#define PIPE_SPIN_MIN 4
#define PIPE_SPIN_MAX 256

struct pipe {
	struct spinlock lock;
	unsigned readers, writers; /* open files of each kind */
	unsigned rgen, wgen;       /* opens so far: fifo_open() waits for a change */
	unsigned refs;             /* files, and fifo_open() under way */
	bool rd_busy, wr_busy;
	unsigned reading; /* threads inside read(2), waiting included */
	struct pipe_end rd, wr;

	/* A ring: position x lies in page (x / PAGE_SIZE) % npages; NULL: not needed so far. */
	struct vm_page **pages;
	unsigned npages; /* a power of two */
	size_t rpos, wpos;

	struct pipe_window win;

	struct vnode *vnode; /* FIFO: it, not referenced: the files do */
	uint32_t ino, uid, gid;
	uint64_t ctime;
};

/* Bytes that may be added: a page is given back only when all of it has been read, as on Linux. */
static inline size_t pipe_space(const struct pipe *p)
{
	return p->npages * PAGE_SIZE - (p->wpos - ROUND_DOWN(p->rpos, PAGE_SIZE));
}

static inline size_t pipe_buffered(const struct pipe *p)
{
	return p->wpos - p->rpos;
}

/* Something changed that threads at this end may wait for. Lock held. */
static inline void pipe_wake(struct pipe_end *e)
{
	WRITE_ONCE(e->seq, e->seq + 1);
	if (!list_empty(&e->wq.waiters))
		waitq_wake_all(&e->wq);
}

/* pipe.c */
struct pipe *pipe_new(void); /* NULL: no memory */
void pipe_destroy(struct pipe *p);
ssize_t pipe_read(struct file *f, struct uio *u, uint64_t *pos);
ssize_t pipe_write(struct file *f, struct uio *u, uint64_t *pos);
/* Waits for pipe_wake(); lock held, released meanwhile. Results as wait_sleep(). */
int pipe_wait(struct pipe *p, struct pipe_end *e, enum wait_kind kind);
int pipe_resize(struct pipe *p, size_t size); /* the new size in bytes, -EBUSY, -ENOMEM... */

/* pipe_direct.c. Called and returning with the lock held; they release it in between. */

/* Copies from the window; as uio_page(): bytes, or -EFAULT. The window is not empty. */
ssize_t pipe_window_read(struct pipe *p, struct uio *u);
/* The same, and all of it stays. */
ssize_t pipe_window_peek(struct pipe *p, struct uio *u);
/* May this write go through the window now. */
bool pipe_window_wanted(const struct pipe *p, const struct uio *u);
/* Lends the first segment of the uio to the readers and waits until they have it all, are gone, or
 * what is left fits into the buffer while nobody reads. The uio is advanced by what was read.
 * 0; -EFAULT/-ENOMEM: the pages behind what was read are not there; -ERESTARTSYS. */
int pipe_window_write(struct pipe *p, struct uio *u);

#endif
