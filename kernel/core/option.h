/* SPDX-License-Identifier: BSD-2-Clause
 * Boot options: NAME=VALUE words of the kernel command line (boot/boot_info.h).
 */
#ifndef KERNEL_CORE_OPTION_H
#define KERNEL_CORE_OPTION_H

#include "kernel/core/types.h"

/* The value of the last NAME=... word, "" for a bare NAME, NULL when absent. Static storage. */
const char *option_get(const char *name);
/* The value of NAME=... word number n, from 0 in their order; NULL when there are no more. */
const char *option_nth(const char *name, unsigned n);
/* A number with optional K, M, G suffix. Absent: `def`. Malformed or out of [min, max]: a log line
 * that names the option, then `def`. */
uint64_t option_u64(const char *name, uint64_t def, uint64_t min, uint64_t max);
/* Logs every word of the command line whose name nobody knows. */
void options_check(void);

#endif
