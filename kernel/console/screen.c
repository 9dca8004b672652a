/* SPDX-License-Identifier: BSD-2-Clause
 * Virtual consoles and painting. See screen.h.
 *
 * screen_lock protects everything here. It is held for some hundred bytes of output, or for one row
 * being painted, so interrupts wait for no longer; the log, which paints all that has changed at
 * once, is the exception. Order: log, tty, then screen; nothing is taken under it.
 *
 * The painter cannot miss work: whoever changes the foreground sets `stale` with the lock held and
 * wakes it after; the painter clears `stale` before it looks at the first row.
 */
#include "kernel/console/screen.h"

#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/core/wait.h"
#include "mm/kmem.h"

#define HISTORY    200u /* lines of each console */
#define PORTION    256u /* bytes written with the lock held */
#define FRAME_NS   (16 * NSEC_PER_MSEC)
#define LOCK_TRIES 1000000

struct console {
	struct vt vt;
	unsigned back; /* how many lines of history are in view */
	bool programs; /* not only the log has written to it */
};

static struct spinlock screen_lock = SPINLOCK_INIT("screen");
static const struct display *display; /* NULL: no screen */
static struct console consoles[NCONSOLES];
static unsigned nconsoles = 1; /* those that have memory */
static unsigned foreground;
static struct vt_cell *shown; /* what the display has been told, row by row */
static unsigned cursor_row;   /* where the cursor is shown */
static unsigned cursor_col;
static bool cursor_on;
static bool stale;   /* the foreground has changed since the painter last looked */
static bool painter; /* there is one */
static bool panicking;
static struct waitq paint_wq = WAITQ_INIT(paint_wq);
static struct waitq switch_wq = WAITQ_INIT(switch_wq);

/* Before there is an allocator. */
static struct vt_cell early_cells[SCREEN_EARLY_ROWS * SCREEN_EARLY_COLS],
	early_shown[SCREEN_EARLY_ROWS * SCREEN_EARLY_COLS];

/* ---- painting; lock held, or in a panic ---- */

static bool cell_differs(const struct vt_cell *a, const struct vt_cell *b)
{
	return memcmp(a, b, sizeof(*a)) != 0;
}

static struct vt_cell wanted_cell(const struct vt_cell *line, unsigned row, unsigned col)
{
	struct vt_cell cell = line[col];

	if (cursor_on && row == cursor_row && col == cursor_col)
		cell.mark = CELL_CURSOR;
	return cell;
}

static void paint_row(const struct console *c, unsigned row)
{
	const struct vt_cell *line = vt_line(&c->vt, row, c->back);
	struct vt_cell *old = shown + (size_t)row * display->cols, want;

	for (unsigned col = 0; col < display->cols; col++) {
		unsigned first = col;

		for (; col < display->cols; col++) {
			want = wanted_cell(line, row, col);
			if (!cell_differs(&want, &old[col]))
				break;
			old[col] = want;
		}
		if (col > first)
			display->draw(row, first, old + first, col - first);
	}
}

/* The cursor's row before and after a move have changed. */
static void place_cursor(struct console *c)
{
	unsigned row = c->vt.cur.row + c->back, col = c->vt.cur.col;
	bool on = c->vt.cursor_visible && row < display->rows;

	if (on == cursor_on && row == cursor_row && col == cursor_col)
		return;
	if (cursor_on)
		c->vt.dirty[cursor_row] = true;
	if (on)
		c->vt.dirty[row] = true;
	cursor_on = on;
	cursor_row = row;
	cursor_col = col;
	if (display->cursor != NULL)
		display->cursor(row, col, on);
}

static void paint_dirty_row(unsigned row)
{
	struct console *c = &consoles[foreground];

	if (row == 0)
		place_cursor(c);
	if (!c->vt.dirty[row])
		return;
	c->vt.dirty[row] = false;
	paint_row(c, row);
}

static void paint_all(void)
{
	for (unsigned row = 0; row < display->rows; row++)
		paint_dirty_row(row);
}

static void everything_dirty(void)
{
	memset(consoles[foreground].vt.dirty, true, display->rows);
	stale = true;
}

/* ---- the painter ---- */

