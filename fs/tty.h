/* SPDX-License-Identifier: BSD-2-Clause
 * Terminals: the console, and the screen with its keyboard where that is not the console. A UART that
 * is not the console is a plain stream of bytes instead (fs/tty_dev.c) and no terminal.
 *
 *   fs/tty_ldisc.c	the line discipline, pure code
 *   fs/tty.c		files: open, read, write, poll, and input from the device
 *   fs/tty_job.c	ioctl, sessions, foreground and background (man 2 ioctl_tty, man 3 tcsetpgrp)
 *   fs/tty_dev.c	the plain UARTs, and the names in /dev
 *
 * Lock order: proc_lock -> tty.lock -> lock of the device. Signals to a group take proc_lock, so they
 * are sent with no tty.lock held.
 */
#ifndef FS_TTY_H
#define FS_TTY_H

#include "fs/tty_ldisc.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/types.h"
#include "kernel/core/wait.h"

struct chardev;
struct file;
struct proc;

struct tty {
	struct spinlock lock; /* all below but dev; interrupt handlers take it */
	struct chardev *dev;
	struct ldisc ld;
	struct linux_winsize winsize;
	int session, pgid;              /* 0: nobody's controlling terminal */
	unsigned hangups;               /* files opened before the last one are dead */
	bool reading, writing;          /* one reader and one writer at a time, as on Linux */
	struct waitq read_wq, write_wq; /* input, hang-up or !reading; !stopped or !writing */
};

/* An open file on a terminal. */
struct tty_file {
	struct tty *tty;
	unsigned hangups;
	bool console; /* opened as /dev/console: survives hang-ups */
};

/* Registers the names in /dev and connects the devices; after vfs_init() and arch_devices_init(). */
void tty_init(void);
/* The terminal behind /dev/console; constant after tty_init(). */
struct tty *tty_console(void);

/* A session leader exits (man 3 setsid): its terminal hangs up, SIGHUP and SIGCONT go to the
 * foreground group, the session has no terminal any more. Thread context, no locks held. */
void tty_session_exit(struct proc *leader);

/* ---- between the files of the tty ---- */

void tty_setup(struct tty *tty, struct chardev *dev);
/* Makes `f` a file on the terminal. 0 or -ENOMEM. */
int tty_open(struct tty *tty, struct file *f, bool console);
int tty_ioctl(struct file *f, unsigned cmd, vaddr_t arg);
/* Lock not held: files on it are dead. */
void tty_hangup(struct tty *tty);
bool tty_file_dead(const struct tty_file *tf);
/* May the caller read (SIGTTIN) or change the terminal or write (SIGTTOU)? 0; -ERESTARTSYS: a signal
 * was sent to its group; -EIO: nobody could ever bring it to the foreground. */
int tty_check_background(struct tty *tty, int sig);
/* The terminal becomes the caller's controlling one if it wants one and may have it. */
void tty_acquire_on_open(struct tty *tty);
/* The caller's controlling terminal or NULL. */
struct tty *tty_current(void);
/* Writes all n bytes, sleeping while the device is busy. 0, or -ERESTARTSYS: not all were written. */
int tty_send(struct chardev *dev, const uint8_t *p, size_t n);

#endif
