/* SPDX-License-Identifier: BSD-2-Clause
 * Advisory locks: flock(2), whose owner is the open file, and fcntl(2)'s record locks, whose owner is
 * the descriptor table (a process).
 */
#ifndef FS_LOCK_H
#define FS_LOCK_H

#include "kernel/core/types.h"

struct fd_table;
struct file;

struct lock_range {
	uint64_t start, end; /* end exclusive; UINT64_MAX: whatever the file grows to */
	int type;            /* F_RDLCK, F_WRLCK, F_UNLCK */
	int pid;
};

/* Sets or removes a lock of `owner` (the file for flock, the table for fcntl). May sleep when `wait`.
 * 0, -EAGAIN, -ERESTARTSYS, -ENOMEM. */
int lock_set(struct file *f, const void *owner, const struct lock_range *r, bool wait);
/* The first lock that `r` would run into, in *r; else r->type becomes F_UNLCK. */
void lock_test(struct file *f, const void *owner, struct lock_range *r);
/* A descriptor is closed: the process loses its record locks of that file (man 2 fcntl). */
void lock_release_owner(struct file *f, const void *owner);
/* The open file is gone: its flock. */
void lock_release_file(struct file *f);

#endif
