/* SPDX-License-Identifier: BSD-2-Clause
 * Cells drawn as pixels in a linear framebuffer. Pure code over memory that is only written: a host
 * test runs it over an array.
 */
#ifndef KERNEL_CONSOLE_FB_H
#define KERNEL_CONSOLE_FB_H

#include "kernel/console/vt.h"

struct boot_framebuffer;

struct fb {
	uint8_t *video;
	size_t pitch; /* bytes from one line to the next */
	unsigned width, height;
	unsigned bytes; /* of a pixel: 2, 3, 4 */
	unsigned scale; /* pixels of a screen with very many are drawn as squares of this size */
	unsigned cols, rows;
	uint32_t colours[16];
};

/* Fills in *fb for what the boot loader describes, mapped at `video`. False: a format we cannot draw,
 * or too small for a few letters. */
bool fb_setup(struct fb *fb, const struct boot_framebuffer *info, void *video);
/* How many bytes it takes. */
uint64_t fb_size(const struct boot_framebuffer *info);
/* All black. */
void fb_clear(const struct fb *fb);
/* Draws cells from (row, col) on; CELL_CURSOR swaps their colours. */
void fb_draw(
	const struct fb *fb, unsigned row, unsigned col, const struct vt_cell *cells, unsigned n);

#endif
