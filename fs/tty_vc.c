/* SPDX-License-Identifier: BSD-2-Clause
 * The driver of the terminals /dev/tty1 to /dev/tty4: the virtual consoles (kernel/console/screen.h) and
 * the keyboard, which types on the one in the foreground; what man 2 ioctl_console tells of them.
 *
 * The keyboard's state belongs to the interrupt handler, which runs on one CPU. A console's keyboard
 * mode is one word, written by ioctl() and read by the handler. Everything else is the screen's or the
 * terminal layer's and protected there.
 */
#include "fs/tty.h"

#include "arch/x86/console.h"
#include "fs/file.h"
#include "kernel/console/keymap.h"
#include "kernel/console/screen.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/kd.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/uaccess.h"

#define CHUNK     512
#define MAJOR_TTY 4
#define INIT_PID  1

struct vc {
	struct tty tty;
	int kbmode; /* K_UNICODE... */
};

static struct vc vcs[NCONSOLES];
static struct keyboard keyboard;

static unsigned vc_number(const struct tty *tty)
{
	return (unsigned)(container_of(tty, struct vc, tty) - vcs);
}

struct tty *vc_tty(unsigned n)
{
	return &vcs[n].tty;
}

struct tty *vc_foreground(void)
{
	return vc_tty(screen_foreground());
}

/* ---- output ---- */

static size_t vc_room(struct tty *tty)
{
	return CHUNK;
}

/* What programs ask the terminal, it answers as if it were typed. */
static int vc_write(struct tty *tty, const uint8_t *p, size_t n)
{
	unsigned number = vc_number(tty), got;
	uint8_t buf[VT_REPLY_SIZE];

	if (screen_write(number, p, n))
		speaker_beep();
	while ((got = screen_replies(number, buf, sizeof(buf))) > 0)
		tty_input(tty, buf, got);
	return 0;
}

static void vc_echo(struct tty *tty, const uint8_t *p, size_t n)
{
	if (screen_write(vc_number(tty), p, n))
		speaker_beep();
}

/* ---- the keyboard ---- */

static void go_to(unsigned n)
{
	if (n < NCONSOLES)
		screen_switch(n);
}

/* Ctrl-Alt-Del is init's to act on (man 2 reboot, CAD). */
static void tell_init(void)
{
	struct proc *init;

	spin_lock(&proc_lock);
	init = proc_find_locked(INIT_PID);
	if (init != NULL)
		signal_proc_locked(
			init, SIGINT, &(struct ksiginfo){ .signo = SIGINT, .code = SI_KERNEL });
	spin_unlock(&proc_lock);
}

static void typed(uint8_t code)
{
	unsigned n = screen_foreground();
	int mode = READ_ONCE(vcs[n].kbmode);
	struct key key;

	keymap_code(&keyboard, code, screen_cursor_keys_app(), mode == K_UNICODE, &key);
	if (mode == K_RAW)
		tty_input(&vcs[n].tty, &code, 1);
	if (mode == K_RAW || mode == K_OFF)
		return;
	switch (key.meaning) {
	case KEY_NOTHING:
		break;
	case KEY_BYTES:
		screen_show_present();
		tty_input(&vcs[n].tty, key.bytes, key.nbytes);
		break;
	case KEY_CONSOLE:
		go_to((unsigned)key.number);
		break;
	case KEY_NEIGHBOUR:
		go_to((n + NCONSOLES + (unsigned)key.number) % NCONSOLES);
		break;
	case KEY_SCROLL:
		screen_scroll(key.number);
		break;
	case KEY_LEDS:
		keyboard_set_leds((uint8_t)keyboard.leds);
		break;
	case KEY_RESTART:
		tell_init();
		break;
	}
}

static const struct layout *choose_layout(void)
{
	const char *name = option_get("keymap");
	const struct layout *layout = name != NULL ? layout_find(name) : NULL;

	if (layout != NULL)
		return layout;
	if (name != NULL)
		klog(LOG_WARN, "keymap=%s: no such layout, ignored", name);
	return layout_find("us");
}

/* ---- ioctl ---- */

static bool in_use(unsigned n)
{
	return READ_ONCE(vcs[n].tty.files) > 0;
}

static int put_int(vaddr_t arg, int32_t v)
{
	return copy_to_user(arg, &v, sizeof(v));
}

/* The lowest console that nobody has open; -1: none. */
static int first_free(vaddr_t arg)
{
	for (unsigned n = 0; n < NCONSOLES; n++)
		if (!in_use(n))
			return put_int(arg, (int32_t)n + 1);
	return put_int(arg, -1);
}

