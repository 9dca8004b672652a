/* SPDX-License-Identifier: BSD-2-Clause
 * The pair of arguments (descriptor, path) of the *at calls, in kernel memory.
 */
#ifndef KERNEL_SYSCALL_AT_H
#define KERNEL_SYSCALL_AT_H

#include "kernel/core/types.h"

struct file;
struct vnode;

struct at {
	char *path;
	struct vnode *start; /* NULL: the working directory, or the path is absolute */
	struct file *file;   /* keeps start alive */
};

/* Copies the path and looks the descriptor up, unless the path is absolute or dfd is AT_FDCWD. `empty`:
 * "" is allowed (AT_EMPTY_PATH), and then any descriptor: `start` is NULL if it has no vnode. 0, -EFAULT, -ENAMETOOLONG,
 * -ENOENT, -ENOMEM, -EBADF, -ENOTDIR. On success call at_end(). */
int at_begin(struct at *at, int dfd, vaddr_t upath, bool empty);
void at_end(struct at *at);
/* The same and a lookup, -ENOTDIR without a vnode: *out referenced. `follow`: symlinks at the end. */
int at_lookup(int dfd, vaddr_t upath, bool empty, bool follow, struct vnode **out);

#endif
