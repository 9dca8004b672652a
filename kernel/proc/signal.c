/* SPDX-License-Identifier: BSD-2-Clause
 * Posting signals: who gets one, what is dropped, who must wake up. Delivery is in
 * signal_deliver.c.
 *
 * sig_proc.lock (one per process) protects handlers, both pending sets and the masks of its
 * threads, and keeps the list of threads still; it orders after proc_lock. A thread's
 * `sig_pending` is the one-bit summary that sleeps and the return to user mode look at: it is set
 * under the lock by whoever posts, before the wake-up, and recomputed under the lock by the thread
 * itself, so it is never clear while an unblocked signal of its own waits.
 *
 * A signal to the process is left in the common set, and one thread that does not block it is woken to
 * fetch it: the first thread if it can, else one that has nothing else to do. If that thread blocks
 * the signal before it comes by, or exits, it passes the errand on (retarget()).
 */
#include "kernel/proc/signal.h"

#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/ptimer.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/kmem.h"

#define UNBLOCKABLE        (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define STOP_SIGNALS       (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define IGNORED_BY_DEFAULT (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
#define FIRST_RT           32

bool signal_default_ignores(int sig)
{
	return IGNORED_BY_DEFAULT & SIGBIT(sig);
}

bool signal_default_stops(int sig)
{
	return STOP_SIGNALS & SIGBIT(sig);
}

static bool action_ignores(const struct sig_proc *sp, int sig)
{
	vaddr_t h = sp->act[sig - 1].handler;

	return h == SIG_IGN || (h == SIG_DFL && signal_default_ignores(sig));
}

static void pending_init(struct sig_pending *sp)
{
	sp->set = 0;
	list_init(&sp->queue);
	sp->first_used = false;
}

/* The first signal has its entry in place, others are rare. NULL: no memory. */
static struct sig_entry *entry_alloc(struct sig_pending *sp)
{
	if (sp->first_used)
		return kmalloc(sizeof(struct sig_entry));
	sp->first_used = true;
	return &sp->first;
}

/* Off the queue. */
static void entry_free(struct sig_proc *proc, struct sig_pending *sp, struct sig_entry *e)
{
	list_remove(&e->link);
	proc->queued--;
	if (e == &sp->first)
		sp->first_used = false;
	else
		kfree(e);
}

/* Drops all pending instances of the signals in `set`. */
static void pending_flush(struct sig_proc *proc, struct sig_pending *sp, uint64_t set)
{
	struct sig_entry *e, *next;

	sp->set &= ~set;
	LIST_FOR_EACH_SAFE (e, next, &sp->queue, link) {
		if (!(SIGBIT(e->info.signo) & set))
			continue;
		entry_free(proc, sp, e);
	}
}

static void flush_everywhere(struct proc *p, uint64_t set)
{
	struct thread *t;

	pending_flush(p->sig, &p->sig->pending, set);
	LIST_FOR_EACH (t, &p->threads, proc_link)
		pending_flush(p->sig, &t->sig->pending, set);
}

/* What cannot reach the thread now. */
static uint64_t blocked(const struct thread *t)
{
	return t->sig->mask & ~t->sig->awaited;
}

static bool thread_has_pending(const struct thread *t)
{
	return (t->sig->pending.set | t->proc->sig->pending.set) & ~blocked(t);
}

static void recompute(struct thread *t)
{
	WRITE_ONCE(t->sig_pending,
		thread_has_pending(t) || thread_must_exit(t) || READ_ONCE(t->proc->stopped));
}

/* A standard signal that is pending already is not queued twice; a real-time one is, until the
 * queue is full: then sigqueue() fails, while kill() still makes it pending. Without memory a signal
 * arrives without its details; but each of a timer's must be seen, ptimer.c waits for it. */
