/* SPDX-License-Identifier: BSD-2-Clause
 * VGA text mode as a display (IBM VGA technical reference): 80 x 25 cells of glyph and attribute at
 * 0xb8000; glyphs are those of code page 437, the cursor is the controller's.
 *
 * Callers are serialised (kernel/console/screen.h); no lock.
 */
#include "arch/x86/console.h"

#include "arch/x86/cpu.h"
#include "boot/boot_info.h"
#include "kernel/console/screen.h"
#include "mm/pmap.h"

#define COLS     80
#define ROWS     25
#define VGA_TEXT 0xb8000u

#define CRTC_INDEX        0x3d4
#define CRTC_DATA         0x3d5
#define CRTC_CURSOR_START 0x0a
#define CRTC_START_HIGH   0x0c
#define CRTC_START_LOW    0x0d
#define CRTC_CURSOR_HIGH  0x0e
#define CRTC_CURSOR_LOW   0x0f
#define CURSOR_OFF        0x20
#define CURSOR_TOP_LINE   0x0d

#define ATC_INDEX      0x3c0 /* index and data by turns */
#define ATC_READ       0x3c1
#define INPUT_STATUS   0x3da /* reading it makes the index the next */
#define ATC_MODE       0x10
#define ATC_MODE_BLINK 0x08
#define ATC_VIDEO_ON   0x20

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

/* The attribute's highest bit shall be a bright background, not blinking. */
static void blink_off(void)
{
	uint8_t mode;

	inb(INPUT_STATUS);
	outb(ATC_INDEX, ATC_MODE | ATC_VIDEO_ON);
	mode = inb(ATC_READ);
	outb(ATC_INDEX, mode & (uint8_t)~ATC_MODE_BLINK);
	inb(INPUT_STATUS);
}

static void vga_draw(unsigned row, unsigned col, const struct vt_cell *cells, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		video[row * COLS + col + i] =
			(uint16_t)(cells[i].attr << 8 | unicode_to_cp437(cells[i].ch));
}

static void vga_cursor(unsigned row, unsigned col, bool visible)
{
	unsigned at = row * COLS + col;

	crtc_write(CRTC_CURSOR_START, visible ? CURSOR_TOP_LINE : CURSOR_OFF);
	crtc_write(CRTC_CURSOR_HIGH, (uint8_t)(at >> 8));
	crtc_write(CRTC_CURSOR_LOW, (uint8_t)at);
}

static const struct display vga = {
	.name = "VGA text",
	.cols = COLS,
	.rows = ROWS,
	.draw = vga_draw,
	.cursor = vga_cursor,
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

void vga_early_init(void)
{
	if (boot_info.fb.addr != 0 || !vga_there())
		return;
	video = phys_to_virt(VGA_TEXT);
	crtc_write(CRTC_START_HIGH, 0);
	crtc_write(CRTC_START_LOW, 0);
	blink_off();
	screen_attach(&vga);
}
