/* SPDX-License-Identifier: BSD-2-Clause
 * Memory disks: /dev/md0 to /dev/md15.
 */
#ifndef FS_MD_H
#define FS_MD_H

#include "kernel/core/types.h"

struct textbuf;
struct proc;

#define MD_MAJOR 9
#define MD_UNITS 16

/* Makes the disks that the boot brought, in this order: QEMU's files opt/mayfly/md0... (tools/vm
 * --md), boot modules whose name begins with "md", empty ones of the sizes in md=SIZE[,SIZE...].
 * What cannot be made is a log line. Thread context, once, after the initramfs was unpacked. */
void md_init(void);

/* An empty disk; size in bytes, a multiple of 512. The unit, or -EINVAL (size), -ENOSPC (all units
 * taken),
 * -ENOMEM. Thread context. */
int md_create(uint64_t size);
/* Gives a disk's pages back. -ENXIO: there is none; -EBUSY: open or mounted. */
int md_destroy(unsigned unit);

/* /proc/md: a line for each disk; and "create SIZE", "destroy UNIT" written to it. */
int md_show(struct textbuf *tb, struct proc *p);
/* Their lines of /proc/partitions. */
int md_show_partitions(struct textbuf *tb, struct proc *p);
int md_command(const char *text, size_t len);

#endif
