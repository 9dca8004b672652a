/* SPDX-License-Identifier: BSD-2-Clause
 * Pipes and FIFOs (ipc/pipe.c).
 */
#ifndef IPC_PIPE_H
#define IPC_PIPE_H

struct file;
struct vnode;

/* pipe2(2): two files, read end and write end. flags: O_NONBLOCK, O_CLOEXEC is the caller's. */
int pipe_create(struct file **rd, struct file **wr, unsigned flags);
/* open(2) of a FIFO: blocks until the other end is there, as man 7 fifo. Sets f->ops, f->data. */
int fifo_open(struct vnode *vn, struct file *f);

#endif
