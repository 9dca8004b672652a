/* SPDX-License-Identifier: BSD-2-Clause
 * The terminal emulator's screen: text comes in, lines wrap, the screen scrolls. See vt.h.
 *
 * A character in the last column leaves the cursor there with `wrap` set; only the next character
 * goes to the next line (the VT100's way, on which full-screen programs rely).
 */
#include "kernel/console/vt.h"

#include "kernel/core/string.h"

#define REPLACEMENT 0xfffd

/* ---- cells ---- */

static struct vt_cell *stored_row(const struct vt *vt, unsigned index)
{
	return vt->cells + (size_t)index * vt->cols;
}

static struct vt_cell *line_cells(const struct vt *vt, unsigned row)
{
	return stored_row(vt, vt->line[row]);
}

const struct vt_cell *vt_line(const struct vt *vt, unsigned row, unsigned back)
{
	back = MIN(back, vt->hist_used);
	if (row >= back)
		return line_cells(vt, row - back);
	return stored_row(vt, vt->hist[(vt->hist_at + vt->hist_used - back + row) % vt->nhist]);
}

static uint8_t swap_colours(uint8_t attr)
{
	return (uint8_t)(attr << 4 | attr >> 4);
}

/* Half bright, italic and underlined characters have colours of their own, as on Linux. */
#define COLOUR_HALF      0x08
#define COLOUR_ITALIC    0x02
#define COLOUR_UNDERLINE 0x03

void vt_update_attr(struct vt *vt)
{
	const struct vt_cursor *c = &vt->cur;
	uint8_t attr = c->colour;

	if (c->italic)
		attr = (attr & 0xf0) | COLOUR_ITALIC;
	else if (c->underline)
		attr = (attr & 0xf0) | COLOUR_UNDERLINE;
	else if (c->intensity == 0)
		attr = (attr & 0xf0) | COLOUR_HALF;
	if (c->intensity == 2)
		attr |= 0x08;
	if (c->reverse != vt->reverse_screen)
		attr = swap_colours(attr);
	if (c->blink)
		attr |= 0x80;
	vt->attr = attr;
}

/* What is erased gets the background colour (terminfo's bce), and nothing else of the attributes. */
static struct vt_cell blank(const struct vt *vt)
{
	uint8_t attr = vt->cur.colour;

	return (struct vt_cell){ .ch = ' ',
		.attr = vt->reverse_screen ? swap_colours(attr) : attr };
}

void vt_erase(struct vt *vt, unsigned row, unsigned from, unsigned to)
{
	struct vt_cell *cells = line_cells(vt, row), b = blank(vt);

	for (unsigned i = from; i < to; i++)
		cells[i] = b;
	vt->dirty[row] = true;
}

void vt_fill(struct vt *vt, uint16_t ch)
{
	for (unsigned row = 0; row < vt->rows; row++) {
		vt_erase(vt, row, 0, vt->cols);
		for (unsigned i = 0; i < vt->cols; i++)
			line_cells(vt, row)[i].ch = ch;
	}
}

void vt_reverse_all(struct vt *vt)
{
	for (unsigned row = 0; row < vt->rows; row++) {
		for (unsigned i = 0; i < vt->cols; i++)
			line_cells(vt, row)[i].attr = swap_colours(line_cells(vt, row)[i].attr);
		vt->dirty[row] = true;
	}
}

void vt_shift_line(struct vt *vt, int n)
{
	unsigned col = vt->cur.col, rest = vt->cols - col;
	unsigned count = MIN((unsigned)(n < 0 ? -n : n), rest), keep = rest - count;
	struct vt_cell *p = line_cells(vt, vt->cur.row) + col;

	if (n > 0)
		memmove(p + count, p, keep * sizeof(*p));
	else
		memmove(p, p + count, keep * sizeof(*p));
	vt->cur.wrap = false;
	if (n > 0)
		vt_erase(vt, vt->cur.row, col, col + count);
	else
		vt_erase(vt, vt->cur.row, col + keep, vt->cols);
}

/* ---- lines ---- */

/* The top line leaves the screen for history; the row it gives back becomes the bottom line. */
static uint16_t to_history(struct vt *vt, uint16_t index)
{
	unsigned at = (vt->hist_at + vt->hist_used) % vt->nhist;
	uint16_t old;

	vt->scrolled++;
	if (vt->hist_used == vt->nhist)
		vt->hist_at = (vt->hist_at + 1) % vt->nhist;
	else
		vt->hist_used++;
	old = vt->hist[at];
	vt->hist[at] = index;
	return old;
}

