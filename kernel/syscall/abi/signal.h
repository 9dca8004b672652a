/* SPDX-License-Identifier: BSD-2-Clause
 * Structures of signal system calls. Numbers and flags: kernel/proc/signal.h.
 */
#ifndef KERNEL_SYSCALL_ABI_SIGNAL_H
#define KERNEL_SYSCALL_ABI_SIGNAL_H

#include "kernel/core/types.h"

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

struct abi_sigaction { /* rt_sigaction: what the kernel sees, not glibc's */
	unsigned long handler;
	unsigned long flags;
	unsigned long restorer;
	uint64_t mask;
};

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

#endif
