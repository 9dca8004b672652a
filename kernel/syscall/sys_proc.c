/* SPDX-License-Identifier: BSD-2-Clause
 * Process system calls: identity, groups and sessions, limits, waiting. Credentials: sys_cred.c.
 */
#include <limits.h>

#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "fs/tty.h"
#include "kernel/core/string.h"
#include "kernel/proc/cpu_clock.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

long sys_getpid(void)
{
	return curproc()->pid;
}

long sys_gettid(void)
{
	return curthread()->tid;
}

long sys_getppid(void)
{
	return READ_ONCE(curproc()->ppid);
}

long sys_exit(int code)
{
	proc_exit_thread(code);
}

long sys_exit_group(int code)
{
	proc_exit(WSTATUS_EXIT(code));
}

/* ---- waiting ------------------------------------------------------------------------------------ */

static void rusage_to_abi(const struct krusage *k, struct abi_rusage *ru)
{
	memset(ru, 0, sizeof(*ru));
	ru->utime = (struct abi_timeval){ (long)(k->utime / NSEC_PER_SEC),
		(long)(k->utime % NSEC_PER_SEC / 1000) };
	ru->stime = (struct abi_timeval){ (long)(k->stime / NSEC_PER_SEC),
		(long)(k->stime % NSEC_PER_SEC / 1000) };
	ru->maxrss = (long)k->maxrss_kb;
	ru->minflt = (long)k->minflt;
}

long sys_wait4(int pid, vaddr_t ustatus, int options, vaddr_t urusage)
{
	struct krusage k = { 0 };
	struct abi_rusage ru;
	uint32_t uid;
	int status = 0;
	long ret;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	ret = proc_wait(pid, options | WEXITED, &status, &k, &uid);
	if (ret <= 0)
		return ret;
	if (ustatus != 0 && copy_to_user(ustatus, &status, sizeof(status)) != 0)
		return -EFAULT;
	if (urusage != 0) {
		rusage_to_abi(&k, &ru);
		if (copy_to_user(urusage, &ru, sizeof(ru)) != 0)
			return -EFAULT;
	}
	return ret;
}

long sys_waitpid(int pid, vaddr_t ustatus, int options)
{
	return sys_wait4(pid, ustatus, options, 0);
}

/* The SIGCHLD siginfo that describes a wait status. */
static void wait_siginfo(int pid, uint32_t uid, int status, struct ksiginfo *info)
{
	*info = (struct ksiginfo){ .signo = SIGCHLD, .pid = pid, .uid = uid };
	if (status == 0xffff) {
		info->code = CLD_CONTINUED;
		info->status = SIGCONT;
	} else if ((status & 0xff) == 0x7f) {
		info->code = CLD_STOPPED;
		info->status = status >> 8;
	} else if (status & 0x7f) {
		info->code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		info->status = status & 0x7f;
	} else {
		info->code = CLD_EXITED;
		info->status = status >> 8;
	}
}

long sys_waitid(int idtype, int id, vaddr_t uinfo, int options, vaddr_t urusage)
{
	struct ksiginfo info = { 0 };
	struct krusage k = { 0 };
	struct abi_rusage ru;
	uint8_t raw[128] = { 0 };
	uint32_t uid;
	int pid, status = 0;
	long ret;

	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)) ||
		(options & ~(WNOHANG | WEXITED | WSTOPPED | WCONTINUED | WNOWAIT | WNOTHREAD |
				   WALL | WCLONE)))
		return -EINVAL;
	if (idtype == P_ALL)
		pid = -1;
	else if (idtype == P_PID && id > 0)
		pid = id;
	else if (idtype == P_PGID && id >= 0)
		pid = -id;
	else
		return -EINVAL;
	if (idtype == P_PGID &&
		id == 1) /* -1 means any child to proc_wait(); init's group has no other name */
		return -ECHILD;
	ret = proc_wait(pid, options, &status, &k, &uid);
	if (ret < 0)
		return ret;
	if (ret > 0) {
		wait_siginfo((int)ret, uid, status, &info);
		siginfo_to_user(&info, raw);
	}
	if (uinfo != 0 && copy_to_user(uinfo, raw, sizeof(raw)) != 0)
		return -EFAULT;
	if (urusage != 0 && ret > 0) {
		rusage_to_abi(&k, &ru);
		return copy_to_user(urusage, &ru, sizeof(ru));
	}
	return 0;
}

