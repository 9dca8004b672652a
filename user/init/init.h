/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.h: what the parts of init share.
 *
 * init is the first user program, the same on Mayfly and on Linux. It has two ways to go: login shells on the consoles
 * (login.c), or, when tools/vm has put a command into /etc/mayfly/cmd, running that one command and powering off (cmd.c).
 */
#ifndef USER_INIT_H
#define USER_INIT_H

#include <stddef.h>

#define CMD_FILE    "/etc/mayfly/cmd"  /* argv, each string ended by a NUL */
#define GET_FILE    "/etc/mayfly/get"  /* paths to bring out afterwards, likewise */
#define MARK_FILE   "/etc/mayfly/mark" /* what comes before the command's output */
#define TTY_FILE    "/etc/mayfly/tty"  /* "TERM ROWS COLUMNS" of the terminal we are shown on */
#define SHELL_TRIES 5                  /* in a row that cannot start */
#define CONTROL_TTY "/dev/ttyS3"       /* guest to host: UP, GET, GETERR, STATUS */
#define STDOUT_TTY  "/dev/ttyS0"
#define STDERR_TTY  "/dev/ttyS2"

/* Open a serial line for writing and make it carry bytes unchanged. Returns the descriptor, or -1 with errno set. */
int serial_open(const char *path);

/* Write all of it; false when that fails. */
int write_all(int fd, const void *data, size_t len);

/* Read a whole file; the caller frees *data. Returns 0, or -1 with errno set. The data is followed by a NUL. */
int read_file(const char *path, char **data, size_t *len);

void pause_ms(long ms);

/* Login shells, for ever. Returns when there is no shell to be had. */
void serve_consoles(void);

/* Run the command in CMD_FILE, report over `control`, and return; the caller powers off. */
void run_command(int control);

#endif
