/* SPDX-License-Identifier: BSD-2-Clause
 * See arch/x86/fpu_frame.h. The CPU saves straight to the frame and loads from there: it checks what it loads, and what
 * a fault on the way stops is the user's own. What comes back is not trusted: lengths are those of this CPU or the
 * extended part is left out. On i386 the x87 registers come from the FNSAVE part, which debuggers and handlers know better,
 * as on Linux. No locks: the calling thread's own state, which a switch in a page fault saves and restores.
 */
#include "arch/x86/fpu_frame.h"

#include "arch/x86/extable.h"
#include "arch/x86/smap.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "mm/uaccess.h"

#define FX_SW_OFFSET     464 /* software-reserved bytes of the FXSAVE image */
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define XSAVE_HEADER     64u
#define XSAVE_ALIGN      64u
#define XSTATE_FP_SSE    3 /* the components in FXSAVE's part */
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

/* Without FXSAVE (i386) the header is all there is. */
static unsigned image_size(void)
{
	return cpu_features.fxsr ? cpu_features.fpu_size : 0;
}

unsigned fpu_frame_size(void)
{
	return HEADER + image_size() + (fpu_frame_extended() ? sizeof(uint32_t) : 0);
}

vaddr_t fpu_frame_place(vaddr_t sp)
{
	return ROUND_DOWN(sp - (fpu_frame_size() - HEADER), (vaddr_t)64) - HEADER;
}

/* ---- The CPU's instructions, on user memory below USER_END ---- */

/* Where a fault continues: operand 0 becomes operand `n`, an immediate. Its label is 8. */
#define ON_FAULT(n)                                  \
	"\n9:\n\t.pushsection .text.fixup, \"ax\"\n" \
	"8: movl %" n ", %0\n\tjmp 9b\n\t.popsection\n\t"

/* XSAVE writes one word of its header and XRSTOR wants all of it, so that the rest has to be zero before. As Linux
 * does, the frame says of x87 and SSE that they are there: what a handler writes to them is to be loaded. */
static int save_extended(vaddr_t at)
{
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;
	int err = 0;
	struct {
		struct fx_sw_bytes sw;
		uint64_t header[XSAVE_HEADER / sizeof(uint64_t)];
	} middle = { .sw = {
			     .magic1 = FP_XSTATE_MAGIC1,
			     .extended_size = fpu_frame_size(),
			     .xfeatures = cpu_features.xsave_mask,
			     .xstate_size = cpu_features.fpu_size,
		     } };

	if (copy_to_user(at + FX_SW_OFFSET, &middle, sizeof(middle)) != 0)
		return -EFAULT;
	user_access_begin();
	__asm__ volatile("1: xsave" FX64 " (%1)\n2: orl %5, %c6(%1)\n3: movl %7, (%8)" ON_FAULT("2")
				 EXTABLE(1b, 8b) EXTABLE(2b, 8b) EXTABLE(3b, 8b)
			 : "+r"(err)
			 : "r"(at), "i"(-EFAULT), "a"(lo), "d"(hi), "i"(XSTATE_FP_SSE),
			 "i"(FXSAVE_SIZE), "i"(FP_XSTATE_MAGIC2), "r"(at + cpu_features.fpu_size)
			 : "memory");
	user_access_end();
	return err;
}

static int save_legacy(vaddr_t at)
{
	int err = 0;

	user_access_begin();
	__asm__ volatile("1: fxsave" FX64 " (%1)\n2: movl $0, %c3(%1)" ON_FAULT("2") EXTABLE(1b, 8b)
				 EXTABLE(2b, 8b)
			 : "+r"(err)
			 : "r"(at), "i"(-EFAULT), "i"(FX_SW_OFFSET)
			 : "memory");
	user_access_end();
	return err;
}

static int save_image(vaddr_t at)
{
	return fpu_frame_extended() ? save_extended(at) : save_legacy(at);
}

/* A CPU refuses reserved bits of MXCSR, but QEMU's TCG loads them. */
static bool mxcsr_valid(void)
{
	uint32_t mxcsr = 0;

	if (cpu_features.sse)
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return (mxcsr & ~fpu_mxcsr_mask) == 0;
}

/* From user memory, or from a copy: the components `features` by XRSTOR, 0: by FXRSTOR. What is not loaded is as in a new
 * program. -EINVAL: a fault; the state is undefined then. */
static int load(const void *image, uint32_t features)
{
	int err = 0;

	if (features != (uint32_t)cpu_features.xsave_mask)
		fpu_reset();
	user_access_begin();
	if (features != 0)
		__asm__ volatile("1: xrstor" FX64 " (%1)" ON_FAULT("2") EXTABLE(1b, 8b)
				 : "+r"(err)
				 : "r"(image), "i"(-EINVAL), "a"(features), "d"(0)
				 : "memory");
	else
		__asm__ volatile("1: fxrstor" FX64 " (%1)" ON_FAULT("2") EXTABLE(1b, 8b)
				 : "+r"(err)
				 : "r"(image), "i"(-EINVAL)
				 : "memory");
	user_access_end();
	return err == 0 && mxcsr_valid() ? 0 : -EINVAL;
}

#ifdef __i386__
static int load_x87(const void *fnsave)
{
	int err = 0;

	user_access_begin();
	__asm__ volatile("fninit\n1: frstor (%1)" ON_FAULT("2") EXTABLE(1b, 8b)
			 : "+r"(err)
			 : "r"(fnsave), "i"(-EFAULT)
			 : "memory");
	user_access_end();
	return err;
}

#endif

/* ---- to the frame ---- */

#ifdef __i386__
/* FNSAVE leaves an empty FPU behind. The upper halves of words that have 16 bits are what Linux puts there. */
static int push_x87(vaddr_t at)
{
	struct fsave h;

	__asm__ volatile("fnsave %0" : "=m"(h) : : "memory");
	h.fcw |= 0xffff0000u;
	h.fsw |= 0xffff0000u;
	h.ftw |= 0xffff0000u;
	h.fos |= 0xffff0000u;
	h.status = (uint16_t)h.fsw;
	h.magic = cpu_features.fxsr ? 0 : 0xffff;
	if (copy_to_user(at, &h, sizeof(h)) == 0)
		return 0;
	load_x87(&h);
	return -EFAULT;
}
#endif

int fpu_frame_push(vaddr_t at)
{
#ifdef __i386__
	if (cpu_features.fxsr && save_image(at + HEADER) != 0)
		return -EFAULT;
	return push_x87(at);
#else
	return save_image(at);
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
		err = load(image, features);
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
	return load((const void *)at, features);
}

int fpu_frame_pop(vaddr_t at)
{
	int err = 0;

	if (cpu_features.fxsr)
		err = pop_image(at + HEADER);
#ifdef __i386__
	if (err == 0)
		err = user_range_ok(at, sizeof(struct fsave)) ? load_x87((const void *)at)
							      : -EFAULT;
#endif
	if (err != 0)
		fpu_reset();
	return err;
}
