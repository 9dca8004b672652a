/* SPDX-License-Identifier: BSD-2-Clause
 * System calls. kernel/syscall/table_{amd64,i386}.h lists number, name and function, one
 * SYSCALL(nr, name, function) a line; dispatch.c makes the table. A function takes up to six register-wide
 * arguments and returns the result or a negative errno. Pointers into user memory are vaddr_t.
 * 64-bit arguments of i386 come in two registers: such calls have an i386 wrapper (sys_*_i386).
 */
#ifndef KERNEL_SYSCALL_SYSCALL_H
#define KERNEL_SYSCALL_SYSCALL_H

#include "kernel/core/errno.h"
#include "kernel/core/types.h"

/* Structures and constants of the ABI: kernel/syscall/abi/ (one header an area: fs.h, mm.h, time.h, signal.h,
 * proc.h, tty.h, poll.h). Each thin file sys_*.c declares its functions in sys_*.h or sysproto.h. */

/* struct itimerspec to and from user space (sys_ptimer.c); `wide`: the 64-bit form of i386's time64 calls.
 * 0 or -EFAULT. */
struct abi_itimerspec64;
struct abi_timespec64;
int get_itimerspec(vaddr_t uts, struct abi_itimerspec64 *out, bool wide);
int put_itimerspec(vaddr_t uts, const struct abi_itimerspec64 *in, bool wide);
/* A time in ns as struct timespec (sys_time.c). 0 or -EFAULT. */
int put_timespec(vaddr_t uts, uint64_t ns, bool wide);
/* False: it is none (man 2 clock_nanosleep, EINVAL). */
bool ts64_to_ns(const struct abi_timespec64 *ts, uint64_t *ns);
struct abi_timespec64 ns_to_ts64(uint64_t ns);

struct proc;
struct thread;
/* May the caller change how the process is scheduled: its owner or root (sys_sched.c). */
bool may_schedule(const struct proc *target);
/* May the caller give the thread this nice value though it is lower than its own (sys_nice.c). */
bool nice_within_limit(const struct thread *t, int nice);

/* Copies a path from user space into a buffer of PATH_MAX from a kmem cache; ERR_PTR(-EFAULT,
 * -ENAMETOOLONG, -ENOENT for "", -ENOMEM). Free with path_put(). */
char *path_get(vaddr_t upath);
/* The same, "" allowed (AT_EMPTY_PATH). */
char *path_get_empty_ok(vaddr_t upath);
void path_put(char *path);

#endif
