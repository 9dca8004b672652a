/* SPDX-License-Identifier: BSD-2-Clause
 * Terminals: serial ports, the screen with its keyboard, pseudo-terminals. A driver brings bytes in
 * by tty_input() and takes bytes by its struct tty_ops; all between that and the programs is here.
 *
 *   fs/tty_ldisc.c	the line discipline, pure code
 *   fs/tty.c		files: open, read, write, poll, and input from the driver
 *   fs/tty_ioctl.c	settings and queues (man 2 ioctl_tty, man 3 termios)
 *   fs/tty_job.c	sessions, foreground and background (man 2 setsid, man 3 tcsetpgrp)
 *   fs/tty_dev.c	the UARTs as terminals, and the names in /dev
 *   fs/tty_vc.c	the driver of the virtual consoles and their keyboard
 *   fs/pty.c		the driver of pseudo-terminals, and their masters; fs/devpts.c: their names
 *
 * Lock order: proc_lock -> tty.lock -> lock of the driver. Signals to a group take proc_lock, so they
 * are sent with no tty.lock held.
 *
 * A terminal lives while it has references: one of each file on it, one of its driver. A process's
 * ctty is none: a driver that lets go of a terminal hangs it up before (tty_vhangup()), and that takes
 * it from all processes.
 */
#ifndef FS_TTY_H
#define FS_TTY_H

#include "fs/tty_ldisc.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/types.h"
#include "kernel/core/wait.h"

struct file;
struct proc;
struct tty;
struct tty_file;
struct uio;

/* What a driver does for the terminal layer. Those without a word on locks are called with none. */
struct tty_ops {
	/* How many bytes write() would take now, at least LDISC_OUT_MAX; it may take more later, never
	 * less. Or 0: busy, and the driver wakes tty->write_wq when it no longer is. tty.lock held. */
	size_t (*room)(struct tty *tty);
	/* Takes n bytes, n <= room(). One caller at a time; thread context, may sleep if the driver is a
	 * slow device. 0, or -ERESTARTSYS: some may be lost. */
	int (*write)(struct tty *tty, const uint8_t *p, size_t n);
	/* The echo of input: n bytes, of which those that cannot be taken are lost. Any context, tty.lock
	 * held. */
	void (*echo)(struct tty *tty, const uint8_t *p, size_t n);

	/* ---- the rest may be NULL ---- */

	/* Bytes taken and not out yet (TIOCOUTQ); tty.lock may be held. NULL: never any. */
	size_t (*queued)(struct tty *tty);
	/* Throws those away. tty.lock held, any context. */
	void (*flush)(struct tty *tty);
	/* Readers have made room: input that was held back may come. */
	void (*input_taken)(struct tty *tty);
	/* Something happened that TIOCPKT tells of (TIOCPKT_* bits); tty.lock held, any context. */
	void (*event)(struct tty *tty, unsigned bits);
	/* The size of the window is new (tty->winsize). */
	void (*resized)(struct tty *tty);
	/* The driver's own commands; -ENOTTY: it is none of them. */
	int (*ioctl)(struct tty *tty, struct file *f, unsigned cmd, vaddr_t arg);
	/* The first file was opened, the last one closed. May not sleep; open: 0 or -errno. tty.lock held. */
	int (*open)(struct tty *tty);
	void (*close)(struct tty *tty);
	/* The last reference is gone: free it. NULL: it is static, and there always is one. */
	void (*release)(struct tty *tty);
};

struct tty {
	struct spinlock lock; /* all below up to winsize; interrupt handlers take it */
	struct ldisc ld;
	struct linux_winsize winsize;
	int session, pgid;              /* 0: nobody's controlling terminal */
	unsigned hangups;               /* files opened before the last one are dead */
	unsigned files;                 /* open, the dead ones too */
	bool reading, writing;          /* one reader and one writer at a time, as on Linux */
	bool exclusive;                 /* TIOCEXCL */
	struct waitq read_wq, write_wq; /* input, hang-up, !reading; !stopped, !writing, room */