static int get_state(vaddr_t arg)
{
	struct linux_vt_stat st = { .v_active = (uint16_t)(screen_foreground() + 1), .v_state = 1 };

	for (unsigned n = 0; n < NCONSOLES; n++)
		if (in_use(n) || n == screen_foreground())
			st.v_state |= (uint16_t)(1u << (n + 1));
	return copy_to_user(arg, &st, sizeof(st));
}

static int get_mode(vaddr_t arg)
{
	struct linux_vt_mode m = { .mode = VT_AUTO };

	return copy_to_user(arg, &m, sizeof(m));
}

/* Nobody is asked before a console goes to the background. */
static int set_mode(vaddr_t arg)
{
	struct linux_vt_mode m;
	int err = copy_from_user(&m, arg, sizeof(m));

	if (err != 0)
		return err;
	return m.mode == VT_AUTO ? 0 : -EINVAL;
}

static int activate(vaddr_t arg, bool wait)
{
	if (arg == 0 || arg > NCONSOLES)
		return -ENXIO;
	if (wait)
		return screen_wait_foreground((unsigned)arg - 1);
	return screen_switch((unsigned)arg - 1) ? 0 : -ENXIO;
}

/* 0: all that are not in use. */
static int disallocate(vaddr_t arg)
{
	if (arg > NCONSOLES)
		return -ENXIO;
	if (arg != 0 && (in_use((unsigned)arg - 1) || screen_foreground() == arg - 1))
		return -EBUSY;
	for (unsigned n = 0; n < NCONSOLES; n++)
		if ((arg == 0 || arg == n + 1) && !in_use(n) && n != screen_foreground())
			screen_reset(n);
	return 0;
}

static int set_keyboard_mode(struct vc *vc, vaddr_t arg)
{
	if (arg != K_RAW && arg != K_XLATE && arg != K_UNICODE && arg != K_OFF)
		return -EINVAL;
	WRITE_ONCE(vc->kbmode, (int)arg);
	return 0;
}

/* Not for everybody: those that have the console as their terminal, and root. */
static bool may_change(const struct tty *tty)
{
	return tty_is_current(tty) || curproc()->cred.euid == 0;
}

static int change(struct vc *vc, unsigned cmd, vaddr_t arg)
{
	switch (cmd) {
	case KDSETMODE:
		return arg == KD_TEXT ? 0 : -EINVAL;
	case KDSKBMODE:
		return set_keyboard_mode(vc, arg);
	case VT_SETMODE:
		return set_mode(arg);
	case VT_ACTIVATE:
		return activate(arg, false);
	case VT_WAITACTIVE:
		return activate(arg, true);
	case VT_DISALLOCATE:
		return disallocate(arg);
	}
	return -ENOTTY;
}

static int vc_ioctl(struct tty *tty, struct file *f, unsigned cmd, vaddr_t arg)
{
	struct vc *vc = container_of(tty, struct vc, tty);
	uint8_t type = KB_101;

	switch (cmd) {
	case KDGKBTYPE:
		return copy_to_user(arg, &type, sizeof(type));
	case KDGETMODE:
		return put_int(arg, KD_TEXT);
	case KDGKBMODE:
		return put_int(arg, READ_ONCE(vc->kbmode));
	case VT_OPENQRY:
		return first_free(arg);
	case VT_GETMODE:
		return get_mode(arg);
	case VT_GETSTATE:
		return get_state(arg);
	case KDSETMODE:
	case KDSKBMODE:
	case VT_SETMODE:
	case VT_ACTIVATE:
	case VT_WAITACTIVE:
	case VT_DISALLOCATE:
		return may_change(tty) ? change(vc, cmd, arg) : -EPERM;
	}
	return -ENOTTY; /* the terminal layer's, or nobody's */
}

/* Nobody is left who could undo a raw keyboard. */
static void vc_close(struct tty *tty)
{
	WRITE_ONCE(container_of(tty, struct vc, tty)->kbmode, K_UNICODE);
}

static const struct tty_ops vc_ops = {
	.room = vc_room,
	.write = vc_write,
	.echo = vc_echo,
	.ioctl = vc_ioctl,
	.close = vc_close,
};

/* Even without a screen: console 1 is the console of a machine that has nothing. */
void vc_init(void)
{
	unsigned cols, rows;

	screen_size(&cols, &rows);
	for (unsigned n = 0; n < NCONSOLES; n++) {
		struct tty *tty = &vcs[n].tty;

		vcs[n].kbmode = K_UNICODE;
		tty_setup(tty, &vc_ops, NULL, dev_make(MAJOR_TTY, n + 1));
		tty->ld.t.iflag |= IUTF8;
		tty->winsize.row = (uint16_t)rows;
		tty->winsize.col = (uint16_t)cols;
	}
	keymap_init(&keyboard, choose_layout());
	keyboard_set_input(typed);
	screen_start();
}
