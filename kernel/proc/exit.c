/* SPDX-License-Identifier: BSD-2-Clause
 * The end of a process, and wait4(2).
 *
 * proc_exit() gives resources back while the process still counts as alive, then, under proc_lock
 * in one step, hands its children to init, becomes a zombie and tells its parent. Its stack and
 * struct thread are still in use at that moment: whoever reaps calls thread_free(), which waits
 * until the thread has left its CPU. A process whose parent does not want to know (SIGCHLD ignored
 * or SA_NOCLDWAIT) goes to the reaper thread instead.
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
#include "kernel/proc/signal.h"
#include "mm/uaccess.h"

static struct list reap_list = LIST_INIT(reap_list); /* by sibling; proc_lock */
static struct waitq reap_wq = WAITQ_INIT(reap_wq);

static struct proc *init_proc(void)
{
	return proc_find_locked(1);
}

/* Frees what is left of a process that is in no table any more. */
static void reap(struct proc *p)
{
	struct thread *t, *next;

	LIST_FOR_EACH_SAFE (t, next, &p->threads, proc_link) {
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

/* Gives back everything that is not needed to be a zombie. */
static void release_resources(struct proc *p)
{
	struct thread *t = curthread();
	struct vm_map *vm = p->vm;
	struct fd_table *fds = p->fds;
	struct fs_context *fs = p->fs;
	struct file *exe = p->exe;

	itimer_stop(p);
	if (t->clear_child_tid != 0 && vm != NULL) {
		uint32_t zero = 0;

		if (copy_to_user(t->clear_child_tid, &zero, sizeof(zero)) == 0)
			futex_wake(t->clear_child_tid, 1, ~0u);
	}
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
		file_put(exe);

	spin_lock(&proc_lock); /* interrupts off: nobody switches page tables in between */
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
	const struct ksigaction *act = &p->parent->sig->act[SIGCHLD - 1];

	return p->exit_signal == SIGCHLD &&
	       (act->handler == SIG_IGN || (act->flags & SA_NOCLDWAIT));
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

static void reparent_children(struct proc *p)
{
	struct proc *init = init_proc(), *c, *next;

	LIST_FOR_EACH_SAFE (c, next, &p->children, sibling) {
		list_remove(&c->sibling);
		c->parent = init;
		list_push_back(&init->children, &c->sibling);
		if (c->state == PROC_ZOMBIE) {
			c->exit_signal = SIGCHLD;
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
	arch_poweroff();
}

void proc_exit(int wait_status)
{
	struct thread *t = curthread();
	struct proc *p = t->proc;

	if (p->pid == 1)
		init_exited(wait_status);
	WRITE_ONCE(p->exiting, true);
	if (p->leader)
		tty_session_exit(p);
	release_resources(p);

	spin_lock(&proc_lock);
	p->utime += t->utime;
	p->stime += t->stime;
	p->exit_status = wait_status;
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

void thread_check_exit(void)
{
	struct proc *p = curproc();

	if (unlikely(p != NULL && READ_ONCE(p->exiting)))
		proc_exit(p->exit_status);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static bool wait_matches(const struct proc *parent, const struct proc *c, int pid)
{
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

static void fill_rusage(const struct proc *c, struct krusage *ru)
{
	ru->utime = c->utime + c->cutime;
	ru->stime = c->stime + c->cstime;
	ru->maxrss_kb = c->maxrss * (PAGE_SIZE / 1024);
	ru->minflt = c->minflt;
}

/* Looks once; proc_lock held. *found: the child, already out of the tables when it is to be reaped. */
static long wait_scan(
	int pid, int options, int *status, struct krusage *ru, uint32_t *uid, struct proc **dead)
{
	struct proc *p = curproc(), *c;
	bool any = false;

	LIST_FOR_EACH (c, &p->children, sibling) {
		int event;

		if (!wait_matches(p, c, pid))
			continue;
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
