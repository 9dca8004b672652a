/* SPDX-License-Identifier: BSD-2-Clause
 * devpts: the names of pseudo-terminals, usually on /dev/pts. A tmpfs whose directory only the kernel
 * changes; every one that is mounted shows the same terminals, each node with an owner and a mode of
 * its own.
 *
 * devpts_mutex protects the list of mounts and makes a change of the nodes one step. It orders before
 * vnode locks and after mount_mutex.
 */
#include "fs/file.h"
#include "fs/pty.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

#define NAME_LEN  12
#define NODE_MODE 0600u
#define PTMX_MODE 0000u

struct devpts {
	struct list link;
	struct mount *mount;
};

static struct mutex devpts_mutex = MUTEX_INIT(devpts_mutex, "devpts");
static struct list all_devpts = LIST_INIT(all_devpts);
static struct vnode_ops dir_ops; /* of the root: tmpfs's without those that change it */
static const struct vnode_ops *tmpfs_ops;
static int (*tmpfs_unmount)(struct mount *m, bool lazy);
static int (*tmpfs_statfs)(struct mount *m, struct statfs_info *out);

static void node_name(unsigned index, char *name)
{
	ksnprintf(name, NAME_LEN, "%u", index);
}

static int make_node(struct mount *m, const char *name, uint32_t mode, uint64_t rdev)
{
	struct vnode *root = m->root, *vn;
	int err;

	mutex_lock(&root->lock);
	err = tmpfs_ops->create(root, name, strlen(name), S_IFCHR | mode, rdev, &vn);
	mutex_unlock(&root->lock);
	if (err == 0)
		vnode_put(vn);
	return err == -EEXIST ? 0 : err; /* made by a mount that saw the terminal first */
}

static void remove_node(struct mount *m, const char *name)
{
	mutex_lock(&m->root->lock);
	tmpfs_ops->unlink(m->root, name, strlen(name));
	mutex_unlock(&m->root->lock);
}

int devpts_add(unsigned index)
{
	struct devpts *d;
	char name[NAME_LEN];
	int err = -ENODEV;

	node_name(index, name);
	mutex_lock(&devpts_mutex);
	LIST_FOR_EACH (d, &all_devpts, link) {
		err = make_node(d->mount, name, NODE_MODE, dev_make(MAJOR_PTY_SLAVE, index));
		if (err != 0)
			break;
	}
	mutex_unlock(&devpts_mutex);
	if (err != 0)
		devpts_remove(index);
	return err;
}

void devpts_remove(unsigned index)
{
	struct devpts *d;
	char name[NAME_LEN];

	node_name(index, name);
	mutex_lock(&devpts_mutex);
	LIST_FOR_EACH (d, &all_devpts, link)
		remove_node(d->mount, name);
	mutex_unlock(&devpts_mutex);
}

struct file *devpts_open(unsigned index, int flags)
{
	struct vnode *root = NULL;
	struct file *f;
	char name[NAME_LEN];

	node_name(index, name);
	mutex_lock(&devpts_mutex);
	if (!list_empty(&all_devpts)) {
		root = list_first(&all_devpts, struct devpts, link)->mount->root;
		vnode_get(root);
	}
	mutex_unlock(&devpts_mutex);
	if (root == NULL)
		return ERR_PTR(-EIO);
	f = vfs_open(root, name, flags & ~O_CREAT, 0);
	vnode_put(root);
	return f;
}

/* ---- mounts ---- */

static int devpts_unmount(struct mount *m, bool lazy)
{
	struct devpts *d = m->data;
	int err;

	mutex_lock(&devpts_mutex);
	err = tmpfs_unmount(m, lazy);
	if (err == 0) {
		list_remove(&d->link);
		kfree(d);
	}
	mutex_unlock(&devpts_mutex);
	return err;
}

static int devpts_statfs(struct mount *m, struct statfs_info *out)
{
	int err = tmpfs_statfs(m, out);

	out->type = DEVPTS_MAGIC;
	out->blocks = out->bfree = out->bavail = 0;
	out->files = out->ffree = 0;
	return err;
}

static void become_devpts(struct mount *m, struct devpts *d)
{
	tmpfs_ops = m->root->ops;
	tmpfs_unmount = m->unmount;
	tmpfs_statfs = m->statfs;
	dir_ops = *tmpfs_ops;
	dir_ops.create = NULL;
	dir_ops.mkdir = NULL;
	dir_ops.symlink = NULL;
	dir_ops.link = NULL;
	dir_ops.unlink = NULL;
	dir_ops.rmdir = NULL;
	dir_ops.rename = NULL;
	m->root->ops = &dir_ops;
	m->root->mode = S_IFDIR | 0755;
	m->fstype = "devpts";
	m->unmount = devpts_unmount;
	m->statfs = devpts_statfs;
	m->data = d;
	d->mount = m;
	list_push_back(&all_devpts, &d->link);
}

static void add_existing(void *arg, unsigned index)
{
	char name[NAME_LEN];

	node_name(index, name);
	make_node(arg, name, NODE_MODE, dev_make(MAJOR_PTY_SLAVE, index));
}

struct mount *devpts_mount_new(const char *source)
{
	struct devpts *d = kzalloc(sizeof(*d));
	struct mount *m;

	if (d == NULL)
		return ERR_PTR(-ENOMEM);
	m = tmpfs_mount_new(source);
	if (IS_ERR(m)) {
		kfree(d);
		return m;
	}
	mutex_lock(&devpts_mutex);
	become_devpts(m, d);
	make_node(m, "ptmx", PTMX_MODE, PTMX_RDEV);
	pty_for_each(add_existing, m);
	mutex_unlock(&devpts_mutex);
	return m;
}
