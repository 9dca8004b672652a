/* SPDX-License-Identifier: BSD-2-Clause
 * What happens after entry.asm: exceptions become page-fault handling, signals, a continuation
 * from the exception table or a panic; interrupts go to their handlers; and nothing returns to user
 * mode without user_return().
 *
 *   page fault, user mode      vm_fault_trap(), else SIGSEGV / SIGBUS
 *   page fault, kernel mode,   with an exception table entry: vm_fault_trap() unless the thread has
 *     user address             set fault_disabled; else continue at the fixup
 *                              without: panic
 *   page fault, kernel address continue at the fixup if there is one, else panic
 *   reserved bit set           panic: our page tables are corrupt
 *   other, user mode           signal, as Linux has them (Intel SDM 3A 6.15)
 *   other, kernel mode         continue at the fixup if there is one, else panic
 *
 * Entries begin with interrupts off and end that way. No locks of its own.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/lapic.h"
#include "arch/x86/layout.h"
#include "arch/x86/trap.h"
#include "arch/x86/user_return.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/proc/signal.h"

#ifdef __x86_64__
_Static_assert(sizeof(struct trapframe) == 184, "arch/amd64/asm.inc has the offsets");
_Static_assert(offsetof(struct trapframe, ip) == 144, "arch/amd64/asm.inc has the offsets");
#else
_Static_assert(sizeof(struct trapframe) == 76, "arch/i386/asm.inc has the offsets");
_Static_assert(offsetof(struct trapframe, ip) == 56, "arch/i386/asm.inc has the offsets");
#endif
_Static_assert(offsetof(struct cpu, kstack_top) == 2 * sizeof(void *), "asm.inc has the offsets");
_Static_assert(offsetof(struct cpu, scratch) == 3 * sizeof(void *), "asm.inc has the offsets");

#define NEXCEPTIONS 32

/* Debug status register, Intel SDM 3B 17.2.3. */
#define DR6_BS    (1u << 14)
#define DR6_CLEAR 0xffff0ff0ul

bool nmi_means_stop;

static const char *const exception_names[NEXCEPTIONS] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"no FPU",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"reserved",
	"FPU error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
};

static const char *exception_name(uintptr_t vector)
{
	if (vector < NEXCEPTIONS && exception_names[vector] != NULL)
		return exception_names[vector];
	return "reserved exception";
}

/* ---- Back to user mode ---- */

static void bad_user_ip(const struct trapframe *tf)
{
	bool canonical = (intptr_t)tf->ip < 0 && ~tf->ip >> (sizeof(tf->ip) == 8 ? 47 : 31) == 0;

	if (canonical)
		signal_exception(SIGSEGV, SEGV_MAPERR, tf->ip);
	else
		signal_exception(SIGSEGV, SI_KERNEL, 0);
}

/* Everything that must be done before this thread sees user mode again. Returns with interrupts
 * off and nothing left to do. */
void user_return(struct trapframe *tf)
{
	struct thread *t = curthread();

	while (!user_return_ready(t, tf)) {
		irq_enable();
		if (sched_need_resched())
			sched_yield();
		else if (READ_ONCE(t->sig_pending))
			signal_deliver(tf);
		else if (!user_ip_ok(tf))
			bad_user_ip(tf);
	}
}

/* ---- Exceptions ---- */

static bool fixup(struct trapframe *tf)
{
	uintptr_t to = extable_lookup(tf->ip);

	if (to == 0)
		return false;
	tf->ip = to;
	return true;
}

static void kernel_exception(struct trapframe *tf)
{
	if (fixup(tf))
		return;
	panic_trap(tf, "%s in the kernel, error %#lx", exception_name(tf->vector),
		(unsigned long)tf->error);
}

/* An exception becomes a signal; what the processor said goes into its frame. */
static void user_signal(const struct trapframe *tf, int sig, int code, vaddr_t addr)
{
	struct arch_thread *a = &curthread()->arch;

	a->trap_vector = tf->vector;
	a->trap_error = tf->error;
	signal_exception(sig, code, addr);
}

static void user_page_fault(struct trapframe *tf, vaddr_t va)
{
	int err = -EFAULT;

	if (va < USER_END)
		err = vm_fault_trap(va, (uint32_t)tf->error, true);
	if (err == 0)
		return;
	curthread()->arch.cr2 = va;
	if (err == -EACCES)
		user_signal(tf, SIGSEGV, SEGV_ACCERR, va);
	else if (err == -EFAULT)
		user_signal(tf, SIGSEGV, SEGV_MAPERR, va);
	else
		user_signal(tf, SIGBUS, BUS_ADRERR, va);
}

/* Why a fault in kernel mode cannot be what the exception table is for; NULL: it can. */
static const char *kernel_fault_bug(const struct trapframe *tf, vaddr_t va)
{
	if (tf->error & PF_FETCH)
		return "execution of data";
	if (extable_lookup(tf->ip) == 0) {
		if (va < PAGE_SIZE)
			return "NULL pointer";
		return va < USER_END ? "unguarded access to user memory" : "page fault";
	}
	if (va < USER_END && entry_has_smap && !(tf->flags & EFLAGS_AC))
		return "access to user memory (SMAP)";
	return NULL;
}

