/* SPDX-License-Identifier: BSD-2-Clause
 * /dev/null, zero, full, random and urandom (man 4 null, full, random). They have no state.
 */
#include "fs/dev_mem.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/random.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/vm.h"

#define MEM_MAJOR 1
#define CHUNK     256

static ssize_t null_read(struct file *f, struct uio *u, uint64_t *pos)
{
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *u, uint64_t *pos)
{
	size_t n = u->resid;

	uio_advance(u, n);
	return (ssize_t)n;
}

/* A transfer of n bytes may be long: others get their turn, and a fatal signal ends it. */
static bool must_stop(void)
{
	if (sched_need_resched())
		sched_yield_if_needed();
	return READ_ONCE(curthread()->sig_fatal);
}

static ssize_t zero_read(struct file *f, struct uio *u, uint64_t *pos)
{
	static uint8_t zeros[4096]; /* never written */
	size_t done = 0;
	ssize_t n;

	do {
		n = uio_move(u, zeros, sizeof(zeros));
		if (n <= 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
	} while (u->resid > 0 && !must_stop());
	return (ssize_t)done;
}

static ssize_t full_write(struct file *f, struct uio *u, uint64_t *pos)
{
	return u->resid > 0 ? -ENOSPC : 0;
}

static ssize_t random_read(struct file *f, struct uio *u, uint64_t *pos)
{
	uint8_t buf[CHUNK];
	size_t done = 0, want;
	ssize_t n = 0;

	while (u->resid > 0) {
		want = MIN(u->resid, sizeof(buf));
		random_bytes(buf, want);
		n = uio_move(u, buf, want);
		if (n > 0)
			done += (size_t)n;
		if (n != (ssize_t)want || must_stop())
			break;
	}
	memset(buf, 0, sizeof(buf));
	return done > 0 ? (ssize_t)done : n;
}

static ssize_t random_write(struct file *f, struct uio *u, uint64_t *pos)
{
	uint8_t buf[CHUNK];
	size_t done = 0;
	ssize_t n = 0;

	while (u->resid > 0) {
		n = uio_move(u, buf, MIN(u->resid, sizeof(buf)));
		if (n <= 0)
			break;
		random_stir(buf, (size_t)n);
		done += (size_t)n;
		if (must_stop())
			break;
	}
	return done > 0 ? (ssize_t)done : n;
}

/* The position of these is always 0. */
static int64_t mem_seek(struct file *f, int64_t off, int whence)
{
	f->pos = 0;
	return 0;
}

/* An object of its own for each mapping: shared with children, private to the mapping. */
static struct vm_object *zero_mmap(struct file *f, bool shared)
{
	struct vm_object *obj =
		vm_object_create(NULL, NULL, (uint64_t)INT64_MAX & ~(uint64_t)PAGE_MASK);

	return obj != NULL ? obj : ERR_PTR(-ENOMEM);
}

static const struct file_ops null_ops = {
	.name = "null",
	.read = null_read,
	.write = null_write,
	.seek = mem_seek,
	.unpositioned = true,
};

static const struct file_ops zero_ops = {
	.name = "zero",
	.read = zero_read,
	.write = null_write,
	.seek = mem_seek,
	.unpositioned = true,
	.mmap = zero_mmap,
};

static const struct file_ops full_ops = {
	.name = "full",
	.read = zero_read,
	.write = full_write,
	.seek = mem_seek,
	.unpositioned = true,
};

static const struct file_ops random_ops = {
	.name = "random",
	.read = random_read,
	.write = random_write,
	.seek = mem_seek,
	.unpositioned = true,
};

static const struct {
	const char *name;
	unsigned minor;
	const struct file_ops *ops;
} devices[] = {
	{ "null", 3, &null_ops },
	{ "zero", 5, &zero_ops },
	{ "full", 7, &full_ops },
	{ "random", 8, &random_ops },
	{ "urandom", 9, &random_ops },
};

static int mem_open(struct vnode *vn, struct file *f, void *arg)
{
	f->ops = arg;
	return 0;
}

void dev_mem_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int err = devfs_register(devices[i].name, S_IFCHR | 0666,
			dev_make(MEM_MAJOR, devices[i].minor), mem_open, (void *)devices[i].ops);

		if (err != 0)
			klog(LOG_ERR, "devfs: cannot register %s: error %d", devices[i].name, -err);
	}
}
