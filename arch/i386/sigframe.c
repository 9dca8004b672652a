/* SPDX-License-Identifier: BSD-2-Clause
 * Signal frames on i386, laid out as Linux has them: the old frame for handlers without
 * SA_SIGINFO (sigreturn), the real-time frame for those with it (rt_sigreturn). The FPU image
 * (arch/x86/fpu_frame.h) lies above the frame.
 *
 * Nothing read back is trusted: only the flags that are a user's come in, another code segment than user mode's is
 * a bad frame, and so is an FPU image that would fault. Data selectors that are none become 0 on the way out, a
 * bad stack segment faults there (entry.asm). trap.c forces code segment and flags once more.
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

#define UC_FP_XSTATE 1

struct sigcontext {
	uint32_t gs, fs, es, ds, di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip, cs, flags,
		sp_at_signal, ss, fpstate, oldmask, cr2;
};

struct old_sigframe {
	struct old_sigframe_head {
		uint32_t pretcode;
		int32_t sig;
		struct sigcontext sc;
	} head;
	uint8_t fpstate_unused[624];
	struct old_sigframe_tail {
		uint32_t extramask;
		uint8_t retcode[8];
	} tail;
};

struct ucontext {
	uint32_t flags, link, ss_sp, ss_flags, ss_size;
	struct sigcontext mc;
	uint64_t mask;
};

struct rt_sigframe {
	uint32_t pretcode;
	int32_t sig;
	uint32_t pinfo, puc;
	uint8_t info[128];
	struct ucontext uc;
	uint8_t retcode[8];
};

static void fill_context(
	struct sigcontext *sc, const struct trapframe *tf, uint32_t fp, uint64_t mask)
{
	const struct arch_thread *arch = &curthread()->arch;

	*sc = (struct sigcontext){
		.gs = tf->gs,
		.fs = tf->fs,
		.es = tf->es,
		.ds = tf->ds,
		.di = tf->di,
		.si = tf->si,
		.bp = tf->bp,
		.sp = tf->sp,
		.bx = tf->bx,
		.dx = tf->dx,
		.cx = tf->cx,
		.ax = tf->ax,
		.trapno = arch->trap_vector,
		.err = arch->trap_error,
		.cr2 = arch->cr2,
		.ip = tf->ip,
		.cs = tf->cs,
		.flags = tf->flags,
		.sp_at_signal = tf->sp,
		.ss = tf->ss,
		.fpstate = fp,
		.oldmask = (uint32_t)mask,
	};
}

/* mov $nr, %eax; int $0x80: where programs without SA_RESTORER return to, if their stack is
 * executable; debuggers recognise frames by these bytes. */
static void fill_retcode(uint8_t code[8], uint16_t nr)
{
	const uint8_t insn[8] = { 0xb8, (uint8_t)nr, 0, 0, 0, 0xcd, 0x80, 0 };

	memcpy(code, insn, sizeof(insn));
}

/* In two parts: fpstate_unused is not written. */
static int push_old(vaddr_t frame, const struct trapframe *tf, int sig,
	const struct ksigaction *act, uint32_t fp, uint64_t mask)
{
	struct old_sigframe_head h = { .sig = sig };
	struct old_sigframe_tail t = { .extramask = (uint32_t)(mask >> 32) };

	fill_retcode(t.retcode, 119);
	h.pretcode = act->flags & SA_RESTORER ? act->restorer
					      : frame + offsetof(struct old_sigframe, tail.retcode);
	fill_context(&h.sc, tf, fp, mask);
	if (copy_to_user(frame, &h, sizeof(h)) != 0)
		return -EFAULT;
	return copy_to_user(frame + offsetof(struct old_sigframe, tail), &t, sizeof(t));
}

static int push_rt(vaddr_t frame, const struct trapframe *tf, int sig, const struct ksiginfo *info,
	const struct ksigaction *act, uint32_t fp, uint64_t mask)
{
	const struct ksigstack *ss = &curthread()->sig->altstack;
	struct rt_sigframe f;

	memset(&f, 0, sizeof(f));
	fill_retcode(f.retcode, 173);
	f.pretcode = act->flags & SA_RESTORER ? act->restorer
					      : frame + offsetof(struct rt_sigframe, retcode);
	f.sig = sig;
	f.pinfo = frame + offsetof(struct rt_sigframe, info);
	f.puc = frame + offsetof(struct rt_sigframe, uc);
	siginfo_to_user(info, f.info);
	f.uc.flags = fpu_frame_extended() ? UC_FP_XSTATE : 0;
	f.uc.ss_sp = ss->sp;
	f.uc.ss_flags = ss->flags;
	f.uc.ss_size = ss->size;
	f.uc.mask = mask;
	fill_context(&f.uc.mc, tf, fp, mask);
	return copy_to_user(frame, &f, sizeof(f));
}

