/* SPDX-License-Identifier: BSD-2-Clause
 * The process table: identity and lifetime.
 *
 * proc_lock protects pid_table, the tree (parent, children, sibling), membership of groups and
 * sessions, threads and state. It orders before sig_proc.lock and thread.lock. References: the
 * table holds one until the process is reaped; proc_find() and friends hand out more, so a struct
 * proc that somebody looks at stays, though its resources may be gone (vm, fds and fs are NULL
 * once it has exited, and change only under proc_lock).
 */
#include "kernel/proc/proc.h"

#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/proc/signal.h"
#include "mm/kmem.h"

struct spinlock proc_lock = SPINLOCK_INIT("proc_lock");

static struct proc *pid_table[PID_MAX + 1];
static struct thread *tid_table[PID_MAX + 1];
static struct kmem_cache *proc_cache;
static int last_pid;
struct list all_procs = LIST_INIT(all_procs);
static unsigned nprocs;

static const struct rlimit_pair default_rlimits[NRLIMITS] = {
	[0] = { UINT64_MAX, UINT64_MAX },      /* CPU */
	[1] = { UINT64_MAX, UINT64_MAX },      /* FSIZE */
	[2] = { UINT64_MAX, UINT64_MAX },      /* DATA */
	[3] = { MiB(8), UINT64_MAX },          /* STACK */
	[4] = { 0, UINT64_MAX },               /* CORE */
	[5] = { UINT64_MAX, UINT64_MAX },      /* RSS */
	[6] = { 4096, 4096 },                  /* NPROC */
	[7] = { FD_MAX_DEFAULT, FD_MAX_HARD }, /* NOFILE */
	[8] = { MiB(8), MiB(8) },              /* MEMLOCK */
	[9] = { UINT64_MAX, UINT64_MAX },      /* AS */
	[10] = { UINT64_MAX, UINT64_MAX },     /* LOCKS */
	[11] = { 1024, 1024 },                 /* SIGPENDING */
	[12] = { 819200, 819200 },             /* MSGQUEUE */
	[13] = { 0, 0 },                       /* NICE */
	[14] = { 0, 0 },                       /* RTPRIO */
	[15] = { UINT64_MAX, UINT64_MAX },     /* RTTIME */
};

void proc_get(struct proc *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}

void proc_put(struct proc *p)
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	signal_proc_release(p);
	kmem_cache_free(proc_cache, p);
}

struct proc *proc_alloc(void)
{
	struct proc *p = kmem_cache_zalloc(proc_cache);

	if (p == NULL)
		return NULL;
	p->refs = 1;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all_link);
	list_init(&p->threads);
	waitq_init(&p->vfork_wq);
	waitq_init(&p->child_wq);
	waitq_init(&p->stop_wq);
	waitq_init(&p->exec_wq);
	list_init(&p->ptimers);
	list_init(&p->cpu_alarms);
	mutex_init(&p->itimer_lock, "itimer");
	p->exit_signal = SIGCHLD;
	p->dumpable = true;
	p->start_time = clock_monotonic_ns();
	memcpy(p->rlimits, default_rlimits, sizeof(p->rlimits));
	return p;
}

/* An id is free when neither process nor thread has it and no group or session is called by it. */
static bool pid_is_free(int pid)
{
	struct proc *p;

	LIST_FOR_EACH (p, &all_procs, all_link)
		if (p->pid == pid || p->pgid == pid || p->sid == pid)
			return false;
	return true;
}

/* Cyclic, so that a stale id is not soon somebody else's. */
int proc_new_id(void)
{
	KASSERT(spin_held(&proc_lock), "proc_lock");
	for (int tries = 0; tries < PID_MAX; tries++) {
		last_pid = last_pid >= PID_MAX ? 2 : last_pid + 1;
		if (tid_table[last_pid] == NULL && pid_table[last_pid] == NULL &&
			pid_is_free(last_pid))
			return last_pid;
	}
	return 0;
}

bool proc_assign_pid(struct proc *p)
{
	KASSERT(spin_held(&proc_lock), "proc_lock");
	p->pid = proc_new_id();
	return p->pid != 0;
}

void proc_publish(struct proc *p, struct proc *parent)
{
	KASSERT(spin_held(&proc_lock), "proc_lock");
	p->parent = parent;
	WRITE_ONCE(p->ppid, parent != NULL ? parent->pid : 0);
	if (parent != NULL)
		list_push_back(&parent->children, &p->sibling);
	pid_table[p->pid] = p;
	list_push_back(&all_procs, &p->all_link);
	nprocs++;
}

void proc_unpublish(struct proc *p)
{
	KASSERT(spin_held(&proc_lock), "proc_lock");
	p->state = PROC_REAPED;
	list_remove(&p->sibling);
	list_remove(&p->all_link);
	pid_table[p->pid] = NULL;
	tid_table[p->pid] = NULL; /* its first thread's, whom reap() frees */
	nprocs--;
}

struct proc *proc_find_locked(int pid)
{
	return pid > 0 && pid <= PID_MAX ? pid_table[pid] : NULL;
}

struct thread *thread_find_locked(int tid)
{
	return tid > 0 && tid <= PID_MAX ? tid_table[tid] : NULL;
}

void proc_add_thread(struct proc *p, struct thread *t, int tid)
{
	KASSERT(tid_table[tid] == NULL, "thread id %d is taken", tid);
	t->tid = tid;
	tid_table[tid] = t;
	list_push_back(&p->threads, &t->proc_link);
	p->nthreads++;
	p->nlive++;
}

void proc_remove_thread(struct proc *p, struct thread *t)
{
	KASSERT(spin_held(&proc_lock) && spin_held(&p->sig->lock), "locks");
	tid_table[t->tid] = NULL;
	list_remove(&t->proc_link);
	p->nthreads--;
}

void proc_cpu_time(const struct proc *p, uint64_t *utime, uint64_t *stime)
{
	struct thread *t;

	*utime = p->utime;
	*stime = p->stime;
	LIST_FOR_EACH (t, &p->threads, proc_link) {
		*utime += READ_ONCE(t->utime);
		*stime += READ_ONCE(t->stime);
	}
}

struct proc *proc_find(int pid)
{
	struct proc *p;

	spin_lock(&proc_lock);
	p = proc_find_locked(pid);
	if (p != NULL)
		proc_get(p);
	spin_unlock(&proc_lock);
	return p;
}

struct proc *proc_next(int pid)
{
	struct proc *p = NULL;

	spin_lock(&proc_lock);
	for (int i = MAX(pid, 1); i <= PID_MAX && p == NULL; i++)
		p = pid_table[i];
	if (p != NULL)
		proc_get(p);
	spin_unlock(&proc_lock);
	return p;
}

void proc_for_each(bool (*fn)(struct proc *, void *), void *arg)
{
	bool more = true;
	struct proc *p;

	for (int pid = 1; more && (p = proc_next(pid)) != NULL;) {
		pid = p->pid + 1;
		more = fn(p, arg);
		proc_put(p);
	}
}

unsigned proc_count(void)
{
	return READ_ONCE(nprocs);
}

int proc_last_pid(void)
{
	return READ_ONCE(last_pid);
}

void proc_init(void)
{
	proc_cache = kmem_cache_create("proc", sizeof(struct proc), 0);
}
