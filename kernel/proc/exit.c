/* SPDX-License-Identifier: BSD-2-Clause
 * The end of threads and of processes, and wait4(2).
 *
 * Each thread ends by itself, in proc_exit_thread(); the one that finds, under proc_lock, that none is
 * left alive ends the process. It gives resources back while the process still counts as alive, then,
 * under proc_lock in one step, hands its children to init or a subreaper, makes the process a zombie and tells its
 * parent. A process whose parent does not want to know (SIGCHLD ignored or SA_NOCLDWAIT) goes to the
 * reaper thread instead.
 *
 * A thread runs on its stack to the last. The first thread is freed with its process: whoever reaps
 * calls thread_free(), which waits until the thread has left its CPU. The others take leave of the
 * process (t->proc becomes NULL), so that it may be gone before they are, and are freed by the kernel.
 * Both run on the kernel's page tables from then on.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "fs/file.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/signal.h"
#include "mm/uaccess.h"

static struct list reap_list = LIST_INIT(reap_list); /* by sibling; proc_lock */
static struct waitq reap_wq = WAITQ_INIT(reap_wq);

/* Frees what is left of a process that is in no table any more. Who found it before may still look at
 * its threads under proc_lock (/proc): they go off the list first. */
static void reap(struct proc *p)
{
	struct list dead = LIST_INIT(dead);
	struct thread *t, *next;

	spin_lock(&proc_lock);
	list_splice_back(&dead, &p->threads);
	spin_unlock(&proc_lock);
	LIST_FOR_EACH_SAFE (t, next, &dead, proc_link) {
		list_remove(&t->proc_link);
		signal_thread_release(t);
		thread_free(t);
	}
	proc_put(p);
}

static void reaper(void *arg)
{
	for (;;) {
		struct proc *p = NULL;

		WAIT_EVENT(&reap_wq, !list_empty(&reap_list), WAIT_UNINTR, WAIT_FOREVER);
		spin_lock(&proc_lock);
		if (!list_empty(&reap_list)) {
			p = list_first(&reap_list, struct proc, sibling);
			list_remove(&p->sibling);
		}
		spin_unlock(&proc_lock);
		if (p != NULL)
			reap(p);
	}
}

void exit_init(void)
{
	if (kthread_create("reaper", reaper, NULL) == NULL)
		panic("no memory for the reaper");
}

/* Gives back everything of the process that is not needed to be a zombie. By its last thread. */
static void release_resources(struct proc *p)
{
	struct vm_map *vm = p->vm;
	struct fd_table *fds = p->fds;
	struct fs_context *fs = p->fs;
	struct file *exe = p->exe;

	itimer_stop(p);
	ptimer_delete_all(p);
	spin_lock(&proc_lock);
	p->fds = NULL;
	p->fs = NULL;
	p->exe = NULL;
	spin_unlock(&proc_lock);
	if (fds != NULL)
		fd_table_put(fds);
	if (fs != NULL)
		fs_context_put(fs);
	if (exe != NULL)
		exec_close(exe);

	spin_lock(&proc_lock); /* interrupts off: nobody switches page tables in between */
	p->maxrss = proc_maxrss(p);
	p->vm = NULL;
	pmap_switch(&kernel_pmap);
	spin_unlock(&proc_lock);
	if (vm != NULL)
		vm_map_put(vm);
	proc_vfork_release(p);
}

static void notify_parent(struct proc *p)
{
	struct ksiginfo info = { .signo = p->exit_signal, .pid = p->pid, .uid = p->cred.uid };
	int status = p->exit_status;

	if (status & 0x7f) {
		info.code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		info.status = status & 0x7f;
	} else {
		info.code = CLD_EXITED;
		info.status = status >> 8;
	}
	if (p->exit_signal != 0)
		signal_proc_locked(p->parent, p->exit_signal, &info);
	waitq_wake_all(&p->parent->child_wq);
}

static bool parent_ignores(struct proc *p)
{
	return p->exit_signal == SIGCHLD && signal_ignores_children(p->parent);
}

/* Takes it out of the tables for the reaper; proc_lock held. */
static void hand_to_reaper(struct proc *p)
{
	proc_unpublish(p);
	list_push_back(&reap_list, &p->sibling);
	waitq_wake_one(&reap_wq);
}

static void wake_orphaned_group(int pgid, struct proc *leaving)
{
	static const struct ksiginfo info = { .code = SI_KERNEL };

	if (!pgrp_orphaned_locked(pgid, leaving) || !pgrp_has_stopped_locked(pgid))
		return;
	signal_pgrp_locked(pgid, SIGHUP, &info);
	signal_pgrp_locked(pgid, SIGCONT, &info);
}

/* Who p's children are left to: the nearest ancestor that asked for them, else init. */
static struct proc *foster_parent(const struct proc *p)
{
	struct proc *q = p->parent;

	while (q->pid != 1 && (!q->child_subreaper || READ_ONCE(q->exiting)))
		q = q->parent;
	return q;
}