static void kernel_page_fault(struct trapframe *tf, vaddr_t va)
{
	struct thread *t = curthread();
	const char *bug = kernel_fault_bug(tf, va);
	bool may_sleep = t != NULL && !t->fault_disabled && tf->flags & EFLAGS_IF;

	if (bug != NULL)
		panic_trap(tf, "%s: %s at %#lx, error %#lx", bug,
			tf->error & PF_WRITE ? "write" : "read", (unsigned long)va,
			(unsigned long)tf->error);
	if (va < USER_END && may_sleep && vm_fault_trap(va, (uint32_t)tf->error, false) == 0)
		return;
	fixup(tf);
}

/* `va` is CR2, read before interrupts came on. */
static void page_fault(struct trapframe *tf, vaddr_t va)
{
	if (tf->error & PF_RSVD)
		panic_trap(tf, "reserved bit in a page table, at %#lx", (unsigned long)va);
	if (tf->flags & EFLAGS_IF)
		irq_enable();
	if (tf_user(tf))
		user_page_fault(tf, va);
	else
		kernel_page_fault(tf, va);
}

static void debug_exception(struct trapframe *tf, uintptr_t dr6)
{
	if (tf_user(tf))
		user_signal(tf, SIGTRAP, dr6 & DR6_BS ? TRAP_TRACE : TRAP_BRKPT, tf->ip);
	else
		tf->flags &= ~(__typeof__(tf->flags))EFLAGS_TF;
}

/* A user program did something wrong; interrupts on. */
static void user_exception(struct trapframe *tf)
{
	switch (tf->vector) {
	case VEC_DIVIDE:
		user_signal(tf, SIGFPE, FPE_INTDIV, tf->ip);
		break;
	case VEC_BREAKPOINT:
		user_signal(tf, SIGTRAP, SI_KERNEL, 0);
		break;
	case VEC_INVALID_OPCODE:
		user_signal(tf, SIGILL, ILL_ILLOPN, tf->ip);
		break;
	case VEC_SEGMENT:
	case VEC_STACK:
		user_signal(tf, SIGBUS, SI_KERNEL, 0);
		break;
	case VEC_FPU_ERROR:
	case VEC_SIMD_ERROR:
		user_signal(tf, SIGFPE, fpu_exception_code(tf->vector == VEC_SIMD_ERROR), tf->ip);
		break;
	case VEC_ALIGNMENT:
		user_signal(tf, SIGBUS, BUS_ADRALN, 0);
		break;
	default:
		user_signal(tf, SIGSEGV, SI_KERNEL, 0);
	}
}

static void non_maskable(struct trapframe *tf)
{
	if (__atomic_load_n(&nmi_means_stop, __ATOMIC_ACQUIRE)) {
		for (;;)
			cpu_halt();
	}
	klog(LOG_ERR, "cpu%u: NMI without a reason at %#lx", this_cpu_id(), (unsigned long)tf->ip);
}

/* A push into the guard page below the stack faults twice: once for the push, and once because
 * there is no room for the frame of the first. */
static bool stack_overflowed(void)
{
	const struct thread *t = curthread();

	return t != NULL && t->kstack - read_cr2() - 1 < PAGE_SIZE;
}

static void exception(struct trapframe *tf)
{
	uintptr_t dr6;

	switch (tf->vector) {
	case VEC_PAGE_FAULT:
		page_fault(tf, read_cr2());
		return;
	case VEC_NMI:
		non_maskable(tf);
		return;
	case VEC_DOUBLE_FAULT:
		if (stack_overflowed())
			panic_trap(tf, "kernel stack overflow");
		panic_trap(tf, "%s", exception_name(tf->vector));
	case VEC_MACHINE_CHECK:
		panic_trap(tf, "%s", exception_name(tf->vector));
	case VEC_DEBUG:
		__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
		__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_CLEAR));
		if (tf_user(tf))
			irq_enable();
		debug_exception(tf, dr6);
		return;
	}
	if (!tf_user(tf)) {
		kernel_exception(tf);
		return;
	}
	irq_enable();
	user_exception(tf);
}

/* ---- Interrupts ---- */

static void interrupt(struct trapframe *tf)
{
	struct cpu *c = this_cpu();

	c->irq_depth++;
	switch (tf->vector) {
	case VEC_TIMER:
		count_add(CNT_IRQ_LOC, 1);
		lapic_eoi();
		timer_interrupt(tf_user(tf));
		break;
	case VEC_IRQ_BASE: /* the PIT, where there is no local APIC; else it stays masked */
		count_add(CNT_IRQ_LOC, 1);
		pic_acknowledge(0);
		timer_interrupt(tf_user(tf));
		break;
	case VEC_IPI_TLB:
		count_add(CNT_IRQ_TLB, 1);
		lapic_eoi();
		tlb_ipi();
		break;
	case VEC_IPI_RESCHED:
		count_add(CNT_IRQ_RES, 1);
		lapic_eoi();
		sched_ipi();
		break;
	case VEC_IPI_CALL:
		count_add(CNT_IRQ_CAL, 1);
		lapic_eoi();
		smp_call_ipi();
		break;
	case VEC_SPURIOUS:
		break;
	default:
		irq_dispatch((unsigned)tf->vector);
		lapic_eoi();
	}
	c->irq_depth--;
}

/* entry.asm: everything but system calls; interrupts off. */
void trap(struct trapframe *tf)
{
	if (tf->vector < NEXCEPTIONS)
		exception(tf);
	else
		interrupt(tf);
	if (tf_user(tf))
		user_return(tf);
	else
		irq_disable();
}

#ifdef __x86_64__
/* entry.asm: NMI, #DB, #DF, #MC that hit the kernel, on a stack of their own. */
void trap_special(struct trapframe *tf)
{
	exception(tf);
}
#endif
