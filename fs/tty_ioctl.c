/* SPDX-License-Identifier: BSD-2-Clause
 * Settings and queues of terminals: ioctl(2) on them (man 2 ioctl_tty, man 3 termios). Sessions and
 * groups are in fs/tty_job.c.
 *
 * The master of a pseudo-terminal has no settings of its own: those asked of it are the terminal's, and
 * the rules for background processes do not hold for it. `tf` is NULL then.
 */
#include "fs/tty.h"

#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/uaccess.h"

static int put_int(vaddr_t arg, int32_t v)
{
	return copy_to_user(arg, &v, sizeof(v));
}

/* May the caller change the terminal: the rule of tty_check_background(). */
static int check_change(struct tty *tty, const struct tty_file *tf)
{
	return tf != NULL ? tty_check_background(tty, SIGTTOU) : 0;
}

/* Tells the world what happened in the line discipline; lock not held. */
static void pass_on(struct tty *tty, struct ldisc_result r)
{
	if (r.events != 0 && tty->ops->event != NULL) {
		spin_lock(&tty->lock);
		tty->ops->event(tty, r.events);
		spin_unlock(&tty->lock);
	}
	if (r.resumed)
		waitq_wake_all(&tty->write_wq);
}

/* ---- settings ---- */

/* The three shapes of the structure: termios2, termios, and System V's termio. */
enum shape { TERMIOS2, TERMIOS, TERMIO };

/* Bits per second of the codes 0 to 15 and 0x1001 to 0x100f (CBAUD). */
static uint32_t baud_rate(uint32_t cflag, uint32_t other)
{
	static const uint32_t low[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400,
		4800, 9600, 19200, 38400 };
	static const uint32_t high[] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
		1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };
	uint32_t code = cflag & CBAUD;

	if (code == BOTHER)
		return other;
	return code & BOTHER ? high[code & 15] : low[code & 15];
}

static void from_termio(struct linux_termios *t, const struct linux_termio *old)
{
	/* The upper halves stay. */
	t->iflag = (t->iflag & ~0xffffu) | old->iflag;
	t->oflag = (t->oflag & ~0xffffu) | old->oflag;
	t->cflag = (t->cflag & ~0xffffu) | old->cflag;
	t->lflag = (t->lflag & ~0xffffu) | old->lflag;
	t->line = old->line;
	memcpy(t->cc, old->cc, NCC);
}

static int get_termios(struct tty *tty, vaddr_t arg, enum shape shape)
{
	struct linux_termios t;
	struct linux_termio old;

	spin_lock(&tty->lock);
	t = tty->ld.t;
	spin_unlock(&tty->lock);
	if (shape != TERMIO)
		return copy_to_user(arg, &t, shape == TERMIOS2 ? sizeof(t) : LINUX_TERMIOS_SIZE);
	memset(&old, 0, sizeof(old));
	old.iflag = (uint16_t)t.iflag;
	old.oflag = (uint16_t)t.oflag;
	old.cflag = (uint16_t)t.cflag;
	old.lflag = (uint16_t)t.lflag;
	old.line = t.line;
	memcpy(old.cc, t.cc, NCC);
	return copy_to_user(arg, &old, sizeof(old));
}

static int read_termios(vaddr_t arg, enum shape shape, struct linux_termios *t)
{
	struct linux_termio old;
	int err;

	if (shape == TERMIO) {
		err = copy_from_user(&old, arg, sizeof(old));
		if (err == 0)
			from_termio(t, &old);
		return err;
	}
	return copy_from_user(t, arg, shape == TERMIOS2 ? sizeof(*t) : LINUX_TERMIOS_SIZE);
}

/* Does ^S stop output: what the master of a pseudo-terminal may do instead. */
static bool usual_flow_control(const struct linux_termios *t)
{
	return (t->iflag & IXON) && t->cc[VSTOP] == ('S' & 0x1f) && t->cc[VSTART] == ('Q' & 0x1f);
}

