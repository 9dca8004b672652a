/* SPDX-License-Identifier: BSD-2-Clause
 * The first thing kernel_main() calls: makes this_cpu(), exceptions and the log work on the BSP,
 * in that order.
 */
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/fw_cfg.h"
#include "arch/x86/gdt.h"
#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"

extern char boot_stack_top[];

struct arch_cpu arch_cpu_bsp;
/* Until smp_start_aps() has guarded ones. */
static uint8_t bsp_special_stacks[NSPECIAL_STACKS][SPECIAL_STACK_SIZE] ALIGNED(16);

void arch_early_init(void)
{
	struct cpu *c = &cpus[0];

	c->self = c;
	c->id = 0;
	c->arch = &arch_cpu_bsp;
	c->kstack_top = (vaddr_t)boot_stack_top;
	for (unsigned i = 0; i < NSPECIAL_STACKS; i++)
		c->arch->special_stack[i] = (vaddr_t)bsp_special_stacks[i];
	gdt_init(c);
	tss_set_special_stacks(c->arch, read_cr3());
	tss_set_kstack(c->arch, c->kstack_top);
	gdt_load(c);
	idt_init();
	idt_load();
	fw_cfg_early_init();
	console_early_init();
}
