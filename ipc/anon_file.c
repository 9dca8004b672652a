/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of ipc/anon_file.h have in common. No state, no locks.
 */
#include "ipc/anon_file.h"

#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

#define ANON_DEV 0xe /* st_dev; one inode for all, as on Linux */
#define ANON_INO 1

int anon_file_install(const struct file_ops *ops, void *data, unsigned flags, const char *name)
{
	struct file *f = file_alloc(ops, data, O_RDWR | (flags & O_NONBLOCK));
	int fd;

	if (f == NULL)
		return -ENOMEM;
	f->path = kstrdup(name);
	fd = f->path != NULL ? fd_alloc(f, 0, flags & O_CLOEXEC) : -ENOMEM;
	if (fd < 0) {
		static const struct file_ops none;

		f->ops = &none; /* the data stays the caller's */
		file_put(f);
	}
	return fd;
}

int anon_file_getattr(struct file *f, struct kstat *st)
{
	*st = (struct kstat){
		.dev = ANON_DEV, .ino = ANON_INO, .mode = 0600, .nlink = 1, .blksize = PAGE_SIZE
	};
	return 0;
}
