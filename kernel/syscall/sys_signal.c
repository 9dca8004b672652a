/* SPDX-License-Identifier: BSD-2-Clause
 * Signal system calls.
 */
#include "arch/x86/trap.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/signal.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

static struct ksiginfo user_info(int sig, int code)
{
	struct proc *p = curproc();

	return (struct ksiginfo){ .signo = sig, .code = code, .pid = p->pid, .uid = p->cred.uid };
}

/* man 2 kill: real or effective uid of the sender equals real or saved uid of the target; SIGCONT
 * anywhere in the session. */
static bool may_signal(const struct proc *target, int sig)
{
	const struct proc *p = curproc();
	const struct cred *c = &p->cred, *t = &target->cred;

	if (c->euid == 0 || (sig == SIGCONT && target->sid == p->sid))
		return true;
	return c->uid == t->uid || c->uid == t->suid || c->euid == t->uid || c->euid == t->suid;
}

/* pgid 0: every process but init and the caller. */
static long kill_many(int pgid, int sig)
{
	struct ksiginfo info = user_info(sig, SI_USER);
	bool any = false, sent = false;
	struct proc *p;

	spin_lock(&proc_lock);
	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (pgid != 0 ? p->pgid != pgid : p->pid == 1 || p == curproc())
			continue;
		any = true;
		if (!may_signal(p, sig))
			continue;
		sent = true;
		signal_proc_locked(p, sig, &info);
	}
	spin_unlock(&proc_lock);
	if (!any)
		return -ESRCH;
	return sent ? 0 : -EPERM;
}

static long kill_one(int pid, int sig, const struct ksiginfo *info)
{
	struct proc *p;
	long err = -ESRCH;

	spin_lock(&proc_lock);
	p = proc_find_locked(pid);
	if (p != NULL)
		err = may_signal(p, sig) ? signal_proc_locked(p, sig, info) : -EPERM;
	spin_unlock(&proc_lock);
	return err;
}

long sys_kill(int pid, int sig)
{
	struct ksiginfo info = user_info(sig, SI_USER);

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (pid > 0)
		return kill_one(pid, sig, &info);
	if (pid == -1)
		return kill_many(0, sig);
	if (pid == INT32_MIN)
		return -ESRCH;
	return kill_many(pid == 0 ? curproc()->pgid : -pid, sig);
}

/* tgid 0: of any process. */
static long kill_thread(int tgid, int tid, int sig, const struct ksiginfo *info)
{
	struct thread *t;
	long err = -ESRCH;

	spin_lock(&proc_lock);
	t = thread_find_locked(tid);
	if (t != NULL && (tgid == 0 || t->proc->pid == tgid)) {
		err = may_signal(t->proc, sig) ? 0 : -EPERM;
		if (err == 0)
			err = signal_thread_locked(t, sig, info);
	}
	spin_unlock(&proc_lock);
	return err;
}

long sys_tgkill(int tgid, int tid, int sig)
{
	struct ksiginfo info = user_info(sig, SI_TKILL);

	if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_thread(tgid, tid, sig, &info);
}