static void scroll_up_one(struct vt *vt, unsigned first, unsigned last)
{
	uint16_t index = vt->line[first];

	if (first == 0 && last == vt->rows && vt->nhist > 0)
		index = to_history(vt, index);
	memmove(vt->line + first, vt->line + first + 1, (last - first - 1) * sizeof(*vt->line));
	vt->line[last - 1] = index;
	vt_erase(vt, last - 1, 0, vt->cols);
}

static void scroll_down_one(struct vt *vt, unsigned first, unsigned last)
{
	uint16_t index = vt->line[last - 1];

	memmove(vt->line + first + 1, vt->line + first, (last - first - 1) * sizeof(*vt->line));
	vt->line[first] = index;
	vt_erase(vt, first, 0, vt->cols);
}

void vt_scroll(struct vt *vt, unsigned first, unsigned last, int n)
{
	unsigned count = MIN((unsigned)(n < 0 ? -n : n), last - first);

	for (unsigned i = 0; i < count; i++) {
		if (n > 0)
			scroll_up_one(vt, first, last);
		else
			scroll_down_one(vt, first, last);
	}
	for (unsigned row = first; row < last; row++)
		vt->dirty[row] = true;
}

void vt_line_feed(struct vt *vt)
{
	if (vt->cur.row + 1 == vt->bottom)
		vt_scroll(vt, vt->top, vt->bottom, 1);
	else if (vt->cur.row + 1 < vt->rows)
		vt->cur.row++;
	vt->cur.wrap = false;
}

void vt_reverse_line_feed(struct vt *vt)
{
	if (vt->cur.row == vt->top)
		vt_scroll(vt, vt->top, vt->bottom, -1);
	else if (vt->cur.row > 0)
		vt->cur.row--;
	vt->cur.wrap = false;
}

void vt_move(struct vt *vt, int row, int col)
{
	int first = vt->cur.origin ? (int)vt->top : 0;
	int last = (int)(vt->cur.origin ? vt->bottom : vt->rows) - 1;

	vt->cur.row = (unsigned)MAX(first, MIN(row, last));
	vt->cur.col = (unsigned)MAX(0, MIN(col, (int)vt->cols - 1));
	vt->cur.wrap = false;
}

/* ---- characters ---- */

static void put_cell(struct vt *vt, uint16_t ch)
{
	struct vt_cursor *c = &vt->cur;

	if (c->wrap) {
		c->col = 0;
		vt_line_feed(vt);
	}
	if (vt->insert)
		vt_shift_line(vt, 1);
	line_cells(vt, c->row)[c->col] = (struct vt_cell){ .ch = ch, .attr = vt->attr };
	vt->dirty[c->row] = true;
	if (c->col + 1 < vt->cols)
		c->col++;
	else
		c->wrap = vt->autowrap;
}

/* A wide character takes two cells and is not split by the edge. Programs count on that even where
 * there is no glyph for it. */
void vt_put(struct vt *vt, uint32_t ch)
{
	unsigned width = char_width(ch);

	if (width == 0)
		return;
	if (width == 2 && vt->autowrap && vt->cur.col + 1 == vt->cols && !vt->cur.wrap)
		put_cell(vt, ' ');
	put_cell(vt, ch > 0xffff ? REPLACEMENT : (uint16_t)ch);
	if (width == 2)
		put_cell(vt, ' ');
}

/* ---- UTF-8 (RFC 3629) ---- */

static bool utf8_start(struct vt *vt, uint8_t c)
{
	if (c >= 0xc2 && c <= 0xdf)
		vt->utf8_left = 1, vt->utf8_char = c & 0x1f;
	else if (c >= 0xe0 && c <= 0xef)
		vt->utf8_left = 2, vt->utf8_char = c & 0x0f;
	else if (c >= 0xf0 && c <= 0xf4)
		vt->utf8_left = 3, vt->utf8_char = c & 0x07;
	else
		return false;
	vt->utf8_bytes = vt->utf8_left + 1;
	return true;
}

static bool utf8_valid(uint32_t ch, unsigned bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return ch >= least[bytes] && ch <= 0x10ffff && !(ch >= 0xd800 && ch <= 0xdfff);
}

