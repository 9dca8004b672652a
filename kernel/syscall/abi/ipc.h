/* SPDX-License-Identifier: BSD-2-Clause
 * System V shared memory as Linux 6.1 has it (man 2 shmget, shmat, shmctl).
 */
#ifndef KERNEL_SYSCALL_ABI_IPC_H
#define KERNEL_SYSCALL_ABI_IPC_H

#include "kernel/core/types.h"

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000

#define IPC_RMID     0
#define IPC_SET      1
#define IPC_STAT     2
#define IPC_INFO     3
#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15
#define IPC_64       0x100 /* of i386's ipc(2): the structures below, not older ones */

#define SHM_HUGETLB   04000
#define SHM_NORESERVE 010000
#define SHM_RDONLY    010000
#define SHM_RND       020000
#define SHM_REMAP     040000
#define SHM_EXEC      0100000
#define SHM_DEST      01000 /* in ipc_perm.mode: goes with the last attachment */
#define SHM_LOCKED    02000

/* ipc(2), i386. */
#define IPCCALL_SHMAT  21
#define IPCCALL_SHMDT  22
#define IPCCALL_SHMGET 23
#define IPCCALL_SHMCTL 24

struct abi_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid;
#ifdef __x86_64__
	uint32_t mode;
#else
	uint16_t mode, pad1;
#endif
	uint16_t seq, pad2;
	unsigned long unused1, unused2;
};

struct abi_shmid_ds {
	struct abi_ipc_perm perm;
	size_t segsz;
#ifdef __x86_64__
	long atime, dtime, ctime;
#else
	unsigned long atime, atime_high, dtime, dtime_high, ctime, ctime_high;
#endif
	int32_t cpid, lpid;
	unsigned long nattch, unused4, unused5;
};

struct abi_shminfo {
	unsigned long shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};

struct abi_shm_info {
	int32_t used_ids;
	unsigned long shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

#endif
