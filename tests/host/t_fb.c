/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/console/fb.c: cells are drawn into an array as if it were video memory, in every depth, with
 * odd pitches and scales, and every pixel is looked at.
 */
#include <stdlib.h>

#include "boot/boot_info.h"
#include "kernel/console/fb.h"
#include "kernel/console/font.h"
#include "kernel/console/screen.h"
#include "tests/host/tap.h"

#define UNTOUCHED 0xa5

static const struct {
	const char *name;
	struct boot_framebuffer info;
	unsigned cols, rows, scale;
	uint32_t red, white; /* bright red and white as pixels */
} formats[] = {
	{ "32 bits, BGRX", { 0, 4 * 640, 640, 480, 32, 16, 8, 8, 8, 0, 8 }, 80, 30, 1, 0xff5555,
		0xffffff },
	{ "32 bits, RGBX, a margin in the pitch", { 0, 4 * 656, 640, 400, 32, 0, 8, 8, 8, 16, 8 },
		80, 25, 1, 0x5555ff, 0xffffff },
	{ "32 bits, ten a colour", { 0, 4 * 640, 640, 400, 32, 20, 10, 10, 10, 0, 10 }, 80, 25, 1,
		0x3fc << 20 | 0x154 << 10 | 0x154, 0x3fc << 20 | 0x3fc << 10 | 0x3fc },
	{ "24 bits", { 0, 3 * 640, 640, 400, 24, 16, 8, 8, 8, 0, 8 }, 80, 25, 1, 0xff5555,
		0xffffff },
	{ "24 bits, an odd pitch", { 0, 3 * 640 + 1, 640, 400, 24, 16, 8, 8, 8, 0, 8 }, 80, 25, 1,
		0xff5555, 0xffffff },
	{ "16 bits, 5-6-5", { 0, 2 * 800, 800, 600, 16, 11, 5, 5, 6, 0, 5 }, 100, 37, 1,
		31 << 11 | 21 << 5 | 10, 0xffff },
	{ "15 bits, a size that is no multiple of cells",
		{ 0, 2 * 803, 803, 603, 16, 10, 5, 5, 5, 0, 5 }, 100, 37, 1,
		31 << 10 | 10 << 5 | 10, 0x7fff },
	{ "twice as large", { 0, 4 * 2560, 2560, 160, 32, 16, 8, 8, 8, 0, 8 }, 160, 5, 2, 0xff5555,
		0xffffff },
	{ "three times, 24 bits", { 0, 3 * 3840, 3840, 160, 24, 16, 8, 8, 8, 0, 8 }, 160, 3, 3,
		0xff5555, 0xffffff },
};

static uint32_t pixel(const struct fb *fb, unsigned x, unsigned y)
{
	uint32_t v = 0;

	memcpy(&v, fb->video + y * fb->pitch + (size_t)x * fb->bytes, fb->bytes);
	return v;
}

/* Is the cell at (row, col) `ch` in these colours? */
static bool shows(
	const struct fb *fb, unsigned row, unsigned col, uint16_t ch, uint32_t fg, uint32_t bg)
{
	const uint8_t *shape = font_glyph(ch);
	unsigned s = fb->scale;

	for (unsigned y = 0; y < FONT_HEIGHT * s; y++)
		for (unsigned x = 0; x < FONT_WIDTH * s; x++) {
			bool on = shape[y / s] >> (7 - x / s) & 1;

			if (pixel(fb, col * FONT_WIDTH * s + x, row * FONT_HEIGHT * s + y) !=
				(on ? fg : bg))
				return false;
		}
	return true;
}

