/* SPDX-License-Identifier: BSD-2-Clause
 * Linux's error numbers (the same on i386 and amd64). Kernel functions return them negative.
 */
#ifndef KERNEL_CORE_ERRNO_H
#define KERNEL_CORE_ERRNO_H

#include "kernel/syscall/abi/errno.h"

/* Functions that return a pointer return NULL on failure where only one failure is possible, else
 * an error folded into the pointer by ERR_PTR(). The last page of the address space is never mapped. */
#define ERR_PTR(err) ((void *)(intptr_t)(err))
#define PTR_ERR(ptr) ((int)(intptr_t)(ptr))
#define IS_ERR(ptr)  ((uintptr_t)(ptr) >= (uintptr_t)-4095)

/* Internal, never seen by user space: a system call that a signal interrupted before it had any
 * effect. Delivery turns it into a restart or EINTR (man 7 signal). */
#define ERESTARTSYS           512 /* restart if SA_RESTART, else EINTR */
#define ERESTARTNOINTR        513 /* always restart */
#define ERESTARTNOHAND        514 /* restart only if no handler runs, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* as above, by restart_syscall(2): struct syscall_restart */

static inline int syscall_wants_restart(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK;
}

#endif
