/* SPDX-License-Identifier: BSD-2-Clause
 * Signal frames on i386, laid out as Linux has them: the old frame for handlers without
 * SA_SIGINFO (sigreturn), the real-time frame for those with it (rt_sigreturn). The FPU image lies
 * above the frame: a legacy FSAVE header of 112 bytes, then the FXSAVE or XSAVE image, aligned to
 * 64; only the latter is read back.
 *
 * Nothing read back is trusted: trap.c forces segments and flags of every frame that returns to
 * user mode, fpu_restore() rejects images that would fault.
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

#define UC_FP_XSTATE     1
#define FSAVE_HEADER     112u
#define FXSAVE_SIZE      512u
#define FX_SW_OFFSET     464
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u

struct sigcontext {
	uint32_t gs, fs, es, ds, di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip, cs, flags,
		sp_at_signal, ss, fpstate, oldmask, cr2;
};

struct old_sigframe {
	uint32_t pretcode;
	int32_t sig;
	struct sigcontext sc;
	uint8_t fpstate_unused[624];
	uint32_t extramask;
	uint8_t retcode[8];
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
	uint32_t header[FSAVE_HEADER / 4] = { 0 };
	struct fx_sw_bytes sw = { 0 };
	uint32_t magic2 = FP_XSTATE_MAGIC2;
	uint8_t *image = kzalloc(fp_frame_size());
	int err;

	if (image == NULL)
		return -ENOMEM;
	fpu_save(image);
	header[0] = 0xffff0000u | image[0] | image[1] << 8; /* control and status word */
	header[1] = 0xffff0000u | image[2] | image[3] << 8;
	if (is_extended()) {
		sw.magic1 = FP_XSTATE_MAGIC1;
		sw.extended_size = FSAVE_HEADER + fp_frame_size();
		sw.xfeatures = cpu_features.xsave_mask;
		sw.xstate_size = size;
		memcpy(image + size, &magic2, sizeof(magic2));
	}
	if (size >= FXSAVE_SIZE)
		memcpy(image + FX_SW_OFFSET, &sw, sizeof(sw));
	err = copy_to_user(at, header, sizeof(header));
	if (err == 0)
		err = copy_to_user(at + FSAVE_HEADER, image, fp_frame_size());
	kfree(image);
	return err;
}

static int pop_fpu(vaddr_t at)
{
	unsigned size = fpu_state_size(), legacy = MIN(size, FXSAVE_SIZE);
	struct fx_sw_bytes sw;
	uint8_t *image = kzalloc(size);
	int err;

	if (image == NULL)
		return -ENOMEM;
	at += FSAVE_HEADER;
	err = copy_from_user(image, at, legacy);
	if (err == 0 && is_extended()) {
		memcpy(&sw, image + FX_SW_OFFSET, sizeof(sw));
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

static void fill_context(
	struct sigcontext *sc, const struct trapframe *tf, uint32_t fp, uint64_t mask)
{
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
		.trapno = tf->vector,
		.err = tf->error,
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

static int push_old(vaddr_t frame, const struct trapframe *tf, int sig,
	const struct ksigaction *act, uint32_t fp, uint64_t mask)
{
	struct old_sigframe *f = kzalloc(sizeof(*f));
	int err;

	if (f == NULL)
		return -ENOMEM;
	fill_retcode(f->retcode, 119);
	f->pretcode = act->flags & SA_RESTORER ? act->restorer
					       : frame + offsetof(struct old_sigframe, retcode);
	f->sig = sig;
	f->extramask = (uint32_t)(mask >> 32);
	fill_context(&f->sc, tf, fp, mask);
	err = copy_to_user(frame, f, sizeof(*f));
	kfree(f);
	return err;
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
	f.uc.flags = is_extended() ? UC_FP_XSTATE : 0;
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
	vaddr_t sp = signal_stack(tf, act), fp, frame;
	int err;

	fp = ROUND_DOWN(sp - fp_frame_size(), 64) - FSAVE_HEADER;
	frame = ROUND_DOWN(fp - size + 4, 16) - 4; /* as after a call */
	if (frame > sp || !user_range_ok(frame, sp - frame))
		return -EFAULT;
	if (push_fpu(fp) != 0)
		return -EFAULT;
	err = rt ? push_rt(frame, tf, sig, info, act, fp, mask)
		 : push_old(frame, tf, sig, act, fp, mask);
	if (err != 0)
		return -EFAULT;

	tf->ax = (uint32_t)sig; /* for handlers with regparm(3) */
	tf->dx = rt ? frame + offsetof(struct rt_sigframe, info) : 0;
	tf->cx = rt ? frame + offsetof(struct rt_sigframe, uc) : 0;
	tf->ip = act->handler;
	tf->sp = frame;
	tf->flags &= ~(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	tf->ds = tf->es = USER_DS;
	tf->orig_ax = (uint32_t)-1;
	return 0;
}

static int pop_context(struct trapframe *tf, const struct sigcontext *sc)
{
	tf->gs = sc->gs & 0xffff, tf->fs = sc->fs & 0xffff, tf->es = sc->es & 0xffff,
	tf->ds = sc->ds & 0xffff;
	tf->di = sc->di, tf->si = sc->si, tf->bp = sc->bp, tf->sp = sc->sp;
	tf->bx = sc->bx, tf->dx = sc->dx, tf->cx = sc->cx, tf->ax = sc->ax;
	tf->ip = sc->ip, tf->flags = sc->flags;
	tf->orig_ax = (uint32_t)-1;
	return sc->fpstate != 0 ? pop_fpu(sc->fpstate) : 0;
}

static long pop_old(struct trapframe *tf)
{
	vaddr_t frame = tf->sp - 8; /* pretcode by ret, the signal number by the restorer's pop */
	struct sigcontext sc;
	uint32_t high;

	if (copy_from_user(&sc, frame + offsetof(struct old_sigframe, sc), sizeof(sc)) != 0 ||
		copy_from_user(
			&high, frame + offsetof(struct old_sigframe, extramask), sizeof(high)) != 0)
		return -EFAULT;
	signal_set_mask((uint64_t)high << 32 | sc.oldmask);
	if (pop_context(tf, &sc) != 0)
		return -EFAULT;
	return (long)tf->ax;
}

long sigframe_pop(struct trapframe *tf, bool rt)
{
	vaddr_t frame = tf->sp - 4;
	struct ucontext uc;

	if (!rt)
		return pop_old(tf);
	if (copy_from_user(&uc, frame + offsetof(struct rt_sigframe, uc), sizeof(uc)) != 0)
		return -EFAULT;
	signal_set_mask(uc.mask);
	if (pop_context(tf, &uc.mc) != 0)
		return -EFAULT;
	signal_restore_altstack(uc.ss_sp, uc.ss_flags, uc.ss_size);
	return (long)tf->ax;
}