static void paint_loop(void *arg)
{
	struct waitq nap = WAITQ_INIT(nap);

	for (;;) {
		WAIT_EVENT(&paint_wq, READ_ONCE(stale), WAIT_UNINTR, WAIT_FOREVER);
		spin_lock(&screen_lock);
		stale = false;
		spin_unlock(&screen_lock);
		for (unsigned row = 0; row < display->rows; row++) {
			spin_lock(&screen_lock);
			paint_dirty_row(row);
			spin_unlock(&screen_lock);
		}
		WAIT_EVENT(&nap, false, WAIT_UNINTR, clock_monotonic_ns() + FRAME_NS);
	}
}

void screen_start(void)
{
	if (display == NULL)
		return;
	if (kthread_create("screen", paint_loop, NULL) == NULL) {
		klog(LOG_WARN, "screen: no memory for its thread");
		return;
	}
	spin_lock(&screen_lock);
	painter = true;
	spin_unlock(&screen_lock);
}

/* Lock held: returns whether the painter is to be woken once it is released. */
static bool changed(void)
{
	bool first = !stale;

	if (painter && !panicking) {
		stale = true;
		return first;
	}
	paint_all();
	return false;
}

/* ---- writing ---- */

bool screen_present(void)
{
	return display != NULL;
}

void screen_size(unsigned *cols, unsigned *rows)
{
	*cols = display != NULL ? display->cols : 0;
	*rows = display != NULL ? display->rows : 0;
}

/* Who looks at history goes on seeing the same lines. */
static bool write_locked(struct console *c, const uint8_t *p, size_t n)
{
	bool bell;

	vt_write(&c->vt, p, n);
	if (c->back > 0)
		c->back = MIN(c->back + c->vt.scrolled, c->vt.hist_used);
	c->vt.scrolled = 0;
	bell = c->vt.bell;
	c->vt.bell = false;
	return bell;
}

bool screen_write(unsigned n, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	bool bell = false;

	if (display == NULL || n >= nconsoles)
		return false;
	while (len > 0) {
		size_t portion = MIN(len, (size_t)PORTION);
		bool wake;

		spin_lock(&screen_lock);
		consoles[n].programs = true;
		bell |= write_locked(&consoles[n], p, portion);
		wake = n == foreground && changed();
		spin_unlock(&screen_lock);
		if (wake)
			waitq_wake_all(&paint_wq);
		p += portion;
		len -= portion;
	}
	return bell;
}

unsigned screen_replies(unsigned n, uint8_t *buf, unsigned size)
{
	struct vt *vt = &consoles[n].vt;
	unsigned got;

	if (READ_ONCE(vt->nreply) == 0)
		return 0;
	spin_lock(&screen_lock);
	got = MIN(vt->nreply, size);
	memcpy(buf, vt->reply, got);
	vt->nreply -= got;
	memmove(vt->reply, vt->reply + got, vt->nreply);
	spin_unlock(&screen_lock);
	return got;
}

/* At the machine's end, and in a panic, one must not wait for a CPU that has been stopped, maybe with the
 * lock. Whatever it was in the middle of, rows and columns are within bounds. */
static bool lock_if_possible(void)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (spin_trylock(&screen_lock))
			return true;
		cpu_relax();
	}
	return false;
}

/* Where programs have written: end whatever sequence was being read; plain colours, no scroll region, wrap, and a
 * line after the last. What the display shows may be half painted. */
#define UNDO "\030\033[m\033(B\017\033[r\033[?6l\033[?7h\033[4l\033[?5l\033[?25h\033[999;1H\r\n"

static void begin_panic(void)
{
	struct console *c = &consoles[foreground];

	panicking = true;
	c->back = 0;
	if (c->programs)
		vt_write(&c->vt, (const uint8_t *)UNDO, sizeof(UNDO) - 1);
	memset(shown, 0, (size_t)display->cols * display->rows * sizeof(*shown));
	everything_dirty();
}

void screen_log(const void *buf, size_t len)
{
	bool locked = true;

	if (display == NULL)
		return;
	if (log_panicking())
		locked = lock_if_possible();
	else
		spin_lock(&screen_lock);
	if (log_panicking() && !panicking)
		begin_panic();
	write_locked(&consoles[foreground], buf, len);
	paint_all();
	if (locked)
		spin_unlock(&screen_lock);
}

