/* SPDX-License-Identifier: BSD-2-Clause
 * getdents(2), getdents64(2): directory entries are packed into kernel memory with the directory
 * locked, and copied out after it is unlocked.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define DENTS_MAX ((size_t)64 * 1024)

struct dents {
	char *buf;
	size_t size, used;
	uint64_t next; /* position after the last entry in the buffer */
	bool wide;     /* struct linux_dirent64 */
	int err;
};

static void put_wide(struct dents *d, const char *name, size_t len, uint64_t ino, unsigned type,
	uint64_t next, size_t reclen)
{
	struct linux_dirent64 *e = (struct linux_dirent64 *)(d->buf + d->used);

	e->d_ino = ino;
	e->d_off = (int64_t)next;
	e->d_reclen = (uint16_t)reclen;
	e->d_type = (uint8_t)type;
	memcpy(e->d_name, name, len);
}

static void put_narrow(struct dents *d, const char *name, size_t len, uint64_t ino, unsigned type,
	uint64_t next, size_t reclen)
{
	struct linux_dirent *e = (struct linux_dirent *)(d->buf + d->used);

	e->d_ino = (abi_ulong)ino;
	e->d_off = (abi_ulong)next;
	e->d_reclen = (uint16_t)reclen;
	memcpy(e->d_name, name, len);
	((uint8_t *)e)[reclen - 1] = (uint8_t)type;
}

static bool put_entry(
	void *ctx, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	struct dents *d = ctx;
	size_t head = d->wide ? offsetof(struct linux_dirent64, d_name)
			      : offsetof(struct linux_dirent, d_name);
	/* The name's terminator, and the narrow form's type byte. */
	size_t reclen =
		ROUND_UP(head + len + (d->wide ? 1 : 2), d->wide ? sizeof(uint64_t) : sizeof(long));

	if (!d->wide && (abi_ulong)ino != ino) {
		d->err = -EOVERFLOW;
		return false;
	}
	if (reclen > d->size - d->used) {
		d->err = -EINVAL; /* of interest only when it is the first */
		return false;
	}
	memset(d->buf + d->used, 0, reclen);
	if (d->wide)
		put_wide(d, name, len, ino, type, next, reclen);
	else
		put_narrow(d, name, len, ino, type, next, reclen);
	d->used += reclen;
	d->next = next;
	return true;
}

static long read_entries(struct file *f, struct dents *d, vaddr_t ubuf)
{
	int err;

	mutex_lock(&f->pos_lock);
	err = f->ops->readdir(f, put_entry, d);
	if (err == 0 && d->used == 0)
		err = d->err;
	if (err == 0 && copy_to_user(ubuf, d->buf, d->used) != 0)
		err = -EFAULT;
	if (err == 0 && d->used > 0)
		f->pos = d->next;
	mutex_unlock(&f->pos_lock);
	return err != 0 ? err : (long)d->used;
}

static long getdents(int fd, vaddr_t ubuf, size_t size, bool wide)
{
	struct dents d = { .size = MIN(size, DENTS_MAX), .wide = wide };
	struct file *f = fd_file(fd);
	long ret = -ENOTDIR;

	if (f == NULL)
		return -EBADF;
	if (f->ops->readdir != NULL) {
		d.buf = kmalloc(MAX(d.size, (size_t)1));
		ret = d.buf != NULL ? read_entries(f, &d, ubuf) : -ENOMEM;
		kfree(d.buf);
	}
	file_put(f);
	return ret;
}

long sys_getdents(int fd, vaddr_t ubuf, unsigned size)
{
	return getdents(fd, ubuf, size, false);
}

long sys_getdents64(int fd, vaddr_t ubuf, unsigned size)
{
	return getdents(fd, ubuf, size, true);
}