static int set_termios(struct tty *tty, const struct tty_file *tf, vaddr_t arg, enum shape shape,
	bool drain, bool flush)
{
	struct linux_termios t;
	struct ldisc_result r = { 0 };
	int err = check_change(tty, tf);
	bool was;

	if (err != 0)
		return err;
	spin_lock(&tty->lock);
	t = tty->ld.t; /* what the caller's structure has not */
	spin_unlock(&tty->lock);
	err = read_termios(arg, shape, &t);
	if (err != 0)
		return err;
	t.ospeed = baud_rate(t.cflag, t.ospeed);
	t.ispeed = t.cflag & CIBAUD ? baud_rate(t.cflag >> IBSHIFT, t.ispeed) : t.ospeed;
	if (tty->is_pty)
		t.cflag = (t.cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
	if (drain)
		err = tty_drain(tty);
	if (err != 0)
		return err;
	spin_lock(&tty->lock);
	if (flush)
		ldisc_flush(&tty->ld);
	was = usual_flow_control(&tty->ld.t);
	r = ldisc_set_termios(&tty->ld, &t);
	if (was != usual_flow_control(&t))
		r.events |= was ? TIOCPKT_NOSTOP : TIOCPKT_DOSTOP;
	if (flush)
		r.events |= TIOCPKT_FLUSHREAD;
	spin_unlock(&tty->lock);
	pass_on(tty, r);
	waitq_wake_all(&tty->read_wq);
	if (tty->ops->input_taken != NULL)
		tty->ops->input_taken(tty);
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

void tty_resize(struct tty *tty, const struct linux_winsize *ws)
{
	bool changed;
	int pgid;

	spin_lock(&tty->lock);
	changed = memcmp(ws, &tty->winsize, sizeof(*ws)) != 0;
	tty->winsize = *ws;
	pgid = tty->pgid;
	spin_unlock(&tty->lock);
	if (!changed)
		return;
	if (tty->ops->resized != NULL)
		tty->ops->resized(tty);
	tty_signal_group(pgid, SIGWINCH);
}

static int set_winsize(struct tty *tty, vaddr_t arg)
{
	struct linux_winsize ws;
	int err = copy_from_user(&ws, arg, sizeof(ws));

	if (err == 0)
		tty_resize(tty, &ws);
	return err;
}

/* ---- queues ---- */

static int flush_queues(struct tty *tty, const struct tty_file *tf, unsigned which)
{
	int err = check_change(tty, tf);

	if (err != 0)
		return err;
	if (which > TCIOFLUSH)
		return -EINVAL;
	spin_lock(&tty->lock);
	if (which != TCOFLUSH) {
		ldisc_flush(&tty->ld);
		if (tty->ops->event != NULL)
			tty->ops->event(tty, TIOCPKT_FLUSHREAD);
	}
	if (which != TCIFLUSH && tty->ops->flush != NULL)
		tty->ops->flush(tty);
	spin_unlock(&tty->lock);
	if (which != TCIFLUSH)
		waitq_wake_all(&tty->write_wq);
	if (which != TCOFLUSH && tty->ops->input_taken != NULL)
		tty->ops->input_taken(tty);
	return 0;
}

static int flow(struct tty *tty, const struct tty_file *tf, unsigned action)
{
	struct ldisc_result r = { 0 };
	int err = check_change(tty, tf);
	uint8_t c;

	if (err != 0)
		return err;
	if (action > TCION)
		return -EINVAL;
	spin_lock(&tty->lock);
	if (action == TCOOFF) {
		ldisc_stop(&tty->ld, true, &r);
	} else if (action == TCOON) {
		ldisc_start(&tty->ld, true, &r);
	} else {
		c = tty->ld.t.cc[action == TCIOFF ? VSTOP : VSTART];
		if (c != 0)
			tty->ops->echo(tty, &c, 1);
	}
	spin_unlock(&tty->lock);
	pass_on(tty, r);
	return 0;
}

static int input_count(struct tty *tty, vaddr_t arg)
{
	unsigned n;

	spin_lock(&tty->lock);
	n = ldisc_count(&tty->ld);
	spin_unlock(&tty->lock);
	return put_int(arg, (int32_t)n);
}

static int output_count(struct tty *tty, vaddr_t arg)
{
	size_t n = 0;

	spin_lock(&tty->lock);
	if (tty->ops->queued != NULL && !tty->is_pty)
		n = tty->ops->queued(tty);
	spin_unlock(&tty->lock);
	return put_int(arg, (int32_t)n);
}

/* TIOCSTI: as if the byte had been typed. */
static int type_byte(struct tty *tty, vaddr_t arg)
{
	uint8_t c;
	int err;

	if (!tty_is_current(tty) && !vfs_is_root())
		return -EPERM;
	err = copy_from_user(&c, arg, sizeof(c));
	if (err == 0)
		tty_input(tty, &c, 1);
	return err;
}

/* A break does nothing where there is none, as on Linux; tcdrain() is TCSBRK with 1. */
static int send_break(struct tty *tty, const struct tty_file *tf)
{
	int err = check_change(tty, tf);

	return err != 0 ? err : tty_drain(tty);
}

static int set_ldisc(vaddr_t arg)
{
	int32_t which;
	int err = copy_from_user(&which, arg, sizeof(which));

	if (err != 0)
		return err;
	return which == N_TTY ? 0 : -EINVAL; /* the one there is */
}

static int set_exclusive(struct tty *tty, bool on)
{
	spin_lock(&tty->lock);
	tty->exclusive = on;
	spin_unlock(&tty->lock);
	return 0;
}

static int vhangup(struct tty *tty)
{
	if (!vfs_is_root())
		return -EPERM;
	tty_vhangup(tty);
	return 0;
}

int tty_ioctl_on(struct tty *tty, const struct tty_file *tf, unsigned cmd, vaddr_t arg)
{
	switch (cmd) {
	case TCGETS:
		return get_termios(tty, arg, TERMIOS);
	case TCGETS2:
		return get_termios(tty, arg, TERMIOS2);
	case TCGETA:
		return get_termios(tty, arg, TERMIO);
	case TCSETS:
		return set_termios(tty, tf, arg, TERMIOS, false, false);
	case TCSETSW:
		return set_termios(tty, tf, arg, TERMIOS, true, false);
	case TCSETSF:
		return set_termios(tty, tf, arg, TERMIOS, true, true);
	case TCSETS2:
		return set_termios(tty, tf, arg, TERMIOS2, false, false);
	case TCSETSW2:
		return set_termios(tty, tf, arg, TERMIOS2, true, false);
	case TCSETSF2:
		return set_termios(tty, tf, arg, TERMIOS2, true, true);
	case TCSETA:
		return set_termios(tty, tf, arg, TERMIO, false, false);
	case TCSETAW:
		return set_termios(tty, tf, arg, TERMIO, true, false);
	case TCSETAF:
		return set_termios(tty, tf, arg, TERMIO, true, true);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
		return send_break(tty, tf);
	case TIOCCBRK:
		return 0;
	case TCXONC:
		return flow(tty, tf, (unsigned)arg);
	case TCFLSH:
		return flush_queues(tty, tf, (unsigned)arg);
	case TIOCGWINSZ:
		return get_winsize(tty, arg);
	case TIOCSWINSZ:
		return set_winsize(tty, arg);
	case FIONREAD:
		return input_count(tty, arg);
	case TIOCOUTQ:
		return output_count(tty, arg);
	case TIOCSTI:
		return type_byte(tty, arg);
	case TIOCGETD:
		return put_int(arg, N_TTY);
	case TIOCSETD:
		return set_ldisc(arg);
	case TIOCEXCL:
	case TIOCNXCL:
		return set_exclusive(tty, cmd == TIOCEXCL);
	case TIOCGEXCL:
		return put_int(arg, READ_ONCE(tty->exclusive));
	case TIOCGDEV:
		return put_int(arg, (int32_t)dev_encode(tty->rdev));
	case TIOCVHANGUP:
		return vhangup(tty);
	}
	return tty_ioctl_job(tty, tf, cmd, arg);
}

int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg)
{
	struct tty_file *tf = f->data;
	struct tty *tty = tf->tty;
	int err = -ENOTTY;

	if (tty_file_dead(tf))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	if (tty->ops->ioctl != NULL)
		err = tty->ops->ioctl(tty, f, cmd, arg);
	return err == -ENOTTY ? tty_ioctl_on(tty, tf, cmd, arg) : err;
}
