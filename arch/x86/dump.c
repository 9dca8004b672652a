/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's part of a panic report: registers, and which stacks a backtrace may walk. Any
 * context, nothing is assumed to be in order; no locks.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"

extern char boot_stack[], boot_stack_top[];

uintptr_t tf_frame_pointer(const struct trapframe *tf)
{
#ifdef __x86_64__
	return tf->rbp;
#else
	return tf->bp;
#endif
}

uintptr_t tf_stack_pointer(const struct trapframe *tf)
{
#ifdef __i386__
	/* From kernel mode the CPU pushes no stack pointer: it is where the frame ends. Frames that
	 * no interrupt made have one. */
	if (!tf_user(tf) && tf->vector < VEC_SPURIOUS && tf->vector != VEC_DOUBLE_FAULT)
		return (uintptr_t)&tf->sp;
#endif
	return tf->sp;
}

#ifdef __x86_64__

void arch_dump_registers(const struct trapframe *tf)
{
	klog(LOG_EMERG, "rax %016lx rbx %016lx rcx %016lx", tf->rax, tf->rbx, tf->rcx);
	klog(LOG_EMERG, "rdx %016lx rsi %016lx rdi %016lx", tf->rdx, tf->rsi, tf->rdi);
	klog(LOG_EMERG, "rbp %016lx rsp %016lx r8  %016lx", tf->rbp, tf->sp, tf->r8);
	klog(LOG_EMERG, "r9  %016lx r10 %016lx r11 %016lx", tf->r9, tf->r10, tf->r11);
	klog(LOG_EMERG, "r12 %016lx r13 %016lx r14 %016lx", tf->r12, tf->r13, tf->r14);
	klog(LOG_EMERG, "r15 %016lx rip %016lx flg %016lx", tf->r15, tf->ip, tf->flags);
	klog(LOG_EMERG, "cs %lx ss %lx cr2 %016lx cr3 %016lx", tf->cs, tf->ss, read_cr2(),
		read_cr3());
}

#else

void arch_dump_registers(const struct trapframe *tf)
{
	uintptr_t sp = tf_stack_pointer(tf);
	uint32_t ss = sp == tf->sp ? tf->ss : KERNEL_DS;

	klog(LOG_EMERG, "eax %08x ebx %08x ecx %08x edx %08x", tf->ax, tf->bx, tf->cx, tf->dx);
	klog(LOG_EMERG, "esi %08x edi %08x ebp %08x esp %08x", tf->si, tf->di, tf->bp, sp);
	klog(LOG_EMERG, "eip %08x flg %08x cr2 %08lx cr3 %08lx", tf->ip, tf->flags,
		(unsigned long)read_cr2(), (unsigned long)read_cr3());
	klog(LOG_EMERG, "cs %x ss %x ds %x es %x fs %x gs %x", tf->cs & 0xffff, ss & 0xffff,
		tf->ds & 0xffff, tf->es & 0xffff, tf->fs & 0xffff, tf->gs & 0xffff);
}

#endif

static bool within(uintptr_t addr, size_t len, uintptr_t base, size_t size)
{
	return addr >= base && size >= len && addr - base <= size - len;
}

bool arch_stack_contains(uintptr_t addr, size_t len)
{
	const struct thread *t = curthread();
	const struct arch_cpu *a = this_cpu()->arch;

	if (within(addr, len, (uintptr_t)boot_stack, (size_t)(boot_stack_top - boot_stack)))
		return true;
	if (t != NULL && t->kstack != 0 && within(addr, len, t->kstack, KSTACK_SIZE))
		return true;
	for (unsigned i = 0; i < NSPECIAL_STACKS; i++)
		if (a != NULL && a->special_stack[i] != 0 &&
			within(addr, len, a->special_stack[i], SPECIAL_STACK_SIZE))
			return true;
	return false;
}
