/* SPDX-License-Identifier: BSD-2-Clause
 * Nice values, a thread's each: getpriority(2), setpriority(2), nice(2). That they do not bias the run queues
 * is said in sys_sched.c, and who protects them.
 */
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

struct renice {
	int nice;
	long ret;
};

/* Calls fn for each thread that is meant; proc_lock held. */
static void for_meant(
	int which, int who, void (*fn)(struct thread *, struct renice *), struct renice *r)
{
	struct proc *p, *self = curproc();
	struct thread *t;

	if (which == PRIO_PROCESS) {
		t = who == 0 ? curthread() : thread_find_locked(who);
		if (t != NULL)
			fn(t, r);
		return;
	}
	if (who == 0)
		who = which == PRIO_PGRP ? self->pgid : (int)self->cred.uid;
	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (who != (which == PRIO_PGRP ? p->pgid : (int)p->cred.uid))
			continue;
		LIST_FOR_EACH (t, &p->threads, proc_link)
			fn(t, r);
	}
}

static void least(struct thread *t, struct renice *r)
{
	r->ret = MAX(r->ret, 20 - t->nice);
}

long sys_getpriority(int which, int who)
{
	struct renice r = { .ret = -ESRCH };

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	spin_lock(&proc_lock);
	for_meant(which, who, least, &r);
	spin_unlock(&proc_lock);
	return r.ret;
}

bool nice_within_limit(const struct thread *t, int nice)
{
	return (uint64_t)(20 - nice) <= t->proc->rlimits[RLIMIT_NICE].cur ||
	       curproc()->cred.euid == 0;
}

/* One that may not be changed does not spare the others, and is told. */
static void set(struct thread *t, struct renice *r)
{
	if (!may_schedule(t->proc)) {
		r->ret = -EPERM;
	} else if (r->nice < t->nice && !nice_within_limit(t, r->nice)) {
		r->ret = -EACCES;
	} else {
		t->nice = r->nice;
		if (r->ret == -ESRCH)
			r->ret = 0;
	}
}

long sys_setpriority(int which, int who, int nice)
{
	struct renice r = { MAX(NICE_MIN, MIN(NICE_MAX, nice)), -ESRCH };

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	spin_lock(&proc_lock);
	for_meant(which, who, set, &r);
	spin_unlock(&proc_lock);
	return r.ret;
}

long sys_nice(int inc)
{
	int nice = curthread()->nice + MAX(-40, MIN(40, inc));

	return sys_setpriority(PRIO_PROCESS, 0, nice) == 0 ? 0 : -EPERM;
}