void screen_flush(void)
{
	bool locked = lock_if_possible();

	if (display != NULL)
		paint_all();
	if (locked)
		spin_unlock(&screen_lock);
}

/* ---- which console is shown, and how much of its past ---- */

unsigned screen_foreground(void)
{
	return READ_ONCE(foreground);
}

bool screen_switch(unsigned n)
{
	if (display == NULL || n >= nconsoles)
		return false;
	spin_lock(&screen_lock);
	consoles[foreground].back = 0;
	foreground = n;
	everything_dirty();
	if (!painter)
		paint_all();
	spin_unlock(&screen_lock);
	waitq_wake_all(&paint_wq);
	waitq_wake_all(&switch_wq);
	return true;
}

int screen_wait_foreground(unsigned n)
{
	return WAIT_EVENT(&switch_wq, screen_foreground() == n, WAIT_INTR, WAIT_FOREVER);
}

static void look_back(unsigned lines)
{
	struct console *c = &consoles[foreground];

	lines = MIN(lines, c->vt.hist_used);
	if (lines == c->back)
		return;
	c->back = lines;
	everything_dirty();
}

void screen_scroll(int pages)
{
	int lines;

	if (display == NULL)
		return;
	spin_lock(&screen_lock);
	lines = (int)consoles[foreground].back + pages * (int)(display->rows / 2);
	look_back((unsigned)MAX(lines, 0));
	spin_unlock(&screen_lock);
	waitq_wake_all(&paint_wq);
}

void screen_show_present(void)
{
	bool wake;

	if (READ_ONCE(consoles[screen_foreground()].back) == 0)
		return;
	spin_lock(&screen_lock);
	wake = consoles[foreground].back > 0;
	look_back(0);
	spin_unlock(&screen_lock);
	if (wake)
		waitq_wake_all(&paint_wq);
}

bool screen_cursor_keys_app(void)
{
	return READ_ONCE(consoles[screen_foreground()].vt.cursor_keys_app);
}

void screen_reset(unsigned n)
{
	static const char reset[] = "\033c\033[3J";

	screen_write(n, reset, sizeof(reset) - 1);
}

/* ---- beginning ---- */

void screen_attach(const struct display *d)
{
	KASSERT(d->cols <= SCREEN_EARLY_COLS && d->rows <= SCREEN_EARLY_ROWS, "%u x %u", d->cols,
		d->rows);
	spin_lock(&screen_lock);
	vt_init(&consoles[0].vt, d->cols, d->rows, 0, early_cells);
	shown = early_shown;
	display = d;
	everything_dirty();
	paint_all();
	spin_unlock(&screen_lock);
}

/* Gives console n memory of the display's size, with what is on it so far. */
static bool console_create(unsigned n, const struct display *d)
{
	void *mem = vzalloc(vt_memory(d->cols, d->rows, HISTORY));
	static struct vt vt; /* too large for a stack */

	if (mem == NULL)
		return false;
	vt_init(&vt, d->cols, d->rows, HISTORY, mem);
	spin_lock(&screen_lock);
	if (consoles[n].vt.cells != NULL)
		vt_copy(&vt, &consoles[n].vt);
	consoles[n].vt = vt;
	spin_unlock(&screen_lock);
	return true;
}

void screen_init(const struct display *d)
{
	struct vt_cell *cells;
	unsigned n = 0;

	if (d == NULL)
		d = display;
	if (d == NULL)
		return;
	cells = vzalloc((size_t)d->cols * d->rows * sizeof(*cells));
	while (cells != NULL && n < NCONSOLES && console_create(n, d))
		n++;
	if (n == 0) {
		klog(LOG_WARN, "screen: no memory for consoles");
		return;
	}
	spin_lock(&screen_lock);
	nconsoles = n;
	shown = cells;
	display = d;
	everything_dirty();
	paint_all();
	spin_unlock(&screen_lock);
	klog(LOG_INFO, "screen: %s, %u x %u, %u consoles", d->name, d->cols, d->rows, n);
}
