/* SPDX-License-Identifier: BSD-2-Clause
 * Switching off, resetting, halting. Each way is tried in turn: none of them can be trusted to work
 * on every machine, and one that does nothing does no harm. Any context; the other CPUs are stopped.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/console/screen.h"
#include "kernel/core/log.h"
#include "kernel/core/timer.h"

/* PM1 control, ACPI 6.4, 4.8.3.2 */
#define PM1_SCI_EN       (1u << 0)
#define PM1_SLP_TYP(t)   ((t) << 10)
#define PM1_SLP_TYP_MASK (7u << 10)
#define PM1_SLP_EN       (1u << 13)

/* How long a way of switching off may take to work before the next is tried. */
#define OFF_USEC 1000000

#define I8042_STATUS      0x64
#define I8042_BUSY        2u
#define I8042_PULSE_RESET 0xfe

static void outw_reg(const struct acpi_reg *r, uint16_t v)
{
	if (r->present && r->io)
		outw((uint16_t)r->addr, v);
}

static uint16_t inw_reg(const struct acpi_reg *r)
{
	return r->present && r->io ? inw((uint16_t)r->addr) : 0;
}

/* The firmware may still own the power registers (4.8.2.5); it hands them over when asked. */
static void acpi_mode(void)
{
	if (acpi.smi_cmd == 0 || acpi.acpi_enable == 0 ||
		(inw_reg(&acpi.pm1a_control) & PM1_SCI_EN))
		return;
	outb(acpi.smi_cmd, acpi.acpi_enable);
	for (unsigned i = 0; i < 300 && !(inw_reg(&acpi.pm1a_control) & PM1_SCI_EN); i++)
		udelay(1000);
}

static void acpi_soft_off(void)
{
	uint16_t a, b;

	if (!acpi.have_s5 || !acpi.pm1a_control.present)
		return;
	acpi_mode();
	a = inw_reg(&acpi.pm1a_control) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
	b = inw_reg(&acpi.pm1b_control) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
	outw_reg(&acpi.pm1a_control, a | PM1_SLP_TYP(acpi.s5_typ_a & 7u) | PM1_SLP_EN);
	outw_reg(&acpi.pm1b_control, b | PM1_SLP_TYP(acpi.s5_typ_b & 7u) | PM1_SLP_EN);
	udelay(OFF_USEC);
}

static void quiesce(void)
{
	irq_disable();
	serial_drain();
	screen_flush();
	ipi_stop_others();
}

void arch_poweroff(void)
{
	quiesce();
	acpi_soft_off();
	outw(0x604, 0x2000);  /* QEMU without usable tables */
	outw(0xb004, 0x2000); /* Bochs, old QEMU */
	udelay(OFF_USEC);
	klog(LOG_EMERG, "It is now safe to turn off the machine.");
	arch_halt();
}

void arch_reboot(void)
{
	struct {
		uint16_t limit;
		uintptr_t base;
	} PACKED no_idt = { 0, 0 };

	quiesce();
	if (acpi.reset.present && acpi.reset.io) {
		outb((uint16_t)acpi.reset.addr, acpi.reset_value);
		udelay(OFF_USEC);
	}
	for (unsigned i = 0; i < 10000 && (inb(I8042_STATUS) & I8042_BUSY); i++)
		udelay(10);
	outb(I8042_STATUS, I8042_PULSE_RESET);
	udelay(OFF_USEC);
	/* An exception without an interrupt table is a triple fault, and that resets the CPU. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	arch_halt();
}

void arch_halt(void)
{
	quiesce();
	for (;;)
		cpu_halt();
}
