/* SPDX-License-Identifier: BSD-2-Clause
 * Formatted output into a buffer: the integer and string half of C's snprintf. No state, no locks,
 * any context. Two choices of our own: %p prints 0x and lower-case digits also for NULL, and %s of
 * NULL prints (null).
 */
#include "kernel/core/log.h"
#include "kernel/core/string.h"

struct out {
	char *buf;
	size_t size, len; /* len goes on counting beyond size */
	va_list ap;
};

enum {
	F_LEFT = 1,
	F_ZERO = 2,
	F_PLUS = 4,
	F_SPACE = 8,
	F_ALT = 16,
	F_UPPER = 32,
	F_SIGNED = 64,
};

struct spec {
	unsigned flags;
	int width, precision; /* precision -1: not given */
	unsigned base, bytes; /* of a number */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	size_t max = sp->precision >= 0 ? (size_t)sp->precision : SIZE_MAX;
	int n;

	if (s == NULL)
		s = "(null)";
	n = (int)strnlen(s, max);
	if (!(sp->flags & F_LEFT))
		pad(o, ' ', sp->width - n);
	for (int i = 0; i < n; i++)
		put(o, s[i]);
	if (sp->flags & F_LEFT)
		pad(o, ' ', sp->width - n);
}

static const char *number_prefix(const struct spec *sp, bool negative, bool zero)
{
	if (sp->base == 16 && (sp->flags & F_ALT) && !zero)
		return sp->flags & F_UPPER ? "0X" : "0x";
	if (!(sp->flags & F_SIGNED))
		return "";
	if (negative)
		return "-";
	if (sp->flags & F_PLUS)
		return "+";
	return sp->flags & F_SPACE ? " " : "";
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v, bool negative)
{
	const char *digits = sp->flags & F_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *prefix = number_prefix(sp, negative, v == 0);
	char tmp[24];
	int n = 0, zeros, spaces;

	for (; v > UINT32_MAX; v /= sp->base)
		tmp[n++] = digits[v % sp->base];
	for (uint32_t low = (uint32_t)v; low > 0; low /= sp->base) /* no 64-bit division on i386 */
		tmp[n++] = digits[low % sp->base];
	zeros = (sp->precision < 0 ? 1 : sp->precision) - n;
	if (sp->base == 8 && (sp->flags & F_ALT) && zeros <= 0)
		zeros = 1;
	zeros = MAX(zeros, 0);
	spaces = sp->width - (int)strlen(prefix) - zeros - n;
	if ((sp->flags & (F_ZERO | F_LEFT)) == F_ZERO && sp->precision < 0 && spaces > 0) {
		zeros += spaces;
		spaces = 0;
	}
	if (!(sp->flags & F_LEFT))
		pad(o, ' ', spaces);
	while (*prefix != 0)
		put(o, *prefix++);
	pad(o, '0', zeros);
	while (n > 0)
		put(o, tmp[--n]);
	if (sp->flags & F_LEFT)
		pad(o, ' ', spaces);
}

static const char *parse_flags(const char *f, unsigned *flags)
{
	static const char names[] = "-0+ #";

	for (const char *p; *f != 0 && (p = strchr(names, *f)) != NULL; f++)
		*flags |= 1u << (p - names);
	return f;
}

static const char *parse_number(const char *f, int *n)
{
	for (*n = 0; *f >= '0' && *f <= '9'; f++)
		*n = *n * 10 + (*f - '0');
	return f;
}

/* Bytes of the argument: hh 1, h 2, none 4, l z t the word, ll j 8. */
static const char *parse_length(const char *f, unsigned *bytes)
{
	*bytes = sizeof(int);
	switch (*f) {
	case 'h':
		*bytes = f[1] == 'h' ? 1 : 2;
		return f + (f[1] == 'h' ? 2 : 1);
	case 'l':
		*bytes = f[1] == 'l' ? 8 : sizeof(long);
		return f + (f[1] == 'l' ? 2 : 1);
	case 'z':
	case 't':
		*bytes = sizeof(size_t);
		return f + 1;
	case 'j':
		*bytes = 8;
		return f + 1;
	}
	return f;
}

