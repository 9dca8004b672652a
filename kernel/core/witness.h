/* SPDX-License-Identifier: BSD-2-Clause
 * The lock checker of debug builds; without DEBUG all of this is nothing. Called by spinlock.c and
 * mutex.c only, except witness_user_return().
 *
 * `site` is the return address of the call that takes the lock. check comes before waiting for the
 * lock, so that a deadlock is reported instead of suffered; acquired and released keep the lists of
 * what a CPU (spin locks) and a thread (mutexes) hold.
 */
#ifndef KERNEL_CORE_WITNESS_H
#define KERNEL_CORE_WITNESS_H

#include "kernel/core/types.h"

struct spinlock;
struct mutex;

#define WITNESS_SITE ((uintptr_t)__builtin_return_address(0))

#ifdef DEBUG
/* `nested`: another lock of the same class may be held, the caller keeps an order among them. */
void witness_check_spin(const struct spinlock *l, bool nested, uintptr_t site);
void witness_acquired_spin(const struct spinlock *l);
void witness_released_spin(const struct spinlock *l);
void witness_check_mutex(const struct mutex *m, bool nested, uintptr_t site);
void witness_acquired_mutex(const struct mutex *m);
void witness_released_mutex(const struct mutex *m);
/* Panics if the caller may not sleep here. */
void witness_check_sleep(void);
/* The current thread is about to return to user mode: panics if it holds anything. */
void witness_user_return(void);
#else
static inline void witness_check_spin(const struct spinlock *l, bool nested, uintptr_t site)
{
}
static inline void witness_acquired_spin(const struct spinlock *l)
{
}
static inline void witness_released_spin(const struct spinlock *l)
{
}
static inline void witness_check_mutex(const struct mutex *m, bool nested, uintptr_t site)
{
}
static inline void witness_acquired_mutex(const struct mutex *m)
{
}
static inline void witness_released_mutex(const struct mutex *m)
{
}
static inline void witness_check_sleep(void)
{
}
static inline void witness_user_return(void)
{
}
#endif

#endif
