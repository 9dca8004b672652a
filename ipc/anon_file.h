/* SPDX-License-Identifier: BSD-2-Clause
 * Files that are no place in any file system: eventfd, timerfd, signalfd, epoll (Linux's anonymous inodes).
 */
#ifndef IPC_ANON_FILE_H
#define IPC_ANON_FILE_H

#include "fs/file.h"

/* A new descriptor of the calling process for a file with these operations and data. flags: O_CLOEXEC,
 * O_NONBLOCK. name: "anon_inode:[...]", as /proc/PID/fd shows it. The descriptor or -EMFILE, -ENOMEM;
 * on failure nothing was released. */
int anon_file_install(const struct file_ops *ops, void *data, unsigned flags, const char *name);
/* file_ops.getattr of all of them. */
int anon_file_getattr(struct file *f, struct kstat *st);

/* What the system calls of the same names do with values copied in; descriptors or -errno. */
int eventfd_create(unsigned count, bool semaphore, unsigned flags);
int timerfd_create(int clock, unsigned flags);
/* 0 or -EINVAL: f is no timerfd. Times in ns; value 0: disarmed; old may be NULL. */
struct timerfd_spec {
	uint64_t value, interval;
};
int timerfd_set(
	struct file *f, bool absolute, const struct timerfd_spec *spec, struct timerfd_spec *old);
int timerfd_get(struct file *f, struct timerfd_spec *cur);
int signalfd_create(uint64_t mask, unsigned flags);
/* Another mask for an existing one; -EINVAL: f is none. */
int signalfd_set_mask(struct file *f, uint64_t mask);

#endif