static int enqueue(struct proc *p, struct sig_pending *sp, int sig, const struct ksiginfo *info)
{
	uint64_t limit = p->rlimits[RLIMIT_SIGPENDING].cur;
	struct sig_proc *proc = p->sig;
	struct sig_entry *e;

	if (sig < FIRST_RT && (sp->set & SIGBIT(sig)) && info->code != SI_TIMER)
		return 0;
	e = sig < FIRST_RT || proc->queued < limit ? entry_alloc(sp) : NULL;
	if (e == NULL && (sig >= FIRST_RT ? info->code != SI_USER : info->code == SI_TIMER))
		return -EAGAIN;
	if (e != NULL) {
		e->info = *info;
		e->info.signo = sig;
		list_push_back(&sp->queue, &e->link);
		proc->queued++;
	}
	sp->set |= SIGBIT(sig);
	return 0;
}

static void wake_for_signal(struct thread *t, bool fatal)
{
	if (fatal)
		WRITE_ONCE(t->sig_fatal, true);
	WRITE_ONCE(t->sig_pending, true);
	sched_interrupt(t, fatal ? WAIT_KILLABLE : WAIT_INTR);
}

/* SIGCONT undoes the stop signals before it, those too that a thread has just fetched; and the other
 * way round. */
static void cancel_opposites(struct proc *p, int sig)
{
	struct thread *t;

	if (STOP_SIGNALS & SIGBIT(sig))
		flush_everywhere(p, SIGBIT(SIGCONT));
	if (sig != SIGCONT)
		return;
	flush_everywhere(p, STOP_SIGNALS);
	LIST_FOR_EACH (t, &p->threads, proc_link)
		t->sig->stop_taken = false;
}

static bool may_take(const struct thread *t, int sig)
{
	return !t->exited && !(blocked(t) & SIGBIT(sig));
}

/* Whom a signal to the process wakes; NULL: all block it. */
static struct thread *choose(struct proc *p, int sig)
{
	struct thread *first = list_first(&p->threads, struct thread, proc_link), *busy = NULL, *t;

	if (may_take(first, sig))
		return first;
	LIST_FOR_EACH (t, &p->threads, proc_link) {
		if (!may_take(t, sig))
			continue;
		if (!READ_ONCE(t->sig_pending))
			return t;
		busy = t;
	}
	return busy;
}

/* Thread t will not fetch signals of `set` from the common set any more: wakes others to. */
static void retarget(struct proc *p, const struct thread *t, uint64_t set)
{
	uint64_t left = p->sig->pending.set & set;

	while (left != 0) {
		int sig = __builtin_ctzll(left) + 1;
		struct thread *other = choose(p, sig);

		left &= left - 1;
		if (other != NULL && other != t)
			wake_for_signal(other, false);
	}
}

/* The common part of sending. `t` is who would see the signal; proc_lock and signal lock held. */
static int enqueue_for(struct proc *p, struct thread *only, int sig, const struct ksiginfo *info)
{
	static const struct ksiginfo none;
	struct sig_proc *sp = p->sig;
	struct thread *t = only != NULL ? only : list_first(&p->threads, struct thread, proc_link);
	int err;

	cancel_opposites(p, sig);
	/* An ignored signal is kept only while blocked: sigwait() may want it, or the action change. */
	if (action_ignores(sp, sig) && !(t->sig->mask & SIGBIT(sig)))
		return info != NULL && info->code == SI_TIMER ? -EAGAIN : 0;
	err = enqueue(p, only != NULL ? &only->sig->pending : &sp->pending, sig,
		info != NULL ? info : &none);
	if (err != 0)
		return err;
	waitq_wake_all(&sp->fd_wq);
	t = only != NULL ? only : choose(p, sig);
	if (t != NULL && may_take(t, sig))
		wake_for_signal(t, false);
	return 0;
}

/* `only` NULL: any thread will do. proc_lock held; takes the process's signal lock. */
static int post(struct proc *p, struct thread *only, int sig, const struct ksiginfo *info)
{
	struct sig_proc *sp = p->sig;
	int err;

	if (sig == 0 || p->state != PROC_ALIVE || list_empty(&p->threads))
		return 0;
	/* init has no business dying of signals it did not ask for. */
	if (p->pid == 1 && sp->act[sig - 1].handler == SIG_DFL)
		return 0;
	if (sig == SIGKILL) {
		proc_kill_locked(p, WSTATUS_SIGNAL(SIGKILL), NULL);
		return 0;
	}
	if (sig == SIGCONT)
		signal_continue(p);
	spin_lock(&sp->lock);
	err = enqueue_for(p, only, sig, info);
	spin_unlock(&sp->lock);
	return err;
}