long sys_tkill(int tid, int sig)
{
	struct ksiginfo info = user_info(sig, SI_TKILL);

	if (tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_thread(0, tid, sig, &info);
}

/* What sigqueue(3) passes: the sender says who he is. */
static int get_siginfo(vaddr_t uinfo, int sig, struct ksiginfo *info)
{
	const size_t u = ROUND_UP(3 * sizeof(int), sizeof(long));
	uint8_t raw[128];

	if (copy_from_user(raw, uinfo, sizeof(raw)) != 0)
		return -EFAULT;
	*info = (struct ksiginfo){ .signo = sig };
	memcpy(&info->err, raw + 4, sizeof(info->err));
	memcpy(&info->code, raw + 8, sizeof(info->code));
	memcpy(&info->pid, raw + u, sizeof(info->pid));
	memcpy(&info->uid, raw + u + 4, sizeof(info->uid));
	memcpy(&info->value, raw + u + 8, sizeof(info->value));
	return 0;
}

/* Nobody may pretend to be the kernel or kill() towards another process, nor a timer's signal to
 * itself: it would be taken for one. */
static bool may_queue(const struct ksiginfo *info, int pid)
{
	if (info->code == SI_TIMER)
		return false;
	return (info->code < 0 && info->code != SI_TKILL) || pid == curproc()->pid;
}

long sys_rt_sigqueueinfo(int pid, int sig, vaddr_t uinfo)
{
	struct ksiginfo info;
	int err = get_siginfo(uinfo, sig, &info);

	if (err != 0)
		return err;
	if (!may_queue(&info, pid))
		return -EPERM;
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_one(pid, sig, &info);
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, vaddr_t uinfo)
{
	struct ksiginfo info;
	int err = get_siginfo(uinfo, sig, &info);

	if (err != 0)
		return err;
	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	if (!may_queue(&info, tgid))
		return -EPERM;
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_thread(tgid, tid, sig, &info);
}

long sys_rt_sigaction(int sig, vaddr_t uact, vaddr_t uold, size_t setsize)
{
	struct ksigaction act, old;
	int err;

	if (setsize != sizeof(uint64_t))
		return -EINVAL;
	if (uact != 0 && copy_from_user(&act, uact, sizeof(act)) != 0)
		return -EFAULT;
	err = signal_action(sig, uact != 0 ? &act : NULL, uold != 0 ? &old : NULL);
	if (err != 0 || uold == 0)
		return err;
	return copy_to_user(uold, &old, sizeof(old));
}

long sys_rt_sigprocmask(int how, vaddr_t uset, vaddr_t uold, size_t setsize)
{
	uint64_t old = curthread()->sig->mask, set;

	if (setsize != sizeof(uint64_t))
		return -EINVAL;
	if (uset != 0) {
		if (copy_from_user(&set, uset, sizeof(set)) != 0)
			return -EFAULT;
		if (how == SIG_BLOCK)
			set |= old;
		else if (how == SIG_UNBLOCK)
			set = old & ~set;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_set_mask(set);
	}
	return uold != 0 ? copy_to_user(uold, &old, sizeof(old)) : 0;
}

long sys_rt_sigpending(vaddr_t uset, size_t setsize)
{
	uint64_t set = signal_pending_set() & curthread()->sig->mask;

	if (setsize > sizeof(set))
		return -EINVAL;
	return copy_to_user(uset, &set, setsize);
}

static long suspend(uint64_t mask)
{
	static struct waitq nobody = WAITQ_INIT(nobody);

	signal_set_temp_mask(mask);
	WAIT_EVENT(&nobody, signal_pending(), WAIT_INTR, WAIT_FOREVER);
	return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(vaddr_t uset, size_t setsize)
{
	uint64_t mask;

	if (setsize != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, uset, sizeof(mask)) != 0)
		return -EFAULT;
	return suspend(mask);
}

long sys_pause(void)
{
	return suspend(curthread()->sig->mask);
}

static long sigtimedwait(vaddr_t uset, vaddr_t uinfo, uint64_t deadline, size_t setsize)
{
	static struct waitq nobody = WAITQ_INIT(nobody);
	struct ksiginfo info;
	uint8_t raw[128];
	uint64_t set;
	int sig, err = 0;

	if (setsize != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, uset, sizeof(set)) != 0)
		return -EFAULT;
	set &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
	sig = signal_dequeue(set, &info);
	if (sig == 0) {
		signal_await(set);
		err = WAIT_EVENT(&nobody, signal_pending(), WAIT_INTR, deadline);
		sig = signal_dequeue(set, &info);
		signal_await(0);
	}
	if (sig == 0)
		return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (uinfo != 0) {
		siginfo_to_user(&info, raw);
		if (copy_to_user(uinfo, raw, sizeof(raw)) != 0)
			return -EFAULT;
	}
	return sig;
}