static void reparent_children(struct proc *p)
{
	struct proc *foster = foster_parent(p), *c, *next;

	LIST_FOR_EACH_SAFE (c, next, &p->children, sibling) {
		if (c->pdeath_signal != 0 && c->state == PROC_ALIVE)
			signal_proc_locked(c, c->pdeath_signal,
				&(struct ksiginfo){ .signo = c->pdeath_signal,
					.code = SI_USER,
					.pid = p->pid,
					.uid = p->cred.uid });
		list_remove(&c->sibling);
		c->parent = foster;
		WRITE_ONCE(c->ppid, foster->pid);
		list_push_back(&foster->children, &c->sibling);
		c->exit_signal = SIGCHLD; /* the signal it chose was not for this parent */
		if (c->state == PROC_ZOMBIE) {
			if (parent_ignores(c))
				hand_to_reaper(c);
			else
				notify_parent(c);
		} else {
			wake_orphaned_group(c->pgid, p);
		}
	}
}

/* init must not end: without it nobody reaps. Its end is the machine's. */
static void init_exited(int status)
{
	klog(LOG_EMERG, "init exited with status 0x%x: nothing left to run", status);
	vfs_shutdown();
	arch_poweroff();
}

void proc_kill_locked(struct proc *p, int wait_status, const struct thread *except)
{
	if (p->exiting)
		return;
	p->exit_status = wait_status;
	WRITE_ONCE(p->exiting, true);
	WRITE_ONCE(p->stopped, false);
	p->stop_signal = 0;
	signal_kill_threads(p, except);
}

/* ---- one thread ---- */

void thread_release_user_words(struct thread *t)
{
	uint32_t zero = 0;

	sched_account(); /* who waits for the thread's end may ask what it has used */
	futex_exit_robust(t);
	if (t->clear_child_tid != 0 && copy_to_user(t->clear_child_tid, &zero, sizeof(zero)) == 0)
		futex_wake(t->clear_child_tid, 1, FUTEX_BITSET_ANY, true);
	t->clear_child_tid = 0;
}

/* The thread's last act as a part of its process; a first thread stays, as a husk, until the process
 * is reaped. proc_lock held. */
static void leave_process(struct proc *p, struct thread *t)
{
	spin_lock(&p->sig->lock);
	sched_account();
	p->utime += t->utime;
	p->stime += t->stime;
	t->utime = t->stime = 0;
	if (t->tid != p->pid) {
		proc_remove_thread(p, t);
		signal_thread_release(t);
		t->proc = NULL;
		t->detached = true;
	}
	spin_unlock(&p->sig->lock);
}

/* All but the last thread end here. proc_lock held, given up. */
static void NORETURN leave_others(struct proc *p, struct thread *t)
{
	pmap_switch(&kernel_pmap); /* whoever is last frees the process's */
	leave_process(p, t);
	signal_check_stopped(p);
	if (p->exec_thread != NULL && p->nlive == 1)
		waitq_wake_all(&p->exec_wq);
	spin_unlock(&proc_lock);
	thread_exit();
}

static void NORETURN leave_last(struct proc *p, struct thread *t)
{
	if (p->leader)
		tty_session_exit(p);
	release_resources(p);

	spin_lock(&proc_lock);
	WRITE_ONCE(p->exiting, true);
	leave_process(p, t);
	p->stopped = false;
	reparent_children(p);
	p->state = PROC_ZOMBIE;
	wake_orphaned_group(p->pgid, p);
	if (parent_ignores(p)) {
		waitq_wake_all(&p->parent->child_wq);
		hand_to_reaper(p);
	} else {
		notify_parent(p);
	}
	spin_unlock(&proc_lock);
	thread_exit();
}

void proc_exit_thread(int code)
{
	struct thread *t = curthread();
	struct proc *p = t->proc;

	if (p->pid == 1 && (p->exiting || READ_ONCE(p->nlive) == 1))
		init_exited(p->exiting ? p->exit_status : WSTATUS_EXIT(code));
	thread_release_user_words(t);
	spin_lock(&proc_lock);
	if (t->tid == p->pid && !p->exiting)
		p->exit_status = WSTATUS_EXIT(code);
	signal_thread_exit(t);
	if (--p->nlive != 0)
		leave_others(p, t);
	spin_unlock(&proc_lock);
	leave_last(p, t);
}

void proc_exit(int wait_status)
{
	struct thread *t = curthread();

	spin_lock(&proc_lock);
	proc_kill_locked(t->proc, wait_status, t);
	spin_unlock(&proc_lock);
	proc_exit_thread(0);
}

void thread_check_exit(void)
{
	struct thread *t = curthread();

	if (unlikely(t->proc != NULL && thread_must_exit(t)))
		proc_exit_thread(0);
}

/* ---- all but one ---- */

