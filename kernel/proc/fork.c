/* SPDX-License-Identifier: BSD-2-Clause
 * clone(2) for processes: fork, vfork, and the CLONE_VM|CLONE_VFORK of posix_spawn(3). Threads are
 * made in clone.c, the system calls stand in kernel/syscall/sys_clone.c.
 *
 * The child is built completely before it is published, so whatever fails on the way is unwound
 * without anybody having seen it. The child's parent is the calling process; all that the two
 * share (files, perhaps the address space) is counted.
 */
#include "arch/x86/trap.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/uaccess.h"

/* What may be shared by two processes that are not threads of one. There are no System V semaphores
 * and no I/O contexts yet, so there is nothing to share by CLONE_SYSVSEM and CLONE_IO. */
#define CLONE_PROC_FLAGS                                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_VFORK | CLONE_PARENT | CLONE_SYSVSEM |        \
		CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | \
		CLONE_DETACHED | CLONE_UNTRACED | CLONE_IO | CLONE_CLEAR_SIGHAND)

void proc_vfork_release(struct proc *p)
{
	WRITE_ONCE(p->vfork_done, true);
	waitq_wake_all(&p->vfork_wq);
}

static void copy_identity(struct proc *child, const struct proc *parent)
{
	child->cred = parent->cred;
	memcpy(child->rlimits, parent->rlimits, sizeof(child->rlimits));
	child->cpu_itimers = child->rlimits[RLIMIT_CPU].cur != UINT64_MAX;
	memcpy(child->name, parent->name, sizeof(child->name));
	child->dumpable = parent->dumpable;
	child->no_new_privs = parent->no_new_privs;
	child->personality = parent->personality;
	child->oom_score_adj = parent->oom_score_adj;
	child->membarriers = parent->membarriers;
	child->exe = parent->exe;
	if (child->exe != NULL)
		exec_share(child->exe);
}

static int copy_resources(struct proc *child, struct proc *parent, uint64_t flags)
{
	if (flags & CLONE_VM) {
		child->vm = parent->vm;
		vm_map_get(child->vm);
	} else if ((child->vm = vm_map_fork(parent->vm)) == NULL) {
		return -ENOMEM;
	}
	if (flags & CLONE_FILES) {
		child->fds = parent->fds;
		fd_table_get(child->fds);
	} else if ((child->fds = fd_table_copy(parent->fds)) == NULL) {
		return -ENOMEM;
	}
	if (flags & CLONE_FS) {
		child->fs = parent->fs;
		fs_context_get(child->fs);
	} else if ((child->fs = fs_context_copy(parent->fs)) == NULL) {
		return -ENOMEM;
	}
	return 0;
}

static void drop_resources(struct proc *child)
{
	if (child->fs != NULL)
		fs_context_put(child->fs);
	if (child->fds != NULL)
		fd_table_put(child->fds);
	if (child->vm != NULL)
		vm_map_put(child->vm);
	if (child->exe != NULL)
		exec_close(child->exe);
}

struct count_ctx {
	uint32_t uid;
	uint64_t n;
};

static bool count_uid(struct proc *p, void *arg)
{
	struct count_ctx *c = arg;

	if (p->cred.uid == c->uid)
		c->n += p->nthreads;
	return true;
}

/* RLIMIT_NPROC does not bind root (man 2 getrlimit), but the pid table binds everybody. */
bool nproc_exceeded(const struct proc *parent)
{
	struct count_ctx c = { parent->cred.uid, 0 };

	if (parent->cred.uid == 0 || parent->rlimits[RLIMIT_NPROC].cur == UINT64_MAX)
		return false;
	proc_for_each(count_uid, &c);
	return c.n >= parent->rlimits[RLIMIT_NPROC].cur;
}

int clone_frame(struct thread *t, const struct clone_request *r)
{
	*t->uframe = *curthread()->uframe;
	tf_set_ret(t->uframe, 0);
	t->uframe->orig_ax = (uintptr_t)-1;
	if (r->stack != 0)
		t->uframe->sp = r->stack;
	arch_thread_fork(t);
	return r->flags & CLONE_SETTLS ? arch_thread_set_tls(t, r->tls) : 0;
}