static long timeout_deadline(int64_t sec, int64_t nsec, uint64_t *deadline)
{
	if (sec < 0 || nsec < 0 || nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*deadline = timespec_deadline(sec, nsec);
	return 0;
}

long sys_rt_sigtimedwait(vaddr_t uset, vaddr_t uinfo, vaddr_t uts, size_t setsize)
{
	uint64_t deadline = WAIT_FOREVER;
	struct abi_timespec ts;

	if (uts != 0) {
		if (copy_from_user(&ts, uts, sizeof(ts)) != 0)
			return -EFAULT;
		if (timeout_deadline(ts.sec, ts.nsec, &deadline) != 0)
			return -EINVAL;
	}
	return sigtimedwait(uset, uinfo, deadline, setsize);
}

long sys_rt_sigtimedwait_time64(vaddr_t uset, vaddr_t uinfo, vaddr_t uts, size_t setsize)
{
	uint64_t deadline = WAIT_FOREVER;
	struct abi_timespec64 ts;

	if (uts != 0) {
		if (copy_from_user(&ts, uts, sizeof(ts)) != 0)
			return -EFAULT;
		if (timeout_deadline(ts.sec, ts.nsec, &deadline) != 0)
			return -EINVAL;
	}
	return sigtimedwait(uset, uinfo, deadline, setsize);
}

long sys_sigaltstack(vaddr_t unew, vaddr_t uold)
{
	struct ksigstack k;
	struct abi_stack ss, old;
	long err;

	signal_get_altstack(&k);
	old = (struct abi_stack){ .sp = k.sp, .flags = (int)k.flags, .size = k.size };
	if (unew != 0) {
		if (copy_from_user(&ss, unew, sizeof(ss)) != 0)
			return -EFAULT;
		k = (struct ksigstack){ .sp = ss.sp, .flags = (unsigned)ss.flags, .size = ss.size };
		err = signal_set_altstack(&k);
		if (err != 0)
			return err;
	}
	return uold != 0 ? copy_to_user(uold, &old, sizeof(old)) : 0;
}

static long do_sigreturn(bool rt)
{
	struct ksiginfo info = { .signo = SIGSEGV, .code = SI_KERNEL };

	if (sigframe_pop(curthread()->uframe, rt) != 0)
		signal_force(SIGSEGV, &info);
	return tf_ret(curthread()->uframe);
}

long sys_rt_sigreturn(void)
{
	return do_sigreturn(true);
}

#ifdef __i386__

long sys_sigreturn(void)
{
	return do_sigreturn(false);
}

long sys_sigaction(int sig, vaddr_t uact, vaddr_t uold)
{
	struct abi_old_sigaction a;
	struct ksigaction act, old;
	int err;

	if (uact != 0) {
		if (copy_from_user(&a, uact, sizeof(a)) != 0)
			return -EFAULT;
		act = (struct ksigaction){ a.handler, a.flags, a.restorer, a.mask };
	}
	err = signal_action(sig, uact != 0 ? &act : NULL, &old);
	if (err != 0 || uold == 0)
		return err;
	a = (struct abi_old_sigaction){ old.handler, (unsigned long)old.mask, old.flags,
		old.restorer };
	return copy_to_user(uold, &a, sizeof(a));
}

long sys_signal(int sig, vaddr_t handler)
{
	struct ksigaction act = { handler, SA_RESETHAND | SA_NODEFER, 0, 0 }, old;
	int err = signal_action(sig, &act, &old);

	return err != 0 ? err : (long)old.handler;
}

long sys_sigprocmask(int how, vaddr_t uset, vaddr_t uold)
{
	uint64_t cur = curthread()->sig->mask, set;
	uint32_t word, old = (uint32_t)cur;

	if (uset != 0) {
		if (copy_from_user(&word, uset, sizeof(word)) != 0)
			return -EFAULT;
		set = word;
		if (how == SIG_BLOCK)
			set |= cur;
		else if (how == SIG_UNBLOCK)
			set = cur & ~set;
		else if (how == SIG_SETMASK)
			set |= cur & ~0xffffffffull;
		else
			return -EINVAL;
		signal_set_mask(set);
	}
	return uold != 0 ? copy_to_user(uold, &old, sizeof(old)) : 0;
}

long sys_sigpending(vaddr_t uset)
{
	uint32_t set = (uint32_t)(signal_pending_set() & curthread()->sig->mask);

	return copy_to_user(uset, &set, sizeof(set));
}

long sys_sigsuspend(int unused1, int unused2, uint32_t mask)
{
	return suspend((curthread()->sig->mask & ~0xffffffffull) | mask);
}

long sys_sgetmask(void)
{
	return (long)(uint32_t)curthread()->sig->mask;
}

#endif
