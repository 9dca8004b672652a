/* SPDX-License-Identifier: BSD-2-Clause
 * The terminal emulator's language: control characters, escape sequences, control sequences (ECMA-48
 * fifth edition, 5.4 and 8.3; VT102 user guide; man 4 console_codes). See vt.h.
 *
 * What is not understood is read to its end, by ECMA-48's grammar, and has no effect. Control
 * characters in the middle of a sequence act as if they stood before it; CAN and SUB end it.
 */
#include "kernel/console/vt.h"

#include "kernel/core/log.h"
#include "kernel/core/string.h"

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define DEL 0x7f

#define PALETTE_DIGITS 7
#define PARAM_MAX      9999u

const uint8_t vt_palette[16][3] = {
	{ 0x00, 0x00, 0x00 },
	{ 0x00, 0x00, 0xaa },
	{ 0x00, 0xaa, 0x00 },
	{ 0x00, 0xaa, 0xaa },
	{ 0xaa, 0x00, 0x00 },
	{ 0xaa, 0x00, 0xaa },
	{ 0xaa, 0x55, 0x00 },
	{ 0xaa, 0xaa, 0xaa },
	{ 0x55, 0x55, 0x55 },
	{ 0x55, 0x55, 0xff },
	{ 0x55, 0xff, 0x55 },
	{ 0x55, 0xff, 0xff },
	{ 0xff, 0x55, 0x55 },
	{ 0xff, 0x55, 0xff },
	{ 0xff, 0xff, 0x55 },
	{ 0xff, 0xff, 0xff },
};

static unsigned param(const struct vt *vt, unsigned i, unsigned def)
{
	return i < vt->nparams && vt->params[i] != 0 ? vt->params[i] : def;
}

static void reply(struct vt *vt, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof(vt->reply) - vt->nreply)
		return; /* nobody listens */
	memcpy(vt->reply + vt->nreply, text, n);
	vt->nreply += (unsigned)n;
}

/* ---- tabulation ---- */

static bool tab_at(const struct vt *vt, unsigned col)
{
	return vt->tabs[col / 8] >> col % 8 & 1;
}

static void tab_forward(struct vt *vt, unsigned n)
{
	while (n-- > 0 && vt->cur.col + 1 < vt->cols)
		do
			vt->cur.col++;
		while (vt->cur.col + 1 < vt->cols && !tab_at(vt, vt->cur.col));
}

static void tab_back(struct vt *vt, unsigned n)
{
	while (n-- > 0 && vt->cur.col > 0)
		do
			vt->cur.col--;
		while (vt->cur.col > 0 && !tab_at(vt, vt->cur.col));
	vt->cur.wrap = false;
}

static void clear_tabs(struct vt *vt, unsigned what)
{
	if (what == 0)
		vt->tabs[vt->cur.col / 8] &= (uint8_t) ~(1u << vt->cur.col % 8);
	else if (what == 3)
		memset(vt->tabs, 0, sizeof(vt->tabs));
}

/* ---- SGR ---- */

/* ANSI orders colours red, green, blue from the low bit up; VGA the other way round. */
static uint8_t vga_colour(unsigned ansi)
{
	return (uint8_t)((ansi & 1) << 2 | (ansi & 2) | (ansi & 4) >> 2 | (ansi & 8));
}

static uint8_t nearest_colour(const unsigned rgb[3])
{
	unsigned best = 0, least = ~0u;

	for (unsigned i = 0; i < ARRAY_SIZE(vt_palette); i++) {
		unsigned distance = 0;

		for (unsigned k = 0; k < 3; k++) {
			int d = (int)MIN(rgb[k], 255u) - vt_palette[i][k];

			distance += (unsigned)(d * d);
		}
		if (distance < least) {
			least = distance;
			best = i;
		}
	}
	return (uint8_t)best;
}

/* xterm's 256 colours: the 16, a cube of 6 x 6 x 6, and 24 greys. */
static uint8_t colour_of_256(unsigned n)
{
	unsigned rgb[3];

	if (n < 16)
		return vga_colour(n);
	if (n >= 232) {
		rgb[0] = rgb[1] = rgb[2] = 8 + 10 * (MIN(n, 255u) - 232);
	} else {
		unsigned digits[3] = { (n - 16) / 36, (n - 16) / 6 % 6, (n - 16) % 6 };

		for (unsigned k = 0; k < 3; k++)
			rgb[k] = digits[k] == 0 ? 0 : 55 + 40 * digits[k];
	}
	return nearest_colour(rgb);
}

