/* SPDX-License-Identifier: BSD-2-Clause
 * PS/2 keyboard behind an i8042 (IBM PS/2 technical reference; scan code set 1, which the controller
 * translates to). Keys become the bytes a Linux console sends, US layout. A machine without the
 * controller, or with nothing plugged in, is fine.
 *
 * The state of the modifiers belongs to the interrupt handler, which runs on one CPU; no lock.
 */
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"

#define I8042_DATA           0x60
#define I8042_STATUS         0x64
#define I8042_COMMAND        0x64
#define STATUS_OUTPUT_FULL   0x01
#define STATUS_INPUT_FULL    0x02
#define STATUS_FROM_MOUSE    0x20
#define CMD_READ_CONFIG      0x20
#define CMD_WRITE_CONFIG     0x60
#define CMD_DISABLE_MOUSE    0xa7
#define CMD_DISABLE_KEYBOARD 0xad
#define CMD_ENABLE_KEYBOARD  0xae
#define CONFIG_KEYBOARD_IRQ  0x01
#define CONFIG_MOUSE_IRQ     0x02
#define CONFIG_KEYBOARD_OFF  0x10
#define CONFIG_TRANSLATE     0x40
#define KEYBOARD_ENABLE      0xf4
#define KEYBOARD_IRQ         1
#define WAIT_USEC            20000
#define DRAIN_MAX            64

#define SC_RELEASE      0x80
#define SC_EXTENDED     0xe0
#define SC_EXTENDED2    0xe1 /* Pause: two codes follow */
#define SC_CTRL         0x1d
#define SC_SHIFT_LEFT   0x2a
#define SC_SHIFT_RIGHT  0x36
#define SC_ALT          0x38
#define SC_CAPS         0x3a
#define SC_KEYPAD_ENTER 0x1c
#define SC_KEYPAD_SLASH 0x35

static const char plain[] =
	"\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* The keypad without NumLock and the grey keys share codes; the latter come extended. */
static const char *const cursor_keys[] = { [0x47] = "\033[1~",
	[0x48] = "\033[A",
	[0x49] = "\033[5~",
	[0x4b] = "\033[D",
	[0x4d] = "\033[C",
	[0x4f] = "\033[4~",
	[0x50] = "\033[B",
	[0x51] = "\033[6~",
	[0x52] = "\033[2~",
	[0x53] = "\033[3~" };
static const char *const function_keys[] = { [0x3b] = "\033[[A",
	[0x3c] = "\033[[B",
	[0x3d] = "\033[[C",
	[0x3e] = "\033[[D",
	[0x3f] = "\033[[E",
	[0x40] = "\033[17~",
	[0x41] = "\033[18~",
	[0x42] = "\033[19~",
	[0x43] = "\033[20~",
	[0x44] = "\033[21~",
	[0x57] = "\033[23~",
	[0x58] = "\033[24~" };

static bool shift_left, shift_right, ctrl_left, ctrl_right, alt_left, alt_right, caps;
static bool extended;
static unsigned skip;

