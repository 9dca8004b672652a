/* SPDX-License-Identifier: BSD-2-Clause
 * Memory and strings. No state, no locks, any context.
 *
 * The long copies are loops of eight words, not REP MOVS: QEMU's TCG interprets REP one element at
 * a time, while a loop of plain loads and stores is compiled; on hardware the loop is close to REP
 * for the page or less that the kernel copies at once. x86 needs no alignment.
 */
#define STRING_CALLS /* what the header has moves for is defined here */
#include "kernel/core/string.h"

#ifndef __clang__
/* Or gcc recognises these loops as memcpy() and memset(), and calls what it is compiling. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef unsigned long word_t __attribute__((may_alias, aligned(1)));
#define WORD  sizeof(word_t)
#define BLOCK (8 * WORD)

COPY_TEXT void *memcpy(void *dst, const void *src, size_t n)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	for (; n >= BLOCK; n -= BLOCK, d += BLOCK, s += BLOCK) {
		const word_t *from = (const word_t *)s;
		word_t *to = (word_t *)d;
		word_t a = from[0], b = from[1], c = from[2], e = from[3];

		to[0] = a;
		to[1] = b;
		to[2] = c;
		to[3] = e;
		a = from[4];
		b = from[5];
		c = from[6];
		e = from[7];
		to[4] = a;
		to[5] = b;
		to[6] = c;
		to[7] = e;
	}
	for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
		*(word_t *)d = *(const word_t *)s;
	while (n-- > 0)
		*d++ = *s++;
	return dst;
}

COPY_TEXT static void copy_backward(unsigned char *dst, const unsigned char *src, size_t n)
{
	unsigned char *d = dst + n;
	const unsigned char *s = src + n;

	for (; n >= BLOCK; n -= BLOCK) {
		const word_t *from;
		word_t *to, a, b, c, e;

		d -= BLOCK;
		s -= BLOCK;
		from = (const word_t *)s;
		to = (word_t *)d;
		a = from[7];
		b = from[6];
		c = from[5];
		e = from[4];
		to[7] = a;
		to[6] = b;
		to[5] = c;
		to[4] = e;
		a = from[3];
		b = from[2];
		c = from[1];
		e = from[0];
		to[3] = a;
		to[2] = b;
		to[1] = c;
		to[0] = e;
	}
	while (n-- > 0)
		*--d = *--s;
}

COPY_TEXT void *memmove(void *dst, const void *src, size_t n)
{
	/* Overlapping with dst below src, bytes and words in rising order are right, but not
	 * memcpy()'s blocks when the distance is shorter than what it holds in registers. */
	uintptr_t distance = (uintptr_t)dst - (uintptr_t)src;

	if (distance >= n && (uintptr_t)src - (uintptr_t)dst >= BLOCK)
		return memcpy(dst, src, n);
	if (distance < n) {
		copy_backward(dst, src, n);
		return dst;
	}
	for (size_t i = 0; i < n; i++)
		((unsigned char *)dst)[i] = ((const unsigned char *)src)[i];
	return dst;
}

COPY_TEXT void *memset(void *dst, int c, size_t n)
{
	unsigned char *d = dst;
	unsigned long w = (unsigned char)c * (~0ul / 0xff);

	for (; n >= BLOCK; n -= BLOCK, d += BLOCK) {
		word_t *to = (word_t *)d;

		to[0] = w;
		to[1] = w;
		to[2] = w;
		to[3] = w;
		to[4] = w;
		to[5] = w;
		to[6] = w;
		to[7] = w;
	}
	for (; n >= WORD; n -= WORD, d += WORD)
		*(word_t *)d = w;
	while (n-- > 0)
		*d++ = (unsigned char)c;
	return dst;
}

COPY_TEXT int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n >= WORD && *(const word_t *)x == *(const word_t *)y; n -= WORD, x += WORD)
		y += WORD;
	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p != 0)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] != 0)
		i++;
	return i;
}

int strcmp(const char *a, const char *b)
{
	while (*a != 0 && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++)
		if (*a != *b || *a == 0)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == 0)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (*s == 0)
			return (char *)last;
	}
}

char *strstr(const char *s, const char *needle)
{
	size_t n = strlen(needle);

	for (; strncmp(s, needle, n) != 0; s++)
		if (*s == 0)
			return NULL;
	return (char *)s;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n;

	if (size == 0)
		return len;
	n = len < size - 1 ? len : size - 1;
	memcpy(dst, src, n);
	dst[n] = 0;
	return len;
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 255;
}

uint64_t kstrtou64(const char *s, const char **end, unsigned base)
{
	uint64_t v = 0;
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16;

	if ((base == 0 || base == 16) && hex) {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = s[0] == '0' ? 8 : 10;
	}
	for (unsigned d; (d = digit_value(*s)) < base; s++)
		v = v > (UINT64_MAX - d) / base ? UINT64_MAX : v * base + d;
	if (end != NULL)
		*end = s;
	return v;
}
