/* SPDX-License-Identifier: BSD-2-Clause
 * Terminals and jobs: which session a terminal controls, which process group has it (the foreground),
 * and what happens to the others that try to use it (man 2 ioctl_tty, man 3 tcsetpgrp, POSIX 11.1).
 *
 * A process's ctty is protected by proc_lock, a terminal's session and pgid by its own lock, taken
 * inside. They change together, so a change holds both. A ctty is no reference to the terminal: who
 * wants to keep it takes one under proc_lock.
 */
#include "fs/tty.h"

#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "mm/uaccess.h"

void tty_signal_group(int pgid, int sig)
{
	if (pgid > 0)
		signal_pgrp(pgid, sig, &(struct ksiginfo){ .signo = sig, .code = SI_KERNEL });
}

struct tty *tty_current(void)
{
	struct tty *tty;

	spin_lock(&proc_lock);
	tty = curproc()->ctty;
	if (tty != NULL)
		tty_get(tty);
	spin_unlock(&proc_lock);
	return tty;
}

bool tty_is_current(const struct tty *tty)
{
	struct proc *p = curproc();

	return p != NULL && READ_ONCE(p->ctty) == tty;
}

int tty_check_background(struct tty *tty, int sig)
{
	struct proc *p = curproc();
	int foreground, own;

	if (!tty_is_current(tty))
		return 0;
	own = READ_ONCE(p->pgid);
	foreground = READ_ONCE(tty->pgid);
	if (foreground == 0 || foreground == own)
		return 0;
	if (signal_ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (signal_pgrp_orphaned(own))
		return -EIO;
	tty_signal_group(own, sig);
	return -ERESTARTSYS;
}

/* ---- gaining and losing a controlling terminal ---- */

/* Both locks held. */
static void acquire_locked(struct tty *tty, struct proc *p)
{
	tty->session = p->sid;
	tty->pgid = p->pgid;
	p->ctty = tty;
}

/* Takes the terminal away from every process that has it; both locks held. The leader keeps in mind
 * which group was in the foreground. */
static void release_session_locked(struct tty *tty)
{
	struct proc *p;

	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (p->ctty != tty)
			continue;
		p->ctty = NULL;
		if (p->leader)
			p->hung_pgid = tty->pgid;
	}
	tty->session = 0;
	tty->pgid = 0;
}

/* A terminal that hangs up is about to be let go of: files from before must not bring it back. Its
 * lock held. */
static bool has_hung_up(const struct tty *tty, const struct tty_file *tf)
{
	return tf != NULL && tf->hangups != tty->hangups;
}

void tty_acquire_on_open(const struct tty_file *tf)
{
	struct proc *p = curproc();
	struct tty *tty = tf->tty;

	if (p == NULL)
		return;
	spin_lock(&proc_lock);
	spin_lock(&tty->lock);
	if (p->leader && p->ctty == NULL && tty->session == 0 && !has_hung_up(tty, tf))
		acquire_locked(tty, p);
	spin_unlock(&tty->lock);
	spin_unlock(&proc_lock);
}

/* TIOCSCTTY. With `steal` root takes it from another session. */
static int set_ctty(struct tty *tty, const struct tty_file *tf, bool steal)
{
	struct proc *p = curproc();
	int err = 0;

	spin_lock(&proc_lock);
	spin_lock(&tty->lock);
	if (p->ctty == tty && p->sid == tty->session)
		goto out;
	err = -EIO;
	if (has_hung_up(tty, tf) && !tf->console)
		goto out;
	err = -EPERM;
	if (!p->leader || p->ctty != NULL)
		goto out;
	if (tty->session != 0) {
		if (!steal || p->cred.euid != 0)
			goto out;
		release_session_locked(tty);
	}
	acquire_locked(tty, p);
	err = 0;
out:
	spin_unlock(&tty->lock);
	spin_unlock(&proc_lock);
	return err;
}

/* The caller's session lets go of its terminal: *pgid is the group that was in the foreground. Returns
 * the terminal with a reference, or NULL: it has none. */
static struct tty *release_own(int *pgid)
{
	struct proc *p = curproc();
	struct tty *tty;

