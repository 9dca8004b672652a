/* SPDX-License-Identifier: BSD-2-Clause
 * Signal frames on amd64, laid out as Linux has them (asm/sigcontext.h, asm/ucontext.h): from the
 * stack pointer up, the return address (SA_RESTORER's code, which calls rt_sigreturn), a ucontext,
 * a siginfo, and, aligned to 64, the FPU image.
 *
 * Nothing read back by sigreturn is trusted: only the flags that are a user's come in, other segments than the
 * one pair that user mode has are a bad frame, and so is an FPU image that would fault. trap.c forces segments
 * and flags once more, and sees to an instruction pointer that IRET would not take.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/fpu_frame.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/proc/signal.h"
#include "mm/uaccess.h"

#define UC_FP_XSTATE         1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4

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

/* All of it: nothing of the kernel's stack may be left. */
static void fill_context(
	struct sigcontext *mc, const struct trapframe *tf, uint64_t fpstate, uint64_t mask)
{
	const struct arch_thread *arch = &curthread()->arch;

	mc->r8 = tf->r8, mc->r9 = tf->r9, mc->r10 = tf->r10, mc->r11 = tf->r11;
	mc->r12 = tf->r12, mc->r13 = tf->r13, mc->r14 = tf->r14, mc->r15 = tf->r15;
	mc->di = tf->rdi, mc->si = tf->rsi, mc->bp = tf->rbp, mc->bx = tf->rbx;
	mc->dx = tf->rdx, mc->ax = tf->rax, mc->cx = tf->rcx, mc->sp = tf->sp;
	mc->ip = tf->ip, mc->flags = tf->flags;
	mc->cs = (uint16_t)tf->cs, mc->gs = 0, mc->fs = 0, mc->ss = (uint16_t)tf->ss;
	mc->err = arch->trap_error, mc->trapno = arch->trap_vector, mc->cr2 = arch->cr2;
	mc->oldmask = mask, mc->fpstate = fpstate;
	memset(mc->reserved, 0, sizeof(mc->reserved));
}

/* The siginfo is there only for who asked for it. */
static int write_frame(vaddr_t at, const struct trapframe *tf, const struct ksiginfo *info,
	const struct ksigaction *act, uint64_t fpstate, uint64_t mask)
{
	const struct ksigstack *ss = &curthread()->sig->altstack;
	struct rt_sigframe f;
	size_t size = offsetof(struct rt_sigframe, info);

	f.pretcode = act->restorer;
	f.uc.flags =
		UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (fpu_frame_extended() ? UC_FP_XSTATE : 0);
	f.uc.link = 0;
	f.uc.ss_sp = ss->sp;
	f.uc.ss_flags = ss->flags;
	f.uc.pad = 0;
	f.uc.ss_size = ss->size;
	f.uc.mask = mask;
	fill_context(&f.uc.mc, tf, fpstate, mask);
	if (act->flags & SA_SIGINFO) {
		siginfo_to_user(info, f.info);
		size = sizeof(f);
	}
	return copy_to_user(at, &f, size);
}

int sigframe_push(struct trapframe *tf, int sig, const struct ksiginfo *info,
	const struct ksigaction *act, uint64_t mask)
{
	bool alternate;
	vaddr_t sp = signal_stack(tf, act, &alternate), fp, frame;

	if (!(act->flags & SA_RESTORER))
		return -EFAULT; /* as Linux: amd64 has no other way back */
	fp = fpu_frame_place(sp);
	frame = ROUND_DOWN(fp - sizeof(struct rt_sigframe), 16) - 8; /* as after a call */
	if (frame > sp || !user_range_ok(frame, sp - frame) || !signal_frame_fits(frame, alternate))
		return -EFAULT;
	if (write_frame(frame, tf, info, act, fp, mask) != 0 || fpu_frame_push(fp) != 0)
		return -EFAULT;
	signal_altstack_saved();

	tf->rdi = (uint64_t)sig;
	tf->rsi = frame + offsetof(struct rt_sigframe, info);
	tf->rdx = frame + offsetof(struct rt_sigframe, uc);
	tf->rax = 0;
	tf->ip = act->handler;
	tf->sp = frame;
	tf->flags &= ~(uint64_t)(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	tf->orig_ax = (uint64_t)-1;
	fpu_reset();
	return 0;
}

static void restore_registers(struct trapframe *tf, const struct sigcontext *mc)
{
	tf->r8 = mc->r8, tf->r9 = mc->r9, tf->r10 = mc->r10, tf->r11 = mc->r11;
	tf->r12 = mc->r12, tf->r13 = mc->r13, tf->r14 = mc->r14, tf->r15 = mc->r15;
	tf->rdi = mc->di, tf->rsi = mc->si, tf->rbp = mc->bp, tf->rbx = mc->bx;
	tf->rdx = mc->dx, tf->rax = mc->ax, tf->rcx = mc->cx, tf->sp = mc->sp;
	tf->ip = mc->ip;
	tf->flags = (tf->flags & ~(uint64_t)EFLAGS_SIGRETURN) | (mc->flags & EFLAGS_SIGRETURN);
	tf->orig_ax = (uint64_t)-1;
}

int sigframe_pop(struct trapframe *tf, bool rt)
{
	vaddr_t frame = tf->sp - 8; /* the handler's return popped pretcode */
	struct ucontext uc;
	struct ksigstack ss;
	int err;

	if (copy_from_user(&uc, frame + offsetof(struct rt_sigframe, uc), sizeof(uc)) != 0)
		return -EFAULT;
	signal_set_mask(uc.mask);
	restore_registers(tf, &uc.mc);
	err = uc.mc.fpstate != 0 ? fpu_frame_pop(uc.mc.fpstate) : fpu_reset();
	if (err != 0)
		return err;
	ss = (struct ksigstack){ uc.ss_sp, uc.ss_flags, uc.ss_size };
	signal_set_altstack(&ss); /* what was changed meanwhile to something invalid stays */
	/* Linux would find out in IRET. */
	if ((uc.mc.cs | 3) != USER_CS)
		return -EINVAL;
	return (uc.flags & UC_STRICT_RESTORE_SS) && (uc.mc.ss | 3) != USER_DS ? -EINVAL : 0;
}
