/* SPDX-License-Identifier: BSD-2-Clause
 * The pool of slots that the strategies draw from, and waiting for one.
 *
 * sf_pool.lock protects the pool; the two wait queues have locks of their own that order after it.
 */
#include "kernel/core/errno.h"
#include "mm/sf_impl.h"
#include "mm/sf_mutant.h"

struct sf_pool sf_pool = {
	.lock = SPINLOCK_INIT("sf_pool"),
	.free = LIST_INIT(sf_pool.free),
	.wait_one = WAITQ_INIT(sf_pool.wait_one),
	.wait_many = WAITQ_INIT(sf_pool.wait_many),
};

struct sf_buf *sf_pool_oldest(void)
{
	struct sf_buf *sf = list_first(&sf_pool.free, struct sf_buf, free_link);

	KASSERT(sf_pool.nfree > 0, "no slot is free");
	while (sf->refs > 0) { /* comes back to the list when it is free again */
		list_remove(&sf->free_link);
		sf = list_first(&sf_pool.free, struct sf_buf, free_link);
	}
	return sf;
}

void sf_pool_wake_ones(unsigned n)
{
	while (n-- > 0 && waitq_wake_one(&sf_pool.wait_one) > 0)
		;
}

void sf_pool_wake_waiting(unsigned n)
{
	sf_pool_wake_ones(n);
	waitq_wake_all(&sf_pool.wait_many);
}

void sf_pool_pass_on(void)
{
	if (READ_ONCE(sf_pool.nfree) > 0 && !MUTANT(pool_no_pass_on))
		sf_pool_wake(1);
}

int sf_pool_sleep(unsigned flags, bool many, bool (*ready)(void *arg), void *arg)
{
	struct waitq *wq = many ? &sf_pool.wait_many : &sf_pool.wait_one;
	enum wait_kind kind = flags & SFB_CATCH ? WAIT_INTR : WAIT_UNINTR; /* trap 5 */
	struct waiter w;
	int err = 0;

	if (MUTANT(pool_always_catches))
		kind = WAIT_INTR;
	if (flags & SFB_NOWAIT) {
		sf_count(flags, SF_NOWAIT_FAIL, 1);
		return -EAGAIN;
	}
	sf_count(flags, SF_WAIT, 1);
	sf_trace(SFT_WAIT, NULL, 0, NULL);
	wait_enter(wq, &w);
	while (!ready(arg) && (err = wait_sleep(kind, WAIT_FOREVER)) == 0)
		wait_again(&w);
	/* Trap 3: the slot this wake-up stood for is still there for the next in line. */
	if (wait_leave(&w) && err != 0 && !MUTANT(pool_lost_wakeup))
		sf_pool_wake(1);
	return err;
}

struct pool_wish {
	bool many;
	unsigned long frees; /* sf_pool.frees when there was nothing */
};

static bool pool_changed(void *arg)
{
	const struct pool_wish *wish = arg;
	bool changed;

	spin_lock(&sf_pool.lock);
	changed = wish->many ? sf_pool.frees != wish->frees : sf_pool.nfree > 0;
	spin_unlock(&sf_pool.lock);
	return changed;
}

int sf_pool_wait(unsigned flags, bool many)
{
	struct pool_wish wish = { many, sf_pool.frees };

	spin_unlock(&sf_pool.lock);
	return sf_pool_sleep(flags, many, pool_changed, &wish);
}

/* What the calling CPU does for a shootdown of n pages (mm/tlb.c). */
static void count_own(unsigned n, unsigned flags)
{
	if (n <= TLB_FULL_THRESHOLD)
		sf_count(flags, SF_INVLPG_LOCAL, n);
	else
		sf_count(flags, SF_FLUSH_LOCAL, 1);
}

void sf_shootdown(const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned flags)
{
	unsigned me = this_cpu_id();
	struct cpumask others = *mask;

	KASSERT(this_cpu()->spin_depth == 0, "shootdown under a spin lock");
	cpumask_clear(&others, me);
	if (cpumask_test(mask, me))
		count_own(n, flags);
	if (!cpumask_empty(&others))
		sf_count(flags, SF_IPI_ROUNDS, 1);
	sf_trace(SFT_SHOOT, NULL, va[0], mask);
	sf_count(flags, SF_IPI_SENT, tlb_shootdown_pages(mask, va, n));
	sf_trace(SFT_DONE, NULL, va[0], mask);
}

void sf_shootdown_lazy(const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned flags)
{
	unsigned asked, sent;

	if (cpumask_test(mask, this_cpu_id()))
		count_own(n, flags);
	sf_trace(SFT_SHOOT, NULL, va[0], mask);
	sent = tlb_shootdown_lazy(mask, va, n, &asked);
	sf_trace(SFT_DONE, NULL, va[0], mask);
	if (asked > 0) {
		sf_count(flags, SF_IPI_ROUNDS, 1);
		sf_count(flags, SF_IPI_SENT, sent);
	}
}
