/* SPDX-License-Identifier: BSD-2-Clause
 * The terminals' names in /dev, and the UARTs that are not the console: plain streams of bytes, which
 * carry what goes between the machine and its host. Those know no terminal settings; isatty() is
 * false on them.
 *
 * A stream's lock protects its ring, which the interrupt handler fills; what does not fit is lost.
 */
#include "fs/tty.h"

#include "arch/x86/console.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
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

static struct tty console_tty, screen_tty;
static struct stream streams[NUARTS];

struct tty *tty_console(void)
{
	return &console_tty;
}

/* ---- sending ---- */

/* A full FIFO takes 1.4 ms to send; a host that does not read what its virtual machine writes may
 * take for ever. So: a short spin, and then sleep between looks. */
#define SPIN_TRIES 50
#define SPIN_USEC  2
#define NAP_NS     (NSEC_PER_MSEC / 2)

int tty_send(struct chardev *dev, const uint8_t *p, size_t n)
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

/* ---- plain UARTs ---- */

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
		err = tty_send(s->dev, buf, (size_t)n);
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
	return tty_open(&console_tty, f, true);
}

/* /dev/tty: whatever the caller's controlling terminal is. */
static int open_current(struct vnode *vn, struct file *f, void *arg)
{
	struct tty *tty = tty_current();

	return tty != NULL ? tty_open(tty, f, false) : -ENXIO;
}

static int open_screen(struct vnode *vn, struct file *f, void *arg)
{
	if (!screen.present)
		return -ENXIO;
	return tty_open(console_tty.dev == &screen ? &console_tty : &screen_tty, f, false);
}

static int open_uart(struct vnode *vn, struct file *f, void *arg)
{
	struct chardev *dev = arg;

	if (!dev->present)
		return -ENXIO;
	if (console_tty.dev == dev)
		return tty_open(&console_tty, f, false);
	f->data = dev->input_arg;
	f->ops = &stream_ops;
	return 0;
}

static void connect_uart(unsigned n)
{
	struct stream *s = &streams[n];

	if (!uarts[n]->present || console_tty.dev == uarts[n])
		return;
	spin_init(&s->lock, "uart stream");
	waitq_init(&s->read_wq);
	s->dev = uarts[n];
	chardev_set_input(s->dev, stream_input, s);
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
	tty_setup(&console_tty, console_device());
	if (screen.present && console_tty.dev != &screen)
		tty_setup(&screen_tty, &screen);
	add_name("console", 0600, dev_make(MAJOR_TTYAUX, MINOR_CONSOLE), open_console, NULL);
	add_name("tty", 0666, dev_make(MAJOR_TTYAUX, MINOR_TTY), open_current, NULL);
	add_name("tty0", 0620, dev_make(MAJOR_TTY, 0), open_screen, NULL);
	for (unsigned i = 0; i < NUARTS; i++) {
		connect_uart(i);
		add_name(uarts[i]->name, 0660, dev_make(MAJOR_TTY, MINOR_TTYS0 + i), open_uart,
			uarts[i]);
	}
}
