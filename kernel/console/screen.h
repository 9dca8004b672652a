/* SPDX-License-Identifier: BSD-2-Clause
 * The screen and the virtual consoles that share it. Each console is a terminal emulator (vt.h) of
 * its own; one is in the foreground, and the screen shows that one.
 *
 * Video memory is slow to write and slower to read. So the screen is painted from a copy in RAM of
 * what it shows: only cells that differ are drawn, nothing is ever read back. Painting is the work of
 * a thread, at most some sixty times a second however much is written; what cannot wait for a thread
 * (the kernel's log, a panic, anything before threads run) is painted at once.
 */
#ifndef KERNEL_CONSOLE_SCREEN_H
#define KERNEL_CONSOLE_SCREEN_H

#include "kernel/console/vt.h"

#define NCONSOLES 4u

#define SCREEN_EARLY_COLS 80u
#define SCREEN_EARLY_ROWS 25u

/* A device that shows cells: VGA's text mode, a linear framebuffer. Its functions are called one at a
 * time, in any context, interrupts off; they take no locks. */
struct display {
	const char *name;
	unsigned cols, rows; /* within vt.h's limits */
	/* Shows cells at [col, col + n) of a row. One with CELL_CURSOR has the cursor on it. */
	void (*draw)(unsigned row, unsigned col, const struct vt_cell *cells, unsigned n);
	/* Where the cursor is, for a device that draws it itself. May be NULL. */
	void (*cursor)(unsigned row, unsigned col, bool visible);
};

#define CELL_CURSOR 1u

/* ---- for displays ---- */

/* Before there is memory: the first console appears on a display of at most SCREEN_EARLY_COLS x _ROWS. */
void screen_attach(const struct display *d);
/* All consoles, with history, on display `d`; NULL: the one that is attached, if any. What was on the
 * first console stays on it. After kva_init(). */
void screen_init(const struct display *d);
/* The painting thread. Thread context. */
void screen_start(void);

/* ---- for terminals and the log; any context, and no lock is needed. Without a screen nothing happens */

bool screen_present(void);
void screen_size(unsigned *cols, unsigned *rows);
/* Writes to console `n`; returns whether its bell is to ring. The emulator's answers wait until they are
 * collected. */
bool screen_write(unsigned n, const void *buf, size_t len);
/* Moves at most `size` bytes of console n's answers to buf; returns how many. */
unsigned screen_replies(unsigned n, uint8_t *buf, unsigned size);
/* For the log: writes to the console in the foreground, and paints. Wakes nobody. In a panic it waits
 * for no lock, and what programs had done to the terminal is undone first. */
void screen_log(const void *buf, size_t len);

/* Paints what has not been painted yet; for the machine's end, when the painter will not run again. */
void screen_flush(void);

/* ---- for the keyboard and ioctl(2); any context ---- */

unsigned screen_foreground(void);
/* Brings console n < NCONSOLES to the foreground; false if there is none. */
bool screen_switch(unsigned n);
/* Sleeps until console n is in the foreground. 0, or -ERESTARTSYS. Thread context. */
int screen_wait_foreground(unsigned n);
/* Shows history: `pages` half screens further back, forward if negative. */
void screen_scroll(int pages);
/* The foreground shows the present again: something was typed. */
void screen_show_present(void);
/* Does the foreground want the application sequences of cursor keys (DECCKM)? */
bool screen_cursor_keys_app(void);
/* Forgets what is on console n, and its settings. */
void screen_reset(unsigned n);

#endif
