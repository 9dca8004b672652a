/* SPDX-License-Identifier: BSD-2-Clause
 * From scan codes to what they mean: bytes for a program, or something the consoles do. Pure code over
 * one structure, no locks: a host test types on it.
 */
#ifndef KERNEL_CONSOLE_KEYMAP_H
#define KERNEL_CONSOLE_KEYMAP_H

#include "kernel/core/types.h"

struct layout;

/* NULL: there is none of that name. */
const struct layout *layout_find(const char *name);

enum key_meaning {
	KEY_NOTHING,
	KEY_BYTES,
	KEY_CONSOLE,   /* bring console `number`, from 0, to the foreground */
	KEY_NEIGHBOUR, /* the next one (number 1) or the one before (-1) */
	KEY_SCROLL,    /* `number` pages back in history */
	KEY_RESTART,   /* Ctrl-Alt-Del */
	KEY_LEDS,      /* a lock was switched: see leds */
};

struct key {
	enum key_meaning meaning;
	int number;
	uint8_t bytes[8];
	unsigned nbytes;
};

#define LED_SCROLL 1u
#define LED_NUM    2u
#define LED_CAPS   4u

struct keyboard {
	const struct layout *layout;
	bool shift_left, shift_right, ctrl_left, ctrl_right, alt_left, alt_right;
	unsigned leds;            /* which locks are on */
	bool caps_held, num_held; /* so that repeats do not switch them */
	bool extended;            /* 0xe0 came */
	unsigned skip;            /* codes of Pause to go */
};

void keymap_init(struct keyboard *k, const struct layout *layout);
/* A scan code of set 1, as an i8042 translates. cursor_app: the program wants the cursor keys'
 * application sequences (DECCKM); unicode: characters come in UTF-8, else in Latin-1. */
void keymap_code(struct keyboard *k, uint8_t code, bool cursor_app, bool unicode, struct key *out);

#endif
