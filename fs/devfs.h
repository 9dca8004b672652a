/* SPDX-License-Identifier: BSD-2-Clause
 * Character devices: drivers register a number and a name, devfs shows the names in /dev, and any
 * node of that number on any file system opens the driver's files.
 */
#ifndef FS_DEVFS_H
#define FS_DEVFS_H

#include "kernel/core/types.h"

struct file;
struct mount;
struct vnode;

/* `rdev`: dev_make(major, minor) (kernel/syscall/abi/fs.h); `mode`: permission bits, S_IFCHR unless a
 * type is given. `open` sets f->ops and f->data, or returns -ENXIO...; `arg` tells nodes of one driver
 * apart. `name` is static storage. After vfs_init(), or before for what belongs in the first /dev.
 * 0, -EEXIST, -ENOMEM. Thread context. */
int devfs_register(const char *name, uint32_t mode, uint64_t rdev,
	int (*open)(struct vnode *vn, struct file *f, void *arg), void *arg);
/* The `count` numbers from `rdev` on, character devices without names here. */
int devfs_register_range(
	uint64_t rdev, unsigned count, int (*open)(struct vnode *vn, struct file *f, void *arg));
/* open(2) of a device node: -ENXIO when nobody registered its number. */
int devfs_open(struct vnode *vn, struct file *f);
struct mount *devfs_mount_new(const char *source);
void devfs_init(void); /* null, zero, full, random, urandom */

#endif
