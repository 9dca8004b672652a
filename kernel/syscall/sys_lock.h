/* SPDX-License-Identifier: BSD-2-Clause
 * The lock commands of fcntl(2), for sys_file.c.
 */
#ifndef KERNEL_SYSCALL_SYS_LOCK_H
#define KERNEL_SYSCALL_SYS_LOCK_H

#include "kernel/core/types.h"

struct file;

/* f is what descriptor fd is; wide: the argument is a struct flock64 of i386. 0 or -errno; may sleep. */
long fcntl_lock(struct file *f, int fd, unsigned cmd, vaddr_t uarg, bool wide);

#endif
