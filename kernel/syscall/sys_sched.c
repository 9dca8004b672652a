/* SPDX-License-Identifier: BSD-2-Clause
 * Scheduling system calls: CPUs and policies (man 7 sched). There is one way to schedule, so SCHED_BATCH,
 * SCHED_IDLE and nice values (sys_nice.c) are kept, inherited and reported, and do not bias the run queues.
 * Real-time policies are refused, to everybody, as Linux refuses them without privilege: none here would
 * keep what they promise.
 *
 * proc_lock protects policy, reset_on_fork and nice of threads that are published.
 */
#include "kernel/core/runq.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

bool may_schedule(const struct proc *target)
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

/* ---- policies ---- */

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_fair(int policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH;
}

static bool is_policy(int policy)
{
	return is_fair(policy) || is_realtime(policy) || policy == SCHED_IDLE ||
	       policy == SCHED_DEADLINE;
}

/* What Linux says before it asks for privilege. */
static long check_attr(int policy, const struct abi_sched_attr *a)
{
	if (!is_policy(policy) || (a->flags & ~(uint64_t)SCHED_FLAG_ALL))
		return -EINVAL;
	if (a->priority > SCHED_PRIO_MAX || is_realtime(policy) != (a->priority != 0))
		return -EINVAL;
	if (policy == SCHED_DEADLINE &&
		(a->deadline == 0 || a->runtime < SCHED_RUNTIME_MIN || a->runtime > a->deadline ||
			(a->period != 0 && a->period < a->deadline)))
		return -EINVAL;
	return 0;
}

/* May the caller give t this policy. proc_lock held. */
static bool may_change(
	const struct thread *t, int policy, const struct abi_sched_attr *a, bool reset)
{
	if (!is_fair(policy) && policy != SCHED_IDLE)
		return false;
	if (curproc()->cred.euid == 0)
		return true;
	if (is_fair(policy) && a->nice < t->nice && !nice_within_limit(t, a->nice))
		return false;
	if (t->policy == SCHED_IDLE && policy != SCHED_IDLE && !nice_within_limit(t, t->nice))
		return false;
	return may_schedule(t->proc) && (reset || !t->reset_on_fork);
}

/* `policy` < 0: as it is. proc_lock held. */
static long change_locked(struct thread *t, int policy, struct abi_sched_attr *a, bool keep_nice)
{
	bool reset = policy < 0 ? t->reset_on_fork : (a->flags & SCHED_FLAG_RESET_ON_FORK) != 0;
	long err;

	if (policy < 0)
		policy = t->policy;
	if (keep_nice)
		a->nice = t->nice;
	err = check_attr(policy, a);
	if (err != 0)
		return err;
	if (!may_change(t, policy, a, reset))
		return -EPERM;
	if (a->flags & SCHED_FLAG_UTIL_CLAMP)
		return -EOPNOTSUPP;
	t->policy = (uint8_t)policy;
	t->reset_on_fork = reset;
	if (is_fair(policy))
		t->nice = a->nice;
	return 0;
}

static struct thread *find_locked(int pid)
{
	return pid == 0 ? curthread() : thread_find_locked(pid);
}

static long change(int pid, int policy, struct abi_sched_attr *a, bool keep_nice)
{
	struct thread *t;
	long err = -ESRCH;

	spin_lock(&proc_lock);
	t = find_locked(pid);
	if (t != NULL)
		err = change_locked(t, policy, a, keep_nice);
	spin_unlock(&proc_lock);
	return err;
}

/* A copy of what is told of a thread. */
static long look(int pid, struct abi_sched_attr *a)
{
	struct thread *t;

	if (pid < 0)
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	spin_lock(&proc_lock);
	t = find_locked(pid);
	if (t != NULL) {
		a->policy = t->policy;
		a->flags = t->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
		a->nice = t->nice;
	}
	spin_unlock(&proc_lock);
	return t != NULL ? 0 : -ESRCH;
}

