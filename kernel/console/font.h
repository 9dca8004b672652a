/* SPDX-License-Identifier: BSD-2-Clause
 * The built-in bitmap font, for screens that have no character generator.
 */
#ifndef KERNEL_CONSOLE_FONT_H
#define KERNEL_CONSOLE_FONT_H

#include "kernel/core/types.h"

#define FONT_WIDTH  8
#define FONT_HEIGHT 16

/* The shape of a character (Unicode), a byte a row from the top, the highest bit at the left;
 * U+FFFD's for what the font has not. */
const uint8_t *font_glyph(uint16_t ch);

#endif
