/* SPDX-License-Identifier: BSD-2-Clause
 * fork(2), vfork(2), clone(2), clone3(2): what each says in its own way becomes one struct
 * clone_request (kernel/proc/proc.h).
 */
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

long sys_fork(void)
{
	return proc_clone(&(struct clone_request){ .exit_signal = SIGCHLD });
}

long sys_vfork(void)
{
	return proc_clone(
		&(struct clone_request){ .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD });
}

/* Which flags exclude each other, man 2 clone, ERRORS. */
static bool flags_contradict(uint64_t f)
{
	return ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) ||
	       ((f & CLONE_SIGHAND) && !(f & CLONE_VM)) ||
	       ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND));
}

static long old_clone(
	unsigned long flags, vaddr_t stack, vaddr_t ptid, vaddr_t ctid, unsigned long tls)
{
	struct clone_request r = {
		.flags = (uint32_t)flags & ~(uint64_t)CSIGNAL,
		.exit_signal = (int)(flags & CSIGNAL),
		.stack = stack,
		.ptid = ptid,
		.ctid = ctid,
		.tls = tls,
	};

	if (flags_contradict(r.flags) || r.exit_signal > NSIG)
		return -EINVAL;
	return proc_clone(&r);
}

#ifdef __x86_64__
long sys_clone(unsigned long flags, vaddr_t stack, vaddr_t ptid, vaddr_t ctid, unsigned long tls)
{
	return old_clone(flags, stack, ptid, ctid, tls);
}
#else
long sys_clone(unsigned long flags, vaddr_t stack, vaddr_t ptid, unsigned long tls, vaddr_t ctid)
{
	return old_clone(flags, stack, ptid, ctid, tls);
}
#endif

static int get_clone_args(struct abi_clone_args *a, vaddr_t uargs, size_t size)
{
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	return copy_struct_from_user(a, sizeof(*a), uargs, size);
}

static bool clone_args_valid(const struct abi_clone_args *a)
{
	if ((a->flags & (CSIGNAL | CLONE_DETACHED)) || a->exit_signal > CSIGNAL ||
		a->exit_signal > NSIG)
		return false;
	if ((a->flags & (CLONE_THREAD | CLONE_PARENT)) && a->exit_signal != 0)
		return false;
	if (a->set_tid != 0 || a->set_tid_size != 0 || a->cgroup != 0)
		return false;
	if (a->stack == 0)
		return a->stack_size == 0;
	return a->stack_size != 0 && a->stack <= USER_END && user_range_ok((vaddr_t)a->stack, 0) &&
	       a->stack_size <= USER_END - a->stack;
}

long sys_clone3(vaddr_t uargs, size_t size)
{
	struct abi_clone_args a;
	struct clone_request r;
	int err = get_clone_args(&a, uargs, size);

	if (err != 0)
		return err;
	if (!clone_args_valid(&a) || flags_contradict(a.flags))
		return -EINVAL;
	r = (struct clone_request){
		.flags = a.flags,
		.exit_signal = (int)a.exit_signal,
		.stack = (vaddr_t)(a.stack + a.stack_size),
		.ptid = (vaddr_t)a.parent_tid,
		.ctid = (vaddr_t)a.child_tid,
		.tls = (uintptr_t)a.tls,
	};
	return proc_clone(&r);
}

long sys_set_tid_address(vaddr_t addr)
{
	curthread()->clear_child_tid = addr;
	return curthread()->tid;
}