static void set_foreground(struct vt *vt, uint8_t colour)
{
	vt->cur.colour = (vt->cur.colour & 0xf0) | colour;
}

static void set_background(struct vt *vt, uint8_t colour)
{
	vt->cur.colour = (uint8_t)((vt->cur.colour & 0x0f) | colour << 4);
}

/* 38 or 48 stands at params[i]; ";5;N" or ";2;R;G;B" follows. Returns how many parameters that is. */
static unsigned extended_colour(struct vt *vt, unsigned i)
{
	void (*set)(struct vt *, uint8_t) = vt->params[i] == 38 ? set_foreground : set_background;
	unsigned kind = param(vt, i + 1, 0);

	if (kind == 5 && i + 2 < vt->nparams) {
		set(vt, colour_of_256(vt->params[i + 2]));
		return 2;
	}
	if (kind == 2 && i + 4 < vt->nparams) {
		set(vt, nearest_colour(vt->params + i + 2));
		return 4;
	}
	return vt->nparams - i;
}

static void select_font(struct vt *vt, unsigned p)
{
	vt->cur.raw_glyphs = p != 10;
}

static void select_colour(struct vt *vt, unsigned p)
{
	if (p >= 30 && p <= 37)
		set_foreground(vt, vga_colour(p - 30));
	else if (p >= 40 && p <= 47)
		set_background(vt, vga_colour(p - 40));
	else if (p >= 90 && p <= 97)
		set_foreground(vt, vga_colour(p - 90 + 8));
	else if (p >= 100 && p <= 107)
		set_background(vt, vga_colour(p - 100 + 8));
	else if (p == 39)
		set_foreground(vt, VT_DEFAULT_ATTR & 0x0f);
	else if (p == 49)
		set_background(vt, VT_DEFAULT_ATTR >> 4);
}

static void select_attribute(struct vt *vt, unsigned p)
{
	struct vt_cursor *c = &vt->cur;

	switch (p) {
	case 0:
		c->colour = VT_DEFAULT_ATTR;
		c->intensity = 1;
		c->italic = c->underline = c->reverse = c->blink = false;
		break;
	case 1:
		c->intensity = 2;
		break;
	case 2:
		c->intensity = 0;
		break;
	case 22:
		c->intensity = 1;
		break;
	case 3:
	case 23:
		c->italic = p == 3;
		break;
	case 4:
	case 21: /* doubly */
	case 24:
		c->underline = p != 24;
		break;
	case 5:
	case 25:
		c->blink = p == 5;
		break;
	case 7:
	case 27:
		c->reverse = p == 7;
		break;
	case 10:
	case 11:
	case 12:
		select_font(vt, p);
		break;
	default:
		select_colour(vt, p);
	}
}

static void select_graphics(struct vt *vt)
{
	if (vt->nparams == 0)
		select_attribute(vt, 0);
	for (unsigned i = 0; i < vt->nparams; i++) {
		if (vt->params[i] == 38 || vt->params[i] == 48)
			i += extended_colour(vt, i);
		else
			select_attribute(vt, vt->params[i]);
	}
	vt_update_attr(vt);
}

/* ---- erasing ---- */

static void erase_line(struct vt *vt, unsigned what)
{
	unsigned row = vt->cur.row, col = vt->cur.col;

	if (what > 2)
		return;
	vt_erase(vt, row, what == 0 ? col : 0, what == 1 ? col + 1 : vt->cols);
	vt->cur.wrap = false;
}

static void erase_display(struct vt *vt, unsigned what)
{
	if (what > 3)
		return;
	if (what == 3) /* xterm's: what has scrolled away, too */
		vt->hist_used = vt->hist_at = 0;
	for (unsigned row = 0; row < vt->rows; row++)
		if (what >= 2 || (what == 0 && row > vt->cur.row) ||
			(what == 1 && row < vt->cur.row))
			vt_erase(vt, row, 0, vt->cols);
	if (what < 2)
		erase_line(vt, what);
	vt->cur.wrap = false;
}

