/* SPDX-License-Identifier: BSD-2-Clause
 * Fast user-space locking, man 2 futex and man 7 futex; robust lists, man 2 get_robust_list.
 *
 * All of these want thread context of the process that owns the address, and may sleep. `shared` says
 * that the word may lie in memory shared with other processes. As on Linux, waiters and wakers meet only
 * if they agree on that, even about a word of private memory.
 */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include "kernel/core/types.h"

struct thread;

#define FUTEX_BITSET_ANY 0xffffffffu

/* Wakes up to n threads (one at least, as Linux) that wait at the address with a matching bitset. How
 * many, or -EINVAL, -EFAULT. */
int futex_wake(vaddr_t uaddr, int n, uint32_t bitset, bool shared);
/* Sleeps while *uaddr == val. 0, -EAGAIN (value differs), -ETIMEDOUT, -ERESTARTSYS, -EFAULT, -EINVAL. */
int futex_wait(vaddr_t uaddr, uint32_t val, uint32_t bitset, bool shared, uint64_t deadline);
/* Wakes nwake of those that wait at `from` and moves up to nmove others to `to`, if *from == *expect
 * (NULL: whatever it is). How many were woken or moved, or -EAGAIN, -EFAULT, -EINVAL. */
int futex_requeue(
	vaddr_t from, vaddr_t to, int nwake, int nmove, bool shared, const uint32_t *expect);
/* FUTEX_WAKE_OP: applies `op` to *two, wakes n1 at `one`, and n2 at `two` if the old value passes
 * the test in `op`. How many, or -EFAULT, -EINVAL, -ENOSYS. */
int futex_wake_op(vaddr_t one, vaddr_t two, int n1, int n2, bool shared, uint32_t op);

/* futex_robust.c: the calling thread leaves its address space; marks the locks on its robust list as
 * those of a dead owner. */
void futex_exit_robust(struct thread *t);

void futex_init(void);

#endif
