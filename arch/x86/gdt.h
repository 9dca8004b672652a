/* SPDX-License-Identifier: BSD-2-Clause
 * Segment descriptors and task state segments: each CPU has its own set in struct arch_cpu
 * (Intel SDM 3A 3.4.5 descriptors, 8.2 and 8.7 TSS). Written by arch/{i386,amd64}/gdt.c, used by
 * the context switch, the CPU start-up and the reports of the double-fault handler.
 *
 * No locks: a CPU's set is filled by the BSP before that CPU runs, then only by itself.
 */
#ifndef ARCH_X86_GDT_H
#define ARCH_X86_GDT_H

#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"

#ifdef __x86_64__

#define GDT_ENTRIES 10

/* Interrupt stacks, numbered as the IDT names them. An exception has one of its own when it can
 * arrive where the stack pointer is not the kernel's, or may be what is broken. */
enum ist { IST_NONE, IST_NMI, IST_DEBUG, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_END };

struct tss {
	uint32_t reserved0;
	uint64_t rsp0, rsp1, rsp2;
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is IST n */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap;
} PACKED;

#define NSPECIAL_STACKS (IST_END - 1)

#else

#define GDT_ENTRIES 11

struct tss {
	uint32_t link;
	uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3, eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, iomap;
} PACKED;

#define NSPECIAL_STACKS 1 /* the double-fault task's */

#endif

/* Of each stack for exceptions that cannot use the thread's: they only report, or return soon. */
#define SPECIAL_STACK_SIZE (2 * PAGE_SIZE)

struct arch_cpu {
	uint64_t gdt[GDT_ENTRIES] ALIGNED(16);
	struct tss tss ALIGNED(16);
#ifdef __i386__
	struct tss df_tss ALIGNED(16);
#endif
	vaddr_t special_stack[NSPECIAL_STACKS]; /* lowest addresses */
};

extern struct arch_cpu arch_cpu_bsp;

/* Fills c->arch (its special stacks are set already). Any CPU may do it for another. */
void gdt_init(struct cpu *c);
/* Loads c's tables and segment registers into the calling CPU: this_cpu() works from here on. */
void gdt_load(struct cpu *c);
/* Where the CPU finds the kernel stack when it comes from user mode. */
static inline void tss_set_kstack(struct arch_cpu *a, vaddr_t top)
{
#ifdef __x86_64__
	a->tss.rsp0 = top;
#else
	a->tss.esp0 = top;
#endif
}
/* Points the TSS to special_stack[]; on i386 also takes the page tables that the double-fault task
 * shall run on. */
void tss_set_special_stacks(struct arch_cpu *a, paddr_t root);

/* arch/x86/idt.c: builds the table once (BSP); loads it into the calling CPU. */
void idt_init(void);
void idt_load(void);

#endif
