/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's consoles together: which of them is /dev/console, and what of the kernel log each
 * shows. The consoles are what console= names, as often as it is given (console=ttyS0 console=tty0);
 * the last that is there is /dev/console. Without the option they are the first UART and the screen, as
 * far as there are any, and the UART is /dev/console.
 *
 * A console shows warnings and worse until user space owns it, then panics only. The second serial port
 * has the whole log in any case (serial.c), the screen panics in any case, for who has only that in
 * front of him. No line goes to one device twice. Set up on the BSP; no locks.
 */
#include "arch/x86/console.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "kernel/console/screen.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"

struct console_sink {
	struct log_sink sink;
	struct chardev *dev; /* NULL: the screen */
};

static struct console_sink uart_sinks[NUARTS], screen_sink;
static struct chardev *console; /* NULL: the screen, or nothing at all */

struct chardev *console_device(void)
{
	return console;
}

/* Is `name` the device of console=name,settings? */
static bool names(const char *value, const char *name)
{
	size_t n = strlen(name);

	return strncmp(value, name, n) == 0 && (value[n] == '\0' || value[n] == ',');
}

static bool names_screen(const char *value)
{
	return names(value, "tty0") || names(value, "tty1") || names(value, "tty");
}

/* The framebuffer comes later than the first messages. */
static bool have_screen(void)
{
	return screen_present() || boot_info.fb.addr != 0;
}

static struct chardev *find_uart(const char *value)
{
	for (unsigned i = 0; i < NUARTS; i++)
		if (uarts[i]->present && names(value, uarts[i]->name))
			return uarts[i];
	return NULL;
}

/* Marks what is to have the log, and finds /dev/console. */
static void choose(bool uart[NUARTS], bool *screen)
{
	bool found = false;
	const char *value;

	for (unsigned n = 0; (value = option_nth("console", n)) != NULL; n++) {
		struct chardev *dev = find_uart(value);

		if (dev == NULL && !(names_screen(value) && have_screen()))
			continue;
		found = true;
		console = dev;
		*screen |= dev == NULL;
		for (unsigned i = 0; i < NUARTS; i++)
			uart[i] |= uarts[i] == dev;
	}
	if (found)
		return;
	uart[0] = uarts[0]->present;
	*screen = have_screen();
	console = uarts[0]->present ? uarts[0] : NULL;
}

static void report_unknown(void)
{
	const char *value;

	for (unsigned n = 0; (value = option_nth("console", n)) != NULL; n++)
		if (find_uart(value) == NULL && !(names_screen(value) && have_screen()))
			klog(LOG_WARN, "console=%s: no such device, ignored", value);
}

/* ---- the log ---- */

static void put(struct chardev *dev, const char *s, size_t n)
{
	if (dev != NULL)
		dev->write(dev, s, n);
	else
		screen_log(s, n);
}

/* A terminal wants a carriage return before each newline. */
static void sink_write(struct log_sink *sink, const char *s, size_t n)
{
	struct chardev *dev = container_of(sink, struct console_sink, sink)->dev;
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\n')
			continue;
		put(dev, s + start, i - start);
		put(dev, "\r\n", 2);
		start = i + 1;
	}
	put(dev, s + start, n - start);
}

static void add_sink(struct console_sink *s, struct chardev *dev, bool only_panic)
{
	s->dev = dev;
	s->sink.write = sink_write;
	s->sink.only_panic = only_panic;
	s->sink.max_level = (enum log_level)option_u64("loglevel", LOG_WARN, LOG_EMERG, LOG_DEBUG);
	log_add_sink(&s->sink);
}

static void console_log_init(void)
{
	bool uart[NUARTS] = { false }, screen = false;

	choose(uart, &screen);
	for (unsigned i = 0; i < NUARTS; i++)
		if (uart[i] && i != 1)
			add_sink(&uart_sinks[i], uarts[i], false);
	if (screen_present())
		add_sink(&screen_sink, NULL, !screen);
}

void console_user_owns(void)
{
	if (option_get("loglevel") != NULL)
		return; /* whoever asks for it wants to see it */
	for (unsigned i = 0; i < NUARTS; i++)
		uart_sinks[i].sink.only_panic = true;
	screen_sink.sink.only_panic = true;
}

/* ---- beginning ---- */

void console_early_init(void)
{
	serial_early_init();
	vga_early_init();
	console_log_init();
}

void console_panic_begin(void)
{
	const struct display *d = screen_present() ? NULL : framebuffer_early();

	if (d == NULL)
		return;
	screen_attach(d);
	add_sink(&screen_sink, NULL, true);
}

void arch_screen_init(void)
{
	const struct display *d = framebuffer_init();

	if (d == NULL)
		boot_info.fb.addr = 0; /* there is no screen after all */
	screen_init(d);
	console_log_init();
	report_unknown();
}

void arch_devices_init(void)
{
	power_init();
	serial_init();
	keyboard_init();
}