/* The caller takes the place, and the id, of the first thread, which has exited. */
static void replace_first(struct proc *p, struct thread *t)
{
	struct thread *first;

	spin_lock(&proc_lock);
	spin_lock(&p->sig->lock);
	first = list_first(&p->threads, struct thread, proc_link);
	if (first != t) {
		proc_remove_thread(p, first);
		proc_remove_thread(p, t);
		proc_add_thread(p, t, p->pid);
		p->nlive--; /* counted all along */
	}
	p->exec_thread = NULL;
	spin_unlock(&p->sig->lock);
	spin_unlock(&proc_lock);
	if (first == t)
		return;
	signal_thread_release(first);
	thread_free(first);
}

int proc_become_single(void)
{
	struct thread *t = curthread();
	struct proc *p = t->proc;
	int err = 0;

	spin_lock(&proc_lock);
	if (p->exiting || p->exec_thread != NULL)
		err = -EAGAIN;
	else if (p->nlive > 1) {
		WRITE_ONCE(p->exec_thread, t);
		signal_kill_threads(p, t);
	}
	spin_unlock(&proc_lock);
	if (err == 0)
		err = WAIT_EVENT(
			&p->exec_wq, READ_ONCE(p->nlive) == 1, WAIT_KILLABLE, WAIT_FOREVER);
	if (err != 0)
		return -EAGAIN;
	replace_first(p, t);
	return 0;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* Children that end with another signal than SIGCHLD are for WCLONE to see, the others are not. */
static bool wait_matches(const struct proc *parent, const struct proc *c, int pid, int options)
{
	if (!(options & WALL) && (c->exit_signal != SIGCHLD) != !!(options & WCLONE))
		return false;
	if (pid > 0)
		return c->pid == pid;
	if (pid == -1)
		return true;
	return c->pgid == (pid == 0 ? parent->pgid : -pid);
}

/* What a child has to report under these options: 0 nothing, else the option that asks for it. */
static int child_event(const struct proc *c, int options)
{
	if (c->state == PROC_ZOMBIE)
		return options & WEXITED;
	if (c->stop_signal != 0 && (options & WSTOPPED))
		return WSTOPPED;
	if (c->continued && (options & WCONTINUED))
		return WCONTINUED;
	return 0;
}

uint64_t proc_maxrss(const struct proc *p)
{
	return p->vm != NULL ? MAX(p->maxrss, p->vm->pmap->resident_max) : p->maxrss;
}

static void fill_rusage(const struct proc *c, struct krusage *ru)
{
	uint64_t utime, stime;

	proc_cpu_time(c, &utime, &stime);
	ru->utime = utime + c->cutime;
	ru->stime = stime + c->cstime;
	ru->maxrss_kb = MAX(proc_maxrss(c), c->cmaxrss) * (PAGE_SIZE / 1024);
	ru->minflt = c->minflt + c->cminflt;
}

/* Looks once; proc_lock held. *found: the child, already out of the tables when it is to be reaped. */
static long wait_scan(
	int pid, int options, int *status, struct krusage *ru, uint32_t *uid, struct proc **dead)
{
	struct proc *p = curproc(), *c;
	bool any = false;

	LIST_FOR_EACH (c, &p->children, sibling) {
		int event;

		if (!wait_matches(p, c, pid, options))
			continue;
		if (c->state == PROC_ZOMBIE && !(options & WEXITED))
			continue; /* nothing of it can be told any more */
		any = true;
		event = child_event(c, options);
		if (event == 0)
			continue;
		*uid = c->cred.uid;
		fill_rusage(c, ru);
		if (event == WSTOPPED) {
			*status = c->stop_signal << 8 | 0x7f;
			if (!(options & WNOWAIT))
				c->stop_signal = 0;
			return c->pid;
		}
		if (event == WCONTINUED) {
			*status = 0xffff;
			if (!(options & WNOWAIT))
				c->continued = false;
			return c->pid;
		}
		*status = c->exit_status;
		if (!(options & WNOWAIT)) {
			p->cutime += ru->utime;
			p->cstime += ru->stime;
			p->cminflt += ru->minflt;
			p->cmaxrss = MAX(p->cmaxrss, ru->maxrss_kb / (PAGE_SIZE / 1024));
			proc_unpublish(c);
			*dead = c;
		}
		return c->pid;
	}
	return any ? 0 : -ECHILD;
}

long proc_wait(int pid, int options, int *status, struct krusage *ru, uint32_t *uid)
{
	struct waitq *wq = &curproc()->child_wq;
	struct proc *dead = NULL;
	struct waiter w;
	long ret;

	wait_enter(wq, &w);
	for (;;) {
		spin_lock(&proc_lock);
		ret = wait_scan(pid, options, status, ru, uid, &dead);
		spin_unlock(&proc_lock);
		if (ret != 0 || (options & WNOHANG))
			break;
		ret = wait_sleep(WAIT_INTR, WAIT_FOREVER);
		if (ret != 0)
			break;
		wait_again(&w);
	}
	wait_leave(&w);
	if (dead != NULL) {
		int id = dead->pid;

		reap(dead);
		return id;
	}
	return ret;
}
