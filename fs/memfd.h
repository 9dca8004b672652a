/* SPDX-License-Identifier: BSD-2-Clause
 * Anonymous files of memory, and seals.
 */
#ifndef FS_MEMFD_H
#define FS_MEMFD_H

#include "kernel/core/types.h"

struct file;

/* A new descriptor of the calling process for an empty file; /proc shows it as "/memfd:NAME (deleted)". Without
 * may_seal its seals can never change. -EMFILE, -ENOMEM, -ENOSPC. May sleep. */
int memfd_create(const char *name, bool may_seal, bool cloexec);
/* F_ADD_SEALS and F_GET_SEALS of a regular file; -EINVAL: it has no seals, or another command; -EPERM, -EBUSY. */
int memfd_fcntl(struct file *f, unsigned cmd, uintptr_t arg);

#endif
