/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/console/vt.c against screens worked out by hand from ECMA-48, the VT102 user guide and
 * man 4 console_codes, and random bytes, after which what the emulator relies on must still hold.
 */
#include <stdlib.h>
#include <time.h>

#include "kernel/console/vt.h"
#include "tests/host/tap.h"

#define FUZZ_BYTES 3000000

static struct vt vt;
static void *memory;

static void start(unsigned cols, unsigned rows, unsigned nhist)
{
	free(memory);
	memory = malloc(vt_memory(cols, rows, nhist));
	vt_init(&vt, cols, rows, nhist, memory);
}

static void type(const char *s)
{
	vt_write(&vt, (const uint8_t *)s, strlen(s));
}

static void put_utf8(char **p, uint32_t c)
{
	if (c < 0x80) {
		*(*p)++ = (char)c;
	} else if (c < 0x800) {
		*(*p)++ = (char)(0xc0 | c >> 6);
		*(*p)++ = (char)(0x80 | (c & 0x3f));
	} else {
		*(*p)++ = (char)(0xe0 | c >> 12);
		*(*p)++ = (char)(0x80 | (c >> 6 & 0x3f));
		*(*p)++ = (char)(0x80 | (c & 0x3f));
	}
}

/* The screen as text: lines end in |, blanks at their ends and empty lines at the end left out. */
static const char *text_back(unsigned back)
{
	static char buf[VT_MAX_ROWS * (VT_MAX_COLS * 3 + 1) + 1];
	char *p = buf, *end = buf;

	for (unsigned r = 0; r < vt.rows; r++) {
		const struct vt_cell *cells = vt_line(&vt, r, back);
		unsigned n = vt.cols;

		while (n > 0 && cells[n - 1].ch == ' ')
			n--;
		for (unsigned i = 0; i < n; i++)
			put_utf8(&p, cells[i].ch);
		if (n > 0)
			end = p;
		*p++ = '|';
	}
	*end = '\0';
	return buf;
}

/* ---- what must be on a screen of 10 x 4 ---- */

