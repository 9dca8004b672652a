/* SPDX-License-Identifier: BSD-2-Clause
 * Advisory locks: flock(2), whose owner is the open file, and fcntl(2)'s record locks, whose owner is
 * the descriptor table (a process) or, for open file description locks, the open file.
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

/* Whose a lock is. Locks of the two kinds of ranges see each other, a flock sees only its like. */
struct lock_owner {
	const void *who; /* LOCK_FLOCK, LOCK_OFD: the open file; LOCK_POSIX: the descriptor table */
	enum lock_kind { LOCK_FLOCK, LOCK_POSIX, LOCK_OFD } kind;
};

/* Sets or removes a lock. May sleep when `wait`. 0, -EAGAIN, -ERESTARTSYS, -ENOMEM; -EDEADLK: a process would wait,
 * by way of others, for itself. */
int lock_set(struct file *f, struct lock_owner owner, const struct lock_range *r, bool wait);
/* The first lock that `r` would run into, in *r (pid -1: an open file's); else r->type becomes F_UNLCK. */
void lock_test(struct file *f, struct lock_owner owner, struct lock_range *r);
/* A descriptor is closed: the process loses its record locks of that file (man 2 fcntl). */
void lock_release_table(struct file *f, const struct fd_table *t);
/* The open file is gone, and what it had. */
void lock_release_file(struct file *f);

#endif