	uint32_t refs; /* atomic */
	/* Constant after tty_setup(). */
	const struct tty_ops *ops;
	void *driver;  /* the driver's */
	uint64_t rdev; /* as dev_make() */
	bool is_pty;   /* does not hang up when its session's leader exits */
};

/* An open file on a terminal; file->data. */
struct tty_file {
	struct tty *tty;
	unsigned hangups;
	bool console; /* opened as /dev/console: survives hang-ups */
};

/* ---- for drivers ---- */

/* A terminal with one reference, the driver's, and the settings Linux begins with. */
void tty_setup(struct tty *tty, const struct tty_ops *ops, void *driver, uint64_t rdev);
/* n bytes have arrived. tty_input() takes them all and loses what there is no room for;
 * tty_input_some() stops at the first there is no room for and returns how many it took. Any context,
 * proc_lock and tty.lock not held. */
void tty_input(struct tty *tty, const uint8_t *p, size_t n);
size_t tty_input_some(struct tty *tty, const uint8_t *p, size_t n);
/* Would tty_input_some() take a byte. tty.lock not held. */
bool tty_input_room(struct tty *tty);
/* Makes `f` a file on the terminal; takes a reference of its own. console: it does not become anybody's
 * controlling terminal. 0 or -errno. */
int tty_open(struct tty *tty, struct file *f, bool console);
/* The line is gone: files are dead, the session has no terminal any more and its leader gets SIGHUP and
 * SIGCONT (man 2 vhangup). Thread context, no locks. */
void tty_vhangup(struct tty *tty);
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* A reference unless the last one is gone; the caller knows that the memory is still there. */
bool tty_try_get(struct tty *tty);
/* A new size; the foreground group gets SIGWINCH if it differs (TIOCSWINSZ). No locks. */
void tty_resize(struct tty *tty, const struct linux_winsize *ws);
/* The ioctls of terminals; tf NULL: asked by way of the master of a pseudo-terminal. */
int tty_ioctl_on(struct tty *tty, const struct tty_file *tf, unsigned cmd, vaddr_t arg);

/* Registers the names in /dev and connects the devices; after vfs_init() and arch_devices_init(). */
void tty_init(void);

/* A session leader exits (man 3 setsid): SIGHUP goes to the foreground group, the session has no
 * terminal any more, which hangs up unless it is a pty. Thread context, no locks held. */
void tty_session_exit(struct proc *leader);

/* ---- between the files of the tty ---- */

int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg);
/* Those about sessions and groups (TIOCSCTTY, TIOCSPGRP...); -ENOTTY if it is none of them. */
int tty_ioctl_job(struct tty *tty, const struct tty_file *tf, unsigned cmd, vaddr_t arg);
/* Files on it are dead; lock not held. */
void tty_hangup(struct tty *tty);
bool tty_file_dead(const struct tty_file *tf);
/* Moves the bytes of u by pieces to fn, which says in *done how many it took, also when it fails. How many in
 * all, or the first error. Interruptible. */
typedef int (*tty_piece_fn)(
	void *arg, const struct file *f, const uint8_t *p, size_t n, size_t *done);
ssize_t tty_write_pieces(const struct file *f, struct uio *u, tty_piece_fn fn, void *arg);
/* May the caller read (SIGTTIN) or change the terminal or write (SIGTTOU)? 0; -ERESTARTSYS: a signal
 * was sent to its group; -EIO: nobody could ever bring it to the foreground. */
int tty_check_background(struct tty *tty, int sig);
/* The terminal becomes the caller's controlling one if it wants one and may have it. */
void tty_acquire_on_open(const struct tty_file *tf);
/* Is it the caller's controlling terminal. */
bool tty_is_current(const struct tty *tty);
/* The caller's controlling terminal with a reference, or NULL. */
struct tty *tty_current(void);
void tty_signal_group(int pgid, int sig);
/* Waits until what was written is out: 0 or -ERESTARTSYS. */
int tty_drain(struct tty *tty);

/* The virtual consoles, from 0; they are there even if there is no screen. */
void vc_init(void);
struct tty *vc_tty(unsigned n);
struct tty *vc_foreground(void);

#endif
