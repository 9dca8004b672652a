/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/console/keymap.c: keys are pressed on a US and a German keyboard, and what comes of them is
 * what a Linux console would get.
 */
#include <stdlib.h>

#include "kernel/console/keymap.h"
#include "tests/host/tap.h"

static struct keyboard k;
static bool cursor_app, unicode = true;
static char heard[64]; /* bytes, and {meaning number} for the rest */

static void press(const char *codes)
{
	heard[0] = '\0';
	for (const char *p = codes; *p != '\0';) {
		struct key key;
		char *end, text[24];

		keymap_code(&k, (uint8_t)strtoul(p, &end, 16), cursor_app, unicode, &key);
		p = end + strspn(end, " ");
		if (key.meaning == KEY_BYTES) {
			snprintf(text, sizeof(text), "%.*s", (int)key.nbytes, (char *)key.bytes);
			if (key.bytes[0] == '\0')
				strcpy(text, "{NUL}");
		} else if (key.meaning == KEY_LEDS) {
			snprintf(text, sizeof(text), "{leds %u}", k.leds);
		} else {
			snprintf(text, sizeof(text), "{%d %d}", (int)key.meaning, key.number);
		}
		if (key.meaning != KEY_NOTHING)
			strcat(heard, text);
	}
}

static const struct {
	const char *name, *codes, *heard;
} us[] = {
	{ "letters", "1e 9e 30 b0 2e ae", "abc" },
	{ "a repeat", "1e 1e 1e 9e", "aaa" },
	{ "left shift", "2a 1e 9e aa 1e 9e", "Aa" },
	{ "right shift", "36 03 83 b6 03 83", "@2" },
	{ "caps lock", "3a ba 1e 9e 02 82 2a 1e 9e aa 3a ba 1e", "{leds 4}A1a{leds 0}a" },
	{ "caps lock does not repeat", "3a 3a 3a ba 3a ba", "{leds 4}{leds 0}" },
	{ "control", "1d 2e ae 9d", "\003" },
	{ "right control", "e0 1d 20 a0 e0 9d 20", "\004d" },
	{ "control and digits", "1d 03 83 04 84 08 88 09 89 9d", "{NUL}\033\037\177" },
	{ "control space", "1d 39 b9 9d", "{NUL}" },
	{ "alt", "38 1e 9e b8", "\033a" },
	{ "the right alt too", "e0 38 1e 9e e0 b8", "\033a" },
	{ "enter, tab, escape, backspace", "1c 0f 01 0e", "\r\t\033\177" },
	{ "control backspace", "1d 0e 9d", "\b" },
	{ "shift tab", "2a 0f aa", "\033[Z" },
	{ "cursor keys", "e0 48 e0 c8 e0 50 e0 4d e0 4b", "\033[A\033[B\033[C\033[D" },
	{ "with the shifts that keyboards add", "e0 2a e0 48 e0 c8 e0 aa 1e", "\033[Aa" },
	{ "home, end, insert, delete, pages", "e0 47 e0 4f e0 52 e0 53 e0 49 e0 51",
		"\033[1~\033[4~\033[2~\033[3~\033[5~\033[6~" },
	{ "function keys", "3b 3f 40 44 57 58", "\033[[A\033[[E\033[17~\033[21~\033[23~\033[24~" },
	{ "with shift", "2a 3b 42 aa", "\033[25~\033[34~" },
	{ "alt with function keys", "38 3b bb 3e be 44 c4 57 b8", "{2 0}{2 3}{2 9}{2 10}" },
	{ "control and alt too", "1d 38 3c bc b8 9d", "{2 1}" },
	{ "alt with cursor keys", "38 e0 4d e0 cd e0 4b e0 cb b8", "{3 1}{3 -1}" },
	{ "control, alt, delete", "1d 38 e0 53 e0 d3 b8 9d 53", "{5 0}\033[3~" },
	{ "shift with page up and down", "2a e0 49 e0 c9 e0 51 e0 d1 aa", "{4 1}{4 -1}" },
	{ "the keypad moves the cursor", "47 48 4c 53 4a 4e 37 e0 35 e0 1c",
		"\033[1~\033[A\033[G\033[3~-+*/\r" },
	{ "num lock", "45 c5 47 4c 53 52 45 c5 47", "{leds 2}75.0{leds 0}\033[1~" },
	{ "pause does nothing", "e1 1d 45 e1 9d c5 1e", "a" },
	{ "unknown codes do nothing", "54 59 7f ff e0 5b e0 70 1e", "a" },
};

static const struct {
	const char *name, *codes, *heard;
} de[] = {
	{ "Y and Z", "15 2c", "zy" },
	{ "umlauts", "1a 27 28 0c", "\303\274\303\266\303\244\303\237" },
	{ "capital ones", "2a 1a 27 28 0c aa", "\303\234\303\226\303\204?" },
	{ "caps lock knows them", "3a ba 1a 0c 3a ba", "{leds 4}\303\234\303\237{leds 0}" },
	{ "AltGr", "e0 38 10 12 08 1b 56 32 e0 b8", "@\342\202\254{~|\302\265" },
	{ "AltGr with nothing on it", "e0 38 1e e0 b8 1e", "a" },
	{ "the left alt is an alt", "38 10 b8", "\033q" },
	{ "control", "1d 2c 9d", "\031" },
	{ "the keypad's comma", "45 c5 53 45 c5", "{leds 2},{leds 0}" },
};

int main(void)
{
	keymap_init(&k, layout_find("us"));
	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++) {
		press(us[i].codes);
		is_str(heard, us[i].heard, "us: %s", us[i].name);
	}
	cursor_app = true;
	press("e0 48 e0 47");
	is_str(heard, "\033OA\033[1~", "us: application cursor keys");
	cursor_app = false;
	keymap_init(&k, layout_find("de"));
	for (size_t i = 0; i < sizeof(de) / sizeof(de[0]); i++) {
		press(de[i].codes);
		is_str(heard, de[i].heard, "de: %s", de[i].name);
	}
	unicode = false;
	press("1a e0 38 12 e0 b8");
	is_str(heard, "\374", "de: Latin-1, which has no euro sign");
	ok(layout_find("xx") == NULL, "an unknown layout");

	/* Anything may come from a keyboard that is going mad. */
	srand(1);
	for (unsigned i = 0; i < 1000000; i++) {
		struct key key;

		keymap_code(&k, (uint8_t)rand(), rand() & 1, rand() & 1, &key);
		if (key.nbytes > sizeof(key.bytes) ||
			(key.nbytes > 0) != (key.meaning == KEY_BYTES))
			return !ok(false, "random codes");
	}
	ok(true, "a million random codes");
	return tap_done();
}
