/* SPDX-License-Identifier: BSD-2-Clause
 * See arch/x86/fpu_frame.h. The CPU saves straight to the frame and loads from there: it checks what it loads, and what
 * a fault on the way stops is the user's own. What comes back is not trusted: lengths are those of this CPU or the
 * extended part is left out. On i386 the x87 registers come from the FNSAVE part, which debuggers and handlers know better,
 * as on Linux. No locks: the calling thread's own state, which a switch in a page fault saves and restores.
 */
#include "arch/x86/fpu_frame.h"

#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "mm/uaccess.h"

#define FX_SW_OFFSET     464 /* software-reserved bytes of the FXSAVE image */
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define FXSAVE_SIZE      512u
#define XSAVE_HEADER     64u
#define XSAVE_ALIGN      64u
#ifdef __i386__
#define HEADER sizeof(struct fsave)
#else
#define HEADER 0u
#endif

struct fx_sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};

bool fpu_frame_extended(void)
{
	return cpu_features.xsave;
}

/* Without FXSAVE (i386) the header is all there is. */
static unsigned image_size(void)
{
	return cpu_features.fxsr ? fpu_state_size() : 0;
}

unsigned fpu_frame_size(void)
{
	return HEADER + image_size() + (fpu_frame_extended() ? sizeof(uint32_t) : 0);
}

vaddr_t fpu_frame_place(vaddr_t sp)
{
	return ROUND_DOWN(sp - (fpu_frame_size() - HEADER), (vaddr_t)64) - HEADER;
}

/* ---- to the frame ---- */

/* XSAVE writes one word of its header and XRSTOR wants all of it, so that the rest has to be zero. */
static int push_extended(vaddr_t at)
{
	const struct fx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = fpu_frame_size(),
		.xfeatures = cpu_features.xsave_mask,
		.xstate_size = image_size(),
	};
	uint32_t magic2 = FP_XSTATE_MAGIC2;

	if (clear_user(at + FXSAVE_SIZE, XSAVE_HEADER) != 0 || fpu_save_user(at) != 0)
		return -EFAULT;
	if (copy_to_user(at + FX_SW_OFFSET, &sw, sizeof(sw)) != 0)
		return -EFAULT;
	return copy_to_user(at + sw.xstate_size, &magic2, sizeof(magic2));
}

static int push_image(vaddr_t at)
{
	if (fpu_frame_extended())
		return push_extended(at);
	if (fpu_save_user(at) != 0)
		return -EFAULT;
	return clear_user(at + FX_SW_OFFSET, sizeof(struct fx_sw_bytes));
}

#ifdef __i386__
/* FNSAVE leaves an empty FPU behind. The upper halves of words that have 16 bits are what Linux puts there. */
static int push_x87(vaddr_t at)
{
	struct fsave h;

	fpu_save_x87(&h);
	h.fcw |= 0xffff0000u;
	h.fsw |= 0xffff0000u;
	h.ftw |= 0xffff0000u;
	h.fos |= 0xffff0000u;
	h.status = (uint16_t)h.fsw;
	h.magic = cpu_features.fxsr ? 0 : 0xffff;
	if (copy_to_user(at, &h, sizeof(h)) == 0)
		return 0;
	fpu_load_x87(&h);
	return -EFAULT;
}
#endif

int fpu_frame_push(vaddr_t at)
{
#ifdef __i386__
	if (cpu_features.fxsr && push_image(at + HEADER) != 0)
		return -EFAULT;
	return push_x87(at);
#else
	return push_image(at);
#endif
}

/* ---- and back ---- */

/* Which components are in the part beyond the legacy image; 0: that part is not whole, or there is none.
 * A program may hand back the legacy part only, and then the rest starts afresh. */
static int frame_features(vaddr_t at, uint32_t *features)
{
	struct fx_sw_bytes sw;
	uint32_t magic2 = 0;

	*features = 0;
	if (!fpu_frame_extended())
		return 0;
	if (copy_from_user(&sw, at + FX_SW_OFFSET, offsetof(struct fx_sw_bytes, padding)) != 0)
		return -EFAULT;
	if (sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size != image_size())
		return 0;
	if (copy_from_user(&magic2, at + sw.xstate_size, sizeof(magic2)) != 0)
		return -EFAULT;
	if (magic2 == FP_XSTATE_MAGIC2)
		*features = (uint32_t)(sw.xfeatures & cpu_features.xsave_mask);
	return 0;
}

#ifdef __i386__
/* Linux does not ask for the alignment of XRSTOR here, since it loads a copy, too. */
static int pop_misaligned(vaddr_t at, uint32_t features)
{
	struct fpu_image *image = fpu_image_alloc();
	int err = image != NULL ? 0 : -ENOMEM;

	if (err == 0)
		err = copy_from_user(image, at, features != 0 ? image_size() : FXSAVE_SIZE);
	if (err == 0)
		err = fpu_load_checked(image, features);
	fpu_image_free(image);
	return err;
}
#endif

static int pop_image(vaddr_t at)
{
	uint32_t features;
	int err = frame_features(at, &features);

	if (err != 0)
		return err;
	if (!user_range_ok(at, features != 0 ? image_size() : FXSAVE_SIZE))
		return -EFAULT;
#ifdef __i386__
	if (at % XSAVE_ALIGN != 0)
		return pop_misaligned(at, features);
#endif
	return fpu_load_checked((const void *)at, features);
}

int fpu_frame_pop(vaddr_t at)
{
	int err = 0;

	if (cpu_features.fxsr)
		err = pop_image(at + HEADER);
#ifdef __i386__
	if (err == 0)
		err = user_range_ok(at, sizeof(struct fsave)) ? fpu_load_x87((const void *)at)
							      : -EFAULT;
#endif
	if (err != 0)
		fpu_reset();
	return err;
}