/* ---- modes and reports ---- */

static void set_private_mode(struct vt *vt, unsigned mode, bool on)
{
	switch (mode) {
	case 1: /* DECCKM */
		vt->cursor_keys_app = on;
		break;
	case 5: /* DECSCNM */
		if (vt->reverse_screen != on)
			vt_reverse_all(vt);
		vt->reverse_screen = on;
		vt_update_attr(vt);
		break;
	case 6: /* DECOM */
		vt->cur.origin = on;
		vt_move(vt, on ? (int)vt->top : 0, 0);
		break;
	case 7: /* DECAWM */
		vt->autowrap = on;
		break;
	case 25: /* DECTCEM */
		vt->cursor_visible = on;
		break;
	}
}

static void set_modes(struct vt *vt, bool on)
{
	for (unsigned i = 0; i < vt->nparams; i++) {
		if (vt->private == '?')
			set_private_mode(vt, vt->params[i], on);
		else if (vt->params[i] == 4) /* IRM */
			vt->insert = on;
		else if (vt->params[i] == 20) /* LNM */
			vt->newline = on;
	}
}

static void report_status(struct vt *vt)
{
	unsigned first = vt->cur.origin ? vt->top : 0;
	char text[24];

	if (param(vt, 0, 0) == 5)
		reply(vt, "\033[0n");
	if (param(vt, 0, 0) != 6)
		return;
	ksnprintf(text, sizeof(text), "\033[%u;%uR", vt->cur.row - first + 1, vt->cur.col + 1);
	reply(vt, text);
}

static void set_region(struct vt *vt)
{
	unsigned top = param(vt, 0, 1), bottom = MIN(param(vt, 1, vt->rows), vt->rows);

	if (top >= bottom)
		return;
	vt->top = top - 1;
	vt->bottom = bottom;
	vt_move(vt, vt->cur.origin ? (int)vt->top : 0, 0);
}

static void save_cursor(struct vt *vt)
{
	vt->saved = vt->cur;
}

static void restore_cursor(struct vt *vt)
{
	bool wrap = vt->saved.wrap;

	vt->cur = vt->saved;
	vt_move(vt, (int)vt->cur.row, (int)vt->cur.col);
	vt->cur.wrap = wrap && vt->cur.col + 1 == vt->cols;
	vt_update_attr(vt);
}

/* ---- CSI ---- */

static bool move_cursor(struct vt *vt, uint8_t final)
{
	int row = (int)vt->cur.row, col = (int)vt->cur.col, n = (int)param(vt, 0, 1);
	int first = vt->cur.origin ? (int)vt->top : 0;

	switch (final) {
	case 'A': /* CUU */
		vt_move(vt, row - n, col);
		return true;
	case 'B': /* CUD */
	case 'e': /* VPR */
		vt_move(vt, row + n, col);
		return true;
	case 'C': /* CUF */
	case 'a': /* HPR */
		vt_move(vt, row, col + n);
		return true;
	case 'D': /* CUB */
		vt_move(vt, row, col - n);
		return true;
	case 'E': /* CNL */
		vt_move(vt, row + n, 0);
		return true;
	case 'F': /* CPL */
		vt_move(vt, row - n, 0);
		return true;
	case 'G': /* CHA */
	case '`': /* HPA */
		vt_move(vt, row, n - 1);
		return true;
	case 'd': /* VPA */
		vt_move(vt, first + n - 1, col);
		return true;
	case 'H': /* CUP */
	case 'f': /* HVP */
		vt_move(vt, first + n - 1, (int)param(vt, 1, 1) - 1);
		return true;
	case 'I': /* CHT */
		tab_forward(vt, (unsigned)n);
		return true;
	case 'Z': /* CBT */
		tab_back(vt, (unsigned)n);
		return true;
	}
	return false;
}

