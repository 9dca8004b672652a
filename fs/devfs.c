/* SPDX-License-Identifier: BSD-2-Clause
 * devfs: a tmpfs that begins with a node for every registered device. The nodes mean nothing by
 * themselves: opening one looks its number up in the table of drivers.
 *
 * The table only grows; its spin lock protects adding and searching.
 */
#include "fs/devfs.h"
#include "fs/dev_mem.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

struct driver {
	struct list link;
	const char *name; /* NULL: none */
	uint32_t mode;
	uint64_t rdev;
	unsigned count; /* of numbers, from rdev on */
	int (*open)(struct vnode *vn, struct file *f, void *arg);
	void *arg;
};

static struct spinlock drivers_lock = SPINLOCK_INIT("devfs_drivers");
static struct list drivers = LIST_INIT(drivers);
static struct mount *first_mount; /* the one on /dev, which later devices appear in */

static const struct {
	const char *name, *target;
} symlinks[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
};

static int make_node(struct mount *m, const struct driver *d)
{
	struct vnode *root = m->root, *vn;
	int err;

	mutex_lock(&root->lock);
	err = root->ops->create(root, d->name, strlen(d->name), d->mode, d->rdev, &vn);
	mutex_unlock(&root->lock);
	if (err == 0)
		vnode_put(vn);
	return err;
}

static struct driver *find(uint64_t rdev, uint32_t type)
{
	struct driver *d;

	LIST_FOR_EACH (d, &drivers, link)
		if (rdev - d->rdev < d->count && (d->mode & S_IFMT) == type)
			return d;
	return NULL;
}

static int enter(const struct driver *model)
{
	struct driver *d = kzalloc(sizeof(*d));
	bool taken;

	if (d == NULL)
		return -ENOMEM;
	*d = *model;
	if ((d->mode & S_IFMT) == 0)
		d->mode |= S_IFCHR;
	spin_lock(&drivers_lock);
	taken = find(d->rdev, d->mode & S_IFMT) != NULL;
	if (!taken)
		list_push_back(&drivers, &d->link);
	spin_unlock(&drivers_lock);
	if (taken) {
		kfree(d);
		return -EEXIST;
	}
	return first_mount != NULL && d->name != NULL ? make_node(first_mount, d) : 0;
}

int devfs_register(const char *name, uint32_t mode, uint64_t rdev,
	int (*open)(struct vnode *vn, struct file *f, void *arg), void *arg)
{
	return enter(&(struct driver){
		.name = name, .mode = mode, .rdev = rdev, .count = 1, .open = open, .arg = arg });
}

int devfs_register_range(
	uint64_t rdev, unsigned count, int (*open)(struct vnode *vn, struct file *f, void *arg))
{
	return enter(&(struct driver){ .rdev = rdev, .count = count, .open = open });
}

int devfs_open(struct vnode *vn, struct file *f)
{
	struct driver *d;

	spin_lock(&drivers_lock);
	d = find(vn->rdev, vn->mode & S_IFMT);
	spin_unlock(&drivers_lock);
	return d != NULL ? d->open(vn, f, d->arg) : -ENXIO;
}

struct mount *devfs_mount_new(const char *source)
{
	struct mount *m = tmpfs_mount_new(source);
	struct vnode *root;
	struct driver *d;

	if (IS_ERR(m))
		return m;
	m->fstype = "devtmpfs";
	/* Drivers are never removed, so the walk needs no lock: it may miss one that is being added. */
	LIST_FOR_EACH (d, &drivers, link)
		if (d->name != NULL)
			make_node(m, d);
	root = m->root;
	mutex_lock(&root->lock);
	for (size_t i = 0; i < ARRAY_SIZE(symlinks); i++)
		root->ops->symlink(
			root, symlinks[i].name, strlen(symlinks[i].name), symlinks[i].target);
	mutex_unlock(&root->lock);
	if (first_mount == NULL) {
		vnode_get(root); /* so that it stays: umount(2) finds it in use */
		first_mount = m;
	}
	return m;
}

void devfs_init(void)
{
	dev_mem_init();
}
