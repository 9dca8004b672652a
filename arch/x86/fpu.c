/* SPDX-License-Identifier: BSD-2-Clause
 * FPU, SSE and AVX state of user threads. The kernel itself never touches these registers, so they
 * are saved and loaded by the context switch alone, always (no lazy scheme, #NM never happens), by
 * the best of XSAVE, FXSAVE, FNSAVE that the CPU has (Intel SDM 1 chapter 13, 10.5, 8.1.10).
 *
 * An image belongs to its thread; no locks. The format is the CPU's, cpu_features.fpu_size bytes of it.
 */
#include "arch/x86/cpu.h"
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

static struct kmem_cache *image_cache;
static struct fpu_image *initial; /* what a new program gets; never written again */
uint32_t fpu_mxcsr_mask;

void fpu_init_cpu(void)
{
	struct fpu_image f;
	uint32_t lo = (uint32_t)cpu_features.xsave_mask, hi = cpu_features.xsave_mask >> 32;

	if (cpu_features.xsave)
		__asm__ volatile("xsetbv" : : "c"(0), "a"(lo), "d"(hi));
	__asm__ volatile("fninit");
	if (fpu_mxcsr_mask != 0 || !cpu_features.sse)
		return;
	memset(&f, 0, FXSAVE_SIZE);
	__asm__ volatile("fxsave %0" : "+m"(f));
	fpu_mxcsr_mask = f.mxcsr_mask != 0 ? f.mxcsr_mask : MXCSR_MASK_DEFAULT;
}

void fpu_init_cache(void)
{
	image_cache = kmem_cache_create("fpu", ROUND_UP(cpu_features.fpu_size, 64), 64);
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

	memset(f, 0, cpu_features.fpu_size);
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
