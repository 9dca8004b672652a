/* SPDX-License-Identifier: BSD-2-Clause
 * Layouts, modifiers, and the sequences of TERM=linux (terminfo's entry; man 4 console_codes). Scan
 * codes are IBM's set 1 (IBM PS/2 technical reference, keyboards): a code is the key's position,
 * 0x80 in it says that the key was released, 0xe0 before it that it is one of the grey keys.
 */
#include "kernel/console/keymap.h"

#include "kernel/core/string.h"

#define SC_RELEASE     0x80
#define SC_EXTENDED    0xe0
#define SC_PAUSE       0xe1 /* two codes follow, at the press and at the release */
#define SC_ESC         0x01
#define SC_BACKSPACE   0x0e
#define SC_TAB         0x0f
#define SC_ENTER       0x1c
#define SC_CTRL        0x1d
#define SC_SHIFT_LEFT  0x2a
#define SC_SLASH       0x35
#define SC_SHIFT_RIGHT 0x36
#define SC_KEYPAD_STAR 0x37
#define SC_ALT         0x38
#define SC_SPACE       0x39
#define SC_CAPS        0x3a
#define SC_F1          0x3b
#define SC_F10         0x44
#define SC_NUM         0x45
#define SC_KEYPAD      0x47 /* 7 8 9 - 4 5 6 + 1 2 3 0 . */
#define SC_PAGE_UP     0x49
#define SC_LEFT        0x4b
#define SC_RIGHT       0x4d
#define SC_PAGE_DOWN   0x51
#define SC_KEYPAD_LAST 0x53
#define SC_DELETE      0x53
#define SC_F11         0x57
#define SC_F12         0x58

/* ---- layouts ---- */

/* The keys that layouts differ in, row by row; the key between left shift and Z is only on keyboards
 * with 102 keys. */
static const uint8_t positions[] = {
	0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, /* ` to = */
	0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,       /* Q to ] */
	0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2b,       /* A to \ */
	0x56, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35,             /* < Z to / */
};

struct layout {
	const char *name;
	/* Characters in the order of positions[]; a blank in `altgr`: none. */
	const uint16_t *plain, *shifted, *altgr; /* altgr NULL: the right Alt is an Alt */
	char decimal;                            /* on the keypad */
};

static const struct layout layouts[] = {
	{
		.name = "us",
		.plain = u"`1234567890-=qwertyuiop[]asdfghjkl;'\\<zxcvbnm,./",
		.shifted = u"~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"|>ZXCVBNM<>?",
		.decimal = '.',
	},
	{
		.name = "de",
		.plain = u"^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
		.shifted = u"°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
		.altgr = u"  ²³   {[]}\\ @ €        ~            |      µ   ",
		.decimal = ',',
	},
};

const struct layout *layout_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++)
		if (strcmp(layouts[i].name, name) == 0)
			return &layouts[i];
	return NULL;
}

/* ---- bytes ---- */

static void add_byte(struct key *out, uint8_t byte)
{
	out->meaning = KEY_BYTES;
	out->bytes[out->nbytes++] = byte;
}

static void add_string(struct key *out, const char *s)
{
	while (*s != '\0')
		add_byte(out, (uint8_t)*s++);
}

static void add_char(struct key *out, uint16_t ch, bool unicode)
{
	if (ch < 0x80 || (!unicode && ch < 0x100)) {
		add_byte(out, (uint8_t)ch);
	} else if (!unicode) {
		return; /* Latin-1 has no euro sign */
	} else if (ch < 0x800) {
		add_byte(out, (uint8_t)(0xc0 | ch >> 6));
		add_byte(out, 0x80 | (ch & 0x3f));
	} else {
		add_byte(out, (uint8_t)(0xe0 | ch >> 12));
		add_byte(out, 0x80 | (ch >> 6 & 0x3f));
		add_byte(out, 0x80 | (ch & 0x3f));
	}
}

