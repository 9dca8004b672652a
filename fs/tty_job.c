/* SPDX-License-Identifier: BSD-2-Clause
 * Terminals and jobs: which session a terminal controls, which process group has it (the foreground),
 * and what happens to the others that try to use it (man 2 ioctl_tty, man 3 tcsetpgrp, POSIX 11.1).
 *
 * A process's ctty is protected by proc_lock, a terminal's session and pgid by its own lock, taken
 * inside. They change together, so a change holds both.
 */
#include "fs/tty.h"

#include "arch/x86/console.h"
#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "mm/uaccess.h"

static void send_group(int pgid, int sig)
{
	if (pgid > 0)
		signal_pgrp(pgid, sig, &(struct ksiginfo){ .signo = sig, .code = SI_KERNEL });
}

struct tty *tty_current(void)
{
	struct proc *p = curproc();

	return p != NULL ? READ_ONCE(p->ctty) : NULL;
}

int tty_check_background(struct tty *tty, int sig)
{
	struct proc *p = curproc();
	int foreground, own;

	if (tty_current() != tty)
		return 0;
	own = READ_ONCE(p->pgid);
	foreground = READ_ONCE(tty->pgid);
	if (foreground == 0 || foreground == own)
		return 0;
	if (signal_ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (signal_pgrp_orphaned(own))
		return -EIO;
	send_group(own, sig);
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

/* Takes the terminal away from every process of the session; both locks held. */
static void release_session_locked(struct tty *tty)
{
	struct proc *p;

	LIST_FOR_EACH (p, &all_procs, all_link)
		if (p->ctty == tty && p->sid == tty->session)
			p->ctty = NULL;
	tty->session = 0;
	tty->pgid = 0;
}

void tty_acquire_on_open(struct tty *tty)
{
	struct proc *p = curproc();

	if (p == NULL)
		return;
	spin_lock(&proc_lock);
	spin_lock(&tty->lock);
	if (p->leader && p->ctty == NULL && tty->session == 0)
		acquire_locked(tty, p);
	spin_unlock(&tty->lock);
	spin_unlock(&proc_lock);
}

/* TIOCSCTTY. With `steal` root takes it from another session. */
static int set_ctty(struct tty *tty, bool steal)
{
	struct proc *p = curproc();
	int err = 0;

	spin_lock(&proc_lock);
	spin_lock(&tty->lock);
	if (p->ctty == tty && p->sid == tty->session)
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

/* The session lets go of its terminal; returns the group that was in the foreground. */
static int release_session(struct tty *tty, int sid)
{
	int pgid = 0;

	spin_lock(&proc_lock);
	spin_lock(&tty->lock);
	if (tty->session == sid) {
		pgid = tty->pgid;
		release_session_locked(tty);
	}
	spin_unlock(&tty->lock);
	spin_unlock(&proc_lock);
	return pgid;
}

void tty_session_exit(struct proc *leader)
{
	struct tty *tty = READ_ONCE(leader->ctty);
	int pgid;

	if (tty == NULL)
		return;
	pgid = release_session(tty, leader->sid);
	tty_hangup(tty);
	send_group(pgid, SIGHUP);
	send_group(pgid, SIGCONT);
}

/* TIOCNOTTY: of a session leader the whole session loses it, but the terminal does not hang up. */
static int give_up_ctty(struct tty *tty)
{
	struct proc *p = curproc();
	int pgid;

	if (tty_current() != tty)
		return -ENOTTY;
	if (!p->leader) {
		spin_lock(&proc_lock);
		p->ctty = NULL;
		spin_unlock(&proc_lock);
		return 0;
	}
	pgid = release_session(tty, p->sid);
	send_group(pgid, SIGHUP);
	send_group(pgid, SIGCONT);
	return 0;
}

/* ---- the foreground group ---- */

static int get_group(struct tty *tty, vaddr_t arg)
{
	int32_t pgid;

	if (tty_current() != tty)
		return -ENOTTY;
	pgid = READ_ONCE(tty->pgid);
	return copy_to_user(arg, &pgid, sizeof(pgid));
}

static int get_session(struct tty *tty, vaddr_t arg)
{
	int32_t sid;

	if (tty_current() != tty)
		return -ENOTTY;
	sid = READ_ONCE(tty->session);
	return copy_to_user(arg, &sid, sizeof(sid));
}

/* The group must exist and belong to the caller's session, which must be the terminal's. */
static int set_group(struct tty *tty, vaddr_t arg)
{
	struct proc *self = curproc(), *p;
	int32_t pgid;
	int err;

	if (tty_current() != tty)
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

/* ---- settings ---- */

static int get_termios(struct tty *tty, vaddr_t arg, size_t size)
{
	struct linux_termios t;

	spin_lock(&tty->lock);
	t = tty->ld.t;
	spin_unlock(&tty->lock);
	return copy_to_user(arg, &t, size);
}

/* What has been written has reached the device when write() returns, so there is nothing to wait for. */
static int set_termios(struct tty *tty, vaddr_t arg, size_t size, bool flush)
{
	struct linux_termios t;
	int err = tty_check_background(tty, SIGTTOU);

	if (err != 0)
		return err;
	spin_lock(&tty->lock);
	t = tty->ld.t; /* the speeds, where the caller's structure has none */
	spin_unlock(&tty->lock);
	err = copy_from_user(&t, arg, size);
	if (err != 0)
		return err;
	spin_lock(&tty->lock);
	if (flush)
		ldisc_flush(&tty->ld);
	ldisc_set_termios(&tty->ld, &t);
	spin_unlock(&tty->lock);
	waitq_wake_all(&tty->read_wq);
	waitq_wake_all(&tty->write_wq);
	return 0;
}

static int get_winsize(struct tty *tty, vaddr_t arg)
{
	struct linux_winsize ws;

	spin_lock(&tty->lock);
	ws = tty->winsize;
	spin_unlock(&tty->lock);
	return copy_to_user(arg, &ws, sizeof(ws));
}

static int set_winsize(struct tty *tty, vaddr_t arg)
{
	struct linux_winsize ws;
	bool changed;
	int pgid, err = copy_from_user(&ws, arg, sizeof(ws));

	if (err != 0)
		return err;
	spin_lock(&tty->lock);
	changed = ws.row != tty->winsize.row || ws.col != tty->winsize.col;
	tty->winsize = ws;
	pgid = tty->pgid;
	spin_unlock(&tty->lock);
	if (changed)
		send_group(pgid, SIGWINCH);
	return 0;
}

static int flush_queues(struct tty *tty, unsigned which)
{
	int err = tty_check_background(tty, SIGTTOU);

	if (err != 0)
		return err;
	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which == TCOFLUSH)
		return 0; /* no output is ever queued */
	spin_lock(&tty->lock);
	ldisc_flush(&tty->ld);
	spin_unlock(&tty->lock);
	return 0;
}

static int flow(struct tty *tty, unsigned action)
{
	uint8_t c;
	int err = tty_check_background(tty, SIGTTOU);

	if (err != 0)
		return err;
	switch (action) {
	case TCOOFF:
	case TCOON:
		spin_lock(&tty->lock);
		tty->ld.stopped = action == TCOOFF;
		spin_unlock(&tty->lock);
		waitq_wake_all(&tty->write_wq);
		return 0;
	case TCIOFF:
	case TCION:
		c = tty->ld.t.cc[action == TCIOFF ? VSTOP : VSTART];
		return c == 0 ? 0 : tty_send(tty->dev, &c, 1);
	}
	return -EINVAL;
}

static int put_int(vaddr_t arg, int32_t v)
{
	return copy_to_user(arg, &v, sizeof(v));
}

static int input_count(struct tty *tty, vaddr_t arg)
{
	unsigned n;

	spin_lock(&tty->lock);
	n = ldisc_count(&tty->ld);
	spin_unlock(&tty->lock);
	return put_int(arg, (int32_t)n);
}

int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;

	if (tty_file_dead(tf))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCGETS:
		return get_termios(tty, arg, LINUX_TERMIOS_SIZE);
	case TCGETS2:
		return get_termios(tty, arg, sizeof(struct linux_termios));
	case TCSETS:
	case TCSETSW:
		return set_termios(tty, arg, LINUX_TERMIOS_SIZE, false);
	case TCSETSF:
		return set_termios(tty, arg, LINUX_TERMIOS_SIZE, true);
	case TCSETS2:
	case TCSETSW2:
		return set_termios(tty, arg, sizeof(struct linux_termios), false);
	case TCSETSF2:
		return set_termios(tty, arg, sizeof(struct linux_termios), true);
	case TCSBRK: /* tcdrain() is this one; a break does nothing where there is none, as on Linux */
	case TCSBRKP:
		return tty_check_background(tty, SIGTTOU);
	case TCXONC:
		return flow(tty, (unsigned)arg);
	case TCFLSH:
		return flush_queues(tty, (unsigned)arg);
	case TIOCSCTTY:
		return set_ctty(tty, arg == 1);
	case TIOCNOTTY:
		return give_up_ctty(tty);
	case TIOCGPGRP:
		return get_group(tty, arg);
	case TIOCSPGRP:
		return set_group(tty, arg);
	case TIOCGSID:
		return get_session(tty, arg);
	case TIOCGWINSZ:
		return get_winsize(tty, arg);
	case TIOCSWINSZ:
		return set_winsize(tty, arg);
	case FIONREAD:
		return input_count(tty, arg);
	case TIOCOUTQ:
		return put_int(arg, 0);
	case TIOCGETD:
		return put_int(arg, N_TTY);
	}
	return -ENOTTY;
}
