/* SPDX-License-Identifier: BSD-2-Clause
 * Spin locks. Taking one disables interrupts on this CPU until the outermost is released, so every
 * spin lock may be taken in interrupt handlers too. While one is held the CPU must not sleep, must
 * not touch user memory, and must not wait for another CPU (no TLB shootdown: tlb.h asserts it).
 *
 * The lock is test-and-test-and-set, not a ticket: under an emulator a ticket's next owner is
 * often a virtual CPU that the host has not scheduled, and everybody would wait for it.
 *
 * Debug builds check order by class (the `name` given at init): taking B while holding A records
 * A -> B, and a later B -> A panics (the witness, spinlock.c). Mutexes take part in the same check.
 */
#ifndef KERNEL_CORE_SPINLOCK_H
#define KERNEL_CORE_SPINLOCK_H

#include "kernel/core/types.h"

/* Debug builds have checks to make, and the host's tests their own locks (tests/host/host_core.c). */
#if defined(DEBUG) || __STDC_HOSTED__
#define SPIN_OUT_OF_LINE
#endif

struct spinlock {
	uint32_t locked;
	unsigned owner; /* debug builds: CPU id + 1 */
	const char *name;
};

#define SPINLOCK_INIT(name) \
	{                   \
		0, 0, name  \
	}

void spin_init(struct spinlock *l, const char *name); /* name: the lock's class, static storage */
/* For assertions: by this CPU; a release build only knows whether somebody has it. */
bool spin_held(const struct spinlock *l);

#ifdef SPIN_OUT_OF_LINE
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* Two locks of one class, in address order; a may be b. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);
#else
#include "kernel/core/spinlock_inline.h"
#endif

#endif