void signal_kill_threads(struct proc *p, const struct thread *except)
{
	struct thread *t;

	spin_lock(&p->sig->lock);
	LIST_FOR_EACH (t, &p->threads, proc_link)
		if (t != except && !t->exited)
			wake_for_signal(t, true);
	spin_unlock(&p->sig->lock);
}

void signal_interrupt_threads(struct proc *p)
{
	struct thread *t;

	spin_lock(&p->sig->lock);
	LIST_FOR_EACH (t, &p->threads, proc_link)
		if (!t->exited)
			wake_for_signal(t, false);
	spin_unlock(&p->sig->lock);
}

void signal_thread_exit(struct thread *t)
{
	struct sig_proc *sp = t->proc->sig;

	spin_lock(&sp->lock);
	t->exited = true;
	retarget(t->proc, t, ~0ull);
	spin_unlock(&sp->lock);
}

int signal_proc_locked(struct proc *p, int sig, const struct ksiginfo *info)
{
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return post(p, NULL, sig, info);
}

int signal_proc(struct proc *p, int sig, const struct ksiginfo *info)
{
	int err;

	spin_lock(&proc_lock);
	err = signal_proc_locked(p, sig, info);
	spin_unlock(&proc_lock);
	return err;
}

int signal_thread_locked(struct thread *t, int sig, const struct ksiginfo *info)
{
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return post(t->proc, t, sig, info);
}

int signal_thread(struct thread *t, int sig, const struct ksiginfo *info)
{
	int err;

	spin_lock(&proc_lock);
	err = signal_thread_locked(t, sig, info);
	spin_unlock(&proc_lock);
	return err;
}

int signal_pgrp_locked(int pgid, int sig, const struct ksiginfo *info)
{
	struct proc *p;
	int n = 0;

	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (p->pgid != pgid)
			continue;
		n++;
		post(p, NULL, sig, info);
	}
	return n > 0 ? 0 : -ESRCH;
}

int signal_pgrp(int pgid, int sig, const struct ksiginfo *info)
{
	int err;

	spin_lock(&proc_lock);
	err = signal_pgrp_locked(pgid, sig, info);
	spin_unlock(&proc_lock);
	return err;
}

/* A group is orphaned when no member has a parent outside the group but inside the session
 * (POSIX 3.264): then nobody could continue its stopped members. */
bool pgrp_orphaned_locked(int pgid, const struct proc *leaving)
{
	struct proc *p;

	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (p->pgid != pgid || p == leaving || p->state != PROC_ALIVE || p->parent == NULL)
			continue;
		if (p->parent != leaving && p->parent->pgid != pgid && p->parent->sid == p->sid)
			return false;
	}
	return true;
}

bool pgrp_has_stopped_locked(int pgid)
{
	struct proc *p;

	LIST_FOR_EACH (p, &all_procs, all_link)
		if (p->pgid == pgid && p->stopped)
			return true;
	return false;
}

bool signal_pgrp_orphaned(int pgid)
{
	bool orphaned;

	spin_lock(&proc_lock);
	orphaned = pgrp_orphaned_locked(pgid, NULL);
	spin_unlock(&proc_lock);
	return orphaned;
}

bool signal_pending(void)
{
	return READ_ONCE(curthread()->sig_pending);
}

bool signal_ignored_or_blocked(int sig)
{
	struct thread *t = curthread();

	return (t->sig->mask & SIGBIT(sig)) || t->proc->sig->act[sig - 1].handler == SIG_IGN;
}

/* ---- the calling thread's own -------------------------------------------------------------- */

static int dequeue_from(
	struct sig_proc *proc, struct sig_pending *sp, uint64_t set, struct ksiginfo *info)
{
	uint64_t ready = sp->set & set;
	bool found = false, more = false;
	struct sig_entry *e, *next;
	int sig;

