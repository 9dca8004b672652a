/* SPDX-License-Identifier: BSD-2-Clause
 * Pairs of pseudo-terminals for tests. Linux moves bytes between the two ends in a worker, so what has
 * been written on one side is on the other a little later, and tests wait for what they expect.
 */
#ifndef USER_TESTS_PTY_H
#define USER_TESTS_PTY_H

#include <termios.h>

#include "test.h"

struct pair {
	int m, s;
};

/* A new pair, the slave opened without becoming the controlling terminal; ends the test if there is none. */
struct pair pair_open(void);
void pair_close(struct pair p);
/* Reads the master until `until` has come (5 s) and prints everything that came. */
void see(int m, const char *until);
/* Types and sees. */
void type(struct pair p, const char *in, const char *until);
/* Waits until at least n bytes can be read (FIONREAD); false after 5 s. */
int await_input(int fd, int n);
/* Prints what one read(2) of at most n bytes gives. */
void get(int fd, size_t n);
void print_bytes(const char *p, size_t n);
/* Changes the settings of the slave. */
struct termios settings(int fd);
void set_iflag(int fd, tcflag_t on, tcflag_t off);
void set_oflag(int fd, tcflag_t on, tcflag_t off);
void set_lflag(int fd, tcflag_t on, tcflag_t off);
void set_cc(int fd, int which, int value);

#endif
