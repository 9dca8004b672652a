/* SPDX-License-Identifier: BSD-2-Clause
 * Structures of signal system calls. Numbers and flags: kernel/proc/signal.h.
 */
#ifndef KERNEL_SYSCALL_ABI_SIGNAL_H
#define KERNEL_SYSCALL_ABI_SIGNAL_H

#include "kernel/core/types.h"

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

struct abi_old_sigaction { /* i386 sigaction(2) */
	unsigned long handler;
	unsigned long mask;
	unsigned long flags;
	unsigned long restorer;
};

struct abi_stack {
	unsigned long sp;
	int flags;
	unsigned long size;
};

struct abi_signalfd_siginfo { /* signalfd(2) */
	uint32_t signo;
	int32_t err, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, int_value;
	uint64_t ptr, utime, stime, addr;
	uint16_t addr_lsb, pad2;
	int32_t syscall;
	uint64_t call_addr;
	uint32_t arch;
	uint8_t pad[28];
};

struct abi_sigevent { /* timer_create(2) */
	unsigned long value;
	int signo, notify, tid;
	uint8_t pad[64 - 3 * sizeof(int) - sizeof(long)];
};

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4

#endif
