/* SPDX-License-Identifier: BSD-2-Clause
 * Segments on i386: flat code and data, a small one for %fs whose base is the CPU's struct cpu, the
 * three TLS slots that belong to the running thread, and two tasks: one for the kernel's stack
 * pointer, and one with its own everything for double faults, because then the stack may be what
 * is broken (Intel SDM 3A 6.15, interrupt 8).
 */
#include "arch/x86/gdt.h"
#include "arch/x86/cpu.h"
#include "kernel/core/string.h"

#define SEG_KERNEL_CODE 0x00cf9a000000ffffull
#define SEG_KERNEL_DATA 0x00cf92000000ffffull
#define SEG_USER_CODE   0x00cffa000000ffffull
#define SEG_USER_DATA   0x00cff2000000ffffull
#define SEG_BYTES_DATA  0x0040920000000000ull /* limit in bytes */
#define SEG_TSS         0x0000890000000000ull

struct table_pointer {
	uint16_t limit;
	uint32_t base;
} PACKED;

static uint64_t descriptor(uint64_t type, const void *base, size_t size)
{
	uint64_t b = (uintptr_t)base, limit = size - 1;

	return type | (limit & 0xffff) | (limit >> 16 & 0xf) << 48 | (b & 0xffffff) << 16 |
	       (b >> 24) << 56;
}

void double_fault_task(void) NORETURN;

/* The task starts here with nothing pushed; what it interrupted is in the other TSS. */
void double_fault_task(void)
{
	const struct tss *t = &this_cpu()->arch->tss;
	struct trapframe tf = {
		.gs = t->gs,
		.fs = t->fs,
		.es = t->es,
		.ds = t->ds,
		.di = t->edi,
		.si = t->esi,
		.bp = t->ebp,
		.bx = t->ebx,
		.dx = t->edx,
		.cx = t->ecx,
		.ax = t->eax,
		.vector = VEC_DOUBLE_FAULT,
		.ip = t->eip,
		.cs = t->cs,
		.flags = t->eflags,
		.sp = t->esp,
		.ss = t->ss,
	};

	trap(&tf);
	__builtin_unreachable();
}

void gdt_init(struct cpu *c)
{
	struct arch_cpu *a = c->arch;

	memset(a->gdt, 0, sizeof(a->gdt));
	a->gdt[KERNEL_CS / 8] = SEG_KERNEL_CODE;
	a->gdt[KERNEL_DS / 8] = SEG_KERNEL_DATA;
	a->gdt[USER_CS / 8] = SEG_USER_CODE;
	a->gdt[USER_DS / 8] = SEG_USER_DATA;
	a->gdt[PERCPU_SEL / 8] = descriptor(SEG_BYTES_DATA, c, sizeof(*c));
	a->gdt[TSS_SEL / 8] = descriptor(SEG_TSS, &a->tss, sizeof(a->tss));
	a->gdt[TSS_DF_SEL / 8] = descriptor(SEG_TSS, &a->df_tss, sizeof(a->df_tss));
	memset(&a->tss, 0, sizeof(a->tss));
	a->tss.ss0 = KERNEL_DS;
	a->tss.iomap = sizeof(a->tss); /* beyond the limit: no port for user mode */
	a->df_tss = a->tss;
	a->df_tss.eip = (uint32_t)double_fault_task;
	a->df_tss.eflags = EFLAGS_FIXED;
	a->df_tss.cs = KERNEL_CS;
	a->df_tss.ds = a->df_tss.es = a->df_tss.ss = KERNEL_DS;
	a->df_tss.fs = PERCPU_SEL;
}

void tss_set_special_stacks(struct arch_cpu *a, paddr_t root)
{
	/* One word down: to C code it is as if somebody had called it. */
	a->df_tss.esp = a->special_stack[0] + SPECIAL_STACK_SIZE - sizeof(uint32_t);
	a->df_tss.cr3 = (uint32_t)root;
}

void gdt_load(struct cpu *c)
{
	struct table_pointer p = { sizeof(c->arch->gdt) - 1, (uint32_t)c->arch->gdt };

	__asm__ volatile(
		"lgdt %0\n\t"
		"ljmp %1, $1f\n"
		"1:\n\t"
		"movl %2, %%ds\n\t"
		"movl %2, %%es\n\t"
		"movl %2, %%ss\n\t"
		"movl %3, %%fs\n\t"
		"movl %4, %%gs\n\t"
		"lldt %w4\n\t" /* none: selectors with TI set fault */
		"ltr %w5"
		:
		: "m"(p), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(PERCPU_SEL), "r"(0), "r"(TSS_SEL)
		: "memory");
}