static const struct {
	const char *name, *input, *screen;
	unsigned row, col; /* of the cursor */
} cases[] = {
	{ "text", "abc", "abc", 0, 3 },
	{ "CR and LF are two things", "ab\ncd\re", "ab|e cd", 1, 1 },
	{ "backspace moves only", "abc\b\bX", "aXc", 0, 2 },
	{ "backspace stops at the edge", "a\b\b\bX", "X", 0, 1 },
	{ "the last column does not wrap yet", "0123456789", "0123456789", 0, 9 },
	{ "the next character does", "0123456789a", "0123456789|a", 1, 1 },
	{ "CR forgets the pending wrap", "0123456789\ra", "a123456789", 0, 1 },
	{ "cursor movement forgets it", "0123456789\033[DX", "01234567X9", 0, 9 },
	{ "LF in the last column", "0123456789\nX", "0123456789|         X", 1, 9 },
	{ "DECAWM off", "\033[?7l0123456789abc", "012345678c", 0, 9 },
	{ "scrolling", "a\r\nb\r\nc\r\nd\r\ne", "b|c|d|e", 3, 1 },
	{ "VT and FF are line feeds", "a\vb\fc", "a| b|  c", 2, 3 },
	{ "LNM: LF implies CR", "\033[20ha\nb", "a|b", 1, 1 },
	{ "CUP", "\033[2;3HX\033[HY\033[4;10HZ", "Y|  X||         Z", 3, 9 },
	{ "CUP beyond the edge", "\033[99;99HX", "|||         X", 3, 9 },
	{ "CUP: 0 counts as 1, missing as 1", "\033[0;0HA\033[;3HB\033[3HC", "A B||C", 2, 1 },
	{ "HVP", "\033[2;2fX", "| X", 1, 2 },
	{ "CUU CUD CUF CUB", "\033[2B\033[3CX\033[A\033[2DY", "|  Y|   X", 1, 3 },
	{ "they stop at the edges", "\033[50AX\033[50DY\033[50BZ", "Y||| Z", 3, 2 },
	{ "CNL, CPL", "abc\033[2EX\033[FY", "abc|Y|X", 1, 1 },
	{ "CHA, HPA, VPA, HPR, VPR", "\033[5GX\033[2`Y\033[3dZ\033[2aA\033[eB",
		" Y  X||  Z  A|      B", 3, 7 },
	{ "IND, NEL, RI", "a\033Db\033Ec\033M\033Md", "ad| b|c", 0, 2 },
	{ "RI at the top scrolls down", "a\r\nb\033[H\033Mc", "c|a|b", 0, 1 },
	{ "ED 0", "aaaaa\r\nbbbbb\r\nccccc\033[2;3H\033[J", "aaaaa|bb", 1, 2 },
	{ "ED 1", "aaaaa\r\nbbbbb\r\nccccc\033[2;3H\033[1J", "|   bb|ccccc", 1, 2 },
	{ "ED 2 leaves the cursor", "aaaaa\r\nbbbbb\033[2;3H\033[2JX", "|  X", 1, 3 },
	{ "EL 0", "abcde\033[3G\033[K", "ab", 0, 2 },
	{ "EL 1", "abcde\033[3G\033[1K", "   de", 0, 2 },
	{ "EL 2", "abcde\033[3G\033[2K", "", 0, 2 },
	{ "ECH", "abcdefghij\033[3G\033[4X", "ab    ghij", 0, 2 },
	{ "ECH stops at the line's end", "abcdefghij\r\nk\033[1;9H\033[99X", "abcdefgh|k", 0, 8 },
	{ "ICH", "abcdefghij\033[3G\033[2@", "ab  cdefgh", 0, 2 },
	{ "ICH of more than there is", "abcdefghij\033[3G\033[50@", "ab", 0, 2 },
	{ "DCH", "abcdefghij\033[3G\033[2P", "abefghij", 0, 2 },
	{ "DCH of more than there is", "abcdefghij\033[3G\033[50P", "ab", 0, 2 },
	{ "IRM: insert mode", "abc\033[2G\033[4hXY\033[4lZ", "aXYZc", 0, 4 },
	{ "IL", "a\r\nb\r\nc\r\nd\033[2H\033[2L", "a|||b", 1, 0 },
	{ "IL of more than there is", "a\r\nb\r\nc\r\nd\033[2H\033[50L", "a", 1, 0 },
	{ "DL", "a\r\nb\r\nc\r\nd\033[2H\033[2M", "a|d", 1, 0 },
	{ "SU and SD", "a\r\nb\r\nc\r\nd\033[S", "b|c|d", 3, 1 },
	{ "SD", "a\r\nb\r\nc\r\nd\033[2T", "||a|b", 3, 1 },
	{ "region: LF scrolls inside only", "a\r\nb\r\nc\r\nd\033[2;3r\033[3H\nX", "a|c|X|d", 2,
		1 },
	{ "region: setting it homes the cursor", "abc\033[2;3rX", "Xbc", 0, 1 },
	{ "region: below it LF does not scroll", "a\r\nb\r\nc\r\nd\033[2;3r\033[4H\n\nX", "a|b|c|X",
		3, 1 },
	{ "region: RI at its top", "a\r\nb\r\nc\r\nd\033[2;3r\033[2H\033MX", "a|X|b|d", 1, 1 },
	{ "region: IL inside", "a\r\nb\r\nc\r\nd\033[1;3r\033[2H\033[L", "a||b|d", 1, 0 },
	{ "region: DL inside", "a\r\nb\r\nc\r\nd\033[1;3r\033[2H\033[M", "a|c||d", 1, 0 },
	{ "region: IL outside does nothing", "a\r\nb\r\nc\r\nd\033[2;3r\033[4H\033[L", "a|b|c|d", 3,
		0 },
	{ "region: nonsense is ignored", "a\033[3;2rb\033[2;2rc", "abc", 0, 3 },
	{ "region: reset", "\033[2;3r\033[ra\r\nb\r\nc\r\nd\r\ne", "b|c|d|e", 3, 1 },
	{ "DECOM: rows count from the region", "\033[2;3r\033[?6h\033[1;1HX\033[9;1HY", "|X|Y", 2,
		1 },
	{ "DECOM: off homes", "\033[2;3r\033[?6h\033[?6lX", "X", 0, 1 },
	{ "tabs stand at every eighth", "a\tb", "a       b", 0, 9 },
	{ "a tab stops at the edge", "a\t\t\t\tb", "a        b", 0, 9 },
	{ "HTS, TBC", "\033[3g\033[4G\033H\033[7G\033H\r\tX\tY\033[4G\033[g\r\tZ", "   X  Z", 0,
		7 },
	{ "CHT and CBT", "\033[3g\033[4G\033H\033[7G\033H\r\033[2IX\033[2ZY", "   Y  X", 0, 4 },
	{ "DECSC and DECRC", "\033[2;3H\0337\033[HX\0338Y", "X|  Y", 1, 3 },
	{ "CSI s and u", "\033[2;3H\033[s\033[HX\033[uY", "X|  Y", 1, 3 },
	{ "DECRC keeps the pending wrap", "0123456789\0337\033[2;2H\0338X", "0123456789|X", 1, 1 },
	{ "DECALN", "\033#8", "EEEEEEEEEE|EEEEEEEEEE|EEEEEEEEEE|EEEEEEEEEE", 0, 0 },
	{ "RIS", "abc\033[2;3r\033[4hd\033cX", "X", 0, 1 },
	{ "a control inside a sequence", "ab\033[\b2CX", "ab X", 0, 4 },
	{ "ESC inside a sequence begins anew", "\033[12\033[2;2HX", "| X", 1, 2 },
	{ "CAN and SUB end it", "\033[2\030;2\033[\0323", ";23", 0, 3 },
	{ "parameters without end", "\033[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1HX", "X", 0,
		1 },
	{ "a parameter without end", "\033[99999999999999999999;2HX", "||| X", 3, 2 },
	{ "unknown: private", "\033[?99hX\033[>c\033[>4;1mY\033[=1cZ", "XYZ", 0, 3 },
	{ "unknown: intermediate bytes", "\033[2 qX\033[!pY\033[1$rZ", "XYZ", 0, 3 },
	{ "unknown: sub-parameters", "\033[4:3mX\033[38:2::1:2:3mY", "XY", 0, 2 },
	{ "unknown: escapes", "\033=X\033>Y\033 FZ", "XYZ", 0, 3 },
	{ "OSC ends at BEL", "a\033]0;title\007b", "ab", 0, 2 },
	{ "OSC ends at ST", "a\033]2;title\033\\b", "ab", 0, 2 },
	{ "OSC P and R: palette", "a\033]P1aabbccb\033]Rc", "abc", 0, 3 },
	{ "DCS, APC, PM", "a\033Pq#1\033\\b\033_x\033\\c\033^y\033\\d", "abcd", 0, 4 },
	{ "an escape in a string counts", "a\033]0;t\033[2;2HX", "a| X", 1, 2 },
	{ "DEL and NUL show nothing", "a\177b", "ab", 0, 2 },
	{ "UTF-8", "\303\244\342\202\254x", "\303\244\342\202\254x", 0, 3 },
	{ "UTF-8: cut off by ASCII", "\342\202x", "\357\277\275x", 0, 2 },
	{ "UTF-8: cut off by a sequence", "\342\202\033[2;2Hx", "\357\277\275| x", 1, 2 },
	{ "UTF-8: cut off by another", "\342\303\244", "\357\277\275\303\244", 0, 2 },
	{ "UTF-8: stray bytes", "\200x\377y", "\357\277\275x\357\277\275y", 0, 4 },
	{ "UTF-8: overlong", "\300\257\340\200\257", "\357\277\275\357\277\275\357\277\275", 0, 3 },
	{ "UTF-8: surrogate", "\355\240\200x", "\357\277\275x", 0, 2 },
	{ "UTF-8: beyond the BMP", "\360\220\215\210x", "\357\277\275x", 0, 2 },
	{ "UTF-8: combining characters take no room", "a\314\201b", "ab", 0, 2 },
	{ "UTF-8: wide characters take two cells", "\344\270\255x", "\344\270\255 x", 0, 3 },
	{ "UTF-8: they are not split by the edge", "123456789\344\270\255x",
		"123456789|\344\270\255 x", 1, 3 },
	{ "line drawing in G0", "\033(0lqk\033(Bq", "\342\224\214\342\224\200\342\224\220q", 0, 4 },
	{ "line drawing in G1", "\033)0\016x\017x", "\342\224\202x", 0, 2 },
	{ "CP437 in G0", "\033(U\263\033(Bx", "\342\224\202x", 0, 2 },
	{ "SGR 11: glyphs by number", "\033[11m\263\004\033[10mx", "\342\224\202\342\231\246x", 0,
		3 },
};

