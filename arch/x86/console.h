/* SPDX-License-Identifier: BSD-2-Clause
 * Character devices of the machine as the tty layer and devfs see them: UARTs, keyboard, screen.
 */
#ifndef ARCH_X86_CONSOLE_H
#define ARCH_X86_CONSOLE_H

#include "kernel/core/types.h"

#define NUARTS 4

/* An input byte arrived; interrupt context, no lock of the device held. */
typedef void (*chardev_input_fn)(void *arg, uint8_t byte);

struct chardev {
	const char *name; /* "ttyS0" .. "ttyS3", "tty0" (screen and keyboard) */
	bool present;
	/* Writes n bytes, busy-waiting for the device, but not for ever: a UART that stays busy for
	 * longer than a few characters take loses them. Any context. */
	void (*write)(struct chardev *, const void *buf, size_t n);
	/* Writes what the device takes at once; returns how many bytes, 0: it is busy. Any context. */
	size_t (*write_some)(struct chardev *, const void *buf, size_t n);
	/* Set once by chardev_set_input(); NULL: input is dropped. */
	chardev_input_fn input;
	void *input_arg;
	/* Size of the screen in characters; 0 x 0 for a UART. */
	unsigned cols, rows;
};

extern struct chardev *const uarts[NUARTS];
extern struct chardev screen;

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
/* VGA text. After serial_early_init(); needs the first MiB in the direct map. */
void screen_early_init(void);
void keyboard_init(void); /* feeds screen.input with what the keys mean (US layout) */

/* arch/x86/devices.c. Hooks the kernel log to the console; by screen_early_init(). */
void console_log_init(void);
/* Which of the above is /dev/console: the option console=ttyS0..ttyS3|tty0; default ttyS0 when that
 * UART is there, else the screen. Never NULL; with neither UART nor screen it swallows what is
 * written to it. */
struct chardev *console_device(void);
/* From now on user space owns the console: of the kernel log it gets panics only, unless loglevel= was
 * given. Idempotent. */
void console_user_owns(void);

#endif
