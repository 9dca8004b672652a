/* SPDX-License-Identifier: BSD-2-Clause
 * Memory is out: the process that has the most of it is killed, and whoever wants a page waits till
 * it has given its pages back. One victim at a time; another is chosen when it has not gone within
 * OOM_PATIENCE. It is looked for in the process group that has the most; a group of very many is killed as a whole.
 * Process 1 is never chosen.
 *
 * oom_mutex is held by who looks for a victim, so that two do not choose two; oom_lock, a leaf,
 * protects who the victim is.
 */
#include "fs/file.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "mm/vm_cache.h"

#define MS             1000000ull
#define OOM_PATIENCE   (2000 * MS)
#define OOM_POLL       (10 * MS)
#define RECLAIM_PAGES  256
#define OOM_NEVER      (-1000)
#define GROUPS         256
#define BOMB_PROCS     32
#define ENTRIES_A_PAGE 40  /* vm_entries */
#define OOM_MAX_TRIES  100 /* waits without a victim before a caller gives up */

static struct mutex oom_mutex = MUTEX_INIT(oom_mutex, "oom_mutex");
static struct spinlock oom_lock = SPINLOCK_INIT("oom");
static struct proc *victim; /* with a reference */
static int victim_pgid;     /* != 0: all of that group were killed with it */
static uint64_t victim_since;
static struct waitq nap = WAITQ_INIT(nap); /* nobody wakes it: sleeps end by their deadline */

/* Who is to blame is found by process group, so that many small processes count as one large one. What does not fit
 * into the table is not blamed. oom_mutex. */
static struct group {
	int pgid; /* 0: a free entry */
	unsigned nprocs;
	uint64_t pages; /* badness() of them all */
	bool has_init;
} groups[GROUPS];

struct choice {
	int pgid;
	struct proc *proc; /* the one of that group that holds most, with a reference */
	uint64_t pages;    /* its badness() */
	uint64_t total;    /* pages there are */
};

/* Pages that come back when p goes, about: mapped, as page tables, in its files, as kernel objects. */
static uint64_t pages_held(struct proc *p)
{
	uint64_t n;

	spin_lock(&proc_lock);
	n = p->nthreads * (KSTACK_SIZE / PAGE_SIZE);
	if (p->state == PROC_ALIVE && p->vm != NULL)
		n += p->vm->pmap->resident + p->vm->pmap->table_pages +
		     p->vm->nentries / ENTRIES_A_PAGE;
	if (p->fds != NULL)
		n += fd_table_pages(p->fds);
	spin_unlock(&proc_lock);
	return n;
}

/* Pages held, more or less as the process's oom_score_adj has it; 0: it is not to be killed. */
static uint64_t badness(struct proc *p, uint64_t total)
{
	int adj = READ_ONCE(p->oom_score_adj);
	int64_t n = (int64_t)pages_held(p);

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

static struct group *group_of(int pgid)
{
	for (unsigned i = 0; i < GROUPS; i++) {
		struct group *g = &groups[((unsigned)pgid + i) % GROUPS];

		if (g->pgid == 0)
			g->pgid = pgid;
		if (g->pgid == pgid)
			return g;
	}
	return NULL;
}

static bool add_up(struct proc *p, void *total)
{
	struct group *g = p != READ_ONCE(victim) ? group_of(READ_ONCE(p->pgid)) : NULL;

	if (g == NULL)
		return true;
	if (p->pid == 1) {
		g->has_init = true;
		return true;
	}
	g->nprocs++;
	g->pages += badness(p, *(const uint64_t *)total);
	return true;
}

static struct group *largest_group(uint64_t total)
{
	struct group *best = &groups[0];

	memset(groups, 0, sizeof(groups));
	proc_for_each(add_up, &total);
	for (unsigned i = 1; i < GROUPS; i++)
		if (groups[i].pages > best->pages)
			best = &groups[i];
	return best->pages > 0 ? best : NULL;
}

static bool consider(struct proc *p, void *arg)
{
	struct choice *best = arg;
	uint64_t n;

	if (READ_ONCE(p->pgid) != best->pgid || p == READ_ONCE(victim))
		return true;
	n = badness(p, best->total);
	if (n > best->pages) {
		if (best->proc != NULL)
			proc_put(best->proc);
		proc_get(p);
		best->proc = p;
		best->pages = n;
	}
	return true;
}

/* Takes over the reference on p. */
static void set_victim(struct proc *p, int pgid)
{
	struct proc *old;

	spin_lock(&oom_lock);
	old = victim;
	victim = p;
	victim_pgid = pgid;
	victim_since = clock_monotonic_ns();
	spin_unlock(&oom_lock);
	if (old != NULL)
		proc_put(old);
}

/* More processes than anybody's pipeline has: a bomb, and one of them would be replaced at once. */
static bool is_bomb(const struct group *g)
{
	return g->nprocs > BOMB_PROCS && !g->has_init;
}

bool oom_kill(void)
{
	struct choice best = { 0, NULL, 0, 0 };
	struct page_stats st;
	struct group *g;

	page_stats(&st);
	best.total = st.total;
	g = largest_group(st.total);
	best.pgid = g != NULL ? g->pgid : 0;
	if (g != NULL)
		proc_for_each(consider, &best);
	if (best.proc == NULL)
		return false;
	if (is_bomb(g)) {
		klog(LOG_ERR, "out of memory: killed process group %d (%s), %u processes, %llu KiB",
			g->pgid, best.proc->name, g->nprocs,
			(unsigned long long)g->pages * (PAGE_SIZE / 1024));
		signal_pgrp(g->pgid, SIGKILL, NULL);
	} else {
		klog(LOG_ERR, "out of memory: killed process %d (%s), %llu KiB", best.proc->pid,
			best.proc->name,
			(unsigned long long)pages_held(best.proc) * (PAGE_SIZE / 1024));
		signal_proc(best.proc, SIGKILL, NULL);
	}
	set_victim(best.proc, is_bomb(g) ? g->pgid : 0);
	return true;
}

static bool is_leaving(struct proc *p, void *left)
{
	if (READ_ONCE(p->pgid) != victim_pgid || !READ_ONCE(p->exiting) ||
		READ_ONCE(p->state) != PROC_ALIVE)
		return true;
	*(bool *)left = true;
	return false;
}

/* Is somebody dying already whose pages are worth waiting for. oom_mutex held. */
static bool victim_pending(void)
{
	bool recent, left;

	spin_lock(&oom_lock);
	recent = victim != NULL && clock_monotonic_ns() - victim_since < OOM_PATIENCE;
	left = recent && READ_ONCE(victim->state) == PROC_ALIVE;
	spin_unlock(&oom_lock);
	if (recent && !left && victim_pgid != 0)
		proc_for_each(is_leaving, &left);
	return left;
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
