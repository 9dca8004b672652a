/* SPDX-License-Identifier: BSD-2-Clause
 * Fast user-space locking, man 2 futex.
 */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include "kernel/core/types.h"

/* Wakes up to n threads that wait at the user address with a matching bitset. How many, or -errno.
 * Thread context of the process that owns the address; may sleep. */
int futex_wake(vaddr_t uaddr, int n, uint32_t bitset);
/* Sleeps while *uaddr == val. 0, -EAGAIN (value differs), -ETIMEDOUT, -ERESTARTSYS, -EFAULT. */
int futex_wait(vaddr_t uaddr, uint32_t val, uint32_t bitset, uint64_t deadline);

void futex_init(void);

#endif