static void send(const char *s)
{
	while (*s != '\0')
		chardev_receive(&screen, (uint8_t)*s++);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What Ctrl makes of a character: the letter's number, and the classic few beside. */
static bool control_char(char c, uint8_t *out)
{
	if (is_letter(c) || (c >= '[' && c <= '_') || c == '@')
		*out = (uint8_t)c & 0x1f;
	else if (c == ' ' || c == '2')
		*out = 0;
	else if (c == '-' || c == '/')
		*out = 0x1f;
	else
		return false;
	return true;
}

static void character(uint8_t code)
{
	bool shift = shift_left || shift_right;
	uint8_t byte;
	char c = plain[code];

	if (is_letter(c) ? shift != caps : shift)
		c = shifted[code];
	if (c == '\0')
		return;
	byte = (uint8_t)c;
	if ((ctrl_left || ctrl_right) && !control_char(c, &byte))
		byte = (uint8_t)c;
	if (alt_left || alt_right)
		chardev_receive(&screen, '\033');
	chardev_receive(&screen, byte);
}

static bool modifier(uint8_t code, bool ext, bool down)
{
	switch (code) {
	case SC_SHIFT_LEFT:
		if (!ext) /* extended it is part of a grey key's code */
			shift_left = down;
		return true;
	case SC_SHIFT_RIGHT:
		if (!ext)
			shift_right = down;
		return true;
	case SC_CTRL:
		*(ext ? &ctrl_right : &ctrl_left) = down;
		return true;
	case SC_ALT:
		*(ext ? &alt_right : &alt_left) = down;
		return true;
	case SC_CAPS:
		caps ^= down;
		return true;
	}
	return false;
}

static void extended_key(uint8_t code)
{
	if (code == SC_KEYPAD_ENTER)
		send("\r");
	else if (code == SC_KEYPAD_SLASH)
		send("/");
	else if (code < ARRAY_SIZE(cursor_keys) && cursor_keys[code] != NULL)
		send(cursor_keys[code]);
}

static void scan_code(uint8_t sc)
{
	bool ext = extended;
	uint8_t code = sc & (uint8_t)~SC_RELEASE;

	if (skip > 0) {
		skip--;
		return;
	}
	extended = sc == SC_EXTENDED;
	if (extended)
		return;
	if (sc == SC_EXTENDED2) {
		skip = 2;
		return;
	}
	if (modifier(code, ext, !(sc & SC_RELEASE)) || (sc & SC_RELEASE))
		return;
	if (ext)
		extended_key(code);
	else if (code < sizeof(plain) - 1)
		character(code);
	else if (code < ARRAY_SIZE(function_keys) && function_keys[code] != NULL)
		send(function_keys[code]);
	else if (code < ARRAY_SIZE(cursor_keys) && cursor_keys[code] != NULL)
		send(cursor_keys[code]);
}

static void keyboard_interrupt(void *arg)
{
	for (unsigned i = 0; i < DRAIN_MAX; i++) {
		uint8_t status = inb(I8042_STATUS);
		uint8_t data;

		if (!(status & STATUS_OUTPUT_FULL))
			return;
		data = inb(I8042_DATA);
		if (!(status & STATUS_FROM_MOUSE))
			scan_code(data);
	}
}

/* ---- the controller ---- */

static bool wait_for(uint8_t bit, bool set)
{
	for (unsigned i = 0; i < WAIT_USEC / 10; i++) {
		if (!(inb(I8042_STATUS) & bit) == !set)
			return true;
		udelay(10);
	}
	return false;
}

static bool command(uint8_t c)
{
	if (!wait_for(STATUS_INPUT_FULL, false))
		return false;
	outb(I8042_COMMAND, c);
	return true;
}

static bool write_data(uint8_t v)
{
	if (!wait_for(STATUS_INPUT_FULL, false))
		return false;
	outb(I8042_DATA, v);
	return true;
}

static void drain(void)
{
	for (unsigned i = 0; i < DRAIN_MAX && (inb(I8042_STATUS) & STATUS_OUTPUT_FULL); i++)
		inb(I8042_DATA);
}

static bool controller_setup(void)
{
	uint8_t config;

	if (inb(I8042_STATUS) == 0xff)
		return false;
	if (!command(CMD_DISABLE_KEYBOARD) || !command(CMD_DISABLE_MOUSE))
		return false;
	drain();
	if (!command(CMD_READ_CONFIG) || !wait_for(STATUS_OUTPUT_FULL, true))
		return false;
	config = inb(I8042_DATA);
	config |= CONFIG_KEYBOARD_IRQ | CONFIG_TRANSLATE;
	config &= (uint8_t) ~(CONFIG_MOUSE_IRQ | CONFIG_KEYBOARD_OFF);
	if (!command(CMD_WRITE_CONFIG) || !write_data(config) || !command(CMD_ENABLE_KEYBOARD))
		return false;
	write_data(KEYBOARD_ENABLE);
	wait_for(STATUS_OUTPUT_FULL, true); /* its acknowledgement, if there is a keyboard */
	drain();
	return true;
}

void keyboard_init(void)
{
	if (!controller_setup()) {
		klog(LOG_INFO, "keyboard: no i8042 controller");
		return;
	}
	if (irq_register(KEYBOARD_IRQ, keyboard_interrupt, NULL, "i8042") != 0)
		klog(LOG_WARN, "keyboard: no interrupt");
	drain();
}
