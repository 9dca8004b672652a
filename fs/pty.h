/* SPDX-License-Identifier: BSD-2-Clause
 * Pseudo-terminals (man 7 pty): /dev/ptmx makes them, /dev/pts (devpts) names them.
 */
#ifndef FS_PTY_H
#define FS_PTY_H

#include "fs/tty.h"

struct file;
struct file_ops;
struct mount;

#define PTY_MAX         1024u /* at a time */
#define MAJOR_PTY_SLAVE 136
#define PTMX_RDEV       dev_make(5, 2)
#define DEVPTS_MAGIC    0x1cd1

/* Registers /dev/ptmx and the numbers of the slaves. */
void pty_init(void);

/* ---- fs/devpts.c, for fs/pty.c; all may sleep ---- */

/* Makes the node `index`, the caller's own, in every mounted devpts. 0, -ENODEV: none is mounted, -ENOMEM. */
int devpts_add(unsigned index);
void devpts_remove(unsigned index);
/* open(2) of that node; flags O_*. */
struct file *devpts_open(unsigned index, int flags);
/* Calls fn with the numbers there are; for a devpts that is being mounted. */
void pty_for_each(void (*fn)(void *arg, unsigned index), void *arg);

struct mount *devpts_mount_new(const char *source);

/* ---- between fs/pty.c and fs/pty_master.c ---- */

#define PTY_RING_SIZE 16384u

struct pty {
	struct tty tty; /* the slave */
	unsigned index;
	uint8_t *ring; /* what the master can read */
	unsigned head, tail;
	bool locked;         /* TIOCSPTLCK: the slave cannot be opened */
	bool master_closed;  /* for good */
	bool slave_closed;   /* it was open, and no longer is */
	bool master_writing; /* one at a time */
	bool packet;         /* TIOCPKT */
	uint8_t status;      /* TIOCPKT_*, to be read by the master */
	struct waitq wq;     /* the master waits: output, a closed slave, room for input */
};

static inline unsigned pty_filled(const struct pty *p)
{
	return p->head - p->tail;
}
extern const struct file_ops pty_master_ops;

#endif