static long set_old(int pid, int policy, vaddr_t uparam)
{
	struct abi_sched_attr a = { 0 };

	if (pid < 0 || uparam == 0)
		return -EINVAL;
	if (copy_from_user(&a.priority, uparam, sizeof(a.priority)) != 0)
		return -EFAULT;
	if (policy >= 0 && (policy & SCHED_RESET_ON_FORK)) {
		a.flags = SCHED_FLAG_RESET_ON_FORK;
		policy &= ~SCHED_RESET_ON_FORK;
	}
	return change(pid, policy, &a, true);
}

long sys_sched_setscheduler(int pid, int policy, vaddr_t uparam)
{
	return policy < 0 ? -EINVAL : set_old(pid, policy, uparam);
}

long sys_sched_setparam(int pid, vaddr_t uparam)
{
	return set_old(pid, -1, uparam);
}

long sys_sched_getscheduler(int pid)
{
	struct abi_sched_attr a;
	long err = look(pid, &a);

	if (err != 0)
		return err;
	return (long)a.policy | (a.flags != 0 ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(int pid, vaddr_t uparam)
{
	struct abi_sched_attr a;
	long err = uparam != 0 ? look(pid, &a) : -EINVAL;

	return err != 0 ? err : copy_to_user(uparam, &a.priority, sizeof(a.priority));
}

/* A structure of the caller's version: what it is longer than ours must be zero. */
static long get_attr(vaddr_t uattr, struct abi_sched_attr *a)
{
	uint32_t size;
	long err;

	if (copy_from_user(&size, uattr, sizeof(size)) != 0)
		return -EFAULT;
	if (size == 0)
		size = SCHED_ATTR_SIZE_VER0;
	err = -E2BIG;
	if (size >= SCHED_ATTR_SIZE_VER0 && size <= PAGE_SIZE)
		err = copy_struct_from_user(a, sizeof(*a), uattr, size);
	if (err == -E2BIG) {
		size = sizeof(*a);
		return copy_to_user(uattr, &size, sizeof(size)) != 0 ? -EFAULT : -E2BIG;
	}
	if (err == 0 && (a->flags & SCHED_FLAG_UTIL_CLAMP) && size < sizeof(*a))
		return -EINVAL;
	a->nice = MAX(NICE_MIN, MIN(NICE_MAX, a->nice));
	return err;
}

long sys_sched_setattr(int pid, vaddr_t uattr, unsigned flags)
{
	struct abi_sched_attr a;
	long err;

	if (uattr == 0 || pid < 0 || flags != 0)
		return -EINVAL;
	err = get_attr(uattr, &a);
	if (err != 0)
		return err;
	if ((int)a.policy < 0)
		return -EINVAL;
	if (a.flags & SCHED_FLAG_KEEP_PARAMS)
		a.priority = 0;
	return change(pid, a.flags & SCHED_FLAG_KEEP_POLICY ? -1 : (int)a.policy, &a,
		(a.flags & SCHED_FLAG_KEEP_PARAMS) != 0);
}

long sys_sched_getattr(int pid, vaddr_t uattr, unsigned size, unsigned flags)
{
	struct abi_sched_attr a;
	long err;

	if (uattr == 0 || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE || flags != 0)
		return -EINVAL;
	err = look(pid, &a);
	if (err != 0)
		return err;
	a.size = MIN(size, sizeof(a));
	return copy_to_user(uattr, &a, a.size);
}

static long priority_limit(int policy, int realtime)
{
	if (!is_policy(policy))
		return -EINVAL;
	return is_realtime(policy) ? realtime : 0;
}

long sys_sched_get_priority_max(int policy)
{
	return priority_limit(policy, SCHED_PRIO_MAX);
}

long sys_sched_get_priority_min(int policy)
{
	return priority_limit(policy, 1);
}

static long interval(int pid, vaddr_t uts, bool wide)
{
	struct abi_sched_attr a;
	long err = look(pid, &a);

	return err != 0 ? err : put_timespec(uts, SLICE_NS, wide);
}

long sys_sched_rr_get_interval(int pid, vaddr_t uts)
{
	return interval(pid, uts, false);
}

#ifdef __i386__
long sys_sched_rr_get_interval_time64(int pid, vaddr_t uts)
{
	return interval(pid, uts, true);
}
#endif
