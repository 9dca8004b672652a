/* SPDX-License-Identifier: BSD-2-Clause
 * The line discipline; see tty_ldisc.h. Where POSIX (11.1) leaves a choice, Linux's n_tty is
 * followed, for its programs are what runs here.
 */
#include "fs/tty_ldisc.h"

#include "kernel/core/string.h"
#include "kernel/proc/signal.h"

#define TAB_WIDTH   8
#define DEL         0x7f
#define CC_DISABLED 0 /* _POSIX_VDISABLE */

static inline bool iflag(const struct ldisc *l, uint32_t f)
{
	return l->t.iflag & f;
}
static inline bool oflag(const struct ldisc *l, uint32_t f)
{
	return l->t.oflag & f;
}
static inline bool lflag(const struct ldisc *l, uint32_t f)
{
	return l->t.lflag & f;
}

static bool is_cc(const struct ldisc *l, enum termios_cc which, uint8_t c)
{
	return c != CC_DISABLED && l->t.cc[which] == c;
}

static uint16_t *slot(struct ldisc *l, unsigned i)
{
	return &l->queue[i % LDISC_SIZE];
}

static unsigned used(const struct ldisc *l)
{
	return l->head - l->tail;
}

void ldisc_init(struct ldisc *l)
{
	static const struct linux_termios initial = {
		.iflag = ICRNL | IXON,
		.oflag = OPOST | ONLCR,
		.cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
		.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.cc = {
			[VINTR] = 'C' & 0x1f, [VQUIT] = '\\' & 0x1f, [VERASE] = DEL,
			[VKILL] = 'U' & 0x1f, [VEOF] = 'D' & 0x1f, [VMIN] = 1,
			[VSTART] = 'Q' & 0x1f, [VSTOP] = 'S' & 0x1f, [VSUSP] = 'Z' & 0x1f,
			[VREPRINT] = 'R' & 0x1f, [VDISCARD] = 'O' & 0x1f,
			[VWERASE] = 'W' & 0x1f, [VLNEXT] = 'V' & 0x1f,
		},
		.ispeed = 115200,
		.ospeed = 115200,
	};

	memset(l, 0, sizeof(*l));
	l->t = initial;
}

/* Letters as Linux has them: ASCII's and Latin-1's. */
static bool is_lower(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xe0 && c != 0xf7 && c != 0xff);
}

static uint8_t upper(uint8_t c)
{
	return is_lower(c) ? c - 0x20 : c;
}

static uint8_t lower(uint8_t c)
{
	return is_lower(c + 0x20) && c < 0xe0 ? c + 0x20 : c;
}

/* ---- output ---- */

static unsigned output_tab(struct ldisc *l, uint8_t *out)
{
	unsigned n = TAB_WIDTH - l->column % TAB_WIDTH;

	l->column += n;
	if ((l->t.oflag & TABDLY) != XTABS) {
		out[0] = '\t';
		return 1;
	}
	memset(out, ' ', n);
	return n;
}

unsigned ldisc_output(struct ldisc *l, uint8_t c, uint8_t *out)
{
	unsigned n = 0;

	if (!oflag(l, OPOST)) {
		out[0] = c;
		return 1;
	}
	switch (c) {
	case '\n':
		if (oflag(l, ONLCR)) {
			out[n++] = '\r';
			l->column = 0;
		}
		if (oflag(l, ONLRET))
			l->column = 0;
		out[n++] = '\n';
		return n;
	case '\r':
		if (oflag(l, ONOCR) && l->column == 0)
			return 0;
		if (oflag(l, OCRNL)) {
			out[0] = '\n';
			if (oflag(l, ONLRET))
				l->column = 0;
			return 1;
		}
		l->column = 0;
		break;
	case '\t':
		return output_tab(l, out);
	case '\b':
		if (l->column > 0)
			l->column--;
		break;
	default:
		if (c < ' ' || c == DEL)
			break;
		if (oflag(l, OLCUC))
			c = upper(c);
		/* Bytes that continue a UTF-8 character do not move the cursor. */
		if (!(iflag(l, IUTF8) && (c & 0xc0) == 0x80))
			l->column++;
	}
	out[0] = c;
	return 1;
}

/* ---- echo ---- */

static void echo_raw(struct ldisc *l, uint8_t c)
{
	if (l->necho + LDISC_OUT_MAX > LDISC_ECHO_SIZE)
		return;
	l->necho += ldisc_output(l, c, l->echo + l->necho);
}

