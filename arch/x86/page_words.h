/* SPDX-License-Identifier: BSD-2-Clause
 * Zeroes and copies one page with plain loads and stores, unrolled. Not `rep stos`: emulators, the
 * kernel's usual home, execute that element by element. The accesses are volatile so that the
 * compiler does not find a memset() in the loop.
 */
#ifndef ARCH_X86_PAGE_WORDS_H
#define ARCH_X86_PAGE_WORDS_H

#include "kernel/core/types.h"

static inline void page_words_zero(void *page)
{
	volatile uintptr_t *w = page, *end = w + PAGE_SIZE / sizeof(*w);

	for (; w < end; w += 32) {
		w[0] = 0, w[1] = 0, w[2] = 0, w[3] = 0;
		w[4] = 0, w[5] = 0, w[6] = 0, w[7] = 0;
		w[8] = 0, w[9] = 0, w[10] = 0, w[11] = 0;
		w[12] = 0, w[13] = 0, w[14] = 0, w[15] = 0;
		w[16] = 0, w[17] = 0, w[18] = 0, w[19] = 0;
		w[20] = 0, w[21] = 0, w[22] = 0, w[23] = 0;
		w[24] = 0, w[25] = 0, w[26] = 0, w[27] = 0;
		w[28] = 0, w[29] = 0, w[30] = 0, w[31] = 0;
	}
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
