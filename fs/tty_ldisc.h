/* SPDX-License-Identifier: BSD-2-Clause
 * The terminal line discipline: what happens to a byte between the keyboard and read(2), and between
 * write(2) and the screen (termios(3)). Pure code over one structure: no locks, no sleeping, no
 * devices, so that it runs in a host test as it is. The caller (fs/tty.c) has a lock around it.
 *
 * Vocabulary: in canonical mode input is made of lines; a line is readable once its delimiter has
 * come, and until then it can be edited. The delimiter is a newline, EOL, EOL2, or an end of file
 * (^D), which ends a line without being part of it.
 */
#ifndef FS_TTY_LDISC_H
#define FS_TTY_LDISC_H

#include "kernel/syscall/abi/tty.h"

#define LDISC_SIZE      4096u /* of the input queue: Linux's limit, also for the length of a line */
#define LDISC_ECHO_SIZE 512u

struct ldisc {
	struct linux_termios t;
	/* Input queue: bytes with LDISC_* flags. Indices run freely. */
	uint16_t queue[LDISC_SIZE];
	unsigned head, tail;
	unsigned line;         /* start of the line being edited: nothing before it can be erased */
	unsigned lines;        /* delimiters in the queue */
	bool erasing;          /* ECHOPRT: a \ was printed, the / is to come */
	bool literal;          /* the last byte was LNEXT */
	bool stopped;          /* by STOP (^S) or TCOOFF; output must wait */
	bool held;             /* by TCOOFF, which only TCOON ends */
	unsigned column;       /* of the output */
	unsigned input_column; /* where the line being edited began */
	/* Output that input caused. What does not fit is lost, as on a real terminal. */
	uint8_t echo[LDISC_ECHO_SIZE];
	unsigned necho;
};

#define LDISC_DELIMITER 0x100u
#define LDISC_EOF       0x200u /* with LDISC_DELIMITER: ends the line, is not read */

/* What the caller has to do about a byte, beside waking readers: the signal to send to the
 * foreground group, or 0. */
struct ldisc_result {
	int signal;
	bool readable;   /* something new can be read */
	bool resumed;    /* output may go on */
	bool flushed;    /* a signal character: output on its way is thrown away, too */
	unsigned events; /* TIOCPKT_*, to tell the master of a pseudo-terminal */
};

void ldisc_init(struct ldisc *l);
/* Takes a byte from the device. Its echo is in l->echo afterwards. */
struct ldisc_result ldisc_input(struct ldisc *l, uint8_t c);
/* Has it no room for another byte. A line that gets too long does not make it full: what exceeds it is
 * lost, so that it can be ended. */
bool ldisc_full(const struct ldisc *l);
/* Is there anything to read: a line, or in raw mode at least `min` bytes (1 if min is 0). */
bool ldisc_readable(const struct ldisc *l, unsigned min);
/* Bytes that a read would get: FIONREAD. */
unsigned ldisc_count(const struct ldisc *l);
/* Moves up to n bytes to buf. Canonical: at most one line; *done says that its end was reached, so
 * that the read is complete even if it is short. */
unsigned ldisc_read(struct ldisc *l, uint8_t *buf, unsigned n, bool *done);
/* Throws away all input. */
void ldisc_flush(struct ldisc *l);
/* Stops output, and lets it go on; what has changed is in the result. `held`: by tcflow(3). */
void ldisc_stop(struct ldisc *l, bool held, struct ldisc_result *r);
void ldisc_start(struct ldisc *l, bool held, struct ldisc_result *r);
/* New settings; what is queued changes its meaning as on Linux. */
struct ldisc_result ldisc_set_termios(struct ldisc *l, const struct linux_termios *t);

/* Output processing of one byte; out has room for LDISC_OUT_MAX. Returns how many bytes came of it. */
#define LDISC_OUT_MAX 8
unsigned ldisc_output(struct ldisc *l, uint8_t c, uint8_t *out);

#endif
