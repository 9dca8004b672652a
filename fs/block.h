/* SPDX-License-Identifier: BSD-2-Clause
 * Disks, as file systems and user space see them.
 *
 * There are two ways to a disk's bytes. block_io() moves whole requests between the disk and pages
 * of a cache; a request stands in the disk's queue until a thread serves it, on whatever CPU that
 * thread is. block_rw() moves any bytes to and from a uio; it is what reads and writes of /dev
 * nodes use, and what file systems use for metadata in kernel memory. It passes by the queue: user
 * memory may fault, and the fault may need this very queue.
 *
 * Both go straight to the disk, past any page cache: a node that is written while a file system is
 * mounted from it shows the file system changes it does not expect, as on any system.
 */
#ifndef FS_BLOCK_H
#define FS_BLOCK_H

#include "kernel/core/list.h"
#include "kernel/core/wait.h"
#include "mm/uio.h"

struct block_dev;

#define BLOCK_SECTOR 512u /* what sizes are multiples of */
#define BLOCK_NAME   16

struct block_req {
	uint64_t off;     /* on the disk */
	enum uio_dir dir; /* UIO_READ: from the disk to the pages */
	const struct uio_seg *seg;
	unsigned nseg;
	int error; /* 0, -EIO, -ENOSPC... */

	/* The queue's. */
	struct list link;
	bool done;
};

struct block_ops {
	/* Does the request, which lies inside the disk; returns what becomes req->error. May sleep;
	 * any thread's context, several at a time. */
	int (*serve)(struct block_dev *bd, struct block_req *req);
	/* u->resid bytes at off, all inside the disk: bytes moved or -errno. Any thread's
	 * context. */
	ssize_t (*rw)(struct block_dev *bd, struct uio *u, uint64_t off);
};

struct block_dev {
	const struct block_ops *ops;
	char name[BLOCK_NAME];
	uint64_t rdev, size; /* bytes */

	struct spinlock lock; /* all below */
	struct list queue;
	struct waitq wq;
	unsigned serving, depth; /* requests under way; most of them at a time */
	unsigned opens;          /* open files and mounts */
	bool claimed;            /* by a mount, or by an open with O_EXCL */
	bool gone;               /* is being destroyed: nobody opens it any more */
};

/* ops, name, rdev, size, depth are the driver's. */
void block_init(struct block_dev *bd);

/* For who uses the disk: 0, -ENXIO (gone), -EBUSY (exclusive, and somebody has claimed it). */
int block_open(struct block_dev *bd, bool exclusive);
void block_close(struct block_dev *bd, bool exclusive);
/* For its driver: true: from now on nobody opens it; false: it is in use. */
bool block_retire(struct block_dev *bd);

/* Sends the request and waits until it is done. req->error, -EIO when it is not inside the disk.
 * Thread context, no spin lock held. */
int block_io(struct block_dev *bd, struct block_req *req);
/* u->resid bytes at off. Bytes moved; 0 when reading at the end; -ENOSPC when writing there. */
ssize_t block_rw(struct block_dev *bd, struct uio *u, uint64_t off);
/* All n bytes between kernel memory and the disk: 0 or -EIO... */
int block_read(struct block_dev *bd, uint64_t off, void *buf, size_t n);
int block_write(struct block_dev *bd, uint64_t off, const void *buf, size_t n);

struct file;
/* open(2) of a node that stands for bd, from a driver's devfs_register() function. */
int block_open_file(struct block_dev *bd, struct file *f);
/* The disk behind an open file; NULL: it is something else. */
struct block_dev *block_of_file(const struct file *f);

#endif
