/* SPDX-License-Identifier: BSD-2-Clause
 * System V shared memory segments. Each is a vm_object that an id and perhaps a key lead to; it outlives the
 * processes that made and used it until somebody removes it (man 7 sysvipc). Thread context; all may sleep.
 */
#ifndef IPC_SHM_H
#define IPC_SHM_H

#include "kernel/core/types.h"

#define SHMMNI 4096                 /* segments at most */
#define SHMMAX (~0ul - (1ul << 24)) /* bytes of one */
#define SHMALL (~0ul - (1ul << 24)) /* pages of all */

struct shm_perm {
	int key;
	uint32_t uid, gid, cuid, cgid;
	unsigned mode; /* permissions, SHM_DEST, SHM_LOCKED */
	unsigned seq;
};

struct shm_status {
	struct shm_perm perm;
	size_t size;
	uint64_t atime, dtime, ctime; /* seconds */
	int cpid, lpid;
	unsigned long nattch; /* mappings */
	int id;
};

/* The id, or -EEXIST, -ENOENT, -EINVAL, -EACCES, -ENOSPC, -ENOMEM. */
int shm_get(int key, size_t size, unsigned flags);
/* The address, or -EINVAL, -EACCES, -EIDRM, -ENOMEM. */
intptr_t shm_attach(int id, vaddr_t addr, unsigned flags);
int shm_detach(vaddr_t addr); /* -EINVAL: nothing begins there */
/* -EINVAL, -EIDRM; -EACCES: not readable to the caller. by_index: `id` is a place in the table, anyone_may: as
 * SHM_STAT_ANY. */
int shm_stat(int id, bool by_index, bool anyone_may, struct shm_status *st);
/* Owner, creator and root only, else -EPERM. */
int shm_set(int id, uint32_t uid, uint32_t gid, unsigned mode);
int shm_remove(int id);
int shm_lock(int id, bool lock);
/* Sums: segments, pages of them, pages in memory; returns the highest index in use, 0 when there is none. */
int shm_usage(unsigned *segments, unsigned long *pages, unsigned long *resident);

#endif
