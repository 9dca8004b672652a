/* SPDX-License-Identifier: BSD-2-Clause
 * FPU, SSE and AVX state of user threads. The kernel itself never touches these registers, so they
 * are saved and loaded by the context switch alone, always (no lazy scheme, #NM never happens), by
 * the best of XSAVE, FXSAVE, FNSAVE that the CPU has (Intel SDM 1 chapter 13, 10.5, 8.1.10).
 *
 * An image belongs to its thread; no locks. The format is the CPU's, see fpu_state_size().
 */
#include "arch/x86/cpu.h"
#include "arch/x86/extable.h"
#include "arch/x86/fpu_frame.h"
#include "arch/x86/smap.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/proc/signal.h"
#include "mm/kmem.h"

/* si_code of floating-point faults, man 2 sigaction. */
#define FPE_FLTDIV 3
#define FPE_FLTOVF 4
#define FPE_FLTUND 5
#define FPE_FLTRES 6
#define FPE_FLTINV 7

/* What Linux gives a new program: all exceptions masked, extended precision, nearest. */
#define FCW_INIT           0x37f
#define MXCSR_INIT         0x1f80
#define MXCSR_MASK_DEFAULT 0xffbf /* when FXSAVE says nothing (Intel SDM 1 11.6.6) */

#define FNSAVE_SIZE   108
#define FXSAVE_SIZE   512
#define XSTATE_FP_SSE 3 /* the components in FXSAVE's part */

/* FXSAVE's layout (Intel SDM 1 table 10-2), then the XSAVE header (13.4.2). */
struct fpu_image {
	uint16_t fcw, fsw, ftw, fop; /* FNSAVE: 32 bits each for the first three */
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t registers[FXSAVE_SIZE - 32];
	uint64_t xstate_bv, xcomp_bv, header_reserved[6];
	uint8_t extended[];
} ALIGNED(64);

struct fnsave_head {
	uint32_t fcw, fsw, ftw;
};

#ifdef __x86_64__
#define FX64 "64" /* with all 16 XMM registers and 64-bit pointers */
#else
#define FX64 ""
#endif

static struct kmem_cache *image_cache;
static struct fpu_image *initial; /* what a new program gets; never written again */
static uint32_t mxcsr_mask;

void fpu_init_cpu(void)
{
	struct fpu_image f;
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;

	if (cpu_features.xsave)
		__asm__ volatile("xsetbv" : : "c"(0), "a"(lo), "d"(hi));
	__asm__ volatile("fninit");
	if (mxcsr_mask != 0 || !cpu_features.sse)
		return;
	memset(&f, 0, FXSAVE_SIZE);
	__asm__ volatile("fxsave %0" : "+m"(f));
	mxcsr_mask = f.mxcsr_mask != 0 ? f.mxcsr_mask : MXCSR_MASK_DEFAULT;
}

unsigned fpu_state_size(void)
{
	if (cpu_features.xsave)
		return cpu_features.xsave_size;
	return cpu_features.fxsr ? FXSAVE_SIZE : FNSAVE_SIZE;
}

void fpu_init_cache(void)
{
	image_cache = kmem_cache_create("fpu", ROUND_UP(fpu_state_size(), 64), 64);
	initial = fpu_image_alloc();
	if (initial == NULL)
		panic("no memory for an FPU image");
}

struct fpu_image *fpu_image_alloc(void)
{
	struct fpu_image *f = kmem_cache_alloc(image_cache);

	if (f != NULL)
		fpu_image_reset(f);
	return f;
}

void fpu_image_free(struct fpu_image *f)
{
	if (f != NULL)
		kmem_cache_free(image_cache, f);
}

void fpu_image_reset(struct fpu_image *f)
{
	struct fnsave_head *fn = (struct fnsave_head *)f;

	memset(f, 0, fpu_state_size());
	if (!cpu_features.fxsr) {
		fn->fcw = 0xffff0000u | FCW_INIT;
		fn->fsw = 0xffff0000u;
		fn->ftw = 0xffffffffu; /* all empty */
		return;
	}
	f->fcw = FCW_INIT;
	f->mxcsr = MXCSR_INIT;
	/* xstate_bv = 0: all components in their initial state, MXCSR aside. */
}

