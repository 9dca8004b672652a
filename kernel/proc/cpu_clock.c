/* SPDX-License-Identifier: BSD-2-Clause
 * See kernel/proc/cpu_clock.h. Times are summed up from the threads under proc_lock, which protects the list of
 * alarms and the interval timers too; the tick that hits a thread of a process with any of these comes to
 * proc_cpu_tick().
 */
#include "kernel/proc/cpu_clock.h"

#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/abi/time.h"

/* Ids: all bits of the pid or tid (0: the caller) inverted above three bits that say what is meant. */
#define CPUCLOCK_TYPE   3 /* 0: user and system, 1: user, 2: as the scheduler counts */
#define CPUCLOCK_THREAD 4
#define CPUCLOCK_TYPES  3
#define CPUCLOCK_VIRT   1

static void thread_times(const struct thread *t, uint64_t *utime, uint64_t *stime)
{
	*utime = READ_ONCE(t->utime);
	*stime = READ_ONCE(t->stime);
	if (t == curthread())
		*stime += clock_monotonic_ns() - t->stamp;
}

void cpu_clock_process(const struct proc *p, uint64_t *utime, uint64_t *stime)
{
	proc_cpu_time(p, utime, stime);
	if (p == curproc())
		*stime += clock_monotonic_ns() - curthread()->stamp;
}

int cpu_clock_read_locked(const struct cpu_clock *c, uint64_t *ns)
{
	uint64_t utime, stime;

	if (c->thread) {
		struct thread *t = thread_find_locked(c->id);

		if (t == NULL)
			return -EINVAL;
		thread_times(t, &utime, &stime);
	} else {
		struct proc *p = proc_find_locked(c->id);

		if (p == NULL)
			return -EINVAL;
		cpu_clock_process(p, &utime, &stime);
	}
	*ns = c->user_only ? utime : utime + stime;
	return 0;
}

int cpu_clock_read(const struct cpu_clock *c, uint64_t *ns)
{
	int err;

	spin_lock(&proc_lock);
	err = cpu_clock_read_locked(c, ns);
	spin_unlock(&proc_lock);
	return err;
}

static bool exists(const struct cpu_clock *c)
{
	struct thread *t;
	bool found;

	spin_lock(&proc_lock);
	t = thread_find_locked(c->id);
	found = c->thread ? t != NULL && t->proc == curproc() : proc_find_locked(c->id) != NULL;
	spin_unlock(&proc_lock);
	return found;
}

int cpu_clock_find(int clock, struct cpu_clock *c)
{
	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID) {
		*c = (struct cpu_clock){ 0, clock == CLOCK_THREAD_CPUTIME_ID, false };
	} else if (clock < 0 && (clock & CPUCLOCK_TYPE) != CPUCLOCK_TYPES) {
		c->id = (int)(~(unsigned)clock >> 3);
		c->thread = clock & CPUCLOCK_THREAD;
		c->user_only = (clock & CPUCLOCK_TYPE) == CPUCLOCK_VIRT;
	} else {
		return -EINVAL;
	}
	if (c->id == 0)
		c->id = c->thread ? curthread()->tid : curproc()->pid;
	return exists(c) ? 0 : -EINVAL;
}

bool cpu_clock_is_own(const struct cpu_clock *c)
{
	return c->thread || c->id == curproc()->pid;
}

/* ---- Alarms ---- */

void cpu_clock_note(struct proc *p)
{
	WRITE_ONCE(p->cpu_itimers, p->virtual_timer.expires != 0 || p->prof_timer.expires != 0 ||
					   !list_empty(&p->cpu_alarms) ||
					   p->rlimits[RLIMIT_CPU].cur != UINT64_MAX);
}

void cpu_alarm_start(struct proc *p, struct cpu_alarm *a)
{
	KASSERT(spin_held(&proc_lock), "proc_lock");
	list_remove(&a->link);
	list_push_back(&p->cpu_alarms, &a->link);
	cpu_clock_note(p);
}

void cpu_alarm_stop(struct proc *p, struct cpu_alarm *a)
{
	KASSERT(spin_held(&proc_lock), "proc_lock");
	list_remove(&a->link);
	list_init(&a->link);
	cpu_clock_note(p);
}

/* One that fires may start itself anew, and is then not looked at again: the list's end is known before. */
static void check_alarms(struct proc *p)
{
	struct list due = LIST_INIT(due);
	struct cpu_alarm *a, *next;
	uint64_t now;

	LIST_FOR_EACH_SAFE (a, next, &p->cpu_alarms, link) {
		if (cpu_clock_read_locked(&a->clock, &now) != 0 || now < a->deadline)
			continue;
		list_remove(&a->link);
		list_push_back(&due, &a->link);
	}
	while (!list_empty(&due)) {
		a = list_first(&due, struct cpu_alarm, link);
		list_remove(&a->link);
		list_init(&a->link);
		a->fire(a);
	}
}

/* man 2 setrlimit: a signal a second from the soft limit on, the end at the hard one. */
static void check_limit(struct proc *p)
{
	static const struct ksiginfo info = { .code = SI_KERNEL };
	struct rlimit_pair *limit = &p->rlimits[RLIMIT_CPU];
	uint64_t utime, stime, seconds;

	if (limit->cur == UINT64_MAX)
		return;
	cpu_clock_process(p, &utime, &stime);
	seconds = (utime + stime) / NSEC_PER_SEC;
	if (seconds >= limit->max) {
		signal_proc_locked(p, SIGKILL, &info);
	} else if (seconds >= limit->cur) {
		limit->cur = seconds + 1;
		signal_proc_locked(p, SIGXCPU, &info);
	}
}

static void check_itimer(struct proc *p, struct cpu_itimer *it, uint64_t now, int sig)
{
	static const struct ksiginfo info = { .code = SI_KERNEL };

	if (it->expires == 0 || now < it->expires)
		return;
	it->expires = it->interval != 0 ? MAX(it->expires + it->interval, now + 1) : 0;
	signal_proc_locked(p, sig, &info);
}

void proc_cpu_tick(struct proc *p)
{
	uint64_t utime, stime;

	spin_lock(&proc_lock);
	cpu_clock_process(p, &utime, &stime);
	check_itimer(p, &p->virtual_timer, utime, SIGVTALRM);
	check_itimer(p, &p->prof_timer, utime + stime, SIGPROF);
	check_alarms(p);
	check_limit(p);
	cpu_clock_note(p);
	spin_unlock(&proc_lock);
}
