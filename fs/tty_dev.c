/* SPDX-License-Identifier: BSD-2-Clause
 * The UARTs as terminals, and the names of all terminals of the machine in /dev. A UART that the
 * option rawserial= names (tools/vm does) is no terminal but a plain stream of bytes, which carries
 * what goes between a virtual machine and its host; isatty() is false on it.
 *
 * A stream's lock protects its ring, which the interrupt handler fills; what does not fit is lost.
 */
#include "fs/tty.h"

#include "arch/x86/console.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/pty.h"
#include "kernel/console/screen.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/poll.h"

#define RING_SIZE 4096u
#define CHUNK     256

struct stream {
	struct spinlock lock;
	struct chardev *dev;
	uint8_t ring[RING_SIZE];
	unsigned head, tail; /* run freely */
	struct waitq read_wq;
};

static struct tty uart_ttys[NUARTS];
static struct stream streams[NUARTS];
static struct tty *console_tty; /* NULL: the virtual console in the foreground */

/* ---- sending ---- */

/* A full FIFO takes 1.4 ms to send; a host that does not read what its virtual machine writes may
 * take for ever. So: a short spin, and then sleep between looks. */
#define SPIN_TRIES 50
#define SPIN_USEC  2
#define NAP_NS     (NSEC_PER_MSEC / 2)

/* Sends all n bytes. 0, or -ERESTARTSYS: not all were sent. */
static int send(struct chardev *dev, const uint8_t *p, size_t n)
{
	unsigned tries = 0;

	while (n > 0) {
		size_t done = dev->write_some(dev, p, n);
		struct waitq nap;

		p += done;
		n -= done;
		if (done > 0) {
			tries = 0;
			continue;
		}
		if (tries++ < SPIN_TRIES) {
			udelay(SPIN_USEC);
			continue;
		}
		waitq_init(&nap);
		if (WAIT_EVENT(&nap, false, WAIT_INTR, clock_monotonic_ns() + NAP_NS) ==
			-ERESTARTSYS)
			return -ERESTARTSYS;
	}
	return 0;
}

/* ---- terminals ---- */

static void terminal_byte(void *arg, uint8_t byte)
{
	tty_input(arg, &byte, 1);
}

/* What a device takes at once it alone knows; the rest is waited for in terminal_write(). */
static size_t terminal_room(struct tty *tty)
{
	return CHUNK;
}

static int terminal_write(struct tty *tty, const uint8_t *p, size_t n)
{
	return send(tty->driver, p, n);
}

static void terminal_echo(struct tty *tty, const uint8_t *p, size_t n)
{
	struct chardev *dev = tty->driver;

	dev->write(dev, p, n);
}

static const struct tty_ops terminal_ops = {
	.room = terminal_room,
	.write = terminal_write,
	.echo = terminal_echo,
};

static void setup_terminal(struct tty *tty, struct chardev *dev, uint64_t rdev)
{
	tty_setup(tty, &terminal_ops, dev, rdev);
	if (console_device() == dev)
		console_tty = tty;
	chardev_set_input(dev, terminal_byte, tty);
}

/* ---- streams ---- */

static void stream_input(void *arg, uint8_t byte)
{
	struct stream *s = arg;

	spin_lock(&s->lock);
	if (s->head - s->tail < RING_SIZE)
		s->ring[s->head++ % RING_SIZE] = byte;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->read_wq);
}

static ssize_t stream_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct stream *s = f->data;
	uint8_t buf[CHUNK];
	size_t n = 0, want = MIN(u->resid, sizeof(buf));
	int err = 0;

	if (want == 0)
		return 0;
	spin_lock(&s->lock);
	while (s->head == s->tail && err == 0) {
		if (f->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = waitq_sleep(&s->read_wq, &s->lock, WAIT_INTR, WAIT_FOREVER);
	}
	while (n < want && s->head != s->tail)
		buf[n++] = s->ring[s->tail++ % RING_SIZE];
	spin_unlock(&s->lock);
	return n > 0 ? uio_move(u, buf, n) : err;
}

static ssize_t stream_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct stream *s = f->data;
	uint8_t buf[CHUNK];
	size_t total = 0;
	int err = 0;

	while (err == 0 && u->resid > 0) {
		ssize_t n = uio_move(u, buf, sizeof(buf));

		if (n <= 0) {
			err = (int)n;
			break;
		}
		err = send(s->dev, buf, (size_t)n);
		if (err != 0)
			break;
		total += (size_t)n;
		sched_yield_if_needed();
		if (u->resid > 0 && signal_pending())
			err = -ERESTARTSYS;
	}
	return total > 0 ? (ssize_t)total : err;
}

