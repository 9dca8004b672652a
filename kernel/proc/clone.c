/* SPDX-License-Identifier: BSD-2-Clause
 * clone(2) for threads, as NPTL calls it (man 7 nptl).
 *
 * The new thread is built completely before it joins the process. It joins under proc_lock and the
 * process's signal lock, and not if the caller has a signal to see to: so a signal to the process, a stop
 * and an exit reach either a list with the new thread in it, or a caller that will not make one.
 */
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/uaccess.h"

/* Address space, descriptors, directories and handlers belong to the process here, so a thread that
 * does not share all of them cannot be had. */
#define THREAD_MUST (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define THREAD_MAY                                                                   \
	(CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | \
		CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_IO)

static int check_flags(const struct clone_request *r)
{
	if ((r->flags & THREAD_MUST) != THREAD_MUST)
		return -EINVAL;
	return r->flags & ~(uint64_t)(THREAD_MUST | THREAD_MAY) ? -EINVAL : 0;
}

static int prepare(struct thread *t, const struct clone_request *r)
{
	int err = signal_thread_init(t, curthread());

	if (err != 0)
		return err;
	t->sig->altstack = (struct ksigstack){ .flags = SS_DISABLE }; /* man 2 sigaltstack */
	if (r->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->ctid;
	if (r->flags & CLONE_CHILD_SETTID)
		t->set_child_tid = r->ctid;
	return clone_frame(t, r);
}

/* The new thread's id or -errno. */
static int join(struct thread *t)
{
	struct proc *p = curproc();
	int tid;

	spin_lock(&proc_lock);
	spin_lock(&p->sig->lock);
	if (READ_ONCE(curthread()->sig_pending)) {
		tid = -ERESTARTNOINTR;
	} else {
		tid = proc_new_id();
		if (tid != 0)
			proc_add_thread(p, t, tid);
		else
			tid = -EAGAIN;
	}
	spin_unlock(&p->sig->lock);
	spin_unlock(&proc_lock);
	return tid;
}

long proc_clone_thread(const struct clone_request *r)
{
	struct thread *t;
	int tid, err = check_flags(r);

	if (err != 0)
		return err;
	if (nproc_exceeded(curproc()))
		return -EAGAIN;
	t = thread_create_user(curproc(), curthread()->name);
	if (t == NULL)
		return -ENOMEM;
	err = prepare(t, r);
	tid = err == 0 ? join(t) : err;
	if (tid < 0) {
		signal_thread_release(t);
		thread_discard(t);
		return tid;
	}
	if (r->flags & CLONE_PARENT_SETTID)
		copy_to_user(r->ptid, &tid, sizeof(tid)); /* before it can end: pthread_join() */
	thread_start(t);
	return tid;
}