/* What Ctrl makes of a character: the letter's number, and the classic few beside. */
static uint16_t control_char(uint16_t c)
{
	if ((c >= '@' && c <= '_') || (c >= 'a' && c <= 'z'))
		return c & 0x1f;
	switch (c) {
	case ' ':
	case '2':
	case '`':
		return 0;
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
		return 0x1b + (c - '3');
	case '-':
	case '/':
		return 0x1f;
	case '8':
	case '?':
		return 0x7f;
	}
	return c;
}

static bool shift(const struct keyboard *k)
{
	return k->shift_left || k->shift_right;
}

static bool ctrl(const struct keyboard *k)
{
	return k->ctrl_left || k->ctrl_right;
}

static bool altgr(const struct keyboard *k)
{
	return k->alt_right && k->layout->altgr != NULL;
}

static bool alt(const struct keyboard *k)
{
	return k->alt_left || (k->alt_right && k->layout->altgr == NULL);
}

static void send_char(const struct keyboard *k, uint16_t ch, bool unicode, struct key *out)
{
	if (ctrl(k))
		ch = control_char(ch);
	if (alt(k))
		add_byte(out, 0x1b);
	add_char(out, ch, unicode);
}

/* Lower and upper case are 0x20 apart, in Latin-1 too. */
static uint16_t layout_char(const struct keyboard *k, unsigned i)
{
	uint16_t plain = k->layout->plain[i], shifted = k->layout->shifted[i];
	bool letter = plain >= 'a' && shifted == plain - 0x20;
	bool upper = shift(k);

	if (altgr(k))
		return k->layout->altgr[i] == ' ' ? 0 : k->layout->altgr[i];
	if (letter && k->leds & LED_CAPS)
		upper = !upper;
	return upper ? shifted : plain;
}

static void character_key(const struct keyboard *k, uint8_t code, bool unicode, struct key *out)
{
	for (unsigned i = 0; i < sizeof(positions); i++) {
		uint16_t ch;

		if (positions[i] != code)
			continue;
		ch = layout_char(k, i);
		if (ch != 0)
			send_char(k, ch, unicode, out);
		return;
	}
}

/* ---- keys that are no characters ---- */

/* From SC_KEYPAD on, without NumLock; the grey keys have the same codes. A letter alone is a cursor
 * key, whose sequence depends on the mode. */
static const char *const keypad_keys[] = { "1~", "A", "5~", NULL, "D", "G", "C", NULL, "4~", "B",
	"6~", "2~", "3~" };
static const char keypad_chars[] = "789-456+1230";

/* F1 to F12, and with Shift F13 to F20. */
static const char *const function_keys[] = { "[A", "[B", "[C", "[D", "[E", "17~", "18~", "19~",
	"20~", "21~", "23~", "24~" };
static const char *const shifted_function_keys[] = { "25~", "26~", "28~", "29~", "31~", "32~",
	"33~", "34~" };

static void send_sequence(const char *s, bool cursor_app, struct key *out)
{
	add_string(out, s[1] == '\0' && cursor_app ? "\033O" : "\033[");
	add_string(out, s);
}

static void function_key(const struct keyboard *k, unsigned n, struct key *out)
{
	if (alt(k)) {
		out->meaning = KEY_CONSOLE;
		out->number = (int)n;
	} else if (!shift(k)) {
		send_sequence(function_keys[n], false, out);
	} else if (n < ARRAY_SIZE(shifted_function_keys)) {
		send_sequence(shifted_function_keys[n], false, out);
	}
}

static void cursor_key(const struct keyboard *k, uint8_t code, bool cursor_app, struct key *out)
{
	const char *sequence = keypad_keys[code - SC_KEYPAD];

	if (ctrl(k) && (k->alt_left || k->alt_right) && code == SC_DELETE) {
		out->meaning = KEY_RESTART;
	} else if (shift(k) && (code == SC_PAGE_UP || code == SC_PAGE_DOWN)) {
		out->meaning = KEY_SCROLL;
		out->number = code == SC_PAGE_UP ? 1 : -1;
	} else if (alt(k) && (code == SC_LEFT || code == SC_RIGHT)) {
		out->meaning = KEY_NEIGHBOUR;
		out->number = code == SC_RIGHT ? 1 : -1;
	} else if (sequence != NULL) {
		send_sequence(sequence, cursor_app, out);
	}
}