int sigframe_push(struct trapframe *tf, int sig, const struct ksiginfo *info,
	const struct ksigaction *act, uint64_t mask)
{
	bool rt = act->flags & SA_SIGINFO;
	size_t size = rt ? sizeof(struct rt_sigframe) : sizeof(struct old_sigframe);
	bool alternate;
	vaddr_t sp = signal_stack(tf, act, &alternate), fp, frame;
	int err;

	fp = fpu_frame_place(sp);
	frame = ROUND_DOWN(fp - size + 4, 16) - 4; /* as after a call */
	if (frame > sp || !user_range_ok(frame, sp - frame) || !signal_frame_fits(frame, alternate))
		return -EFAULT;
	err = rt ? push_rt(frame, tf, sig, info, act, fp, mask)
		 : push_old(frame, tf, sig, act, fp, mask);
	if (err != 0 || fpu_frame_push(fp) != 0)
		return -EFAULT;
	if (rt)
		signal_altstack_saved();

	tf->ax = (uint32_t)sig; /* for handlers with regparm(3) */
	tf->dx = rt ? frame + offsetof(struct rt_sigframe, info) : 0;
	tf->cx = rt ? frame + offsetof(struct rt_sigframe, uc) : 0;
	tf->ip = act->handler;
	tf->sp = frame;
	tf->flags &= ~(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	tf->ds = tf->es = tf->ss = USER_DS; /* one of them may be why there is a signal */
	fpu_reset();
	tf->orig_ax = (uint32_t)-1;
	return 0;
}

static int pop_context(struct trapframe *tf, const struct sigcontext *sc)
{
	int err;

	tf->gs = sc->gs & 0xffff, tf->fs = sc->fs & 0xffff, tf->es = sc->es & 0xffff,
	tf->ds = sc->ds & 0xffff, tf->ss = sc->ss & 0xffff;
	tf->di = sc->di, tf->si = sc->si, tf->bp = sc->bp, tf->sp = sc->sp;
	tf->bx = sc->bx, tf->dx = sc->dx, tf->cx = sc->cx, tf->ax = sc->ax;
	tf->ip = sc->ip;
	tf->flags = (tf->flags & ~EFLAGS_SIGRETURN) | (sc->flags & EFLAGS_SIGRETURN);
	tf->orig_ax = (uint32_t)-1;
	err = sc->fpstate != 0 ? fpu_frame_pop(sc->fpstate) : fpu_reset();
	if (err != 0)
		return err;
	return ((sc->cs | 3) & 0xffff) != USER_CS ? -EINVAL : 0;
}

static int pop_old(struct trapframe *tf)
{
	vaddr_t frame = tf->sp - 8; /* pretcode by ret, the signal number by the restorer's pop */
	struct sigcontext sc;
	uint32_t high;

	if (copy_from_user(&sc, frame + offsetof(struct old_sigframe, head.sc), sizeof(sc)) != 0 ||
		copy_from_user(&high, frame + offsetof(struct old_sigframe, tail.extramask),
			sizeof(high)) != 0)
		return -EFAULT;
	signal_set_mask((uint64_t)high << 32 | sc.oldmask);
	return pop_context(tf, &sc);
}

int sigframe_pop(struct trapframe *tf, bool rt)
{
	vaddr_t frame = tf->sp - 4;
	struct ucontext uc;
	struct ksigstack ss;
	int err;

	if (!rt)
		return pop_old(tf);
	if (copy_from_user(&uc, frame + offsetof(struct rt_sigframe, uc), sizeof(uc)) != 0)
		return -EFAULT;
	signal_set_mask(uc.mask);
	err = pop_context(tf, &uc.mc);
	if (err != 0)
		return err;
	ss = (struct ksigstack){ uc.ss_sp, uc.ss_flags, uc.ss_size };
	signal_set_altstack(&ss); /* what was changed meanwhile to something invalid stays */
	return 0;
}
