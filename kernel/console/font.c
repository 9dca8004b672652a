/* SPDX-License-Identifier: BSD-2-Clause
 * The font of the linear framebuffer: 8 by 16 pixels, sorted by character. It holds ASCII, Latin-1,
 * all of code page 437, box drawing, and some typography.
 *
 * Where the shapes come from: most are Spleen's (https://github.com/fcambus/spleen, version 1.9.1),
 * Copyright (c) 2018-2020, Frederic Cambus, under the BSD 2-clause licence whose text is in LICENSE.
 * Those marked * were not in it; they are 8x13 of the X Window System's misc-fixed fonts, which are in
 * the public domain, moved to this height.
 */
#include "kernel/console/font.h"

struct glyph {
	uint16_t ch;
	uint8_t rows[FONT_HEIGHT];
};

#define BYTES(u)                                                                                \
	(uint8_t)((u) >> 56), (uint8_t)((u) >> 48), (uint8_t)((u) >> 40), (uint8_t)((u) >> 32), \
		(uint8_t)((u) >> 24), (uint8_t)((u) >> 16), (uint8_t)((u) >> 8), (uint8_t)(u)
/* Two hexadecimal digits a row, from the top; the highest bit is at the left. */
#define GLYPH(ch, upper, lower)                              \
	{                                                    \
		ch,                                          \
		{                                            \
			BYTES(upper##ull), BYTES(lower##ull) \
		}                                            \
	}

/* clang-format off */
static const struct glyph glyphs[] = {
	GLYPH(0x0020, 0x0000000000000000, 0x0000000000000000), /* space */
	GLYPH(0x0021, 0x0000181818181818, 0x1800181800000000), /* exclamation mark */
	GLYPH(0x0022, 0x0066666666000000, 0x0000000000000000), /* quotation mark */
	GLYPH(0x0023, 0x00006c6cfe6c6c6c, 0x6cfe6c6c00000000), /* number sign */
	GLYPH(0x0024, 0x00107ed0d0d07c16, 0x161616fc10000000), /* dollar sign */
	GLYPH(0x0025, 0x000006666c0c1818, 0x3036666000000000), /* percent sign */
	GLYPH(0x0026, 0x0000386c6c6c3870, 0xdacccc7a00000000), /* ampersand */
	GLYPH(0x0027, 0x0018181818000000, 0x0000000000000000), /* apostrophe */
	GLYPH(0x0028, 0x000e183030606060, 0x603030180e000000), /* left parenthesis */
	GLYPH(0x0029, 0x0070180c0c060606, 0x060c0c1870000000), /* right parenthesis */
	GLYPH(0x002a, 0x00000000663c18ff, 0x183c660000000000), /* asterisk */
	GLYPH(0x002b, 0x000000000018187e, 0x1818000000000000), /* plus sign */
	GLYPH(0x002c, 0x0000000000000000, 0x0000181830000000), /* comma */
	GLYPH(0x002d, 0x000000000000007e, 0x0000000000000000), /* hyphen-minus */
	GLYPH(0x002e, 0x0000000000000000, 0x0000181800000000), /* full stop */
	GLYPH(0x002f, 0x0006060c0c181830, 0x306060c0c0000000), /* solidus */
	GLYPH(0x0030, 0x00007cc6c6cedef6, 0xe6c6c67c00000000), /* digit zero */
	GLYPH(0x0031, 0x0000183878581818, 0x1818187e00000000), /* digit one */
	GLYPH(0x0032, 0x00007cc606060c18, 0x3060c6fe00000000), /* digit two */
	GLYPH(0x0033, 0x00007cc606063c06, 0x0606c67c00000000), /* digit three */
	GLYPH(0x0034, 0x0000c0c0cccccccc, 0xfe0c0c0c00000000), /* digit four */
	GLYPH(0x0035, 0x0000fec6c0c0fc06, 0x0606c67c00000000), /* digit five */
	GLYPH(0x0036, 0x00007cc6c0c0fcc6, 0xc6c6c67c00000000), /* digit six */
	GLYPH(0x0037, 0x0000fec606060c18, 0x3030303000000000), /* digit seven */
	GLYPH(0x0038, 0x00007cc6c6c67cc6, 0xc6c6c67c00000000), /* digit eight */
	GLYPH(0x0039, 0x00007cc6c6c6c67e, 0x0606c67c00000000), /* digit nine */
	GLYPH(0x003a, 0x0000000000181800, 0x0000181800000000), /* colon */
	GLYPH(0x003b, 0x0000000000181800, 0x0000181830000000), /* semicolon */
	GLYPH(0x003c, 0x0000060c18306060, 0x30180c0600000000), /* less-than sign */
	GLYPH(0x003d, 0x00000000007e0000, 0x7e00000000000000), /* equals sign */
	GLYPH(0x003e, 0x00006030180c0606, 0x0c18306000000000), /* greater-than sign */
	GLYPH(0x003f, 0x00007cc6060c1830, 0x3000303000000000), /* question mark */
	GLYPH(0x0040, 0x0000007cc2dadada, 0xdadec07c00000000), /* commercial at */
	GLYPH(0x0041, 0x00007cc6c6c6fec6, 0xc6c6c6c600000000), /* latin capital letter a */
	GLYPH(0x0042, 0x0000fcc6c6c6fcc6, 0xc6c6c6fc00000000), /* latin capital letter b */
	GLYPH(0x0043, 0x00007ec0c0c0c0c0, 0xc0c0c07e00000000), /* latin capital letter c */
	GLYPH(0x0044, 0x0000fcc6c6c6c6c6, 0xc6c6c6fc00000000), /* latin capital letter d */
	GLYPH(0x0045, 0x00007ec0c0c0f8c0, 0xc0c0c07e00000000), /* latin capital letter e */
	GLYPH(0x0046, 0x00007ec0c0c0f8c0, 0xc0c0c0c000000000), /* latin capital letter f */
	GLYPH(0x0047, 0x00007ec0c0c0dec6, 0xc6c6c67e00000000), /* latin capital letter g */
	GLYPH(0x0048, 0x0000c6c6c6c6fec6, 0xc6c6c6c600000000), /* latin capital letter h */
	GLYPH(0x0049, 0x00007e1818181818, 0x1818187e00000000), /* latin capital letter i */
	GLYPH(0x004a, 0x00007e1818181818, 0x181818f000000000), /* latin capital letter j */
	GLYPH(0x004b, 0x0000c6c6c6ccf8cc, 0xc6c6c6c600000000), /* latin capital letter k */
	GLYPH(0x004c, 0x0000c0c0c0c0c0c0, 0xc0c0c07e00000000), /* latin capital letter l */
	GLYPH(0x004d, 0x0000c6eefed6c6c6, 0xc6c6c6c600000000), /* latin capital letter m */
	GLYPH(0x004e, 0x0000c6c6e6e6d6d6, 0xcecec6c600000000), /* latin capital letter n */
	GLYPH(0x004f, 0x00007cc6c6c6c6c6, 0xc6c6c67c00000000), /* latin capital letter o */
	GLYPH(0x0050, 0x0000fcc6c6c6fcc0, 0xc0c0c0c000000000), /* latin capital letter p */
	GLYPH(0x0051, 0x00007cc6c6c6c6c6, 0xc6d6d67c180c0000), /* latin capital letter q */
	GLYPH(0x0052, 0x0000fcc6c6c6fcc6, 0xc6c6c6c600000000), /* latin capital letter r */
	GLYPH(0x0053, 0x00007ec0c0c07c06, 0x060606fc00000000), /* latin capital letter s */
	GLYPH(0x0054, 0x0000ff1818181818, 0x1818181800000000), /* latin capital letter t */
	GLYPH(0x0055, 0x0000c6c6c6c6c6c6, 0xc6c6c67e00000000), /* latin capital letter u */
	GLYPH(0x0056, 0x0000c6c6c6c6c6c6, 0xc66c381000000000), /* latin capital letter v */
	GLYPH(0x0057, 0x0000c6c6c6c6c6c6, 0xd6feeec600000000), /* latin capital letter w */
	GLYPH(0x0058, 0x0000c6c6c66c386c, 0xc6c6c6c600000000), /* latin capital letter x */
	GLYPH(0x0059, 0x0000c6c6c6c67e06, 0x060606fc00000000), /* latin capital letter y */
	GLYPH(0x005a, 0x0000fe06060c1830, 0x60c0c0fe00000000), /* latin capital letter z */
	GLYPH(0x005b, 0x003e303030303030, 0x303030303e000000), /* left square bracket */
	GLYPH(0x005c, 0x00c0c06060303018, 0x180c0c0606000000), /* reverse solidus */
	GLYPH(0x005d, 0x007c0c0c0c0c0c0c, 0x0c0c0c0c7c000000), /* right square bracket */
	GLYPH(0x005e, 0x0010386cc6000000, 0x0000000000000000), /* circumflex accent */
	GLYPH(0x005f, 0x0000000000000000, 0x000000000000fe00), /* low line */
	GLYPH(0x0060, 0x0030180c00000000, 0x0000000000000000), /* grave accent */
	GLYPH(0x0061, 0x00000000007c067e, 0xc6c6c67e00000000), /* latin small letter a */
	GLYPH(0x0062, 0x0000c0c0c0fcc6c6, 0xc6c6c6fc00000000), /* latin small letter b */
	GLYPH(0x0063, 0x00000000007ec0c0, 0xc0c0c07e00000000), /* latin small letter c */
	GLYPH(0x0064, 0x00000606067ec6c6, 0xc6c6c67e00000000), /* latin small letter d */
	GLYPH(0x0065, 0x00000000007ec6c6, 0xfec0c07e00000000), /* latin small letter e */
	GLYPH(0x0066, 0x00001e3030307c30, 0x3030303000000000), /* latin small letter f */
	GLYPH(0x0067, 0x00000000007ec6c6, 0xc6c6c67c0606fc00), /* latin small letter g */
	GLYPH(0x0068, 0x0000c0c0c0fcc6c6, 0xc6c6c6c600000000), /* latin small letter h */
	GLYPH(0x0069, 0x0000181800381818, 0x1818181c00000000), /* latin small letter i */
	GLYPH(0x006a, 0x0000181800181818, 0x1818181818187000), /* latin small letter j */
	GLYPH(0x006b, 0x0000c0c0c0ccd8f0, 0xf0d8ccc600000000), /* latin small letter k */
	GLYPH(0x006c, 0x0000303030303030, 0x3030301c00000000), /* latin small letter l */
	GLYPH(0x006d, 0x0000000000ecd6d6, 0xd6d6c6c600000000), /* latin small letter m */
	GLYPH(0x006e, 0x0000000000fcc6c6, 0xc6c6c6c600000000), /* latin small letter n */
	GLYPH(0x006f, 0x00000000007cc6c6, 0xc6c6c67c00000000), /* latin small letter o */
	GLYPH(0x0070, 0x0000000000fcc6c6, 0xc6c6c6fcc0c0c000), /* latin small letter p */
	GLYPH(0x0071, 0x00000000007ec6c6, 0xc6c6c67e06060600), /* latin small letter q */
	GLYPH(0x0072, 0x00000000007ec6c0, 0xc0c0c0c000000000), /* latin small letter r */
	GLYPH(0x0073, 0x00000000007ec0c0, 0x7c0606fc00000000), /* latin small letter s */
	GLYPH(0x0074, 0x00003030307c3030, 0x3030301e00000000), /* latin small letter t */
	GLYPH(0x0075, 0x0000000000c6c6c6, 0xc6c6c67e00000000), /* latin small letter u */
	GLYPH(0x0076, 0x0000000000c6c6c6, 0xc66c381000000000), /* latin small letter v */
	GLYPH(0x0077, 0x0000000000c6c6d6, 0xd6d6d66e00000000), /* latin small letter w */
	GLYPH(0x0078, 0x0000000000c66c38, 0x386cc6c600000000), /* latin small letter x */
	GLYPH(0x0079, 0x0000000000c6c6c6, 0xc6c6c67e0606fc00), /* latin small letter y */
	GLYPH(0x007a, 0x0000000000fe060c, 0x183060fe00000000), /* latin small letter z */
	GLYPH(0x007b, 0x000e181818187070, 0x181818180e000000), /* left curly bracket */
	GLYPH(0x007c, 0x0018181818181818, 0x1818181818000000), /* vertical line */
	GLYPH(0x007d, 0x0070181818180e0e, 0x1818181870000000), /* right curly bracket */
	GLYPH(0x007e, 0x000000000000327e, 0x4c00000000000000), /* tilde */
	GLYPH(0x00a0, 0x0000000000000000, 0x0000000000000000), /* no-break space */
	GLYPH(0x00a1, 0x0000181800181818, 0x1818181800000000), /* inverted exclamation mark */
	GLYPH(0x00a2, 0x00000000087ec8c8, 0xc8c8c87e08000000), /* cent sign */
	GLYPH(0x00a3, 0x0000386c606060f8, 0x6060c0fe00000000), /* pound sign */
	GLYPH(0x00a4, 0x0000000000663c66, 0x66663c6600000000), /* currency sign */
	GLYPH(0x00a5, 0x0000c3c3663c183c, 0x183c181800000000), /* yen sign */
	GLYPH(0x00a6, 0x0000181818181800, 0x0018181818180000), /* broken bar */
	GLYPH(0x00a7, 0x003c6660303c6666, 0x66663c0c06663c00), /* section sign */
	GLYPH(0x00a8, 0x00006c6c00000000, 0x0000000000000000), /* diaeresis */
	GLYPH(0x00a9, 0x0000007c829aa2a2, 0xa29a827c00000000), /* copyright sign */
	GLYPH(0x00aa, 0x00380c3c4c3c007c, 0x0000000000000000), /* feminine ordinal indicator */
	GLYPH(0x00ab, 0x0000000000003366, 0xcc66330000000000), /* left-pointing double angle quotation mark */
	GLYPH(0x00ac, 0x000000000000fe06, 0x0606000000000000), /* not sign */
	GLYPH(0x00ad, 0x000000000000007e, 0x0000000000000000), /* soft hyphen */
	GLYPH(0x00ae, 0x0000007c82baaab2, 0xaaaa827c00000000), /* registered sign */
	GLYPH(0x00af, 0x007c000000000000, 0x0000000000000000), /* macron */
	GLYPH(0x00b0, 0x00386c6c38000000, 0x0000000000000000), /* degree sign */
	GLYPH(0x00b1, 0x000000000018187e, 0x1818007e00000000), /* plus-minus sign */
	GLYPH(0x00b2, 0x00384c0c38607c00, 0x0000000000000000), /* superscript two */
	GLYPH(0x00b3, 0x001c260c06261c00, 0x0000000000000000), /* superscript three */
	GLYPH(0x00b4, 0x000c183000000000, 0x0000000000000000), /* acute accent */
	GLYPH(0x00b5, 0x0000000000cccccc, 0xccccccf6c0c0c000), /* micro sign */
	GLYPH(0x00b6, 0x00007ed6d6d67616, 0x1616161600000000), /* pilcrow sign */
	GLYPH(0x00b7, 0x0000000000000018, 0x1800000000000000), /* middle dot */
	GLYPH(0x00b8, 0x0000000000000000, 0x0000000018183000), /* cedilla */
	GLYPH(0x00b9, 0x0018381818183c00, 0x0000000000000000), /* superscript one */
	GLYPH(0x00ba, 0x00386c6c3800007c, 0x0000000000000000), /* masculine ordinal indicator */
	GLYPH(0x00bb, 0x000000000000cc66, 0x3366cc0000000000), /* right-pointing double angle quotation mark */
	GLYPH(0x00bc, 0x0040c0404246ec18, 0x3070d4941e040400), /* vulgar fraction one quarter */
	GLYPH(0x00bd, 0x0040c0404246ec18, 0x306cd2820c101e00), /* vulgar fraction one half */
	GLYPH(0x00be, 0x0060902012966c18, 0x3070d4941e040400), /* vulgar fraction three quarters */
	GLYPH(0x00bf, 0x0000181800181830, 0x60c0c67c00000000), /* inverted question mark */
	GLYPH(0x00c0, 0x3018007cc6c6c6fe, 0xc6c6c6c600000000), /* latin capital letter a with grave */
	GLYPH(0x00c1, 0x1830007cc6c6c6fe, 0xc6c6c6c600000000), /* latin capital letter a with acute */
	GLYPH(0x00c2, 0x386c007cc6c6c6fe, 0xc6c6c6c600000000), /* latin capital letter a with circumflex */
	GLYPH(0x00c3, 0x324c007cc6c6c6fe, 0xc6c6c6c600000000), /* latin capital letter a with tilde */
	GLYPH(0x00c4, 0x6c6c007cc6c6c6fe, 0xc6c6c6c600000000), /* latin capital letter a with diaeresis */
	GLYPH(0x00c5, 0x386c387cc6c6c6fe, 0xc6c6c6c600000000), /* latin capital letter a with ring above */
	GLYPH(0x00c6, 0x00007ed8d8d8fed8, 0xd8d8d8de00000000), /* latin capital letter ae */
	GLYPH(0x00c7, 0x00007ec0c0c0c0c0, 0xc0c0c07e18183000), /* latin capital letter c with cedilla */
	GLYPH(0x00c8, 0x3018007ec0c0c0f8, 0xc0c0c07e00000000), /* latin capital letter e with grave */
	GLYPH(0x00c9, 0x1830007ec0c0c0f8, 0xc0c0c07e00000000), /* latin capital letter e with acute */
	GLYPH(0x00ca, 0x386c007ec0c0c0f8, 0xc0c0c07e00000000), /* latin capital letter e with circumflex */
	GLYPH(0x00cb, 0x6c6c007ec0c0c0f8, 0xc0c0c07e00000000), /* latin capital letter e with diaeresis */
	GLYPH(0x00cc, 0x3018007e18181818, 0x1818187e00000000), /* latin capital letter i with grave */
	GLYPH(0x00cd, 0x0c18007e18181818, 0x1818187e00000000), /* latin capital letter i with acute */
	GLYPH(0x00ce, 0x386c007e18181818, 0x1818187e00000000), /* latin capital letter i with circumflex */
	GLYPH(0x00cf, 0x6666007e18181818, 0x1818187e00000000), /* latin capital letter i with diaeresis */
	GLYPH(0x00d0, 0x00007c666666f666, 0x6666667c00000000), /* latin capital letter eth */
	GLYPH(0x00d1, 0x324c00c6e6e6d6d6, 0xcecec6c600000000), /* latin capital letter n with tilde */
	GLYPH(0x00d2, 0x3018007cc6c6c6c6, 0xc6c6c67c00000000), /* latin capital letter o with grave */
	GLYPH(0x00d3, 0x1830007cc6c6c6c6, 0xc6c6c67c00000000), /* latin capital letter o with acute */
	GLYPH(0x00d4, 0x386c007cc6c6c6c6, 0xc6c6c67c00000000), /* latin capital letter o with circumflex */
	GLYPH(0x00d5, 0x324c007cc6c6c6c6, 0xc6c6c67c00000000), /* latin capital letter o with tilde */
	GLYPH(0x00d6, 0x6c6c007cc6c6c6c6, 0xc6c6c67c00000000), /* latin capital letter o with diaeresis */
	GLYPH(0x00d7, 0x0000000000c66c38, 0x386cc60000000000), /* multiplication sign */
	GLYPH(0x00d8, 0x00027cc6ceced6d6, 0xe6e6c67c80000000), /* latin capital letter o with stroke */
	GLYPH(0x00d9, 0x301800c6c6c6c6c6, 0xc6c6c67e00000000), /* latin capital letter u with grave */
	GLYPH(0x00da, 0x183000c6c6c6c6c6, 0xc6c6c67e00000000), /* latin capital letter u with acute */
	GLYPH(0x00db, 0x386c00c6c6c6c6c6, 0xc6c6c67e00000000), /* latin capital letter u with circumflex */
	GLYPH(0x00dc, 0x6c6c00c6c6c6c6c6, 0xc6c6c67e00000000), /* latin capital letter u with diaeresis */
	GLYPH(0x00dd, 0x183000c6c6c6c67e, 0x060606fc00000000), /* latin capital letter y with acute */
	GLYPH(0x00de, 0x000000c0c0fcc6c6, 0xc6c6c6fcc0c00000), /* latin capital letter thorn */
	GLYPH(0x00df, 0x000078ccccccd8cc, 0xc6c6d6dc00000000), /* latin small letter sharp s */
	GLYPH(0x00e0, 0x00603018007c067e, 0xc6c6c67e00000000), /* latin small letter a with grave */
	GLYPH(0x00e1, 0x000c1830007c067e, 0xc6c6c67e00000000), /* latin small letter a with acute */
	GLYPH(0x00e2, 0x0010386c007c067e, 0xc6c6c67e00000000), /* latin small letter a with circumflex */
	GLYPH(0x00e3, 0x00327e4c007c067e, 0xc6c6c67e00000000), /* latin small letter a with tilde */
	GLYPH(0x00e4, 0x00006c6c007c067e, 0xc6c6c67e00000000), /* latin small letter a with diaeresis */
	GLYPH(0x00e5, 0x00386c38007c067e, 0xc6c6c67e00000000), /* latin small letter a with ring above */
	GLYPH(0x00e6, 0x00000000006e1616, 0x7ed0d06e00000000), /* latin small letter ae */
	GLYPH(0x00e7, 0x00000000007ec0c0, 0xc0c0c07e18183000), /* latin small letter c with cedilla */
	GLYPH(0x00e8, 0x00603018007ec6c6, 0xfec0c07e00000000), /* latin small letter e with grave */
	GLYPH(0x00e9, 0x000c1830007ec6c6, 0xfec0c07e00000000), /* latin small letter e with acute */
	GLYPH(0x00ea, 0x0010386c007ec6c6, 0xfec0c07e00000000), /* latin small letter e with circumflex */
	GLYPH(0x00eb, 0x00006c6c007ec6c6, 0xfec0c07e00000000), /* latin small letter e with diaeresis */
	GLYPH(0x00ec, 0x0030180c00381818, 0x1818181c00000000), /* latin small letter i with grave */
	GLYPH(0x00ed, 0x000c183000381818, 0x1818181c00000000), /* latin small letter i with acute */
	GLYPH(0x00ee, 0x00183c6600381818, 0x1818181c00000000), /* latin small letter i with circumflex */
	GLYPH(0x00ef, 0x0000666600381818, 0x1818181c00000000), /* latin small letter i with diaeresis */
	GLYPH(0x00f0, 0x00d870d80c7cc6c6, 0xc6c6c67c00000000), /* latin small letter eth */
	GLYPH(0x00f1, 0x00327e4c00fcc6c6, 0xc6c6c6c600000000), /* latin small letter n with tilde */
	GLYPH(0x00f2, 0x00603018007cc6c6, 0xc6c6c67c00000000), /* latin small letter o with grave */
	GLYPH(0x00f3, 0x000c1830007cc6c6, 0xc6c6c67c00000000), /* latin small letter o with acute */
	GLYPH(0x00f4, 0x0010386c007cc6c6, 0xc6c6c67c00000000), /* latin small letter o with circumflex */
	GLYPH(0x00f5, 0x00327e4c007cc6c6, 0xc6c6c67c00000000), /* latin small letter o with tilde */
	GLYPH(0x00f6, 0x00006c6c007cc6c6, 0xc6c6c67c00000000), /* latin small letter o with diaeresis */
	GLYPH(0x00f7, 0x000000001818007e, 0x0018180000000000), /* division sign */
	GLYPH(0x00f8, 0x00000000027cc6ce, 0xd6e6c67c80000000), /* latin small letter o with stroke */
	GLYPH(0x00f9, 0x0060301800c6c6c6, 0xc6c6c67e00000000), /* latin small letter u with grave */
	GLYPH(0x00fa, 0x000c183000c6c6c6, 0xc6c6c67e00000000), /* latin small letter u with acute */
	GLYPH(0x00fb, 0x0010386c00c6c6c6, 0xc6c6c67e00000000), /* latin small letter u with circumflex */
	GLYPH(0x00fc, 0x00006c6c00c6c6c6, 0xc6c6c67e00000000), /* latin small letter u with diaeresis */
	GLYPH(0x00fd, 0x000c183000c6c6c6, 0xc6c6c67e0606fc00), /* latin small letter y with acute */
	GLYPH(0x00fe, 0x0000c0c0c0fcc6c6, 0xc6c6c6fcc0c0c000), /* latin small letter thorn */
	GLYPH(0x00ff, 0x00006c6c00c6c6c6, 0xc6c6c67e0606fc00), /* latin small letter y with diaeresis */
	GLYPH(0x0152, 0x00007ed8d8d8ded8, 0xd8d8d87e00000000), /* latin capital ligature oe */
	GLYPH(0x0153, 0x00000000006ed6d6, 0xded0d06e00000000), /* latin small ligature oe */
	GLYPH(0x0160, 0x6c38107ec0c0c07c, 0x060606fc00000000), /* latin capital letter s with caron */
	GLYPH(0x0161, 0x006c3810007ec0c0, 0x7c0606fc00000000), /* latin small letter s with caron */
	GLYPH(0x0178, 0x6c6c00c6c6c6c67e, 0x060606fc00000000), /* latin capital letter y with diaeresis */
	GLYPH(0x017d, 0x6c3810fe060c1830, 0x60c0c0fe00000000), /* latin capital letter z with caron */
	GLYPH(0x017e, 0x006c381000fe060c, 0x183060fe00000000), /* latin small letter z with caron */
	GLYPH(0x0192, 0x0000000c1210103c, 0x1010101090600000), /** latin small letter f with hook */
	GLYPH(0x0393, 0x0000007e40404040, 0x4040404000000000), /** greek capital letter gamma */
	GLYPH(0x0398, 0x0000003c4242427e, 0x4242423c00000000), /** greek capital letter theta */
	GLYPH(0x03a3, 0x0000007e40201008, 0x1020407e00000000), /** greek capital letter sigma */
	GLYPH(0x03a6, 0x000000107c929292, 0x92927c1000000000), /** greek capital letter phi */
	GLYPH(0x03a9, 0x0000007c82828282, 0x826c28ee00000000), /** greek capital letter omega */
	GLYPH(0x03b1, 0x0000000000003a46, 0x42464a3200000000), /** greek small letter alpha */
	GLYPH(0x03b4, 0x0000003c42203c42, 0x4242423c00000000), /** greek small letter delta */
	GLYPH(0x03b5, 0x0000000000003c42, 0x3840423c00000000), /** greek small letter epsilon */
	GLYPH(0x03c0, 0x000000000000fe44, 0x4444444400000000), /** greek small letter pi */
	GLYPH(0x03c3, 0x0000000000003e48, 0x4442423c00000000), /** greek small letter sigma */
	GLYPH(0x03c4, 0x0000000000007e10, 0x1010120c00000000), /** greek small letter tau */
	GLYPH(0x03c6, 0x0000000000004c92, 0x9292927c10100000), /** greek small letter phi */
	GLYPH(0x2010, 0x000000000000007e, 0x0000000000000000), /* hyphen */
	GLYPH(0x2013, 0x000000000000007e, 0x0000000000000000), /* en dash */
	GLYPH(0x2014, 0x00000000000000ff, 0x0000000000000000), /** em dash */
	GLYPH(0x2018, 0x0018181818000000, 0x0000000000000000), /* left single quotation mark */
	GLYPH(0x2019, 0x0018181818000000, 0x0000000000000000), /* right single quotation mark */
	GLYPH(0x201c, 0x0066666666000000, 0x0000000000000000), /* left double quotation mark */
	GLYPH(0x201d, 0x0066666666000000, 0x0000000000000000), /* right double quotation mark */
	GLYPH(0x201e, 0x0000000000000000, 0x00006c2448000000), /** double low-9 quotation mark */
	GLYPH(0x2022, 0x000000000000183c, 0x3c18000000000000), /* bullet */
	GLYPH(0x2026, 0x0000000000000000, 0x0000dbdb00000000), /* horizontal ellipsis */
	GLYPH(0x203c, 0x0000666666666666, 0x6600666600000000), /* double exclamation mark */
	GLYPH(0x207f, 0x0000000038242424, 0x0000000000000000), /** superscript latin small letter n */
	GLYPH(0x20a7, 0x0000007c42ff427c, 0x4040404000000000), /** peseta sign */
	GLYPH(0x20ac, 0x0000001c3660f860, 0xf860361c00000000), /* euro sign */
	GLYPH(0x2190, 0x00000000002040fe, 0x4020000000000000), /** leftwards arrow */
	GLYPH(0x2191, 0x0000001038541010, 0x1010101000000000), /** upwards arrow */
	GLYPH(0x2192, 0x000000000004027f, 0x0204000000000000), /** rightwards arrow */
	GLYPH(0x2193, 0x0000001010101010, 0x1054381000000000), /** downwards arrow */
	GLYPH(0x2194, 0x00000000002442ff, 0x4224000000000000), /** left right arrow */
	GLYPH(0x2195, 0x0000000010385410, 0x1054381000000000), /** up down arrow */
	GLYPH(0x21a8, 0x0000103854101010, 0x543810fe00000000), /** up down arrow with base */
	GLYPH(0x2212, 0x000000000000007e, 0x0000000000000000), /* minus sign */
	GLYPH(0x2219, 0x000000000000183c, 0x3c18000000000000), /** bullet operator */
	GLYPH(0x221a, 0x0000000202040408, 0x0890502000000000), /** square root */
	GLYPH(0x221e, 0x0000000000006c92, 0x926c000000000000), /** infinity */
	GLYPH(0x221f, 0x0000000000004040, 0x4040407e00000000), /** right angle */
	GLYPH(0x2229, 0x0000000000001824, 0x4242424200000000), /** intersection */
	GLYPH(0x2248, 0x0000000000324c00, 0x324c000000000000), /* almost equal to */
	GLYPH(0x2260, 0x0000000004047e08, 0x107e202000000000), /** not equal to */
	GLYPH(0x2261, 0x0000000000007e00, 0x7e007e0000000000), /** identical to */
	GLYPH(0x2264, 0x00000000000e30c0, 0x300e00fe00000000), /** less-than or equal to */
	GLYPH(0x2265, 0x0000000000e01806, 0x18e000fe00000000), /** greater-than or equal to */
	GLYPH(0x2302, 0x0000000000182442, 0x4242427e00000000), /** house */
	GLYPH(0x2310, 0x000000000000007e, 0x4040400000000000), /** reversed not sign */
	GLYPH(0x2320, 0x00000c1210101010, 0x1010101010101010), /** top half integral */
	GLYPH(0x2321, 0x1010101010101010, 0x1010109060000000), /** bottom half integral */
	GLYPH(0x23ba, 0x00ff000000000000, 0x0000000000000000), /** horizontal scan line-1 */
	GLYPH(0x23bb, 0x00000000ff000000, 0x0000000000000000), /** horizontal scan line-3 */
	GLYPH(0x23bc, 0x0000000000000000, 0x0000ff0000000000), /** horizontal scan line-7 */
	GLYPH(0x23bd, 0x0000000000000000, 0x0000000000ff0000), /** horizontal scan line-9 */
	GLYPH(0x2409, 0x000000a0a0e0a0ae, 0x0404040400000000), /** symbol for horizontal tabulation */
	GLYPH(0x240a, 0x00000080808080ee, 0x080c080800000000), /** symbol for line feed */
	GLYPH(0x240b, 0x000000888850502e, 0x0404040400000000), /** symbol for vertical tabulation */
	GLYPH(0x240c, 0x000000e080c0808e, 0x080c080800000000), /** symbol for form feed */
	GLYPH(0x240d, 0x000000608080806c, 0x0a0c0a0a00000000), /** symbol for carriage return */
	GLYPH(0x2424, 0x000000c0a0a0a0a8, 0x0808080e00000000), /** symbol for newline */
	GLYPH(0x2500, 0x00000000000000ff, 0x0000000000000000), /* box light horizontal */
	GLYPH(0x2501, 0x00000000000000ff, 0x0000000000000000), /* box heavy horizontal */
	GLYPH(0x2502, 0x1818181818181818, 0x1818181818181818), /* box light vertical */
	GLYPH(0x2503, 0x1818181818181818, 0x1818181818181818), /* box heavy vertical */
	GLYPH(0x2504, 0x00000000000000ff, 0x0000000000000000), /* box light triple dash horizontal */
	GLYPH(0x2505, 0x00000000000000ff, 0x0000000000000000), /* box heavy triple dash horizontal */
	GLYPH(0x2506, 0x1818181818181818, 0x1818181818181818), /* box light triple dash vertical */
	GLYPH(0x2507, 0x1818181818181818, 0x1818181818181818), /* box heavy triple dash vertical */
	GLYPH(0x2508, 0x00000000000000ff, 0x0000000000000000), /* box light quadruple dash horizontal */
	GLYPH(0x2509, 0x00000000000000ff, 0x0000000000000000), /* box heavy quadruple dash horizontal */
	GLYPH(0x250a, 0x1818181818181818, 0x1818181818181818), /* box light quadruple dash vertical */
	GLYPH(0x250b, 0x1818181818181818, 0x1818181818181818), /* box heavy quadruple dash vertical */
	GLYPH(0x250c, 0x000000000000001f, 0x1818181818181818), /* box light down and right */
	GLYPH(0x250d, 0x000000000000001f, 0x1818181818181818), /* box down light and right heavy */
	GLYPH(0x250e, 0x000000000000001f, 0x1818181818181818), /* box down heavy and right light */
	GLYPH(0x250f, 0x000000000000001f, 0x1818181818181818), /* box heavy down and right */
	GLYPH(0x2510, 0x00000000000000f8, 0x1818181818181818), /* box light down and left */
	GLYPH(0x2511, 0x00000000000000f8, 0x1818181818181818), /* box down light and left heavy */
	GLYPH(0x2512, 0x00000000000000f8, 0x1818181818181818), /* box down heavy and left light */
	GLYPH(0x2513, 0x00000000000000f8, 0x1818181818181818), /* box heavy down and left */
	GLYPH(0x2514, 0x181818181818181f, 0x0000000000000000), /* box light up and right */
	GLYPH(0x2515, 0x181818181818181f, 0x0000000000000000), /* box up light and right heavy */
	GLYPH(0x2516, 0x181818181818181f, 0x0000000000000000), /* box up heavy and right light */
	GLYPH(0x2517, 0x181818181818181f, 0x0000000000000000), /* box heavy up and right */
	GLYPH(0x2518, 0x18181818181818f8, 0x0000000000000000), /* box light up and left */
	GLYPH(0x2519, 0x18181818181818f8, 0x0000000000000000), /* box up light and left heavy */
	GLYPH(0x251a, 0x18181818181818f8, 0x0000000000000000), /* box up heavy and left light */
	GLYPH(0x251b, 0x18181818181818f8, 0x0000000000000000), /* box heavy up and left */
	GLYPH(0x251c, 0x181818181818181f, 0x1818181818181818), /* box light vertical and right */
	GLYPH(0x251d, 0x181818181818181f, 0x1818181818181818), /* box vertical light and right heavy */
	GLYPH(0x251e, 0x181818181818181f, 0x1818181818181818), /* box up heavy and right down light */
	GLYPH(0x251f, 0x181818181818181f, 0x1818181818181818), /* box down heavy and right up light */
	GLYPH(0x2520, 0x181818181818181f, 0x1818181818181818), /* box vertical heavy and right light */
	GLYPH(0x2521, 0x181818181818181f, 0x1818181818181818), /* box down light and right up heavy */
	GLYPH(0x2522, 0x181818181818181f, 0x1818181818181818), /* box up light and right down heavy */
	GLYPH(0x2523, 0x181818181818181f, 0x1818181818181818), /* box heavy vertical and right */
	GLYPH(0x2524, 0x18181818181818f8, 0x1818181818181818), /* box light vertical and left */
	GLYPH(0x2525, 0x18181818181818f8, 0x1818181818181818), /* box vertical light and left heavy */
	GLYPH(0x2526, 0x18181818181818f8, 0x1818181818181818), /* box up heavy and left down light */
	GLYPH(0x2527, 0x18181818181818f8, 0x1818181818181818), /* box down heavy and left up light */
	GLYPH(0x2528, 0x18181818181818f8, 0x1818181818181818), /* box vertical heavy and left light */
	GLYPH(0x2529, 0x18181818181818f8, 0x1818181818181818), /* box down light and left up heavy */
	GLYPH(0x252a, 0x18181818181818f8, 0x1818181818181818), /* box up light and left down heavy */
	GLYPH(0x252b, 0x18181818181818f8, 0x1818181818181818), /* box heavy vertical and left */
	GLYPH(0x252c, 0x00000000000000ff, 0x1818181818181818), /* box light down and horizontal */
	GLYPH(0x252d, 0x00000000000000ff, 0x1818181818181818), /* box left heavy and right down light */
	GLYPH(0x252e, 0x00000000000000ff, 0x1818181818181818), /* box right heavy and left down light */
	GLYPH(0x252f, 0x00000000000000ff, 0x1818181818181818), /* box down light and horizontal heavy */
	GLYPH(0x2530, 0x00000000000000ff, 0x1818181818181818), /* box down heavy and horizontal light */
	GLYPH(0x2531, 0x00000000000000ff, 0x1818181818181818), /* box right light and left down heavy */
	GLYPH(0x2532, 0x00000000000000ff, 0x1818181818181818), /* box left light and right down heavy */
	GLYPH(0x2533, 0x00000000000000ff, 0x1818181818181818), /* box heavy down and horizontal */
	GLYPH(0x2534, 0x18181818181818ff, 0x0000000000000000), /* box light up and horizontal */
	GLYPH(0x2535, 0x18181818181818ff, 0x0000000000000000), /* box left heavy and right up light */
	GLYPH(0x2536, 0x18181818181818ff, 0x0000000000000000), /* box right heavy and left up light */
	GLYPH(0x2537, 0x18181818181818ff, 0x0000000000000000), /* box up light and horizontal heavy */
	GLYPH(0x2538, 0x18181818181818ff, 0x0000000000000000), /* box up heavy and horizontal light */
	GLYPH(0x2539, 0x18181818181818ff, 0x0000000000000000), /* box right light and left up heavy */
	GLYPH(0x253a, 0x18181818181818ff, 0x0000000000000000), /* box left light and right up heavy */
	GLYPH(0x253b, 0x18181818181818ff, 0x0000000000000000), /* box heavy up and horizontal */
	GLYPH(0x253c, 0x18181818181818ff, 0x1818181818181818), /* box light vertical and horizontal */
	GLYPH(0x253d, 0x18181818181818ff, 0x1818181818181818), /* box left heavy and right vertical light */
	GLYPH(0x253e, 0x18181818181818ff, 0x1818181818181818), /* box right heavy and left vertical light */
	GLYPH(0x253f, 0x18181818181818ff, 0x1818181818181818), /* box vertical light and horizontal heavy */
	GLYPH(0x2540, 0x18181818181818ff, 0x1818181818181818), /* box up heavy and down horizontal light */
	GLYPH(0x2541, 0x18181818181818ff, 0x1818181818181818), /* box down heavy and up horizontal light */
	GLYPH(0x2542, 0x18181818181818ff, 0x1818181818181818), /* box vertical heavy and horizontal light */
	GLYPH(0x2543, 0x18181818181818ff, 0x1818181818181818), /* box left up heavy and right down light */
	GLYPH(0x2544, 0x18181818181818ff, 0x1818181818181818), /* box right up heavy and left down light */
	GLYPH(0x2545, 0x18181818181818ff, 0x1818181818181818), /* box left down heavy and right up light */
	GLYPH(0x2546, 0x18181818181818ff, 0x1818181818181818), /* box right down heavy and left up light */
	GLYPH(0x2547, 0x18181818181818ff, 0x1818181818181818), /* box down light and up horizontal heavy */
	GLYPH(0x2548, 0x18181818181818ff, 0x1818181818181818), /* box up light and down horizontal heavy */
	GLYPH(0x2549, 0x18181818181818ff, 0x1818181818181818), /* box right light and left vertical heavy */
	GLYPH(0x254a, 0x18181818181818ff, 0x1818181818181818), /* box left light and right vertical heavy */
	GLYPH(0x254b, 0x18181818181818ff, 0x1818181818181818), /* box heavy vertical and horizontal */
	GLYPH(0x254c, 0x00000000000000ff, 0x0000000000000000), /* box light double dash horizontal */
	GLYPH(0x254d, 0x00000000000000ff, 0x0000000000000000), /* box heavy double dash horizontal */
	GLYPH(0x254e, 0x1818181818181818, 0x1818181818181818), /* box light double dash vertical */
	GLYPH(0x254f, 0x1818181818181818, 0x1818181818181818), /* box heavy double dash vertical */
	GLYPH(0x2550, 0x00000000000000ff, 0x0000000000000000), /* box double horizontal */
	GLYPH(0x2551, 0x1818181818181818, 0x1818181818181818), /* box double vertical */
	GLYPH(0x2552, 0x000000000000001f, 0x1818181818181818), /* box down single and right double */
	GLYPH(0x2553, 0x000000000000001f, 0x1818181818181818), /* box down double and right single */
	GLYPH(0x2554, 0x000000000000001f, 0x1818181818181818), /* box double down and right */
	GLYPH(0x2555, 0x00000000000000f8, 0x1818181818181818), /* box down single and left double */
	GLYPH(0x2556, 0x00000000000000f8, 0x1818181818181818), /* box down double and left single */
	GLYPH(0x2557, 0x00000000000000f8, 0x1818181818181818), /* box double down and left */
	GLYPH(0x2558, 0x181818181818181f, 0x0000000000000000), /* box up single and right double */
	GLYPH(0x2559, 0x181818181818181f, 0x0000000000000000), /* box up double and right single */
	GLYPH(0x255a, 0x181818181818181f, 0x0000000000000000), /* box double up and right */
	GLYPH(0x255b, 0x18181818181818f8, 0x0000000000000000), /* box up single and left double */
	GLYPH(0x255c, 0x18181818181818f8, 0x0000000000000000), /* box up double and left single */
	GLYPH(0x255d, 0x18181818181818f8, 0x0000000000000000), /* box double up and left */
	GLYPH(0x255e, 0x181818181818181f, 0x1818181818181818), /* box vertical single and right double */
	GLYPH(0x255f, 0x181818181818181f, 0x1818181818181818), /* box vertical double and right single */
	GLYPH(0x2560, 0x181818181818181f, 0x1818181818181818), /* box double vertical and right */
	GLYPH(0x2561, 0x18181818181818f8, 0x1818181818181818), /* box vertical single and left double */
	GLYPH(0x2562, 0x18181818181818f8, 0x1818181818181818), /* box vertical double and left single */
	GLYPH(0x2563, 0x18181818181818f8, 0x1818181818181818), /* box double vertical and left */
	GLYPH(0x2564, 0x00000000000000ff, 0x1818181818181818), /* box down single and horizontal double */
	GLYPH(0x2565, 0x00000000000000ff, 0x1818181818181818), /* box down double and horizontal single */
	GLYPH(0x2566, 0x00000000000000ff, 0x1818181818181818), /* box double down and horizontal */
	GLYPH(0x2567, 0x18181818181818ff, 0x0000000000000000), /* box up single and horizontal double */
	GLYPH(0x2568, 0x18181818181818ff, 0x0000000000000000), /* box up double and horizontal single */
	GLYPH(0x2569, 0x18181818181818ff, 0x0000000000000000), /* box double up and horizontal */
	GLYPH(0x256a, 0x18181818181818ff, 0x1818181818181818), /* box vertical single and horizontal double */
	GLYPH(0x256b, 0x18181818181818ff, 0x1818181818181818), /* box vertical double and horizontal single */
	GLYPH(0x256c, 0x18181818181818ff, 0x1818181818181818), /* box double vertical and horizontal */
	GLYPH(0x256d, 0x000000000000001f, 0x1818181818181818), /* box light arc down and right */
	GLYPH(0x256e, 0x00000000000000f8, 0x1818181818181818), /* box light arc down and left */
	GLYPH(0x256f, 0x18181818181818f8, 0x0000000000000000), /* box light arc up and left */
	GLYPH(0x2570, 0x181818181818181f, 0x0000000000000000), /* box light arc up and right */
	GLYPH(0x2571, 0x0006060c0c181830, 0x306060c0c0000000), /* box light diagonal upper right to lower left */
	GLYPH(0x2572, 0x00c0c06060303018, 0x180c0c0606000000), /* box light diagonal upper left to lower right */
	GLYPH(0x2573, 0x0000c6c6c66c386c, 0xc6c6c6c600000000), /* box light diagonal cross */
	GLYPH(0x2574, 0x00000000000000ff, 0x0000000000000000), /* box light left */
	GLYPH(0x2575, 0x1818181818181818, 0x1818181818181818), /* box light up */
	GLYPH(0x2576, 0x00000000000000ff, 0x0000000000000000), /* box light right */
	GLYPH(0x2577, 0x1818181818181818, 0x1818181818181818), /* box light down */
	GLYPH(0x2578, 0x00000000000000ff, 0x0000000000000000), /* box heavy left */
	GLYPH(0x2579, 0x1818181818181818, 0x1818181818181818), /* box heavy up */
	GLYPH(0x257a, 0x00000000000000ff, 0x0000000000000000), /* box heavy right */
	GLYPH(0x257b, 0x1818181818181818, 0x1818181818181818), /* box heavy down */
	GLYPH(0x257c, 0x00000000000000ff, 0x0000000000000000), /* box light left and heavy right */
	GLYPH(0x257d, 0x1818181818181818, 0x1818181818181818), /* box light up and heavy down */
	GLYPH(0x257e, 0x00000000000000ff, 0x0000000000000000), /* box heavy left and light right */
	GLYPH(0x257f, 0x1818181818181818, 0x1818181818181818), /* box heavy up and light down */
	GLYPH(0x2580, 0xffffffffffffffff, 0x0000000000000000), /* upper half block */
	GLYPH(0x2584, 0x0000000000000000, 0xffffffffffffffff), /* lower half block */
	GLYPH(0x2588, 0xffffffffffffffff, 0xffffffffffffffff), /* full block */
	GLYPH(0x258c, 0xf0f0f0f0f0f0f0f0, 0xf0f0f0f0f0f0f0f0), /* left half block */
	GLYPH(0x2590, 0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f), /* right half block */
	GLYPH(0x2591, 0x1144114411441144, 0x1144114411441144), /* light shade */
	GLYPH(0x2592, 0x55aa55aa55aa55aa, 0x55aa55aa55aa55aa), /* medium shade */
	GLYPH(0x2593, 0xdd77dd77dd77dd77, 0xdd77dd77dd77dd77), /* dark shade */
	GLYPH(0x25a0, 0x0000000000fefefe, 0xfefefefe00000000), /** black square */
	GLYPH(0x25ac, 0x00000000007e7e7e, 0x7e00000000000000), /** black rectangle */
	GLYPH(0x25b2, 0x0000000018183c3c, 0x7e7effff00000000), /** black up-pointing triangle */
	GLYPH(0x25ba, 0x0000000080e0f8fe, 0xf8e0800000000000), /** black right-pointing pointer */
	GLYPH(0x25bc, 0x00000000ffff7e7e, 0x3c3c181800000000), /** black down-pointing triangle */
	GLYPH(0x25c4, 0x00000000020e3efe, 0x3e0e020000000000), /** black left-pointing pointer */
	GLYPH(0x25c6, 0x0000000010387cfe, 0x7c38100000000000), /* black diamond */
	GLYPH(0x25cb, 0x00000000003c6666, 0x66663c0000000000), /* white circle */
	GLYPH(0x25d8, 0xffffffffffffe7c3, 0xc3e7ffffffffffff), /* inverse bullet */
	GLYPH(0x25d9, 0xffffffffffc39999, 0x9999c3ffffffffff), /* inverse white circle */
	GLYPH(0x263a, 0x00003c42a5819981, 0xa599423c00000000), /** white smiling face */
	GLYPH(0x263b, 0x00003c7edbffe7ff, 0xdbe77e3c00000000), /** black smiling face */
	GLYPH(0x263c, 0x0000001092441028, 0x1044921000000000), /** white sun with rays */
	GLYPH(0x2640, 0x0000000038444444, 0x3810381000000000), /** female sign */
	GLYPH(0x2642, 0x00000000000e067a, 0x8888887000000000), /** male sign */
	GLYPH(0x2660, 0x0000001010387cfe, 0xfe7c103800000000), /** black spade suit */
	GLYPH(0x2663, 0x000010387c1054fe, 0xfe54103800000000), /** black club suit */
	GLYPH(0x2665, 0x000000006cfefefe, 0x7c38100000000000), /* black heart suit */
	GLYPH(0x2666, 0x0000000010387cfe, 0x7c38100000000000), /* black diamond suit */
	GLYPH(0x266a, 0x0000001816101010, 0x70f0f06000000000), /** eighth note */
	GLYPH(0x266b, 0x0000203028242262, 0xe2460e0400000000), /** beamed eighth notes */
	GLYPH(0xfffd, 0x0000000010387cfe, 0x7c38100000000000), /* replacement character */
};
/* clang-format on */

#define REPLACEMENT 0xfffd
#define ASCII_FIRST 0x20
#define ASCII_LAST  0x7e

static const struct glyph *find(uint16_t ch)
{
	size_t lo = 0, hi = ARRAY_SIZE(glyphs);

	if (ch >= ASCII_FIRST && ch <= ASCII_LAST)
		return &glyphs[ch - ASCII_FIRST];
	while (lo < hi) { /* invariant: what is searched lies in [lo, hi) */
		size_t mid = lo + (hi - lo) / 2;

		if (glyphs[mid].ch == ch)
			return &glyphs[mid];
		if (glyphs[mid].ch < ch)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const uint8_t *font_glyph(uint16_t ch)
{
	const struct glyph *g = find(ch);

	return (g != NULL ? g : find(REPLACEMENT))->rows;
}
