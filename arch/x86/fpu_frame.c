/* SPDX-License-Identifier: BSD-2-Clause
 * See arch/x86/fpu_frame.h. What comes back is not trusted: lengths are those of this CPU or the extended part
 * is left out, and fpu_adopt() refuses what would fault. On i386 the x87 registers come from the FNSAVE
 * part, which debuggers and handlers know better, as on Linux. No locks: the calling thread's own state.
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
#define XSTATE_FP_SSE    3u
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

/* The image as it is, then over it what tells that the frame is extended. */
static int push_image(vaddr_t at, const void *image)
{
	uint32_t magic2 = FP_XSTATE_MAGIC2;
	struct fx_sw_bytes sw = { 0 };

	if (fpu_frame_extended()) {
		sw.magic1 = FP_XSTATE_MAGIC1;
		sw.extended_size = fpu_frame_size();
		sw.xfeatures = cpu_features.xsave_mask;
		sw.xstate_size = image_size();
	}
	if (copy_to_user(at, image, image_size()) != 0 ||
		copy_to_user(at + FX_SW_OFFSET, &sw, sizeof(sw)) != 0)
		return -EFAULT;
	return fpu_frame_extended() ? copy_to_user(at + image_size(), &magic2, sizeof(magic2)) : 0;
}

int fpu_frame_push(vaddr_t at)
{
	const void *image = fpu_current();

#ifdef __i386__
	struct fsave h;

	if (cpu_features.fxsr) {
		fsave_from_fxsave(&h, image);
	} else {
		memcpy(&h, image, fpu_state_size());
		h.status = (uint16_t)h.fsw;
		h.magic = 0xffff;
	}
	if (copy_to_user(at, &h, sizeof(h)) != 0)
		return -EFAULT;
	if (!cpu_features.fxsr)
		return 0;
#endif
	return push_image(at + HEADER, image);
}

/* The part beyond the legacy image, if it is whole; a program may also hand back the legacy part only, and then
 * the rest starts afresh. `image` has the legacy part. */
static int pop_extended(vaddr_t at, uint8_t *image)
{
	struct fx_sw_bytes sw;
	uint64_t features;
	uint32_t magic2 = 0;

	memcpy(&sw, image + FX_SW_OFFSET, sizeof(sw));
	if (sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size == image_size() &&
		copy_from_user(&magic2, at + sw.xstate_size, sizeof(magic2)) != 0)
		return -EFAULT;
	if (magic2 != FP_XSTATE_MAGIC2) {
		memset(image + FXSAVE_SIZE, 0, image_size() - FXSAVE_SIZE);
		image[FXSAVE_SIZE] = XSTATE_FP_SSE;
		return 0;
	}
	if (copy_from_user(image + FXSAVE_SIZE, at + FXSAVE_SIZE, image_size() - FXSAVE_SIZE) != 0)
		return -EFAULT;
	memcpy(&features, image + FXSAVE_SIZE, sizeof(features));
	if (features & ~cpu_features.xsave_mask)
		return -EINVAL;
	features &= sw.xfeatures;
#ifdef __i386__
	features |= XSTATE_FP_SSE; /* what the FNSAVE part says goes in */
#endif
	memcpy(image + FXSAVE_SIZE, &features, sizeof(features));
	return 0;
}

static int read_image(vaddr_t at, uint8_t *image)
{
	int err;

#ifdef __i386__
	struct fsave h;

	if (copy_from_user(&h, at, sizeof(h)) != 0)
		return -EFAULT;
	if (!cpu_features.fxsr) {
		memcpy(image, &h, fpu_state_size());
		return 0;
	}
#endif
	err = copy_from_user(image, at + HEADER, FXSAVE_SIZE);
	if (err == 0 && fpu_frame_extended())
		err = pop_extended(at + HEADER, image);
#ifdef __i386__
	fsave_to_fxsave(&h, image);
#endif
	return err;
}

int fpu_frame_pop(vaddr_t at)
{
	struct fpu_image *image = fpu_image_alloc_raw();
	int err;

	if (image == NULL)
		return -ENOMEM;
	err = read_image(at, (uint8_t *)image);
	if (err == 0)
		return fpu_adopt(image);
	fpu_image_free(image);
	fpu_reset();
	return err;
}