/* Sign-extends, or cuts, v to `bytes`. */
static uint64_t narrow(uint64_t v, unsigned bytes, bool is_signed)
{
	unsigned shift = 64 - 8 * bytes;

	if (is_signed)
		return (uint64_t)((int64_t)(v << shift) >> shift);
	return v << shift >> shift;
}

static uint64_t fetch(struct out *o, unsigned bytes)
{
	return bytes == 8 ? va_arg(o->ap, uint64_t) : va_arg(o->ap, unsigned);
}

static int fetch_star(struct out *o, struct spec *sp)
{
	int n = va_arg(o->ap, int);

	if (n < 0)
		sp->flags |= F_LEFT;
	return n < 0 ? -n : n;
}

/* What stands between % and the conversion. */
static const char *parse_spec(struct out *o, const char *f, struct spec *sp)
{
	f = parse_flags(f, &sp->flags);
	if (*f == '*') {
		sp->width = fetch_star(o, sp);
		f++;
	} else {
		f = parse_number(f, &sp->width);
	}
	if (*f == '.' && f[1] == '*') {
		sp->precision = va_arg(o->ap, int);
		f += 2;
	} else if (*f == '.') {
		f = parse_number(f + 1, &sp->precision);
	}
	return parse_length(f, &sp->bytes);
}

static void put_signed(struct out *o, struct spec *sp)
{
	uint64_t v = narrow(fetch(o, sp->bytes), sp->bytes, true);
	bool negative = (int64_t)v < 0;

	sp->flags |= F_SIGNED;
	put_number(o, sp, negative ? 0 - v : v, negative);
}

static void put_unsigned(struct out *o, struct spec *sp, unsigned base)
{
	sp->base = base;
	put_number(o, sp, narrow(fetch(o, sp->bytes), sp->bytes, false), false);
}

static void put_pointer(struct out *o, struct spec *sp)
{
	uintptr_t v = (uintptr_t)va_arg(o->ap, void *);

	sp->base = 16;
	sp->flags |= F_ALT;
	if (v == 0)
		put_string(o, sp, "0x0");
	else
		put_number(o, sp, v, false);
}

/* Not through put_string(): the character may be NUL. */
static void put_char(struct out *o, const struct spec *sp)
{
	char c = (char)va_arg(o->ap, int);

	if (!(sp->flags & F_LEFT))
		pad(o, ' ', sp->width - 1);
	put(o, c);
	if (sp->flags & F_LEFT)
		pad(o, ' ', sp->width - 1);
}

/* False: no conversion of ours. */
static bool convert(struct out *o, struct spec *sp, char conversion)
{
	switch (conversion) {
	case 'd':
	case 'i':
		put_signed(o, sp);
		return true;
	case 'u':
		put_unsigned(o, sp, 10);
		return true;
	case 'o':
		put_unsigned(o, sp, 8);
		return true;
	case 'X':
		sp->flags |= F_UPPER;
		put_unsigned(o, sp, 16);
		return true;
	case 'x':
		put_unsigned(o, sp, 16);
		return true;
	case 'p':
		put_pointer(o, sp);
		return true;
	case 'c':
		put_char(o, sp);
		return true;
	case 's':
		put_string(o, sp, va_arg(o->ap, const char *));
		return true;
	case '%':
		put(o, '%');
		return true;
	}
	return false;
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size, .len = 0 };

	va_copy(o.ap, ap);
	for (const char *f = fmt; *f != 0;) {
		struct spec sp = { .precision = -1, .base = 10 };
		const char *start = f, *end;

		if (*f != '%') {
			put(&o, *f++);
			continue;
		}
		end = parse_spec(&o, f + 1, &sp);
		if (convert(&o, &sp, *end)) {
			f = end + 1;
			continue;
		}
		while (start < end) /* shown as it stands */
			put(&o, *start++);
		f = end;
	}
	va_end(o.ap);
	if (size > 0)
		buf[MIN(o.len, size - 1)] = 0;
	return (int)o.len;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