static void keypad_key(const struct keyboard *k, uint8_t code, bool cursor_app, struct key *out)
{
	bool sign = keypad_keys[code - SC_KEYPAD] == NULL;

	if (!sign && !(k->leds & LED_NUM))
		cursor_key(k, code, cursor_app, out);
	else if (code == SC_KEYPAD_LAST)
		send_char(k, (uint8_t)k->layout->decimal, false, out);
	else
		send_char(k, (uint8_t)keypad_chars[code - SC_KEYPAD], false, out);
}

static void grey_key(const struct keyboard *k, uint8_t code, bool cursor_app, struct key *out)
{
	if (code == SC_ENTER)
		add_byte(out, '\r');
	else if (code == SC_SLASH)
		send_char(k, '/', false, out);
	else if (code >= SC_KEYPAD && code <= SC_KEYPAD_LAST)
		cursor_key(k, code, cursor_app, out);
}

static void plain_key(
	const struct keyboard *k, uint8_t code, bool cursor_app, bool unicode, struct key *out)
{
	switch (code) {
	case SC_ESC:
		send_char(k, 0x1b, false, out);
		return;
	case SC_BACKSPACE:
		send_char(k, ctrl(k) ? '\b' : 0x7f, false, out);
		return;
	case SC_TAB:
		if (shift(k))
			send_sequence("Z", false, out);
		else
			send_char(k, '\t', false, out);
		return;
	case SC_ENTER:
		send_char(k, '\r', false, out);
		return;
	case SC_SPACE:
		send_char(k, ' ', false, out);
		return;
	case SC_KEYPAD_STAR:
		send_char(k, '*', false, out);
		return;
	}
	if (code >= SC_F1 && code <= SC_F10)
		function_key(k, code - SC_F1, out);
	else if (code == SC_F11 || code == SC_F12)
		function_key(k, code - SC_F11 + 10, out);
	else if (code >= SC_KEYPAD && code <= SC_KEYPAD_LAST)
		keypad_key(k, code, cursor_app, out);
	else
		character_key(k, code, unicode, out);
}

/* ---- modifiers ---- */

static void lock_key(struct keyboard *k, unsigned led, bool *held, bool down, struct key *out)
{
	if (down && !*held) {
		k->leds ^= led;
		out->meaning = KEY_LEDS;
	}
	*held = down;
}

/* Grey shifts are not keys: keyboards send them around other grey keys. */
static bool modifier(struct keyboard *k, uint8_t code, bool grey, bool down, struct key *out)
{
	switch (code) {
	case SC_SHIFT_LEFT:
		if (!grey)
			k->shift_left = down;
		return true;
	case SC_SHIFT_RIGHT:
		if (!grey)
			k->shift_right = down;
		return true;
	case SC_CTRL:
		*(grey ? &k->ctrl_right : &k->ctrl_left) = down;
		return true;
	case SC_ALT:
		*(grey ? &k->alt_right : &k->alt_left) = down;
		return true;
	case SC_CAPS:
		lock_key(k, LED_CAPS, &k->caps_held, down, out);
		return true;
	case SC_NUM:
		lock_key(k, LED_NUM, &k->num_held, down, out);
		return true;
	}
	return false;
}

void keymap_code(struct keyboard *k, uint8_t code, bool cursor_app, bool unicode, struct key *out)
{
	bool grey = k->extended, down = !(code & SC_RELEASE);

	memset(out, 0, sizeof(*out));
	if (k->skip > 0) {
		k->skip--;
		return;
	}
	k->extended = code == SC_EXTENDED;
	if (code == SC_PAUSE)
		k->skip = 2;
	if (code == SC_EXTENDED || code == SC_PAUSE)
		return;
	code &= (uint8_t)~SC_RELEASE;
	if (modifier(k, code, grey, down, out) || !down)
		return;
	if (grey)
		grey_key(k, code, cursor_app, out);
	else
		plain_key(k, code, cursor_app, unicode, out);
}

void keymap_init(struct keyboard *k, const struct layout *layout)
{
	memset(k, 0, sizeof(*k));
	k->layout = layout;
}