static bool edit_text(struct vt *vt, uint8_t final)
{
	unsigned row = vt->cur.row, col = vt->cur.col;
	bool in_region = row >= vt->top && row < vt->bottom;
	int n = (int)param(vt, 0, 1);

	switch (final) {
	case '@': /* ICH */
		vt_shift_line(vt, n);
		return true;
	case 'P': /* DCH */
		vt_shift_line(vt, -n);
		return true;
	case 'X': /* ECH */
		vt_erase(vt, row, col, MIN(col + (unsigned)n, vt->cols));
		vt->cur.wrap = false;
		return true;
	case 'J': /* ED */
		erase_display(vt, param(vt, 0, 0));
		return true;
	case 'K': /* EL */
		erase_line(vt, param(vt, 0, 0));
		return true;
	case 'L': /* IL */
	case 'M': /* DL */
		if (in_region)
			vt_scroll(vt, row, vt->bottom, final == 'L' ? -n : n);
		vt->cur.wrap = false;
		return true;
	case 'S': /* SU */
	case 'T': /* SD */
		vt_scroll(vt, vt->top, vt->bottom, final == 'S' ? n : -n);
		return true;
	}
	return false;
}

static void control_sequence(struct vt *vt, uint8_t final)
{
	if (final == 'h' || final == 'l') {
		set_modes(vt, final == 'h');
		return;
	}
	if (vt->private != 0) /* xterm's and others' extensions */
		return;
	if (move_cursor(vt, final) || edit_text(vt, final))
		return;
	switch (final) {
	case 'c': /* DA: a VT102 */
		if (param(vt, 0, 0) == 0)
			reply(vt, "\033[?6c");
		break;
	case 'g': /* TBC */
		clear_tabs(vt, param(vt, 0, 0));
		break;
	case 'm': /* SGR */
		select_graphics(vt);
		break;
	case 'n': /* DSR */
		report_status(vt);
		break;
	case 'r': /* DECSTBM */
		set_region(vt);
		break;
	case 's':
		save_cursor(vt);
		break;
	case 'u':
		restore_cursor(vt);
		break;
	}
}

static void digit(struct vt *vt, unsigned d)
{
	unsigned *p;

	if (vt->nparams == 0)
		vt->nparams = 1;
	p = &vt->params[MIN(vt->nparams, VT_MAX_PARAMS) - 1];
	if (vt->nparams <= VT_MAX_PARAMS)
		*p = MIN(*p * 10 + d, PARAM_MAX);
}

/* Parameters 0x30-0x3f, intermediate bytes 0x20-0x2f, a final byte 0x40-0x7e (ECMA-48, 5.4). */
static void csi_byte(struct vt *vt, uint8_t c)
{
	if (c >= '0' && c <= '9') {
		digit(vt, c - '0');
	} else if (c == ';') {
		vt->nparams = MIN(MAX(vt->nparams, 1u) + 1, VT_MAX_PARAMS + 1);
	} else if (c >= '<' && c <= '?' && vt->nparams == 0 && vt->private == 0) {
		vt->private = c;
	} else if (c >= 0x40 && c <= 0x7e) {
		vt->state = VT_TEXT;
		vt->nparams = MIN(vt->nparams, VT_MAX_PARAMS);
		control_sequence(vt, c);
	} else {
		vt->state = VT_CSI_SKIP;
	}
}

/* ---- ESC ---- */

static void begin_csi(struct vt *vt)
{
	vt->state = VT_CSI;
	vt->private = 0;
	vt->nparams = 0;
	memset(vt->params, 0, sizeof(vt->params));
}

static void select_charset(struct vt *vt, uint8_t c)
{
	uint8_t *set = &vt->cur.charset[vt->intermediate == ')'];

	vt->state = VT_TEXT;
	if (vt->intermediate != '(' && vt->intermediate != ')')
		return;
	if (c == '0')
		*set = VT_LINE_DRAWING;
	else if (c == 'U')
		*set = VT_CP437;
	else
		*set = VT_ASCII;
}

