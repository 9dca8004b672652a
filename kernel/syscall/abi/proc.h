/* SPDX-License-Identifier: BSD-2-Clause
 * Constants and structures of process system calls, as Linux 6.1 has them.
 */
#ifndef KERNEL_SYSCALL_ABI_PROC_H
#define KERNEL_SYSCALL_ABI_PROC_H

#include "kernel/core/types.h"

#define CSIGNAL              0x000000ff
#define CLONE_VM             0x00000100
#define CLONE_FS             0x00000200
#define CLONE_FILES          0x00000400
#define CLONE_SIGHAND        0x00000800
#define CLONE_VFORK          0x00004000
#define CLONE_PARENT         0x00008000
#define CLONE_THREAD         0x00010000
#define CLONE_SYSVSEM        0x00040000
#define CLONE_SETTLS         0x00080000
#define CLONE_PARENT_SETTID  0x00100000
#define CLONE_CHILD_CLEARTID 0x00200000
#define CLONE_DETACHED       0x00400000
#define CLONE_UNTRACED       0x00800000
#define CLONE_CHILD_SETTID   0x01000000
#define CLONE_IO             0x80000000
#define CLONE_CLEAR_SIGHAND  0x100000000ull
#define CLONE_ARGS_SIZE_VER0 64

#define RLIMIT_CPU        0
#define RLIMIT_FSIZE      1
#define RLIMIT_DATA       2
#define RLIMIT_STACK      3
#define RLIMIT_CORE       4
#define RLIMIT_NPROC      6
#define RLIMIT_NOFILE     7
#define RLIMIT_SIGPENDING 11
#define RLIMIT_NICE       13
#define RLIMIT_AS         9
#define RLIM_NLIMITS      16

#define NICE_MIN (-20)
#define NICE_MAX 19

#define SCHED_NORMAL         0
#define SCHED_FIFO           1
#define SCHED_RR             2
#define SCHED_BATCH          3
#define SCHED_IDLE           5
#define SCHED_DEADLINE       6
#define SCHED_RESET_ON_FORK  0x40000000
#define SCHED_PRIO_MAX       99
#define SCHED_RUNTIME_MIN    1024 /* ns, of SCHED_DEADLINE */
#define SCHED_ATTR_SIZE_VER0 48

#define SCHED_FLAG_RESET_ON_FORK 0x01
#define SCHED_FLAG_KEEP_POLICY   0x08
#define SCHED_FLAG_KEEP_PARAMS   0x10
#define SCHED_FLAG_UTIL_CLAMP    0x60
#define SCHED_FLAG_ALL           0x7f

struct abi_sched_attr { /* struct sched_attr, version 1 */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period; /* ns */
	uint32_t util_min, util_max;
};

#define P_ALL  0
#define P_PID  1
#define P_PGID 2

#define PR_SET_PDEATHSIG       1
#define PR_GET_PDEATHSIG       2
#define PR_GET_DUMPABLE        3
#define PR_SET_DUMPABLE        4
#define PR_GET_KEEPCAPS        7
#define PR_SET_NAME            15
#define PR_GET_NAME            16
#define PR_GET_SECCOMP         21
#define PR_CAPBSET_READ        23
#define PR_GET_SECUREBITS      27
#define PR_SET_CHILD_SUBREAPER 36
#define PR_GET_CHILD_SUBREAPER 37
#define PR_SET_NO_NEW_PRIVS    38
#define PR_GET_NO_NEW_PRIVS    39

#define CAP_LAST_CAP               40
#define CAP_FULL_SET               ((2ull << CAP_LAST_CAP) - 1)
#define LINUX_CAPABILITY_VERSION_1 0x19980330
#define LINUX_CAPABILITY_VERSION_2 0x20071026
#define LINUX_CAPABILITY_VERSION_3 0x20080522

struct abi_cap_header {
	uint32_t version;
	int32_t pid;
};

struct abi_cap_data {
	uint32_t effective, permitted, inheritable;
};

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1

#define PRIO_PROCESS 0
#define PRIO_USER    2

#define LINUX_REBOOT_MAGIC1        0xfee1dead
#define LINUX_REBOOT_MAGIC2        0x28121969
#define LINUX_REBOOT_MAGIC2A       0x05121996
#define LINUX_REBOOT_MAGIC2B       0x16041998
#define LINUX_REBOOT_MAGIC2C       0x20112000
#define LINUX_REBOOT_CMD_RESTART   0x01234567
#define LINUX_REBOOT_CMD_HALT      0xcdef0123
#define LINUX_REBOOT_CMD_CAD_ON    0x89abcdef
#define LINUX_REBOOT_CMD_CAD_OFF   0
#define LINUX_REBOOT_CMD_POWER_OFF 0x4321fedc

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2
#define GRND_INSECURE 4

#define SYS_NMLN 65

struct utsname {
	char sysname[SYS_NMLN], nodename[SYS_NMLN], release[SYS_NMLN], version[SYS_NMLN],
		machine[SYS_NMLN], domainname[SYS_NMLN];
};

/* set_thread_area(2), clone's TLS argument on i386. */
struct user_desc {
	uint32_t entry_number;
	uint32_t base_addr;
	uint32_t limit;
	uint32_t seg_32bit : 1;
	uint32_t contents : 2;
	uint32_t read_exec_only : 1;
	uint32_t limit_in_pages : 1;
	uint32_t seg_not_present : 1;
	uint32_t useable : 1;
};

struct abi_clone_args { /* clone3(2) */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};

struct abi_sysinfo {
	long uptime;
	unsigned long loads[3];
	unsigned long totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	unsigned long totalhigh, freehigh;
	uint32_t mem_unit;
#ifdef __i386__
	char pad2[8];
#endif
};

#endif
