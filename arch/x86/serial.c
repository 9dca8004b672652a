/* SPDX-License-Identifier: BSD-2-Clause
 * 16550 UARTs (National Semiconductor PC16550D data sheet) at the four usual places of a PC. Input
 * comes by interrupt, on lines that two ports share; output is polled, up to one FIFO full at a time.
 *
 * Each port's lock protects its transmit side and is held for at most 16 bytes. The receive side is
 * touched by the interrupt handler only, always on the same CPU. Order: log, tty, then uart.
 */
#include "arch/x86/console.h"

#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"

enum uart_reg {
	UART_DATA = 0,
	UART_IER = 1, /* interrupt enable */
	UART_IIR = 2, /* interrupt identification (read) */
	UART_FCR = 2, /* FIFO control (write) */
	UART_LCR = 3, /* line control */
	UART_MCR = 4, /* modem control */
	UART_LSR = 5, /* line status */
	UART_MSR = 6, /* modem status */
	UART_SCRATCH = 7,
	UART_DIVISOR_LOW = 0, /* with LCR_DIVISOR */
	UART_DIVISOR_HIGH = 1,
};
#define IER_RECEIVED      0x01
#define IIR_NONE          0x01
#define IIR_CAUSE         0x0e
#define IIR_CAUSE_MODEM   0x00
#define IIR_CAUSE_LINE    0x06
#define IIR_CAUSE_DATA    0x04
#define IIR_CAUSE_TIMEOUT 0x0c
#define IIR_FIFO          0xc0
#define FCR_SETUP         0x87 /* on, both cleared, interrupt at 8 bytes */
#define LCR_8N1           0x03
#define LCR_DIVISOR       0x80
#define MCR_RUN           0x0b /* DTR, RTS, OUT2: the gate of the interrupt line on a PC */
#define MCR_LOOPBACK      0x1e /* RTS, OUT1, OUT2, loop */
#define LSR_DATA          0x01
#define LSR_BREAK         0x10
#define LSR_THR_EMPTY     0x20
#define LSR_IDLE          0x40
#define DIVISOR_115200    1

#define FIFO_SIZE  16
#define POLL_LOOPS 100000 /* a port read takes about 1 us, a full FIFO 1.4 ms to send */
#define DRAIN_MAX  64
#define IRQ_PASSES 64
#define LOCK_TRIES 1000000

struct uart {
	struct chardev dev;
	uint16_t port;
	uint8_t irq;
	uint8_t room; /* bytes it takes when it is empty */
	bool stuck;   /* did not become ready in time; do not wait again until it does */
	struct spinlock lock;
};

static void uart_write(struct chardev *dev, const void *buf, size_t n);
static size_t uart_write_some(struct chardev *dev, const void *buf, size_t n);

#define UART(n, io, line)                                                                         \
	{                                                                                         \
		.dev = { .name = "ttyS" #n, .write = uart_write, .write_some = uart_write_some }, \
		.port = io, .irq = line, .lock = SPINLOCK_INIT("uart"),                           \
	}
static struct uart ports[NUARTS] = { UART(0, 0x3f8, 4), UART(1, 0x2f8, 3), UART(2, 0x3e8, 4),
	UART(3, 0x2e8, 3) };
struct chardev *const uarts[NUARTS] = { &ports[0].dev, &ports[1].dev, &ports[2].dev,
	&ports[3].dev };

static uint8_t reg_read(const struct uart *u, enum uart_reg reg)
{
	return inb(u->port + reg);
}

static void reg_write(const struct uart *u, enum uart_reg reg, uint8_t v)
{
	outb(u->port + reg, v);
}

static bool wait_status(const struct uart *u, uint8_t bits)
{
	for (unsigned i = 0; i < POLL_LOOPS; i++)
		if (reg_read(u, UART_LSR) & bits)
			return true;
	return false;
}

/* ---- output ---- */

/* Lock held, or the machine is dying. */
static size_t fill_fifo(struct uart *u, const uint8_t *p, size_t n)
{
	if (!(reg_read(u, UART_LSR) & LSR_THR_EMPTY))
		return 0;
	u->stuck = false;
	n = MIN(n, (size_t)u->room);
	for (size_t i = 0; i < n; i++)
		reg_write(u, UART_DATA, p[i]);
	return n;
}

static size_t uart_write_some(struct chardev *dev, const void *buf, size_t n)
{
	struct uart *u = container_of(dev, struct uart, dev);

	if (!dev->present)
		return n;
	spin_lock(&u->lock);
	n = fill_fifo(u, buf, n);
	spin_unlock(&u->lock);
	return n;
}

/* A panic may find the lock held by a CPU that has been stopped, or by what it interrupted; its
 * text is worth more than a torn FIFO. */
static bool try_lock_long(struct uart *u)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (spin_trylock(&u->lock))
			return true;
		cpu_relax();
	}
	return false;
}

