/* SPDX-License-Identifier: BSD-2-Clause
 * Zeroes and copies one page with plain loads and stores, unrolled. Not `rep stos`: emulators, the
 * kernel's usual home, execute that element by element. The accesses are volatile so that the
 * compiler does not find a memset() in the loop.
 */
#ifndef ARCH_X86_PAGE_WORDS_H
#define ARCH_X86_PAGE_WORDS_H

#include "kernel/core/types.h"

#define ZERO_8(i)                                                                                \
	w[i] = zero, w[(i) + 1] = zero, w[(i) + 2] = zero, w[(i) + 3] = zero, w[(i) + 4] = zero, \
	w[(i) + 5] = zero, w[(i) + 6] = zero, w[(i) + 7] = zero
#define ZERO_32(i) ZERO_8(i), ZERO_8((i) + 8), ZERO_8((i) + 16), ZERO_8((i) + 24)

COPY_TEXT static void page_words_zero(void *page)
{
	volatile uintptr_t *w = page, *end = w + PAGE_SIZE / sizeof(*w);
	uintptr_t zero = 0;

	__asm__("" : "+r"(zero)); /* in a register: stores of a constant are longer */
	for (; w < end; w += 128)
		ZERO_32(0), ZERO_32(32), ZERO_32(64), ZERO_32(96);
}

static inline void page_words_copy(void *to, const void *from)
{
	volatile uintptr_t *d = to, *end = d + PAGE_SIZE / sizeof(*d);
	const volatile uintptr_t *s = from;

	for (; d < end; d += 8, s += 8) {
		d[0] = s[0], d[1] = s[1], d[2] = s[2], d[3] = s[3];
		d[4] = s[4], d[5] = s[5], d[6] = s[6], d[7] = s[7];
	}
}

#endif