static void escape_byte(struct vt *vt, uint8_t c)
{
	vt->state = VT_TEXT;
	switch (c) {
	case '[':
		begin_csi(vt);
		break;
	case ']':
		vt->state = VT_OSC;
		break;
	case 'P': /* DCS, PM, APC, SOS */
	case '^':
	case '_':
	case 'X':
		vt->state = VT_STRING;
		break;
	case '#':
		vt->state = VT_HASH;
		break;
	case '7': /* DECSC */
		save_cursor(vt);
		break;
	case '8': /* DECRC */
		restore_cursor(vt);
		break;
	case 'D': /* IND */
		vt_line_feed(vt);
		break;
	case 'E': /* NEL */
		vt->cur.col = 0;
		vt_line_feed(vt);
		break;
	case 'H': /* HTS */
		vt->tabs[vt->cur.col / 8] |= (uint8_t)(1u << vt->cur.col % 8);
		break;
	case 'M': /* RI */
		vt_reverse_line_feed(vt);
		break;
	case 'Z': /* DECID */
		reply(vt, "\033[?6c");
		break;
	case 'c': /* RIS */
		vt_reset(vt);
		break;
	default:
		if (c >= 0x20 && c <= 0x2f) {
			vt->state = VT_CHARSET;
			vt->intermediate = c;
		}
	}
}

/* DECALN: the screen full of E, to adjust a tube by. */
static void alignment(struct vt *vt)
{
	vt->top = 0;
	vt->bottom = vt->rows;
	vt->cur.origin = false;
	vt_move(vt, 0, 0);
	vt_fill(vt, 'E');
}

static void osc_byte(struct vt *vt, uint8_t c)
{
	if (c == 'P') {
		vt->state = VT_PALETTE;
		vt->string_left = PALETTE_DIGITS;
	} else if (c == 'R') {
		vt->state = VT_TEXT;
	} else {
		vt->state = VT_STRING;
	}
}

/* ---- the state machine ---- */

static void string_byte(struct vt *vt, uint8_t c)
{
	if (c == BEL || c == CAN || c == SUB)
		vt->state = VT_TEXT;
	else if (c == ESC)
		vt->state = VT_STRING_ESC;
}

/* ESC \ ends a string; another escape sequence ends it and counts. */
static void string_escape(struct vt *vt, uint8_t c)
{
	if (c == '\\') {
		vt->state = VT_TEXT;
	} else {
		vt->state = VT_ESC;
		vt_sequence(vt, c);
	}
}

void vt_control(struct vt *vt, uint8_t c)
{
	switch (c) {
	case BEL:
		vt->bell = true;
		break;
	case '\b':
		if (vt->cur.col > 0 && !vt->cur.wrap)
			vt->cur.col--;
		vt->cur.wrap = false;
		break;
	case '\t':
		tab_forward(vt, 1);
		break;
	case '\n':
	case '\v':
	case '\f':
		vt_line_feed(vt);
		if (vt->newline)
			vt->cur.col = 0;
		break;
	case '\r':
		vt->cur.col = 0;
		vt->cur.wrap = false;
		break;
	case 0x0e: /* SO */
	case 0x0f: /* SI */
		vt->cur.shift = c == 0x0e;
		break;
	case CAN:
	case SUB:
		vt->state = VT_TEXT;
		break;
	case ESC:
		vt->state = VT_ESC;
		break;
	}
}

void vt_sequence(struct vt *vt, uint8_t c)
{
	if (vt->state != VT_STRING && vt->state != VT_STRING_ESC && (c < 0x20 || c == DEL)) {
		if (vt->state == VT_OSC || vt->state == VT_PALETTE)
			vt->state = VT_TEXT;
		vt_control(vt, c);
		return;
	}
	switch (vt->state) {
	case VT_ESC:
		escape_byte(vt, c);
		break;
	case VT_CHARSET:
		select_charset(vt, c);
		break;
	case VT_HASH:
		vt->state = VT_TEXT;
		if (c == '8')
			alignment(vt);
		break;
	case VT_CSI:
		csi_byte(vt, c);
		break;
	case VT_CSI_SKIP:
		if (c >= 0x40 && c <= 0x7e)
			vt->state = VT_TEXT;
		break;
	case VT_OSC:
		osc_byte(vt, c);
		break;
	case VT_PALETTE:
		if (--vt->string_left == 0)
			vt->state = VT_TEXT;
		break;
	case VT_STRING:
		string_byte(vt, c);
		break;
	case VT_STRING_ESC:
		string_escape(vt, c);
		break;
	}
}