static void uart_write(struct chardev *dev, const void *buf, size_t n)
{
	struct uart *u = container_of(dev, struct uart, dev);
	const uint8_t *p = buf;

	if (!dev->present)
		return;
	while (n > 0) {
		bool locked = try_lock_long(u);
		size_t done = fill_fifo(u, p, n);

		if (locked)
			spin_unlock(&u->lock);
		p += done;
		n -= done;
		if (n == 0)
			return;
		if (u->stuck || !wait_status(u, LSR_THR_EMPTY)) {
			u->stuck = true;
			return;
		}
	}
}

void serial_drain(void)
{
	for (unsigned i = 0; i < NUARTS; i++)
		if (ports[i].dev.present && !ports[i].stuck)
			wait_status(&ports[i], LSR_IDLE);
}

/* ---- input ---- */

static void receive(struct uart *u)
{
	for (unsigned i = 0; i < DRAIN_MAX; i++) {
		uint8_t status = reg_read(u, UART_LSR);
		uint8_t byte;

		if (!(status & LSR_DATA))
			return;
		byte = reg_read(u, UART_DATA);
		if (!(status & LSR_BREAK))
			chardev_receive(&u->dev, byte);
	}
}

/* Returns whether the port wanted something. */
static bool service(struct uart *u)
{
	uint8_t iir = reg_read(u, UART_IIR);

	if (iir & IIR_NONE)
		return false;
	switch (iir & IIR_CAUSE) {
	case IIR_CAUSE_DATA:
	case IIR_CAUSE_TIMEOUT:
		receive(u);
		break;
	case IIR_CAUSE_LINE:
		receive(u); /* reads the line status */
		break;
	case IIR_CAUSE_MODEM:
		reg_read(u, UART_MSR);
		break;
	}
	return true;
}

/* The line is edge-triggered and shared: it must have been seen idle on all ports in one pass, or
 * the next edge never comes. */
static void serial_interrupt(void *arg)
{
	uint8_t irq = (uint8_t)(uintptr_t)arg;
	bool busy = true;

	for (unsigned pass = 0; busy && pass < IRQ_PASSES; pass++) {
		busy = false;
		for (unsigned i = 0; i < NUARTS; i++)
			if (ports[i].dev.present && ports[i].irq == irq)
				busy |= service(&ports[i]);
	}
}

void serial_init(void)
{
	for (unsigned i = 0; i < NUARTS; i++) {
		struct uart *u = &ports[i];

		if (!u->dev.present)
			continue;
		if (irq_name(u->irq) == NULL && irq_register(u->irq, serial_interrupt,
							(void *)(uintptr_t)u->irq, "serial") != 0) {
			klog(LOG_WARN, "serial: %s: no interrupt, no input", u->dev.name);
			continue;
		}
		reg_write(u, UART_IER, IER_RECEIVED);
		/* What came before this is waiting without an edge to announce it. */
		serial_interrupt((void *)(uintptr_t)u->irq);
	}
}

/* ---- detection ---- */

/* A byte sent in loopback mode must come back. Nothing there reads as all ones. */
static bool loopback_works(struct uart *u)
{
	bool ok;

	reg_write(u, UART_MCR, MCR_LOOPBACK);
	for (unsigned i = 0; i < FIFO_SIZE && (reg_read(u, UART_LSR) & LSR_DATA); i++)
		reg_read(u, UART_DATA);
	reg_write(u, UART_DATA, 0xae);
	ok = wait_status(u, LSR_DATA) && reg_read(u, UART_DATA) == 0xae;
	reg_write(u, UART_MCR, MCR_RUN);
	return ok;
}

static bool scratch_works(struct uart *u)
{
	reg_write(u, UART_SCRATCH, 0x5a);
	if (reg_read(u, UART_SCRATCH) != 0x5a)
		return false;
	reg_write(u, UART_SCRATCH, 0xa5);
	return reg_read(u, UART_SCRATCH) == 0xa5;
}

static void probe(struct uart *u)
{
	if (!scratch_works(u))
		return;
	wait_status(u, LSR_IDLE); /* the firmware's last words */
	reg_write(u, UART_IER, 0);
	reg_write(u, UART_LCR, LCR_DIVISOR);
	reg_write(u, UART_DIVISOR_LOW, DIVISOR_115200);
	reg_write(u, UART_DIVISOR_HIGH, 0);
	reg_write(u, UART_LCR, LCR_8N1);
	reg_write(u, UART_FCR, FCR_SETUP);
	u->room = (reg_read(u, UART_IIR) & IIR_FIFO) == IIR_FIFO ? FIFO_SIZE : 1;
	u->dev.present = loopback_works(u);
}

/* The log port: every line as it is, no carriage returns; it usually ends in a file. */
static void log_write(struct log_sink *sink, const char *s, size_t n)
{
	uart_write(&ports[1].dev, s, n);
}

static struct log_sink log_port = { .write = log_write, .max_level = LOG_DEBUG, .full = true };

void serial_early_init(void)
{
	const char *wanted = option_get("serial");

	if (wanted != NULL && strcmp(wanted, "off") == 0)
		return;
	for (unsigned i = 0; i < NUARTS; i++)
		probe(&ports[i]);
	if (ports[1].dev.present)
		log_add_sink(&log_port);
}
