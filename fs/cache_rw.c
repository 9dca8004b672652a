/* SPDX-License-Identifier: BSD-2-Clause
 * read(2) and write(2) through the page cache: the vnode's vm_object holds the file's pages, whoever
 * their pager is, and mmap(2) shows the same ones.
 *
 * Writers hold vnode->write_lock from the first byte to the last, so a write is one piece to other
 * writers and an append lands behind what the last one left. Readers take no lock: they see each page
 * before or after a write that is under way, and never beyond the size, which grows at the end.
 * A page wholly beyond the size is not filled before it is overwritten: nobody can reach it
 * before the size says so, and what a copy that fails leaves unwritten is zeroed.
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
#include "mm/vm.h"

/* Page numbers are words, offsets are signed 64-bit numbers. */
#define FILE_SIZE_MAX \
	MIN((uint64_t)INT64_MAX, (uint64_t)UINTPTR_MAX << (sizeof(uintptr_t) == 4 ? PAGE_SHIFT : 0))

static uint8_t zeros[4096] ALIGNED(64); /* never written */

/* The size changes under other locks; on i386 its halves are read one by one. */
uint64_t vnode_size(const struct vnode *vn)
{
	uint64_t a, b;

	if (vn->object == NULL)
		return 0;
	do {
		a = READ_ONCE(vn->object->size);
		barrier();
		b = READ_ONCE(vn->object->size);
	} while (a != b);
	return a;
}

static bool must_stop(void)
{
	if (sched_need_resched())
		sched_yield_if_needed();
	return READ_ONCE(curthread()->sig_fatal);
}

static ssize_t read_page(struct vm_object *obj, struct uio *u, uint64_t off, size_t n)
{
	bool holes = obj->ops == NULL || obj->ops->getpage == NULL; /* what is not there is zeros */
	struct vm_page *page;
	ssize_t got;
	int err;

	err = vm_object_page(obj, (uintptr_t)(off >> PAGE_SHIFT), holes ? 0 : VMO_CREATE, &page);
	if (err == -ENOENT && holes)
		return uio_move(u, zeros, n);
	if (err != 0)
		return err;
	got = uio_page(u, page, (size_t)(off & PAGE_MASK), n, SFB_PAGER);
	page_put(page);
	return got;
}

static ssize_t cache_read(struct vnode *vn, struct uio *u, uint64_t off)
{
	uint64_t start = off, size;
	ssize_t got;
	size_t n;

	while (u->resid > 0) {
		size = vnode_size(vn);
		if (off >= size)
			break;
		n = MIN((size_t)(PAGE_SIZE - (off & PAGE_MASK)), u->resid);
		n = (size_t)MIN((uint64_t)n, size - off);
		got = read_page(vn->object, u, off, n);
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

static ssize_t write_page(struct vm_object *obj, struct uio *u, uint64_t off, size_t n, bool fresh)
{
	size_t in_page = (size_t)(off & PAGE_MASK);
	struct vm_page *page;
	ssize_t got;
	int err;

	err = vm_object_page(obj, (uintptr_t)(off >> PAGE_SHIFT),
		fresh ? VMO_CREATE | VMO_OVERWRITE : VMO_CREATE, &page);
	if (err != 0)
		return err;
	got = uio_page(u, page, in_page, n, SFB_PAGER);
	if (fresh && got < (ssize_t)n) {
		size_t done = got > 0 ? (size_t)got : 0;

		zero_part(page, done, n - done);
	}
	page_set_flags(page, PG_DIRTY);
	page_put(page);
	return got;
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

/* Times, and the set-id bits that a write by others takes away (man 7 inode). */
static void note_write(struct vnode *vn)
{
	struct kstat st = { .mode = vn->mode & ~(uint32_t)(S_ISUID | S_ISGID) };
	unsigned which = ATTR_MTIME;

	if (vn->ops->setattr == NULL)
		return;
	st.mtime = clock_realtime_ns();
	if (st.mode != vn->mode && !vfs_is_root())
		which |= ATTR_MODE;
	mutex_lock(&vn->lock);
	vn->ops->setattr(vn, which, &st);
	mutex_unlock(&vn->lock);
}

static ssize_t write_pages(struct vnode *vn, struct uio *u, uint64_t off, size_t count)
{
	uint64_t size = vnode_size(vn);
	size_t done = 0, n;
	ssize_t got = 0;
	bool fresh;

	while (done < count) {
		n = MIN((size_t)(PAGE_SIZE - (off & PAGE_MASK)), count - done);
		fresh = n == PAGE_SIZE && off >= size;
		got = write_page(vn->object, u, off, n, fresh);
		if (got > 0) {
			off += (uint64_t)got;
			done += (size_t)got;
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

static ssize_t cache_write(
	struct vnode *vn, struct uio *u, uint64_t off, bool append, uint64_t *newoff)
{
	int64_t count;
	ssize_t done;
	int err;

	if (u->resid == 0)
		return 0;
	mutex_lock(&vn->write_lock);
	if (append)
		off = vnode_size(vn);
	count = writable(off, u->resid);
	done = count < 0 ? (ssize_t)count : write_pages(vn, u, off, (size_t)count);
	if (done > 0) {
		off += (uint64_t)done;
		if (off > vnode_size(vn)) {
			err = vm_object_set_size(vn->object, off);
			if (err != 0)
				done = err;
		}
		note_write(vn);
	}
	mutex_unlock(&vn->write_lock);
	*newoff = off;
	return done;
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
