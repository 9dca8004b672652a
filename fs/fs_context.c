/* SPDX-License-Identifier: BSD-2-Clause
 * Where a process stands in the tree: its root, its working directory, its umask.
 *
 * The context's spin lock protects the pointers; vnodes are put after it is released, because the
 * last reference may sleep.
 */
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/proc/proc.h"
#include "mm/kmem.h"

/* The root of the first mount, for kernel threads and the first process (mount.c). */
extern struct vnode *vfs_root_vnode;

struct fs_context *fs_context_create(void)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (fs == NULL)
		return NULL;
	spin_init(&fs->lock, "fs_context");
	fs->refs = 1;
	fs->umask = 022;
	vnode_get(vfs_root_vnode);
	vnode_get(vfs_root_vnode);
	fs->root = mount_cross(vfs_root_vnode);
	fs->cwd = mount_cross(vfs_root_vnode);
	return fs;
}

struct fs_context *fs_context_copy(struct fs_context *src)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (fs == NULL)
		return NULL;
	spin_init(&fs->lock, "fs_context");
	fs->refs = 1;
	spin_lock(&src->lock);
	fs->umask = src->umask;
	fs->root = src->root;
	fs->cwd = src->cwd;
	vnode_get(fs->root);
	vnode_get(fs->cwd);
	spin_unlock(&src->lock);
	return fs;
}

void fs_context_get(struct fs_context *fs)
{
	__atomic_fetch_add(&fs->refs, 1, __ATOMIC_RELAXED);
}

void fs_context_put(struct fs_context *fs)
{
	if (__atomic_sub_fetch(&fs->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	vnode_put(fs->root);
	vnode_put(fs->cwd);
	kfree(fs);
}

static struct fs_context *current_context(void)
{
	struct proc *p = curproc();

	return p != NULL ? p->fs : NULL;
}

static struct vnode *get_vnode(bool cwd)
{
	struct fs_context *fs = current_context();
	struct vnode *vn;

	if (fs == NULL) {
		vnode_get(vfs_root_vnode);
		return vfs_root_vnode;
	}
	spin_lock(&fs->lock);
	vn = cwd ? fs->cwd : fs->root;
	vnode_get(vn);
	spin_unlock(&fs->lock);
	return vn;
}

struct vnode *fs_root(void)
{
	return get_vnode(false);
}

struct vnode *fs_cwd(void)
{
	return get_vnode(true);
}

uint32_t fs_umask(void)
{
	struct fs_context *fs = current_context();

	return fs != NULL ? READ_ONCE(fs->umask) : 0;
}

static void set_vnode(struct vnode **where, struct vnode *vn)
{
	struct fs_context *fs = current_context();
	struct vnode *old;

	spin_lock(&fs->lock);
	old = *where;
	*where = vn;
	spin_unlock(&fs->lock);
	vnode_put(old);
}

void fs_set_cwd(struct vnode *vn)
{
	set_vnode(&current_context()->cwd, vn);
}

void fs_set_root(struct vnode *vn)
{
	set_vnode(&current_context()->root, vn);
}
