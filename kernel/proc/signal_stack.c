/* SPDX-License-Identifier: BSD-2-Clause
 * The alternate signal stack (man 2 sigaltstack) and where frames go. It belongs to its thread: no locks.
 *
 * With SS_AUTODISARM a thread is never "on" it: it is switched off when a frame has been written that tells how
 * it was, and sigreturn switches it on again.
 */
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/signal.h"

/* Stacks grow downwards: the upper end belongs to it. */
static bool within(const struct ksigstack *ss, vaddr_t sp)
{
	return sp > ss->sp && sp - ss->sp <= ss->size;
}

static bool on_altstack(const struct ksigstack *ss, vaddr_t sp)
{
	return !(ss->flags & SS_AUTODISARM) && within(ss, sp);
}

void signal_get_altstack(struct ksigstack *out)
{
	const struct ksigstack *ss = &curthread()->sig->altstack;

	*out = *ss;
	out->flags &= SS_AUTODISARM;
	if (ss->size == 0)
		out->flags |= SS_DISABLE;
	else if (on_altstack(ss, curthread()->uframe->sp))
		out->flags |= SS_ONSTACK;
}

int signal_set_altstack(const struct ksigstack *ss)
{
	struct ksigstack *cur = &curthread()->sig->altstack;
	unsigned mode = ss->flags & ~SS_AUTODISARM;

	if (on_altstack(cur, curthread()->uframe->sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode != SS_DISABLE && ss->size < MINSIGSTKSZ) {
		/* What a frame says that was written when there was none is no change. */
		bool same = ss->sp == cur->sp && ss->size == cur->size && ss->flags == cur->flags;

		return same ? 0 : -ENOMEM;
	}
	*cur = *ss;
	if (mode == SS_DISABLE)
		cur->sp = cur->size = 0;
	return 0;
}

vaddr_t signal_stack(const struct trapframe *tf, const struct ksigaction *act, bool *alternate)
{
	const struct ksigstack *ss = &curthread()->sig->altstack;

	*alternate = on_altstack(ss, tf->sp);
	if ((act->flags & SA_ONSTACK) && ss->size != 0 && !*alternate) {
		*alternate = true;
		return ss->sp + ss->size;
	}
#ifdef __x86_64__
	return tf->sp - 128; /* the ABI's red zone */
#else
	return tf->sp;
#endif
}

bool signal_frame_fits(vaddr_t frame, bool alternate)
{
	return !alternate || within(&curthread()->sig->altstack, frame);
}

void signal_altstack_saved(void)
{
	struct ksigstack *ss = &curthread()->sig->altstack;

	if (ss->flags & SS_AUTODISARM)
		*ss = (struct ksigstack){ .flags = SS_DISABLE };
}