	if (ready == 0)
		return 0;
	/* Faults first, as Linux does: their handlers expect to see the faulting context. */
	if (ready & (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) |
			    SIGBIT(SIGFPE) | SIGBIT(SIGSYS)))
		ready &= SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) |
			 SIGBIT(SIGFPE) | SIGBIT(SIGSYS);
	sig = __builtin_ctzll(ready) + 1;
	LIST_FOR_EACH_SAFE (e, next, &sp->queue, link) {
		if (e->info.signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		*info = e->info;
		found = true;
		entry_free(proc, sp, e);
	}
	if (!found)
		*info = (struct ksiginfo){ .signo = sig };
	if (!more)
		sp->set &= ~SIGBIT(sig);
	return sig;
}

/* The calling thread's next signal of `set`; signal lock held. */
static int dequeue(struct thread *t, uint64_t set, struct ksiginfo *info)
{
	struct sig_proc *sp = t->proc->sig;
	bool own = t->sig->pending.set & set;
	int sig = dequeue_from(sp, own ? &t->sig->pending : &sp->pending, set, info);

	if (sig != 0 && (STOP_SIGNALS & SIGBIT(sig)))
		t->sig->stop_taken = true;
	return sig;
}

int signal_dequeue(uint64_t set, struct ksiginfo *info)
{
	struct thread *t = curthread();
	struct sig_proc *sp = t->proc->sig;
	int sig;

	spin_lock(&sp->lock);
	sig = dequeue(t, set, info);
	recompute(t);
	spin_unlock(&sp->lock);
	if (sig != 0 && info->code == SI_TIMER)
		ptimer_dequeued(info);
	return sig;
}

/* The calling thread's mask; signal lock held, and recompute() has to follow. */
static void change_mask(struct thread *t, uint64_t mask)
{
	uint64_t newly = mask & ~t->sig->mask;

	t->sig->mask = mask & ~UNBLOCKABLE;
	if (newly != 0 && t->proc->nthreads > 1)
		retarget(t->proc, t, newly);
}

int signal_take(struct ksiginfo *info, struct ksigaction *act, uint64_t *mask)
{
	struct thread *t = curthread();
	struct sig_proc *sp = t->proc->sig;
	struct ksigaction *a;
	int sig;

	spin_lock(&sp->lock);
	*mask = t->sig->mask;
	sig = dequeue(t, ~*mask, info);
	if (sig != 0) {
		a = &sp->act[sig - 1];
		*act = *a;
		if (a->handler > SIG_IGN) {
			if (a->flags & SA_RESETHAND)
				a->handler = SIG_DFL;
			change_mask(
				t, *mask | act->mask | (act->flags & SA_NODEFER ? 0 : SIGBIT(sig)));
		}
	}
	recompute(t);
	spin_unlock(&sp->lock);
	if (sig != 0 && info->code == SI_TIMER)
		ptimer_dequeued(info);
	return sig;
}

void signal_set_mask(uint64_t mask)
{
	struct thread *t = curthread();
	struct sig_proc *sp = t->proc->sig;

	spin_lock(&sp->lock);
	change_mask(t, mask);
	recompute(t);
	spin_unlock(&sp->lock);
}

void signal_await(uint64_t set)
{
	struct thread *t = curthread();
	struct sig_proc *sp = t->proc->sig;

	spin_lock(&sp->lock);
	t->sig->awaited = set;
	if (set == 0 && t->proc->nthreads > 1)
		retarget(t->proc, t, ~0ull);
	recompute(t);
	spin_unlock(&sp->lock);
}

void signal_set_temp_mask(uint64_t mask)
{
	struct sig_thread *st = curthread()->sig;

	if (!st->restore_mask) {
		st->saved_mask = st->mask;
		st->restore_mask = true;
	}
	signal_set_mask(mask);
}

void signal_end_temp_mask(void)
{
	struct sig_thread *st = curthread()->sig;

	if (!st->restore_mask)
		return;
	st->restore_mask = false;
	signal_set_mask(st->saved_mask);
}

uint64_t signal_pending_set(void)
{
	struct thread *t = curthread();

	return READ_ONCE(t->sig->pending.set) | READ_ONCE(t->proc->sig->pending.set);
}

