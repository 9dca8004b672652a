/* SPDX-License-Identifier: BSD-2-Clause
 * The first file system: cpio archives that the boot loader or QEMU brought, unpacked into the root.
 */
#ifndef FS_INITRAMFS_H
#define FS_INITRAMFS_H

/* Unpacks the boot module that is the initramfs (PVH: the first; Multiboot2: the one whose name begins
 * with "initramfs" or "initrd", else the first) and gives its memory back, then QEMU's
 * opt/mayfly/initrd. A corrupt archive: a log line, and what was good stays. Thread context, after
 * vfs_init(). */
void initramfs_load(void);

#endif