long sys_getrusage(int who, vaddr_t uru)
{
	struct proc *p = curproc();
	struct thread *t = curthread();
	struct krusage k = { 0 };
	struct abi_rusage ru;

	if (who == RUSAGE_CHILDREN) {
		k = (struct krusage){ p->cutime, p->cstime, p->cmaxrss * (PAGE_SIZE / 1024),
			p->cminflt };
	} else if (who == RUSAGE_SELF || who == RUSAGE_THREAD) {
		spin_lock(&proc_lock);
		proc_cpu_time(p, &k.utime, &k.stime);
		spin_unlock(&proc_lock);
		k.minflt = p->minflt;
		k.maxrss_kb = proc_maxrss(p) * (PAGE_SIZE / 1024);
		if (who == RUSAGE_THREAD)
			k.utime = t->utime, k.stime = t->stime;
	} else {
		return -EINVAL;
	}
	rusage_to_abi(&k, &ru);
	return copy_to_user(uru, &ru, sizeof(ru));
}

/* ---- groups and sessions ----------------------------------------------------------------------- */

static long pgid_of(int pid, bool session)
{
	struct proc *p;
	long id;

	spin_lock(&proc_lock);
	p = pid == 0 ? curproc() : proc_find_locked(pid);
	id = p == NULL ? -ESRCH : session ? p->sid : p->pgid;
	spin_unlock(&proc_lock);
	return id;
}

long sys_getpgid(int pid)
{
	return pgid_of(pid, false);
}

long sys_getpgrp(void)
{
	return pgid_of(0, false);
}

long sys_getsid(int pid)
{
	return pgid_of(pid, true);
}

static bool pgrp_exists_in_session(int pgid, int sid)
{
	struct proc *p;

	LIST_FOR_EACH (p, &all_procs, all_link)
		if (p->pgid == pgid && p->sid == sid)
			return true;
	return false;
}

/* man 2 setpgid, proc_lock held. */
static long setpgid_locked(struct proc *p, int pgid)
{
	struct proc *me = curproc();

	if (p == NULL || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->has_execed)
		return -EACCES;
	if (p->sid != me->sid || p->leader)
		return -EPERM;
	if (pgid != p->pid && !pgrp_exists_in_session(pgid, me->sid))
		return -EPERM;
	p->pgid = pgid;
	return 0;
}

long sys_setpgid(int pid, int pgid)
{
	struct proc *p;
	long err;

	if (pgid < 0 || (pgid == 0 && pid < 0))
		return -EINVAL;
	spin_lock(&proc_lock);
	p = pid == 0 ? curproc() : proc_find_locked(pid);
	err = setpgid_locked(p, pgid != 0 || p == NULL ? pgid : p->pid);
	spin_unlock(&proc_lock);
	return err;
}

long sys_setsid(void)
{
	struct proc *p = curproc(), *other;
	long ret = p->pid;

	spin_lock(&proc_lock);
	LIST_FOR_EACH (other, &all_procs, all_link)
		if (other->pgid == p->pid)
			ret = -EPERM;
	if (ret > 0) {
		p->sid = p->pgid = p->pid;
		p->leader = true;
		p->ctty = NULL;
		p->hung_pgid = 0;
	}
	spin_unlock(&proc_lock);
	return ret;
}

/* ---- limits ------------------------------------------------------------------------------------- */

static bool may_limit(const struct proc *p)
{
	const struct cred *c = &curproc()->cred, *t = &p->cred;

	return p == curproc() || c->euid == 0 ||
	       (c->uid == t->uid && c->uid == t->euid && c->uid == t->suid);
}

static long do_prlimit(
	int pid, unsigned which, const struct rlimit_pair *new, struct rlimit_pair *old)
{
	struct proc *p;
	long err = 0;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (new != NULL &&new->cur > new->max)
		return -EINVAL;
	spin_lock(&proc_lock);
	p = pid == 0 ? curproc() : proc_find_locked(pid);
	if (p == NULL)
		err = -ESRCH;
	else if (!may_limit(p))
		err = -EPERM;
	else if (new != NULL &&new->max > p->rlimits[which].max && curproc()->cred.euid != 0)
		err = -EPERM;
	if (err == 0) {
		*old = p->rlimits[which];
		if (new != NULL)
			p->rlimits[which] = *new;
		if (new != NULL && which == RLIMIT_CPU)
			cpu_clock_note(p);
	}
	spin_unlock(&proc_lock);
	return err;
}

long sys_prlimit64(int pid, unsigned which, vaddr_t unew, vaddr_t uold)
{
	struct rlimit_pair new, old;
	long err;

	if (unew != 0 && copy_from_user(&new, unew, sizeof(new)) != 0)
		return -EFAULT;
	err = do_prlimit(pid, which, unew != 0 ? &new : NULL, &old);
	if (err != 0 || uold == 0)
		return err;
	return copy_to_user(uold, &old, sizeof(old));
}

static unsigned long narrow_limit(uint64_t v)
{
	return v > ULONG_MAX ? ULONG_MAX : (unsigned long)v;
}

