/* SPDX-License-Identifier: BSD-2-Clause
 * clone(2) for processes: fork, vfork, and the CLONE_VM|CLONE_VFORK of posix_spawn(3).
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
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

/* What may be shared by two processes that are not threads of one. */
#define CLONE_SUPPORTED                                                                        \
	(CSIGNAL | CLONE_VM | CLONE_FILES | CLONE_VFORK | CLONE_SETTLS | CLONE_PARENT_SETTID | \
		CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_UNTRACED)

void proc_vfork_release(struct proc *p)
{
	WRITE_ONCE(p->vfork_done, true);
	waitq_wake_all(&p->vfork_wq);
}

static void copy_identity(struct proc *child, const struct proc *parent)
{
	child->cred = parent->cred;
	memcpy(child->rlimits, parent->rlimits, sizeof(child->rlimits));
	memcpy(child->name, parent->name, sizeof(child->name));
	child->dumpable = parent->dumpable;
	child->no_new_privs = parent->no_new_privs;
	child->personality = parent->personality;
	child->nice = parent->nice;
	child->exe = parent->exe;
	if (child->exe != NULL)
		file_get(child->exe);
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
	child->fs = fs_context_copy(parent->fs);
	return child->fs != NULL ? 0 : -ENOMEM;
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
		file_put(child->exe);
}

struct count_ctx {
	uint32_t uid;
	uint64_t n;
};

static bool count_uid(struct proc *p, void *arg)
{
	struct count_ctx *c = arg;

	c->n += p->cred.uid == c->uid;
	return true;
}

/* RLIMIT_NPROC does not bind root (man 2 getrlimit), but the pid table binds everybody. */
static bool nproc_exceeded(const struct proc *parent)
{
	struct count_ctx c = { parent->cred.uid, 0 };

	if (parent->cred.uid == 0 || parent->rlimits[RLIMIT_NPROC].cur == UINT64_MAX)
		return false;
	proc_for_each(count_uid, &c);
	return c.n >= parent->rlimits[RLIMIT_NPROC].cur;
}

/* The child's first registers: the parent's, but for result, stack and TLS. */
static int child_frame(struct thread *t, uint64_t flags, vaddr_t stack, uint64_t tls)
{
	*t->uframe = *curthread()->uframe;
	tf_set_ret(t->uframe, 0);
	t->uframe->orig_ax = (uintptr_t)-1;
	if (stack != 0)
		t->uframe->sp = stack;
	arch_thread_fork(t);
	if (!(flags & CLONE_SETTLS))
		return 0;
	return arch_thread_set_tls(t, tls);
}

static int check_flags(uint64_t flags)
{
	if (flags & ~(uint64_t)CLONE_SUPPORTED)
		return -EINVAL;
	if ((flags & CSIGNAL) > NSIG)
		return -EINVAL;
	return 0;
}

static int enter_tree(struct proc *child, struct thread *t, struct proc *parent)
{
	bool ok;

	spin_lock(&proc_lock);
	ok = proc_assign_pid(child);
	if (ok) {
		t->tid = child->pid;
		child->pgid = parent->pgid;
		child->sid = parent->sid;
		child->ctty = parent->ctty;
		list_push_back(&child->threads, &t->proc_link);
		child->nthreads = 1;
		proc_publish(child, parent);
	}
	spin_unlock(&proc_lock);
	return ok ? 0 : -EAGAIN;
}

long proc_clone(uint64_t flags, vaddr_t stack, vaddr_t ptid, vaddr_t ctid, uint64_t tls)
{
	struct proc *parent = curproc(), *child;
	struct thread *t;
	int pid, err = check_flags(flags);

	if (err != 0)
		return err;
	if (nproc_exceeded(parent))
		return -EAGAIN;
	child = proc_alloc();
	if (child == NULL)
		return -ENOMEM;
	copy_identity(child, parent);
	child->exit_signal = flags & CSIGNAL;
	t = NULL;
	err = signal_proc_init(child, parent);
	if (err == 0)
		err = copy_resources(child, parent, flags);
	if (err != 0)
		goto fail;
	err = -ENOMEM;
	t = thread_create_user(child, child->name);
	if (t == NULL)
		goto fail;
	t->affinity = curthread()->affinity;
	err = signal_thread_init(t, curthread());
	if (err == 0)
		err = child_frame(t, flags, stack, tls);
	if (err == 0)
		err = enter_tree(child, t, parent);
	if (err != 0)
		goto fail;

	pid = child->pid;
	if (flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = ctid;
	if (flags & CLONE_CHILD_SETTID)
		t->set_child_tid = ctid;
	if (flags & CLONE_PARENT_SETTID)
		copy_to_user(ptid, &pid,
			sizeof(pid)); /* as Linux: a bad pointer does not undo the fork */
	proc_get(child);
	thread_start(t);
	if (flags & CLONE_VFORK)
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

void thread_user_started(void)
{
	struct thread *t = curthread();

	if (t->proc->pid == 1 && t->uframe->ip == 0)
		init_main();
	if (t->set_child_tid != 0)
		copy_to_user(t->set_child_tid, &t->tid, sizeof(t->tid));
}

long sys_fork(void)
{
	return proc_clone(SIGCHLD, 0, 0, 0, 0);
}

long sys_vfork(void)
{
	return proc_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}

#ifdef __x86_64__
long sys_clone(unsigned long flags, vaddr_t stack, vaddr_t ptid, vaddr_t ctid, unsigned long tls)
{
	return proc_clone(flags, stack, ptid, ctid, tls);
}
#else
long sys_clone(unsigned long flags, vaddr_t stack, vaddr_t ptid, unsigned long tls, vaddr_t ctid)
{
	return proc_clone(flags, stack, ptid, ctid, tls);
}
#endif
