/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's consoles: UARTs as the tty layer and devfs see them, displays, the keyboard.
 */
#ifndef ARCH_X86_CONSOLE_H
#define ARCH_X86_CONSOLE_H

#include "kernel/core/types.h"

#define NUARTS 4

/* An input byte arrived; interrupt context, no lock of the device held. */
typedef void (*chardev_input_fn)(void *arg, uint8_t byte);

struct display;

struct chardev {
	const char *name; /* "ttyS0" .. "ttyS3" */
	bool present;
	/* Writes n bytes, busy-waiting for the device, but not for ever: a UART that stays busy for
	 * longer than a few characters take loses them. Any context. */
	void (*write)(struct chardev *, const void *buf, size_t n);
	/* Writes what the device takes at once; returns how many bytes, 0: it is busy. Any context. */
	size_t (*write_some)(struct chardev *, const void *buf, size_t n);
	/* Set once by chardev_set_input(); NULL: input is dropped. */
	chardev_input_fn input;
	void *input_arg;
};

extern struct chardev *const uarts[NUARTS];

static inline void chardev_set_input(struct chardev *dev, chardev_input_fn fn, void *arg)
{
	dev->input_arg = arg;
	__atomic_store_n(&dev->input, fn, __ATOMIC_RELEASE);
}

/* To be called by drivers, interrupts off. */
static inline void chardev_receive(struct chardev *dev, uint8_t byte)
{
	chardev_input_fn fn = __atomic_load_n(&dev->input, __ATOMIC_ACQUIRE);

	if (fn != NULL)
		fn(dev->input_arg, byte);
}

/* Early, needs this_cpu(): probes the UARTs (a missing one has present == false) and hooks the
 * kernel log to the second one. */
void serial_early_init(void);
/* Interrupt-driven input; needs irq_register(). */
void serial_init(void);
/* Waits until the UARTs have sent what they hold; at most some milliseconds. */
void serial_drain(void);

/* arch/x86/vga.c: if there is VGA text, it is the screen. Needs the first MiB in the direct map. */
void vga_early_init(void);
/* arch/x86/framebuffer.c: the boot loader's framebuffer, cleared; NULL: none, or none we can draw on.
 * After kva_init(). */
const struct display *framebuffer_init(void);
/* For a panic before that: a corner of it, not cleared. NULL as above. */
const struct display *framebuffer_early(void);

/* arch/x86/keyboard.c. Needs irq_register(). */
void keyboard_init(void);
/* From now on scan codes (set 1) are handed to fn, in interrupt context on one CPU. Once. */
void keyboard_set_input(void (*fn)(uint8_t code));
/* LED_* (kernel/console/keymap.h). From what keyboard_set_input() has set only. */
void keyboard_set_leds(uint8_t leds);

/* arch/x86/speaker.c: a short tone; while one sounds, nothing. Any context. */
void speaker_beep(void);

/* arch/x86/devices.c. UARTs, VGA text, and the log on them; needs this_cpu(). */
void console_early_init(void);
/* A panic begins: if there is no screen yet, whatever can be drawn on becomes one. */
void console_panic_begin(void);
/* Which UART is /dev/console; NULL: none, it is the screen. Constant after arch_screen_init(). */
struct chardev *console_device(void);
/* From now on user space owns the consoles: of the kernel log they get panics only, unless loglevel= was
 * given. Idempotent. */
void console_user_owns(void);

#endif
