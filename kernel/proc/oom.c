/* SPDX-License-Identifier: BSD-2-Clause
 * Memory is out: the process that has the most of it is killed, and whoever wants a page waits till
 * it has given its pages back. One victim at a time; another is chosen when it has not gone within
 * OOM_PATIENCE. Process 1 is never chosen.
 *
 * oom_mutex is held by who looks for a victim, so that two do not choose two; oom_lock, a leaf,
 * protects who the victim is.
 */
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "mm/vm_cache.h"

#define MS            1000000ull
#define OOM_PATIENCE  (2000 * MS)
#define OOM_POLL      (10 * MS)
#define RECLAIM_PAGES 256
#define OOM_NEVER     (-1000)
#define OOM_MAX_TRIES 100 /* waits without a victim before a caller gives up */

static struct mutex oom_mutex = MUTEX_INIT(oom_mutex, "oom_mutex");
static struct spinlock oom_lock = SPINLOCK_INIT("oom");
static struct proc *victim; /* with a reference */
static uint64_t victim_since;
static struct waitq nap = WAITQ_INIT(nap); /* nobody wakes it: sleeps end by their deadline */

struct choice {
	struct proc *proc;
	uint64_t resident; /* badness() */
	uint64_t total;    /* pages there are */
};

static uint64_t resident_pages(struct proc *p)
{
	uint64_t n = 0;

	spin_lock(&proc_lock);
	if (p->state == PROC_ALIVE && p->vm != NULL)
		n = p->vm->pmap->resident + p->vm->pmap->table_pages;
	spin_unlock(&proc_lock);
	return n;
}

/* Resident pages, more or less as the process's oom_score_adj has it; 0: it is not to be killed. */
static uint64_t badness(struct proc *p, uint64_t total)
{
	int adj = READ_ONCE(p->oom_score_adj);
	int64_t n = (int64_t)resident_pages(p);

	if (n == 0 || p->pid == 1 || adj == OOM_NEVER)
		return 0;
	return (uint64_t)MAX(n + adj * (int64_t)total / 1000, (int64_t)1);
}

int oom_score(struct proc *p)
{
	struct page_stats st;
	int64_t n;

	page_stats(&st);
	if (p->pid == 1 || READ_ONCE(p->oom_score_adj) == OOM_NEVER || st.total == 0)
		return 0;
	n = (int64_t)badness(p, st.total) * 1000 / (int64_t)st.total;
	return (int)((1000 + n) * 2 / 3); /* Linux: an ordinary process has 666 */
}

static bool consider(struct proc *p, void *arg)
{
	struct choice *best = arg;
	uint64_t n = p != READ_ONCE(victim) ? badness(p, best->total) : 0;

	if (n > best->resident) {
		if (best->proc != NULL)
			proc_put(best->proc);
		proc_get(p);
		best->proc = p;
		best->resident = n;
	}
	return true;
}

/* Takes over the reference on p. */
static void set_victim(struct proc *p)
{
	struct proc *old;

	spin_lock(&oom_lock);
	old = victim;
	victim = p;
	victim_since = clock_monotonic_ns();
	spin_unlock(&oom_lock);
	if (old != NULL)
		proc_put(old);
}

bool oom_kill(void)
{
	struct choice best = { NULL, 0, 0 };
	struct page_stats st;

	page_stats(&st);
	best.total = st.total;
	proc_for_each(consider, &best);
	if (best.proc == NULL)
		return false;
	klog(LOG_ERR, "out of memory: killed process %d (%s), %llu KiB resident", best.proc->pid,
		best.proc->name,
		(unsigned long long)resident_pages(best.proc) * (PAGE_SIZE / 1024));
	signal_proc(best.proc, SIGKILL, NULL);
	set_victim(best.proc);
	return true;
}

/* Is somebody dying already whose pages are worth waiting for. */
static bool victim_pending(void)
{
	bool pending;

	spin_lock(&oom_lock);
	pending = victim != NULL && READ_ONCE(victim->state) == PROC_ALIVE &&
		  clock_monotonic_ns() - victim_since < OOM_PATIENCE;
	spin_unlock(&oom_lock);
	return pending;
}

static bool being_killed(void)
{
	return READ_ONCE(curthread()->sig_fatal);
}

bool vm_wait_memory(unsigned *tries)
{
	bool hope;

	if (being_killed())
		return false;
	if (vm_cache_make_room(RECLAIM_PAGES) > 0) {
		*tries = 0;
		return true;
	}
	mutex_lock(&oom_mutex);
	hope = victim_pending() || oom_kill();
	mutex_unlock(&oom_mutex);
	if (being_killed())
		return false;
	*tries = hope ? 0 : *tries + 1;
	if (*tries > OOM_MAX_TRIES)
		return false;
	(void)WAIT_EVENT(&nap, false, WAIT_KILLABLE, clock_monotonic_ns() + OOM_POLL);
	return true;
}
