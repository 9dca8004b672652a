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
#include "kernel/core/log.h"
#include "kernel/core/spinlock_inline.h"
#include "kernel/core/timer.h"
#include "kernel/core/witness.h"

void spin_init(struct spinlock *l, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(name);
}

#define STUCK_NS    (30 * NSEC_PER_SEC)
#define STUCK_CHECK (1u << 20)

/* A debug build gives up in the end: the holder is lost. */
void spin_wait_free(const struct spinlock *l)
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

#ifndef DEBUG
bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->locked) != 0;
}
#else
bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->locked) != 0 && READ_ONCE(l->owner) == this_cpu_id() + 1;
}

static void taken(struct spinlock *l)
{
	WRITE_ONCE(l->owner, this_cpu_id() + 1);
	witness_acquired_spin(l);
}

static ALWAYS_INLINE void lock_at(struct spinlock *l, bool nested, uintptr_t site)
{
	uintptr_t flags = irq_save();

	witness_check_spin(l, nested, site);
	spin_take(l, flags);
	taken(l);
}

void spin_lock(struct spinlock *l)
{
	lock_at(l, false, WITNESS_SITE);
}

bool spin_trylock(struct spinlock *l)
{
	uintptr_t flags = irq_save();

	if (!spin_try(l)) {
		irq_restore(flags);
		return false;
	}
	spin_count_held(flags);
	taken(l);
	return true;
}

void spin_unlock(struct spinlock *l)
{
	KASSERT(l->locked, "%s released twice", l->name);
	KASSERT(spin_held(l), "%s released by cpu %u, held by cpu %u", l->name, this_cpu_id(),
		l->owner - 1);
	witness_released_spin(l);
	WRITE_ONCE(l->owner, 0);
	spin_give(l);
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
#endif
