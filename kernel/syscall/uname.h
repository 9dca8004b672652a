/* SPDX-License-Identifier: BSD-2-Clause
 * The system's names, for uname(2) and /proc/sys/kernel.
 */
#ifndef KERNEL_SYSCALL_UNAME_H
#define KERNEL_SYSCALL_UNAME_H

#include "kernel/syscall/abi/proc.h"

void uname_get(struct utsname *out); /* any context */
/* The host's name, and its domain's; len without a terminator. -EINVAL: too long. */
int uname_set_node(const char *name, size_t len);
int uname_set_domain(const char *name, size_t len);

#endif
