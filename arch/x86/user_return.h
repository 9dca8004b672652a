/* SPDX-License-Identifier: BSD-2-Clause
 * The end of every way back to user mode, inline for the end of a system call. Only trap.c and dispatch.c.
 */
#ifndef ARCH_X86_USER_RETURN_H
#define ARCH_X86_USER_RETURN_H

#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/sched.h"
#include "kernel/core/witness.h"

/* What user mode may have in its flags; IF is always on. */
#define EFLAGS_ARITHMETIC 0x8d5u /* CF PF AF ZF SF OF */
#define EFLAGS_USER \
	(EFLAGS_ARITHMETIC | EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_RF | EFLAGS_AC | EFLAGS_ID)

/* IRET to a non-canonical address would fault in the kernel; and what lies above may be told at once. */
static ALWAYS_INLINE bool user_ip_ok(const struct trapframe *tf)
{
#ifdef __x86_64__
	return tf->ip >> 47 == 0;
#else
	return true;
#endif
}

/* Whatever a debugger or a signal frame put there, these must be right. */
static ALWAYS_INLINE void user_frame_sanitise(struct trapframe *tf)
{
	tf->cs = USER_CS;
#ifdef __x86_64__
	tf->ss = USER_DS;
#else
	tf->ss |= 3; /* a bad one faults in IRET, where entry.asm deals with it */
#endif
	tf->flags = (tf->flags & EFLAGS_USER) | EFLAGS_IF | EFLAGS_FIXED;
}

/* Switches interrupts off. True: nothing is left to do, and the frame is fit to be returned through. */
static ALWAYS_INLINE bool user_return_ready(struct thread *t, struct trapframe *tf)
{
	irq_disable();
	if (unlikely(sched_need_resched() || READ_ONCE(t->sig_pending) || !user_ip_ok(tf)))
		return false;
	witness_user_return();
	user_frame_sanitise(tf);
	return true;
}

#endif
