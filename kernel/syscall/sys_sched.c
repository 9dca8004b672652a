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

/* Affinity of a thread of one's own process, or of another process's first thread. */
static struct thread *find_thread(int pid, struct proc **ref)
{
	struct proc *p = pid == 0 || pid == curthread()->tid ? curproc() : NULL;

	*ref = NULL;
	if (p != NULL)
		return curthread();
	p = proc_find(pid);
	if (p == NULL)
		return NULL;
	*ref = p;
	return p->state == PROC_ALIVE && !list_empty(&p->threads)
		       ? list_first(&p->threads, struct thread, proc_link)
		       : NULL;
}

long sys_sched_setaffinity(int pid, size_t len, vaddr_t umask)
{
	struct cpumask mask = CPUMASK_NONE;
	struct proc *ref;
	struct thread *t;
	long err = -ESRCH;

	if (copy_from_user(&mask, umask, MIN(len, sizeof(mask))) != 0)
		return -EFAULT;
	t = find_thread(pid, &ref);
	if (t != NULL && ref != NULL && curproc()->cred.euid != 0 &&
		curproc()->cred.euid != ref->cred.uid)
		err = -EPERM;
	else if (t != NULL)
		err = sched_set_affinity(t, mask);
	if (ref != NULL)
		proc_put(ref);
	return err;
}

long sys_sched_getaffinity(int pid, size_t len, vaddr_t umask)
{
	struct cpumask mask;
	struct proc *ref;
	struct thread *t;

	if (len * 8 < ncpus || len % sizeof(long) != 0)
		return -EINVAL;
	t = find_thread(pid, &ref);
	if (t != NULL)
		mask = cpumask_and(t->affinity, cpus_online);
	if (ref != NULL)
		proc_put(ref);
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
	struct proc *p;

	if (pid < 0)
		return -EINVAL;
	if (pid == 0)
		return 0;
	p = proc_find(pid);
	if (p == NULL)
		return -ESRCH;
	proc_put(p);
	return 0;
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
