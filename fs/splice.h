/* SPDX-License-Identifier: BSD-2-Clause
 * From one open file to another without user memory in between: sendfile(2), splice(2), tee(2).
 */
#ifndef FS_SPLICE_H
#define FS_SPLICE_H

#include "kernel/core/types.h"

struct file;
struct uio;

struct splice {
	struct file *in, *out;
	uint64_t *in_off,
		*out_off; /* advanced; NULL: the file's own position, and in_off only if it has none */
	bool nonblock;    /* SPLICE_F_NONBLOCK */
	bool keep;        /* the bytes stay in the pipe they come from */
};

/* Moves up to `count` bytes: bytes, 0 at the end of `in`, or -errno. A pipe at either end is waited for only while
 * nothing has been moved. The modes of the files are the caller's to check. May sleep. */
ssize_t file_splice(const struct splice *sp, size_t count);
/* A write to a pipe that waits, unless `nonblock`, until something fits and then moves what fits. */
ssize_t pipe_write_some(struct file *out, struct uio *u, bool nonblock);

#endif
