/* SPDX-License-Identifier: BSD-2-Clause
 * What the system calls that move bytes share.
 */
#ifndef KERNEL_SYSCALL_SYS_RW_H
#define KERNEL_SYSCALL_SYS_RW_H

#include "kernel/core/types.h"
#include "mm/page.h"
#include "mm/uio.h"

/* Linux moves at most this much at once (man 2 read, NOTES). */
#define RW_MAX     ((size_t)INT32_MAX & ~(size_t)PAGE_MASK)
#define IOV_INLINE 8

/* Copies and checks a vector of n buffers and makes a uio of it. *iov becomes `inl`, which has IOV_INLINE, or is
 * allocated: kfree() it if it is not `inl`, in any case. The sum of the lengths, or -errno. */
ssize_t uio_import(struct uio *u, enum uio_dir dir, vaddr_t uiov, unsigned long n,
	struct kiovec *inl, struct kiovec **iov);

#endif
