/* SPDX-License-Identifier: BSD-2-Clause
 * Open files: references, and read, write, seek, poll over their operations.
 *
 * pos_lock serialises those who use the file's own position, for as long as the transfer takes: it is
 * what makes two writers that share a descriptor append to each other (POSIX, "2.9.7 Thread
 * Interactions with Regular File Operations"). It orders before everything else of a file, and
 * faults on user memory never take it. Files without a position (pipes), or where it means nothing
 * (/dev/null), do without.
 */
#include "fs/file.h"
#include "fs/epoll.h"
#include "fs/lock.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"

static struct kmem_cache *file_cache;

void file_init(void)
{
	file_cache = kmem_cache_create("file", sizeof(struct file), 16);
	fd_init();
}

struct file *file_alloc(const struct file_ops *ops, void *data, unsigned flags)
{
	struct file *f = kmem_cache_zalloc(file_cache);

	if (f == NULL)
		return NULL;
	f->refs = 1;
	f->ops = ops;
	f->data = data;
	f->flags = flags;
	list_init(&f->epitems);
	mutex_init(&f->pos_lock, "file_pos");
	return f;
}

void file_put(struct file *f)
{
	uint32_t left = __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL);

	KASSERT(left != UINT32_MAX, "file reference dropped twice");
	if (left != 0)
		return;
	if (!list_empty(&f->epitems))
		epoll_file_gone(f);
	if (f->vnode != NULL)
		lock_release_file(f);
	if (f->ops->release != NULL)
		f->ops->release(f);
	if (f->counted) {
		mount_drop_write(f->vnode->mount);
		vnode_drop_write(f->vnode);
	}
	if (f->vnode != NULL)
		vnode_put(f->vnode);
	kfree(f->path);
	kmem_cache_free(file_cache, f);
}

ssize_t file_io(struct file *f, struct uio *u, uint64_t *off)
{
	const struct file_ops *ops = f->ops;
	bool reading = u->dir == UIO_READ;
	ssize_t (*io)(struct file *, struct uio *, uint64_t *) = reading ? ops->read : ops->write;
	ssize_t n;

	if (off != NULL && ops->seek == NULL) /* before all else, as on Linux */
		return -ESPIPE;
	if (reading ? !file_readable(f) : !file_writable(f))
		return -EBADF;
	if (io == NULL)
		return f->vnode != NULL && S_ISDIR(f->vnode->mode) ? -EISDIR : -EINVAL;
	if (off != NULL && (int64_t)*off < 0)
		return -EINVAL;
	if (off != NULL || ops->seek == NULL || ops->unpositioned)
		return io(f, u, off);
	mutex_lock(&f->pos_lock);
	n = io(f, u, &f->pos);
	mutex_unlock(&f->pos_lock);
	return n;
}

int64_t file_seek(struct file *f, int64_t off, int whence)
{
	int64_t pos;

	if (f->ops->seek == NULL)
		return -ESPIPE;
	mutex_lock(&f->pos_lock);
	pos = f->ops->seek(f, off, whence);
	mutex_unlock(&f->pos_lock);
	return pos;
}

int64_t file_seek_sized(struct file *f, int64_t off, int whence, uint64_t size)
{
	int64_t base = 0;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = (int64_t)f->pos;
		break;
	case SEEK_END:
		base = (int64_t)size;
		break;
	case SEEK_DATA: /* the whole file counts as data (man 2 lseek allows it) */
	case SEEK_HOLE:
		if (off < 0 || (uint64_t)off >= size)
			return -ENXIO;
		if (whence == SEEK_HOLE)
			off = (int64_t)size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &off) || off < 0 || (uint64_t)off > FILE_SIZE_MAX)
		return -EINVAL;
	f->pos = (uint64_t)off;
	return off;
}

unsigned file_poll(struct file *f, struct poll_table *pt)
{
	if (f->ops->poll == NULL)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return f->ops->poll(f, pt);
}

int file_getattr(struct file *f, struct kstat *st)
{
	if (f->ops->getattr != NULL)
		return f->ops->getattr(f, st);
	return f->vnode != NULL ? vfs_getattr(f->vnode, st) : -EBADF;
}