static bool is_control(uint8_t c)
{
	return c < ' ' || c == DEL;
}

static void echo_char(struct ldisc *l, uint8_t c)
{
	if (lflag(l, ECHOCTL) && is_control(c) && c != '\t') {
		echo_raw(l, '^');
		c ^= 0x40;
	}
	echo_raw(l, c);
}

/* ---- editing the line ---- */

static bool is_continuation(const struct ldisc *l, uint16_t entry)
{
	return iflag(l, IUTF8) && (entry & 0xc0) == 0x80;
}

static unsigned char_width(const struct ldisc *l, uint8_t c)
{
	if (is_control(c))
		return lflag(l, ECHOCTL) ? 2 : 0;
	return is_continuation(l, c) ? 0 : 1;
}

/* The width on the screen of what stands at index `i`, in the line being edited. A tab's depends on the
 * column, which is counted from the tab before it, or from where the line began. */
static unsigned width_at(struct ldisc *l, unsigned i)
{
	unsigned column = 0, k = i;

	if (*slot(l, i) != '\t')
		return char_width(l, (uint8_t)*slot(l, i));
	while (k != l->line && *slot(l, k - 1) != '\t')
		column += char_width(l, (uint8_t)*slot(l, --k));
	if (k == l->line)
		column += l->input_column;
	return TAB_WIDTH - column % TAB_WIDTH;
}

/* ECHOPRT, for terminals that print on paper: what is erased is printed backwards between \ and /. */
static void finish_erasing(struct ldisc *l)
{
	if (l->erasing)
		echo_raw(l, '/');
	l->erasing = false;
}

static void print_erased(struct ldisc *l, unsigned old_head)
{
	if (!l->erasing)
		echo_raw(l, '\\');
	l->erasing = true;
	echo_char(l, (uint8_t)*slot(l, l->head));
	for (unsigned i = l->head + 1; i != old_head; i++)
		echo_raw(l, (uint8_t)*slot(l, i));
}

/* Takes back the last character, all its bytes; the line is not empty. */
static void erase_one(struct ldisc *l, bool show)
{
	unsigned width = 0, old_head = l->head;

	do {
		l->head--;
		if (show)
			width += width_at(l, l->head);
	} while (l->head != l->line && is_continuation(l, *slot(l, l->head)));

	if (show && lflag(l, ECHOPRT)) {
		print_erased(l, old_head);
		return;
	}
	if (*slot(l, l->head) == '\t') {
		while (width-- > 0)
			echo_raw(l, '\b');
		return;
	}
	while (width-- > 0) {
		echo_raw(l, '\b');
		echo_raw(l, ' ');
		echo_raw(l, '\b');
	}
}

/* The end of an erasure: with the line empty there is nothing more to erase. */
static void erased(struct ldisc *l)
{
	if (l->head == l->line && lflag(l, ECHO))
		finish_erasing(l);
}

/* VERASE. Without ECHOE the terminal is one that prints on paper: the character typed is echoed. */
static void erase_char(struct ldisc *l)
{
	bool show = lflag(l, ECHOE) || lflag(l, ECHOPRT);

	if (l->head == l->line)
		return;
	erase_one(l, lflag(l, ECHO) && show);
	if (lflag(l, ECHO) && !show)
		echo_char(l, l->t.cc[VERASE]);
	erased(l);
}

static bool in_word(uint16_t entry)
{
	uint8_t c = (uint8_t)entry;

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 0x80;
}

static void erase_word(struct ldisc *l)
{
	bool seen = false;

	while (l->head != l->line) {
		bool word = in_word(*slot(l, l->head - 1));

		if (seen && !word)
			return;
		seen |= word;
		erase_one(l, lflag(l, ECHO));
	}
	erased(l);
}

static void kill_line(struct ldisc *l)
{
	if (l->head == l->line)
		return;
	if (lflag(l, ECHO) && lflag(l, ECHOK) && lflag(l, ECHOKE) && lflag(l, ECHOE)) {
		while (l->head != l->line)
			erase_one(l, lflag(l, ECHO));
		erased(l);
		return;
	}
	l->head = l->line;
	if (!lflag(l, ECHO))
		return;
	finish_erasing(l);
	echo_char(l, l->t.cc[VKILL]);
	if (lflag(l, ECHOK))
		echo_raw(l, '\n');
}

