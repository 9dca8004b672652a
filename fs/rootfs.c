/* SPDX-License-Identifier: BSD-2-Clause
 * root=DEVICE (fs/rootfs.h). Runs once, in the boot thread, before there is a process.
 */
#include "fs/rootfs.h"
#include "fs/ext2_vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/syscall/abi/fs.h"

extern struct vnode
	*vfs_root_vnode; /* mount.c: the root of kernel threads and of the first process */

/* What is mounted on `path` in the old root moves to the same place in the new one. */
static void move(struct vnode *old, struct vnode *new, const char *path)
{
	struct vnode *from, *to;
	int err;

	err = vfs_mkdir(new, path, 0755);
	if (err == 0 || err == -EEXIST)
		err = vfs_lookup(new, path, LOOKUP_DIRECTORY, &to);
	if (err == 0) {
		err = vfs_lookup(old, path, LOOKUP_DIRECTORY, &from);
		if (err == 0) {
			err = mount_move(from->mount, to);
			vnode_put(from);
		}
		vnode_put(to);
	}
	if (err != 0)
		klog(LOG_ERR, "root: there will be no /%s: error %d", path, -err);
}

void rootfs_init(void)
{
	const char *source = option_get("root");
	struct vnode *old = vfs_root_vnode;
	struct mount *m;

	if (source == NULL)
		return;
	m = ext2_mount_new(source, 0);
	if (IS_ERR(m)) {
		klog(LOG_ERR, "root=%s cannot be mounted: error %d; the initramfs stays the root",
			source, -PTR_ERR(m));
		return;
	}
	move(old, m->root, "dev");
	move(old, m->root, "proc");
	mount_set_root(m);
	klog(LOG_INFO, "root: %s", source);
}