static int check_flags(const struct clone_request *r)
{
	if (r->flags & ~(uint64_t)CLONE_PROC_FLAGS)
		return -EINVAL;
	/* init's children could not be its siblings: who would wait for them? */
	if ((r->flags & CLONE_PARENT) && curproc()->pid == 1)
		return -EINVAL;
	return 0;
}

/* A caller that has a signal to see to does that first and comes back, so that whatever is to happen
 * to all of a process's threads, or a process group's members, misses none. */
static int enter_tree(struct proc *child, struct thread *t, const struct clone_request *r)
{
	struct proc *self = curproc();
	int err = 0;

	spin_lock(&proc_lock);
	if (READ_ONCE(curthread()->sig_pending))
		err = -ERESTARTNOINTR;
	else if (!proc_assign_pid(child))
		err = -EAGAIN;
	if (err == 0) {
		child->pgid = self->pgid;
		child->sid = self->sid;
		child->ctty = self->ctty;
		spin_lock(&child->sig->lock);
		proc_add_thread(child, t, child->pid);
		spin_unlock(&child->sig->lock);
		if (r->flags & CLONE_PARENT)
			child->exit_signal = self->exit_signal;
		proc_publish(child, r->flags & CLONE_PARENT ? self->parent : self);
	}
	spin_unlock(&proc_lock);
	return err;
}

/* A process without threads and identity: what it has of its own and what it shares. */
static int new_process(struct proc *child, const struct clone_request *r)
{
	struct proc *self = curproc();
	int err;

	copy_identity(child, self);
	child->exit_signal = r->exit_signal;
	err = signal_proc_init(child, self);
	if (err != 0)
		return err;
	if (r->flags & CLONE_CLEAR_SIGHAND)
		signal_reset_handlers(child);
	return copy_resources(child, self, r->flags);
}

static int new_thread(struct proc *child, const struct clone_request *r, struct thread **out)
{
	struct thread *t = thread_create_user(child, curthread()->name);
	int err;

	*out = t;
	if (t == NULL)
		return -ENOMEM;
	err = signal_thread_init(t, curthread());
	if (err != 0)
		return err;
	if ((r->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
		t->sig->altstack = (struct ksigstack){ .flags = SS_DISABLE };
	if (r->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->ctid;
	if (r->flags & CLONE_CHILD_SETTID)
		t->set_child_tid = r->ctid;
	return clone_frame(t, r);
}

static long clone_process(const struct clone_request *r)
{
	struct proc *child;
	struct thread *t = NULL;
	int pid, err = check_flags(r);

	if (err != 0)
		return err;
	if (nproc_exceeded(curproc()))
		return -EAGAIN;
	child = proc_alloc();
	if (child == NULL)
		return -ENOMEM;
	err = new_process(child, r);
	if (err == 0)
		err = new_thread(child, r, &t);
	if (err == 0)
		err = enter_tree(child, t, r);
	if (err != 0)
		goto fail;

	pid = child->pid;
	if (r->flags & CLONE_PARENT_SETTID)
		copy_to_user(r->ptid, &pid,
			sizeof(pid)); /* as Linux: a bad pointer does not undo the fork */
	proc_get(child);
	thread_start(t);
	if (r->flags & CLONE_VFORK)
		WAIT_EVENT(&child->vfork_wq, READ_ONCE(child->vfork_done), WAIT_KILLABLE,
			WAIT_FOREVER);
	proc_put(child);
	return pid;
fail:
	if (t != NULL) {
		signal_thread_release(t);
		thread_discard(t);
	}
	drop_resources(child);
	proc_put(child);
	return err;
}

long proc_clone(const struct clone_request *r)
{
	return r->flags & CLONE_THREAD ? proc_clone_thread(r) : clone_process(r);
}

void thread_user_started(void)
{
	struct thread *t = curthread();

	if (t->proc->pid == 1 && t->uframe->ip == 0)
		init_main();
	if (t->set_child_tid != 0)
		copy_to_user(t->set_child_tid, &t->tid, sizeof(t->tid));
}