static void check_format(size_t n)
{
	const struct boot_framebuffer *info = &formats[n].info;
	const char *name = formats[n].name;
	size_t size = (size_t)fb_size(info);
	uint8_t *video = malloc(size); /* the sanitizer guards both ends */
	const struct vt_cell cells[] = { { 'A', 0x0c, 0 }, { 0x2592, 0xf0, 0 },
		{ '_', 0x0f, CELL_CURSOR } };
	struct fb fb;
	bool clear = true, margin = true;

	memset(video, UNTOUCHED, size);
	ok(fb_setup(&fb, info, video), "%s", name);
	ok(fb.cols == formats[n].cols && fb.rows == formats[n].rows && fb.scale == formats[n].scale,
		"%s: %u x %u cells, scale %u", name, fb.cols, fb.rows, fb.scale);
	fb_clear(&fb);
	for (unsigned y = 0; y < fb.height; y++) {
		for (unsigned x = 0; x < fb.width; x++)
			clear &= pixel(&fb, x, y) == 0;
		for (size_t i = (size_t)fb.width * fb.bytes; i < fb.pitch; i++)
			margin &= video[y * fb.pitch + i] == UNTOUCHED;
	}
	ok(clear && margin, "%s: cleared, and nothing beyond", name);
	fb_draw(&fb, 1, 2, cells, 3);
	ok(shows(&fb, 1, 2, 'A', formats[n].red, 0), "%s: a bright red A", name);
	ok(shows(&fb, 1, 3, 0x2592, 0, formats[n].white), "%s: black on white", name);
	ok(shows(&fb, 1, 4, '_', 0, formats[n].white), "%s: the cursor swaps colours", name);
	ok(shows(&fb, 1, 1, ' ', 0, 0) && shows(&fb, 1, 5, ' ', 0, 0) &&
			shows(&fb, 0, 2, ' ', 0, 0) && shows(&fb, 2, 2, ' ', 0, 0),
		"%s: the neighbours are untouched", name);
	fb_draw(&fb, fb.rows - 1, fb.cols - 1, cells, 1);
	ok(shows(&fb, fb.rows - 1, fb.cols - 1, 'A', formats[n].red, 0), "%s: the last cell", name);
	free(video);
}

static void check_refusals(void)
{
	struct boot_framebuffer good = { 0, 4 * 640, 640, 480, 32, 16, 8, 8, 8, 0, 8 }, bad;
	struct fb fb;

	bad = good, bad.bpp = 8;
	ok(!fb_setup(&fb, &bad, NULL), "8 bits are refused");
	bad = good, bad.red_pos = 28;
	ok(!fb_setup(&fb, &bad, NULL), "a colour outside the pixel is refused");
	bad = good, bad.blue_size = 0;
	ok(!fb_setup(&fb, &bad, NULL), "no blue is refused");
	bad = good, bad.pitch = 640;
	ok(!fb_setup(&fb, &bad, NULL), "a pitch shorter than a line is refused");
	bad = good, bad.height = 20;
	ok(!fb_setup(&fb, &bad, NULL), "a single row is refused");
	bad = good, bad.width = 100000, bad.height = 100000, bad.pitch = 400000;
	ok(fb_setup(&fb, &bad, NULL) && fb.cols <= VT_MAX_COLS && fb.rows <= VT_MAX_ROWS,
		"a huge one is used in part");
}

/* Every glyph is there once and differs from every other, or a screen could not be read back; but for
 * those that are meant to look alike. */
static void check_font(void)
{
	unsigned have = 0;

	for (unsigned c = 0x20; c < 0x7f; c++)
		have += font_glyph((uint16_t)c) != font_glyph(0xfffd);
	for (unsigned c = 0xa0; c < 0x100; c++)
		have += font_glyph((uint16_t)c) != font_glyph(0xfffd);
	is_int(have, 95 + 96, "ASCII and Latin-1 are there");
	have = 0;
	for (unsigned c = 0; c < 256; c++)
		have += font_glyph(cp437_to_unicode((uint8_t)c)) != font_glyph(0xfffd);
	is_int(have, 256, "code page 437 is there");
	have = 0;
	for (unsigned a = 0x21; a < 0x7f; a++)
		for (unsigned b = 0x20; b < a; b++)
			have += memcmp(font_glyph((uint16_t)a), font_glyph((uint16_t)b),
					FONT_HEIGHT) == 0;
	is_int(have, 0, "no two of ASCII look the same");
	ok(font_glyph(0x4e2d) == font_glyph(0xfffd), "what is missing shows as U+FFFD");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		check_format(i);
	check_refusals();
	check_font();
	return tap_done();
}
