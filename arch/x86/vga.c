/* SPDX-License-Identifier: BSD-2-Clause
 * The screen in VGA text mode (IBM VGA technical reference): 80 x 25 cells of character and
 * attribute at 0xb8000, and the part of ECMA-48 that shells, editors and pagers use. A linear
 * framebuffer, which UEFI machines have instead, is not driven: then there is no screen.
 *
 * screen_lock protects everything here; nothing is taken under it. Order: log, tty, then screen.
 * A copy of the screen is kept in RAM, since reading video memory is slow.
 */
#include "arch/x86/console.h"

#include "arch/x86/cpu.h"
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"
#include "mm/pmap.h"

#define COLS              80
#define ROWS              25
#define VGA_TEXT          0xb8000u
#define CRTC_INDEX        0x3d4
#define CRTC_DATA         0x3d5
#define CRTC_CURSOR_START 0x0a
#define CRTC_CURSOR_HIGH  0x0e
#define CRTC_CURSOR_LOW   0x0f
#define CURSOR_OFF        0x20
#define CURSOR_TOP_LINE   0x0d
#define ATTR_DEFAULT      0x07
#define TAB_WIDTH         8
#define MAX_PARAMS        8
#define LOCK_TRIES        1000000

enum state { ST_TEXT, ST_ESC, ST_CSI, ST_CHARSET };

static struct {
	enum state state;
	bool private; /* CSI ? */
	bool wrap;    /* the last column is filled; the next character goes to the next line */
	bool reverse, bold;
	unsigned row, col, top, bottom; /* scroll region: [top, bottom) */
	unsigned saved_row, saved_col;
	uint8_t attr;
	unsigned nparams, params[MAX_PARAMS];
	uint16_t cells[ROWS * COLS];
} scr;

static struct spinlock screen_lock = SPINLOCK_INIT("screen");
static volatile uint16_t *video;

static void crtc_write(uint8_t index, uint8_t v)
{
	outb(CRTC_INDEX, index);
	outb(CRTC_DATA, v);
}

static uint8_t crtc_read(uint8_t index)
{
	outb(CRTC_INDEX, index);
	return inb(CRTC_DATA);
}

static uint16_t cell(uint8_t c)
{
	uint8_t attr = scr.attr | (scr.bold ? 0x08 : 0);

	if (scr.reverse)
		attr = (uint8_t)((attr & 0x88) | (attr & 7) << 4 | (attr >> 4 & 7));
	return (uint16_t)(attr << 8 | c);
}

static void put(unsigned at, uint16_t c)
{
	scr.cells[at] = c;
	video[at] = c;
}

static void show(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		video[i] = scr.cells[i];
}

/* Blanks the cells [from, to). */
static void clear(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		put(i, cell(' '));
}

/* Moves rows [first, last) up by n (down if negative) and blanks what gets free. */
static void scroll(unsigned first, unsigned last, int n)
{
	unsigned rows = last - first;
	unsigned shift = MIN((unsigned)(n < 0 ? -n : n), rows), keep = (rows - shift) * COLS;
	uint16_t *start = scr.cells + first * COLS;

	if (n > 0)
		memmove(start, start + shift * COLS, keep * sizeof(*start));
	else
		memmove(start + shift * COLS, start, keep * sizeof(*start));
	for (unsigned i = 0; i < shift * COLS; i++)
		start[(n > 0 ? keep : 0) + i] = cell(' ');
	show(first * COLS, last * COLS);
}

static void line_feed(void)
{
	if (scr.row + 1 == scr.bottom)
		scroll(scr.top, scr.bottom, 1);
	else if (scr.row + 1 < ROWS)
		scr.row++;
}

static void print(uint8_t c)
{
	if (scr.wrap) {
		scr.col = 0;
		scr.wrap = false;
		line_feed();
	}
	put(scr.row * COLS + scr.col, cell(c));
	if (scr.col + 1 < COLS)
		scr.col++;
	else
		scr.wrap = true;
}

static void move_to(int row, int col)
{
	scr.row = (unsigned)MAX(0, MIN(row, ROWS - 1));
	scr.col = (unsigned)MAX(0, MIN(col, COLS - 1));
	scr.wrap = false;
}

/* ---- ECMA-48 control sequences ---- */

static unsigned param(unsigned i, unsigned def)
{
	return i < scr.nparams && scr.params[i] != 0 ? scr.params[i] : def;
}

