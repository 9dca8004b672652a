/* SPDX-License-Identifier: BSD-2-Clause
 * Drawing in a linear framebuffer of 16, 24 or 32 bits a pixel. See fb.h.
 *
 * A line of a cell is made in a small array and then copied to the screen in whole words, as often as
 * the scale says: memory mapped write-combining likes long runs of words, and is never read.
 */
#include "kernel/console/fb.h"

#include "boot/boot_info.h"
#include "kernel/console/font.h"
#include "kernel/console/screen.h"
#include "kernel/core/string.h"

#define SCALE_MAX   4
#define PIXEL_MAX   4
#define COMFORTABLE 1280 /* this many pixels across, or a part of them, are one scale */

/* A pitch need not be a multiple of four. */
typedef uint32_t word __attribute__((aligned(1), may_alias));

uint64_t fb_size(const struct boot_framebuffer *info)
{
	return (uint64_t)info->pitch * info->height;
}

/* The bits of an 8-bit intensity, where the format wants them. */
static uint32_t channel(uint8_t value, uint8_t pos, uint8_t size)
{
	uint32_t v = size >= 8 ? (uint32_t)value << (size - 8) : (uint32_t)value >> (8 - size);

	return v << pos;
}

static bool channel_fits(const struct boot_framebuffer *info, uint8_t pos, uint8_t size)
{
	return size > 0 && size <= 16 && pos + size <= info->bpp;
}

bool fb_setup(struct fb *fb, const struct boot_framebuffer *info, void *video)
{
	if (info->bpp != 16 && info->bpp != 24 && info->bpp != 32)
		return false;
	if (!channel_fits(info, info->red_pos, info->red_size) ||
		!channel_fits(info, info->green_pos, info->green_size) ||
		!channel_fits(info, info->blue_pos, info->blue_size))
		return false;
	if ((uint64_t)info->width * (info->bpp / 8) > info->pitch)
		return false;
	fb->video = video;
	fb->pitch = info->pitch;
	fb->width = info->width;
	fb->height = info->height;
	fb->bytes = info->bpp / 8;
	fb->scale = MIN(MAX(info->width / COMFORTABLE, 1u), (unsigned)SCALE_MAX);
	fb->cols = MIN(info->width / (FONT_WIDTH * fb->scale), VT_MAX_COLS);
	fb->rows = MIN(info->height / (FONT_HEIGHT * fb->scale), VT_MAX_ROWS);
	for (unsigned i = 0; i < ARRAY_SIZE(fb->colours); i++)
		fb->colours[i] = channel(vt_palette[i][0], info->red_pos, info->red_size) |
				 channel(vt_palette[i][1], info->green_pos, info->green_size) |
				 channel(vt_palette[i][2], info->blue_pos, info->blue_size);
	return fb->cols >= 2 && fb->rows >= 2;
}

/* Eight pixels, each `scale` times, to `out`; `bits` has the leftmost highest. */
static void expand_row(const struct fb *fb, uint8_t bits, const uint32_t colour[2], uint8_t *out)
{
	for (unsigned x = 0; x < FONT_WIDTH; x++) {
		uint32_t pixel = colour[bits >> (FONT_WIDTH - 1 - x) & 1];

		for (unsigned i = 0; i < fb->scale; i++, out += fb->bytes) {
			if (fb->bytes == 4) {
				*(word *)out = pixel;
			} else if (fb->bytes == 2) {
				*(uint16_t *)out = (uint16_t)pixel;
			} else {
				out[0] = (uint8_t)pixel;
				out[1] = (uint8_t)(pixel >> 8);
				out[2] = (uint8_t)(pixel >> 16);
			}
		}
	}
}

static void draw_cell(const struct fb *fb, unsigned row, unsigned col, const struct vt_cell *cell)
{
	uint32_t line[FONT_WIDTH * SCALE_MAX * PIXEL_MAX / sizeof(uint32_t)];
	const uint8_t *shape = font_glyph(cell->ch);
	bool cursor = cell->mark & CELL_CURSOR;
	const uint32_t colour[2] = { fb->colours[cursor ? cell->attr & 0xf : cell->attr >> 4],
		fb->colours[cursor ? cell->attr >> 4 : cell->attr & 0xf] };
	size_t width = (size_t)FONT_WIDTH * fb->scale * fb->bytes; /* a multiple of four */
	uint8_t *p = fb->video + (size_t)row * FONT_HEIGHT * fb->scale * fb->pitch + col * width;

	for (unsigned y = 0; y < FONT_HEIGHT; y++) {
		expand_row(fb, shape[y], colour, (uint8_t *)line);
		for (unsigned i = 0; i < fb->scale; i++, p += fb->pitch)
			for (size_t w = 0; w < width / sizeof(*line); w++)
				((word *)p)[w] = line[w];
	}
}

void fb_draw(
	const struct fb *fb, unsigned row, unsigned col, const struct vt_cell *cells, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		draw_cell(fb, row, col + i, &cells[i]);
}

void fb_clear(const struct fb *fb)
{
	for (unsigned y = 0; y < fb->height; y++)
		memset(fb->video + y * fb->pitch, 0, (size_t)fb->width * fb->bytes);
}