static void check_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(10, 4, 0);
		type(cases[i].input);
		is_str(text_back(0), cases[i].screen, "%s", cases[i].name);
		if (vt.cur.row != cases[i].row || vt.cur.col != cases[i].col)
			ok(false, "%s: cursor at %u, %u, not %u, %u", cases[i].name, vt.cur.row,
				vt.cur.col, cases[i].row, cases[i].col);
	}
}

/* ---- colours ---- */

static const struct {
	const char *name, *input;
	unsigned attr; /* of the last cell written */
} colours[] = {
	{ "default", "x", 0x07 },
	{ "red on blue", "\033[31;44mx", 0x14 },
	{ "bright red on bright blue", "\033[91;104mx", 0x9c },
	{ "bold", "\033[1;32mx", 0x0a },
	{ "bold off", "\033[1;32;22mx", 0x02 },
	{ "half bright", "\033[2mx", 0x08 },
	{ "underline", "\033[4mx", 0x03 },
	{ "italic", "\033[3mx", 0x02 },
	{ "reverse", "\033[7mx", 0x70 },
	{ "reverse with colours", "\033[33;41;7mx", 0x64 },
	{ "reverse off", "\033[7;27mx", 0x07 },
	{ "blink is a bright background", "\033[5mx", 0x87 },
	{ "reset", "\033[1;5;7;31;44mx\033[mx", 0x07 },
	{ "reset by 0", "\033[1;31m\033[0mx", 0x07 },
	{ "default colours", "\033[31;44;39;49mx", 0x07 },
	{ "256: the first 16", "\033[38;5;9;48;5;4mx", 0x1c },
	{ "256: the cube", "\033[38;5;46mx", 0x02 },
	{ "256: a grey", "\033[38;5;240mx", 0x08 },
	{ "256: white", "\033[38;5;231mx", 0x0f },
	{ "RGB", "\033[38;2;250;80;80mx", 0x0c },
	{ "RGB, then more", "\033[38;2;0;0;170;47mx", 0x71 },
	{ "extended, cut off", "\033[38;5mx", 0x07 },
	{ "extended, unknown", "\033[38;9;1mx", 0x07 },
	{ "DECRC brings the colours back", "\033[31m\0337\033[32m\0338x", 0x04 },
	{ "DECSCNM", "\033[?5hx", 0x70 },
};

