/* SPDX-License-Identifier: BSD-2-Clause
 * The option root=.
 */
#ifndef FS_ROOTFS_H
#define FS_ROOTFS_H

/* root=/dev/md0: the disk's file system becomes the root, /dev and /proc move to its directories of
 * these names (which are made if they can be), and the init that is started is its own. What was
 * the root goes. When it cannot be mounted: a log line, and the initramfs stays. Boot thread, after
 * the initramfs and the disks are there. */
void rootfs_init(void);

#endif
