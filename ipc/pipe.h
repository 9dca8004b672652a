/* SPDX-License-Identifier: BSD-2-Clause
 * Pipes and FIFOs (ipc/pipe.c).
 */
#ifndef IPC_PIPE_H
#define IPC_PIPE_H

#include "kernel/core/types.h"

struct file;
struct pipe;
struct uio;
struct vnode;

/* pipe2(2): two files, read end and write end. flags: O_NONBLOCK, O_CLOEXEC is the caller's. */
int pipe_create(struct file **rd, struct file **wr, unsigned flags);
/* open(2) of a FIFO: blocks until the other end is there, as man 7 fifo. Sets f->ops, f->data. */
int fifo_open(struct vnode *vn, struct file *f);
/* The pipe behind a pipe's or FIFO's end; NULL: the file is neither. */
struct pipe *pipe_of(const struct file *f);
/* As a read of up to u->resid bytes that are there, but they stay in the pipe: tee(2). */
ssize_t pipe_peek(struct file *f, struct uio *u);

#endif