static void check_colours(void)
{
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		start(10, 4, 0);
		type(colours[i].input);
		is_int(vt_line(&vt, vt.cur.row, 0)[vt.cur.col - 1].attr, colours[i].attr,
			"colour: %s", colours[i].name);
	}
	start(10, 4, 0);
	type("\033[44;1;33mab\033[K");
	is_int(vt_line(&vt, 0, 0)[5].attr, 0x16, "colour: erasing paints the background");
	start(10, 4, 0);
	type("a\033[41m\r\n\n\n\n");
	is_int(vt_line(&vt, 3, 0)[0].attr, 0x47, "colour: so does scrolling");
	start(10, 4, 0);
	type("\033[31mx\033[?5h");
	is_int(vt_line(&vt, 0, 0)[0].attr, 0x40, "colour: DECSCNM turns what is there");
	type("\033[?5l");
	is_int(vt_line(&vt, 0, 0)[0].attr, 0x04, "colour: and back");
}

/* ---- answers, history, marks ---- */

static void is_reply(const char *want, const char *name)
{
	char got[VT_REPLY_SIZE + 1];

	memcpy(got, vt.reply, vt.nreply);
	got[vt.nreply] = '\0';
	vt.nreply = 0;
	is_str(got, want, "%s", name);
}

static void check_replies(void)
{
	start(10, 4, 0);
	type("\033[c");
	is_reply("\033[?6c", "DA");
	type("\033Z");
	is_reply("\033[?6c", "DECID");
	type("\033[5n");
	is_reply("\033[0n", "DSR 5");
	type("\033[3;7H\033[6n");
	is_reply("\033[3;7R", "DSR 6: where the cursor is");
	type("\033[2;4r\033[?6h\033[2;1H\033[6n");
	is_reply("\033[2;1R", "DSR 6 in origin mode");
	type("\033[>c\033[1c\033[7n\033[?6n");
	is_reply("", "no answer to what is not asked of us");
	for (unsigned i = 0; i < 100; i++)
		type("\033[6n");
	ok(vt.nreply <= VT_REPLY_SIZE && vt.nreply > VT_REPLY_SIZE - 6,
		"answers that nobody collects are dropped");
	type("\007");
	ok(vt.bell, "bell");
	type("\033[?25l");
	ok(!vt.cursor_visible, "the cursor off");
	type("\033[?25h");
	ok(vt.cursor_visible, "and on");
	type("\033[?1h");
	ok(vt.cursor_keys_app, "DECCKM");
}

