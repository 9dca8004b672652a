/* SPDX-License-Identifier: BSD-2-Clause
 * Disks as files: /dev/md0 opened, read, written, asked for its size (man 4 sd, man 8 blockdev).
 *
 * f->data is the disk, opened for as long as the file is. O_EXCL without O_CREAT claims it (man 2
 * open): mke2fs and e2fsck refuse a disk that is mounted that way. O_DIRECT changes nothing: every
 * transfer is direct.
 */
#include "fs/block.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/uaccess.h"

static struct block_dev *disk(const struct file *f)
{
	return f->data;
}

static ssize_t disk_io(struct file *f, struct uio *u, uint64_t *pos)
{
	ssize_t n = block_rw(disk(f), u, *pos);

	if (n > 0)
		*pos += (uint64_t)n;
	return n;
}

static int64_t disk_seek(struct file *f, int64_t off, int whence)
{
	uint64_t size = disk(f)->size, old = f->pos;
	int64_t pos;

	if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
		return -EINVAL;
	pos = file_seek_sized(f, off, whence, size);
	if (pos <= (int64_t)size)
		return pos;
	f->pos = old; /* a disk does not grow */
	return -EINVAL;
}

static int put_int(vaddr_t arg, uint32_t value)
{
	return copy_to_user(arg, &value, sizeof(value));
}

static int get_size(struct block_dev *bd, vaddr_t arg)
{
	return copy_to_user(arg, &bd->size, sizeof(bd->size));
}

static int get_sectors(struct block_dev *bd, vaddr_t arg)
{
	abi_ulong n = (abi_ulong)(bd->size / BLOCK_SECTOR);

	if (n != bd->size / BLOCK_SECTOR)
		return -EFBIG;
	return copy_to_user(arg, &n, sizeof(n));
}

static int disk_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
	switch (cmd) {
	case BLKGETSIZE64:
		return get_size(disk(f), arg);
	case BLKGETSIZE:
		return get_sectors(disk(f), arg);
	case BLKSSZGET:
		return put_int(arg, BLOCK_SECTOR);
	case BLKBSZGET:
		return put_int(arg, PAGE_SIZE);
	case BLKROGET:
		return put_int(arg, 0);
	case BLKFLSBUF: /* nothing is cached between these files and the disk */
		return vfs_is_root() ? 0 : -EACCES;
	default:
		return -ENOTTY;
	}
}

static void disk_release(struct file *f)
{
	block_close(disk(f), false);
}

static const struct file_ops disk_ops = {
	.name = "disk",
	.read = disk_io,
	.write = disk_io,
	.seek = disk_seek,
	.ioctl = disk_ioctl,
	.release = disk_release,
};

/* What release() has to undo is told apart by the operations: open(2) forgets O_EXCL. */
static void claimed_release(struct file *f)
{
	block_close(disk(f), true);
}

static const struct file_ops claimed_ops = {
	.name = "disk",
	.read = disk_io,
	.write = disk_io,
	.seek = disk_seek,
	.ioctl = disk_ioctl,
	.release = claimed_release,
};

int block_open_file(struct block_dev *bd, struct file *f)
{
	bool exclusive = (f->flags & (O_EXCL | O_CREAT)) == O_EXCL;
	int err = block_open(bd, exclusive);

	if (err != 0)
		return err;
	f->ops = exclusive ? &claimed_ops : &disk_ops;
	f->data = bd;
	return 0;
}

struct block_dev *block_of_file(const struct file *f)
{
	return f->ops == &disk_ops || f->ops == &claimed_ops ? f->data : NULL;
}
