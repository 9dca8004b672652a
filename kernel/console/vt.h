/* SPDX-License-Identifier: BSD-2-Clause
 * A terminal emulator: bytes go in, and a grid of cells is what a screen should show. It understands
 * what TERM=linux promises (man 4 console_codes): ECMA-48 and the VT102 with 16 colours, UTF-8, and
 * line drawing. Pure code over one structure: no locks, no devices, no allocation, so that it runs in
 * a host test as it is. Who calls it (kernel/console/screen.c) has a lock around it, and a screen.
 *
 *   vt.c	text: characters, wrapping, scrolling; what the other file moves and erases
 *   vt_seq.c	control characters, escape and control sequences
 *   charset.c	code page 437, line drawing, how wide a character is
 *
 * Rows of cells do not move when the screen scrolls: an array of indices says which stored row is
 * which line. Lines that leave at the top become history, as long as there is room.
 */
#ifndef KERNEL_CONSOLE_VT_H
#define KERNEL_CONSOLE_VT_H

#include "kernel/core/types.h"

#define VT_MAX_COLS   512u
#define VT_MAX_ROWS   256u
#define VT_MAX_PARAMS 16u
#define VT_REPLY_SIZE 64u

/* Colours are numbered as VGA does: blue 1, green 2, red 4, bright 8. Red, green, blue of each: */
extern const uint8_t vt_palette[16][3];
#define VT_DEFAULT_ATTR 0x07u

struct vt_cell {
	uint16_t ch;  /* Unicode, printable */
	uint8_t attr; /* colour of the character, low four bits, and of the background */
	uint8_t mark; /* the emulator leaves it 0 */
};

/* What DECSC saves: where the next character goes and how it looks. */
struct vt_cursor {
	unsigned row, col;
	bool wrap;         /* the last column is filled: the next character begins a line */
	uint8_t colour;    /* background and foreground as in an attribute */
	uint8_t intensity; /* 0 half bright, 1 normal, 2 bold */
	bool italic, underline, reverse, blink;
	uint8_t charset[2], shift; /* G0 and G1: enum vt_charset; which of them is in use */
	bool raw_glyphs;           /* SGR 11: bytes are numbers of glyphs in code page 437 */
	bool origin;               /* DECOM: rows count from the scroll region's first */
};

enum vt_charset { VT_ASCII, VT_LINE_DRAWING, VT_CP437 };

struct vt {
	unsigned cols, rows;
	struct vt_cell *cells;      /* stored rows, (rows + nhist) * cols */
	uint16_t line[VT_MAX_ROWS]; /* which of them is line r */
	uint16_t *hist;             /* which are history: a ring of nhist, the oldest at hist_at */
	unsigned nhist, hist_at, hist_used;
	struct vt_cursor cur, saved;
	uint8_t attr;         /* what cur makes of a cell; vt_update_attr() */
	unsigned top, bottom; /* scroll region: lines [top, bottom) */
	uint8_t tabs[VT_MAX_COLS / 8];
	bool autowrap, insert, newline, reverse_screen, cursor_visible;
	bool cursor_keys_app; /* DECCKM: who makes bytes of cursor keys wants to know */

	/* The sequence being read. */
	uint8_t state, intermediate, private;
	unsigned nparams, params[VT_MAX_PARAMS];
	uint8_t utf8_left;  /* bytes still to come of a character */
	uint8_t utf8_bytes; /* how many it has */
	uint32_t utf8_char;
	unsigned string_left; /* of a palette entry: digits to skip */

	/* For the caller to collect and to clear. */
	bool dirty[VT_MAX_ROWS];
	bool bell;
	unsigned scrolled; /* lines that became history since it was last cleared */
	uint8_t reply[VT_REPLY_SIZE];
	unsigned nreply; /* answers to queries, to be put in as if they were typed */
};

/* How much memory a terminal of that size wants, aligned as a pointer. cols is at least 2 and at most
 * VT_MAX_COLS, rows at least 2 and at most VT_MAX_ROWS, rows + nhist at most 65535. */
size_t vt_memory(unsigned cols, unsigned rows, unsigned nhist);
/* As after power-on, blank; `mem` has vt_memory() bytes and belongs to the terminal from now on. */
void vt_init(struct vt *vt, unsigned cols, unsigned rows, unsigned nhist, void *mem);
/* Takes over what is on `from`, which may have another size: the lines up to the cursor's. */
void vt_copy(struct vt *vt, const struct vt *from);
void vt_write(struct vt *vt, const uint8_t *p, size_t n);
/* Line `row` of the screen; with back > 0 of the screen as if scrolled back so many lines, at most
 * hist_used. It has vt->cols cells. */
const struct vt_cell *vt_line(const struct vt *vt, unsigned row, unsigned back);

/* ---- between the files of the emulator ---- */

void vt_reset(struct vt *vt);
void vt_put(struct vt *vt, uint32_t ch);
void vt_line_feed(struct vt *vt);
void vt_reverse_line_feed(struct vt *vt);
/* Row and column count from 0; what lies outside the screen is brought to its edge. */
void vt_move(struct vt *vt, int row, int col);
/* Moves lines [first, last) up by n, down if negative, and blanks what gets free. */
void vt_scroll(struct vt *vt, unsigned first, unsigned last, int n);
/* Inserts n cells at the cursor, deletes if negative. */
void vt_shift_line(struct vt *vt, int n);
/* Blanks the cells [from, to) of a line. */
void vt_erase(struct vt *vt, unsigned row, unsigned from, unsigned to);
/* The whole screen, with one character. */
void vt_fill(struct vt *vt, uint16_t ch);
/* Swaps the colours of all that is on the screen. */
void vt_reverse_all(struct vt *vt);
/* To be called when cur's colours or the like have changed. */
void vt_update_attr(struct vt *vt);
void vt_default_tabs(struct vt *vt);
/* A character in ST_TEXT that is none to be printed: below 0x20, or DEL. */
void vt_control(struct vt *vt, uint8_t c);
/* A byte of an escape sequence. */
void vt_sequence(struct vt *vt, uint8_t c);

enum vt_state {
	VT_TEXT,
	VT_ESC,
	VT_CHARSET,  /* ESC, an intermediate byte (kept), and one more: ESC ( and ESC ) */
	VT_HASH,     /* ESC # */
	VT_CSI,      /* parameters */
	VT_CSI_SKIP, /* a sequence we do not know: up to its final byte */
	VT_OSC,      /* ESC ] */
	VT_PALETTE,  /* ESC ] P: seven hexadecimal digits */
	VT_STRING,   /* up to BEL or ESC \ */
	VT_STRING_ESC,
};

/* charset.c. What byte `c`, at least 0x20, means in a character set: Unicode. */
uint16_t charset_lookup(enum vt_charset set, uint8_t c);
/* Unicode of a glyph of code page 437, control characters' glyphs included. */
uint16_t cp437_to_unicode(uint8_t c);
/* The nearest glyph of code page 437; '?' for what it has not. */
uint8_t unicode_to_cp437(uint16_t ch);
/* Columns a character takes: 0 (combining, formatting), 1 or 2. */
unsigned char_width(uint32_t ch);

#endif
