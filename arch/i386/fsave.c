/* SPDX-License-Identifier: BSD-2-Clause
 * x87 state between the formats of FNSAVE and FXSAVE (Intel SDM 1 8.1.10, 10.5.1; tag words: 10.5.1.1).
 */
#include "arch/x86/fpu_frame.h"
#include "kernel/core/string.h"

#define TAG_VALID    0u
#define TAG_ZERO     1u
#define TAG_SPECIAL  2u
#define TAG_EMPTY    3u
#define EXPONENT_MAX 0x7fffu
#define FSW_TOP      11 /* lowest of its three bits */

struct fxsave {
	uint16_t fcw, fsw, ftw, fop;
	uint32_t fip, fcs, foo, fos;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16];
};

static unsigned tag_of(const uint8_t st[10])
{
	unsigned exponent = (unsigned)(st[8] | st[9] << 8) & EXPONENT_MAX;
	uint64_t significand;

	memcpy(&significand, st, sizeof(significand));
	if (exponent == EXPONENT_MAX)
		return TAG_SPECIAL;
	if (exponent == 0)
		return significand == 0 ? TAG_ZERO : TAG_SPECIAL;
	return significand >> 63 ? TAG_VALID : TAG_SPECIAL;
}

/* Tags go by physical register, st[] from the top of the stack on. */
static unsigned full_tags(const struct fxsave *fx)
{
	unsigned top = fx->fsw >> FSW_TOP & 7, tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		bool used = fx->ftw >> i & 1;

		tags |= (used ? tag_of(fx->st[(i - top) & 7]) : TAG_EMPTY) << (2 * i);
	}
	return tags;
}

void fsave_from_fxsave(struct fsave *h, const void *image)
{
	const struct fxsave *fx = image;

	h->fcw = 0xffff0000u | fx->fcw;
	h->fsw = 0xffff0000u | fx->fsw;
	h->ftw = 0xffff0000u | full_tags(fx);
	h->fip = fx->fip;
	h->fcs = (fx->fcs & 0xffff) | (uint32_t)fx->fop << 16;
	h->foo = fx->foo;
	h->fos = 0xffff0000u | fx->fos;
	for (unsigned i = 0; i < 8; i++)
		memcpy(h->st[i], fx->st[i], sizeof(h->st[i]));
	h->status = fx->fsw;
	h->magic = 0;
}

void fsave_to_fxsave(const struct fsave *h, void *image)
{
	struct fxsave *fx = image;

	fx->fcw = (uint16_t)h->fcw;
	fx->fsw = (uint16_t)h->fsw;
	fx->ftw = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((h->ftw >> (2 * i) & 3) != TAG_EMPTY)
			fx->ftw |= (uint16_t)(1u << i);
	fx->fop = (uint16_t)(h->fcs >> 16);
	fx->fip = h->fip;
	fx->fcs = h->fcs & 0xffff;
	fx->foo = h->foo;
	fx->fos = h->fos & 0xffff;
	for (unsigned i = 0; i < 8; i++)
		memcpy(fx->st[i], h->st[i], sizeof(h->st[i]));
}
