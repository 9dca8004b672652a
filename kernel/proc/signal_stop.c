/* SPDX-License-Identifier: BSD-2-Clause
 * Stopping and continuing processes (job control).
 *
 * A stop is asked for by p->stopped, which makes every thread come to signal_park() on its way to user
 * mode: sig_pending is set for as long as it holds. `nparked` counts those that have come; when that is
 * all that are alive, or when the last that has not exits, the stop is complete and the parent is told.
 * SIGCONT clears p->stopped, complete or not. All of it is protected by proc_lock.
 */
#include "kernel/core/errno.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"

/* proc_lock held. */
static void tell_parent(struct proc *p, int code, int status)
{
	struct ksiginfo info = {
		.pid = p->pid, .uid = p->cred.uid, .code = code, .status = status
	};

	if (p->parent == NULL)
		return;
	if (!(p->parent->sig->act[SIGCHLD - 1].flags & SA_NOCLDSTOP))
		signal_proc_locked(p->parent, SIGCHLD, &info);
	waitq_wake_all(&p->parent->child_wq);
}

void signal_check_stopped(struct proc *p)
{
	if (!p->stopped || p->stop_complete || p->nlive == 0 || p->nparked < p->nlive)
		return;
	p->stop_complete = true;
	p->stop_signal = p->stop_by;
	tell_parent(p, CLD_STOPPED, p->stop_by);
}

void signal_continue(struct proc *p)
{
	if (!p->stopped)
		return;
	WRITE_ONCE(p->stopped, false);
	waitq_wake_all(&p->stop_wq);
	if (!p->stop_complete)
		return;
	p->stop_signal = 0;
	p->continued = true;
	tell_parent(p, CLD_CONTINUED, SIGCONT);
}

/* proc_lock held. */
static bool may_stop(const struct proc *p, const struct thread *t, int sig)
{
	if (!t->sig->stop_taken || p->exiting || p->stopped)
		return false;
	/* Orphaned groups are not stopped by the terminal: nobody could continue them. */
	return sig == SIGSTOP || !pgrp_orphaned_locked(p->pgid, NULL);
}

void signal_stop(int sig)
{
	struct thread *t = curthread();
	struct proc *p = t->proc;

	spin_lock(&proc_lock);
	if (may_stop(p, t, sig)) {
		WRITE_ONCE(p->stopped, true);
		p->stop_complete = false;
		p->stop_by = sig;
		p->continued = false;
		signal_interrupt_threads(p);
	}
	t->sig->stop_taken = false;
	spin_unlock(&proc_lock);
}

void signal_park(void)
{
	struct proc *p = curproc();

	spin_lock(&proc_lock);
	p->nparked++;
	signal_check_stopped(p);
	spin_unlock(&proc_lock);
	WAIT_EVENT(&p->stop_wq, !READ_ONCE(p->stopped), WAIT_KILLABLE, WAIT_FOREVER);
	spin_lock(&proc_lock);
	p->nparked--;
	spin_unlock(&proc_lock);
}
