/* SPDX-License-Identifier: BSD-2-Clause
 * The FPU image of signal frames, as Linux lays it out (asm/sigcontext.h, struct _fpstate):
 *
 *   i386 only: 112 bytes as FNSAVE writes them, status, magic (0: an FXSAVE image follows)
 *   the XSAVE or FXSAVE image, aligned to 64; bytes 464 to 511 say how long it is (struct fx_sw_bytes)
 *   FP_XSTATE_MAGIC2, behind an XSAVE image
 */
#ifndef ARCH_X86_FPU_FRAME_H
#define ARCH_X86_FPU_FRAME_H

#include "arch/x86/trap.h"
#include "kernel/core/types.h"

/* Does an XSAVE image go into the frame (UC_FP_XSTATE). */
static inline bool fpu_frame_extended(void)
{
	return cpu_features.xsave;
}
/* The highest place at or below sp where the image fits. May wrap: the caller checks the frame as a whole. */
vaddr_t fpu_frame_place(vaddr_t sp);
/* How many bytes it takes from there on. */
unsigned fpu_frame_size(void);
/* The calling thread's FPU state to user memory and back. -EFAULT, -ENOMEM; -EINVAL: an image that the CPU
 * would refuse: the state is then that of a new program. Once it is pushed the x87 registers may be gone. Faults; no
 * locks held. */
int fpu_frame_push(vaddr_t at);
int fpu_frame_pop(vaddr_t at);

#ifdef __i386__
/* What FNSAVE writes in protected mode, 32 bits (Intel SDM 1 figure 8-9), and what Linux adds. */
struct fsave {
	uint32_t fcw, fsw, ftw, fip, fcs, foo, fos;
	uint8_t st[8][10];
	uint16_t status, magic;
};
#endif

#endif
