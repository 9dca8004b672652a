/* SPDX-License-Identifier: BSD-2-Clause
 * The first line of a script: "#!interpreter [one argument]" (man 2 execve, "Interpreter scripts").
 * Pure, for tests/host.
 */
#ifndef KERNEL_PROC_SCRIPT_H
#define KERNEL_PROC_SCRIPT_H

#include "kernel/core/types.h"

#define SCRIPT_LINE_MAX 256 /* Linux's BINPRM_BUF_SIZE */

struct script {
	char interp[SCRIPT_LINE_MAX];
	char arg[SCRIPT_LINE_MAX]; /* "": none; may contain blanks */
};

static inline bool script_is(const char *buf, size_t n)
{
	return n >= 2 && buf[0] == '#' && buf[1] == '!';
}

/* `buf` holds the first n bytes of a file that script_is(). 0, -ENOEXEC: no interpreter named, or its
 * name does not end within SCRIPT_LINE_MAX; -EACCES: the line ends with the file, and names none. */
int script_parse(const char *buf, size_t n, struct script *s);

#endif