static void check_history(void)
{
	start(4, 2, 3);
	type("a\r\nb\r\nc\r\nd\r\ne\r\nf");
	is_str(text_back(0), "e|f", "history: the screen");
	is_str(text_back(1), "d|e", "history: one line back");
	is_str(text_back(2), "c|d", "history: a screen back");
	is_str(text_back(3), "b|c", "history: to its beginning");
	is_str(text_back(99), "b|c", "history: no further");
	is_int(vt.scrolled, 4, "history: lines that went there");
	type("\033[1;1r\033[2J\033[3J");
	is_int(vt.hist_used, 0, "history: forgotten by ED 3");
	start(4, 3, 3);
	type("a\r\nb\r\nc\033[2;3r\033[3H\n\n");
	is_int(vt.hist_used, 0, "history: a region's lines do not go there");
}

static void check_dirty(void)
{
	start(10, 4, 0);
	memset(vt.dirty, 0, sizeof(vt.dirty));
	type("\033[2;1Hx\033[3;1H");
	ok(!vt.dirty[0] && vt.dirty[1] && !vt.dirty[2] && !vt.dirty[3],
		"only what was written is marked");
	memset(vt.dirty, 0, sizeof(vt.dirty));
	type("\033[4;1H\n");
	ok(vt.dirty[0] && vt.dirty[1] && vt.dirty[2] && vt.dirty[3], "a scroll marks every line");
}

static void check_copy(void)
{
	static struct vt small;
	void *mem = malloc(vt_memory(6, 4, 0));

	vt_init(&small, 6, 4, 0, mem);
	vt_write(&small, (const uint8_t *)"one\r\ntwo\r\n\033[31mthree", 20);
	start(12, 8, 2);
	vt_copy(&vt, &small);
	type("x");
	is_str(text_back(0), "one|two|threex", "copied to a larger screen");
	is_int(vt_line(&vt, 2, 0)[5].attr, 0x04, "with its colours");
	start(3, 2, 0);
	vt_copy(&vt, &small);
	type("x");
	is_str(text_back(0), "two|thx", "copied to a smaller one");
	free(mem);
}

static void check_charset(void)
{
	unsigned good = 0;

	for (unsigned c = 1; c < 256; c++)
		good += unicode_to_cp437(cp437_to_unicode((uint8_t)c)) == c;
	is_int(good, 255, "code page 437 there and back");
	is_int(unicode_to_cp437(0x2014), 0xc4, "a dash has a stand-in");
	is_int(unicode_to_cp437(0x4e2d), '?', "an ideograph has none");
}

