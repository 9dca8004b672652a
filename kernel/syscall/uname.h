/* SPDX-License-Identifier: BSD-2-Clause
 * The system's names, for uname(2) and /proc/sys/kernel.
 */
#ifndef KERNEL_SYSCALL_UNAME_H
#define KERNEL_SYSCALL_UNAME_H

#include "kernel/syscall/abi/proc.h"

void uname_get(struct utsname *out); /* any context */

#endif