	spin_lock(&proc_lock);
	tty = p->ctty;
	*pgid = p->hung_pgid;
	p->hung_pgid = 0;
	if (tty != NULL) {
		tty_get(tty);
		spin_lock(&tty->lock);
		*pgid = tty->pgid;
		release_session_locked(tty);
		spin_unlock(&tty->lock);
		p->hung_pgid = 0;
	}
	spin_unlock(&proc_lock);
	return tty;
}

/* As Linux: the foreground group of a pty gets SIGHUP only; if it has stopped, being orphaned now sends
 * it SIGCONT as well. */
void tty_session_exit(struct proc *leader)
{
	int pgid;
	struct tty *tty = release_own(&pgid);

	if (tty != NULL && !tty->is_pty)
		tty_hangup(tty);
	tty_signal_group(pgid, SIGHUP);
	if (tty == NULL)
		tty_signal_group(pgid, SIGCONT);
	else
		tty_put(tty);
}

/* TIOCNOTTY: of a session leader the whole session loses it, but the terminal does not hang up. */
static int give_up_ctty(struct tty *tty)
{
	struct proc *p = curproc();
	struct tty *own;
	int pgid;

	if (!tty_is_current(tty))
		return -ENOTTY;
	if (!p->leader) {
		spin_lock(&proc_lock);
		p->ctty = NULL;
		spin_unlock(&proc_lock);
		return 0;
	}
	own = release_own(&pgid);
	tty_signal_group(pgid, SIGHUP);
	tty_signal_group(pgid, SIGCONT);
	if (own != NULL)
		tty_put(own);
	return 0;
}

void tty_vhangup(struct tty *tty)
{
	static const int sent[] = { SIGHUP, SIGCONT };
	struct proc *p;

	tty_hangup(tty);
	spin_lock(&proc_lock);
	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (p->ctty != tty || !p->leader)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(sent); i++)
			signal_proc_locked(p, sent[i],
				&(struct ksiginfo){ .signo = sent[i], .code = SI_KERNEL });
	}
	spin_lock(&tty->lock);
	release_session_locked(tty);
	spin_unlock(&tty->lock);
	spin_unlock(&proc_lock);
}

/* ---- the foreground group ---- */

static int get_group(struct tty *tty, bool master, vaddr_t arg)
{
	int32_t pgid;

	if (!master && !tty_is_current(tty))
		return -ENOTTY;
	pgid = READ_ONCE(tty->pgid);
	return copy_to_user(arg, &pgid, sizeof(pgid));
}

static int get_session(struct tty *tty, bool master, vaddr_t arg)
{
	int32_t sid;

	if (!master && !tty_is_current(tty))
		return -ENOTTY;
	sid = READ_ONCE(tty->session);
	if (sid == 0)
		return -ENOTTY;
	return copy_to_user(arg, &sid, sizeof(sid));
}

/* The group must exist and belong to the caller's session, which must be the terminal's. */
static int set_group(struct tty *tty, vaddr_t arg)
{
	struct proc *self = curproc(), *p;
	int32_t pgid;
	int err;

	if (!tty_is_current(tty))
		return -ENOTTY;
	err = tty_check_background(tty, SIGTTOU);
	if (err == 0)
		err = copy_from_user(&pgid, arg, sizeof(pgid));
	if (err != 0)
		return err;
	if (pgid < 0)
		return -EINVAL;
	err = -ESRCH;
	spin_lock(&proc_lock);
	LIST_FOR_EACH (p, &all_procs, all_link) {
		if (p->pgid != pgid)
			continue;
		err = p->sid == self->sid ? 0 : -EPERM;
		break;
	}
	spin_lock(&tty->lock);
	if (err == 0 && tty->session != self->sid)
		err = -ENOTTY;
	if (err == 0)
		tty->pgid = pgid;
	spin_unlock(&tty->lock);
	spin_unlock(&proc_lock);
	return err;
}

int tty_ioctl_job(struct tty *tty, const struct tty_file *tf, unsigned cmd, vaddr_t arg)
{
	bool master = tf == NULL;

	switch (cmd) {
	case TIOCSCTTY:
		return set_ctty(tty, tf, arg == 1);
	case TIOCNOTTY:
		return give_up_ctty(tty);
	case TIOCGPGRP:
		return get_group(tty, master, arg);
	case TIOCSPGRP:
		return set_group(tty, arg);
	case TIOCGSID:
		return get_session(tty, master, arg);
	}
	return -ENOTTY;
}
