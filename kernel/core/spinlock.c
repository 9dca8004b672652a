/* SPDX-License-Identifier: BSD-2-Clause
 * Spin locks: an exchange that waits by reading, so that the line is shared while it is held.
 *
 * Interrupts go off before the lock is tried and come back when the CPU's outermost one is released:
 * an interrupt handler that wants the lock of the code it interrupted would wait for ever. The flag
 * is kept per CPU, not per lock, so locks may be released in any order. That works because nobody
 * changes threads with a spin lock held.
 *
 * Barriers: taking the lock is an atomic exchange (acquire), giving it back a plain store, which
 * x86 does not move before earlier accesses (Intel SDM 3A 8.2.2).
 */
#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/timer.h"
#include "kernel/core/witness.h"

void spin_init(struct spinlock *l, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(name);
}

bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->locked) != 0 && READ_ONCE(l->owner) == this_cpu_id() + 1;
}

static bool try_once(struct spinlock *l)
{
	return __atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE) == 0;
}

#define STUCK_NS    (30 * NSEC_PER_SEC)
#define STUCK_CHECK (1u << 20)

/* Waits till the lock looks free. A debug build gives up in the end: the holder is lost. */
static NOINLINE void wait_free(const struct spinlock *l)
{
#ifdef DEBUG
	uint64_t start = clock_monotonic_ns();
#endif
	for (unsigned spins = 1; READ_ONCE(l->locked) != 0; spins++) {
		cpu_relax();
#ifdef DEBUG
		if (spins % STUCK_CHECK == 0 && clock_monotonic_ns() - start > STUCK_NS)
			panic("spin lock %s: held by cpu %d for too long", l->name,
				(int)READ_ONCE(l->owner) - 1);
#endif
	}
}

static void count_held(struct cpu *c, uintptr_t flags)
{
	if (c->spin_depth++ == 0)
		c->spin_flags = flags;
}

static ALWAYS_INLINE void lock_at(struct spinlock *l, bool nested, uintptr_t site)
{
	uintptr_t flags = irq_save();
	struct cpu *c = this_cpu();

	witness_check_spin(l, nested, site);
	while (unlikely(!try_once(l)))
		wait_free(l);
	count_held(c, flags);
	WRITE_ONCE(l->owner, c->id + 1);
	witness_acquired_spin(l);
}

void spin_lock(struct spinlock *l)
{
	lock_at(l, false, WITNESS_SITE);
}

bool spin_trylock(struct spinlock *l)
{
	uintptr_t flags = irq_save();
	struct cpu *c = this_cpu();

	if (!try_once(l)) {
		irq_restore(flags);
		return false;
	}
	count_held(c, flags);
	WRITE_ONCE(l->owner, c->id + 1);
	witness_acquired_spin(l);
	return true;
}

void spin_unlock(struct spinlock *l)
{
	struct cpu *c = this_cpu();
	uintptr_t flags = c->spin_flags;

	KASSERT(l->locked, "%s released twice", l->name);
	KASSERT(spin_held(l), "%s released by cpu %u, held by cpu %u", l->name, c->id,
		l->owner - 1);
	witness_released_spin(l);
	WRITE_ONCE(l->owner, 0);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	/* From here on the lock may be gone: its new owner is free to destroy it. */
	if (--c->spin_depth == 0)
		irq_restore(flags);
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	struct spinlock *first = a < b ? a : b, *second = a < b ? b : a;

	lock_at(first, false, WITNESS_SITE);
	if (first != second)
		lock_at(second, true, WITNESS_SITE);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}