long sys_getrlimit(unsigned which, vaddr_t ulim)
{
	struct rlimit_pair old;
	unsigned long out[2];
	long err = do_prlimit(0, which, NULL, &old);

	if (err != 0)
		return err;
	out[0] = narrow_limit(old.cur);
	out[1] = narrow_limit(old.max);
	return copy_to_user(ulim, out, sizeof(out));
}

long sys_setrlimit(unsigned which, vaddr_t ulim)
{
	struct rlimit_pair new, old;
	unsigned long in[2];

	if (copy_from_user(in, ulim, sizeof(in)) != 0)
		return -EFAULT;
	new.cur = in[0] == ULONG_MAX ? UINT64_MAX : in[0];
	new.max = in[1] == ULONG_MAX ? UINT64_MAX : in[1];
	return do_prlimit(0, which, &new, &old);
}

/* ---- the rest ----------------------------------------------------------------------------------- */

static long set_name(vaddr_t uname)
{
	char name[THREAD_NAME_LEN] = { 0 };
	ssize_t n = strncpy_from_user(name, uname, sizeof(name));

	if (n == -EFAULT)
		return -EFAULT;
	name[sizeof(name) - 1] = '\0';
	memcpy(curthread()->name, name, sizeof(name));
	if (curthread()->tid == curproc()->pid)
		memcpy(curproc()->name, name, sizeof(name));
	return 0;
}

long sys_prctl(int op, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
	struct proc *p = curproc();

	switch (op) {
	case PR_SET_NAME:
		return set_name(a);
	case PR_GET_NAME:
		return copy_to_user(a, curthread()->name, THREAD_NAME_LEN);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		p->dumpable = a;
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = a != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER: {
		int set = p->child_subreaper;

		return copy_to_user(a, &set, sizeof(set));
	}
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b != 0 || c != 0 || d != 0)
			return -EINVAL;
		p->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return b != 0 || c != 0 || d != 0 || a != 0 ? -EINVAL : p->no_new_privs;
	case PR_SET_PDEATHSIG:
		if (a > NSIG)
			return -EINVAL;
		p->pdeath_signal = (int)a;
		return 0;
	case PR_GET_PDEATHSIG:
		return copy_to_user(a, &p->pdeath_signal, sizeof(p->pdeath_signal));
	case PR_CAPBSET_READ: /* nothing is ever taken out of the set */
		return a <= CAP_LAST_CAP ? 1 : -EINVAL;
	case PR_GET_KEEPCAPS:
	case PR_GET_SECUREBITS:
	case PR_GET_SECCOMP:
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_personality(unsigned long persona)
{
	long old = (long)curproc()->personality;

	if ((uint32_t)persona != 0xffffffffu)
		curproc()->personality = persona;
	return old;
}

#ifdef __x86_64__

long sys_arch_prctl(int op, vaddr_t addr)
{
	struct arch_thread *a = &curthread()->arch;

	switch (op) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return op == ARCH_SET_FS ? arch_set_fs_base(curthread(), addr)
					 : arch_set_gs_base(curthread(), addr);
	case ARCH_GET_FS:
		return copy_to_user(addr, &a->fs_base, sizeof(a->fs_base));
	case ARCH_GET_GS:
		return copy_to_user(addr, &a->gs_base, sizeof(a->gs_base));
	default:
		return -EINVAL;
	}
}

#else

/* man 2 set_thread_area: entry -1 asks for a free one and is told which. */
long sys_set_thread_area(vaddr_t udesc)
{
	struct user_desc d;
	uint64_t packed;
	int err, slot;

	if (copy_from_user(&d, udesc, sizeof(d)) != 0)
		return -EFAULT;
	if (d.entry_number == (uint32_t)-1) {
		for (slot = 0; slot < TLS_COUNT && curthread()->arch.tls[slot] != 0; slot++)
			;
		if (slot == TLS_COUNT)
			return -ESRCH;
		d.entry_number = (uint32_t)(TLS_FIRST + slot);
		if (copy_to_user(udesc, &d, sizeof(d)) != 0)
			return -EFAULT;
	}
	if (d.entry_number < TLS_FIRST || d.entry_number >= TLS_FIRST + TLS_COUNT)
		return -EINVAL;
	err = tls_pack(&d, &packed);
	return err != 0 ? err : arch_set_tls(curthread(), d.entry_number - TLS_FIRST, packed);
}

long sys_get_thread_area(vaddr_t udesc)
{
	struct user_desc d;
	uint32_t entry;

	if (copy_from_user(&entry, udesc, sizeof(entry)) != 0)
		return -EFAULT;
	if (entry < TLS_FIRST || entry >= TLS_FIRST + TLS_COUNT)
		return -EINVAL;
	tls_unpack(&d, curthread()->arch.tls[entry - TLS_FIRST]);
	d.entry_number = entry;
	return copy_to_user(udesc, &d, sizeof(d));
}

#endif