/* ANSI orders colours red, green, blue from the low bit up; VGA the other way round. */
static uint8_t vga_colour(unsigned ansi)
{
	static const uint8_t map[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

	return map[ansi & 7];
}

static void select_graphics(unsigned p)
{
	if (p == 0)
		scr.attr = ATTR_DEFAULT, scr.bold = scr.reverse = false;
	else if (p == 1)
		scr.bold = true;
	else if (p == 2 || p == 22)
		scr.bold = false;
	else if (p == 7 || p == 27)
		scr.reverse = p == 7;
	else if (p >= 30 && p <= 37)
		scr.attr = (scr.attr & 0xf8) | vga_colour(p - 30);
	else if (p >= 40 && p <= 47)
		scr.attr = (uint8_t)((scr.attr & 0x0f) | vga_colour(p - 40) << 4);
	else if (p >= 90 && p <= 97)
		scr.attr = (scr.attr & 0xf0) | 0x08 | vga_colour(p - 90);
	else if (p == 39)
		scr.attr = (scr.attr & 0xf0) | (ATTR_DEFAULT & 0x0f);
	else if (p == 49)
		scr.attr = (scr.attr & 0x0f) | (ATTR_DEFAULT & 0xf0);
}

static void erase_display(unsigned what)
{
	unsigned at = scr.row * COLS + scr.col;

	if (what == 0)
		clear(at, ROWS * COLS);
	else if (what == 1)
		clear(0, at + 1);
	else
		clear(0, ROWS * COLS);
}

static void erase_line(unsigned what)
{
	unsigned start = scr.row * COLS;

	clear(what == 0 ? start + scr.col : start, what == 1 ? start + scr.col + 1 : start + COLS);
}

/* Inserts (n > 0) or deletes cells at the cursor, within its line. */
static void shift_line(int n)
{
	unsigned rest = COLS - scr.col, count = MIN((unsigned)(n < 0 ? -n : n), rest);
	unsigned at = scr.row * COLS + scr.col;
	uint16_t *p = scr.cells + at;

	if (n > 0)
		memmove(p + count, p, (rest - count) * sizeof(*p));
	else
		memmove(p, p + count, (rest - count) * sizeof(*p));
	for (unsigned i = 0; i < count; i++)
		p[(n > 0 ? 0 : rest - count) + i] = cell(' ');
	show(at, at + rest);
}

static void set_region(void)
{
	unsigned top = param(0, 1) - 1, bottom = MIN(param(1, ROWS), (unsigned)ROWS);

	if (top + 1 >= bottom)
		return;
	scr.top = top;
	scr.bottom = bottom;
	move_to(0, 0);
}

static void control_sequence(uint8_t final)
{
	int row = (int)scr.row, col = (int)scr.col;
	int n = (int)MIN(param(0, 1), 1000u);
	bool in_region = scr.row >= scr.top && scr.row < scr.bottom;

	switch (final) {
	case 'A':
		move_to(row - n, col);
		break;
	case 'B':
		move_to(row + n, col);
		break;
	case 'C':
		move_to(row, col + n);
		break;
	case 'D':
		move_to(row, col - n);
		break;
	case 'E':
		move_to(row + n, 0);
		break;
	case 'F':
		move_to(row - n, 0);
		break;
	case 'G':
		move_to(row, n - 1);
		break;
	case 'd':
		move_to(n - 1, col);
		break;
	case 'H':
	case 'f':
		move_to(n - 1, (int)MIN(param(1, 1), 1000u) - 1);
		break;
	case 'J':
		erase_display(param(0, 0));
		break;
	case 'K':
		erase_line(param(0, 0));
		break;
	case 'X':
		clear(scr.row * COLS + scr.col,
			scr.row * COLS + MIN(scr.col + (unsigned)n, (unsigned)COLS));
		break;
	case '@':
		shift_line(n);
		break;
	case 'P':
		shift_line(-n);
		break;
	case 'S':
		scroll(scr.top, scr.bottom, n);
		break;
	case 'T':
		scroll(scr.top, scr.bottom, -n);
		break;
	case 'L':
		if (in_region)
			scroll(scr.row, scr.bottom, -n);
		break;
	case 'M':
		if (in_region)
			scroll(scr.row, scr.bottom, n);
		break;
	case 'r':
		set_region();
		break;
	case 's':
		scr.saved_row = scr.row, scr.saved_col = scr.col;
		break;
	case 'u':
		move_to((int)scr.saved_row, (int)scr.saved_col);
		break;
	case 'm':
		for (unsigned i = 0; i < MAX(scr.nparams, 1u); i++)
			select_graphics(param(i, 0));
		break;
	case 'h':
	case 'l':
		if (scr.private && param(0, 0) == 25)
			crtc_write(CRTC_CURSOR_START, final == 'h' ? CURSOR_TOP_LINE : CURSOR_OFF);
		break;
	}
}

static void csi_byte(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		unsigned *p;

		if (scr.nparams == 0)
			scr.nparams = 1;
		p = &scr.params[scr.nparams - 1];
		*p = MIN(*p * 10 + (c - '0'), 9999u);
	} else if (c == ';') {
		scr.nparams = MAX(scr.nparams, 1u);
		if (scr.nparams < MAX_PARAMS)
			scr.params[scr.nparams++] = 0;
	} else if (c == '?') {
		scr.private = true;
	} else if (c >= 0x40 && c <= 0x7e) {
		scr.state = ST_TEXT;
		control_sequence(c);
	}
}

