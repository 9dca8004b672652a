/* SPDX-License-Identifier: BSD-2-Clause
 * Segments on amd64: flat, as long mode wants them; what is left of segmentation is the order that
 * SYSCALL and SYSRET dictate (Intel SDM 2B, SYSRET), the TSS with its interrupt stacks, and the
 * base of %gs, by which the kernel finds its struct cpu.
 */
#include "arch/x86/gdt.h"
#include "arch/x86/cpu.h"
#include "kernel/core/string.h"

#define SEG_KERNEL_CODE 0x00af9a000000ffffull
#define SEG_KERNEL_DATA 0x00cf92000000ffffull
#define SEG_USER_CODE   0x00affa000000ffffull
#define SEG_USER_DATA   0x00cff2000000ffffull
#define SEG_TSS         0x0000890000000000ull
/* The slot of USER_CS32 stays empty: 64-bit programs cannot leave 64-bit mode. */

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} PACKED;

void gdt_init(struct cpu *c)
{
	struct arch_cpu *a = c->arch;
	uint64_t tss = (uint64_t)&a->tss, limit = sizeof(a->tss) - 1;

	memset(a->gdt, 0, sizeof(a->gdt));
	a->gdt[KERNEL_CS / 8] = SEG_KERNEL_CODE;
	a->gdt[KERNEL_DS / 8] = SEG_KERNEL_DATA;
	a->gdt[USER_DS / 8] = SEG_USER_DATA;
	a->gdt[USER_CS / 8] = SEG_USER_CODE;
	a->gdt[TSS_SEL / 8] = SEG_TSS | limit | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	a->gdt[TSS_SEL / 8 + 1] = tss >> 32;
	memset(&a->tss, 0, sizeof(a->tss));
	a->tss.iomap = sizeof(a->tss); /* beyond the limit: no port for user mode */
}

void tss_set_special_stacks(struct arch_cpu *a, paddr_t root)
{
	for (unsigned i = 0; i < NSPECIAL_STACKS; i++)
		a->tss.ist[i] = a->special_stack[i] + SPECIAL_STACK_SIZE;
}

void gdt_load(struct cpu *c)
{
	struct table_pointer p = { sizeof(c->arch->gdt) - 1, (uint64_t)c->arch->gdt };

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%ds\n\t"
			 "movl %2, %%es\n\t"
			 "movl %2, %%ss\n\t"
			 "movl %3, %%fs\n\t"
			 "movl %3, %%gs\n\t"
			 "lldt %w3\n\t" /* none: selectors with TI set fault */
			 "ltr %w4"
			 :
			 : "m"(p), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0), "r"(TSS_SEL)
			 : "rax", "memory");
	wrmsr(MSR_GS_BASE, (uint64_t)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}