/* ---- random bytes ---- */

static bool sound(void)
{
	static bool seen[65536];
	const struct vt_cursor *c[] = { &vt.cur, &vt.saved };
	bool good = vt.top < vt.bottom && vt.bottom <= vt.rows && vt.nreply <= VT_REPLY_SIZE &&
		    vt.hist_used <= vt.nhist && vt.nparams <= VT_MAX_PARAMS + 1;

	for (unsigned i = 0; i < 2; i++)
		good &= c[i]->row < vt.rows && c[i]->col < vt.cols && c[i]->shift < 2;
	memset(seen, 0, (vt.rows + vt.nhist) * sizeof(*seen));
	for (unsigned i = 0; i < vt.rows + vt.nhist; i++) {
		unsigned at = i < vt.rows ? vt.line[i] : vt.hist[i - vt.rows];

		good &= at < vt.rows + vt.nhist && !seen[at];
		seen[at] = true;
	}
	for (unsigned r = 0; r < vt.rows; r++)
		for (unsigned i = 0; i < vt.cols; i++) {
			const struct vt_cell *cell = &vt_line(&vt, r, 0)[i];

			good &= cell->ch >= ' ' && cell->ch != 0x7f && cell->mark == 0;
		}
	return good;
}

static size_t random_piece(uint8_t *p)
{
	static const char finals[] = "@ABCDEFGHIJKLMPSTXZabcdefghlmnrsu`78DEHMZc#()%]P_^";
	static const char params[] = "0123456789;;;?>: ";
	size_t n = 0;

	switch (rand() % 8) {
	case 0:
	case 1: /* a control sequence, mostly right */
		p[n++] = 0x1b;
		if (rand() % 4 != 0)
			p[n++] = '[';
		for (int i = rand() % 6; i > 0; i--)
			p[n++] = (uint8_t)params[(unsigned)rand() % (sizeof(params) - 1)];
		p[n++] = (uint8_t)finals[(unsigned)rand() % (sizeof(finals) - 1)];
		break;
	case 2: /* text with line feeds */
		for (int i = rand() % 40; i > 0; i--)
			p[n++] = rand() % 8 == 0 ? '\n' : (uint8_t)(' ' + rand() % 95);
		break;
	case 3: /* a setting that the rest then meets */
		n = (size_t)sprintf((char *)p, "\033[%d;%dr\033[?%d%c\033[%d%c", rand() % 30,
			rand() % 30, rand() % 8, "hl"[rand() % 2], rand() % 5, "hl"[rand() % 2]);
		break;
	default: /* anything */
		for (int i = rand() % 20; i > 0; i--)
			p[n++] = (uint8_t)rand();
	}
	return n;
}

static void fuzz(unsigned cols, unsigned rows, unsigned nhist, unsigned total)
{
	uint8_t piece[128];
	bool good = true;

	start(cols, rows, nhist);
	for (unsigned done = 0, round = 0; good && done < total; round++) {
		size_t n = random_piece(piece);

		vt_write(&vt, piece, n);
		done += (unsigned)n + 1;
		if (round % 64 == 0)
			good = sound();
		if (rand() % 16 == 0)
			vt.nreply = 0;
	}
	ok(good && sound(), "%u random bytes on %u x %u with %u lines of history", total, cols,
		rows, nhist);
}

int main(void)
{
	unsigned seed = (unsigned)time(NULL);

	check_cases();
	check_colours();
	check_replies();
	check_history();
	check_dirty();
	check_copy();
	check_charset();
	note("seed %u", seed);
	srand(seed);
	fuzz(80, 25, 200, FUZZ_BYTES);
	fuzz(2, 2, 1, FUZZ_BYTES / 10);
	fuzz(VT_MAX_COLS, VT_MAX_ROWS, 0, FUZZ_BYTES / 30);
	fuzz(132, 3, 7, FUZZ_BYTES / 3);
	free(memory);
	return tap_done();
}