/* What follows is no part of the character that was being read. */
static void utf8_cut_off(struct vt *vt)
{
	if (vt->utf8_left == 0)
		return;
	vt->utf8_left = 0;
	vt_put(vt, REPLACEMENT);
}

static void utf8_byte(struct vt *vt, uint8_t c)
{
	if ((c & 0xc0) != 0x80)
		utf8_cut_off(vt);
	if (vt->utf8_left == 0) {
		if (!utf8_start(vt, c))
			vt_put(vt, REPLACEMENT);
		return;
	}
	vt->utf8_char = vt->utf8_char << 6 | (c & 0x3f);
	if (--vt->utf8_left > 0)
		return;
	if (vt->utf8_bytes == 2 && vt->utf8_char < 0xa0)
		return; /* C1 controls: nobody sends them in UTF-8 */
	vt_put(vt, utf8_valid(vt->utf8_char, vt->utf8_bytes) ? vt->utf8_char : REPLACEMENT);
}

/* The controls that stay controls where bytes are glyphs: BS, LF, FF, CR, SO, SI, ESC. */
#define RAW_CONTROLS 0x0800f500u

static void raw_glyph(struct vt *vt, uint8_t c)
{
	if (c < 0x20 && (c == 0 || RAW_CONTROLS >> c & 1))
		vt_control(vt, c);
	else
		vt_put(vt, cp437_to_unicode(c));
}

static void text_byte(struct vt *vt, uint8_t c)
{
	enum vt_charset set = vt->cur.charset[vt->cur.shift];

	if (vt->cur.raw_glyphs) {
		raw_glyph(vt, c);
	} else if (c >= 0x80 && set != VT_CP437) {
		utf8_byte(vt, c);
	} else {
		utf8_cut_off(vt);
		if (c < 0x20 || c == 0x7f)
			vt_control(vt, c);
		else
			vt_put(vt, charset_lookup(set, c));
	}
}

void vt_write(struct vt *vt, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (vt->state == VT_TEXT)
			text_byte(vt, p[i]);
		else
			vt_sequence(vt, p[i]);
	}
}

/* ---- beginning ---- */

size_t vt_memory(unsigned cols, unsigned rows, unsigned nhist)
{
	return (size_t)(rows + nhist) * cols * sizeof(struct vt_cell) + nhist * sizeof(uint16_t);
}

void vt_default_tabs(struct vt *vt)
{
	memset(vt->tabs, 0x01, sizeof(vt->tabs));
}

void vt_reset(struct vt *vt)
{
	memset(&vt->cur, 0, sizeof(vt->cur));
	vt->cur.colour = VT_DEFAULT_ATTR;
	vt->cur.intensity = 1;
	vt->cur.charset[1] = VT_LINE_DRAWING;
	vt->saved = vt->cur;
	vt->top = 0;
	vt->bottom = vt->rows;
	vt->autowrap = vt->cursor_visible = true;
	vt->insert = vt->newline = vt->reverse_screen = vt->cursor_keys_app = false;
	vt->state = VT_TEXT;
	vt->utf8_left = 0;
	vt_update_attr(vt);
	vt_default_tabs(vt);
	vt_fill(vt, ' ');
}

void vt_init(struct vt *vt, unsigned cols, unsigned rows, unsigned nhist, void *mem)
{
	memset(vt, 0, sizeof(*vt));
	vt->cols = cols;
	vt->rows = rows;
	vt->nhist = nhist;
	vt->cells = mem;
	vt->hist = (uint16_t *)(vt->cells + (size_t)(rows + nhist) * cols);
	for (unsigned i = 0; i < rows; i++)
		vt->line[i] = (uint16_t)i;
	for (unsigned i = 0; i < nhist; i++)
		vt->hist[i] = (uint16_t)(rows + i);
	vt_reset(vt);
}

void vt_copy(struct vt *vt, const struct vt *from)
{
	unsigned cols = MIN(vt->cols, from->cols), rows = from->cur.row + 1;
	unsigned skip = rows > vt->rows ? rows - vt->rows : 0;

	for (unsigned row = skip; row < rows; row++)
		memcpy(line_cells(vt, row - skip), line_cells(from, row),
			cols * sizeof(struct vt_cell));
	vt->cur = from->cur;
	vt->cur.row -= skip;
	vt->cur.col = MIN(vt->cur.col, vt->cols - 1);
	vt->cur.wrap = false;
	vt_update_attr(vt);
}
