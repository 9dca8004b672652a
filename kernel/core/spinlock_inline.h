/* SPDX-License-Identifier: BSD-2-Clause
 * Taking and giving back a spin lock. Release builds have it inline: calling costs more instructions than locking.
 * kernel/core/spinlock.c explains how it works. Nobody else includes this.
 */
#ifndef KERNEL_CORE_SPINLOCK_INLINE_H
#define KERNEL_CORE_SPINLOCK_INLINE_H

#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/spinlock.h"

void spin_wait_free(const struct spinlock *l); /* returns when it looks free */

/* These three: interrupts are off, `flags` says what they were. */
static ALWAYS_INLINE bool spin_try(struct spinlock *l)
{
	return __atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE) == 0;
}

static ALWAYS_INLINE void spin_count_held(uintptr_t flags)
{
	struct cpu *c = this_cpu();

	if (c->spin_depth++ == 0)
		c->spin_flags = flags;
}

static ALWAYS_INLINE void spin_take(struct spinlock *l, uintptr_t flags)
{
	while (unlikely(!spin_try(l)))
		spin_wait_free(l);
	spin_count_held(flags);
}

static ALWAYS_INLINE void spin_give(struct spinlock *l)
{
	struct cpu *c = this_cpu();

	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	/* From here on the lock may be gone: its new owner is free to destroy it. */
	if (--c->spin_depth == 0)
		irq_restore(c->spin_flags);
}

#ifndef SPIN_OUT_OF_LINE
static ALWAYS_INLINE void spin_lock(struct spinlock *l)
{
	spin_take(l, irq_save());
}

static ALWAYS_INLINE bool spin_trylock(struct spinlock *l)
{
	uintptr_t flags = irq_save();
	bool taken = spin_try(l);

	if (taken)
		spin_count_held(flags);
	else
		irq_restore(flags);
	return taken;
}

static ALWAYS_INLINE void spin_unlock(struct spinlock *l)
{
	spin_give(l);
}

/* Two locks, in address order; a may be b. */
static inline void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_lock(a < b ? a : b);
	if (a != b)
		spin_lock(a < b ? b : a);
}

static inline void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}
#endif

#endif