static void reset(void)
{
	scr.attr = ATTR_DEFAULT;
	scr.bold = scr.reverse = scr.wrap = false;
	scr.top = 0;
	scr.bottom = ROWS;
	move_to(0, 0);
	clear(0, ROWS * COLS);
	crtc_write(CRTC_CURSOR_START, CURSOR_TOP_LINE);
}

static void escape_byte(uint8_t c)
{
	scr.state = ST_TEXT;
	switch (c) {
	case '[':
		scr.state = ST_CSI;
		scr.private = false;
		scr.nparams = 0;
		memset(scr.params, 0, sizeof(scr.params));
		break;
	case '(':
	case ')':
		scr.state = ST_CHARSET;
		break;
	case '7':
		scr.saved_row = scr.row, scr.saved_col = scr.col;
		break;
	case '8':
		move_to((int)scr.saved_row, (int)scr.saved_col);
		break;
	case 'D':
		line_feed();
		break;
	case 'E':
		scr.col = 0, line_feed();
		break;
	case 'M':
		if (scr.row == scr.top)
			scroll(scr.top, scr.bottom, -1);
		else if (scr.row > 0)
			scr.row--;
		break;
	case 'c':
		reset();
		break;
	}
}

/* The character generator has code page 437; of UTF-8 each character beyond ASCII shows as one
 * question mark: at its first byte, while those that continue it (10xxxxxx) show nothing. */
static void text_byte(uint8_t c)
{
	switch (c) {
	case '\n':
	case '\v':
	case '\f':
		line_feed(), scr.wrap = false;
		break;
	case '\r':
		scr.col = 0, scr.wrap = false;
		break;
	case '\b':
		if (scr.col > 0 && !scr.wrap)
			scr.col--;
		scr.wrap = false;
		break;
	case '\t':
		move_to((int)scr.row, (int)ROUND_DOWN(scr.col + TAB_WIDTH, TAB_WIDTH));
		break;
	case 0x1b:
		scr.state = ST_ESC;
		break;
	default:
		if (c >= 0xc0)
			print('?');
		else if (c >= ' ' && c < 0x7f)
			print(c);
	}
}

static void screen_byte(uint8_t c)
{
	switch (scr.state) {
	case ST_TEXT:
		text_byte(c);
		break;
	case ST_ESC:
		escape_byte(c);
		break;
	case ST_CSI:
		csi_byte(c);
		break;
	case ST_CHARSET:
		scr.state = ST_TEXT;
		break;
	}
}

static void show_cursor(void)
{
	unsigned at = scr.row * COLS + scr.col;

	crtc_write(CRTC_CURSOR_HIGH, (uint8_t)(at >> 8));
	crtc_write(CRTC_CURSOR_LOW, (uint8_t)at);
}

static void screen_write(struct chardev *dev, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	bool locked = false;

	if (!dev->present)
		return;
	/* As in serial.c: a panic must not wait for a CPU that has been stopped. */
	for (unsigned i = 0; !locked && i < LOCK_TRIES; i++)
		locked = spin_trylock(&screen_lock);
	for (size_t i = 0; i < n; i++)
		screen_byte(p[i]);
	show_cursor();
	if (locked)
		spin_unlock(&screen_lock);
}

/* The screen never is busy; the portions are small so that interrupts do not wait for long. */
#define WRITE_PORTION 256

static size_t screen_write_some(struct chardev *dev, const void *buf, size_t n)
{
	n = MIN(n, (size_t)WRITE_PORTION);
	screen_write(dev, buf, n);
	return n;
}

struct chardev screen = {
	.name = "tty0",
	.write = screen_write,
	.write_some = screen_write_some,
};

/* A register that keeps what is written to it: there is a VGA, and it is not asleep. */
static bool vga_there(void)
{
	uint8_t old = crtc_read(CRTC_CURSOR_LOW);
	bool there;

	crtc_write(CRTC_CURSOR_LOW, 0x5a);
	there = crtc_read(CRTC_CURSOR_LOW) == 0x5a;
	crtc_write(CRTC_CURSOR_LOW, old);
	return there;
}

void screen_early_init(void)
{
	if (boot_info.fb.addr != 0) {
		klog(LOG_NOTICE,
			"screen: a linear framebuffer, not driven: use the serial console");
	} else if (vga_there()) {
		video = phys_to_virt(VGA_TEXT);
		reset();
		show_cursor();
		screen.cols = COLS;
		screen.rows = ROWS;
		screen.present = true;
	}
	console_log_init();
}
