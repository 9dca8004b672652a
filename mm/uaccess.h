/* SPDX-License-Identifier: BSD-2-Clause
 * Access to user memory. Every pointer is checked to lie below USER_END and every access may fault;
 * a fault that cannot be resolved ends in -EFAULT, never in a panic. Thread context with a process,
 * no spin lock held; may sleep unless the name says nofault. SMAP is opened only in here.
 */
#ifndef MM_UACCESS_H
#define MM_UACCESS_H

#include "arch/x86/layout.h"
#include "kernel/core/errno.h"
#include "kernel/core/types.h"

/* [va, va+len) lies inside user space, without wrapping. len 0 is fine anywhere below the end. */
static inline bool user_range_ok(vaddr_t va, size_t len)
{
	return va <= USER_END && len <= USER_END - va;
}

/* 0 or -EFAULT. Partial copies may have happened. */
int copy_from_user(void *dst, vaddr_t src, size_t n);
int copy_to_user(vaddr_t dst, const void *src, size_t n);
int clear_user(vaddr_t dst, size_t n);
/* As the first two; return how many bytes were NOT copied. */
size_t copy_from_user_some(void *dst, vaddr_t src, size_t n);
size_t copy_to_user_some(vaddr_t dst, const void *src, size_t n);
/* A structure whose size tells its version: what the caller's `usize` bytes leave of dst is zeroed; what they have
 * beyond `size` must be zero. 0, -EFAULT, or -E2BIG: the caller knows more than we do. */
int copy_struct_from_user(void *dst, size_t size, vaddr_t src, size_t usize);
/* Copies a string with its terminator; returns its length, -EFAULT, or -ENAMETOOLONG when it does
 * not fit in `size` bytes. */
ssize_t strncpy_from_user(char *dst, vaddr_t src, size_t size);
/* Length of a string without its terminator, at most `max`; -EFAULT, -ENAMETOOLONG if longer. */
ssize_t strnlen_user(vaddr_t src, size_t max);

/* As above, but a page that is not present is not faulted in. Return how many bytes were NOT
 * copied. May be called pinned and while holding an sf_buf. */
size_t copy_from_user_nofault(void *dst, vaddr_t src, size_t n);
size_t copy_to_user_nofault(vaddr_t dst, const void *src, size_t n);

/* Makes the page at va present and readable (or writable). 0, -EFAULT, -ENOMEM. The page can go
 * again at once: loop. */
int fault_in_user(vaddr_t va, bool write);

/* Aligned 32-bit words, for futexes: read in one access, or exchanged atomically if the word is *old
 * (which becomes what was there, so the caller can tell). 0 or -EFAULT. */
int get_user_u32(uint32_t *val, vaddr_t va);
int cmpxchg_user_u32(vaddr_t va, uint32_t *old, uint32_t new);

/* Implementations of the raw copies (arch/{i386,amd64}/usercopy.asm): bytes not copied. */
size_t raw_copy_user(void *dst, const void *src, size_t n);
size_t raw_clear_user(void *dst, size_t n);

#endif