void fpu_image_save(struct fpu_image *f)
{
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;

	if (cpu_features.xsave)
		__asm__ volatile("xsave" FX64 " %0" : "+m"(*f) : "a"(lo), "d"(hi) : "memory");
	else if (cpu_features.fxsr)
		__asm__ volatile("fxsave" FX64 " %0" : "+m"(*f) : : "memory");
	else /* also initialises the FPU, so put the state back: we may go on with it */
		__asm__ volatile("fnsave %0; frstor %0" : "+m"(*f) : : "memory");
}

void fpu_image_load(const struct fpu_image *f)
{
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;

	if (cpu_features.xsave)
		__asm__ volatile("xrstor" FX64 " (%0)" : : "r"(f), "a"(lo), "d"(hi) : "memory");
	else if (cpu_features.fxsr)
		__asm__ volatile("fxrstor" FX64 " (%0)" : : "r"(f) : "memory");
	else /* FRSTOR alone would raise what is pending */
		__asm__ volatile("fninit; frstor (%0)" : : "r"(f) : "memory");
}

int fpu_reset(void)
{
	fpu_image_load(initial);
	return 0;
}

/* ---- From and to user memory ---- */

/* Where a fault continues: operand 0 becomes operand `n`, an immediate. Its label is 8. */
#define ON_FAULT(n)                                  \
	"\n9:\n\t.pushsection .text.fixup, \"ax\"\n" \
	"8: movl %" n ", %0\n\tjmp 9b\n\t.popsection\n\t"

int fpu_save_user(vaddr_t at)
{
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;
	int err = 0;

	user_access_begin();
	if (cpu_features.xsave)
		__asm__ volatile("1: xsave" FX64 " (%1)\n2: orl %5, %c6(%1)" ON_FAULT("2")
					 EXTABLE(1b, 8b) EXTABLE(2b, 8b)
				 : "+r"(err)
				 : "r"(at), "i"(-EFAULT), "a"(lo), "d"(hi), "i"(XSTATE_FP_SSE),
				 "i"(FXSAVE_SIZE)
				 : "memory");
	else
		__asm__ volatile("1: fxsave" FX64 " (%1)" ON_FAULT("2") EXTABLE(1b, 8b)
				 : "+r"(err)
				 : "r"(at), "i"(-EFAULT)
				 : "memory");
	user_access_end();
	return err;
}

/* A CPU refuses reserved bits of MXCSR, but QEMU's TCG loads them. */
static bool mxcsr_valid(void)
{
	uint32_t mxcsr = 0;

	if (cpu_features.sse)
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return (mxcsr & ~mxcsr_mask) == 0;
}

int fpu_load_checked(const void *image, uint32_t features)
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

void fpu_save_x87(struct fsave *h)
{
	__asm__ volatile("fnsave %0" : "=m"(*h) : : "memory");
}

int fpu_load_x87(const void *fnsave)
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

int fpu_exception_code(bool simd)
{
	struct fpu_image *f = curthread()->arch.fpu;
	unsigned raised;

	fpu_image_save(f);
	if (simd)
		raised = f->mxcsr & ~(f->mxcsr >> 7);
	else
		raised = cpu_features.fxsr ? f->fsw & ~f->fcw : f->ftw & ~f->fcw;
	/* Bits: invalid, denormal, zero divide, overflow, underflow, precision; in Linux's order. */
	if (raised & 0x01)
		return FPE_FLTINV;
	if (raised & 0x04)
		return FPE_FLTDIV;
	if (raised & 0x08)
		return FPE_FLTOVF;
	if (raised & 0x12)
		return FPE_FLTUND;
	return FPE_FLTRES;
}