static void reprint(struct ldisc *l)
{
	finish_erasing(l);
	echo_char(l, l->t.cc[VREPRINT]);
	echo_raw(l, '\n');
	l->input_column = 0;
	for (unsigned i = l->line; i != l->head; i++)
		echo_char(l, (uint8_t)*slot(l, i));
}

/* ---- input ---- */

static void push(struct ldisc *l, uint16_t entry)
{
	*slot(l, l->head) = entry;
	l->head++;
}

/* Room is kept for a delimiter: a line that is too long can still be ended. And for a byte that is
 * entered twice (PARMRK). */
static bool room(const struct ldisc *l, bool delimiter)
{
	return used(l) < LDISC_SIZE - (delimiter ? 0 : iflag(l, PARMRK) ? 2 : 1);
}

bool ldisc_full(const struct ldisc *l)
{
	return !room(l, false) && (!lflag(l, ICANON) || l->lines > 0);
}

static void end_line(struct ldisc *l, uint16_t entry, struct ldisc_result *r)
{
	if (!room(l, true))
		return;
	push(l, entry | LDISC_DELIMITER);
	l->line = l->head;
	l->lines++;
	r->readable = true;
}

/* `from_return`: a newline that was typed as a carriage return, shown as one even in raw mode. */
static void add_char(struct ldisc *l, uint8_t c, bool from_return)
{
	if (!room(l, false))
		return;
	if (l->head == l->line)
		l->input_column = l->column;
	if (c == 0xff && iflag(l, PARMRK))
		push(l, c); /* as \377 alone begins the mark of a bad byte */
	push(l, c);
	if (!lflag(l, ICANON))
		l->line = l->head;
	if (!lflag(l, ECHO))
		return;
	finish_erasing(l);
	if (from_return)
		echo_raw(l, c);
	else
		echo_char(l, c);
}

/* Returns false if the byte is not an editing or delimiting one. */
static bool canonical_char(struct ldisc *l, uint8_t c, struct ldisc_result *r)
{
	bool extended = lflag(l, IEXTEN);

	if (is_cc(l, VERASE, c)) {
		erase_char(l);
	} else if (is_cc(l, VWERASE, c) && extended) {
		erase_word(l);
	} else if (is_cc(l, VKILL, c)) {
		kill_line(l);
	} else if (is_cc(l, VLNEXT, c) && extended) {
		l->literal = true;
		if (lflag(l, ECHO))
			finish_erasing(l);
		if (lflag(l, ECHO) && lflag(l, ECHOCTL)) {
			echo_raw(l, '^');
			echo_raw(l, '\b');
		}
	} else if (is_cc(l, VREPRINT, c) && extended && lflag(l, ECHO)) {
		reprint(l);
	} else if (c == '\n') {
		if (lflag(l, ECHO) || lflag(l, ECHONL))
			echo_raw(l, '\n');
		end_line(l, '\n', r);
	} else if (is_cc(l, VEOF, c)) {
		end_line(l, LDISC_EOF, r);
	} else if (is_cc(l, VEOL, c) || (is_cc(l, VEOL2, c) && extended)) {
		if (lflag(l, ECHO))
			echo_char(l, c);
		end_line(l, c, r);
	} else {
		return false;
	}
	return true;
}

static int signal_of(const struct ldisc *l, uint8_t c)
{
	if (is_cc(l, VINTR, c))
		return SIGINT;
	if (is_cc(l, VQUIT, c))
		return SIGQUIT;
	return is_cc(l, VSUSP, c) ? SIGTSTP : 0;
}

void ldisc_stop(struct ldisc *l, bool held, struct ldisc_result *r)
{
	if (!l->stopped)
		r->events |= TIOCPKT_STOP;
	l->stopped = true;
	l->held |= held;
}

void ldisc_start(struct ldisc *l, bool held, struct ldisc_result *r)
{
	if (held)
		l->held = false;
	if (!l->stopped || l->held)
		return;
	l->stopped = false;
	r->resumed = true;
	r->events |= TIOCPKT_START;
}

/* ^S and ^Q; with IXANY any byte lets output go on. Returns true if the byte was used up. */
static bool flow_control(struct ldisc *l, uint8_t c, struct ldisc_result *r)
{
	if (!iflag(l, IXON))
		return false;
	if (is_cc(l, VSTART, c)) {
		ldisc_start(l, false, r);
		return true;
	}
	if (is_cc(l, VSTOP, c)) {
		ldisc_stop(l, false, r);
		return true;
	}
	if (iflag(l, IXANY))
		ldisc_start(l, false, r);
	return false;
}

