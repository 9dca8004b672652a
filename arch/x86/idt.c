/* SPDX-License-Identifier: BSD-2-Clause
 * The interrupt descriptor table: one for all CPUs, constant after idt_init() (Intel SDM 3A 6.10,
 * 6.14.1). All gates are interrupt gates, so that every entry begins with interrupts off; trap.c
 * turns them on where it may. The stubs the gates lead to are in entry.asm, TRAP_STUB_SIZE apart.
 */
#include "arch/x86/gdt.h"
#include "arch/x86/trap.h"

#define NVECTORS       256
#define TRAP_STUB_SIZE 16

#define GATE_PRESENT   0x80
#define GATE_USER      0x60 /* DPL 3: INT n from user mode is allowed */
#define GATE_INTERRUPT 0x0e
#define GATE_TASK      0x05

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
#ifdef __x86_64__
	uint32_t offset_high, reserved;
#endif
};

struct table_pointer {
	uint16_t limit;
	uintptr_t base;
} PACKED;

extern char trap_stubs[];

static struct gate idt[NVECTORS] ALIGNED(16);

static void set_gate(unsigned vector, uintptr_t handler, unsigned ist, unsigned type)
{
	idt[vector] = (struct gate){
		.offset_low = (uint16_t)handler,
		.selector = KERNEL_CS,
		.ist = (uint8_t)ist,
		.type = (uint8_t)(GATE_PRESENT | type),
		.offset_mid = (uint16_t)(handler >> 16),
#ifdef __x86_64__
		.offset_high = (uint32_t)(handler >> 32),
#endif
	};
}

static uintptr_t stub(unsigned vector)
{
	return (uintptr_t)trap_stubs + vector * TRAP_STUB_SIZE;
}

void idt_init(void)
{
	for (unsigned v = 0; v < NVECTORS; v++)
		set_gate(v, stub(v), 0, GATE_INTERRUPT);
	set_gate(VEC_BREAKPOINT, stub(VEC_BREAKPOINT), 0, GATE_INTERRUPT | GATE_USER);
	set_gate(VEC_OVERFLOW, stub(VEC_OVERFLOW), 0, GATE_INTERRUPT | GATE_USER);
#ifdef __x86_64__
	set_gate(VEC_NMI, stub(VEC_NMI), IST_NMI, GATE_INTERRUPT);
	set_gate(VEC_DEBUG, stub(VEC_DEBUG), IST_DEBUG, GATE_INTERRUPT);
	set_gate(VEC_DOUBLE_FAULT, stub(VEC_DOUBLE_FAULT), IST_DOUBLE_FAULT, GATE_INTERRUPT);
	set_gate(VEC_MACHINE_CHECK, stub(VEC_MACHINE_CHECK), IST_MACHINE_CHECK, GATE_INTERRUPT);
#else
	set_gate(VEC_SYSCALL, stub(VEC_SYSCALL), 0, GATE_INTERRUPT | GATE_USER);
	set_gate(VEC_DOUBLE_FAULT, 0, 0, GATE_TASK);
	idt[VEC_DOUBLE_FAULT].selector = TSS_DF_SEL;
#endif
}

void idt_load(void)
{
	struct table_pointer p = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(p) : "memory");
}
