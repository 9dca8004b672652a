/* SPDX-License-Identifier: BSD-2-Clause
 * FPU, SSE and AVX state of user threads. The kernel itself never touches these registers, so they
 * are saved and loaded by the context switch alone, always (no lazy scheme, #NM never happens), by
 * the best of XSAVE, FXSAVE, FNSAVE that the CPU has (Intel SDM 1 chapter 13, 10.5, 8.1.10).
 *
 * An image belongs to its thread; no locks. The format is the CPU's, see fpu_state_size().
 */
#include "arch/x86/cpu.h"
#include "arch/x86/extable.h"
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

#define FNSAVE_SIZE 108
#define FXSAVE_SIZE 512

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

struct fpu_image *fpu_image_alloc_raw(void)
{
	return kmem_cache_alloc(image_cache);
}

struct fpu_image *fpu_image_alloc(void)
{
	struct fpu_image *f = fpu_image_alloc_raw();

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

/* Returns false when the image made the instruction fault. */
static bool load_checked(const struct fpu_image *f)
{
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;
	int ok = 1;

	if (cpu_features.xsave)
		__asm__ volatile("1: xrstor" FX64 " (%1)\n2:\n\t"
				 ".pushsection .text.fixup, \"ax\"\n3: xorl %0, %0\n\tjmp 2b\n\t"
				 ".popsection\n\t" EXTABLE(1b, 3b)
				 : "+r"(ok)
				 : "r"(f), "a"(lo), "d"(hi)
				 : "memory");
	else if (cpu_features.fxsr)
		__asm__ volatile("1: fxrstor" FX64 " (%1)\n2:\n\t"
				 ".pushsection .text.fixup, \"ax\"\n3: xorl %0, %0\n\tjmp 2b\n\t"
				 ".popsection\n\t" EXTABLE(1b, 3b)
				 : "+r"(ok)
				 : "r"(f)
				 : "memory");
	else
		__asm__ volatile("frstor (%0)" : : "r"(f) : "memory");
	return ok;
}

void fpu_image_load(const struct fpu_image *f)
{
	if (!load_checked(f))
		panic("FPU state of %s is damaged", curthread()->name);
}

const void *fpu_current(void)
{
	struct fpu_image *f = curthread()->arch.fpu;

	fpu_image_save(f);
	return f;
}

void fpu_save(void *image)
{
	memcpy(image, fpu_current(), fpu_state_size());
}

/* The rules of FXRSTOR and XRSTOR, Intel SDM 1 10.5.1.2 and 13.8.1. */
static bool image_valid(const struct fpu_image *f)
{
	uint64_t reserved = f->xcomp_bv;

	if (cpu_features.sse && (f->mxcsr & ~mxcsr_mask) != 0)
		return false;
	if (!cpu_features.xsave)
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(f->header_reserved); i++)
		reserved |= f->header_reserved[i];
	return reserved == 0 && (f->xstate_bv & ~cpu_features.xsave_mask) == 0;
}

int fpu_adopt(struct fpu_image *f)
{
	struct arch_thread *a = &curthread()->arch;

	/* No switch can come in between: only sleeping gives up the CPU. */
	if (!image_valid(f) || !load_checked(f)) {
		fpu_image_free(f);
		fpu_reset();
		return -EINVAL;
	}
	fpu_image_free(a->fpu);
	a->fpu = f;
	return 0;
}

int fpu_reset(void)
{
	fpu_image_load(initial);
	return 0;
}

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