int signal_action(int sig, const struct ksigaction *act, struct ksigaction *old)
{
	struct proc *p = curproc();
	struct sig_proc *sp = p->sig;
	struct ksigaction *a;

	if (sig < 1 || sig > NSIG || (act != NULL && (UNBLOCKABLE & SIGBIT(sig))))
		return -EINVAL;
	a = &sp->act[sig - 1];
	spin_lock(&sp->lock);
	if (old != NULL)
		*old = *a;
	if (act != NULL) {
		a->handler = act->handler;
		a->flags = act->flags & SA_KNOWN;
		a->restorer = act->restorer;
		a->mask = act->mask & ~UNBLOCKABLE;
		if (action_ignores(sp, sig)) {
			flush_everywhere(p, SIGBIT(sig));
			recompute(curthread());
		}
	}
	spin_unlock(&sp->lock);
	return 0;
}

bool signal_ignores_children(struct proc *p)
{
	const struct ksigaction *act = &p->sig->act[SIGCHLD - 1];
	bool ignores;

	spin_lock(&p->sig->lock);
	ignores = act->handler == SIG_IGN || (act->flags & SA_NOCLDWAIT);
	spin_unlock(&p->sig->lock);
	return ignores;
}

void signal_force(int sig, const struct ksiginfo *info)
{
	struct thread *t = curthread();
	struct sig_proc *sp = t->proc->sig;
	struct ksigaction *act = &sp->act[sig - 1];

	spin_lock(&sp->lock);
	if ((t->sig->mask & SIGBIT(sig)) || act->handler == SIG_IGN) {
		act->handler = SIG_DFL;
		t->sig->mask &= ~SIGBIT(sig);
	}
	t->sig->pending.set &= ~SIGBIT(sig);
	enqueue(t->proc, &t->sig->pending, sig, info);
	recompute(t);
	spin_unlock(&sp->lock);
}

/* ---- fork, exec, exit ------------------------------------------------------------------------ */

int signal_proc_init(struct proc *p, struct proc *parent)
{
	struct sig_proc *sp = kzalloc(sizeof(*sp));

	if (sp == NULL)
		return -ENOMEM;
	spin_init(&sp->lock, "signal");
	waitq_init(&sp->fd_wq);
	pending_init(&sp->pending);
	if (parent != NULL) {
		spin_lock(&parent->sig->lock);
		memcpy(sp->act, parent->sig->act, sizeof(sp->act));
		spin_unlock(&parent->sig->lock);
	}
	p->sig = sp;
	return 0;
}

int signal_thread_init(struct thread *t, struct thread *parent)
{
	struct sig_thread *st = kzalloc(sizeof(*st));

	if (st == NULL)
		return -ENOMEM;
	pending_init(&st->pending);
	st->altstack.flags = SS_DISABLE;
	if (parent != NULL) {
		st->mask = parent->sig->mask;
		st->altstack = parent->sig->altstack;
	}
	t->sig = st;
	return 0;
}

void signal_reset_handlers(struct proc *p)
{
	struct sig_proc *sp = p->sig;

	spin_lock(&sp->lock);
	for (int i = 0; i < NSIG; i++) {
		if (sp->act[i].handler != SIG_IGN)
			sp->act[i].handler = SIG_DFL;
		sp->act[i].flags = 0;
		sp->act[i].mask = 0;
		sp->act[i].restorer = 0;
	}
	spin_unlock(&sp->lock);
}

void signal_exec(struct proc *p)
{
	signal_reset_handlers(p);
	curthread()->sig->altstack = (struct ksigstack){ .flags = SS_DISABLE };
}

void signal_proc_release(struct proc *p)
{
	if (p->sig == NULL)
		return;
	pending_flush(p->sig, &p->sig->pending, ~0ull);
	kfree(p->sig);
	p->sig = NULL;
}

void signal_thread_release(struct thread *t)
{
	if (t->sig == NULL)
		return;
	if (t->proc->sig != NULL)
		pending_flush(t->proc->sig, &t->sig->pending, ~0ull);
	kfree(t->sig);
	t->sig = NULL;
}
