/* SPDX-License-Identifier: BSD-2-Clause
 * Robust futexes: a thread that ends holding locks leaves them marked, and wakes one that waits.
 *
 * The list is the thread's own, in its memory, and nothing in it can be believed: every link is fetched
 * with a check, the walk ends after ROBUST_LIST_LIMIT links, and a word is touched only if it says that
 * this thread owns it. The layout is Linux's struct robust_list_head: the first link, the distance from a
 * link to its lock word, and the lock that was being taken or given up when the thread ended. Bit 0 of a
 * link marks a lock with priority inheritance, whose waiters the kernel does not wake.
 */
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/futex.h"
#include "mm/uaccess.h"

#define FUTEX_WAITERS     0x80000000u
#define FUTEX_OWNER_DIED  0x40000000u
#define FUTEX_TID_MASK    0x3fffffffu
#define ROBUST_LIST_LIMIT 2048
#define LINK_PI           ((uintptr_t)1)

struct robust_head {
	uintptr_t next;
	intptr_t futex_offset;
	uintptr_t pending;
};

/* One lock. -errno: the walk had better end. */
static int owner_died(vaddr_t word, bool pi, bool pending, uint32_t tid)
{
	uint32_t val, seen;
	int err = word % sizeof(val) == 0 ? get_user_u32(&val, word) : -EINVAL;

	while (err == 0) {
		/* It died between giving up the lock and waking the next. */
		if (pending && !pi && (val & FUTEX_TID_MASK) == 0) {
			futex_wake(word, 1, FUTEX_BITSET_ANY, true);
			return 0;
		}
		if ((val & FUTEX_TID_MASK) != tid)
			return 0;
		seen = val;
		err = cmpxchg_user_u32(word, &seen, (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
		if (err == 0 && seen == val) {
			if (!pi && (val & FUTEX_WAITERS))
				futex_wake(word, 1, FUTEX_BITSET_ANY, true);
			return 0;
		}
		val = seen;
	}
	return err;
}

static int lock_died(uintptr_t link, const struct robust_head *head, bool pending, struct thread *t)
{
	vaddr_t word = (link & ~LINK_PI) + (uintptr_t)head->futex_offset;

	return owner_died(word, link & LINK_PI, pending, (uint32_t)t->tid);
}

void futex_exit_robust(struct thread *t)
{
	vaddr_t list = t->robust_list;
	struct robust_head head;
	uintptr_t link, next;

	t->robust_list = 0;
	if (list == 0 || copy_from_user(&head, list, sizeof(head)) != 0)
		return;
	link = head.next;
	for (unsigned n = 0; n < ROBUST_LIST_LIMIT && (link & ~LINK_PI) != list; n++) {
		/* First the way on: once the word is released, the lock may be freed. */
		int err = copy_from_user(&next, link & ~LINK_PI, sizeof(next));

		if ((link & ~LINK_PI) != (head.pending & ~LINK_PI) &&
			lock_died(link, &head, false, t) != 0)
			return;
		if (err != 0)
			break;
		link = next;
		sched_yield_if_needed();
	}
	if ((head.pending & ~LINK_PI) != 0)
		lock_died(head.pending, &head, true, t);
}