static unsigned stream_poll(struct file *f, struct poll_table *pt)
{
	struct stream *s = f->data;
	unsigned events = POLLOUT | POLLWRNORM;

	poll_wait(pt, &s->read_wq);
	spin_lock(&s->lock);
	if (s->head != s->tail)
		events |= POLLIN | POLLRDNORM;
	spin_unlock(&s->lock);
	return events;
}

static const struct file_ops stream_ops = {
	.name = "uart",
	.read = stream_read,
	.write = stream_write,
	.poll = stream_poll,
};

/* ---- names ---- */

/* Numbers as Linux has them, Documentation/admin-guide/devices.txt. */
#define MAJOR_TTY     4
#define MINOR_TTYS0   64
#define MAJOR_TTYAUX  5
#define MINOR_TTY     0
#define MINOR_CONSOLE 1

static int open_console(struct vnode *vn, struct file *f, void *arg)
{
	return tty_open(console_tty != NULL ? console_tty : vc_foreground(), f, true);
}

/* /dev/tty: whatever the caller's controlling terminal is. */
static int open_current(struct vnode *vn, struct file *f, void *arg)
{
	struct tty *tty = tty_current();
	int err;

	if (tty == NULL)
		return -ENXIO;
	err = tty_open(tty, f, false);
	tty_put(tty);
	return err;
}

/* /dev/tty0 (arg NULL): the virtual console in the foreground. */
static int open_vc(struct vnode *vn, struct file *f, void *arg)
{
	return screen_present() ? tty_open(arg != NULL ? arg : vc_foreground(), f, false) : -ENXIO;
}

static int open_uart(struct vnode *vn, struct file *f, void *arg)
{
	struct chardev *dev = arg;

	if (!dev->present)
		return -ENXIO;
	if (dev->input != stream_input)
		return tty_open(dev->input_arg, f, false);
	f->data = dev->input_arg;
	f->ops = &stream_ops;
	return 0;
}

static void setup_stream(struct stream *s, struct chardev *dev)
{
	spin_init(&s->lock, "uart stream");
	waitq_init(&s->read_wq);
	s->dev = dev;
	chardev_set_input(dev, stream_input, s);
}

/* Is it one of the words of rawserial=ttyS0,ttyS2. The console never is. */
static bool wanted_raw(const struct chardev *dev)
{
	const char *p = option_get("rawserial");
	size_t len = strlen(dev->name);

	while (p != NULL && *p != '\0') {
		if (strncmp(p, dev->name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return dev != console_device();
		p = strchr(p, ',');
		p = p != NULL ? p + 1 : NULL;
	}
	return false;
}

static void connect_uart(unsigned n)
{
	struct chardev *dev = uarts[n];

	if (!dev->present)
		return;
	if (wanted_raw(dev))
		setup_stream(&streams[n], dev);
	else
		setup_terminal(&uart_ttys[n], dev, dev_make(MAJOR_TTY, MINOR_TTYS0 + n));
}

static void add_name(const char *name, uint32_t mode, uint64_t rdev,
	int (*open)(struct vnode *, struct file *, void *), void *arg)
{
	int err = devfs_register(name, mode, rdev, open, arg);

	if (err != 0)
		klog(LOG_WARN, "tty: no /dev/%s: error %d", name, -err);
}

void tty_init(void)
{
	static const char *const vc_names[NCONSOLES] = { "tty1", "tty2", "tty3", "tty4" };

	vc_init();
	add_name("console", 0600, dev_make(MAJOR_TTYAUX, MINOR_CONSOLE), open_console, NULL);
	add_name("tty", 0666, dev_make(MAJOR_TTYAUX, MINOR_TTY), open_current, NULL);
	add_name("tty0", 0620, dev_make(MAJOR_TTY, 0), open_vc, NULL);
	for (unsigned i = 0; i < NCONSOLES; i++)
		add_name(vc_names[i], 0620, dev_make(MAJOR_TTY, i + 1), open_vc, vc_tty(i));
	for (unsigned i = 0; i < NUARTS; i++) {
		connect_uart(i);
		add_name(uarts[i]->name, 0660, dev_make(MAJOR_TTY, MINOR_TTYS0 + i), open_uart,
			uarts[i]);
	}
	pty_init();
}
