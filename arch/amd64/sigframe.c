/* SPDX-License-Identifier: BSD-2-Clause
 * Signal frames on amd64, laid out as Linux has them (asm/sigcontext.h, asm/ucontext.h): from the
 * stack pointer up, the return address (SA_RESTORER's code, which calls rt_sigreturn), a ucontext,
 * a siginfo, and, aligned to 64, the FPU image.
 *
 * Nothing read back by sigreturn is trusted: trap.c forces the segment and flag bits of every frame
 * that returns to user mode, fpu_restore() rejects images that would fault.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/proc/signal.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define UC_FP_XSTATE         1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4
#define FX_SW_OFFSET         464 /* software-reserved bytes of the FXSAVE image */
#define FP_XSTATE_MAGIC1     0x46505853u
#define FP_XSTATE_MAGIC2     0x46505845u
#define FXSAVE_SIZE          512u

struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};

struct ucontext {
	uint64_t flags, link;
	uint64_t ss_sp;
	uint32_t ss_flags, pad;
	uint64_t ss_size;
	struct sigcontext mc;
	uint64_t mask;
};

struct rt_sigframe {
	uint64_t pretcode;
	struct ucontext uc;
	uint8_t info[128];
};

struct fx_sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};

static bool is_extended(void)
{
	return fpu_state_size() > FXSAVE_SIZE;
}

static unsigned fp_frame_size(void)
{
	return fpu_state_size() + (is_extended() ? sizeof(uint32_t) : 0);
}

static int push_fpu(vaddr_t at)
{
	unsigned size = fpu_state_size();
	struct fx_sw_bytes sw = { 0 };
	uint8_t *image = kzalloc(fp_frame_size());
	uint32_t magic2 = FP_XSTATE_MAGIC2;
	int err;

	if (image == NULL)
		return -ENOMEM;
	fpu_save(image);
	if (is_extended()) {
		sw.magic1 = FP_XSTATE_MAGIC1;
		sw.extended_size = fp_frame_size();
		sw.xfeatures = cpu_features.xsave_mask;
		sw.xstate_size = size;
		memcpy(image + size, &magic2, sizeof(magic2));
	}
	memcpy(image + FX_SW_OFFSET, &sw, sizeof(sw));
	err = copy_to_user(at, image, fp_frame_size());
	kfree(image);
	return err;
}

static int pop_fpu(vaddr_t at)
{
	unsigned size = fpu_state_size();
	struct fx_sw_bytes sw;
	uint8_t *image;
	int err;

	image = kzalloc(size);
	if (image == NULL)
		return -ENOMEM;
	err = copy_from_user(image, at, FXSAVE_SIZE);
	if (err == 0 && is_extended()) {
		memcpy(&sw, image + FX_SW_OFFSET, sizeof(sw));
		/* A program may hand back the legacy part only: the rest then starts afresh. */
		if (sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size == size)
			err = copy_from_user(
				image + FXSAVE_SIZE, at + FXSAVE_SIZE, size - FXSAVE_SIZE);
		else
			image[FXSAVE_SIZE] = 3; /* XSTATE_BV: x87 and SSE */
	}
	if (err == 0)
		err = fpu_restore(image);
	kfree(image);
	return err;
}

static void fill_context(struct sigcontext *mc, const struct trapframe *tf, uint64_t mask)
{
	mc->r8 = tf->r8, mc->r9 = tf->r9, mc->r10 = tf->r10, mc->r11 = tf->r11;
	mc->r12 = tf->r12, mc->r13 = tf->r13, mc->r14 = tf->r14, mc->r15 = tf->r15;
	mc->di = tf->rdi, mc->si = tf->rsi, mc->bp = tf->rbp, mc->bx = tf->rbx;
	mc->dx = tf->rdx, mc->ax = tf->rax, mc->cx = tf->rcx, mc->sp = tf->sp;
	mc->ip = tf->ip, mc->flags = tf->flags;
	mc->cs = (uint16_t)tf->cs, mc->ss = (uint16_t)tf->ss;
	mc->err = tf->error, mc->trapno = tf->vector, mc->oldmask = mask;
}

int sigframe_push(struct trapframe *tf, int sig, const struct ksiginfo *info,
	const struct ksigaction *act, uint64_t mask)
{
	const struct ksigstack *ss = &curthread()->sig->altstack;
	vaddr_t sp = signal_stack(tf, act), fp, frame;
	struct rt_sigframe f;

	if (!(act->flags & SA_RESTORER))
		return -EFAULT; /* as Linux: amd64 has no other way back */
	fp = ROUND_DOWN(sp - fp_frame_size(), 64);
	frame = ROUND_DOWN(fp - sizeof(f), 16) - 8; /* as after a call */
	if (!user_range_ok(frame, sp - frame) || frame > sp)
		return -EFAULT;
	memset(&f, 0, sizeof(f));
	f.pretcode = act->restorer;
	f.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (is_extended() ? UC_FP_XSTATE : 0);
	f.uc.ss_sp = ss->sp;
	f.uc.ss_flags = ss->flags;
	f.uc.ss_size = ss->size;
	f.uc.mask = mask;
	fill_context(&f.uc.mc, tf, mask);
	f.uc.mc.fpstate = fp;
	siginfo_to_user(info, f.info);
	if (push_fpu(fp) != 0 || copy_to_user(frame, &f, sizeof(f)) != 0)
		return -EFAULT;

	tf->rdi = (uint64_t)sig;
	tf->rsi = frame + offsetof(struct rt_sigframe, info);
	tf->rdx = frame + offsetof(struct rt_sigframe, uc);
	tf->rax = 0;
	tf->ip = act->handler;
	tf->sp = frame;
	tf->flags &= ~(uint64_t)(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	tf->orig_ax = (uint64_t)-1;
	return 0;
}

long sigframe_pop(struct trapframe *tf, bool rt)
{
	vaddr_t frame = tf->sp - 8; /* the handler's return popped pretcode */
	struct ucontext uc;
	const struct sigcontext *mc = &uc.mc;

	if (copy_from_user(&uc, frame + offsetof(struct rt_sigframe, uc), sizeof(uc)) != 0)
		return -EFAULT;
	signal_set_mask(uc.mask);
	tf->r8 = mc->r8, tf->r9 = mc->r9, tf->r10 = mc->r10, tf->r11 = mc->r11;
	tf->r12 = mc->r12, tf->r13 = mc->r13, tf->r14 = mc->r14, tf->r15 = mc->r15;
	tf->rdi = mc->di, tf->rsi = mc->si, tf->rbp = mc->bp, tf->rbx = mc->bx;
	tf->rdx = mc->dx, tf->rax = mc->ax, tf->rcx = mc->cx, tf->sp = mc->sp;
	tf->ip = mc->ip, tf->flags = mc->flags;
	tf->orig_ax = (uint64_t)-1;
	if (mc->fpstate != 0 && pop_fpu(mc->fpstate) != 0)
		return -EFAULT;
	signal_restore_altstack(uc.ss_sp, uc.ss_flags, uc.ss_size);
	return (long)mc->ax;
}
