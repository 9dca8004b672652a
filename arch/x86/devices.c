/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's character devices together: which of them is the console, and what of the kernel
 * log it shows. The second serial port has the whole log (serial.c); the console shows warnings and
 * worse until user space owns it, then panics only; the screen shows panics in any case, for who has
 * only that in front of him. No line goes to one device twice. Set up once on the BSP; no locks.
 */
#include "arch/x86/console.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"

struct console_sink {
	struct log_sink sink;
	struct chardev *dev;
};

static struct chardev *console;

static struct chardev *find_device(const char *name)
{
	for (unsigned i = 0; i < NUARTS; i++)
		if (strcmp(uarts[i]->name, name) == 0)
			return uarts[i];
	return strcmp(screen.name, name) == 0 ? &screen : NULL;
}

static struct chardev *choose_console(void)
{
	const char *name = option_get("console");
	struct chardev *dev = name != NULL ? find_device(name) : NULL;

	if (dev != NULL && dev->present)
		return dev;
	if (name != NULL)
		klog(LOG_WARN, "console=%s: no such device, ignored", name);
	return uarts[0]->present ? uarts[0] : &screen;
}

struct chardev *console_device(void)
{
	if (console == NULL)
		console = choose_console();
	return console;
}

/* A terminal wants a carriage return before each newline. */
static void sink_write(struct log_sink *sink, const char *s, size_t n)
{
	struct chardev *dev = container_of(sink, struct console_sink, sink)->dev;
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\n')
			continue;
		dev->write(dev, s + start, i - start);
		dev->write(dev, "\r\n", 2);
		start = i + 1;
	}
	dev->write(dev, s + start, n - start);
}

static struct console_sink console_sink = { .sink = { .write = sink_write } };
static struct console_sink screen_sink = {
	.sink = { .write = sink_write, .only_panic = true },
	.dev = &screen,
};

void console_log_init(void)
{
	struct chardev *dev = console_device();

	console_sink.dev = dev;
	console_sink.sink.max_level =
		(enum log_level)option_u64("loglevel", LOG_WARN, LOG_EMERG, LOG_DEBUG);
	if (dev != uarts[1])
		log_add_sink(&console_sink.sink);
	if (dev != &screen && screen.present)
		log_add_sink(&screen_sink.sink);
}

void console_user_owns(void)
{
	if (option_get("loglevel") != NULL)
		return; /* whoever asks for it wants to see it */
	console_sink.sink.only_panic = true;
}

void arch_devices_init(void)
{
	serial_init();
	keyboard_init();
}
