/* SPDX-License-Identifier: BSD-2-Clause
 * Scheduling system calls. There is one policy (SCHED_OTHER) and no priorities: nice values are
 * kept and reported, as far as programs ask, and do not bias the run queues.
 */
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define PRIO_PROCESS 0
#define PRIO_USER    2

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

static bool may_schedule(const struct proc *target)
{
	const struct cred *c = &curproc()->cred;

	return c->euid == 0 || c->euid == target->cred.uid || c->euid == target->cred.euid;
}

/* Another thread exists for certain only while proc_lock is held; that it moves off its CPU need not
 * be waited for. */
static long set_affinity_of(int tid, struct cpumask mask)
{
	struct thread *t;
	long err = -ESRCH;

	spin_lock(&proc_lock);
	t = thread_find_locked(tid);
	if (t != NULL)
		err = may_schedule(t->proc) ? sched_set_affinity(t, mask) : -EPERM;
	spin_unlock(&proc_lock);
	return err;
}

long sys_sched_setaffinity(int tid, size_t len, vaddr_t umask)
{
	struct cpumask mask = CPUMASK_NONE;

	if (copy_from_user(&mask, umask, MIN(len, sizeof(mask))) != 0)
		return -EFAULT;
	if (tid == 0 || tid == curthread()->tid)
		return sched_set_affinity(curthread(), mask);
	return set_affinity_of(tid, mask);
}

long sys_sched_getaffinity(int tid, size_t len, vaddr_t umask)
{
	struct cpumask mask = CPUMASK_NONE;
	struct thread *t;

	if (len * 8 < ncpus || len % sizeof(long) != 0)
		return -EINVAL;
	spin_lock(&proc_lock);
	t = tid == 0 ? curthread() : thread_find_locked(tid);
	if (t != NULL)
		mask = cpumask_and(t->affinity, cpus_online);
	spin_unlock(&proc_lock);
	if (t == NULL)
		return -ESRCH;
	len = MIN(len, sizeof(mask));
	return copy_to_user(umask, &mask, len) != 0 ? -EFAULT : (long)len;
}

long sys_getcpu(vaddr_t ucpu, vaddr_t unode, vaddr_t unused)
{
	uint32_t cpu = this_cpu_id(), node = 0;

	if (ucpu != 0 && copy_to_user(ucpu, &cpu, sizeof(cpu)) != 0)
		return -EFAULT;
	return unode != 0 ? copy_to_user(unode, &node, sizeof(node)) : 0;
}

long sys_getpriority(int which, int who)
{
	struct proc *p;
	long nice;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which != PRIO_PROCESS || who == 0)
		return 20 - curproc()->nice;
	p = proc_find(who);
	if (p == NULL)
		return -ESRCH;
	nice = p->nice;
	proc_put(p);
	return 20 - nice;
}

long sys_setpriority(int which, int who, int nice)
{
	struct proc *p = curproc(), *target;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = MAX(-20, MIN(19, nice));
	target = which == PRIO_PROCESS && who != 0 ? proc_find(who) : p;
	if (target == NULL)
		return -ESRCH;
	if (nice < target->nice && p->cred.euid != 0) {
		if (target != p)
			proc_put(target);
		return -EACCES;
	}
	target->nice = nice;
	if (target != p)
		proc_put(target);
	return 0;
}

long sys_nice(int inc)
{
	int nice = curproc()->nice + MAX(-40, MIN(40, inc));

	return sys_setpriority(PRIO_PROCESS, 0, nice) == 0 ? 0 : -EPERM;
}

static long check_pid(int pid)
{
	bool found;

	if (pid < 0)
		return -EINVAL;
	spin_lock(&proc_lock);
	found = pid == 0 || thread_find_locked(pid) != NULL;
	spin_unlock(&proc_lock);
	return found ? 0 : -ESRCH;
}

long sys_sched_getscheduler(int pid)
{
	return check_pid(pid);
}

long sys_sched_getparam(int pid, vaddr_t uparam)
{
	int prio = 0;
	long err = uparam != 0 ? check_pid(pid) : -EINVAL;

	return err != 0 ? err : copy_to_user(uparam, &prio, sizeof(prio));
}

/* Real-time policies are refused: there is none here that would keep what they promise. */
long sys_sched_setscheduler(int pid, int policy, vaddr_t uparam)
{
	int prio;
	long err = check_pid(pid);

	if (err != 0)
		return err;
	if (copy_from_user(&prio, uparam, sizeof(prio)) != 0)
		return -EFAULT;
	return policy == 0 && prio == 0 ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(int policy)
{
	return policy == 0 ? 0 : -EINVAL;
}

long sys_sched_get_priority_min(int policy)
{
	return policy == 0 ? 0 : -EINVAL;
}
