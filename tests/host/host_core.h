/* SPDX-License-Identifier: BSD-2-Clause
 * What host tests can set in the stand-ins of tests/host/host_core.c.
 */
#ifndef TESTS_HOST_HOST_CORE_H
#define TESTS_HOST_HOST_CORE_H

#include <setjmp.h>
#include <stdbool.h>

/* When set, panic() jumps there (value 1) instead of ending the test; host_panic_text says why. */
extern jmp_buf *host_panic_jmp;
extern char host_panic_text[512];

extern bool host_log_quiet; /* klog() prints nothing */
extern char host_log_last[512];

/* option_get(name) returns value from now on (NULL: as if absent). Strings are not copied. Not in
 * tests built with HOST_NO_OPTIONS, which bring kernel/core/option.c. */
void host_option(const char *name, const char *value);

#endif