static void interrupt_char(struct ldisc *l, uint8_t c, int sig, struct ldisc_result *r)
{
	r->signal = sig;
	if (!lflag(l, NOFLSH)) {
		ldisc_flush(l);
		r->flushed = true;
	}
	if (iflag(l, IXON))
		ldisc_start(l, false, r);
	if (lflag(l, ECHO))
		echo_char(l, c);
}

struct ldisc_result ldisc_input(struct ldisc *l, uint8_t c)
{
	struct ldisc_result r = { 0 };
	bool from_return = false;

	l->necho = 0;
	if (iflag(l, ISTRIP))
		c &= 0x7f;
	if (iflag(l, IUCLC) && lflag(l, IEXTEN))
		c = lower(c);
	if (l->literal) {
		l->literal = false;
		add_char(l, c, false);
		r.readable = !lflag(l, ICANON);
		return r;
	}
	if (flow_control(l, c, &r))
		return r;
	if (lflag(l, ISIG)) {
		int sig = signal_of(l, c);

		if (sig != 0) {
			interrupt_char(l, c, sig, &r);
			return r;
		}
	}
	if (c == '\r') {
		if (iflag(l, IGNCR))
			return r;
		if (iflag(l, ICRNL)) {
			c = '\n';
			from_return = true;
		}
	} else if (c == '\n' && iflag(l, INLCR)) {
		c = '\r';
	}
	if (lflag(l, ICANON)) {
		if (!canonical_char(l, c, &r))
			add_char(l, c, false);
		return r;
	}
	add_char(l, c, from_return);
	r.readable = true;
	return r;
}

/* ---- reading ---- */

bool ldisc_readable(const struct ldisc *l, unsigned min)
{
	if (lflag(l, ICANON))
		return l->lines > 0;
	return used(l) >= MAX(min, 1u);
}

unsigned ldisc_count(const struct ldisc *l)
{
	unsigned end = lflag(l, ICANON) ? l->line : l->head, n = 0;

	for (unsigned i = l->tail; i != end; i++)
		n += !(l->queue[i % LDISC_SIZE] & LDISC_EOF);
	return n;
}

static void pop(struct ldisc *l)
{
	if (*slot(l, l->tail) & LDISC_DELIMITER)
		l->lines--;
	l->tail++;
	if ((int)(l->line - l->tail) < 0)
		l->line = l->tail;
}

unsigned ldisc_read(struct ldisc *l, uint8_t *buf, unsigned n, bool *done)
{
	bool canonical = lflag(l, ICANON);
	unsigned got = 0;

	*done = false;
	while (l->tail != (canonical ? l->line : l->head)) {
		uint16_t entry = *slot(l, l->tail);

		/* An end of file right behind what fits belongs to this read, else the next one
		 * would find nothing before it and take it for a real one. */
		if (got == n && !(canonical && n > 0 && (entry & LDISC_EOF)))
			return got;
		pop(l);
		if (!(entry & LDISC_EOF))
			buf[got++] = (uint8_t)entry;
		if (canonical && (entry & LDISC_DELIMITER)) {
			*done = true;
			return got;
		}
	}
	return got;
}

void ldisc_flush(struct ldisc *l)
{
	l->tail = l->line = l->head;
	l->lines = 0;
	l->literal = l->erasing = false;
}

/* Into and out of canonical mode all that is queued becomes one line that has ended: what was typed
 * ahead can be read. */
static void relabel(struct ldisc *l)
{
	for (unsigned i = l->tail; i != l->head; i++)
		*slot(l, i) &= (uint16_t)~LDISC_DELIMITER;
	l->lines = 0;
	l->line = l->head;
	if (l->head == l->tail)
		return;
	*slot(l, l->head - 1) |= LDISC_DELIMITER;
	l->lines = 1;
}

struct ldisc_result ldisc_set_termios(struct ldisc *l, const struct linux_termios *t)
{
	struct ldisc_result r = { 0 };
	bool toggled = (l->t.lflag ^ t->lflag) & ICANON;
	bool ixon_off = iflag(l, IXON) && !(t->iflag & IXON);

	l->t = *t;
	if (toggled)
		relabel(l);
	if (ixon_off)
		ldisc_start(l, false, &r);
	return r;
}
