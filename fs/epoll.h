/* SPDX-License-Identifier: BSD-2-Clause
 * epoll(7). Thread context; may sleep.
 */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H

#include "kernel/core/types.h"

struct file;

struct epoll_event { /* the ABI's, on both architectures */
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

enum epoll_op { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };

int epoll_create(unsigned flags); /* O_CLOEXEC or 0; the descriptor or -errno */
/* The three operations of epoll_ctl(2). Both files are held; fd is what the caller calls the second. 0,
 * -EINVAL (ep is none, or contradictory flags), -EPERM (cannot be polled), -ELOOP (is an epoll itself), -EEXIST,
 * -ENOENT, -ENOMEM. */
int epoll_ctl(
	struct file *ep, enum epoll_op op, struct file *f, int fd, const struct epoll_event *ev);
/* Waits until there is an event or the deadline (monotonic ns) has passed; writes up to max of them to
 * user memory. How many, -EINTR, -EINVAL, -EFAULT. */
int epoll_wait(struct file *ep, vaddr_t uevents, int max, uint64_t deadline);

/* file.c: the last reference is gone, but nothing is released yet. */
void epoll_file_gone(struct file *f);

#endif
